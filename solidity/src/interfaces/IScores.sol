// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "./IModel.sol";

/// @title IScores
/// @notice Scores of the workers of each model and epoch, the weights that follow from them, and the tokens that
/// follow from the weights. What a score is stands in the second seed of the project: 0.7 for a training, 0.3 for an
/// inference, each times the share of the timeout that was left, and nothing above 90% of the timeout.
/// @dev An epoch is 360 blocks. Once it is over, anybody posts the Merkle root of its weights with a bond; it can be
/// challenged like a job; then the model pays the epoch's emission, and each worker claims its part. When nobody has
/// posted in time, each worker's part is its share of all scores, so that payouts never stop.
interface IScores {
    /// @notice How far an epoch is.
    enum Status {
        Open,
        Posted,
        Weighted,
        Shared
    }

    /// @notice A model's epoch.
    /// @param total Sum of all scores, WAD.
    /// @param paid Tokens that settled inferences paid into the pool.
    /// @param inferences Inferences settled.
    /// @param status How far it is.
    /// @param poster Who posted its weights and has the model's bond at stake.
    /// @param postedAt When, or when they last came back from a case that no jury could decide.
    /// @param challenger Who doubts them.
    /// @param caseId Case before the jury.
    /// @param root Merkle root over `keccak256(keccak256(abi.encode(worker, weight)))`.
    /// @param emission Tokens that the model paid for it.
    /// @param claimed Tokens that workers have claimed.
    struct Epoch {
        uint96 total;
        uint96 paid;
        uint32 inferences;
        Status status;
        address poster;
        uint64 postedAt;
        address challenger;
        uint64 caseId;
        bytes32 root;
        uint96 emission;
        uint96 claimed;
    }

    /// @notice A worker's scores in an epoch, WAD, and how many jobs they come from.
    struct Score {
        uint96 train;
        uint96 infer;
        uint32 trainings;
        uint32 inferences;
    }

    /// @notice A job was scored.
    event Scored(
        address indexed model, uint64 indexed epoch, address indexed worker, IModel.JobKind kind, uint256 score
    );
    /// @notice Weights were posted and can be challenged.
    event WeightsPosted(address indexed model, uint64 indexed epoch, address indexed poster, bytes32 root);
    /// @notice Somebody doubts them.
    event WeightsChallenged(address indexed model, uint64 indexed epoch, address indexed challenger, uint64 caseId);
    /// @notice A jury refuted them; others can be posted.
    event WeightsRejected(address indexed model, uint64 indexed epoch, address indexed poster);
    /// @notice The epoch is final, and its emission was paid.
    event EpochFinal(address indexed model, uint64 indexed epoch, Status status, uint256 emission);
    /// @notice A worker claimed its part.
    event Claimed(address indexed model, uint64 indexed epoch, address indexed worker, uint256 weight, uint256 amount);

    /// @notice Only the job contract may do this.
    error OnlyJobs(address caller);
    /// @notice The epoch goes on until block `endsAt`.
    error EpochNotOver(uint64 epoch, uint256 endsAt);
    /// @notice The epoch is not at the status that this needs.
    error WrongStatus(uint64 epoch, Status status);
    /// @notice A root is not zero.
    error RootMissing();
    /// @notice Nobody scored in this epoch, so there is nothing to weigh.
    error NothingScored(uint64 epoch);
    /// @notice The window for challenges closed at `until`.
    error PostingFinal(uint64 until);
    /// @notice The window for challenges is open until `until`.
    error PostingOpen(uint64 until);
    /// @notice Weights can still be posted until block `until`.
    error PostingAwaited(uint64 epoch, uint256 until);
    /// @notice The proof does not lead to the root.
    error WrongProof(address worker, uint256 weight);
    /// @notice The worker has claimed before.
    error ClaimedBefore(address worker);
    /// @notice The weights add up to more than one.
    error EmissionExceeded(uint256 claimed, uint256 emission);

    /// @notice Adds the score of a settled job. Job contract only.
    /// @param paid Tokens that an inference paid into the pool; ignored for a training.
    function record(
        address model,
        address worker,
        IModel.JobKind kind,
        uint32 units,
        uint96 paid,
        uint32 latency,
        uint32 timeout
    ) external;

    /// @notice Posts the weights of an epoch that is over, with the model's bond.
    function postWeights(address model, uint64 epoch, bytes32 root) external payable;

    /// @notice Doubts posted weights, with the same bond.
    function challengeWeights(address model, uint64 epoch) external payable;

    /// @notice Makes weights final whose window has passed or which a jury upheld, or takes refuted ones back; anybody
    /// may. Where no jury could decide, opens the window anew instead.
    function settleWeights(address model, uint64 epoch) external;

    /// @notice Makes an epoch final for which nobody has posted weights within another epoch; anybody may.
    function shareByScore(address model, uint64 epoch) external;

    /// @notice Claims a worker's part of a final epoch for it; anybody may.
    /// @param weight The worker's weight, WAD; ignored where parts follow from scores.
    /// @param proof Merkle proof of it.
    function claim(address model, uint64 epoch, address worker, uint256 weight, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice The epoch of now.
    function currentEpoch() external view returns (uint64);

    /// @notice An epoch of a model.
    function epochOf(address model, uint64 epoch) external view returns (Epoch memory);

    /// @notice A worker's scores in an epoch.
    function scoreOf(address model, uint64 epoch, address worker) external view returns (Score memory);

    /// @notice Whether a worker has claimed its part.
    function hasClaimed(address model, uint64 epoch, address worker) external view returns (bool);

    /// @notice Score of a job: its kind's weight times what was left of the timeout, rounded down, WAD.
    function score(IModel.JobKind kind, uint32 latency, uint32 timeout) external pure returns (uint256);
}
