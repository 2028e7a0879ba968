//! What stands where content will be, could be or should be.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::icons;
use crate::jobs::trainer::sentence;

/// Grey bars while something loads.
#[component]
pub(crate) fn Skeleton(
    /// How many bars.
    #[prop(default = 3)]
    lines: usize,
) -> impl IntoView {
    view! {
        <div class="skeleton" role="status" data-testid="loading">
            <span class="visually-hidden">"Loading…"</span>
            {(0..lines).map(|_| view! { <span class="skeleton-line"></span> }).collect_view()}
        </div>
    }
}

/// Something could not be had: what, why, and a way on.
#[component]
pub(crate) fn Failure(
    /// What is missing.
    #[prop(into)]
    title: String,
    /// Why.
    #[prop(into)]
    reason: String,
    /// What to do.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="state" data-testid="failure" role="alert">
            <span class="state-icon">{icons::alert()}</span>
            <h2>{title}</h2>
            <p class="muted">{sentence(&reason)}</p>
            {children.map(|children| view! { <div class="state-actions">{children()}</div> })}
        </div>
    }
}

/// There is nothing yet.
#[component]
pub(crate) fn Empty(
    /// What there is none of.
    #[prop(into)]
    title: String,
    /// What to do about it.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="state" data-testid="empty">
            <h2>{title}</h2>
            {children()}
        </div>
    }
}

/// A share as a filled bar with its meaning in words.
#[component]
pub(crate) fn Meter(
    /// From 0 to 1.
    #[prop(into)]
    share: Signal<f64>,
    /// What it is a share of.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let percent = move || (share.get().clamp(0.0, 1.0) * 100.0).round();
    view! {
        <div
            class="meter"
            role="meter"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || percent().to_string()
        >
            <span style:width=move || format!("{}%", percent())></span>
        </div>
    }
}

/// Sets the browser tab's title for as long as the page is on view.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = web_sys::window().and_then(|w| w.document()) {
        document.set_title(&format!("{title} · Delea"));
    }
}

/// Moves focus to the page's main part, so that a keyboard or a screen reader starts there.
pub(crate) fn focus_main() {
    let main = web_sys::window()
        .and_then(|w| w.document())
        .and_then(|d| d.get_element_by_id("main"))
        .and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(main) = main {
        let _ = main.focus();
    }
}
