// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Court} from "./Court.sol";

/// @notice A training from its request to its payment, and everything that is refused on the way. What happens to
/// jobs that end otherwise stands in `Leases.t.sol`, and what a jury does in `Disputes.t.sol`.
contract JobsTest is Court {
    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function _stateOf(uint64 job) internal view returns (IJobs.State) {
        return jobs.jobOf(job).state;
    }

    function _assertState(uint64 job, IJobs.State state, string memory reason) internal view {
        vm.assertEq(uint256(_stateOf(job)), uint256(state), reason);
    }

    // ─── Open ────────────────────────────────────────────────────────────────────────────────────────────────────

    function test_open_keepsTheRequest() public {
        trainAs(WORKER, 10);
        IJobs.Request memory r = training(77);
        r.proof = IJobs.Proof.Evaluation;
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobOpened(2, address(model), USER, r);
        vm.prank(USER);
        uint64 id = jobs.open(r);
        IJobs.Job memory job = jobs.jobOf(id);
        vm.assertEq(id, 2, "jobs are numbered from 1");
        vm.assertEq(jobs.jobCount(), 2, "job count");
        vm.assertEq(job.model, address(model), "model");
        vm.assertEq(uint256(job.kind), uint256(IModel.JobKind.Train), "kind");
        vm.assertEq(uint256(job.proof), uint256(IJobs.Proof.Evaluation), "proof");
        _assertState(id, IJobs.State.Open, "state");
        vm.assertEq(job.base, 1, "base");
        vm.assertEq(job.units, 77, "units");
        vm.assertEq(job.requester, USER, "requester");
        vm.assertEq(job.round, 1, "round");
        vm.assertEq(job.openedAt, block.timestamp, "opened at");
        vm.assertEq(job.worker, address(0), "worker");
        vm.assertEq(job.bond, 0, "bond");
        vm.assertEq(job.input, keccak256("recipe"), "input");
    }

    function test_open_refusesWhatNobodyCouldDo() public {
        trainAs(WORKER, 10);
        IJobs.Request memory r = training(1);
        r.model = USER;
        vm.expectRevert(abi.encodeWithSelector(IJobs.UnknownModel.selector, USER));
        jobs.open(r);
        r = training(0);
        vm.expectRevert(IJobs.ZeroUnits.selector);
        jobs.open(r);
        for (uint32 base; base < 3; base += 2) {
            r = training(1);
            r.base = base;
            vm.expectRevert(abi.encodeWithSelector(IJobs.StaleBase.selector, base, 1));
            jobs.open(r);
        }
        r = request(1);
        r.base = 2;
        vm.expectRevert(abi.encodeWithSelector(IModel.UnknownVersion.selector, 2, 2));
        jobs.open(r);
    }

    /// @dev Steps that nobody can count are paid as one reference training at most.
    function test_open_limitsTheStepsOfAnEvaluation() public {
        IJobs.Request memory r = training(REFERENCE_STEPS + 1);
        jobs.open(r);
        r.proof = IJobs.Proof.Evaluation;
        vm.expectRevert(
            abi.encodeWithSelector(IJobs.TooManySteps.selector, REFERENCE_STEPS + 1, uint32(REFERENCE_STEPS))
        );
        jobs.open(r);
        r.units = REFERENCE_STEPS;
        jobs.open(r);
    }

    function test_jobs_paging() public {
        for (uint32 i = 1; i <= 3; ++i) {
            jobs.open(training(i));
        }
        vm.assertEq(jobs.jobs(0, 100).length, 3, "all");
        vm.assertEq(jobs.jobs(3, 1).length, 0, "at the end");
        vm.assertEq(jobs.jobs(type(uint256).max, type(uint256).max).length, 0, "far beyond the end");
        IJobs.Job[] memory page = jobs.jobs(1, type(uint256).max);
        vm.assertEq(page.length, 2, "the longest page");
        vm.assertEq(page[0].units, 2, "first of the page");
        vm.assertEq(page[1].units, 3, "last of the page");
    }

    // ─── Claim ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_claim_locksTheBondUntilTheLease() public {
        uint64 id = openAs(USER, training(5));
        vm.deal(WORKER, 1 ether);
        uint64 until = uint64(block.timestamp) + TRAIN_LEASE;
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobClaimed(id, address(model), WORKER, until);
        vm.prank(WORKER);
        jobs.claim{value: BOND + 3}(id, 9);
        IJobs.Job memory job = jobs.jobOf(id);
        _assertState(id, IJobs.State.Claimed, "state");
        vm.assertEq(job.worker, WORKER, "worker");
        vm.assertEq(job.bond, BOND, "bond");
        vm.assertEq(job.amount, 9, "least reward");
        vm.assertEq(job.claimedAt, block.timestamp, "claimed at");
        vm.assertEq(job.claimBlock, block.number, "claimed in");
        vm.assertEq(vault.held(address(0), address(jobs)), BOND, "the vault holds the bond");
        vm.assertEq(vault.free(address(0), WORKER), 3, "what was sent too much is free");
    }

    function test_claim_takesWhatIsFreeInTheVault() public {
        uint64 id = openAs(USER, training(5));
        endow(WORKER, BOND - 1);
        vm.deal(WORKER, 1);
        _refuses(
            WORKER, abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), WORKER, BOND - 1, BOND)
        );
        jobs.claim(id, 0);
        vm.prank(WORKER);
        jobs.claim{value: 1}(id, 0);
        vm.assertEq(vault.free(address(0), WORKER), 0, "the bond is all there was");
    }

    function test_claim_refusesARewardBelowTheWorkersMinimum() public {
        uint64 id = openAs(USER, training(5));
        uint256 reward = model.quoteReward(5);
        endow(WORKER, BOND);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.RewardBelowMinimum.selector, reward, reward + 1));
        jobs.claim(id, uint96(reward + 1));
        vm.prank(WORKER);
        jobs.claim(id, uint96(reward));
        vm.assertEq(jobs.jobOf(id).amount, reward, "exactly the reward is accepted");
    }

    // ─── Seed ────────────────────────────────────────────────────────────────────────────────────────────────────

    function test_seed_isTheHashOfJobWorkerAndBlock() public {
        uint64 id = startAs(WORKER, 5);
        bytes32 hash = keccak256("hash of the claim's block");
        vm.setBlockhash(block.number - 1, hash);
        bytes32 seed = keccak256(abi.encode(id, WORKER, hash));
        vm.assertEq(jobs.seedOf(id), bytes32(0), "no seed yet");
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.SeedDrawn(id, seed);
        vm.prank(USER);
        vm.assertEq(jobs.drawSeed(id), seed, "anybody draws it");
        vm.assertEq(jobs.seedOf(id), seed, "the seed is kept");
        vm.roll(block.number + 100_000);
        vm.assertEq(jobs.drawSeed(id), seed, "and stays when the block is forgotten");
    }

    function testFuzz_seed_differsForEachJobAndWorker(bytes32 hash) public {
        vm.assume(hash != 0);
        fund(WORKER);
        fund(USER);
        IJobs.Request memory r = training(5);
        uint64[3] memory ids;
        address[3] memory workers = [WORKER, WORKER, USER];
        for (uint256 i; i < 3; ++i) {
            vm.prank(workers[i]);
            ids[i] = jobs.start{value: BOND}(r, 0);
        }
        nextBlock();
        vm.setBlockhash(block.number - 1, hash);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(jobs.drawSeed(ids[i]), keccak256(abi.encode(ids[i], workers[i], hash)), "seed");
            vm.assertTrue(jobs.seedOf(ids[i]) != jobs.seedOf(ids[(i + 1) % 3]), "two jobs share a seed");
        }
    }

    function test_seed_isNotThereInTheClaimsBlock() public {
        uint64 id = startAs(WORKER, 5);
        vm.roll(block.number - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobs.SeedNotYet.selector, id));
        jobs.drawSeed(id);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.SeedNotYet.selector, id));
        jobs.commit(id, result(id));
    }

    /// @dev Where the chain keeps no older hashes, a block is forgotten after 256 others.
    function test_seed_isGoneWithItsBlock() public {
        uint64 id = startAs(WORKER, 5);
        uint256 claimBlock = block.number - 1;
        vm.roll(claimBlock + 257);
        vm.expectRevert(abi.encodeWithSelector(IJobs.SeedGone.selector, id));
        jobs.drawSeed(id);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.SeedGone.selector, id));
        jobs.commit(id, result(id));
        vm.roll(claimBlock + 256);
        jobs.drawSeed(id);
        vm.roll(claimBlock + 257);
        commitAs(WORKER, id);
        _assertState(id, IJobs.State.Committed, "a seed drawn in time is enough");
    }

    function test_seed_isDrawnByTheCommitment() public {
        uint64 id = startAs(WORKER, 5);
        bytes32 seed = keccak256(abi.encode(id, WORKER, blockhash(block.number - 1)));
        commitAs(WORKER, id);
        vm.assertEq(jobs.seedOf(id), seed, "seed");
    }

    function test_seed_isOnlyForReplays() public {
        IJobs.Request memory r = training(5);
        r.proof = IJobs.Proof.Evaluation;
        uint64 id = startAs(WORKER, r);
        vm.roll(block.number - 1);
        commitAs(WORKER, id);
        vm.assertEq(jobs.seedOf(id), bytes32(0), "an evaluation needs none");
    }

    // ─── Commit ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_commit_keepsTheHashOfTheResult() public {
        uint64 id = startAs(WORKER, 5);
        IJobs.Result memory made = result(id);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobCommitted(id, address(model), WORKER, made);
        vm.prank(WORKER);
        jobs.commit(id, made);
        _assertState(id, IJobs.State.Committed, "state");
        vm.assertEq(jobs.jobOf(id).resultHash, keccak256(abi.encode(made)), "hash of the result");
        vm.assertEq(jobs.jobOf(id).commitBlock, block.number, "committed in");
    }

    function test_commit_onlyByTheWorker() public {
        uint64 id = startAs(WORKER, 5);
        _refuses(USER, abi.encodeWithSelector(IJobs.OnlyWorker.selector, id, WORKER));
        jobs.commit(id, result(id));
    }

    function test_commit_refusesImpossibleResults() public {
        uint64 id = startAs(WORKER, 5);
        IJobs.Result memory made = result(id);
        made.output = 0;
        _refuses(WORKER, abi.encodeWithSelector(IJobs.OutputMissing.selector));
        jobs.commit(id, made);
        made.output = keccak256("genesis");
        _refuses(WORKER, abi.encodeWithSelector(IModel.ParametersUnchanged.selector, made.output));
        jobs.commit(id, made);
        made = result(id);
        made.accuracyPpm = 1_000_001;
        _refuses(WORKER, abi.encodeWithSelector(IJobs.AccuracyOutOfRange.selector, 1_000_001, 1_000_000));
        jobs.commit(id, made);
        made.accuracyPpm = 1_000_000;
        vm.prank(WORKER);
        jobs.commit(id, made);
    }

    function test_commit_wantsTheImprovementOfTheRules() public {
        IModel.Rules memory r = rules();
        r.minImprovementPpm = 1000;
        model = createWith(r);
        trainAs(WORKER, 5);
        uint64 id = startAs(WORKER, 5);
        IJobs.Result memory made = result(id);
        made.accuracyPpm = 913_344;
        _refuses(WORKER, abi.encodeWithSelector(IJobs.TooLittleImprovement.selector, 913_344, 913_345));
        jobs.commit(id, made);
        made.accuracyPpm = 913_345;
        vm.prank(WORKER);
        jobs.commit(id, made);
        _assertState(id, IJobs.State.Committed, "exactly the improvement is enough");
    }

    function test_commit_withinTheLease() public {
        uint64 id = startAs(WORKER, 5);
        jobs.drawSeed(id);
        uint64 until = uint64(jobs.jobOf(id).claimedAt) + TRAIN_LEASE;
        vm.warp(until + 1);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.LeaseOver.selector, id, until));
        jobs.commit(id, result(id));
        vm.warp(until);
        commitAs(WORKER, id);
        _assertState(id, IJobs.State.Committed, "the lease's last second");
    }

    // ─── Reveal ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_reveal_namesTheDrawAndTheData() public {
        uint64 id = startAs(WORKER, 5);
        commitAs(WORKER, id);
        bytes32 draw = keccak256("hash of the commitment's block");
        vm.setBlockhash(block.number - 1, draw);
        vm.expectEmit(true, true, true, true, address(jobs));
        emit IJobs.JobRevealed(id, address(model), WORKER, draw, hex"0170");
        vm.prank(WORKER);
        jobs.reveal(id, result(id), hex"0170");
        _assertState(id, IJobs.State.Revealed, "state");
        vm.assertEq(jobs.jobOf(id).revealedAt, block.timestamp, "revealed at");
    }

    function test_reveal_refusesWhoAndWhatWasNotCommitted() public {
        uint64 id = startAs(WORKER, 5);
        commitAs(WORKER, id);
        _refuses(USER, abi.encodeWithSelector(IJobs.OnlyWorker.selector, id, WORKER));
        jobs.reveal(id, result(id), "");
        bytes32 expected = keccak256(abi.encode(result(id)));
        bytes32 given = keccak256(abi.encode(result(9)));
        _refuses(WORKER, abi.encodeWithSelector(IJobs.ResultMismatch.selector, id, expected, given));
        jobs.reveal(id, result(9), "");
    }

    function test_reveal_waitsForTheCommitmentsBlock() public {
        uint64 id = startAs(WORKER, 5);
        commitAs(WORKER, id);
        vm.roll(block.number - 1);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.RevealTooEarly.selector, id));
        jobs.reveal(id, result(id), "");
    }

    function test_reveal_withinTheLease() public {
        uint64 id = startAs(WORKER, 5);
        commitAs(WORKER, id);
        uint64 until = uint64(jobs.jobOf(id).claimedAt) + TRAIN_LEASE;
        vm.warp(until + 1);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.LeaseOver.selector, id, until));
        jobs.reveal(id, result(id), "");
        vm.warp(until);
        revealAs(WORKER, id);
        _assertState(id, IJobs.State.Revealed, "the lease's last second");
    }

    // ─── Submit ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_submit_opensClaimsAndCommitsAtOnce() public {
        IJobs.Request memory r = training(REFERENCE_STEPS);
        r.proof = IJobs.Proof.Evaluation;
        fund(WORKER);
        vm.prank(WORKER);
        uint64 id = jobs.submit{value: BOND}(r, 0, result(1));
        _assertState(id, IJobs.State.Committed, "state");
        vm.assertEq(jobs.jobOf(id).worker, WORKER, "worker");
        vm.assertEq(jobs.jobOf(id).requester, WORKER, "requester");
        nextBlock();
        revealAs(WORKER, id);
        passWindow();
        settle(id);
        vm.assertEq(model.version(1).author, WORKER, "author of the next version");
    }

    function test_submit_isNotForReplays() public {
        fund(WORKER);
        give(WORKER, 1000e18);
        IJobs.Request memory r = training(5);
        _refuses(WORKER, abi.encodeWithSelector(IJobs.SeedNeeded.selector));
        jobs.submit{value: BOND}(r, 0, result(1));
        // An inference is always replayed, whatever its request says.
        r = request(1);
        r.proof = IJobs.Proof.Evaluation;
        _refuses(WORKER, abi.encodeWithSelector(IJobs.SeedNeeded.selector));
        jobs.submit{value: BOND}(r, 0, result(1));
    }
}
