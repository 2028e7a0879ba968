// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IModel
/// @notice A trainable model that is its own token. Whoever trains it is paid from its pool; whoever uses it pays
/// into the pool. The supply is minted once and never changes.
/// @dev Amounts are in base units of 18 decimals; WAD is a fixed-point number of 18 decimals; times are seconds.
interface IModel {
    // ─── Types ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice What a job did.
    enum JobKind {
        Train,
        Infer
    }

    /// @notice One set of trained parameters. Versions are only ever added.
    /// @param parametersHash Content hash of the parameters.
    /// @param parent Version the training started from; 0 for version 0.
    /// @param accuracyPpm Accuracy on held-out data that the author claims, in parts per million.
    /// @param author Account that published it.
    /// @param blockNumber Block in which it was published.
    struct Version {
        bytes32 parametersHash;
        uint32 parent;
        uint32 accuracyPpm;
        address author;
        uint64 blockNumber;
    }

    /// @notice A finished training, offered for a reward.
    /// @param base Version the training started from; must be the head.
    /// @param steps Optimizer steps done.
    /// @param parametersHash Content hash of the new parameters.
    /// @param checkpointRoot Merkle root over the hashes of the checkpoints along the way; zero when none were kept.
    /// @param accuracyPpm Claimed accuracy on held-out data, in parts per million, at most 1e6.
    /// @param minReward Least reward the worker accepts.
    /// @param deadline Last timestamp at which the submission may be settled.
    struct TrainSubmission {
        uint32 base;
        uint32 steps;
        bytes32 parametersHash;
        bytes32 checkpointRoot;
        uint32 accuracyPpm;
        uint256 minReward;
        uint64 deadline;
    }

    /// @notice A paid use of the model.
    /// @param version Version to use.
    /// @param count Number of inferences, at least 1.
    /// @param inputHash Hash of the inputs; the user alone knows them.
    /// @param maxPrice Most the user is willing to pay.
    /// @param deadline Last timestamp at which the request may be settled.
    struct InferRequest {
        uint32 version;
        uint32 count;
        bytes32 inputHash;
        uint256 maxPrice;
        uint64 deadline;
    }

    /// @notice All a page needs to show a model's card.
    /// @param model Address of the model, which is its token too.
    /// @param creator Account that created it.
    /// @param name Name of the model and of its token.
    /// @param symbol Symbol of the token.
    /// @param manifest Content hash of the manifest.
    /// @param head Version that trainings must start from.
    /// @param headParametersHash Content hash of the head's parameters.
    /// @param accuracyPpm Accuracy claimed for the head, in parts per million.
    /// @param referenceSteps Steps of one reference training.
    /// @param supply All tokens there will ever be.
    /// @param pool Tokens left to be earned.
    /// @param inferencePrice Price of one inference now.
    /// @param referenceReward Reward of one reference training now.
    /// @param versionCount Number of versions.
    /// @param jobCount Number of settled jobs.
    struct ModelSummary {
        address model;
        address creator;
        string name;
        string symbol;
        bytes32 manifest;
        uint32 head;
        bytes32 headParametersHash;
        uint32 accuracyPpm;
        uint32 referenceSteps;
        uint256 supply;
        uint256 pool;
        uint256 inferencePrice;
        uint256 referenceReward;
        uint32 versionCount;
        uint64 jobCount;
    }

    // ─── Events ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice The job log: one entry for each settled training and inference.
    /// @param job Number of the job, from 1.
    /// @param kind Training or inference.
    /// @param worker Account that trained and was paid, or that used the model and paid.
    /// @param base Version trained from, or version used.
    /// @param version Version published, or version used.
    /// @param units Steps trained, or inferences bought.
    /// @param input Hash of the base's parameters, or of the inputs.
    /// @param output Hash of the new parameters, or of the parameters used.
    /// @param checkpointRoot Merkle root over the checkpoints; zero for an inference.
    /// @param accuracyPpm Accuracy claimed for `version`, in parts per million.
    /// @param amount Reward paid, or price charged.
    /// @param pool Tokens in the pool after the job.
    event JobSettled(
        uint64 indexed job,
        JobKind indexed kind,
        address indexed worker,
        uint32 base,
        uint32 version,
        uint32 units,
        bytes32 input,
        bytes32 output,
        bytes32 checkpointRoot,
        uint32 accuracyPpm,
        uint256 amount,
        uint256 pool
    );

    // ─── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice The training started from `base`, but the head has moved to `head`.
    error StaleBase(uint32 base, uint32 head);
    /// @notice The work is too small, or the pool too empty, to pay one base unit.
    error ZeroReward();
    /// @notice The reward has fallen below what the worker accepts.
    error RewardBelowMinimum(uint256 reward, uint256 minReward);
    /// @notice The price has risen above what the user accepts.
    error PriceAboveMaximum(uint256 price, uint256 maxPrice);
    /// @notice The transaction came at `timestamp`, after its own `deadline`.
    error DeadlinePassed(uint64 deadline, uint256 timestamp);
    /// @notice There is no such version: versions are numbered from 0 below `versionCount`.
    error UnknownVersion(uint32 version, uint32 versionCount);
    /// @notice Accuracy is a part of a million.
    error AccuracyOutOfRange(uint32 accuracyPpm, uint32 maximum);
    /// @notice The submission names no parameters.
    error ParametersMissing();
    /// @notice The submission names the parameters it started from: nothing was learnt.
    error ParametersUnchanged(bytes32 parametersHash);
    /// @notice A request needs at least one inference.
    error ZeroInferences();
    /// @notice Tokens sent to the model itself or to the zero address could never be moved again.
    error InvalidRecipient(address recipient);
    /// @notice At most `maximum` points can be drawn at once.
    error TooManyPoints(uint256 points, uint256 maximum);
    /// @notice Only the factory may do this.
    error OnlyFactory(address caller);
    /// @notice The model has been set up before.
    error AlreadyInitialized();

    // ─── Actions ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice Mints the supply, gives the creator's share, and publishes version 0. Factory only, once.
    /// @param genesis Content hash of the first parameters.
    function initialize(bytes32 genesis) external;

    /// @notice Publishes a training of the head as the new head, and pays its reward from the pool.
    /// @dev Reward: `Curve.rewardDown` for `steps / referenceSteps`, rounded down twice.
    /// @return reward Tokens paid to the caller.
    function train(TrainSubmission calldata submission) external returns (uint256 reward);

    /// @notice Pays for inferences with the caller's tokens, which go into the pool.
    /// @dev Price: `Curve.priceUp` for `count * inferenceUnit`, rounded up; at least one base unit.
    /// @return price Tokens charged to the caller.
    function infer(InferRequest calldata request) external returns (uint256 price);

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice Reward that a training of `steps` would earn now.
    function quoteReward(uint32 steps) external view returns (uint256);

    /// @notice Price of `count` inferences now.
    function quotePrice(uint32 count) external view returns (uint256);

    /// @notice Rewards of the next `points` reference trainings in a row, with no use in between; at most 256.
    function rewardPath(uint256 points) external view returns (uint256[] memory);

    /// @notice Prices of the next `points` single inferences in a row, with no training in between; at most 256.
    /// @dev The pool cannot grow beyond the supply, so the path stays level from there on.
    function pricePath(uint256 points) external view returns (uint256[] memory);

    /// @notice Versions `offset` to `offset + limit`, fewer where they end.
    function versions(uint256 offset, uint256 limit) external view returns (Version[] memory);

    /// @notice One version.
    function version(uint32 id) external view returns (Version memory);

    /// @notice Version that trainings must start from.
    function head() external view returns (uint32);

    /// @notice Number of versions, genesis included.
    function versionCount() external view returns (uint32);

    /// @notice Number of settled jobs.
    function jobCount() external view returns (uint64);

    /// @notice Tokens left to be earned, in base units; kept by internal accounting.
    function pool() external view returns (uint256);

    /// @notice Account that created the model.
    function creator() external view returns (address);

    /// @notice Content hash of the manifest, which names the architecture and the data.
    function manifest() external view returns (bytes32);

    /// @notice Speed of the curve per reference training, as WAD.
    function alpha() external view returns (uint64);

    /// @notice Steps of one reference training.
    function referenceSteps() external view returns (uint32);

    /// @notice What one inference weighs on the curve, as WAD: 1e18 is as much as one reference training.
    function inferenceUnit() external view returns (uint64);

    /// @notice The model's card.
    function summary() external view returns (ModelSummary memory);
}
