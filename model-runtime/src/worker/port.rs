//! The worker's end of the message channel.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use super::{Session, report};
use crate::{
    message::{Envelope, Event, Request},
    wire,
};

/// The worker's scope, or nothing outside a worker.
pub(super) fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

/// Posts an event, transferring its buffers.
pub(super) fn post(id: u32, event: Event) {
    let Some(scope) = scope() else { return };
    let sent = wire::to_js(&Envelope { id, body: event }).map_err(|error| error.to_string());
    let sent = sent.and_then(|(message, buffers)| {
        let sent = scope.post_message_with_transfer(&message, &buffers);
        sent.map_err(|error| format!("{error:?}"))
    });
    if let Err(reason) = sent {
        report::log(&format!("an event could not be sent: {reason}"));
    }
}

/// Listens for requests until the page ends the worker.
pub fn serve() {
    report::install();
    let Some(scope) = scope() else { return };
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(|message: MessageEvent| {
        let data = message.data();
        match wire::from_js::<Envelope<Request>>(&data) {
            Ok(Envelope { id, body }) => wasm_bindgen_futures::spawn_local(async move {
                Session::shared().handle(body, &mut |event| post(id, event)).await;
            }),
            Err(error) => {
                // Whoever asked must not wait for ever; a message without a number is answered to all.
                let id = wire::number(&data).unwrap_or_default();
                post(id, Event::Failed { error });
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker listens for as long as it lives.
    on_message.forget();
    post(0, Event::Listening);
}
