// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Court} from "./Court.sol";

/// @notice The average of a round: who posts it, who doubts it, and what becomes of it.
abstract contract AveragesTest is Court {
    uint96 internal constant ODD_BOND = 10_000_007;
    uint32 internal constant ROUND_LENGTH = 3 hours;
    bytes32 internal constant AVERAGE = keccak256("average");
    uint32 internal constant ACCURACY = 930_000;

    function _bondInTokens() internal pure virtual returns (bool);

    function setUp() public override {
        super.setUp();
        IModel.Rules memory r = rules();
        (r.bond, r.bondInTokens, r.roundLength) = (ODD_BOND, _bondInTokens(), ROUND_LENGTH);
        model = createWith(r);
        seat(3);
        _round();
    }

    /// @dev A done round of two trainings of the head.
    function _round() internal {
        uint64[2] memory ids;
        for (uint256 i; i < 2; ++i) {
            address worker = address(uint160(0x7EA0000 + i));
            endow(worker, ODD_BOND);
            IJobs.Request memory r = training(100);
            vm.prank(worker);
            ids[i] = jobs.start(r, 0);
            nextBlock();
            commitAs(worker, ids[i]);
            revealAs(worker, ids[i]);
        }
        passWindow();
        settle(ids[0]);
        settle(ids[1]);
        vm.warp(jobs.roundOf(address(model)).commitsUntil + 1);
        nextBlock();
    }

    function _postAs(address poster, bytes32 hash) internal returns (uint64 until) {
        endow(poster, ODD_BOND);
        vm.prank(poster);
        jobs.postAverage(address(model), hash, ACCURACY);
        until = uint64(block.timestamp) + CHALLENGE_WINDOW;
        nextBlock();
    }

    function _doubtAs(address doubter) internal returns (uint64 caseId) {
        endow(doubter, ODD_BOND);
        vm.prank(doubter);
        jobs.challengeAverage(address(model));
        caseId = jury.caseCount();
        nextBlock();
    }

    /// @dev What a jury is asked for: the parameters and the accuracy claimed of them.
    function _finding(bytes32 hash, uint32 accuracyPpm) internal pure returns (bytes32) {
        return keccak256(abi.encode(hash, accuracyPpm));
    }

    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function _assertPublished() internal view {
        IModel.Version memory v = model.version(1);
        vm.assertEq(v.parametersHash, AVERAGE, "parameters");
        vm.assertEq(v.parent, 0, "parent");
        vm.assertEq(v.author, USER, "author");
        vm.assertEq(v.job, 0, "no one job made it");
        vm.assertEq(v.accuracyPpm, ACCURACY, "accuracy");
        vm.assertEq(model.head(), 1, "head");
        vm.assertEq(model.round(), 1, "round");
        vm.assertEq(jobs.averageOf(address(model)).poster, address(0), "nothing waits any more");
    }

    // ─── Posting ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_post_waitsWithItsBond() public {
        endow(USER, ODD_BOND);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IRounds.AveragePosted(address(model), 0, USER, AVERAGE, ACCURACY);
        vm.prank(USER);
        jobs.postAverage(address(model), AVERAGE, ACCURACY);
        IRounds.Average memory a = jobs.averageOf(address(model));
        vm.assertEq(a.poster, USER, "poster");
        vm.assertEq(a.postedAt, block.timestamp, "posted at");
        vm.assertEq(a.round, 0, "round");
        vm.assertEq(a.bond, ODD_BOND, "bond");
        vm.assertEq(a.accuracyPpm, ACCURACY, "accuracy");
        vm.assertEq(a.parametersHash, AVERAGE, "parameters");
        vm.assertEq(vault.held(asset(), address(jobs)), ODD_BOND, "the vault holds the bond");
        vm.assertEq(model.head(), 0, "nothing is published yet");
    }

    function test_post_refusesWhatCannotBePublished() public {
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(IJobs.OutputMissing.selector));
        jobs.postAverage(address(model), 0, ACCURACY);
        _refuses(USER, abi.encodeWithSelector(IModel.ParametersUnchanged.selector, keccak256("genesis")));
        jobs.postAverage(address(model), keccak256("genesis"), ACCURACY);
        _refuses(USER, abi.encodeWithSelector(IJobs.AccuracyOutOfRange.selector, 1_000_001, 1_000_000));
        jobs.postAverage(address(model), AVERAGE, 1_000_001);
        vm.prank(USER);
        jobs.postAverage(address(model), AVERAGE, 1_000_000);
    }

    function test_post_oneAtATime() public {
        _postAs(USER, AVERAGE);
        bytes memory refusal = abi.encodeWithSelector(IRounds.AverageWaiting.selector, address(model), USER);
        endow(WORKER, ODD_BOND);
        _refuses(WORKER, refusal);
        jobs.postAverage(address(model), keccak256("another average"), ACCURACY);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(refusal);
        jobs.publishBest(address(model));
    }

    function test_post_neededFirst() public {
        bytes memory refusal = abi.encodeWithSelector(IRounds.AverageWaiting.selector, address(model), address(0));
        vm.expectRevert(refusal);
        jobs.settleAverage(address(model));
        _refuses(DOUBTER, refusal);
        jobs.challengeAverage(address(model));
    }

    // ─── Improvement ─────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The model of the tests with a rule, and a done round of two trainings of its head.
    function _improving(uint32 least) internal {
        IModel.Rules memory r = model.rules();
        r.minImprovementPpm = least;
        model = createWith(r);
        _round();
    }

    /// @dev Trainings that each improve by what is asked for can have an average that does not; nobody publishes that.
    function test_post_wantsTheImprovementOfTheRules() public {
        _improving(912_345);
        endow(USER, ODD_BOND);
        bytes memory refusal = abi.encodeWithSelector(IJobs.TooLittleImprovement.selector, 912_344, 912_345);
        _refuses(USER, refusal);
        jobs.postAverage(address(model), AVERAGE, 912_344);
        vm.assertEq(free(USER), ODD_BOND, "bond");
        uint256 state = vm.snapshotState();
        vm.prank(USER);
        jobs.postAverage(address(model), AVERAGE, 912_345);
        passWindow();
        nextBlock();
        jobs.settleAverage(address(model));
        vm.assertEq(model.version(1).accuracyPpm, 912_345, "exactly the improvement is enough");
        vm.revertToState(state);
        // Then the round ends without an average.
        vm.warp(jobs.roundOf(address(model)).commitsUntil + 8 * CHALLENGE_WINDOW + 1);
        _refuses(USER, refusal);
        jobs.postAverage(address(model), AVERAGE, 912_344);
        jobs.publishBest(address(model));
        vm.assertEq(model.head(), 1, "the longest training is the next version");
        vm.assertEq(model.version(1).accuracyPpm, 912_345, "which improves by what is asked for");
    }

    /// @dev What counts is the head, from which the round was trained.
    function testFuzz_post_improvesOnTheHead(uint32 base, uint32 least, uint32 claimed) public {
        least = uint32(bound(least, 1, 912_345));
        _improving(least);
        base = uint32(bound(base, least, 1e6));
        claimed = uint32(bound(claimed, 0, 1e6));
        endow(USER, 2 * ODD_BOND);
        vm.prank(USER);
        jobs.postAverage(address(model), AVERAGE, base);
        passWindow();
        nextBlock();
        jobs.settleAverage(address(model));
        if (912_345 < base + least) {
            // Its trainings do not improve by that much themselves.
            vm.prank(address(jobs));
            model.publish(0, USER, keccak256("worse"), 912_345 - least);
            base = 912_345 - least;
        }
        _round();
        vm.prank(USER);
        if (claimed < base + least) {
            vm.expectRevert(abi.encodeWithSelector(IJobs.TooLittleImprovement.selector, claimed, base + least));
        }
        jobs.postAverage(address(model), keccak256("next"), claimed);
    }

    // ─── Window ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_settle_publishesAfterTheWindow() public {
        uint64 until = _postAs(USER, AVERAGE);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WindowOpen.selector, until));
        jobs.settleAverage(address(model));
        vm.warp(until + 1);
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.VersionPublished(1, 0, USER, 0, AVERAGE, ACCURACY);
        vm.prank(WORKER);
        jobs.settleAverage(address(model));
        _assertPublished();
        vm.assertEq(free(USER), ODD_BOND, "bond");
        vm.assertEq(vault.held(asset(), address(jobs)), 0, "nothing is at stake any more");
    }

    function test_challenge_withinTheWindowOnceByAnother() public {
        uint64 until = _postAs(USER, AVERAGE);
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(Disputes.OwnClaim.selector, USER));
        jobs.challengeAverage(address(model));
        endow(DOUBTER, ODD_BOND);
        vm.warp(until + 1);
        _refuses(DOUBTER, abi.encodeWithSelector(IJobs.WindowClosed.selector, until));
        jobs.challengeAverage(address(model));
        vm.warp(until);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IRounds.AverageChallenged(address(model), 0, DOUBTER, 1);
        vm.prank(DOUBTER);
        jobs.challengeAverage(address(model));
        vm.assertEq(jury.caseOf(1).finding, _finding(AVERAGE, ACCURACY), "what the jury is asked");
        endow(WORKER, ODD_BOND);
        _refuses(WORKER, abi.encodeWithSelector(Disputes.AlreadyChallenged.selector, 1));
        jobs.challengeAverage(address(model));
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(Disputes.CaseOpen.selector, 1));
        jobs.settleAverage(address(model));
    }

    // ─── Verdicts ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_challenge_upheldPublishes() public {
        _postAs(USER, AVERAGE);
        address[] memory jurors = decide(_doubtAs(DOUBTER), _finding(AVERAGE, ACCURACY));
        jobs.settleAverage(address(model));
        _assertPublished();
        vm.assertEq(free(USER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(DOUBTER), 0, "the challenger's bond is lost");
        vm.assertEq(free(jurors[0]), 1_666_667, "a juror's third of the half");
        vm.assertEq(vault.held(asset(), address(jobs)), 0, "nothing is at stake any more");
    }

    function test_challenge_refutedLetsOthersPost() public {
        _postAs(USER, keccak256("wrong average"));
        address[] memory jurors = decide(_doubtAs(DOUBTER), _finding(AVERAGE, ACCURACY));
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IRounds.AverageRejected(address(model), 0, USER);
        jobs.settleAverage(address(model));
        vm.assertEq(model.head(), 0, "nothing is published");
        vm.assertEq(free(DOUBTER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(USER), 0, "the poster's bond is lost");
        vm.assertEq(free(jurors[2]), 1_666_667, "a juror's third of the half");
        uint64 until = _postAs(USER, AVERAGE);
        vm.warp(until + 1);
        jobs.settleAverage(address(model));
        _assertPublished();
    }

    function test_challenge_undecidedOpensTheWindowAnew() public {
        _postAs(USER, AVERAGE);
        uint64 caseId = _doubtAs(DOUBTER);
        decideNothing(caseId);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit Disputes.ClaimReopened(caseId);
        jobs.settleAverage(address(model));
        IRounds.Average memory a = jobs.averageOf(address(model));
        vm.assertEq(a.poster, USER, "it waits still");
        vm.assertEq(a.challenger, address(0), "nobody doubts it any more");
        vm.assertEq(a.caseId, 0, "no case");
        vm.assertEq(a.postedAt, block.timestamp, "its window begins now");
        vm.assertEq(model.head(), 0, "nothing is published");
        vm.assertEq(free(USER), 0, "poster");
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
        vm.assertEq(vault.held(asset(), address(jobs)), ODD_BOND, "its own bond is at stake still");
        uint64 until = uint64(block.timestamp) + CHALLENGE_WINDOW;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WindowOpen.selector, until));
        jobs.settleAverage(address(model));
        uint256 state = vm.snapshotState();
        vm.warp(until + 1);
        jobs.settleAverage(address(model));
        _assertPublished();
        vm.assertEq(free(USER), ODD_BOND, "bond");
        vm.revertToState(state);
        decide(_doubtAs(WORKER), keccak256("another average"));
        jobs.settleAverage(address(model));
        vm.assertEq(model.head(), 0, "the second challenge refutes it");
        vm.assertEq(free(USER), 0, "the poster's bond is lost");
    }

    function test_challenge_refusedWithoutAJury() public {
        registerAs(DOUBTER, STAKE);
        leaveBut(2);
        _postAs(USER, AVERAGE);
        endow(DOUBTER, ODD_BOND);
        _refuses(DOUBTER, abi.encodeWithSelector(IJury.TooFewAuditors.selector, 2, 3));
        jobs.challengeAverage(address(model));
    }

    /// @dev The right average of a wrong accuracy is a wrong claim.
    function test_challenge_refutesAnotherAccuracy() public {
        _postAs(USER, AVERAGE);
        decide(_doubtAs(DOUBTER), _finding(AVERAGE, ACCURACY - 1));
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IRounds.AverageRejected(address(model), 0, USER);
        jobs.settleAverage(address(model));
        vm.assertEq(free(USER), 0, "the poster's bond is lost");
    }

    /// @dev An average that nobody accepted in time is overdue as if none had been posted.
    function test_challenge_refutedAndOverdue() public {
        _postAs(USER, keccak256("wrong average"));
        decide(_doubtAs(DOUBTER), _finding(AVERAGE, ACCURACY));
        jobs.settleAverage(address(model));
        vm.warp(jobs.roundOf(address(model)).commitsUntil + 8 * CHALLENGE_WINDOW + 1);
        jobs.publishBest(address(model));
        vm.assertEq(model.version(1).job, 1, "the longest, accepted first");
    }

    // ─── Rollback ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Posted for a head that is no more: its bond is settled, whatever the verdict, and nothing is published.
    function test_stale_onlySettlesItsBond() public {
        vm.warp(_postAs(USER, AVERAGE) + 1);
        jobs.settleAverage(address(model));
        _round();
        _postAs(USER, keccak256("stale"));
        rollBackTo(0);
        uint32 versions = model.versionCount();
        uint256 before = free(USER);
        jobs.settleAverage(address(model));
        vm.assertEq(free(USER) - before, ODD_BOND, "bond");
        vm.assertEq(model.head(), 0, "head");
        vm.assertEq(model.versionCount(), versions, "versions");
    }

    function test_stale_isSettledBeforeTheNext() public {
        vm.warp(_postAs(USER, AVERAGE) + 1);
        jobs.settleAverage(address(model));
        _round();
        _postAs(USER, keccak256("stale"));
        uint64 caseId = _doubtAs(DOUBTER);
        rollBackTo(0);
        _round();
        endow(WORKER, ODD_BOND);
        _refuses(WORKER, abi.encodeWithSelector(IRounds.AverageWaiting.selector, address(model), USER));
        jobs.postAverage(address(model), keccak256("next"), ACCURACY);
        decide(caseId, _finding(keccak256("stale"), ACCURACY));
        uint256 before = free(USER);
        jobs.settleAverage(address(model));
        vm.assertEq(free(USER) - before, 15_000_013, "an upheld average wins its bonds still");
        vm.assertEq(model.head(), 0, "but is not published");
        vm.prank(WORKER);
        jobs.postAverage(address(model), keccak256("next"), ACCURACY);
        passWindow();
        nextBlock();
        jobs.settleAverage(address(model));
        vm.assertEq(model.version(model.head()).parametersHash, keccak256("next"), "the next one is");
        vm.assertEq(model.version(model.head()).parent, 0, "from where the head was moved");
    }
}

contract AveragesInCoinsTest is AveragesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return false;
    }
}

contract AveragesInTokensTest is AveragesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return true;
    }
}
