// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJury} from "./interfaces/IJury.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Disputes
/// @notice What every claim that can be challenged has in common: equal bonds on both sides, a jury's verdict, and who
/// gets what. The loser's bond is shared by halves between the winner and the jurors of the majority; what does not
/// divide goes to the winner. An undecided case returns both.
abstract contract Disputes {
    /// @notice The window for challenges is over, somebody challenged before, or nobody could.
    error AlreadyChallenged(uint64 caseId);
    /// @notice The jury has not decided.
    error CaseOpen(uint64 caseId);
    /// @notice Nobody judges their own claim.
    error OwnClaim(address account);

    IVault internal immutable VAULT;
    IJury internal immutable JURY;

    constructor(IVault vault, IJury jury) {
        (VAULT, JURY) = (vault, jury);
    }

    /// @dev The asset of a model's bonds.
    function _asset(address model, IModel.Rules memory rules) internal pure returns (address) {
        return rules.bondInTokens ? model : address(0);
    }

    /// @dev Puts a bond of the caller at stake; coins sent along are added to what it has free first.
    function _stake(address asset, uint256 bond) internal {
        if (msg.value != 0) VAULT.deposit{value: msg.value}(msg.sender);
        VAULT.lock(asset, msg.sender, bond);
    }

    /// @dev Opens a case of the caller against a claim.
    function _challenge(address asset, uint256 bond, address respondent, IModel.Rules memory rules, bytes32 finding)
        internal
        returns (uint64 caseId)
    {
        if (msg.sender == respondent) revert OwnClaim(msg.sender);
        _stake(asset, bond);
        return JURY.open(respondent, msg.sender, rules.jurySize, rules.juryPhase, finding);
    }

    /// @dev Gives both bonds to whom a decided case gives them.
    function _divide(address asset, uint256 bond, address respondent, address challenger, uint64 caseId)
        internal
        returns (IJury.Outcome outcome)
    {
        outcome = JURY.outcome(caseId);
        if (outcome == IJury.Outcome.Pending) revert CaseOpen(caseId);
        if (outcome == IJury.Outcome.Undecided) {
            VAULT.release(asset, respondent, bond);
            VAULT.release(asset, challenger, bond);
            return outcome;
        }
        address[] memory jurors = JURY.majority(caseId);
        uint256 share = bond / 2 / jurors.length;
        for (uint256 i; i < jurors.length; ++i) {
            VAULT.release(asset, jurors[i], share);
        }
        address winner = outcome == IJury.Outcome.Upheld ? respondent : challenger;
        VAULT.release(asset, winner, 2 * bond - share * jurors.length);
    }
}
