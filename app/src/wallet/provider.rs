//! EIP-1193: one `request`, a few events, and errors that each get a calm sentence.

use alloy_primitives::Bytes;
use js_sys::{Function, JSON, Object, Promise, Reflect};
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;

use crate::{chain::rpc::revert_data, net::js_message};

/// Why a wallet did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WalletError {
    /// EIP-1193 code 4001.
    #[error("you declined in your wallet; nothing was sent")]
    Rejected,
    /// EIP-3085 code 4902.
    #[error("your wallet does not know this chain")]
    UnknownChain,
    /// Code −32002: a question is already open.
    #[error("your wallet is already asking something; open it and answer there")]
    Pending,
    /// Codes 4900 and 4901, or no wallet at all.
    #[error("no wallet is connected")]
    Disconnected,
    /// A wallet without accounts.
    #[error("the wallet offers no account")]
    NoAccount,
    /// An answer that makes no sense.
    #[error("the wallet gave an answer that this page cannot read")]
    Garbled,
    /// Anything else, with revert data if there was any.
    #[error("the wallet refused: {message}")]
    Other {
        /// The wallet's words.
        message: String,
        /// Revert data.
        data: Option<Bytes>,
    },
}

impl WalletError {
    /// Reads an EIP-1193 error object.
    pub(crate) fn from_value(error: &Value, message: String) -> Self {
        // MetaMask on phones wraps the code of an unknown chain one level deeper.
        let inner = error["data"]["originalError"]["code"].as_i64();
        match (error["code"].as_i64(), inner) {
            (Some(4001), _) => Self::Rejected,
            (Some(4902), _) | (_, Some(4902)) => Self::UnknownChain,
            (Some(-32002), _) => Self::Pending,
            (Some(4900 | 4901), _) => Self::Disconnected,
            _ => Self::Other { message, data: revert_data(error) },
        }
    }
}

/// An EIP-1193 provider.
#[derive(Clone)]
pub(crate) struct Provider(JsValue);

impl Provider {
    /// Takes what a wallet announced; nothing if it has no `request`.
    pub(crate) fn new(value: JsValue) -> Option<Self> {
        let request = Reflect::get(&value, &"request".into()).ok()?;
        request.is_function().then_some(Self(value))
    }

    /// Asks the wallet. Never times out: a person may be reading.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, WalletError> {
        let argument = Object::new();
        let params = JSON::parse(&params.to_string()).map_err(|_| WalletError::Garbled)?;
        let set = |key: &str, value: &JsValue| Reflect::set(&argument, &key.into(), value);
        set("method", &method.into())
            .and(set("params", &params))
            .map_err(|_| WalletError::Garbled)?;
        let request: Function = Reflect::get(&self.0, &"request".into())
            .and_then(JsCast::dyn_into)
            .map_err(|_| WalletError::Disconnected)?;
        let answer = request.call1(&self.0, &argument).map_err(|e| refusal(&e))?;
        let answer = JsFuture::from(Promise::resolve(&answer)).await.map_err(|e| refusal(&e))?;
        Ok(to_json(&answer))
    }

    /// Listens to an event, for the page's life.
    pub(crate) fn on(&self, event: &str, listener: impl FnMut(JsValue) + 'static) {
        let Ok(on) = Reflect::get(&self.0, &"on".into()).and_then(JsCast::dyn_into::<Function>)
        else {
            return;
        };
        let closure = Closure::<dyn FnMut(JsValue)>::new(listener);
        if on.call2(&self.0, &event.into(), closure.as_ref()).is_ok() {
            closure.forget();
        }
    }
}

/// A JS value as JSON; `null` for what has no JSON.
pub(crate) fn to_json(value: &JsValue) -> Value {
    JSON::stringify(value)
        .ok()
        .and_then(|text| text.as_string())
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null)
}

fn refusal(error: &JsValue) -> WalletError {
    // An Error's own fields are not enumerable, so they are copied by name.
    let mut value = serde_json::Map::new();
    for key in ["code", "data"] {
        if let Ok(field) = Reflect::get(error, &key.into()) {
            value.insert(key.to_owned(), to_json(&field));
        }
    }
    WalletError::from_value(&Value::Object(value), js_message(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_failure_matrix_has_its_sentences() {
        let read = |value: Value| WalletError::from_value(&value, "x".into());
        assert_eq!(read(json!({"code": 4001})), WalletError::Rejected);
        assert_eq!(read(json!({"code": 4902})), WalletError::UnknownChain);
        let wrapped = json!({"code": -32603, "data": {"originalError": {"code": 4902}}});
        assert_eq!(read(wrapped), WalletError::UnknownChain);
        assert_eq!(read(json!({"code": -32002})), WalletError::Pending);
        assert_eq!(read(json!({"code": 4900})), WalletError::Disconnected);
        let revert = json!({"code": 3, "data": "0x12345678"});
        assert!(matches!(read(revert), WalletError::Other { data: Some(_), .. }));
    }
}
