//! Files of named tensors, from other libraries: safetensors, Burn's packs, and PyTorch's checkpoints.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};

use super::{ZIP, pickle};
use crate::{
    RuntimeError,
    graph::{brain, elements},
    limits,
    tensors::{TensorFile, TensorValue, f32_values, half},
};

/// First bytes of Burn's packs.
const BURNPACK: [u8; 4] = *b"NRUB";

/// Element types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F64,
    F16,
    BF16,
    /// An integer or truth value of so many bytes: counters, which no network needs.
    Other(usize),
}

impl Kind {
    /// Bytes of one.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Other(size) => size,
        }
    }

    /// Of a storage, by the name of its class.
    pub(super) fn of_storage(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("torch.")? {
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "LongStorage" => Self::Other(8),
            "IntStorage" => Self::Other(4),
            "ShortStorage" => Self::Other(2),
            "CharStorage" | "ByteStorage" | "BoolStorage" => Self::Other(1),
            _ => return None,
        })
    }
}

/// A tensor that a file has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// Its name there.
    pub(super) name: String,
    /// Its numbers; nothing for what is no float.
    pub(super) value: Option<TensorValue>,
}

impl Found {
    /// Its name and shape.
    pub(super) fn named(&self) -> (String, Vec<usize>) {
        (self.name.clone(), self.shape().to_vec())
    }

    /// Its sides, outermost first.
    pub(super) fn shape(&self) -> &[usize] {
        self.value.as_ref().map_or(&[], |value| &value.shape)
    }

    /// From little-endian bytes.
    ///
    /// # Errors
    /// [`RuntimeError::NotFinite`]; [`RuntimeError::BadParameter`] if the bytes are not as many as the shape says.
    pub(super) fn new(
        name: String,
        shape: Vec<usize>,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<Self, RuntimeError> {
        fn words<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|word| read(*word)).collect()
        }
        let count = elements(&shape).filter(|count| *count <= limits::MAX_PARAMETERS);
        if count.map(|count| count * kind.size() as u64) != Some(bytes.len() as u64) {
            return Err(RuntimeError::BadParameter {
                reason: format!("its shape {shape:?} does not fit its {} bytes", bytes.len()),
                name,
            });
        }
        let values = match kind {
            Kind::F32 => f32_values(bytes),
            Kind::F64 => words(bytes, |word| f64::from_le_bytes(word) as f32),
            Kind::F16 => words(bytes, |word| half(u16::from_le_bytes(word))),
            Kind::BF16 => words(bytes, |word| brain(u16::from_le_bytes(word))),
            Kind::Other(_) => return Ok(Self { name, value: None }),
        };
        match crate::tensors::not_finite(&values) {
            Some(at) => {
                Err(RuntimeError::NotFinite { place: format!("parameter {name}, value {at}") })
            }
            None => Ok(Self { name, value: Some(TensorValue::from_f32(shape, &values)) }),
        }
    }
}

/// Tensors, and who wrote them.
pub(super) struct Tensors {
    /// In the file's order, or by their names where it has none.
    pub(super) all: Vec<Found>,
    /// What kind of file it was.
    pub(super) origin: &'static str,
    /// Whether weights of fully connected layers are `[outputs, inputs]`.
    pub(super) outputs_first: bool,
    /// What the file says of itself, by key.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Reads the tensors of a file, whose kind its first bytes tell.
///
/// # Errors
/// [`RuntimeError::BadFile`] for what is of no known kind; else what is wrong with it.
pub(super) fn read(name: &str, file: &[u8]) -> Result<Tensors, RuntimeError> {
    if file.starts_with(&ZIP) || file.first() == Some(&0x80) {
        let all = pickle::read(name, file)?;
        return Ok(Tensors {
            all,
            origin: "PyTorch checkpoint",
            outputs_first: true,
            metadata: BTreeMap::new(),
        });
    }
    if file.starts_with(&BURNPACK) {
        return read_burnpack(name, file);
    }
    if file.get(8) == Some(&b'{') {
        return read_safetensors(name, file);
    }
    Err(RuntimeError::file(
        name,
        "this is no model: an ONNX file (.onnx), a PyTorch checkpoint (.pt, .pth), safetensors, a Burn pack (.bpk), or a zip of spec.json and parameters.safetensors",
    ))
}

fn read_safetensors(name: &str, file: &[u8]) -> Result<Tensors, RuntimeError> {
    let tensors = SafeTensors::deserialize(file)
        .map_err(|error| RuntimeError::file(name, format!("it is no safetensors file: {error}")))?;
    let mut all = Vec::with_capacity(tensors.len());
    for (name, view) in tensors.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::BF16,
            Dtype::I64 | Dtype::U64 => Kind::Other(8),
            Dtype::I32 | Dtype::U32 => Kind::Other(4),
            Dtype::I16 | Dtype::U16 => Kind::Other(2),
            Dtype::I8 | Dtype::U8 | Dtype::BOOL => Kind::Other(1),
            other => {
                return Err(RuntimeError::BadParameter {
                    name: name.to_owned(),
                    reason: format!("its element type {other:?} is not read"),
                });
            }
        };
        all.push(Found::new(name.to_owned(), view.shape().to_vec(), kind, view.data())?);
    }
    all.sort_by_key(|found| natural(&found.name));
    let header = SafeTensors::read_metadata(file).ok();
    let metadata = header.and_then(|(_, header)| header.metadata().clone());
    let metadata = metadata.unwrap_or_default().into_iter().collect();
    Ok(Tensors { all, origin: "safetensors", outputs_first: true, metadata })
}

fn read_burnpack(name: &str, file: &[u8]) -> Result<Tensors, RuntimeError> {
    use burn_pack::{Bytes, DType, Reader};

    let bad =
        |error: burn_pack::Error| RuntimeError::file(name, format!("it is no Burn pack: {error}"));
    let reader = Reader::from_bytes(Bytes::from_bytes_vec(file.to_vec())).map_err(bad)?;
    let mut all = Vec::new();
    for tensor in reader.into_tensors().map_err(bad)? {
        let kind = match tensor.dtype {
            DType::F32 => Kind::F32,
            DType::F64 => Kind::F64,
            DType::F16 => Kind::F16,
            DType::BF16 => Kind::BF16,
            other => Kind::Other(other.size()),
        };
        let (name, _, shape, _, bytes) = tensor.into_parts().map_err(bad)?;
        all.push(Found::new(name, shape.to_vec(), kind, &bytes)?);
    }
    all.sort_by_key(|found| natural(&found.name));
    Ok(Tensors { all, origin: "Burn pack", outputs_first: false, metadata: BTreeMap::new() })
}

/// A Burn pack of named tensors.
pub(super) fn write_burnpack(file: &TensorFile) -> Result<Vec<u8>, RuntimeError> {
    use burn_pack::{Bytes, DType, Tensor, Writer};

    let tensors = file.tensors.iter().map(|(name, tensor)| {
        let bytes = Bytes::from_bytes_vec(tensor.bytes.clone());
        Tensor::new(name.clone(), DType::F32, tensor.shape.clone(), None, bytes)
    });
    let pack = Writer::new(tensors.collect()).with_metadata("producer", "delea").into_bytes();
    let pack = pack.map_err(|error| RuntimeError::file("the Burn pack", error.to_string()))?;
    Ok(pack.to_vec())
}

/// A name's parts, its numbers as numbers: layer 2 is before layer 10.
fn natural(name: &str) -> Vec<(u64, String)> {
    let part = |part: &str| match part.parse::<u64>() {
        Ok(number) => (number, String::new()),
        Err(_) => (u64::MAX, part.to_owned()),
    };
    name.split('.').map(part).collect()
}
