// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {Curve} from "../src/libraries/Curve.sol";
import {Court} from "./Court.sol";

/// @notice The end of a job that has a result: its window, its payment and its entry in the log; and the table of all
/// states and actions.
contract SettlementTest is Court {
    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function _assertState(uint64 job, IJobs.State state, string memory reason) internal view {
        vm.assertEq(uint256(jobs.jobOf(job).state), uint256(state), reason);
    }

    // ─── Window ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_window_isOpenForChallengesThenForSettlement() public {
        seat(3);
        uint64 id = revealedAs(WORKER, 5);
        uint64 until = uint64(jobs.jobOf(id).revealedAt) + CHALLENGE_WINDOW;
        endow(DOUBTER, BOND);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WindowOpen.selector, until));
        settle(id);
        uint256 state = vm.snapshotState();
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobChallenged(id, address(model), DOUBTER, 1);
        vm.prank(DOUBTER);
        jobs.challenge(id);
        vm.assertEq(jobs.jobOf(id).challenger, DOUBTER, "challenged in the last second");
        vm.assertEq(jobs.jobOf(id).caseId, 1, "case");

        vm.revertToState(state);
        vm.warp(until + 1);
        _refuses(DOUBTER, abi.encodeWithSelector(IJobs.WindowClosed.selector, until));
        jobs.challenge(id);
        settle(id);
        _assertState(id, IJobs.State.Settled, "settled in the next one");
    }

    function test_challenge_refusesTheWorkerAndASecondOne() public {
        seat(3);
        uint64 id = revealedAs(WORKER, 5);
        endow(WORKER, BOND);
        endow(USER, BOND);
        _refuses(WORKER, abi.encodeWithSelector(Disputes.OwnClaim.selector, WORKER));
        jobs.challenge(id);
        uint64 caseId = challengeAs(DOUBTER, id);
        _refuses(USER, abi.encodeWithSelector(Disputes.AlreadyChallenged.selector, caseId));
        jobs.challenge(id);
    }

    function test_settle_waitsForTheJury() public {
        seat(3);
        uint64 id = revealedAs(WORKER, 5);
        uint64 caseId = challengeAs(DOUBTER, id);
        passWindow();
        vm.expectRevert(abi.encodeWithSelector(Disputes.CaseOpen.selector, caseId));
        settle(id);
    }

    function test_settle_wantsTheCommittedResult() public {
        uint64 id = revealedAs(WORKER, 5);
        passWindow();
        bytes32 expected = keccak256(abi.encode(result(id)));
        bytes32 given = keccak256(abi.encode(result(9)));
        vm.expectRevert(abi.encodeWithSelector(IJobs.ResultMismatch.selector, id, expected, given));
        jobs.settle(id, result(9));
    }

    // ─── Payment ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_settle_paysPublishesAndReturnsTheBond() public {
        uint64 id = revealedAs(WORKER, 250);
        uint256 pool = model.pool();
        uint256 reward = Curve.rewardDown(pool, WAD / 2, ALPHA);
        passWindow();
        vm.prank(USER);
        settle(id);
        vm.assertEq(model.balanceOf(WORKER), reward, "reward");
        vm.assertEq(model.pool(), pool - reward, "pool");
        vm.assertEq(vault.free(address(0), WORKER), BOND, "bond");
        vm.assertEq(vault.held(address(0), address(jobs)), 0, "nothing is at stake any more");
        vm.assertEq(model.head(), 1, "head");
        vm.assertEq(model.version(1).job, id, "job of the version");
        _assertState(id, IJobs.State.Settled, "state");
    }

    /// @dev Every field of the log, over three entries whose hashes chain.
    function test_settle_logsEveryField() public {
        bytes32 before;
        for (uint32 i = 1; i <= 3; ++i) {
            uint64 id = openAs(USER, training(100 * i));
            claimAs(WORKER, id);
            vm.warp(block.timestamp + 33);
            commitAs(WORKER, id);
            revealAs(WORKER, id);
            passWindow();
            IModel.Settlement memory s = IModel.Settlement({
                requester: USER,
                base: i - 1,
                units: 100 * i,
                input: keccak256("recipe"),
                output: result(id).output,
                checkpointRoot: result(id).checkpointRoot,
                accuracyPpm: 912_345,
                // A block to the commitment, 33 seconds, and a block to the revelation.
                latency: 57,
                timeout: TRAIN_LEASE
            });
            uint256 reward = model.quoteReward(100 * i);
            uint256 pool = model.pool() - reward;
            before = keccak256(abi.encode(before, id, IModel.JobKind.Train, WORKER, s, reward, pool, i));
            vm.expectEmit(true, true, true, true, address(model));
            emit IModel.JobSettled(id, IModel.JobKind.Train, WORKER, s, reward, pool, i, before);
            settle(id);
            vm.assertEq(model.logHash(), before, "hash of the log");
        }
        vm.assertEq(model.jobCount(), 3, "entries");
    }

    /// @dev Others were paid meanwhile, so the pool no longer gives what the worker asked for at the claim.
    function test_settle_expiresBelowTheMinimumWithTheBond() public {
        IModel.Rules memory r = rules();
        r.roundLength = 1 hours;
        model = createWith(r);
        IJobs.Request memory t = training(100);
        uint96 least = uint96(model.quoteReward(100));
        endow(WORKER, BOND);
        vm.prank(WORKER);
        uint64 id = jobs.start(t, least);
        nextBlock();
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        uint64 other = revealedAs(USER, 100);
        passWindow();
        settle(other);
        uint256 pool = model.pool();
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobExpired(id, address(model), WORKER, 0);
        settle(id);
        _assertState(id, IJobs.State.Expired, "state");
        vm.assertEq(model.balanceOf(WORKER), 0, "nothing is paid");
        vm.assertEq(model.pool(), pool, "the pool stays");
        vm.assertEq(vault.free(address(0), WORKER), BOND, "bond");
        vm.assertEq(model.jobCount(), 1, "nothing is logged");
        vm.assertEq(jobs.roundOf(address(model)).pending, 0, "the round does not wait for it");
        vm.assertEq(scores.scoreOf(address(model), scores.currentEpoch(), WORKER).trainings, 0, "nothing is scored");
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    function _inferred(uint32 count) internal returns (uint64 id, uint256 price) {
        give(USER, 1000e18);
        price = model.quotePrice(count);
        id = openAs(USER, request(count));
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        passWindow();
    }

    function test_inference_locksItsPriceAtOnce() public {
        give(USER, 1000e18);
        uint256 price = Curve.priceUp(model.pool(), 7 * uint256(INFERENCE_UNIT), ALPHA);
        IJobs.Request memory r = request(7);
        r.maxPrice = price - 1;
        _refuses(USER, abi.encodeWithSelector(IModel.PriceAboveMaximum.selector, price, price - 1));
        jobs.open(r);
        r.maxPrice = price;
        vm.prank(USER);
        uint64 id = jobs.open(r);
        vm.assertEq(jobs.jobOf(id).amount, price, "price");
        vm.assertEq(model.balanceOf(USER), 1000e18 - price, "user");
        vm.assertEq(model.balanceOf(address(jobs)), price, "locked");
        vm.assertEq(model.pool(), SUPPLY * 95 / 100, "the pool has none of it yet");
    }

    function test_inference_refusesWhoCannotPay() public {
        IJobs.Request memory r = request(7);
        _refuses(USER, abi.encodeWithSignature("InsufficientBalance()"));
        jobs.open(r);
    }

    function test_inference_paysThePoolAtSettlement() public {
        (uint64 id, uint256 price) = _inferred(7);
        uint256 pool = model.pool();
        IModel.Settlement memory s = IModel.Settlement({
            requester: USER,
            base: 0,
            units: 7,
            input: keccak256("input"),
            output: result(id).output,
            checkpointRoot: result(id).checkpointRoot,
            accuracyPpm: 912_345,
            latency: 24,
            timeout: INFER_LEASE
        });
        bytes32 hash =
            keccak256(abi.encode(bytes32(0), id, IModel.JobKind.Infer, WORKER, s, price, pool + price, uint32(1)));
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.JobSettled(id, IModel.JobKind.Infer, WORKER, s, price, pool + price, 1, hash);
        settle(id);
        vm.assertEq(model.pool(), pool + price, "pool");
        vm.assertEq(model.balanceOf(address(model)), pool + price, "the pool's tokens");
        vm.assertEq(model.balanceOf(address(jobs)), 0, "nothing is locked any more");
        vm.assertEq(vault.free(address(0), WORKER), BOND, "bond");
        vm.assertEq(model.versionCount(), 1, "no version comes of it");
        vm.assertEq(jobs.seedOf(id), bytes32(0), "it needs no seed");
    }

    /// @dev The price is that of the request, whatever the pool does before the settlement.
    function testFuzz_inference_keepsItsPrice(uint32 count, uint32 steps) public {
        count = uint32(bound(count, 1, 100));
        steps = uint32(bound(steps, 1, 20 * REFERENCE_STEPS));
        give(USER, 1000e18);
        uint256 price = model.quotePrice(count);
        uint64 id = openAs(USER, request(count));
        trainAs(DOUBTER, steps);
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        passWindow();
        uint256 pool = model.pool();
        settle(id);
        vm.assertEq(model.pool() - pool, price, "price");
    }

    /// @dev A use of an old version goes on when the head moves.
    function test_inference_isNotAbandonedWithTheHead() public {
        give(USER, 1000e18);
        uint64 id = openAs(USER, request(1));
        trainAs(DOUBTER, 5);
        vm.expectRevert(abi.encodeWithSelector(IJobs.NotAbandoned.selector, id));
        jobs.abandon(id);
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        passWindow();
        settle(id);
        _assertState(id, IJobs.State.Settled, "state");
    }

    // ─── States ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A job of USER's, and WORKER's where it has one, in any state; `None` is one that nobody has opened.
    function _jobIn(IJobs.State state) internal returns (uint64 id) {
        if (state == IJobs.State.None) return jobs.jobCount() + 1;
        id = openAs(USER, training(5));
        if (state == IJobs.State.Open) return id;
        claimAs(WORKER, id);
        if (state == IJobs.State.Claimed) return id;
        commitAs(WORKER, id);
        if (state == IJobs.State.Committed) return id;
        if (state == IJobs.State.Expired) {
            vm.warp(block.timestamp + TRAIN_LEASE + 1);
            jobs.lapse(id);
            return id;
        }
        revealAs(WORKER, id);
        if (state == IJobs.State.Revealed) return id;
        if (state == IJobs.State.Rejected) {
            seat(3);
            decide(challengeAs(DOUBTER, id), keccak256("another result"));
        } else {
            passWindow();
        }
        settle(id);
    }

    /// @dev Each action in each state: refused with that state, but for the states in the table.
    function test_states_allowNothingButTheirOwnActions() public {
        for (uint8 i; i <= uint8(IJobs.State.Expired); ++i) {
            uint256 snapshot = vm.snapshotState();
            IJobs.State state = IJobs.State(i);
            uint64 id = _jobIn(state);
            _assertState(id, state, "the state asked for");
            fund(DOUBTER);
            endow(WORKER, BOND);
            bytes memory refusal = abi.encodeWithSelector(IJobs.WrongState.selector, id, state);
            if (state != IJobs.State.Open) {
                _refuses(DOUBTER, refusal);
                jobs.claim{value: BOND}(id, 0);
                _refuses(USER, refusal);
                jobs.cancel(id);
            }
            if (state != IJobs.State.Claimed) {
                _refuses(USER, refusal);
                jobs.drawSeed(id);
                _refuses(WORKER, refusal);
                jobs.commit(id, result(id));
            }
            if (state != IJobs.State.Committed) {
                _refuses(WORKER, refusal);
                jobs.reveal(id, result(id), "");
            }
            if (state != IJobs.State.Revealed) {
                _refuses(DOUBTER, refusal);
                jobs.challenge{value: BOND}(id);
                _refuses(USER, refusal);
                jobs.settle(id, result(id));
            }
            if (state != IJobs.State.Claimed && state != IJobs.State.Committed) {
                _refuses(USER, refusal);
                jobs.lapse(id);
            }
            bool over = state == IJobs.State.None || state >= IJobs.State.Settled;
            _refuses(USER, over ? refusal : abi.encodeWithSelector(IJobs.NotAbandoned.selector, id));
            jobs.abandon(id);
            vm.revertToState(snapshot);
        }
    }

    /// @dev Once the head has moved, a training can only be abandoned, wherever it stands.
    function test_states_ofAnAbandonedTrainingAllowNothingElse() public {
        IModel.Rules memory r = rules();
        // So long that no lease runs out while the head is moved.
        r.trainLease = 30 days;
        model = createWith(r);
        trainAs(DOUBTER, 5);
        for (uint8 i = uint8(IJobs.State.Open); i <= uint8(IJobs.State.Revealed); ++i) {
            uint256 snapshot = vm.snapshotState();
            IJobs.State state = IJobs.State(i);
            uint64 id = _jobIn(state);
            if (state == IJobs.State.Claimed) jobs.drawSeed(id);
            rollBackTo(0);
            endow(WORKER, BOND);
            bytes memory refusal = abi.encodeWithSelector(IJobs.Abandoned.selector, id);
            if (state == IJobs.State.Open) {
                _refuses(WORKER, refusal);
                jobs.claim(id, 0);
            } else if (state == IJobs.State.Claimed) {
                _refuses(WORKER, refusal);
                jobs.commit(id, result(id));
            } else if (state == IJobs.State.Committed) {
                _refuses(WORKER, refusal);
                jobs.reveal(id, result(id), "");
            } else {
                vm.expectRevert(refusal);
                settle(id);
            }
            if (state == IJobs.State.Claimed || state == IJobs.State.Committed) {
                vm.warp(block.timestamp + 30 days);
                vm.expectRevert(refusal);
                jobs.lapse(id);
            }
            jobs.abandon(id);
            _assertState(id, IJobs.State.Expired, "abandoned");
            vm.revertToState(snapshot);
        }
    }
}
