//! Questions to nodes by `fetch`.

use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

use super::scope;
use crate::Source;

/// Milliseconds until an answer is given up.
const TIMEOUT_MS: u32 = 30_000;

/// The browser's own.
pub(super) struct Fetch;

impl Source for Fetch {
    async fn post(&self, url: &str, body: String) -> Result<String, String> {
        send(url, &body).await.map_err(|error| words(&error))
    }

    async fn pause(&self, ms: u32) {
        let Some(scope) = scope() else { return };
        let wait = Promise::new(&mut |resolve: Function, _| {
            let _ =
                scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms as i32);
        });
        let _ = JsFuture::from(wait).await;
    }
}

async fn send(url: &str, body: &str) -> Result<String, JsValue> {
    let scope = scope().ok_or("this is no worker")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body.into());
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
    let headers = Headers::new()?;
    headers.set("content-type", "application/json")?;
    init.set_headers(&headers);
    let response: Response =
        JsFuture::from(scope.fetch_with_str_and_init(url, &init)).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    // Nodes answer errors with 200, 400 or 429, and JSON; gateways before a dead one with a page.
    match response.ok() || text.trim_start().starts_with('{') {
        true => Ok(text),
        false => Err(format!("status {}", response.status()).into()),
    }
}

fn words(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok();
    let message = message.and_then(|message| message.as_string()).or_else(|| error.as_string());
    message.unwrap_or_else(|| "no reason is given".into())
}
