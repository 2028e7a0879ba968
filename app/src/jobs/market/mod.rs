//! Work for others in this tab: waits on models' rosters, takes jobs in its turn, answers or trains, and is paid. What
//! it waits for and works on stands on the chain; what the visitor chose is kept, so it goes on after a reload.

mod limits;
mod steps;

use std::collections::BTreeSet;

use alloy_primitives::Address;
use delea_contracts_abi::JobState;
use leptos::{prelude::*, reactive::owner::LocalStorage};
use serde::{Deserialize, Serialize};
use wasm_bindgen_futures::spawn_local;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

use crate::{
    app::App,
    chain::{
        jobs::{self, Job},
        roster,
    },
    jobs::{check::say, machine::Phase},
    store::local,
};
use limits::{Idle, Lock};
use steps::{Hitch, Step};

/// Local storage key of what the visitor chose.
const CHOSEN: &str = "delea.work";
/// Milliseconds between looks at the chain: where blocks come at once, and where they take their time.
const LOCAL_MS: u32 = 1_000;
const PUBLIC_MS: u32 = 6_000;
/// The local development chain.
const LOCAL_CHAIN: u64 = 31_337;
/// Milliseconds in which a training works and rests by turns where it may not have the whole processor.
const CYCLE_MS: f64 = 8_000.0;
/// What is said once the visitor has declined.
const DECLINED: &str = "You declined in your wallet, so nothing more is asked of it. Start again to bring your jobs to their end, and stop to have the bonds of your places back.";
/// Lines kept of what happened.
const LINES: usize = 50;

/// What is said while the code that works is not here.
const NOT_FETCHED: &str = "The part of the page that works could not be fetched.";

/// The code that works, fetched apart: most visitors never need it.
#[wasm_split(pages, fallible)]
fn engine() -> Result<fn(Market, App, u32), SplitLoaderError> {
    Ok(|market, app, run| spawn_local(market.work(app, run)))
}

/// What the visitor chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// Whether to work.
    pub(crate) on: bool,
    /// For which models.
    pub(crate) models: Vec<Address>,
    /// Whether to train.
    pub(crate) train: bool,
    /// Whether to answer questions.
    pub(crate) infer: bool,
    /// Percent of the processor's time.
    pub(crate) percent: u32,
    /// Only on mains power.
    pub(crate) mains: bool,
    /// Only while nobody uses the computer.
    pub(crate) idle: bool,
}

impl Default for Chosen {
    fn default() -> Self {
        Self {
            on: false,
            models: Vec::new(),
            train: false,
            infer: true,
            percent: 100,
            mains: false,
            idle: false,
        }
    }
}

/// What the tab is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Doing {
    /// Nothing; it was not asked to.
    #[default]
    Off,
    /// Sending a transaction, or waiting for one to be signed; what for.
    Signing(&'static str),
    /// Waiting for a job.
    Waiting,
    /// Working on one.
    Working(u64),
    /// Not now; why.
    Resting(&'static str),
}

/// An open job that this tab may take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    /// The job.
    pub(crate) job: Job,
    /// From when on, in seconds since 1970; nothing before it is drawn.
    pub(crate) turn: Option<u64>,
}

/// Something that happened, for whoever was away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// When, in seconds since 1970.
    pub(crate) time: u64,
    /// The job.
    pub(crate) job: u64,
    /// What.
    pub(crate) words: String,
}

/// What pages show.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    /// What it is doing.
    pub(crate) doing: Doing,
    /// Why the last look did not work; it will look again.
    pub(crate) problem: Option<String>,
    /// Jobs that wait for a worker, of kinds and models that were chosen.
    pub(crate) open: Vec<Open>,
    /// This account's jobs, the newest first.
    pub(crate) own: Vec<Job>,
    /// What happened, the newest first.
    pub(crate) notes: Vec<Note>,
}

/// Handles to the work. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Market {
    /// What pages show.
    pub(crate) state: RwSignal<State>,
    /// What the visitor chose.
    pub(crate) chosen: RwSignal<Chosen>,
    idle: StoredValue<Option<Idle>, LocalStorage>,
    /// Counts starts: a loop whose number is old ends.
    run: StoredValue<u32>,
    /// Jobs at the beginning that are over.
    over: StoredValue<u64>,
    /// Jobs that cannot be done: whoever takes one loses a bond.
    unfit: StoredValue<BTreeSet<u64>>,
    /// When a training that works by turns was last set going or stopped, in milliseconds.
    turned: StoredValue<f64>,
}

impl Market {
    /// Nothing goes on.
    pub(crate) fn new() -> Self {
        Self {
            state: RwSignal::new(State::default()),
            chosen: RwSignal::new(local::value(CHOSEN).unwrap_or_default()),
            idle: StoredValue::new_local(None),
            run: StoredValue::new(0),
            over: StoredValue::new(0),
            unfit: StoredValue::new(BTreeSet::new()),
            turned: StoredValue::new(0.0),
        }
    }

    /// Changes what was chosen, and remembers it.
    pub(crate) fn choose(self, change: impl FnOnce(&mut Chosen)) {
        self.chosen.update(change);
        self.chosen.with_untracked(|chosen| local::set_value(CHOSEN, chosen));
    }

    /// Asks whether this page may know that nobody uses the computer; must follow a click.
    pub(crate) async fn ask_idle(self) -> bool {
        let idle = Idle::ask().await;
        let granted = idle.is_some();
        self.idle.set_value(idle);
        granted
    }

    /// Begins to work.
    pub(crate) fn start(self, app: App) {
        self.choose(|chosen| chosen.on = true);
        self.go_on(app);
    }

    /// Takes up what the last visit left.
    pub(crate) fn restore(self, app: App) {
        if self.chosen.with_untracked(|chosen| chosen.on) {
            self.go_on(app);
        }
    }

    /// Ends everything that belongs to a chain which is no more.
    pub(crate) fn forget_chain(self) {
        self.halt();
        local::remove(CHOSEN);
        self.chosen.set(Chosen::default());
        self.over.set_value(0);
        self.unfit.set_value(BTreeSet::new());
        self.state.set(State::default());
    }

    /// Works no longer, gives the places up and has their bonds back. Jobs that were taken are brought to their end
    /// at the next start.
    pub(crate) async fn stop(self, app: App) {
        self.halt();
        self.choose(|chosen| chosen.on = false);
        self.doing(Doing::Signing("Giving the places up"));
        let models = self.chosen.with_untracked(|chosen| chosen.models.clone());
        let left = steps::leave(app, &models).await;
        self.state.update(|state| {
            state.doing = Doing::Off;
            state.open.clear();
            state.problem = match left {
                Err(Hitch::Told(problem)) => problem,
                Err(Hitch::Declined) => Some(DECLINED.to_owned()),
                Ok(()) => None,
            };
        });
    }

    fn halt(self) {
        self.run.update_value(|run| *run = run.wrapping_add(1));
    }

    fn doing(self, doing: Doing) {
        if self.state.with_untracked(|state| state.doing != doing) {
            self.state.update(|state| state.doing = doing);
        }
    }

    fn note(self, app: App, job: u64, words: impl Into<String>) {
        let note = Note { time: app.now(), job, words: words.into() };
        self.state.update(|state| {
            state.notes.insert(0, note);
            state.notes.truncate(LINES);
        });
    }

    fn go_on(self, app: App) {
        self.halt();
        let run = self.run.get_value();
        spawn_local(async move {
            self.doing(Doing::Waiting);
            loop {
                match engine().await {
                    Ok(engine) => return engine(self, app, run),
                    // The connection is away, or the site is another one.
                    Err(_) => {
                        let problem = Some(NOT_FETCHED.to_owned());
                        self.state.update(|state| state.problem = problem);
                        app.pause(PUBLIC_MS).await;
                    }
                }
                if self.run.get_value() != run {
                    return;
                }
            }
        });
    }

    /// Works until it is stopped, or another start replaces this one.
    async fn work(self, app: App, run: u32) {
        let pause = if app.config().chain_id == LOCAL_CHAIN { LOCAL_MS } else { PUBLIC_MS };
        let lock = loop {
            if self.run.get_value() != run {
                return;
            }
            match Lock::take().await {
                Some(lock) => break lock,
                None => {
                    self.doing(Doing::Resting("another tab of this browser is working"));
                    app.pause(pause).await;
                }
            }
        };
        if self.chosen.with_untracked(|chosen| chosen.idle) && self.idle.with_value(Option::is_none)
        {
            self.idle.set_value(Idle::resume().await);
        }
        while self.run.get_value() == run {
            let looked = self.look(app, run).await;
            if self.run.get_value() != run {
                break;
            }
            let problem = match looked {
                Ok(()) => None,
                Err(Hitch::Declined) => {
                    self.halt();
                    self.choose(|chosen| chosen.on = false);
                    self.state.update(|state| {
                        state.doing = Doing::Off;
                        state.problem = Some(DECLINED.to_owned());
                    });
                    break;
                }
                Err(Hitch::Told(None)) => self.state.with_untracked(|state| state.problem.clone()),
                Err(Hitch::Told(problem)) => problem,
            };
            if self.state.with_untracked(|state| state.problem != problem) {
                self.state.update(|state| state.problem = problem);
            }
            app.pause(pause).await;
        }
        drop(lock);
    }

    /// Why this computer may not work now.
    async fn hindrance(self) -> Option<&'static str> {
        let (mains, idle) = self.chosen.with_untracked(|chosen| (chosen.mains, chosen.idle));
        if mains && limits::on_mains().await == Some(false) {
            return Some("the computer runs on its battery");
        }
        let used = self.idle.with_value(|idle| idle.as_ref().map(|idle| !idle.is_idle()));
        match (idle, used) {
            (true, Some(true)) => Some("somebody uses the computer"),
            (true, None) => Some("the browser does not say whether somebody uses the computer"),
            _ => None,
        }
    }

    /// Looks at the chain, and does what can be done.
    async fn look(self, app: App, run: u32) -> Result<(), Hitch> {
        let Some(account) = app.wallets.account.get_untracked() else {
            self.doing(Doing::Resting("no wallet is connected"));
            return Ok(());
        };
        let chosen = self.chosen.get_untracked();
        let me = account.address;
        let (open, own) = self.jobs(app, me, &chosen).await?;
        self.state.update(|state| {
            state.open = open.clone();
            state.own = own.clone();
        });
        if let Some(reason) = self.hindrance().await {
            self.rest_training(app, &own);
            self.doing(Doing::Resting(reason));
            // What is on view already needs no computing, and its bonds are waited for.
            return self
                .bring_on(app, run, own.into_iter().filter(|job| job.state != JobState::Claimed))
                .await;
        }
        self.turn_training(app, &own, chosen.percent);
        self.bring_on(app, run, own.into_iter()).await?;
        for model in &chosen.models {
            if self.run.get_value() != run {
                return Ok(());
            }
            steps::wait(app, *model, roster::bits(chosen.train, chosen.infer), |words| {
                self.doing(Doing::Signing(words));
            })
            .await?;
        }
        let busy = app.trainer.state.with_untracked(|state| state.phase.is_open());
        for Open { job, turn } in open {
            if self.run.get_value() != run {
                return Ok(());
            }
            let mine = turn.is_some_and(|turn| turn <= app.now());
            let known = self.unfit.with_value(|unfit| unfit.contains(&job.id));
            // A tab trains one thing at a time.
            if !mine || known || (job.training && busy) {
                continue;
            }
            match steps::is_fit(app, &job).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(reason) => {
                    self.unfit.update_value(|unfit| {
                        unfit.insert(job.id);
                    });
                    self.note(app, job.id, reason);
                    continue;
                }
            }
            self.doing(Doing::Signing("Taking a job"));
            if steps::claim(app, &job).await? {
                self.note(app, job.id, "Taken.");
                let taken = jobs::job(&app.rpc(), app.config().contracts.jobs, job.id).await;
                self.bring_on(app, run, taken.map_err(told)?.into_iter()).await?;
            }
        }
        self.doing(Doing::Waiting);
        Ok(())
    }

    /// Open jobs that were chosen, and this account's own.
    async fn jobs(
        self,
        app: App,
        me: Address,
        chosen: &Chosen,
    ) -> Result<(Vec<Open>, Vec<Job>), Hitch> {
        let (rpc, contracts) = (app.rpc(), app.config().contracts);
        let (mut seen, mut all_over) = (self.over.get_value(), true);
        let (mut open, mut own) = (Vec::new(), Vec::new());
        loop {
            let page = jobs::page(&rpc, contracts.jobs, seen).await.map_err(told)?;
            if page.is_empty() {
                break;
            }
            for job in page {
                seen = job.id;
                all_over &= job.is_over();
                if all_over {
                    self.over.set_value(seen);
                }
                let wanted = if job.training { chosen.train } else { chosen.infer };
                let free = job.state == JobState::Open && job.requester != me && !job.by_result;
                if job.worker == me && !job.is_over() && job.requester != me {
                    own.insert(0, job);
                } else if free && wanted && chosen.models.contains(&job.model) {
                    let turn = roster::turn(&rpc, contracts.roster, &job, me).await;
                    open.push(Open { turn: turn.map_err(told)?, job });
                }
            }
        }
        Ok((open, own))
    }

    /// Brings own jobs as far as they go now.
    async fn bring_on(
        self,
        app: App,
        run: u32,
        own: impl Iterator<Item = Job>,
    ) -> Result<(), Hitch> {
        for job in own {
            let id = job.id;
            let mut job = Some(job);
            while let Some(now) = job.take() {
                if self.run.get_value() != run {
                    return Ok(());
                }
                self.doing(Doing::Working(id));
                let began = js_sys::Date::now();
                match steps::step(app, &now).await? {
                    Step::Waits => {}
                    Step::Done(words) => {
                        self.note(app, id, words);
                        if !now.training && now.state == JobState::Claimed {
                            self.cool_down(app, js_sys::Date::now() - began).await;
                        }
                        let next = jobs::job(&app.rpc(), app.config().contracts.jobs, id).await;
                        job = next.map_err(told)?.filter(|job| !job.is_over());
                    }
                }
            }
        }
        Ok(())
    }

    /// Rests after so many milliseconds of work, as long as its share of the processor's time asks for.
    async fn cool_down(self, app: App, worked: f64) {
        let percent = f64::from(self.chosen.with_untracked(|chosen| chosen.percent).clamp(1, 100));
        let rest = worked * (100.0 / percent - 1.0);
        if rest >= 1.0 {
            self.doing(Doing::Resting("it keeps to its share of the processor"));
            app.pause(rest.min(60_000.0) as u32).await;
        }
    }

    /// Stops a training for others.
    fn rest_training(self, app: App, own: &[Job]) {
        if self.trains(app, own) == Some(Phase::Training) {
            app.trainer.pause();
        }
    }

    /// Has a training for others work and rest by turns.
    fn turn_training(self, app: App, own: &[Job], percent: u32) {
        let Some(phase) = self.trains(app, own) else { return };
        let (now, share) = (js_sys::Date::now(), f64::from(percent.clamp(1, 100)) / 100.0);
        let since = now - self.turned.get_value();
        match phase {
            Phase::Training if percent < 100 && since >= CYCLE_MS * share => app.trainer.pause(),
            Phase::Paused if percent >= 100 || since >= CYCLE_MS * (1.0 - share) => {
                app.trainer.resume();
            }
            _ => return,
        }
        self.turned.set_value(now);
    }

    /// How far a training for others is in this tab, if one is.
    fn trains(self, app: App, own: &[Job]) -> Option<Phase> {
        let (phase, announced) = app.trainer.state.with_untracked(|state| {
            (state.phase, state.job.as_ref().and_then(|job| job.announced))
        });
        let announced = announced?;
        own.iter().any(|job| job.id == announced).then_some(phase)
    }
}

fn told(error: impl std::fmt::Display) -> Option<String> {
    Some(say(error))
}
