//! The Token tab: what there is, how it is earned and spent, sending it.

use alloy_primitives::{Address, U256};
use delea_contracts_abi::amount;
use leptos::prelude::*;
use serde_json::json;
use wasm_bindgen_futures::spawn_local;

use super::{ModelView, owners::Owners};
use crate::{
    app::use_app,
    chain::{
        contracts::{self, rules::CREATOR_PERCENT},
        quotes,
        transaction::{self, Call, Deed, TxError},
    },
    components::{
        address::AddressTag,
        field::TextField,
        plot::{Plot, Series},
        states::Meter,
        toasts::Kind,
    },
    format,
    jobs::trainer::sentence,
};

/// Reference trainings that the curves look ahead.
const AHEAD: usize = 100;

/// The tab.
#[component]
pub(super) fn Token(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let detail = model.detail;
    let share = Signal::derive(move || detail.with(|d| d.summary.pool_share()));
    let curve = Memo::new(move |_| {
        detail.with(|d| {
            let pool = format::to_float(d.summary.shown(d.summary.pool));
            (pool, quotes::wad(d.alpha), quotes::wad(d.inference_unit))
        })
    });
    let rewards = Signal::derive(move || {
        let (pool, alpha, _) = curve.get();
        vec![Series::new("reward", quotes::reward_path(pool, alpha, AHEAD))]
    });
    let prices = Signal::derive(move || {
        let (pool, alpha, unit) = curve.get();
        vec![Series::new("price", quotes::price_path(pool, alpha, unit, AHEAD))]
    });
    let reward_words = Signal::derive(move || {
        let (_, alpha, _) = curve.get();
        format!(
            "With no use in between, {} more reference trainings pay out half of what is left; each earns a little less than the one before.",
            quotes::half_life(alpha).ceil()
        )
    });
    let whole = Signal::derive(move || {
        let first = detail.with(|d| {
            let supply = d.summary.supply;
            format::to_float(
                d.summary.shown(supply - supply * U256::from(CREATOR_PERCENT) / U256::from(100)),
            )
        });
        let (pool, alpha, _) = curve.get();
        let here = (first / pool).ln().max(0.0) / alpha;
        let end = (2.0 * here).max(3.0 * quotes::half_life(alpha));
        let points = (0..=AHEAD).map(|i| end * i as f64 / AHEAD as f64);
        let line = points.map(|x| (x, first * (-alpha * x).exp())).collect();
        vec![Series::new("left to earn", line), Series::new("now", vec![(here, 0.0), (here, pool)])]
    });
    let whole_words = Signal::derive(move || {
        detail.with(|d| format!("{} of all tokens are left to earn. The upright line is where the model stands now.", format::percent(d.summary.pool_share())))
    });
    view! {
        <div class="columns">
            <div class="column-main">
                <section class="panel">
                    <h2>"How it is earned and spent"</h2>
                    <p class="muted">
                        "A training is paid a fixed share of what is left in the pool, so early trainings earn most. Every use pays back into the pool, so rewards can rise again."
                    </p>
                    <Plot title="What is left to earn" series=whole x_label="training" summary=whole_words testid="whole-plot"/>
                    <p class="small-print muted">{move || whole_words.get()}</p>
                    <div class="plots">
                        <Plot title="What the next trainings earn" series=rewards x_label="training" summary=reward_words testid="reward-plot"/>
                        <Plot
                            title="What a use costs after them"
                            series=prices
                            x_label="training"
                            summary=Signal::derive(|| "The price of a use falls with the pool and rises with use.".to_owned())
                            testid="price-plot"
                        />
                    </div>
                    <p class="small-print muted">{move || reward_words.get()}</p>
                </section>
                <Transfer model/>
                <Owners model/>
            </div>
            <aside class="column-side">
                <section class="panel">
                    <h2>"Your balance"</h2>
                    <p class="big-number" data-testid="token-balance">
                        {move || model.tokens().map_or_else(|| "—".to_owned(), |b| model.amount(b))}
                    </p>
                    <Show when=move || model.tokens().is_none()>
                        <p class="muted">"Connect a wallet to see what you have."</p>
                    </Show>
                    <Watch model/>
                </section>
                <section class="panel">
                    <h2>"Supply"</h2>
                    <div class="pool">
                        <div class="pool-words">
                            <span>"Left to earn"</span>
                            <span>{move || format::percent(share.get())}</span>
                        </div>
                        <Meter share label="Share of all tokens left to earn"/>
                    </div>
                    <dl class="list">
                        <dt>"All there will ever be"</dt>
                        <dd>{move || detail.with(|d| model.amount(d.summary.supply))}</dd>
                        <dt>"In the pool"</dt>
                        <dd>{move || detail.with(|d| model.amount(d.summary.pool))}</dd>
                        <dt>"Earned and held"</dt>
                        <dd>{move || detail.with(|d| model.amount(d.summary.supply - d.summary.pool))}</dd>
                        <dt>"Creator (5 % at the start)"</dt>
                        <dd>{move || view! { <AddressTag address=detail.with(|d| d.summary.creator)/> }}</dd>
                        <dt>"Token"</dt>
                        <dd><AddressTag address=model.address/></dd>
                        <dt>"Reference training"</dt>
                        <dd>{move || detail.with(|d| format::plural(u64::from(d.summary.reference_steps), "step"))}</dd>
                    </dl>
                </section>
            </aside>
        </div>
    }
}

/// Adds the token to the wallet's own list.
#[component]
fn Watch(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let add = move |_| {
        let options = json!({
            "type": "ERC20",
            "options": { "address": model.address, "symbol": model.symbol(), "decimals": 18 },
        });
        spawn_local(async move {
            let Ok(provider) = app.wallets.provider() else { return };
            if let Err(error) = provider.request("wallet_watchAsset", options).await {
                app.toasts.push(Kind::Info, sentence(&error.to_string()));
            }
        });
    };
    view! {
        <Show when=move || app.wallets.account.with(Option::is_some)>
            <button class="button" data-testid="watch-asset" on:click=add>"Show it in my wallet"</button>
        </Show>
    }
}

/// Sends tokens to somebody.
#[component]
fn Transfer(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let app = use_app();
    let (to, value) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (to_error, value_error) = (RwSignal::new(None::<String>), RwSignal::new(None::<String>));
    let busy = RwSignal::new(false);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let receiver = receiver(&to.get_untracked());
        let amount = sum(&value.get_untracked(), model);
        to_error.set(receiver.as_ref().err().cloned());
        value_error.set(amount.as_ref().err().cloned());
        let (Ok(receiver), Ok(amount)) = (receiver, amount) else { return };
        busy.set(true);
        spawn_local(async move {
            let call = contracts::transfer_call(receiver, amount);
            match transaction::send(
                app,
                Deed { doing: "Sending", done: "Your tokens are sent." },
                Call::new(model.address, call),
            )
            .await
            {
                Ok(_) => {
                    to.set(String::new());
                    value.set(String::new());
                }
                Err(TxError::Contract(reason)) => value_error.set(Some(reason)),
                // The toast has said it.
                Err(_) => {}
            }
            busy.set(false);
        });
    };
    view! {
        <section class="panel">
            <h2>"Send tokens"</h2>
            <form class="form-row" on:submit=send novalidate=true>
                <TextField id="transfer-to" label="To" value=to error=to_error placeholder="0x…"/>
                <TextField id="transfer-amount" label="Amount" value=value error=value_error inputmode="decimal"/>
                <button class="button primary" type="submit" data-testid="transfer-submit" disabled=move || busy.get()>
                    {move || if busy.get() { "Sending…" } else { "Send" }}
                </button>
            </form>
        </section>
    }
}

fn receiver(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let address: Address =
        text.parse().map_err(|_| "An address has 0x and 40 digits.".to_owned())?;
    // Mixed case carries a checksum: a mistyped digit shows.
    let mixed = text.chars().any(|c| c.is_ascii_lowercase() && c != 'x')
        && text.chars().any(|c| c.is_ascii_uppercase());
    if mixed && address.to_checksum(None) != text {
        return Err("This address has a typing error: its checksum is wrong.".to_owned());
    }
    Ok(address)
}

/// What was typed, as base units; amounts are typed as they are shown.
fn sum(text: &str, model: ModelView) -> Result<U256, String> {
    let shown = amount::parse(text).map_err(|e| sentence(&e.to_string()))?;
    let have = model.tokens();
    within(shown, model.detail.with_untracked(|d| d.summary.raw(shown)), have).map_err(|have| {
        have.map_or_else(
            || "Enter more than zero.".to_owned(),
            |have| format!("You have {}.", model.amount(have)),
        )
    })
}

/// An amount that can be sent; the error holds what there is, or nothing for an empty amount.
fn within(shown: U256, raw: U256, have: Option<U256>) -> Result<U256, Option<U256>> {
    match have {
        _ if shown.is_zero() || raw.is_zero() => Err(None),
        Some(have) if raw > have => Err(Some(have)),
        _ => Ok(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_address_is_seen_by_its_checksum() {
        assert!(receiver("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").is_ok());
        assert!(receiver("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266").is_ok());
        assert!(receiver("0xf39fd6e51aad88F6F4ce6aB8827279cffFb92266").is_err());
        assert!(receiver("0x12").is_err());
    }

    #[test]
    fn no_more_than_there_is_can_be_sent() {
        let one = U256::from(10).pow(U256::from(18));
        assert_eq!(within(one, one, Some(one)), Ok(one));
        assert_eq!(within(one, one, None), Ok(one));
        assert_eq!(within(one + one, one + one, Some(one)), Err(Some(one)));
        assert_eq!(within(U256::ZERO, U256::ZERO, None), Err(None));
        // Shown amounts too small for a base unit.
        assert_eq!(within(U256::ONE, U256::ZERO, Some(one)), Err(None));
    }
}
