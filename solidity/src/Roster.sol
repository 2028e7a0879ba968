// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Bonds} from "./Bonds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IModelFactory} from "./interfaces/IModelFactory.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {IVault} from "./interfaces/IVault.sol";
import {BlockHashLib} from "solady/utils/BlockHashLib.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title Roster
/// @notice See {IRoster}.
contract Roster is IRoster, Bonds {
    /// @inheritdoc IRoster
    uint256 public constant GRACE = 12;
    /// @inheritdoc IRoster
    uint256 public constant PLACES = 32;
    /// @inheritdoc IRoster
    uint256 public constant SILENCE_BLOCKS = 720;

    uint8 internal constant ALL_KINDS = 3;

    IModelFactory internal immutable FACTORY;
    address internal immutable JOBS;

    mapping(address model => mapping(address worker => Seat)) internal _seats;

    /// @inheritdoc IRoster
    mapping(address model => mapping(IModel.JobKind kind => uint32)) public waiting;

    constructor(IModelFactory factory, IVault vault, address jobs) Bonds(vault) {
        (FACTORY, JOBS) = (factory, jobs);
    }

    // ─── Coming and going ────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IRoster
    function enlist(address model, uint8 kinds) external payable {
        // Only a real model's rules stay as they are until the bond goes back.
        if (!FACTORY.isModel(model)) revert IJobs.UnknownModel(model);
        if (kinds == 0 || kinds > ALL_KINDS) revert UnknownKinds(kinds);
        uint8 before = _seats[model][msg.sender].kinds;
        _count(model, before, kinds);
        // forge-lint: disable-next-line(unsafe-typecast)
        _seats[model][msg.sender] = Seat(kinds, uint40(block.number), uint40(block.number));
        emit Enlisted(model, msg.sender, kinds);
        IModel.Rules memory rules = IModel(model).rules();
        _stake(_asset(model, rules), before == 0 ? rules.bond : 0);
    }

    /// @inheritdoc IRoster
    function renew(address model) external {
        _require(model, msg.sender);
        _see(model, msg.sender);
    }

    /// @inheritdoc IRoster
    function delist(address model) external {
        _remove(model, msg.sender);
    }

    /// @inheritdoc IRoster
    function expel(address model, address worker) external {
        uint256 until = _require(model, worker).seen + SILENCE_BLOCKS;
        if (block.number <= until) revert StillThere(worker, until);
        _remove(model, worker);
    }

    function _remove(address model, address worker) internal {
        _count(model, _require(model, worker).kinds, 0);
        delete _seats[model][worker];
        emit Left(model, worker, msg.sender);
        IModel.Rules memory rules = IModel(model).rules();
        VAULT.release(_asset(model, rules), worker, rules.bond);
    }

    /// @dev Changes how many wait for each kind.
    function _count(address model, uint8 before, uint8 kinds) internal {
        for (uint8 i; i < 2; ++i) {
            IModel.JobKind kind = IModel.JobKind(i);
            bool had = _serves(before, kind);
            if (had == _serves(kinds, kind)) continue;
            if (had) --waiting[model][kind];
            else ++waiting[model][kind];
        }
    }

    function _see(address model, address worker) internal {
        // forge-lint: disable-next-line(unsafe-typecast)
        _seats[model][worker].seen = uint40(block.number);
    }

    function _require(address model, address worker) internal view returns (Seat storage seat) {
        seat = _seats[model][worker];
        if (seat.kinds == 0) revert NotEnlisted(model, worker);
    }

    function _serves(uint8 kinds, IModel.JobKind kind) internal pure returns (bool) {
        return kinds & (1 << uint8(kind)) != 0;
    }

    // ─── Whose turn it is ────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IRoster
    function take(address model, IModel.JobKind kind, uint64 job, address worker, uint256 drawBlock, uint256 since)
        external
    {
        if (msg.sender != JOBS) revert OnlyJobs(msg.sender);
        uint256 from = turnOf(model, kind, job, worker, drawBlock, since);
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp < from) revert NotYourTurn(job, worker, from);
        if (_seats[model][worker].kinds != 0) _see(model, worker);
    }

    /// @inheritdoc IRoster
    function turnOf(address model, IModel.JobKind kind, uint64 job, address worker, uint256 drawBlock, uint256 since)
        public
        view
        returns (uint256 from)
    {
        uint256 count = waiting[model][kind];
        Seat memory seat = _seats[model][worker];
        // Whoever comes once the draw is known could come under a name that was drawn well.
        if (!_serves(seat.kinds, kind) || seat.since > drawBlock) {
            return since + FixedPointMathLib.min(count, PLACES) * GRACE;
        }
        if (block.number <= drawBlock) return type(uint256).max;
        bytes32 hash = BlockHashLib.blockHash(drawBlock);
        // A chain that has forgotten the block has had many since: the job waited for long.
        if (hash == 0) return since;
        uint256 place = (uint256(uint128(uint256(keccak256(abi.encode(job, worker, hash))))) * count) >> 128;
        return since + FixedPointMathLib.min(place, PLACES) * GRACE;
    }

    /// @inheritdoc IRoster
    function seatOf(address model, address worker) external view returns (Seat memory) {
        return _seats[model][worker];
    }
}
