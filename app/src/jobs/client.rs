//! One worker: requests out, events in, each to the caller whose number it carries.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use delea_model_runtime::{
    RuntimeError,
    message::{Envelope, Event, Request},
    wire,
};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::{
    StreamExt,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::{net::js_message, store::files};

/// Milliseconds until a worker must listen: its wasm may have to come over a slow line.
const LISTEN_MS: u32 = 60_000;
/// The number of events that no request caused.
const UNASKED: u32 = 0;

/// A running worker; ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Client(Rc<Inner>);

struct Inner {
    worker: Worker,
    routes: Rc<RefCell<Routes>>,
    /// They must live as long as the worker may call them.
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(JsValue)>,
}

#[derive(Default)]
struct Routes {
    next: u32,
    senders: HashMap<u32, UnboundedSender<Event>>,
    dead: Option<String>,
}

impl Routes {
    /// Ends every conversation: the worker is gone.
    fn fail(&mut self, reason: String) {
        for (_, sender) in self.senders.drain() {
            let error = RuntimeError::Device { reason: reason.clone() };
            let _ = sender.unbounded_send(Event::Failed { error });
        }
        self.dead = Some(reason);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

/// Where the events of a request arrive.
pub(crate) struct Conversation {
    /// Its number.
    pub(crate) id: u32,
    events: UnboundedReceiver<Event>,
}

impl Conversation {
    /// The next event; a device error once the worker is gone.
    pub(crate) async fn next(&mut self) -> Event {
        self.events.next().await.unwrap_or_else(|| Event::Failed {
            error: RuntimeError::Device { reason: "the worker was ended".into() },
        })
    }
}

/// Drops a kept file that is not what it was, so that it is fetched anew.
fn forget_damaged(event: &Event) {
    let Event::Failed { error: RuntimeError::WrongDigest { what, expected, .. } } = event else {
        return;
    };
    if what == wire::KEPT_FILE
        && let Ok(digest) = expected.parse()
    {
        spawn_local(files::remove(digest));
    }
}

impl Client {
    /// Starts a worker and waits until it listens.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] with the reason in words.
    pub(crate) async fn spawn(url: &str) -> Result<Self, RuntimeError> {
        Self::start(url, None).await
    }

    /// Starts the worker that runs another version of the exact runtime, given by its bytes.
    ///
    /// # Errors
    /// As [`Client::spawn`].
    pub(crate) async fn host(url: &str, runtime: &[u8]) -> Result<Self, RuntimeError> {
        Self::start(url, Some(runtime)).await
    }

    async fn start(url: &str, runtime: Option<&[u8]>) -> Result<Self, RuntimeError> {
        let device = |reason: String| RuntimeError::Device { reason };
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(url, &options)
            .map_err(|e| device(format!("the worker could not start: {}", js_message(&e))))?;
        let routes = Rc::new(RefCell::new(Routes { next: 1, ..Routes::default() }));
        let (sender, mut listening) = unbounded();
        routes.borrow_mut().senders.insert(UNASKED, sender);

        let to = Rc::clone(&routes);
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match wire::from_js(&event.data()) {
                Ok(Envelope { id, body }) => {
                    forget_damaged(&body);
                    let sender = to.borrow().senders.get(&id).cloned();
                    if let Some(sender) = sender {
                        let _ = sender.unbounded_send(body);
                    }
                }
                Err(error) => to.borrow_mut().fail(format!(
                    "the worker sent something this page cannot read ({error}); reload the page, which gets both anew"
                )),
            }
        });
        worker.set_onmessage(Some(message.as_ref().unchecked_ref()));
        let to = Rc::clone(&routes);
        let error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            // A script that cannot be fetched is told by a bare event, without a message.
            let words = Reflect::get(&event, &"message".into()).ok().and_then(|m| m.as_string());
            let reason = match words {
                None => "the worker's script could not be loaded".to_owned(),
                Some(words) => format!("the worker stopped: {words}"),
            };
            to.borrow_mut().fail(reason);
        });
        worker.set_onerror(Some(error.as_ref().unchecked_ref()));

        if let Some(runtime) = runtime {
            // Messages wait for a script that is still on its way.
            worker
                .post_message(&Uint8Array::from(runtime))
                .map_err(|e| device(format!("the worker took no runtime: {}", js_message(&e))))?;
        }
        let client = Self(Rc::new(Inner { worker, routes, _message: message, _error: error }));
        match select(Box::pin(listening.next()), TimeoutFuture::new(LISTEN_MS)).await {
            Either::Left((Some(Event::Listening), _)) => Ok(client),
            Either::Left((Some(Event::Failed { error }), _)) => Err(error),
            Either::Left(_) => Err(device("the worker greeted in an unknown way".into())),
            Either::Right(_) => {
                Err(device(format!("the worker did not start within {} s", LISTEN_MS / 1000)))
            }
        }
    }

    /// Sends a request; its events come through the conversation.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] if the worker is gone, [`RuntimeError::Protocol`] if it cannot be sent.
    pub(crate) fn open(&self, request: Request) -> Result<Conversation, RuntimeError> {
        let (sender, events) = unbounded();
        let id = self.post(request, sender)?;
        Ok(Conversation { id, events })
    }

    /// Sends a request whose events join those of `conversation`.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub(crate) fn join(&self, conversation: u32, request: Request) -> Result<(), RuntimeError> {
        let sender = self.0.routes.borrow().senders.get(&conversation).cloned();
        let Some(sender) = sender else {
            return Err(RuntimeError::Protocol { reason: "that job has ended".into() });
        };
        self.post(request, sender).map(drop)
    }

    /// Sends a request and waits for its one answer.
    ///
    /// # Errors
    /// The worker's, or as [`Client::open`].
    pub(crate) async fn ask(&self, request: Request) -> Result<Event, RuntimeError> {
        let mut conversation = self.open(request)?;
        let answer = conversation.next().await;
        self.close(conversation.id);
        match answer {
            Event::Failed { error } => Err(error),
            event => Ok(event),
        }
    }

    /// Ends a conversation: later events of it are dropped.
    pub(crate) fn close(&self, id: u32) {
        self.0.routes.borrow_mut().senders.remove(&id);
    }

    /// Ends the worker at once.
    pub(crate) fn kill(&self, reason: &str) {
        self.0.worker.terminate();
        self.0.routes.borrow_mut().fail(reason.to_owned());
    }

    /// Whether the worker still answers.
    pub(crate) fn alive(&self) -> bool {
        self.0.routes.borrow().dead.is_none()
    }

    fn post(&self, body: Request, sender: UnboundedSender<Event>) -> Result<u32, RuntimeError> {
        let mut routes = self.0.routes.borrow_mut();
        if let Some(reason) = &routes.dead {
            return Err(RuntimeError::Device { reason: reason.clone() });
        }
        let id = routes.next;
        let protocol = |reason: String| RuntimeError::Protocol { reason };
        let (value, buffers) = wire::to_js(&Envelope { id, body })?;
        self.0
            .worker
            .post_message_with_transfer(&value, &buffers)
            .map_err(|e| protocol(js_message(&e)))?;
        routes.next = id.wrapping_add(1).max(1);
        routes.senders.insert(id, sender);
        Ok(id)
    }
}
