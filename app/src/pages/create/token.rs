//! The third step: the model's name and how its token pays.

use alloy_primitives::U256;
use delea_contracts_abi::amount;
use delea_model_runtime::spec::ModelSpec;
use leptos::prelude::*;

use super::Draft;
use crate::{
    chain::{contracts::rules, quotes},
    components::{
        field::{Slider, TextArea, TextField},
        plot::{Plot, Series, Unit},
    },
    format,
    jobs::trainer::sentence,
    store::onchain,
};

/// Reference trainings that the curve looks ahead.
const AHEAD: usize = 100;
/// Most characters of a description: two sentences fit a card.
const DESCRIPTION: usize = 400;
/// The contract's limit is one below 2^96 base units, about 79 billion tokens.
const MOST_BITS: usize = 96;

/// What the token fields say, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TokenTerms {
    /// Title.
    pub(super) name: String,
    /// Symbol.
    pub(super) symbol: String,
    /// One or two sentences.
    pub(super) description: String,
    /// Base units.
    pub(super) supply: U256,
    /// Speed of the curve, as WAD.
    pub(super) alpha: u64,
    /// Steps of one reference training.
    pub(super) reference_steps: u32,
    /// Weight of one use, as WAD.
    pub(super) inference_unit: u64,
}

/// Alpha of the share of the pool that one reference training earns: share = 1 − e^(−alpha).
fn alpha(share: f64) -> f64 {
    -(-share).ln_1p()
}

fn share(speed: f64) -> f64 {
    10f64.powf(speed)
}

fn name_error(text: &str) -> Option<String> {
    length_error("name", text.trim(), rules::NAME_BYTES)
}

fn symbol_error(text: &str) -> Option<String> {
    let text = text.trim();
    if text.chars().any(char::is_whitespace) {
        return Some("A symbol has no spaces.".to_owned());
    }
    length_error("symbol", text, rules::SYMBOL_BYTES)
}

fn length_error(what: &str, text: &str, most: usize) -> Option<String> {
    match text.len() {
        0 => Some(format!("Enter a {what}.")),
        n if n > most => Some(format!("The {what} takes {n} bytes; at most {most} fit.")),
        _ => None,
    }
}

fn description_error(text: &str) -> Option<String> {
    match text.trim().chars().count() {
        0 => Some("Say in a sentence what the model does.".to_owned()),
        n if n > DESCRIPTION => {
            Some(format!("That is {n} characters; at most {DESCRIPTION} fit a card."))
        }
        _ => None,
    }
}

fn supply(text: &str) -> Result<U256, String> {
    let supply = amount::parse(text).map_err(|e| sentence(&e.to_string()))?;
    let one = U256::from(10).pow(U256::from(amount::DECIMALS));
    if supply < one {
        return Err("There must be at least 1 token.".to_owned());
    }
    if supply >= U256::ONE << MOST_BITS {
        return Err("That is more tokens than the contract can count.".to_owned());
    }
    Ok(supply)
}

fn reference(text: &str) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(0) | Err(_) => Err("Enter a whole number of steps, at least 1.".to_owned()),
        Ok(steps) => Ok(steps),
    }
}

impl Draft {
    /// The token's terms, once every field is right.
    pub(super) fn terms(self) -> Option<TokenTerms> {
        let (name, symbol) = (self.name.get(), self.symbol.get());
        let description = self.description.get();
        let wrong = name_error(&name).or(symbol_error(&symbol)).or(description_error(&description));
        if wrong.is_some() {
            return None;
        }
        Some(TokenTerms {
            name: name.trim().to_owned(),
            symbol: symbol.trim().to_owned(),
            description: description.trim().to_owned(),
            supply: supply(&self.supply.get()).ok()?,
            alpha: (alpha(share(self.speed.get())) * 1e18) as u64,
            reference_steps: reference(&self.reference.get()).ok()?,
            inference_unit: (10f64.powf(self.use_weight.get()) * 1e18) as u64,
        })
    }
}

/// Whether a network's parameters, four bytes each and a header, fit a transaction.
fn fits_the_chain(spec: &ModelSpec) -> bool {
    const HEADER: u64 = 4_096;
    spec.parameter_count().is_ok_and(|count| count * 4 + HEADER <= onchain::MOST as u64)
}

/// The fields, and what they mean in words and as a curve.
#[component]
pub(super) fn TokenStep(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    // An empty form is not full of errors: they show once something was typed, or after a try.
    let shown = move |value: RwSignal<String>, check: fn(&str) -> Option<String>| {
        Signal::derive(move || {
            let text = value.get();
            if text.is_empty() && !draft.tried.get() { None } else { check(&text) }
        })
    };
    let tokens = Memo::new(move |_| supply(&draft.supply.get()).map_or(0.0, format::to_float));
    let pool = Memo::new(move |_| tokens.get() * (100 - rules::CREATOR_PERCENT) as f64 / 100.0);
    let part = move || share(draft.speed.get());
    let symbol = move || match draft.symbol.get().trim() {
        "" => "tokens".to_owned(),
        symbol => symbol.to_owned(),
    };
    let series =
        Signal::derive(move || vec![Series::new("left", quotes::pool_path(alpha(part()), AHEAD))]);
    let first = move || pool.get() * part();
    let price = move || {
        let a = alpha(part()) * 10f64.powf(draft.use_weight.get());
        pool.get() * -(-a).exp_m1()
    };
    let words = Signal::derive(move || {
        format!(
            "The first training{} earns {} {}; each earns {} of what is left, and after {} trainings half of the pool is paid out. One use costs {} {} at the start.",
            // Steps appear here once they are a number.
            reference(&draft.reference.get()).map_or(String::new(), |steps| format!(
                " of {}",
                format::plural(steps.into(), "step")
            )),
            format::number(first()),
            symbol(),
            format::percent(part()),
            quotes::half_life(alpha(part())).ceil(),
            format::number(price()),
            symbol(),
        )
    });
    view! {
        <div class="form-grid">
            <TextField id="model-name" label="Name" value=draft.name error=shown(draft.name, name_error) placeholder="Handwritten digits"/>
            <TextField id="token-symbol" label="Token symbol" value=draft.symbol error=shown(draft.symbol, symbol_error) placeholder="DIGIT"/>
        </div>
        <TextArea
            id="model-description"
            label="What it does"
            value=draft.description
            error=shown(draft.description, description_error)
            help="One or two sentences for somebody who sees it for the first time."
        />
        <div class="columns even">
            <div>
                <TextField
                    id="token-supply"
                    label="Tokens in all"
                    value=draft.supply
                    inputmode="decimal"
                    help="Made once and never again."
                    error=Signal::derive(move || supply(&draft.supply.get()).err())
                />
                <TextField
                    id="reference-steps"
                    label="Steps of one reference training"
                    value=draft.reference
                    inputmode="numeric"
                    help="Longer trainings earn more, shorter ones less."
                    error=Signal::derive(move || reference(&draft.reference.get()).err().filter(|_| draft.tried.get() || !draft.reference.get().is_empty()))
                />
                <Slider
                    id="payout-speed"
                    label="How fast the pool pays out"
                    value=draft.speed
                    min=-4.0
                    max=-0.75
                    step=0.05
                    words=Signal::derive(move || format!("{} a training", format::percent(part())))
                />
                <Slider
                    id="use-price"
                    label="Price of one use"
                    value=draft.use_weight
                    min=-6.0
                    max=-0.5
                    step=0.1
                    words=Signal::derive(move || format!("1 ÷ {} of a training", format::number(10f64.powf(-draft.use_weight.get()).round())))
                />
            </div>
            <div>
                <Plot title="Left in the pool" series x_label="reference trainings" unit=Unit::Share summary=words testid="curve-plot"/>
            </div>
        </div>
        <Show when=move || draft.network.with(|n| n.as_ref().is_some_and(|network| fits_the_chain(&network.spec)))>
            <label class="check">
                <input type="checkbox" data-testid="on-chain" prop:checked=draft.on_chain
                    on:change:target=move |event| draft.on_chain.set(event.target().checked())/>
                <span>
                    "Keep the first parameters on the chain itself, too"
                    <span class="muted">" They are small enough for one more transaction, and then no store can lose them."</span>
                </span>
            </label>
        </Show>
        <p class="callout" data-testid="curve-words"><span>{move || words.get()}</span></p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_pays_the_share_it_is_made_for() {
        for part in [0.0001, 0.01, 0.17] {
            assert!((1.0 - (-alpha(part)).exp() - part).abs() < 1e-12);
        }
        // The contract refuses alphas above ln 2; the slider ends far below.
        assert!(alpha(share(-0.75)) < std::f64::consts::LN_2);
        assert!(alpha(share(-4.0)) * 1e18 > 1e12);
    }

    #[test]
    fn fields_say_what_is_wrong() {
        assert!(name_error("").is_some());
        assert!(name_error(&"x".repeat(32)).is_some());
        assert_eq!(name_error("Digits"), None);
        assert!(symbol_error("A B").is_some());
        assert!(supply("0.5").is_err());
        assert!(supply("99999999999999999999").is_err());
        assert!(supply("1000000").is_ok());
        assert!(reference("0").is_err());
        assert_eq!(reference(" 500 "), Ok(500));
    }
}
