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
        seat(3);
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

    /// @dev With fewer than three who could judge there is no case, whatever the parties have at stake.
    function test_open_wantsThreeWhoCouldJudge() public {
        registerAs(WORKER, STAKE);
        registerAs(DOUBTER, 5 * STAKE);
        for (uint256 count; count < 3; ++count) {
            vm.prank(address(jobs));
            vm.expectRevert(abi.encodeWithSelector(IJury.TooFewAuditors.selector, count, 3));
            jury.open(WORKER, DOUBTER, 3, JURY_PHASE, CLAIMED);
            registerAs(auditorAt(count), STAKE);
        }
        uint64 id = openCase(WORKER, DOUBTER, 21, CLAIMED);
        vm.assertEq(draw(id).length, 3, "three are enough for a larger jury too");
    }

    /// @dev Whoever registers, stakes more, is slashed or leaves: those who could judge are counted right.
    function testFuzz_open_countsThoseWhoCouldJudge(uint256 seed, bool worker, bool doubter) public {
        uint256 expected = _comeAndGo(seed);
        if (worker) registerAs(WORKER, STAKE);
        if (doubter) registerAs(DOUBTER, STAKE);
        vm.assertEq(jury.ableCount(), expected + (worker ? 1 : 0) + (doubter ? 1 : 0), "able");
        vm.prank(address(jobs));
        if (expected < 3) vm.expectRevert(abi.encodeWithSelector(IJury.TooFewAuditors.selector, expected, 3));
        jury.open(WORKER, DOUBTER, 3, JURY_PHASE, CLAIMED);
    }

    /// @dev Eight auditors of one or two stakes, of whom some lose one, some put one down again, and some leave. How many
    /// have one left.
    function _comeAndGo(uint256 seed) internal returns (uint256 able) {
        for (uint256 i; i < 8; ++i) {
            registerAs(auditorAt(i), (seed >> i) & 1 == 0 ? STAKE : 2 * STAKE);
        }
        uint64 id = openCase(WORKER, DOUBTER, 7, CLAIMED);
        address[] memory jurors = draw(id);
        bytes32[] memory findings = new bytes32[](7);
        for (uint256 i; i < 7; ++i) {
            if ((seed >> (8 + i)) & 3 == 0) findings[i] = CLAIMED;
        }
        vote(id, jurors, findings);
        if (jury.pendingDraws() != 0) draw(id);
        // Past the end of a second jury.
        if (jury.caseOf(id).stage == IJury.Stage.Voting) vote(id, new address[](0), findings);
        for (uint256 i; i < 8; ++i) {
            if ((seed >> (32 + i)) & 3 == 0) registerAs(auditorAt(i), STAKE);
            if ((seed >> (48 + i)) & 3 == 0) {
                vm.startPrank(auditorAt(i));
                jury.requestExit();
                vm.warp(block.timestamp + 7 days);
                jury.exit();
                vm.stopPrank();
            }
            if (jury.auditor(auditorAt(i)).stake >= STAKE) ++able;
        }
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
        count = bound(count, 3, 30);
        size = uint8(3 + 2 * bound(size, 0, 9));
        registerAs(WORKER, 10 * STAKE);
        registerAs(DOUBTER, 10 * STAKE);
        seat(count);
        uint64 other = openCase(WORKER, DOUBTER, uint8(3 + 2 * bound(busy, 0, 3)), CLAIMED);
        uint256 able = count - _drawWith(other, ~hash).length;
        uint64 id = openCase(WORKER, DOUBTER, size, CLAIMED);
        registerAs(USER, 10 * STAKE);
        address[] memory jurors = _drawWith(id, hash);
        uint256 expected = able < size ? able : size;
        if (expected % 2 == 0 && expected != 0) --expected;
        if (expected < 3) {
            vm.assertEq(jurors.length, 0, "fewer than three are no jury");
            _assertWaits(id);
            return;
        }
        vm.assertEq(jurors.length, expected, "jurors");
        _assertFit(id, jurors);
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
    }

    // ─── Waiting ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A case that too few were free for asks for another block, and for all auditors of now.
    function _assertWaits(uint64 id) internal view {
        _assertStage(id, IJury.Stage.Drawing);
        vm.assertEq(uint256(jury.outcome(id)), uint256(IJury.Outcome.Pending), "outcome");
        vm.assertEq(jury.caseOf(id).target, block.number + 25, "two dozen blocks later");
        vm.assertEq(jury.caseOf(id).eligible, jury.auditorCount(), "eligible");
        vm.assertEq(jury.pendingDraws(), 1, "a draw waits");
    }

    function _drawOnce(uint64 id) internal {
        vm.roll(jury.caseOf(id).target + 1);
        jury.draw(id);
    }

    function _votes(bytes32 a, bytes32 b, bytes32 c) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    /// @dev Each stake is for one case at a time; who has none left is waited for, and cannot leave meanwhile.
    function test_draw_wantsAStakeForEachCase() public {
        for (uint256 i; i < 3; ++i) {
            registerAs(auditorAt(i), 2 * STAKE);
        }
        uint64[2] memory ids;
        for (uint256 i; i < 2; ++i) {
            ids[i] = openCase(WORKER, DOUBTER, 3, CLAIMED);
            vm.assertEq(draw(ids[i]).length, 3, "jurors");
            vm.assertEq(jury.auditor(auditorAt(0)).cases, i + 1, "cases");
        }
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        nextBlock();
        nextBlock();
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseOpened(id, WORKER, DOUBTER, CLAIMED, uint64(block.number) + 25);
        jury.draw(id);
        _assertWaits(id);
        (address[] memory jurors,) = jury.jury(ids[0]);
        vote(ids[0], jurors, _votes(CLAIMED, CLAIMED, CLAIMED));
        vm.prank(auditorAt(0));
        jury.requestExit();
        uint64 exitAt = jury.auditor(auditorAt(0)).exitAt;
        vm.warp(exitAt);
        vm.prank(auditorAt(0));
        vm.expectRevert(abi.encodeWithSelector(IJury.CannotLeaveYet.selector, exitAt, 1, 1));
        jury.exit();
        vm.assertEq(draw(id).length, 3, "whom it waited for");
    }

    /// @dev Who comes while a case waits may judge it.
    function test_draw_takesThoseWhoComeWhileItWaits() public {
        seat(3);
        draw(openCase(WORKER, DOUBTER, 3, CLAIMED));
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        for (uint256 i = 3; i < 6; ++i) {
            registerAs(auditorAt(i), STAKE);
        }
        _drawOnce(id);
        _assertWaits(id);
        address[] memory jurors = draw(id);
        vm.assertEq(jurors.length, 3, "jurors");
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(jury.auditor(jurors[i]).cases, 1, "one case");
            vm.assertGt(jury.auditor(jurors[i]).place, 3, "who was free");
        }
    }

    /// @dev Once too few are left who could judge at all, nothing is worth waiting for.
    function test_draw_isUndecidedWhenTooFewAreLeft() public {
        seat(3);
        uint64 first = openCase(WORKER, DOUBTER, 3, CLAIMED);
        address[] memory jurors = draw(first);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        _drawOnce(id);
        _assertWaits(id);
        vote(first, jurors, _votes(CLAIMED, 0, CLAIMED));
        vm.assertEq(jury.ableCount(), 2, "who lost its stake is no auditor any more");
        vm.roll(jury.caseOf(id).target + 1);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseClosed(id, IJury.Outcome.Undecided, 0);
        jury.draw(id);
        _assertStage(id, IJury.Stage.Closed);
        vm.assertEq(uint256(jury.outcome(id)), uint256(IJury.Outcome.Undecided), "outcome");
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(jury.auditor(auditorAt(i)).cases, 0, "nobody waits for it");
        }
    }

    /// @dev However many cases wait for however few auditors: each is drawn in the end, as long as jurors vote.
    /// forge-config: default.fuzz.runs = 200
    function testFuzz_draw_everyCaseHasItsTurn(uint256 seed, uint256 count) public {
        count = bound(count, 3, 9);
        seat(count);
        uint64[] memory open = new uint64[](6);
        for (uint256 i; i < open.length; ++i) {
            open[i] = openCase(WORKER, DOUBTER, uint8(3 + 2 * (uint256(keccak256(abi.encode(seed, i))) % 3)), CLAIMED);
        }
        uint256 turns;
        for (uint256 left = open.length; left != 0; ++turns) {
            uint256 i = uint256(keccak256(abi.encode(seed, "turn", turns))) % open.length;
            IJury.Stage stage = jury.caseOf(open[i]).stage;
            if (stage == IJury.Stage.Drawing) {
                if (block.number <= jury.caseOf(open[i]).target) _drawOnce(open[i]);
                else jury.draw(open[i]);
            } else if (stage == IJury.Stage.Voting) {
                (address[] memory jurors,) = jury.jury(open[i]);
                _assertFit(open[i], jurors);
                for (uint256 j; j < jurors.length; ++j) {
                    commitVoteAs(jurors[j], open[i], CLAIMED);
                }
                for (uint256 j; j < jurors.length; ++j) {
                    revealVoteAs(jurors[j], open[i], CLAIMED);
                }
                jury.close(open[i]);
                vm.assertEq(uint256(jury.outcome(open[i])), uint256(IJury.Outcome.Upheld), "outcome");
                --left;
            }
            vm.assertLt(turns, 1000, "a case waits for ever");
        }
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
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

    /// @dev Places are tried a bounded number of times: where nearly all are busy, the case waits.
    function test_draw_waitsOnABusyList() public {
        seat(257);
        // Juries of 21, until too few of the list are left to be found by chance.
        uint256 busy;
        uint64 waits;
        for (uint256 i; waits == 0; ++i) {
            uint64 id = openCase(WORKER, DOUBTER, 21, CLAIMED);
            address[] memory jurors = _drawWith(id, keccak256(abi.encode(i)));
            vm.assertTrue(jurors.length == 0 || jurors.length % 2 == 1, "an odd number");
            busy += jurors.length;
            if (jurors.length == 0) waits = id;
        }
        uint256 sum;
        for (uint256 i; i < 257; ++i) {
            vm.assertLe(jury.auditor(auditorAt(i)).cases, 1, "one stake, one case");
            sum += jury.auditor(auditorAt(i)).cases;
        }
        vm.assertEq(sum, busy, "each juror counts its case");
        vm.assertGe(busy, 200, "most were found");
        _assertWaits(waits);
        // The first jury is done, and twenty-one more can be found.
        (address[] memory first,) = jury.jury(1);
        bytes32[] memory findings = new bytes32[](first.length);
        for (uint256 i; i < first.length; ++i) {
            findings[i] = CLAIMED;
        }
        vote(1, first, findings);
        vm.assertGe(draw(waits).length, 3, "drawn in the end");
    }
}
