//! The round of a model's newest version: who may still join, the average, and what brings it on. Everything
//! can be done in the tab.

use alloy_primitives::U256;
use leptos::prelude::*;

use super::ModelView;
use crate::{
    app::{App, use_app, use_now},
    chain::{
        bonds, jobs,
        jobs::Case,
        located,
        rounds::{self, Average, Round},
        rpc::RpcError,
        transaction::{self, Call, Deed, TxError},
    },
    components::{address::AddressTag, case::CasePanel, icons, states::Meter},
    format,
    jobs::{
        average,
        check::{Attempt, Desk, say},
    },
    load::{Load, use_load},
    press::Press,
    store::blobs,
};

/// What the chain says.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    round: Option<Round>,
    average: Option<Average>,
    case: Option<Case>,
}

/// How far a round is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Others can join.
    Open(Round),
    /// Trainings are not decided.
    Undecided(Round),
    /// One training, which only has to be published.
    Single,
    /// Several, whose average nobody has posted.
    Several(Round),
    /// An average that can be doubted.
    OnView(Average),
    /// One that nobody doubted in time.
    Undoubted,
    /// One before a jury.
    Doubted,
}

/// How far it is at a time; nothing where there is no round.
fn phase(shown: &Shown, window: u32, now: u64) -> Option<Phase> {
    if let Some(average) = shown.average {
        return Some(match now > average.on_view_since + u64::from(window) {
            _ if average.doubted => Phase::Doubted,
            true => Phase::Undoubted,
            false => Phase::OnView(average),
        });
    }
    let round = shown.round?;
    Some(match (round.pending, round.accepted) {
        _ if now <= round.commits_until => Phase::Open(round),
        (0, 1) => Phase::Single,
        (0, _) => Phase::Several(round),
        _ => Phase::Undecided(round),
    })
}

/// What was made of a round's trainings in this tab.
type Made = Attempt<average::Average>;

async fn load(app: App, model: ModelView) -> Result<Shown, RpcError> {
    let (config, rpc) = (app.config(), app.rpc());
    let contract = config.contracts.jobs;
    let (round, average) = futures_util::try_join!(
        rounds::round(&rpc, contract, model.address),
        rounds::average(&rpc, contract, model.address),
    )?;
    let case = match average.map_or(0, |average| average.case) {
        0 => None,
        case => Some(jobs::case(&rpc, config.contracts.jury, case).await?),
    };
    Ok(Shown { round, average, case })
}

/// The panel; nothing where nobody has handed a training of the newest version in.
#[component]
pub(super) fn RoundPanel(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let shown = use_load(move || Some(app.revision()), move |_| load(app, model));
    let now = use_now();
    let window = move || model.detail.with(|d| d.rules.challenge_window);
    let at = Memo::new(move |_| {
        shown.with(|shown| shown.ready().and_then(|shown| phase(shown, window(), now.get())))
    });
    // Made once for a round, whatever becomes of it meanwhile.
    let made = RwSignal::new(Attempt::Idle);
    let number = Memo::new(move |_| {
        shown.with(|shown| {
            let shown = shown.ready()?;
            shown.average.map(|a| a.round).or(shown.round.map(|r| r.number))
        })
    });
    Effect::new(move |_| {
        number.track();
        made.set(Attempt::Idle);
    });
    let act = Act { app, model, press: Press::new() };
    let case = move || {
        let (id, case) = shown.with(|shown| {
            let shown = shown.ready()?;
            shown.average.map(|average| average.case).zip(shown.case.clone())
        })?;
        Some(view! { <CasePanel id case/> })
    };
    let body = move |phase| {
        match phase {
        Phase::Open(round) => {
            let left = move || round.commits_until.saturating_sub(now.get()) + 1;
            view! {
                <p>
                    {format!("{} of the newest version {} been handed in. Further ones can join for another ", format::plural(u64::from(round.pending + round.accepted), "training"), if round.pending + round.accepted == 1 { "has" } else { "have" })}
                    <span data-testid="round-left">{move || format::duration(left() as f64)}</span>
                    "; then they are averaged."
                </p>
            }
            .into_any()
        }
        Phase::Undecided(round) => view! {
            <p>
                {format!("No more trainings can join. {} of them can still be doubted, or {} waiting to be settled.", round.pending, if round.pending == 1 { "is" } else { "are" })}
            </p>
        }
        .into_any(),
        Phase::Single => view! {
            <p>"One training of the newest version was accepted. It becomes the next version as it is."</p>
            <button class="button primary" data-testid="round-publish" disabled=move || act.press.busy.get() on:click=move |_| {
                let deed = Deed { doing: "Publishing", done: "The next version is published." };
                act.send(deed, rounds::publish_round_call(model.address));
            }>"Publish it"</button>
        }
        .into_any(),
        Phase::Several(round) => view! { <Several act made round now/> }.into_any(),
        Phase::OnView(average) => view! { <OnView act made shown average now/> }.into_any(),
        Phase::Undoubted => view! {
            <p>"Nobody doubted the average in time. It becomes the next version."</p>
            <button class="button primary" data-testid="round-settle" disabled=move || act.press.busy.get() on:click=move |_| act.settle()>
                "Publish it"
            </button>
        }
        .into_any(),
        Phase::Doubted => view! {
            <p>"Somebody doubts the average. A jury of auditors makes it again and decides."</p>
            <button class="button" data-testid="round-settle" disabled=move || act.press.busy.get() on:click=move |_| act.settle()>
                "Settle by the verdict"
            </button>
        }
        .into_any(),
    }
    };
    move || {
        let phase = at.get()?;
        Some(view! {
            <section class="panel" data-testid="round">
                <h2>"The next version"</h2>
                {body(phase)}
                {move || act.press.problem.get().map(|problem| view! { <p class="callout bad" role="alert">{problem}</p> })}
            </section>
            {case}
        })
    }
}

/// What a press of a button does.
#[derive(Clone, Copy)]
struct Act {
    app: App,
    model: ModelView,
    press: Press,
}

impl Act {
    fn call(self, data: Vec<u8>) -> Call {
        Call::new(self.app.config().contracts.jobs, data)
    }

    fn send(self, deed: Deed, data: Vec<u8>) {
        let call = self.call(data);
        self.press.run(async move {
            let sent = transaction::send(self.app, deed, call).await;
            sent.map(drop).map_err(TxError::told)
        });
    }

    fn settle(self) {
        let deed = Deed { doing: "Settling", done: "The average is settled." };
        self.send(deed, rounds::settle_call(self.model.address));
    }

    /// Uploads an average and posts it.
    fn post(self, average: average::Average) {
        let call =
            self.call(rounds::post_call(self.model.address, average.digest, average.accuracy_ppm));
        self.press.run(async move {
            let config = self.app.config();
            let stored = blobs::put(&config, &average.parameters.into_vec(), "the average").await;
            located::record(self.app, stored.map_err(|error| Some(say(error)))?).await?;
            let detail = self.model.detail.get_untracked();
            let deed = Deed { doing: "Posting", done: "The average can be checked." };
            let sent = bonds::send_staked(self.app, &detail, detail.rules.bond, deed, call).await;
            sent.map(drop).map_err(TxError::told)
        });
    }

    fn doubt(self, bond: U256) {
        let call = self.call(rounds::challenge_call(self.model.address));
        self.press.run(async move {
            let detail = self.model.detail.get_untracked();
            let deed = Deed { doing: "Doubting", done: "A jury will decide." };
            let sent = bonds::send_staked(self.app, &detail, bond, deed, call).await;
            sent.map(drop).map_err(TxError::told)
        });
    }

    /// What the model's version before the next one answers right, and by how much the next must be better, in
    /// parts per million.
    fn needed(self) -> u32 {
        self.model.detail.with(|d| match d.rules.min_improvement_ppm {
            0 => 0,
            least => d.summary.accuracy_ppm + least,
        })
    }
}

/// A button that makes the average in this tab, with its progress and its end.
#[component]
fn Maker(
    /// The model.
    model: ModelView,
    /// The round.
    round: Round,
    /// What came of it.
    made: RwSignal<Made>,
    /// The button's words.
    words: &'static str,
) -> impl IntoView {
    let desk = Desk::new(use_app());
    let make = move |_| {
        let detail = model.detail.get_untracked();
        desk.attempt(made, async move { average::make(desk, &detail, &round).await });
    };
    move || match made.get() {
        Attempt::Running => view! {
            <p class="muted">"Fetching the trainings and averaging them…"</p>
            <Meter share=desk.progress label="Share of the trainings fetched"/>
            <button class="button" on:click=move |_| desk.stop()>"Stop"</button>
        }
        .into_any(),
        Attempt::Done(_) => ().into_any(),
        Attempt::Idle => {
            view! { <button class="button" data-testid="round-make" on:click=make>{words}</button> }
                .into_any()
        }
        Attempt::Failed(reason) => view! {
            <p class="callout warn" role="alert">{icons::alert()} <span>{reason}</span></p>
            <button class="button" data-testid="round-make" on:click=make>{words}</button>
        }
        .into_any(),
    }
}

/// Several accepted trainings, whose average anybody can post.
#[component]
fn Several(
    /// What buttons do.
    act: Act,
    /// What was made.
    made: RwSignal<Made>,
    /// The round.
    round: Round,
    /// Seconds since 1970.
    now: RwSignal<u64>,
) -> impl IntoView {
    let model = act.model;
    let overdue = round.overdue_at(model.detail.with_untracked(|d| d.rules.challenge_window));
    let late = Memo::new(move |_| now.get() > overdue);
    let stake = model.detail.with_untracked(|d| d.stake(d.rules.bond));
    let done = move || {
        let Attempt::Done(average) = made.get() else { return None };
        let needed = act.needed();
        let found = format!(
            "Their average answers {} of {} right.",
            format::ppm(average.accuracy_ppm),
            format::plural(u64::from(average.examples), "example")
        );
        Some(match average.accuracy_ppm >= needed {
            true => view! {
                <p class="callout good" role="status" data-testid="round-made">{icons::check()} <span>{found}</span></p>
                <button class="button primary" data-testid="round-post" disabled=move || act.press.busy.get() on:click=move |_| act.post(average.clone())>
                    {format!("Post it, with {stake} at stake")}
                </button>
            }
            .into_any(),
            false => view! {
                <p class="callout warn" role="status" data-testid="round-made">
                    {icons::alert()}
                    <span>{format!("{found} The model’s rules ask for {} at least, so the longest training is published instead, when its time comes.", format::ppm(needed))}</span>
                </p>
            }
            .into_any(),
        })
    };
    view! {
        <p>
            {format!("{} trainings of the newest version were accepted. Their average, weighted by their steps, becomes the next one; anybody can make and post it, and gets the stake back once it stood the test.", round.accepted)}
        </p>
        <Maker model round made words="Average them in this tab"/>
        {done}
        {move || late.get().then(|| view! {
            <p class="muted">"Nobody has posted it for long, so the longest training can be published instead."</p>
            <button class="button quiet" data-testid="round-best" disabled=move || act.press.busy.get() on:click=move |_| {
                let deed = Deed { doing: "Publishing", done: "The longest training is the next version." };
                act.send(deed, rounds::publish_best_call(model.address));
            }>"Publish the longest"</button>
        })}
    }
}

/// A posted average that can be checked and doubted.
#[component]
fn OnView(
    /// What buttons do.
    act: Act,
    /// What was made.
    made: RwSignal<Made>,
    /// What the chain says.
    shown: RwSignal<Load<Shown>>,
    /// What is claimed.
    average: Average,
    /// Seconds since 1970.
    now: RwSignal<u64>,
) -> impl IntoView {
    let model = act.model;
    let window = u64::from(model.detail.with_untracked(|d| d.rules.challenge_window));
    let left = move || (average.on_view_since + window + 1).saturating_sub(now.get());
    let stake = model.detail.with_untracked(|d| d.stake(average.bond));
    let round = shown.with_untracked(|shown| shown.ready().and_then(|shown| shown.round));
    let verdict = move || {
        let Attempt::Done(own) = made.get() else { return None };
        let holds = own.digest == average.parameters && own.accuracy_ppm == average.accuracy_ppm;
        let words = match (own.digest == average.parameters, holds) {
            (true, true) => format!(
                "The average was made again in this tab: the same parameters, bit for bit, and {} right.",
                format::ppm(own.accuracy_ppm)
            ),
            (true, false) => format!(
                "The parameters are right, but they answer {} right, and {} are claimed.",
                format::ppm(own.accuracy_ppm),
                format::ppm(average.accuracy_ppm)
            ),
            _ => {
                "The average of these trainings has other parameters than those posted.".to_owned()
            }
        };
        Some(view! {
            <p class=if holds { "callout good" } else { "callout bad" } role="status" data-testid="round-verdict" data-holds=holds.to_string()>
                {if holds { icons::check().into_any() } else { icons::alert().into_any() }}
                <span>{words}</span>
            </p>
        })
    };
    view! {
        <p>
            <AddressTag address=average.poster/>
            {format!(" posted the average of this round, which is said to answer {} right. Anybody can check and doubt it for another ", format::ppm(average.accuracy_ppm))}
            <span data-testid="round-left">{move || format::duration(left() as f64)}</span>
            "."
        </p>
        {round.map(|round| view! { <Maker model round made words="Check it in this tab"/> })}
        {verdict}
        <button class="button" data-testid="round-doubt" disabled=move || act.press.busy.get() on:click=move |_| act.doubt(average.bond)>
            {format!("Doubt it, with {stake} at stake")}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use delea_model_runtime::content::Digest;

    #[test]
    fn a_round_goes_on_by_the_clock_and_by_what_is_decided() {
        let round = |pending, accepted| Round::example(100, pending, accepted);
        let at = |pending, accepted, now| {
            let shown = Shown { round: Some(round(pending, accepted)), average: None, case: None };
            phase(&shown, 10, now)
        };
        assert_eq!(at(1, 0, 100), Some(Phase::Open(round(1, 0))));
        assert_eq!(at(1, 3, 101), Some(Phase::Undecided(round(1, 3))));
        assert_eq!(at(0, 1, 101), Some(Phase::Single));
        assert_eq!(at(0, 2, 101), Some(Phase::Several(round(0, 2))));
        assert_eq!(round(0, 2).overdue_at(10), 180);
        assert_eq!(phase(&Shown { round: None, average: None, case: None }, 10, 0), None);
    }

    #[test]
    fn a_posted_average_stands_before_everything() {
        let average = Average {
            poster: Address::ZERO,
            on_view_since: 100,
            bond: U256::ZERO,
            parameters: Digest([0; 32]),
            accuracy_ppm: 0,
            round: 1,
            doubted: false,
            case: 0,
        };
        let at = |average, now| {
            let round = Some(Round::example(0, 0, 2));
            phase(&Shown { round, average: Some(average), case: None }, 10, now)
        };
        assert_eq!(at(average, 110), Some(Phase::OnView(average)));
        assert_eq!(at(average, 111), Some(Phase::Undoubted));
        assert_eq!(at(Average { doubted: true, ..average }, 111), Some(Phase::Doubted));
    }
}
