//! Parts of the page whose code is fetched when they are first shown.

use leptos::prelude::*;
use wasm_split_helpers::SplitLoaderError;
pub(crate) use wasm_split_helpers::wasm_split;

use super::states::{Failure, Skeleton};
use crate::{
    browser,
    load::{Load, use_load},
};

/// What such a part is once it is here: the function that draws it.
pub(crate) type Draw = fn() -> AnyView;

/// What fetching it gives.
pub(crate) type Fetched = Result<Draw, SplitLoaderError>;

/// Fetches a part by `fetch`, a function marked `wasm_split`, and draws it.
pub(crate) fn later<F>(fetch: fn() -> F) -> impl IntoView
where
    F: Future<Output = Fetched> + 'static,
{
    let tries = RwSignal::new(0u32);
    let code = use_load(move || Some(tries.get()), move |_| fetch());
    let again = Callback::new(move |()| tries.update(|n| *n += 1));
    move || match code.get() {
        Load::Waiting => view! { <Skeleton lines=6/> }.into_any(),
        Load::Ready(draw) => draw(),
        Load::Failed(_) => view! { <NotFetched again/> }.into_any(),
    }
}

/// The part did not come.
#[component]
fn NotFetched(
    /// Asks for it again.
    again: Callback<()>,
) -> impl IntoView {
    view! {
        <Failure
            title="This part of the page could not be fetched"
            reason="the connection was lost, or the site has been updated since you opened it"
        >
            <button class="button" on:click=move |_| browser::reload()>"Reload the page"</button>
            <button class="button primary" on:click=move |_| again.run(())>"Try again"</button>
        </Failure>
    }
}
