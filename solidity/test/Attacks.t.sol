// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {Court} from "./Court.sol";

/// @notice Attacks that belong to no single contract; SECURITY.md names them.
contract AttacksTest is Court {
    // ─── Emission ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Inferences that WORKER asks of itself, up to the moment at which they can be settled.
    function _askOneself(uint256 seed, uint256 count) internal returns (uint64[] memory ids) {
        ids = new uint64[](count);
        for (uint256 i; i < count; ++i) {
            uint32 units = uint32(bound(uint256(keccak256(abi.encode(seed, i))), 1, 2000));
            ids[i] = startAs(WORKER, request(units));
            commitAs(WORKER, ids[i]);
            revealAs(WORKER, ids[i]);
        }
        passWindow();
        nextBlock();
    }

    /// @dev Settles jobs in one epoch, and claims all of its emission for WORKER.
    function _settleAndClaim(uint64[] memory ids) internal {
        uint64 epoch = scores.currentEpoch();
        for (uint256 i; i < ids.length; ++i) {
            settle(ids[i]);
        }
        vm.roll((uint256(epoch) + 2) * 360);
        scores.shareByScore(address(model), epoch);
        scores.claim(address(model), epoch, WORKER, 0, new bytes32[](0));
    }

    /// @dev The only worker of an epoch is the only user too. All prices are taken at once, before any raises the next.
    /// forge-config: default.fuzz.runs = 500
    /// forge-config: heavy.fuzz.runs = 10000
    function testFuzz_selfDealing_gainsNothing(uint256 seed, uint256 count) public {
        give(WORKER, 49_000e18);
        _settleAndClaim(_askOneself(seed, bound(count, 1, 2)));
        vm.assertLe(model.balanceOf(WORKER), 49_000e18, "more than it paid");
        vm.assertGt(model.balanceOf(WORKER), 48_500e18, "nearly all comes back");
    }

    /// @dev The same epoch after epoch.
    /// forge-config: default.fuzz.runs = 100
    /// forge-config: heavy.fuzz.runs = 1000
    function testFuzz_selfDealing_gainsNothingByTurns(uint256 seed) public {
        give(WORKER, 49_000e18);
        for (uint256 i; i < 10; ++i) {
            _settleAndClaim(_askOneself(uint256(keccak256(abi.encode(seed, i))), 1));
            vm.assertLe(model.balanceOf(WORKER), 49_000e18, "more than it paid");
        }
    }

    // ─── Donations ───────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Coins forced on the contracts and tokens sent to them are nobody's, and move no price and no seat.
    function test_donations_changeNothing() public {
        give(USER, 1000e18);
        give(WORKER, 500e18);
        (uint256 pool, uint256 price, uint256 reward) = (model.pool(), model.quotePrice(1), model.quoteReward(500));
        address[4] memory contracts = [address(jobs), address(scores), address(vault), address(jury)];
        for (uint256 i; i < contracts.length; ++i) {
            vm.deal(contracts[i], 5 ether);
            give(contracts[i], 2000e18);
            vm.assertEq(vault.free(address(0), contracts[i]) + vault.free(address(model), contracts[i]), 0, "free");
            vm.assertEq(vault.held(address(0), contracts[i]) + vault.held(address(model), contracts[i]), 0, "held");
        }
        vm.assertEq(model.pool(), pool, "pool");
        vm.assertEq(model.quotePrice(1), price, "price");
        vm.assertEq(model.quoteReward(500), reward, "reward");
        (address first, address second) = model.seats();
        // The jury holds no tokens for others; whoever gives it some gives it a seat that it can never use.
        vm.assertEq(first, address(jury), "first");
        vm.assertEq(second, USER, "second");
        uint256 before = model.balanceOf(address(jobs));
        uint64 job = openAs(USER, request(10));
        vm.prank(USER);
        jobs.cancel(job);
        vm.assertEq(model.balanceOf(address(jobs)), before, "a donation stays where it is");
    }

    // ─── Challenges ──────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Whoever doubts itself by another account keeps others from it, but not the jury, and loses half a bond.
    function test_selfChallenge_costsHalfTheBond() public {
        seat(3);
        uint64 job = revealedAs(WORKER, 500);
        uint64 caseId = challengeAs(USER, job);
        endow(DOUBTER, BOND);
        vm.prank(DOUBTER);
        vm.expectRevert(abi.encodeWithSelector(Disputes.AlreadyChallenged.selector, caseId));
        jobs.challenge(job);
        address[] memory jurors = decide(caseId, keccak256("what an honest replay gives"));
        settle(job);
        uint256 share = BOND / 2 / 3;
        vm.assertEq(free(WORKER) + free(USER), 2 * BOND - 3 * share, "half a bond is lost");
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(free(jurors[i]), share, "the jurors have it");
        }
        vm.assertEq(model.balanceOf(WORKER), 0, "nothing is paid");
    }
}
