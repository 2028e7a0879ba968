// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IScaledUIAmount
/// @notice ERC-8056: a factor by which pages show amounts. A token split changes the factor and no balance.
/// @dev Both largest holders set it together. Every other function of the token speaks of raw amounts.
interface IScaledUIAmount {
    /// @notice The factor has changed, at once. WAD: 2e18 shows twice as many tokens.
    event UIMultiplierUpdated(uint256 oldMultiplier, uint256 newMultiplier, uint256 effectiveAtTimestamp);

    /// @notice A seat holder wants the factor to become `multiplier` (WAD); the other one's consent makes it so.
    event SplitProposed(address indexed by, uint256 multiplier);

    /// @notice Only the two largest holders may do this.
    error OnlySeatHolders(address caller);
    /// @notice The factor would hide amounts or show absurd ones; WAD.
    error MultiplierOutOfRange(uint256 multiplier, uint256 minimum, uint256 maximum);

    /// @notice Factor from raw amounts to shown ones, as WAD; 1e18 at first.
    function uiMultiplier() external view returns (uint256);

    /// @notice A raw amount as it is shown, rounded down.
    function toUIAmount(uint256 rawAmount) external view returns (uint256);

    /// @notice A shown amount as a raw one, rounded down.
    function fromUIAmount(uint256 uiAmount) external view returns (uint256);

    /// @notice Who proposed which factor last, unless it was set since.
    function splitProposal() external view returns (address by, uint256 multiplier);

    /// @notice Proposes a factor, or consents to the one that the other seat holder has proposed.
    /// @param multiplier WAD, from 1e12 to 1e24: a millionth to a million.
    function split(uint256 multiplier) external;
}
