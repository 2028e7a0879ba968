// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRollback} from "../src/interfaces/IRollback.sol";
import {IScaledUIAmount} from "../src/interfaces/IScaledUIAmount.sol";
import {Base} from "./Base.sol";

/// @notice Who may move the head back, who may stop whom, and the split.
contract GovernanceTest is Base {
    address internal constant FIRST = address(0xF1);
    address internal constant SECOND = address(0xF2);
    address internal constant THIRD = address(0xF3);

    function setUp() public override {
        super.setUp();
        _pay(FIRST, 300e18);
        _pay(SECOND, 200e18);
        _pay(THIRD, 100e18);
        for (uint256 i; i < 3; ++i) {
            trainAs(CREATOR, 100);
        }
        _nextBlock();
    }

    function _pay(address to, uint256 amount) internal {
        vm.prank(CREATOR);
        model.transfer(to, amount);
    }

    function _nextBlock() internal {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + 12);
    }

    function _request(address who, uint32 version) internal {
        vm.prank(who);
        model.requestRollback(version);
        _nextBlock();
    }

    function _passDelay() internal {
        vm.roll(block.number + 7200);
        vm.warp(block.timestamp + ROLLBACK_DELAY);
    }

    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    // ─── Request and execution ───────────────────────────────────────────────────────────────────────────────────

    function test_rollback_movesTheHeadAndDeletesNothing() public {
        address[3] memory allowed = [CREATOR, FIRST, SECOND];
        for (uint32 i; i < allowed.length; ++i) {
            uint256 round = model.round();
            _request(allowed[i], 2 - i);
            _passDelay();
            vm.expectEmit(true, true, true, true, address(model));
            emit IRollback.RolledBack(allowed[i], 3 - i, 2 - i);
            // Anybody may carry out what was asked for in time.
            vm.prank(USER);
            model.executeRollback();
            vm.assertEq(model.head(), 2 - i, "head");
            vm.assertEq(model.versionCount(), 4, "versions");
            vm.assertEq(model.round(), round + 1, "round");
            vm.assertEq(model.rollbackRequest().requester, address(0), "nothing waits any more");
        }
    }

    function test_rollback_onlyByThoseWhoMay() public {
        _refuses(THIRD, abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, THIRD));
        model.requestRollback(1);
        _refuses(USER, abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, USER));
        model.requestRollback(1);
    }

    function test_rollback_onlyBackwards() public {
        for (uint32 to = 3; to < 6; ++to) {
            _refuses(FIRST, abi.encodeWithSelector(IRollback.RollbackTarget.selector, to, 3));
            model.requestRollback(to);
        }
    }

    function test_rollback_waitsForItsDelay() public {
        uint64 at = uint64(block.timestamp) + ROLLBACK_DELAY;
        _request(FIRST, 1);
        IRollback.RollbackRequest memory waiting = model.rollbackRequest();
        vm.assertEq(waiting.requester, FIRST, "requester");
        vm.assertEq(waiting.version, 1, "version");
        vm.assertEq(waiting.executableAt, at, "executable at");
        vm.warp(at - 1);
        vm.expectRevert(abi.encodeWithSelector(IRollback.RollbackTooEarly.selector, at, at - 1));
        model.executeRollback();
        vm.warp(at);
        model.executeRollback();
    }

    function test_rollback_lapses() public {
        _request(FIRST, 1);
        vm.warp(model.rollbackRequest().lapsesAt + 1);
        vm.expectRevert(IRollback.NoRollbackRequested.selector);
        model.executeRollback();
        _request(CREATOR, 2);
        vm.assertEq(model.rollbackRequest().requester, CREATOR, "a lapsed request blocks nobody");
    }

    function test_rollback_needsTheSeatAtBothSteps() public {
        _request(SECOND, 1);
        _pay(THIRD, 150e18);
        _passDelay();
        vm.expectRevert(abi.encodeWithSelector(IRollback.SeatLost.selector, SECOND));
        model.executeRollback();
        vm.assertEq(model.head(), 3, "head");
    }

    /// @dev A seat bought within the block gives no right, nor does one that others were emptied for.
    function test_rollback_borrowedTokensGainNothing() public {
        _pay(USER, 1000e18);
        _refuses(USER, abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, USER));
        model.requestRollback(1);
        vm.prank(USER);
        model.transfer(CREATOR, 1000e18);

        vm.prank(SECOND);
        model.transfer(USER, 150e18);
        _refuses(THIRD, abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, THIRD));
        model.requestRollback(1);
    }

    /// @dev The loan is taken anew at the execution: the requester never held a seat over a block.
    function test_rollback_borrowedTokensDoNotUnseatTheRequester() public {
        _request(SECOND, 1);
        _passDelay();
        _pay(USER, 1000e18);
        // Those above count with all they hold now, so this block refuses; the next one, without the loan, does not.
        vm.expectRevert(abi.encodeWithSelector(IRollback.SeatLost.selector, SECOND));
        model.executeRollback();
        vm.prank(USER);
        model.transfer(CREATOR, 1000e18);
        _nextBlock();
        model.executeRollback();
        vm.assertEq(model.head(), 1, "head");
    }

    function test_rollback_isRefusedWhenTheHeadIsAlreadyOlder() public {
        _request(FIRST, 1);
        _passDelay();
        model.executeRollback();
        _refuses(FIRST, abi.encodeWithSelector(IRollback.RollbackTarget.selector, 1, 1));
        model.requestRollback(1);
    }

    // ─── Who wins ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_conflict_holdersVetoTheCreator() public {
        address[2] memory seats = [FIRST, SECOND];
        for (uint256 i; i < 2; ++i) {
            _request(CREATOR, 1);
            vm.expectEmit(true, true, true, true, address(model));
            emit IRollback.RollbackVetoed(CREATOR, 1, seats[i]);
            vm.prank(seats[i]);
            model.vetoRollback();
            _passDelay();
            vm.expectRevert(IRollback.NoRollbackRequested.selector);
            model.executeRollback();
        }
    }

    function test_conflict_theCreatorNeverVetoes() public {
        address[2] memory seats = [FIRST, SECOND];
        for (uint256 i; i < 2; ++i) {
            _request(seats[i], 1);
            _refuses(CREATOR, abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, CREATOR));
            model.vetoRollback();
            _refuses(CREATOR, abi.encodeWithSelector(IRollback.RollbackOutranked.selector, seats[i]));
            model.requestRollback(2);
            vm.prank(seats[i]);
            model.vetoRollback();
        }
    }

    function test_conflict_theLargerHolderWins() public {
        _request(SECOND, 1);
        vm.prank(FIRST);
        model.vetoRollback();
        _request(SECOND, 1);
        _request(FIRST, 2);
        vm.assertEq(model.rollbackRequest().requester, FIRST, "the larger holder's request takes its place");
        _refuses(SECOND, abi.encodeWithSelector(IRollback.RollbackOutranked.selector, FIRST));
        model.vetoRollback();
        _refuses(SECOND, abi.encodeWithSelector(IRollback.RollbackOutranked.selector, FIRST));
        model.requestRollback(1);
    }

    function test_conflict_aHolderTakesThePlaceOfTheCreator() public {
        _request(CREATOR, 1);
        _request(SECOND, 2);
        vm.assertEq(model.rollbackRequest().requester, SECOND, "requester");
    }

    function test_conflict_whoLostTheSeatBlocksNobody() public {
        _request(SECOND, 1);
        _pay(THIRD, 150e18);
        _nextBlock();
        vm.prank(THIRD);
        model.vetoRollback();
        _request(THIRD, 2);
        vm.assertEq(model.rollbackRequest().requester, THIRD, "requester");
        _pay(SECOND, 500e18);
        _nextBlock();
        _request(CREATOR, 0);
        vm.assertEq(model.rollbackRequest().requester, CREATOR, "even the creator passes by who has no seat");
    }

    function test_conflict_strangersVetoNothing() public {
        _request(CREATOR, 1);
        address[2] memory strangers = [THIRD, USER];
        for (uint256 i; i < 2; ++i) {
            _refuses(strangers[i], abi.encodeWithSelector(IRollback.RollbackNotAllowed.selector, strangers[i]));
            model.vetoRollback();
        }
    }

    function test_veto_withdrawsOnesOwn() public {
        address[3] memory all = [CREATOR, FIRST, SECOND];
        for (uint256 i; i < 3; ++i) {
            _request(all[i], 1);
            vm.prank(all[i]);
            model.vetoRollback();
            vm.assertEq(model.rollbackRequest().requester, address(0), "withdrawn");
        }
        vm.expectRevert(IRollback.NoRollbackRequested.selector);
        model.vetoRollback();
    }

    function test_request_canBeChangedByItsRequester() public {
        _request(FIRST, 1);
        uint64 first = model.rollbackRequest().executableAt;
        _request(FIRST, 2);
        vm.assertEq(model.rollbackRequest().version, 2, "version");
        vm.assertGt(model.rollbackRequest().executableAt, first, "the delay begins anew");
    }

    // ─── Split ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_split_needsBothSeats() public {
        vm.assertEq(model.uiMultiplier(), WAD, "one at first");
        vm.prank(FIRST);
        model.split(10e18);
        vm.assertEq(model.uiMultiplier(), WAD, "one holder alone changes nothing");
        (address by, uint256 multiplier) = model.splitProposal();
        vm.assertEq(by, FIRST, "proposed by");
        vm.assertEq(multiplier, 10e18, "proposed factor");
        vm.prank(FIRST);
        model.split(10e18);
        vm.assertEq(model.uiMultiplier(), WAD, "nor twice");
        vm.expectEmit(true, true, true, true, address(model));
        emit IScaledUIAmount.UIMultiplierUpdated(WAD, 10e18, block.timestamp);
        vm.prank(SECOND);
        model.split(10e18);
        vm.assertEq(model.uiMultiplier(), 10e18, "both");
        (by,) = model.splitProposal();
        vm.assertEq(by, address(0), "the proposal is done");
    }

    function test_split_needsTheSameFactor() public {
        vm.prank(FIRST);
        model.split(10e18);
        vm.prank(SECOND);
        model.split(2e18);
        vm.assertEq(model.uiMultiplier(), WAD, "no agreement");
        vm.prank(FIRST);
        model.split(2e18);
        vm.assertEq(model.uiMultiplier(), 2e18, "agreement");
    }

    function test_split_forgetsAProposerWithoutSeat() public {
        vm.prank(SECOND);
        model.split(10e18);
        _pay(THIRD, 150e18);
        _nextBlock();
        vm.prank(THIRD);
        model.split(10e18);
        vm.assertEq(model.uiMultiplier(), WAD, "the proposer has no seat any more");
    }

    function test_split_onlyBySeatHolders() public {
        address[3] memory others = [CREATOR, THIRD, USER];
        for (uint256 i; i < 3; ++i) {
            _refuses(others[i], abi.encodeWithSelector(IScaledUIAmount.OnlySeatHolders.selector, others[i]));
            model.split(2e18);
        }
    }

    function test_split_bounds() public {
        uint256[4] memory wrong = [uint256(0), 1e12 - 1, 1e24 + 1, type(uint256).max];
        for (uint256 i; i < 4; ++i) {
            _refuses(FIRST, abi.encodeWithSelector(IScaledUIAmount.MultiplierOutOfRange.selector, wrong[i], 1e12, 1e24));
            model.split(wrong[i]);
        }
    }

    function testFuzz_split_movesNoTokens(uint256 multiplier, uint96 amount) public {
        multiplier = bound(multiplier, 1e12, 1e24);
        uint256 before = model.balanceOf(FIRST);
        vm.prank(FIRST);
        model.split(multiplier);
        vm.prank(SECOND);
        model.split(multiplier);
        vm.assertEq(model.balanceOf(FIRST), before, "raw balance");
        vm.assertEq(model.totalSupply(), SUPPLY, "raw supply");
        vm.assertEq(model.toUIAmount(amount), uint256(amount) * multiplier / 1e18, "shown amount");
        vm.assertLe(model.fromUIAmount(model.toUIAmount(amount)), amount, "there and back never gains");
    }
}
