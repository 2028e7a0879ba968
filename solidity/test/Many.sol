// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "../src/interfaces/IModel.sol";

/// @notice Uses a model many times in one transaction, for benchmarks of long logs.
contract Many {
    function use(IModel model, uint256 times) external {
        for (uint256 i; i < times; ++i) {
            model.infer(IModel.InferRequest(0, 1, bytes32(i + 1), type(uint256).max, type(uint64).max));
        }
    }
}
