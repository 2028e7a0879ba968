// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bonds} from "./Bonds.sol";
import {IJury} from "./interfaces/IJury.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Disputes
/// @notice What every claim that can be challenged has in common: equal bonds on both sides, a jury's verdict, and who
/// gets what. The loser's bond is shared by halves between the winner and the jurors of the majority; what does not
/// divide goes to the winner. An undecided case changes nothing but time: the challenger has its bond back, and the
/// claim can be challenged within a new window, after which it stands, with its own bond back.
abstract contract Disputes is Bonds {
    /// @notice No jury could decide the case: its claim can be challenged anew, from this block on.
    event ClaimReopened(uint64 indexed caseId);

    /// @notice The window for challenges is over, somebody challenged before, or nobody could.
    error AlreadyChallenged(uint64 caseId);
    /// @notice The jury has not decided.
    error CaseOpen(uint64 caseId);
    /// @notice Nobody judges their own claim.
    error OwnClaim(address account);

    IJury internal immutable JURY;

    constructor(IVault vault, IJury jury) Bonds(vault) {
        JURY = jury;
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

    /// @dev How a claim fares: it is upheld where nobody challenged it, else as its jury found. Reverts while it has not.
    function _verdict(address challenger, uint64 caseId) internal view returns (IJury.Outcome verdict) {
        if (challenger == address(0)) return IJury.Outcome.Upheld;
        verdict = JURY.outcome(caseId);
        if (verdict == IJury.Outcome.Pending) revert CaseOpen(caseId);
    }

    /// @dev Gives the bonds of a claim to whom its verdict gives them. Where no jury could decide, the challenger has its
    /// own back, and the claim's stays at stake: the caller opens its window anew.
    function _divide(
        address asset,
        uint256 bond,
        address respondent,
        address challenger,
        uint64 caseId,
        IJury.Outcome verdict
    ) internal {
        if (challenger == address(0)) return VAULT.release(asset, respondent, bond);
        if (verdict == IJury.Outcome.Undecided) {
            emit ClaimReopened(caseId);
            return VAULT.release(asset, challenger, bond);
        }
        address[] memory jurors = JURY.majority(caseId);
        uint256 shareDown = bond / 2 / jurors.length;
        for (uint256 i; i < jurors.length; ++i) {
            VAULT.release(asset, jurors[i], shareDown);
        }
        address winner = verdict == IJury.Outcome.Upheld ? respondent : challenger;
        VAULT.release(asset, winner, 2 * bond - shareDown * jurors.length);
    }
}
