//! The studio: say what is to be seen, and the tab paints it.

mod bring;
mod form;
mod gallery;
mod log;
mod result;
mod teach;
mod wardrobe;

use leptos::prelude::*;

use crate::{
    app::use_app,
    components::{
        later::{Fetched, wasm_split},
        states::{Failure, Skeleton, set_title},
    },
    load::Load,
};

/// The page's code, fetched apart.
#[wasm_split(pages, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <StudioPage/> }.into_any())
}

/// The page.
#[component]
fn StudioPage() -> impl IntoView {
    let app = use_app();
    set_title("Studio");
    app.studio.open();
    let failed = Memo::new(move |_| {
        app.studio.base.with(|base| match base {
            Load::Failed(reason) => Some(reason.clone()),
            _ => None,
        })
    });
    let ready = Memo::new(move |_| app.studio.base.with(|base| base.ready().is_some()));
    let body = move || {
        match (failed.get(), ready.get()) {
        (Some(reason), _) => view! {
            <Failure title="The studio is not here" reason>
                <button class="button primary" on:click=move |_| app.studio.open()>"Try again"</button>
            </Failure>
        }
        .into_any(),
        (None, false) => view! { <Skeleton lines=6/> }.into_any(),
        (None, true) => view! {
            <div class="studio">
                <form::Form/>
                <result::Result/>
            </div>
            <gallery::Gallery/>
            <teach::Teach/>
        }
        .into_any(),
    }
    };
    view! {
        <header class="page-head">
            <h1>"Studio"</h1>
            <p class="lead">"Say what you want to see; your own tab paints it in seconds. Nothing is sent anywhere."</p>
        </header>
        {body}
    }
}
