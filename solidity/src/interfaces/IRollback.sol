// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IRollback
/// @notice Moving a model's head back to an older version, as the seed of the project has it: by the creator or one
/// of the two largest holders, and where they disagree the holders win.
/// @dev Two steps with the model's `rollbackDelay` between them. A request that is not executed within seven days after its delay
/// has lapsed. One request waits at a time:
/// - a seat holder's request takes the place of the creator's; the largest holder's that of the second largest;
/// - a seat holder can veto the creator's request, and the largest holder the second largest's;
/// - the creator can veto or replace nobody's;
/// - a holder who lost the seat can neither execute nor block.
/// No version is ever deleted.
interface IRollback {
    /// @notice A request that waits.
    /// @param requester Who asked; zero when none waits.
    /// @param version Version that the head would move to.
    /// @param executableAt First timestamp at which it can be executed.
    /// @param lapsesAt Last timestamp at which it can be executed.
    struct RollbackRequest {
        address requester;
        uint32 version;
        uint64 executableAt;
        uint64 lapsesAt;
    }

    /// @notice Somebody who may has asked for the head to move back to `version`.
    event RollbackRequested(address indexed requester, uint32 indexed version, uint64 executableAt);
    /// @notice A request was vetoed, by its own requester where the two are equal.
    event RollbackVetoed(address indexed requester, uint32 indexed version, address indexed by);
    /// @notice The head moved from version `from` back to version `to`.
    event RolledBack(address indexed requester, uint32 indexed from, uint32 indexed to);

    /// @notice Only the creator and the two largest holders may do this.
    error RollbackNotAllowed(address caller);
    /// @notice A request of somebody who comes first is waiting.
    error RollbackOutranked(address requester);
    /// @notice The head cannot move back to itself, nor forward.
    error RollbackTarget(uint32 version, uint32 head);
    /// @notice No request is waiting.
    error NoRollbackRequested();
    /// @notice The delay has not passed.
    error RollbackTooEarly(uint64 executableAt, uint256 timestamp);
    /// @notice The requester has lost the seat since.
    error SeatLost(address requester);

    /// @notice The request that waits.
    function rollbackRequest() external view returns (RollbackRequest memory);

    /// @notice Asks for the head to move back to `version`.
    function requestRollback(uint32 version) external;

    /// @notice Ends the waiting request: the requester at will, others by the rules above.
    function vetoRollback() external;

    /// @notice Executes the waiting request; anybody may, after its delay.
    function executeRollback() external;
}
