//! Files by content address in the browser's private file system (OPFS): what the visitor made here is kept until it is
//! let go, what was fetched as long as there is room for it.
//!
//! A file appears whole or not at all: a browser puts what is written in its place only at the end.

use std::collections::HashMap;

use delea_model_runtime::content::Digest;
use js_sys::{Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemWritableFileStream,
};

use super::local;
use crate::browser;

/// Local storage key of the bytes that fetched files may take.
const BUDGET: &str = "delea.budget";
/// Local storage key of what is known of each fetched file.
const KNOWN: &str = "delea.fetched";
/// Bytes that fetched files may take, if the visitor did not say otherwise.
const USUAL: u64 = 1 << 30;
/// What a visitor may choose between, in bytes.
pub(crate) const BUDGETS: [u64; 4] = [128 << 20, 512 << 20, USUAL, 4 << 30];

/// Why a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was made here, and may be nowhere else.
    Own,
    /// It was fetched, and can be fetched again.
    Fetched,
}

impl Origin {
    const ALL: [Self; 2] = [Self::Own, Self::Fetched];

    fn folder(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Fetched => "fetched",
        }
    }
}

/// What is known of a fetched file without opening it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    /// Unix time in seconds when it was last wanted.
    wanted: u64,
    /// Bytes.
    size: u64,
}

/// What files take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes of files that were made here.
    pub(crate) own: u64,
    /// Bytes of files that were fetched.
    pub(crate) fetched: u64,
}

async fn wait<T: JsCast>(promise: js_sys::Promise) -> Option<T> {
    Some(JsFuture::from(promise).await.ok()?.unchecked_into())
}

/// A folder; none where the browser has no such file system (insecure origins, some private windows).
async fn folder(origin: Origin) -> Option<FileSystemDirectoryHandle> {
    let storage: JsValue = web_sys::window()?.navigator().storage().into();
    if storage.is_undefined() {
        return None;
    }
    let storage: web_sys::StorageManager = storage.unchecked_into();
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    let root: FileSystemDirectoryHandle = wait(storage.get_directory()).await?;
    wait(root.get_directory_handle_with_options(origin.folder(), &options)).await
}

/// A file, if it is kept.
pub(crate) async fn open(digest: Digest) -> Option<File> {
    let name = digest.cid();
    for origin in Origin::ALL {
        let handle: Option<FileSystemFileHandle> =
            wait(folder(origin).await?.get_file_handle(&name)).await;
        let Some(handle) = handle else { continue };
        let file: Option<File> = wait(handle.get_file()).await;
        // One that was begun and never ended is empty; no empty file is ever kept.
        if let Some(file) = file.filter(|file| file.size() > 0.0) {
            if origin == Origin::Fetched {
                touch(name, file.size() as u64);
            }
            return Some(file);
        }
    }
    None
}

/// A file that is being written.
pub(crate) struct Writer {
    stream: FileSystemWritableFileStream,
    handle: FileSystemFileHandle,
    origin: Origin,
    name: String,
}

impl Writer {
    /// Begins a file; none where there is nowhere to keep it.
    pub(crate) async fn begin(digest: Digest, origin: Origin) -> Option<Self> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let name = digest.cid();
        let handle: FileSystemFileHandle =
            wait(folder(origin).await?.get_file_handle_with_options(&name, &options)).await?;
        // Older browsers write only in workers.
        if !Reflect::has(&handle, &"createWritable".into()).unwrap_or_default() {
            return None;
        }
        let stream = wait(handle.create_writable()).await?;
        Some(Self { stream, handle, origin, name })
    }

    /// Adds bytes. Whether there was room.
    pub(crate) async fn write(&self, bytes: &[u8]) -> bool {
        let written = self.stream.write_with_js_u8_array(&Uint8Array::from(bytes));
        match written {
            Ok(written) => JsFuture::from(written).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Adds a file. Whether there was room.
    pub(crate) async fn write_file(&self, file: &Blob) -> bool {
        match self.stream.write_with_blob(file) {
            Ok(written) => JsFuture::from(written).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Puts the file in its place; makes room for it. Whether it is there.
    pub(crate) async fn end(self) -> bool {
        let done = JsFuture::from(self.stream.close()).await.is_ok();
        if done && self.origin == Origin::Fetched {
            let size = size_of(&self.handle).await;
            touch(self.name.clone(), size);
            trim(&self.name).await;
        }
        done
    }

    /// Forgets what was written. A file that was there before stays as it was.
    pub(crate) async fn give_up(self) {
        let _ = JsFuture::from(self.stream.abort()).await;
        if size_of(&self.handle).await == 0 {
            remove_from(self.origin, &self.name).await;
        }
    }
}

async fn size_of(handle: &FileSystemFileHandle) -> u64 {
    let file: Option<File> = wait(handle.get_file()).await;
    file.map_or(0, |file| file.size() as u64)
}

/// Drops a file.
pub(crate) async fn remove(digest: Digest) {
    let name = digest.cid();
    for origin in Origin::ALL {
        remove_from(origin, &name).await;
    }
}

/// Lets go of the copy that was kept because the file was made here.
pub(crate) async fn let_go(digest: Digest) {
    remove_from(Origin::Own, &digest.cid()).await;
}

async fn remove_from(origin: Origin, name: &str) {
    let Some(folder) = folder(origin).await else { return };
    let _ = JsFuture::from(folder.remove_entry(name)).await;
    if origin == Origin::Fetched {
        change_known(|known| {
            known.remove(name);
        });
    }
}

/// Drops all files of an origin.
pub(crate) async fn remove_all(origin: Origin) {
    let Some(folder) = folder(origin).await else { return };
    for (name, _) in list(&folder).await {
        let _ = JsFuture::from(folder.remove_entry(&name)).await;
    }
    if origin == Origin::Fetched {
        local::remove(KNOWN);
    }
}

/// What files take, all together.
pub(crate) async fn taken() -> Option<Taken> {
    let sum = |files: Vec<(String, u64)>| files.into_iter().map(|(_, size)| size).sum();
    let own = sum(list(&folder(Origin::Own).await?).await);
    let fetched = sum(list(&folder(Origin::Fetched).await?).await);
    Some(Taken { own, fetched })
}

/// Bytes that fetched files may take.
pub(crate) fn budget() -> u64 {
    local::value(BUDGET).unwrap_or(USUAL)
}

/// Changes how many bytes fetched files may take, and drops what is too much.
pub(crate) async fn set_budget(bytes: u64) {
    local::set_value(BUDGET, &bytes);
    trim("").await;
}

/// Names and sizes.
async fn list(folder: &FileSystemDirectoryHandle) -> Vec<(String, u64)> {
    let (mut found, names) = (Vec::new(), folder.keys());
    loop {
        let next = match names.next() {
            Ok(next) => JsFuture::from(next).await,
            Err(error) => Err(error),
        };
        let Ok(next) = next else { return found };
        let field = |name: &str| Reflect::get(&next, &name.into()).unwrap_or_default();
        if field("done").is_truthy() {
            return found;
        }
        let Some(name) = field("value").as_string() else { continue };
        let handle: Option<FileSystemFileHandle> = wait(folder.get_file_handle(&name)).await;
        let Some(handle) = handle else { continue };
        found.push((name, size_of(&handle).await));
    }
}

fn change_known(change: impl FnOnce(&mut HashMap<String, Known>)) {
    let mut known = local::value(KNOWN).unwrap_or_default();
    change(&mut known);
    local::set_value(KNOWN, &known);
}

/// Remembers that a fetched file was wanted.
fn touch(name: String, size: u64) {
    change_known(|known| {
        known.insert(name, Known { wanted: browser::now(), size });
    });
}

/// Drops fetched files, those first that were not wanted for the longest time, until the rest is within the budget; never
/// `spared`.
async fn trim(spared: &str) {
    // A large file comes in hundreds of blocks: the folder is not gone through for each.
    let known: HashMap<String, Known> = local::value(KNOWN).unwrap_or_default();
    let files = known.iter().map(|(name, file)| (name.clone(), file.size)).collect();
    let wanted = known.iter().map(|(name, file)| (name.clone(), file.wanted)).collect();
    for name in surplus(files, &wanted, budget(), spared) {
        remove_from(Origin::Fetched, &name).await;
    }
}

/// Which files are to go.
fn surplus(
    mut files: Vec<(String, u64)>,
    wanted: &HashMap<String, u64>,
    budget: u64,
    spared: &str,
) -> Vec<String> {
    let mut total: u64 = files.iter().map(|(_, size)| size).sum();
    files.sort_by_key(|(name, _)| wanted.get(name).copied().unwrap_or(0));
    let mut gone = Vec::new();
    for (name, size) in files {
        if total <= budget {
            break;
        }
        // An empty one may be under way.
        if name != spared && size > 0 {
            total -= size;
            gone.push(name);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_wanted_for_longest_goes_first() {
        let files = || {
            ["a", "b", "c", "begun"]
                .into_iter()
                .zip([40, 30, 50, 0])
                .map(|(name, size)| (name.to_owned(), size))
                .collect::<Vec<_>>()
        };
        let wanted = HashMap::from([("a".to_owned(), 7), ("b".to_owned(), 3), ("c".to_owned(), 9)]);
        assert_eq!(surplus(files(), &wanted, 120, ""), Vec::<String>::new());
        assert_eq!(surplus(files(), &wanted, 119, ""), ["b"]);
        assert_eq!(surplus(files(), &wanted, 50, ""), ["b", "a"]);
        assert_eq!(surplus(files(), &wanted, 50, "b"), ["a", "c"]);
        assert_eq!(surplus(files(), &wanted, 0, "c"), ["b", "a"]);
    }
}
