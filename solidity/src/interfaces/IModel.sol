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

    /// @notice The rules that a creator chooses, once and for all. Times are seconds.
    /// @param bond What a worker puts at stake for a job, and a challenger for a doubt: wei, or base units of tokens.
    /// @param bondInTokens Whether bonds are in the model's token; else in native coin.
    /// @param jurySize Jurors of a case, odd, from 3 to 21.
    /// @param rollbackDelay Between the request of a rollback and its execution.
    /// @param challengeWindow In which a revealed job, an average or an epoch's weights can be challenged.
    /// @param juryPhase In which jurors commit, and again in which they reveal; at least a minute.
    /// @param trainLease Between the claim of a training and its revelation.
    /// @param inferLease Between the claim of an inference and its revelation.
    /// @param roundLength From the first commitment of a round on, in which further trainings of the same version join
    /// it; 0 takes only those of the same block.
    /// @param minImprovementPpm By how much a training's accuracy must exceed its base's, in parts per million; 0 for
    /// models without such a measure.
    struct Rules {
        uint96 bond;
        bool bondInTokens;
        uint8 jurySize;
        uint32 rollbackDelay;
        uint32 challengeWindow;
        uint32 juryPhase;
        uint32 trainLease;
        uint32 inferLease;
        uint32 roundLength;
        uint32 minImprovementPpm;
    }

    /// @notice One set of trained parameters. Versions are only ever added.
    /// @param parametersHash Content hash of the parameters.
    /// @param parent Version the training started from; 0 for version 0.
    /// @param accuracyPpm Accuracy on held-out data that the author claims, in parts per million.
    /// @param author Account that published it.
    /// @param blockNumber Block in which it was published.
    /// @param job Job that made it; 0 for version 0 and for averages.
    struct Version {
        bytes32 parametersHash;
        uint32 parent;
        uint32 accuracyPpm;
        address author;
        uint64 blockNumber;
        uint64 job;
    }

    /// @notice What a job did, as its settlement logs it: every input of its score.
    /// @param requester Account that asked for it.
    /// @param base Version trained from, or used.
    /// @param units Steps trained, or inferences made.
    /// @param input Hash of the recipe, or of the inputs.
    /// @param output Hash of the new parameters, or of the results; zero where only the user knows them.
    /// @param checkpointRoot Merkle root over the checkpoints; zero for an inference.
    /// @param accuracyPpm Accuracy claimed for the new parameters, in parts per million.
    /// @param latency Seconds from claim to revelation, from block times; 0 for what a user ran alone.
    /// @param timeout Seconds that the lease allowed; 0 for what a user ran alone.
    struct Settlement {
        address requester;
        uint32 base;
        uint32 units;
        bytes32 input;
        bytes32 output;
        bytes32 checkpointRoot;
        uint32 accuracyPpm;
        uint32 latency;
        uint32 timeout;
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
    /// @param uiMultiplier Factor from raw amounts to shown ones, WAD (ERC-8056).
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
        uint256 uiMultiplier;
    }

    // ─── Events ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice The job log: one entry for each settled training and inference.
    /// @param job Number of the job in the job contract; 0 for what a user ran alone.
    /// @param kind Training or inference.
    /// @param worker Account that did the work: it was paid for a training, and for an inference is scored.
    /// @param settlement What was done.
    /// @param amount Reward paid, or price charged.
    /// @param pool Tokens in the pool after the job.
    /// @param number Place of the entry in this model's log, from 1.
    /// @param logHash `keccak256(abi.encode(previous logHash, job, kind, worker, settlement, amount, pool, number))`, so a
    /// reader knows that no entry was left out.
    event JobSettled(
        uint64 indexed job,
        JobKind indexed kind,
        address indexed worker,
        Settlement settlement,
        uint256 amount,
        uint256 pool,
        uint32 number,
        bytes32 logHash
    );

    /// @notice A version was published and is the head.
    event VersionPublished(
        uint32 indexed version,
        uint32 indexed parent,
        address indexed author,
        uint64 job,
        bytes32 parametersHash,
        uint32 accuracyPpm
    );

    /// @notice Tokens left the pool for an epoch's workers.
    event EmissionPaid(uint256 inferences, uint256 amount, uint256 pool);

    // ─── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice The price has risen above what the user accepts.
    error PriceAboveMaximum(uint256 price, uint256 maxPrice);
    /// @notice The transaction came at `timestamp`, after its own `deadline`.
    error DeadlinePassed(uint64 deadline, uint256 timestamp);
    /// @notice There is no such version: versions are numbered from 0 below `versionCount`.
    error UnknownVersion(uint32 version, uint32 versionCount);
    /// @notice The new parameters are those of the head: nothing was learnt.
    error ParametersUnchanged(bytes32 parametersHash);
    /// @notice A request needs at least one inference.
    error ZeroInferences();
    /// @notice At most `maximum` points can be drawn at once.
    error TooManyPoints(uint256 points, uint256 maximum);
    /// @notice Only the protocol's contracts may do this.
    error OnlyProtocol(address caller);
    /// @notice Only the factory may do this.
    error OnlyFactory(address caller);
    /// @notice The model has been set up before.
    error AlreadyInitialized();

    // ─── Actions ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice Mints the supply, gives the creator's share, and publishes version 0. Factory only, once.
    /// @param genesis Content hash of the first parameters.
    function initialize(bytes32 genesis) external;

    /// @notice Pays for inferences with the caller's tokens, which go into the pool.
    /// @dev Price: `Curve.priceUp` for `count * inferenceUnit`, rounded up; at least one base unit.
    /// @return price Tokens charged to the caller.
    function infer(InferRequest calldata request) external returns (uint256 price);

    // ─── For the protocol's contracts ────────────────────────────────────────────────────────────────────────────

    /// @notice Pays a proven training from the pool and logs it. Job contract only.
    /// @dev Reward: `Curve.rewardDown` for `units / referenceSteps`, rounded down twice. Pays and logs nothing, and
    /// returns 0, when that is 0 or below `minReward`.
    function payTraining(uint64 job, address worker, Settlement calldata settlement, uint256 minReward)
        external
        returns (uint256 reward);

    /// @notice Publishes a child of the head as the new head, and ends the round. Job contract only.
    function publish(uint64 job, address author, bytes32 parametersHash, uint32 accuracyPpm)
        external
        returns (uint32 version);

    /// @notice Takes the price of `count` inferences from a user's tokens into the job contract's. Job contract only.
    function lockPrice(address user, uint32 count, uint256 maxPrice) external returns (uint256 price);

    /// @notice Moves a price that was locked into the pool and logs the inference. Job contract only.
    function settleInference(uint64 job, address worker, Settlement calldata settlement, uint256 price) external;

    /// @notice Moves the emission for an epoch's inferences to the score contract. Score contract only.
    /// @dev `Curve.rewardDown` for `inferences * inferenceUnit`, and at most what these inferences have paid.
    /// @param paid Tokens that they paid into the pool.
    function payEmission(uint32 inferences, uint256 paid) external returns (uint256 amount);

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

    /// @notice Number of times the head has moved.
    function round() external view returns (uint32);

    /// @notice Tokens left to be earned, in base units; kept by internal accounting.
    function pool() external view returns (uint256);

    /// @notice Hash over the whole job log so far; zero while it is empty.
    function logHash() external view returns (bytes32);

    /// @notice What its creator chose.
    function rules() external view returns (Rules memory);

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
