//! Teaching the studio one picture: an adapter is trained in a worker of its own. Goes on after a reload, and while other
//! pages are on view.

use std::sync::Arc;

use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    manifest::{Optimizer, TrainingConfig},
    message::{Bytes, Evaluation, Event, Floats, Request, TeachRequest, Tier, TrainJob},
    studio::{
        ADAPTER, AdapterSpec, AdapterText, Ask, Base, Painter,
        lesson::{Aim, Lesson},
    },
    tensors::TensorFile,
};
use leptos::{prelude::*, reactive::owner::LocalStorage};
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;

use super::{
    check::say,
    client::Client,
    pool::provide,
    studio::{Wearable, spec_of},
    transcript::Transcript,
};
use crate::{
    config::Config,
    format,
    store::{blobs, files::Origin, local, studio},
};

/// Local storage key of the lesson under way.
const UNDER_WAY: &str = "delea.lesson";
/// Local storage key of what was learnt.
const LEARNT: &str = "delea.learnt";
/// Examples of a step.
const BATCH: usize = 8;
/// How fast an adapter learns a thing.
const RATE: f32 = 3e-3;
/// How fast it learns a style, of which as many steps show many pictures less often.
const STYLE_RATE: f32 = 5e-3;
/// Steps of painting in a preview.
const PREVIEW_STEPS: u32 = 5;
/// How closely their prompts are followed.
const PREVIEW_GUIDANCE: f32 = 2.0;
/// Seed of previews, so that they change with what is learnt alone.
const PREVIEW_SEED: u32 = 7;
/// How often it is measured.
const EVALUATIONS: u32 = 6;

/// What is to be learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What it is called.
    pub(crate) name: String,
    /// The word that it gets.
    pub(crate) word: String,
    /// What is painted while it learns, to see what changes; first what it is for.
    pub(crate) previews: Vec<String>,
    /// The picture and its purpose.
    pub(crate) lesson: Kept,
    /// Ranks of the adapter.
    pub(crate) rank: usize,
    /// Steps.
    pub(crate) steps: u32,
    /// Seed of everything.
    pub(crate) seed: u64,
    /// What it is learnt on.
    pub(crate) tier: Tier,
}

/// A lesson as it is kept over a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Kept(pub(crate) Lesson);

#[derive(Serialize, Deserialize)]
struct Written {
    pixels: String,
    prompt: String,
    aim: delea_model_runtime::studio::lesson::Aim,
    flips: bool,
    attribution: String,
    licence: String,
}

impl From<Written> for Kept {
    fn from(written: Written) -> Self {
        let Written { pixels, prompt, aim, flips, attribution, licence } = written;
        let pixels = alloy_primitives::hex::decode(pixels).unwrap_or_default().into();
        Self(Lesson { pixels, prompt, aim, flips, attribution, licence })
    }
}

impl From<Kept> for Written {
    fn from(Kept(lesson): Kept) -> Self {
        let Lesson { pixels, prompt, aim, flips, attribution, licence } = lesson;
        let pixels = alloy_primitives::hex::encode(&*pixels);
        Self { pixels, prompt, aim, flips, attribution, licence }
    }
}

/// An adapter that was trained here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learnt {
    /// What can be worn.
    pub(crate) wearable: Wearable,
    /// The picture, as the gallery has pictures.
    pub(crate) pixels: String,
    /// What it is asked by.
    pub(crate) prompt: String,
    /// The data set that it was trained on.
    pub(crate) dataset: Digest,
    /// How.
    pub(crate) config: TrainingConfig,
    /// Held-out figures before.
    pub(crate) before: Evaluation,
    /// Held-out figures after.
    pub(crate) after: Evaluation,
    /// Seconds that it took.
    pub(crate) took_s: u32,
}

/// Where a lesson is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Progress {
    /// What is being prepared, in words.
    pub(crate) preparing: String,
    /// Steps done.
    pub(crate) step: u32,
    /// Steps in all.
    pub(crate) steps: u32,
    /// Steps a second.
    pub(crate) speed: f32,
    /// Loss by step.
    pub(crate) losses: Vec<(u32, f32)>,
    /// What it paints by now, each with its prompt.
    pub(crate) previews: Vec<(String, Arc<Vec<f32>>)>,
}

/// Handles to the lesson. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Lessons {
    /// The lesson under way.
    pub(crate) now: RwSignal<Option<Progress>>,
    /// Why the last one came to nothing.
    pub(crate) problem: RwSignal<Option<String>>,
    /// What was learnt in this browser, the newest first.
    pub(crate) learnt: RwSignal<Vec<Learnt>>,
    transcript: Transcript,
    config: StoredValue<Arc<Config>>,
    running: StoredValue<Option<(Client, u32)>, LocalStorage>,
    /// Counts lessons: one whose number is old was cancelled.
    run: StoredValue<u32>,
}

impl Lessons {
    /// None yet.
    pub(crate) fn new(config: Arc<Config>, transcript: Transcript) -> Self {
        Self {
            now: RwSignal::new(None),
            problem: RwSignal::new(None),
            learnt: RwSignal::new(Vec::new()),
            transcript,
            config: StoredValue::new(config),
            running: StoredValue::new_local(None),
            run: StoredValue::new(0),
        }
    }

    /// Reads what was learnt here, and goes on with what a reload ended.
    pub(crate) fn restore(self, base: &Arc<Base>) {
        if self.learnt.with_untracked(Vec::is_empty) {
            self.learnt.set(local::value(LEARNT).unwrap_or_default());
        }
        if self.now.with_untracked(Option::is_none)
            && let Some(plan) = local::value(UNDER_WAY)
        {
            self.start(base, plan);
        }
    }

    /// Begins.
    pub(crate) fn start(self, base: &Arc<Base>, plan: Plan) {
        local::set_value(UNDER_WAY, &plan);
        self.run.update_value(|run| *run += 1);
        let run = self.run.get_value();
        self.problem.set(None);
        self.now.set(Some(Progress { steps: plan.steps, ..Progress::default() }));
        let base = Arc::clone(base);
        spawn_local(async move {
            let end = self.learn(&base, &plan, run).await;
            if self.run.get_value() != run {
                return;
            }
            self.running.set_value(None);
            self.now.set(None);
            local::remove(UNDER_WAY);
            match end {
                Ok(Some(learnt)) => {
                    self.transcript.write(format!(
                        "“{}” is learnt: loss {} before, {} after, {} s",
                        learnt.prompt,
                        format::number(learnt.before.loss.into()),
                        format::number(learnt.after.loss.into()),
                        learnt.took_s
                    ));
                    self.learnt.update(|all| all.insert(0, learnt));
                    self.save();
                }
                Ok(None) => {}
                Err(error) => {
                    self.transcript.write(&error);
                    self.problem.set(Some(error));
                }
            }
        });
    }

    /// Gives it up.
    pub(crate) fn cancel(self) {
        local::remove(UNDER_WAY);
        self.run.update_value(|run| *run += 1);
        self.now.set(None);
        self.transcript.write("The lesson is stopped.");
        if let Some((client, id)) = self.running.get_value() {
            // The worker ends with it.
            let _ = client.join(id, Request::Cancel { keep_checkpoint: false });
            self.running.set_value(None);
        }
    }

    /// Forgets what was learnt.
    pub(crate) fn forget(self, learnt: &Learnt) {
        self.learnt.update(|all| all.retain(|other| other != learnt));
        self.save();
    }

    fn save(self) {
        self.learnt.with_untracked(|all| local::set_value(LEARNT, all));
    }

    fn preparing(self, run: u32, words: &str) {
        if self.run.get_value() == run {
            self.transcript.write(words);
            self.now.update(|now| {
                if let Some(now) = now {
                    words.clone_into(&mut now.preparing);
                }
            });
        }
    }

    async fn learn(self, base: &Base, plan: &Plan, run: u32) -> Result<Option<Learnt>, String> {
        let config = self.config.get_value();
        let began = js_sys::Date::now();
        self.preparing(run, "Fetching the base network…");
        let prior = base.prior.ok_or("This network brings no known pictures to learn beside.")?;
        let prior = studio::prior(&config, prior).await.map_err(say)?;
        let urls = &config.workers.studio;
        let first = if plan.tier == Tier::Gpu { &urls.gpu } else { &urls.cpu };
        let client = match begun(first).await {
            Err(_) if plan.tier == Tier::Gpu => {
                self.preparing(run, "The GPU cannot do it, so the CPU does…");
                begun(&urls.cpu).await
            }
            end => end,
        }
        .map_err(say)?;
        provide(&client, &config, Some(base.parameters)).await.map_err(say)?;
        self.preparing(run, "Looking at your picture from all sides…");
        let painter = plan.painter(base);
        let request = Request::Teach(Box::new(TeachRequest {
            lesson: plan.lesson.0.clone(),
            painter: painter.clone(),
            prior: prior.into(),
            seed: plan.seed,
        }));
        let Event::Imported(imported) = client.ask(request).await.map_err(say)? else {
            return Err("The worker gave an unexpected answer.".to_owned());
        };
        let spec = spec_of(painter.clone());
        let request = Request::Initialize { spec: spec.clone(), seed: plan.seed };
        let Event::Parameters { parameters, .. } = client.ask(request).await.map_err(say)? else {
            return Err("The worker gave an unexpected answer.".to_owned());
        };
        self.preparing(run, "Measuring where it starts…");
        let training = TrainingConfig {
            optimizer: Optimizer::default(),
            learning_rate: match plan.lesson.0.aim {
                Aim::Subject => RATE,
                Aim::Style => STYLE_RATE,
            },
            batch_size: BATCH,
            steps: plan.steps,
        };
        let prompts = &plan.previews;
        let job = TrainJob {
            job: format!("lesson-{}", plan.seed),
            spec: spec.clone(),
            config: training.clone(),
            seed: plan.seed,
            parameters,
            dataset: imported.dataset.clone(),
            evaluate_every: (plan.steps / EVALUATIONS).max(1),
            keep_leaves: false,
            segment: None,
            previews: previews(&painter, prompts),
        };
        if self.run.get_value() != run {
            return Ok(None);
        }
        let mut conversation = client.open(Request::Train(Box::new(job))).map_err(say)?;
        self.running.set_value(Some((client.clone(), conversation.id)));
        let result = loop {
            let event = conversation.next().await;
            if self.run.get_value() != run {
                return Ok(None);
            }
            match event {
                Event::Progress(progress) => self.change(|now| {
                    now.preparing.clear();
                    now.step = progress.step;
                    now.speed = progress.steps_per_second;
                    now.losses.extend(progress.losses);
                }),
                Event::Painted { step, preview, .. } => {
                    self.tell(step, plan.steps);
                    let size = painter.sizes.picture_size();
                    let pictures = preview.chunks(size).map(|one| Arc::new(one.to_vec()));
                    self.change(|now| {
                        now.previews = prompts.iter().cloned().zip(pictures).collect();
                    });
                }
                Event::Trained(result) => break result,
                Event::Cancelled { .. } => return Ok(None),
                Event::Failed { error: RuntimeError::Device { reason } } => {
                    return Err(say(reason));
                }
                Event::Failed { error } => return Err(say(error)),
                _ => {}
            }
        };
        let kept = blobs::keep(result.digest, &result.parameters, Origin::Own).await
            && blobs::keep(imported.digest, &imported.dataset, Origin::Own).await;
        if !kept {
            return Err("This browser has no room for what was learnt; free some space on the account page.".to_owned());
        }
        Ok(Some(Learnt {
            wearable: Wearable {
                name: plan.name.clone(),
                adapter: plan.adapter(base),
                words: plan.new_words(base),
                parameters: result.digest,
                model: None,
            },
            pixels: thumbnail(&plan.lesson.0, &painter),
            prompt: plan.previews.first().cloned().unwrap_or_default(),
            dataset: imported.digest,
            config: training,
            before: result.base_evaluation,
            after: result.evaluation,
            took_s: ((js_sys::Date::now() - began) / 1000.0) as u32,
        }))
    }

    /// Writes down how far it is.
    fn tell(self, step: u32, steps: u32) {
        let now = self.now.with_untracked(|now| {
            let now = now.as_ref()?;
            let (_, loss) = now.losses.last()?;
            Some(format!(
                ", loss {}, {:.1} steps a second",
                format::number((*loss).into()),
                now.speed
            ))
        });
        self.transcript.write(format!("Lesson: step {step} of {steps}{}", now.unwrap_or_default()));
    }

    fn change(self, with: impl FnOnce(&mut Progress)) {
        self.now.update(|now| {
            if let Some(now) = now {
                with(now);
            }
        });
    }
}

impl Plan {
    fn adapter(&self, base: &Base) -> AdapterSpec {
        AdapterSpec { base: base.parameters, rank: self.rank, alpha: self.rank as f32, least: None }
    }

    /// Its word, unless the base knows it.
    fn new_words(&self, base: &Base) -> Vec<String> {
        let known = base.painter.words.all().contains(&self.word);
        if known { Vec::new() } else { vec![self.word.clone()] }
    }

    fn painter(&self, base: &Base) -> Painter {
        let wearable = Wearable {
            name: String::new(),
            adapter: self.adapter(base),
            words: self.new_words(base),
            parameters: base.parameters,
            model: None,
        };
        wearable.painter(&base.painter)
    }
}

/// A worker of a lesson's own, its device ready.
async fn begun(url: &str) -> Result<Client, RuntimeError> {
    let client = Client::spawn(url).await?;
    client.ask(Request::Start).await?;
    Ok(client)
}

fn previews(painter: &Painter, prompts: &[String]) -> Floats {
    let mut rows = Vec::new();
    for prompt in prompts {
        let words = painter.words.encode(prompt, painter.sizes.length).0;
        let (seed, steps) = (PREVIEW_SEED, PREVIEW_STEPS);
        Ask { words, seed, steps, guidance: PREVIEW_GUIDANCE, scale: 1.0 }.push(&mut rows);
    }
    rows.into()
}

fn thumbnail(lesson: &Lesson, painter: &Painter) -> String {
    use delea_model_runtime::studio::view::{STORED, View};
    super::studio::pixels(&View::PLAIN.of(&lesson.pixels, STORED, painter.sizes.side))
}

/// The parameters of what was learnt, if they are still here.
pub(crate) async fn file(learnt: &Learnt) -> Option<Bytes> {
    blobs::kept(learnt.wearable.parameters).await.map(Bytes::from)
}

/// The same as a file that says what it is, for other browsers.
pub(crate) async fn file_with_text(learnt: &Learnt) -> Option<Vec<u8>> {
    let parameters = file(learnt).await?;
    let mut file = TensorFile::from_bytes(&learnt.wearable.name, &parameters).ok()?;
    let Wearable { adapter, words, .. } = &learnt.wearable;
    let text = AdapterText { adapter: adapter.clone(), words: words.clone() };
    file.metadata.insert(ADAPTER.to_owned(), serde_json::to_string(&text).ok()?);
    Some(file.to_bytes())
}
