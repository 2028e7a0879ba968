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
            let free = |wearable: &Wearable| {
                worn.iter().all(|worn| worn.wearable.parameters != wearable.parameters)
            };
            // What was taught here costs nothing here.
            let mine = |wearable: &Wearable| {
                learnt.iter().any(|learnt| learnt.wearable.parameters == wearable.parameters)
            };
            let own = learnt.iter().map(|learnt| (learnt.wearable.clone(), None));
            let mut all: Vec<(Wearable, Option<String>)> = own.collect();
            studio.loaded.with(|loaded| all.extend(loaded.iter().map(|one| (one.clone(), None))));
            let base = studio.base.with(|base| base.ready().map(|base| base.parameters));
            all.retain(|(wearable, _)| Some(wearable.adapter.base) == base);
            studio.published.with(|published| {
                let bought = published.iter().filter(|(wearable, _)| !mine(wearable));
                all.extend(bought.map(|(wearable, summary)| {
                    (wearable.clone(), Some(summary.amount(summary.price)))
                }));
            });
            all.retain(|(wearable, _)| free(wearable));
            all
        })
    });
    Effect::new(move |_| {
        app.revision();
        wasm_bindgen_futures::spawn_local(async move {
            app.load_models().await;
            studio.find_published(app).await;
        });
    });
    let worn = Memo::new(move |_| {
        studio.worn.with(|worn| worn.iter().map(|worn| worn.wearable.clone()).collect::<Vec<_>>())
    });
    view! {
        <Show when=move || !worn.with(Vec::is_empty) || !offered.with(Vec::is_empty)>
            <div class="wardrobe" data-testid="wardrobe">
                <For each=move || worn.get() key=|wearable| wearable.parameters children=|wearable| view! { <WornItem wearable/> }/>
                <div class="chips" role="group" aria-label="What it has learnt">
                    {move || offered.get().into_iter().map(|(wearable, price)| {
                        let words = match price {
                            Some(price) => format!("+ {} ({price} a picture)", wearable.name),
                            None => format!("+ {}", wearable.name),
                        };
                        view! {
                            <button class="chip" type="button" data-testid="put-on" on:click=move |_| studio.put_on(wearable.clone())>{words}</button>
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
