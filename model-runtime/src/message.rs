//! The one protocol between the page and its workers.
//!
//! Each message is an [`Envelope`]: a number that a request chooses and every event about it repeats.
//! How it crosses is [`crate::wire`]'s business.

use serde::{Deserialize, Serialize};

use crate::{
    RuntimeError,
    commitment::{Leaf, Trace},
    content::Digest,
    manifest::TrainingConfig,
    spec::{ModelSpec, Shape, Task},
    studio::{Painter, lesson::Lesson},
};

pub use crate::wire::{Bytes, Floats, Stored};

/// A message with the number of the request it belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Chosen by the page, unique in a worker's life. Events that no request caused carry 0.
    pub id: u32,
    /// The message.
    pub body: T,
}

/// What the page asks of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Prepare the device. Answer: [`Event::Ready`] or [`Event::Failed`].
    Start,
    /// Make a model's first parameters from a seed. Answer: [`Event::Parameters`].
    Initialize {
        /// The network.
        spec: ModelSpec,
        /// Seed of the parameters.
        seed: u64,
    },
    /// Train; one job at a time. Events: [`Event::Progress`] …, then [`Event::Trained`],
    /// [`Event::Cancelled`] or [`Event::Failed`].
    Train(Box<TrainJob>),
    /// Stop after the step at hand, write a checkpoint, wait. Event: [`Event::Paused`].
    Pause,
    /// Go on after a pause. Event: [`Event::Progress`].
    Resume,
    /// End the job at hand. Its checkpoint is deleted unless `keep_checkpoint`.
    Cancel {
        /// Keep the checkpoint, so that the same job key can go on later.
        keep_checkpoint: bool,
    },
    /// Measure parameters on the held-out examples. Answer: [`Event::Evaluated`].
    Evaluate {
        /// The network.
        spec: ModelSpec,
        /// Parameter file.
        parameters: Bytes,
        /// Data set file.
        dataset: Bytes,
    },
    /// Run the model on a batch. Answer: [`Event::Outputs`].
    Infer {
        /// The network.
        spec: ModelSpec,
        /// Parameter file. Its digest is the key of the worker's cache: an empty buffer means
        /// "the parameters last sent".
        parameters: Stored,
        /// Examples one after the other, each of the spec's input length, scaled as the data set.
        inputs: Floats,
    },
    /// Keep a base network's parameter file for the adapters of it that come later. Answer: [`Event::Provided`].
    Provide {
        /// The file.
        file: Stored,
    },
    /// Make the data set of a lesson. Answer: [`Event::Imported`].
    Teach(Box<TeachRequest>),
    /// Paint a picture; one job at a time. Events: [`Event::Painted`] …, then [`Event::Outputs`] with one row,
    /// [`Event::Cancelled`] or [`Event::Failed`].
    Paint(Box<PaintJob>),
    /// Average parameter files, as a round of several trainings publishes. Answer:
    /// [`Event::Parameters`].
    Average {
        /// The trainings, in the order of their jobs.
        parts: Vec<Part>,
    },
    /// List the checkpoints kept in this browser. Answer: [`Event::Checkpoints`].
    ListCheckpoints,
    /// Delete one. Answer: [`Event::Checkpoints`].
    DropCheckpoint {
        /// Key of the job.
        job: String,
    },
    /// Read a file into a data set (import worker only). Answer: [`Event::Imported`].
    Import(Box<ImportRequest>),
    /// Read a model's files (import worker only). Answer: [`Event::ModelRead`].
    ReadModel(Box<ModelFiles>),
    /// Write a model into a file that other programs read (import worker only). Answer: [`Event::Exported`].
    Export {
        /// The model.
        spec: ModelSpec,
        /// Parameter file.
        parameters: Bytes,
        /// What kind of file.
        format: ExportFormat,
    },
    /// Try a model that was read: a few examples, a step of training, the held-out ones. Answer: [`Event::Inspected`].
    Inspect {
        /// The model.
        spec: ModelSpec,
        /// Parameter file.
        parameters: Bytes,
        /// Data set file.
        dataset: Bytes,
    },
}

/// A lesson that becomes a data set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TeachRequest {
    /// The lesson.
    pub lesson: Lesson,
    /// The adapter that is to learn it.
    pub painter: Painter,
    /// File of the known pictures.
    pub prior: Bytes,
    /// Seed of the views.
    pub seed: u64,
}

/// A picture to be painted, with adapters of one base.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaintJob {
    /// The base network, or any painter where no adapters are worn.
    pub painter: Painter,
    /// Digest of its parameter file, which was provided.
    pub base: Digest,
    /// What is worn, at most [`limits::MAX_ADAPTERS`].
    pub adapters: Vec<WornAdapter>,
    /// What is asked, as an example of the painter's input; words beyond the base's are the adapters', in their order.
    pub ask: Floats,
    /// A picture to begin with, `[channel, row, column]` in [-1, 1], and how much of it is painted anew.
    pub start: Option<(Floats, f32)>,
    /// Steps between two previews; 0 for none.
    pub preview_every: u32,
}

/// An adapter that is worn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WornAdapter {
    /// What it is.
    pub painter: Painter,
    /// Its parameter file.
    pub parameters: Bytes,
    /// How much of it: 1 for what was trained.
    pub scale: f32,
}

/// A training job: together with the runtime's bytes, all that its result depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainJob {
    /// Key under which checkpoints are kept; a job of the same key goes on from its checkpoint. Nothing
    /// of the result depends on it.
    pub job: String,
    /// The network.
    pub spec: ModelSpec,
    /// How a step is done; `steps` is the length of this job.
    pub config: TrainingConfig,
    /// Seed of shuffling and dropout.
    pub seed: u64,
    /// Parameter file that training starts from.
    pub parameters: Bytes,
    /// Data set file.
    pub dataset: Bytes,
    /// Measure on the held-out examples every this many steps; 0 for only at the end.
    pub evaluate_every: u32,
    /// Hand over the files of each checkpoint of the commitment: [`Event::Leaf`].
    #[serde(default)]
    pub keep_leaves: bool,
    /// Do only a part of the job's steps; `parameters` are then those that the part starts from.
    #[serde(default)]
    pub segment: Option<Segment>,
    /// Examples of a painter's input that a worker paints every few seconds, to show what was learnt so far.
    #[serde(default)]
    pub previews: Floats,
}

/// A part of a training, between two of its checkpoints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Segment {
    /// Steps done before it.
    pub from: u32,
    /// File of the optimiser's state after them; empty for the start of the job.
    pub optimizer: Bytes,
    /// Steps done at its end.
    pub to: u32,
}

/// One training of a round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Its steps, by which it weighs.
    pub units: u32,
    /// Its parameter file.
    pub parameters: Bytes,
}

/// A file to import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportRequest {
    /// File name, whose extension chooses the reader: `.csv`, `.csv.gz`, `.idx`, `.gz`, `.zip`, `.txt`.
    pub file_name: String,
    /// The file.
    pub file: Bytes,
    /// Second file for IDX: the labels.
    pub labels: Option<Bytes>,
    /// Name, licence and maker to write into the data set.
    pub name: String,
    /// SPDX identifier or words.
    pub licence: String,
    /// Who made it.
    pub attribution: String,
    /// Read rows of this shape; `None` lets the reader choose (a square number of columns is an image).
    pub shape: Option<Shape>,
    /// Share of examples held out, in percent.
    pub held_out_percent: u8,
    /// Whether the examples are to be reconstructed, instead of something being predicted from them.
    pub reconstruct: bool,
    /// Tokens in one example of a text.
    pub length: usize,
}

/// Whether a file is a text, by its name.
pub fn is_text(file_name: &str) -> bool {
    let name = file_name.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".txt", ".text", ".md"].iter().any(|end| name.ends_with(end))
}

/// Files that a model can be written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// ONNX: the graph with its parameters.
    Onnx,
    /// Burn's own: the parameters by their names.
    Burnpack,
}

/// Files that a model is read from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelFiles {
    /// What was chosen: an ONNX file with the files of its parameters, or one file of parameters.
    pub files: Vec<NamedFile>,
    /// Shape of one example of the data that it is to learn from.
    pub input: Shape,
    /// What these are to teach it.
    pub task: Task,
    /// Networks that parameters without a graph may belong to, the likeliest first.
    pub specs: Vec<ModelSpec>,
}

/// A file and its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamedFile {
    /// Its name, without folders.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// What a worker tells the page.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The script runs and listens; sent once, unasked.
    Listening,
    /// The device works.
    Ready {
        /// What will compute.
        device: DeviceReport,
    },
    /// The request failed; the worker goes on unless `error` is [`RuntimeError::Device`].
    Failed {
        /// Why.
        error: RuntimeError,
    },
    /// A parameter file.
    Parameters {
        /// Its digest, which is the on-chain parameters hash.
        digest: Digest,
        /// The file.
        parameters: Bytes,
    },
    /// Training goes on; at least every 250 ms while steps are done.
    Progress(Progress),
    /// The job waits; its checkpoint is written.
    Paused {
        /// Steps done.
        step: u32,
    },
    /// A checkpoint was written.
    Checkpointed {
        /// Steps done.
        step: u32,
    },
    /// A checkpoint of the commitment, where the job asked for them.
    Leaf(Box<LeafFiles>),
    /// The job was ended by [`Request::Cancel`].
    Cancelled {
        /// Steps done.
        step: u32,
    },
    /// The job is done.
    Trained(Box<TrainResult>),
    /// A base network's file is kept.
    Provided {
        /// Its digest.
        digest: Digest,
    },
    /// A picture is being painted.
    Painted {
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
        /// What it is likely to become, `[channel, row, column]` in [-1, 1]; empty between previews.
        preview: Floats,
    },
    /// Held-out figures.
    Evaluated(Evaluation),
    /// Outputs of [`Request::Infer`]: probabilities for a classification, values for a regression.
    Outputs {
        /// One row of the task's width an example.
        rows: Vec<Floats>,
    },
    /// Checkpoints kept in this browser.
    Checkpoints {
        /// Newest first.
        kept: Vec<CheckpointInfo>,
    },
    /// A data set.
    Imported(Box<Imported>),
    /// A model.
    ModelRead(Box<ModelRead>),
    /// A file.
    Exported {
        /// What is in it.
        file: Bytes,
    },
    /// A model that was tried.
    Inspected(Box<Inspection>),
}

impl Event {
    /// [`Event::Outputs`] of plain numbers.
    pub fn outputs(rows: Vec<Vec<f32>>) -> Self {
        Self::Outputs { rows: rows.into_iter().map(Into::into).collect() }
    }
}

/// Which tier computes, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// The tier.
    pub tier: Tier,
    /// In words: "CPU (wasm, simd128)" or the adapter's name.
    pub name: String,
    /// Whether the adapter is a software one, slower than the CPU tier.
    pub software: bool,
}

/// The two tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Exact: the same bits in every engine.
    Cpu,
    /// Fast: WebGPU, whose floats differ between devices.
    Gpu,
}

/// A moment of a training.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u32,
    /// Steps of the job.
    pub steps: u32,
    /// Mean training loss of the steps since the last progress, by last step.
    pub losses: Vec<(u32, f32)>,
    /// Held-out figures measured since the last progress.
    pub evaluations: Vec<Evaluation>,
    /// Steps a second, over the last seconds.
    pub steps_per_second: f32,
    /// Checkpoints of the commitment since the last progress.
    pub leaves: Vec<Leaf>,
}

/// A leaf of the commitment and the two files that it names.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeafFiles {
    /// The leaf.
    pub leaf: Leaf,
    /// The parameter file.
    pub parameters: Bytes,
    /// The file of the optimiser's state.
    pub optimizer: Bytes,
}

/// Figures on the held-out examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done before it.
    pub step: u32,
    /// Mean loss.
    pub loss: f32,
    /// Share of right answers in parts per million; for a regression, R² floored at 0.
    pub accuracy_ppm: u32,
    /// Examples it was measured on.
    pub examples: u32,
}

/// What a finished training hands over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainResult {
    /// Steps done.
    pub steps: u32,
    /// Digest of `parameters`: the on-chain parameters hash.
    pub digest: Digest,
    /// Parameter file.
    pub parameters: Bytes,
    /// Merkle root over `trace`.
    pub checkpoint_root: Digest,
    /// The job's checkpoints, or those of the segment.
    pub trace: Trace,
    /// Held-out figures of `parameters`.
    pub evaluation: Evaluation,
    /// Held-out figures of the parameters that the job started from.
    pub base_evaluation: Evaluation,
}

/// A checkpoint kept in this browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Key of the job.
    pub job: String,
    /// Steps done.
    pub step: u32,
    /// Size in bytes.
    pub bytes: u64,
}

/// An imported data set and what a page shows of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Imported {
    /// The data set file.
    pub dataset: Bytes,
    /// Its digest.
    pub digest: Digest,
    /// Its summary.
    pub summary: DatasetSummary,
}

/// What a page shows of a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// Who made it.
    pub attribution: String,
    /// Shape of one example.
    pub input: Shape,
    /// What is to be predicted.
    pub task: Task,
    /// Examples for training.
    pub train: u32,
    /// Examples held out.
    pub held_out: u32,
    /// Examples of each class, in the order of the task's classes; empty for a regression.
    pub balance: Vec<u32>,
    /// The first examples: pixels or values scaled to 0..=255, with the target in words.
    pub samples: Vec<(Vec<u8>, String)>,
}

/// A model that was read from files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelRead {
    /// The model.
    pub spec: ModelSpec,
    /// Its parameter file; nothing where not all of `matches` fit.
    pub parameters: Option<Bytes>,
    /// What was changed or guessed, in words.
    pub notes: Vec<String>,
    /// What kind of file it was, and who wrote it.
    pub origin: String,
    /// The spec's parameters beside the file's, where they had to be matched.
    pub matches: Vec<Match>,
}

/// A parameter that the spec has, or the file, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Name and shape in the spec.
    pub wanted: Option<(String, Vec<usize>)>,
    /// Name and shape in the file.
    pub found: Option<(String, Vec<usize>)>,
    /// Whether the one is taken from the other.
    pub fits: bool,
}

/// What came of trying a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Sides of what each node of a graph gives for one example; empty for layers.
    pub shapes: Vec<Vec<usize>>,
    /// Held-out figures as the model is.
    pub evaluation: Evaluation,
    /// Mean loss of a batch, before the one step of training that was tried.
    pub loss: f32,
}
