// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "./Disputes.sol";
import {Rounds} from "./Rounds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {IJury} from "./interfaces/IJury.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IModelFactory} from "./interfaces/IModelFactory.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {IScores} from "./interfaces/IScores.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Page} from "./libraries/Page.sol";
import {BlockHashLib} from "solady/utils/BlockHashLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Jobs
/// @notice See {IJobs}.
/// @dev It calls only the protocol's own contracts, none of which calls a stranger.
contract Jobs is IJobs, Rounds {
    uint32 internal constant PPM = 1e6;

    IModelFactory internal immutable FACTORY;
    IScores internal immutable SCORES;
    IRoster internal immutable ROSTER;

    /// @inheritdoc IJobs
    uint64 public jobCount;

    mapping(uint64 id => Job) internal _jobs;

    /// @inheritdoc IJobs
    mapping(uint64 job => bytes32) public seedOf;

    constructor(IModelFactory factory, IVault vault, IJury jury, IScores scores, IRoster roster) Disputes(vault, jury) {
        (FACTORY, SCORES, ROSTER) = (factory, scores, roster);
    }

    // ─── Open ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJobs
    function open(Request calldata request) external returns (uint64 id) {
        return _open(request);
    }

    /// @inheritdoc IJobs
    function claim(uint64 id, uint96 minReward) external payable {
        Job storage job = _require(id, State.Open);
        // Nobody waits for a turn at their own job.
        if (msg.sender != job.requester) {
            ROSTER.take(job.model, job.kind, id, msg.sender, job.claimBlock, job.claimedAt);
        }
        _claim(id, job, minReward);
    }

    /// @inheritdoc IJobs
    function start(Request calldata request, uint96 minReward) external payable returns (uint64 id) {
        id = _open(request);
        _claim(id, _jobs[id], minReward);
    }

    /// @inheritdoc IJobs
    function submit(Request calldata request, uint96 minReward, Result calldata result)
        external
        payable
        returns (uint64 id)
    {
        if (request.kind != IModel.JobKind.Train || request.proof != Proof.Evaluation) revert SeedNeeded();
        id = _open(request);
        _claim(id, _jobs[id], minReward);
        _commit(id, _jobs[id], result);
    }

    /// @inheritdoc IJobs
    function cancel(uint64 id) external {
        Job storage job = _require(id, State.Open);
        if (msg.sender != job.requester) revert OnlyRequester(id, job.requester);
        _expire(id, job, 0, address(0));
    }

    function _open(Request calldata request) internal returns (uint64 id) {
        address model = request.model;
        if (!FACTORY.isModel(model)) revert UnknownModel(model);
        if (request.units == 0) revert ZeroUnits();
        id = ++jobCount;
        Job storage job = _jobs[id];
        (job.model, job.kind, job.proof, job.state) = (model, request.kind, request.proof, State.Open);
        (job.base, job.units, job.input) = (request.base, request.units, request.input);
        (job.requester, job.openedAt) = (msg.sender, uint64(block.timestamp));
        _draw(job);
        if (request.kind == IModel.JobKind.Train) {
            uint32 head = IModel(model).head();
            if (request.base != head) revert StaleBase(request.base, head);
            uint32 most = IModel(model).referenceSteps();
            if (request.proof == Proof.Evaluation && request.units > most) revert TooManySteps(request.units, most);
            job.round = IModel(model).round();
        } else {
            // Reverts for a version that does not exist.
            IModel(model).version(request.base);
            // A price is at most the supply, which fits 96 bits.
            // forge-lint: disable-next-line(unsafe-typecast)
            job.amount = uint96(IModel(model).lockPrice(msg.sender, request.units, request.maxPrice));
        }
        emit JobOpened(id, model, msg.sender, request);
    }

    /// @dev The block of now draws: whose turn the job is, or the seed of the worker who took it.
    function _draw(Job storage job) internal {
        // forge-lint: disable-next-line(unsafe-typecast)
        (job.claimedAt, job.claimBlock) = (uint40(block.timestamp), uint40(block.number));
    }

    // ─── Work ────────────────────────────────────────────────────────────────────────────────────────────────────

    function _claim(uint64 id, Job storage job, uint96 minReward) internal {
        IModel.Rules memory rules = IModel(job.model).rules();
        if (job.kind == IModel.JobKind.Train) {
            _requireLive(id, job);
            uint256 reward = IModel(job.model).quoteReward(job.units);
            if (reward == 0 || reward < minReward) revert RewardBelowMinimum(reward, minReward);
            job.amount = minReward;
        }
        (job.worker, job.bond, job.state) = (msg.sender, rules.bond, State.Claimed);
        _draw(job);
        emit JobClaimed(id, job.model, msg.sender, _leaseUntil(job, rules));
        _stake(_asset(job.model, rules), rules.bond);
    }

    /// @inheritdoc IJobs
    function drawSeed(uint64 id) external returns (bytes32) {
        return _drawSeed(id, _require(id, State.Claimed));
    }

    function _drawSeed(uint64 id, Job storage job) internal returns (bytes32 seed) {
        seed = seedOf[id];
        if (seed != 0) return seed;
        if (block.number <= job.claimBlock) revert SeedNotYet(id);
        bytes32 hash = BlockHashLib.blockHash(job.claimBlock);
        if (hash == 0) revert SeedGone(id);
        seed = keccak256(abi.encode(id, job.worker, hash));
        seedOf[id] = seed;
        emit SeedDrawn(id, seed);
    }

    /// @inheritdoc IJobs
    function commit(uint64 id, Result calldata result) external {
        Job storage job = _require(id, State.Claimed);
        if (msg.sender != job.worker) revert OnlyWorker(id, job.worker);
        if (job.kind == IModel.JobKind.Train && job.proof == Proof.Replay) _drawSeed(id, job);
        _commit(id, job, result);
    }

    function _commit(uint64 id, Job storage job, Result calldata result) internal {
        address model = job.model;
        IModel.Rules memory rules = IModel(model).rules();
        _requireLease(id, job, rules);
        if (result.output == 0) revert OutputMissing();
        if (result.accuracyPpm > PPM) revert AccuracyOutOfRange(result.accuracyPpm, PPM);
        if (job.kind == IModel.JobKind.Train) {
            _requireLive(id, job);
            _requireNew(model, result.output);
            _requireImprovement(model, job.base, rules.minImprovementPpm, result.accuracyPpm);
            _join(model, job.round, rules.roundLength);
        }
        (job.state, job.resultHash) = (State.Committed, keccak256(abi.encode(result)));
        // forge-lint: disable-next-line(unsafe-typecast)
        job.commitBlock = uint40(block.number);
        emit JobCommitted(id, model, msg.sender, result);
    }

    /// @inheritdoc IJobs
    function reveal(uint64 id, Result calldata result, bytes calldata cid) external {
        Job storage job = _require(id, State.Committed);
        if (msg.sender != job.worker) revert OnlyWorker(id, job.worker);
        _requireResult(id, job, result);
        _requireLease(id, job, IModel(job.model).rules());
        if (job.kind == IModel.JobKind.Train) _requireLive(id, job);
        if (block.number <= job.commitBlock) revert RevealTooEarly(id);
        job.state = State.Revealed;
        // forge-lint: disable-next-line(unsafe-typecast)
        job.revealedAt = uint40(block.timestamp);
        emit JobRevealed(id, job.model, msg.sender, BlockHashLib.blockHash(job.commitBlock), cid);
    }

    // ─── Proof ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJobs
    function challenge(uint64 id) external payable {
        Job storage job = _require(id, State.Revealed);
        IModel.Rules memory rules = IModel(job.model).rules();
        uint64 until = _windowUntil(job, rules);
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > until) revert WindowClosed(until);
        if (job.challenger != address(0)) revert AlreadyChallenged(job.caseId);
        job.challenger = msg.sender;
        job.caseId = _challenge(_asset(job.model, rules), job.bond, job.worker, rules, job.resultHash);
        emit JobChallenged(id, job.model, msg.sender, job.caseId);
    }

    /// @inheritdoc IJobs
    function settle(uint64 id, Result calldata result) external {
        Job storage job = _require(id, State.Revealed);
        _requireResult(id, job, result);
        if (job.kind == IModel.JobKind.Train) _requireLive(id, job);
        IModel.Rules memory rules = IModel(job.model).rules();
        uint64 until = _windowUntil(job, rules);
        (address challenger, uint64 caseId) = (job.challenger, job.caseId);
        // forge-lint: disable-next-line(block-timestamp)
        if (challenger == address(0) && block.timestamp <= until) revert WindowOpen(until);
        IJury.Outcome verdict = _verdict(challenger, caseId);
        if (verdict == IJury.Outcome.Undecided) {
            (job.challenger, job.caseId) = (address(0), 0);
            // A window counts 136 years of seconds.
            // forge-lint: disable-next-line(unsafe-typecast)
            job.reopenedAfter = uint32(block.timestamp - job.revealedAt);
        } else {
            // Nothing below can bring the job back to this state.
            job.state = State.Settled;
        }
        _divide(_asset(job.model, rules), job.bond, job.worker, challenger, caseId, verdict);
        if (verdict == IJury.Outcome.Upheld) _pay(id, job, result, rules);
        else if (verdict == IJury.Outcome.Refuted) _reject(id, job);
    }

    function _pay(uint64 id, Job storage job, Result calldata result, IModel.Rules memory rules) internal {
        bool training = job.kind == IModel.JobKind.Train;
        IModel.Settlement memory s;
        s.requester = job.requester;
        s.base = job.base;
        s.units = job.units;
        s.input = job.input;
        s.output = result.output;
        s.checkpointRoot = result.checkpointRoot;
        s.accuracyPpm = result.accuracyPpm;
        s.latency = uint32(job.revealedAt - job.claimedAt);
        s.timeout = training ? rules.trainLease : rules.inferLease;
        if (!training) {
            IModel(job.model).settleInference(id, job.worker, s, job.amount);
        } else if (IModel(job.model).payTraining(id, job.worker, s, job.amount) == 0) {
            // The pool has fallen below what the worker wanted: the work is theirs, and nothing is published.
            return _end(id, job);
        } else {
            _accept(id, job, result);
        }
        SCORES.record(job.model, job.worker, job.kind, job.units, job.amount, s.latency, s.timeout);
    }

    function _reject(uint64 id, Job storage job) internal {
        job.state = State.Rejected;
        _unwind(job);
        emit JobRejected(id, job.model, job.worker);
    }

    /// @inheritdoc IJobs
    function revealAudit(uint64 id, bytes32 output, bytes32 salt) external {
        Job storage job = _jobs[id];
        if (msg.sender != job.requester) revert OnlyRequester(id, job.requester);
        // Before it has committed, a worker could learn the answer here.
        if (job.state < State.Committed) revert WrongState(id, job.state);
        emit AuditRevealed(id, job.model, job.worker, output, salt);
    }

    // ─── Ends without a result ───────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJobs
    function lapse(uint64 id) external {
        Job storage job = _jobs[id];
        State state = job.state;
        if (state != State.Claimed && state != State.Committed) revert WrongState(id, state);
        // Nobody loses a bond for a training that was overtaken.
        if (job.kind == IModel.JobKind.Train) _requireLive(id, job);
        IModel.Rules memory rules = IModel(job.model).rules();
        uint64 until = _leaseUntil(job, rules);
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp <= until) revert LeaseNotOver(id, until);
        if (job.requester == job.worker) {
            // Nobody waited for an own training that was never committed.
            bool harmless = state == State.Claimed;
            address to = harmless ? job.worker : IModel(job.model).creator();
            _expire(id, job, harmless ? 0 : job.bond, to);
        } else if (state == State.Committed) {
            _expire(id, job, job.bond, job.requester);
        } else {
            _reopen(id, job, _asset(job.model, rules));
        }
    }

    function _reopen(uint64 id, Job storage job, address asset) internal {
        uint96 bond = job.bond;
        emit LeaseLapsed(id, job.model, job.worker, bond);
        (job.state, job.worker, job.bond) = (State.Open, address(0), 0);
        if (job.kind == IModel.JobKind.Train) job.amount = 0;
        delete seedOf[id];
        _draw(job);
        VAULT.release(asset, job.requester, bond);
    }

    /// @inheritdoc IJobs
    function abandon(uint64 id) external {
        Job storage job = _jobs[id];
        State state = job.state;
        if (state == State.None || state >= State.Settled) revert WrongState(id, state);
        if (job.kind != IModel.JobKind.Train || job.round == IModel(job.model).round()) revert NotAbandoned(id);
        if (job.challenger != address(0)) {
            // Both were overtaken; the jurors' own stakes are the jury's business.
            VAULT.release(_asset(job.model, IModel(job.model).rules()), job.challenger, job.bond);
        }
        _expire(id, job, 0, job.worker);
    }

    /// @dev Ends a job and gives its bond to `to`.
    function _expire(uint64 id, Job storage job, uint256 forfeited, address to) internal {
        bool committed = job.state == State.Committed || job.state == State.Revealed;
        job.state = State.Expired;
        if (committed || job.kind == IModel.JobKind.Infer) _unwind(job);
        emit JobExpired(id, job.model, job.worker, forfeited);
        if (job.bond != 0) VAULT.release(_asset(job.model, IModel(job.model).rules()), to, job.bond);
    }

    /// @dev Ends a committed job whose bonds have found their way.
    function _end(uint64 id, Job storage job) internal {
        job.state = State.Expired;
        _unwind(job);
        emit JobExpired(id, job.model, job.worker, 0);
    }

    /// @dev A training leaves its round; the price of an inference goes back.
    function _unwind(Job storage job) internal {
        if (job.kind == IModel.JobKind.Train) _leave(job.model, job.round);
        else SafeTransferLib.safeTransfer(job.model, job.requester, job.amount);
    }

    // ─── Internals ───────────────────────────────────────────────────────────────────────────────────────────────

    function _require(uint64 id, State state) internal view returns (Job storage job) {
        job = _jobs[id];
        if (job.state != state) revert WrongState(id, job.state);
    }

    function _requireLive(uint64 id, Job storage job) internal view {
        if (job.round != IModel(job.model).round()) revert Abandoned(id);
    }

    function _requireLease(uint64 id, Job storage job, IModel.Rules memory rules) internal view {
        uint64 until = _leaseUntil(job, rules);
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > until) revert LeaseOver(id, until);
    }

    function _requireResult(uint64 id, Job storage job, Result calldata result) internal view {
        bytes32 given = keccak256(abi.encode(result));
        if (given != job.resultHash) revert ResultMismatch(id, job.resultHash, given);
    }

    /// @dev Last second in which a revealed job can be challenged.
    function _windowUntil(Job storage job, IModel.Rules memory rules) internal view returns (uint64) {
        return uint64(job.revealedAt) + job.reopenedAfter + rules.challengeWindow;
    }

    function _leaseUntil(Job storage job, IModel.Rules memory rules) internal view returns (uint64) {
        return uint64(job.claimedAt) + (job.kind == IModel.JobKind.Train ? rules.trainLease : rules.inferLease);
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJobs
    function jobOf(uint64 id) external view returns (Job memory) {
        return _jobs[id];
    }

    /// @inheritdoc IJobs
    function jobs(uint256 offset, uint256 limit) external view returns (Job[] memory page) {
        page = new Job[](Page.length(jobCount, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            // Both are below the number of jobs.
            // forge-lint: disable-next-line(unsafe-typecast)
            page[i] = _jobs[uint64(offset + i + 1)];
        }
    }
}
