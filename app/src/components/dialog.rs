//! A modal dialog: the browser's own, which traps focus and closes on Escape by itself.

use leptos::{html, prelude::*};

use super::icons;

/// A modal dialog.
#[component]
pub(crate) fn Dialog(
    /// Whether it is open; set to false when the visitor closes it.
    open: RwSignal<bool>,
    /// Heading.
    title: &'static str,
    /// What is in it.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let open = open.get();
        if let Some(dialog) = dialog.get() {
            match open {
                true if !dialog.open() => drop(dialog.show_modal()),
                false if dialog.open() => dialog.close(),
                _ => {}
            }
        }
    });
    view! {
        <dialog node_ref=dialog class="dialog" aria-label=title on:close=move |_| open.set(false)>
            <header class="dialog-head">
                <h2>{title}</h2>
                <button class="icon-button" aria-label="Close" on:click=move |_| open.set(false)>
                    {icons::cross()}
                </button>
            </header>
            {children()}
        </dialog>
    }
}
