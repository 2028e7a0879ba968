//! The start page: what this is, and all models as cards.

use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    chain::contracts::Summary,
    components::{
        address::Identicon,
        icons,
        states::{Empty, Failure, Meter, Skeleton, set_title},
    },
    format,
    load::{Load, use_load},
    pages::model,
    store::documents,
};

/// The start page.
#[component]
pub(crate) fn Explore() -> impl IntoView {
    let app = use_app();
    set_title("Train AI in your browser");
    Effect::new(move |_| {
        app.revision();
        spawn_local(app.load_models());
    });
    let retry = move |_| spawn_local(app.load_models());
    let cards = move || {
        match app.models.get() {
        Load::Waiting => view! {
            <div class="cards">
                {(0..3).map(|_| view! { <div class="card"><Skeleton lines=5/></div> }).collect_view()}
            </div>
        }
        .into_any(),
        Load::Failed(reason) => view! {
            <Failure title="The models could not be read" reason>
                <button class="button primary" on:click=retry>"Try again"</button>
            </Failure>
        }
        .into_any(),
        Load::Ready(models) if models.is_empty() => view! {
            <Empty title="No models yet">
                <p class="muted">"Bring a table or some pictures, and yours is the first."</p>
                <A href="/create" attr:class="button primary">"Create a model"</A>
            </Empty>
        }
        .into_any(),
        Load::Ready(_) => view! {
            <div class="cards">
                <For
                    each=move || app.models.get().ready().cloned().unwrap_or_default()
                    key=|model| (model.model, model.jobs, model.pool)
                    let(summary)
                >
                    <ModelCard summary/>
                </For>
            </div>
        }
        .into_any(),
    }
    };
    // The cards' container is only rebuilt when its kind changes, not with every block.
    let kind = Memo::new(move |_| {
        app.models.with(|models| match models {
            Load::Waiting => 0,
            Load::Failed(_) => 1,
            Load::Ready(models) if models.is_empty() => 2,
            Load::Ready(_) => 3,
        })
    });
    view! {
        <section class="hero">
            <div class="hero-text">
                <h1>"Train AI in your browser. Earn its token."</h1>
                <p class="lead">
                    "Pick a model and press Train: your own tab teaches it, right here, with nothing to install. "
                    "Publish what it learnt and you earn that model’s token — which pays for using it."
                </p>
            </div>
            <ol class="hero-steps">
                <li><strong>"Train"</strong><span>"Data stays in your tab. No account needed to start."</span></li>
                <li><strong>"Earn"</strong><span>"Publish the result and get tokens from the model’s pool."</span></li>
                <li><strong>"Use"</strong><span>"Pay a few tokens to use the model; they refill the pool."</span></li>
            </ol>
        </section>
        <section aria-labelledby="models-title">
            <div class="section-head">
                <h2 id="models-title">"Models"</h2>
                <A href="/create" attr:class="button">"Create your own"</A>
            </div>
            {move || {
                // Read, not only tracked: a memo that was never read follows nothing.
                let _ = kind.get();
                untrack(cards)
            }}
        </section>
    }
}

/// A model's card.
#[component]
fn ModelCard(
    /// What the factory says of it.
    summary: Summary,
) -> impl IntoView {
    let app = use_app();
    let digest = summary.manifest;
    let card = use_load(
        move || Some(digest),
        move |digest| async move { documents::card(&app.config(), digest).await },
    );
    let base = format!("/model/{}", summary.model);
    let description = move || match card.get() {
        Load::Ready(card) => card.description.clone(),
        Load::Waiting => "…".to_owned(),
        Load::Failed(_) => "Its description could not be fetched.".to_owned(),
    };
    let trained = summary.trainings() > 0;
    let measure = move || match trained {
        true => card.with(|card| format::measure(card.ready().map(|card| card.task()))),
        false => "Be the first",
    };
    let accuracy =
        if trained { format::ppm(summary.accuracy_ppm) } else { "no training yet".to_owned() };
    let symbol = summary.symbol.clone();
    let name = StoredValue::new(summary.name.clone());
    let amount =
        |value| format!("{} {}", format::tokens_short(summary.shown(value)), summary.symbol);
    view! {
        <article class="card model-card" data-testid="model-card" data-address=summary.model.to_string()
            on:pointerenter=move |_| spawn_local(async { let _ = model::page().await; })
        >
            <header class="card-head">
                <Identicon address=summary.model/>
                <div>
                    <h3><A href=base.clone()>{name.get_value()}</A></h3>
                    <span class="symbol">{symbol.clone()}</span>
                </div>
                <div class="card-accuracy">
                    <strong data-testid="card-accuracy">{accuracy}</strong>
                    <span>{measure}</span>
                </div>
            </header>
            <p class="card-text">{description}</p>
            <dl class="facts">
                <div><dt>"A training earns"</dt><dd>{amount(summary.reward)}</dd></div>
                <div><dt>"One use costs"</dt><dd>{amount(summary.price)}</dd></div>
                <div><dt>"Trainings"</dt><dd>{format::count(summary.trainings())}</dd></div>
            </dl>
            <div class="pool">
                <div class="pool-words">
                    <span>"Left to earn"</span>
                    <span>{amount(summary.pool)}</span>
                </div>
                <Meter share=Signal::stored(summary.pool_share()) label=format!("Share of all {symbol} left to earn")/>
            </div>
            <div class="card-actions">
                <A href=format!("{base}/train") attr:class="button primary" attr:data-testid="card-train">
                    "Train" {icons::arrow()}
                    <span class="visually-hidden">{format!(" {}", name.get_value())}</span>
                </A>
                <A href=format!("{base}/use") attr:class="button" attr:data-testid="card-use">
                    "Use"
                    <span class="visually-hidden">{format!(" {}", name.get_value())}</span>
                </A>
            </div>
        </article>
    }
}
