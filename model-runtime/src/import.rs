//! Readers for the files people have. Tables (CSV), IDX (MNIST's format), zips of image folders and texts each give a
//! [`Dataset`], split into training and held-out examples in a fixed way; models come from ONNX, PyTorch, safetensors and
//! Burn.

mod adapter;
mod idx;
mod images;
mod matching;
mod model;
mod pickle;
mod table;
mod tensors;
mod text;

pub use model::{export, read_model};

use std::io::Read;

use crate::{
    RuntimeError,
    content::Digest,
    dataset::{Dataset, DatasetHeader, FORMAT, Inputs, Targets},
    limits,
    message::{ImportRequest, Imported, is_text},
    rng::{Random, Stream},
    spec::{Shape, Task},
    tensors::check_size,
};

/// Seed of the split, the same for every data set, so that the same file always splits alike.
const SPLIT_SEED: u64 = 0;
/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a zip file.
const ZIP: [u8; 2] = *b"PK";

/// What a reader found, before the split.
pub(crate) struct Examples {
    pub(crate) input: Shape,
    pub(crate) task: Task,
    pub(crate) inputs: Inputs,
    pub(crate) targets: Targets,
    pub(crate) scale: f32,
}

/// Reads a file into a data set.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`] by size, before anything is read; [`RuntimeError::UnpacksTooLarge`];
/// [`RuntimeError::BadCell`] with row and column; [`RuntimeError::BadFile`] for anything else.
pub fn import(request: ImportRequest) -> Result<Imported, RuntimeError> {
    let name = request.file_name.as_str();
    check_size(name, request.file.len() as u64)?;
    if !(1..=90).contains(&request.held_out_percent) {
        return Err(RuntimeError::bounds(
            "held-out share in percent",
            request.held_out_percent,
            "1 to 90",
        ));
    }
    let file = unpack(name, &request.file)?;
    let examples = if is_text(name) {
        text::read(name, &file, request.length)?
    } else if file.starts_with(&ZIP) {
        images::read(name, &file, request.shape.as_ref())?
    } else if idx::is_idx(&file) {
        let labels = request.labels.as_ref().ok_or_else(|| {
            RuntimeError::file(
                name,
                "an IDX file of images needs the IDX file of its labels too; choose both",
            )
        })?;
        check_size("labels", labels.len() as u64)?;
        idx::read(name, &file, &unpack("labels", labels)?)?
    } else {
        table::read(name, &file, request.shape.as_ref())?
    };
    let dataset = split(reconstructed(examples, &request)?, &request)?;
    let summary = dataset.summary();
    let bytes = dataset.to_bytes();
    Ok(Imported { digest: Digest::of(&bytes), dataset: bytes.into(), summary })
}

/// The same examples, to be reconstructed if that was asked.
fn reconstructed(examples: Examples, request: &ImportRequest) -> Result<Examples, RuntimeError> {
    match (request.reconstruct, &examples.input) {
        (false, _) => Ok(examples),
        (true, Shape::Tokens { .. }) => Err(RuntimeError::file(
            &request.file_name,
            "what comes next in a text is foretold; a text is not reconstructed",
        )),
        (true, _) => {
            Ok(Examples { task: Task::Reconstruction, targets: Targets::Inputs, ..examples })
        }
    }
}

/// Undoes gzip, up to [`limits::MAX_UNPACKED_BYTES`].
fn unpack<'a>(name: &str, file: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, RuntimeError> {
    if !file.starts_with(&GZIP) {
        return Ok(file.into());
    }
    Ok(read_limited(name, flate2::read::MultiGzDecoder::new(file), limits::MAX_UNPACKED_BYTES)?
        .into())
}

/// Reads to the end, but never more than `limit` bytes.
fn read_limited(name: &str, reader: impl Read, limit: u64) -> Result<Vec<u8>, RuntimeError> {
    let mut out = Vec::new();
    let mut reader = reader.take(limit + 1);
    reader
        .read_to_end(&mut out)
        .map_err(|error| RuntimeError::file(name, format!("it cannot be unpacked: {error}")))?;
    if out.len() as u64 > limit {
        return Err(RuntimeError::UnpacksTooLarge { name: name.into(), limit_mib: limit >> 20 });
    }
    Ok(out)
}

/// Refuses more examples or values than a tab takes.
pub(crate) fn check_amount(name: &str, examples: usize, width: usize) -> Result<(), RuntimeError> {
    if examples > limits::MAX_EXAMPLES {
        let expected = format!("at most {}", limits::MAX_EXAMPLES);
        return Err(RuntimeError::bounds(
            format!("number of examples in {name}"),
            examples,
            expected,
        ));
    }
    let values = examples.saturating_mul(width);
    if values > limits::MAX_DATA_VALUES {
        let expected = format!("at most {}", limits::MAX_DATA_VALUES);
        return Err(RuntimeError::bounds(format!("number of values in {name}"), values, expected));
    }
    Ok(())
}

/// Holds out a random share, the same one each time.
fn split(examples: Examples, request: &ImportRequest) -> Result<Dataset, RuntimeError> {
    let Examples { input, task, inputs, targets, scale } = examples;
    let values = match &inputs {
        Inputs::U8(values) => values.len(),
        Inputs::F32(values) => values.len(),
    };
    let count = values / input.len().max(1);
    let held_out = count * usize::from(request.held_out_percent) / 100;
    if held_out == 0 || held_out == count {
        return Err(RuntimeError::file(
            &request.file_name,
            format!(
                "it has {count} examples, too few to train on some and hold out {}%",
                request.held_out_percent
            ),
        ));
    }
    let order = Random::new(SPLIT_SEED, Stream::Split).permutation(count as u32);
    let (held_out, train) = order.split_at(held_out);
    let sorted = |part: &[u32]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    };
    Ok(Dataset {
        header: DatasetHeader {
            format: FORMAT.into(),
            name: request.name.clone(),
            licence: request.licence.clone(),
            attribution: request.attribution.clone(),
            input,
            task,
            scale,
        },
        inputs,
        targets,
        train: sorted(train),
        held_out: sorted(held_out),
    })
}

#[cfg(test)]
mod tests;
