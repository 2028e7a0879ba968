//! `fetch` with a time limit and typed errors: every request of the page goes through here, so none
//! can hang for ever.

use std::pin::pin;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Blob, Headers, RequestInit, Response};

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NetError {
    /// No answer: refused, no route, blocked by CORS or over the time limit.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is not a success.
    #[error("the server answered {status}{}", if detail.is_empty() { String::new() } else { format!(" ({detail})") })]
    Status {
        /// HTTP status.
        status: u16,
        /// First words of the answer.
        detail: String,
    },
}

/// A request.
pub(crate) struct Fetch<'a> {
    /// `GET`, `PUT` or `POST`.
    pub(crate) method: &'a str,
    /// Where.
    pub(crate) url: &'a str,
    /// What is sent.
    pub(crate) body: Option<JsValue>,
    /// The body's type.
    pub(crate) content_type: Option<&'a str>,
    /// Milliseconds until the request is given up.
    pub(crate) timeout_ms: u32,
}

impl<'a> Fetch<'a> {
    /// A GET.
    pub(crate) fn get(url: &'a str, timeout_ms: u32) -> Self {
        Self { method: "GET", url, body: None, content_type: None, timeout_ms }
    }

    /// Sends; the body of a success as bytes.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, NetError> {
        self.send().await?.bytes().await
    }

    /// Sends to a server that must begin to answer within so many milliseconds; the body of a success as a file of the
    /// browser's, which need not be in memory.
    pub(crate) async fn file_if_begun(self, within_ms: u32) -> Result<Blob, NetError> {
        match select(pin!(self.send()), TimeoutFuture::new(within_ms)).await {
            Either::Left((answer, _)) => answer?.file().await,
            Either::Right(_) => Err(silent(within_ms)),
        }
    }

    /// Sends; the body of a success as text.
    pub(crate) async fn text(self) -> Result<String, NetError> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn send(self) -> Result<Answer, NetError> {
        let timeout_ms = self.timeout_ms;
        let init = RequestInit::new();
        init.set_method(self.method);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout_ms)));
        if let Some(body) = &self.body {
            init.set_body(body);
        }
        if let Some(kind) = self.content_type
            && let Ok(headers) = Headers::new()
        {
            let _ = headers.set("content-type", kind);
            init.set_headers(&headers);
        }
        let window = web_sys::window()
            .ok_or_else(|| NetError::Unreachable("there is no browser window".into()))?;
        let response: Response = JsFuture::from(window.fetch_with_str_and_init(self.url, &init))
            .await
            .map_err(|e| unreachable(&e, timeout_ms))?
            .unchecked_into();
        if response.ok() {
            return Ok(Answer { response, timeout_ms });
        }
        let detail = match response.text() {
            Ok(text) => JsFuture::from(text).await.ok().and_then(|t| t.as_string()),
            Err(_) => None,
        };
        let detail = detail.unwrap_or_default();
        // A server's HTML error page says nothing to a person.
        let detail = match detail.trim_start().starts_with('<') {
            true => String::new(),
            false => detail.chars().take(160).collect::<String>().trim().to_owned(),
        };
        Err(NetError::Status { status: response.status(), detail })
    }
}

/// A success whose body is on its way.
struct Answer {
    response: Response,
    timeout_ms: u32,
}

impl Answer {
    async fn file(self) -> Result<Blob, NetError> {
        let failed = |error: JsValue| unreachable(&error, self.timeout_ms);
        let body = self.response.blob().map_err(failed)?;
        Ok(JsFuture::from(body).await.map_err(failed)?.unchecked_into())
    }

    async fn bytes(self) -> Result<Vec<u8>, NetError> {
        let failed = |error: JsValue| unreachable(&error, self.timeout_ms);
        let body = self.response.array_buffer().map_err(failed)?;
        let buffer: ArrayBuffer = JsFuture::from(body).await.map_err(failed)?.unchecked_into();
        Ok(Uint8Array::new(&buffer).to_vec())
    }
}

fn silent(ms: u32) -> NetError {
    NetError::Unreachable(format!("no answer within {} s", ms.div_ceil(1000)))
}

fn unreachable(error: &JsValue, timeout_ms: u32) -> NetError {
    let name = js_sys::Reflect::get(error, &"name".into()).ok().and_then(|n| n.as_string());
    match name.as_deref() {
        Some("TimeoutError" | "AbortError") => silent(timeout_ms),
        _ => NetError::Unreachable("no connection".to_owned()),
    }
}

/// What a JS exception says.
pub(crate) fn js_message(error: &JsValue) -> String {
    if let Some(text) = error.as_string() {
        return text;
    }
    js_sys::Reflect::get(error, &"message".into())
        .ok()
        .and_then(|m| m.as_string())
        .unwrap_or_else(|| "the browser gave no reason".to_owned())
}
