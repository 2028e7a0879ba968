// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Curve} from "../src/libraries/Curve.sol";
import {Base} from "./Base.sol";

/// @notice The curve alone: its edges, its laws, and the 90-digit oracle.
contract CurveTest is Base {
    uint256 internal constant MAX_POOL = type(uint96).max;
    uint256 internal constant MAX_UNITS = uint256(type(uint32).max) * WAD;
    uint256 internal constant MIN_ALPHA = 1e12;
    uint256 internal constant MAX_ALPHA = 693_147_180_559_945_309;

    function setUp() public override {}

    /// @dev What the contract states: less than `3·R/1e18 + 1` base units from the exact value.
    function tolerance(uint256 pool) internal pure returns (uint256) {
        return (3 * pool + WAD - 1) / WAD + 1;
    }

    // ─── Oracle ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_oracle_neverFavoursTheCallerAndStaysWithinTolerance() public view {
        string memory json = vm.readFile("../tests/vectors/curve.json");
        uint256[] memory pools = vm.parseJsonUintArray(json, "$.pool");
        uint256[] memory units = vm.parseJsonUintArray(json, "$.units");
        uint256[] memory alphas = vm.parseJsonUintArray(json, "$.alpha");
        uint256[] memory rewards = vm.parseJsonUintArray(json, "$.reward");
        uint256[] memory prices = vm.parseJsonUintArray(json, "$.price");
        vm.assertGe(pools.length, 300, "the oracle has too few cases");
        for (uint256 i; i < pools.length; ++i) {
            string memory label = string.concat("case ", vm.toString(i));
            uint256 reward = Curve.rewardDown(pools[i], units[i], alphas[i]);
            uint256 price = Curve.priceUp(pools[i], units[i], alphas[i]);
            vm.assertLe(reward, rewards[i], string.concat(label, ": reward above the exact one"));
            vm.assertLe(rewards[i] - reward, tolerance(pools[i]), string.concat(label, ": reward too low"));
            vm.assertGe(price, prices[i], string.concat(label, ": price below the exact one"));
            vm.assertLe(price - prices[i], tolerance(pools[i]), string.concat(label, ": price too high"));
        }
    }

    function test_contractVectors_areWhatTheContractGives() public view {
        string memory json = vm.readFile("../tests/vectors/curve.json");
        uint256[] memory pools = vm.parseJsonUintArray(json, "$.pool");
        uint256[] memory units = vm.parseJsonUintArray(json, "$.units");
        uint256[] memory alphas = vm.parseJsonUintArray(json, "$.alpha");
        json = vm.readFile("../tests/vectors/curve-contract.json");
        uint256[] memory rewards = vm.parseJsonUintArray(json, "$.reward");
        uint256[] memory prices = vm.parseJsonUintArray(json, "$.price");
        vm.assertEq(rewards.length, pools.length, "stale: run forge script script/CurveVectors.s.sol");
        vm.assertEq(prices.length, pools.length, "stale: run forge script script/CurveVectors.s.sol");
        for (uint256 i; i < pools.length; ++i) {
            string memory label = string.concat("case ", vm.toString(i));
            vm.assertEq(Curve.rewardDown(pools[i], units[i], alphas[i]), rewards[i], string.concat(label, ": reward"));
            vm.assertEq(Curve.priceUp(pools[i], units[i], alphas[i]), prices[i], string.concat(label, ": price"));
        }
    }

    // ─── Edges: the failures that other curves are known for ─────────────────────────────────────────────────────

    /// @dev An off-by-one at x = 0 paid Art Gobblers' first buyer wrongly: no work is worth nothing, either way.
    function test_edge_zeroWork() public pure {
        vm.assertEq(Curve.rewardDown(MAX_POOL, 0, MAX_ALPHA), 0, "reward of no work");
        vm.assertEq(Curve.priceUp(MAX_POOL, 0, MAX_ALPHA), 0, "price of no use");
        vm.assertEq(Curve.rewardDown(0, WAD, MAX_ALPHA), 0, "reward of an empty pool");
        vm.assertEq(Curve.priceUp(0, WAD, MAX_ALPHA), 0, "price of an empty pool");
    }

    /// @dev The other end of that off-by-one: x = 1 is 1 − 1/e, 0.632120558828557678404… of the pool.
    function test_edge_exponentOne() public pure {
        vm.assertEq(Curve.rewardDown(1e18, WAD, WAD), 632_120_558_828_557_678, "reward at x = 1");
        vm.assertEq(Curve.priceUp(1e18, WAD, WAD), 632_120_558_828_557_680, "price at x = 1");
    }

    /// @dev The smallest exponent: a reward may round to nothing, a price may not.
    function test_edge_smallestExponent() public pure {
        vm.assertEq(Curve.rewardDown(1e18, 1, WAD), 0, "reward at x = 1e-18");
        vm.assertGe(Curve.priceUp(1, 1, 1), 1, "a use of a pool of one unit is free");
        vm.assertGe(Curve.priceUp(1e18, 1, MIN_ALPHA), 1, "a tiny use is free");
    }

    /// @dev The exact point where the exponential becomes zero, and its neighbours.
    function test_edge_exponentialBecomesZero() public pure {
        for (uint256 x = Curve.EXPONENT_OF_ZERO - 2; x <= Curve.EXPONENT_OF_ZERO + 2; ++x) {
            vm.assertEq(Curve.rewardDown(1e18, x, WAD), 1e18 - (x < Curve.EXPONENT_OF_ZERO ? 2 : 1), "reward");
            vm.assertEq(Curve.priceUp(1e18, x, WAD), 1e18, "price");
        }
    }

    /// @dev A product that wrapped to zero sold Truebit's tokens for nothing: the largest work the contract can
    /// name keeps a sane value, and beyond any number it can hold the curve stops instead of wrapping.
    function test_edge_hugeWorkDoesNotWrap() public {
        vm.assertEq(Curve.rewardDown(1e24, MAX_UNITS, MAX_ALPHA), 1e24 - 1e6, "reward of the largest work");
        vm.assertEq(Curve.priceUp(1e24, MAX_UNITS, 1e18), 1e24, "price of the largest use");
        vm.assertEq(this.callReward(1e24, 2 ** 191, type(uint64).max), 1e24 - 1e6, "reward just below the limit");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        this.callReward(1e24, 2 ** 255, 4);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        this.callPrice(1e24, 2 ** 255, 4);
    }

    function callReward(uint256 pool, uint256 units, uint256 alpha) external pure returns (uint256) {
        return Curve.rewardDown(pool, units, alpha);
    }

    function callPrice(uint256 pool, uint256 units, uint256 alpha) external pure returns (uint256) {
        return Curve.priceUp(pool, units, alpha);
    }

    // ─── Laws ────────────────────────────────────────────────────────────────────────────────────────────────────

    function testFuzz_solvency_rewardIsLessThanThePool(uint256 pool, uint256 units, uint256 alpha) public pure {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        vm.assertLt(Curve.rewardDown(pool, units, alpha), pool, "the pool was drained");
    }

    function testFuzz_price_isPositiveAndAtMostThePool(uint256 pool, uint256 units, uint256 alpha) public pure {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        uint256 charged = Curve.priceUp(pool, units, alpha);
        vm.assertGe(charged, 1, "the use is free");
        vm.assertLe(charged, pool, "the price is above the pool");
    }

    function testFuzz_rounding_rewardIsBelowPrice(uint256 pool, uint256 units, uint256 alpha) public pure {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        uint256 paid = Curve.rewardDown(pool, units, alpha);
        uint256 charged = Curve.priceUp(pool, units, alpha);
        vm.assertLt(paid, charged, "the same work pays at least what it costs");
        vm.assertLe(charged - paid, 2 * tolerance(pool), "the spread is wider than rounding explains");
    }

    /// @dev Cutting a training in two pays the same but for rounding. At a precision of 1e-18 of the pool the two
    /// parts may come out above the whole by the tolerance, which on a small pool is two base units.
    function testFuzz_split_gainsNothingBeyondRounding(uint256 pool, uint256 a, uint256 b, uint256 alpha) public pure {
        (pool, a, alpha) = _bounded(pool, a, alpha);
        b = bound(b, 1, MAX_UNITS);
        uint256 first = Curve.rewardDown(pool, a, alpha);
        uint256 split = first + Curve.rewardDown(pool - first, b, alpha);
        uint256 whole = Curve.rewardDown(pool, a + b, alpha);
        vm.assertLe(split, whole + tolerance(pool), "splitting gains");
        vm.assertLe(whole, split + 2 * tolerance(pool), "splitting costs more than rounding");
    }

    /// @dev Where one base unit is coarser than the curve's precision, two units bound the difference.
    function testFuzz_split_smallPoolWithinTwoUnits(uint256 pool, uint256 a, uint256 b, uint256 alpha) public pure {
        pool = bound(pool, 1, WAD / 4);
        a = bound(a, 1, 100 * WAD);
        b = bound(b, 1, 100 * WAD);
        alpha = bound(alpha, MIN_ALPHA, MAX_ALPHA);
        uint256 first = Curve.rewardDown(pool, a, alpha);
        uint256 split = first + Curve.rewardDown(pool - first, b, alpha);
        vm.assertApproxEqAbs(split, Curve.rewardDown(pool, a + b, alpha), 2, "split and whole differ");
    }

    function testFuzz_monotony_moreWorkNeverPaysOrCostsLess(uint256 pool, uint256 units, uint256 more, uint256 alpha)
        public
        pure
    {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        more = bound(more, units, MAX_UNITS);
        uint256 a = Curve.rewardDown(pool, units, alpha);
        vm.assertLe(a, Curve.rewardDown(pool, more, alpha), "more work pays less");
        vm.assertLe(Curve.priceUp(pool, units, alpha), Curve.priceUp(pool, more, alpha), "more use costs less");
    }

    /// @dev Neighbouring exponents, where a rough approximation would step backwards.
    function testFuzz_monotony_neighbouringExponents(uint256 x) public pure {
        x = bound(x, 1, Curve.EXPONENT_OF_ZERO + 1);
        vm.assertLe(Curve.rewardDown(MAX_POOL, x, WAD), Curve.rewardDown(MAX_POOL, x + 1, WAD), "reward");
        vm.assertLe(Curve.priceUp(MAX_POOL, x, WAD), Curve.priceUp(MAX_POOL, x + 1, WAD), "price");
    }

    function testFuzz_monotony_successiveRewardsFall(uint256 pool, uint256 units, uint256 alpha) public pure {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        uint256 first = Curve.rewardDown(pool, units, alpha);
        uint256 second = Curve.rewardDown(pool - first, units, alpha);
        vm.assertLe(second, first, "a later training pays more");
        // The second is lower by first²/pool: strictly so wherever a base unit can show it.
        if (first > 0 && first * first / pool > 1) vm.assertLt(second, first, "a later training pays the same");
    }

    function testFuzz_monotony_successivePricesRise(uint256 pool, uint256 units, uint256 alpha) public pure {
        (pool, units, alpha) = _bounded(pool, units, alpha);
        uint256 first = Curve.priceUp(pool, units, alpha);
        vm.assertGe(Curve.priceUp(pool + first, units, alpha), first, "a later use costs less");
    }

    function testFuzz_rewardsOfAnyTrainingsNeverExceedThePool(uint256 pool, uint64[32] memory units, uint256 alpha)
        public
        pure
    {
        pool = bound(pool, 1, MAX_POOL);
        alpha = bound(alpha, MIN_ALPHA, MAX_ALPHA);
        uint256 left = pool;
        uint256 paid;
        for (uint256 i; i < units.length; ++i) {
            uint256 amount = Curve.rewardDown(left, units[i], alpha);
            left -= amount;
            paid += amount;
        }
        vm.assertLt(paid, pool, "all rewards together reach the pool");
        vm.assertEq(paid + left, pool, "tokens appeared or vanished");
    }

    /// @dev Numbers over all their orders of magnitude: an even draw would hardly ever be small.
    function _bounded(uint256 pool, uint256 units, uint256 alpha) internal pure returns (uint256, uint256, uint256) {
        return (_spread(pool, MAX_POOL), _spread(units, MAX_UNITS), bound(alpha, MIN_ALPHA, MAX_ALPHA));
    }

    function _spread(uint256 x, uint256 high) internal pure returns (uint256) {
        return bound((x >> 8) >> (x & 0xff), 1, high);
    }
}
