// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IVault
/// @notice Holds every bond and stake. An account's money is either free, to be withdrawn or put at stake, or held by
/// one of the protocol's contracts, which can only give it back to somebody's free balance.
/// @dev An asset is the native coin, written as the zero address, or a model's token. Nothing is ever sent out but by
/// {withdraw}, so settling a job calls no stranger's code.
interface IVault {
    /// @notice Money came in for `account`.
    event Deposited(address indexed asset, address indexed account, uint256 amount);
    /// @notice Money went out.
    event Withdrawn(address indexed asset, address indexed account, address to, uint256 amount);
    /// @notice Free money was put at stake.
    event Locked(address indexed asset, address indexed account, address indexed holder, uint256 amount);
    /// @notice Staked money became free for `account`, who need not be the one who put it at stake.
    event Released(address indexed asset, address indexed account, address indexed holder, uint256 amount);

    /// @notice The account has less free money than is needed.
    error InsufficientDeposit(address asset, address account, uint256 free, uint256 needed);
    /// @notice Only the protocol's contracts may do this.
    error OnlyProtocol(address caller);
    /// @notice Neither the native coin nor a model's token.
    error UnknownAsset(address asset);

    /// @notice Adds native coins to an account's free balance.
    function deposit(address account) external payable;

    /// @notice Adds model tokens, on the caller's allowance, to the caller's free balance.
    function depositTokens(address model, uint256 amount) external;

    /// @notice Sends free money out.
    function withdraw(address asset, uint256 amount, address to) external;

    /// @notice Puts an account's free money at stake. Protocol only.
    function lock(address asset, address account, uint256 amount) external;

    /// @notice Frees staked money of the calling contract for an account. Protocol only.
    function release(address asset, address account, uint256 amount) external;

    /// @notice What an account can withdraw.
    function free(address asset, address account) external view returns (uint256);

    /// @notice What a contract of the protocol holds at stake.
    function held(address asset, address holder) external view returns (uint256);
}
