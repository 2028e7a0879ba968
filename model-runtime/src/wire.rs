//! Messages as they cross a boundary: JSON, and beside it the bytes that it names.
//!
//! A [`Bytes`] field stands in the JSON as `{"$bytes": n}`, the n-th buffer beside it. So buffers
//! are transferred between threads, and numbers of 64 bits keep all their digits. Between a page and
//! its workers a message is the array `[json, buffer, …]`; across the exact runtime's C ABI it is one
//! frame: length of the JSON (u32, little-endian), the JSON, then each buffer after its length.

use std::{cell::RefCell, ops::Deref, sync::Arc};

use js_sys::{Array, Uint8Array};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    RuntimeError,
    content::Digest,
    tensors::{Source, f32_bytes, f32_values},
};

/// A file or tensor's bytes in a message. Cloning it does not copy them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bytes {
    here: Arc<Vec<u8>>,
    /// Where they are instead, until a worker reads them.
    #[cfg(target_family = "wasm")]
    file: Option<(web_sys::Blob, Option<Digest>)>,
}

impl Bytes {
    /// The bytes themselves, copied only if another message still holds them.
    pub fn into_vec(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.here)
    }

    /// Bytes of a file that the worker is to read, and to check if their digest is known. Whoever made them holds none of
    /// them. Outside of browsers there are no such files, and these are no bytes.
    pub fn of_file(file: web_sys::Blob, digest: Option<Digest>) -> Self {
        #[cfg(target_family = "wasm")]
        return Self { here: Arc::default(), file: Some((file, digest)) };
        #[cfg(not(target_family = "wasm"))]
        {
            let (_, _) = (file, digest);
            Self::default()
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            here: Arc::new(bytes),
            #[cfg(target_family = "wasm")]
            file: None,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.here
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// [`Bytes`] of which a worker reads the part that it needs, where they lie in a file: they are never whole in its memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored(Bytes);

impl Stored {
    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        Source::len(self) == 0
    }
}

impl<T: Into<Bytes>> From<T> for Stored {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Source for Stored {
    fn len(&self) -> usize {
        #[cfg(target_family = "wasm")]
        if let Some((file, _)) = &self.0.file {
            return file.size() as usize;
        }
        self.0.len()
    }

    fn read(&self, from: usize, to: &mut [u8]) -> Result<(), RuntimeError> {
        #[cfg(all(target_family = "wasm", feature = "worker"))]
        if let Some((file, _)) = &self.0.file {
            return file::read(file, from, to, |_| ());
        }
        self.0.read(from, to)
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = beside(deserializer)?;
        #[cfg(all(target_family = "wasm", feature = "worker"))]
        if let Some((file, Some(digest))) = &bytes.file {
            file::check(file, digest).map_err(unread)?;
        }
        Ok(Self(bytes))
    }
}

/// Numbers in a message, as [`Bytes`]: little-endian f32.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Floats(Vec<f32>);

impl Floats {
    /// The numbers themselves.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }
}

impl From<Vec<f32>> for Floats {
    fn from(values: Vec<f32>) -> Self {
        Self(values)
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl Serialize for Floats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes::from(f32_bytes(&self.0)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Floats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        if !bytes.len().is_multiple_of(4) {
            return Err(serde::de::Error::custom(format!("{} bytes are no numbers", bytes.len())));
        }
        Ok(Self(f32_values(&bytes)))
    }
}

/// What stands for bytes in the JSON.
#[derive(Serialize, Deserialize)]
struct Place {
    #[serde(rename = "$bytes")]
    at: usize,
}

thread_local! {
    /// Buffers of the message that is being written or read on this thread.
    static BESIDE: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
    /// Why a file in that message could not be read.
    static UNREAD: RefCell<Option<RuntimeError>> = const { RefCell::new(None) };
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = BESIDE.with_borrow_mut(|beside| {
            beside.push(self.clone());
            beside.len() - 1
        });
        Place { at }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = beside(deserializer)?;
        #[cfg(all(target_family = "wasm", feature = "worker"))]
        if let Some((file, digest)) = &bytes.file {
            return file::whole(file, digest.as_ref()).map(Self::from).map_err(unread);
        }
        Ok(bytes)
    }
}

/// Takes the buffer that a place in the JSON stands for.
fn beside<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let Place { at } = Place::deserialize(deserializer)?;
    BESIDE
        .with_borrow_mut(|beside| beside.get_mut(at).map(std::mem::take))
        .ok_or_else(|| serde::de::Error::custom(format!("there is no buffer {at} beside it")))
}

/// Keeps why a file was not read, for [`decode`] to say.
#[cfg(all(target_family = "wasm", feature = "worker"))]
fn unread<E: serde::de::Error>(error: RuntimeError) -> E {
    let text = E::custom(&error);
    UNREAD.set(Some(error));
    text
}

/// A message's JSON and buffers.
///
/// # Errors
/// [`RuntimeError::Protocol`] if a value cannot stand in JSON.
pub fn encode<T: Serialize>(value: &T) -> Result<(String, Vec<Bytes>), RuntimeError> {
    BESIDE.take();
    let json = serde_json::to_string(value);
    let beside = BESIDE.take();
    Ok((json.map_err(odd)?, beside))
}

/// The message.
///
/// # Errors
/// [`RuntimeError::Protocol`] for what is no such message; [`RuntimeError::Storage`], [`RuntimeError::OutOfMemory`] or
/// [`RuntimeError::WrongDigest`] for a file in it that cannot be read.
pub fn decode<T: DeserializeOwned>(json: &str, beside: Vec<Bytes>) -> Result<T, RuntimeError> {
    BESIDE.replace(beside);
    let value = serde_json::from_str(json);
    BESIDE.take();
    let unread = UNREAD.take();
    value.map_err(|error| unread.unwrap_or_else(|| odd(error)))
}

/// A message as one frame.
///
/// # Errors
/// As [`encode`]; [`RuntimeError::Protocol`] if a part is 4 GiB or longer.
pub fn to_frame<T: Serialize>(value: &T) -> Result<Vec<u8>, RuntimeError> {
    let (json, beside) = encode(value)?;
    let mut frame = Vec::new();
    for part in std::iter::once(json.as_bytes()).chain(beside.iter().map(|bytes| &**bytes)) {
        let length = u32::try_from(part.len())
            .map_err(|_| protocol(format!("{} bytes are too many for a message", part.len())))?;
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(part);
    }
    Ok(frame)
}

/// The message in a frame.
///
/// # Errors
/// [`RuntimeError::Protocol`] for what is no such frame.
pub fn from_frame<T: DeserializeOwned>(mut frame: &[u8]) -> Result<T, RuntimeError> {
    let mut parts = Vec::new();
    while !frame.is_empty() {
        let (length, rest) = frame.split_first_chunk().ok_or_else(cut)?;
        let (part, rest) =
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut)?;
        parts.push(part);
        frame = rest;
    }
    let (json, beside) = parts.split_first().ok_or_else(cut)?;
    let json = std::str::from_utf8(json).map_err(|_| protocol("the message is no text".into()))?;
    decode(json, beside.iter().map(|part| Bytes::from(part.to_vec())).collect())
}

/// A message for `postMessage`, and the buffers to transfer with it.
///
/// # Errors
/// As [`encode`].
pub fn to_js<T: Serialize>(value: &T) -> Result<(Array, Array), RuntimeError> {
    let (json, beside) = encode(value)?;
    let (message, buffers) = (Array::of1(&json.into()), Array::new());
    for bytes in beside {
        #[cfg(target_family = "wasm")]
        if let Some((file, digest)) = bytes.file {
            let digest = digest.map_or(JsValue::NULL, |digest| digest.to_string().into());
            message.push(&Array::of2(&file, &digest));
            continue;
        }
        let array = Uint8Array::from(&*bytes);
        buffers.push(&array.buffer());
        message.push(&array);
    }
    Ok((message, buffers))
}

/// The message that came by `postMessage`.
///
/// # Errors
/// As [`decode`].
pub fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, RuntimeError> {
    let other = || protocol("it is not a list of a text and buffers".into());
    let message: &Array = value.dyn_ref().ok_or_else(other)?;
    let json = message.get(0).as_string().ok_or_else(other)?;
    let beside = message.iter().skip(1).map(|part| match part.dyn_ref::<Uint8Array>() {
        Some(array) => Ok(Bytes::from(array.to_vec())),
        #[cfg(all(target_family = "wasm", feature = "worker"))]
        None => file::sent(&part),
        #[cfg(not(all(target_family = "wasm", feature = "worker")))]
        None => Err(other()),
    });
    decode(&json, beside.collect::<Result<_, _>>()?)
}

/// What [`RuntimeError::WrongDigest`] calls a file that a page had kept.
pub const KEPT_FILE: &str = "a file of this browser";

/// Files in a message, on the worker's side.
#[cfg(all(target_family = "wasm", feature = "worker"))]
mod file {
    use js_sys::{Array, ArrayBuffer, Uint8Array};
    use sha2::{Digest as _, Sha256};
    use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
    use web_sys::{Blob, FileReaderSync};

    use super::{Bytes, protocol};
    use crate::{RuntimeError, content::Digest};

    /// Bytes that are read at a time.
    const SLICE: usize = 2 << 20;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(extends = ArrayBuffer)]
        type Buffer;
        /// Moves what is in it to another (ECMAScript 2024); older browsers have none of this.
        #[wasm_bindgen(method, catch)]
        fn transfer(this: &Buffer, length: u32) -> Result<ArrayBuffer, JsValue>;
    }

    /// What [`super::to_js`] made of a file.
    pub(super) fn sent(part: &JsValue) -> Result<Bytes, RuntimeError> {
        let pair: &Array = part
            .dyn_ref()
            .ok_or_else(|| protocol("a part of it is neither a buffer nor a file".into()))?;
        let blob: Blob =
            pair.get(0).dyn_into().map_err(|_| protocol("a part of it is no file".into()))?;
        let wanted = pair.get(1).as_string().map(|text| text.parse::<Digest>()).transpose()?;
        Ok(Bytes::of_file(blob, wanted))
    }

    /// All of it, straight into this worker's memory.
    pub(super) fn whole(file: &Blob, wanted: Option<&Digest>) -> Result<Vec<u8>, RuntimeError> {
        let size = file.size() as usize;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| RuntimeError::OutOfMemory {
            needed_mib: (size as u64).div_ceil(1 << 20),
            limit_mib: crate::limits::MAX_TRAINING_BYTES >> 20,
        })?;
        bytes.resize(size, 0);
        let mut hash = Sha256::new();
        read(file, 0, &mut bytes, |part| {
            if wanted.is_some() {
                hash.update(part);
            }
        })?;
        is(hash, wanted)?;
        Ok(bytes)
    }

    /// Reads a file for its digest only.
    pub(super) fn check(file: &Blob, wanted: &Digest) -> Result<(), RuntimeError> {
        let (size, mut hash) = (file.size() as usize, Sha256::new());
        let mut part = vec![0; SLICE.min(size)];
        for from in (0..size).step_by(SLICE) {
            let part = &mut part[..SLICE.min(size - from)];
            read(file, from, part, |part| hash.update(part))?;
        }
        is(hash, Some(wanted))
    }

    fn is(hash: Sha256, wanted: Option<&Digest>) -> Result<(), RuntimeError> {
        match wanted {
            Some(wanted) => wanted.matches(super::KEPT_FILE, Digest(hash.finalize().into())),
            None => Ok(()),
        }
    }

    /// Fills `to` from the file's bytes at `from`, and shows each part.
    pub(super) fn read(
        file: &Blob,
        from: usize,
        to: &mut [u8],
        mut show: impl FnMut(&[u8]),
    ) -> Result<(), RuntimeError> {
        let unread = |error: JsValue| RuntimeError::Storage {
            reason: format!("a file cannot be read: {}", js_sys::Error::from(error).message()),
        };
        let reader = FileReaderSync::new().map_err(unread)?;
        for (place, to) in to.chunks_mut(SLICE).enumerate() {
            let start = (from + place * SLICE) as f64;
            let part = file.slice_with_f64_and_f64(start, start + to.len() as f64);
            let buffer = reader.read_as_array_buffer(&part.map_err(unread)?).map_err(unread)?;
            let read = Uint8Array::new(&buffer);
            if read.length() as usize != to.len() {
                return Err(RuntimeError::Storage { reason: "a file ended early".into() });
            }
            read.copy_to(to);
            // Given back at once: many such buffers would pile up before the browser collects them.
            drop(buffer.unchecked_into::<Buffer>().transfer(0));
            show(to);
        }
        Ok(())
    }
}

/// The number of a message that cannot be read otherwise.
pub fn number(value: &JsValue) -> Option<u32> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u32,
    }
    let json = value.dyn_ref::<Array>()?.get(0).as_string()?;
    serde_json::from_str::<Numbered>(&json).ok().map(|message| message.id)
}

fn protocol(reason: String) -> RuntimeError {
    RuntimeError::Protocol { reason }
}

fn odd(error: serde_json::Error) -> RuntimeError {
    protocol(format!("the message cannot be read: {error}"))
}

fn cut() -> RuntimeError {
    protocol("the message is cut short".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Two {
        first: Bytes,
        seed: u64,
        second: Option<Bytes>,
    }

    #[test]
    fn numbers_travel_as_bytes() {
        let (json, beside) = encode(&Floats::from(vec![1.0, -0.5])).unwrap();
        assert_eq!((json.as_str(), beside[0].len()), (r#"{"$bytes":0}"#, 8));
        assert_eq!(decode::<Floats>(&json, beside).unwrap().into_vec(), [1.0, -0.5]);
        decode::<Floats>(r#"{"$bytes":0}"#, vec![vec![0; 7].into()]).unwrap_err();
    }

    fn two() -> Two {
        Two { first: vec![1, 2].into(), seed: u64::MAX, second: Some(vec![3].into()) }
    }

    #[test]
    fn bytes_stay_out_of_the_json() {
        let (json, beside) = encode(&two()).unwrap();
        assert_eq!(
            json,
            r#"{"first":{"$bytes":0},"seed":18446744073709551615,"second":{"$bytes":1}}"#
        );
        assert_eq!(decode::<Two>(&json, beside).unwrap(), two());
    }

    #[test]
    fn frames_come_back_and_cut_ones_are_refused() {
        let frame = to_frame(&two()).unwrap();
        assert_eq!(from_frame::<Two>(&frame).unwrap(), two());
        for length in 0..frame.len() {
            from_frame::<Two>(&frame[..length]).unwrap_err();
        }
    }

    #[test]
    fn a_buffer_that_is_not_there_is_an_error() {
        let (json, _) = encode(&two()).unwrap();
        let text = decode::<Two>(&json, Vec::new()).unwrap_err().to_string();
        assert!(text.contains("no buffer 0"), "{text}");
    }
}
