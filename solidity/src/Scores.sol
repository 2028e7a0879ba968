// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "./Disputes.sol";
import {IJury} from "./interfaces/IJury.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IScores} from "./interfaces/IScores.sol";
import {IVault} from "./interfaces/IVault.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Scores
/// @notice See {IScores}.
contract Scores is IScores, Disputes {
    uint256 internal constant WAD = 1e18;

    /// @dev Blocks of an epoch: "every 360 blocks".
    uint256 internal constant EPOCH_BLOCKS = 360;

    /// @dev "We will weight training requests at 0.7 and inference requests at 0.3."
    uint256 internal constant TRAIN_WEIGHT = 0.7e18;
    uint256 internal constant INFER_WEIGHT = 0.3e18;

    /// @dev "Any latency more than 90% of the maximum timeout will receive 0 score."
    uint256 internal constant LATE_PERCENT = 90;

    address internal immutable JOBS;

    mapping(address model => mapping(uint64 epoch => Epoch)) internal _epochs;
    mapping(address model => mapping(uint64 epoch => mapping(address worker => Score))) internal _scores;

    /// @inheritdoc IScores
    mapping(address model => mapping(uint64 epoch => mapping(address worker => bool))) public hasClaimed;

    constructor(IVault vault, IJury jury, address jobs) Disputes(vault, jury) {
        JOBS = jobs;
    }

    // ─── Scores ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IScores
    function record(
        address model,
        address worker,
        IModel.JobKind kind,
        uint32 units,
        uint96 paid,
        uint32 latency,
        uint32 timeout
    ) external {
        if (msg.sender != JOBS) revert OnlyJobs(msg.sender);
        uint64 epoch = currentEpoch();
        uint256 points = score(kind, latency, timeout);
        Epoch storage e = _epochs[model][epoch];
        Score storage s = _scores[model][epoch][worker];
        // At most 0.7e18 for each of fewer than 2^32 jobs.
        // forge-lint: disable-start(unsafe-typecast)
        e.total += uint96(points);
        if (kind == IModel.JobKind.Train) {
            s.train += uint96(points);
            ++s.trainings;
        } else {
            s.infer += uint96(points);
            ++s.inferences;
            // Work beyond four billion inferences an epoch is not paid for; tokens that were paid again and again add up.
            e.inferences = uint32(FixedPointMathLib.min(type(uint32).max, uint256(e.inferences) + units));
            e.paid = uint96(FixedPointMathLib.min(type(uint96).max, uint256(e.paid) + paid));
        }
        // forge-lint: disable-end(unsafe-typecast)
        emit Scored(model, epoch, worker, kind, points);
    }

    /// @inheritdoc IScores
    function score(IModel.JobKind kind, uint32 latency, uint32 timeout) public pure returns (uint256) {
        if (timeout == 0 || uint256(latency) * 100 > uint256(timeout) * LATE_PERCENT) return 0;
        uint256 weight = kind == IModel.JobKind.Train ? TRAIN_WEIGHT : INFER_WEIGHT;
        return weight * (timeout - latency) / timeout;
    }

    // ─── Weights ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IScores
    function postWeights(address model, uint64 epoch, bytes32 root) external payable {
        Epoch storage e = _over(model, epoch, Status.Open);
        if (root == 0) revert RootMissing();
        IModel.Rules memory rules = IModel(model).rules();
        (e.status, e.root) = (Status.Posted, root);
        (e.poster, e.postedAt) = (msg.sender, uint64(block.timestamp));
        emit WeightsPosted(model, epoch, msg.sender, root);
        _stake(_asset(model, rules), rules.bond);
    }

    /// @inheritdoc IScores
    function challengeWeights(address model, uint64 epoch) external payable {
        Epoch storage e = _over(model, epoch, Status.Posted);
        IModel.Rules memory rules = IModel(model).rules();
        uint64 until = e.postedAt + rules.challengeWindow;
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > until) revert PostingFinal(until);
        if (e.challenger != address(0)) revert AlreadyChallenged(e.caseId);
        e.challenger = msg.sender;
        e.caseId = _challenge(_asset(model, rules), rules.bond, e.poster, rules, e.root);
        emit WeightsChallenged(model, epoch, msg.sender, e.caseId);
    }

    /// @inheritdoc IScores
    function settleWeights(address model, uint64 epoch) external {
        Epoch storage e = _over(model, epoch, Status.Posted);
        IModel.Rules memory rules = IModel(model).rules();
        (address poster, address challenger, uint64 caseId) = (e.poster, e.challenger, e.caseId);
        uint64 until = e.postedAt + rules.challengeWindow;
        // forge-lint: disable-next-line(block-timestamp)
        if (challenger == address(0) && block.timestamp <= until) revert PostingOpen(until);
        IJury.Outcome verdict = _verdict(challenger, caseId);
        (e.challenger, e.caseId) = (address(0), 0);
        if (verdict == IJury.Outcome.Undecided) {
            e.postedAt = uint64(block.timestamp);
        } else {
            delete e.poster;
        }
        if (verdict == IJury.Outcome.Refuted) {
            (e.status, e.root) = (Status.Open, 0);
            emit WeightsRejected(model, epoch, poster);
        }
        _divide(_asset(model, rules), rules.bond, poster, challenger, caseId, verdict);
        if (verdict == IJury.Outcome.Upheld) _finish(model, epoch, e, Status.Weighted);
    }

    /// @inheritdoc IScores
    function shareByScore(address model, uint64 epoch) external {
        Epoch storage e = _over(model, epoch, Status.Open);
        uint256 until = (uint256(epoch) + 2) * EPOCH_BLOCKS;
        if (block.number < until) revert PostingAwaited(epoch, until);
        _finish(model, epoch, e, Status.Shared);
    }

    function _finish(address model, uint64 epoch, Epoch storage e, Status status) internal {
        e.status = status;
        // The pool, and so any part of it, fits 96 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        e.emission = uint96(IModel(model).payEmission(e.inferences, e.paid));
        emit EpochFinal(model, epoch, status, e.emission);
    }

    /// @inheritdoc IScores
    function claim(address model, uint64 epoch, address worker, uint256 weight, bytes32[] calldata proof)
        external
        returns (uint256 amount)
    {
        Epoch storage e = _epochs[model][epoch];
        if (e.status == Status.Weighted) {
            bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(worker, weight))));
            if (!MerkleProofLib.verifyCalldata(proof, e.root, leaf)) revert WrongProof(worker, weight);
        } else if (e.status == Status.Shared) {
            Score memory s = _scores[model][epoch][worker];
            weight = FixedPointMathLib.fullMulDiv(uint256(s.train) + s.infer, WAD, e.total);
        } else {
            revert WrongStatus(epoch, e.status);
        }
        if (hasClaimed[model][epoch][worker]) revert ClaimedBefore(worker);
        hasClaimed[model][epoch][worker] = true;
        amount = FixedPointMathLib.fullMulDiv(e.emission, weight, WAD);
        uint256 claimed = FixedPointMathLib.saturatingAdd(e.claimed, amount);
        if (claimed > e.emission) revert EmissionExceeded(claimed, e.emission);
        // Not above the emission, which fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        e.claimed = uint96(claimed);
        emit Claimed(model, epoch, worker, weight, amount);
        SafeTransferLib.safeTransfer(model, worker, amount);
    }

    /// @dev An epoch that is over, in which somebody scored, at a status.
    function _over(address model, uint64 epoch, Status status) internal view returns (Epoch storage e) {
        if (epoch >= currentEpoch()) revert EpochNotOver(epoch, (uint256(epoch) + 1) * EPOCH_BLOCKS);
        e = _epochs[model][epoch];
        if (e.total == 0) revert NothingScored(epoch);
        if (e.status != status) revert WrongStatus(epoch, e.status);
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IScores
    function currentEpoch() public view returns (uint64) {
        return uint64(block.number / EPOCH_BLOCKS);
    }

    /// @inheritdoc IScores
    function epochOf(address model, uint64 epoch) external view returns (Epoch memory) {
        return _epochs[model][epoch];
    }

    /// @inheritdoc IScores
    function scoreOf(address model, uint64 epoch, address worker) external view returns (Score memory) {
        return _scores[model][epoch][worker];
    }
}
