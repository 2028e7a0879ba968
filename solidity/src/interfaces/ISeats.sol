// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title ISeats
/// @notice The two largest holders of a model's token, and every holder there is.
/// @dev The pool, the creator, and the contracts that hold others' tokens take no seat. Of two equal balances the one
/// reached in the earlier block is the larger; within one block, the one who became a holder first.
interface ISeats {
    /// @notice Tokens sent to the model itself or to the zero address could never be moved again.
    error InvalidRecipient(address recipient);

    /// @notice The two largest holders at this moment; zero where there is none.
    function seats() external view returns (address first, address second);

    /// @notice The seat whose rights an account may use: 1 for the largest holder, 2 for the second, 0 for none.
    /// @dev Counts for the account only what it held before this block and still holds, and for others the larger of
    /// what they held before and hold now, so tokens borrowed within a transaction give no right and take none.
    function seatOf(address account) external view returns (uint256);

    /// @notice Accounts that ever held tokens, without those that take no seat.
    function holderCount() external view returns (uint256);

    /// @notice Accounts `offset` to `offset + limit` in the order in which they first held tokens, and what they
    /// hold now; fewer where they end.
    function holders(uint256 offset, uint256 limit)
        external
        view
        returns (address[] memory accounts, uint256[] memory balances);
}
