// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ModelToken} from "./ModelToken.sol";
import {IModel} from "./interfaces/IModel.sol";
import {Curve} from "./libraries/Curve.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";
import {Page} from "./libraries/Page.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title ModelReader
/// @notice What a model stores, and all that can be read from it without changing anything.
abstract contract ModelReader is IModel, ModelToken {
    /// @dev Most points of a path in one call: a plot needs no more, and the loop stays far below any gas limit.
    uint256 internal constant MAX_POINTS = 256;

    /// @dev {IModel-Version} in three words.
    struct StoredVersion {
        bytes32 parametersHash;
        address author;
        uint32 parent;
        uint64 blockNumber;
        uint64 job;
        uint32 accuracyPpm;
    }

    bytes32 internal _logHash;

    /// @dev Factor from raw amounts to shown ones, WAD; zero stands for one.
    uint256 internal _multiplier;

    mapping(uint256 id => StoredVersion) internal _versions;

    // ─── Quotes ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function quoteReward(uint32 steps) external view returns (uint256) {
        return _rewardDown(_state.pool, steps, ModelArgs.economy());
    }

    /// @inheritdoc IModel
    function quotePrice(uint32 count) external view returns (uint256) {
        return _priceUp(_state.pool, count, ModelArgs.economy());
    }

    /// @inheritdoc IModel
    function rewardPath(uint256 points) external view returns (uint256[] memory path) {
        if (points > MAX_POINTS) revert TooManyPoints(points, MAX_POINTS);
        ModelArgs.Economy memory economy = ModelArgs.economy();
        uint256 pool_ = _state.pool;
        path = new uint256[](points);
        for (uint256 i; i < points; ++i) {
            pool_ -= path[i] = _rewardDown(pool_, economy.referenceSteps, economy);
        }
    }

    /// @inheritdoc IModel
    function pricePath(uint256 points) external view returns (uint256[] memory path) {
        if (points > MAX_POINTS) revert TooManyPoints(points, MAX_POINTS);
        ModelArgs.Economy memory economy = ModelArgs.economy();
        uint256 pool_ = _state.pool;
        path = new uint256[](points);
        for (uint256 i; i < points; ++i) {
            path[i] = _priceUp(pool_, 1, economy);
            pool_ = FixedPointMathLib.min(pool_ + path[i], economy.supply);
        }
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function versions(uint256 offset, uint256 limit) external view returns (Version[] memory page) {
        page = new Version[](Page.length(_state.versionCount, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _open(_versions[offset + i]);
        }
    }

    /// @inheritdoc IModel
    function version(uint32 id) external view returns (Version memory) {
        return _open(_storedVersion(id, _state.versionCount));
    }

    /// @inheritdoc IModel
    function head() external view returns (uint32) {
        return _state.head;
    }

    /// @inheritdoc IModel
    function versionCount() external view returns (uint32) {
        return _state.versionCount;
    }

    /// @inheritdoc IModel
    function jobCount() external view returns (uint64) {
        return _state.jobCount;
    }

    /// @inheritdoc IModel
    function round() external view returns (uint32) {
        return _state.round;
    }

    /// @inheritdoc IModel
    function pool() external view returns (uint256) {
        return _state.pool;
    }

    /// @inheritdoc IModel
    function logHash() external view returns (bytes32) {
        return _logHash;
    }

    /// @inheritdoc IModel
    function rules() external view returns (Rules memory) {
        return ModelArgs.rules();
    }

    /// @inheritdoc IModel
    function creator() external view returns (address) {
        return ModelArgs.creator();
    }

    /// @inheritdoc IModel
    function manifest() external view returns (bytes32) {
        return ModelArgs.manifest();
    }

    /// @inheritdoc IModel
    function alpha() external view returns (uint64) {
        return ModelArgs.economy().alpha;
    }

    /// @inheritdoc IModel
    function referenceSteps() external view returns (uint32) {
        return ModelArgs.economy().referenceSteps;
    }

    /// @inheritdoc IModel
    function inferenceUnit() external view returns (uint64) {
        return ModelArgs.economy().inferenceUnit;
    }

    /// @inheritdoc IModel
    function summary() external view returns (ModelSummary memory s) {
        State memory state = _state;
        ModelArgs.Economy memory economy = ModelArgs.economy();
        StoredVersion storage latest = _versions[state.head];
        s.model = address(this);
        s.creator = ModelArgs.creator();
        s.name = ModelArgs.name();
        s.symbol = ModelArgs.symbol();
        s.manifest = ModelArgs.manifest();
        s.head = state.head;
        s.headParametersHash = latest.parametersHash;
        s.accuracyPpm = latest.accuracyPpm;
        s.referenceSteps = economy.referenceSteps;
        s.supply = totalSupply();
        s.pool = state.pool;
        s.inferencePrice = _priceUp(state.pool, 1, economy);
        s.referenceReward = _rewardDown(state.pool, economy.referenceSteps, economy);
        s.versionCount = state.versionCount;
        s.jobCount = state.jobCount;
        s.uiMultiplier = _multiplier == 0 ? Curve.WAD : _multiplier;
    }

    /// @notice Name of the model and of its token.
    function name() public view override returns (string memory) {
        return ModelArgs.name();
    }

    /// @notice Symbol of the token.
    function symbol() public view override returns (string memory) {
        return ModelArgs.symbol();
    }

    // ─── Internals ───────────────────────────────────────────────────────────────────────────────────────────────

    function _rewardDown(uint256 pool_, uint256 steps, ModelArgs.Economy memory economy)
        internal
        pure
        returns (uint256)
    {
        return Curve.rewardDown(pool_, steps * Curve.WAD / economy.referenceSteps, economy.alpha);
    }

    function _priceUp(uint256 pool_, uint256 count, ModelArgs.Economy memory economy) internal pure returns (uint256) {
        return Curve.priceUp(pool_, count * economy.inferenceUnit, economy.alpha);
    }

    function _storedVersion(uint32 id, uint32 count) internal view returns (StoredVersion memory) {
        if (id >= count) revert UnknownVersion(id, count);
        return _versions[id];
    }

    function _open(StoredVersion memory v) internal pure returns (Version memory) {
        return Version(v.parametersHash, v.parent, v.accuracyPpm, v.author, v.blockNumber, v.job);
    }
}
