//! One transaction from question to result: simulate, sign, wait, and say at each point what happens.

use alloy_primitives::{Address, Bytes, U256};
use delea_contracts_abi::error::ContractError;
use leptos::prelude::*;
use serde_json::json;

use super::rpc::{Receipt, Rpc, RpcError, hex};
use crate::{
    app::App,
    components::toasts::Kind,
    jobs::trainer::sentence,
    wallet::{Account, provider::WalletError},
};

/// Milliseconds between looks for a receipt: first, and at most.
const FIRST_POLL_MS: u32 = 250;
const LAST_POLL_MS: u32 = 4_000;
/// Milliseconds until a transaction counts as stuck.
const PATIENCE_MS: u32 = 600_000;
/// A fifth more gas than the estimate.
const GAS_MARGIN: u64 = 5;
/// Seconds that a signed transaction stays valid.
pub(crate) const DEADLINE_S: u64 = 600;

/// Why a transaction did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TxError {
    /// No wallet; the dialog is open.
    #[error("connect a wallet first")]
    NotConnected,
    /// The wallet's error.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The contract would refuse, or refused; in words.
    #[error("{0}")]
    Contract(String),
    /// The chain failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The wallet is on another chain and stayed there.
    #[error("your wallet is on another chain; change it to {0} and press again")]
    WrongChain(String),
    /// The account changed while the visitor was deciding.
    #[error("the account in your wallet changed; nothing was sent. Press again to use the new one")]
    AccountChanged,
    /// Not in a block for very long.
    #[error("the transaction is not in a block after ten minutes; look it up in your wallet")]
    Stuck,
}

/// Name of the contract's error behind a failed call, if it is one of ours.
pub(crate) fn error_name(error: &RpcError) -> Option<&'static str> {
    match error {
        RpcError::Node { data: Some(data), .. } => ContractError::decode(data).name(),
        _ => None,
    }
}

/// What revert data says, as a sentence.
pub(crate) fn revert_sentence(data: &Bytes) -> String {
    sentence(&ContractError::decode(data).to_string())
}

impl TxError {
    /// What to tell beside the button that was pressed; nothing where a dialog asks already.
    pub(crate) fn told(self) -> Option<String> {
        match self {
            Self::NotConnected => None,
            error => Some(sentence(&error.to_string())),
        }
    }

    fn from_rpc(error: RpcError) -> Self {
        match error {
            RpcError::Node { data: Some(data), .. } => Self::Contract(revert_sentence(&data)),
            other => Self::Rpc(other),
        }
    }

    fn from_wallet(error: WalletError) -> Self {
        match error {
            WalletError::Other { data: Some(data), .. } => Self::Contract(revert_sentence(&data)),
            other => Self::Wallet(other),
        }
    }
}

/// What a transaction is for, in toasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed {
    /// While it goes on: "Publishing".
    pub(crate) doing: &'static str,
    /// Once it is done: "Your training is published".
    pub(crate) done: &'static str,
}

/// A call to a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The contract.
    pub(crate) to: Address,
    /// Function and arguments.
    pub(crate) data: Vec<u8>,
    /// Coins sent along, in wei.
    pub(crate) value: U256,
}

impl Call {
    /// A call without coins.
    pub(crate) fn new(to: Address, data: Vec<u8>) -> Self {
        Self { to, data, value: U256::ZERO }
    }
}

/// Sends a call from the connected account.
///
/// # Errors
/// As [`TxError`]; the visitor has been told already by a toast.
pub(crate) async fn send(app: App, deed: Deed, call: Call) -> Result<Receipt, TxError> {
    let what = deed.doing;
    let toast = app.toasts.push(Kind::Progress, format!("{what}: checking…"));
    let told = |words: &str, hash: Option<&str>| {
        if let Some(hash) = hash {
            toast.set_hash(hash);
        }
        toast.update(Kind::Progress, format!("{what}: {words}"));
    };
    let result = run(app, &told, call).await;
    match &result {
        Ok(_) => {
            app.refresh();
            toast.update(Kind::Success, deed.done);
        }
        Err(TxError::NotConnected) => toast.close(),
        // Declining is no error: the visitor knows best.
        Err(error @ TxError::Wallet(WalletError::Rejected)) => {
            toast.update(Kind::Info, sentence(&error.to_string()));
        }
        Err(error) => {
            toast.update(Kind::Error, format!("{what}: {}", sentence(&error.to_string())))
        }
    }
    result
}

/// Sends a call from the connected account without a toast, for work that goes on by itself.
///
/// # Errors
/// As [`TxError`].
pub(crate) async fn quietly(app: App, call: Call) -> Result<Receipt, TxError> {
    let result = run(app, &|_, _| {}, call).await;
    if result.is_ok() {
        app.refresh();
    }
    result
}

/// Tells how far it is, and the transaction's hash once there is one.
async fn run(
    app: App,
    told: &dyn Fn(&str, Option<&str>),
    Call { to, data, value }: Call,
) -> Result<Receipt, TxError> {
    let config = app.config();
    let rpc = app.rpc();
    let account = app.wallets.account_or_ask().await.ok_or(TxError::NotConnected)?;
    if account.chain_id != config.chain_id {
        let switched = app.wallets.switch_chain(&config).await;
        if let Err(error @ WalletError::Rejected) = switched {
            return Err(error.into());
        }
        switched.map_err(|_| TxError::WrongChain(config.chain_name.clone()))?;
    }
    rpc.simulate(account.address, to, &data, value).await.map_err(TxError::from_rpc)?;
    unchanged(app, &account)?;
    told("confirm in your wallet…", None);
    let mut transaction = json!({ "from": account.address, "to": to, "data": hex(&data) });
    if !value.is_zero() {
        transaction["value"] = json!(format!("{value:#x}"));
    }
    // Others may act before the block comes: some wallets sign the bare estimate, which is too little then.
    let gas =
        rpc.number("eth_estimateGas", json!([transaction])).await.map_err(TxError::from_rpc)?;
    transaction["gas"] = json!(format!("{:#x}", gas + gas / U256::from(GAS_MARGIN)));
    let provider = app.wallets.provider()?;
    let hash = provider
        .request("eth_sendTransaction", json!([transaction]))
        .await
        .map_err(TxError::from_wallet)?;
    let hash = hash.as_str().ok_or(WalletError::Garbled)?.to_owned();
    told("waiting for the block…", Some(&hash));
    let receipt = wait(app, &rpc, &hash).await?;
    if receipt.success {
        return Ok(receipt);
    }
    // The receipt holds no reason; the same call on the present state most often gives it.
    let reason = match rpc.simulate(account.address, to, &data, value).await {
        Err(error) => TxError::from_rpc(error).to_string(),
        Ok(_) => {
            "the chain refused it; the state changed between the check and the block".to_owned()
        }
    };
    Err(TxError::Contract(sentence(&reason)))
}

/// What was checked for one account must not be signed by another.
fn unchanged(app: App, before: &Account) -> Result<(), TxError> {
    match app.wallets.account.get_untracked() {
        Some(now) if now.address == before.address => Ok(()),
        Some(_) => Err(TxError::AccountChanged),
        None => Err(WalletError::Disconnected.into()),
    }
}

async fn wait(app: App, rpc: &Rpc, hash: &str) -> Result<Receipt, TxError> {
    let (mut pause, mut waited) = (FIRST_POLL_MS, 0);
    while waited < PATIENCE_MS {
        app.pause(pause).await;
        waited += pause;
        match rpc.receipt(hash).await {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) => {}
            // The transaction is on its way: an outage only delays the news of it.
            Err(error) if error.is_outage() => {}
            Err(error) => return Err(error.into()),
        }
        pause = (pause * 3 / 2).min(LAST_POLL_MS);
    }
    Err(TxError::Stuck)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverts_inside_wallet_errors_are_read() {
        // Error(string) with "no".
        let mut data = alloy_primitives::hex!("08c379a0").to_vec();
        data.extend_from_slice(&[0; 31]);
        data.push(32);
        data.extend_from_slice(&[0; 31]);
        data.push(2);
        data.extend_from_slice(b"no");
        data.extend_from_slice(&[0; 30]);
        let error = WalletError::Other { message: "x".into(), data: Some(data.into()) };
        let TxError::Contract(text) = TxError::from_wallet(error) else { panic!("not a revert") };
        assert!(text.contains("no"), "{text}");
    }
}
