//! What the studio's workers report, as it comes.

use leptos::{html::Div, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    browser,
    components::{icons, toasts::Kind},
};

/// The log, closed until somebody wants it.
#[component]
pub(super) fn Log() -> impl IntoView {
    let app = use_app();
    let transcript = app.studio.transcript;
    let list = NodeRef::<Div>::new();
    // The newest line stays in view.
    Effect::new(move |_| {
        transcript.lines.track();
        if let Some(list) = list.get() {
            list.set_scroll_top(list.scroll_height());
        }
    });
    let copy = move |_| {
        let text = transcript.text();
        spawn_local(async move {
            let (kind, words) = match browser::copy(&text).await {
                true => (Kind::Success, "The log is copied."),
                false => (Kind::Error, "The browser did not copy it."),
            };
            app.toasts.push(kind, words);
        });
    };
    view! {
        <details class="more" data-testid="studio-log">
            <summary>"Log"</summary>
            <Show
                when=move || !transcript.lines.with(Vec::is_empty)
                fallback=|| view! { <p class="muted small-print">"Nothing was painted yet."</p> }
            >
                <div class="log" node_ref=list role="log" aria-label="What happened" tabindex="0">
                    <ol>
                        <For each=move || transcript.lines.get() key=|line| line.number children=|line| view! {
                            <li><time>{line.time}</time><span>{line.words}</span></li>
                        }/>
                    </ol>
                </div>
                <button class="button quiet" data-testid="studio-log-copy" on:click=copy>{icons::copy()} <span>"Copy the log"</span></button>
            </Show>
        </details>
    }
}
