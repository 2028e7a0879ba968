//! Adapters of a painter, trained as jobs are, on a base that was trained a moment before.
#![cfg(all(feature = "cpu", feature = "studio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::OnceLock;

use delea_model_runtime::{
    RuntimeError,
    content::Digest,
    dataset::{Dataset, DatasetHeader, FORMAT, Inputs, Targets},
    engine::{
        Device, Trainer, answer,
        flow::{self, Painting, Start},
        provided,
    },
    manifest::{Optimizer, TrainingConfig},
    message::{Bytes, Event, Floats, Request, TrainJob, TrainResult},
    rng::{Random, Stream},
    spec::{Body, ModelSpec},
    studio::{AdapterSpec, Ask, DitSpec, NO_WORD, Painter, Words},
};
use pollster::block_on;

const SIZES: DitSpec = DitSpec {
    side: 8,
    channels: 4,
    patch: 2,
    width: 48,
    depth: 2,
    heads: 3,
    hidden: 96,
    vocabulary: 3,
    length: 3,
};
const SEED: u64 = 5;

fn words(extra: &[&str]) -> Words {
    Words::new(["dark", "bright"].iter().chain(extra).map(|word| (*word).to_owned()).collect())
}

fn plain() -> Painter {
    Painter { sizes: SIZES, words: words(&[]), adapter: None }
}

fn adapted() -> Painter {
    let adapter = AdapterSpec { base: base().1, rank: 4, alpha: 4.0, least: None };
    Painter { sizes: SIZES, words: words(&["zorp"]), adapter: Some(adapter) }
}

fn spec(painter: Painter) -> ModelSpec {
    ModelSpec { input: painter.input(), task: painter.task(), body: Body::Painter(painter.into()) }
}

/// Dark pictures for the first word, bright ones for the second.
fn batch(step: u32) -> flow::Batch {
    let mut random = Random::new(SEED, Stream::Step(step));
    let mut batch = flow::Batch::default();
    for i in 0..8u32 {
        let value = if i % 2 == 1 { 0.8 } else { -0.8 };
        batch.pictures.extend(vec![value; SIZES.picture_size()]);
        let word = if i < 6 { 1 + i % 2 } else { NO_WORD };
        batch.prompts.extend([word, NO_WORD, NO_WORD]);
        batch.times.push(flow::time(&mut random));
    }
    batch.noise = flow::noise(&mut random, batch.pictures.len());
    batch
}

/// The base network's file, and its digest.
fn base() -> &'static (Vec<u8>, Digest) {
    static BASE: OnceLock<(Vec<u8>, Digest)> = OnceLock::new();
    BASE.get_or_init(|| {
        let device = Device::flex();
        let mut training = flow::Training::new(&SIZES, SEED, &device).unwrap();
        while training.step() < 400 {
            drop(training.advance(batch(training.step()), 3e-3).unwrap());
        }
        let file = block_on(training.save()).unwrap()[1].to_bytes();
        let digest = Digest::of(&file);
        (file, digest)
    })
}

fn ask(request: Request) -> Result<Event, RuntimeError> {
    block_on(answer(request, &Device::flex()))
}

fn provide() {
    let file = Bytes::from(base().0.clone()).into();
    match ask(Request::Provide { file }).unwrap() {
        Event::Provided { digest } => assert_eq!(digest, base().1),
        other => panic!("{other:?}"),
    }
}

/// Bright in two channels and dark in two, as nothing that the base has seen.
fn subject() -> Vec<u8> {
    let pixel = |i: usize| if (i / (SIZES.side * SIZES.side)).is_multiple_of(2) { 230 } else { 25 };
    (0..SIZES.picture_size()).map(pixel).collect()
}

/// Twelve times the subject for the new word, and what the base knows beside it.
fn dataset(painter: &Painter) -> Vec<u8> {
    let (mut inputs, mut pixels) = (Vec::new(), Vec::new());
    for i in 0..24 {
        let (prompt, picture) = match i {
            0..12 => ("zorp", subject()),
            _ if i % 2 == 1 => ("bright", vec![230; SIZES.picture_size()]),
            _ => ("dark", vec![25; SIZES.picture_size()]),
        };
        let words = painter.words.encode(prompt, SIZES.length).0;
        Ask { words, seed: 0, steps: 1, guidance: 1.0, scale: 1.0 }.push(&mut inputs);
        pixels.extend(picture);
    }
    let held_out = vec![0, 12, 13];
    let header = DatasetHeader {
        format: FORMAT.into(),
        name: "channels".into(),
        licence: "CC0-1.0".into(),
        attribution: "these tests".into(),
        input: painter.input(),
        task: painter.task(),
        scale: 1.0,
    };
    let train = (0..24).filter(|i| !held_out.contains(i)).collect();
    let (inputs, targets) = (Inputs::F32(inputs), Targets::Pixels(pixels));
    Dataset { header, inputs, targets, train, held_out }.to_bytes()
}

fn parameters(spec: &ModelSpec) -> Bytes {
    match ask(Request::Initialize { spec: spec.clone(), seed: 1 }).unwrap() {
        Event::Parameters { parameters, .. } => parameters,
        other => panic!("{other:?}"),
    }
}

fn job(painter: Painter, steps: u32) -> TrainJob {
    let dataset = dataset(&painter).into();
    let spec = spec(painter);
    TrainJob {
        job: "test".into(),
        parameters: parameters(&spec),
        dataset,
        spec,
        config: TrainingConfig {
            optimizer: Optimizer::default(),
            learning_rate: 5e-3,
            batch_size: 8,
            steps,
        },
        seed: 1,
        evaluate_every: 0,
        keep_leaves: false,
        segment: None,
        previews: Floats::default(),
    }
}

fn train(job: TrainJob, stop: Option<u32>) -> TrainResult {
    block_on(async {
        let mut trainer = Trainer::new(job.clone(), None, Device::flex()).await.unwrap();
        while !trainer.is_done() {
            if stop == Some(trainer.step()) {
                let checkpoint = trainer.checkpoint().await.unwrap();
                trainer =
                    Trainer::new(job.clone(), Some(&checkpoint), Device::flex()).await.unwrap();
                assert_eq!(Some(trainer.step()), stop);
            }
            trainer.advance().await.unwrap();
        }
        trainer.finish().await.unwrap()
    })
}

fn paint(painter: &Painter, parameters: &Bytes, prompt: &str, scale: f32) -> Vec<f32> {
    let (words, unknown) = painter.words.encode(prompt, SIZES.length);
    assert!(unknown.is_empty());
    let mut inputs = Vec::new();
    Ask { words, seed: 9, steps: 10, guidance: 2.0, scale }.push(&mut inputs);
    let parameters = parameters.clone().into();
    let request = Request::Infer { spec: spec(painter.clone()), parameters, inputs: inputs.into() };
    match ask(request).unwrap() {
        Event::Outputs { mut rows } => rows.remove(0).into_vec(),
        other => panic!("{other:?}"),
    }
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / one.len() as f32
}

fn values(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|pixel| f32::from(*pixel) / 127.5 - 1.0).collect()
}

#[test]
fn an_adapter_learns_a_picture_and_leaves_the_rest() {
    provide();
    let painter = adapted();
    let begun = parameters(&spec(painter.clone()));
    let result = train(job(painter.clone(), 300), None);
    assert!(result.evaluation.loss < 0.8 * result.base_evaluation.loss, "{result:?}");
    let wanted = values(&subject());
    let before = paint(&painter, &begun, "zorp", 1.0);
    let after = paint(&painter, &result.parameters, "zorp", 1.0);
    let (was, is) = (distance(&before, &wanted), distance(&after, &wanted));
    assert!(is < 0.3 * was, "{was} to {is}");
    for prompt in ["dark", "bright"] {
        let base = paint(&plain(), &base().0.clone().into(), prompt, 1.0);
        assert!(distance(&base, &paint(&painter, &result.parameters, prompt, 1.0)) < 0.05);
        // Nothing of the adapter is worn.
        assert_eq!(base, paint(&painter, &result.parameters, prompt, 0.0));
        // An adapter begins by changing nothing.
        assert_eq!(base, paint(&painter, &begun, prompt, 1.0));
    }
}

#[test]
fn a_training_of_an_adapter_goes_on_bit_for_bit() {
    provide();
    let whole = train(job(adapted(), 110), None);
    let halved = train(job(adapted(), 110), Some(57));
    assert_eq!(whole.digest, halved.digest);
    assert_eq!(whole.checkpoint_root, halved.checkpoint_root);
    assert!(whole.parameters.len() < 60_000, "{}", whole.parameters.len());
}

#[test]
fn a_painter_is_trained_whole() {
    let job = TrainJob { parameters: base().0.clone().into(), ..job_of_base() };
    let result = train(job, None);
    assert!(result.evaluation.loss < result.base_evaluation.loss, "{result:?}");
}

/// The pictures of the adapter's data set under the base's words.
fn job_of_base() -> TrainJob {
    let mut painter = plain();
    painter.words = words(&["zorp"]);
    painter.sizes.vocabulary = 4;
    let mut data = Dataset::from_bytes(&dataset(&painter)).unwrap();
    // The new word is left out: the base has no vector for it.
    if let Inputs::F32(inputs) = &mut data.inputs {
        inputs.iter_mut().step_by(painter.input().len()).for_each(|word| *word = word.min(2.0));
    }
    let spec = spec(plain());
    TrainJob {
        parameters: Bytes::default(),
        dataset: data.to_bytes().into(),
        config: TrainingConfig { steps: 60, learning_rate: 1e-3, ..config() },
        spec,
        job: "whole".into(),
        seed: 2,
        evaluate_every: 0,
        keep_leaves: false,
        segment: None,
        previews: Floats::default(),
    }
}

fn config() -> TrainingConfig {
    TrainingConfig { optimizer: Optimizer::default(), learning_rate: 5e-3, batch_size: 8, steps: 1 }
}

#[test]
fn adapters_are_worn_together_and_a_start_is_kept() {
    provide();
    let device = Device::flex();
    let network = provided(&plain(), base().1, &device).unwrap();
    let result = train(job(adapted(), 100), None);
    let wear =
        |scale: f32| (flow::adapter(&adapted(), &result.parameters, &device).unwrap(), scale);
    let ask = |word: u32| Ask {
        words: vec![word, NO_WORD, NO_WORD],
        seed: 3,
        steps: 6,
        guidance: 1.5,
        scale: 1.0,
    };
    let paint = |wardrobe, ask: &Ask, start: Option<&Start>| {
        let mut painting =
            Painting::new(&network, wardrobe, std::slice::from_ref(ask), start, &device).unwrap();
        while !painting.is_done() {
            painting.advance();
        }
        block_on(painting.pictures()).unwrap().remove(0)
    };
    let alone = paint(vec![wear(1.0)], &ask(3), None);
    // The second one's word is the number after the first one's.
    let both = paint(vec![wear(0.0), wear(1.0)], &ask(4), None);
    assert_eq!(alone, both);
    assert_ne!(alone, paint(vec![wear(0.5), wear(0.5)], &ask(4), None));
    // Nothing is painted anew.
    let picture = values(&subject());
    let start = |strength| Start { picture: picture.clone(), strength };
    assert_eq!(paint(vec![], &ask(1), Some(&start(0.0))), picture);
    let some = distance(&paint(vec![], &ask(1), Some(&start(0.4))), &picture);
    let all = paint(vec![], &ask(1), Some(&start(1.0)));
    assert!(0.0 < some && some < distance(&all, &picture), "{some}");
    assert_eq!(all, paint(vec![], &ask(1), None));
}

#[test]
fn what_cannot_be_painted_is_told() {
    let refused = |painter: Painter| spec(painter).validate().unwrap_err().to_string();
    let text = refused(Painter { words: words(&["zorp"]), ..plain() });
    assert!(text.contains("words is 3, but must be 2 to 2"), "{text}");
    let adapter = |rank, alpha| Some(AdapterSpec { base: base().1, rank, alpha, least: None });
    let text = refused(Painter { adapter: adapter(0, 1.0), ..plain() });
    assert!(text.contains("rank is 0"), "{text}");
    let text = refused(Painter { adapter: adapter(1, f32::NAN), ..plain() });
    assert!(text.contains("alpha is NaN"), "{text}");
    let mut other = spec(plain());
    other.input = adapted().input();
    other.validate().unwrap();
    other.task = delea_model_runtime::spec::Task::Painting { channels: 3, side: 8 };
    assert!(other.validate().unwrap_err().to_string().contains("the task is"), "{other:?}");
    // The thread of this test was provided with nothing yet.
    std::thread::spawn(|| {
        let text = ask(Request::Initialize { spec: spec(adapted()), seed: 1 }).unwrap_err();
        assert!(text.to_string().contains("was not provided before its adapter"), "{text}");
    })
    .join()
    .unwrap();
    let row = |row: [f32; 7]| Ask::read(&row, 3).unwrap_err().to_string();
    for (odd, words) in [
        ([3.0, 0.0, 0.0, 1.0, 5.0, 1.0, 1.0], "the number of a word is 3"),
        ([0.5, 0.0, 0.0, 1.0, 5.0, 1.0, 1.0], "a whole number from 0 to 2"),
        ([0.0, 0.0, 0.0, -1.0, 5.0, 1.0, 1.0], "the seed is -1"),
        ([0.0, 0.0, 0.0, 1.0, 101.0, 1.0, 1.0], "steps is 101"),
        ([0.0, 0.0, 0.0, 1.0, 5.0, 21.0, 1.0], "guidance is 21"),
        ([0.0, 0.0, 0.0, 1.0, 5.0, 1.0, -0.1], "scale is -0.1"),
    ] {
        assert!(row(odd).contains(words), "{}", row(odd));
    }
}

#[test]
fn a_painters_parameters_are_named_as_its_network_names_them() {
    provide();
    for painter in [plain(), adapted()] {
        let spec = spec(painter);
        let file = match &spec.body {
            Body::Painter(painter) if painter.adapter.is_none() => base().0.clone().into(),
            _ => parameters(&spec),
        };
        let file = delea_model_runtime::tensors::TensorFile::from_bytes("it", &file).unwrap();
        let mut named = spec.parameters().unwrap();
        named.sort();
        let found: Vec<_> =
            file.tensors.into_iter().map(|(name, value)| (name, value.shape)).collect();
        assert_eq!(named, found);
        let count: usize = found.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(spec.parameter_count().unwrap(), count as u64);
    }
}
