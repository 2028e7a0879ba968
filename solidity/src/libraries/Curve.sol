// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Curve
/// @notice The one curve that pays trainers and charges users.
/// @dev Work of `u` units on a pool of `R` tokens is worth `R·(1 − e^(−u·α))`. This is the integral of
/// `R·α·e^(−α·x)` over the work, so paying it from the live pool step after step telescopes: all rewards together
/// approach `R` and never exceed it, and cutting one training in two gains nothing beyond rounding.
///
/// Rounding always favours the pool. `expWad` is off by less than one unit of 1e-18 below and by 0.011 above the
/// true value on the range used here, therefore:
/// - a reward rounds the exponent down, what stays in the pool up, and the payout down;
/// - a price rounds the exponent up, what is left over down, and the charge up.
/// Against the exact value a reward is short, and a price too high, by less than `3·R/1e18 + 1` base units.
/// Since at least one part in 1e18 always stays behind, a reward is smaller than a non-empty pool: it never drains.
library Curve {
    /// @dev One, as a fixed-point number of 18 decimals.
    uint256 internal constant WAD = 1e18;

    /// @dev From here on e^(−x) is below half of 1e-18, and `expWad(−x)` is zero. Read from Solady.
    uint256 internal constant EXPONENT_OF_ZERO = 41_446_531_673_892_822_313;

    /// @notice Tokens paid out of `pool` for `units` of work, rounded down.
    /// @param pool Tokens in the pool, in base units.
    /// @param units Work, as WAD: 1e18 is one reference training.
    /// @param alpha Speed of the curve per unit of work, as WAD.
    function rewardDown(uint256 pool, uint256 units, uint256 alpha) internal pure returns (uint256) {
        uint256 kept = FixedPointMathLib.min(WAD, _expNegative(units * alpha / WAD) + 1);
        return FixedPointMathLib.fullMulDiv(pool, WAD - kept, WAD);
    }

    /// @notice Tokens charged into `pool` for `units` of use, rounded up: at least one base unit for any use
    /// of a non-empty pool.
    /// @param pool Tokens in the pool, in base units.
    /// @param units Use, as WAD.
    /// @param alpha Speed of the curve per unit, as WAD.
    function priceUp(uint256 pool, uint256 units, uint256 alpha) internal pure returns (uint256) {
        uint256 exponent = FixedPointMathLib.divUp(units * alpha, WAD);
        if (exponent == 0) return 0;
        uint256 left = FixedPointMathLib.zeroFloorSub(_expNegative(exponent), 1);
        return FixedPointMathLib.fullMulDivUp(pool, WAD - left, WAD);
    }

    /// @dev e^(−exponent) as WAD; the guard keeps the cast to a signed number from wrapping.
    function _expNegative(uint256 exponent) private pure returns (uint256) {
        if (exponent >= EXPONENT_OF_ZERO) return 0;
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(FixedPointMathLib.expWad(-int256(exponent)));
    }
}
