// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IRounds
/// @notice Many trainings of one version at once. All that are committed within the model's `roundLength` of the first
/// one and then accepted are averaged, weighted by their steps, in the order of acceptance. The average is computed
/// off chain; its hash becomes the next head. The average of one training is itself and needs no posting.
interface IRounds {
    /// @notice A model's round.
    /// @param number The model's round that this describes.
    /// @param commitsUntil Last timestamp for commitments; zero before the first.
    /// @param pending Committed trainings that are not decided.
    /// @param accepted Accepted trainings.
    /// @param bestSteps Most steps of an accepted training; `bestJob`, `bestAccuracyPpm` and `bestOutput` are its own.
    struct Round {
        uint32 number;
        uint64 commitsUntil;
        uint32 pending;
        uint32 accepted;
        uint32 bestSteps;
        uint32 bestAccuracyPpm;
        uint64 bestJob;
        address bestWorker;
        bytes32 bestOutput;
        uint64 lastAcceptedAt;
    }

    /// @notice A posted average. A jury is asked for `keccak256(abi.encode(parametersHash, accuracyPpm))`.
    /// @param postedAt When it was posted, or last came back from a case that no jury could decide.
    struct Average {
        address poster;
        uint64 postedAt;
        uint32 round;
        uint96 bond;
        uint32 accuracyPpm;
        address challenger;
        uint64 caseId;
        bytes32 parametersHash;
    }

    /// @notice A training was accepted into the average of its round, at place `place` from 1.
    event UpdateAccepted(
        address indexed model,
        uint32 indexed round,
        uint64 indexed job,
        uint32 place,
        uint32 steps,
        bytes32 parametersHash
    );
    /// @notice An average was posted and can be challenged.
    event AveragePosted(
        address indexed model, uint32 indexed round, address indexed poster, bytes32 parametersHash, uint32 accuracyPpm
    );
    /// @notice Somebody doubts an average.
    event AverageChallenged(address indexed model, uint32 indexed round, address indexed challenger, uint64 caseId);
    /// @notice An average was refuted; another one can be posted.
    event AverageRejected(address indexed model, uint32 indexed round, address indexed poster);

    /// @notice No further training joins this round.
    error RoundClosed(address model, uint64 commitsUntil);
    /// @notice A round takes at most this many trainings.
    error RoundFull(address model, uint32 maximum);
    /// @notice The round cannot be published: still open, trainings undecided, or none accepted.
    error RoundNotDone(address model, uint64 commitsUntil, uint32 pending, uint32 accepted);
    /// @notice The round has one training, which is published as it is.
    error NothingToAverage(address model);
    /// @notice An average waits already, or none does.
    error AverageWaiting(address model, address poster);
    /// @notice Nobody has posted an average in time; or there is time left.
    error AverageNotOverdue(address model, uint64 overdueAt);

    /// @notice Publishes the only training of a round that is done; {settle} does it by itself where it can.
    function publishRound(address model) external;

    /// @notice Posts the average of a round that is done, with a bond. It improves on the head by what the model's rules
    /// ask for; where it cannot, nobody posts one, and the longest training is published in the end.
    function postAverage(address model, bytes32 parametersHash, uint32 accuracyPpm) external payable;

    /// @notice Doubts a posted average, with the same bond.
    function challengeAverage(address model) external payable;

    /// @notice Publishes a posted average whose window has passed or which a jury upheld, or ends a refuted one; anybody
    /// may. Where no jury could decide, opens the window anew instead.
    function settleAverage(address model) external;

    /// @notice Publishes the round's longest training when nobody has posted an average for long; anybody may.
    function publishBest(address model) external;

    /// @notice The round that a model is in.
    function roundOf(address model) external view returns (Round memory);

    /// @notice The average that waits; its poster is zero when none does.
    function averageOf(address model) external view returns (Average memory);
}
