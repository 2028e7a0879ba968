//! sha2-256 without blocking the page.

use delea_model_runtime::content::Digest;
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

/// Bytes hashed at once on the main thread: about 4 ms of wasm.
const CHUNK: usize = 1 << 20;

/// The digest of `bytes`: by the browser's own hash, which runs on another thread, else in slices.
pub(crate) async fn digest(bytes: &[u8]) -> Digest {
    if bytes.len() <= CHUNK {
        return Digest::of(bytes);
    }
    match native(bytes).await {
        Some(digest) => digest,
        // `crypto.subtle` exists only on secure origins.
        None => sliced(bytes).await,
    }
}

/// The digest of a file, without reading it whole; nothing if it cannot be read any more.
pub(crate) async fn digest_of(file: &Blob) -> Option<Digest> {
    let mut hasher = Sha256::new();
    let (size, mut at) = (file.size(), 0.0);
    while at < size {
        let end = size.min(at + CHUNK as f64);
        hasher.update(bytes_of(&file.slice_with_f64_and_f64(at, end).ok()?).await?);
        at = end;
    }
    Some(Digest(hasher.finalize().into()))
}

/// A file's bytes; nothing if it cannot be read any more.
pub(crate) async fn bytes_of(file: &Blob) -> Option<Vec<u8>> {
    let buffer: ArrayBuffer = JsFuture::from(file.array_buffer()).await.ok()?.unchecked_into();
    Some(Uint8Array::new(&buffer).to_vec())
}

async fn native(bytes: &[u8]) -> Option<Digest> {
    let subtle = web_sys::window()?.crypto().ok()?.subtle();
    if subtle.is_undefined() {
        return None;
    }
    let copy = Uint8Array::from(bytes);
    let promise =
        subtle.digest_with_str_and_buffer_source("SHA-256", copy.unchecked_ref::<js_sys::Object>());
    let buffer: ArrayBuffer = JsFuture::from(promise.ok()?).await.ok()?.unchecked_into();
    let mut out = [0u8; 32];
    let view = Uint8Array::new(&buffer);
    if view.length() != 32 {
        return None;
    }
    view.copy_to(&mut out);
    Some(Digest(out))
}

async fn sliced(bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    for chunk in bytes.chunks(CHUNK) {
        hasher.update(chunk);
        TimeoutFuture::new(0).await;
    }
    Digest(hasher.finalize().into())
}
