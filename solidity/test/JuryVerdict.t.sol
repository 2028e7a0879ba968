// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJury} from "../src/interfaces/IJury.sol";
import {Court} from "./Court.sol";

/// @notice What a jury decides, and what that costs its jurors.
contract JuryVerdictTest is Court {
    bytes32 internal constant CLAIMED = keccak256("claimed");
    bytes32 internal constant FOUND = keccak256("found");

    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function _drawn(uint8 size) internal returns (uint64 id, address[] memory jurors) {
        seat(size);
        id = openCase(WORKER, DOUBTER, size, CLAIMED);
        jurors = draw(id);
        vm.assertEq(jurors.length, size, "jurors");
    }

    function _findings(bytes32 a, bytes32 b, bytes32 c) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function _stakeOf(address account) internal view returns (uint256) {
        return jury.auditor(account).stake;
    }

    function _coins(address account) internal view returns (uint256) {
        return vault.free(address(0), account);
    }

    function _assertOutcome(uint64 id, IJury.Outcome outcome) internal view {
        vm.assertEq(uint256(jury.outcome(id)), uint256(outcome), "outcome");
    }

    // ─── Closing ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_close_whenAllRevealedOrTheirTimeIsOver() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        for (uint256 i; i < 3; ++i) {
            commitVoteAs(jurors[i], id, CLAIMED);
        }
        revealVoteAs(jurors[0], id, CLAIMED);
        revealVoteAs(jurors[1], id, CLAIMED);
        uint64 until = jury.caseOf(id).revealUntil;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IJury.OutOfTime.selector, id, until));
        jury.close(id);
        uint256 state = vm.snapshotState();
        revealVoteAs(jurors[2], id, CLAIMED);
        jury.close(id);
        _assertOutcome(id, IJury.Outcome.Upheld);
        vm.revertToState(state);
        vm.warp(until + 1);
        jury.close(id);
        _assertOutcome(id, IJury.Outcome.Upheld);
        vm.expectRevert(abi.encodeWithSelector(IJury.WrongStage.selector, id, IJury.Stage.Closed));
        jury.close(id);
        _refuses(jurors[2], abi.encodeWithSelector(IJury.WrongStage.selector, id, IJury.Stage.Closed));
        jury.revealVote(id, CLAIMED, SALT);
    }

    function test_close_unanimousCostsNobodyAnything() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        vote(id, jurors, _findings(CLAIMED, CLAIMED, CLAIMED));
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(_stakeOf(jurors[i]), STAKE, "stake");
            vm.assertEq(_coins(jurors[i]), 0, "nothing to share");
            vm.assertEq(jury.auditor(jurors[i]).cases, 0, "open cases");
            vm.assertEq(jury.majority(id)[i], jurors[i], "majority");
        }
    }

    function test_close_majorityTakesTheStakesOfTheOthers() public {
        (uint64 id, address[] memory jurors) = _drawn(5);
        bytes32[] memory findings = new bytes32[](5);
        // One who found something else, one who was silent; two stakes for three, with a rest.
        (findings[0], findings[2], findings[3], findings[4]) = (CLAIMED, FOUND, FOUND, FOUND);
        for (uint256 i; i < 5; ++i) {
            if (findings[i] != 0) commitVoteAs(jurors[i], id, findings[i]);
        }
        vm.warp(jury.caseOf(id).commitUntil + 1);
        for (uint256 i; i < 5; ++i) {
            if (findings[i] != 0) revealVoteAs(jurors[i], id, findings[i]);
        }
        vm.warp(jury.caseOf(id).revealUntil + 1);
        for (uint256 i; i < 2; ++i) {
            vm.expectEmit(true, true, true, true, address(jury));
            emit IJury.JurorSlashed(id, jurors[i], STAKE);
        }
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseClosed(id, IJury.Outcome.Refuted, FOUND);
        jury.close(id);
        _assertOutcome(id, IJury.Outcome.Refuted);
        vm.assertEq(_coins(jurors[2]), 33_333_333_333_333_334, "the first of them has the rest");
        vm.assertEq(_coins(jurors[3]), 33_333_333_333_333_333, "a third of two stakes");
        vm.assertEq(_coins(jurors[4]), 33_333_333_333_333_333, "a third of two stakes");
        vm.assertEq(_stakeOf(jurors[0]) + _stakeOf(jurors[1]), 0, "both stakes are gone");
        vm.assertEq(jury.majority(id).length, 3, "majority");
        vm.assertEq(vault.held(address(0), address(jury)), 3 * uint256(STAKE), "what is still at stake");
    }

    /// @dev Votes count against the whole jury: two of five who agree are no majority, even when nobody else speaks.
    function test_close_wantsMoreThanHalfOfTheWholeJury() public {
        (uint64 id, address[] memory jurors) = _drawn(5);
        bytes32[] memory findings = new bytes32[](5);
        (findings[0], findings[4]) = (FOUND, FOUND);
        vote(id, jurors, findings);
        _assertOutcome(id, IJury.Outcome.Pending);
        vm.assertEq(uint256(jury.caseOf(id).stage), uint256(IJury.Stage.Drawing), "another jury is drawn");
        vm.assertEq(_coins(jurors[0]), 3 * STAKE / 2, "half of three stakes");
        vm.assertEq(_coins(jurors[4]), 3 * STAKE / 2, "half of three stakes");
        vm.assertEq(jury.majority(id).length, 0, "no majority");
    }

    // ─── Second jury ─────────────────────────────────────────────────────────────────────────────────────────────

    function test_redraw_silentOnesPayThoseWhoSpoke() public {
        registerAs(auditorAt(3), STAKE);
        registerAs(auditorAt(4), STAKE);
        (uint64 id, address[] memory jurors) = _drawn(3);
        for (uint256 i; i < 2; ++i) {
            commitVoteAs(jurors[i], id, keccak256(abi.encode(i)));
        }
        vm.warp(jury.caseOf(id).commitUntil + 1);
        for (uint256 i; i < 2; ++i) {
            revealVoteAs(jurors[i], id, keccak256(abi.encode(i)));
        }
        vm.warp(jury.caseOf(id).revealUntil + 1);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorSlashed(id, jurors[2], STAKE);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.CaseOpened(id, WORKER, DOUBTER, CLAIMED, uint64(block.number) + 1);
        jury.close(id);
        vm.assertEq(_coins(jurors[0]), STAKE / 2, "half of the silent one's");
        vm.assertEq(_coins(jurors[1]), STAKE / 2, "half of the silent one's");
        vm.assertEq(_stakeOf(jurors[2]), 0, "silence costs the stake");
        vm.assertTrue(jury.caseOf(id).redrawn, "redrawn");
        vm.assertEq(jury.pendingDraws(), 1, "a draw waits");

        address[] memory second = draw(id);
        vm.assertEq(second.length, 3, "jurors");
        for (uint256 i; i < 3; ++i) {
            vm.assertTrue(second[i] != jurors[2], "who has no stake left is not drawn");
        }
        vote(id, second, _findings(CLAIMED, CLAIMED, FOUND));
        _assertOutcome(id, IJury.Outcome.Upheld);
    }

    /// @dev Who sat on the first jury alone has nothing to say on the second, whatever it had committed to.
    function test_redraw_forgetsTheFirstJury() public {
        seat(15);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        address[] memory first = draw(id);
        vote(id, first, _findings(CLAIMED, FOUND, keccak256("third")));
        address[] memory second = draw(id);
        uint256 left;
        for (uint256 i; i < 3; ++i) {
            bool again = first[i] == second[0] || first[i] == second[1] || first[i] == second[2];
            if (again) continue;
            ++left;
            bytes memory refusal = abi.encodeWithSelector(IJury.NotAJuror.selector, id, first[i]);
            _refuses(first[i], refusal);
            jury.commitVote(id, keccak256("vote"));
            uint256 state = vm.snapshotState();
            vm.warp(jury.caseOf(id).commitUntil + 1);
            _refuses(first[i], refusal);
            jury.revealVote(id, i == 0 ? CLAIMED : i == 1 ? FOUND : keccak256("third"), SALT);
            vm.revertToState(state);
        }
        vm.assertGt(left, 0, "the second jury is the first one");
    }

    function test_redraw_isTheLast() public {
        (uint64 id,) = _drawn(3);
        (address[] memory jurors,) = jury.jury(id);
        vote(id, jurors, _findings(CLAIMED, FOUND, keccak256("third")));
        jurors = draw(id);
        vm.assertEq(jury.caseOf(id).committed, 0, "no commitment is left of the first jury");
        vote(id, jurors, _findings(CLAIMED, FOUND, keccak256("third")));
        _assertOutcome(id, IJury.Outcome.Undecided);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(_stakeOf(jurors[i]), STAKE, "who spoke loses nothing");
        }
    }

    // ─── Silence ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Where nobody spoke, the parties waited for nothing, and have the stakes by halves.
    function test_silence_ofAllPaysBothParties() public {
        for (uint256 i = 3; i < 6; ++i) {
            registerAs(auditorAt(i), STAKE);
        }
        (uint64 id, address[] memory jurors) = _drawn(3);
        // One commits and does not reveal, which is no better.
        commitVoteAs(jurors[1], id, CLAIMED);
        vm.warp(jury.caseOf(id).revealUntil + 1);
        for (uint256 i; i < 3; ++i) {
            vm.expectEmit(true, true, true, true, address(jury));
            emit IJury.JurorSlashed(id, jurors[i], STAKE);
        }
        vm.prank(USER);
        jury.close(id);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(_stakeOf(jurors[i]), 0, "silence costs the stake");
            vm.assertEq(_coins(jurors[i]), 0, "juror");
        }
        vm.assertEq(_coins(WORKER), 3 * STAKE / 2, "respondent");
        vm.assertEq(_coins(DOUBTER), 3 * STAKE / 2, "challenger");
        vm.assertEq(vault.held(address(0), address(jury)), 3 * uint256(STAKE), "who was not drawn keeps its own");
        _assertOutcome(id, IJury.Outcome.Pending);
        vm.assertTrue(jury.caseOf(id).redrawn, "a second jury is asked for");

        vote(id, draw(id), _findings(0, 0, 0));
        _assertOutcome(id, IJury.Outcome.Undecided);
        vm.assertEq(_coins(WORKER), 3 * STAKE, "respondent, of both juries");
        vm.assertEq(_coins(DOUBTER), 3 * STAKE, "challenger, of both juries");
        vm.assertEq(vault.held(address(0), address(jury)), 0, "nobody has anything left");
    }

    /// @dev A jury whose silence leaves nobody who could judge is the last.
    function test_silence_ofAllThereAreEndsTheCase() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        vote(id, jurors, _findings(0, 0, 0));
        vm.assertEq(jury.ableCount(), 0, "able");
        vm.assertEq(draw(id).length, 3, "the first jury is all there was");
        _assertOutcome(id, IJury.Outcome.Undecided);
    }

    /// @dev One who speaks has the stakes of all others, and the parties nothing.
    function test_silence_ofAllButOnePaysThatOne() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        vote(id, jurors, _findings(0, FOUND, 0));
        vm.assertEq(_coins(jurors[1]), 2 * STAKE, "both stakes");
        vm.assertEq(_stakeOf(jurors[1]), STAKE, "and its own");
        vm.assertEq(_coins(WORKER) + _coins(DOUBTER), 0, "parties");
    }

    /// @dev In every jury, first or second, who is silent is poorer by its stake, and who speaks never for its silence.
    function testFuzz_silence_alwaysCostsItsStake(uint8 size, uint256 votes) public {
        size = uint8(3 + 2 * bound(size, 0, 9));
        (uint64 id, address[] memory jurors) = _drawn(size);
        bytes32[] memory findings = new bytes32[](size);
        uint256 spoke;
        for (uint256 i; i < size; ++i) {
            // All different, so that nobody has a majority.
            if ((votes >> i) & 1 == 1) (findings[i], spoke) = (keccak256(abi.encode(i)), spoke + 1);
        }
        vote(id, jurors, findings);
        for (uint256 i; i < size; ++i) {
            vm.assertEq(_stakeOf(jurors[i]), findings[i] == 0 ? 0 : STAKE, "stake");
            if (findings[i] == 0) vm.assertEq(_coins(jurors[i]), 0, "the silent have nothing of it");
        }
        uint256 lost = (size - spoke) * STAKE;
        vm.assertEq(_coins(WORKER), spoke == 0 ? lost / 2 : 0, "respondent");
        vm.assertEq(_coins(DOUBTER), spoke == 0 ? lost / 2 : 0, "challenger");
    }

    // ─── Conservation ────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev However juries vote, once or twice: no coin is made or lost, and what is held is what is at stake.
    function testFuzz_close_conservesStakes(uint8 size, uint256 votes) public {
        size = uint8(3 + 2 * bound(size, 0, 9));
        (uint64 id,) = _drawn(size);
        while (jury.caseOf(id).stage == IJury.Stage.Voting) {
            (address[] memory jurors,) = jury.jury(id);
            bytes32[] memory findings = new bytes32[](jurors.length);
            for (uint256 i; i < jurors.length; ++i) {
                uint256 r = uint256(keccak256(abi.encode(votes, jury.caseOf(id).redrawn, i))) % 4;
                if (r != 0) findings[i] = r == 1 ? keccak256("third") : r == 2 && votes % 2 == 0 ? FOUND : CLAIMED;
            }
            vote(id, jurors, findings);
            uint256 staked;
            uint256 coins;
            for (uint256 i; i < size; ++i) {
                staked += _stakeOf(auditorAt(i));
                coins += _coins(auditorAt(i));
                vm.assertEq(jury.auditor(auditorAt(i)).cases, 0, "open cases");
            }
            coins += _coins(WORKER) + _coins(DOUBTER);
            vm.assertEq(staked, vault.held(address(0), address(jury)), "held and at stake");
            vm.assertEq(staked + coins, uint256(size) * STAKE, "all coins");
            if (jury.caseOf(id).stage == IJury.Stage.Drawing) draw(id);
        }
        vm.assertEq(uint256(jury.caseOf(id).stage), uint256(IJury.Stage.Closed), "every case ends");
        vm.assertEq(jury.pendingDraws(), 0, "no draw waits");
    }
}
