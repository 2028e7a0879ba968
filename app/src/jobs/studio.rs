//! Painting in this tab: what is asked, what is worn, what comes of it. Lives above the pages, so leaving one does not stop it.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{Address, hex};
use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    limits::MAX_ADAPTERS,
    message::{Event, PaintJob, Request, Tier, WornAdapter},
    spec::{Body, ModelSpec},
    studio::{AdapterSpec, Ask, Base, Painter, SEEDS, Words, view::pixel},
    tensors::TensorValue,
};
use leptos::{prelude::*, reactive::owner::LocalStorage};
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;

use super::{
    asking,
    check::say,
    client::Client,
    pool::{Kind, Pool},
    transcript::Transcript,
};
use crate::{
    app::App,
    browser,
    chain::contracts::Summary,
    config::Config,
    format,
    load::Load,
    store::{blobs, documents, hash, local, studio},
};

/// Local storage key of the gallery.
const GALLERY: &str = "delea.gallery";
/// Local storage key of the adapters from files.
const LOADED: &str = "delea.adapters";
/// Pictures that are kept; each takes some twenty kilobytes.
const KEPT: usize = 120;
/// Most pictures that wait their turn.
const MOST_WAITING: usize = 32;
/// Steps between two looks at what is being painted.
const PREVIEW_EVERY: u32 = 2;

/// An adapter that can be worn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wearable {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) adapter: AdapterSpec,
    /// Words that it adds.
    pub(crate) words: Vec<String>,
    /// Its parameter file.
    pub(crate) parameters: Digest,
    /// The model of which it is the head, if it is on the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Address>,
}

impl Wearable {
    /// The network that it makes of the base.
    pub(crate) fn painter(&self, base: &Painter) -> Painter {
        let words = base.words.all().iter().chain(&self.words).cloned().collect();
        Painter {
            sizes: base.sizes.clone(),
            words: Words::new(words),
            adapter: Some(self.adapter.clone()),
        }
    }
}

/// An adapter and how much of it is worn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worn {
    /// Which.
    pub(crate) wearable: Wearable,
    /// 1 for what was trained.
    pub(crate) scale: f32,
}

/// A picture to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Its pixels, as a [`Piece`] has them.
    pub(crate) pixels: String,
    /// How much of it is painted anew.
    pub(crate) strength: f32,
}

/// All that a picture depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// The base network's parameter file.
    pub(crate) base: Digest,
    /// What is to be seen.
    pub(crate) prompt: String,
    /// Seed of the noise.
    pub(crate) seed: u32,
    /// Steps from noise to picture.
    pub(crate) steps: u32,
    /// How closely the prompt is followed.
    pub(crate) guidance: f32,
    /// What is worn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) worn: Vec<Worn>,
    /// What it begins with, if not with noise alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Start>,
}

impl Recipe {
    /// The words that are known with what is worn.
    pub(crate) fn words(&self, base: &Painter) -> Words {
        let own = self.worn.iter().flat_map(|worn| &worn.wearable.words);
        Words::new(base.words.all().iter().chain(own).cloned().collect())
    }

    /// Words of the prompt that are not read.
    pub(crate) fn ignored(&self, base: &Painter) -> Vec<String> {
        self.words(base).encode(&self.prompt, base.sizes.length).1
    }
}

/// A picture that was painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// How.
    pub(crate) recipe: Recipe,
    /// `[channel, row, column]`, a byte each, in hexadecimal digits.
    pub(crate) pixels: String,
    /// Digest of the numbers that the network gave: another run on the exact tier gives the same.
    pub(crate) digest: Digest,
    /// Whether the CPU painted it.
    pub(crate) exact: bool,
    /// Seconds since 1970.
    pub(crate) made_at: u64,
    /// Milliseconds that it took.
    pub(crate) took_ms: u32,
}

impl Piece {
    /// The numbers, `[channel, row, column]`, as far as bytes keep them.
    pub(crate) fn picture(&self) -> Vec<f32> {
        picture(&self.pixels)
    }
}

/// A seed of noise by chance.
pub(crate) fn seed() -> u32 {
    (browser::seed() % u64::from(SEEDS)) as u32
}

/// A painter as a model's spec.
pub(crate) fn spec_of(painter: Painter) -> ModelSpec {
    ModelSpec {
        input: painter.input(),
        task: painter.task(),
        body: Body::Painter(Box::new(painter)),
    }
}

/// Numbers of a picture from its bytes in hexadecimal digits.
pub(crate) fn picture(pixels: &str) -> Vec<f32> {
    let bytes = hex::decode(pixels).unwrap_or_default();
    bytes.into_iter().map(|byte| f32::from(byte) / 127.5 - 1.0).collect()
}

/// A picture's bytes in hexadecimal digits.
pub(crate) fn pixels(picture: &[f32]) -> String {
    hex::encode(picture.iter().map(|value| pixel(*value)).collect::<Vec<u8>>())
}

/// What is being painted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Painting {
    /// What is being prepared, in words.
    pub(crate) preparing: String,
    /// Steps done and in all, of the picture at hand.
    pub(crate) steps: (u32, u32),
    /// Pictures done since nothing waited.
    pub(crate) done: u32,
    /// What it is likely to become.
    pub(crate) preview: Option<Arc<Vec<f32>>>,
}

/// Handles to the studio. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Studio {
    /// The base network.
    pub(crate) base: RwSignal<Load<Arc<Base>>>,
    /// What is being painted, if anything is.
    pub(crate) painting: RwSignal<Option<Painting>>,
    /// What is to be painted after it.
    pub(crate) waiting: RwSignal<VecDeque<Recipe>>,
    /// What happened, line by line.
    pub(crate) transcript: Transcript,
    /// Whether what is worn is being paid for.
    pub(crate) paying: RwSignal<bool>,
    /// What went otherwise than was chosen.
    pub(crate) notice: RwSignal<Option<String>>,
    /// Why the last painting came to nothing.
    pub(crate) problem: RwSignal<Option<String>>,
    /// What was painted, the newest first.
    pub(crate) gallery: RwSignal<Vec<Piece>>,
    /// The piece on view.
    pub(crate) shown: RwSignal<Option<Piece>>,
    /// Adapters of the base on the chain, the newest first.
    pub(crate) published: RwSignal<Vec<(Wearable, Summary)>>,
    /// Pixels of the picture that the next one begins with.
    pub(crate) start: RwSignal<Option<String>>,
    /// What is worn.
    pub(crate) worn: RwSignal<Vec<Worn>>,
    /// A recipe that the form is to take over.
    pub(crate) taken: RwSignal<Option<Recipe>>,
    /// What paints and learns.
    pub(crate) tier: RwSignal<Tier>,
    /// Adapters from files, the newest first.
    pub(crate) loaded: RwSignal<Vec<Wearable>>,
    /// Name of the file that the base network is from, if it is not this site's.
    pub(crate) base_name: RwSignal<Option<String>>,
    config: StoredValue<Arc<Config>>,
    pool: Pool,
    running: StoredValue<Option<(Client, u32)>, LocalStorage>,
    /// Counts paintings: one whose number is old was cancelled.
    run: StoredValue<u32>,
    /// What was paid for and is not painted yet, and to which model.
    paid: StoredValue<Vec<(Recipe, Address)>>,
}

impl Studio {
    /// Nothing is painted yet.
    pub(crate) fn new(config: Arc<Config>, pool: Pool, transcript: Transcript) -> Self {
        Self {
            base: RwSignal::new(Load::Waiting),
            painting: RwSignal::new(None),
            waiting: RwSignal::new(VecDeque::new()),
            transcript,
            paying: RwSignal::new(false),
            notice: RwSignal::new(None),
            problem: RwSignal::new(None),
            gallery: RwSignal::new(Vec::new()),
            shown: RwSignal::new(None),
            published: RwSignal::new(Vec::new()),
            start: RwSignal::new(None),
            worn: RwSignal::new(Vec::new()),
            taken: RwSignal::new(None),
            tier: RwSignal::new(Tier::Cpu),
            loaded: RwSignal::new(Vec::new()),
            base_name: RwSignal::new(None),
            config: StoredValue::new(config),
            pool,
            running: StoredValue::new_local(None),
            run: StoredValue::new(0),
            paid: StoredValue::new(Vec::new()),
        }
    }

    /// The base network, if it is known by now.
    pub(crate) fn base(self) -> Option<Arc<Base>> {
        self.base.with_untracked(|base| base.ready().cloned())
    }

    /// Keeps an adapter from a file, and puts it on.
    pub(crate) fn load(self, wearable: Wearable) {
        self.loaded.update(|all| {
            all.retain(|other| other.parameters != wearable.parameters);
            all.insert(0, wearable.clone());
        });
        self.loaded.with_untracked(|all| local::set_value(LOADED, all));
        self.put_on(wearable);
    }

    /// Paints with another base network, or with this site's.
    pub(crate) fn change_base(self, other: Option<(Base, String)>) {
        self.cancel();
        self.worn.set(Vec::new());
        self.start.set(None);
        self.published.set(Vec::new());
        match other {
            Some((base, name)) => {
                self.base_name.set(Some(name));
                self.base.set(Load::Ready(Arc::new(base)));
            }
            None => {
                self.base_name.set(None);
                self.base.set(Load::Waiting);
                self.open();
            }
        }
    }

    /// Reads which adapters of the base are on the chain.
    pub(crate) async fn find_published(self, app: App) {
        let Some(base) = self.base() else { return };
        let models = app.models.with_untracked(|models| models.ready().cloned());
        let config = app.config();
        let mut found = Vec::new();
        for summary in models.unwrap_or_default().into_iter().rev() {
            // What cannot be read now may be read with the next block.
            let Ok(manifest) = documents::manifest(&config, summary.manifest).await else {
                continue;
            };
            let Body::Painter(painter) = &manifest.spec.body else { continue };
            let Some(adapter) = painter.adapter.clone() else { continue };
            if adapter.base == base.parameters {
                let words = painter.words.all().get(base.painter.words.all().len()..);
                let wearable = Wearable {
                    name: summary.name.clone(),
                    adapter,
                    words: words.unwrap_or_default().to_vec(),
                    parameters: summary.parameters,
                    model: Some(summary.model),
                };
                found.push((wearable, summary));
            }
        }
        if self.published.with_untracked(|known| *known != found) {
            self.published.set(found);
        }
    }

    /// Pays for what is worn, then paints.
    pub(crate) fn pay_and_paint(self, app: App, recipes: Vec<Recipe>) {
        let owed: Vec<(Recipe, Address)> = recipes
            .iter()
            .flat_map(|recipe| {
                let models = recipe.worn.iter().filter_map(|worn| worn.wearable.model);
                models.map(|model| (recipe.clone(), model))
            })
            .filter(|one| self.paid.with_value(|paid| !paid.contains(one)))
            .collect();
        if owed.is_empty() {
            return self.paint(recipes);
        }
        self.problem.set(None);
        self.paying.set(true);
        spawn_local(async move {
            let done = self.pay(app, owed).await;
            self.paying.set(false);
            match done {
                Ok(()) => self.paint(recipes),
                Err(error) => {
                    self.transcript.write(error.as_deref().unwrap_or("Not paid."));
                    self.problem.set(error);
                }
            }
        });
    }

    async fn pay(self, app: App, owed: Vec<(Recipe, Address)>) -> Result<(), Option<String>> {
        for (recipe, model) in owed {
            let asked = Digest::of(&serde_json::to_vec(&recipe).unwrap_or_default());
            self.transcript.write(format!(
                "Paying {} for “{}”.",
                format::short_address(&model),
                recipe.prompt
            ));
            asking::pay(app, model, asked).await?;
            self.transcript.write("Paid.");
            self.paid.update_value(|paid| paid.push((recipe, model)));
        }
        Ok(())
    }

    /// Fetches what every painting needs, once somebody looks.
    pub(crate) fn open(self) {
        if self.gallery.with_untracked(Vec::is_empty) {
            let kept: Vec<Piece> = local::value(GALLERY).unwrap_or_default();
            self.shown.set(kept.first().cloned());
            self.gallery.set(kept);
            self.loaded.set(local::value(LOADED).unwrap_or_default());
        }
        if self.base.with_untracked(|base| base.ready().is_some()) {
            return;
        }
        self.base.set(Load::Waiting);
        spawn_local(async move {
            match studio::base().await {
                Ok(base) => {
                    self.base.set(Load::Ready(Arc::clone(&base)));
                    // They are on their way while the visitor still thinks of words.
                    let _ = self.worker(&base).await;
                }
                Err(error) => self.base.set(Load::Failed(error.to_string())),
            }
        });
    }

    /// The worker that paints, with the base network, and what it computes on: the processor, where the graphics card cannot.
    async fn worker(self, base: &Base) -> Result<(Client, Tier), RuntimeError> {
        let (config, parameters) = (self.config.get_value(), base.parameters);
        let tier = self.tier.get_untracked();
        let of = |tier| self.pool.with_base(&config, Kind::Painters, Some(parameters), tier);
        match of(tier).await {
            Err(RuntimeError::Device { reason }) if tier == Tier::Gpu => {
                self.fall_back(&reason);
                of(Tier::Cpu).await.map(|(client, _)| (client, Tier::Cpu))
            }
            end => end.map(|(client, _)| (client, tier)),
        }
    }

    /// The graphics card is left alone from now on.
    fn fall_back(self, reason: &str) {
        let words = format!("The GPU cannot do it ({reason}), so the CPU does.");
        self.transcript.write(&words);
        self.tier.set(Tier::Cpu);
        self.notice.set(Some(words));
    }

    /// Paints pictures one after the other, each into the gallery, after those that wait already.
    pub(crate) fn paint(self, recipes: Vec<Recipe>) {
        let Some(base) = self.base() else { return };
        self.notice.set(None);
        let waiting = self.waiting.with_untracked(VecDeque::len) + recipes.len();
        if waiting > MOST_WAITING {
            self.problem.set(Some(format!(
                "At most {MOST_WAITING} pictures wait their turn; let some be painted first."
            )));
            return;
        }
        self.problem.set(None);
        self.waiting.update(|waiting| waiting.extend(recipes));
        if self.painting.with_untracked(Option::is_some) {
            self.transcript.write(format!("Waiting: {waiting}."));
            return;
        }
        self.run.update_value(|run| *run += 1);
        let run = self.run.get_value();
        self.painting.set(Some(Painting::default()));
        spawn_local(async move {
            while let Some(recipe) = self.next() {
                let end = self.one(&base, &recipe, run).await;
                if self.run.get_value() != run {
                    return;
                }
                match end {
                    Ok(Some(piece)) => self.keep(piece),
                    Ok(None) => {}
                    // The next ones would end alike.
                    Err(error) => {
                        self.transcript.write(&error);
                        self.problem.set(Some(error));
                        self.waiting.update(VecDeque::clear);
                    }
                }
            }
            self.painting.set(None);
        });
    }

    /// The picture whose turn it is.
    fn next(self) -> Option<Recipe> {
        let recipe = self.waiting.try_update(VecDeque::pop_front)??;
        self.painting.update(|painting| {
            if let Some(painting) = painting {
                "Preparing…".clone_into(&mut painting.preparing);
                painting.steps = (0, recipe.steps);
                painting.preview = None;
            }
        });
        Some(recipe)
    }

    async fn one(self, base: &Base, recipe: &Recipe, run: u32) -> Result<Option<Piece>, String> {
        let config = self.config.get_value();
        let (client, tier) = self.worker(base).await.map_err(say)?;
        self.tell(base, recipe, tier);
        let mut adapters = Vec::with_capacity(recipe.worn.len());
        for Worn { wearable, scale } in &recipe.worn {
            let what = format!("the adapter {}", wearable.name);
            let parameters = blobs::get(&config, wearable.parameters, &what).await.map_err(say)?;
            adapters.push(WornAdapter {
                painter: wearable.painter(&base.painter),
                parameters: parameters.into(),
                scale: *scale,
            });
        }
        let words = recipe.words(&base.painter);
        let mut ask = Vec::new();
        Ask {
            words: words.encode(&recipe.prompt, base.painter.sizes.length).0,
            seed: recipe.seed,
            steps: recipe.steps,
            guidance: recipe.guidance,
            scale: 1.0,
        }
        .push(&mut ask);
        let start = recipe.start.as_ref();
        let job = PaintJob {
            painter: base.painter.clone(),
            base: base.parameters,
            adapters,
            ask: ask.into(),
            start: start.map(|start| (picture(&start.pixels).into(), start.strength)),
            preview_every: PREVIEW_EVERY,
        };
        if self.run.get_value() != run {
            return Ok(None);
        }
        let began = js_sys::Date::now();
        let mut conversation = client.open(Request::Paint(Box::new(job))).map_err(say)?;
        self.running.set_value(Some((client.clone(), conversation.id)));
        let end = loop {
            match conversation.next().await {
                // Of one that was stopped nobody wants to hear.
                Event::Painted { .. } if self.run.get_value() != run => {}
                Event::Painted { step, steps, preview } => {
                    let each = (js_sys::Date::now() - began) / f64::from(step.max(1));
                    self.transcript.write(format!("Step {step} of {steps}, {each:.0} ms a step"));
                    self.painting.update(|painting| {
                        if let Some(painting) = painting {
                            painting.steps = (step, steps);
                            painting.preparing.clear();
                            if !preview.is_empty() {
                                painting.preview = Some(Arc::new(preview.into_vec()));
                            }
                        }
                    });
                }
                Event::Outputs { mut rows } => break Ok(rows.pop()),
                Event::Cancelled { .. } => break Ok(None),
                Event::Failed { error } => {
                    if let RuntimeError::Device { .. } = error {
                        self.pool.end(Kind::Painters, tier);
                    }
                    break Err(say(error));
                }
                _ => {}
            }
        };
        client.close(conversation.id);
        // The next one may run by now.
        if self.run.get_value() == run {
            self.running.set_value(None);
        }
        let Some(row) = end? else { return Ok(None) };
        let row = row.into_vec();
        let numbers = TensorValue::from_f32(vec![row.len()], &row).bytes;
        Ok(Some(Piece {
            recipe: recipe.clone(),
            pixels: pixels(&row),
            digest: hash::digest(&numbers).await,
            exact: tier == Tier::Cpu,
            made_at: browser::now(),
            took_ms: (js_sys::Date::now() - began) as u32,
        }))
    }

    /// Writes down what is painted.
    fn tell(self, base: &Base, recipe: &Recipe, tier: Tier) {
        let Recipe { prompt, seed, steps, guidance, worn, start, .. } = recipe;
        let mut words = format!(
            "“{prompt}”: seed {seed}, {steps} steps, guidance {guidance:.1}, on the {}",
            if tier == Tier::Cpu { "CPU" } else { "GPU" }
        );
        for Worn { wearable, scale } in worn {
            words += &format!(", wearing {} × {scale:.2}", wearable.name);
        }
        if let Some(start) = start {
            words += &format!(", over a picture ({} anew)", format::percent(start.strength.into()));
        }
        self.transcript.write(words);
        let ignored = recipe.ignored(&base.painter);
        if !ignored.is_empty() {
            self.transcript.write(format!("Words that are not read: {}", ignored.join(", ")));
        }
    }

    /// Puts an adapter on, and asks for what it was taught.
    pub(crate) fn wear(self, wearable: Wearable, prompt: String) {
        self.put_on(wearable);
        let Some(base) = self.base() else { return };
        self.taken.set(Some(Recipe {
            base: base.parameters,
            prompt,
            seed: seed(),
            steps: 20,
            guidance: 3.0,
            worn: self.worn.get_untracked(),
            start: None,
        }));
    }

    /// Puts an adapter on, in place of the oldest if there are too many.
    pub(crate) fn put_on(self, wearable: Wearable) {
        self.worn.update(|worn| {
            if worn.iter().all(|other| other.wearable.parameters != wearable.parameters) {
                worn.push(Worn { wearable, scale: 1.0 });
            }
            if worn.len() > MAX_ADAPTERS {
                worn.remove(0);
            }
        });
    }

    /// Stops what is being painted.
    pub(crate) fn cancel(self) {
        self.run.update_value(|run| *run += 1);
        self.waiting.update(VecDeque::clear);
        if self.painting.with_untracked(Option::is_some) {
            self.transcript.write("Stopped.");
        }
        self.painting.set(None);
        if let Some((client, id)) = self.running.get_value() {
            // It ended a moment before, if the worker minds.
            let _ = client.join(id, Request::Cancel { keep_checkpoint: false });
        }
    }

    fn keep(self, piece: Piece) {
        let took = f64::from(piece.took_ms) / 1000.0;
        self.transcript
            .write(format!("Done in {took:.1} s; SHA-256 of its numbers: {}", piece.digest));
        self.painting.update(|painting| {
            if let Some(painting) = painting {
                painting.done += 1;
            }
        });
        self.paid.update_value(|paid| paid.retain(|(recipe, _)| *recipe != piece.recipe));
        self.shown.set(Some(piece.clone()));
        self.gallery.update(|gallery| {
            gallery.insert(0, piece);
            gallery.truncate(KEPT);
        });
        self.gallery.with_untracked(|gallery| local::set_value(GALLERY, gallery));
    }

    /// Takes a piece out of the gallery.
    pub(crate) fn remove(self, piece: &Piece) {
        self.gallery.update(|gallery| gallery.retain(|other| other != piece));
        self.gallery.with_untracked(|gallery| local::set_value(GALLERY, gallery));
        if self.shown.with_untracked(|shown| shown.as_ref() == Some(piece)) {
            self.shown.set(self.gallery.with_untracked(|gallery| gallery.first().cloned()));
        }
    }
}
