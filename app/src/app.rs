//! What every page shares: configuration, chain, wallet, workers, training, toasts. Copy: all handles.

use std::sync::Arc;

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

use crate::{
    browser,
    chain::{
        contracts::{self, Summary},
        health::Health,
        rpc::Rpc,
    },
    components::toasts::Toasts,
    config::Config,
    jobs::{
        lesson::Lessons, logbook::Logbook, market::Market, pool::Pool, studio::Studio,
        trainer::Trainer, transcript::Transcript,
    },
    load::Load,
    wallet::Wallets,
};

/// The page's shared state.
#[derive(Clone, Copy)]
pub(crate) struct App {
    config: StoredValue<Arc<Config>>,
    /// Wallets.
    pub(crate) wallets: Wallets,
    /// The workers.
    pub(crate) pool: Pool,
    /// The reader of job logs.
    pub(crate) logbook: Logbook,
    /// The training.
    pub(crate) trainer: Trainer,
    /// Work for others.
    pub(crate) market: Market,
    /// What is painted.
    pub(crate) studio: Studio,
    /// What the studio is taught.
    pub(crate) lessons: Lessons,
    /// Messages in the corner.
    pub(crate) toasts: Toasts,
    /// Whether the chain answers.
    pub(crate) health: RwSignal<Health>,
    /// Latest block.
    pub(crate) block: RwSignal<u64>,
    /// Seconds by which the chain's clock is ahead of this machine's.
    pub(crate) ahead: RwSignal<u64>,
    /// Whether the chain began anew since the last visit.
    pub(crate) reset: RwSignal<bool>,
    /// All models' cards.
    pub(crate) models: RwSignal<Load<Vec<Summary>>>,
    revision: RwSignal<u32>,
}

impl App {
    /// Everything at its beginning.
    pub(crate) fn new(config: Config) -> Self {
        let config = Arc::new(config);
        let pool = Pool::new(config.workers.clone());
        let transcript = Transcript::new();
        Self {
            wallets: Wallets::new(),
            pool,
            logbook: Logbook::new(&config.workers.ledger),
            trainer: Trainer::new(Arc::clone(&config), pool),
            market: Market::new(),
            studio: Studio::new(Arc::clone(&config), pool, transcript),
            lessons: Lessons::new(Arc::clone(&config), transcript),
            toasts: Toasts::new(),
            health: RwSignal::new(Health::Unknown),
            block: RwSignal::new(0),
            ahead: RwSignal::new(0),
            reset: RwSignal::new(false),
            models: RwSignal::new(Load::Waiting),
            revision: RwSignal::new(0),
            config: StoredValue::new(config),
        }
    }

    /// The configuration.
    pub(crate) fn config(self) -> Arc<Config> {
        self.config.get_value()
    }

    /// The node.
    pub(crate) fn rpc(self) -> Rpc {
        self.config.with_value(|config| Rpc::new(&config.rpc_url))
    }

    /// Changes when chain data on view should be read again: a new block, or an own transaction.
    pub(crate) fn revision(self) -> (u64, u32) {
        (self.block.get(), self.revision.get())
    }

    /// The same, without following it.
    pub(crate) fn revision_untracked(self) -> (u64, u32) {
        (self.block.get_untracked(), self.revision.get_untracked())
    }

    /// Has chain data read again.
    pub(crate) fn refresh(self) {
        self.revision.update(|revision| *revision = revision.wrapping_add(1));
    }

    /// Lets time pass. In a tab that nobody sees, browsers slow a page's own clock down to a tick a minute.
    pub(crate) async fn pause(self, ms: u32) {
        match browser::is_hidden() {
            true => self.logbook.pause(ms).await,
            false => TimeoutFuture::new(ms).await,
        }
    }

    /// Seconds since 1970. Contracts go by their blocks' time, so a machine whose clock is behind goes by it too.
    pub(crate) fn now(self) -> u64 {
        browser::now() + self.ahead.get_untracked()
    }

    /// Reads all cards.
    pub(crate) async fn load_models(self) {
        let config = self.config();
        match contracts::summaries(&self.rpc(), config.contracts.factory).await {
            Ok(models) => self.models.set(Load::Ready(models)),
            // Cards that were read stay on view; the banner tells that the chain is away.
            Err(_) if matches!(self.models.get_untracked(), Load::Ready(_)) => {}
            Err(error) => self.models.set(Load::Failed(error.to_string())),
        }
    }
}

/// The shared state, from any component below the shell.
pub(crate) fn use_app() -> App {
    expect_context::<App>()
}

/// [`App::now`], counted on while somebody looks.
pub(crate) fn use_now() -> RwSignal<u64> {
    let app = use_app();
    let now = RwSignal::new(app.now());
    let tick = gloo_timers::callback::Interval::new(1_000, move || {
        now.try_set(app.now());
    });
    // Dropping it ends it; it lives as long as what shows it.
    let tick = StoredValue::new_local(Some(tick));
    on_cleanup(move || drop(tick.try_update_value(Option::take)));
    now
}
