//! The worker's end of the message channel.

use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, prelude::*};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use super::{Session, report};
use crate::{
    RuntimeError,
    message::{Envelope, Event, Request},
};

/// Value to message. Byte strings become `Uint8Array`s.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    Ok(value.serialize(&serializer)?)
}

/// Message to value.
pub(super) fn decode<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    Ok(serde_wasm_bindgen::from_value(value)?)
}

/// The worker's scope, or nothing outside a worker.
pub(super) fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

/// Posts an event, transferring its buffers.
pub(super) fn post(id: u32, event: Event) {
    let Some(scope) = scope() else { return };
    let sent = encode(&Envelope { id, body: event }).and_then(|message| {
        let buffers = js_sys::Array::new();
        collect_buffers(&message, &buffers);
        scope.post_message_with_transfer(&message, &buffers)
    });
    if let Err(error) = sent {
        report::log(&format!("an event could not be sent: {error:?}"));
    }
}

/// The buffers of all `Uint8Array`s in a message, however deep.
fn collect_buffers(value: &JsValue, out: &js_sys::Array) {
    if let Some(bytes) = value.dyn_ref::<js_sys::Uint8Array>() {
        out.push(&bytes.buffer());
    } else if value.is_object() && !value.is_instance_of::<js_sys::Float32Array>() {
        let object: &js_sys::Object = value.unchecked_ref();
        for inner in js_sys::Object::values(object) {
            if inner.is_object() {
                collect_buffers(&inner, out);
            }
        }
    }
}

/// Listens for requests until the page ends the worker.
pub fn serve() {
    report::install();
    let Some(scope) = scope() else { return };
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(|message: MessageEvent| {
        match decode::<Envelope<Request>>(message.data()) {
            Ok(Envelope { id, body }) => wasm_bindgen_futures::spawn_local(async move {
                Session::shared().handle(body, &mut |event| post(id, event)).await;
            }),
            Err(error) => {
                let reason =
                    format!("the page sent a message that the worker does not know: {error:?}");
                post(0, Event::Failed { error: RuntimeError::Protocol { reason } });
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker listens for as long as it lives.
    on_message.forget();
    post(0, Event::Listening);
}
