//! What is to be painted: words, what is worn, settings. A link holds all of it.

use std::sync::Arc;

use alloy_primitives::{Address, U256};
use delea_model_runtime::{
    limits::MAX_ADAPTERS,
    message::Tier,
    studio::{
        MAX_STEPS, SEEDS,
        view::{STORED, View},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use wasm_bindgen_futures::spawn_local;

use super::{bring::Bring, wardrobe::Wardrobe};
use crate::{
    app::use_app,
    components::{
        field::{Radio, Slider, TextArea, TextField, picked},
        icons,
        painted::Painted,
    },
    format,
    image::stored,
    input::{self, Picture},
    jobs::{
        check::say,
        studio::{Recipe, Start, Worn, picture, pixels, seed},
    },
};

/// Prompts that are painted on one click: things that the base has seen, and some that it has not.
const EXAMPLES: [&str; 8] = [
    "red apple",
    "grinning cat",
    "robot",
    "woman astronaut",
    "rainbow",
    "blue heart",
    "pizza",
    "angry pumpkin",
];
/// Letters of a prompt beyond which nobody reads.
const LONGEST: usize = 1_000;
/// Most pictures at once.
const MOST: f64 = 8.0;

/// What the visitor has decided. Copy.
#[derive(Clone, Copy)]
struct Draft {
    prompt: RwSignal<String>,
    seed: RwSignal<String>,
    steps: RwSignal<f64>,
    guidance: RwSignal<f64>,
    count: RwSignal<f64>,
    strength: RwSignal<f64>,
}

impl Draft {
    fn new() -> Self {
        let query = use_query_map().get_untracked();
        let asked = |key: &str| query.get(key);
        let number = |key: &str, least: f64, most: f64, usual: f64| {
            let given = asked(key).and_then(|text| text.parse().ok());
            RwSignal::new(given.filter(|given| (least..=most).contains(given)).unwrap_or(usual))
        };
        Self {
            prompt: RwSignal::new(asked("prompt").unwrap_or_default()),
            seed: RwSignal::new(asked("seed").unwrap_or_default()),
            steps: number("steps", 1.0, f64::from(MAX_STEPS), 20.0),
            guidance: number("guidance", 0.0, 20.0, 3.0),
            count: number("count", 1.0, MOST, 1.0),
            strength: number("strength", 0.0, 1.0, 0.6),
        }
    }

    fn seed_problem(self) -> Option<String> {
        let text = self.seed.get();
        let good = text.trim().is_empty() || text.trim().parse::<u32>().is_ok_and(|n| n < SEEDS);
        (!good).then(|| format!("A whole number below {}.", format::count(SEEDS.into())))
    }

    fn prompt_problem(self) -> Option<String> {
        let length = self.prompt.with(|prompt| prompt.chars().count());
        (length > LONGEST).then(|| {
            format!(
                "That is {} letters; {} are read at most.",
                format::count(length as u64),
                format::count(LONGEST as u64)
            )
        })
    }
}

/// Adapters that the address asks for, with how much of each: `wear=0x…:1,0x…:0.5`.
fn wanted() -> Vec<(Address, f32)> {
    let text = use_query_map().get_untracked().get("wear").unwrap_or_default();
    let one = |part: &str| {
        let (model, scale) = part.split_once(':')?;
        let scale: f32 = scale.parse().ok()?;
        Some((model.parse().ok()?, scale.clamp(0.0, 1.5)))
    };
    text.split(',').filter_map(one).take(MAX_ADAPTERS).collect()
}

/// The form.
#[component]
pub(super) fn Form() -> impl IntoView {
    let app = use_app();
    let studio = app.studio;
    let draft = Draft::new();
    let tried = RwSignal::new(false);
    let recipe = move |seed: u32| {
        let base = studio.base.with(|base| base.ready().cloned())?;
        Some(Recipe {
            base: base.parameters,
            prompt: draft.prompt.get().trim().to_owned(),
            seed,
            steps: draft.steps.get() as u32,
            guidance: draft.guidance.get() as f32,
            worn: studio.worn.get(),
            start: studio
                .start
                .get()
                .map(|pixels| Start { pixels, strength: draft.strength.get() as f32 }),
        })
    };
    let ignored = Memo::new(move |_| {
        let base = studio.base.with(|base| base.ready().cloned())?;
        draft.prompt.with(|prompt| {
            let short: String = prompt.chars().take(LONGEST).collect();
            let recipe = Recipe { prompt: short, ..recipe(0)? };
            let ignored = recipe.ignored(&base.painter);
            let known = prompt.split_whitespace().count() > ignored.len();
            (!ignored.is_empty()).then_some((ignored, known))
        })
    });
    let help = Signal::derive(move || match ignored.get() {
        None => "Things, colours, moods: “red apple”, “grinning cat”.".to_owned(),
        Some((words, known)) => {
            let mut list: Vec<String> =
                words.iter().take(5).map(|word| format!("“{word}”")).collect();
            if words.len() > 5 {
                list.push(format!("{} more", words.len() - 5));
            }
            let rest = if known { "; the other words are painted" } else { "" };
            format!("It does not know {} or has no room for it{rest}.", list.join(", "))
        }
    });
    let empty = move || draft.prompt.with(|prompt| prompt.trim().is_empty());
    let error = Signal::derive(move || match (tried.get() && empty(), draft.prompt_problem()) {
        (true, _) => Some("Say what you want to see.".to_owned()),
        (false, problem) => problem,
    });
    let paint = move || {
        tried.set(true);
        if empty() || draft.prompt_problem().is_some() || draft.seed_problem().is_some() {
            return;
        }
        let count = draft.count.get_untracked() as u32;
        let first = match draft.seed.with_untracked(|seed| seed.trim().parse().ok()) {
            Some(seed) => seed,
            None => seed(),
        };
        let recipes = (0..count).filter_map(|place| recipe((first + place) % SEEDS)).collect();
        studio.pay_and_paint(app, recipes);
    };
    let busy = move || studio.painting.with(Option::is_some);
    let paying = move || studio.paying.get();
    let price = Memo::new(move |_| {
        let worn = studio.worn.get();
        let count = draft.count.get() as u64;
        studio.published.with(|published| {
            let of = |worn: &Worn| {
                let summary = published.iter().map(|(_, summary)| summary);
                let model = worn.wearable.model?;
                let summary = summary.into_iter().find(|summary| summary.model == model)?;
                Some(summary.amount(summary.price * U256::from(count)))
            };
            worn.iter().filter_map(of).collect::<Vec<_>>().join(" and ")
        })
    });
    let cost = move || {
        price.with(|price| if price.is_empty() { String::new() } else { format!(" (pay {price})") })
    };
    // What is asked in the address is painted at once, unless it has a price.
    let wanted = RwSignal::new(wanted());
    if draft.prompt.with_untracked(|prompt| !prompt.is_empty())
        && wanted.with_untracked(Vec::is_empty)
        && !busy()
        && !paying()
    {
        paint();
    }
    Effect::new(move |_| {
        studio.published.with(|published| {
            for (model, scale) in wanted.get_untracked() {
                let found = published.iter().find(|(wearable, _)| wearable.model == Some(model));
                if let Some((wearable, _)) = found {
                    studio.put_on(wearable.clone());
                    studio.worn.update(|worn| {
                        worn.iter_mut()
                            .filter(|worn| worn.wearable.model == Some(model))
                            .for_each(|worn| worn.scale = scale);
                    });
                    wanted.update_untracked(|wanted| wanted.retain(|(other, _)| *other != model));
                }
            }
        });
    });
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !paying() {
            event.prevent_default();
            paint();
        }
    };
    let again = move |recipe: Recipe| {
        draft.prompt.set(recipe.prompt);
        draft.seed.set(recipe.seed.to_string());
        draft.steps.set(recipe.steps.into());
        draft.guidance.set(recipe.guidance.into());
        studio.worn.set(recipe.worn);
        studio.start.set(recipe.start.as_ref().map(|start| start.pixels.clone()));
        if let Some(start) = recipe.start {
            draft.strength.set(start.strength.into());
        }
    };
    // A piece of the gallery gives its settings back.
    Effect::new(move |_| {
        if let Some(recipe) = studio.taken.get() {
            studio.taken.set(None);
            again(recipe);
        }
    });
    // Of another network nothing is known but its words.
    let examples = Memo::new(move |_| match studio.base_name.with(Option::is_none) {
        true => EXAMPLES.map(str::to_owned).to_vec(),
        false => studio.base.with(|base| {
            let words = base.ready().map(|base| base.painter.words.all());
            words.unwrap_or_default().iter().take(EXAMPLES.len()).cloned().collect()
        }),
    });
    let start = Memo::new(move |_| studio.start.get());
    let begin_with = move |event: leptos::ev::Event| {
        let Some(file) = picked(&event).into_iter().next() else { return };
        let side = studio.base().map_or(0, |base| base.painter.sizes.side);
        spawn_local(async move {
            match input::picture(&file).await {
                Ok(Picture { rgba, width, height, .. }) => {
                    let small = stored(&rgba, (width, height), (0.5, 0.5), 1.0);
                    studio.problem.set(None);
                    studio.start.set(Some(pixels(&View::PLAIN.of(&small, STORED, side))));
                }
                Err(error) => studio.problem.set(Some(say(error))),
            }
        });
    };
    view! {
        <section class="panel studio-form" aria-label="What to paint" on:keydown=key>
            <TextArea id="studio-prompt" label="What do you want to see?" value=draft.prompt rows=2 help=help error=error/>
            <div class="chips" role="group" aria-label="Examples">
                {move || examples.get().into_iter().map(|example| view! {
                    <button class="chip" type="button" disabled=paying on:click={
                        let example = example.clone();
                        move |_| {
                            draft.prompt.set(example.clone());
                            draft.seed.set(String::new());
                            paint();
                        }
                    }>{example.clone()}</button>
                }).collect_view()}
            </div>
            <Wardrobe/>
            {move || start.get().map(|pixels| view! {
                <div class="studio-start" data-testid="studio-start">
                    <Painted picture=Signal::stored(Arc::new(picture(&pixels))) label="The picture that it begins with"/>
                    <div>
                        <Slider id="studio-strength" label="How much is painted anew" value=draft.strength min=0.1 max=1.0 step=0.05 words=Signal::derive(move || format::percent(draft.strength.get()))/>
                        <button class="button quiet" on:click=move |_| studio.start.set(None)>"Begin with noise instead"</button>
                    </div>
                </div>
            })}
            <Bring/>
            <details class="more" data-testid="studio-settings">
                <summary>"Settings"</summary>
                <div class="form-grid">
                    <Slider id="studio-steps" label="Steps" value=draft.steps min=4.0 max=50.0 step=1.0 words=Signal::derive(move || format!("{}", draft.steps.get())) help="More take longer and are finer."/>
                    <Slider id="studio-guidance" label="Guidance" value=draft.guidance min=1.0 max=8.0 step=0.5 words=Signal::derive(move || format!("{:.1}", draft.guidance.get())) help="How closely your words are followed; high makes colours harsh."/>
                    <Slider id="studio-count" label="Pictures" value=draft.count min=1.0 max=MOST step=1.0 words=Signal::derive(move || format!("{}", draft.count.get()))/>
                    <TextField id="studio-seed" label="Seed" value=draft.seed inputmode="numeric" placeholder="by chance" help="The same seed and settings give the same picture." error=Signal::derive(move || draft.seed_problem())/>
                </div>
                <fieldset class="choices">
                    <legend>"Device"</legend>
                    <Radio group="studio-device" id="studio-cpu" label="CPU" words="Exact: the same seed gives the same picture everywhere, to the bit" value=Tier::Cpu chosen=studio.tier/>
                    <Radio group="studio-device" id="studio-gpu" label="GPU" words="Through WebGPU; falls back to the CPU" value=Tier::Gpu chosen=studio.tier/>
                </fieldset>
                <label class="button quiet file-button">
                    {icons::upload()} <span>"Begin with a picture of yours"</span>
                    <input class="visually-hidden" type="file" accept="image/*" data-testid="studio-start-file" on:change=begin_with/>
                </label>
            </details>
            <div class="studio-run">
                <button class="button primary huge" data-testid="studio-paint" disabled=paying on:click=move |_| paint()>
                    {move || paying().then(icons::spinner)}
                    <span>{move || match (paying(), busy()) {
                        (true, _) => "Paying…".to_owned(),
                        (false, true) => format!("Paint next{}", cost()),
                        (false, false) => format!("Paint{}", cost()),
                    }}</span>
                </button>
                <Show when=busy>
                    <button class="button huge" data-testid="studio-cancel" on:click=move |_| studio.cancel()>{icons::cross()} <span>"Stop"</span></button>
                </Show>
            </div>
            {move || studio.notice.get().map(|notice| view! {
                <p class="callout" role="status" data-testid="studio-notice">{icons::info()} <span>{notice}</span></p>
            })}
            {move || studio.problem.get().map(|problem| view! {
                <p class="callout bad" role="alert" data-testid="studio-problem">{icons::alert()} <span>{problem}</span></p>
            })}
        </section>
    }
}
