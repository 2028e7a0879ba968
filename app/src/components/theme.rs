//! Light or dark: the system's wish, until the visitor says otherwise.

use leptos::prelude::*;

use super::icons;
use crate::store::local;

/// Local storage key of the visitor's choice.
const KEY: &str = "delea.theme";

/// Applies the choice of an earlier visit.
pub(crate) fn restore() {
    if let Some(theme) = local::text(KEY) {
        apply(&theme);
    }
}

fn root() -> Option<web_sys::Element> {
    web_sys::window()?.document()?.document_element()
}

fn apply(theme: &str) {
    if let Some(root) = root() {
        let _ = root.set_attribute("data-theme", theme);
    }
}

/// Whether the page is dark now.
fn is_dark() -> bool {
    match root().and_then(|root| root.get_attribute("data-theme")) {
        Some(theme) => theme == "dark",
        None => web_sys::window()
            .and_then(|w| w.match_media("(prefers-color-scheme: dark)").ok().flatten())
            .is_some_and(|query| query.matches()),
    }
}

/// Changes between light and dark.
#[component]
pub(crate) fn ThemeToggle() -> impl IntoView {
    let dark = RwSignal::new(is_dark());
    let toggle = move |_| {
        let theme = if dark.get() { "light" } else { "dark" };
        dark.set(theme == "dark");
        apply(theme);
        local::set_text(KEY, theme);
    };
    view! {
        <button
            class="icon-button"
            data-testid="theme-toggle"
            aria-label=move || if dark.get() { "Use light colours" } else { "Use dark colours" }
            on:click=toggle
        >
            {move || if dark.get() { icons::sun().into_any() } else { icons::moon().into_any() }}
        </button>
    }
}
