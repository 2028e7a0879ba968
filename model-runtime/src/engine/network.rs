//! A spec, built into a Burn module.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

#[cfg(feature = "graph")]
use super::graph::Operators;
use super::layers::Layers;
#[cfg(feature = "studio")]
use super::{adapter::Adapted, dit::Dit};
use crate::{
    RuntimeError,
    rng::Random,
    spec::{Body, ModelSpec},
};

/// A network.
// There is one at a time, and a `Box` is no module.
#[cfg_attr(feature = "studio", allow(clippy::large_enum_variant))]
#[derive(Module, Debug)]
pub enum Network {
    /// Layers.
    Layers(Layers),
    /// A graph of operators.
    #[cfg(feature = "graph")]
    Graph(Operators),
    /// A painter of pictures.
    #[cfg(feature = "studio")]
    Dit(Dit),
    /// An adapter of one.
    #[cfg(feature = "studio")]
    Adapted(Adapted),
}

/// Running figures of normalisations that a training step moved on: the parameter's place and its new value, `[n]`.
pub(super) type Figures = Vec<(usize, Tensor<1>)>;

/// What comes of a batch.
pub(super) struct Output {
    /// Logits or values `[rows, columns]`: one row an example, or one a position of it.
    pub(super) values: Tensor<2>,
    /// What a training step leaves behind.
    pub(super) figures: Figures,
    /// Sides of what each node of a graph gave.
    pub(super) shapes: Vec<Vec<usize>>,
}

impl Network {
    /// Builds a validated spec on a device. Weights are zero until [`super::initialize`] or
    /// [`super::load`] fills them, so that no backend's random numbers are used.
    ///
    /// # Errors
    /// As [`ModelSpec::validate`]; [`RuntimeError::Protocol`] for a graph or painter where the engine is built without
    /// them, and for an adapter whose base was not provided.
    pub fn new(spec: &ModelSpec, device: &Device) -> Result<Self, RuntimeError> {
        spec.validate()?;
        match &spec.body {
            Body::Layers(layers) => Ok(Self::Layers(Layers::new(layers, &spec.input, device)?)),
            #[cfg(feature = "graph")]
            Body::Graph(graph) => Ok(Self::Graph(Operators::new(graph, device))),
            // Validation has refused it.
            #[cfg(not(feature = "graph"))]
            Body::Graph(_) => {
                Err(RuntimeError::Protocol { reason: "this engine has no interpreter".into() })
            }
            #[cfg(feature = "studio")]
            Body::Painter(painter) => Ok(match &painter.adapter {
                None => Self::Dit(Dit::new(&painter.sizes, device)),
                Some(adapter) => Self::Adapted(Adapted::new(painter, adapter, device)?),
            }),
            #[cfg(not(feature = "studio"))]
            Body::Painter(_) => {
                Err(RuntimeError::Protocol { reason: "this engine paints nothing".into() })
            }
        }
    }

    /// Runs a batch of host values. Dropout is active where `random` is given.
    ///
    /// # Errors
    /// For a graph, whatever its nodes cannot do; [`RuntimeError::Device`].
    pub(super) async fn forward(
        &self,
        spec: &ModelSpec,
        inputs: Vec<f32>,
        device: &Device,
        random: Option<&mut Random>,
    ) -> Result<Output, RuntimeError> {
        match self {
            Self::Layers(layers) => Ok(Output {
                values: layers.forward(inputs, &spec.input, device, random)?,
                figures: Vec::new(),
                shapes: Vec::new(),
            }),
            #[cfg(feature = "graph")]
            Self::Graph(operators) => operators.forward(spec, inputs, device, random).await,
            #[cfg(feature = "studio")]
            Self::Dit(_) | Self::Adapted(_) => {
                Err(RuntimeError::Protocol { reason: "a painter answers to prompts".into() })
            }
        }
    }

    /// With running figures as a step left them.
    #[cfg_attr(not(feature = "graph"), allow(unused_variables))]
    pub(super) fn with(self, figures: Figures) -> Self {
        match self {
            Self::Layers(_) => self,
            #[cfg(feature = "studio")]
            Self::Dit(_) | Self::Adapted(_) => self,
            #[cfg(feature = "graph")]
            Self::Graph(operators) => Self::Graph(operators.with(figures)),
        }
    }

    /// Names and shapes of the parameters, in the order of visiting, where they are not told by the module's own paths.
    pub(super) fn names(&self) -> Option<Vec<(String, Vec<usize>)>> {
        match self {
            Self::Layers(_) => None,
            #[cfg(feature = "studio")]
            Self::Dit(_) | Self::Adapted(_) => None,
            #[cfg(feature = "graph")]
            Self::Graph(operators) => Some(operators.names()),
        }
    }
}
