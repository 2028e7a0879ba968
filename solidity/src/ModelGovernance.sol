// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ModelReader} from "./ModelReader.sol";
import {IRollback} from "./interfaces/IRollback.sol";
import {IScaledUIAmount} from "./interfaces/IScaledUIAmount.sol";
import {Curve} from "./libraries/Curve.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title ModelGovernance
/// @notice What the creator and the two largest holders may do: see {IRollback} and {IScaledUIAmount}.
abstract contract ModelGovernance is IRollback, IScaledUIAmount, ModelReader {
    /// @dev Seconds in which a request can be executed once its delay has passed.
    uint64 internal constant EXECUTION_WINDOW = 7 days;

    /// @dev A millionth and a million: beyond them pages would show nothing but zeros.
    uint256 internal constant MIN_MULTIPLIER = 1e12;
    uint256 internal constant MAX_MULTIPLIER = 1e24;

    /// @dev A waiting request, in one word.
    struct StoredRequest {
        address requester;
        uint32 version;
        uint64 requestedAt;
    }

    /// @dev A proposed split, in one word.
    struct Proposal {
        address by;
        uint96 multiplier;
    }

    StoredRequest internal _request;
    Proposal internal _proposal;

    // ─── Rollback ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IRollback
    function rollbackRequest() external view returns (RollbackRequest memory request) {
        StoredRequest memory stored = _request;
        if (!_waits(stored)) return request;
        return RollbackRequest(stored.requester, stored.version, _executableAt(stored), _lapsesAt(stored));
    }

    /// @inheritdoc IRollback
    function requestRollback(uint32 version_) external {
        uint256 rank = _rank(msg.sender);
        if (rank == 0) revert RollbackNotAllowed(msg.sender);
        uint32 head_ = _state.head;
        if (version_ >= head_) revert RollbackTarget(version_, head_);
        StoredRequest memory waiting = _request;
        if (_waits(waiting) && waiting.requester != msg.sender) {
            uint256 other = _rank(waiting.requester);
            if (other != 0 && other < rank) revert RollbackOutranked(waiting.requester);
        }
        waiting = StoredRequest(msg.sender, version_, uint64(block.timestamp));
        _request = waiting;
        emit RollbackRequested(msg.sender, version_, _executableAt(waiting));
    }

    /// @inheritdoc IRollback
    function vetoRollback() external {
        StoredRequest memory waiting = _request;
        if (!_waits(waiting)) revert NoRollbackRequested();
        if (waiting.requester != msg.sender) {
            uint256 rank = _rank(msg.sender);
            // The creator ranks last and can veto nobody; a requester who lost the seat is of no rank.
            if (rank == 0 || rank == CREATOR_RANK) revert RollbackNotAllowed(msg.sender);
            uint256 other = _rank(waiting.requester);
            if (other != 0 && other <= rank) revert RollbackOutranked(waiting.requester);
        }
        delete _request;
        emit RollbackVetoed(waiting.requester, waiting.version, msg.sender);
    }

    /// @inheritdoc IRollback
    function executeRollback() external {
        StoredRequest memory waiting = _request;
        if (!_waits(waiting)) revert NoRollbackRequested();
        uint64 executableAt = _executableAt(waiting);
        // Seconds of drift do not matter to a delay of hours.
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp < executableAt) revert RollbackTooEarly(executableAt, block.timestamp);
        if (_rank(waiting.requester) == 0) revert SeatLost(waiting.requester);
        uint32 from = _state.head;
        if (waiting.version >= from) revert RollbackTarget(waiting.version, from);
        delete _request;
        _moveHead(waiting.version);
        emit RolledBack(waiting.requester, from, waiting.version);
    }

    /// @dev Ends the round: what was being trained on the old head is abandoned.
    function _moveHead(uint32 to) internal {
        _state.head = to;
        ++_state.round;
    }

    /// @dev The creator comes after both seat holders.
    uint256 internal constant CREATOR_RANK = 3;

    /// @dev 1 and 2 for the seat holders, 3 for the creator, 0 for everybody else.
    function _rank(address account) internal view returns (uint256) {
        return account == ModelArgs.creator() ? CREATOR_RANK : seatOf(account);
    }

    function _waits(StoredRequest memory request) internal view returns (bool) {
        // forge-lint: disable-next-line(block-timestamp)
        return request.requester != address(0) && block.timestamp <= _lapsesAt(request);
    }

    function _executableAt(StoredRequest memory request) internal view returns (uint64) {
        return request.requestedAt + ModelArgs.rules().rollbackDelay;
    }

    function _lapsesAt(StoredRequest memory request) internal view returns (uint64) {
        return _executableAt(request) + EXECUTION_WINDOW;
    }

    // ─── Split ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IScaledUIAmount
    function uiMultiplier() public view returns (uint256) {
        uint256 multiplier = _multiplier;
        return multiplier == 0 ? Curve.WAD : multiplier;
    }

    /// @inheritdoc IScaledUIAmount
    function toUIAmount(uint256 rawAmount) external view returns (uint256) {
        return FixedPointMathLib.fullMulDiv(rawAmount, uiMultiplier(), Curve.WAD);
    }

    /// @inheritdoc IScaledUIAmount
    function fromUIAmount(uint256 uiAmount) external view returns (uint256) {
        return FixedPointMathLib.fullMulDiv(uiAmount, Curve.WAD, uiMultiplier());
    }

    /// @inheritdoc IScaledUIAmount
    function splitProposal() external view returns (address by, uint256 multiplier) {
        return (_proposal.by, _proposal.multiplier);
    }

    /// @inheritdoc IScaledUIAmount
    function split(uint256 multiplier) external {
        if (multiplier < MIN_MULTIPLIER || multiplier > MAX_MULTIPLIER) {
            revert MultiplierOutOfRange(multiplier, MIN_MULTIPLIER, MAX_MULTIPLIER);
        }
        if (seatOf(msg.sender) == 0) revert OnlySeatHolders(msg.sender);
        Proposal memory proposal = _proposal;
        bool agreed = proposal.multiplier == multiplier && proposal.by != msg.sender && seatOf(proposal.by) != 0;
        if (!agreed) {
            // Checked to be at most 1e24.
            // forge-lint: disable-next-line(unsafe-typecast)
            _proposal = Proposal(msg.sender, uint96(multiplier));
            emit SplitProposed(msg.sender, multiplier);
            return;
        }
        delete _proposal;
        emit UIMultiplierUpdated(uiMultiplier(), multiplier, block.timestamp);
        _multiplier = multiplier;
    }
}
