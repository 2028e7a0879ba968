//! A validator: posts the weights of epochs, and watches those of others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::primitives::Address;
use tracing::warn;

use crate::{
    epochs::{Duties, Epochs},
    error::NodeError,
    inputs::Desk,
};

/// Validates models until it is stopped.
///
/// # Errors
/// [`NodeError`] only for what will not pass by itself.
pub(crate) async fn run(
    desk: &Desk,
    models: &[Address],
    stop: &Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let duties = Duties { post: true, doubt: true, claim: true };
    let mut all: Vec<Epochs> = models.iter().map(|model| Epochs::new(*model)).collect();
    while !stop.load(Ordering::Relaxed) {
        for epochs in &mut all {
            match epochs.look(desk, duties).await {
                Ok(_) => {}
                Err(error @ NodeError::Config(_)) => return Err(error),
                // The network or the chain's node may come back, and other models must not wait for one.
                Err(error) => warn!(%error, "will look again"),
            }
        }
        tokio::time::sleep(Duration::from_millis(desk.config.poll)).await;
    }
    Ok(())
}
