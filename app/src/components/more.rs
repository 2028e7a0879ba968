//! The rest of a long list.

use leptos::prelude::*;

use crate::format;

/// A button that shows more of a list, while there is more.
#[component]
pub(crate) fn More(
    /// How many are on view.
    shown: RwSignal<usize>,
    /// How many there are.
    all: usize,
    /// How many more a press shows.
    step: usize,
) -> impl IntoView {
    view! {
        <Show when=move || { all > shown.get() }>
            <button class="button" on:click=move |_| shown.update(|n| *n += step)>
                {format!("Show more of {}", format::count(all as u64))}
            </button>
        </Show>
    }
}
