// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Curve} from "../src/libraries/Curve.sol";
import {Court} from "./Court.sol";

/// @notice Many trainings of one version: who joins a round, when it is done, and what is published of it. Averages
/// stand in `Averages.t.sol`.
contract RoundsTest is Court {
    /// @dev Longer than the window for challenges, so that a training can be accepted while its round is open.
    uint32 internal constant ROUND_LENGTH = 3 hours;

    function setUp() public override {
        super.setUp();
        model = _createWithRounds(ROUND_LENGTH);
    }

    function _createWithRounds(uint32 length) internal returns (Model) {
        IModel.Rules memory r = rules();
        r.roundLength = length;
        return createWith(r);
    }

    function _at(uint256 i) internal pure returns (address) {
        return address(uint160(0x7EA0000 + i));
    }

    function _commitsUntil() internal view returns (uint64) {
        return jobs.roundOf(address(model)).commitsUntil;
    }

    function _closeRound() internal {
        vm.warp(_commitsUntil() + 1);
        nextBlock();
    }

    function _refusesRound(uint32 pending, uint32 accepted) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.RoundNotDone.selector, address(model), _commitsUntil(), pending, accepted)
        );
    }

    function _assertRound(uint32 pending, uint32 accepted) internal view {
        IRounds.Round memory r = jobs.roundOf(address(model));
        vm.assertEq(r.pending, pending, "pending");
        vm.assertEq(r.accepted, accepted, "accepted");
    }

    // ─── Rounds of one block ─────────────────────────────────────────────────────────────────────────────────────

    function test_none_publishesInTheSettlement() public {
        model = _createWithRounds(0);
        uint64 id = revealedAs(WORKER, 5);
        passWindow();
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.VersionPublished(1, 0, WORKER, id, result(id).output, 912_345);
        settle(id);
        vm.assertEq(model.head(), 1, "head");
        vm.assertEq(model.round(), 1, "round");
    }

    function test_none_takesOnlyTheFirstBlock() public {
        model = _createWithRounds(0);
        uint64[3] memory ids;
        for (uint256 i; i < 3; ++i) {
            ids[i] = startAs(_at(i), 5);
        }
        for (uint256 i; i < 2; ++i) {
            vm.prank(_at(i));
            jobs.commit(ids[i], result(ids[i]));
        }
        uint64 until = uint64(block.timestamp);
        nextBlock();
        vm.prank(_at(2));
        vm.expectRevert(abi.encodeWithSelector(IRounds.RoundClosed.selector, address(model), until));
        jobs.commit(ids[2], result(ids[2]));
        _assertRound(2, 0);
    }

    // ─── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_join_untilTheRoundCloses() public {
        uint64[3] memory ids;
        for (uint256 i; i < 3; ++i) {
            ids[i] = startAs(_at(i), 5);
            jobs.drawSeed(ids[i]);
        }
        uint64 until = uint64(block.timestamp) + ROUND_LENGTH;
        commitAs(_at(0), ids[0]);
        vm.assertEq(_commitsUntil(), until, "commits until");
        vm.warp(until);
        vm.prank(_at(1));
        jobs.commit(ids[1], result(ids[1]));
        vm.warp(until + 1);
        vm.prank(_at(2));
        vm.expectRevert(abi.encodeWithSelector(IRounds.RoundClosed.selector, address(model), until));
        jobs.commit(ids[2], result(ids[2]));
        _assertRound(2, 0);
    }

    function test_join_upToSixtyFour() public {
        uint64[] memory ids = new uint64[](65);
        for (uint256 i; i < 65; ++i) {
            ids[i] = startAs(_at(i), 5);
        }
        // Accepted trainings count as pending ones do.
        commitAs(_at(0), ids[0]);
        revealAs(_at(0), ids[0]);
        passWindow();
        settle(ids[0]);
        vm.roll(block.number - CHALLENGE_WINDOW / 12);
        for (uint256 i = 1; i < 64; ++i) {
            vm.prank(_at(i));
            jobs.commit(ids[i], result(ids[i]));
        }
        _assertRound(63, 1);
        vm.prank(_at(64));
        vm.expectRevert(abi.encodeWithSelector(IRounds.RoundFull.selector, address(model), 64));
        jobs.commit(ids[64], result(ids[64]));
    }

    function test_join_beginsAnewWhenNothingCameOfTheRound() public {
        uint64 lost = startAs(_at(0), 5);
        commitAs(_at(0), lost);
        vm.warp(block.timestamp + TRAIN_LEASE + 1);
        jobs.lapse(lost);
        _assertRound(0, 0);
        uint64 id = startAs(_at(1), 5);
        uint64 until = uint64(block.timestamp) + ROUND_LENGTH;
        commitAs(_at(1), id);
        vm.assertEq(_commitsUntil(), until, "a round of its own");
        _assertRound(1, 0);
    }

    function test_join_ofTheNextRoundKeepsNothingOfTheLast() public {
        uint64 id = revealedAs(_at(0), 5);
        _closeRound();
        settle(id);
        vm.assertEq(model.head(), 1, "head");
        uint64 next = startAs(_at(1), 3);
        commitAs(_at(1), next);
        IRounds.Round memory r = jobs.roundOf(address(model));
        vm.assertEq(r.number, 1, "number");
        vm.assertEq(r.bestSteps, 0, "best");
        _assertRound(1, 0);
    }

    /// @dev What a rollback has abandoned is no part of the round that came after.
    function test_join_isNotUndoneByAnotherRound() public {
        uint64 id = revealedAs(_at(0), 5);
        _closeRound();
        settle(id);
        uint64 old = startAs(_at(1), 3);
        commitAs(_at(1), old);
        rollBackTo(0);
        uint64 next = startAs(_at(2), 3);
        commitAs(_at(2), next);
        jobs.abandon(old);
        _assertRound(1, 0);
        vm.assertEq(jobs.roundOf(address(model)).number, model.round(), "number");
    }

    // ─── Rounds of one training ──────────────────────────────────────────────────────────────────────────────────

    function test_one_publishesInALateSettlement() public {
        uint64 id = revealedAs(WORKER, 5);
        _closeRound();
        settle(id);
        vm.assertEq(model.head(), 1, "head");
        _refusesRound(0, 1);
        jobs.publishRound(address(model));
    }

    function test_one_waitsForTheRoundToClose() public {
        uint64 id = revealedAs(WORKER, 5);
        passWindow();
        settle(id);
        vm.assertEq(model.head(), 0, "others may join still");
        vm.assertGt(model.balanceOf(WORKER), 0, "but the work is paid");
        vm.warp(_commitsUntil());
        _refusesRound(0, 1);
        jobs.publishRound(address(model));
        vm.warp(_commitsUntil() + 1);
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.VersionPublished(1, 0, WORKER, id, result(id).output, 912_345);
        vm.prank(USER);
        jobs.publishRound(address(model));
        vm.assertEq(model.version(1).author, WORKER, "author");
        vm.assertEq(model.version(1).job, id, "job");
    }

    /// @dev Of two, the other one was refuted: what is left needs no average.
    function test_one_remainsOfTwo() public {
        seat(3);
        uint64 id = revealedAs(WORKER, 5);
        uint64 wrong = revealedAs(USER, 9);
        uint64 caseId = challengeAs(DOUBTER, wrong);
        passWindow();
        settle(id);
        decide(caseId, keccak256("another result"));
        _closeRound();
        _refusesRound(1, 1);
        jobs.publishRound(address(model));
        settle(wrong);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NothingToAverage.selector, address(model)));
        jobs.postAverage(address(model), keccak256("average"), 0);
        jobs.publishRound(address(model));
        vm.assertEq(model.version(1).author, WORKER, "author");
    }

    // ─── Rounds of several ───────────────────────────────────────────────────────────────────────────────────────

    /// @dev Each is paid from the pool that those before it have left, whoever committed first.
    function test_several_arePaidInTheOrderOfAcceptance() public {
        uint32[3] memory steps = [uint32(500), 300, 100];
        uint64[3] memory ids;
        for (uint256 i; i < 3; ++i) {
            ids[i] = revealedAs(_at(i), steps[i]);
        }
        passWindow();
        uint256 pool = model.pool();
        for (uint256 i; i < 3; ++i) {
            uint256 next = (i + 2) % 3;
            uint256 reward = Curve.rewardDown(pool, uint256(steps[next]) * WAD / REFERENCE_STEPS, ALPHA);
            vm.expectEmit(true, true, true, true, address(jobs));
            emit IRounds.UpdateAccepted(
                address(model), 0, ids[next], uint32(i + 1), steps[next], result(ids[next]).output
            );
            settle(ids[next]);
            vm.assertEq(model.balanceOf(_at(next)), reward, "reward");
            pool -= reward;
        }
        vm.assertEq(model.pool(), pool, "pool");
        vm.assertEq(model.head(), 0, "nothing is published yet");
        _assertRound(0, 3);
        _closeRound();
        _refusesRound(0, 3);
        jobs.publishRound(address(model));
    }

    function test_several_keepTheLongest() public {
        uint32[4] memory steps = [uint32(100), 300, 300, 200];
        uint64[4] memory ids;
        for (uint256 i; i < 4; ++i) {
            ids[i] = revealedAs(_at(i), steps[i]);
        }
        passWindow();
        for (uint256 i; i < 4; ++i) {
            settle(ids[i]);
        }
        IRounds.Round memory r = jobs.roundOf(address(model));
        vm.assertEq(r.bestJob, ids[1], "of two as long, the one accepted first");
        vm.assertEq(r.bestWorker, _at(1), "worker");
        vm.assertEq(r.bestSteps, 300, "steps");
        vm.assertEq(r.bestOutput, result(ids[1]).output, "output");
        vm.assertEq(r.bestAccuracyPpm, 912_345, "accuracy");
        vm.assertEq(r.lastAcceptedAt, block.timestamp, "last accepted");
    }

    // ─── Overdue ─────────────────────────────────────────────────────────────────────────────────────────────────

    function _twoAccepted() internal returns (uint64 first, uint64 second) {
        first = revealedAs(_at(0), 100);
        second = revealedAs(_at(1), 300);
        passWindow();
        settle(first);
        settle(second);
    }

    function test_publishBest_whenNobodyAverages() public {
        (, uint64 longest) = _twoAccepted();
        _refusesRound(0, 2);
        jobs.publishBest(address(model));
        _closeRound();
        uint64 overdueAt = _commitsUntil() + 8 * CHALLENGE_WINDOW;
        vm.warp(overdueAt);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AverageNotOverdue.selector, address(model), overdueAt));
        jobs.publishBest(address(model));
        vm.warp(overdueAt + 1);
        jobs.publishBest(address(model));
        vm.assertEq(model.version(1).author, _at(1), "author");
        vm.assertEq(model.version(1).job, longest, "job");
        vm.assertEq(model.version(1).parametersHash, result(longest).output, "parameters");
        vm.assertEq(model.head(), 1, "head");
    }

    /// @dev The time to average begins with the last acceptance, where that is later than the round's end.
    function test_publishBest_countsFromTheLastAcceptance() public {
        uint64 first = revealedAs(_at(0), 100);
        uint64 second = revealedAs(_at(1), 300);
        _closeRound();
        settle(first);
        vm.warp(block.timestamp + 5 hours);
        uint64 overdueAt = uint64(block.timestamp) + 8 * CHALLENGE_WINDOW;
        settle(second);
        vm.warp(overdueAt);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AverageNotOverdue.selector, address(model), overdueAt));
        jobs.publishBest(address(model));
    }

    function test_rounds_ofAnotherHeadAreOver() public {
        trainAs(_at(5), 10);
        _closeRound();
        jobs.publishRound(address(model));
        _twoAccepted();
        rollBackTo(0);
        _refusesRound(0, 2);
        jobs.publishBest(address(model));
        _refusesRound(0, 2);
        jobs.publishRound(address(model));
        _refusesRound(0, 2);
        jobs.postAverage(address(model), keccak256("average"), 0);
    }

    function test_rounds_ofNoModelAreNeverDone() public {
        bytes memory refusal = abi.encodeWithSelector(IRounds.RoundNotDone.selector, USER, 0, 0, 0);
        vm.expectRevert(refusal);
        jobs.publishRound(USER);
        vm.expectRevert(refusal);
        jobs.publishBest(USER);
        vm.expectRevert(refusal);
        jobs.postAverage(USER, keccak256("average"), 0);
    }
}
