// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IRandomness
/// @notice Randomness that is fixed after it was asked for. A beacon can take the place of block hashes by this.
interface IRandomness {
    /// @notice The block has not come yet.
    error RandomnessNotYet(uint64 target, uint256 blockNumber);

    /// @notice The block whose randomness decides what is asked for now.
    function target() external view returns (uint64 blockNumber);

    /// @notice Randomness of a block; zero when it can no longer be read and must be asked for again.
    function valueAt(uint64 blockNumber) external view returns (bytes32 value);
}
