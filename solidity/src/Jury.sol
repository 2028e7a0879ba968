// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJury} from "./interfaces/IJury.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Page} from "./libraries/Page.sol";

/// @title Jury
/// @notice See {IJury}.
contract Jury is IJury {
    /// @inheritdoc IJury
    uint256 public constant JUROR_STAKE = 0.05 ether;

    /// @dev Longer than any case takes, so that nobody leaves what it has judged.
    uint64 internal constant EXIT_DELAY = 7 days;

    /// @dev Fewer than three jurors are no jury.
    uint256 internal constant MIN_JURORS = 3;

    /// @dev Blocks after which a case looks again for auditors who are free: each look costs somebody a transaction.
    uint64 internal constant WAIT_BLOCKS = 24;

    /// @dev Marks a drawn juror that has not committed.
    bytes32 internal constant DRAWN = bytes32(uint256(1));

    /// @dev Up to here the whole list is shuffled; in longer ones places are tried at random.
    uint256 internal constant SHUFFLE_LIMIT = 256;

    IVault internal immutable VAULT;
    IRandomness internal immutable RANDOMNESS;
    address internal immutable JOBS;
    address internal immutable SCORES;

    address[] internal _auditors;
    mapping(address account => Auditor) internal _auditor;
    mapping(uint64 caseId => Case) internal _cases;
    mapping(uint64 caseId => address[]) internal _jurors;
    mapping(uint64 caseId => mapping(address juror => bytes32)) internal _commitments;
    mapping(uint64 caseId => mapping(address juror => bytes32)) internal _findings;
    mapping(uint64 caseId => address[]) internal _majority;

    /// @notice Number of cases, which are numbered from 1.
    uint64 public caseCount;

    /// @notice Cases whose jury is not drawn yet. The list of auditors keeps its order meanwhile.
    uint64 public pendingDraws;

    /// @inheritdoc IJury
    uint64 public ableCount;

    constructor(IVault vault, IRandomness randomness, address jobs, address scores) {
        (VAULT, RANDOMNESS, JOBS, SCORES) = (vault, randomness, jobs, scores);
    }

    // ─── Auditors ────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJury
    function register(uint128 stake) external payable {
        if (msg.value != 0) VAULT.deposit{value: msg.value}(msg.sender);
        Auditor storage a = _auditor[msg.sender];
        uint256 total = a.stake + uint256(stake);
        if (total < JUROR_STAKE) revert StakeTooSmall(total, JUROR_STAKE);
        // First, so that no stake is counted which nobody has.
        VAULT.lock(address(0), msg.sender, stake);
        if (a.place == 0) {
            _auditors.push(msg.sender);
            // Four billion auditors are beyond any chain.
            // forge-lint: disable-next-line(unsafe-typecast)
            a.place = uint32(_auditors.length);
        }
        if (a.stake < JUROR_STAKE) ++ableCount;
        a.exitAt = 0;
        a.stake += stake;
        emit AuditorRegistered(msg.sender, total);
    }

    /// @inheritdoc IJury
    function requestExit() external {
        Auditor storage a = _auditor[msg.sender];
        if (a.place == 0) revert NotAnAuditor(msg.sender);
        a.exitAt = uint64(block.timestamp) + EXIT_DELAY;
        emit AuditorLeaving(msg.sender, a.exitAt);
    }

    /// @inheritdoc IJury
    function exit() external {
        Auditor memory a = _auditor[msg.sender];
        if (a.place == 0) revert NotAnAuditor(msg.sender);
        // forge-lint: disable-next-line(block-timestamp)
        if (a.exitAt == 0 || block.timestamp < a.exitAt || a.cases != 0 || pendingDraws != 0) {
            revert CannotLeaveYet(a.exitAt, a.cases, pendingDraws);
        }
        address last = _auditors[_auditors.length - 1];
        _auditors[a.place - 1] = last;
        _auditor[last].place = a.place;
        _auditors.pop();
        if (a.stake >= JUROR_STAKE) --ableCount;
        delete _auditor[msg.sender];
        emit AuditorLeft(msg.sender, a.stake);
        VAULT.release(address(0), msg.sender, a.stake);
    }

    // ─── Cases ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJury
    function open(address respondent, address challenger, uint8 size, uint32 phase, bytes32 finding)
        external
        returns (uint64 caseId)
    {
        if (msg.sender != JOBS && msg.sender != SCORES) revert OnlyCourt(msg.sender);
        uint256 able = _able(respondent, challenger);
        if (able < MIN_JURORS) revert TooFewAuditors(able, MIN_JURORS);
        caseId = ++caseCount;
        Case storage c = _cases[caseId];
        (c.finding, c.respondent, c.challenger) = (finding, respondent, challenger);
        (c.size, c.phase) = (size, phase);
        _await(caseId, c, 0);
    }

    /// @dev Auditors besides the parties who have a stake for a case, whether they are free for it now or not.
    function _able(address respondent, address challenger) internal view returns (uint256 able) {
        able = ableCount;
        if (_auditor[respondent].stake >= JUROR_STAKE) --able;
        if (_auditor[challenger].stake >= JUROR_STAKE) --able;
    }

    /// @dev Asks for randomness that nobody knows yet, of now or `blocks` later, and fixes whom it can choose from.
    function _await(uint64 caseId, Case storage c, uint64 blocks) internal {
        c.stage = Stage.Drawing;
        // forge-lint: disable-next-line(unsafe-typecast)
        c.eligible = uint32(_auditors.length);
        c.target = RANDOMNESS.target() + blocks;
        ++pendingDraws;
        emit CaseOpened(caseId, c.respondent, c.challenger, c.finding, c.target);
    }

    /// @inheritdoc IJury
    function draw(uint64 caseId) external {
        Case storage c = _cases[caseId];
        if (c.stage != Stage.Drawing) revert WrongStage(caseId, c.stage);
        bytes32 random = RANDOMNESS.valueAt(c.target);
        if (random == 0) {
            c.target = RANDOMNESS.target();
            emit CaseOpened(caseId, c.respondent, c.challenger, c.finding, c.target);
            return;
        }
        --pendingDraws;
        address[] memory drawn = _draw(caseId, c, random);
        if (drawn.length < MIN_JURORS) {
            // Who is busy is waited for: nobody decides a case by keeping its jurors away.
            if (_able(c.respondent, c.challenger) >= MIN_JURORS) _await(caseId, c, WAIT_BLOCKS);
            else _close(caseId, c, Outcome.Undecided, 0);
            return;
        }
        c.stage = Stage.Voting;
        // forge-lint: disable-next-line(unsafe-typecast)
        c.size = uint8(drawn.length);
        c.commitUntil = uint64(block.timestamp) + c.phase;
        c.revealUntil = c.commitUntil + c.phase;
        for (uint256 i; i < drawn.length; ++i) {
            _commitments[caseId][drawn[i]] = DRAWN;
            ++_auditor[drawn[i]].cases;
        }
        _jurors[caseId] = drawn;
        emit JuryDrawn(caseId, drawn, c.commitUntil, c.revealUntil);
    }

    /// @dev An odd number of different auditors who can afford it: as many as asked for, or fewer.
    function _draw(uint64 caseId, Case storage c, bytes32 random) internal view returns (address[] memory drawn) {
        uint256 eligible = c.eligible;
        bool shuffle = eligible <= SHUFFLE_LIMIT;
        uint256 tries = shuffle ? eligible : 4 * uint256(c.size) + 64;
        uint256[] memory order = new uint256[](shuffle ? eligible : 0);
        for (uint256 i; i < order.length; ++i) {
            order[i] = i;
        }
        drawn = new address[](c.size);
        uint256 found;
        for (uint256 i; i < tries && found < drawn.length; ++i) {
            uint256 r = uint256(keccak256(abi.encode(random, caseId, i)));
            uint256 place;
            if (shuffle) {
                uint256 other = i + r % (eligible - i);
                place = order[other];
                order[other] = order[i];
            } else {
                place = r % eligible;
            }
            address candidate = _auditors[place];
            if (_isEligible(candidate, c) && !_includes(drawn, found, candidate)) drawn[found++] = candidate;
        }
        if (found % 2 == 0 && found != 0) --found;
        _shorten(drawn, found);
    }

    /// @dev Keeps the first `length` of a list that has at least as many.
    function _shorten(address[] memory list, uint256 length) internal pure {
        assembly ("memory-safe") {
            mstore(list, length)
        }
    }

    function _isEligible(address candidate, Case storage c) internal view returns (bool) {
        Auditor memory a = _auditor[candidate];
        return candidate != c.respondent && candidate != c.challenger && a.stake >= (a.cases + 1) * JUROR_STAKE;
    }

    function _includes(address[] memory list, uint256 length, address account) internal pure returns (bool) {
        for (uint256 i; i < length; ++i) {
            if (list[i] == account) return true;
        }
        return false;
    }

    // ─── Votes ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJury
    function commitVote(uint64 caseId, bytes32 commitment) external {
        Case storage c = _cases[caseId];
        if (c.stage != Stage.Voting) revert WrongStage(caseId, c.stage);
        bytes32 before = _commitments[caseId][msg.sender];
        if (before == 0) revert NotAJuror(caseId, msg.sender);
        if (before != DRAWN) revert VotedBefore(caseId, msg.sender);
        if (uint256(commitment) <= 1) revert EmptyVote();
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > c.commitUntil) revert OutOfTime(caseId, block.timestamp);
        _commitments[caseId][msg.sender] = commitment;
        emit VoteCommitted(caseId, msg.sender);
        if (++c.committed == c.size) {
            // Nobody is left to wait for.
            c.commitUntil = uint64(block.timestamp);
            c.revealUntil = c.commitUntil + c.phase;
        }
    }

    /// @inheritdoc IJury
    function revealVote(uint64 caseId, bytes32 finding, bytes32 salt) external {
        Case storage c = _cases[caseId];
        if (c.stage != Stage.Voting) revert WrongStage(caseId, c.stage);
        // forge-lint: disable-start(block-timestamp)
        bool committing = block.timestamp <= c.commitUntil && c.committed < c.size;
        if (committing || block.timestamp > c.revealUntil) revert OutOfTime(caseId, block.timestamp);
        // forge-lint: disable-end(block-timestamp)
        if (finding == 0) revert EmptyVote();
        if (_findings[caseId][msg.sender] != 0) revert VotedBefore(caseId, msg.sender);
        bytes32 expected = _commitments[caseId][msg.sender];
        if (expected == 0) revert NotAJuror(caseId, msg.sender);
        bytes32 given = keccak256(abi.encode(caseId, msg.sender, finding, salt));
        if (given != expected) revert VoteMismatch(caseId, expected, given);
        _findings[caseId][msg.sender] = finding;
        ++c.revealed;
        emit VoteRevealed(caseId, msg.sender, finding);
    }

    /// @inheritdoc IJury
    function close(uint64 caseId) external {
        Case storage c = _cases[caseId];
        if (c.stage != Stage.Voting) revert WrongStage(caseId, c.stage);
        // forge-lint: disable-next-line(block-timestamp)
        if (c.revealed < c.size && block.timestamp <= c.revealUntil) revert OutOfTime(caseId, block.timestamp);
        address[] memory jurors = _jurors[caseId];
        bytes32 finding = _mostFound(caseId, jurors);
        address[] memory heirs = _tally(caseId, jurors, finding);
        uint256 lost = (jurors.length - heirs.length) * JUROR_STAKE;
        if (finding != 0) {
            _majority[caseId] = heirs;
            _close(caseId, c, finding == c.finding ? Outcome.Upheld : Outcome.Refuted, finding);
        } else if (c.redrawn) {
            _close(caseId, c, Outcome.Undecided, 0);
        } else {
            for (uint256 i; i < jurors.length; ++i) {
                delete _commitments[caseId][jurors[i]];
                delete _findings[caseId][jurors[i]];
            }
            (c.redrawn, c.committed, c.revealed) = (true, 0, 0);
            _await(caseId, c, 0);
        }
        if (heirs.length == 0) {
            // Nobody spoke, and both parties waited for nothing.
            heirs = new address[](2);
            (heirs[0], heirs[1]) = (c.respondent, c.challenger);
        }
        _share(lost, heirs);
    }

    /// @dev What more than half of the whole jury found; zero without a majority.
    function _mostFound(uint64 caseId, address[] memory jurors) internal view returns (bytes32) {
        for (uint256 i; i <= jurors.length / 2; ++i) {
            bytes32 finding = _findings[caseId][jurors[i]];
            if (finding == 0) continue;
            uint256 votes;
            for (uint256 j; j < jurors.length; ++j) {
                if (_findings[caseId][jurors[j]] == finding) ++votes;
            }
            if (votes > jurors.length / 2) return finding;
        }
        return 0;
    }

    /// @dev Takes the jurors off the case, and its stake from each who was wrong or silent. Returns the others: those of
    /// the majority, or without one those who spoke.
    function _tally(uint64 caseId, address[] memory jurors, bytes32 finding) internal returns (address[] memory heirs) {
        heirs = new address[](jurors.length);
        uint256 count;
        for (uint256 i; i < jurors.length; ++i) {
            bytes32 own = _findings[caseId][jurors[i]];
            Auditor storage a = _auditor[jurors[i]];
            --a.cases;
            if (finding == 0 ? own != 0 : own == finding) {
                heirs[count++] = jurors[i];
                continue;
            }
            // A juror was drawn with this much free, and it cannot leave meanwhile.
            a.stake -= uint128(JUROR_STAKE);
            if (a.stake < JUROR_STAKE) --ableCount;
            emit JurorSlashed(caseId, jurors[i], JUROR_STAKE);
        }
        _shorten(heirs, count);
    }

    /// @dev Shares stakes that were lost. What does not divide goes to the first.
    function _share(uint256 lost, address[] memory heirs) internal {
        uint256 shareDown = lost / heirs.length;
        uint256 rest = lost - shareDown * heirs.length;
        for (uint256 i; i < heirs.length; ++i) {
            VAULT.release(address(0), heirs[i], shareDown + rest);
            rest = 0;
        }
    }

    function _close(uint64 caseId, Case storage c, Outcome outcome_, bytes32 finding) internal {
        c.stage = Stage.Closed;
        c.outcome = outcome_;
        emit CaseClosed(caseId, outcome_, finding);
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IJury
    function outcome(uint64 caseId) external view returns (Outcome) {
        return _cases[caseId].outcome;
    }

    /// @inheritdoc IJury
    function majority(uint64 caseId) external view returns (address[] memory) {
        return _majority[caseId];
    }

    /// @inheritdoc IJury
    function caseOf(uint64 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    /// @inheritdoc IJury
    function jury(uint64 caseId) external view returns (address[] memory jurors, bytes32[] memory findings) {
        jurors = _jurors[caseId];
        findings = new bytes32[](jurors.length);
        for (uint256 i; i < jurors.length; ++i) {
            findings[i] = _findings[caseId][jurors[i]];
        }
    }

    /// @inheritdoc IJury
    function auditor(address account) external view returns (Auditor memory) {
        return _auditor[account];
    }

    /// @inheritdoc IJury
    function auditors(uint256 offset, uint256 limit) external view returns (address[] memory page) {
        page = new address[](Page.length(_auditors.length, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _auditors[offset + i];
        }
    }

    /// @inheritdoc IJury
    function auditorCount() external view returns (uint256) {
        return _auditors.length;
    }
}
