// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {Court} from "./Court.sol";

/// @notice Who has which base unit after a challenge, in either asset, where nothing divides evenly.
abstract contract DisputesTest is Court {
    /// @dev Half of it is 5,000,003 and a third of that 1,666,667 with two over: every division has a rest.
    uint96 internal constant ODD_BOND = 10_000_007;

    function _bondInTokens() internal pure virtual returns (bool);

    function setUp() public override {
        super.setUp();
        model = createWith(_rules(ODD_BOND, 3));
        seat(3);
    }

    function _rules(uint96 bond, uint8 size) internal pure returns (IModel.Rules memory r) {
        r = rules();
        (r.bond, r.bondInTokens, r.jurySize) = (bond, _bondInTokens(), size);
    }

    /// @dev A training of WORKER's that DOUBTER challenges.
    function _challenged() internal returns (uint64 id, uint64 caseId) {
        IJobs.Request memory r = training(100);
        endow(WORKER, model.rules().bond);
        vm.prank(WORKER);
        id = jobs.start(r, 0);
        nextBlock();
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        caseId = challengeAs(DOUBTER, id);
    }

    function _findingOf(uint64 id) internal view returns (bytes32) {
        return jobs.jobOf(id).resultHash;
    }

    function _assertState(uint64 id, IJobs.State state) internal view {
        vm.assertEq(uint256(jobs.jobOf(id).state), uint256(state), "state");
        vm.assertEq(vault.held(asset(), address(jobs)), 0, "no bond is at stake any more");
    }

    // ─── Verdicts ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_upheld_paysTheWorkerAndTheJurors() public {
        (uint64 id, uint64 caseId) = _challenged();
        vm.assertEq(vault.held(asset(), address(jobs)), 2 * uint256(ODD_BOND), "two bonds are at stake");
        address[] memory jurors = decide(caseId, _findingOf(id));
        uint256 reward = model.quoteReward(100);
        settle(id);
        _assertState(id, IJobs.State.Settled);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(free(jurors[i]), 1_666_667, "a juror's third of the half");
        }
        vm.assertEq(free(WORKER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(DOUBTER), 0, "the challenger's bond is lost");
        vm.assertEq(model.balanceOf(WORKER), reward, "reward");
        vm.assertEq(model.version(1).author, WORKER, "author");
    }

    function test_refuted_paysTheChallengerAndTheJurors() public {
        (uint64 id, uint64 caseId) = _challenged();
        address[] memory jurors = decide(caseId, keccak256("another result"));
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobRejected(id, address(model), WORKER);
        settle(id);
        _assertState(id, IJobs.State.Rejected);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(free(jurors[i]), 1_666_667, "a juror's third of the half");
        }
        vm.assertEq(free(DOUBTER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(WORKER), 0, "the worker's bond is lost");
        vm.assertEq(model.balanceOf(WORKER), 0, "no reward");
        vm.assertEq(model.versionCount(), 1, "no version");
        vm.assertEq(jobs.roundOf(address(model)).pending, 0, "the round does not wait for it");
    }

    // ─── Undecided ───────────────────────────────────────────────────────────────────────────────────────────────

    function _assertReopened(uint64 id) internal view {
        IJobs.Job memory job = jobs.jobOf(id);
        vm.assertEq(uint256(job.state), uint256(IJobs.State.Revealed), "state");
        vm.assertEq(job.challenger, address(0), "nobody doubts it any more");
        vm.assertEq(job.caseId, 0, "no case");
        vm.assertEq(uint256(job.revealedAt) + job.reopenedAfter, block.timestamp, "its window begins now");
        vm.assertEq(vault.held(asset(), address(jobs)), ODD_BOND, "its own bond is at stake still");
    }

    /// @dev Nobody knows who is right: the challenger has its bond back, and the claim neither stands nor falls.
    function test_undecided_neitherPaysNorVoids() public {
        (uint64 id, uint64 caseId) = _challenged();
        decideNothing(caseId);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit Disputes.ClaimReopened(caseId);
        settle(id);
        _assertReopened(id);
        vm.assertEq(free(WORKER), 0, "worker");
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(free(auditorAt(i)), 0, "jurors who agree on nothing earn nothing");
        }
        vm.assertEq(model.jobCount(), 0, "nothing is logged");
        vm.assertEq(jobs.roundOf(address(model)).pending, 1, "the round waits for it");
        uint64 until = uint64(block.timestamp) + CHALLENGE_WINDOW;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WindowOpen.selector, until));
        settle(id);
        vm.warp(until + 1);
        endow(DOUBTER, ODD_BOND);
        vm.prank(DOUBTER);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WindowClosed.selector, until));
        jobs.challenge(id);
        uint256 reward = model.quoteReward(100);
        settle(id);
        _assertState(id, IJobs.State.Settled);
        vm.assertEq(free(WORKER), ODD_BOND, "its bond");
        vm.assertEq(model.balanceOf(WORKER), reward, "its reward");
    }

    /// @dev The score counts the time to the revelation, and none that a jury took.
    function test_undecided_costsTheWorkerNoScore() public {
        (uint64 id, uint64 caseId) = _challenged();
        IJobs.Job memory job = jobs.jobOf(id);
        uint32 latency = uint32(job.revealedAt - job.claimedAt);
        decideNothing(caseId);
        settle(id);
        passWindow();
        nextBlock();
        settle(id);
        uint256 train = scores.scoreOf(address(model), scores.currentEpoch(), WORKER).train;
        vm.assertEq(train, scores.score(IModel.JobKind.Train, latency, TRAIN_LEASE), "score");
    }

    /// @dev A cheat gains nothing by a jury that cannot decide: the next one does.
    function test_undecided_canBeDoubtedAgain() public {
        (uint64 id, uint64 caseId) = _challenged();
        decideNothing(caseId);
        settle(id);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        uint64 next = challengeAs(USER, id);
        vm.assertEq(next, caseId + 1, "a case of its own");
        vm.expectRevert(abi.encodeWithSelector(Disputes.CaseOpen.selector, next));
        settle(id);
        decide(next, keccak256("another result"));
        settle(id);
        _assertState(id, IJobs.State.Rejected);
        vm.assertEq(free(USER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(WORKER), 0, "the worker's bond is lost");
        vm.assertEq(free(DOUBTER), ODD_BOND, "who could not be answered loses nothing");
    }

    function test_undecided_canBeAbandoned() public {
        vm.prank(address(jobs));
        model.publish(0, USER, keccak256("first"), 0);
        (uint64 id, uint64 caseId) = _challenged();
        decideNothing(caseId);
        settle(id);
        rollBackTo(0);
        jobs.abandon(id);
        _assertState(id, IJobs.State.Expired);
        vm.assertEq(free(WORKER), ODD_BOND, "worker");
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
    }

    /// @dev However often no jury decides, and whatever comes of it then: all money is somebody's.
    /// forge-config: default.fuzz.runs = 200
    function testFuzz_undecided_losesNothing(uint256 times, uint256 end) public {
        (uint64 id, uint64 caseId) = _challenged();
        for (times = bound(times, 1, 3); times > 0; --times) {
            decideNothing(caseId);
            settle(id);
            _assertReopened(id);
            vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
            if (times == 1) break;
            vm.prank(DOUBTER);
            jobs.challenge(id);
            caseId = jury.caseCount();
            nextBlock();
        }
        uint256 paid;
        if (end % 3 == 0) {
            passWindow();
            nextBlock();
        } else {
            vm.prank(DOUBTER);
            jobs.challenge(id);
            nextBlock();
            decide(jury.caseCount(), end % 3 == 1 ? _findingOf(id) : keccak256("another result"));
            paid = 3 * (uint256(ODD_BOND) / 2 / 3);
        }
        settle(id);
        _assertState(id, end % 3 == 2 ? IJobs.State.Rejected : IJobs.State.Settled);
        vm.assertEq(free(WORKER) + free(DOUBTER), 2 * uint256(ODD_BOND) - paid, "both parties");
        vm.assertEq(free(end % 3 == 2 ? WORKER : DOUBTER), end % 3 == 0 ? ODD_BOND : 0, "who was wrong");
    }

    /// @dev With fewer than three who could judge nobody can be doubted, so nobody can be kept from pay that way.
    function test_challenge_refusedWithoutAJury() public {
        leaveBut(2);
        // The parties themselves do not count.
        registerAs(WORKER, STAKE);
        registerAs(DOUBTER, STAKE);
        endow(WORKER, ODD_BOND);
        IJobs.Request memory r = training(100);
        vm.prank(WORKER);
        uint64 id = jobs.start(r, 0);
        nextBlock();
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        endow(DOUBTER, ODD_BOND);
        vm.prank(DOUBTER);
        vm.expectRevert(abi.encodeWithSelector(IJury.TooFewAuditors.selector, 2, 3));
        jobs.challenge(id);
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
        uint256 state = vm.snapshotState();
        passWindow();
        settle(id);
        _assertState(id, IJobs.State.Settled);
        vm.assertEq(free(WORKER), ODD_BOND, "worker");
        vm.revertToState(state);
        // Whoever wants to doubt can bring another auditor.
        registerAs(auditorAt(2), STAKE);
        vm.prank(DOUBTER);
        jobs.challenge(id);
    }

    // ─── Minorities ──────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A juror who was wrong gets none of the bond; the two who were right have more each.
    function test_upheld_leavesOutTheMinority() public {
        (uint64 id, uint64 caseId) = _challenged();
        address[] memory jurors = draw(caseId);
        bytes32[] memory findings = new bytes32[](3);
        (findings[0], findings[1], findings[2]) = (_findingOf(id), keccak256("another result"), _findingOf(id));
        // In native coin a juror's free money is its share of the stake as well.
        uint256 slashed = _bondInTokens() ? 0 : STAKE / 2;
        vote(caseId, jurors, findings);
        settle(id);
        vm.assertEq(free(jurors[0]), 2_500_001 + slashed, "half of the half");
        vm.assertEq(free(jurors[1]), 0, "nothing");
        vm.assertEq(free(jurors[2]), 2_500_001 + slashed, "half of the half");
        vm.assertEq(free(WORKER), 15_000_012, "its own bond, half of the other one and the rests");
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    function _challengedInference() internal returns (uint64 id, uint64 caseId, uint256 price) {
        give(USER, 1000e18);
        id = openAs(USER, request(3));
        price = jobs.jobOf(id).amount;
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        caseId = challengeAs(DOUBTER, id);
    }

    function test_inference_refutedReturnsThePrice() public {
        (uint64 id, uint64 caseId,) = _challengedInference();
        decide(caseId, keccak256("another result"));
        settle(id);
        _assertState(id, IJobs.State.Rejected);
        vm.assertEq(model.balanceOf(USER), 1000e18, "price");
        vm.assertEq(model.balanceOf(address(jobs)), 0, "nothing is locked any more");
    }

    function test_inference_undecidedKeepsThePriceLocked() public {
        (uint64 id, uint64 caseId, uint256 price) = _challengedInference();
        decideNothing(caseId);
        settle(id);
        _assertReopened(id);
        vm.assertEq(model.balanceOf(address(jobs)), price, "locked");
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
        uint256 pool = model.pool();
        passWindow();
        nextBlock();
        settle(id);
        _assertState(id, IJobs.State.Settled);
        vm.assertEq(model.pool(), pool + price, "pool");
        vm.assertEq(free(WORKER), ODD_BOND, "worker");
    }

    function test_inference_upheldPaysThePool() public {
        (uint64 id, uint64 caseId, uint256 price) = _challengedInference();
        decide(caseId, _findingOf(id));
        uint256 pool = model.pool();
        settle(id);
        _assertState(id, IJobs.State.Settled);
        vm.assertEq(model.pool(), pool + price, "pool");
        vm.assertEq(model.balanceOf(USER), 1000e18 - price, "user");
    }

    // ─── Any bond and jury ───────────────────────────────────────────────────────────────────────────────────────

    /// @dev Whatever the bond and the votes: all money is somebody's, the loser has none of the two bonds, and nobody's
    /// part is off by more than what does not divide.
    function testFuzz_divide_losesNothing(uint96 bond, uint8 size, uint256 votes) public {
        bond = uint96(bound(bond, 1, 1e20));
        size = uint8(3 + 2 * bound(size, 0, 3));
        model = createWith(_rules(bond, size));
        for (uint256 i = 3; i < size; ++i) {
            registerAs(auditorAt(i), STAKE);
        }
        (uint64 id, uint64 caseId) = _challenged();
        address[] memory jurors = draw(caseId);
        bytes32[] memory findings = new bytes32[](size);
        uint256 upheld;
        for (uint256 i; i < size; ++i) {
            bool right = (votes >> i) & 1 == 1;
            findings[i] = right ? _findingOf(id) : keccak256("another result");
            if (right) ++upheld;
        }
        vote(caseId, jurors, findings);
        bool stands = upheld > size / 2;
        bytes32 found = stands ? _findingOf(id) : keccak256("another result");
        uint256 rest = 2 * uint256(bond) - _settleAndPay(id, jurors, findings, found, stands ? upheld : size - upheld);
        vm.assertEq(free(stands ? WORKER : DOUBTER), rest, "winner");
        vm.assertEq(free(stands ? DOUBTER : WORKER), 0, "loser");
        vm.assertGe(rest, uint256(bond) + bond / 2, "the winner has half of the other bond");
        vm.assertEq(vault.held(asset(), address(jobs)), 0, "no bond is at stake any more");
    }

    /// @dev Settles, and returns what the jurors had of it, each of the majority the same.
    function _settleAndPay(
        uint64 id,
        address[] memory jurors,
        bytes32[] memory findings,
        bytes32 found,
        uint256 majority
    ) internal returns (uint256 paid) {
        uint256 share = model.rules().bond / 2 / majority;
        uint256[] memory before = new uint256[](jurors.length);
        for (uint256 i; i < jurors.length; ++i) {
            before[i] = free(jurors[i]);
        }
        settle(id);
        for (uint256 i; i < jurors.length; ++i) {
            vm.assertEq(free(jurors[i]) - before[i], findings[i] == found ? share : 0, "juror");
            paid += free(jurors[i]) - before[i];
        }
    }
}

contract DisputesInCoinsTest is DisputesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return false;
    }
}

contract DisputesInTokensTest is DisputesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return true;
    }
}
