//! What was painted in this browser.

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    app::use_app,
    components::{icons, painted::Painted},
    jobs::studio::Piece,
};

/// The gallery.
#[component]
pub(super) fn Gallery() -> impl IntoView {
    let studio = use_app().studio;
    let key = |piece: &Piece| (piece.digest, piece.made_at);
    let tile = move |piece: Piece| {
        let label = piece.recipe.prompt.clone();
        let (this, gone) = (piece.clone(), piece.clone());
        let shown = {
            let this = key(&piece);
            Memo::new(move |_| studio.shown.with(|shown| shown.as_ref().map(key) == Some(this)))
        };
        view! {
            <li class="gallery-item" class:on=move || shown.get()>
                <button
                    class="gallery-open"
                    data-testid="gallery-open"
                    aria-pressed=move || shown.get().to_string()
                    title=label.clone()
                    on:click=move |_| studio.shown.set(Some(this.clone()))
                >
                    <Painted picture=Signal::stored(Arc::new(piece.picture())) label=label.clone()/>
                </button>
                <button class="gallery-remove" aria-label=format!("Remove {label}") on:click=move |_| studio.remove(&gone)>{icons::cross()}</button>
            </li>
        }
    };
    view! {
        <Show when=move || !studio.gallery.with(Vec::is_empty)>
            <section class="panel">
                <h2>"Your gallery"</h2>
                <p class="muted small-print">"Kept in this browser, each with its recipe."</p>
                <ul class="gallery" data-testid="gallery">
                    <For each=move || studio.gallery.get() key=key children=tile/>
                </ul>
            </section>
        </Show>
    }
}
