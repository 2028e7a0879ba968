//! The account page: who you are here, what you have, what this browser keeps.

use alloy_primitives::{Address, U256};
use delea_model_runtime::message::{CheckpointInfo, Event, Request};
use futures_util::future::try_join_all;
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::use_app,
    chain::{
        bonds,
        contracts::{self, Summary},
        history,
        rpc::RpcError,
        transaction::{self, Call, Deed},
    },
    components::{
        address::{CopyButton, Identicon},
        later::{Fetched, wasm_split},
        states::{Empty, Failure, Skeleton, set_title},
    },
    format,
    jobs::{keep, machine::Finished, pool::Kind, trainer::sentence},
    load::{Load, use_load},
    store::files::{self, BUDGETS, Origin, Taken},
    wallet::{Account, Connecting},
};

/// The page's code, fetched apart.
#[wasm_split(pages, fallible)]
pub(crate) fn page() -> Fetched {
    Ok(|| view! { <AccountPage/> }.into_any())
}

/// The page.
#[component]
fn AccountPage() -> impl IntoView {
    let app = use_app();
    set_title("Your account");
    Effect::new(move |_| {
        app.revision();
        spawn_local(app.load_models());
    });
    view! {
        <h1>"Your account"</h1>
        {move || match app.wallets.account.get() {
            Some(account) => view! { <Connected account/> }.into_any(),
            None => view! { <Disconnected/> }.into_any(),
        }}
        <Waiting/>
        <Kept/>
    }
}

fn choose(wallets: crate::wallet::Wallets) {
    wallets.connecting.set(Connecting::Idle);
    wallets.dialog.set(true);
}

/// Nobody is connected.
#[component]
fn Disconnected() -> impl IntoView {
    let wallets = use_app().wallets;
    view! {
        <Empty title="No wallet is connected">
            <p class="muted">"You can train without one. Connect a wallet to receive what you earn and to use models."</p>
            <button class="button primary" on:click=move |_| choose(wallets)>"Connect wallet"</button>
        </Empty>
    }
}

/// One model's line.
#[derive(Debug, Clone, PartialEq)]
struct Holding {
    model: Summary,
    balance: U256,
    trainings: usize,
    uses: usize,
}

/// Who is connected, and what they have.
#[component]
fn Connected(
    /// The account.
    account: Account,
) -> impl IntoView {
    let app = use_app();
    let wallets = app.wallets;
    let address = account.address;
    let whole = address.to_checksum(None);
    let holdings = use_load(
        move || app.models.with(|m| m.ready().cloned()),
        move |models| async move {
            let each =
                models.into_iter().map(|model| async move { holding(app, address, model).await });
            try_join_all(each).await
        },
    );
    let table = move || {
        match holdings.get() {
        Load::Waiting if matches!(app.models.get(), Load::Failed(_)) => {
            view! { <Failure title="Your tokens could not be read" reason="the chain does not answer"/> }.into_any()
        }
        Load::Waiting => view! { <Skeleton lines=3/> }.into_any(),
        Load::Failed(reason) => view! { <Failure title="Your tokens could not be read" reason/> }.into_any(),
        Load::Ready(list) => {
            let rows = list
                .into_iter()
                .filter(|h| !h.balance.is_zero() || h.trainings + h.uses > 0)
                .map(|h| {
                    let amount = h.model.amount(h.balance);
                    view! {
                    <tr data-testid="holding">
                        <td data-label="Model"><A href=format!("/model/{}", h.model.model)>{h.model.name.clone()}</A></td>
                        <td data-label="Tokens" class="number">{amount}</td>
                        <td data-label="Trainings" class="number">{format::count(h.trainings as u64)}</td>
                        <td data-label="Uses" class="number">{format::count(h.uses as u64)}</td>
                    </tr>
                }})
                .collect::<Vec<_>>();
            match rows.is_empty() {
                true => view! {
                    <Empty title="No tokens yet">
                        <A href="/" attr:class="button primary">"Train a model to earn some"</A>
                    </Empty>
                }
                .into_any(),
                false => view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-label="Your tokens">
                        <table class="table cards-below">
                            <thead>
                                <tr>
                                    <th scope="col">"Model"</th>
                                    <th scope="col" class="number">"Tokens"</th>
                                    <th scope="col" class="number">"Trainings"</th>
                                    <th scope="col" class="number">"Uses"</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                }
                .into_any(),
            }
        }
    }
    };
    view! {
        <section class="panel account-head">
            <Identicon address/>
            <div class="account-text">
                <p class="account-address" data-testid="account-address">
                    <code>{whole.clone()}</code> <CopyButton text=whole what="address"/>
                </p>
                <p class="muted">{account.wallet.clone()}</p>
            </div>
            <div class="actions">
                <button class="button" data-testid="switch-wallet" on:click=move |_| choose(wallets)>"Change wallet"</button>
                <button class="button" data-testid="disconnect-wallet" on:click=move |_| wallets.disconnect()>"Disconnect"</button>
            </div>
        </section>
        <section class="panel">
            <h2>"Your tokens"</h2>
            {table}
        </section>
        <Bonds address/>
    }
}

/// Coins that are free after jobs: the next bond takes them first, or they are withdrawn.
#[component]
fn Bonds(
    /// The account.
    address: Address,
) -> impl IntoView {
    let app = use_app();
    let vault = app.config().contracts.vault;
    let free = use_load(
        move || Some(app.revision()),
        move |_| async move { bonds::free(&app.rpc(), vault, Address::ZERO, address).await },
    );
    let amount = move || free.with(|free| free.ready().copied()).filter(|free| !free.is_zero());
    let busy = RwSignal::new(false);
    let withdraw = move |_| {
        let Some(amount) = amount() else { return };
        busy.set(true);
        spawn_local(async move {
            let call = Call::new(vault, bonds::withdraw_call(Address::ZERO, amount, address));
            // Errors are told by the toast.
            let _ = transaction::send(
                app,
                Deed { doing: "Withdrawing", done: "The coins are in your wallet." },
                call,
            )
            .await;
            busy.try_set(false);
        });
    };
    view! {
        <Show when=move || amount().is_some()>
            <section class="panel">
                <h2>"Bonds given back"</h2>
                <p>
                    <strong data-testid="bonds-free">{move || amount().map(|free| format!("{} coins", format::tokens(free)))}</strong>
                    <span class="muted">" are free. Your next training takes its bond from them first."</span>
                </p>
                <button class="button" data-testid="bonds-withdraw" disabled=move || busy.get() on:click=withdraw>"Withdraw to my wallet"</button>
            </section>
        </Show>
    }
}

async fn holding(
    app: crate::app::App,
    account: Address,
    model: Summary,
) -> Result<Holding, RpcError> {
    let rpc = app.rpc();
    let from = app.config().from_block;
    let (balance, jobs) = futures_util::try_join!(
        contracts::balance(&rpc, model.model, account),
        history::settled(&rpc, model.model, Some(account), from),
    )?;
    let trainings = jobs.iter().filter(|job| job.training).count();
    Ok(Holding { balance, trainings, uses: jobs.len() - trainings, model })
}

/// Trainings that wait to be published.
#[component]
fn Waiting() -> impl IntoView {
    let list = RwSignal::new(keep::finished());
    let row = move |finished: Finished| {
        let job = finished.job.clone();
        let drop = move |_| {
            keep::drop_finished(&finished.job.key);
            list.set(keep::finished());
        };
        view! {
            <li class="kept">
                <div>
                    <strong>{job.name.clone()}</strong>
                    <span class="muted">
                        {format!(" {} from version {}, held-out score {}", format::plural(u64::from(job.steps), "step"), job.base, format::ppm(finished.after.accuracy_ppm))}
                    </span>
                </div>
                <div class="actions">
                    <A href=format!("/model/{}/train", job.model) attr:class="button">"Publish"</A>
                    <button class="button quiet" on:click=drop>"Discard"</button>
                </div>
            </li>
        }
    };
    view! {
        <Show when=move || !list.with(Vec::is_empty)>
            <section class="panel">
                <h2>"Trainings not yet published"</h2>
                <ul class="kept-list">{move || list.get().into_iter().map(row).collect_view()}</ul>
            </section>
        </Show>
    }
}

/// What this browser keeps.
#[component]
fn Kept() -> impl IntoView {
    let app = use_app();
    let kept = RwSignal::new(Load::<Vec<CheckpointInfo>>::Waiting);
    let taken = RwSignal::new(None::<Taken>);
    let take = move |answer: Result<Event, delea_model_runtime::RuntimeError>| match answer {
        Ok(Event::Checkpoints { kept: list }) => kept.set(Load::Ready(list)),
        Ok(_) => kept.set(Load::Failed("the worker gave an unexpected answer".into())),
        Err(error) => kept.set(Load::Failed(error.to_string())),
    };
    let measure = move || {
        spawn_local(async move {
            taken.try_set(files::taken().await);
        });
    };
    spawn_local(
        async move { take(app.pool.ask_cpu(Kind::Layers, Request::ListCheckpoints).await) },
    );
    measure();
    let drop_one = move |job: String| {
        spawn_local(async move {
            take(app.pool.ask_cpu(Kind::Layers, Request::DropCheckpoint { job }).await);
            measure();
        });
    };
    let clear = move |_| {
        spawn_local(async move {
            files::remove_all(Origin::Fetched).await;
            measure();
        });
    };
    let budget = RwSignal::new(files::budget());
    let choose_budget = move |event| {
        let Ok(bytes) = event_target_value(&event).parse::<u64>() else { return };
        budget.set(bytes);
        spawn_local(async move {
            files::set_budget(bytes).await;
            measure();
        });
    };
    let budgets = move || {
        BUDGETS.map(|bytes| view! {
        <option value=bytes.to_string() selected=move || budget.get() == bytes>{format::bytes(bytes)}</option>
    })
    };
    let list = move || {
        match kept.get() {
        Load::Waiting => view! { <Skeleton lines=2/> }.into_any(),
        Load::Failed(reason) => view! { <p class="muted">{format!("Checkpoints could not be listed. {}", sentence(&reason))}</p> }.into_any(),
        Load::Ready(list) if list.is_empty() => view! { <p class="muted">"No checkpoint is kept."</p> }.into_any(),
        Load::Ready(list) => {
            let rows = list.into_iter().map(|checkpoint| {
                let job = checkpoint.job.clone();
                view! {
                    <li class="kept" data-testid="checkpoint">
                        <div>
                            <strong>{format!("Step {}", format::count(u64::from(checkpoint.step)))}</strong>
                            <span class="muted">{format!(" of {} · {}", job_words(&checkpoint.job), format::bytes(checkpoint.bytes))}</span>
                        </div>
                        <button class="button quiet" on:click=move |_| drop_one(job.clone())>"Delete"</button>
                    </li>
                }
            });
            view! { <ul class="kept-list">{rows.collect_view()}</ul> }.into_any()
        }
    }
    };
    view! {
        <section class="panel">
            <h2>"Kept in this browser"</h2>
            <p class="muted">"Checkpoints let a training go on where it stopped."</p>
            {list}
            <Show when=move || taken.get().is_some()>
                <p data-testid="taken">
                    {move || taken.get().map(|taken| format!(
                        "Files of your own trainings take {}; files that were fetched take {}, and are fetched again when they are needed.",
                        format::bytes(taken.own),
                        format::bytes(taken.fetched),
                    ))}
                </p>
                <div class="actions">
                    <label>
                        "Fetched files may take "
                        <select class="select" data-testid="budget" on:change=choose_budget>{budgets}</select>
                    </label>
                    <button class="button quiet" data-testid="free-space" disabled=move || taken.get().is_none_or(|taken| taken.fetched == 0) on:click=clear>
                        "Free space"
                    </button>
                </div>
            </Show>
        </section>
    }
}

/// A job's key in words: the model's short address and the version it started from.
fn job_words(key: &str) -> String {
    let mut parts = key.split('-');
    let model = parts.next().and_then(|text| text.parse::<Address>().ok());
    let base = parts.next().and_then(|text| text.strip_prefix('v'));
    match (model, base) {
        (Some(model), Some(base)) => {
            format!("a training of {} from version {base}", format::short_address(&model))
        }
        _ => "a training".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_keys_read_as_words() {
        let key = format!("{:#x}-v3-99", Address::repeat_byte(0x11));
        assert_eq!(job_words(&key), "a training of 0x1111…1111 from version 3");
        assert_eq!(job_words("x"), "a training");
    }
}
