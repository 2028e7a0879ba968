// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRandomness} from "./interfaces/IRandomness.sol";
import {BlockHashLib} from "solady/utils/BlockHashLib.sol";

/// @title BlockRandomness
/// @notice The hash of the next block, which commits to that block's prevrandao.
/// @dev Bias: whoever proposes the block can hold it back and lose its reward, one re-roll for each slot given up.
/// A hash can be read for 8,191 blocks where EIP-2935 is live, and for 256 elsewhere.
contract BlockRandomness is IRandomness {
    /// @inheritdoc IRandomness
    function target() external view returns (uint64) {
        return uint64(block.number + 1);
    }

    /// @inheritdoc IRandomness
    function valueAt(uint64 blockNumber) external view returns (bytes32) {
        if (block.number <= blockNumber) revert RandomnessNotYet(blockNumber, block.number);
        return BlockHashLib.blockHash(blockNumber);
    }
}
