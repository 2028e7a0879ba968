//! The page's worker: requests in, events out, one after the other.

mod fetch;
mod shelf;

use std::{cell::RefCell, collections::VecDeque};

use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::{
    Ledger, LedgerError, Target, epoch_csv,
    message::{Envelope, Event, Overview, Recomputed, Request},
};
use fetch::Fetch;
use shelf::Cupboard;

/// Milliseconds between two words of how far it is.
const NEWS_MS: f64 = 100.0;

thread_local! {
    static WAITING: RefCell<VecDeque<Envelope<Request>>> = const { RefCell::new(VecDeque::new()) };
    static BUSY: RefCell<bool> = const { RefCell::new(false) };
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// What the worker knows.
struct Session {
    target: Target,
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
    let mut session = SESSION.take();
    let answer = match request {
        Request::Read { target, chain } => {
            let known =
                session.take().filter(|s| s.target.model == target.model && s.chain == chain);
            let mut now = match known {
                Some(known) => Session { target, ..known },
                None => Session {
                    shelf: Cupboard::open(&chain, target.model).await,
                    ledger: Ledger::default(),
                    target,
                    chain,
                },
            };
            let answer = read(id, &mut now).await;
            session = Some(now);
            answer
        }
        request => match &session {
            None => Err(LedgerError::Request { reason: "no log was read yet".into() }),
            Some(session) => about(id, session, request).await,
        },
    };
    SESSION.set(session);
    answer
}

async fn read(id: u32, session: &mut Session) -> Result<Event, LedgerError> {
    let Session { target, shelf, ledger, .. } = session;
    let mut last = f64::MIN;
    let mut on = |progress| {
        let time = now();
        if time - last >= NEWS_MS {
            last = time;
            post(id, Event::Progress(progress));
        }
    };
    let standing = ledger.read(&Fetch, shelf, target, &mut on).await?;
    Ok(Event::Read(Overview {
        standing,
        entries: ledger.lines().len() as u64,
        epochs: ledger.epochs(),
        unkept: shelf.unkept(),
    }))
}

/// What is asked of a log that was read.
async fn about(id: u32, session: &Session, request: Request) -> Result<Event, LedgerError> {
    let Session { ledger, shelf, .. } = session;
    Ok(match request {
        Request::Recompute => {
            let begin = now();
            let mut last = f64::MIN;
            let again = ledger
                .recompute(shelf, |progress| {
                    let time = now();
                    if time - last >= NEWS_MS {
                        last = time;
                        post(id, Event::Progress(progress));
                    }
                })
                .await?;
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
        Request::Epoch { epoch } => Event::Epoch(ledger.report(epoch)),
        Request::Jobs { epoch, worker } => Event::Jobs(ledger.jobs(epoch, worker)),
        Request::Csv { epoch } => Event::Text(epoch_csv(ledger, epoch)),
        // It is handled where the log is read.
        Request::Read { .. } => {
            return Err(LedgerError::Request { reason: "a log is being read".into() });
        }
    })
}
