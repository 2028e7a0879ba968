// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "./Disputes.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {IJury} from "./interfaces/IJury.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IRounds} from "./interfaces/IRounds.sol";

/// @title Rounds
/// @notice See {IRounds}.
abstract contract Rounds is IRounds, Disputes {
    /// @dev What one average can take in, in a browser tab's memory.
    uint32 internal constant MAX_UPDATES = 64;

    /// @dev Challenge windows without a posted average after which the longest training is published instead.
    uint64 internal constant OVERDUE_WINDOWS = 8;

    mapping(address model => Round) internal _rounds;
    mapping(address model => Average) internal _averages;

    // ─── Trainings ───────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A training of the head was committed.
    function _join(address model, uint32 number, uint32 length) internal {
        Round storage r = _rounds[model];
        // A round in which nothing was accepted and nothing is pending begins anew.
        if (r.number != number || (r.pending == 0 && r.accepted == 0)) {
            delete _rounds[model];
            r.number = number;
            r.commitsUntil = uint64(block.timestamp) + length;
        }
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > r.commitsUntil) revert RoundClosed(model, r.commitsUntil);
        if (r.pending + r.accepted == MAX_UPDATES) revert RoundFull(model, MAX_UPDATES);
        ++r.pending;
    }

    /// @dev A committed training was decided against, or ended otherwise.
    function _leave(address model, uint32 number) internal {
        Round storage r = _rounds[model];
        if (r.number == number) --r.pending;
    }

    /// @dev A committed training was accepted and paid.
    function _accept(uint64 id, IJobs.Job storage job, IJobs.Result calldata result) internal {
        address model = job.model;
        Round storage r = _rounds[model];
        --r.pending;
        ++r.accepted;
        r.lastAcceptedAt = uint64(block.timestamp);
        if (job.units > r.bestSteps) {
            (r.bestSteps, r.bestAccuracyPpm) = (job.units, result.accuracyPpm);
            (r.bestJob, r.bestWorker, r.bestOutput) = (id, job.worker, result.output);
        }
        emit UpdateAccepted(model, r.number, id, r.accepted, job.units, result.output);
        if (r.accepted == 1 && _isDone(r)) _publishBest(model, r);
    }

    // ─── Averages ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IRounds
    function publishRound(address model) external {
        Round storage r = _done(model);
        if (r.accepted != 1) revert RoundNotDone(model, r.commitsUntil, r.pending, r.accepted);
        _publishBest(model, r);
    }

    /// @inheritdoc IRounds
    function postAverage(address model, bytes32 parametersHash, uint32 accuracyPpm) external payable {
        Round storage r = _done(model);
        if (r.accepted == 1) revert NothingToAverage(model);
        Average storage a = _averages[model];
        // One of an older round is settled first, so that its bond finds its way.
        if (a.poster != address(0)) revert AverageWaiting(model, a.poster);
        _requireNew(model, parametersHash);
        if (accuracyPpm > 1e6) revert IJobs.AccuracyOutOfRange(accuracyPpm, 1e6);
        IModel.Rules memory rules = IModel(model).rules();
        _requireImprovement(model, IModel(model).head(), rules.minImprovementPpm, accuracyPpm);
        _averages[model] = Average({
            poster: msg.sender,
            postedAt: uint64(block.timestamp),
            round: r.number,
            bond: rules.bond,
            accuracyPpm: accuracyPpm,
            challenger: address(0),
            caseId: 0,
            parametersHash: parametersHash
        });
        emit AveragePosted(model, r.number, msg.sender, parametersHash, accuracyPpm);
        _stake(_asset(model, rules), rules.bond);
    }

    /// @inheritdoc IRounds
    function challengeAverage(address model) external payable {
        Average storage a = _waiting(model);
        IModel.Rules memory rules = IModel(model).rules();
        uint64 until = a.postedAt + rules.challengeWindow;
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > until) revert IJobs.WindowClosed(until);
        if (a.challenger != address(0)) revert AlreadyChallenged(a.caseId);
        a.challenger = msg.sender;
        bytes32 finding = keccak256(abi.encode(a.parametersHash, a.accuracyPpm));
        a.caseId = _challenge(_asset(model, rules), a.bond, a.poster, rules, finding);
        emit AverageChallenged(model, a.round, msg.sender, a.caseId);
    }

    /// @inheritdoc IRounds
    function settleAverage(address model) external {
        Average storage waiting = _waiting(model);
        Average memory a = waiting;
        IModel.Rules memory rules = IModel(model).rules();
        uint64 until = a.postedAt + rules.challengeWindow;
        // forge-lint: disable-next-line(block-timestamp)
        if (a.challenger == address(0) && block.timestamp <= until) revert IJobs.WindowOpen(until);
        IJury.Outcome verdict = _verdict(a.challenger, a.caseId);
        if (verdict == IJury.Outcome.Undecided) {
            (waiting.challenger, waiting.caseId, waiting.postedAt) = (address(0), 0, uint64(block.timestamp));
        } else {
            // What was settled waits no more.
            delete _averages[model];
        }
        _divide(_asset(model, rules), a.bond, a.poster, a.challenger, a.caseId, verdict);
        if (verdict == IJury.Outcome.Refuted) emit AverageRejected(model, a.round, a.poster);
        // The head may have moved by a rollback meanwhile: then only the bond is settled.
        if (verdict == IJury.Outcome.Upheld && a.round == IModel(model).round()) {
            IModel(model).publish(0, a.poster, a.parametersHash, a.accuracyPpm);
        }
    }

    /// @inheritdoc IRounds
    function publishBest(address model) external {
        Round storage r = _done(model);
        Average storage a = _averages[model];
        if (a.poster != address(0)) revert AverageWaiting(model, a.poster);
        uint64 since = r.lastAcceptedAt > r.commitsUntil ? r.lastAcceptedAt : r.commitsUntil;
        uint64 overdueAt = since + OVERDUE_WINDOWS * IModel(model).rules().challengeWindow;
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp <= overdueAt) revert AverageNotOverdue(model, overdueAt);
        _publishBest(model, r);
    }

    function _publishBest(address model, Round storage r) internal {
        IModel(model).publish(r.bestJob, r.bestWorker, r.bestOutput, r.bestAccuracyPpm);
    }

    /// @dev A round of the present head, closed, with nothing pending and something accepted.
    function _done(address model) internal view returns (Round storage r) {
        r = _rounds[model];
        if (r.accepted == 0 || !_isDone(r) || r.number != IModel(model).round()) {
            revert RoundNotDone(model, r.commitsUntil, r.pending, r.accepted);
        }
    }

    function _isDone(Round storage r) internal view returns (bool) {
        // forge-lint: disable-next-line(block-timestamp)
        return r.pending == 0 && block.timestamp > r.commitsUntil;
    }

    /// @dev A version is better than the one it comes from by what its creator asks for.
    function _requireImprovement(address model, uint32 base, uint32 least, uint32 accuracyPpm) internal view {
        if (least == 0) return;
        uint32 needed = IModel(model).version(base).accuracyPpm + least;
        if (accuracyPpm < needed) revert IJobs.TooLittleImprovement(accuracyPpm, needed);
    }

    /// @dev A version differs from the head it comes from.
    function _requireNew(address model, bytes32 parametersHash) internal view {
        if (parametersHash == 0) revert IJobs.OutputMissing();
        if (parametersHash == IModel(model).version(IModel(model).head()).parametersHash) {
            revert IModel.ParametersUnchanged(parametersHash);
        }
    }

    function _waiting(address model) internal view returns (Average storage a) {
        a = _averages[model];
        if (a.poster == address(0)) revert AverageWaiting(model, address(0));
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IRounds
    function roundOf(address model) external view returns (Round memory) {
        return _rounds[model];
    }

    /// @inheritdoc IRounds
    function averageOf(address model) external view returns (Average memory) {
        return _averages[model];
    }
}
