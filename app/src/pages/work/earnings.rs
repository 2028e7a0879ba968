//! What the account has earned: by model and epoch, each figure with a way to where it comes from.

use alloy_primitives::{Address, U256};
use delea_ledger::{
    WorkerEpoch,
    message::{Event, Question},
};
use delea_scoring::{WAD, epoch_of};
use futures_util::future::try_join_all;
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    app::{App, use_app},
    chain::{
        contracts::Summary,
        scores::{self, Epoch, Held, Status},
        transaction::{self, Call, Deed, TxError},
    },
    components::states::{Failure, Skeleton},
    format,
    jobs::{check::say, logbook::unexpected},
    load::{Load, use_load},
    press::Press,
};

/// An epoch of this account, from the log and from the contract.
#[derive(Debug, Clone, PartialEq)]
struct Worked {
    epoch: WorkerEpoch,
    held: Epoch,
    mine: Held,
}

impl Worked {
    /// Whether its part can be claimed now.
    fn is_claimable(&self) -> bool {
        self.held.is_claimable(self.epoch.root) && !self.mine.claimed && !self.part().is_zero()
    }

    /// Its part of what the epoch has paid, base units.
    fn part(&self) -> U256 {
        let row = &self.epoch.row;
        self.held.part_down(self.held.emission, row.train + row.infer, row.weight)
    }
}

async fn load(app: App, model: Address, me: Address) -> Result<Vec<Worked>, String> {
    app.logbook.read(app, model, |_| {}).await?;
    let Event::Worker(epochs) = app.logbook.ask(model, Question::Worker(me), |_| {}).await? else {
        return Err(unexpected());
    };
    let (rpc, contract) = (app.rpc(), app.config().contracts.scores);
    let one = |epoch: WorkerEpoch| {
        let rpc = rpc.clone();
        async move {
            let number = epoch.head.epoch;
            let (held, mine) = futures_util::try_join!(
                scores::epoch(&rpc, contract, model, number),
                scores::worker(&rpc, contract, model, number, me),
            )?;
            Ok::<_, crate::chain::rpc::RpcError>(Worked { epoch, held, mine })
        }
    };
    try_join_all(epochs.into_iter().map(one)).await.map_err(say)
}

/// All models that were chosen.
#[component]
pub(super) fn Earnings() -> impl IntoView {
    let app = use_app();
    let models = Memo::new(move |_| {
        let chosen = app.market.chosen.with(|chosen| chosen.models.clone());
        let known = app.models.with(|models| models.ready().cloned()).unwrap_or_default();
        known.into_iter().filter(|model| chosen.contains(&model.model)).collect::<Vec<_>>()
    });
    let addresses =
        Memo::new(move |_| models.with(|m| m.iter().map(|m| m.model).collect::<Vec<_>>()));
    move || {
        let models = models.get_untracked();
        addresses
            .get()
            .into_iter()
            .filter_map(|address| models.iter().find(|model| model.model == address).cloned())
            .map(|model| view! { <OfModel model/> })
            .collect_view()
    }
}

/// One model's.
#[component]
fn OfModel(
    /// The model.
    model: Summary,
) -> impl IntoView {
    let app = use_app();
    let address = model.model;
    let worked = use_load(
        move || app.wallets.account.get().map(|account| (account.address, app.revision())),
        move |(me, _)| async move { load(app, address, me).await },
    );
    let press = Press::new();
    let claim = move |list: Vec<Worked>| {
        press.run(async move {
            let contract = app.config().contracts.scores;
            for Worked { epoch, .. } in list {
                let row = epoch.row;
                let call = scores::claim_call(
                    address,
                    epoch.head.epoch,
                    row.worker,
                    row.weight,
                    row.proof,
                );
                let deed = Deed { doing: "Claiming", done: "Your tokens are here." };
                transaction::send(app, deed, Call::new(contract, call))
                    .await
                    .map_err(TxError::told)?;
            }
            Ok(())
        });
    };
    let name = model.name.clone();
    let model = StoredValue::new(model);
    let amount = move |raw: U256| model.with_value(|model| model.amount(raw));
    let body = move || {
        match worked.get() {
        Load::Waiting => view! { <Skeleton lines=3/> }.into_any(),
        Load::Failed(reason) => view! { <Failure title="Your work could not be read" reason/> }.into_any(),
        Load::Ready(list) if list.is_empty() => view! {
            <p class="muted" data-testid="no-earnings">"Nothing settled yet. A job counts once nobody can doubt it any more."</p>
        }
        .into_any(),
        Load::Ready(list) => {
            let now = epoch_of(app.block.get_untracked());
            let claimable: Vec<Worked> = list.iter().filter(|worked| worked.is_claimable()).cloned().collect();
            let sum = claimable.iter().fold(U256::ZERO, |sum, worked| sum + worked.part());
            let rows = list.into_iter().map(|worked| {
                let Worked { epoch, held, mine } = &worked;
                let (number, row) = (epoch.head.epoch, &epoch.row);
                let why = format!("/model/{address}/scores?epoch={number}&worker={}", row.worker);
                let state = match held.status {
                    _ if number >= now => "goes on",
                    Status::Open | Status::Posted => "not divided yet",
                    _ if mine.claimed => "claimed",
                    _ => "to be claimed",
                };
                let part = match held.is_final() {
                    true => amount(worked.part()),
                    false => "—".to_owned(),
                };
                let jobs = format::count(u64::from(row.trainings + row.inferences));
                view! {
                    <tr data-testid="earned" data-epoch=number>
                        <td data-label="Epoch">{format!("Epoch {}", format::count(number))}</td>
                        <td data-label="Jobs" class="number">{jobs}</td>
                        <td data-label="Score" class="number">{format!("{:.4}", (row.train + row.infer) as f64 / WAD as f64)}</td>
                        <td data-label="Weight" class="number">{format::percent(row.weight as f64 / WAD as f64)}</td>
                        <td data-label="Rewards" class="number">{amount(U256::from(epoch.earned))}</td>
                        <td data-label="Part" class="number">{part}</td>
                        <td data-label="State">{state}" · "<A href=why>"why"</A></td>
                    </tr>
                }
            });
            view! {
                <div class="table-scroll" tabindex="0" role="region" aria-label="What you earned">
                    <table class="table cards-below">
                        <thead>
                            <tr>
                                <th scope="col">"Epoch"</th>
                                <th scope="col" class="number">"Jobs"</th>
                                <th scope="col" class="number">"Score"</th>
                                <th scope="col" class="number">"Weight"</th>
                                <th scope="col" class="number">"Training rewards"</th>
                                <th scope="col" class="number">"Part of the uses"</th>
                                <th scope="col">"State"</th>
                            </tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                </div>
                {(!claimable.is_empty()).then(|| view! {
                    <button class="button primary" data-testid="claim-all" disabled=move || press.busy.get() on:click=move |_| claim(claimable.clone())>
                        {format!("Claim {}", amount(sum))}
                    </button>
                })}
            }
            .into_any()
        }
    }
    };
    view! {
        <section class="panel" data-testid="earnings">
            <h2>{format!("Earned with {name}")}</h2>
            {body}
            {move || press.problem.get().map(|problem| view! { <p class="callout bad" role="alert">{problem}</p> })}
        </section>
    }
}
