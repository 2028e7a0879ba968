//! The page for addresses that lead nowhere.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::components::states::set_title;

/// Nothing is here.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    set_title("Not found");
    view! {
        <div class="state" data-testid="not-found">
            <h1>"This page does not exist"</h1>
            <p class="muted">"The address may be mistyped, or the page was moved."</p>
            <div class="state-actions">
                <A href="/" attr:class="button primary">"See all models"</A>
            </div>
        </div>
    }
}
