// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Page
/// @notice Length of one page of a list.
library Page {
    /// @notice Entries from `offset` on, `limit` at most; none beyond the end. No argument makes it overflow.
    function length(uint256 total, uint256 offset, uint256 limit) internal pure returns (uint256) {
        return FixedPointMathLib.min(limit, FixedPointMathLib.zeroFloorSub(total, offset));
    }
}
