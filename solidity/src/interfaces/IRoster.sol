// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "./IModel.sol";

/// @title IRoster
/// @notice Workers who wait for others' jobs on a model, and whose turn a job is. ("Querier" in the seed: it sends a
/// request to one of the miners that serve its kind.)
/// @dev The hash of the block in which a job was opened draws a place in line for every worker: a number below how many
/// wait, each from its own hash, so that nobody's coming or going changes another's draw. Place 0 may take the job at
/// once, and each further place a grace time later, whether or not those before it answer. Whoever came after the job
/// was opened, or does not wait at all, goes last. A place costs the model's bond for as long as it is held, so that
/// many names cost many bonds.
interface IRoster {
    /// @notice A worker's place on a model's roster.
    /// @param kinds Kinds of jobs it waits for, a bit each: 1 trainings, 2 inferences.
    /// @param since Block in which it came: it is drawn for jobs opened in this block or later.
    /// @param seen Block in which it last said that it is there, by coming, renewing or taking a job.
    struct Seat {
        uint8 kinds;
        uint40 since;
        uint40 seen;
    }

    /// @notice A worker waits for jobs of these kinds from now on.
    event Enlisted(address indexed model, address indexed worker, uint8 kinds);
    /// @notice A worker waits no longer; `by` is the worker, or who found that it had fallen silent.
    event Left(address indexed model, address indexed worker, address by);

    /// @notice Kinds are bits: 1 for trainings, 2 for inferences, 3 for both.
    error UnknownKinds(uint8 kinds);
    /// @notice The worker is not on the model's roster.
    error NotEnlisted(address model, address worker);
    /// @notice The worker was seen lately, and keeps its place until block `until`.
    error StillThere(address worker, uint256 until);
    /// @notice Another worker's turn comes first: this one may take the job from time `from` on, and from the block
    /// after the job's own.
    error NotYourTurn(uint64 job, address worker, uint256 from);
    /// @notice Only the contract of jobs asks whose turn it is.
    error OnlyJobs(address caller);

    /// @notice Waits for jobs of these kinds. The model's bond is held from the caller's free balance in the vault, to
    /// which sent coins are added first. Called again, it changes the kinds, for jobs opened from now on.
    function enlist(address model, uint8 kinds) external payable;

    /// @notice Says that the caller is still there; taking a job says it too.
    function renew(address model) external;

    /// @notice Waits no longer, and has the bond back.
    function delist(address model) external;

    /// @notice Takes a worker off that has not been seen for {SILENCE_BLOCKS}; it has its bond back. Anybody may.
    function expel(address model, address worker) external;

    /// @notice Reverts unless it is the worker's turn; notes that it was seen. Only the contract of jobs.
    /// @param drawBlock Block in which the job was opened, or opened again.
    /// @param since Time of that block.
    function take(address model, IModel.JobKind kind, uint64 job, address worker, uint256 drawBlock, uint256 since)
        external;

    /// @notice From when on a worker may take a job; the greatest number while its block is not over.
    function turnOf(address model, IModel.JobKind kind, uint64 job, address worker, uint256 drawBlock, uint256 since)
        external
        view
        returns (uint256 from);

    /// @notice How many workers wait for jobs of a kind.
    function waiting(address model, IModel.JobKind kind) external view returns (uint32);

    /// @notice A worker's place.
    function seatOf(address model, address worker) external view returns (Seat memory);

    /// @notice Seconds between one place's turn and the next one's: a block of Ethereum's.
    function GRACE() external view returns (uint256);

    /// @notice Places after which a job is anybody's.
    function PLACES() external view returns (uint256);

    /// @notice Blocks after which a silent worker may be taken off: two epochs.
    function SILENCE_BLOCKS() external view returns (uint256);
}
