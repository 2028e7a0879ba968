//! Broken files, of every format that is read: an error or a result, never a panic, nor more memory than
//! was declared, nor a wait. `FUZZ_SECONDS` is how long each reader is tried; ONNX's own cases are broken in `onnx.rs`.
#![cfg(all(feature = "cpu", feature = "graph", feature = "import"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/broken.rs"]
mod breakage;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::{Cursor, Write},
    time::{Duration, Instant},
};

use delea_model_runtime::{
    dataset::Dataset,
    engine::{Device, answer, open},
    import::{export, import, read_model},
    limits,
    message::{Envelope, Event, ExportFormat, ImportRequest, ModelFiles, NamedFile, Request},
    spec::{Activation, Body, LayerSpec, ModelSpec, Shape, Task},
    tensors::TensorFile,
    wire,
};
use image::{DynamicImage, ImageFormat, RgbImage};
use pollster::block_on;
use zip::{ZipWriter, write::SimpleFileOptions};

use breakage::broken;

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    let held = HELD.get() + change;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// Sound: it hands everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a file may unpack to, and a data set made of it.
const MOST_HELD: isize = (limits::MAX_UNPACKED_BYTES + 4 * limits::MAX_DATA_VALUES as u64) as isize;
/// Longer is a hang: these files have some kilobytes.
const HANG: Duration = Duration::from_secs(20);

/// Tries a reader on files cut short everywhere, then on broken ones until the time is over.
fn try_all(seeds: &[(&str, Vec<u8>)], read: impl Fn(&str, Vec<u8>)) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    let tried = |name: &str, what: String, file: Vec<u8>| {
        let before = HELD.get();
        MOST.set(before);
        let begun = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(name, file)));
        assert!(outcome.is_ok(), "{name}, {what}: a panic");
        assert!(MOST.get() - before <= MOST_HELD, "{name}, {what}: {} bytes", MOST.get() - before);
        assert!(begun.elapsed() < HANG, "{name}, {what}: {:?}", begun.elapsed());
    };
    for (name, seed) in seeds {
        // All of the header, and the rest in a thousand places.
        let step = seed.len().saturating_sub(512) / 1000 + 1;
        for length in (0..512.min(seed.len())).chain((512..seed.len()).step_by(step)) {
            tried(name, format!("cut after {length}"), seed[..length].to_vec());
        }
    }
    let mut rounds = 0;
    while Instant::now() < end {
        for (name, seed) in seeds {
            tried(name, format!("round {rounds}"), broken(seed, rounds));
        }
        rounds += 1;
    }
    println!("{rounds} rounds of {} files", seeds.len());
    assert!(rounds > 0, "no time was left for a single round");
}

fn data(file_name: &str, file: Vec<u8>, labels: Option<Vec<u8>>) -> ImportRequest {
    ImportRequest {
        file_name: file_name.to_owned(),
        file: file.into(),
        labels: labels.map(Into::into),
        name: "x".into(),
        licence: "CC0-1.0".into(),
        attribution: String::new(),
        shape: None,
        held_out_percent: 20,
        reconstruct: false,
        length: 8,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn picture(red: u8, format: ImageFormat) -> Vec<u8> {
    let mut to = Cursor::new(Vec::new());
    let image = RgbImage::from_fn(6, 5, |x, y| image::Rgb([red, x as u8 * 40, y as u8 * 50]));
    DynamicImage::from(image).write_to(&mut to, format).unwrap();
    to.into_inner()
}

fn table() -> Vec<u8> {
    let rows = (0..30).map(|i| format!("{},{}.5,{},{}\n", i, i * 3 % 7, i * i, ["a", "b"][i % 2]));
    std::iter::once("height,width,depth,kind\n".to_owned())
        .chain((0..30).zip(rows).map(|(_, row)| row))
        .collect::<String>()
        .into_bytes()
}

#[test]
fn tables_and_texts() {
    let seeds = [
        ("a.csv", table()),
        ("a.csv.gz", gzip(&table())),
        ("a.txt", "Größe and smallness — 12 words, again and again. ".repeat(20).into_bytes()),
        ("a.txt.gz", gzip("to be or not to be ".repeat(30).as_bytes())),
    ];
    try_all(&seeds, |name, file| drop(import(data(name, file, None))));
}

#[test]
fn pictures() {
    let mut idx = vec![0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 4, 0, 0, 0, 4];
    idx.extend((0..160u8).map(|i| i.wrapping_mul(37)));
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 10];
    labels.extend((0..10).map(|i| i % 3));
    let (red, dark) = (picture(250, ImageFormat::Png), picture(3, ImageFormat::Png));
    let (bright, dim) = (picture(200, ImageFormat::Jpeg), picture(9, ImageFormat::Jpeg));
    let folders = zip(&[
        ("x/red/1.png", &red),
        ("x/red/2.png", &red),
        ("x/red/3.jpg", &bright),
        ("x/dark/1.png", &dark),
        ("x/dark/2.png", &dark),
        ("x/dark/3.jpg", &dim),
    ]);
    let slip = zip(&[("../../etc/passwd", &red), ("/root/x.png", &dark), ("a\\..\\b.png", &red)]);
    let whole = labels.clone();
    let seeds =
        [("a.idx", idx.clone()), ("labels", labels), ("a.zip", folders), ("slip.zip", slip)];
    try_all(&seeds, |name, file| match name {
        "labels" => drop(import(data("a.idx", idx.clone(), Some(file)))),
        _ => drop(import(data(name, file, Some(whole.clone())))),
    });
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../tests/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const INPUT: Shape = Shape::Image { channels: 1, height: 8, width: 8 };

fn task() -> Task {
    Task::Classification { classes: (0..10).map(|class| class.to_string()).collect() }
}

/// A small network and its parameters.
fn model() -> (ModelSpec, Vec<u8>) {
    let layers = vec![
        LayerSpec::Flatten,
        LayerSpec::Dense { units: 6 },
        LayerSpec::Activation { function: Activation::Relu },
        LayerSpec::Dense { units: 10 },
    ];
    let spec = ModelSpec { input: INPUT, body: Body::Layers(layers), task: task() };
    let request = Request::Initialize { spec: spec.clone(), seed: 1 };
    let Event::Parameters { parameters, .. } = block_on(answer(request, &Device::flex())).unwrap()
    else {
        panic!("no parameters");
    };
    (spec, parameters.into_vec())
}

fn read(files: Vec<(&str, Vec<u8>)>) {
    let files = files
        .into_iter()
        .map(|(name, bytes)| NamedFile { name: name.to_owned(), bytes: bytes.into() })
        .collect();
    let (specs, input) = (vec![model().0], INPUT);
    drop(read_model(ModelFiles { files, input, task: task(), specs }));
}

#[test]
fn models_of_onnx() {
    let names = ["cnn.onnx", "line.onnx", "logistic.onnx", "perceptron.onnx", "external.onnx"];
    let mut seeds: Vec<_> = names.iter().map(|name| (*name, bytes(name))).collect();
    let beside = bytes("external.onnx.data");
    seeds.push(("external.onnx.data", beside.clone()));
    let external = bytes("external.onnx");
    try_all(&seeds, |name, file| match name {
        "external.onnx" => read(vec![(name, file), ("external.onnx.data", beside.clone())]),
        "external.onnx.data" => read(vec![("external.onnx", external.clone()), (name, file)]),
        _ => read(vec![(name, file)]),
    });
}

#[test]
fn models_of_pytorch() {
    let names = ["mlp.pt", "cnn.pt", "mlp-legacy.pt", "evil.pt"];
    let seeds: Vec<_> = names.iter().map(|name| (*name, bytes(name))).collect();
    try_all(&seeds, |name, file| read(vec![(name, file)]));
}

#[test]
fn parameters_and_zips_of_models() {
    let (spec, parameters) = model();
    let text = serde_json::to_vec(&spec).unwrap();
    let pack = export(&spec, &parameters, ExportFormat::Burnpack).unwrap();
    let seeds = [
        ("a.safetensors", parameters.clone()),
        ("cnn.safetensors", bytes("cnn.safetensors")),
        ("a.bpk", pack),
        ("a.zip", zip(&[("spec.json", &text), ("parameters.safetensors", &parameters)])),
    ];
    try_all(&seeds, |name, file| read(vec![(name, file)]));
}

/// What comes from the chain and from stores, and what a page sends.
#[test]
fn formats_of_ones_own() {
    let (spec, parameters) = model();
    let text = serde_json::to_vec(&spec).unwrap();
    let dataset = import(data("a.csv", table(), None)).unwrap().dataset.into_vec();
    let request = Request::Infer {
        spec,
        parameters: parameters.clone().into(),
        inputs: vec![0.5; 64].into(),
    };
    let frame = wire::to_frame(&Envelope { id: 7, body: request }).unwrap();
    let seeds = [("spec", text), ("tensors", parameters), ("dataset", dataset), ("frame", frame)];
    try_all(&seeds, |name, file| match name {
        "spec" => {
            if let Ok(spec) = serde_json::from_slice::<ModelSpec>(&file) {
                drop(spec.validate());
            }
        }
        "tensors" => drop(TensorFile::from_bytes(name, &file)),
        "dataset" => drop(Dataset::from_bytes(&file)),
        _ => {
            // A request that came through is answered, with an error most often.
            if let Ok(Envelope { body, .. }) = wire::from_frame::<Envelope<Request>>(&file) {
                drop(block_on(answer(body, &Device::flex())));
            }
        }
    });
}

/// A file of parameters that is read part by part is never held beside the network that is made of it.
#[test]
fn parameters_are_in_memory_once() {
    const SIDE: usize = 1500;
    let task = Task::Classification { classes: vec!["a".into(), "b".into()] };
    let layers = [SIDE, 2].map(|units| LayerSpec::Dense { units }).to_vec();
    let input = Shape::Features { size: SIDE };
    let spec = ModelSpec { input, body: Body::Layers(layers), task };
    let device = Device::flex();
    let request = Request::Initialize { spec: spec.clone(), seed: 1 };
    let Event::Parameters { parameters, .. } = block_on(answer(request, &device)).unwrap() else {
        panic!("parameters were asked for")
    };
    let before = HELD.get();
    MOST.set(before);
    let network = open(&spec, &parameters, &device).unwrap();
    let size = parameters.len() as f64;
    let most = (MOST.get() - before) as f64 / size;
    let kept = (HELD.get() - before) as f64 / size;
    assert!(kept > 0.9 && most < 1.2, "{most:.2} times the parameters, of which {kept:.2} stay");
    drop(network);
}
