//! Measures a painter: whether a small classifier, trained on the real pictures, sees the group that was asked for; and whether
//! what is painted is nearer to the pictures that were learnt from than real pictures are to each other.

use std::{path::Path, time::Instant};

use delea_model_runtime::{
    dataset::{self, Dataset, DatasetHeader, Inputs, Targets},
    engine::{Device, Network, Trainer, answer, flow, load},
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

/// A picture, and the emoji that it shows or was asked for by the name of.
struct Picture {
    place: usize,
    numbers: Vec<f32>,
}

/// Prints the figures for `each` names of every group that were learnt from, and for all that were held out.
pub(crate) async fn check(data: &Path, from: &Path, each: usize, steps: u32) -> Result<()> {
    let (emojis, spec) = read(data)?;
    let device = Device::flex();
    let kinds = kinds(&emojis);
    let classifier = Classifier::train(&emojis, &spec, &kinds, steps, &device).await?;
    let file = TensorFile::from_bytes("the parameters", &std::fs::read(from)?)?;
    let network = load(flow::build(&spec, &device)?, &file.views())?;
    let places = |kind: Option<&String>, held_out: bool| -> Vec<usize> {
        let all = emojis.all.iter().enumerate();
        let fits = all.filter(|(_, emoji)| {
            emoji.held_out == held_out && kind.is_none_or(|kind| emoji.kind == *kind)
        });
        fits.map(|(place, _)| place).collect()
    };
    let learnt: Vec<usize> = kinds
        .iter()
        .flat_map(|kind| {
            let known = places(Some(kind), false);
            known
                .iter()
                .step_by((known.len() / each).max(1))
                .take(each)
                .copied()
                .collect::<Vec<_>>()
        })
        .collect();
    let held_out = places(None, true);
    let begun = Instant::now();
    let mut painted = Vec::new();
    for places in [&learnt, &held_out] {
        painted.push(paint(&emojis, &spec, &network, places, &device).await?);
    }
    let count = learnt.len() + held_out.len();
    println!("{count} pictures painted in {:.0} s", begun.elapsed().as_secs_f64());
    let real = held_out.iter().map(|place| Picture {
        place: *place,
        numbers: emojis.picture(*place, &spec, View::PLAIN),
    });
    painted.push(real.collect());
    let names = ["painted, learnt names", "painted, held-out names", "real, held out"];

    println!("\n| group: right | {} |\n|---|---|---|---|", names.join(" | "));
    let mut totals = [0; 3];
    for (number, kind) in kinds.iter().enumerate() {
        let mut cells = Vec::new();
        for (pictures, total) in painted.iter().zip(&mut totals) {
            let of_kind = pictures.iter().filter(|one| emojis.all[one.place].kind == *kind);
            let numbers: Vec<&[f32]> = of_kind.map(|one| &*one.numbers).collect();
            let classes = classifier.classes(&numbers, &device).await?;
            let right = classes.iter().filter(|class| **class == number).count();
            *total += right;
            cells.push(format!("{right} of {}", numbers.len()));
        }
        println!("| {kind} | {} |", cells.join(" | "));
    }
    let shares: Vec<String> = painted
        .iter()
        .zip(totals)
        .map(|(all, right)| {
            let all = all.len();
            format!("{right} of {all} ({:.0} %)", 100.0 * right as f32 / all as f32)
        })
        .collect();
    println!("| **all** | {} |", shares.join(" | "));

    let known: Vec<Vec<f32>> = places(None, false)
        .into_iter()
        .flat_map(|place| {
            let flipped = View { flipped: true, ..View::PLAIN };
            [View::PLAIN, flipped].map(|view| emojis.picture(place, &spec, view))
        })
        .collect();
    println!(
        "\n| pictures | nearest that was learnt from, median | copies (nearer than {COPY}) |\n|---|---|---|"
    );
    for (name, pictures) in names.into_iter().zip(&painted) {
        let mut nearest: Vec<f32> =
            pictures.iter().map(|one| nearest(&one.numbers, &known)).collect();
        nearest.sort_by(f32::total_cmp);
        let copies = nearest.iter().filter(|far| **far < COPY).count();
        let median = nearest.get(nearest.len() / 2).copied().unwrap_or_default();
        println!("| {name} | {median:.3} | {copies} of {} |", nearest.len());
    }
    Ok(())
}

/// Paints the names of emojis.
async fn paint(
    emojis: &Emojis,
    spec: &DitSpec,
    network: &Network,
    places: &[usize],
    device: &Device,
) -> Result<Vec<Picture>> {
    let mut painted = Vec::new();
    for part in places.chunks(AT_ONCE) {
        let ask = |place: &usize| Ask {
            words: emojis.words.encode(&emojis.all[*place].name, spec.length).0,
            seed: *place as u32,
            steps: 20,
            guidance: 3.0,
            scale: 1.0,
        };
        let asks: Vec<Ask> = part.iter().map(ask).collect();
        let all = part.iter().zip(flow::paint(network, &asks, device).await?);
        painted.extend(all.map(|(place, numbers)| Picture { place: *place, numbers }));
    }
    Ok(painted)
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
    async fn classes(&self, pictures: &[&[f32]], device: &Device) -> Result<Vec<usize>> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        // As the data set has them.
        let inputs: Vec<f32> = pictures
            .iter()
            .copied()
            .flatten()
            .map(|value| f32::from(pixel(*value)) / 255.0)
            .collect();
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
