//! Tensor files: safetensors, written canonically.
//!
//! The canonical form has its tensors in name order without gaps, a header without whitespace, padded
//! with spaces to 8 bytes, so equal contents have equal bytes. The sha2-256 of a canonical parameter
//! file therefore covers path, dtype, shape and little-endian values: it is the parameters hash on
//! chain and the content address in one.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};

use crate::{RuntimeError, limits};

/// Element types that the runtime stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// Byte.
    U8,
    /// 32-bit unsigned integer.
    U32,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 | Self::U32 => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::U8 => "U8",
            Self::U32 => "U32",
        }
    }
}

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorValue {
    /// Sides, outermost first.
    pub shape: Vec<usize>,
    /// Element type.
    pub element: Element,
    /// Little-endian values, row-major.
    pub bytes: Vec<u8>,
}

impl TensorValue {
    /// A tensor of raw bytes.
    pub fn new(shape: Vec<usize>, element: Element, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>() * element.size(), bytes.len());
        Self { shape, element, bytes }
    }

    /// An f32 tensor.
    pub fn from_f32(shape: Vec<usize>, values: &[f32]) -> Self {
        Self::new(shape, Element::F32, f32_bytes(values))
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element.size()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The same tensor, its bytes left where they are.
    pub fn view(&self) -> TensorView<'_> {
        TensorView { shape: self.shape.clone(), element: self.element, bytes: &self.bytes }
    }

    /// The values as f32; `name` is for the message.
    ///
    /// # Errors
    /// If the element type is another.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>, RuntimeError> {
        self.view().to_f32(name)
    }

    /// The values as u32; `name` is for the message.
    ///
    /// # Errors
    /// If the element type is another.
    pub fn to_u32(&self, name: &str) -> Result<Vec<u32>, RuntimeError> {
        self.view().expect(name, Element::U32)?;
        Ok(self.bytes.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect())
    }
}

/// A tensor in a file that somebody else holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorView<'a> {
    /// Sides, outermost first.
    pub shape: Vec<usize>,
    /// Element type.
    pub element: Element,
    /// Little-endian values, row-major.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// The values as f32; `name` is for the message.
    ///
    /// # Errors
    /// If the element type is another.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>, RuntimeError> {
        self.expect(name, Element::F32)?;
        Ok(f32_values(self.bytes))
    }

    fn expect(&self, name: &str, element: Element) -> Result<(), RuntimeError> {
        if self.element == element {
            return Ok(());
        }
        Err(RuntimeError::BadParameter {
            name: name.into(),
            reason: format!("it is {}, but must be {}", self.element.name(), element.name()),
        })
    }
}

/// Floats as little-endian bytes, copied whole where memory has them so already.
pub(crate) fn f32_bytes(values: &[f32]) -> Vec<u8> {
    match cfg!(target_endian = "little") {
        true => bytemuck::cast_slice(values).to_vec(),
        false => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// The floats of little-endian bytes; a rest of fewer than four is left out.
pub(crate) fn f32_values(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.as_chunks::<4>().0;
    match cfg!(target_endian = "little") {
        true => bytemuck::pod_collect_to_vec(words),
        false => words.iter().map(|word| f32::from_le_bytes(*word)).collect(),
    }
}

/// Where a value is no number, if one is.
pub(crate) fn not_finite(values: &[f32]) -> Option<usize> {
    // A whole block is looked at without a branch, which is vector code.
    let odd = |value: &f32| !value.is_finite();
    values.chunks(BLOCK).enumerate().find_map(|(place, block)| {
        let any = block.iter().fold(false, |any, value| any | odd(value));
        any.then(|| block.iter().position(odd).map_or(0, |at| place * BLOCK + at))
    })
}

/// Values that are looked at together.
const BLOCK: usize = 1024;

/// Named tensors with metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorFile {
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Tensors by name.
    pub tensors: BTreeMap<String, TensorValue>,
}

impl TensorFile {
    /// Canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Written by hand from structs: the order of keys must not depend on serde_json's features.
        let mut parts = Vec::new();
        if !self.metadata.is_empty() {
            parts.push(format!("\"__metadata__\":{}", json(&self.metadata)));
        }
        let mut offset = 0;
        for (name, tensor) in &self.tensors {
            let end = offset + tensor.bytes.len();
            let entry = Entry {
                dtype: tensor.element.name(),
                shape: &tensor.shape,
                data_offsets: [offset, end],
            };
            parts.push(format!("{}:{}", json(name), json(&entry)));
            offset = end;
        }
        let mut text = format!("{{{}}}", parts.join(",")).into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut out = Vec::with_capacity(8 + text.len() + offset);
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(&text);
        self.tensors.values().for_each(|tensor| out.extend_from_slice(&tensor.bytes));
        out
    }

    /// Reads any safetensors file of F32, U8 and U32 tensors; `name` is for messages.
    ///
    /// # Errors
    /// As [`views`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, RuntimeError> {
        let tensors = views(name, bytes)?
            .into_iter()
            .map(|(tensor, view)| {
                (tensor, TensorValue::new(view.shape, view.element, view.bytes.to_vec()))
            })
            .collect();
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| unread(name, &e))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        Ok(Self { metadata, tensors })
    }

    /// The tensors, left where they are.
    pub fn views(&self) -> BTreeMap<String, TensorView<'_>> {
        self.tensors.iter().map(|(name, value)| (name.clone(), value.view())).collect()
    }
}

/// The tensors of any safetensors file of F32, U8 and U32 tensors, left where they are; `name` is for messages.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`], or [`RuntimeError::BadFile`] with the reader's reason.
pub fn views<'a>(
    name: &str,
    bytes: &'a [u8],
) -> Result<BTreeMap<String, TensorView<'a>>, RuntimeError> {
    check_parameters_size(name, bytes.len() as u64)?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| unread(name, &e))?;
    file.iter()
        .map(|(tensor, view)| {
            let element = match view.dtype() {
                Dtype::F32 => Element::F32,
                Dtype::U8 => Element::U8,
                Dtype::U32 => Element::U32,
                other => {
                    let reason =
                        format!("the tensor {tensor} is {other:?}; F32, U8 and U32 are read");
                    return Err(RuntimeError::file(name, reason));
                }
            };
            let view = TensorView { shape: view.shape().to_vec(), element, bytes: view.data() };
            Ok((tensor.to_owned(), view))
        })
        .collect()
}

fn unread(name: &str, error: &safetensors::SafeTensorError) -> RuntimeError {
    RuntimeError::file(name, format!("not a safetensors file: {error}"))
}

/// A tensor's entry in the header, its fields in the order the format's own writer uses.
#[derive(serde::Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

/// JSON of plain data: strings, numbers and maps of strings, which always serialise.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Refuses a data set's file by its size.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`] above [`limits::MAX_FILE_BYTES`].
pub fn check_size(name: &str, bytes: u64) -> Result<(), RuntimeError> {
    check_below(name, bytes, limits::MAX_FILE_BYTES)
}

/// Refuses a file of parameters by its size.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`] above [`limits::MAX_PARAMETERS_BYTES`].
pub fn check_parameters_size(name: &str, bytes: u64) -> Result<(), RuntimeError> {
    check_below(name, bytes, limits::MAX_PARAMETERS_BYTES)
}

fn check_below(name: &str, bytes: u64, limit: u64) -> Result<(), RuntimeError> {
    if bytes <= limit {
        return Ok(());
    }
    Err(RuntimeError::FileTooLarge {
        name: name.into(),
        found_mib: bytes.div_ceil(1 << 20),
        limit_mib: limit >> 20,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Digest;

    fn sample() -> TensorFile {
        TensorFile {
            metadata: BTreeMap::from([("k".into(), "v".into())]),
            tensors: BTreeMap::from([
                ("b".into(), TensorValue::from_f32(vec![2, 1], &[1.0, -2.5])),
                ("a".into(), TensorValue::new(vec![3], Element::U8, vec![1, 2, 3])),
            ]),
        }
    }

    #[test]
    fn a_file_round_trips_and_is_canonical() {
        let bytes = sample().to_bytes();
        let read = TensorFile::from_bytes("x", &bytes).unwrap();
        assert_eq!(read, sample());
        assert_eq!(read.to_bytes(), bytes);
        // A change of this digest is a change of the format.
        assert_eq!(Digest::of(&bytes).to_string(), PINNED);
    }

    const PINNED: &str = "0x6f99b797375a697a9cf1e94d2ea781ef684dcc5af71800785bdea20711428d81";

    #[test]
    fn noise_is_refused_with_the_files_name() {
        for bytes in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff{}", b"\x02\0\0\0\0\0\0\0{}x"] {
            let text = TensorFile::from_bytes("weights.bin", bytes).unwrap_err().to_string();
            assert!(text.starts_with("weights.bin: not a safetensors file"), "{text}");
        }
    }

    #[test]
    fn a_large_file_is_refused_by_size() {
        let text = check_size("big.csv", 500 << 20).unwrap_err().to_string();
        assert_eq!(text, "big.csv is 500 MiB; the limit is 128 MiB");
    }
}
