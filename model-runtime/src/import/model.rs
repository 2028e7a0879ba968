//! Models, read from the files that people have.

use std::{collections::HashMap, io::Cursor};

use zip::ZipArchive;

use super::{ZIP, adapter, matching, read_limited, tensors};
use crate::{
    RuntimeError,
    graph::{adapt::adapt, layers::graph_of, onnx},
    limits,
    message::{ExportFormat, ModelFiles, ModelRead, NamedFile},
    spec::{Body, ModelSpec},
    tensors::{TensorFile, check_parameters_size},
};

/// Names in a zip of a model.
const SPEC: &str = "spec.json";
const PARAMETERS: &str = "parameters.safetensors";

/// Reads a model.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`]; [`RuntimeError::BadFile`] for what is none; else what is wrong with it.
pub fn read_model(asked: ModelFiles) -> Result<ModelRead, RuntimeError> {
    let ModelFiles { mut files, input, task, specs } = asked;
    for file in &files {
        check_parameters_size(&file.name, file.bytes.len() as u64)?;
    }
    let is_onnx = |file: &NamedFile| file.name.to_lowercase().ends_with(".onnx");
    if let Some(main) = files.iter().position(is_onnx) {
        let file = files.swap_remove(main);
        let beside: HashMap<_, _> =
            files.into_iter().map(|file| (file.name, file.bytes.into_vec().into())).collect();
        let onnx = onnx::parse(&file.name, file.bytes.into_vec().into(), &beside)?;
        let origin = format!("ONNX, written by {}", onnx.producer);
        let adapted = adapt(onnx, &input, &task)?;
        return Ok(ModelRead {
            spec: adapted.spec,
            parameters: Some(adapted.parameters.to_bytes().into()),
            notes: adapted.notes,
            origin,
            matches: Vec::new(),
        });
    }
    // A painter among the networks means that one, or an adapter of it, is looked for.
    let painter = specs.iter().find_map(|spec| match &spec.body {
        Body::Painter(painter) => Some(painter),
        _ => None,
    });
    let is_json = |file: &NamedFile| file.name.to_lowercase().ends_with(".json");
    let config = match files.iter().position(is_json) {
        Some(place) if painter.is_some() => Some(files.swap_remove(place)),
        _ => None,
    };
    let [file] = &files[..] else {
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        return Err(RuntimeError::file(
            names.join(", "),
            "choose one file, or an ONNX file (.onnx) with the files of its parameters",
        ));
    };
    if file.bytes.starts_with(&ZIP)
        && let Some((spec, bytes)) = read_zip(&file.name, &file.bytes)?
    {
        if spec.input != input || spec.task != task {
            return Err(RuntimeError::file(
                &file.name,
                "its network takes other data than those that were chosen, or has another task",
            ));
        }
        return with_spec(&file.name, spec, &bytes);
    }
    let found = tensors::read(&file.name, &file.bytes)?;
    if let Some(painter) = painter {
        let config = config.as_ref().map(|config| &*config.bytes);
        return adapter::read(&file.name, &found, painter, config);
    }
    let fit = matching::fit(&found, &input, &task, &specs)?;
    Ok(ModelRead {
        spec: fit.spec,
        parameters: fit.parameters.map(|file| file.to_bytes().into()),
        notes: fit.notes,
        origin: found.origin.to_owned(),
        matches: fit.matches,
    })
}

/// Writes a model into a file that other programs read.
///
/// # Errors
/// [`RuntimeError::BadParameter`] for parameters that are not the spec's; else as [`ModelSpec::validate`].
pub fn export(
    spec: &ModelSpec,
    parameters: &[u8],
    format: ExportFormat,
) -> Result<Vec<u8>, RuntimeError> {
    let file = TensorFile::from_bytes("parameters", parameters)?;
    match format {
        ExportFormat::Onnx => {
            let output = match &spec.body {
                // One step of it.
                Body::Painter(painter) => vec![painter.sizes.patches(), painter.sizes.patch_size()],
                _ => spec.output().sides(),
            };
            onnx::write(&graph_of(spec)?, &file, &output)
        }
        ExportFormat::Burnpack => tensors::write_burnpack(&file),
    }
}

/// A network that comes with its parameters.
fn with_spec(name: &str, spec: ModelSpec, bytes: &[u8]) -> Result<ModelRead, RuntimeError> {
    let file = TensorFile::from_bytes(name, bytes)?;
    let wanted = spec.parameters()?;
    for (name, shape) in &wanted {
        let found = file.tensors.get(name).map(|tensor| &tensor.shape);
        if found != Some(shape) {
            return Err(RuntimeError::BadParameter {
                name: name.clone(),
                reason: match found {
                    Some(found) => {
                        format!("it is {found:?} in the file, but {shape:?} in the spec")
                    }
                    None => "the spec has it, but the file does not".into(),
                },
            });
        }
    }
    let tensors =
        file.tensors.into_iter().filter(|(name, _)| wanted.iter().any(|(w, _)| w == name));
    let file = TensorFile { tensors: tensors.collect(), ..TensorFile::default() };
    Ok(ModelRead {
        spec,
        parameters: Some(file.to_bytes().into()),
        notes: Vec::new(),
        origin: "spec and parameters".into(),
        matches: Vec::new(),
    })
}

/// The spec and the parameters of a zip; nothing if it is a zip of another kind.
fn read_zip(name: &str, bytes: &[u8]) -> Result<Option<(ModelSpec, Vec<u8>)>, RuntimeError> {
    let bad = |error: zip::result::ZipError| {
        RuntimeError::file(name, format!("it is a zip file that cannot be read: {error}"))
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    if !archive.file_names().flatten().any(|entry| entry == SPEC) {
        return Ok(None);
    }
    let spec = read_limited(name, archive.by_name(SPEC).map_err(bad)?, limits::MAX_UNPACKED_BYTES)?;
    let spec = String::from_utf8(spec)
        .map_err(|_| RuntimeError::file(name, format!("its {SPEC} is no text")))?;
    let parameters = archive.by_name(PARAMETERS).map_err(bad)?;
    let parameters = read_limited(name, parameters, limits::MAX_UNPACKED_BYTES)?;
    Ok(Some((ModelSpec::from_json(&spec)?, parameters)))
}
