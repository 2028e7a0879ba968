//! Models, read from the files that people have.

use std::collections::HashMap;

use crate::{
    RuntimeError,
    graph::{adapt::adapt, onnx},
    message::{ModelFiles, ModelRead},
    tensors::check_size,
};

/// Reads a model.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`]; [`RuntimeError::BadFile`] for what is none; else what is wrong with it.
pub fn read_model(asked: ModelFiles) -> Result<ModelRead, RuntimeError> {
    let ModelFiles { mut files, input, task, .. } = asked;
    for file in &files {
        check_size(&file.name, file.bytes.len() as u64)?;
    }
    let main = files.iter().position(|file| file.name.to_lowercase().ends_with(".onnx"));
    let main = main.ok_or_else(|| RuntimeError::file("the model", "no ONNX file was chosen"))?;
    let file = files.swap_remove(main);
    let beside: HashMap<_, _> =
        files.into_iter().map(|file| (file.name, file.bytes.into_vec().into())).collect();
    let onnx = onnx::parse(&file.name, file.bytes.into_vec().into(), &beside)?;
    let origin = format!("ONNX, written by {}", onnx.producer);
    let adapted = adapt(onnx, &input, &task)?;
    Ok(ModelRead {
        spec: adapted.spec,
        parameters: Some(adapted.parameters.to_bytes().into()),
        notes: adapted.notes,
        origin,
        matches: Vec::new(),
    })
}
