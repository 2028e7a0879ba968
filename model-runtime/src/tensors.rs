//! Tensor files: safetensors, written canonically.
//!
//! The canonical form has its tensors in name order without gaps, a header without whitespace, padded
//! with spaces to 8 bytes, so equal contents have equal bytes. The sha2-256 of a canonical parameter
//! file therefore covers path, dtype, shape and little-endian values: it is the parameters hash on
//! chain and the content address in one.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensorError, tensor::Metadata};

use crate::{RuntimeError, limits};

/// Element types that the runtime stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float; read as 32-bit ones.
    F16,
    /// Byte.
    U8,
    /// 32-bit unsigned integer.
    U32,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 => 2,
            Self::F32 | Self::U32 => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::U8 => "U8",
            Self::U32 => "U32",
        }
    }
}

/// Bytes that are read in parts, wherever they lie.
pub trait Source {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `to` from the bytes at `from`.
    ///
    /// # Errors
    /// [`RuntimeError::Storage`] if they cannot be read.
    fn read(&self, from: usize, to: &mut [u8]) -> Result<(), RuntimeError>;
}

impl<T: AsRef<[u8]>> Source for T {
    fn len(&self) -> usize {
        self.as_ref().len()
    }

    fn read(&self, from: usize, to: &mut [u8]) -> Result<(), RuntimeError> {
        let part = self.as_ref().get(from..).and_then(|rest| rest.get(..to.len()));
        let ended = || RuntimeError::Storage { reason: "a file ended early".into() };
        to.copy_from_slice(part.ok_or_else(ended)?);
        Ok(())
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
        TensorView { shape: self.shape.clone(), element: self.element, source: &self.bytes, at: 0 }
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

/// A tensor in a file that lies elsewhere.
#[derive(Clone)]
pub struct TensorView<'a> {
    /// Sides, outermost first.
    pub shape: Vec<usize>,
    /// Element type.
    pub element: Element,
    /// The file.
    source: &'a dyn Source,
    /// Where in it the little-endian values begin, row-major.
    at: usize,
}

impl TensorView<'_> {
    /// The values as f32; `name` is for the message.
    ///
    /// # Errors
    /// If the element type is another; [`RuntimeError::Storage`] if they cannot be read.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>, RuntimeError> {
        if self.element == Element::F16 {
            let value = |bytes: &[u8; 2]| half(u16::from_le_bytes(*bytes));
            return Ok(self.bytes()?.as_chunks().0.iter().map(value).collect());
        }
        self.expect(name, Element::F32)?;
        let mut values = vec![0.0; self.len()];
        self.source.read(self.at, bytemuck::cast_slice_mut(&mut values))?;
        if cfg!(target_endian = "big") {
            values.iter_mut().for_each(|value: &mut f32| {
                *value = f32::from_bits(value.to_bits().swap_bytes());
            });
        }
        Ok(values)
    }

    /// Refuses a tensor of other elements; `name` is for the message.
    ///
    /// # Errors
    /// [`RuntimeError::BadParameter`].
    pub fn expect(&self, name: &str, element: Element) -> Result<(), RuntimeError> {
        if self.element == element {
            return Ok(());
        }
        Err(RuntimeError::BadParameter {
            name: name.into(),
            reason: format!("it is {}, but must be {}", self.element.name(), element.name()),
        })
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The values as bytes; `name` is for the message.
    ///
    /// # Errors
    /// If the element type is another; [`RuntimeError::Storage`] if they cannot be read.
    pub fn to_bytes(&self, name: &str) -> Result<Vec<u8>, RuntimeError> {
        self.expect(name, Element::U8)?;
        self.bytes()
    }

    fn bytes(&self) -> Result<Vec<u8>, RuntimeError> {
        let mut bytes = vec![0; self.len() * self.element.size()];
        self.source.read(self.at, &mut bytes)?;
        Ok(bytes)
    }
}

/// IEEE 754 binary16.
pub(crate) fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
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

    /// Reads any safetensors file of F32, F16, U8 and U32 tensors; `name` is for messages.
    ///
    /// # Errors
    /// As [`views`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, RuntimeError> {
        let tensors = views(name, &bytes)?
            .into_iter()
            .map(|(tensor, view)| {
                let bytes = view.bytes()?;
                Ok((tensor, TensorValue::new(view.shape, view.element, bytes)))
            })
            .collect::<Result<_, RuntimeError>>()?;
        let (_, header) = header(name, &bytes)?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        Ok(Self { metadata, tensors })
    }

    /// The tensors, left where they are.
    pub fn views(&self) -> BTreeMap<String, TensorView<'_>> {
        self.tensors.iter().map(|(name, value)| (name.clone(), value.view())).collect()
    }
}

/// The tensors of any safetensors file of F32, F16, U8 and U32 tensors, left where they are; `name` is for messages.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`], or [`RuntimeError::BadFile`] with the reader's reason.
pub fn views<'a>(
    name: &str,
    source: &'a dyn Source,
) -> Result<BTreeMap<String, TensorView<'a>>, RuntimeError> {
    let (begin, header) = header(name, source)?;
    let all = header.tensors();
    all.into_iter()
        .map(|(tensor, info)| {
            let element = match info.dtype {
                Dtype::F32 => Element::F32,
                Dtype::F16 => Element::F16,
                Dtype::U8 => Element::U8,
                Dtype::U32 => Element::U32,
                other => {
                    let reason =
                        format!("the tensor {tensor} is {other:?}; F32, F16, U8 and U32 are read");
                    return Err(RuntimeError::file(name, reason));
                }
            };
            let at = begin + info.data_offsets.0;
            let view = TensorView { shape: info.shape.clone(), element, source, at };
            Ok((tensor, view))
        })
        .collect()
}

/// Where a safetensors file's values begin, and what is said of them, which is all of the file.
fn header(name: &str, source: &dyn Source) -> Result<(usize, Metadata), RuntimeError> {
    let size = source.len();
    check_parameters_size(name, size as u64)?;
    let unread = |error: SafeTensorError| {
        RuntimeError::file(name, format!("not a safetensors file: {error}"))
    };
    let mut length = [0; 8];
    if size < length.len() {
        return Err(unread(SafeTensorError::HeaderTooSmall));
    }
    source.read(0, &mut length)?;
    let begin = usize::try_from(u64::from_le_bytes(length)).ok().and_then(|n| n.checked_add(8));
    let begin = begin
        .filter(|begin| *begin <= size)
        .ok_or_else(|| unread(SafeTensorError::InvalidHeaderLength))?;
    let mut text = vec![0; begin - 8];
    source.read(8, &mut text)?;
    let header: Metadata = serde_json::from_slice(&text)
        .map_err(|error| unread(SafeTensorError::InvalidHeaderDeserialization(error)))?;
    if begin.checked_add(header.data_len()) == Some(size) {
        return Ok((begin, header));
    }
    Err(unread(SafeTensorError::MetadataIncompleteBuffer))
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
