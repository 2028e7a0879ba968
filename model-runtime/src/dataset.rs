//! The data set file: a safetensors file with `inputs`, `targets`, `split` and a header.
//!
//! | tensor | dtype and shape | meaning |
//! |---|---|---|
//! | `inputs` | U8 or F32 `[n, …input]` | examples; multiplied by the header's scale |
//! | `targets` | U32 `[n]`, F32 `[n, outputs]`, U8 `[n, length]` or U8 `[n, channels, side, side]` | class numbers, values, the tokens that come next, or pixels; none where the input is its own target |
//! | `split` | U8 `[n]` | 0 for training, 1 for held out |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    RuntimeError, limits,
    message::DatasetSummary,
    spec::{Shape, Task},
    tensors::{Element, TensorFile, TensorValue},
};

/// The one format this runtime reads and writes.
pub const FORMAT: &str = "delea-data-1";
/// Metadata key of the header in the safetensors file.
const HEADER: &str = "delea";
/// Samples that a summary shows.
const SAMPLES: usize = 24;

/// What the tensors mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetHeader {
    /// Always [`FORMAT`].
    pub format: String,
    /// Its name.
    pub name: String,
    /// SPDX identifier or words.
    pub licence: String,
    /// Who made it.
    pub attribution: String,
    /// Shape of one example.
    pub input: Shape,
    /// What is to be predicted.
    pub task: Task,
    /// Factor from stored to model input: 1/16 for pixels of 0 to 16.
    pub scale: f32,
}

/// A data set in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What the tensors mean.
    pub header: DatasetHeader,
    /// Stored inputs, example after example.
    pub inputs: Inputs,
    /// What to predict.
    pub targets: Targets,
    /// Numbers of the training examples, ascending.
    pub train: Vec<u32>,
    /// Numbers of the held-out examples, ascending.
    pub held_out: Vec<u32>,
}

/// Stored inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Pixels.
    U8(Vec<u8>),
    /// Values.
    F32(Vec<f32>),
}

/// Stored targets.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Class numbers: one an example, or one a position of it.
    Classes(Vec<u32>),
    /// The task's width of values an example.
    Values(Vec<f32>),
    /// Pixels, 0 for -1 and 255 for 1.
    Pixels(Vec<u8>),
    /// The inputs themselves.
    Inputs,
}

/// Most tokens of a text, whose numbers are kept as bytes.
pub const MAX_TOKENS: usize = 256;

impl Dataset {
    /// Examples in all.
    pub fn len(&self) -> usize {
        self.train.len() + self.held_out.len()
    }

    /// Whether there are no examples; never true for a data set that was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends example `index`, scaled, to `out`.
    pub fn push_input(&self, index: u32, out: &mut Vec<f32>) {
        let width = self.header.input.len();
        let range = index as usize * width..(index as usize + 1) * width;
        let scale = self.header.scale;
        match &self.inputs {
            Inputs::U8(values) => out.extend(values[range].iter().map(|v| f32::from(*v) * scale)),
            Inputs::F32(values) => out.extend(values[range].iter().map(|v| v * scale)),
        }
    }

    /// The class numbers of example `index`: one, or one a position. None where values are predicted.
    pub fn classes(&self, index: u32) -> &[u32] {
        match &self.targets {
            Targets::Classes(classes) => self.part(classes, index),
            Targets::Values(_) | Targets::Pixels(_) | Targets::Inputs => &[],
        }
    }

    /// What belongs to example `index` among what belongs to all.
    fn part<'a, T>(&self, all: &'a [T], index: u32) -> &'a [T] {
        let width = all.len() / self.len().max(1);
        &all[index as usize * width..(index as usize + 1) * width]
    }

    /// Appends the values that example `index` should give to `out`; none where classes are predicted.
    pub fn push_values(&self, index: u32, out: &mut Vec<f32>) {
        match &self.targets {
            Targets::Classes(_) => {}
            Targets::Values(values) => out.extend_from_slice(self.part(values, index)),
            Targets::Pixels(pixels) => {
                let value = |pixel: &u8| f32::from(*pixel) / 127.5 - 1.0;
                out.extend(self.part(pixels, index).iter().map(value));
            }
            Targets::Inputs => self.push_input(index, out),
        }
    }

    /// Writes the file. The same data set gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.len();
        let mut shape = vec![count];
        shape.extend(self.header.input.sides());
        let inputs = match &self.inputs {
            Inputs::U8(values) => TensorValue::new(shape, Element::U8, values.clone()),
            Inputs::F32(values) => TensorValue::from_f32(shape, values),
        };
        let targets = match (&self.targets, &self.header.task) {
            (Targets::Classes(values), Task::NextToken { .. }) => {
                let shape = vec![count, values.len() / count.max(1)];
                let bytes = values.iter().map(|v| *v as u8).collect();
                Some(TensorValue::new(shape, Element::U8, bytes))
            }
            (Targets::Classes(values), _) => {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                Some(TensorValue::new(vec![count], Element::U32, bytes))
            }
            (Targets::Values(values), _) => {
                Some(TensorValue::from_f32(vec![count, values.len() / count.max(1)], values))
            }
            (Targets::Pixels(pixels), task) => {
                let mut shape = vec![count];
                shape.extend(task.output(&self.header.input).sides());
                Some(TensorValue::new(shape, Element::U8, pixels.clone()))
            }
            (Targets::Inputs, _) => None,
        };
        let mut split = vec![0u8; count];
        self.held_out.iter().for_each(|i| split[*i as usize] = 1);
        let header = serde_json::to_string(&self.header).unwrap_or_default();
        let mut tensors = BTreeMap::from([
            ("inputs".to_owned(), inputs),
            ("split".to_owned(), TensorValue::new(vec![count], Element::U8, split)),
        ]);
        tensors.extend(targets.map(|targets| ("targets".to_owned(), targets)));
        let metadata = BTreeMap::from([(HEADER.to_owned(), header)]);
        TensorFile { metadata, tensors }.to_bytes()
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`] naming the tensor that is missing or of the wrong shape;
    /// [`RuntimeError::NotFinite`] naming the example.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RuntimeError> {
        const NAME: &str = "data set";
        let bad = |reason: String| RuntimeError::file(NAME, reason);
        let mut file = TensorFile::from_bytes(NAME, bytes)?;
        let header =
            file.metadata.get(HEADER).ok_or_else(|| bad("it has no delea header".into()))?;
        let header: DatasetHeader = serde_json::from_str(header).map_err(|e| bad(e.to_string()))?;
        if header.format != FORMAT {
            return Err(RuntimeError::bounds("data set format", header.format, FORMAT));
        }
        header.input.check()?;
        if !header.scale.is_finite() {
            return Err(RuntimeError::NotFinite { place: "the data set's scale".into() });
        }
        let targets = file.tensors.remove("targets");
        let mut take = |name: &str| {
            file.tensors.remove(name).ok_or_else(|| bad(format!("the tensor {name} is missing")))
        };
        let (inputs, split) = (take("inputs")?, take("split")?);
        let count = split.shape.first().copied().unwrap_or(0);
        if count == 0 || count > limits::MAX_EXAMPLES {
            let expected = format!("1 to {}", limits::MAX_EXAMPLES);
            return Err(RuntimeError::bounds("number of examples", count, expected));
        }
        let values = count.saturating_mul(header.input.len());
        if inputs.len() != values {
            return Err(bad(format!(
                "inputs hold {} values, but {count} examples of {} need {values}",
                inputs.len(),
                header.input
            )));
        }
        let width = header.input.len();
        let inputs = match inputs.element {
            Element::U8 => Inputs::U8(inputs.bytes),
            _ => Inputs::F32(inputs.to_f32("inputs")?),
        };
        if let Inputs::F32(values) = &inputs
            && let Some(at) = crate::tensors::not_finite(values)
        {
            return Err(RuntimeError::NotFinite {
                place: format!("example {}, value {}", at / width, at % width),
            });
        }
        let missing = || bad("the tensor targets is missing".into());
        let (targets, width) = match &header.task {
            Task::Reconstruction => (Targets::Inputs, 0),
            Task::Regression { outputs } => {
                let targets = targets.ok_or_else(missing)?;
                (Targets::Values(targets.to_f32("targets")?), outputs.len())
            }
            Task::Classification { classes } => {
                let targets = targets.ok_or_else(missing)?;
                (Targets::Classes(class_numbers(&targets.to_u32("targets")?, classes.len())?), 1)
            }
            Task::NextToken { tokens } => {
                let targets = targets.filter(|t| t.element == Element::U8).ok_or_else(missing)?;
                if tokens.len() > MAX_TOKENS {
                    let expected = format!("at most {MAX_TOKENS}");
                    return Err(RuntimeError::bounds("number of tokens", tokens.len(), expected));
                }
                let numbers: Vec<u32> = targets.bytes.iter().map(|v| u32::from(*v)).collect();
                (Targets::Classes(class_numbers(&numbers, tokens.len())?), header.input.len())
            }
            task @ Task::Painting { .. } => {
                let targets = targets.filter(|t| t.element == Element::U8).ok_or_else(missing)?;
                (Targets::Pixels(targets.bytes), task.output(&header.input).len())
            }
        };
        let found = match &targets {
            Targets::Classes(numbers) => numbers.len(),
            Targets::Values(values) => values.len(),
            Targets::Pixels(pixels) => pixels.len(),
            Targets::Inputs => 0,
        };
        let needed = count.saturating_mul(width);
        if found != needed {
            return Err(bad(format!("targets hold {found} values, but {needed} are needed")));
        }
        if split.element != Element::U8 || split.bytes.len() != count {
            return Err(bad("split must be one byte an example".into()));
        }
        let side = |held_out: bool| -> Vec<u32> {
            (0..count as u32).filter(|i| (split.bytes[*i as usize] != 0) == held_out).collect()
        };
        let (train, held_out) = (side(false), side(true));
        if train.is_empty() || held_out.is_empty() {
            return Err(bad("there must be at least one training and one held-out example".into()));
        }
        Ok(Self { header, inputs, targets, train, held_out })
    }

    /// What a page shows.
    pub fn summary(&self) -> DatasetSummary {
        let (mut balance, mut samples) = (Vec::new(), Vec::new());
        if let (Task::Classification { classes }, Targets::Classes(numbers)) =
            (&self.header.task, &self.targets)
        {
            balance = vec![0; classes.len()];
            numbers.iter().for_each(|c| balance[*c as usize] += 1);
        }
        for index in 0..self.len().min(SAMPLES) as u32 {
            let mut values = Vec::new();
            self.push_input(index, &mut values);
            let bytes = values.iter().map(|v| (v * 255.0).clamp(0.0, 255.0) as u8).collect();
            samples.push((bytes, self.target_in_words(index)));
        }
        DatasetSummary {
            name: self.header.name.clone(),
            licence: self.header.licence.clone(),
            attribution: self.header.attribution.clone(),
            input: self.header.input.clone(),
            task: self.header.task.clone(),
            train: self.train.len() as u32,
            held_out: self.held_out.len() as u32,
            balance,
            samples,
        }
    }

    fn target_in_words(&self, index: u32) -> String {
        match (&self.targets, &self.header.task) {
            (Targets::Classes(_), Task::Classification { classes }) => {
                classes[self.classes(index)[0] as usize].clone()
            }
            (Targets::Classes(_), Task::NextToken { tokens }) => {
                self.classes(index).iter().map(|token| tokens[*token as usize].as_str()).collect()
            }
            (Targets::Values(_), _) => {
                let mut row = Vec::new();
                self.push_values(index, &mut row);
                row.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        }
    }
}

/// Class numbers, all below `count`.
fn class_numbers(numbers: &[u32], count: usize) -> Result<Vec<u32>, RuntimeError> {
    match numbers.iter().position(|class| *class as usize >= count) {
        Some(at) => Err(RuntimeError::file(
            "data set",
            format!("target {at} has class {}, but there are {count}", numbers[at]),
        )),
        None => Ok(numbers.to_vec()),
    }
}
