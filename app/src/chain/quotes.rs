//! The contract's curve, evaluated in the page: exact where a transaction depends on it, as floats
//! where it is only drawn.

use alloy_primitives::U256;
use delea_contracts_abi::curve;

use super::contracts::Detail;

/// 1.0 in the contracts' fixed point.
const WAD: f64 = 1e18;
/// Slack between the quote shown and the bound signed, in percent: others act in between.
const TOLERANCE_PERCENT: u64 = 1;

/// Reward of a training of `steps` now, as the contract computes it; zero where it would refuse.
pub(crate) fn reward(detail: &Detail, steps: u32) -> U256 {
    curve::training_units(steps, detail.summary.reference_steps)
        .and_then(|units| curve::reward_down(detail.summary.pool, units, U256::from(detail.alpha)))
        .unwrap_or(U256::ZERO)
}

/// Rewards of trainings of up to `most` steps, in tokens, for a plot.
pub(crate) fn reward_by_steps(detail: &Detail, most: u32) -> Vec<(f64, f64)> {
    const POINTS: u32 = 60;
    let pool = crate::format::to_float(detail.summary.shown(detail.summary.pool));
    let rate = wad(detail.alpha) / f64::from(detail.summary.reference_steps.max(1));
    (0..=POINTS)
        .map(|i| f64::from(most) * f64::from(i) / f64::from(POINTS))
        .map(|steps| (steps, -pool * (-rate * steps).exp_m1()))
        .collect()
}

/// The least reward that is accepted for a quote.
pub(crate) fn least(quote: U256) -> U256 {
    quote - quote * U256::from(TOLERANCE_PERCENT) / U256::from(100)
}

/// The highest price that is accepted for a quote.
pub(crate) fn most(quote: U256) -> U256 {
    quote + (quote * U256::from(TOLERANCE_PERCENT)).div_ceil(U256::from(100))
}

/// Pool left after each of `points` reference trainings in a row with no use in between, as a share
/// of the first pool.
pub(crate) fn pool_path(alpha: f64, points: usize) -> Vec<(f64, f64)> {
    (0..=points).map(|i| (i as f64, (-alpha * i as f64).exp())).collect()
}

/// Rewards of the next `points` reference trainings in a row, in tokens.
pub(crate) fn reward_path(pool: f64, alpha: f64, points: usize) -> Vec<(f64, f64)> {
    let fraction = -(-alpha).exp_m1();
    (1..=points).map(|i| (i as f64, pool * (-alpha * (i - 1) as f64).exp() * fraction)).collect()
}

/// Prices of one inference after each of `points` reference trainings in a row.
pub(crate) fn price_path(pool: f64, alpha: f64, unit: f64, points: usize) -> Vec<(f64, f64)> {
    let fraction = -(-alpha * unit).exp_m1();
    (0..=points).map(|i| (i as f64, pool * (-alpha * i as f64).exp() * fraction)).collect()
}

/// A WAD as a float.
pub(crate) fn wad(value: u64) -> f64 {
    value as f64 / WAD
}

/// Reference trainings until half of the pool is paid out.
pub(crate) fn half_life(alpha: f64) -> f64 {
    std::f64::consts::LN_2 / alpha
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_lie_one_percent_around_the_quote() {
        assert_eq!(least(U256::from(1000)), U256::from(990));
        assert_eq!(most(U256::from(1000)), U256::from(1010));
        assert_eq!(most(U256::ONE), U256::from(2));
        assert_eq!(least(U256::ZERO), U256::ZERO);
    }

    #[test]
    fn rewards_in_a_row_add_up_to_what_leaves_the_pool() {
        let (pool, alpha) = (950.0, 0.02);
        let paid: f64 = reward_path(pool, alpha, 50).iter().map(|p| p.1).sum();
        let left = pool_path(alpha, 50)[50].1 * pool;
        assert!((pool - paid - left).abs() < 1e-9);
        assert!((half_life(0.02) - 34.66).abs() < 0.01);
    }
}
