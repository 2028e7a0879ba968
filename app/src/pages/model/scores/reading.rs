//! The log on its way into this tab, whether it is whole, and going through it once more.

use alloy_primitives::Address;
use delea_ledger::{
    Progress, Verdict,
    message::{Event, Overview, Question, Recomputed},
};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::App,
    components::{icons, states::Meter},
    format,
    jobs::{check::Attempt, logbook::unexpected},
};

/// The log of one model. Copy.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    app: App,
    model: Address,
    /// What was read.
    pub(super) overview: RwSignal<Option<Overview>>,
    /// How far reading is; nothing while it rests.
    at: RwSignal<Option<Progress>>,
    busy: RwSignal<bool>,
    stopped: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
    again: RwSignal<Attempt<Recomputed>>,
}

impl Reading {
    /// Begins to read, and reads on with every block.
    pub(super) fn start(app: App, model: Address) -> Self {
        let reading = Self {
            app,
            model,
            overview: RwSignal::new(None),
            at: RwSignal::new(None),
            busy: RwSignal::new(false),
            stopped: RwSignal::new(false),
            problem: RwSignal::new(None),
            again: RwSignal::new(Attempt::Idle),
        };
        Effect::new(move |_| {
            app.revision();
            reading.go_on();
        });
        reading
    }

    fn go_on(self) {
        if self.busy.get_untracked() || self.stopped.get_untracked() {
            return;
        }
        self.busy.set(true);
        spawn_local(async move {
            loop {
                let begun = self.app.revision_untracked();
                let app = self.app;
                let at = self.at;
                let read = app.logbook.read(app, self.model, move |progress| {
                    at.try_set(Some(progress));
                });
                let read = read.await;
                if self.busy.try_get_untracked().is_none() {
                    return;
                }
                if !self.stopped.get_untracked() {
                    match read {
                        Ok(overview) => {
                            self.problem.set(None);
                            if self.overview.with_untracked(|last| last.as_ref() != Some(&overview))
                            {
                                self.overview.set(Some(overview));
                            }
                        }
                        Err(reason) => self.problem.set(Some(reason)),
                    }
                }
                self.at.set(None);
                // A block came meanwhile.
                if self.stopped.get_untracked()
                    || self.problem.get_untracked().is_some()
                    || self.app.revision_untracked() == begun
                {
                    break;
                }
            }
            self.busy.set(false);
        });
    }

    fn stop(self) {
        self.stopped.set(true);
        self.app.logbook.stop();
    }

    fn resume(self) {
        self.stopped.set(false);
        self.problem.set(None);
        self.go_on();
    }

    fn recompute(self) {
        self.again.set(Attempt::Running);
        let (app, at) = (self.app, self.at);
        spawn_local(async move {
            let on = move |progress| {
                at.try_set(Some(progress));
            };
            let answer = app.logbook.ask(self.model, Question::Recompute, on).await;
            at.try_set(None);
            self.again.try_set(match answer {
                Ok(Event::Recomputed(found)) => Attempt::Done(found),
                Ok(_) => Attempt::Failed(unexpected()),
                Err(reason) => Attempt::Failed(reason),
            });
        });
    }

    /// Asks for something of the log.
    pub(super) async fn ask(self, question: Question) -> Result<Event, String> {
        self.app.logbook.ask(self.model, question, |_| {}).await
    }
}

/// How far something is, as a share of one, and in words.
fn progress_words(progress: Progress) -> (f64, String) {
    let part = |done: u64, total: u64| done as f64 / total.max(1) as f64;
    match progress {
        Progress::Checked { done, total } => (
            part(done, total),
            format!("Checking {} of {} entries", format::count(done), format::count(total)),
        ),
        Progress::Read { done, total, entries } => (
            part(done, total),
            format!(
                "Reading {} of {} blocks, {} so far",
                format::count(done),
                format::count(total),
                format::plural(entries, "job"),
            ),
        ),
    }
}

/// Where the figures come from.
#[component]
pub(super) fn Source(
    /// The log.
    reading: Reading,
) -> impl IntoView {
    let share = Signal::derive(move || reading.at.get().map_or(0.0, |at| progress_words(at).0));
    // What takes a moment is not worth a bar.
    let first = move || {
        reading.overview.with(Option::is_none)
            || reading.again.with(|again| *again == Attempt::Running)
    };
    let moving = move || {
        (reading.busy.get() || reading.at.with(Option::is_some)).then(first).unwrap_or_default()
    };
    view! {
        <Show when=moving>
            <p class="busy muted" role="status" data-testid="ledger-progress">
                {icons::spinner()}
                {move || reading.at.get().map_or_else(|| "Asking the chain for the job log".to_owned(), |at| progress_words(at).1)}
            </p>
            <Meter share label="Share of the job log"/>
            <button class="button quiet" data-testid="ledger-stop" on:click=move |_| reading.stop()>"Stop"</button>
        </Show>
        <Show when=move || reading.stopped.get()>
            <p class="muted">"Reading was stopped. What was read is kept."</p>
            <button class="button" data-testid="ledger-resume" on:click=move |_| reading.resume()>"Go on"</button>
        </Show>
        {move || reading.problem.get().filter(|_| !reading.stopped.get()).map(|problem| view! {
            <div class="callout bad" role="alert" data-testid="ledger-problem">
                {icons::alert()}
                <div>
                    <p>{problem}</p>
                    <button class="button" on:click=move |_| reading.resume()>"Try again"</button>
                </div>
            </div>
        })}
        {move || reading.overview.get().map(|overview| view! { <Whole overview/> })}
        {move || match reading.again.get() {
            Attempt::Done(found) => Some(view! { <Again found/> }.into_any()),
            Attempt::Failed(reason) => Some(view! {
                <p class="callout warn" role="alert">{icons::alert()} <span>{reason}</span></p>
            }.into_any()),
            Attempt::Idle | Attempt::Running => None,
        }}
        <Show when=move || reading.overview.with(|overview| overview.as_ref().is_some_and(|o| o.entries > 0)) && !moving()>
            <button class="button" data-testid="recompute" on:click=move |_| reading.recompute()>"Recompute from the raw log"</button>
        </Show>
    }
}

/// The log is whole, and who says so.
#[component]
fn Whole(
    /// What was read.
    overview: Overview,
) -> impl IntoView {
    let standing = overview.standing;
    let several = standing.witnesses.len() > 1;
    let contradicted = standing
        .witnesses
        .iter()
        .any(|witness| matches!(witness.verdict, Verdict::OtherChain | Verdict::OtherLog));
    let words = match overview.entries {
        0 => "The chain holds no entry for this model yet.".to_owned(),
        1 => "The log’s only entry is here, and its hash is the one that the contract holds."
            .to_owned(),
        entries => format!(
            "All {} entries up to block {} are here: each follows from the one before, and the last one’s hash is the contract’s.",
            format::count(entries),
            format::count(standing.head)
        ),
    };
    let witnesses = standing.witnesses.into_iter().map(|witness| {
        let words = match witness.verdict {
            Verdict::Agrees => "holds the same log".to_owned(),
            Verdict::OtherChain => "is on another chain".to_owned(),
            Verdict::OtherLog => "holds another log".to_owned(),
            Verdict::Silent(reason) => format!("does not answer: {reason}"),
        };
        view! { <li data-testid="witness"><strong>{witness.endpoint}</strong>" "{words}</li> }
    });
    view! {
        <p class=if contradicted { "callout bad" } else { "callout good" } role="status" data-testid="ledger-whole" data-entries=overview.entries>
            {if contradicted { icons::alert().into_any() } else { icons::check().into_any() }}
            <span>
                {words}
                {contradicted.then_some(" But the chain’s nodes contradict each other: one of them leaves something out. Trust neither before you have asked a third.")}
            </span>
        </p>
        {several.then(|| view! { <ul class="small-print">{witnesses.collect_view()}</ul> })}
        {overview.unkept.map(|reason| view! {
            <p class="small-print muted">{format!("This browser keeps nothing of it ({reason}), so it is read anew at the next visit.")}</p>
        })}
    }
}

/// What going through it once more gave.
#[component]
fn Again(
    /// What was found.
    found: Recomputed,
) -> impl IntoView {
    let words = format!(
        "{} hashed and scored again in {} milliseconds: {}.",
        format::plural(found.entries, "job"),
        format::count((found.hash_ms + found.score_ms).ceil() as u64),
        if found.same {
            "every line is the same"
        } else {
            "something is different. Reload the page, and if it stays so, use another browser"
        }
    );
    view! {
        <p class=if found.same { "callout good" } else { "callout bad" } role="status" data-testid="recomputed" data-same=found.same.to_string()>
            {if found.same { icons::check().into_any() } else { icons::alert().into_any() }} <span>{words}</span>
        </p>
    }
}
