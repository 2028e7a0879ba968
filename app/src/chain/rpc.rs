//! JSON-RPC over `fetch`: one typed error for each way in which a node can disappoint.

use std::cell::Cell;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};

use crate::net::{Fetch, NetError};

/// Milliseconds until a call is given up.
const TIMEOUT_MS: u32 = 12_000;

thread_local! {
    static NEXT_ID: Cell<u32> = const { Cell::new(1) };
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RpcError {
    /// No answer.
    #[error("the chain does not answer ({0})")]
    Unreachable(String),
    /// An answer that is no JSON-RPC.
    #[error("the chain's address answers with something that is not JSON-RPC")]
    NotJson,
    /// JSON-RPC of another shape than the method promises.
    #[error("the chain's answer to {method} has an unexpected shape")]
    WrongShape {
        /// The method asked.
        method: String,
    },
    /// The node's own error.
    #[error("{message}")]
    Node {
        /// JSON-RPC code.
        code: i64,
        /// The node's words.
        message: String,
        /// Revert data, if the call was reverted.
        data: Option<Bytes>,
    },
}

impl RpcError {
    /// Whether asking again later may help and the chain counts as down meanwhile.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NotJson)
    }

    /// Shorthand for a shape error.
    pub(crate) fn shape(method: &str) -> Self {
        Self::WrongShape { method: method.to_owned() }
    }
}

impl From<NetError> for RpcError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Unreachable(reason) => Self::Unreachable(reason),
            // A gateway in front of a dead node; a node itself answers errors with 200 or 400 and JSON.
            NetError::Status { status, .. } => Self::Unreachable(format!("status {status}")),
        }
    }
}

/// A log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// The contract.
    pub(crate) address: Address,
    /// Indexed topics.
    pub(crate) topics: Vec<B256>,
    /// The rest.
    pub(crate) data: Bytes,
    /// Block number.
    pub(crate) block: u64,
    /// Transaction.
    pub(crate) transaction: B256,
}

/// What a page needs of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Whether it did what it was asked.
    pub(crate) success: bool,
    /// Block number.
    pub(crate) block: u64,
    /// Events.
    pub(crate) logs: Vec<Log>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rpc {
    url: String,
}

impl Rpc {
    /// The node at `url`.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    /// Any method.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let id = NEXT_ID.replace(NEXT_ID.get().wrapping_add(1));
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let text = Fetch {
            method: "POST",
            url: &self.url,
            body: Some(body.to_string().into()),
            content_type: Some("application/json"),
            timeout_ms: TIMEOUT_MS,
        }
        .text()
        .await?;
        parse_response(method, &text)
    }

    /// A call without a transaction, at the latest block.
    pub(crate) async fn call(&self, to: Address, data: &[u8]) -> Result<Bytes, RpcError> {
        self.eth_call(json!({ "to": to, "data": hex(data) }), "latest").await
    }

    /// What a transaction would do in the next block: its time and number count, so what waits for
    /// them can be tried.
    pub(crate) async fn simulate(
        &self,
        from: Address,
        to: Address,
        data: &[u8],
        value: U256,
    ) -> Result<Bytes, RpcError> {
        let value = format!("{value:#x}");
        self.eth_call(
            json!({ "from": from, "to": to, "data": hex(data), "value": value }),
            "pending",
        )
        .await
    }

    async fn eth_call(&self, transaction: Value, block: &str) -> Result<Bytes, RpcError> {
        const METHOD: &str = "eth_call";
        let value = self.request(METHOD, json!([transaction, block])).await?;
        value.as_str().and_then(parse_bytes).ok_or_else(|| RpcError::shape(METHOD))
    }

    /// A method whose answer is a number.
    pub(crate) async fn number(&self, method: &str, params: Value) -> Result<U256, RpcError> {
        let value = self.request(method, params).await?;
        parse_quantity(&value).ok_or_else(|| RpcError::shape(method))
    }

    /// The latest block's number.
    pub(crate) async fn block_number(&self) -> Result<u64, RpcError> {
        const METHOD: &str = "eth_blockNumber";
        let value = self.number(METHOD, json!([])).await?;
        u64::try_from(value).map_err(|_| RpcError::shape(METHOD))
    }

    /// EIP-155 number.
    pub(crate) async fn chain_id(&self) -> Result<u64, RpcError> {
        const METHOD: &str = "eth_chainId";
        let value = self.number(METHOD, json!([])).await?;
        u64::try_from(value).map_err(|_| RpcError::shape(METHOD))
    }

    /// Hash and time (seconds since 1970) of a block.
    pub(crate) async fn block(&self, number: u64) -> Result<(String, u64), RpcError> {
        let (_, hash, time) = self.header(&format!("{number:#x}")).await?;
        Ok((hash, time))
    }

    /// Number and time (seconds since 1970) of the latest block.
    pub(crate) async fn latest(&self) -> Result<(u64, u64), RpcError> {
        let (number, _, time) = self.header("latest").await?;
        Ok((number, time))
    }

    async fn header(&self, tag: &str) -> Result<(u64, String, u64), RpcError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let value = self.request(METHOD, json!([tag, false])).await?;
        let field = |name: &str| parse_quantity(&value[name]).and_then(|v| u64::try_from(v).ok());
        let hash = value["hash"].as_str().map(str::to_owned);
        let header = field("number").zip(hash).zip(field("timestamp"));
        let ((number, hash), time) = header.ok_or_else(|| RpcError::shape(METHOD))?;
        Ok((number, hash, time))
    }

    /// A transaction's receipt, or nothing while it waits.
    pub(crate) async fn receipt(&self, hash: &str) -> Result<Option<Receipt>, RpcError> {
        const METHOD: &str = "eth_getTransactionReceipt";
        let value = self.request(METHOD, json!([hash])).await?;
        if value.is_null() {
            return Ok(None);
        }
        let shape = || RpcError::shape(METHOD);
        let status = parse_quantity(&value["status"]).ok_or_else(shape)?;
        let block = parse_quantity(&value["blockNumber"])
            .and_then(|b| u64::try_from(b).ok())
            .ok_or_else(shape)?;
        let logs = value["logs"].as_array().ok_or_else(shape)?;
        let logs = logs.iter().map(parse_log).collect::<Option<Vec<_>>>().ok_or_else(shape)?;
        Ok(Some(Receipt { success: status == U256::ONE, block, logs }))
    }

    /// Events of one contract in a range of blocks, both ends included.
    pub(crate) async fn logs(
        &self,
        address: Address,
        topics: Value,
        from: u64,
        to: u64,
    ) -> Result<Vec<Log>, RpcError> {
        const METHOD: &str = "eth_getLogs";
        let filter = json!({
            "address": address,
            "topics": topics,
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
        });
        let value = self.request(METHOD, json!([filter])).await?;
        let list = value.as_array().ok_or_else(|| RpcError::shape(METHOD))?;
        list.iter()
            .map(parse_log)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| RpcError::shape(METHOD))
    }
}

/// `0x` and lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}

/// Reads a JSON-RPC response's text.
fn parse_response(method: &str, text: &str) -> Result<Value, RpcError> {
    let mut value: Value = serde_json::from_str(text).map_err(|_| RpcError::NotJson)?;
    let Some(object) = value.as_object_mut() else { return Err(RpcError::NotJson) };
    if let Some(error) = object.get("error").filter(|e| !e.is_null()) {
        let message = error["message"].as_str().unwrap_or("the node refused without a reason");
        return Err(RpcError::Node {
            code: error["code"].as_i64().unwrap_or(0),
            message: message.to_owned(),
            data: revert_data(error),
        });
    }
    object.remove("result").ok_or_else(|| RpcError::shape(method))
}

/// Finds revert data in an error object. Nodes put it in `data`; wallets nest it some levels deep.
pub(crate) fn revert_data(error: &Value) -> Option<Bytes> {
    const DEPTH: usize = 5;
    fn search(value: &Value, depth: usize) -> Option<Bytes> {
        match value {
            // Four bytes of selector at least; a shorter text is no revert data.
            Value::String(text) => parse_bytes(text).filter(|bytes| bytes.len() >= 4),
            Value::Object(map) if depth > 0 => {
                ["data", "originalError", "error", "cause", "result"]
                    .iter()
                    .filter_map(|key| map.get(*key))
                    .find_map(|inner| search(inner, depth - 1))
            }
            _ => None,
        }
    }
    error.as_object()?;
    search(error, DEPTH)
}

fn parse_bytes(text: &str) -> Option<Bytes> {
    let digits = text.strip_prefix("0x")?;
    alloy_primitives::hex::decode(digits).ok().map(Bytes::from)
}

/// A JSON-RPC quantity, `0x…`.
pub(crate) fn parse_quantity(value: &Value) -> Option<U256> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    U256::from_str_radix(digits, 16).ok().filter(|_| !digits.is_empty())
}

fn parse_log(value: &Value) -> Option<Log> {
    let topics = value["topics"].as_array()?;
    Some(Log {
        address: value["address"].as_str()?.parse().ok()?,
        topics: topics.iter().map(|t| t.as_str()?.parse().ok()).collect::<Option<_>>()?,
        data: parse_bytes(value["data"].as_str()?)?,
        block: parse_quantity(&value["blockNumber"]).and_then(|b| u64::try_from(b).ok())?,
        transaction: value["transactionHash"].as_str()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_not_json_rpc() {
        assert_eq!(parse_response("m", "<html>"), Err(RpcError::NotJson));
        assert_eq!(parse_response("m", "[]"), Err(RpcError::NotJson));
        assert_eq!(parse_response("m", "{}"), Err(RpcError::shape("m")));
        assert_eq!(parse_response("m", r#"{"result":"0x1"}"#), Ok(json!("0x1")));
        assert_eq!(parse_response("m", r#"{"result":null,"error":null}"#), Ok(Value::Null));
    }

    #[test]
    fn a_revert_keeps_its_data() {
        let text = r#"{"error":{"code":3,"message":"execution reverted","data":"0x12345678aa"}}"#;
        let RpcError::Node { code, data, .. } = parse_response("eth_call", text).unwrap_err()
        else {
            panic!("not a node error")
        };
        assert_eq!((code, data.unwrap().len()), (3, 5));
    }

    #[test]
    fn wallets_nest_revert_data() {
        let nested = json!({"code": -32603, "data": {"originalError": {"data": "0xdeadbeef"}}});
        assert_eq!(revert_data(&nested).unwrap().to_string(), "0xdeadbeef");
        assert_eq!(revert_data(&json!({"data": "0x"})), None);
        assert_eq!(revert_data(&json!({"data": "Reverted"})), None);
        assert_eq!(revert_data(&json!("0xdeadbeef")), None);
    }

    #[test]
    fn outages_are_told_from_refusals() {
        assert!(RpcError::from(NetError::Unreachable("no connection".into())).is_outage());
        assert!(
            RpcError::from(NetError::Status { status: 502, detail: String::new() }).is_outage()
        );
        assert!(!RpcError::shape("m").is_outage());
    }

    #[test]
    fn quantities_and_logs_are_read_strictly() {
        assert_eq!(parse_quantity(&json!("0x1f")), Some(U256::from(31)));
        assert_eq!(parse_quantity(&json!("0x")), None);
        assert_eq!(parse_quantity(&json!(31)), None);
        assert_eq!(parse_log(&json!({"topics": []})), None);
    }
}
