//! Adapters and networks for the studio that a visitor brings: files of other programs, read in a worker.

use delea_model_runtime::{
    RuntimeError,
    message::{Bytes, Event, Match, ModelFiles, ModelRead, NamedFile, Request},
    spec::Body,
    studio::{AdapterSpec, Base, Painter},
    tensors::check_parameters_size,
};
use web_sys::{Blob, File};

use super::{
    check::say,
    studio::{Wearable, spec_of},
};
use crate::{
    app::App,
    net::Fetch,
    store::{blobs, files::Origin, hash},
};

/// Milliseconds until a server must begin to answer.
const ANSWERS_MS: u32 = 10_000;

/// What was read, for the visitor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// Name of the file.
    pub(crate) name: String,
    /// What it is.
    pub(crate) origin: String,
    /// What was guessed or is worth knowing.
    pub(crate) notes: Vec<String>,
    /// Its layers beside the network's.
    pub(crate) matches: Vec<Match>,
    /// Whether it can be used.
    pub(crate) fits: bool,
}

/// Files of a model, for the worker that reads them.
///
/// # Errors
/// [`RuntimeError::FileTooLarge`].
pub(crate) fn named(files: Vec<File>) -> Result<Vec<NamedFile>, RuntimeError> {
    files.into_iter().map(|file| one(file.name(), file.into())).collect()
}

fn one(name: String, file: Blob) -> Result<NamedFile, RuntimeError> {
    check_parameters_size(&name, file.size() as u64)?;
    Ok(NamedFile { name, bytes: Bytes::of_file(file, None) })
}

/// The file at an address, under the last part of its path.
///
/// # Errors
/// Why it is not here, in a sentence.
pub(crate) async fn fetched(address: &str) -> Result<Vec<NamedFile>, String> {
    let url = web_sys::Url::new(address)
        .map_err(|_| "This is no address; one begins with https://.".to_owned())?;
    let path = url.pathname();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let file = Fetch::get(address, ANSWERS_MS).file_if_begun(ANSWERS_MS).await.map_err(|error| {
        let reason = say(error);
        format!("{reason} The server may not let other sites read its files (CORS): download it there and choose it here.")
    })?;
    let name = if name.is_empty() { url.hostname() } else { name };
    Ok(vec![one(name, file).map_err(say)?])
}

/// Reads an adapter, which is put on, or a network, which is painted with from now on.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(crate) async fn read(app: App, files: Vec<NamedFile>) -> Result<Given, String> {
    let studio = app.studio;
    let base = studio.base().ok_or("The base network is not here yet.")?;
    let main = files.iter().map(|file| &file.name).find(|name| !name.ends_with(".json"));
    let name = main.cloned().ok_or("Choose the adapter's file (.safetensors) too.")?;
    // Any adapter of the base: the file says its rank.
    let like = AdapterSpec { base: base.parameters, rank: 1, alpha: 1.0, least: None };
    let like = spec_of(Painter { adapter: Some(like), ..base.painter.clone() });
    let request =
        ModelFiles { files, input: like.input.clone(), task: like.task.clone(), specs: vec![like] };
    let client = app.pool.importer().await.map_err(say)?;
    let answer = client.ask(Request::ReadModel(Box::new(request))).await.map_err(say)?;
    let Event::ModelRead(read) = answer else {
        return Err("The worker gave an unexpected answer.".to_owned());
    };
    let ModelRead { spec, parameters, notes, origin, matches } = *read;
    let Body::Painter(painter) = spec.body else {
        return Err(format!("{name} is no network that paints."));
    };
    let fits = parameters.is_some();
    if let Some(parameters) = parameters {
        let digest = hash::digest(&parameters).await;
        if !blobs::keep(digest, &parameters, Origin::Own).await {
            return Err(
                "This browser has no room for it; free some space on the account page.".to_owned()
            );
        }
        let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem).to_owned();
        match painter.adapter.clone() {
            Some(adapter) => {
                let words = painter.words.all().get(base.painter.words.all().len()..);
                studio.load(Wearable {
                    name: stem,
                    adapter,
                    words: words.unwrap_or_default().to_vec(),
                    parameters: digest,
                    model: None,
                });
            }
            None => {
                let base = Base { painter: *painter, parameters: digest, prior: None };
                studio.change_base(Some((base, stem)));
            }
        }
    }
    Ok(Given { name, origin, notes, matches, fits })
}
