// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {Court} from "./Court.sol";

/// @notice Jobs that end without a result, and who has their bonds then.
abstract contract LeasesTest is Court {
    /// @dev Odd, so that a half of it would show.
    uint96 internal constant ODD_BOND = 7_000_000_001;

    address internal immutable SECOND = address(0x2ECD);

    function _bondInTokens() internal pure virtual returns (bool);

    function setUp() public override {
        super.setUp();
        IModel.Rules memory r = rules();
        (r.bond, r.bondInTokens) = (ODD_BOND, _bondInTokens());
        model = createWith(r);
    }

    function _started(address worker, uint32 steps) internal returns (uint64 id) {
        endow(worker, ODD_BOND);
        IJobs.Request memory r = training(steps);
        vm.prank(worker);
        id = jobs.start(r, 0);
        nextBlock();
    }

    /// @dev A job of USER's that WORKER has claimed, and committed.
    function _requested(bool committed) internal returns (uint64 id) {
        id = openAs(USER, training(5));
        claimAs(WORKER, id);
        if (committed) commitAs(WORKER, id);
    }

    function _passLease(uint64 id) internal returns (uint64 until) {
        bool training_ = jobs.jobOf(id).kind == IModel.JobKind.Train;
        until = uint64(jobs.jobOf(id).claimedAt) + (training_ ? TRAIN_LEASE : INFER_LEASE);
        vm.warp(until + 1);
    }

    function _assertFree(uint256 user, uint256 worker, uint256 creator) internal view {
        vm.assertEq(free(USER), user, "free money of the requester");
        vm.assertEq(free(WORKER), worker, "free money of the worker");
        vm.assertEq(free(CREATOR), creator, "free money of the creator");
        vm.assertEq(vault.held(asset(), address(jobs)), 0, "nothing is at stake any more");
    }

    function _assertState(uint64 id, IJobs.State state) internal view {
        vm.assertEq(uint256(jobs.jobOf(id).state), uint256(state), "state");
    }

    // ─── Lapse ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_lapse_waitsForTheLease() public {
        for (uint256 i; i < 2; ++i) {
            uint64 id = _requested(i == 1);
            uint64 until = _passLease(id);
            vm.warp(until);
            vm.expectRevert(abi.encodeWithSelector(IJobs.LeaseNotOver.selector, id, until));
            jobs.lapse(id);
            vm.warp(until + 1);
            jobs.lapse(id);
        }
    }

    function test_lapse_reopensARequestedJobAndPaysTheRequester() public {
        uint64 id = openAs(USER, training(5));
        endow(WORKER, ODD_BOND);
        vm.prank(WORKER);
        jobs.claim(id, 9);
        nextBlock();
        jobs.drawSeed(id);
        _passLease(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.LeaseLapsed(id, address(model), WORKER, ODD_BOND);
        jobs.lapse(id);
        _assertState(id, IJobs.State.Open);
        IJobs.Job memory job = jobs.jobOf(id);
        vm.assertEq(job.worker, address(0), "worker");
        vm.assertEq(job.bond, 0, "bond");
        vm.assertEq(job.amount, 0, "least reward");
        vm.assertEq(jobs.seedOf(id), bytes32(0), "the next worker has a seed of its own");
        _assertFree(ODD_BOND, 0, 0);
    }

    function test_lapse_leavesTheJobToTheNextWorker() public {
        uint64 id = _requested(false);
        _passLease(id);
        jobs.lapse(id);
        claimAs(SECOND, id);
        bytes32 seed = keccak256(abi.encode(id, SECOND, blockhash(block.number - 1)));
        commitAs(SECOND, id);
        vm.assertEq(jobs.seedOf(id), seed, "seed");
        revealAs(SECOND, id);
        passWindow();
        settle(id);
        vm.assertEq(model.version(1).author, SECOND, "author");
        _assertFree(ODD_BOND, 0, 0);
        vm.assertEq(free(SECOND), ODD_BOND, "the second worker's bond");
    }

    function test_lapse_ofAnOwnUncommittedJobCostsNothing() public {
        uint64 id = _started(WORKER, 5);
        _passLease(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobExpired(id, address(model), WORKER, 0);
        jobs.lapse(id);
        _assertState(id, IJobs.State.Expired);
        _assertFree(0, ODD_BOND, 0);
    }

    function test_lapse_ofACommittedJobPaysTheRequester() public {
        uint64 id = _requested(true);
        _passLease(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobExpired(id, address(model), WORKER, ODD_BOND);
        jobs.lapse(id);
        _assertState(id, IJobs.State.Expired);
        _assertFree(ODD_BOND, 0, 0);
        vm.assertEq(jobs.roundOf(address(model)).pending, 0, "the round does not wait for it");
    }

    function test_lapse_ofAnOwnCommittedJobPaysTheCreator() public {
        uint64 id = _started(WORKER, 5);
        commitAs(WORKER, id);
        _passLease(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobExpired(id, address(model), WORKER, ODD_BOND);
        jobs.lapse(id);
        _assertState(id, IJobs.State.Expired);
        _assertFree(0, 0, ODD_BOND);
    }

    /// @dev A round of which nothing came begins anew with the next commitment.
    function test_lapse_letsOthersTrainTheVersion() public {
        uint64 id = _started(WORKER, 5);
        commitAs(WORKER, id);
        uint64 other = _started(SECOND, 5);
        bytes memory refusal = abi.encodeWithSelector(
            bytes4(keccak256("RoundClosed(address,uint64)")), address(model), jobs.roundOf(address(model)).commitsUntil
        );
        vm.prank(SECOND);
        vm.expectRevert(refusal);
        jobs.commit(other, result(other));
        jobs.drawSeed(other);
        vm.warp(uint64(jobs.jobOf(id).claimedAt) + TRAIN_LEASE + 1);
        jobs.lapse(id);
        commitAs(SECOND, other);
        vm.assertEq(jobs.roundOf(address(model)).pending, 1, "pending");
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    function _inference(address requester) internal returns (uint64 id, uint256 tokens) {
        give(requester, 1000e18);
        tokens = model.balanceOf(requester);
        id = openAs(requester, request(3));
        vm.assertLt(model.balanceOf(requester), tokens, "the price is locked");
    }

    function test_inference_returnsItsPriceWhenCancelled() public {
        (uint64 id, uint256 tokens) = _inference(USER);
        vm.prank(USER);
        jobs.cancel(id);
        vm.assertEq(model.balanceOf(USER), tokens, "price");
        vm.assertEq(model.balanceOf(address(jobs)), 0, "nothing is locked any more");
    }

    function test_inference_keepsItsPriceLockedWhenReopened() public {
        (uint64 id, uint256 tokens) = _inference(USER);
        uint256 price = jobs.jobOf(id).amount;
        claimAs(WORKER, id);
        _passLease(id);
        jobs.lapse(id);
        _assertState(id, IJobs.State.Open);
        vm.assertEq(jobs.jobOf(id).amount, price, "price");
        vm.assertEq(model.balanceOf(address(jobs)), price, "locked");
        _assertFree(ODD_BOND, 0, 0);
        claimAs(SECOND, id);
        commitAs(SECOND, id);
        revealAs(SECOND, id);
        passWindow();
        settle(id);
        vm.assertEq(model.balanceOf(USER), tokens - price, "paid once");
    }

    function test_inference_returnsItsPriceWhenNotRevealed() public {
        (uint64 id, uint256 tokens) = _inference(USER);
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        _passLease(id);
        jobs.lapse(id);
        vm.assertEq(model.balanceOf(USER), tokens, "price");
        _assertFree(ODD_BOND, 0, 0);
    }

    function test_inference_ownUncommittedCostsNothing() public {
        (uint64 id, uint256 tokens) = _inference(WORKER);
        claimAs(WORKER, id);
        _passLease(id);
        jobs.lapse(id);
        vm.assertEq(model.balanceOf(WORKER), tokens, "price");
        _assertFree(0, ODD_BOND, 0);
    }

    /// @dev Who asks for an inference and takes it alone: the bond for silence goes to the creator.
    function test_inference_ownCommittedForfeitsToTheCreator() public {
        (uint64 id, uint256 tokens) = _inference(WORKER);
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        _passLease(id);
        jobs.lapse(id);
        vm.assertEq(model.balanceOf(WORKER), tokens, "price");
        _assertFree(0, 0, ODD_BOND);
    }

    function test_inference_withinItsOwnLease() public {
        (uint64 id,) = _inference(USER);
        claimAs(WORKER, id);
        uint64 until = uint64(jobs.jobOf(id).claimedAt) + INFER_LEASE;
        vm.warp(until + 1);
        vm.prank(WORKER);
        vm.expectRevert(abi.encodeWithSelector(IJobs.LeaseOver.selector, id, until));
        jobs.commit(id, result(id));
    }

    // ─── Cancel ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_cancel_onlyByTheRequester() public {
        uint64 id = openAs(USER, training(5));
        vm.prank(WORKER);
        vm.expectRevert(abi.encodeWithSelector(IJobs.OnlyRequester.selector, id, USER));
        jobs.cancel(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobExpired(id, address(model), address(0), 0);
        vm.prank(USER);
        jobs.cancel(id);
        _assertState(id, IJobs.State.Expired);
    }

    function test_cancel_ofAReopenedJobPaysNoBondTwice() public {
        uint64 id = _requested(false);
        _passLease(id);
        jobs.lapse(id);
        vm.prank(USER);
        jobs.cancel(id);
        _assertFree(ODD_BOND, 0, 0);
    }

    // ─── Abandon ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A rollback overtakes jobs in every state; nobody loses anything, the challenger included.
    function test_abandon_returnsAllBondsAfterARollback() public {
        seat(3);
        IModel.Rules memory r = model.rules();
        (r.roundLength, r.rollbackDelay) = (1 hours, 1);
        model = createWith(r);
        uint64 first = _started(SECOND, 5);
        commitAs(SECOND, first);
        revealAs(SECOND, first);
        passWindow();
        settle(first);
        uint256 before = free(SECOND);

        uint64 open = openAs(USER, training(5));
        uint64 claimed = _requested(false);
        uint64 committed = _started(SECOND, 5);
        commitAs(SECOND, committed);
        uint64 challenged = _started(WORKER, 6);
        commitAs(WORKER, challenged);
        revealAs(WORKER, challenged);
        challengeAs(DOUBTER, challenged);
        vm.assertEq(vault.held(asset(), address(jobs)), 4 * uint256(ODD_BOND), "four bonds are at stake");
        vm.prank(CREATOR);
        model.requestRollback(0);
        nextBlock();
        model.executeRollback();

        uint64[4] memory all = [open, claimed, committed, challenged];
        address[4] memory workers = [address(0), WORKER, SECOND, WORKER];
        for (uint256 i; i < 4; ++i) {
            vm.expectEmit(true, true, true, true, address(jobs));
            emit IJobs.JobExpired(all[i], address(model), workers[i], 0);
            jobs.abandon(all[i]);
            _assertState(all[i], IJobs.State.Expired);
        }
        _assertFree(0, 2 * uint256(ODD_BOND), 0);
        vm.assertEq(free(SECOND), before + ODD_BOND, "the second worker's bond");
        vm.assertEq(free(DOUBTER), ODD_BOND, "the challenger's bond");
    }

    /// @dev A training that another one overtook before its commitment: its worker could do nothing about it, so the
    /// end of its lease must not cost the bond, and the job cannot be opened again.
    function test_abandon_isTheOnlyEndOfAnOvertakenTraining() public {
        uint64 id = _requested(false);
        uint64 other = _started(SECOND, 9);
        commitAs(SECOND, other);
        revealAs(SECOND, other);
        passWindow();
        settle(other);
        _passLease(id);
        vm.expectRevert(abi.encodeWithSelector(IJobs.Abandoned.selector, id));
        jobs.lapse(id);
        jobs.abandon(id);
        _assertFree(0, ODD_BOND, 0);
    }

    function test_abandon_refusesALiveTraining() public {
        uint64 id = _requested(true);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotAbandoned.selector, id));
        jobs.abandon(id);
    }
}

contract LeasesInCoinsTest is LeasesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return false;
    }
}

contract LeasesInTokensTest is LeasesTest {
    function _bondInTokens() internal pure override returns (bool) {
        return true;
    }
}
