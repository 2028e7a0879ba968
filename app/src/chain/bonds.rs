//! Bonds: what an account has free in the vault, and what it takes to put one at stake.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use delea_contracts_abi::Vault;

use super::{
    contracts::{self, Detail, read},
    rpc::{Receipt, Rpc, RpcError},
    transaction::{self, Call, Deed, TxError},
};
use crate::app::App;

/// What an account has free for bonds: native coin, or tokens of a model.
pub(crate) async fn free(
    rpc: &Rpc,
    vault: Address,
    asset: Address,
    account: Address,
) -> Result<U256, RpcError> {
    read(rpc, vault, Vault::freeCall { asset, account }).await
}

/// Call data of `withdraw`.
pub(crate) fn withdraw_call(asset: Address, amount: U256, to: Address) -> Vec<u8> {
    Vault::withdrawCall { asset, amount, to }.abi_encode()
}

/// Sends a call that puts `bond` at stake.
///
/// # Errors
/// As [`transaction::send`].
pub(crate) async fn send_staked(
    app: App,
    detail: &Detail,
    bond: U256,
    deed: Deed,
    mut call: Call,
) -> Result<Receipt, TxError> {
    call.value = stake(app, detail, bond).await?;
    transaction::send(app, deed, call).await
}

/// Coins to send along for a model's bond, `bond` in base units of what the model takes; a bond in tokens is
/// paid in at once. What earlier bonds left free is used first.
///
/// # Errors
/// As [`TxError`].
pub(crate) async fn stake(app: App, detail: &Detail, bond: U256) -> Result<U256, TxError> {
    let account = app.wallets.account_or_ask().await.ok_or(TxError::NotConnected)?;
    let (vault, model) = (app.config().contracts.vault, detail.summary.model);
    let in_tokens = detail.rules.bond_in_tokens;
    let asset = if in_tokens { model } else { Address::ZERO };
    let missing = bond.saturating_sub(free(&app.rpc(), vault, asset, account.address).await?);
    if !in_tokens || missing.is_zero() {
        return Ok(missing);
    }
    let deed = Deed { doing: "Allowing the bond", done: "The bond is allowed." };
    let allow = Call::new(model, contracts::approve_call(vault, missing));
    transaction::send(app, deed, allow).await?;
    let deed = Deed { doing: "Paying the bond in", done: "The bond is paid in." };
    let deposit = Vault::depositTokensCall { model, amount: missing }.abi_encode();
    transaction::send(app, deed, Call::new(vault, deposit)).await?;
    Ok(U256::ZERO)
}
