//! Messages in the corner, read out by screen readers, that follow a deed from start to end.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{address::CopyButton, icons};
use crate::{app::use_app, format};

/// Milliseconds that good news stays; bad news waits to be dismissed.
const STAY_MS: u32 = 7_000;
/// Messages shown at once; older ones have been read or never will be.
const MOST: usize = 4;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something goes on.
    Progress,
    /// It is done.
    Success,
    /// It failed.
    Error,
    /// To know.
    Info,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Success => "success",
            Self::Error => "error",
            Self::Info => "info",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: u32,
    kind: Kind,
    text: String,
    hash: Option<String>,
}

/// Handles to the messages. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Toasts {
    list: RwSignal<Vec<Message>>,
    next: StoredValue<u32>,
}

/// One message, to be changed as things go on.
#[derive(Clone, Copy)]
pub(crate) struct Toast {
    toasts: Toasts,
    id: u32,
}

impl Toasts {
    /// No messages.
    pub(crate) fn new() -> Self {
        Self { list: RwSignal::new(Vec::new()), next: StoredValue::new(0) }
    }

    /// Shows a message.
    pub(crate) fn push(self, kind: Kind, text: impl Into<String>) -> Toast {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.list.update(|list| {
            list.push(Message { id, kind, text: text.into(), hash: None });
            let extra = list.len().saturating_sub(MOST);
            list.drain(..extra);
        });
        let toast = Toast { toasts: self, id };
        toast.expire(kind);
        toast
    }
}

impl Toast {
    /// Says something else.
    pub(crate) fn update(self, kind: Kind, text: impl Into<String>) {
        self.change(|message| {
            message.kind = kind;
            message.text = text.into();
        });
        self.expire(kind);
    }

    /// Names the transaction.
    pub(crate) fn set_hash(self, hash: &str) {
        self.change(|message| message.hash = Some(hash.to_owned()));
    }

    /// Takes the message away.
    pub(crate) fn close(self) {
        self.toasts.list.update(|list| list.retain(|message| message.id != self.id));
    }

    fn change(self, change: impl FnOnce(&mut Message)) {
        self.toasts.list.update(|list| {
            if let Some(message) = list.iter_mut().find(|message| message.id == self.id) {
                change(message);
            }
        });
    }

    fn expire(self, kind: Kind) {
        if matches!(kind, Kind::Success | Kind::Info) {
            spawn_local(async move {
                TimeoutFuture::new(STAY_MS).await;
                self.close();
            });
        }
    }
}

/// The corner with the messages.
#[component]
pub(crate) fn ToastCorner() -> impl IntoView {
    let app = use_app();
    let list = app.toasts.list;
    view! {
        <section class="toasts" aria-live="polite" aria-label="Messages">
            <For
                each=move || list.get()
                key=|message| (message.id, message.kind.name(), message.text.clone(), message.hash.clone())
                let(message)
            >
                <OneToast message toasts=app.toasts/>
            </For>
        </section>
    }
}

/// One message.
#[component]
fn OneToast(
    /// What it says.
    message: Message,
    /// Where it can be dismissed.
    toasts: Toasts,
) -> impl IntoView {
    let app = use_app();
    let id = message.id;
    let link = message.hash.as_ref().map(|hash| {
        let page = app.config().transaction_page(hash);
        let short = format::short_hash(hash);
        let text = hash.clone();
        view! {
            <span class="toast-hash">
                {match page {
                    Some(page) => view! { <a href=page target="_blank" rel="noreferrer">{short}</a> }.into_any(),
                    None => view! { <code>{short}</code> }.into_any(),
                }}
                <CopyButton text what="transaction number"/>
            </span>
        }
    });
    view! {
        <div class="toast" data-testid="toast" data-kind=message.kind.name()>
            {match message.kind {
                Kind::Progress => icons::spinner().into_any(),
                Kind::Success => icons::check().into_any(),
                Kind::Error => icons::alert().into_any(),
                Kind::Info => icons::info().into_any(),
            }}
            <div class="toast-text">
                <p>{message.text}</p>
                {link}
            </div>
            <button
                class="icon-button small"
                aria-label="Dismiss message"
                on:click=move |_| Toast { toasts, id }.close()
            >
                {icons::cross()}
            </button>
        </div>
    }
}
