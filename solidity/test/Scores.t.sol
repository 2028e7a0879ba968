// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "../src/interfaces/IModel.sol";
import {IScores} from "../src/interfaces/IScores.sol";
import {Court} from "./Court.sol";

/// @notice What a job scores, and in which epoch. Weights and payouts stand in `Weights.t.sol`.
contract ScoresTest is Court {
    function _record(address worker, IModel.JobKind kind, uint32 units, uint32 latency, uint32 timeout) internal {
        vm.prank(address(jobs));
        scores.record(address(model), worker, kind, units, 3 * uint96(units), latency, timeout);
    }

    function _epoch() internal view returns (IScores.Epoch memory) {
        return scores.epochOf(address(model), scores.currentEpoch());
    }

    function _scoreOf(address worker) internal view returns (IScores.Score memory) {
        return scores.scoreOf(address(model), scores.currentEpoch(), worker);
    }

    // ─── One job ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_score_isTheShareOfTheTimeoutThatWasLeft() public view {
        vm.assertEq(scores.score(IModel.JobKind.Train, 0, 100), 0.7e18, "a perfect training");
        vm.assertEq(scores.score(IModel.JobKind.Infer, 0, 100), 0.3e18, "a perfect inference");
        vm.assertEq(scores.score(IModel.JobKind.Train, 50, 100), 0.35e18, "half of the timeout");
        vm.assertEq(scores.score(IModel.JobKind.Infer, 50, 100), 0.15e18, "half of the timeout");
        vm.assertEq(scores.score(IModel.JobKind.Train, 1, 3), 0.466666666666666666e18, "rounded down");
    }

    function test_score_isThatOfTheSharedVectors() public view {
        string memory json = vm.readFile("../tests/vectors/scores.json");
        uint256[] memory kinds = vm.parseJsonUintArray(json, "$.kind");
        uint256[] memory latencies = vm.parseJsonUintArray(json, "$.latency");
        uint256[] memory timeouts = vm.parseJsonUintArray(json, "$.timeout");
        uint256[] memory expected = vm.parseJsonUintArray(json, "$.score");
        vm.assertGe(kinds.length, 1000, "there are too few cases");
        for (uint256 i; i < kinds.length; ++i) {
            // forge-lint: disable-next-line(unsafe-typecast)
            (uint32 latency, uint32 timeout) = (uint32(latencies[i]), uint32(timeouts[i]));
            uint256 found = scores.score(IModel.JobKind(kinds[i]), latency, timeout);
            vm.assertEq(found, expected[i], string.concat("case ", vm.toString(i)));
        }
    }

    function test_score_endsAboveNinetyPercent() public view {
        vm.assertEq(scores.score(IModel.JobKind.Train, 90, 100), 0.07e18, "exactly 90% scores still");
        vm.assertEq(scores.score(IModel.JobKind.Train, 91, 100), 0, "more does not");
        vm.assertEq(scores.score(IModel.JobKind.Infer, 9000, 10_000), 0.03e18, "exactly 90% scores still");
        vm.assertEq(scores.score(IModel.JobKind.Infer, 9001, 10_000), 0, "more does not");
        // 90% of 7 is 6.3.
        vm.assertGt(scores.score(IModel.JobKind.Train, 6, 7), 0, "below 90%");
        vm.assertEq(scores.score(IModel.JobKind.Train, 7, 7), 0, "the whole timeout");
    }

    function test_score_withoutTimeout() public view {
        vm.assertEq(scores.score(IModel.JobKind.Train, 0, 0), 0, "no timeout, no score");
        vm.assertEq(scores.score(IModel.JobKind.Infer, type(uint32).max, 0), 0, "no timeout, no score");
    }

    function testFuzz_score_fallsWithLatency(uint32 latency, uint32 timeout) public view {
        timeout = uint32(bound(timeout, 1, type(uint32).max));
        latency = uint32(bound(latency, 0, timeout));
        uint256 train = scores.score(IModel.JobKind.Train, latency, timeout);
        uint256 infer = scores.score(IModel.JobKind.Infer, latency, timeout);
        if (uint256(latency) * 10 > uint256(timeout) * 9) {
            vm.assertEq(train + infer, 0, "above 90%");
        } else {
            vm.assertEq(train, 0.7e18 * uint256(timeout - latency) / timeout, "training");
            vm.assertEq(infer, 0.3e18 * uint256(timeout - latency) / timeout, "inference");
            vm.assertGe(train, 0.0699e18, "whoever scores at all has a tenth");
            if (latency != 0) vm.assertGe(scores.score(IModel.JobKind.Train, latency - 1, timeout), train, "slower");
        }
    }

    // ─── Many jobs ───────────────────────────────────────────────────────────────────────────────────────────────

    function test_record_onlyByTheJobs() public {
        vm.expectRevert(abi.encodeWithSelector(IScores.OnlyJobs.selector, address(this)));
        scores.record(address(model), WORKER, IModel.JobKind.Train, 1, 0, 0, 100);
    }

    function test_record_tenPerfectOnes() public {
        for (uint256 i; i < 10; ++i) {
            vm.expectEmit(true, true, true, true, address(scores));
            emit IScores.Scored(address(model), scores.currentEpoch(), WORKER, IModel.JobKind.Train, 0.7e18);
            _record(WORKER, IModel.JobKind.Train, 500, 0, 100);
            _record(USER, IModel.JobKind.Infer, 7, 0, 100);
        }
        vm.assertEq(_scoreOf(WORKER).train, 7e18, "ten trainings");
        vm.assertEq(_scoreOf(WORKER).trainings, 10, "trainings");
        vm.assertEq(_scoreOf(WORKER).infer, 0, "no inferences");
        vm.assertEq(_scoreOf(USER).infer, 3e18, "ten inferences");
        vm.assertEq(_scoreOf(USER).inferences, 10, "jobs of inferences");
        vm.assertEq(_epoch().total, 10e18, "total");
        vm.assertEq(_epoch().inferences, 70, "inferences of the epoch; steps are none");
        vm.assertEq(_epoch().paid, 210, "what they paid");
    }

    /// @dev Late work scores nothing, and its inferences are counted still: they were paid for.
    function test_record_lateOnes() public {
        _record(WORKER, IModel.JobKind.Infer, 7, 91, 100);
        vm.assertEq(_scoreOf(WORKER).infer, 0, "score");
        vm.assertEq(_scoreOf(WORKER).inferences, 1, "jobs of inferences");
        vm.assertEq(_epoch().total, 0, "total");
        vm.assertEq(_epoch().inferences, 7, "inferences of the epoch");
    }

    function test_record_mostInferences() public {
        _record(WORKER, IModel.JobKind.Infer, type(uint32).max - 1, 0, 100);
        _record(WORKER, IModel.JobKind.Infer, 1, 0, 100);
        vm.assertEq(_epoch().inferences, type(uint32).max, "exactly the most");
        _record(WORKER, IModel.JobKind.Infer, type(uint32).max, 0, 100);
        vm.assertEq(_epoch().inferences, type(uint32).max, "and no more");
        vm.assertEq(_scoreOf(WORKER).infer, 0.9e18, "each job scores");
    }

    /// @dev Tokens go round, so an epoch can have paid more than there are.
    function test_record_mostPaid() public {
        vm.startPrank(address(jobs));
        scores.record(address(model), WORKER, IModel.JobKind.Infer, 1, type(uint96).max - 1, 0, 100);
        scores.record(address(model), WORKER, IModel.JobKind.Infer, 1, 1, 0, 100);
        vm.assertEq(_epoch().paid, type(uint96).max, "exactly the most");
        scores.record(address(model), WORKER, IModel.JobKind.Infer, 1, type(uint96).max, 0, 100);
        vm.assertEq(_epoch().paid, type(uint96).max, "and no more");
    }

    // ─── From jobs ───────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Claimed, committed and revealed within one second: blocks can be that fast.
    function test_jobs_scoreByTheirLatency() public {
        uint64 id = startAs(WORKER, 5);
        vm.warp(jobs.jobOf(id).claimedAt);
        commitAs(WORKER, id);
        vm.warp(jobs.jobOf(id).claimedAt);
        revealAs(WORKER, id);
        passWindow();
        settle(id);
        vm.assertEq(_scoreOf(WORKER).train, 0.7e18, "a perfect training");
        give(USER, 1000e18);
        id = openAs(USER, request(11));
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        vm.warp(uint256(jobs.jobOf(id).claimedAt) + INFER_LEASE / 4);
        revealAs(WORKER, id);
        passWindow();
        settle(id);
        vm.assertEq(_scoreOf(WORKER).infer, 0.225e18, "a quarter of the timeout");
        vm.assertEq(_epoch().inferences, 11, "inferences of the epoch");
        vm.assertEq(_epoch().paid, jobs.jobOf(id).amount, "what they paid");
    }

    /// @dev A job counts in the epoch of its settlement.
    function test_jobs_countInTheEpochOfTheirSettlement() public {
        uint64 id = revealedAs(WORKER, 5);
        passWindow();
        uint64 epoch = scores.currentEpoch() + 1;
        vm.roll(uint256(epoch) * 360);
        vm.assertEq(scores.currentEpoch(), epoch, "an epoch begins every 360 blocks");
        settle(id);
        vm.assertGt(scores.epochOf(address(model), epoch).total, 0, "this one");
        vm.assertEq(scores.epochOf(address(model), epoch - 1).total, 0, "not the one before");
        vm.roll(uint256(epoch) * 360 + 359);
        vm.assertEq(scores.currentEpoch(), epoch, "its last block");
        vm.roll(uint256(epoch) * 360 + 360);
        vm.assertEq(scores.currentEpoch(), epoch + 1, "the next one");
    }
}
