//! Checkpoints in the browser's private file system (OPFS).
//!
//! A job has two slots written in turn, each ending in the digest of what it holds, so that a tab
//! killed while writing leaves the older checkpoint whole.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use super::port;
use crate::{RuntimeError, content::Digest, message::CheckpointInfo};

/// Folder of all checkpoints.
const FOLDER: &str = "checkpoints";
const SLOTS: [&str; 2] = ["a", "b"];
/// Bytes after the checkpoint: its step and its digest.
const TRAILER: usize = 4 + 32;

/// The folder of checkpoints.
pub(super) struct Store {
    folder: FileSystemDirectoryHandle,
}

fn refused(error: JsValue) -> RuntimeError {
    let reason = error
        .dyn_ref::<js_sys::Error>()
        .map_or_else(|| format!("{error:?}"), |e| String::from(e.message()));
    RuntimeError::Storage { reason }
}

async fn wait<T: JsCast>(promise: js_sys::Promise) -> Result<T, RuntimeError> {
    Ok(JsFuture::from(promise).await.map_err(refused)?.unchecked_into())
}

impl Store {
    /// Opens the folder; `None` where there is no such file system (Node, private windows).
    pub(super) async fn open() -> Option<Self> {
        let storage = port::scope()?.navigator().storage();
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let root: FileSystemDirectoryHandle = wait(storage.get_directory()).await.ok()?;
        let folder = wait(root.get_directory_handle_with_options(FOLDER, &options)).await.ok()?;
        Some(Self { folder })
    }

    async fn file(&self, name: &str, create: bool) -> Result<File, RuntimeError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        let handle: FileSystemFileHandle =
            wait(self.folder.get_file_handle_with_options(name, &options)).await?;
        Ok(File(wait(handle.create_sync_access_handle()).await?))
    }

    /// The newest whole checkpoint of a job, and the number of its slot.
    pub(super) async fn read(&self, job: &str) -> Option<(usize, Vec<u8>)> {
        let mut newest: Option<(u32, (usize, Vec<u8>))> = None;
        for (number, slot) in SLOTS.into_iter().enumerate() {
            let Ok(file) = self.file(&name(job, slot), false).await else { continue };
            let Ok(Some((step, bytes))) = file.read() else { continue };
            if newest.as_ref().is_none_or(|(other, _)| step > *other) {
                newest = Some((step, (number, bytes)));
            }
        }
        newest.map(|(_, found)| found)
    }

    /// Writes a checkpoint into slot `turn` modulo two.
    ///
    /// # Errors
    /// [`RuntimeError::Storage`] with the browser's reason: no space left, most often.
    pub(super) async fn write(
        &self,
        job: &str,
        step: u32,
        bytes: &[u8],
        turn: usize,
    ) -> Result<(), RuntimeError> {
        self.file(&name(job, SLOTS[turn % 2]), true).await?.write(step, bytes)
    }

    /// Deletes a job's checkpoints.
    pub(super) async fn delete(&self, job: &str) {
        for slot in SLOTS {
            // A slot that was never written is as good as deleted.
            drop(JsFuture::from(self.folder.remove_entry(&name(job, slot))).await);
        }
    }

    /// All jobs with a checkpoint.
    ///
    /// # Errors
    /// [`RuntimeError::Storage`] if the folder cannot be listed.
    pub(super) async fn list(&self) -> Result<Vec<CheckpointInfo>, RuntimeError> {
        let mut found: Vec<CheckpointInfo> = Vec::new();
        let entries = self.folder.keys();
        loop {
            let next: JsValue = wait(entries.next().map_err(refused)?).await?;
            if Reflect::get(&next, &"done".into()).map_err(refused)?.is_truthy() {
                break;
            }
            let Some(file_name) =
                Reflect::get(&next, &"value".into()).map_err(refused)?.as_string()
            else {
                continue;
            };
            let Some(job) = job_of(&file_name) else { continue };
            let Ok(file) = self.file(&file_name, false).await else { continue };
            let Ok(Some((step, bytes))) = file.read() else { continue };
            let info = CheckpointInfo { job, step, bytes: bytes.len() as u64 };
            match found.iter_mut().find(|other| other.job == info.job) {
                Some(other) if other.step < info.step => *other = info,
                Some(_) => {}
                None => found.push(info),
            }
        }
        found.sort_by_key(|info| std::cmp::Reverse(info.step));
        Ok(found)
    }
}

/// A job's key may hold any character; a file's name may not.
fn name(job: &str, slot: &str) -> String {
    let hex: String = job.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{slot}")
}

fn job_of(file_name: &str) -> Option<String> {
    let (hex, _) = file_name.rsplit_once('.')?;
    let bytes = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

struct File(FileSystemSyncAccessHandle);

impl Drop for File {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl File {
    fn at(offset: usize) -> FileSystemReadWriteOptions {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(offset as f64);
        options
    }

    /// Step and bytes, or nothing if the file is torn.
    fn read(&self) -> Result<Option<(u32, Vec<u8>)>, RuntimeError> {
        let size = self.0.get_size().map_err(refused)? as usize;
        if size < TRAILER {
            return Ok(None);
        }
        let mut bytes = vec![0; size];
        let read =
            self.0.read_with_u8_array_and_options(&mut bytes, &Self::at(0)).map_err(refused)?;
        if read as usize != size {
            return Ok(None);
        }
        let trailer = bytes.split_off(size - TRAILER);
        let mut step = [0; 4];
        step.copy_from_slice(&trailer[..4]);
        if Digest::of(&bytes).0 != trailer[4..] {
            return Ok(None);
        }
        Ok(Some((u32::from_le_bytes(step), bytes)))
    }

    fn write(&self, step: u32, bytes: &[u8]) -> Result<(), RuntimeError> {
        self.0.truncate_with_f64(0.0).map_err(refused)?;
        let mut trailer = step.to_le_bytes().to_vec();
        trailer.extend_from_slice(&Digest::of(bytes).0);
        for (offset, part) in [(0, bytes), (bytes.len(), &trailer)] {
            let written =
                self.0.write_with_u8_array_and_options(part, &Self::at(offset)).map_err(refused)?;
            if written as usize != part.len() {
                return Err(RuntimeError::Storage { reason: "no space is left".into() });
            }
        }
        self.0.flush().map_err(refused)
    }
}
