//! Small dealings with the browser that several pages need.

use js_sys::{Array, Math, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Largest whole number that JavaScript holds exactly, plus one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A seed that survives the way through JavaScript numbers. It need not be secret.
pub(crate) fn seed() -> u64 {
    (Math::random() * EXACT) as u64
}

/// 32 bytes that nobody can guess; nothing where the browser gives none.
pub(crate) fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let crypto = web_sys::window()?.crypto().ok()?;
    crypto.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    (js_sys::Date::now() / 1000.0) as u64
}

/// Whether nobody sees the tab.
pub(crate) fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}

/// An address as the page understands it, for those who would understand it otherwise.
pub(crate) fn absolute(url: &str) -> String {
    let base = web_sys::window().and_then(|window| window.location().href().ok());
    let whole = base.and_then(|base| Url::new_with_base(url, &base).ok());
    whole.map_or_else(|| url.to_owned(), |whole| whole.href())
}

/// Gives the visitor a file to keep. Whether the browser took it.
pub(crate) fn download(name: &str, bytes: &[u8]) -> bool {
    let try_download = || {
        let parts = Array::of1(&Uint8Array::from(bytes));
        let kind = BlobPropertyBag::new();
        kind.set_type("application/octet-stream");
        let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &kind).ok()?;
        let url = Url::create_object_url_with_blob(&blob).ok()?;
        let document = web_sys::window()?.document()?;
        let anchor: HtmlAnchorElement = document.create_element("a").ok()?.dyn_into().ok()?;
        anchor.set_href(&url);
        anchor.set_download(name);
        anchor.click();
        Url::revoke_object_url(&url).ok()
    };
    try_download().is_some()
}

/// Puts a text on the clipboard. Whether the browser took it.
pub(crate) async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}

/// The bytes of a text in base 64.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = web_sys::window()?.atob(text).ok()?;
    text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}

/// Loads the page anew.
pub(crate) fn reload() {
    if let Some(window) = web_sys::window() {
        // Refused only for addresses that no page has.
        let _ = window.location().reload();
    }
}
