//! Trains the studio's base network on Noto Color Emoji.

mod check;
mod emoji;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand};
use delea_model_runtime::{
    content::Digest,
    dataset::{self, Dataset, DatasetHeader, Inputs, Targets},
    engine::{Device, flow},
    rng::{Random, Stream},
    studio::{
        Ask, Base, DitSpec, Painter,
        view::{self, View},
    },
    tensors::{Element, TensorFile, TensorValue},
};
use emoji::Emojis;

/// Sizes of the base network; its words are the data's.
const SPEC: DitSpec = DitSpec {
    side: 32,
    channels: 4,
    patch: 4,
    width: 256,
    depth: 6,
    heads: 4,
    hidden: 1024,
    vocabulary: 0,
    length: 8,
};
const SEED: u64 = 1;
/// Steps until the learning rate is reached, and the share of the training after which it falls.
const WARM_UP: f64 = 300.0;
const FALLS_AFTER: f64 = 0.5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Trains the studio's base network on Noto Color Emoji.
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Reads the font's pictures.
    Prepare {
        /// NotoColorEmoji.ttf.
        #[arg(long, default_value = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")]
        font: PathBuf,
        /// Where the pictures go.
        #[arg(long)]
        data: PathBuf,
    },
    /// Trains, from where it stopped.
    Train(Train),
    /// Writes what a page that paints is given: the parameters as half floats, words and sizes, and pictures that an
    /// adapter's training is to leave as they are.
    Export {
        /// The pictures.
        #[arg(long)]
        data: PathBuf,
        /// Parameters (safetensors).
        #[arg(long)]
        from: PathBuf,
        /// Folder of the files.
        #[arg(long)]
        out: PathBuf,
    },
    /// Measures whether what is painted shows the group that was asked for, and is no copy.
    Check {
        /// The pictures.
        #[arg(long)]
        data: PathBuf,
        /// Parameters (safetensors).
        #[arg(long)]
        from: PathBuf,
        /// Names of each group among those that were learnt from.
        #[arg(long, default_value_t = 24)]
        each: usize,
        /// Steps of the classifier's training.
        #[arg(long, default_value_t = 1500)]
        steps: u32,
    },
    /// Paints a sheet of pictures.
    Paint {
        /// The pictures, for their words.
        #[arg(long)]
        data: PathBuf,
        /// Folder of the training's state.
        #[arg(long)]
        state: PathBuf,
        /// Where the sheet goes (PNG).
        #[arg(long)]
        out: PathBuf,
        /// Paints these instead of 32 known and 32 held-out names.
        #[arg(long)]
        prompt: Vec<String>,
        /// Steps of painting.
        #[arg(long, default_value_t = 20)]
        steps: u32,
        /// How far beyond the unprompted picture the prompt pulls.
        #[arg(long, default_value_t = 3.0)]
        guidance: f32,
    },
}

#[derive(Args)]
struct Train {
    /// The pictures.
    #[arg(long)]
    data: PathBuf,
    /// Folder of the training's state.
    #[arg(long)]
    state: PathBuf,
    /// Begins with these parameters (f32 safetensors) instead of random ones.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Steps in all.
    #[arg(long)]
    steps: u32,
    /// Ends, and lets the learning rate fall, after so many seconds if that is earlier.
    #[arg(long)]
    seconds: Option<f64>,
    /// Pictures of a step.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Learning rate.
    #[arg(long, default_value_t = 1e-3)]
    rate: f64,
    /// Seconds between saves.
    #[arg(long, default_value_t = 60.0)]
    save_every: f64,
}

fn main() -> Result<()> {
    match Command::parse().what {
        What::Prepare { font, data } => {
            let emojis = Emojis::from_font(&fs::read(font)?)?;
            let held_out = emojis.all.iter().filter(|emoji| emoji.held_out).count();
            println!(
                "{} pictures, {held_out} of them held out, {} words",
                emojis.all.len(),
                emojis.words.count()
            );
            Ok(fs::write(data, emojis.to_file()?.to_bytes())?)
        }
        What::Train(train) => pollster::block_on(run(train)),
        What::Export { data, from, out } => export(&data, &from, &out),
        What::Check { data, from, each, steps } => {
            pollster::block_on(check::check(&data, &from, each, steps))
        }
        What::Paint { data, state, out, prompt, steps, guidance } => {
            pollster::block_on(paint(&data, &state, &out, prompt, steps, guidance))
        }
    }
}

fn device() -> Device {
    #[cfg(feature = "vulkan")]
    return Device::vulkan(burn::tensor::DeviceKind::DefaultDevice);
    #[cfg(not(feature = "vulkan"))]
    Device::flex()
}

fn read(data: &Path) -> Result<(Emojis, DitSpec)> {
    let emojis = Emojis::from_file(&TensorFile::from_bytes("the pictures", &fs::read(data)?)?)?;
    let spec = DitSpec { vocabulary: emojis.words.count(), ..SPEC };
    Ok((emojis, spec))
}

const AVERAGE: &str = "average";
const FILES: [&str; 3] = ["parameters", AVERAGE, "optimizer"];

/// The step of the state in a folder, if there is one.
fn saved_step(folder: &Path) -> Result<Option<u32>> {
    let Ok(step) = fs::read_to_string(folder.join("step")) else { return Ok(None) };
    Ok(Some(step.trim().parse()?))
}

fn load(folder: &Path, name: &str, step: u32) -> Result<TensorFile> {
    let file = format!("{name}-{step}.safetensors");
    Ok(TensorFile::from_bytes(&file, &fs::read(folder.join(&file))?)?)
}

fn save(folder: &Path, files: &[TensorFile; 3], step: u32) -> Result<()> {
    for (name, file) in FILES.iter().zip(files) {
        fs::write(folder.join(format!("{name}-{step}.safetensors")), file.to_bytes())?;
    }
    let old = fs::read_to_string(folder.join("step")).unwrap_or_default();
    fs::write(folder.join("step.new"), step.to_string())?;
    fs::rename(folder.join("step.new"), folder.join("step"))?;
    if !old.is_empty() && old != step.to_string() {
        for name in FILES {
            // It is in nobody's way if it stays.
            drop(fs::remove_file(folder.join(format!("{name}-{old}.safetensors"))));
        }
    }
    Ok(())
}

/// Batches in the order of their steps, made on other threads.
fn batches(
    emojis: Emojis,
    spec: &DitSpec,
    count: usize,
    from: u32,
) -> impl FnMut() -> Result<flow::Batch> + use<> {
    let threads = thread::available_parallelism()
        .map_or(1, |n| n.get().saturating_sub(1))
        .clamp(1, 16) as u32;
    let emojis = Arc::new(emojis);
    let receivers: Vec<_> = (0..threads)
        .map(|thread| {
            let (sender, receiver) = mpsc::sync_channel(2);
            let (emojis, spec) = (emojis.clone(), spec.clone());
            thread::spawn(move || {
                let mut step = from + thread;
                while sender.send(batch(&emojis, &spec, count, step)).is_ok() {
                    step += threads;
                }
            });
            receiver
        })
        .collect();
    let mut next = 0;
    move || {
        let batch = receivers[next].recv()?;
        next = (next + 1) % receivers.len();
        Ok(batch)
    }
}

fn batch(emojis: &Emojis, spec: &DitSpec, count: usize, step: u32) -> flow::Batch {
    let mut random = Random::new(SEED, Stream::Step(step));
    let mut batch = flow::Batch::default();
    for _ in 0..count {
        let (picture, prompt) = emojis.draw(spec, &mut random);
        batch.pictures.extend(picture);
        batch.prompts.extend(prompt);
        batch.times.push(flow::time(&mut random));
    }
    batch.noise = flow::noise(&mut random, batch.pictures.len());
    batch
}

async fn run(train: Train) -> Result<()> {
    let (emojis, spec) = read(&train.data)?;
    fs::create_dir_all(&train.state)?;
    let device = device();
    let mut training = match (saved_step(&train.state)?, &train.from) {
        (Some(step), _) => {
            let [parameters, average, optimizer] = FILES.map(|name| load(&train.state, name, step));
            let files = [parameters?, average?, optimizer?];
            flow::Training::resume(&spec, &files, step, &device)?
        }
        (None, Some(file)) => {
            let parameters = TensorFile::from_bytes("the parameters", &fs::read(file)?)?;
            flow::Training::of(&spec, &parameters, &device)?
        }
        (None, None) => flow::Training::new(&spec, SEED, &device)?,
    };
    let mut next = batches(emojis, &spec, train.batch, training.step());
    let mut log =
        fs::OpenOptions::new().create(true).append(true).open(train.state.join("loss.csv"))?;
    let (begun, first) = (Instant::now(), training.step());
    let (mut saved, mut said) = (begun, begun);
    let mut losses = Vec::new();
    while training.step() < train.steps {
        let spent = begun.elapsed().as_secs_f64();
        let step = f64::from(training.step());
        let by_time = train.seconds.map_or(0.0, |seconds| spent / seconds);
        let done = (step / f64::from(train.steps)).max(by_time);
        if done >= 1.0 {
            break;
        }
        let falls = ((done - FALLS_AFTER) / (1.0 - FALLS_AFTER)).clamp(0.0, 1.0);
        let rate = train.rate
            * ((step + 1.0) / WARM_UP).min(1.0)
            * (0.5 + 0.5 * (std::f64::consts::PI * falls).cos());
        losses.push(training.advance(next()?, rate)?);
        // Device queues must not grow without end, and a person wants to see something.
        if losses.len() >= 50
            || said.elapsed() > Duration::from_secs(10)
            || training.step() - first <= 2
        {
            let count = losses.len();
            let mut sum = 0.0;
            for loss in losses.drain(..) {
                sum += loss.into_scalar::<f32>();
            }
            let (loss, spent) = (sum / count as f32, begun.elapsed().as_secs_f64());
            writeln!(log, "{},{spent:.1},{loss:.5},{rate:.2e}", training.step())?;
            if said.elapsed() > Duration::from_secs(5) || training.step() - first <= 2 {
                let speed = f64::from(training.step() - first) / spent;
                println!(
                    "step {} loss {loss:.4} rate {rate:.1e} {speed:.2} steps/s {spent:.0} s",
                    training.step()
                );
                said = Instant::now();
            }
        }
        if saved.elapsed().as_secs_f64() > train.save_every {
            save(&train.state, &training.save().await?, training.step())?;
            saved = Instant::now();
        }
    }
    save(&train.state, &training.save().await?, training.step())?;
    println!("{} steps", training.step());
    Ok(())
}

async fn paint(
    data: &Path,
    state: &Path,
    out: &Path,
    mut prompts: Vec<String>,
    steps: u32,
    guidance: f32,
) -> Result<()> {
    let (emojis, spec) = read(data)?;
    let step = saved_step(state)?.ok_or("there is no training in this folder")?;
    let average = load(state, AVERAGE, step)?;
    let device = device();
    let network =
        delea_model_runtime::engine::load(flow::build(&spec, &device)?, &average.views())?;
    if prompts.is_empty() {
        let names = |held_out: bool| {
            let all = emojis.all.iter().filter(move |emoji| emoji.held_out == held_out);
            let each = all.clone().count() / 32;
            all.step_by(each.max(1)).take(32).map(|emoji| emoji.name.clone())
        };
        prompts = names(false).chain(names(true)).collect();
    }
    let mut pictures = Vec::new();
    let begun = Instant::now();
    for part in prompts.chunks(16) {
        let ask = |(seed, prompt): (u32, &String)| Ask {
            words: emojis.words.encode(prompt, spec.length).0,
            seed,
            steps,
            guidance,
            scale: 1.0,
        };
        let first = 7 + (pictures.len() / spec.picture_size()) as u32;
        let asks: Vec<Ask> = (first..).zip(part).map(ask).collect();
        let painted = flow::paint(&network, &asks, &device).await?;
        pictures.extend(painted.iter().flat_map(|picture| spec.to_patches(picture)));
    }
    println!("{} pictures in {:.2} s", prompts.len(), begun.elapsed().as_secs_f64());
    let originals: BTreeMap<&str, usize> =
        emojis.all.iter().enumerate().map(|(place, emoji)| (&*emoji.name, place)).collect();
    sheet(&spec, &pictures, 8, out)?;
    let known: Vec<f32> = prompts
        .iter()
        .flat_map(|prompt| match originals.get(&**prompt) {
            Some(place) => spec.to_patches(&emojis.picture(*place, &spec, View::PLAIN)),
            None => vec![-1.0; spec.picture_size()],
        })
        .collect();
    sheet(&spec, &known, 8, &out.with_extension("real.png"))?;
    println!("{}", prompts.join("\n"));
    Ok(())
}

/// Known pictures that an adapter is trained beside, and those that it is measured on.
const PRIOR: usize = 56;
const PRIOR_HELD_OUT_EVERY: usize = 7;

fn export(data: &Path, from: &Path, out: &Path) -> Result<()> {
    let (emojis, sizes) = read(data)?;
    let painter = Painter { sizes, words: emojis.words.clone(), adapter: None };
    let mut parameters = TensorFile::from_bytes("the parameters", &fs::read(from)?)?;
    for (name, tensor) in &mut parameters.tensors {
        if tensor.element == Element::F32 {
            let values = tensor.to_f32(name)?;
            let halves =
                values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
            *tensor = TensorValue::new(tensor.shape.clone(), Element::F16, halves);
        }
    }
    parameters.metadata = BTreeMap::new();
    let (parameters, prior) = (parameters.to_bytes(), prior(&emojis, &painter).to_bytes());
    let known = Digest::of(&prior);
    let base = Base { painter, parameters: Digest::of(&parameters), prior: Some(known) };
    fs::create_dir_all(out)?;
    fs::write(out.join("base.safetensors"), parameters)?;
    fs::write(out.join("prior.safetensors"), prior)?;
    fs::write(out.join("base.json"), serde_json::to_vec(&base)?)?;
    println!("{} {known}", base.parameters);
    Ok(())
}

/// Pictures of every kind under their names.
fn prior(emojis: &Emojis, painter: &Painter) -> Dataset {
    let sizes = &painter.sizes;
    let all: Vec<usize> =
        (0..emojis.all.len()).filter(|place| !emojis.all[*place].held_out).collect();
    let chosen = all.iter().step_by(all.len() / PRIOR).take(PRIOR).copied();
    let (mut inputs, mut pixels) = (Vec::new(), Vec::new());
    for place in chosen {
        let words = emojis.words.encode(&emojis.all[place].name, sizes.length).0;
        Ask { words, seed: 0, steps: 1, guidance: 1.0, scale: 1.0 }.push(&mut inputs);
        let picture = emojis.picture(place, sizes, View::PLAIN);
        pixels.extend(picture.iter().map(|value| view::pixel(*value)));
    }
    let held_out = |i: &u32| (*i as usize).is_multiple_of(PRIOR_HELD_OUT_EVERY);
    let (held_out, train) = (0..PRIOR as u32).partition(held_out);
    let header = DatasetHeader {
        format: dataset::FORMAT.into(),
        name: "Known pictures".into(),
        licence: "OFL-1.1".into(),
        attribution: "Noto Color Emoji by Google".into(),
        input: painter.input(),
        task: painter.task(),
        scale: 1.0,
    };
    let (inputs, targets) = (Inputs::F32(inputs), Targets::Pixels(pixels));
    Dataset { header, inputs, targets, train, held_out }
}

/// Pictures side by side on white, each pixel three wide.
fn sheet(spec: &DitSpec, pictures: &[f32], columns: usize, out: &Path) -> Result<()> {
    const ZOOM: usize = 3;
    let side = spec.side;
    let count = pictures.len() / spec.picture_size();
    let (wide, high) = (columns * side * ZOOM, count.div_ceil(columns) * side * ZOOM);
    let sheet = image::RgbImage::from_fn(wide as u32, high as u32, |x, y| {
        let (x, y) = (x as usize / ZOOM, y as usize / ZOOM);
        let place = y / side * columns + x / side;
        let (row, column) = (y % side, x % side);
        let value = |channel: usize| {
            let at = place * spec.picture_size() + spec.place(channel, row, column);
            pictures.get(at).map_or(0.0, |value| (value + 1.0) / 2.0)
        };
        let alpha = value(3).clamp(0.0, 1.0);
        image::Rgb(
            [0, 1, 2].map(|colour| ((value(colour) + 1.0 - alpha).clamp(0.0, 1.0) * 255.0) as u8),
        )
    });
    Ok(sheet.save(out)?)
}
