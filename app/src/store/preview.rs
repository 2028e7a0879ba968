//! Single examples of a data set file, read in place: decoding a whole file would stall the page.

use std::collections::BTreeMap;

use delea_model_runtime::{RuntimeError, dataset::DatasetHeader, spec::Task};
use serde::Deserialize;

/// Samples that a page shows at most.
const SAMPLES: usize = 40;
const NAME: &str = "data set";

/// Some examples of a data set, and its figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preview {
    /// What the tensors mean.
    pub(crate) header: DatasetHeader,
    /// Examples in all.
    pub(crate) examples: usize,
    /// Held-out examples.
    pub(crate) held_out: usize,
    /// Examples of each class; empty for a regression.
    pub(crate) balance: Vec<u32>,
    /// Held-out examples to look at and to try the model on.
    pub(crate) samples: Vec<Sample>,
}

/// One held-out example.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Its number in the data set.
    pub(crate) index: usize,
    /// Model input, scaled.
    pub(crate) input: Vec<f32>,
    /// Target in words.
    pub(crate) target: String,
    /// Target as a picture of the studio.
    pub(crate) picture: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    data_offsets: [usize; 2],
}

struct File<'a> {
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
    data: &'a [u8],
}

impl<'a> File<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
        let end = usize::try_from(length).ok()?.checked_add(8)?;
        let header: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(bytes.get(8..end)?).ok()?;
        let mut file =
            Self { entries: BTreeMap::new(), metadata: BTreeMap::new(), data: &bytes[end..] };
        for (name, value) in header {
            match name.as_str() {
                "__metadata__" => file.metadata = serde_json::from_value(value).ok()?,
                _ => drop(file.entries.insert(name, serde_json::from_value(value).ok()?)),
            }
        }
        Some(file)
    }

    fn tensor(&self, name: &str, dtype: &str) -> Option<&'a [u8]> {
        let entry = self.entries.get(name).filter(|entry| entry.dtype == dtype)?;
        self.data.get(entry.data_offsets[0]..entry.data_offsets[1])
    }
}

/// Tokens as the text they are.
pub(crate) fn text(tokens: &[String], numbers: &[f32]) -> String {
    numbers.iter().filter_map(|number| tokens.get(*number as usize)).map(String::as_str).collect()
}

impl Preview {
    /// Reads a data set file.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`] naming what is missing.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RuntimeError> {
        let bad = |reason: &str| RuntimeError::file(NAME, reason);
        let file = File::parse(bytes).ok_or_else(|| bad("not a safetensors file"))?;
        let header = file.metadata.get("delea").ok_or_else(|| bad("it has no delea header"))?;
        let header: DatasetHeader =
            serde_json::from_str(header).map_err(|e| bad(&e.to_string()))?;
        let split = file.tensor("split", "U8").ok_or_else(|| bad("the split is missing"))?;
        let width = header.input.len();
        let inputs = match (file.tensor("inputs", "U8"), file.tensor("inputs", "F32")) {
            (Some(bytes), _) => Stored::U8(bytes),
            (_, Some(bytes)) => Stored::F32(bytes),
            _ => return Err(bad("the inputs are missing")),
        };
        if inputs.len() != split.len().saturating_mul(width) {
            return Err(bad("inputs and split do not fit together"));
        }
        let (mut balance, mut classes) = (Vec::new(), Vec::new());
        if let Task::Classification { classes: names } = &header.task {
            let targets =
                file.tensor("targets", "U32").ok_or_else(|| bad("the targets are missing"))?;
            balance = vec![0; names.len()];
            classes = targets
                .chunks_exact(4)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            for class in &classes {
                *balance.get_mut(*class as usize).ok_or_else(|| bad("a target is no class"))? += 1;
            }
            if classes.len() != split.len() {
                return Err(bad("targets and split do not fit together"));
            }
        }
        let values = file.tensor("targets", "F32").map(Stored::F32);
        let held: Vec<usize> = (0..split.len()).filter(|i| split[*i] != 0).collect();
        let samples = spread(&held, &classes).into_iter().map(|index| Sample {
            index,
            input: inputs.row(index, width, header.scale),
            target: match (&header.task, &values) {
                (Task::Classification { classes: names }, _) => {
                    names[classes[index] as usize].clone()
                }
                (Task::Regression { outputs }, Some(values)) => {
                    let row = values.row(index, outputs.len(), 1.0);
                    row.iter().map(|v| format!("{v:.2}")).collect::<Vec<_>>().join(", ")
                }
                (Task::NextToken { tokens }, _) => {
                    text(tokens, &inputs.row(index, width, header.scale))
                }
                _ => String::new(),
            },
            picture: match &header.task {
                Task::Painting { .. } => {
                    let width = header.task.output(&header.input).len();
                    file.tensor("targets", "U8").and_then(|pixels| {
                        let row = pixels.get(index * width..(index + 1) * width)?;
                        Some(row.iter().map(|pixel| f32::from(*pixel) / 127.5 - 1.0).collect())
                    })
                }
                _ => None,
            },
        });
        Ok(Self {
            examples: split.len(),
            held_out: held.len(),
            balance,
            samples: samples.collect(),
            header,
        })
    }
}

/// Picks samples class by class in turn, so that a few show what there is.
fn spread(held: &[usize], classes: &[u32]) -> Vec<usize> {
    if classes.is_empty() {
        return held.iter().copied().take(SAMPLES).collect();
    }
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for index in held {
        by_class.entry(classes[*index]).or_default().push(*index);
    }
    let rounds = by_class.values().map(Vec::len).max().unwrap_or(0);
    (0..rounds)
        .flat_map(|round| by_class.values().filter_map(move |of| of.get(round).copied()))
        .take(SAMPLES)
        .collect()
}

enum Stored<'a> {
    U8(&'a [u8]),
    F32(&'a [u8]),
}

impl Stored<'_> {
    fn len(&self) -> usize {
        match self {
            Self::U8(bytes) => bytes.len(),
            Self::F32(bytes) => bytes.len() / 4,
        }
    }

    /// A row, or zeros where the file ends early.
    fn row(&self, index: usize, width: usize, scale: f32) -> Vec<f32> {
        let range = |size: usize| index * width * size..(index + 1) * width * size;
        match self {
            Self::U8(bytes) => {
                bytes.get(range(1)).map(|row| row.iter().map(|v| f32::from(*v) * scale).collect())
            }
            Self::F32(bytes) => bytes.get(range(4)).map(|row| {
                let words = row.chunks_exact(4);
                words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]) * scale).collect()
            }),
        }
        .unwrap_or_else(|| vec![0.0; width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delea_model_runtime::dataset::{Dataset, FORMAT, Inputs, Targets};
    use delea_model_runtime::spec::Shape;

    fn dataset() -> Dataset {
        Dataset {
            header: DatasetHeader {
                format: FORMAT.into(),
                name: "d".into(),
                licence: "CC0-1.0".into(),
                attribution: "us".into(),
                input: Shape::Image { channels: 1, height: 1, width: 2 },
                task: Task::Classification { classes: vec!["a".into(), "b".into()] },
                scale: 0.5,
            },
            inputs: Inputs::U8(vec![0, 1, 2, 3, 4, 5, 6, 7]),
            targets: Targets::Classes(vec![0, 1, 1, 0]),
            train: vec![0],
            held_out: vec![1, 2, 3],
        }
    }

    #[test]
    fn a_file_of_the_runtime_is_read_in_place() {
        let preview = Preview::read(&dataset().to_bytes()).unwrap();
        assert_eq!((preview.examples, preview.held_out), (4, 3));
        assert_eq!(preview.balance, [2, 2]);
        let found: Vec<_> = preview.samples.iter().map(|s| (s.index, s.target.as_str())).collect();
        assert_eq!(found, [(3, "a"), (1, "b"), (2, "b")]);
        assert_eq!(preview.samples[0].input, [3.0, 3.5]);
    }

    #[test]
    fn noise_is_refused() {
        let mut bytes = dataset().to_bytes();
        bytes.truncate(bytes.len() - 3);
        assert!(Preview::read(&bytes).is_err());
        assert!(Preview::read(b"\xff\xff\xff\xff\xff\xff\xff\xff").is_err());
        assert!(Preview::read(b"").is_err());
    }
}
