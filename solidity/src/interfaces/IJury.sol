// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title IJury
/// @notice Bonded auditors, and the juries drawn from them. A case asks one question: is `finding` what an honest
/// replay gives? Jurors replay, commit to what they found, reveal it, and the majority decides.
/// @dev Each juror has {JUROR_STAKE} of native coin at stake in each case. Jurors who found something else than the
/// majority, and those who stayed silent, lose it to those of the majority. Without a majority, the silent lose it to
/// those who spoke, or to both parties where nobody spoke, and a second jury is drawn; without a majority again, the
/// case ends undecided. What is lost is shared equally; what does not divide goes to the first of those who share, and
/// of the parties that is the respondent.
///
/// A case needs three auditors besides its parties who have a stake for one. While too many of them sit on other juries
/// it waits; it ends undecided only when fewer than three are left.
interface IJury {
    /// @notice How a case stands.
    enum Outcome {
        Pending,
        Upheld,
        Refuted,
        Undecided
    }

    /// @notice What a case is waiting for.
    enum Stage {
        None,
        Drawing,
        Voting,
        Closed
    }

    /// @notice An auditor.
    /// @param stake Native coin at stake, in wei.
    /// @param cases Open juries it sits on.
    /// @param exitAt Timestamp from which it can leave; zero until it asked to.
    /// @param place Place in the list, from 1.
    struct Auditor {
        uint128 stake;
        uint32 cases;
        uint64 exitAt;
        uint32 place;
    }

    /// @notice A case.
    /// @param finding What the respondent claims.
    /// @param respondent Whose claim it is; never a juror.
    /// @param challenger Who doubts it; never a juror.
    /// @param phase Seconds to commit, and again to reveal.
    /// @param target Block whose randomness draws the jury.
    /// @param commitUntil Last timestamp for commitments.
    /// @param revealUntil Last timestamp for revelations.
    /// @param eligible Auditors there were when the jury was asked for; later ones are not drawn.
    /// @param size Jurors asked for, then drawn.
    /// @param committed Jurors who committed.
    /// @param revealed Jurors who revealed.
    /// @param redrawn Whether this is the second jury.
    struct Case {
        bytes32 finding;
        address respondent;
        Stage stage;
        Outcome outcome;
        uint32 eligible;
        uint32 phase;
        address challenger;
        uint64 target;
        uint8 size;
        uint8 committed;
        uint8 revealed;
        bool redrawn;
        uint64 commitUntil;
        uint64 revealUntil;
    }

    /// @notice Somebody became an auditor, or staked more.
    event AuditorRegistered(address indexed auditor, uint256 stake);
    /// @notice An auditor asked to leave.
    event AuditorLeaving(address indexed auditor, uint64 exitAt);
    /// @notice An auditor left with what was still at stake.
    event AuditorLeft(address indexed auditor, uint256 stake);
    /// @notice A case was opened, or is to be drawn again: a second jury, or one that too few were free for, or whose
    /// randomness is gone. The jury is drawn by the randomness of block `target`.
    event CaseOpened(
        uint64 indexed caseId, address indexed respondent, address indexed challenger, bytes32 finding, uint64 target
    );
    /// @notice The jury was drawn.
    event JuryDrawn(uint64 indexed caseId, address[] jurors, uint64 commitUntil, uint64 revealUntil);
    /// @notice A juror committed.
    event VoteCommitted(uint64 indexed caseId, address indexed juror);
    /// @notice A juror revealed what it found.
    event VoteRevealed(uint64 indexed caseId, address indexed juror, bytes32 finding);
    /// @notice A juror lost its stake in a case.
    event JurorSlashed(uint64 indexed caseId, address indexed juror, uint256 amount);
    /// @notice The case is over.
    event CaseClosed(uint64 indexed caseId, Outcome outcome, bytes32 finding);

    /// @notice Only the contracts that bring cases may do this.
    error OnlyCourt(address caller);
    /// @notice Fewer auditors besides the parties have a stake for a case than any jury needs.
    error TooFewAuditors(uint256 have, uint256 need);
    /// @notice An auditor stakes at least enough for one case, in wei.
    error StakeTooSmall(uint256 stake, uint256 minimum);
    /// @notice The caller is no auditor.
    error NotAnAuditor(address caller);
    /// @notice The auditor cannot leave yet: too early, on open juries, or while juries are being drawn.
    error CannotLeaveYet(uint64 exitAt, uint256 openCases, uint256 pendingDraws);
    /// @notice The case is not at the stage that this needs.
    error WrongStage(uint64 caseId, Stage stage);
    /// @notice The caller is not on this jury.
    error NotAJuror(uint64 caseId, address caller);
    /// @notice The juror has done this before.
    error VotedBefore(uint64 caseId, address juror);
    /// @notice Too late to commit or reveal, or too early to reveal or close.
    error OutOfTime(uint64 caseId, uint256 timestamp);
    /// @notice The revealed vote is not the one committed to.
    error VoteMismatch(uint64 caseId, bytes32 expected, bytes32 given);
    /// @notice A commitment and a finding are not zero.
    error EmptyVote();

    /// @notice Native coin that each juror has at stake in each case, in wei.
    function JUROR_STAKE() external view returns (uint256);

    /// @notice Becomes an auditor with the sent coins and what the caller has free in the vault, or stakes more.
    function register(uint128 stake) external payable;

    /// @notice Asks to leave, which takes {EXIT_DELAY}.
    function requestExit() external;

    /// @notice Leaves with all that is still at stake.
    function exit() external;

    /// @notice Opens a case. Courts only.
    function open(address respondent, address challenger, uint8 size, uint32 phase, bytes32 finding)
        external
        returns (uint64 caseId);

    /// @notice Draws the jury once its randomness is there; anybody may.
    function draw(uint64 caseId) external;

    /// @notice Commits to a vote: `keccak256(abi.encode(caseId, juror, finding, salt))`.
    function commitVote(uint64 caseId, bytes32 commitment) external;

    /// @notice Reveals a vote once all have committed or their time is over.
    function revealVote(uint64 caseId, bytes32 finding, bytes32 salt) external;

    /// @notice Closes a case once all have revealed or their time is over; anybody may.
    function close(uint64 caseId) external;

    /// @notice How a case stands.
    function outcome(uint64 caseId) external view returns (Outcome);

    /// @notice The jurors who found what the majority found; none without a majority.
    function majority(uint64 caseId) external view returns (address[] memory);

    /// @notice A case.
    function caseOf(uint64 caseId) external view returns (Case memory);

    /// @notice The jury of a case, and what each has revealed; zero for who has not.
    function jury(uint64 caseId) external view returns (address[] memory jurors, bytes32[] memory findings);

    /// @notice An auditor.
    function auditor(address account) external view returns (Auditor memory);

    /// @notice Auditors `offset` to `offset + limit`, fewer where they end.
    function auditors(uint256 offset, uint256 limit) external view returns (address[] memory);

    /// @notice Number of auditors.
    function auditorCount() external view returns (uint256);

    /// @notice Number of auditors with a stake for at least one case, whether they are on a jury or not.
    function ableCount() external view returns (uint64);
}
