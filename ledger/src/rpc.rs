//! JSON-RPC over whatever carries it.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::LedgerError;

/// What carries questions to nodes of the chain, and lets time pass.
pub trait Source {
    /// Sends a JSON-RPC request to a node and gives back the answer's body.
    ///
    /// # Errors
    /// Why there was none, in words; a status that is no success is one too.
    fn post(&self, url: &str, body: String) -> impl Future<Output = Result<String, String>>;

    /// Waits so many milliseconds.
    fn pause(&self, ms: u32) -> impl Future<Output = ()>;
}

/// An event as `eth_getLogs` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawLog {
    /// Signature and indexed fields.
    pub topics: Vec<B256>,
    /// The other fields.
    pub data: Bytes,
    /// Its block.
    #[serde(deserialize_with = "quantity")]
    pub block_number: u64,
}

/// A block's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Header {
    pub(crate) hash: B256,
}

/// How a question failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Worth asking again, later or elsewhere.
    Passing(LedgerError),
    /// The node's own refusal: a smaller question may do.
    Refusal(LedgerError),
}

impl From<Failure> for LedgerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Passing(error) | Failure::Refusal(error) => error,
        }
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    #[serde(default = "Option::default")]
    result: Option<T>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Refusal {
    /// Whether the node only wants to be asked less often.
    fn is_haste(&self) -> bool {
        let words = self.message.to_lowercase();
        self.code == 429
            || ["rate", "too many", "throttl", "busy", "try again"]
                .iter()
                .any(|word| words.contains(word))
    }
}

/// One question to one node.
pub(crate) async fn ask<S: Source, T: DeserializeOwned>(
    source: &S,
    url: &str,
    method: &str,
    params: Value,
) -> Result<T, Failure> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let endpoint = host(url);
    let text = source.post(url, body).await.map_err(|reason| {
        Failure::Passing(LedgerError::Unreachable { endpoint: endpoint.clone(), reason })
    })?;
    let strange = || LedgerError::NotRpc { endpoint: endpoint.clone(), method: method.to_owned() };
    let answer: Answer<T> = serde_json::from_str(&text).map_err(|_| Failure::Passing(strange()))?;
    if let Some(refusal) = answer.error {
        let haste = refusal.is_haste();
        let error = LedgerError::Refused {
            endpoint,
            method: method.to_owned(),
            code: refusal.code,
            message: refusal.message,
        };
        return Err(if haste { Failure::Passing(error) } else { Failure::Refusal(error) });
    }
    answer.result.ok_or_else(|| Failure::Passing(strange()))
}

/// The latest block's number.
pub(crate) async fn height<S: Source>(source: &S, url: &str) -> Result<u64, Failure> {
    let text: String = ask(source, url, "eth_blockNumber", json!([])).await?;
    parse_quantity(&text).ok_or_else(|| {
        Failure::Passing(LedgerError::NotRpc {
            endpoint: host(url),
            method: "eth_blockNumber".into(),
        })
    })
}

/// The hash of a block.
pub(crate) async fn block_hash<S: Source>(
    source: &S,
    url: &str,
    number: u64,
) -> Result<B256, Failure> {
    let params = json!([format!("{number:#x}"), false]);
    let header: Header = ask(source, url, "eth_getBlockByNumber", params).await?;
    Ok(header.hash)
}

/// The answer of a contract as of a block.
pub(crate) async fn call<S: Source>(
    source: &S,
    url: &str,
    to: Address,
    data: &[u8],
    block: u64,
) -> Result<Bytes, Failure> {
    let data = alloy_primitives::hex::encode_prefixed(data);
    let params = json!([{ "to": to, "data": data }, format!("{block:#x}")]);
    ask(source, url, "eth_call", params).await
}

/// A node's name for people: a key in its path or before its host is nobody's business.
pub(crate) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() { url.to_owned() } else { host.to_owned() }
}

fn parse_quantity(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn quantity<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
    parse_quantity(&text).ok_or_else(|| serde::de::Error::custom("no quantity"))
}
