// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJury} from "../src/interfaces/IJury.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Court} from "./Court.sol";

/// @notice Auditors who come and go, and how a jury votes. Who is drawn stands in `JuryDraw.t.sol`, and who pays whom
/// in `JuryVerdict.t.sol`.
contract JuryTest is Court {
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

    // ─── Coming ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_register_takesSentAndFreeCoins() public {
        endow(USER, 0.02 ether);
        vm.deal(USER, 0.04 ether);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.AuditorRegistered(USER, STAKE);
        vm.prank(USER);
        jury.register{value: 0.04 ether}(STAKE);
        vm.assertEq(_stakeOf(USER), STAKE, "stake");
        vm.assertEq(jury.auditor(USER).place, 1, "place");
        vm.assertEq(_coins(USER), 0.01 ether, "what was too much is free");
        vm.assertEq(vault.held(address(0), address(jury)), STAKE, "the vault holds the stake");
        vm.assertEq(jury.auditorCount(), 1, "auditors");
    }

    function test_register_wantsEnoughForOneCase() public {
        uint256 least = jury.JUROR_STAKE();
        vm.deal(USER, 1 ether);
        _refuses(USER, abi.encodeWithSelector(IJury.StakeTooSmall.selector, least - 1, least));
        jury.register{value: 1 ether}(STAKE - 1);
        registerAs(USER, STAKE);
        registerAs(USER, 1);
        vm.assertEq(_stakeOf(USER), STAKE + 1, "later any amount is added");
        vm.assertEq(jury.auditorCount(), 1, "nobody is listed twice");
    }

    function test_register_refusesStakesThatNobodyHas() public {
        _refuses(USER, abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), USER, 0, STAKE));
        jury.register(STAKE);
        registerAs(USER, STAKE);
        // Together with what is at stake already, this is beyond 128 bits.
        uint128 most = type(uint128).max;
        _refuses(USER, abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), USER, 0, most));
        jury.register(most);
    }

    // ─── Going ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_exit_afterItsDelay() public {
        seat(1);
        address who = auditorAt(0);
        _refuses(who, abi.encodeWithSelector(IJury.CannotLeaveYet.selector, 0, 0, 0));
        jury.exit();
        uint64 exitAt = uint64(block.timestamp) + 7 days;
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.AuditorLeaving(who, exitAt);
        vm.prank(who);
        jury.requestExit();
        vm.warp(exitAt - 1);
        _refuses(who, abi.encodeWithSelector(IJury.CannotLeaveYet.selector, exitAt, 0, 0));
        jury.exit();
        vm.warp(exitAt);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.AuditorLeft(who, STAKE);
        vm.prank(who);
        jury.exit();
        vm.assertEq(_coins(who), STAKE, "all is free");
        vm.assertEq(_stakeOf(who), 0, "nothing is at stake");
        vm.assertEq(jury.auditorCount(), 0, "auditors");
        _refuses(who, abi.encodeWithSelector(IJury.NotAnAuditor.selector, who));
        jury.exit();
    }

    function test_exit_onlyOfAuditors() public {
        _refuses(USER, abi.encodeWithSelector(IJury.NotAnAuditor.selector, USER));
        jury.requestExit();
        _refuses(USER, abi.encodeWithSelector(IJury.NotAnAuditor.selector, USER));
        jury.exit();
    }

    function test_exit_isForgottenByAnotherRegistration() public {
        seat(1);
        vm.prank(auditorAt(0));
        jury.requestExit();
        registerAs(auditorAt(0), 1);
        vm.warp(block.timestamp + 7 days);
        _refuses(auditorAt(0), abi.encodeWithSelector(IJury.CannotLeaveYet.selector, 0, 0, 0));
        jury.exit();
    }

    /// @dev Whoever leaves, the last of the list takes the place, and each knows its own.
    function testFuzz_exit_keepsTheListWhole(uint256 first, uint256 second) public {
        seat(5);
        uint256[2] memory leaving = [bound(first, 0, 4), bound(second, 0, 4)];
        vm.assume(leaving[0] != leaving[1]);
        for (uint256 i; i < 2; ++i) {
            vm.startPrank(auditorAt(leaving[i]));
            jury.requestExit();
            vm.warp(block.timestamp + 7 days);
            jury.exit();
            vm.stopPrank();
        }
        address[] memory all = jury.auditors(0, 100);
        vm.assertEq(all.length, 3, "auditors");
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(jury.auditor(all[i]).place, i + 1, "place");
        }
        vm.assertEq(jury.auditors(2, type(uint256).max).length, 1, "the last page");
        vm.assertEq(jury.auditors(type(uint256).max, 1).length, 0, "far beyond the end");
    }

    function test_exit_notWhileOnAJuryNorWhileOneIsDrawn() public {
        seat(3);
        vm.prank(auditorAt(0));
        jury.requestExit();
        uint64 exitAt = jury.auditor(auditorAt(0)).exitAt;
        vm.warp(exitAt);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        _refuses(auditorAt(0), abi.encodeWithSelector(IJury.CannotLeaveYet.selector, exitAt, 0, 1));
        jury.exit();
        address[] memory jurors = draw(id);
        _refuses(auditorAt(0), abi.encodeWithSelector(IJury.CannotLeaveYet.selector, exitAt, 1, 0));
        jury.exit();
        vote(id, jurors, _findings(CLAIMED, CLAIMED, CLAIMED));
        vm.prank(auditorAt(0));
        jury.exit();
        vm.assertEq(_coins(auditorAt(0)), STAKE, "all is free");
    }

    // ─── Commitments ─────────────────────────────────────────────────────────────────────────────────────────────

    function test_commitVote_onlyOnceByAJurorInTime() public {
        seat(4);
        uint64 id = openCase(WORKER, DOUBTER, 3, CLAIMED);
        bytes32 some = keccak256("some");
        _refuses(auditorAt(0), abi.encodeWithSelector(IJury.WrongStage.selector, id, IJury.Stage.Drawing));
        jury.commitVote(id, some);
        address[] memory jurors = draw(id);
        _refuses(USER, abi.encodeWithSelector(IJury.NotAJuror.selector, id, USER));
        jury.commitVote(id, some);
        for (uint256 i; i < 2; ++i) {
            _refuses(jurors[0], abi.encodeWithSelector(IJury.EmptyVote.selector));
            jury.commitVote(id, bytes32(i));
        }
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.VoteCommitted(id, jurors[0]);
        vm.prank(jurors[0]);
        jury.commitVote(id, some);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.VotedBefore.selector, id, jurors[0]));
        jury.commitVote(id, some);
        uint64 until = jury.caseOf(id).commitUntil;
        vm.warp(until);
        vm.prank(jurors[1]);
        jury.commitVote(id, some);
        vm.warp(until + 1);
        _refuses(jurors[2], abi.encodeWithSelector(IJury.OutOfTime.selector, id, until + 1));
        jury.commitVote(id, some);
    }

    function test_commitVote_ofAllBeginsTheRevelations() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        uint64 first = jury.caseOf(id).commitUntil;
        vm.assertEq(first, block.timestamp + JURY_PHASE, "time to commit");
        vm.assertEq(jury.caseOf(id).revealUntil, first + JURY_PHASE, "time to reveal");
        commitVoteAs(jurors[0], id, CLAIMED);
        commitVoteAs(jurors[1], id, CLAIMED);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.OutOfTime.selector, id, block.timestamp));
        jury.revealVote(id, CLAIMED, SALT);
        vm.assertEq(jury.caseOf(id).commitUntil, first, "one is waited for");
        commitVoteAs(jurors[2], id, CLAIMED);
        vm.assertEq(jury.caseOf(id).commitUntil, block.timestamp, "nobody is waited for");
        vm.assertEq(jury.caseOf(id).revealUntil, block.timestamp + JURY_PHASE, "a whole phase to reveal");
        revealVoteAs(jurors[0], id, CLAIMED);
        vm.assertEq(jury.caseOf(id).revealed, 1, "revealed in the same block");
    }

    // ─── Revelations ─────────────────────────────────────────────────────────────────────────────────────────────

    function test_revealVote_wantsWhatWasCommitted() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        commitVoteAs(jurors[0], id, FOUND);
        vm.warp(jury.caseOf(id).commitUntil + 1);
        bytes32 expected = voteOf(id, jurors[0], FOUND);
        bytes32 given = keccak256(abi.encode(id, jurors[0], FOUND, bytes32("pepper")));
        _refuses(jurors[0], abi.encodeWithSelector(IJury.VoteMismatch.selector, id, expected, given));
        jury.revealVote(id, FOUND, "pepper");
        given = voteOf(id, jurors[0], CLAIMED);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.VoteMismatch.selector, id, expected, given));
        jury.revealVote(id, CLAIMED, SALT);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.EmptyVote.selector));
        jury.revealVote(id, 0, SALT);
        // Who committed to nothing has nothing to reveal; the mark of a drawn juror is no commitment.
        given = voteOf(id, jurors[1], FOUND);
        _refuses(jurors[1], abi.encodeWithSelector(IJury.VoteMismatch.selector, id, bytes32(uint256(1)), given));
        jury.revealVote(id, FOUND, SALT);
        _refuses(USER, abi.encodeWithSelector(IJury.NotAJuror.selector, id, USER));
        jury.revealVote(id, FOUND, SALT);
    }

    function test_revealVote_onceInTime() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        commitVoteAs(jurors[0], id, FOUND);
        commitVoteAs(jurors[1], id, FOUND);
        uint64 commitUntil = jury.caseOf(id).commitUntil;
        vm.warp(commitUntil);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.OutOfTime.selector, id, commitUntil));
        jury.revealVote(id, FOUND, SALT);
        vm.warp(commitUntil + 1);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.VoteRevealed(id, jurors[0], FOUND);
        vm.prank(jurors[0]);
        jury.revealVote(id, FOUND, SALT);
        _refuses(jurors[0], abi.encodeWithSelector(IJury.VotedBefore.selector, id, jurors[0]));
        jury.revealVote(id, FOUND, SALT);
        (, bytes32[] memory findings) = jury.jury(id);
        vm.assertEq(findings[0], FOUND, "revealed");
        vm.assertEq(findings[1], bytes32(0), "not revealed");
        uint64 until = jury.caseOf(id).revealUntil;
        vm.warp(until + 1);
        _refuses(jurors[1], abi.encodeWithSelector(IJury.OutOfTime.selector, id, until + 1));
        jury.revealVote(id, FOUND, SALT);
        vm.warp(until);
        revealVoteAs(jurors[1], id, FOUND);
    }

    /// @dev A vote names its juror and its case, so nobody can copy one.
    function test_revealVote_ofAnotherJurorsCommitment() public {
        (uint64 id, address[] memory jurors) = _drawn(3);
        bytes32 copied = voteOf(id, jurors[0], FOUND);
        for (uint256 i; i < 3; ++i) {
            vm.prank(jurors[i]);
            jury.commitVote(id, copied);
        }
        revealVoteAs(jurors[0], id, FOUND);
        bytes32 own = voteOf(id, jurors[1], FOUND);
        _refuses(jurors[1], abi.encodeWithSelector(IJury.VoteMismatch.selector, id, copied, own));
        jury.revealVote(id, FOUND, SALT);
    }
}
