//! The page's worker: requests in, events out, one after the other.

mod fetch;
mod shelf;

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
};

use alloy_primitives::Address;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::{
    Ledger, LedgerError, Progress, Source, Target, epoch_csv,
    message::{Envelope, Event, Overview, Question, Recomputed, Request},
};
use fetch::Fetch;
use shelf::Cupboard;

/// Milliseconds between two words of how far it is.
const NEWS_MS: f64 = 100.0;

/// Epochs of a worker that are told.
const WORKER_EPOCHS: usize = 24;

thread_local! {
    static WAITING: RefCell<VecDeque<Envelope<Request>>> = const { RefCell::new(VecDeque::new()) };
    static BUSY: RefCell<bool> = const { RefCell::new(false) };
    static SESSIONS: RefCell<HashMap<Address, Session>> = RefCell::default();
}

/// What the worker knows of a model.
struct Session {
    chain: String,
    shelf: Cupboard,
    ledger: Ledger,
}

fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

fn now() -> f64 {
    scope().and_then(|scope| scope.performance()).map_or(0.0, |clock| clock.now())
}

fn post(id: u32, body: Event) {
    let text = serde_json::to_string(&Envelope { id, body });
    if let (Some(scope), Ok(text)) = (scope(), text) {
        // The page has closed the channel where it cannot be posted to.
        let _ = scope.post_message(&JsValue::from_str(&text));
    }
}

/// Listens until the page ends the worker.
pub fn serve() {
    console_error_panic_hook::set_once();
    let Some(scope) = scope() else { return };
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(|message: MessageEvent| {
        let text = message.data().as_string().unwrap_or_default();
        match serde_json::from_str::<Envelope<Request>>(&text) {
            // It must not wait for its turn.
            Ok(Envelope { id, body: Request::Wait { ms } }) => spawn_local(async move {
                Fetch.pause(ms).await;
                post(id, Event::Waited);
            }),
            Ok(request) => {
                WAITING.with_borrow_mut(|waiting| waiting.push_back(request));
                if !BUSY.replace(true) {
                    spawn_local(work());
                }
            }
            Err(error) => {
                post(0, Event::Failed(LedgerError::Request { reason: error.to_string() }))
            }
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker listens for as long as it lives.
    on_message.forget();
    post(0, Event::Listening);
}

async fn work() {
    while let Some(Envelope { id, body }) = WAITING.with_borrow_mut(VecDeque::pop_front) {
        let event = handle(id, body).await.unwrap_or_else(Event::Failed);
        post(id, event);
    }
    BUSY.set(false);
}

async fn handle(id: u32, request: Request) -> Result<Event, LedgerError> {
    let (model, answer, session) = match request {
        Request::Read { target, chain } => {
            let model = target.model;
            let known = SESSIONS.with_borrow_mut(|sessions| sessions.remove(&model));
            let mut session = match known.filter(|session| session.chain == chain) {
                Some(known) => known,
                None => Session {
                    shelf: Cupboard::open(&chain, model).await,
                    ledger: Ledger::default(),
                    chain,
                },
            };
            let answer = read(id, &mut session, &target).await;
            (model, answer, session)
        }
        Request::About { model, question } => {
            let known = SESSIONS.with_borrow_mut(|sessions| sessions.remove(&model));
            let session = known.ok_or_else(|| LedgerError::Request {
                reason: "the model's log was not read yet".into(),
            })?;
            (model, about(id, &session, question).await, session)
        }
        // It was answered when it came.
        Request::Wait { .. } => return Ok(Event::Waited),
    };
    SESSIONS.with_borrow_mut(|sessions| sessions.insert(model, session));
    answer
}

/// Tells whoever asked how far it is, now and then.
fn news(id: u32) -> impl FnMut(Progress) {
    let mut last = f64::MIN;
    move |progress| {
        let time = now();
        if time - last >= NEWS_MS {
            last = time;
            post(id, Event::Progress(progress));
        }
    }
}

async fn read(id: u32, session: &mut Session, target: &Target) -> Result<Event, LedgerError> {
    let Session { shelf, ledger, .. } = session;
    let standing = ledger.read(&Fetch, shelf, target, &mut news(id)).await?;
    Ok(Event::Read(Overview {
        standing,
        entries: ledger.lines().len() as u64,
        epochs: ledger.epochs(),
        unkept: shelf.unkept(),
    }))
}

/// What is asked of a log that was read.
async fn about(id: u32, session: &Session, question: Question) -> Result<Event, LedgerError> {
    let Session { ledger, shelf, .. } = session;
    Ok(match question {
        Question::Recompute => {
            let begin = now();
            let again = ledger.recompute(shelf, news(id)).await?;
            let hashed = now();
            let epochs = again.epochs();
            let scored = now();
            Event::Recomputed(Recomputed {
                entries: again.lines().len() as u64,
                same: again.log_hash() == ledger.log_hash()
                    && again.lines() == ledger.lines()
                    && epochs == ledger.epochs(),
                hash_ms: hashed - begin,
                score_ms: scored - hashed,
            })
        }
        Question::Epoch(epoch) => Event::Epoch(ledger.report(epoch)),
        Question::Jobs { epoch, worker } => Event::Jobs(ledger.jobs(epoch, worker)),
        Question::Worker(worker) => Event::Worker(ledger.worker(worker, WORKER_EPOCHS)),
        Question::Csv(epoch) => Event::Text(epoch_csv(ledger, epoch)),
    })
}
