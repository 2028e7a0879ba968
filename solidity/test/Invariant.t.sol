// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {IScores} from "../src/interfaces/IScores.sol";
import {Actors} from "./Actors.sol";
import {Base} from "./Base.sol";
import {Handler} from "./Handler.sol";

/// @notice What holds after any sequence of actions by anybody. That a job ends once, that no reward takes the whole
/// pool, and that no vetoed rollback is executed, the handler asserts with each action.
contract InvariantTest is Base {
    Handler internal handler;
    address[] internal _everybody;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public override {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        deploy();
        handler = new Handler(vault, jury, scores, roster, jobs, factory);
        _everybody = handler.everybody();
    }

    /// @dev Foundry calls only what this names.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function _selectors() internal pure returns (bytes4[] memory list) {
        list = new bytes4[](20);
        list[0] = Handler.createModel.selector;
        list[1] = Handler.begin.selector;
        list[2] = Handler.claim.selector;
        list[3] = Handler.work.selector;
        list[4] = Handler.doubt.selector;
        list[5] = Handler.settle.selector;
        list[6] = Handler.end.selector;
        list[7] = Handler.average.selector;
        list[8] = Handler.judge.selector;
        list[9] = Handler.audit.selector;
        list[10] = Handler.weigh.selector;
        list[11] = Handler.transfer.selector;
        list[12] = Handler.bank.selector;
        list[13] = Handler.requestRollback.selector;
        list[14] = Handler.vetoRollback.selector;
        list[15] = Handler.executeRollback.selector;
        list[16] = Handler.split.selector;
        list[17] = Handler.passTime.selector;
        list[18] = Handler.passLongTime.selector;
        list[19] = Handler.enlist.selector;
    }

    /// @dev And of it only the actions.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        (targets[0].addr, targets[0].selectors) = (address(handler), _selectors());
    }

    function _models() internal view returns (Model[] memory all) {
        all = new Model[](handler.modelCount());
        for (uint256 i; i < all.length; ++i) {
            all[i] = handler.models(i);
        }
    }

    // ─── Invariants ──────────────────────────────────────────────────────────────────────────────────────────────

    function invariant_tokens() public view {
        _balancesSumToTheSupply();
        _theModelHoldsExactlyItsPool();
        _payments();
        _seatsAreThoseOfASearch();
        _versionsAreOnlyAdded();
        _versionsImprove();
    }

    function invariant_moneyAtStake() public view {
        _theVaultHoldsWhatIsFreeAndAtStake();
        _everyBondIsSomebodys();
        _everyPlaceOnARosterHoldsABond();
        _everyDoubtHasItsCase();
        _lockedPricesAreThoseOfOpenInferences();
        _noEpochPaysMoreThanItsEmission();
    }

    function invariant_counts() public view {
        _jobsEndOnce();
        _roundsCountTheirTrainings();
        _jurorsCountTheirOpenCases();
    }

    // ─── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _balancesSumToTheSupply() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            uint256 sum = all[i].balanceOf(address(all[i])) + all[i].balanceOf(address(jobs));
            sum += all[i].balanceOf(address(scores)) + all[i].balanceOf(address(vault));
            for (uint256 j; j < _everybody.length; ++j) {
                sum += all[i].balanceOf(_everybody[j]);
            }
            vm.assertEq(sum, all[i].totalSupply(), "balances and supply differ");
        }
    }

    function _theModelHoldsExactlyItsPool() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            vm.assertEq(all[i].balanceOf(address(all[i])), all[i].pool(), "pool and balance differ");
            vm.assertGe(all[i].pool(), 1, "the pool was drained");
        }
    }

    function _payments() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            Actors.Book memory b = handler.book(all[i]);
            uint256 paid = b.rewards + b.emitted;
            vm.assertLe(paid, b.initialPool + b.charged, "more was paid than there ever was");
            vm.assertEq(all[i].pool() + paid, b.initialPool + b.charged, "pool, payouts and prices do not add up");
            vm.assertEq(all[i].jobCount(), b.entries, "entries of the log");
        }
    }

    /// @dev Who holds as much as another may sit for them; the order among equals is tested in `Seats.t.sol`.
    function _seatsAreThoseOfASearch() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            (address[] memory accounts, uint256[] memory balances) = all[i].holders(0, type(uint256).max);
            uint256[2] memory best;
            for (uint256 j; j < accounts.length; ++j) {
                vm.assertEq(balances[j], all[i].balanceOf(accounts[j]), "a listed balance");
                if (balances[j] > best[0]) (best[0], best[1]) = (balances[j], best[0]);
                else if (balances[j] > best[1]) best[1] = balances[j];
            }
            (address first, address second) = all[i].seats();
            vm.assertEq(first == address(0) ? 0 : all[i].balanceOf(first), best[0], "the largest balance");
            vm.assertEq(second == address(0) ? 0 : all[i].balanceOf(second), best[1], "the second largest");
            vm.assertTrue(first == address(0) || first != second, "one holder has both seats");
            vm.assertTrue(first != all[i].creator() && second != all[i].creator(), "the creator has a seat");
        }
    }

    // ─── Versions ────────────────────────────────────────────────────────────────────────────────────────────────

    function _versionsAreOnlyAdded() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            bytes32[] memory hashes = handler.book(all[i]).versions;
            IModel.Version[] memory versions = all[i].versions(0, type(uint256).max);
            vm.assertEq(versions.length, hashes.length, "number of versions");
            vm.assertLt(all[i].head(), all[i].versionCount(), "the head is no version");
            for (uint256 j; j < hashes.length; ++j) {
                vm.assertEq(keccak256(abi.encode(versions[j])), hashes[j], "a version has changed");
                vm.assertTrue(j == 0 || versions[j].parent < j, "a version is older than its parent");
            }
        }
    }

    /// @dev By what the model's rules ask for: trainings and averages.
    function _versionsImprove() internal view {
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            uint32 least = all[i].rules().minImprovementPpm;
            IModel.Version[] memory versions = all[i].versions(0, type(uint256).max);
            for (uint256 j = 1; j < versions.length; ++j) {
                vm.assertGe(versions[j].accuracyPpm, versions[versions[j].parent].accuracyPpm + least, "no improvement");
            }
        }
    }

    // ─── Vault ───────────────────────────────────────────────────────────────────────────────────────────────────

    function _inVault(address asset) internal view returns (uint256 sum) {
        sum = vault.held(asset, address(jobs)) + vault.held(asset, address(jury)) + vault.held(asset, address(scores));
        sum += vault.held(asset, address(roster));
        for (uint256 i; i < _everybody.length; ++i) {
            sum += vault.free(asset, _everybody[i]);
        }
    }

    function _theVaultHoldsWhatIsFreeAndAtStake() internal view {
        vm.assertEq(address(vault).balance, _inVault(address(0)), "coins");
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            vm.assertEq(all[i].balanceOf(address(vault)), _inVault(address(all[i])), "tokens");
        }
    }

    /// @dev Bonds of claimed jobs and of their challengers, of averages, and of weights.
    function _everyBondIsSomebodys() internal view {
        Model[] memory all = _models();
        uint256[] memory bonds = new uint256[](all.length);
        uint256[] memory posted = new uint256[](all.length);
        IJobs.Job[] memory list = jobs.jobs(0, type(uint256).max);
        for (uint256 i; i < all.length; ++i) {
            for (uint256 j; j < list.length; ++j) {
                if (list[j].model != address(all[i]) || list[j].state >= IJobs.State.Settled) continue;
                bonds[i] += (list[j].challenger == address(0) ? 1 : 2) * uint256(list[j].bond);
            }
            IRounds.Average memory a = jobs.averageOf(address(all[i]));
            bonds[i] += (a.challenger == address(0) ? 1 : 2) * uint256(a.bond);
        }
        for (uint256 j; j < handler.scoredCount(); ++j) {
            (Model m, uint64 epoch) = handler.scoredAt(j);
            IScores.Epoch memory e = scores.epochOf(address(m), epoch);
            if (e.status != IScores.Status.Posted) continue;
            for (uint256 i; i < all.length; ++i) {
                if (all[i] == m) posted[i] += (e.challenger == address(0) ? 1 : 2) * uint256(m.rules().bond);
            }
        }
        uint256[2] memory coins;
        for (uint256 i; i < all.length; ++i) {
            if (all[i].rules().bondInTokens) {
                vm.assertEq(vault.held(address(all[i]), address(jobs)), bonds[i], "bonds of jobs in tokens");
                vm.assertEq(vault.held(address(all[i]), address(scores)), posted[i], "bonds of weights in tokens");
            } else {
                coins[0] += bonds[i];
                coins[1] += posted[i];
            }
        }
        vm.assertEq(vault.held(address(0), address(jobs)), coins[0], "bonds of jobs in coins");
        vm.assertEq(vault.held(address(0), address(scores)), coins[1], "bonds of weights in coins");
    }

    function _everyPlaceOnARosterHoldsABond() internal view {
        Model[] memory all = _models();
        uint256 coins;
        for (uint256 i; i < all.length; ++i) {
            uint256 places;
            uint32[2] memory waiting;
            for (uint256 j; j < _everybody.length; ++j) {
                uint8 kinds = roster.seatOf(address(all[i]), _everybody[j]).kinds;
                if (kinds != 0) ++places;
                if (kinds & 1 != 0) ++waiting[0];
                if (kinds & 2 != 0) ++waiting[1];
            }
            vm.assertEq(roster.waiting(address(all[i]), IModel.JobKind.Train), waiting[0], "waiting for trainings");
            vm.assertEq(roster.waiting(address(all[i]), IModel.JobKind.Infer), waiting[1], "waiting for inferences");
            uint256 bonds = places * all[i].rules().bond;
            if (!all[i].rules().bondInTokens) coins += bonds;
            else vm.assertEq(vault.held(address(all[i]), address(roster)), bonds, "bonds of places in tokens");
        }
        vm.assertEq(vault.held(address(0), address(roster)), coins, "bonds of places in coins");
    }

    function _isCaseOf(uint64 id, address respondent, address challenger, bytes32 finding) internal view {
        vm.assertEq(id == 0 ? 1 : 0, challenger == address(0) ? 1 : 0, "a case without a doubt, or a doubt without one");
        if (id == 0) return;
        IJury.Case memory c = jury.caseOf(id);
        vm.assertEq(c.respondent, respondent, "respondent");
        vm.assertEq(c.challenger, challenger, "challenger");
        vm.assertEq(c.finding, finding, "finding");
    }

    /// @dev What is doubted has a case that asks for what was claimed; what came back from one has none.
    function _everyDoubtHasItsCase() internal view {
        IJobs.Job[] memory list = jobs.jobs(0, type(uint256).max);
        for (uint256 j; j < list.length; ++j) {
            _isCaseOf(list[j].caseId, list[j].worker, list[j].challenger, list[j].resultHash);
        }
        Model[] memory all = _models();
        for (uint256 i; i < all.length; ++i) {
            IRounds.Average memory a = jobs.averageOf(address(all[i]));
            bytes32 finding = keccak256(abi.encode(a.parametersHash, a.accuracyPpm));
            _isCaseOf(a.caseId, a.poster, a.challenger, finding);
        }
        for (uint256 j; j < handler.scoredCount(); ++j) {
            (Model m, uint64 epoch) = handler.scoredAt(j);
            IScores.Epoch memory e = scores.epochOf(address(m), epoch);
            _isCaseOf(e.caseId, e.poster, e.challenger, e.root);
        }
    }

    // ─── Jobs and rounds ─────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A job that was settled, rejected or expired once is so for ever.
    function _jobsEndOnce() internal view {
        IJobs.Job[] memory list = jobs.jobs(0, type(uint256).max);
        for (uint256 i; i < list.length; ++i) {
            vm.assertEq(uint256(list[i].state), uint256(handler.stateOf(uint64(i + 1))), "a job has moved unseen");
        }
    }

    /// @dev What the job contract holds of a token is the prices of inferences that are not over.
    function _lockedPricesAreThoseOfOpenInferences() internal view {
        Model[] memory all = _models();
        IJobs.Job[] memory list = jobs.jobs(0, type(uint256).max);
        for (uint256 i; i < all.length; ++i) {
            uint256 locked;
            for (uint256 j; j < list.length; ++j) {
                bool over = list[j].state >= IJobs.State.Settled;
                if (list[j].model != address(all[i]) || list[j].kind == IModel.JobKind.Train || over) continue;
                locked += list[j].amount;
            }
            vm.assertEq(all[i].balanceOf(address(jobs)), locked, "locked prices");
        }
    }

    function _roundsCountTheirTrainings() internal view {
        Model[] memory all = _models();
        IJobs.Job[] memory list = jobs.jobs(0, type(uint256).max);
        for (uint256 i; i < all.length; ++i) {
            IRounds.Round memory r = jobs.roundOf(address(all[i]));
            uint256 pending;
            uint256 accepted;
            for (uint256 j; j < list.length; ++j) {
                IJobs.Job memory job = list[j];
                if (job.model != address(all[i]) || job.kind == IModel.JobKind.Infer || job.round != r.number) {
                    continue;
                }
                if (job.state == IJobs.State.Committed || job.state == IJobs.State.Revealed) ++pending;
                if (job.state == IJobs.State.Settled) ++accepted;
            }
            vm.assertEq(r.pending, pending, "pending trainings");
            vm.assertEq(r.accepted, accepted, "accepted trainings");
            vm.assertLe(r.number, all[i].round(), "a round of the future");
        }
    }

    // ─── Juries ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _jurorsCountTheirOpenCases() internal view {
        uint256[] memory sits = new uint256[](_everybody.length);
        uint256 drawing;
        for (uint64 id = 1; id <= jury.caseCount(); ++id) {
            IJury.Stage stage = jury.caseOf(id).stage;
            if (stage == IJury.Stage.Drawing) ++drawing;
            if (stage != IJury.Stage.Voting) continue;
            (address[] memory jurors,) = jury.jury(id);
            vm.assertEq(jurors.length % 2, 1, "an even jury");
            for (uint256 i; i < jurors.length; ++i) {
                for (uint256 j; j < _everybody.length; ++j) {
                    if (jurors[i] == _everybody[j]) ++sits[j];
                }
            }
        }
        uint256 staked;
        uint256 able;
        for (uint256 j; j < _everybody.length; ++j) {
            IJury.Auditor memory a = jury.auditor(_everybody[j]);
            vm.assertEq(a.cases, sits[j], "open cases");
            vm.assertGe(a.stake, sits[j] * jury.JUROR_STAKE(), "a case without a stake");
            staked += a.stake;
            if (a.stake >= jury.JUROR_STAKE()) ++able;
        }
        vm.assertEq(vault.held(address(0), address(jury)), staked, "stakes");
        vm.assertEq(jury.ableCount(), able, "those who could judge");
        vm.assertEq(jury.pendingDraws(), drawing, "pending draws");
    }

    // ─── Epochs ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _noEpochPaysMoreThanItsEmission() internal view {
        Model[] memory all = _models();
        uint256[] memory left = new uint256[](all.length);
        for (uint256 j; j < handler.scoredCount(); ++j) {
            (Model m, uint64 epoch) = handler.scoredAt(j);
            IScores.Epoch memory e = scores.epochOf(address(m), epoch);
            vm.assertLe(e.claimed, e.emission, "more was claimed than emitted");
            bool done = e.status == IScores.Status.Weighted || e.status == IScores.Status.Shared;
            vm.assertTrue(done || e.emission == 0, "an epoch was paid before its end");
            for (uint256 i; i < all.length; ++i) {
                if (all[i] == m) left[i] += e.emission - e.claimed;
            }
        }
        for (uint256 i; i < all.length; ++i) {
            vm.assertEq(all[i].balanceOf(address(scores)), left[i], "emissions that wait");
        }
    }

    // ─── Reach ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Invariants say nothing of what never happens: long enough, each action does each of its steps, and all of
    /// them hold still.
    function test_handler_reachesEveryStep() public {
        bytes4[] memory selectors = _selectors();
        for (uint256 i; i < 15_000; ++i) {
            bytes memory data = abi.encodePacked(selectors[uint256(keccak256(abi.encode(i))) % selectors.length]);
            for (uint256 j; j < 6; ++j) {
                data = bytes.concat(data, keccak256(abi.encode(i, j)) >> 128);
            }
            (bool success, bytes memory reason) = address(handler).call(data);
            vm.assertTrue(success, string.concat("an action failed: ", string(reason)));
            if (i % 50 != 0) continue;
            // Calls of their own, so that each time their memory is their own too.
            this.invariant_tokens();
            this.invariant_moneyAtStake();
            this.invariant_counts();
        }
        string[57] memory steps = _steps();
        for (uint256 i; i < steps.length; ++i) {
            vm.assertGt(handler.did(keccak256(bytes(steps[i]))), 0, string.concat("never done: ", steps[i]));
        }
    }

    function _steps() internal pure returns (string[57] memory) {
        return [
            "createModel",
            "open",
            "start",
            "submit",
            "infer",
            "open inference",
            "claim",
            "claim own",
            "claim too early",
            "enlist",
            "change kinds",
            "renew",
            "delist",
            "expel",
            "commit",
            "reveal",
            "challenge",
            "challenge without a jury",
            "reopen",
            "settle",
            "settle upheld",
            "reject",
            "expire",
            "abandon",
            "abandon challenged",
            "cancel",
            "lapse",
            "publishRound",
            "postAverage",
            "postAverage of no use",
            "challengeAverage",
            "settleAverage",
            "publishBest",
            "draw",
            "draw of too few",
            "wait",
            "commitVote",
            "revealVote",
            "close",
            "redraw",
            "register",
            "requestExit",
            "exit",
            "postWeights",
            "challengeWeights",
            "settleWeights",
            "shareByScore",
            "claim by weight",
            "claim by score",
            "claim too much",
            "requestRollback",
            "veto of the creator",
            "veto of a holder",
            "executeRollback",
            "split",
            "withdraw",
            "depositTokens"
        ];
    }
}
