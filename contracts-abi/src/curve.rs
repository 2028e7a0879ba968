//! The contract's curve, bit for bit: what a training earns and what a use costs.
//!
//! A port of `solidity/src/libraries/Curve.sol`, with Solady's `expWad`. A page that quotes from here shows exactly
//! what the contract will pay or charge; `tests/vectors/` holds both to the same numbers.

use alloy_primitives::{I256, U256, U512, uint};

/// One, as a fixed-point number of 18 decimals.
pub const WAD: U256 = uint!(1_000_000_000_000_000_000_U256);

/// From here on e^(−x) is below half of 1e-18 and counts as zero. Source: Solady's `expWad`.
const EXPONENT_OF_ZERO: U256 = uint!(41_446_531_673_892_822_313_U256);

/// A number the curve cannot work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// Units times alpha do not fit 256 bits; the contract would refuse as well.
    #[error("units {units} times alpha {alpha} exceed 256 bits")]
    Overflow {
        /// Work or use, as WAD.
        units: U256,
        /// Speed of the curve, as WAD.
        alpha: U256,
    },
    /// A reference training has at least one step.
    #[error("reference steps are 0, must be at least 1")]
    NoReferenceSteps,
}

/// Tokens paid out of `pool` for `units` of work, rounded down. `units` and `alpha` are WAD, the rest base units.
pub fn reward_down(pool: U256, units: U256, alpha: U256) -> Result<U256, CurveError> {
    let exponent = product(units, alpha)? / WAD;
    let kept = WAD.min(exp_negative(exponent) + U256::ONE);
    Ok(share(pool, WAD - kept).0)
}

/// Tokens charged into `pool` for `units` of use, rounded up. `units` and `alpha` are WAD, the rest base units.
pub fn price_up(pool: U256, units: U256, alpha: U256) -> Result<U256, CurveError> {
    let exponent = product(units, alpha)?.div_ceil(WAD);
    if exponent.is_zero() {
        return Ok(U256::ZERO);
    }
    let left = exp_negative(exponent).saturating_sub(U256::ONE);
    let (floor, exact) = share(pool, WAD - left);
    Ok(if exact { floor } else { floor + U256::ONE })
}

/// Work of a training: its steps in reference trainings, as WAD, rounded down.
pub fn training_units(steps: u32, reference_steps: u32) -> Result<U256, CurveError> {
    if reference_steps == 0 {
        return Err(CurveError::NoReferenceSteps);
    }
    Ok(U256::from(steps) * WAD / U256::from(reference_steps))
}

/// Use of `count` inferences, as WAD.
pub fn inference_units(count: u32, inference_unit: u64) -> U256 {
    U256::from(count) * U256::from(inference_unit)
}

fn product(units: U256, alpha: U256) -> Result<U256, CurveError> {
    units.checked_mul(alpha).ok_or(CurveError::Overflow { units, alpha })
}

/// `pool · part / WAD` for a part of at most WAD: the floor, and whether it is exact. The product takes up to 316
/// bits, the quotient at most as many as the pool.
fn share(pool: U256, part: U256) -> (U256, bool) {
    let wad = U512::from(WAD);
    let (quotient, remainder) = (U512::from(pool) * U512::from(part)).div_rem(wad);
    (U256::from(quotient), remainder.is_zero())
}

/// `e^(−exponent)`, both WAD: the contract's own bits.
pub fn exp_negative(exponent: U256) -> U256 {
    if exponent >= EXPONENT_OF_ZERO {
        return U256::ZERO;
    }
    exp_wad(-I256::from_raw(exponent))
}

/// Solady's `expWad` for exponents between −41.446…e18 and 0: the same operations in the same order, so that every
/// rounding is the same. Its comments explain the approximation; these numbers are its numbers.
fn exp_wad(x: I256) -> U256 {
    // The contract's integers wrap; none of these comes near 2^255 on this range, but only wrapping is the same.
    let add = |a: I256, b: i128| a.wrapping_add(signed(b));
    let mul_down = |a: I256, b: I256| a.wrapping_mul(b).asr(96);

    // To a binary fixed point of 96 bits: times 2^96 / 1e18 = 2^78 / 5^18.
    let x = x.wrapping_shl(78).wrapping_div(signed(3_814_697_265_625));
    // x = x' + k·ln 2.
    let ln2 = signed(54_916_777_467_707_473_351_141_471_128);
    let k = add(x.wrapping_shl(96).wrapping_div(ln2), 1 << 95).asr(96);
    let x = x.wrapping_sub(k.wrapping_mul(ln2));

    let y = add(x, 1_346_386_616_545_796_478_920_950_773_328);
    let y = add(mul_down(y, x), 57_155_421_227_552_351_082_224_309_758_442);
    let p = add(y.wrapping_add(x), -94_201_549_194_550_492_254_356_042_504_812);
    let p = add(mul_down(p, y), 28_719_021_644_029_726_153_956_944_680_412_240);
    let constant = signed(4_385_272_521_454_847_904_659_076_985_693_276).wrapping_shl(96);
    let p = p.wrapping_mul(x).wrapping_add(constant);

    let q = add(x, -2_855_989_394_907_223_263_936_484_059_900);
    let q = add(mul_down(q, x), 50_020_603_652_535_783_019_961_831_881_945);
    let q = add(mul_down(q, x), -533_845_033_583_426_703_283_633_433_725_380);
    let q = add(mul_down(q, x), 3_604_857_256_930_695_427_073_651_918_091_429);
    let q = add(mul_down(q, x), -14_423_608_567_350_463_180_887_372_962_807_573);
    let q = add(mul_down(q, x), 26_449_188_498_355_588_339_934_803_723_976_023);

    let r = p.wrapping_div(q).into_raw();
    // k lies between −60 and 0 here, so the shift lies between 195 and 255.
    let shift = 195 + k.unsigned_abs().to::<usize>();
    r.wrapping_mul(uint!(3822833074963236453042738258902158003155416615667_U256)) >> shift
}

/// A signed 256-bit number from a literal.
fn signed(literal: i128) -> I256 {
    let magnitude = I256::from_raw(U256::from(literal.unsigned_abs()));
    if literal < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Exact {
        pool: Vec<String>,
        units: Vec<String>,
        alpha: Vec<String>,
        reward: Vec<String>,
        price: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Contract {
        reward: Vec<String>,
        price: Vec<String>,
    }

    fn exact() -> Exact {
        serde_json::from_str(include_str!("../../tests/vectors/curve.json")).unwrap()
    }

    fn number(text: &str) -> U256 {
        text.parse().unwrap()
    }

    #[test]
    fn equals_the_contract_bit_for_bit() {
        let cases = exact();
        let contract: Contract =
            serde_json::from_str(include_str!("../../tests/vectors/curve-contract.json")).unwrap();
        assert_eq!(cases.pool.len(), contract.reward.len(), "stale vectors");
        for i in 0..cases.pool.len() {
            let [pool, units, alpha] =
                [&cases.pool[i], &cases.units[i], &cases.alpha[i]].map(|n| number(n));
            let reward = reward_down(pool, units, alpha).unwrap();
            let price = price_up(pool, units, alpha).unwrap();
            assert_eq!(reward, number(&contract.reward[i]), "reward of case {i}");
            assert_eq!(price, number(&contract.price[i]), "price of case {i}");
        }
    }

    /// The contract's own statement: never in the caller's favour, and less than 3·R/1e18 + 1 base units off.
    #[test]
    fn stays_within_tolerance_of_the_oracle() {
        let cases = exact();
        assert!(cases.pool.len() >= 300, "the oracle has too few cases");
        for i in 0..cases.pool.len() {
            let [pool, units, alpha] =
                [&cases.pool[i], &cases.units[i], &cases.alpha[i]].map(|n| number(n));
            let tolerance = (pool * U256::from(3)).div_ceil(WAD) + U256::ONE;
            let exact_reward = number(&cases.reward[i]);
            let reward = reward_down(pool, units, alpha).unwrap();
            assert!(
                reward <= exact_reward && exact_reward - reward <= tolerance,
                "reward of case {i}"
            );
            let exact_price = number(&cases.price[i]);
            let price = price_up(pool, units, alpha).unwrap();
            assert!(price >= exact_price && price - exact_price <= tolerance, "price of case {i}");
        }
    }

    #[test]
    fn a_product_beyond_256_bits_is_an_error() {
        let result = reward_down(WAD, U256::MAX, U256::from(2));
        assert_eq!(result, Err(CurveError::Overflow { units: U256::MAX, alpha: U256::from(2) }));
        assert!(price_up(WAD, U256::MAX, U256::from(2)).is_err());
    }

    #[test]
    fn units_of_trainings_and_inferences() {
        assert_eq!(training_units(500, 500).unwrap(), WAD);
        assert_eq!(training_units(1, 3).unwrap(), U256::from(333_333_333_333_333_333_u64));
        assert_eq!(training_units(1, 0), Err(CurveError::NoReferenceSteps));
        assert_eq!(inference_units(3, 100), U256::from(300));
        assert_eq!(
            inference_units(u32::MAX, u64::MAX),
            U256::from(u32::MAX) * U256::from(u64::MAX)
        );
    }

    #[test]
    fn the_largest_pool_does_not_overflow() {
        assert_eq!(price_up(U256::MAX, U256::MAX, U256::ONE).unwrap(), U256::MAX);
        assert!(reward_down(U256::MAX, U256::MAX, U256::ONE).unwrap() < U256::MAX);
    }
}
