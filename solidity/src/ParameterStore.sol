// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IParameterStore} from "./interfaces/IParameterStore.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title ParameterStore
/// @notice See {IParameterStore}.
contract ParameterStore is IParameterStore {
    /// @inheritdoc IParameterStore
    uint256 public constant PART = 24_575;

    /// @dev A file: the contracts whose code is its parts.
    struct File {
        uint32 size;
        address[] parts;
    }

    mapping(address writer => mapping(bytes32 hash => File)) internal _files;

    /// @inheritdoc IParameterStore
    function store(bytes32 hash, uint32 size, uint256 first, bytes[] calldata parts) external {
        File storage file = _files[msg.sender][hash];
        if (size == 0) revert EmptyFile();
        if (file.size == 0) file.size = size;
        else if (file.size != size) revert SizeMismatch(size, file.size);
        uint256 next = file.parts.length;
        if (first != next) revert WrongPart(first, next);
        for (uint256 i; i < parts.length; ++i) {
            uint256 left = FixedPointMathLib.zeroFloorSub(size, (first + i) * PART);
            uint256 expected = FixedPointMathLib.min(PART, left);
            if (parts[i].length != expected || expected == 0) {
                revert WrongPartLength(first + i, parts[i].length, expected);
            }
            file.parts.push(SSTORE2.write(parts[i]));
            if (left == expected) emit Stored(hash, msg.sender, size);
        }
    }

    /// @inheritdoc IParameterStore
    function progress(address writer, bytes32 hash) external view returns (uint32 size, uint256 parts) {
        File storage file = _files[writer][hash];
        return (file.size, file.parts.length);
    }

    /// @inheritdoc IParameterStore
    function read(address writer, bytes32 hash, uint256 part) external view returns (bytes memory) {
        File storage file = _files[writer][hash];
        if (part >= file.parts.length) revert WrongPart(part, file.parts.length);
        return SSTORE2.read(file.parts[part]);
    }
}
