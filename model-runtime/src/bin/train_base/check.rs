//! Measures a painter: whether a small classifier, trained on the real pictures, sees the group that was asked for; and whether
//! what is painted is nearer to the pictures that were learnt from than real pictures are to each other.

use std::{path::Path, time::Instant};

use delea_model_runtime::{
    dataset::{self, Dataset, DatasetHeader, Inputs, Targets},
    engine::{Device, Trainer, answer, flow},
    manifest::{Optimizer, TrainingConfig},
    message::{Bytes, Event, Floats, Request, TrainJob},
    rng::{Random, Stream},
    spec::{ModelSpec, Shape, Task},
    studio::{
        Ask, DitSpec,
        view::{View, pixel},
    },
    tensors::TensorFile,
};

use crate::{Result, emoji::Emojis, read};

/// Views of each real picture that the classifier learns from, the plain one among them.
const VIEWS: usize = 6;
const SEED: u64 = 11;
/// A picture is a copy of one that was learnt from if their root mean square difference is below this: what moving a picture by
/// a quarter of a pixel does.
const COPY: f32 = 0.08;
/// Pictures that are painted at once.
const AT_ONCE: usize = 16;
/// The classifier.
const LAYERS: &str = r#"[
    {"type": "conv2d", "channels": 24, "kernel": 3}, {"type": "batch_norm"}, {"type": "activation", "function": "relu"}, {"type": "max_pool2d", "size": 2},
    {"type": "conv2d", "channels": 48, "kernel": 3}, {"type": "batch_norm"}, {"type": "activation", "function": "relu"}, {"type": "max_pool2d", "size": 2},
    {"type": "conv2d", "channels": 96, "kernel": 3}, {"type": "batch_norm"}, {"type": "activation", "function": "relu"}, {"type": "max_pool2d", "size": 2},
    {"type": "flatten"}, {"type": "dropout", "rate": 0.3},
    {"type": "dense", "units": 128}, {"type": "activation", "function": "relu"}, {"type": "dense", "units": 9}
]"#;

/// A picture that was painted.
struct Painted {
    /// Which emoji's name was asked for.
    place: usize,
    picture: Vec<f32>,
}

/// Prints the figures for `each` names of every group that were learnt from, and for all that were held out.
pub(crate) async fn check(data: &Path, from: &Path, each: usize, steps: u32) -> Result<()> {
    let (emojis, spec) = read(data)?;
    let device = Device::flex();
    let kinds = kinds(&emojis);
    let classifier = Classifier::train(&emojis, &spec, &kinds, steps, &device).await?;
    let file = TensorFile::from_bytes("the parameters", &std::fs::read(from)?)?;
    let network = delea_model_runtime::engine::load(flow::build(&spec, &device)?, &file.views())?;
    let mut chosen = Vec::new();
    for kind in &kinds {
        let of_kind = |held_out: bool| {
            let places = 0..emojis.all.len();
            let fits = |place: &usize| {
                let emoji = &emojis.all[*place];
                emoji.held_out == held_out && emoji.kind == *kind
            };
            places.filter(fits).collect::<Vec<_>>()
        };
        let known = of_kind(false);
        chosen.extend(known.iter().step_by((known.len() / each).max(1)).take(each));
        chosen.extend(of_kind(true));
    }
    let begun = Instant::now();
    let mut painted = Vec::new();
    for part in chosen.chunks(AT_ONCE) {
        let ask = |place: &usize| Ask {
            words: emojis.words.encode(&emojis.all[*place].name, spec.length).0,
            seed: *place as u32,
            steps: 20,
            guidance: 3.0,
            scale: 1.0,
        };
        let asks: Vec<Ask> = part.iter().map(ask).collect();
        let pictures = flow::paint(&network, &asks, &device).await?;
        let all = part.iter().zip(pictures);
        painted.extend(all.map(|(place, picture)| Painted { place: *place, picture }));
    }
    println!("{} pictures painted in {:.0} s", painted.len(), begun.elapsed().as_secs_f64());

    println!(
        "\n| group | learnt names: right | held-out names: right | real held-out pictures: right |\n|---|---|---|---|"
    );
    let mut totals = [(0, 0); 3];
    for (number, kind) in kinds.iter().enumerate() {
        let mut cells = Vec::new();
        for (column, total) in totals.iter_mut().enumerate() {
            let pictures: Vec<Vec<f32>> = match column {
                2 => (0..emojis.all.len())
                    .filter(|place| emojis.all[*place].held_out && emojis.all[*place].kind == *kind)
                    .map(|place| emojis.picture(place, &spec, View::PLAIN))
                    .collect(),
                _ => painted
                    .iter()
                    .filter(|one| {
                        let emoji = &emojis.all[one.place];
                        emoji.held_out == (column == 1) && emoji.kind == *kind
                    })
                    .map(|one| one.picture.clone())
                    .collect(),
            };
            let right = classifier.classes(&pictures, &device).await?;
            let right = right.iter().filter(|class| **class == number).count();
            *total = (total.0 + right, total.1 + pictures.len());
            cells.push(format!("{right} of {}", pictures.len()));
        }
        println!("| {kind} | {} |", cells.join(" | "));
    }
    let share = |(right, all): (usize, usize)| {
        format!("{right} of {all} ({:.0} %)", 100.0 * right as f32 / all as f32)
    };
    println!("| **all** | {} |", totals.map(share).join(" | "));

    let known: Vec<Vec<f32>> = (0..emojis.all.len())
        .filter(|place| !emojis.all[*place].held_out)
        .flat_map(|place| {
            let flipped = View { flipped: true, ..View::PLAIN };
            [View::PLAIN, flipped].map(|view| emojis.picture(place, &spec, view))
        })
        .collect();
    println!(
        "\n| pictures | nearest that was learnt from, median | copies (nearer than {COPY}) |\n|---|---|---|"
    );
    let rows: [(&str, Vec<Vec<f32>>); 3] = [
        ("painted, learnt names", named(&emojis, &painted, false)),
        ("painted, held-out names", named(&emojis, &painted, true)),
        (
            "real, held out",
            (0..emojis.all.len())
                .filter(|place| emojis.all[*place].held_out)
                .map(|place| emojis.picture(place, &spec, View::PLAIN))
                .collect(),
        ),
    ];
    for (name, pictures) in rows {
        let mut nearest: Vec<f32> =
            pictures.iter().map(|picture| nearest(picture, &known)).collect();
        nearest.sort_by(f32::total_cmp);
        let copies = nearest.iter().filter(|far| **far < COPY).count();
        let median = nearest.get(nearest.len() / 2).copied().unwrap_or_default();
        println!("| {name} | {median:.3} | {copies} of {} |", nearest.len());
    }
    Ok(())
}

fn named(emojis: &Emojis, painted: &[Painted], held_out: bool) -> Vec<Vec<f32>> {
    let all = painted.iter().filter(|one| emojis.all[one.place].held_out == held_out);
    all.map(|one| one.picture.clone()).collect()
}

/// Root mean square difference to the nearest of `known`.
fn nearest(picture: &[f32], known: &[Vec<f32>]) -> f32 {
    let far = |other: &Vec<f32>| {
        let squares = picture.iter().zip(other).map(|(a, b)| (a.clamp(-1.0, 1.0) - b).powi(2));
        (squares.sum::<f32>() / picture.len() as f32).sqrt()
    };
    known.iter().map(far).fold(f32::INFINITY, f32::min)
}

fn kinds(emojis: &Emojis) -> Vec<String> {
    let mut all: Vec<String> = emojis.all.iter().map(|emoji| emoji.kind.clone()).collect();
    all.sort();
    all.dedup();
    all
}

struct Classifier {
    spec: ModelSpec,
    parameters: Bytes,
}

impl Classifier {
    async fn train(
        emojis: &Emojis,
        sizes: &DitSpec,
        kinds: &[String],
        steps: u32,
        device: &Device,
    ) -> Result<Self> {
        let begun = Instant::now();
        let input =
            Shape::Image { channels: sizes.channels, height: sizes.side, width: sizes.side };
        let task = Task::Classification { classes: kinds.to_vec() };
        let spec = format!(
            r#"{{"input": {}, "layers": {LAYERS}, "task": {}}}"#,
            serde_json::to_string(&input)?,
            serde_json::to_string(&task)?
        );
        let spec = ModelSpec::from_json(&spec)?;
        let mut random = Random::new(SEED, Stream::Step(0));
        let (mut pixels, mut classes, mut train, mut held_out) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (place, emoji) in emojis.all.iter().enumerate() {
            let class = kinds.iter().position(|kind| *kind == emoji.kind).unwrap_or_default();
            let flips = !matches!(&*emoji.kind, "symbol" | "flag");
            for number in 0..if emoji.held_out { 1 } else { VIEWS } {
                let view = match number {
                    0 => View::PLAIN,
                    _ => View::draw(&mut random, flips),
                };
                let picture = emojis.picture(place, sizes, view);
                pixels.extend(picture.into_iter().map(pixel));
                let example = classes.len() as u32;
                if emoji.held_out {
                    held_out.push(example)
                } else {
                    train.push(example)
                }
                classes.push(class as u32);
            }
        }
        let header = DatasetHeader {
            format: dataset::FORMAT.into(),
            name: "emoji".into(),
            licence: "OFL-1.1".into(),
            attribution: "Noto Color Emoji by Google".into(),
            input,
            task,
            scale: 1.0 / 255.0,
        };
        let (inputs, targets) = (Inputs::U8(pixels), Targets::Classes(classes));
        let dataset = Dataset { header, inputs, targets, train, held_out }.to_bytes();
        let request = Request::Initialize { spec: spec.clone(), seed: SEED };
        let Event::Parameters { parameters, .. } = answer(request, device).await? else {
            return Err("no parameters".into());
        };
        let job = TrainJob {
            job: String::new(),
            spec: spec.clone(),
            config: TrainingConfig {
                optimizer: Optimizer::default(),
                learning_rate: 1e-3,
                batch_size: 64,
                steps,
            },
            seed: SEED,
            parameters,
            dataset: dataset.into(),
            evaluate_every: 0,
            keep_leaves: false,
            segment: None,
            previews: Floats::default(),
        };
        let mut trainer = Trainer::new(job, None, device.clone()).await?;
        while !trainer.is_done() {
            trainer.advance().await?;
            if trainer.step().is_multiple_of(200) {
                println!("classifier: step {} of {steps}", trainer.step());
            }
        }
        let result = trainer.finish().await?;
        println!(
            "classifier: {:.0} % of {} real held-out pictures after {steps} steps, {:.0} s",
            f64::from(result.evaluation.accuracy_ppm) / 1e4,
            result.evaluation.examples,
            begun.elapsed().as_secs_f64()
        );
        Ok(Self { spec, parameters: result.parameters })
    }

    /// The likeliest class of each picture.
    async fn classes(&self, pictures: &[Vec<f32>], device: &Device) -> Result<Vec<usize>> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        // As the data set has them.
        let inputs: Vec<f32> =
            pictures.iter().flatten().map(|value| f32::from(pixel(*value)) / 255.0).collect();
        let request = Request::Infer {
            spec: self.spec.clone(),
            parameters: self.parameters.clone().into(),
            inputs: inputs.into(),
        };
        let Event::Outputs { rows } = answer(request, device).await? else {
            return Err("no outputs".into());
        };
        let best = |row: Floats| {
            let row = row.into_vec();
            let all = row.iter().enumerate();
            all.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(class, _)| class)
        };
        Ok(rows.into_iter().map(best).collect())
    }
}
