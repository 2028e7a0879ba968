//! Where a large file lies on IPFS, told on the chain: its digest is not the CID of its tree.

use super::transaction::{self, Call, Deed, TxError};
use crate::{
    app::App,
    jobs::trainer::sentence,
    store::{blobs::Stored, onchain},
};

/// Says on the chain under which CID IPFS has a file, if that is another than its own.
///
/// # Errors
/// A sentence, none if the visitor was told already.
pub(crate) async fn record(app: App, stored: Stored) -> Result<(), Option<String>> {
    let Some(root) = stored.tree else { return Ok(()) };
    let settings = app.config();
    let account = app.wallets.account_or_ask().await.ok_or(None)?;
    let call = onchain::tree_call(&settings, account.address, stored.digest, root).await;
    let deed = Deed { doing: "Recording", done: "Where the file lies on IPFS is on the chain." };
    if let Some(call) = call.map_err(|e| Some(sentence(&e.to_string())))? {
        let call = Call::new(settings.contracts.parameter_store, call);
        transaction::send(app, deed, call).await.map_err(TxError::told)?;
    }
    Ok(())
}
