// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {Court} from "./Court.sol";

/// @notice Juries and seeds whose block is older than `BLOCKHASH` reaches. The history contract of EIP-2935 stands where
/// it stands on chains, with the code that is there: it is written to by the system's call alone, and reverts for a block
/// that it has forgotten.
contract HistoryTest is Court {
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    address internal constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    bytes internal constant CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    /// @dev Blocks after which `BLOCKHASH` has forgotten one, and the history contract too.
    uint256 internal constant RECENT = 256;
    uint256 internal constant SERVED = 8191;

    bytes32 internal constant HASH = keccak256("hash of the block");
    bytes32 internal constant CLAIMED = keccak256("claimed");

    /// @dev As at the beginning of the next block on a chain that has the contract.
    function _remember(uint256 number, bytes32 hash) internal {
        vm.etch(HISTORY, CODE);
        vm.roll(number + 1);
        vm.prank(SYSTEM);
        (bool success,) = HISTORY.call(abi.encode(hash));
        vm.assertTrue(success, "the history was not written");
    }

    function _forgetHistory() internal {
        vm.etch(HISTORY, "");
    }

    // ─── Juries ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Of nine auditors, as `JuryDraw.t.sol` has it: a shuffle of the list, of which the first three are taken.
    function _expected(bytes32 hash, uint64 id) internal pure returns (address[] memory list) {
        list = new address[](9);
        for (uint256 i; i < 9; ++i) {
            list[i] = auditorAt(i);
        }
        for (uint256 i; i < 3; ++i) {
            uint256 other = i + uint256(keccak256(abi.encode(hash, id, i))) % (9 - i);
            (list[i], list[other]) = (list[other], list[i]);
        }
    }

    /// @dev Draws a case `age` blocks after its target: by the history if it has that block, else not at all.
    function _drawAt(uint64 id, uint256 age, bytes32 hash) internal {
        uint64 target = jury.caseOf(id).target;
        _remember(target, hash);
        vm.roll(target + age);
        vm.assertEq(blockhash(target), bytes32(0), "BLOCKHASH reaches it");
        if (age <= SERVED) {
            uint256 state = vm.snapshotState();
            _forgetHistory();
            _assertAsksAgain(id);
            vm.revertToState(state);
            jury.draw(id);
            (address[] memory jurors,) = jury.jury(id);
            address[] memory expected = _expected(hash, id);
            vm.assertEq(jurors.length, 3, "jurors");
            for (uint256 i; i < 3; ++i) {
                vm.assertEq(jurors[i], expected[i], "juror");
            }
        } else {
            _assertAsksAgain(id);
        }
    }

    function _assertAsksAgain(uint64 id) internal {
        uint64 target = uint64(block.number) + 1;
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseOpened(id, WORKER, DOUBTER, CLAIMED, target);
        jury.draw(id);
        vm.assertEq(uint256(jury.caseOf(id).stage), uint256(IJury.Stage.Drawing), "stage");
        vm.assertEq(jury.caseOf(id).target, target, "target");
        vm.assertEq(jury.pendingDraws(), 1, "a draw waits");
    }

    function testFuzz_draw_readsTheHistory(uint256 age, bytes32 hash) public {
        vm.assume(hash != 0);
        seat(9);
        _drawAt(openCase(WORKER, DOUBTER, 3, CLAIMED), bound(age, RECENT + 1, 2 * SERVED), hash);
    }

    function test_draw_readsTheHistoryUpToItsEnd() public {
        seat(9);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        uint256 state = vm.snapshotState();
        _drawAt(id, RECENT + 1, HASH);
        vm.revertToState(state);
        _drawAt(id, SERVED, HASH);
        vm.revertToState(state);
        _drawAt(id, SERVED + 1, HASH);
        // And asks for nothing in vain: the next block's hash is there.
        vm.roll(block.number + 2);
        jury.draw(id);
        vm.assertEq(uint256(jury.caseOf(id).stage), uint256(IJury.Stage.Voting), "stage");
    }

    /// @dev Of a second jury as of the first.
    function test_redraw_readsTheHistoryUpToItsEnd() public {
        seat(9);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        _drawAt(id, SERVED, HASH);
        (address[] memory jurors,) = jury.jury(id);
        bytes32[] memory findings = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            findings[i] = keccak256(abi.encode(i));
        }
        vote(id, jurors, findings);
        vm.assertTrue(jury.caseOf(id).redrawn, "a second jury is asked for");
        uint256 state = vm.snapshotState();
        _drawAt(id, RECENT + 1, ~HASH);
        vm.revertToState(state);
        _drawAt(id, SERVED, ~HASH);
        vm.revertToState(state);
        _drawAt(id, SERVED + 1, ~HASH);
        vm.assertTrue(jury.caseOf(id).redrawn, "it is the second jury still");
    }

    // ─── Seeds ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A training that can be committed at any time.
    function _started() internal returns (uint64 id, uint256 claimBlock) {
        id = startAs(WORKER, 5);
        claimBlock = jobs.jobOf(id).claimBlock;
    }

    function _refusesSeed(uint64 id) internal {
        bytes memory refusal = abi.encodeWithSelector(IJobs.SeedGone.selector, id);
        vm.expectRevert(refusal);
        jobs.drawSeed(id);
        vm.prank(WORKER);
        vm.expectRevert(refusal);
        jobs.commit(id, result(id));
    }

    function testFuzz_seed_readsTheHistory(uint256 age, bytes32 hash) public {
        vm.assume(hash != 0);
        (uint64 id, uint256 claimBlock) = _started();
        _remember(claimBlock, hash);
        age = bound(age, RECENT + 1, 2 * SERVED);
        vm.roll(claimBlock + age);
        vm.assertEq(blockhash(claimBlock), bytes32(0), "BLOCKHASH reaches it");
        if (age > SERVED) return _refusesSeed(id);
        uint256 state = vm.snapshotState();
        _forgetHistory();
        _refusesSeed(id);
        vm.revertToState(state);
        vm.assertEq(jobs.drawSeed(id), keccak256(abi.encode(id, WORKER, hash)), "seed");
    }

    /// @dev The commitment that draws its own seed reads it too.
    function test_seed_readsTheHistoryUpToItsEnd() public {
        (uint64 id, uint256 claimBlock) = _started();
        _remember(claimBlock, HASH);
        vm.roll(claimBlock + SERVED + 1);
        _refusesSeed(id);
        vm.roll(claimBlock + SERVED);
        vm.prank(WORKER);
        jobs.commit(id, result(id));
        vm.assertEq(jobs.seedOf(id), keccak256(abi.encode(id, WORKER, HASH)), "seed");
    }

    /// @dev A late revelation names the draw as long as anybody can read it, and zero after that.
    function test_reveal_readsTheHistoryUpToItsEnd() public {
        (uint64 id,) = _started();
        vm.prank(WORKER);
        jobs.commit(id, result(id));
        uint256 commitBlock = jobs.jobOf(id).commitBlock;
        _remember(commitBlock, HASH);
        uint256 state = vm.snapshotState();
        for (uint256 i; i < 2; ++i) {
            vm.roll(commitBlock + SERVED + i);
            vm.expectEmit(true, true, true, true, address(jobs));
            emit IJobs.JobRevealed(id, address(model), WORKER, i == 0 ? HASH : bytes32(0), "");
            vm.prank(WORKER);
            jobs.reveal(id, result(id), "");
            vm.revertToState(state);
        }
    }
}
