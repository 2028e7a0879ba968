//! Every bound on what a stranger may hand to the runtime, in one place, with its reason.

/// Layers in one spec. Deeper networks than this do not fit the memory bound in practice.
pub const MAX_LAYERS: usize = 256;
/// How deep residual blocks may nest, so that building a network cannot exhaust the stack.
pub const MAX_NESTING: usize = 8;
/// Largest width, channel count, vocabulary or image side in a spec.
pub const MAX_DIMENSION: usize = 65_536;
/// Bytes that a training may need by [`crate::spec::ModelSpec::training_bytes`]. wasm32 addresses
/// 4 GiB; half of it leaves room for the data set, the allocator's slack and the copy being saved.
pub const MAX_TRAINING_BYTES: u64 = 2 << 30;
/// Bytes of one file of a data set, refused before it is read.
pub const MAX_FILE_BYTES: u64 = 128 << 20;
/// Bytes of one file of parameters, refused before it is read: more than any model has whose training is within
/// [`MAX_TRAINING_BYTES`], and few enough to be in memory three times while a model is read.
pub const MAX_PARAMETERS_BYTES: u64 = 512 << 20;
/// Bytes that a compressed file may unpack to; more is treated as a zip bomb.
pub const MAX_UNPACKED_BYTES: u64 = 512 << 20;
/// Examples in one data set.
pub const MAX_EXAMPLES: usize = 1_000_000;
/// Numbers (examples times features) in one data set: 256 MiB as f32.
pub const MAX_DATA_VALUES: usize = 64 << 20;
/// Classes of a classification task.
pub const MAX_CLASSES: usize = 1_000;
/// Numbers in one picture that is painted: 128 × 128 pixels of 16 numbers.
pub const MAX_PICTURE: usize = 128 * 128 * 16;
/// Adapters that are worn at once.
pub const MAX_ADAPTERS: usize = 3;
/// Examples in one mini-batch.
pub const MAX_BATCH: usize = 4_096;
/// Examples in one question: what a slow machine answers within a short lease.
pub const MAX_QUESTION_EXAMPLES: u32 = 64;
/// Steps in one job; the on-chain field is a u32 and a job of this length runs for days.
pub const MAX_STEPS: u32 = 10_000_000;
/// Numbers in one model's parameter file: 512 MiB as f32.
pub const MAX_PARAMETERS: u64 = MAX_PARAMETERS_BYTES / 4;
/// Nodes in one graph; large language models have a few thousand.
pub const MAX_NODES: usize = 20_000;
/// How deep graphs may nest in branches.
pub const MAX_DEPTH: usize = 8;
/// Numbers in one constant of a graph, which lies in its spec: a mask over 4,096 positions.
pub const MAX_CONSTANT: u64 = 16 << 20;
/// Numbers in one value of a graph: 1 GiB as f32.
pub const MAX_VALUE: u64 = 256 << 20;
