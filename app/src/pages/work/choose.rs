//! What to work on, and within which limits.

use alloy_primitives::Address;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    chain::contracts::Summary,
    components::states::{Failure, Skeleton},
    format,
    jobs::market::Doing,
    load::Load,
};

/// Shares of the processor's time that are offered, in percent.
const SHARES: [u32; 4] = [25, 50, 75, 100];

/// The panel.
#[component]
pub(super) fn Choose() -> impl IntoView {
    let app = use_app();
    let market = app.market;
    let chosen = market.chosen;
    let on = Memo::new(move |_| chosen.with(|chosen| chosen.on));
    let ready = move || chosen.with(|c| !c.models.is_empty() && (c.train || c.infer));
    let models = move || match app.models.get() {
        Load::Waiting => view! { <Skeleton lines=2/> }.into_any(),
        Load::Failed(reason) => {
            view! { <Failure title="The models could not be read" reason/> }.into_any()
        }
        Load::Ready(models) => {
            models.into_iter().map(|model| view! { <ModelChoice model/> }).collect_view().into_any()
        }
    };
    let kind = move |id: &'static str,
                     label: &'static str,
                     words: &'static str,
                     get: fn(&crate::jobs::market::Chosen) -> bool,
                     set: fn(&mut crate::jobs::market::Chosen, bool)| {
        view! {
            <label class="check">
                <input type="checkbox" data-testid=id prop:checked=move || chosen.with(get)
                    on:change:target=move |event| market.choose(|c| set(c, event.target().checked()))/>
                <span><strong>{label}</strong>" "<span class="muted">{words}</span></span>
            </label>
        }
    };
    let refused = RwSignal::new(false);
    let idle = move |wanted: bool| {
        refused.set(false);
        if !wanted {
            market.choose(|c| c.idle = false);
            return;
        }
        spawn_local(async move {
            let granted = market.ask_idle().await;
            refused.try_set(!granted);
            market.choose(|c| c.idle = granted);
        });
    };
    let summary = move || {
        chosen.with(|c| {
            let kinds = match (c.infer, c.train) {
                (true, true) => "inferences and trainings",
                (true, false) => "inferences",
                _ => "trainings",
            };
            let mut words = format!(
                "{kinds} for {}, with up to {} % of a processor core",
                format::plural(c.models.len() as u64, "model"),
                c.percent
            );
            if c.mains {
                words.push_str(", on mains power alone");
            }
            if c.idle {
                words.push_str(", while nobody uses this computer");
            }
            format!("This tab does {words}. Stop to change it.")
        })
    };
    let stop = move || {
        view! {
            <section class="panel">
                <p data-testid="work-summary">{summary}</p>
                <button class="button" data-testid="work-stop" disabled=move || market.state.with(|s| matches!(s.doing, Doing::Signing(_))) on:click=move |_| spawn_local(market.stop(app))>"Stop, and take the bonds back"</button>
            </section>
        }
    };
    let start = move || {
        view! {
            <section class="panel">
                <h2>"What to do"</h2>
                <fieldset class="choices">
                    <legend>"Models"</legend>
                    {models}
                </fieldset>
                <fieldset class="choices">
                    <legend>"Kinds of jobs"</legend>
                    {kind("work-infer", "Inference", "answer questions; 0.3 points each", |c| c.infer, |c, v| c.infer = v)}
                    {kind("work-train", "Training", "train for others; 0.7 points each, and the reward", |c| c.train, |c, v| c.train = v)}
                </fieldset>
                <fieldset class="choices">
                    <legend>"Limits"</legend>
                    <label class="check">
                        <span>"Use up to "</span>
                        <select class="select" data-testid="work-share" on:change=move |event| {
                            if let Ok(percent) = event_target_value(&event).parse() {
                                market.choose(|c| c.percent = percent);
                            }
                        }>
                            {SHARES.map(|percent| view! {
                                <option value=percent.to_string() selected=move || chosen.with(|c| c.percent) == percent>{format!("{percent} %")}</option>
                            })}
                        </select>
                        <span>" of one processor core’s time"</span>
                    </label>
                    {kind("work-mains", "Only on mains power", "where the browser says so", |c| c.mains, |c, v| c.mains = v)}
                    <label class="check">
                        <input type="checkbox" data-testid="work-idle" prop:checked=move || chosen.with(|c| c.idle)
                            on:change:target=move |event| idle(event.target().checked())/>
                        <span><strong>"Only while nobody uses this computer"</strong>" "<span class="muted">"the browser asks once whether this page may know"</span></span>
                    </label>
                    <Show when=move || refused.get()>
                        <p class="field-error" role="alert" data-testid="idle-refused">"This browser does not tell this page whether somebody uses the computer."</p>
                    </Show>
                </fieldset>
                <p class="small-print muted">
                    "Jobs run on the processor: others must be able to repeat them bit for bit, which graphics cards do not allow. Your wallet signs taking a job, sealing it, showing it, and receiving."
                </p>
                <button class="button primary" data-testid="work-start" disabled=move || !ready() on:click=move |_| market.start(app)>"Start working"</button>
                <Show when=move || !ready()>
                    <p class="muted">"Choose a model and a kind of job first."</p>
                </Show>
            </section>
        }
    };
    move || if on.get() { stop().into_any() } else { start().into_any() }
}

/// One model.
#[component]
fn ModelChoice(
    /// The model.
    model: Summary,
) -> impl IntoView {
    let market = use_app().market;
    let address: Address = model.model;
    let price = model.amount(model.price);
    view! {
        <label class="check">
            <input type="checkbox" data-testid="work-model" data-model=address.to_string()
                prop:checked=move || market.chosen.with(|c| c.models.contains(&address))
                on:change:target=move |event| {
                    let wanted = event.target().checked();
                    market.choose(|c| {
                        c.models.retain(|other| *other != address);
                        if wanted {
                            c.models.push(address);
                        }
                    });
                }/>
            <span>
                <strong>{model.name.clone()}</strong>" "
                <span class="muted"><code>{format::short_address(&address)}</code>{format!(", a use costs {price}")}</span>
            </span>
        </label>
    }
}
