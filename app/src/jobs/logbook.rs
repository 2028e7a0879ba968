//! A model's job log, read and scored by a worker of its own.

use alloy_primitives::Address;
use delea_ledger::{
    LedgerError, Progress, Target,
    message::{Envelope, Event, Overview, Question, Request},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::Array;
use leptos::{prelude::*, reactive::owner::LocalStorage};
use wasm_bindgen::JsValue;

use super::{
    client::{Client, Conversation, Protocol},
    trainer::sentence,
};
use crate::{app::App, browser};

/// What is spoken with the reader of job logs: JSON texts.
pub(crate) struct Book;

impl Protocol for Book {
    type Request = Request;
    type Event = Event;
    type Error = LedgerError;

    fn write(id: u32, body: Request) -> Result<(JsValue, Array), LedgerError> {
        match serde_json::to_string(&Envelope { id, body }) {
            Ok(text) => Ok((text.into(), Array::new())),
            Err(error) => Err(Self::unsent(error.to_string())),
        }
    }

    fn read(data: &JsValue) -> Result<(u32, Event), LedgerError> {
        let text = data.as_string().unwrap_or_default();
        match serde_json::from_str::<Envelope<Event>>(&text) {
            Ok(Envelope { id, body }) => Ok((id, body)),
            Err(error) => Err(Self::unsent(error.to_string())),
        }
    }

    fn is_greeting(event: &Event) -> bool {
        *event == Event::Listening
    }

    fn answer(event: Event) -> Result<Event, LedgerError> {
        match event {
            Event::Failed(error) => Err(error),
            event => Ok(event),
        }
    }

    fn failure(error: LedgerError) -> Event {
        Event::Failed(error)
    }

    fn gone(reason: String) -> LedgerError {
        LedgerError::Request { reason }
    }

    fn unsent(reason: String) -> LedgerError {
        LedgerError::Request { reason }
    }
}

/// The worker, started when it is first needed. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Logbook {
    url: StoredValue<String>,
    worker: StoredValue<Option<Client<Book>>, LocalStorage>,
}

impl Logbook {
    /// No worker yet.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: StoredValue::new(url.to_owned()), worker: StoredValue::new_local(None) }
    }

    /// Reads a model's log, or what is new in it.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn read(
        self,
        app: App,
        model: Address,
        on: impl Fn(Progress),
    ) -> Result<Overview, String> {
        let config = app.config();
        let (first_block, _) =
            app.rpc().block(0).await.map_err(|error| sentence(&error.to_string()))?;
        let target = Target {
            urls: std::iter::once(&config.rpc_url)
                .chain(&config.other_rpc_urls)
                // A worker's own address is another one than the page's.
                .map(|url| browser::absolute(url))
                .collect(),
            model,
            from_block: config.from_block,
            confirmations: config.confirmations,
        };
        let chain = format!("{}-{first_block}", config.chain_id);
        match self.follow(Request::Read { target, chain }, on).await? {
            Event::Read(overview) => Ok(overview),
            _ => Err(unexpected()),
        }
    }

    /// Asks for something of a model's log that was read.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn ask(
        self,
        model: Address,
        question: Question,
        on: impl Fn(Progress),
    ) -> Result<Event, String> {
        self.follow(Request::About { model, question }, on).await
    }

    /// Lets time pass, also while the tab is in the background, where a page's own clock is slowed down.
    pub(crate) async fn pause(self, ms: u32) {
        if self.follow(Request::Wait { ms }, |_| {}).await.is_err() {
            TimeoutFuture::new(ms).await;
        }
    }

    async fn follow(self, request: Request, on: impl Fn(Progress)) -> Result<Event, String> {
        let client = self.client().await?;
        let mut conversation: Conversation<Book> = client.open(request).map_err(say)?;
        loop {
            match conversation.next().await {
                Event::Progress(progress) => on(progress),
                event => {
                    client.close(conversation.id);
                    return Book::answer(event).map_err(say);
                }
            }
        }
    }

    /// Ends the worker; what it has kept stays.
    pub(crate) fn stop(self) {
        if let Some(client) = self.worker.try_update_value(Option::take).flatten() {
            client.kill("reading was stopped");
        }
    }

    async fn client(self) -> Result<Client<Book>, String> {
        if let Some(client) = self.worker.get_value().filter(Client::alive) {
            return Ok(client);
        }
        let client = Client::spawn(&self.url.get_value()).await.map_err(say)?;
        self.worker.set_value(Some(client.clone()));
        Ok(client)
    }
}

/// The worker speaks otherwise than it should.
pub(crate) fn unexpected() -> String {
    "The reader of job logs gave an unexpected answer; reload the page, which gets both anew."
        .to_owned()
}

fn say(error: LedgerError) -> String {
    sentence(&error.to_string())
}
