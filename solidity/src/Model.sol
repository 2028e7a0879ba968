// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ModelGovernance} from "./ModelGovernance.sol";
import {ModelToken} from "./ModelToken.sol";
import {IModel} from "./interfaces/IModel.sol";
import {Curve} from "./libraries/Curve.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Model
/// @notice See {IModel}. Every model is a clone of this code with its own fixed choices in {ModelArgs}.
/// @dev No owner, no pause, no upgrade; what the creator and the largest holders may do stands in {ModelGovernance}.
/// The code calls no other contract, so there is nothing to re-enter; state is still written before tokens move.
contract Model is ModelGovernance {
    /// @dev The creator receives one twentieth of the supply: 5%.
    uint256 internal constant CREATOR_DIVISOR = 20;

    address internal immutable FACTORY;
    address internal immutable JOBS;
    address internal immutable SCORES;
    address internal immutable VAULT;

    /// @dev Address of the shared code, which is nobody's model and is never set up.
    address internal immutable SHARED_CODE;

    constructor(address factory, address jobs, address scores, address vault) {
        (FACTORY, JOBS, SCORES, VAULT) = (factory, jobs, scores, vault);
        SHARED_CODE = address(this);
    }

    modifier only(address contract_) {
        if (msg.sender != contract_) revert OnlyProtocol(msg.sender);
        _;
    }

    /// @inheritdoc IModel
    function initialize(bytes32 genesis) external {
        if (msg.sender != FACTORY) revert OnlyFactory(msg.sender);
        if (_state.versionCount != 0 || address(this) == SHARED_CODE) revert AlreadyInitialized();
        uint256 supply = ModelArgs.economy().supply;
        address creator_ = ModelArgs.creator();
        uint256 creatorShare = supply / CREATOR_DIVISOR;
        // The factory bounds the supply by 2^96.
        // forge-lint: disable-next-line(unsafe-typecast)
        _state = State({
            pool: uint96(supply - creatorShare), head: 0, versionCount: 1, jobCount: 0, holderCount: 0, round: 0
        });
        _versions[0] = StoredVersion(genesis, creator_, 0, uint64(block.number), 0, 0);
        _mintSeatless(address(this), supply - creatorShare);
        _mintSeatless(creator_, creatorShare);
    }

    // ─── Training ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function payTraining(uint64 job, address worker, Settlement calldata settlement, uint256 minReward)
        external
        only(JOBS)
        returns (uint256 reward)
    {
        State memory state = _state;
        reward = _rewardDown(state.pool, settlement.units, ModelArgs.economy());
        if (reward == 0 || reward < minReward) return 0;
        // The reward is smaller than the pool, which is a uint96.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool -= uint96(reward);
        _log(state, job, JobKind.Train, worker, settlement, reward);
        _transfer(address(this), worker, reward);
    }

    /// @inheritdoc IModel
    function publish(uint64 job, address author, bytes32 parametersHash, uint32 accuracyPpm)
        external
        only(JOBS)
        returns (uint32 id)
    {
        State memory state = _state;
        if (parametersHash == _versions[state.head].parametersHash) revert ParametersUnchanged(parametersHash);
        id = state.versionCount;
        _versions[id] = StoredVersion(parametersHash, author, state.head, uint64(block.number), job, accuracyPpm);
        emit VersionPublished(id, state.head, author, job, parametersHash, accuracyPpm);
        state.head = id;
        state.versionCount = id + 1;
        state.round += 1;
        _state = state;
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function infer(InferRequest calldata request) external returns (uint256 price) {
        // Seconds of drift do not matter to a deadline that a person chose.
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > request.deadline) revert DeadlinePassed(request.deadline, block.timestamp);
        State memory state = _state;
        uint32 accuracyPpm = _storedVersion(request.version, state.versionCount).accuracyPpm;
        price = _quoteWithin(state.pool, request.count, request.maxPrice);
        // The price is at most the pool, and the sum at most the supply, or the transfer below reverts.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool += uint96(price);
        Settlement memory settlement = Settlement({
            requester: msg.sender,
            base: request.version,
            units: request.count,
            input: request.inputHash,
            output: 0,
            checkpointRoot: 0,
            accuracyPpm: accuracyPpm,
            latency: 0,
            timeout: 0
        });
        _log(state, 0, JobKind.Infer, msg.sender, settlement, price);
        _transfer(msg.sender, address(this), price);
    }

    /// @inheritdoc IModel
    function lockPrice(address user, uint32 count, uint256 maxPrice) external only(JOBS) returns (uint256 price) {
        price = _quoteWithin(_state.pool, count, maxPrice);
        _transfer(user, JOBS, price);
    }

    /// @inheritdoc IModel
    function settleInference(uint64 job, address worker, Settlement calldata settlement, uint256 price)
        external
        only(JOBS)
    {
        State memory state = _state;
        // Locked tokens are part of the supply, which fits 96 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool += uint96(price);
        _log(state, job, JobKind.Infer, worker, settlement, price);
        _transfer(JOBS, address(this), price);
    }

    /// @inheritdoc IModel
    function payEmission(uint32 inferences, uint256 paid) external only(SCORES) returns (uint256 amount) {
        State memory state = _state;
        ModelArgs.Economy memory economy = ModelArgs.economy();
        uint256 reward = Curve.rewardDown(state.pool, uint256(inferences) * economy.inferenceUnit, economy.alpha);
        // Nobody gains by paying themselves for work that nobody needs.
        amount = FixedPointMathLib.min(reward, paid);
        // Smaller than the pool, which is a uint96.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool -= uint96(amount);
        _state = state;
        emit EmissionPaid(inferences, amount, state.pool);
        _transfer(address(this), SCORES, amount);
    }

    // ─── Internals ───────────────────────────────────────────────────────────────────────────────────────────────

    function _quoteWithin(uint256 pool_, uint32 count, uint256 maxPrice) internal view returns (uint256 price) {
        if (count == 0) revert ZeroInferences();
        price = _priceUp(pool_, count, ModelArgs.economy());
        if (price > maxPrice) revert PriceAboveMaximum(price, maxPrice);
    }

    /// @dev Writes the state and the next entry of the log.
    function _log(
        State memory state,
        uint64 job,
        JobKind kind,
        address worker,
        Settlement memory settlement,
        uint256 amount
    ) internal {
        state.jobCount += 1;
        _state = state;
        bytes32 hash =
            keccak256(abi.encode(_logHash, job, kind, worker, settlement, amount, uint256(state.pool), state.jobCount));
        _logHash = hash;
        emit JobSettled(job, kind, worker, settlement, amount, state.pool, state.jobCount, hash);
    }

    /// @inheritdoc ModelToken
    function _isSeatless(address account) internal view override returns (bool) {
        return account == JOBS || account == SCORES || account == VAULT;
    }
}
