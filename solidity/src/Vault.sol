// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModelFactory} from "./interfaces/IModelFactory.sol";
import {IVault} from "./interfaces/IVault.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Vault
/// @notice See {IVault}.
contract Vault is IVault {
    address internal constant NATIVE = address(0);

    IModelFactory internal immutable FACTORY;
    address internal immutable JOBS;
    address internal immutable JURY;
    address internal immutable SCORES;
    address internal immutable ROSTER;

    /// @inheritdoc IVault
    mapping(address asset => mapping(address account => uint256)) public free;

    /// @inheritdoc IVault
    mapping(address asset => mapping(address holder => uint256)) public held;

    constructor(IModelFactory factory, address jobs, address jury, address scores, address roster) {
        (FACTORY, JOBS, JURY, SCORES, ROSTER) = (factory, jobs, jury, scores, roster);
    }

    modifier onlyProtocol() {
        if (msg.sender != JOBS && msg.sender != JURY && msg.sender != SCORES && msg.sender != ROSTER) {
            revert OnlyProtocol(msg.sender);
        }
        _;
    }

    /// @inheritdoc IVault
    function deposit(address account) external payable {
        _credit(NATIVE, account, msg.value);
    }

    /// @inheritdoc IVault
    function depositTokens(address model, uint256 amount) external {
        if (!FACTORY.isModel(model)) revert UnknownAsset(model);
        // First, so that nothing is counted which nobody has; a model calls no stranger.
        SafeTransferLib.safeTransferFrom(model, msg.sender, address(this), amount);
        _credit(model, msg.sender, amount);
    }

    /// @inheritdoc IVault
    function withdraw(address asset, uint256 amount, address to) external {
        _debit(asset, msg.sender, amount);
        emit Withdrawn(asset, msg.sender, to, amount);
        if (asset == NATIVE) SafeTransferLib.safeTransferETH(to, amount);
        else SafeTransferLib.safeTransfer(asset, to, amount);
    }

    /// @inheritdoc IVault
    function lock(address asset, address account, uint256 amount) external onlyProtocol {
        _debit(asset, account, amount);
        held[asset][msg.sender] += amount;
        emit Locked(asset, account, msg.sender, amount);
    }

    /// @inheritdoc IVault
    function release(address asset, address account, uint256 amount) external onlyProtocol {
        if (amount == 0) return;
        held[asset][msg.sender] -= amount;
        free[asset][account] += amount;
        emit Released(asset, account, msg.sender, amount);
    }

    function _credit(address asset, address account, uint256 amount) internal {
        free[asset][account] += amount;
        emit Deposited(asset, account, amount);
    }

    function _debit(address asset, address account, uint256 amount) internal {
        uint256 has = free[asset][account];
        if (has < amount) revert InsufficientDeposit(asset, account, has, amount);
        unchecked {
            free[asset][account] = has - amount;
        }
    }
}
