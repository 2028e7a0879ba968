// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Base} from "./Base.sol";

/// @notice What tests of disputes start from: bonds in either asset, auditors, challenges, and juries that vote.
abstract contract Court is Base {
    uint128 internal constant STAKE = 0.05 ether;
    bytes32 internal constant SALT = keccak256("salt");

    address internal immutable DOUBTER = address(0xD0B7);

    // ─── Models and bonds ────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The ordinary model with other rules.
    function createWith(IModel.Rules memory r) internal returns (Model) {
        IModelFactory.CreateModel memory params = ordinary();
        params.rules = r;
        return create(params);
    }

    /// @dev What the model's bonds are in.
    function asset() internal view returns (address) {
        return model.rules().bondInTokens ? address(model) : address(0);
    }

    function free(address account) internal view returns (uint256) {
        return vault.free(asset(), account);
    }

    /// @dev Lays `amount` of the bond asset into the vault for an account.
    function endow(address account, uint256 amount) internal {
        if (asset() == address(0)) {
            vm.deal(address(this), amount);
            vault.deposit{value: amount}(account);
            return;
        }
        vm.prank(CREATOR);
        model.transfer(account, amount);
        vm.startPrank(account);
        model.approve(address(vault), amount);
        vault.depositTokens(address(model), amount);
        vm.stopPrank();
    }

    /// @dev Gives an account tokens of the model to spend.
    function give(address account, uint256 amount) internal {
        vm.prank(CREATOR);
        model.transfer(account, amount);
    }

    function openAs(address requester, IJobs.Request memory r) internal returns (uint64 job) {
        vm.prank(requester);
        job = jobs.open(r);
        nextBlock();
    }

    /// @dev Takes a job with a bond that was laid in before.
    function claimAs(address worker, uint64 job) internal {
        endow(worker, model.rules().bond);
        vm.prank(worker);
        jobs.claim(job, 0);
        nextBlock();
    }

    function challengeAs(address doubter, uint64 job) internal returns (uint64 caseId) {
        endow(doubter, model.rules().bond);
        vm.prank(doubter);
        jobs.challenge(job);
        caseId = jury.caseCount();
        nextBlock();
    }

    // ─── Juries ──────────────────────────────────────────────────────────────────────────────────────────────────

    function auditorAt(uint256 i) internal pure returns (address) {
        return address(uint160(0xA0D17000 + i));
    }

    function registerAs(address account, uint128 stake) internal {
        vm.deal(account, account.balance + stake);
        vm.prank(account);
        jury.register{value: stake}(stake);
    }

    /// @dev Makes the accounts `auditorAt(0)` to `auditorAt(count - 1)` auditors of one case at a time.
    function seat(uint256 count) internal {
        for (uint256 i; i < count; ++i) {
            registerAs(auditorAt(i), STAKE);
        }
    }

    /// @dev Of the three auditors of `seat(3)`, only the first `count` stay.
    function leaveBut(uint256 count) internal {
        for (uint256 i = count; i < 3; ++i) {
            vm.startPrank(auditorAt(i));
            jury.requestExit();
            vm.warp(block.timestamp + 7 days);
            jury.exit();
            vm.stopPrank();
        }
    }

    /// @dev Brings a case that nobody but the job contract may bring.
    function openCase(address respondent, address challenger, uint8 size, bytes32 finding)
        internal
        returns (uint64 caseId)
    {
        vm.prank(address(jobs));
        caseId = jury.open(respondent, challenger, size, JURY_PHASE, finding);
    }

    /// @dev Where the hash of its block is forgotten already, a case asks for another one. Enough jurors must be free.
    function draw(uint64 caseId) internal returns (address[] memory jurors) {
        do {
            nextBlock();
            nextBlock();
            if (block.number <= jury.caseOf(caseId).target) vm.roll(jury.caseOf(caseId).target + 1);
            jury.draw(caseId);
        } while (jury.caseOf(caseId).stage == IJury.Stage.Drawing);
        (jurors,) = jury.jury(caseId);
    }

    function voteOf(uint64 caseId, address juror, bytes32 finding) internal pure returns (bytes32) {
        return keccak256(abi.encode(caseId, juror, finding, SALT));
    }

    function commitVoteAs(address juror, uint64 caseId, bytes32 finding) internal {
        vm.prank(juror);
        jury.commitVote(caseId, voteOf(caseId, juror, finding));
    }

    function revealVoteAs(address juror, uint64 caseId, bytes32 finding) internal {
        vm.prank(juror);
        jury.revealVote(caseId, finding, SALT);
    }

    /// @dev Each juror in turn finds `findings[i]`, or is silent where that is zero; then the case is closed.
    function vote(uint64 caseId, address[] memory jurors, bytes32[] memory findings) internal {
        for (uint256 i; i < jurors.length; ++i) {
            if (findings[i] != 0) commitVoteAs(jurors[i], caseId, findings[i]);
        }
        vm.warp(jury.caseOf(caseId).commitUntil + 1);
        for (uint256 i; i < jurors.length; ++i) {
            if (findings[i] != 0) revealVoteAs(jurors[i], caseId, findings[i]);
        }
        vm.warp(jury.caseOf(caseId).revealUntil + 1);
        jury.close(caseId);
    }

    /// @dev Draws a jury that is of one mind.
    function decide(uint64 caseId, bytes32 finding) internal returns (address[] memory jurors) {
        jurors = draw(caseId);
        bytes32[] memory findings = new bytes32[](jurors.length);
        for (uint256 i; i < jurors.length; ++i) {
            findings[i] = finding;
        }
        vote(caseId, jurors, findings);
    }

    /// @dev Draws two juries of which no two jurors agree.
    function decideNothing(uint64 caseId) internal {
        for (uint256 turn; turn < 2; ++turn) {
            address[] memory jurors = draw(caseId);
            bytes32[] memory findings = new bytes32[](jurors.length);
            for (uint256 i; i < jurors.length; ++i) {
                findings[i] = keccak256(abi.encode("own finding", i));
            }
            vote(caseId, jurors, findings);
        }
    }

    // ─── Rollback ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The creator moves the head back, which abandons every training of the old one.
    function rollBackTo(uint32 version) internal {
        vm.prank(CREATOR);
        model.requestRollback(version);
        vm.roll(block.number + 7200);
        vm.warp(block.timestamp + ROLLBACK_DELAY);
        model.executeRollback();
        nextBlock();
    }
}
