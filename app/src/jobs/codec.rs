//! Messages to and from workers as JS values, with their buffers listed for transfer.

use delea_model_runtime::message::{Envelope, Event, Request};
use js_sys::{Array, Object, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

/// How deep a message nests at most; a spec's layers are the deepest part.
const DEPTH: usize = 48;

/// A request as a JS value, and the buffers in it.
pub(super) fn encode(message: &Envelope<Request>) -> Result<(JsValue, Array), String> {
    let serializer = serde_wasm_bindgen::Serializer::new()
        .serialize_maps_as_objects(true)
        .serialize_missing_as_null(true);
    let value = message.serialize(&serializer).map_err(|error| error.to_string())?;
    let buffers = Array::new();
    collect(&value, &buffers, DEPTH);
    Ok((value, buffers))
}

/// An event, or why the value is none.
pub(super) fn decode(value: JsValue) -> Result<Envelope<Event>, String> {
    serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
}

fn collect(value: &JsValue, buffers: &Array, depth: usize) {
    if depth == 0 || !value.is_object() {
        return;
    }
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        buffers.push(&bytes.buffer());
    } else if let Some(list) = value.dyn_ref::<Array>() {
        // A list of numbers, such as an input of an inference, holds no buffers.
        if list.get(0).is_object() {
            list.iter().for_each(|item| collect(&item, buffers, depth - 1));
        }
    } else if let Some(object) = value.dyn_ref::<Object>() {
        Object::values(object).iter().for_each(|item| collect(&item, buffers, depth - 1));
    }
}
