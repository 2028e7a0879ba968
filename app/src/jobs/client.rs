//! One worker: requests out, events in, each to the caller whose number it carries.

use std::{cell::RefCell, collections::HashMap, fmt::Display, rc::Rc};

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
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::{net::js_message, store::files};

/// Milliseconds until a worker must listen: its wasm may have to come over a slow line.
const LISTEN_MS: u32 = 60_000;
/// The number of events that no request caused.
const UNASKED: u32 = 0;

/// What is spoken with workers of a kind.
pub(crate) trait Protocol: 'static {
    /// What the page asks.
    type Request;
    /// What the worker answers.
    type Event: Clone + 'static;
    /// What can go wrong.
    type Error: Display;

    /// A message to the worker, and the buffers that go with it.
    fn write(id: u32, request: Self::Request) -> Result<(JsValue, Array), Self::Error>;
    /// A message from it.
    fn read(data: &JsValue) -> Result<(u32, Self::Event), Self::Error>;
    /// Whether it is the greeting.
    fn is_greeting(event: &Self::Event) -> bool;
    /// Tells a failure from an answer.
    fn answer(event: Self::Event) -> Result<Self::Event, Self::Error>;
    /// A failure as an event.
    fn failure(error: Self::Error) -> Self::Event;
    /// The worker is gone, or never came.
    fn gone(reason: String) -> Self::Error;
    /// A request cannot be sent.
    fn unsent(reason: String) -> Self::Error;
    /// Sees every event before whoever asked.
    fn see(_: &Self::Event) {}
}

/// The workers that compute, and the reader of files.
pub(crate) struct Runtime;

impl Protocol for Runtime {
    type Request = Request;
    type Event = Event;
    type Error = RuntimeError;

    fn write(id: u32, body: Request) -> Result<(JsValue, Array), RuntimeError> {
        wire::to_js(&Envelope { id, body }).map(|(message, buffers)| (message.into(), buffers))
    }

    fn read(data: &JsValue) -> Result<(u32, Event), RuntimeError> {
        wire::from_js(data).map(|Envelope { id, body }| (id, body))
    }

    fn is_greeting(event: &Event) -> bool {
        matches!(event, Event::Listening)
    }

    fn answer(event: Event) -> Result<Event, RuntimeError> {
        match event {
            Event::Failed { error } => Err(error),
            event => Ok(event),
        }
    }

    fn failure(error: RuntimeError) -> Event {
        Event::Failed { error }
    }

    fn gone(reason: String) -> RuntimeError {
        RuntimeError::Device { reason }
    }

    fn unsent(reason: String) -> RuntimeError {
        RuntimeError::Protocol { reason }
    }

    /// Drops a kept file that is not what it was, so that it is fetched anew.
    fn see(event: &Event) {
        let Event::Failed { error: RuntimeError::WrongDigest { what, expected, .. } } = event
        else {
            return;
        };
        if what == wire::KEPT_FILE
            && let Ok(digest) = expected.parse()
        {
            spawn_local(files::remove(digest));
        }
    }
}

/// A running worker; ends when the last handle is dropped.
pub(crate) struct Client<P: Protocol = Runtime>(Rc<Inner<P>>);

impl<P: Protocol> Clone for Client<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Inner<P: Protocol> {
    worker: Worker,
    routes: Rc<RefCell<Routes<P>>>,
    /// They must live as long as the worker may call them.
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(JsValue)>,
}

struct Routes<P: Protocol> {
    next: u32,
    senders: HashMap<u32, UnboundedSender<P::Event>>,
    dead: Option<String>,
}

impl<P: Protocol> Routes<P> {
    /// Ends every conversation: the worker is gone.
    fn fail(&mut self, reason: String) {
        for (_, sender) in self.senders.drain() {
            let _ = sender.unbounded_send(P::failure(P::gone(reason.clone())));
        }
        self.dead = Some(reason);
    }
}

impl<P: Protocol> Drop for Inner<P> {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

/// Where the events of a request arrive.
pub(crate) struct Conversation<P: Protocol = Runtime> {
    /// Its number.
    pub(crate) id: u32,
    events: UnboundedReceiver<P::Event>,
}

impl<P: Protocol> Conversation<P> {
    /// The next event; a failure once the worker is gone.
    pub(crate) async fn next(&mut self) -> P::Event {
        let event = self.events.next().await;
        event.unwrap_or_else(|| P::failure(P::gone("the worker was ended".into())))
    }
}

impl Client {
    /// Starts the worker that runs another version of the exact runtime, given by its bytes.
    ///
    /// # Errors
    /// As [`Client::spawn`].
    pub(crate) async fn host(url: &str, runtime: &[u8]) -> Result<Self, RuntimeError> {
        Self::start(url, Some(runtime)).await
    }
}

impl<P: Protocol> Client<P> {
    /// Starts a worker and waits until it listens.
    ///
    /// # Errors
    /// [`Protocol::gone`] with the reason in words.
    pub(crate) async fn spawn(url: &str) -> Result<Self, P::Error> {
        Self::start(url, None).await
    }

    async fn start(url: &str, runtime: Option<&[u8]>) -> Result<Self, P::Error> {
        let device = P::gone;
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(url, &options)
            .map_err(|e| device(format!("the worker could not start: {}", js_message(&e))))?;
        let routes =
            Rc::new(RefCell::new(Routes::<P> { next: 1, senders: HashMap::new(), dead: None }));
        let (sender, mut listening) = unbounded();
        routes.borrow_mut().senders.insert(UNASKED, sender);

        let to = Rc::clone(&routes);
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            match P::read(&event.data()) {
                Ok((id, body)) => {
                    P::see(&body);
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
            Either::Left((Some(event), _)) if P::is_greeting(&event) => Ok(client),
            Either::Left((Some(event), _)) => Err(match P::answer(event) {
                Err(error) => error,
                Ok(_) => device("the worker greeted in an unknown way".into()),
            }),
            Either::Left(_) => Err(device("the worker was ended".into())),
            Either::Right(_) => {
                Err(device(format!("the worker did not start within {} s", LISTEN_MS / 1000)))
            }
        }
    }

    /// Sends a request; its events come through the conversation.
    ///
    /// # Errors
    /// [`Protocol::gone`] if the worker is, [`Protocol::unsent`] if it cannot be sent.
    pub(crate) fn open(&self, request: P::Request) -> Result<Conversation<P>, P::Error> {
        let (sender, events) = unbounded();
        let id = self.post(request, sender)?;
        Ok(Conversation { id, events })
    }

    /// Sends a request whose events join those of `conversation`.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub(crate) fn join(&self, conversation: u32, request: P::Request) -> Result<(), P::Error> {
        let sender = self.0.routes.borrow().senders.get(&conversation).cloned();
        let Some(sender) = sender else {
            return Err(P::unsent("that job has ended".into()));
        };
        self.post(request, sender).map(drop)
    }

    /// Sends a request and waits for its one answer.
    ///
    /// # Errors
    /// The worker's, or as [`Client::open`].
    pub(crate) async fn ask(&self, request: P::Request) -> Result<P::Event, P::Error> {
        let mut conversation = self.open(request)?;
        let answer = conversation.next().await;
        self.close(conversation.id);
        P::answer(answer)
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

    fn post(&self, body: P::Request, sender: UnboundedSender<P::Event>) -> Result<u32, P::Error> {
        let mut routes = self.0.routes.borrow_mut();
        if let Some(reason) = &routes.dead {
            return Err(P::gone(reason.clone()));
        }
        let id = routes.next;
        let (value, buffers) = P::write(id, body)?;
        self.0
            .worker
            .post_message_with_transfer(&value, &buffers)
            .map_err(|e| P::unsent(js_message(&e)))?;
        routes.next = id.wrapping_add(1).max(1);
        routes.senders.insert(id, sender);
        Ok(id)
    }
}
