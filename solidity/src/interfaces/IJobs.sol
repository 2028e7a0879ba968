// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "./IModel.sol";

/// @title IJobs
/// @notice Work on models, from an open request to a proven and paid result.
/// @dev open → claimed → committed → revealed → settled, or rejected, or expired (states as in ERC-8183). The worker
/// puts the model's bond at stake with the claim and commits to a result before anybody sees it; what is checked is
/// drawn by the hash of the block of that commitment; then the result is revealed and can be challenged within the
/// model's window. Nothing is paid before that.
///
/// A training can be proven in two ways. *Replay*: its seed is `keccak256(abi.encode(job, worker, hash of the block
/// of the claim))`, so it can be recomputed to the bit by anyone and copied by no one. *Evaluation*: any training,
/// proven by its result on held-out batches that the commitment's block draws; it earns at most one reference
/// training, since its steps cannot be counted.
interface IJobs {
    // ─── Types ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice How far a job is. From `Settled` on it is over.
    enum State {
        None,
        Open,
        Claimed,
        Committed,
        Revealed,
        Settled,
        Rejected,
        Expired
    }

    /// @notice How a training is proven; an inference is always replayed.
    enum Proof {
        Replay,
        Evaluation
    }

    /// @notice A request.
    /// @param model Model to work on.
    /// @param kind Training or inference.
    /// @param proof How it is to be proven.
    /// @param base Version to train from, which must be the head, or to use.
    /// @param units Steps to train, or inferences to make; at least 1.
    /// @param input Hash of the recipe, or of the inputs.
    /// @param maxPrice Most that the requester of an inference pays; nothing is paid for a training.
    struct Request {
        address model;
        IModel.JobKind kind;
        Proof proof;
        uint32 base;
        uint32 units;
        bytes32 input;
        uint256 maxPrice;
    }

    /// @notice What a worker claims to have made.
    /// @param output Content hash of the new parameters, or of the results; not zero.
    /// @param checkpointRoot Merkle root over the checkpoints; zero for an inference.
    /// @param accuracyPpm Accuracy on held-out data, in parts per million; 0 for an inference.
    struct Result {
        bytes32 output;
        bytes32 checkpointRoot;
        uint32 accuracyPpm;
    }

    /// @notice A job.
    /// @param round Round of the model in which it was opened; a training of another round is abandoned.
    /// @param bond What the worker has at stake, in the model's bond asset.
    /// @param amount Least reward that the worker accepts, or price that the requester has paid.
    /// @param claimedAt Time of the claim; while nobody has taken the job, from which turns count.
    /// @param claimBlock Block of the claim, whose hash makes the seed; while nobody has taken the job, the block whose
    /// hash draws whose turn it is.
    /// @param commitBlock Block of the commitment, whose hash draws what is checked.
    /// @param resultHash `keccak256(abi.encode(result))` once committed.
    /// @param challenger Who challenged it; zero while nobody has.
    /// @param caseId Case before the jury; 0 without one.
    /// @param reopenedAfter Seconds from the revelation to the last case that no jury could decide, from which the window
    /// for challenges counts anew; 0 without one.
    struct Job {
        address model;
        IModel.JobKind kind;
        Proof proof;
        State state;
        uint32 base;
        uint32 units;
        address requester;
        uint32 round;
        uint64 openedAt;
        address worker;
        uint96 bond;
        uint96 amount;
        uint40 claimedAt;
        uint40 revealedAt;
        uint40 claimBlock;
        uint40 commitBlock;
        address challenger;
        uint64 caseId;
        uint32 reopenedAfter;
        bytes32 input;
        bytes32 resultHash;
    }

    // ─── Events ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice A job was opened.
    event JobOpened(uint64 indexed job, address indexed model, address indexed requester, Request request);
    /// @notice A worker took a job until `leaseUntil`.
    event JobClaimed(uint64 indexed job, address indexed model, address indexed worker, uint64 leaseUntil);
    /// @notice The seed of a claimed training is fixed.
    event SeedDrawn(uint64 indexed job, bytes32 seed);
    /// @notice A worker committed to a result.
    event JobCommitted(uint64 indexed job, address indexed model, address indexed worker, Result result);
    /// @notice The result can be fetched and checked; `draw` says which part.
    /// @param cid Content identifier of the list of checkpoints, whose Merkle root was committed to; empty without one.
    event JobRevealed(uint64 indexed job, address indexed model, address indexed worker, bytes32 draw, bytes cid);
    /// @notice Somebody doubts a result.
    event JobChallenged(uint64 indexed job, address indexed model, address indexed challenger, uint64 caseId);
    /// @notice A result was refuted by a jury.
    event JobRejected(uint64 indexed job, address indexed model, address indexed worker);
    /// @notice A job ended without a result: cancelled, abandoned, not revealed in time, or not worth what the worker
    /// wanted. `forfeited` is the part of the bond that the worker lost.
    event JobExpired(uint64 indexed job, address indexed model, address indexed worker, uint256 forfeited);
    /// @notice A job was an audit. Its input names `keccak256(abi.encode(output, salt))` beside what is to be computed, so
    /// its requester knew the answer `output` before anybody was asked.
    event AuditRevealed(
        uint64 indexed job, address indexed model, address indexed worker, bytes32 output, bytes32 salt
    );
    /// @notice A lease ended without a commitment; the job is open again.
    event LeaseLapsed(uint64 indexed job, address indexed model, address indexed worker, uint256 forfeited);

    // ─── Errors ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice The factory made no such model.
    error UnknownModel(address model);
    /// @notice The training starts from `base`, but the head is `head`.
    error StaleBase(uint32 base, uint32 head);
    /// @notice A job has at least one step or inference.
    error ZeroUnits();
    /// @notice The job is not in the state that this needs.
    error WrongState(uint64 job, State state);
    /// @notice Only the worker of the job may do this.
    error OnlyWorker(uint64 job, address worker);
    /// @notice Only who asked for the job may do this.
    error OnlyRequester(uint64 job, address requester);
    /// @notice The head has moved since the job was opened; end it by {abandon}.
    error Abandoned(uint64 job);
    /// @notice The job is not abandoned: its base is the head.
    error NotAbandoned(uint64 job);
    /// @notice The lease ended at `leaseUntil`.
    error LeaseOver(uint64 job, uint64 leaseUntil);
    /// @notice The lease goes on until `leaseUntil`.
    error LeaseNotOver(uint64 job, uint64 leaseUntil);
    /// @notice A training proven by evaluation earns at most one reference training.
    error TooManySteps(uint32 units, uint32 maximum);
    /// @notice Only a training proven by evaluation can be committed at once: a replayed one takes its seed from its
    /// claim.
    error SeedNeeded();
    /// @notice The hash of the claim's block can no longer be read; draw the seed sooner.
    error SeedGone(uint64 job);
    /// @notice The claim's block is not over.
    error SeedNotYet(uint64 job);
    /// @notice The result names no output.
    error OutputMissing();
    /// @notice Accuracy is a part of a million.
    error AccuracyOutOfRange(uint32 accuracyPpm, uint32 maximum);
    /// @notice The training, or the average, does not improve the model by what its creator asks for.
    error TooLittleImprovement(uint32 accuracyPpm, uint32 needed);
    /// @notice The reward is nothing, or below what the worker accepts.
    error RewardBelowMinimum(uint256 reward, uint256 minReward);
    /// @notice The result is not the one committed to.
    error ResultMismatch(uint64 job, bytes32 expected, bytes32 given);
    /// @notice What is checked is drawn by the commitment's block, which is not over.
    error RevealTooEarly(uint64 job);
    /// @notice The window for challenges closed at `until`.
    error WindowClosed(uint64 until);
    /// @notice The window for challenges is open until `until`.
    error WindowOpen(uint64 until);

    // ─── Actions ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice Opens a job for those to take whose turn it is ({IRoster}). The price of an inference is taken at once and
    /// returned when the job expires.
    function open(Request calldata request) external returns (uint64 job);

    /// @notice Takes an open job: one's own, or another's in one's turn. The bond comes from the caller's free balance in the vault, to which sent coins are
    /// added first.
    /// @param minReward Least reward accepted for a training.
    function claim(uint64 job, uint96 minReward) external payable;

    /// @notice Opens a training and takes it.
    function start(Request calldata request, uint96 minReward) external payable returns (uint64 job);

    /// @notice Opens a training that is already done, takes it and commits to its result; proven by evaluation.
    function submit(Request calldata request, uint96 minReward, Result calldata result)
        external
        payable
        returns (uint64 job);

    /// @notice Fixes the seed of a claimed job; anybody may, as long as the chain still knows the claim's block.
    /// {commit} does it by itself.
    function drawSeed(uint64 job) external returns (bytes32 seed);

    /// @notice Commits to a result. Its data need not be available yet.
    function commit(uint64 job, Result calldata result) external;

    /// @notice Declares that the result's data can be fetched. From here on it can be challenged.
    function reveal(uint64 job, Result calldata result, bytes calldata cid) external;

    /// @notice Doubts a revealed result, with the same bond as its worker's.
    function challenge(uint64 job) external payable;

    /// @notice Says of an own job, once its worker has committed, that it was an audit with a known answer.
    function revealAudit(uint64 job, bytes32 output, bytes32 salt) external;

    /// @notice Ends a job whose window has passed or whose jury has decided: pays and logs, or rejects; anybody may.
    /// Where no jury could decide, opens the window anew instead.
    function settle(uint64 job, Result calldata result) external;

    /// @notice Ends a lease that is over; anybody may. Before a commitment the job is open again; after one it has
    /// expired. The bond goes to the requester, or to the model's creator where worker and requester are one;
    /// a worker's own job that was not committed costs nothing.
    function lapse(uint64 job) external;

    /// @notice Ends a training whose base is no longer the head, with all bonds returned; anybody may.
    function abandon(uint64 job) external;

    /// @notice Withdraws an own job that nobody has taken.
    function cancel(uint64 job) external;

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice A job.
    function jobOf(uint64 job) external view returns (Job memory);

    /// @notice Number of jobs, which are numbered from 1.
    function jobCount() external view returns (uint64);

    /// @notice Jobs `offset + 1` to `offset + limit`, fewer where they end.
    function jobs(uint256 offset, uint256 limit) external view returns (Job[] memory);

    /// @notice Seed of a job, once drawn.
    function seedOf(uint64 job) external view returns (bytes32);
}
