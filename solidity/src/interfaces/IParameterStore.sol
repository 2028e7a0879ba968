// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IParameterStore
/// @notice Small parameter files on the chain itself, for models that should outlive every other store. A file is
/// written in parts of {PART} bytes as contract code (SSTORE2): three of them fit one transaction, more take several,
/// which go on where they stopped.
/// @dev Files are kept by writer and hash, so nobody can spoil another's. Whoever reads checks the hash.
interface IParameterStore {
    /// @notice A file is complete.
    event Stored(bytes32 indexed hash, address indexed writer, uint32 size);

    /// @notice The file is empty.
    error EmptyFile();
    /// @notice The file's size differs from the one its first part was stored with, in bytes.
    error SizeMismatch(uint32 size, uint32 expected);
    /// @notice Parts are stored in order, each once: the next is `expected`.
    error WrongPart(uint256 part, uint256 expected);
    /// @notice Every part has {PART} bytes, the last what is left.
    error WrongPartLength(uint256 part, uint256 length, uint256 expected);

    /// @notice Bytes of a part: what a contract's code holds beside the byte that stops it.
    function PART() external view returns (uint256);

    /// @notice Stores the next parts of a file of the caller's.
    /// @param hash Content hash (sha2-256) of the whole file.
    /// @param size Bytes of the whole file.
    /// @param first Number of the first part that is given; parts before it are stored already.
    function store(bytes32 hash, uint32 size, uint256 first, bytes[] calldata parts) external;

    /// @notice How far a file is: its size in bytes, zero if it was not begun, and its stored parts.
    function progress(address writer, bytes32 hash) external view returns (uint32 size, uint256 parts);

    /// @notice One part of a file.
    function read(address writer, bytes32 hash, uint256 part) external view returns (bytes memory);
}
