//! Part of the third step: how the model's trainings are checked and joined. What suits most is chosen already.

use alloy_primitives::aliases::U96;
use delea_contracts_abi::amount;
use leptos::prelude::*;

use super::Draft;
use crate::{
    components::field::{Select, TextField},
    format,
    jobs::trainer::sentence,
};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// What the fields say, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// What a worker puts at stake, in base units.
    pub(super) bond: U96,
    /// Whether that is in the model's token.
    pub(super) bond_in_tokens: bool,
    /// Seconds in which a result can be doubted.
    pub(super) window: u32,
    /// Seconds in which further trainings join a round.
    pub(super) round: u32,
    /// By how much a version must be better than the one before, in parts per million.
    pub(super) improvement_ppm: u32,
}

/// The stake in base units. Nobody would have anything to lose without one.
fn bond(text: &str) -> Result<U96, String> {
    let bond = amount::parse(text).map_err(|e| sentence(&e.to_string()))?;
    if bond.is_zero() {
        return Err("Enter an amount above zero: a worker needs something to lose.".to_owned());
    }
    if bond.bit_len() > U96::BITS {
        return Err("That is more than the contract can count.".to_owned());
    }
    Ok(U96::from(bond))
}

/// Times to choose from; the one that suits the chain is among them.
fn times(own: u32, choices: [u32; 4]) -> Vec<(u32, String)> {
    let mut times: Vec<u32> = choices.into_iter().chain((own > 0).then_some(own)).collect();
    times.sort_unstable();
    times.dedup();
    times.into_iter().map(|time| (time, format::duration(f64::from(time)))).collect()
}

impl Draft {
    /// The rules, once every field is right.
    pub(super) fn rules(self) -> Option<Rules> {
        Some(Rules {
            bond: bond(&self.bond.get()).ok()?,
            bond_in_tokens: self.bond_in_tokens.get(),
            window: self.window.get(),
            round: self.round.get(),
            improvement_ppm: self.improvement.get(),
        })
    }
}

/// The fields, folded away.
#[component]
pub(super) fn RulesStep(
    /// What was decided so far.
    draft: Draft,
) -> impl IntoView {
    let windows = times(draft.window.get_untracked(), [MINUTE, HOUR, 6 * HOUR, DAY]);
    let mut rounds = vec![(0, "one after the other".to_owned())];
    rounds.extend(
        times(0, [MINUTE, 10 * MINUTE, HOUR, DAY])
            .into_iter()
            .map(|(time, name)| (time, format!("all of {name} are averaged"))),
    );
    let improvements = [0, 1_000, 5_000, 10_000, 20_000].map(|ppm| match ppm {
        0 => (ppm, "any result counts".to_owned()),
        ppm => (ppm, format!("{} more right answers", format::percent(f64::from(ppm) / 1e6))),
    });
    let currencies =
        vec![(false, "coins of the chain".to_owned()), (true, "tokens of this model".to_owned())];
    view! {
        <details class="more" data-testid="rules">
            <summary>"How trainings are checked and joined"</summary>
            <div class="form-grid">
                <TextField
                    id="bond"
                    label="A worker’s stake"
                    value=draft.bond
                    inputmode="decimal"
                    help="Lost where a jury finds that the work was not done as claimed."
                    error=Signal::derive(move || bond(&draft.bond.get()).err())
                />
                <Select
                    id="bond-currency"
                    label="The stake is in"
                    options=currencies
                    chosen=draft.bond_in_tokens
                    help="In tokens, only who has some can work: at first, you."
                />
                <Select
                    id="window"
                    label="Others can doubt a result for"
                    options=windows
                    chosen=draft.window
                    help="The reward is paid after that."
                />
                <Select
                    id="round"
                    label="Trainings at the same time"
                    options=rounds
                    chosen=draft.round
                    help="Many can train one version at once, and all are paid."
                />
                <Select
                    id="improvement"
                    label="Asked of a new version"
                    options=improvements.to_vec()
                    chosen=draft.improvement
                    help="On the examples that are kept aside."
                />
            </div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stake_is_above_zero_and_fits_the_contract() {
        assert_eq!(bond("0.01"), Ok(U96::from(10_000_000_000_000_000u64)));
        assert!(bond("0").unwrap_err().contains("something to lose"));
        assert!(bond("99999999999").unwrap_err().contains("more than"));
        assert!(bond("a").is_err());
    }

    #[test]
    fn times_are_in_order_and_hold_the_chains_own() {
        let names: Vec<u32> =
            times(5, [60, 3_600, 21_600, 86_400]).into_iter().map(|t| t.0).collect();
        assert_eq!(names, [5, 60, 3_600, 21_600, 86_400]);
        assert_eq!(times(60, [60, 3_600, 21_600, 86_400]).len(), 4);
    }
}
