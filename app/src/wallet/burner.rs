//! A wallet for the local chain only: an EIP-1193 provider in Rust whose key lies in local storage
//! and whose coins the development node gives. It announces itself by EIP-6963 like any other, so the
//! rest of the page cannot tell the difference.

use alloy_primitives::{Address, Bytes, U256};
use js_sys::{Error, Object, Promise, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::future_to_promise;
use web_sys::{CustomEvent, CustomEventInit};

use super::{
    discovery::{ANNOUNCE, REQUEST},
    provider::to_json,
    signing::{Key, SigningError, Transaction},
};
use crate::{
    browser,
    chain::rpc::{Rpc, RpcError, hex, parse_quantity},
    config::Config,
    store::local,
};

/// The wallet's reverse domain name.
pub(crate) const RDNS: &str = "org.delea.burner";
/// Fixed for the page: EIP-6963 wants a UUID.
const UUID: &str = "5a9f3c1e-6d0b-4f27-9a54-d1e5c0de1ea5";
const NAME: &str = "Burner wallet (local test money)";
/// A flame, as a data URI.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%23c2570c'/%3E%3Cpath d='M17 5c1 5 6 7 6 13a7 7 0 0 1-14 0c0-3 2-5 3-7 1 2 2 3 3 3 1-3 0-6 2-9z' fill='%23fff'/%3E%3C/svg%3E";
/// Local storage key of the private key.
const KEY: &str = "delea.burner";
/// Wei below which the node is asked for more: one coin.
const LOW: u128 = 1_000_000_000_000_000_000;
/// Wei the node gives: a hundred coins.
const GIFT: u128 = 100 * LOW;

/// Why the wallet refused.
#[derive(Debug, thiserror::Error)]
enum BurnerError {
    #[error(transparent)]
    Rpc(#[from] RpcError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error("the burner wallet cannot read this request")]
    BadRequest,
    #[error("the browser gives no random numbers")]
    NoRandomness,
}

/// Announces the wallet now and whenever a page asks.
pub(super) fn announce(config: &Config) {
    let Some(window) = web_sys::window() else { return };
    let provider = provider(Rpc::new(&config.rpc_url), config.chain_id);
    let info = Object::new();
    for (key, value) in [("uuid", UUID), ("name", NAME), ("icon", ICON), ("rdns", RDNS)] {
        let _ = Reflect::set(&info, &key.into(), &value.into());
    }
    let detail = Object::new();
    let _ = Reflect::set(&detail, &"info".into(), &info);
    let _ = Reflect::set(&detail, &"provider".into(), &provider);
    let detail = Object::freeze(&detail);
    let say = move || {
        let init = CustomEventInit::new();
        init.set_detail(&detail);
        if let (Some(window), Ok(event)) =
            (web_sys::window(), CustomEvent::new_with_event_init_dict(ANNOUNCE, &init))
        {
            let _ = window.dispatch_event(&event);
        }
    };
    say();
    let asked = Closure::<dyn FnMut()>::new(say);
    if window.add_event_listener_with_callback(REQUEST, asked.as_ref().unchecked_ref()).is_ok() {
        asked.forget();
    }
}

/// The provider object. Its account and chain never change, so `on` has nothing to tell.
fn provider(rpc: Rpc, chain_id: u64) -> JsValue {
    let request = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |argument: JsValue| {
        let rpc = rpc.clone();
        future_to_promise(async move {
            let argument = to_json(&argument);
            match answer(&rpc, chain_id, &argument).await {
                Ok(value) => js_sys::JSON::parse(&value.to_string()),
                Err(error) => Err(to_js(&error)),
            }
        })
    });
    let silent = Closure::<dyn FnMut()>::new(|| {});
    let provider = Object::new();
    let _ = Reflect::set(&provider, &"request".into(), request.as_ref());
    let _ = Reflect::set(&provider, &"on".into(), silent.as_ref());
    let _ = Reflect::set(&provider, &"removeListener".into(), silent.as_ref());
    // They live as long as the page does.
    request.forget();
    silent.forget();
    provider.into()
}

/// An EIP-1193 error: an `Error` with `code` and `data`.
fn to_js(error: &BurnerError) -> JsValue {
    let object = Error::new(&error.to_string());
    let (code, data) = match error {
        BurnerError::Rpc(RpcError::Node { code, data, .. }) => (*code, data.as_ref()),
        BurnerError::Rpc(_) => (4900, None),
        _ => (-32602, None),
    };
    let _ = Reflect::set(&object, &"code".into(), &JsValue::from_f64(code as f64));
    if let Some(data) = data {
        let _ = Reflect::set(&object, &"data".into(), &hex(data).into());
    }
    object.into()
}

async fn answer(rpc: &Rpc, chain_id: u64, argument: &Value) -> Result<Value, BurnerError> {
    let method = argument["method"].as_str().ok_or(BurnerError::BadRequest)?;
    let params = match &argument["params"] {
        Value::Null => json!([]),
        params => params.clone(),
    };
    match method {
        "eth_requestAccounts" => {
            let address = key()?.address();
            fund(rpc, address).await?;
            Ok(json!([address]))
        }
        // The key may not exist yet; then nobody has been connected.
        "eth_accounts" => match local::text(KEY) {
            Some(_) => Ok(json!([key()?.address()])),
            None => Ok(json!([])),
        },
        "eth_chainId" => Ok(json!(format!("{chain_id:#x}"))),
        "eth_sendTransaction" => send(rpc, chain_id, &params[0]).await,
        "personal_sign" => {
            let text = params[0].as_str().ok_or(BurnerError::BadRequest)?;
            let message = alloy_primitives::hex::decode(text).unwrap_or_else(|_| text.into());
            Ok(json!(hex(&key()?.sign_message(&message)?)))
        }
        "wallet_switchEthereumChain" | "wallet_addEthereumChain" => {
            let wanted = parse_quantity(&params[0]["chainId"]);
            match wanted == Some(U256::from(chain_id)) {
                true => Ok(Value::Null),
                false => Err(BurnerError::BadRequest),
            }
        }
        "wallet_watchAsset" => Ok(json!(true)),
        _ => Ok(rpc.request(method, params).await?),
    }
}

async fn send(rpc: &Rpc, chain_id: u64, asked: &Value) -> Result<Value, BurnerError> {
    let key = key()?;
    let from = key.address();
    fund(rpc, from).await?;
    let to: Option<Address> = match asked["to"].as_str() {
        Some(to) => Some(to.parse().map_err(|_| BurnerError::BadRequest)?),
        None => None,
    };
    let data = match asked["data"].as_str().or(asked["input"].as_str()) {
        Some(data) => alloy_primitives::hex::decode(data).map_err(|_| BurnerError::BadRequest)?,
        None => Vec::new(),
    };
    let value = parse_quantity(&asked["value"]).unwrap_or(U256::ZERO);
    let mut call = json!({ "from": from, "data": hex(&data), "value": format!("{value:#x}") });
    if let Some(to) = to {
        call["to"] = json!(to);
    }
    let gas = async {
        match parse_quantity(&asked["gas"]) {
            Some(gas) => Ok(gas),
            None => rpc.number("eth_estimateGas", json!([call])).await,
        }
    };
    let (nonce, gas_price, gas) = futures_util::try_join!(
        rpc.number("eth_getTransactionCount", json!([from, "pending"])),
        rpc.number("eth_gasPrice", json!([])),
        gas,
    )?;
    let narrow = |value: U256| u64::try_from(value).map_err(|_| BurnerError::BadRequest);
    let transaction = Transaction {
        chain_id,
        nonce: narrow(nonce)?,
        max_priority_fee: U256::ZERO,
        // The base fee rises by an eighth a block at most; twice leaves room for six full blocks.
        max_fee: gas_price * U256::from(2),
        gas: narrow(gas)?,
        to,
        value,
        data: Bytes::from(data),
    };
    let raw = hex(&key.sign(&transaction)?);
    Ok(rpc.request("eth_sendRawTransaction", json!([raw])).await?)
}

/// Has the development node give coins if there are few.
async fn fund(rpc: &Rpc, address: Address) -> Result<(), RpcError> {
    let balance = rpc.number("eth_getBalance", json!([address, "latest"])).await?;
    if balance < U256::from(LOW) {
        let gift = format!("{:#x}", U256::from(GIFT));
        rpc.request("anvil_setBalance", json!([address, gift])).await?;
    }
    Ok(())
}

/// The stored key, made at the first use.
fn key() -> Result<Key, BurnerError> {
    if let Some(text) = local::text(KEY) {
        let bytes = alloy_primitives::hex::decode(text).map_err(|_| SigningError::BadKey)?;
        return Ok(Key::from_bytes(&bytes)?);
    }
    let bytes = browser::random().ok_or(BurnerError::NoRandomness)?;
    let key = Key::from_bytes(&bytes)?;
    local::set_text(KEY, &alloy_primitives::hex::encode(bytes));
    Ok(key)
}
