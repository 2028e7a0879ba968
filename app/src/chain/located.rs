//! Where a large file lies on IPFS, told on the chain: its digest is not the CID of its tree.

use super::transaction::{self, Call, Deed, TxError};
use crate::{
    app::App,
    jobs::trainer::sentence,
    store::{hash, ipfs, onchain},
};

/// Says on the chain under which CID IPFS has a file that is too large to be one block. Does nothing where this page stores
/// nothing on IPFS.
///
/// # Errors
/// A sentence, none if the visitor was told already.
pub(crate) async fn record(app: App, file: &[u8]) -> Result<(), Option<String>> {
    let settings = app.config();
    if settings.kubo_url.is_none() {
        return Ok(());
    }
    let Some(root) = ipfs::root_of(file).await else { return Ok(()) };
    let say = |error: String| Some(sentence(&error));
    let account = app.wallets.account_or_ask().await.ok_or(None)?;
    let digest = hash::digest(file).await;
    let call = onchain::tree_call(&settings, account.address, digest, root).await;
    let deed = Deed { doing: "Recording", done: "Where the file lies on IPFS is on the chain." };
    if let Some(call) = call.map_err(|e| say(e.to_string()))? {
        let call = Call::new(settings.contracts.parameter_store, call);
        transaction::send(app, deed, call).await.map_err(TxError::told)?;
    }
    Ok(())
}
