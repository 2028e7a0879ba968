// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {LibRLP} from "solady/utils/LibRLP.sol";

/// @title Deployment
/// @notice Deploys contracts that know each other: the address of each follows from this contract's own and from the
/// order, so all are known before the first one is there, and a deployment that stopped goes on where it stood.
contract Deployment {
    /// @notice Only who began the deployment goes on with it.
    error OnlyDeployer(address caller);
    /// @notice The contract's constructor refused.
    error ConstructionFailed(uint256 place);

    /// @notice A contract was deployed.
    event Deployed(uint256 indexed place, address at);

    address internal immutable DEPLOYER;

    /// @notice Contracts deployed so far.
    uint256 public count;

    constructor() {
        DEPLOYER = msg.sender;
    }

    /// @notice Deploys the next contract from its creation code and arguments.
    function deploy(bytes calldata code) external returns (address at) {
        if (msg.sender != DEPLOYER) revert OnlyDeployer(msg.sender);
        uint256 place = ++count;
        bytes memory creation = code;
        assembly ("memory-safe") {
            at := create(0, add(creation, 0x20), mload(creation))
        }
        if (at == address(0)) revert ConstructionFailed(place);
        emit Deployed(place, at);
    }

    /// @notice Address of the contract at a place, from 1.
    function addressAt(uint256 place) external view returns (address) {
        return LibRLP.computeAddress(address(this), place);
    }
}
