//! EIP-6963: wallets announce themselves by events, so several can live in one browser.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::CustomEvent;

use super::provider::Provider;

/// Event by which wallets announce themselves.
pub(super) const ANNOUNCE: &str = "eip6963:announceProvider";
/// Event by which a page asks them to.
pub(super) const REQUEST: &str = "eip6963:requestProvider";

/// A wallet that announced itself.
#[derive(Clone)]
pub(crate) struct WalletOption {
    /// Reverse domain name, which stays the same between visits.
    pub(crate) rdns: String,
    /// Its name.
    pub(crate) name: String,
    /// Its picture, as a data URI; empty if it sent anything else.
    pub(crate) icon: String,
    /// How to speak to it.
    pub(crate) provider: Provider,
}

/// Calls `found` for each announcement, for the page's life.
pub(super) fn listen(found: impl Fn(WalletOption) + 'static) {
    let Some(window) = web_sys::window() else { return };
    let closure = Closure::<dyn FnMut(CustomEvent)>::new(move |event: CustomEvent| {
        if let Some(option) = read(&event.detail()) {
            found(option);
        }
    });
    if window.add_event_listener_with_callback(ANNOUNCE, closure.as_ref().unchecked_ref()).is_ok() {
        closure.forget();
    }
}

/// Asks the wallets to announce themselves.
pub(super) fn ask() {
    if let (Some(window), Ok(event)) = (web_sys::window(), CustomEvent::new(REQUEST)) {
        let _ = window.dispatch_event(&event);
    }
}

fn read(detail: &JsValue) -> Option<WalletOption> {
    let get = |from: &JsValue, key: &str| Reflect::get(from, &key.into()).ok();
    let info = get(detail, "info")?;
    let text = |key: &str| get(&info, key)?.as_string();
    // A remote picture would tell its server who visits this page.
    let icon = text("icon").filter(|icon| icon.starts_with("data:image/")).unwrap_or_default();
    Some(WalletOption {
        rdns: text("rdns").or_else(|| text("uuid"))?,
        name: text("name")?,
        icon,
        provider: Provider::new(get(detail, "provider")?)?,
    })
}
