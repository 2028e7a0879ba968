// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Jobs} from "../src/Jobs.sol";
import {Jury} from "../src/Jury.sol";
import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {Roster} from "../src/Roster.sol";
import {Scores} from "../src/Scores.sol";
import {Vault} from "../src/Vault.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Base} from "./Base.sol";

/// @notice Who acts in the invariant tests, on which models, and the book of what should have come of it.
abstract contract Actors is Base {
    uint256 internal constant PEOPLE = 5;
    uint256 internal constant AUDITORS = 5;
    uint256 internal constant MODELS = 6;

    /// @dev Few enough that jobs are finished rather than begun.
    uint256 internal constant LIVE_JOBS = 8;

    /// @param rewards Paid for trainings, as workers' balances show it.
    /// @param charged Paid into the pool for inferences.
    /// @param emitted Paid for epochs, as the score contract's balance shows it.
    /// @param entries Jobs that were settled, and uses.
    /// @param versions Hash of each version, as it was when published.
    /// @param requester Whose rollback waits, as requests and vetoes have it.
    struct Book {
        uint256 initialPool;
        uint256 rewards;
        uint256 charged;
        uint256 emitted;
        uint256 entries;
        bytes32[] versions;
        address requester;
        uint32 target;
        uint256 requestedAt;
    }

    struct Scored {
        Model model;
        uint64 epoch;
    }

    Model[] public models;
    Scored[] internal _scored;
    mapping(Model => Book) internal _books;
    mapping(Model => mapping(uint64 => bool)) internal _isScored;

    /// @dev Jobs that are not over, in no order; of those that are, only how they ended is kept.
    uint64[] internal _live;
    mapping(uint64 job => IJobs.State) public stateOf;

    mapping(bytes32 action => uint256) public did;

    constructor(Vault v, Jury y, Scores s, Roster o, Jobs j, ModelFactory f) {
        (vault, jury, scores, roster, jobs, factory) = (v, y, s, o, j, f);
        for (uint256 i; i < AUDITORS; ++i) {
            vm.deal(auditorAt(i), 0.1 ether);
            vm.prank(auditorAt(i));
            jury.register{value: 0.1 ether}(0.1 ether);
        }
        for (uint256 i; i < 4; ++i) {
            _create(personAt(i), 5 * i, SUPPLY, ALPHA, REFERENCE_STEPS, INFERENCE_UNIT);
        }
    }

    function setUp() public override {}

    // ─── Who ─────────────────────────────────────────────────────────────────────────────────────────────────────

    function personAt(uint256 i) public pure returns (address) {
        return address(uint160(0xBEE000 + i % PEOPLE));
    }

    function auditorAt(uint256 i) public pure returns (address) {
        return address(uint160(0xA0D000 + i % AUDITORS));
    }

    /// @dev Everybody who can hold anything, the protocol's contracts aside.
    function everybody() public pure returns (address[] memory all) {
        all = new address[](PEOPLE + AUDITORS);
        for (uint256 i; i < all.length; ++i) {
            all[i] = i < PEOPLE ? personAt(i) : auditorAt(i - PEOPLE);
        }
    }

    function modelCount() external view returns (uint256) {
        return models.length;
    }

    function book(Model m) external view returns (Book memory) {
        return _books[m];
    }

    function scoredCount() external view returns (uint256) {
        return _scored.length;
    }

    function scoredAt(uint256 i) external view returns (Model, uint64) {
        return (_scored[i].model, _scored[i].epoch);
    }

    // ─── Models ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Bonds in either asset, rounds of either kind, and every time short beside what passes between actions.
    function _create(address creator, uint256 kind, uint256 supply, uint64 alpha, uint32 steps, uint64 unit) internal {
        IModelFactory.CreateModel memory p = ordinary();
        (p.supply, p.alpha, p.referenceSteps, p.inferenceUnit) = (supply, alpha, steps, unit);
        p.genesis = keccak256(abi.encode("genesis", models.length));
        p.rules.bondInTokens = kind % 2 == 1;
        // Odd, so that halves and thirds have rests; and no more than everybody can lay in.
        p.rules.bond = p.rules.bondInTokens ? uint96(supply / 20_001) : 1e15 + 7;
        p.rules.roundLength = kind / 2 % 2 == 1 ? 40 minutes : 0;
        // So little that a model can be improved on as often as it is trained here.
        p.rules.minImprovementPpm = kind / 4 % 2 == 1 ? 3 : 0;
        (p.rules.challengeWindow, p.rules.juryPhase, p.rules.rollbackDelay) = (10 minutes, 20 minutes, 20 minutes);
        (p.rules.trainLease, p.rules.inferLease) = (2 hours, 1 hours);
        vm.prank(creator);
        Model m = Model(factory.createModel(p));
        models.push(m);
        _books[m].initialPool = m.pool();
        uint256 share = m.balanceOf(creator) / 10;
        for (uint256 i; i < PEOPLE; ++i) {
            vm.prank(creator);
            m.transfer(personAt(i), share);
        }
        _note();
    }

    function _pick(uint256 i) internal {
        model = models[i % models.length];
    }

    // ─── Book ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Looks at live jobs and new versions after each action: states move forward, but for the one way back.
    modifier noted() {
        _;
        _note();
    }

    function _note() internal {
        for (uint256 i = _live.length; i > 0; --i) {
            uint64 id = _live[i - 1];
            (IJobs.State before, IJobs.State state) = (stateOf[id], jobs.jobOf(id).state);
            bool reopened = before == IJobs.State.Claimed && state == IJobs.State.Open;
            vm.assertTrue(state >= before || reopened, "a job went back");
            stateOf[id] = state;
            if (state < IJobs.State.Settled) continue;
            _live[i - 1] = _live[_live.length - 1];
            _live.pop();
        }
        for (uint256 i; i < models.length; ++i) {
            bytes32[] storage versions = _books[models[i]].versions;
            for (uint256 j = versions.length; j < models[i].versionCount(); ++j) {
                versions.push(keccak256(abi.encode(models[i].version(uint32(j)))));
            }
        }
    }

    function _did(string memory action) internal {
        ++did[keccak256(bytes(action))];
    }

    // ─── What is possible ────────────────────────────────────────────────────────────────────────────────────────

    /// @dev What a job made: a little better than its base where the rules ask for that, and now and then by more.
    function _made(uint64 id, Model m, uint32 base) internal view returns (IJobs.Result memory made) {
        made = result(id);
        made.accuracyPpm = m.version(base).accuracyPpm + m.rules().minImprovementPpm + uint32(id % 5);
    }

    function _made(uint64 id) internal view returns (IJobs.Result memory) {
        IJobs.Job memory job = jobs.jobOf(id);
        return _made(id, Model(job.model), job.base);
    }

    /// @dev Whether there are auditors enough to doubt anybody, none of whom is one of the people here.
    function _hasJury() internal view returns (bool) {
        return jury.ableCount() >= 3;
    }

    /// @dev The first job from a random one on that is in one of the states; 0 where none is.
    function _pickJob(uint256 from, IJobs.State low, IJobs.State high) internal returns (uint64) {
        for (uint256 i; i < _live.length; ++i) {
            uint64 id = _live[(from % _live.length + i) % _live.length];
            IJobs.State state = jobs.jobOf(id).state;
            if (state < low || state > high) continue;
            model = Model(jobs.jobOf(id).model);
            return id;
        }
        return 0;
    }

    /// @dev Makes sure that an account has a bond free in the vault; false where it has not got that much.
    function _afford(address who) internal returns (bool) {
        uint256 bond = model.rules().bond;
        if (!model.rules().bondInTokens) {
            vm.deal(who, bond);
            vm.prank(who);
            vault.deposit{value: bond}(who);
            return true;
        }
        uint256 has = vault.free(address(model), who);
        if (has >= bond) return true;
        if (model.balanceOf(who) < bond - has) return false;
        _depositTokens(who, bond - has);
        return true;
    }

    function _depositTokens(address who, uint256 amount) internal {
        vm.prank(who);
        model.approve(address(vault), amount);
        vm.prank(who);
        vault.depositTokens(address(model), amount);
    }

    function _isLive(IJobs.Job memory job) internal view returns (bool) {
        return job.kind == IModel.JobKind.Infer || job.round == Model(job.model).round();
    }

    function _windowUntil(IJobs.Job memory job) internal view returns (uint256) {
        return uint256(job.revealedAt) + job.reopenedAfter + Model(job.model).rules().challengeWindow;
    }

    function _leaseUntil(IJobs.Job memory job) internal view returns (uint256) {
        IModel.Rules memory r = Model(job.model).rules();
        return uint256(job.claimedAt) + (job.kind == IModel.JobKind.Train ? r.trainLease : r.inferLease);
    }

    function _isJoinable() internal view returns (bool) {
        IRounds.Round memory r = jobs.roundOf(address(model));
        if (r.number != model.round() || (r.pending == 0 && r.accepted == 0)) return true;
        return block.timestamp <= r.commitsUntil && r.pending + r.accepted < 64;
    }

    /// @dev How many trainings a round has accepted that is done; 0 while it is not.
    function _acceptedWhenDone() internal view returns (uint32) {
        IRounds.Round memory r = jobs.roundOf(address(model));
        bool done = r.pending == 0 && block.timestamp > r.commitsUntil && r.number == model.round();
        return done ? r.accepted : 0;
    }

    // ─── Weights ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A person's weight; with `wrong`, twice what it should be, so that all of them add up to two.
    function _weightOf(address worker, uint64 epoch, bool wrong) internal view returns (uint256) {
        uint256 points = scores.scoreOf(address(model), epoch, worker).train;
        points += scores.scoreOf(address(model), epoch, worker).infer;
        return (wrong ? 2 : 1) * (points * WAD / scores.epochOf(address(model), epoch).total);
    }

    /// @dev A tree that is a chain: each person's leaf beside the node of those before.
    function _rootOf(uint64 epoch, bool wrong) internal view returns (bytes32 root) {
        root = _leafOf(0, epoch, wrong);
        for (uint256 i = 1; i < PEOPLE; ++i) {
            root = _pair(root, _leafOf(i, epoch, wrong));
        }
    }

    function _proofOf(uint256 person, uint64 epoch, bool wrong) internal view returns (bytes32[] memory proof) {
        person %= PEOPLE;
        proof = new bytes32[](person == 0 ? PEOPLE - 1 : PEOPLE - person);
        uint256 length;
        if (person != 0) {
            bytes32 node = _leafOf(0, epoch, wrong);
            for (uint256 i = 1; i < person; ++i) {
                node = _pair(node, _leafOf(i, epoch, wrong));
            }
            proof[length++] = node;
        }
        for (uint256 i = person + 1; i < PEOPLE; ++i) {
            proof[length++] = _leafOf(i, epoch, wrong);
        }
    }

    function _leafOf(uint256 person, uint64 epoch, bool wrong) internal view returns (bytes32) {
        address worker = personAt(person);
        return keccak256(bytes.concat(keccak256(abi.encode(worker, _weightOf(worker, epoch, wrong)))));
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
