// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ModelReader} from "./ModelReader.sol";
import {IModel} from "./interfaces/IModel.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";

/// @title Model
/// @notice See {IModel}. Every model is a clone of this code with its own fixed choices in {ModelArgs}.
/// @dev Nobody has a privilege here: no owner, no pause, no upgrade. The code calls no other contract, so there is
/// nothing to re-enter; state is still written before tokens move.
contract Model is ModelReader {
    /// @dev The creator receives one twentieth of the supply: 5%.
    uint256 internal constant CREATOR_DIVISOR = 20;

    /// @dev Accuracy of one, in parts per million.
    uint32 internal constant PPM = 1e6;

    address internal immutable FACTORY;

    /// @dev Address of the shared code, which is nobody's model and is never set up.
    address internal immutable SHARED_CODE;

    constructor(address factory) {
        FACTORY = factory;
        SHARED_CODE = address(this);
    }

    /// @inheritdoc IModel
    function initialize(bytes32 genesis) external {
        if (msg.sender != FACTORY) revert OnlyFactory(msg.sender);
        if (_state.versionCount != 0 || address(this) == SHARED_CODE) revert AlreadyInitialized();
        uint256 supply = ModelArgs.economy().supply;
        address creator_ = ModelArgs.creator();
        uint256 creatorShare = supply / CREATOR_DIVISOR;
        // The factory bounds the supply by 2^120.
        // forge-lint: disable-next-line(unsafe-typecast)
        _state = State(uint128(supply - creatorShare), 0, 1, 0);
        _versions[0] = StoredVersion(genesis, creator_, 0, 0, uint40(block.number));
        _mint(address(this), supply - creatorShare);
        _mint(creator_, creatorShare);
    }

    // ─── Training ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function train(TrainSubmission calldata submission) external returns (uint256 reward) {
        _requireBefore(submission.deadline);
        State memory state = _state;
        if (submission.base != state.head) revert StaleBase(submission.base, state.head);
        if (submission.accuracyPpm > PPM) revert AccuracyOutOfRange(submission.accuracyPpm, PPM);
        if (submission.parametersHash == 0) revert ParametersMissing();

        reward = _rewardDown(state.pool, submission.steps, ModelArgs.economy());
        if (reward == 0) revert ZeroReward();
        if (reward < submission.minReward) revert RewardBelowMinimum(reward, submission.minReward);
        _settleTraining(submission, msg.sender, reward, state);
    }

    /// @dev Publishes the version and pays: the one place where tokens leave the pool.
    function _settleTraining(TrainSubmission calldata submission, address worker, uint256 reward, State memory state)
        internal
    {
        bytes32 baseHash = _versions[submission.base].parametersHash;
        if (submission.parametersHash == baseHash) revert ParametersUnchanged(baseHash);
        uint32 id = state.versionCount;
        state.head = id;
        state.versionCount = id + 1;
        state.jobCount += 1;
        // The reward is smaller than the pool, which is a uint128.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool -= uint128(reward);
        _state = state;
        _versions[id] = StoredVersion(
            submission.parametersHash,
            worker,
            submission.base,
            // Checked to be at most 1e6.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint24(submission.accuracyPpm),
            uint40(block.number)
        );
        _transfer(address(this), worker, reward);
        emit JobSettled(
            state.jobCount,
            JobKind.Train,
            worker,
            submission.base,
            id,
            submission.steps,
            baseHash,
            submission.parametersHash,
            submission.checkpointRoot,
            submission.accuracyPpm,
            reward,
            state.pool
        );
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IModel
    function infer(InferRequest calldata request) external returns (uint256 price) {
        _requireBefore(request.deadline);
        if (request.count == 0) revert ZeroInferences();
        State memory state = _state;
        StoredVersion memory used = _storedVersion(request.version, state.versionCount);
        price = _priceUp(state.pool, request.count, ModelArgs.economy());
        if (price > request.maxPrice) revert PriceAboveMaximum(price, request.maxPrice);

        state.jobCount += 1;
        // The price is at most the pool, and the sum at most the supply, or the transfer below reverts.
        // forge-lint: disable-next-line(unsafe-typecast)
        state.pool += uint128(price);
        _state = state;
        _transfer(msg.sender, address(this), price);
        emit JobSettled(
            state.jobCount,
            JobKind.Infer,
            msg.sender,
            request.version,
            request.version,
            request.count,
            request.inputHash,
            used.parametersHash,
            0,
            used.accuracyPpm,
            price,
            state.pool
        );
    }

    // ─── Token ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice Moves the caller's tokens. Refuses recipients from which they could never move again.
    function transfer(address to, uint256 amount) public override returns (bool) {
        _requireRecipient(to);
        return super.transfer(to, amount);
    }

    /// @notice Moves tokens on an allowance. Refuses recipients from which they could never move again.
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _requireRecipient(to);
        return super.transferFrom(from, to, amount);
    }

    /// @dev Solady lets one well-known contract spend everyone's tokens; here only the holder gives allowances.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }

    // ─── Internals ───────────────────────────────────────────────────────────────────────────────────────────────

    function _requireBefore(uint64 deadline) internal view {
        // Seconds of drift do not matter to a deadline that a person chose.
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
    }

    function _requireRecipient(address to) internal view {
        if (to == address(this) || to == address(0)) revert InvalidRecipient(to);
    }
}
