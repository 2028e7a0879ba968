//! Parameters between a network and a canonical tensor file.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamMapper},
    tensor::{Tensor, TensorData, Transaction},
};

use super::Network;
use crate::{
    RuntimeError,
    rng::{Random, Stream},
    tensors::{Element, TensorFile, TensorValue, TensorView, not_finite},
};

/// Where a visitor or mapper is: a parameter's path as `layers.0.weight`.
#[derive(Default)]
pub(super) struct Path(Vec<Option<String>>);

impl Path {
    /// Enum variants are how a layer is held, not what it is called: they stay out of the path.
    pub(super) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((!container.starts_with("Enum:")).then(|| name.to_owned()));
    }

    pub(super) fn exit(&mut self) {
        self.0.pop();
    }

    pub(super) fn name(&self) -> String {
        self.0.iter().flatten().cloned().collect::<Vec<_>>().join(".")
    }
}

macro_rules! track_path {
    () => {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.exit();
        }
    };
}
pub(super) use track_path;

/// Replaces a parameter's value, keeping its identity and whether it is trained.
pub(super) fn replace<const D: usize>(
    param: Param<Tensor<D>>,
    with: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Param<Tensor<D>> {
    let (id, old, mapper): (_, Tensor<D>, ParamMapper<Tensor<D>>) = param.consume();
    let (trained, autodiff) = (old.is_require_grad(), old.is_autodiff());
    let mut new = with(old.without_autodiff());
    if autodiff {
        new = new.autodiff();
        if trained {
            new = new.require_grad();
        }
    }
    Param::from_mapped_value(id, new, mapper)
}

/// Fills a fresh network: weights uniform in ±1/√fan-in as PyTorch does by default (LeCun et al.
/// 1998, "Efficient BackProp"), embeddings uniform in ±0.05, biases and shifts 0, scales 1. What ends a painter's blocks
/// stays 0.
pub fn initialize(network: Network, seed: u64) -> Network {
    let stays_zero: fn(&str) -> bool = match network {
        #[cfg(feature = "studio")]
        Network::Dit(_) => super::dit::begins_at_zero,
        #[cfg(feature = "studio")]
        Network::Adapted(_) => super::adapter::begins_at_zero,
        _ => |_| false,
    };
    network.map(&mut Initialize { path: Path::default(), stays_zero, seed, index: 0 })
}

struct Initialize {
    path: Path,
    stays_zero: fn(&str) -> bool,
    seed: u64,
    index: u32,
}

impl ModuleMapper for Initialize {
    track_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let mut random = Random::new(self.seed, Stream::Parameter(self.index));
        self.index += 1;
        let name = self.path.name();
        if D < 2 || (self.stays_zero)(&name) {
            return param;
        }
        let embedding = name.ends_with("token.weight") || name.ends_with("position.weight");
        replace(param, |tensor| {
            let shape = tensor.shape();
            let fan_in: usize = match D {
                2 => shape[0],
                _ => shape[1..].iter().product(),
            };
            let bound = if embedding { 0.05 } else { 1.0 / (fan_in as f32).sqrt() };
            let values =
                (0..shape.num_elements()).map(|_| (random.uniform() * 2.0 - 1.0) * bound).collect();
            Tensor::from_data(TensorData::new::<f32, _>(values, shape), &tensor.device())
        })
    }
}

/// Fills a network from a file's tensors, which must be exactly the network's. They are read one after the other, each
/// into the place of what it replaces.
///
/// # Errors
/// [`RuntimeError::BadParameter`] for one missing, left over, or of another shape or type, and
/// [`RuntimeError::NotFinite`] for a value that is no number.
pub fn load(
    network: Network,
    file: &BTreeMap<String, TensorView<'_>>,
) -> Result<Network, RuntimeError> {
    let mut mapper =
        Load { path: Path::default(), known: network.names(), file, used: 0, error: None };
    let network = network.map(&mut mapper);
    if let Some(error) = mapper.error {
        return Err(error);
    }
    if mapper.used < file.len() {
        let names = names(&network);
        let extra = file.keys().find(|name| !names.iter().any(|(known, _)| known == *name));
        return Err(RuntimeError::BadParameter {
            name: extra.cloned().unwrap_or_default(),
            reason: "the file has it, but the spec does not".into(),
        });
    }
    Ok(network)
}

struct Load<'a> {
    path: Path,
    /// Names and shapes, where they are not the module's own.
    known: Option<Vec<(String, Vec<usize>)>>,
    file: &'a BTreeMap<String, TensorView<'a>>,
    used: usize,
    error: Option<RuntimeError>,
}

impl<'a> Load<'a> {
    /// The file's tensor of a name, if it has the shape that the network wants.
    fn find(&self, name: &str, shape: &[usize]) -> Result<&'a TensorView<'a>, RuntimeError> {
        let bad = |reason| RuntimeError::BadParameter { name: name.to_owned(), reason };
        let tensor = self.file.get(name).ok_or_else(|| bad("the file lacks it".into()))?;
        if tensor.element != Element::F16 {
            tensor.expect(name, Element::F32)?;
        }
        if tensor.shape == shape {
            return Ok(tensor);
        }
        Err(bad(format!("its shape is {:?} in the file, but {shape:?} in the spec", tensor.shape)))
    }
}

fn finite(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, RuntimeError> {
    let values = tensor.to_f32(name)?;
    match not_finite(&values) {
        Some(at) => Err(RuntimeError::NotFinite { place: format!("parameter {name}, value {at}") }),
        None => Ok(values),
    }
}

impl ModuleMapper for Load<'_> {
    track_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let shape = param.lazy_shape();
        let (name, wanted) = match self.known.as_ref().map(|known| &known[self.used]) {
            Some((name, shape)) => (name.clone(), shape.clone()),
            None => (self.path.name(), shape[..].to_vec()),
        };
        let tensor = match self.find(&name, &wanted) {
            Ok(tensor) => tensor,
            Err(error) => {
                self.error = Some(error);
                return param;
            }
        };
        self.used += 1;
        replace(param, |old| {
            let device = old.device();
            // A large parameter is in memory once.
            drop(old);
            match finite(&name, tensor) {
                Ok(values) => Tensor::from_data(TensorData::new(values, shape), &device),
                Err(error) => {
                    self.error = Some(error);
                    Tensor::zeros(shape, &device)
                }
            }
        })
    }
}

/// Names and sizes of a network's parameters, in the order of visiting.
pub(super) fn names(network: &Network) -> Vec<(String, usize)> {
    if let Some(names) = network.names() {
        let count = |shape: Vec<usize>| shape.iter().product();
        return names.into_iter().map(|(name, shape)| (name, count(shape))).collect();
    }
    let mut names = Names::default();
    network.visit(&mut names);
    names.names
}

#[derive(Default)]
struct Names {
    path: Path,
    names: Vec<(String, usize)>,
}

impl ModuleVisitor for Names {
    track_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.push((self.path.name(), param.lazy_shape().num_elements()));
    }
}

/// Reads every parameter, in one transfer.
///
/// # Errors
/// [`RuntimeError::Device`] if the device fails, [`RuntimeError::NotFinite`] for a value that is no number.
pub async fn read(network: &Network) -> Result<TensorFile, RuntimeError> {
    let mut reader =
        Read { path: Path::default(), names: Vec::new(), transaction: Transaction::default() };
    // `valid` also writes batch normalisation's running figures back into their parameters.
    network.valid().visit(&mut reader);
    tensor_file(network.names().unwrap_or(reader.names), reader.transaction).await
}

struct Read {
    path: Path,
    names: Vec<(String, Vec<usize>)>,
    transaction: Transaction,
}

impl ModuleVisitor for Read {
    track_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        self.names.push((self.path.name(), tensor.shape()[..].to_vec()));
        let transaction = std::mem::take(&mut self.transaction);
        self.transaction = transaction.register(tensor);
    }
}

/// Executes a transaction whose tensors have the given names and shapes.
pub(super) async fn tensor_file(
    names: Vec<(String, Vec<usize>)>,
    transaction: Transaction,
) -> Result<TensorFile, RuntimeError> {
    let data = if names.is_empty() {
        Vec::new()
    } else {
        transaction.execute_async().await.map_err(device_error)?
    };
    let mut file = TensorFile::default();
    for ((name, shape), data) in names.into_iter().zip(data) {
        let values = host(data)?;
        if let Some(at) = not_finite(&values) {
            return Err(RuntimeError::NotFinite { place: format!("parameter {name}, value {at}") });
        }
        file.tensors.insert(name, TensorValue::from_f32(shape, &values));
    }
    Ok(file)
}

/// The values of a tensor that was read.
pub(super) fn host(data: TensorData) -> Result<Vec<f32>, RuntimeError> {
    data.try_to_vec::<f32>().map_err(|error| RuntimeError::Device {
        reason: format!("the device returned unreadable data: {error:?}"),
    })
}

/// What a person is told of a failed transfer: the error's first line, without its chain of causes.
pub(super) fn device_error(error: impl std::fmt::Display) -> RuntimeError {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    RuntimeError::Device { reason: format!("the device stopped answering ({line})") }
}
