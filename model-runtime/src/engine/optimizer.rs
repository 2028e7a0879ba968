//! Optimisers whose whole state is named tensors, so that a checkpoint holds it, a resumed job gives
//! the bits of an uninterrupted one, and a commitment covers it.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Gradients, Tensor, TensorData, Transaction},
};

use super::{
    Network,
    fused::{AdamStep, LEAST_MOMENT, adam},
    parameters::{Path, replace, tensor_file, track_path},
};
use crate::{
    RuntimeError,
    manifest::{Optimizer as Kind, TrainingConfig},
    tensors::{TensorFile, not_finite},
};

/// Adam or SGD over every trained parameter of a network.
pub(super) struct Optimizer {
    kind: Kind,
    learning_rate: f64,
    /// By the parameter's position among the network's: its name and its moments, flattened.
    states: Vec<State>,
}

struct State {
    name: String,
    first: Option<Tensor<1>>,
    second: Option<Tensor<1>>,
}

impl Optimizer {
    pub(super) fn new(config: &TrainingConfig) -> Self {
        Self {
            kind: config.optimizer,
            learning_rate: f64::from(config.learning_rate),
            states: Vec::new(),
        }
    }

    /// Sets how far the next steps go.
    #[cfg(feature = "studio")]
    pub(super) fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }

    /// One update. `step` counts from 1.
    pub(super) fn step(
        &mut self,
        network: Network,
        mut gradients: Gradients,
        step: u32,
    ) -> Network {
        // Only new states are named.
        let known = if self.states.is_empty() { network.names() } else { None };
        network.map(&mut Update {
            path: Path::default(),
            known,
            optimizer: self,
            gradients: &mut gradients,
            index: 0,
            step,
        })
    }

    /// The moments as named tensors.
    pub(super) async fn read(&self) -> Result<TensorFile, RuntimeError> {
        let (mut names, mut transaction) = (Vec::new(), Transaction::default());
        for state in &self.states {
            for (moment, tensor) in [("first", &state.first), ("second", &state.second)] {
                if let Some(tensor) = tensor {
                    names.push((format!("{}.{moment}", state.name), tensor.dims().to_vec()));
                    transaction = transaction.register(tensor.clone());
                }
            }
        }
        tensor_file(names, transaction).await
    }

    /// Takes moments back from a file that [`Optimizer::read`] made for the same network.
    pub(super) fn load(
        &mut self,
        network: &Network,
        file: &TensorFile,
        device: &Device,
    ) -> Result<(), RuntimeError> {
        let mut names = super::parameters::names(network);
        let take = |name: String, count: usize| -> Result<Option<Tensor<1>>, RuntimeError> {
            let Some(value) = file.tensors.get(&name) else { return Ok(None) };
            let values = value.to_f32(&name)?;
            if values.len() != count {
                let reason = format!("it has {} values, but its parameter {count}", values.len());
                return Err(RuntimeError::BadParameter { name, reason });
            }
            if let Some(at) = not_finite(&values) {
                return Err(RuntimeError::NotFinite { place: format!("{name}, value {at}") });
            }
            Ok(Some(Tensor::from_data(TensorData::new(values, [count]), device)))
        };
        self.states = names
            .drain(..)
            .map(|(name, count)| {
                Ok(State {
                    first: take(format!("{name}.first"), count)?,
                    second: take(format!("{name}.second"), count)?,
                    name,
                })
            })
            .collect::<Result<_, RuntimeError>>()?;
        Ok(())
    }
}

struct Update<'a> {
    path: Path,
    /// Names and shapes, where they are not the module's own.
    known: Option<Vec<(String, Vec<usize>)>>,
    optimizer: &'a mut Optimizer,
    gradients: &'a mut Gradients,
    index: usize,
    step: u32,
}

impl ModuleMapper for Update<'_> {
    track_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let index = self.index;
        self.index += 1;
        if self.optimizer.states.len() <= index {
            let known = self.known.as_ref().map(|known| known[index].0.clone());
            let name = known.unwrap_or_else(|| self.path.name());
            self.optimizer.states.push(State { name, first: None, second: None });
        }
        let value = param.val();
        let Some(gradient) = value.grad_remove(self.gradients) else { return param };
        drop(value);
        let Optimizer { kind, learning_rate, states } = &mut *self.optimizer;
        let (state, rate, step) = (&mut states[index], *learning_rate, self.step);
        replace(param, |value| {
            let shape = value.shape();
            let count = shape.num_elements();
            let gradient = gradient.without_autodiff().reshape([count]);
            let value = value.reshape([count]);
            let updated = match *kind {
                Kind::Adam { beta1, beta2, weight_decay } => {
                    let betas = [beta1.into(), beta2.into(), weight_decay.into()];
                    let zeros = || Tensor::zeros([count], &value.device());
                    let first = state.first.take().unwrap_or_else(zeros);
                    let second = state.second.take().unwrap_or_else(zeros);
                    let [value, first, second] =
                        adam(value, gradient, first, second, AdamStep::new(rate, betas, step));
                    (state.first, state.second) = (Some(first), Some(second));
                    value
                }
                Kind::Sgd { momentum } => sgd(value, gradient, state, rate, momentum.into()),
            };
            updated.reshape(shape)
        })
    }
}

fn sgd(
    value: Tensor<1>,
    gradient: Tensor<1>,
    state: &mut State,
    rate: f64,
    momentum: f64,
) -> Tensor<1> {
    if momentum == 0.0 {
        return value - gradient * rate;
    }
    let velocity = match state.first.take() {
        Some(velocity) => velocity * momentum + gradient,
        None => gradient,
    };
    let small = velocity.clone().abs().lower_elem(LEAST_MOMENT);
    let velocity = velocity.mask_fill(small, 0.0);
    state.first = Some(velocity.clone());
    value - velocity * rate
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    /// A dead unit's: one step with a gradient, then none.
    #[test]
    fn moments_do_not_stay_too_small_to_be_normal() {
        let device = Device::flex();
        let gradient = |step| match step {
            1 => Tensor::<1>::from_floats([0.5, 1e-18, -2e-10, 1e-3, 7.0], &device),
            _ => Tensor::zeros([5], &device),
        };
        let zeros = || Tensor::<1>::zeros([5], &device);
        let mut adams = [zeros(), zeros(), zeros()];
        let mut sgds = (zeros(), State { name: String::new(), first: None, second: None });
        for step in 1..3000 {
            let [value, first, second] = adams;
            let how = AdamStep::new(1e-3, [0.9, 0.999, 0.0], step);
            adams = adam(value, gradient(step), first, second, how);
            sgds.0 = sgd(sgds.0, gradient(step), &mut sgds.1, 1e-3, 0.9);
            let [_, first, second] = adams.clone();
            for moments in [first, second, sgds.1.first.clone().unwrap()] {
                let moments = moments.into_data().try_to_vec::<f32>().unwrap();
                assert!(
                    moments.iter().all(|m| *m == 0.0 || m.is_normal()),
                    "step {step}: {moments:?}"
                );
            }
        }
        let [value, first, second] = adams.map(|t| t.into_data().try_to_vec::<f32>().unwrap());
        assert_eq!(first, [0.0; 5]);
        // What is not too small moves its parameter as ever.
        assert!(value[1] == 0.0 && [0, 2, 3, 4].iter().all(|i| value[*i] != 0.0), "{value:?}");
        assert!(second[1] == 0.0 && second[0] > 1e-6);
    }
}
