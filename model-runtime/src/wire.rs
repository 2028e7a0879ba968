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

use crate::RuntimeError;

/// A file or tensor's bytes in a message. Cloning it does not copy them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(Arc<Vec<u8>>);

impl Bytes {
    /// The bytes themselves, copied only if another message still holds them.
    pub fn into_vec(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
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
        let Place { at } = Place::deserialize(deserializer)?;
        BESIDE
            .with_borrow_mut(|beside| beside.get_mut(at).map(std::mem::take))
            .ok_or_else(|| serde::de::Error::custom(format!("there is no buffer {at} beside it")))
    }
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
/// [`RuntimeError::Protocol`] for what is no such message.
pub fn decode<T: DeserializeOwned>(json: &str, beside: Vec<Bytes>) -> Result<T, RuntimeError> {
    BESIDE.replace(beside);
    let value = serde_json::from_str(json);
    BESIDE.take();
    value.map_err(odd)
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
        let array = Uint8Array::from(&*bytes);
        buffers.push(&array.buffer());
        message.push(&array);
    }
    Ok((message, buffers))
}

/// The message that came by `postMessage`.
///
/// # Errors
/// [`RuntimeError::Protocol`] for what is no such message.
pub fn from_js<T: DeserializeOwned>(value: &JsValue) -> Result<T, RuntimeError> {
    let other = || protocol("it is not a list of a text and buffers".into());
    let message: &Array = value.dyn_ref().ok_or_else(other)?;
    let json = message.get(0).as_string().ok_or_else(other)?;
    let beside = message.iter().skip(1).map(|part| {
        part.dyn_ref::<Uint8Array>().map(|array| Bytes::from(array.to_vec())).ok_or_else(other)
    });
    decode(&json, beside.collect::<Result<_, _>>()?)
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
