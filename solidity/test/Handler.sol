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
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IRoster} from "../src/interfaces/IRoster.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IScores} from "../src/interfaces/IScores.sol";
import {Actors} from "./Actors.sol";

/// @notice What the people do, in any order. Each action reads first what is possible, and makes only calls that must
/// succeed; where nothing is possible it makes none.
contract Handler is Actors {
    bytes32 internal constant SALT = keccak256("salt");

    /// @dev What a juror of the case's first or second jury has committed to.
    mapping(uint64 => mapping(bool redrawn => mapping(address => bytes32))) internal _votes;

    constructor(Vault v, Jury y, Scores s, Roster o, Jobs j, ModelFactory f) Actors(v, y, s, o, j, f) {}

    // ─── Jobs ────────────────────────────────────────────────────────────────────────────────────────────────────

    function createModel(uint256 who, uint256 kind, uint256 supply, uint256 alpha, uint256 steps, uint256 unit)
        external
        noted
    {
        if (models.length == MODELS) return;
        _create(
            personAt(who),
            kind,
            bound(supply, 1e18, type(uint96).max),
            uint64(bound(alpha, 1e12, 693_147_180_559_945_309)),
            uint32(bound(steps, 1, type(uint32).max / 8)),
            uint64(bound(unit, 1, 1e18))
        );
        _did("createModel");
    }

    /// @dev Opens a training or an inference, or opens and takes it, or submits what is done already.
    function begin(uint256 which, uint256 who, uint256 how, uint256 units, uint256 keen) external noted {
        if (_live.length == LIVE_JOBS) return;
        _pick(which);
        address worker = personAt(who);
        if (how % 2 == 0) return _beginInference(worker, uint32(bound(units, 1, 50)), how / 2 % 4 == 0);
        how /= 2;
        uint256 most = model.referenceSteps();
        IJobs.Request memory r = training(uint32(bound(units, 1, how % 4 == 1 ? 4 * most : most)));
        r.proof = how % 4 == 1 ? IJobs.Proof.Replay : IJobs.Proof.Evaluation;
        uint256 reward = model.quoteReward(r.units);
        if (how % 5 == 0) {
            vm.prank(worker);
            _live.push(jobs.open(r));
            return _did("open");
        }
        // Whoever asks for all there is now gets nothing once somebody else was paid.
        uint96 least = keen % 2 == 1 ? uint96(reward) : 0;
        if (reward == 0 || !_afford(worker)) return;
        if (r.proof == IJobs.Proof.Evaluation && how % 2 == 0 && _isJoinable()) {
            IJobs.Result memory made = _made(jobs.jobCount() + 1, model, r.base);
            vm.prank(worker);
            _live.push(jobs.submit(r, least, made));
            return _did("submit");
        }
        vm.prank(worker);
        _live.push(jobs.start(r, least));
        _did("start");
    }

    function _beginInference(address user, uint32 count, bool alone) internal {
        uint256 price = model.quotePrice(count);
        if (price > model.balanceOf(user)) return;
        IJobs.Request memory r = request(count);
        IModel.InferRequest memory use = inference(count);
        if (alone) {
            vm.prank(user);
            _books[model].charged += model.infer(use);
            ++_books[model].entries;
            return _did("infer");
        }
        vm.prank(user);
        _live.push(jobs.open(r));
        _did("open inference");
    }

    function claim(uint256 which, uint256 who) external noted {
        uint64 id = _pickJob(which, IJobs.State.Open, IJobs.State.Open);
        if (id == 0) return;
        IJobs.Job memory job = jobs.jobOf(id);
        bool paid = job.kind == IModel.JobKind.Infer || model.quoteReward(job.units) != 0;
        address worker = personAt(who);
        if (!paid || !_isLive(job) || !_afford(worker)) return;
        uint256 from = roster.turnOf(job.model, job.kind, id, worker, job.claimBlock, job.claimedAt);
        bool early = worker != job.requester && block.timestamp < from;
        if (early) vm.expectRevert(abi.encodeWithSelector(IRoster.NotYourTurn.selector, id, worker, from));
        vm.prank(worker);
        jobs.claim(id, 0);
        _did(early ? "claim too early" : worker == job.requester ? "claim own" : "claim");
    }

    /// @dev Comes, changes its kinds, says that it is there, or leaves; anybody takes off who has fallen silent.
    function enlist(uint256 which, uint256 who, uint256 how) external noted {
        _pick(which);
        address worker = personAt(who);
        IRoster.Seat memory seat = roster.seatOf(address(model), worker);
        if (seat.kinds != 0 && block.number > uint256(seat.seen) + 720) {
            vm.prank(personAt(how));
            roster.expel(address(model), worker);
            return _did("expel");
        }
        if (how % 4 == 0 && seat.kinds != 0) {
            vm.prank(worker);
            roster.delist(address(model));
            return _did("delist");
        }
        if (how % 4 == 1 && seat.kinds != 0) {
            vm.prank(worker);
            roster.renew(address(model));
            return _did("renew");
        }
        if (seat.kinds == 0 && !_afford(worker)) return;
        vm.prank(worker);
        roster.enlist(address(model), uint8(1 + how / 4 % 3));
        _did(seat.kinds == 0 ? "enlist" : "change kinds");
    }

    /// @dev The next step of each job that somebody works on; each worker is at it half of the time.
    function work(uint256 who) external noted {
        for (uint256 i; i < _live.length; ++i) {
            if ((who >> i) % 2 == 0) _work(_live[i]);
        }
    }

    function _work(uint64 id) internal {
        IJobs.Job memory job = jobs.jobOf(id);
        model = Model(job.model);
        if (!_isLive(job) || block.timestamp > _leaseUntil(job)) return;
        if (job.state == IJobs.State.Committed) {
            if (block.number <= job.commitBlock) return;
            IJobs.Result memory made = _made(id);
            vm.prank(job.worker);
            jobs.reveal(id, made, "");
            return _did("reveal");
        }
        if (job.state != IJobs.State.Claimed) return;
        if (job.kind == IModel.JobKind.Train) {
            bool seeded = jobs.seedOf(id) != 0
                || (block.number > job.claimBlock && block.number <= uint256(job.claimBlock) + 256);
            if (!_isJoinable() || (job.proof == IJobs.Proof.Replay && !seeded)) return;
        }
        IJobs.Result memory made = _made(id);
        vm.prank(job.worker);
        jobs.commit(id, made);
        _did("commit");
    }

    function doubt(uint256 which, uint256 who) external noted {
        uint64 id = _pickJob(which, IJobs.State.Revealed, IJobs.State.Revealed);
        if (id == 0 || which % 3 == 0) return;
        IJobs.Job memory job = jobs.jobOf(id);
        if (block.timestamp > _windowUntil(job)) return;
        if (job.challenger != address(0) || personAt(who) == job.worker || !_afford(personAt(who))) return;
        if (!_hasJury()) {
            vm.expectRevert(abi.encodeWithSelector(IJury.TooFewAuditors.selector, jury.ableCount(), 3));
            vm.prank(personAt(who));
            jobs.challenge(id);
            return _did("challenge without a jury");
        }
        vm.prank(personAt(who));
        jobs.challenge(id);
        _did("challenge");
    }

    /// @dev Settles each job that can be, half of the time, in the order of the list.
    function settle(uint256 which) external noted {
        for (uint256 i; i < _live.length; ++i) {
            if ((which >> i) % 2 == 0) _settle(_live[i]);
        }
    }

    function _settle(uint64 id) internal {
        IJobs.Job memory job = jobs.jobOf(id);
        model = Model(job.model);
        if (job.state != IJobs.State.Revealed) return;
        bool decided = job.challenger == address(0)
            ? block.timestamp > _windowUntil(job)
            : jury.outcome(job.caseId) != IJury.Outcome.Pending;
        if (!decided || !_isLive(job)) return;
        uint256 balance = model.balanceOf(job.worker);
        uint256 pool = model.pool();
        jobs.settle(id, _made(id));
        Book storage b = _books[model];
        IJobs.State state = jobs.jobOf(id).state;
        if (state == IJobs.State.Revealed) {
            vm.assertTrue(jury.outcome(job.caseId) == IJury.Outcome.Undecided, "a decided job came back");
            return _did("reopen");
        }
        if (state != IJobs.State.Settled) return _did(state == IJobs.State.Rejected ? "reject" : "expire");
        ++b.entries;
        if (job.kind == IModel.JobKind.Train) {
            uint256 reward = model.balanceOf(job.worker) - balance;
            vm.assertLt(reward, pool, "a reward takes the whole pool");
            b.rewards += reward;
        } else {
            b.charged += job.amount;
        }
        uint64 epoch = scores.currentEpoch();
        if (!_isScored[model][epoch]) {
            _isScored[model][epoch] = true;
            _scored.push(Scored(model, epoch));
        }
        _did(job.challenger == address(0) ? "settle" : "settle upheld");
    }

    /// @dev Ends what can only be ended: a lease that is over, a training of another head, a job nobody took.
    function end(uint256 which, uint256 force) external noted {
        uint64 id = _pickJob(which, IJobs.State.Open, IJobs.State.Revealed);
        if (id == 0) return;
        IJobs.Job memory job = jobs.jobOf(id);
        if (!_isLive(job)) {
            jobs.abandon(id);
            return _did(job.challenger == address(0) ? "abandon" : "abandon challenged");
        }
        if (job.state == IJobs.State.Open && force % 2 == 1) {
            vm.prank(job.requester);
            jobs.cancel(id);
            return _did("cancel");
        }
        bool working = job.state == IJobs.State.Claimed || job.state == IJobs.State.Committed;
        if (!working || block.timestamp <= _leaseUntil(job)) return;
        jobs.lapse(id);
        _did("lapse");
    }

    // ─── Rounds ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The next step of each round that is done, or of its average that waits.
    function average(uint256 who, uint256 mood) external noted {
        who %= PEOPLE;
        for (uint256 i; i < models.length; ++i) {
            _pick(i);
            _average(personAt(who + i), mood >> (2 * i));
        }
    }

    function _average(address account, uint256 mood) internal {
        bool doubtful = mood % 2 == 1;
        IRounds.Average memory a = jobs.averageOf(address(model));
        if (a.poster == address(0)) return _publish(account, mood % 4 != 0);
        bool open = block.timestamp <= uint256(a.postedAt) + model.rules().challengeWindow;
        bool may = open && a.challenger == address(0) && account != a.poster && _hasJury();
        if (may && doubtful && _afford(account)) {
            vm.prank(account);
            jobs.challengeAverage(address(model));
            return _did("challengeAverage");
        }
        bool decided = a.challenger == address(0) ? !open : jury.outcome(a.caseId) != IJury.Outcome.Pending;
        if (!decided) return;
        jobs.settleAverage(address(model));
        _did("settleAverage");
    }

    function _publish(address account, bool late) internal {
        uint32 accepted = _acceptedWhenDone();
        IRounds.Round memory r = jobs.roundOf(address(model));
        if (accepted == 1) {
            jobs.publishRound(address(model));
            _did("publishRound");
        } else if (accepted > 1 && late) {
            uint256 since = r.lastAcceptedAt > r.commitsUntil ? r.lastAcceptedAt : r.commitsUntil;
            if (block.timestamp <= since + 8 * model.rules().challengeWindow) return;
            jobs.publishBest(address(model));
            _did("publishBest");
        } else if (accepted > 1 && _afford(account)) {
            bytes32 hash = keccak256(abi.encode("average", address(model), r.number, block.timestamp));
            uint32 needed = model.version(model.head()).accuracyPpm + model.rules().minImprovementPpm;
            if (model.rules().minImprovementPpm != 0) {
                vm.expectRevert(abi.encodeWithSelector(IJobs.TooLittleImprovement.selector, needed - 1, needed));
                vm.prank(account);
                jobs.postAverage(address(model), hash, needed - 1);
                _did("postAverage of no use");
            }
            vm.prank(account);
            jobs.postAverage(address(model), hash, needed + uint32(r.number % 3));
            _did("postAverage");
        }
    }

    // ─── Juries ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The next step of a case: its draw, its votes, its revelations, or its end.
    function judge(uint256 which, uint256 minds) external noted {
        uint64 count = jury.caseCount();
        for (uint256 i; i < count; ++i) {
            uint64 id = uint64((which % count + i) % count + 1);
            IJury.Case memory c = jury.caseOf(id);
            if (c.stage == IJury.Stage.Closed) continue;
            if (c.stage == IJury.Stage.Voting) return _judge(id, c, minds);
            if (block.number <= c.target) continue;
            jury.draw(id);
            c = jury.caseOf(id);
            // A block whose hash is gone is asked for again as well.
            if (c.stage == IJury.Stage.Drawing) return _did("wait");
            return _did(c.stage == IJury.Stage.Voting ? "draw" : "draw of too few");
        }
    }

    /// @dev One juror in eight is silent, and of the others one in four finds something else.
    function _judge(uint64 id, IJury.Case memory c, uint256 minds) internal {
        (address[] memory jurors, bytes32[] memory findings) = jury.jury(id);
        bool committing = block.timestamp <= c.commitUntil && c.committed < c.size;
        uint256 moves;
        for (uint256 i; i < jurors.length; ++i) {
            uint256 mind = uint256(keccak256(abi.encode(minds, i)));
            bytes32 finding = _votes[id][c.redrawn][jurors[i]];
            if (committing && finding == 0 && mind % 8 != 0) {
                finding = (mind >> 8) % 4 == 0 ? bytes32(1 + (mind >> 16) % 2) : c.finding;
                _votes[id][c.redrawn][jurors[i]] = finding;
                vm.prank(jurors[i]);
                jury.commitVote(id, keccak256(abi.encode(id, jurors[i], finding, SALT)));
                _did("commitVote");
                ++moves;
            } else if (!committing && finding != 0 && findings[i] == 0 && block.timestamp <= c.revealUntil) {
                vm.prank(jurors[i]);
                jury.revealVote(id, finding, SALT);
                _did("revealVote");
                ++moves;
            }
        }
        if (moves != 0 || (c.revealed < c.size && block.timestamp <= c.revealUntil)) return;
        jury.close(id);
        _did(jury.caseOf(id).stage == IJury.Stage.Closed ? "close" : "redraw");
    }

    function audit(uint256 who, uint128 stake) external noted {
        address account = auditorAt(who);
        IJury.Auditor memory a = jury.auditor(account);
        if (a.exitAt != 0 && block.timestamp >= a.exitAt && a.cases == 0 && jury.pendingDraws() == 0) {
            vm.prank(account);
            jury.exit();
            return _did("exit");
        }
        // Who has asked to leave mostly waits; another registration would forget it.
        if (a.exitAt != 0 && stake % 16 != 1) return;
        if (a.place != 0 && stake % 16 == 0) {
            vm.prank(account);
            jury.requestExit();
            return _did("requestExit");
        }
        // At most two cases at a time, so that there are too few for a jury now and then.
        uint256 room = a.stake < 0.1 ether ? 0.1 ether - a.stake : 0;
        stake = uint128(bound(stake, a.stake < 0.05 ether ? 0.05 ether - a.stake : 0, room));
        vm.deal(account, stake);
        vm.prank(account);
        jury.register{value: stake}(stake);
        _did("register");
    }

    // ─── Weights ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The next step of an epoch in which somebody scored.
    function weigh(uint256 which, uint256 who, uint256 how) external noted {
        if (_scored.length == 0) return;
        Scored memory s = _scored[which % _scored.length];
        model = s.model;
        IScores.Epoch memory e = scores.epochOf(address(model), s.epoch);
        if (s.epoch >= scores.currentEpoch() || e.total == 0) return;
        if (e.status == IScores.Status.Open) _post(s.epoch, personAt(who), how);
        else if (e.status == IScores.Status.Posted) _decide(s.epoch, e, personAt(who), how);
        else _claim(s.epoch, e, who);
    }

    function _post(uint64 epoch, address account, uint256 how) internal {
        if (how % 4 == 0 && block.number >= (uint256(epoch) + 2) * 360) {
            uint256 before = model.balanceOf(address(scores));
            scores.shareByScore(address(model), epoch);
            _books[model].emitted += model.balanceOf(address(scores)) - before;
            return _did("shareByScore");
        }
        if (!_afford(account)) return;
        bytes32 root = _rootOf(epoch, how % 3 == 0);
        vm.prank(account);
        scores.postWeights(address(model), epoch, root);
        _did("postWeights");
    }

    function _decide(uint64 epoch, IScores.Epoch memory e, address account, uint256 how) internal {
        bool open = block.timestamp <= uint256(e.postedAt) + model.rules().challengeWindow;
        bool may = open && e.challenger == address(0) && account != e.poster && _hasJury();
        if (may && how % 2 == 0 && _afford(account)) {
            vm.prank(account);
            scores.challengeWeights(address(model), epoch);
            return _did("challengeWeights");
        }
        if (e.challenger == address(0) ? open : jury.outcome(e.caseId) == IJury.Outcome.Pending) return;
        uint256 before = model.balanceOf(address(scores));
        scores.settleWeights(address(model), epoch);
        _books[model].emitted += model.balanceOf(address(scores)) - before;
        _did("settleWeights");
    }

    function _claim(uint64 epoch, IScores.Epoch memory e, uint256 who) internal {
        address worker = personAt(who);
        if (scores.hasClaimed(address(model), epoch, worker)) return;
        bool wrong = e.status == IScores.Status.Weighted && e.root == _rootOf(epoch, true);
        uint256 weight = _weightOf(worker, epoch, wrong);
        if (e.claimed + e.emission * weight / WAD > e.emission) return _did("claim too much");
        scores.claim(address(model), epoch, worker, weight, _proofOf(who, epoch, wrong));
        _did(e.status == IScores.Status.Weighted ? "claim by weight" : "claim by score");
    }

    // ─── Holders ─────────────────────────────────────────────────────────────────────────────────────────────────

    function transfer(uint256 which, uint256 from, uint256 to, uint256 amount) external noted {
        _pick(which);
        amount = bound(amount, 0, model.balanceOf(personAt(from)));
        vm.prank(personAt(from));
        model.transfer(personAt(to), amount);
        _did("transfer");
    }

    /// @dev Money in and out of the vault, in coins or tokens.
    function bank(uint256 which, uint256 who, uint256 amount, uint256 tokens, uint256 out) external noted {
        _pick(which);
        address account = everybody()[who % (PEOPLE + AUDITORS)];
        address asset = tokens % 2 == 1 ? address(model) : address(0);
        if (out % 2 == 1) {
            amount = bound(amount, 0, vault.free(asset, account));
            vm.prank(account);
            vault.withdraw(asset, amount, account);
            return _did("withdraw");
        }
        if (asset != address(0)) {
            _depositTokens(account, bound(amount, 0, model.balanceOf(account)));
            return _did("depositTokens");
        }
        amount = bound(amount, 0, 1 ether);
        vm.deal(account, amount);
        vm.prank(account);
        vault.deposit{value: amount}(account);
        _did("deposit");
    }

    function _rank(address account) internal view returns (uint256) {
        return account == model.creator() ? 3 : model.seatOf(account);
    }

    function requestRollback(uint256 which, uint256 who, uint256 target) external noted {
        _pick(which);
        address account = personAt(who);
        uint256 rank = _rank(account);
        if (rank == 0 || model.head() == 0 || target % 4 != 0) return;
        address waiting = model.rollbackRequest().requester;
        uint256 other = waiting == address(0) || waiting == account ? 0 : _rank(waiting);
        if (other != 0 && other < rank) return;
        Book storage b = _books[model];
        (b.requester, b.target, b.requestedAt) = (account, uint32(bound(target, 0, model.head() - 1)), block.timestamp);
        vm.prank(account);
        model.requestRollback(b.target);
        _did("requestRollback");
    }

    function vetoRollback(uint256 which, uint256 who) external noted {
        _pick(which);
        address account = personAt(who);
        address waiting = model.rollbackRequest().requester;
        if (waiting == address(0)) return;
        uint256 rank = _rank(account);
        uint256 other = _rank(waiting);
        bool may = waiting == account || (rank != 0 && rank != 3 && (other == 0 || other > rank));
        if (!may) return;
        vm.prank(account);
        model.vetoRollback();
        delete _books[model].requester;
        _did(waiting == account ? "withdraw rollback" : other == 3 ? "veto of the creator" : "veto of a holder");
    }

    /// @dev Tries it whatever the state, and goes by the book: what was vetoed by anybody who may is never executed.
    function executeRollback(uint256 which) external noted {
        _pick(which);
        Book storage b = _books[model];
        uint256 from = b.requestedAt + model.rules().rollbackDelay;
        bool may = b.requester != address(0) && block.timestamp >= from && block.timestamp <= from + 7 days
            && _rank(b.requester) != 0 && b.target < model.head();
        try model.executeRollback() {
            vm.assertTrue(may, "a rollback was executed that nobody may execute");
            vm.assertEq(model.head(), b.target, "the head moved to another version");
            delete b.requester;
            _did("executeRollback");
        } catch {
            vm.assertFalse(may, "a rollback was refused that anybody may execute");
        }
    }

    function split(uint256 which, uint256 who, uint256 multiplier) external noted {
        _pick(which);
        if (model.seatOf(personAt(who)) == 0) return;
        uint256 before = model.uiMultiplier();
        vm.prank(personAt(who));
        model.split(1e18 * bound(multiplier, 1, 3));
        _did(model.uiMultiplier() == before ? "propose split" : "split");
    }

    // ─── Time ────────────────────────────────────────────────────────────────────────────────────────────────────

    function passTime(uint256 blocks) external noted {
        blocks = bound(blocks, 1, 20);
        vm.roll(block.number + blocks);
        vm.warp(block.timestamp + 12 * blocks);
        _did("passTime");
    }

    /// @dev Long enough for leases and epochs to end, and now and then for auditors to leave. One call in eight.
    function passLongTime(uint256 blocks) external noted {
        if (blocks % 8 != 0) return;
        blocks = blocks % 64 == 0 ? 50_400 : bound(blocks, 60, 400);
        vm.roll(block.number + blocks);
        vm.warp(block.timestamp + 12 * blocks);
        _did("passLongTime");
    }
}
