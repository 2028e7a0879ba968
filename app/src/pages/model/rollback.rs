//! Going back to an older version: asking, stopping, carrying out.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::ModelView;
use crate::{
    app::{App, use_app, use_now},
    chain::{
        seats::{self, Rank, Rollback, Turn},
        transaction::{self, Call, Deed},
    },
    components::{address::AddressTag, icons},
    format,
    load::use_load,
};

/// Asks for the model to go back. Errors were told by a toast.
pub(super) async fn request(app: App, model: ModelView, version: u32) {
    let deed = Deed {
        doing: "Asking",
        done: "Your request waits; others can stop it until its time comes.",
    };
    let _ =
        transaction::send(app, deed, Call::new(model.address, seats::request_call(version))).await;
}

/// What the visitor may do about a waiting request.
fn may_stop(rank: Rank, request: &Rollback, mine: bool, by_creator: bool) -> bool {
    let _ = request;
    mine || match rank {
        Rank::First => true,
        Rank::Second => by_creator,
        Rank::Creator | Rank::Nobody => false,
    }
}

/// The request that waits, if one does.
#[component]
pub(super) fn RollbackNotice(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let busy = RwSignal::new(false);
    let waiting = use_load(
        move || Some(app.revision()),
        move |_| async move { seats::rollback(&app.rpc(), model.address).await },
    );
    let act = move |deed: Deed, data: Vec<u8>| {
        busy.set(true);
        spawn_local(async move {
            let _ = transaction::send(app, deed, Call::new(model.address, data)).await;
            busy.try_set(false);
        });
    };
    let stop = move |mine: bool| {
        let deed = match mine {
            true => Deed { doing: "Withdrawing", done: "Your request is withdrawn." },
            false => Deed { doing: "Stopping", done: "The request is stopped." },
        };
        act(deed, seats::veto_call());
    };
    let carry_out = move |_| {
        act(
            Deed { doing: "Going back", done: "The model is back at the older version." },
            seats::execute_call(),
        );
    };
    move || {
        let request = waiting.with(|w| w.ready().copied().flatten())?;
        let me = app.wallets.account.with(|a| a.as_ref().map(|a| a.address));
        let mine = me == Some(request.requester);
        let by_creator = model.detail.with(|d| d.summary.creator == request.requester);
        let stoppable = may_stop(model.rank.get(), &request, mine, by_creator);
        let now = use_now();
        let left = move || request.executable_at.saturating_sub(now.get());
        Some(view! {
            <section class="panel" data-testid="rollback-notice">
                <h2>"A way back is asked for"</h2>
                <p>
                    <AddressTag address=request.requester/>
                    {match by_creator { true => " (the creator)", false => "" }}
                    {format!(" asks for the model to go back to version {}. Nothing is deleted.", request.version)}
                </p>
                <p class="muted" data-testid="rollback-left">
                    {move || match left() {
                        0 => "It can be carried out now.".to_owned(),
                        left => format!("It can be carried out in {}; until then it can be stopped by who comes first.", format::duration(left as f64)),
                    }}
                </p>
                <div class="actions">
                    <Show when=move || left() == 0>
                        <button class="button primary" data-testid="rollback-execute" disabled=move || busy.get() on:click=carry_out>
                            {icons::undo()} {format!("Go back to version {}", request.version)}
                        </button>
                    </Show>
                    {stoppable.then(|| view! {
                        <button class="button" data-testid="rollback-stop" disabled=move || busy.get() on:click=move |_| stop(mine)>
                            {if mine { "Withdraw the request" } else { "Stop it" }}
                        </button>
                    })}
                </div>
            </section>
        })
    }
}

/// What became of earlier requests; nothing where there were none.
#[component]
pub(super) fn RollbackLog(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let turns = use_load(
        move || Some(app.revision()),
        move |_| async move { seats::turns(&app.rpc(), model.address, app.config().from_block).await },
    );
    move || {
        let turns = turns.with(|turns| turns.ready().cloned()).filter(|turns| !turns.is_empty())?;
        let rows = turns.into_iter().map(|(turn, block)| {
            let (who, what) = match turn {
                Turn::Asked { by, version } => {
                    (by, format!("asked to go back to version {version}"))
                }
                Turn::Stopped { asked, by, version } if asked == by => {
                    (by, format!("withdrew the request to go back to version {version}"))
                }
                Turn::Stopped { by, version, .. } => {
                    (by, format!("stopped the way back to version {version}"))
                }
                Turn::Done { asked, from, to } => {
                    (asked, format!("had the model go back from version {from} to {to}"))
                }
            };
            view! {
                <li data-testid="turn">
                    <AddressTag address=who/> " " {what}
                    <span class="muted">{format!(" in block {}", format::count(block))}</span>
                </li>
            }
        });
        Some(view! {
            <section class="panel">
                <h2>"Ways back so far"</h2>
                <ol class="turns" data-testid="turns">{rows.collect_view()}</ol>
            </section>
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn holders_stop_the_creator_and_the_larger_the_smaller() {
        let request = Rollback { requester: Address::ZERO, version: 0, executable_at: 0 };
        let stop = |rank, by_creator| may_stop(rank, &request, false, by_creator);
        assert!(stop(Rank::First, true) && stop(Rank::Second, true));
        assert!(stop(Rank::First, false) && !stop(Rank::Second, false));
        assert!(!stop(Rank::Creator, false) && !stop(Rank::Nobody, true));
        assert!(may_stop(Rank::Nobody, &request, true, false));
    }
}
