//! Win rates and weights.

use alloy_primitives::{Address, U256};
use delea_contracts_abi::curve::exp_negative;

use crate::WAD;

/// Temperature of the weights, WAD. Where one worker wins every comparison and another none, the first weighs
/// e⁵ ≈ 148 times as much.
pub const TEMPERATURE: u128 = WAD / 5;

/// Each worker's share of its comparisons with all others that it wins, WAD, rounded down, in the order given; a tie
/// is half a win for both, so equal scores have equal rates. One worker alone wins everything.
///
/// Seed, 3.2: "converted to win rates via comparing scores of each miner against each other. Ties … will simply result
/// in having the same win rate. There is no minimum score threshold".
pub fn win_rates(scores: &[u128]) -> Vec<u128> {
    let others = scores.len().saturating_sub(1) as u128;
    if others == 0 {
        return vec![WAD; scores.len()];
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable();
    scores
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let equal = sorted.partition_point(|other| other <= score) - below - 1;
            (2 * below + equal) as u128 * WAD / (2 * others)
        })
        .collect()
}

/// Each worker's weight, WAD, by address: the softmax of win rates over `temperature`. They sum to exactly one. What
/// rounding down leaves over goes, a unit each, to the heaviest workers, among equals by address, so the order in
/// which workers are given does not matter.
///
/// Seed, 3.2: "Once converted to winrates, we will apply the emission schedule via applying temperature".
///
/// # Errors
/// [`ColdError`] for a temperature of zero.
pub fn weights(
    scores: &[(Address, u128)],
    temperature: u128,
) -> Result<Vec<(Address, u128)>, ColdError> {
    if temperature == 0 {
        return Err(ColdError);
    }
    let rates = win_rates(&scores.iter().map(|(_, score)| *score).collect::<Vec<_>>());
    let Some(best) = rates.iter().max().copied() else { return Ok(Vec::new()) };
    let wad = U256::from(WAD);
    let shares: Vec<U256> = rates
        .iter()
        .map(|rate| exp_negative(U256::from(best - rate) * wad / U256::from(temperature)))
        .collect();
    let sum: U256 = shares.iter().sum();
    let mut weights: Vec<(Address, u128)> = scores
        .iter()
        .zip(shares)
        .map(|((worker, _), share)| (*worker, (share * wad / sum).to()))
        .collect();
    // Fewer units than workers are left over, for each lost less than one.
    weights.sort_unstable_by_key(|(worker, weight)| (std::cmp::Reverse(*weight), *worker));
    let left = WAD - weights.iter().map(|(_, weight)| weight).sum::<u128>();
    weights.iter_mut().take(left as usize).for_each(|(_, weight)| *weight += 1);
    weights.sort_unstable_by_key(|(worker, _)| *worker);
    Ok(weights)
}

/// Weights were asked for at a temperature of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the temperature is 0; weights need one above it")]
pub struct ColdError;
