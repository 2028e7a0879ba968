//! The shell of a worker: messages in, messages out, one training at a time.
//!
//! A worker binary calls [`serve`]. Outside a worker (Node, tests) nothing listens, and [`answer`]
//! takes one request and gives back its last event.

mod port;
mod report;

#[cfg(feature = "engine")]
mod control;
#[cfg(feature = "engine")]
mod device;
#[cfg(feature = "studio")]
mod painting;
#[cfg(feature = "engine")]
mod session;
#[cfg(feature = "engine")]
mod store;
#[cfg(feature = "engine")]
mod training;

#[cfg(not(feature = "engine"))]
mod importer;

#[cfg(not(feature = "engine"))]
use importer::Session;
#[cfg(feature = "engine")]
use session::Session;

pub use port::serve;

use wasm_bindgen::prelude::*;

use crate::{
    message::{Envelope, Event, Request},
    wire,
};

/// Takes one request as the page would send it and gives back its last event; the events before it
/// go to `listener`, if it is a function.
///
/// # Errors
/// If `request` is not an `Envelope<Request>` in the form of [`crate::wire::to_js`].
#[wasm_bindgen]
pub async fn answer(request: JsValue, listener: JsValue) -> Result<JsValue, JsValue> {
    let request: Envelope<Request> = wire::from_js(&request).map_err(thrown)?;
    let listener = listener.dyn_into::<js_sys::Function>().ok();
    let mut last = None;
    let id = request.id;
    Session::shared()
        .handle(request.body, &mut |event| {
            if let (Some(listener), Some(event)) = (&listener, last.replace(event)) {
                // A listener's own exception is the caller's concern and must not end the job.
                if let Ok((message, _)) = wire::to_js(&Envelope { id, body: event }) {
                    drop(listener.call1(&JsValue::NULL, &message));
                }
            }
        })
        .await;
    let body = last.unwrap_or_else(|| Event::Failed {
        error: crate::RuntimeError::Protocol { reason: "the request was given no answer".into() },
    });
    let (message, _) = wire::to_js(&Envelope { id, body }).map_err(thrown)?;
    Ok(message.into())
}

fn thrown(error: crate::RuntimeError) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}
