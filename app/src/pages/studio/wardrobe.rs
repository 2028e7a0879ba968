//! What is worn: adapters that were trained here, and those on the chain.

use leptos::prelude::*;

use crate::{
    app::use_app,
    components::{field::Slider, icons},
    format,
    jobs::studio::{Wearable, Worn},
};

/// What is worn, and what could be.
#[component]
pub(super) fn Wardrobe() -> impl IntoView {
    let app = use_app();
    let studio = app.studio;
    let offered = Memo::new(move |_| {
        let worn = studio.worn.get();
        app.lessons.learnt.with(|learnt| {
            let free = |wearable: &&Wearable| {
                worn.iter().all(|worn| worn.wearable.parameters != wearable.parameters)
            };
            learnt.iter().map(|learnt| &learnt.wearable).filter(free).cloned().collect::<Vec<_>>()
        })
    });
    let worn = Memo::new(move |_| {
        studio.worn.with(|worn| worn.iter().map(|worn| worn.wearable.clone()).collect::<Vec<_>>())
    });
    view! {
        <Show when=move || !worn.with(Vec::is_empty) || !offered.with(Vec::is_empty)>
            <div class="wardrobe" data-testid="wardrobe">
                <For each=move || worn.get() key=|wearable| wearable.parameters children=|wearable| view! { <WornItem wearable/> }/>
                <div class="chips" role="group" aria-label="What it has learnt">
                    {move || offered.get().into_iter().map(|wearable| {
                        let name = wearable.name.clone();
                        view! {
                            <button class="chip" type="button" data-testid="put-on" on:click=move |_| studio.put_on(wearable.clone())>{format!("+ {name}")}</button>
                        }
                    }).collect_view()}
                </div>
            </div>
        </Show>
    }
}

/// One that is worn.
#[component]
fn WornItem(
    /// Which.
    wearable: Wearable,
) -> impl IntoView {
    let studio = use_app().studio;
    let this = wearable.parameters;
    let found = move |worn: &Worn| worn.wearable.parameters == this;
    let at = studio.worn.with_untracked(|worn| {
        worn.iter().find(|worn| found(worn)).map_or(1.0, |worn| f64::from(worn.scale))
    });
    let scale = RwSignal::new(at);
    Effect::new(move |_| {
        let scale = scale.get() as f32;
        studio.worn.update(|all| {
            if let Some(worn) = all.iter_mut().find(|worn| found(worn)) {
                worn.scale = scale;
            }
        });
    });
    let name = wearable.name;
    view! {
        <div class="worn" data-testid="worn">
            <div>
                <strong>{name.clone()}</strong>
                <Slider id=format!("worn-{this}") label="How much of it" value=scale min=0.0 max=1.5 step=0.05 words=Signal::derive(move || format::percent(scale.get()))/>
            </div>
            <button class="icon-button" aria-label=format!("Take {name} off") on:click=move |_| studio.worn.update(|all| all.retain(|worn| !found(worn)))>{icons::cross()}</button>
        </div>
    }
}
