// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJury} from "../src/interfaces/IJury.sol";
import {IRandomness} from "../src/interfaces/IRandomness.sol";
import {Court} from "./Court.sol";

/// @notice Who is drawn: a function of the block's hash, the case and the list; never a party, nobody without stake.
contract JuryDrawTest is Court {
    bytes32 internal constant CLAIMED = keccak256("claimed");

    /// @dev Draws with a given hash of the target's block.
    function _drawWith(uint64 id, bytes32 hash) internal returns (address[] memory jurors) {
        uint256 target = jury.caseOf(id).target;
        vm.roll(target + 1);
        vm.setBlockhash(target, hash);
        jury.draw(id);
        (jurors,) = jury.jury(id);
    }

    function _assertStage(uint64 id, IJury.Stage stage) internal view {
        vm.assertEq(uint256(jury.caseOf(id).stage), uint256(stage), "stage");
    }

    // ─── Opening ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_open_onlyByTheCourts() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.OnlyCourt.selector, address(this)));
        jury.open(WORKER, DOUBTER, 3, JURY_PHASE, CLAIMED);
        address[2] memory courts = [address(jobs), address(scores)];
        for (uint64 i; i < 2; ++i) {
            vm.expectEmit(true, true, true, true, address(jury));
            emit IJury.CaseOpened(i + 1, WORKER, DOUBTER, CLAIMED, uint64(block.number) + 1);
            vm.prank(courts[i]);
            vm.assertEq(jury.open(WORKER, DOUBTER, 3, JURY_PHASE, CLAIMED), i + 1, "cases are numbered from 1");
        }
        vm.assertEq(jury.caseCount(), 2, "cases");
        vm.assertEq(jury.pendingDraws(), 2, "draws");
    }

    function test_draw_waitsForTheBlockAfterTheNext() public {
        seat(3);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        uint64 target = uint64(block.number) + 1;
        vm.assertEq(jury.caseOf(id).target, target, "target");
        vm.roll(target);
        vm.expectRevert(abi.encodeWithSelector(IRandomness.RandomnessNotYet.selector, target, target));
        jury.draw(id);
        vm.roll(target + 1);
        uint64 commitUntil = uint64(block.timestamp) + JURY_PHASE;
        uint256 state = vm.snapshotState();
        jury.draw(id);
        (address[] memory jurors,) = jury.jury(id);
        vm.revertToState(state);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JuryDrawn(id, jurors, commitUntil, commitUntil + JURY_PHASE);
        vm.prank(USER);
        jury.draw(id);
        _assertStage(id, IJury.Stage.Voting);
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongStage.selector, id, IJury.Stage.Voting));
        jury.draw(id);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongStage.selector, id + 1, IJury.Stage.None));
        jury.draw(id + 1);
    }

    /// @dev Once the chain has forgotten the block, another one decides among the same auditors.
    function test_draw_asksAgainWhenTheHashIsGone() public {
        seat(3);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        registerAs(auditorAt(3), STAKE);
        vm.roll(jury.caseOf(id).target + 257);
        uint64 target = uint64(block.number) + 1;
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseOpened(id, WORKER, DOUBTER, CLAIMED, target);
        jury.draw(id);
        _assertStage(id, IJury.Stage.Drawing);
        vm.assertEq(jury.caseOf(id).target, target, "target");
        vm.assertEq(jury.caseOf(id).eligible, 3, "the same auditors");
        vm.assertEq(jury.pendingDraws(), 1, "still one draw");
        address[] memory jurors = draw(id);
        for (uint256 i; i < 3; ++i) {
            vm.assertTrue(jurors[i] != auditorAt(3), "a later auditor was drawn");
        }
    }

    // ─── The lot ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Written as a reader of the chain would write it: a shuffle of the list, of which the first who may judge
    /// are taken.
    function _shuffled(uint256 count, bytes32 hash, uint64 id) internal pure returns (address[] memory list) {
        list = new address[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = auditorAt(i);
        }
        for (uint256 i; i < count; ++i) {
            uint256 other = i + uint256(keccak256(abi.encode(hash, id, i))) % (count - i);
            (list[i], list[other]) = (list[other], list[i]);
        }
    }

    function testFuzz_draw_followsFromTheHash(bytes32 hash, uint256 count) public {
        vm.assume(hash != 0);
        count = bound(count, 21, 60);
        seat(count);
        uint8[3] memory sizes = [3, 5, 21];
        for (uint256 i; i < 3; ++i) {
            uint256 state = vm.snapshotState();
            uint64 id = openCase(WORKER, DOUBTER, sizes[i], CLAIMED);
            address[] memory expected = _shuffled(count, hash, id);
            address[] memory jurors = _drawWith(id, hash);
            vm.assertEq(jurors.length, sizes[i], "jurors");
            for (uint256 j; j < jurors.length; ++j) {
                vm.assertEq(jurors[j], expected[j], "juror");
            }
            vm.revertToState(state);
        }
    }

    /// @dev Every auditor has its turn: of 2,000 juries of three among nine, each sits on a third, give or take.
    function test_draw_isEven() public {
        seat(9);
        uint256[9] memory turns;
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        for (uint256 i; i < 2000; ++i) {
            uint256 state = vm.snapshotState();
            address[] memory jurors = _drawWith(id, keccak256(abi.encode(i)));
            vm.revertToState(state);
            for (uint256 j; j < 3; ++j) {
                ++turns[uint160(jurors[j]) - uint160(auditorAt(0))];
            }
        }
        for (uint256 i; i < 9; ++i) {
            vm.assertApproxEqAbs(turns[i], 667, 90, "turns");
        }
    }

    // ─── Who may judge ───────────────────────────────────────────────────────────────────────────────────────────

    function _assertFit(uint64 id, address[] memory jurors) internal view {
        for (uint256 i; i < jurors.length; ++i) {
            vm.assertTrue(jurors[i] != WORKER && jurors[i] != DOUBTER, "a party was drawn");
            vm.assertTrue(jurors[i] != USER, "who came later was drawn");
            IJury.Auditor memory a = jury.auditor(jurors[i]);
            vm.assertGe(a.stake, a.cases * uint256(STAKE), "a juror has no stake for this case");
            for (uint256 j; j < i; ++j) {
                vm.assertTrue(jurors[i] != jurors[j], "a juror was drawn twice");
            }
        }
        vm.assertEq(jury.caseOf(id).size, jurors.length, "size");
    }

    /// @dev Parties, busy auditors and later ones among the others, in any number. An odd number is drawn: all that
    /// were asked for, or as many as there are.
    function testFuzz_draw_onlyWhoMayJudge(bytes32 hash, uint256 count, uint8 size, uint8 busy) public {
        vm.assume(hash != 0);
        count = bound(count, 0, 30);
        size = uint8(3 + 2 * bound(size, 0, 9));
        registerAs(WORKER, 10 * STAKE);
        registerAs(DOUBTER, 10 * STAKE);
        seat(count);
        uint256 able = count;
        if (count >= 3) {
            uint64 other = openCase(WORKER, DOUBTER, uint8(3 + 2 * bound(busy, 0, 3)), CLAIMED);
            able -= _drawWith(other, ~hash).length;
        }
        uint64 id = openCase(WORKER, DOUBTER, size, CLAIMED);
        registerAs(USER, 10 * STAKE);
        address[] memory jurors = _drawWith(id, hash);
        uint256 expected = able < size ? able : size;
        if (expected % 2 == 0 && expected != 0) --expected;
        if (expected < 3) {
            vm.assertEq(jurors.length, 0, "fewer than three are no jury");
            _assertStage(id, IJury.Stage.Closed);
            vm.assertEq(uint256(jury.outcome(id)), uint256(IJury.Outcome.Undecided), "outcome");
        } else {
            vm.assertEq(jurors.length, expected, "jurors");
            _assertFit(id, jurors);
        }
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
    }

    function test_draw_ofFewerThanThreeIsUndecided() public {
        for (uint256 count; count < 3; ++count) {
            seat(count);
            uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
            nextBlock();
            nextBlock();
            vm.expectEmit(true, true, true, true, address(jury));
            emit IJury.CaseClosed(id, IJury.Outcome.Undecided, 0);
            jury.draw(id);
            for (uint256 i; i < count; ++i) {
                vm.assertEq(jury.auditor(auditorAt(i)).cases, 0, "nobody waits for it");
            }
        }
    }

    /// @dev Each stake is for one case at a time.
    function test_draw_wantsAStakeForEachCase() public {
        for (uint256 i; i < 3; ++i) {
            registerAs(auditorAt(i), 2 * STAKE);
        }
        for (uint256 i = 1; i <= 2; ++i) {
            vm.assertEq(draw(openCase(WORKER, DOUBTER, 3, CLAIMED)).length, 3, "jurors");
            vm.assertEq(jury.auditor(auditorAt(0)).cases, i, "cases");
        }
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        vm.assertEq(draw(id).length, 0, "all are busy");
        vm.assertEq(uint256(jury.outcome(id)), uint256(IJury.Outcome.Undecided), "outcome");
    }

    // ─── Long lists ──────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev 256 are shuffled still; beyond, places are tried.
    function test_draw_atTheEndOfTheShuffle() public {
        seat(256);
        bytes32 hash = keccak256("hash");
        uint64 id = openCase(WORKER, DOUBTER, 21, CLAIMED);
        address[] memory expected = _shuffled(256, hash, id);
        address[] memory jurors = _drawWith(id, hash);
        for (uint256 i; i < 21; ++i) {
            vm.assertEq(jurors[i], expected[i], "juror");
        }
    }

    /// forge-config: default.fuzz.runs = 40
    function testFuzz_draw_fromALongList(bytes32 hash) public {
        vm.assume(hash != 0);
        registerAs(WORKER, STAKE);
        registerAs(DOUBTER, STAKE);
        seat(298);
        uint8[3] memory sizes = [3, 5, 21];
        for (uint256 i; i < 3; ++i) {
            uint256 state = vm.snapshotState();
            uint64 id = openCase(WORKER, DOUBTER, sizes[i], CLAIMED);
            registerAs(USER, STAKE);
            address[] memory all = jury.auditors(0, 300);
            address[] memory jurors = _drawWith(id, hash);
            vm.assertEq(jurors.length, sizes[i], "jurors");
            _assertFit(id, jurors);
            // Each is the next new one of the places that the hash names.
            uint256 found;
            for (uint256 j; found < jurors.length; ++j) {
                address next = all[uint256(keccak256(abi.encode(hash, id, j))) % 300];
                if (next == WORKER || next == DOUBTER || _isAmong(jurors, found, next)) continue;
                vm.assertEq(jurors[found++], next, "juror");
            }
            vm.revertToState(state);
        }
    }

    function _isAmong(address[] memory list, uint256 count, address account) internal pure returns (bool) {
        for (uint256 i; i < count; ++i) {
            if (list[i] == account) return true;
        }
        return false;
    }

    /// @dev Places are tried a bounded number of times: where nearly all are busy, the case ends undecided.
    function test_draw_givesUpOnABusyList() public {
        seat(257);
        uint64[] memory cases = new uint64[](14);
        // Juries of 21, until too few of the list are left to be found by chance.
        uint256 busy;
        for (uint256 i; i < cases.length; ++i) {
            cases[i] = openCase(WORKER, DOUBTER, 21, CLAIMED);
            address[] memory jurors = _drawWith(cases[i], keccak256(abi.encode(i)));
            vm.assertTrue(jurors.length == 0 || jurors.length % 2 == 1, "an odd number");
            busy += jurors.length;
        }
        uint256 sum;
        for (uint256 i; i < 257; ++i) {
            vm.assertLe(jury.auditor(auditorAt(i)).cases, 1, "one stake, one case");
            sum += jury.auditor(auditorAt(i)).cases;
        }
        vm.assertEq(sum, busy, "each juror counts its case");
        vm.assertGe(busy, 200, "most were found");
    }
}
