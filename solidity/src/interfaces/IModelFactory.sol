// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "./IModel.sol";

/// @title IModelFactory
/// @notice Creates models and lists every one it created. It has no owner and no fee.
interface IModelFactory {
    /// @notice What a creator chooses, once and for all.
    /// @param name Name of the model, 1 to 31 bytes.
    /// @param symbol Symbol of its token, 1 to 11 bytes.
    /// @param supply All tokens there will ever be, in base units: from 1e18 (one token) to 2^96 − 1.
    /// @param alpha Share of the pool that one reference training earns, as the exponent of `1 − e^(−alpha)`, WAD.
    /// At least 1e12, so that it earns about a millionth of the pool, which is never zero on a fresh pool;
    /// at most ln 2, so that no reference training earns more than half of it. With both factors this small,
    /// the product of units and alpha stays below 2^156 for any number of steps.
    /// @param referenceSteps Optimizer steps of one reference training, at least 1.
    /// @param inferenceUnit What one inference weighs beside one reference training, WAD, from 1 to 1e18.
    /// @param rules What a job takes; every time from 1 second to 30 days.
    /// @param manifest Content hash of the manifest; not zero.
    /// @param genesis Content hash of the first parameters; not zero.
    struct CreateModel {
        string name;
        string symbol;
        uint256 supply;
        uint64 alpha;
        uint32 referenceSteps;
        uint64 inferenceUnit;
        IModel.Rules rules;
        bytes32 manifest;
        bytes32 genesis;
    }

    /// @notice A model was created.
    event ModelCreated(
        address indexed model, address indexed creator, bytes32 manifest, bytes32 genesis, string name, string symbol
    );

    /// @notice The name is empty or too long, in bytes.
    error NameLengthOutOfRange(uint256 length, uint256 minimum, uint256 maximum);
    /// @notice The symbol is empty or too long, in bytes.
    error SymbolLengthOutOfRange(uint256 length, uint256 minimum, uint256 maximum);
    /// @notice The supply is too small to divide or too large to count, in base units.
    error SupplyOutOfRange(uint256 supply, uint256 minimum, uint256 maximum);
    /// @notice One reference training would earn next to nothing, or more than half of the pool; WAD.
    error AlphaOutOfRange(uint64 alpha, uint64 minimum, uint64 maximum);
    /// @notice A reference training has at least one step.
    error ReferenceStepsOutOfRange(uint32 referenceSteps, uint32 minimum, uint32 maximum);
    /// @notice One inference weighs nothing, or more than a reference training; WAD.
    error InferenceUnitOutOfRange(uint64 inferenceUnit, uint64 minimum, uint64 maximum);
    /// @notice A job without a bond could be abandoned for nothing.
    error BondMissing();
    /// @notice A jury is odd, not too small to be drawn fairly, not too large to be paid.
    error JurySizeOutOfRange(uint8 jurySize, uint8 minimum, uint8 maximum);
    /// @notice One of the rules' times is too short, or so long that it would never pass; seconds.
    error SecondsOutOfRange(uint32 time, uint32 minimum, uint32 maximum);
    /// @notice No training improves by more than everything; parts per million.
    error ImprovementOutOfRange(uint32 minImprovementPpm, uint32 maximum);
    /// @notice The manifest's hash is zero.
    error ManifestMissing();
    /// @notice The hash of the first parameters is zero.
    error GenesisMissing();

    /// @notice Creates a model: 5% of the supply, rounded down, goes to the caller, the rest is the pool.
    /// @return model Address of the model, which is its token too.
    function createModel(CreateModel calldata params) external returns (address model);

    /// @notice The code that every model shares.
    function implementation() external view returns (address);

    /// @notice Number of models.
    function modelCount() external view returns (uint256);

    /// @notice Whether this factory created `model`.
    function isModel(address model) external view returns (bool);

    /// @notice Models `offset` to `offset + limit` in the order of their creation, fewer where they end.
    function models(uint256 offset, uint256 limit) external view returns (address[] memory);

    /// @notice The cards of models `offset` to `offset + limit`, fewer where they end.
    function summaries(uint256 offset, uint256 limit) external view returns (IModel.ModelSummary[] memory);
}
