//! A graph with its parameters, as a Burn module.

use std::sync::Arc;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};

use super::{
    super::{
        layers::BLANK,
        network::{Figures, Output},
        parameters::replace,
    },
    Run, Tensors, run,
};
use crate::{
    RuntimeError,
    graph::{Constant, Element, Graph, Values},
    rng::Random,
    spec::ModelSpec,
};

/// A graph and its parameters.
#[derive(Module, Debug)]
pub struct Operators {
    /// Each `[n]`, in the order of the graph's.
    parameters: Vec<Param<Tensor<1>>>,
    #[module(skip)]
    graph: Arc<Graph>,
}

impl Operators {
    /// A validated graph, its parameters zero.
    pub(in super::super) fn new(graph: &Graph, device: &Device) -> Self {
        let parameters = graph.parameters.values().map(|parameter| {
            let count = parameter.shape.iter().product::<usize>();
            BLANK.init([count], device).set_require_grad(parameter.trained)
        });
        Self { parameters: parameters.collect(), graph: Arc::new(graph.clone()) }
    }

    /// Names and shapes of the parameters.
    pub(in super::super) fn names(&self) -> Vec<(String, Vec<usize>)> {
        self.graph.parameter_shapes()
    }

    /// Runs a batch of host values.
    pub(in super::super) async fn forward(
        &self,
        spec: &ModelSpec,
        inputs: Vec<f32>,
        device: &Device,
        random: Option<&mut Random>,
    ) -> Result<Output, RuntimeError> {
        let batch = inputs.len() / spec.input.len().max(1);
        let mut shape = vec![batch];
        shape.extend(spec.input.sides());
        let input = match self.graph.inputs.first().map(|input| input.element) {
            Some(Element::Int) => {
                let values = Values::Int(inputs.iter().map(|value| *value as i64).collect());
                Tensors::Host(Constant { shape, values })
            }
            _ => {
                let count = inputs.len();
                Tensors::Float(Tensor::from_data(TensorData::new(inputs, [count]), device), shape)
            }
        };
        let names = self.graph.parameters.keys().map(String::as_str);
        let run = run(
            &self.graph,
            vec![input],
            Run {
                device: device.clone(),
                parameters: names.zip(self.parameters.iter().map(Param::val)).collect(),
                random,
            },
        );
        let results = run.await?;
        let columns = spec.columns();
        let rows = batch * spec.output().len() / columns;
        let Some(Tensors::Float(values, shape)) = results.outputs.into_iter().next() else {
            return Err(RuntimeError::file("graph", "its output is no floats"));
        };
        if shape.iter().product::<usize>() != rows * columns || shape.first() != Some(&batch) {
            return Err(RuntimeError::ShapeMismatch {
                layer: self.graph.nodes.len().to_string(),
                kind: "output".into(),
                expected: format!("{} for each of {batch} examples", spec.output()),
                found: format!("{shape:?}"),
            });
        }
        let place = |name: &String| self.graph.parameters.keys().position(|known| known == name);
        let figures = results.figures.into_iter();
        Ok(Output {
            values: values.reshape([rows, columns]),
            figures: figures.filter_map(|(name, figure)| Some((place(&name)?, figure))).collect(),
            shapes: results.shapes,
        })
    }

    /// With running figures as a step left them.
    pub(in super::super) fn with(mut self, figures: Figures) -> Self {
        for (place, figure) in figures {
            let parameter = self.parameters.remove(place);
            let parameter = replace(parameter, |_| figure.without_autodiff());
            self.parameters.insert(place, parameter);
        }
        self
    }
}
