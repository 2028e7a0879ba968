//! Whether the chain is there, is the right one, and is still the same one as on the last visit.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::rpc::{Rpc, RpcError};
use crate::{app::App, browser, store::local};

/// Milliseconds between looks at a local chain, and at a public one.
const LOCAL_MS: u32 = 3_000;
const PUBLIC_MS: u32 = 12_000;
/// The development chain, which starts over when its node does.
const LOCAL_CHAIN: u64 = 31_337;

/// What is known of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Health {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not; why.
    Down(String),
    /// The node is of another chain.
    OtherChain {
        /// Its number.
        found: u64,
    },
}

/// Looks at the chain for as long as the page lives.
pub(crate) fn watch(app: App) {
    spawn_local(async move {
        let config = app.config();
        let pause = if config.chain_id == LOCAL_CHAIN { LOCAL_MS } else { PUBLIC_MS };
        loop {
            check(app).await;
            TimeoutFuture::new(pause).await;
        }
    });
}

/// Looks once.
pub(crate) async fn check(app: App) {
    let rpc = app.rpc();
    let before = app.health.get_untracked();
    let now = match rpc.latest().await {
        Ok((block, time)) => {
            let last = app.block.get_untracked();
            if block != last {
                app.ahead.set(time.saturating_sub(browser::now()));
                app.block.set(block);
            }
            // A node that was restarted in between starts from the first block again.
            match before != Health::Up || block < last {
                true => identify(app, &rpc).await.unwrap_or_else(|e| Health::Down(e.to_string())),
                false => Health::Up,
            }
        }
        Err(error) => Health::Down(error.to_string()),
    };
    if now != before {
        let recovered = now == Health::Up && before != Health::Unknown;
        app.health.set(now);
        if recovered {
            app.refresh();
        }
    }
}

/// Which chain answers, and whether it is the one of the last visit.
async fn identify(app: App, rpc: &Rpc) -> Result<Health, RpcError> {
    let config = app.config();
    let found = rpc.chain_id().await?;
    if found != config.chain_id {
        return Ok(Health::OtherChain { found });
    }
    let (genesis, _) = rpc.block(0).await?;
    let key = format!("delea.genesis.{}", config.chain_id);
    let known = local::text(&key);
    local::set_text(&key, &genesis);
    if was_reset(known.as_deref(), &genesis) {
        app.trainer.forget_chain();
        app.market.forget_chain();
        local::set_text(&reset_key(config.chain_id), &genesis);
        app.refresh();
    }
    // Kept until it was read: a reload right after the reset must not swallow the news.
    app.reset.set(local::text(&reset_key(config.chain_id)).is_some());
    Ok(Health::Up)
}

/// The visitor has read that the chain began anew.
pub(crate) fn understood_reset(app: App) {
    local::remove(&reset_key(app.config().chain_id));
    app.reset.set(false);
}

fn reset_key(chain_id: u64) -> String {
    format!("delea.reset.{chain_id}")
}

/// Whether a chain began anew: its first block is another than the remembered one.
fn was_reset(known: Option<&str>, found: &str) -> bool {
    known.is_some_and(|known| known != found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_first_block_is_a_reset() {
        assert!(!was_reset(None, "0x1"));
        assert!(!was_reset(Some("0x1"), "0x1"));
        assert!(was_reset(Some("0x1"), "0x2"));
    }
}
