// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "./interfaces/IModel.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Bonds
/// @notice What every contract that holds a model's bonds has in common.
abstract contract Bonds {
    IVault internal immutable VAULT;

    constructor(IVault vault) {
        VAULT = vault;
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
}
