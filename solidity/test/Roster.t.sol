// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {IRoster} from "../src/interfaces/IRoster.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Base} from "./Base.sol";

/// @notice Who waits for others' jobs, whose turn a job is, and what an audit shows.
contract RosterTest is Base {
    uint8 internal constant TRAIN = 1;
    uint8 internal constant INFER = 2;
    uint256 internal constant GRACE = 12;

    function setUp() public override {
        super.setUp();
        uint256 half = model.balanceOf(CREATOR) / 2;
        vm.prank(CREATOR);
        model.transfer(USER, half);
    }

    function enlistAs(address worker, uint8 kinds) internal {
        fund(worker);
        vm.prank(worker);
        roster.enlist{value: BOND}(address(model), kinds);
    }

    function workerAt(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i));
    }

    function crowd(uint256 count, uint8 kinds) internal {
        for (uint256 i; i < count; ++i) {
            enlistAs(workerAt(i), kinds);
        }
    }

    function openInference() internal returns (uint64 id) {
        IJobs.Request memory r = request(3);
        vm.prank(USER);
        id = jobs.open(r);
    }

    function turnOf(uint64 id, address worker) internal view returns (uint256) {
        IJobs.Job memory job = jobs.jobOf(id);
        return roster.turnOf(job.model, job.kind, id, worker, job.claimBlock, job.claimedAt);
    }

    function claimAs(address worker, uint64 id) internal {
        fund(worker);
        vm.prank(worker);
        jobs.claim{value: BOND}(id, 0);
    }

    function refusesClaim(address worker, uint64 id) internal {
        bytes memory reason = abi.encodeWithSelector(IRoster.NotYourTurn.selector, id, worker, turnOf(id, worker));
        fund(worker);
        vm.expectRevert(reason);
        vm.prank(worker);
        jobs.claim{value: BOND}(id, 0);
    }

    // ─── Coming and going ────────────────────────────────────────────────────────────────────────────────────────

    function test_enlist_holdsTheBondOnce() public {
        fund(WORKER);
        vm.expectEmit(true, true, true, true, address(roster));
        emit IRoster.Enlisted(address(model), WORKER, INFER);
        vm.prank(WORKER);
        roster.enlist{value: BOND}(address(model), INFER);
        vm.assertEq(vault.held(address(0), address(roster)), BOND, "bond");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Infer), 1, "waits for inferences");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Train), 0, "waits for no training");
        nextBlock();
        vm.prank(WORKER);
        roster.enlist(address(model), TRAIN);
        vm.assertEq(vault.held(address(0), address(roster)), BOND, "still one bond");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Infer), 0, "no more inferences");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Train), 1, "but trainings");
        vm.assertEq(roster.seatOf(address(model), WORKER).since, block.number, "drawn for what comes from now on");
        vm.assertEq(roster.seatOf(address(model), WORKER).seen, block.number, "seen");
    }

    function test_enlist_inTokens() public {
        IModelFactory.CreateModel memory params = ordinary();
        params.rules.bondInTokens = true;
        model = create(params);
        vm.prank(CREATOR);
        model.transfer(WORKER, 2 * BOND);
        vm.startPrank(WORKER);
        model.approve(address(vault), BOND);
        vault.depositTokens(address(model), BOND);
        roster.enlist(address(model), 3);
        vm.assertEq(vault.held(address(model), address(roster)), BOND, "held in tokens");
        roster.delist(address(model));
        vm.assertEq(vault.free(address(model), WORKER), BOND, "given back in tokens");
        vm.stopPrank();
    }

    function test_enlist_refusesWhatItMust() public {
        fund(WORKER);
        vm.startPrank(WORKER);
        vm.expectRevert(abi.encodeWithSelector(IRoster.UnknownKinds.selector, 0));
        roster.enlist{value: BOND}(address(model), 0);
        vm.expectRevert(abi.encodeWithSelector(IRoster.UnknownKinds.selector, 4));
        roster.enlist{value: BOND}(address(model), 4);
        vm.expectRevert(abi.encodeWithSelector(IJobs.UnknownModel.selector, address(this)));
        roster.enlist{value: BOND}(address(this), 3);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), WORKER, BOND - 1, BOND));
        roster.enlist{value: BOND - 1}(address(model), 3);
        bytes memory absent = abi.encodeWithSelector(IRoster.NotEnlisted.selector, address(model), WORKER);
        vm.expectRevert(absent);
        roster.renew(address(model));
        vm.expectRevert(absent);
        roster.delist(address(model));
        vm.expectRevert(absent);
        roster.expel(address(model), WORKER);
        vm.stopPrank();
    }

    function test_delist_givesTheBondBack() public {
        enlistAs(WORKER, 3);
        vm.expectEmit(true, true, true, true, address(roster));
        emit IRoster.Left(address(model), WORKER, WORKER);
        vm.prank(WORKER);
        roster.delist(address(model));
        vm.assertEq(vault.free(address(0), WORKER), BOND, "bond");
        vm.assertEq(vault.held(address(0), address(roster)), 0, "nothing held");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Infer), 0, "inferences");
        vm.assertEq(roster.waiting(address(model), IModel.JobKind.Train), 0, "trainings");
    }

    function test_expel_takesOnlyTheSilentOff() public {
        enlistAs(WORKER, 3);
        uint256 until = block.number + roster.SILENCE_BLOCKS();
        vm.roll(until);
        vm.expectRevert(abi.encodeWithSelector(IRoster.StillThere.selector, WORKER, until));
        roster.expel(address(model), WORKER);
        vm.prank(WORKER);
        roster.renew(address(model));
        vm.roll(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IRoster.StillThere.selector, WORKER, 2 * until - 1000));
        roster.expel(address(model), WORKER);
        vm.roll(2 * until - 1000 + 1);
        vm.expectEmit(true, true, true, true, address(roster));
        emit IRoster.Left(address(model), WORKER, USER);
        vm.prank(USER);
        roster.expel(address(model), WORKER);
        vm.assertEq(vault.free(address(0), WORKER), BOND, "its bond is its own");
    }

    // ─── Whose turn it is ────────────────────────────────────────────────────────────────────────────────────────

    function test_turn_isAnybodysWhereNobodyWaits() public {
        enlistAs(workerAt(0), TRAIN);
        uint64 id = openInference();
        vm.assertEq(turnOf(id, WORKER), block.timestamp, "at once");
        claimAs(WORKER, id);
    }

    /// @dev Each worker's place is what this says, from 0 to one below how many wait; who has another kind, came later or
    /// does not wait goes after the last.
    function test_turn_isDrawnByTheBlocksHash() public {
        crowd(5, INFER);
        enlistAs(workerAt(8), TRAIN);
        uint64 id = openInference();
        (uint256 opened, uint256 drawn) = (block.timestamp, block.number);
        vm.assertEq(turnOf(id, workerAt(0)), type(uint256).max, "not drawn yet");
        refusesClaim(workerAt(0), id);
        nextBlock();
        enlistAs(workerAt(9), INFER);
        bytes32 hash = blockhash(drawn);
        for (uint256 i; i < 5; ++i) {
            uint256 ticket = uint128(uint256(keccak256(abi.encode(id, workerAt(i), hash))));
            uint256 place = ticket * 6 / 2 ** 128;
            vm.assertLt(place, 6, "a place there is");
            vm.assertEq(turnOf(id, workerAt(i)), opened + place * GRACE, "turn");
        }
        vm.assertEq(turnOf(id, workerAt(8)), opened + 6 * GRACE, "another kind");
        vm.assertEq(turnOf(id, workerAt(9)), opened + 6 * GRACE, "came too late to be drawn");
        vm.assertEq(turnOf(id, WORKER), opened + 6 * GRACE, "does not wait");
    }

    function test_turn_fallsToTheNextAfterAGraceTime() public {
        crowd(5, INFER);
        uint64 id = openInference();
        nextBlock();
        for (uint256 i; i < 5; ++i) {
            address worker = workerAt(i);
            uint256 from = turnOf(id, worker);
            if (from > block.timestamp) refusesClaim(worker, id);
        }
        refusesClaim(WORKER, id);
        uint256 state = vm.snapshotState();
        for (uint256 i; i < 5; ++i) {
            uint256 from = turnOf(id, workerAt(i));
            if (from > block.timestamp) {
                vm.warp(from - 1);
                refusesClaim(workerAt(i), id);
                vm.warp(from);
            }
            vm.roll(block.number + 1);
            claimAs(workerAt(i), id);
            vm.assertEq(jobs.jobOf(id).worker, workerAt(i), "worker");
            vm.assertEq(roster.seatOf(address(model), workerAt(i)).seen, block.number, "was seen");
            vm.revertToState(state);
            state = vm.snapshotState();
        }
        vm.warp(jobs.jobOf(id).openedAt + 5 * GRACE);
        claimAs(WORKER, id);
        vm.assertEq(roster.seatOf(address(model), WORKER).seen, 0, "who does not wait gets no place by it");
    }

    function test_turn_isAnybodysAfterTheLastPlace() public {
        crowd(40, INFER);
        uint64 id = openInference();
        uint256 opened = block.timestamp;
        nextBlock();
        uint256 last = opened + roster.PLACES() * GRACE;
        bool someWaitLongest;
        for (uint256 i; i < 40; ++i) {
            vm.assertLe(turnOf(id, workerAt(i)), last, "nobody waits longer");
            someWaitLongest = someWaitLongest || turnOf(id, workerAt(i)) == last;
        }
        vm.assertTrue(someWaitLongest, "some wait that long");
        vm.assertEq(turnOf(id, WORKER), last, "nor do others");
    }

    function test_turn_ofABlockThatTheChainForgotIsEveryWaitersAtOnce() public {
        crowd(3, INFER);
        uint64 id = openInference();
        uint256 opened = block.timestamp;
        vm.roll(block.number + 10_000);
        vm.assertEq(turnOf(id, workerAt(1)), opened, "theirs");
        vm.assertEq(turnOf(id, WORKER), opened + 3 * GRACE, "others' later");
    }

    function test_turn_isNotWaitedForAtAnOwnJob() public {
        crowd(3, INFER);
        uint64 id = openInference();
        claimAs(USER, id);
        vm.assertEq(jobs.jobOf(id).worker, USER, "own");
    }

    /// @dev Each of ten workers is first about as often as chance has it.
    function test_turn_isFair() public {
        crowd(10, INFER);
        uint256[] memory first = new uint256[](10);
        uint256 jobCount = 300;
        for (uint256 n; n < jobCount; ++n) {
            uint64 id = openInference();
            uint256 opened = block.timestamp;
            vm.setBlockhash(block.number, keccak256(abi.encode("block", n)));
            nextBlock();
            for (uint256 i; i < 10; ++i) {
                if (turnOf(id, workerAt(i)) == opened) ++first[i];
            }
        }
        for (uint256 i; i < 10; ++i) {
            // The standard deviation is 5.2.
            vm.assertApproxEqAbs(first[i], 30, 18, "share of first places");
        }
    }

    function test_turn_isDrawnAnewWhenALeaseLapses() public {
        crowd(3, INFER);
        uint64 id = openInference();
        nextBlock();
        vm.warp(block.timestamp + 3 * GRACE);
        claimAs(workerAt(0), id);
        nextBlock();
        vm.warp(block.timestamp + INFER_LEASE);
        jobs.lapse(id);
        vm.assertEq(jobs.jobOf(id).claimBlock, block.number, "draws anew");
        vm.assertEq(jobs.jobOf(id).claimedAt, block.timestamp, "turns count from now");
        vm.assertEq(turnOf(id, workerAt(1)), type(uint256).max, "not drawn yet");
    }

    function test_take_isForTheContractOfJobs() public {
        vm.expectRevert(abi.encodeWithSelector(IRoster.OnlyJobs.selector, address(this)));
        roster.take(address(model), IModel.JobKind.Infer, 1, WORKER, 0, 0);
    }

    // ─── Audits ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_audit_isShownOnceTheWorkerHasCommitted() public {
        uint64 id = openInference();
        bytes32 output = result(id).output;
        vm.expectRevert(abi.encodeWithSelector(IJobs.OnlyRequester.selector, id, USER));
        jobs.revealAudit(id, output, "salt");
        vm.expectRevert(abi.encodeWithSelector(IJobs.WrongState.selector, id, IJobs.State.Open));
        vm.prank(USER);
        jobs.revealAudit(id, output, "salt");
        claimAs(WORKER, id);
        vm.expectRevert(abi.encodeWithSelector(IJobs.WrongState.selector, id, IJobs.State.Claimed));
        vm.prank(USER);
        jobs.revealAudit(id, output, "salt");
        nextBlock();
        commitAs(WORKER, id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.AuditRevealed(id, address(model), WORKER, output, "salt");
        vm.prank(USER);
        jobs.revealAudit(id, output, "salt");
    }
}
