// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Disputes} from "../src/Disputes.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IScores} from "../src/interfaces/IScores.sol";
import {Curve} from "../src/libraries/Curve.sol";
import {Court} from "./Court.sol";

/// @notice Posted weights, their window and their jury, and what each worker then has of the emission.
abstract contract WeightsTest is Court {
    uint96 internal constant ODD_BOND = 10_000_007;
    uint32 internal constant INFERENCES = 1000;
    /// @dev What they paid: more than the curve gives for them.
    uint96 internal constant PAID = 1e26;
    address internal constant ALICE = address(0xA);
    address internal constant BOB = address(0xB);
    address internal constant CAROL = address(0xC);

    uint64 internal epoch;

    function _bondInTokens() internal pure virtual returns (bool);

    /// @dev An epoch of ALICE's 0.7, BOB's 0.15 and CAROL's 0.03, that is over.
    function setUp() public override {
        super.setUp();
        IModel.Rules memory r = rules();
        (r.bond, r.bondInTokens) = (ODD_BOND, _bondInTokens());
        model = createWith(r);
        seat(3);
        epoch = scores.currentEpoch();
        vm.startPrank(address(jobs));
        scores.record(address(model), ALICE, IModel.JobKind.Train, 500, 0, 0, 100);
        scores.record(address(model), BOB, IModel.JobKind.Infer, INFERENCES - 1, PAID - 1, 50, 100);
        scores.record(address(model), CAROL, IModel.JobKind.Infer, 1, 1, 90, 100);
        vm.stopPrank();
        vm.roll(uint256(epoch + 1) * 360);
    }

    // ─── Helpers ─────────────────────────────────────────────────────────────────────────────────────────────────

    function _refuses(address who, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
    }

    function _leaf(address worker, uint256 weight) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(worker, weight))));
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    /// @dev Of three leaves: the first two have a node, the third stands beside it.
    function _tree(uint256 a, uint256 b, uint256 c) internal pure returns (bytes32 root, bytes32[][3] memory proofs) {
        bytes32[3] memory leaves = [_leaf(ALICE, a), _leaf(BOB, b), _leaf(CAROL, c)];
        bytes32 node = _pair(leaves[0], leaves[1]);
        root = _pair(node, leaves[2]);
        proofs[0] = new bytes32[](2);
        (proofs[0][0], proofs[0][1]) = (leaves[1], leaves[2]);
        proofs[1] = new bytes32[](2);
        (proofs[1][0], proofs[1][1]) = (leaves[0], leaves[2]);
        proofs[2] = new bytes32[](1);
        proofs[2][0] = node;
    }

    function _postAs(address poster, bytes32 root) internal returns (uint64 until) {
        endow(poster, ODD_BOND);
        vm.prank(poster);
        scores.postWeights(address(model), epoch, root);
        until = uint64(block.timestamp) + CHALLENGE_WINDOW;
        nextBlock();
    }

    function _doubtAs(address doubter) internal returns (uint64 caseId) {
        endow(doubter, ODD_BOND);
        vm.prank(doubter);
        scores.challengeWeights(address(model), epoch);
        caseId = jury.caseCount();
        nextBlock();
    }

    function _finalize(bytes32 root) internal {
        vm.warp(_postAs(USER, root) + 1);
        scores.settleWeights(address(model), epoch);
    }

    function _epoch() internal view returns (IScores.Epoch memory) {
        return scores.epochOf(address(model), epoch);
    }

    function _assertStatus(IScores.Status status) internal view {
        vm.assertEq(uint256(_epoch().status), uint256(status), "status");
    }

    function _emission() internal view returns (uint256) {
        return Curve.rewardDown(model.pool(), uint256(INFERENCES) * INFERENCE_UNIT, ALPHA);
    }

    // ─── Posting ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_post_waitsWithItsBond() public {
        endow(USER, ODD_BOND);
        bytes32 root = keccak256("root");
        vm.expectEmit(true, true, true, true, address(scores));
        emit IScores.WeightsPosted(address(model), epoch, USER, root);
        vm.prank(USER);
        scores.postWeights(address(model), epoch, root);
        _assertStatus(IScores.Status.Posted);
        vm.assertEq(_epoch().poster, USER, "poster");
        vm.assertEq(_epoch().root, root, "root");
        vm.assertEq(vault.held(asset(), address(scores)), ODD_BOND, "bond");
        vm.assertEq(_epoch().postedAt, block.timestamp, "posted at");
        vm.assertEq(vault.held(asset(), address(scores)), ODD_BOND, "the vault holds the bond");
        endow(DOUBTER, ODD_BOND);
        _refuses(DOUBTER, abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Posted));
        scores.postWeights(address(model), epoch, root);
    }

    function test_post_refusesWhatCannotBeWeighed() public {
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(IScores.RootMissing.selector));
        scores.postWeights(address(model), epoch, 0);
        _refuses(USER, abi.encodeWithSelector(IScores.NothingScored.selector, epoch - 1));
        scores.postWeights(address(model), epoch - 1, keccak256("root"));
        _refuses(USER, abi.encodeWithSelector(IScores.NothingScored.selector, epoch));
        scores.postWeights(USER, epoch, keccak256("root"));
        uint64[2] memory later = [epoch + 1, type(uint64).max];
        for (uint256 i; i < 2; ++i) {
            uint256 endsAt = (uint256(later[i]) + 1) * 360;
            _refuses(USER, abi.encodeWithSelector(IScores.EpochNotOver.selector, later[i], endsAt));
            scores.postWeights(address(model), later[i], keccak256("root"));
        }
    }

    function test_post_onceTheEpochIsOver() public {
        vm.roll(uint256(epoch + 1) * 360 - 1);
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(IScores.EpochNotOver.selector, epoch, uint256(epoch + 1) * 360));
        scores.postWeights(address(model), epoch, keccak256("root"));
        vm.roll(uint256(epoch + 1) * 360);
        vm.prank(USER);
        scores.postWeights(address(model), epoch, keccak256("root"));
    }

    // ─── Window and jury ─────────────────────────────────────────────────────────────────────────────────────────

    function test_settle_paysTheEmissionAfterTheWindow() public {
        uint64 until = _postAs(USER, keccak256("root"));
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IScores.PostingOpen.selector, until));
        scores.settleWeights(address(model), epoch);
        vm.warp(until + 1);
        uint256 pool = model.pool();
        uint256 emission = _emission();
        vm.assertGt(emission, 0, "an emission");
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.EmissionPaid(INFERENCES, emission, pool - emission);
        vm.expectEmit(true, true, true, true, address(scores));
        emit IScores.EpochFinal(address(model), epoch, IScores.Status.Weighted, emission);
        vm.prank(WORKER);
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Weighted);
        vm.assertEq(_epoch().emission, emission, "emission");
        vm.assertEq(model.pool(), pool - emission, "pool");
        vm.assertEq(model.balanceOf(address(scores)), emission, "held for the workers");
        vm.assertEq(free(USER), ODD_BOND, "bond");
        vm.assertEq(vault.held(asset(), address(scores)), 0, "nothing is at stake any more");
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Weighted));
        scores.settleWeights(address(model), epoch);
    }

    /// @dev Two inferences whose price was locked while the pool was poor are settled on a rich one.
    function test_settle_neverPaysMoreThanTheInferencesDid() public {
        epoch = scores.currentEpoch();
        vm.startPrank(address(jobs));
        scores.record(address(model), ALICE, IModel.JobKind.Infer, INFERENCES - 1, 70, 0, 100);
        scores.record(address(model), BOB, IModel.JobKind.Infer, 1, 7, 0, 100);
        vm.stopPrank();
        vm.roll(uint256(epoch + 1) * 360);
        vm.assertGt(_emission(), 77, "the curve would give more");
        _finalize(keccak256("root"));
        vm.assertEq(_epoch().emission, 77, "what they paid");
    }

    function test_challenge_withinTheWindowOnceByAnother() public {
        endow(DOUBTER, ODD_BOND);
        _refuses(DOUBTER, abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Open));
        scores.challengeWeights(address(model), epoch);
        uint64 until = _postAs(USER, keccak256("root"));
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(Disputes.OwnClaim.selector, USER));
        scores.challengeWeights(address(model), epoch);
        vm.warp(until + 1);
        _refuses(DOUBTER, abi.encodeWithSelector(IScores.PostingFinal.selector, until));
        scores.challengeWeights(address(model), epoch);
        vm.warp(until);
        vm.expectEmit(true, true, true, true, address(scores));
        emit IScores.WeightsChallenged(address(model), epoch, DOUBTER, 1);
        vm.prank(DOUBTER);
        scores.challengeWeights(address(model), epoch);
        vm.assertEq(jury.caseOf(1).finding, keccak256("root"), "what the jury is asked");
        endow(WORKER, ODD_BOND);
        _refuses(WORKER, abi.encodeWithSelector(Disputes.AlreadyChallenged.selector, 1));
        scores.challengeWeights(address(model), epoch);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(Disputes.CaseOpen.selector, 1));
        scores.settleWeights(address(model), epoch);
    }

    function test_challenge_upheldMakesThemFinal() public {
        _postAs(USER, keccak256("root"));
        address[] memory jurors = decide(_doubtAs(DOUBTER), keccak256("root"));
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Weighted);
        vm.assertEq(free(USER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(free(DOUBTER), 0, "the challenger's bond is lost");
        vm.assertEq(free(jurors[0]), 1_666_667, "a juror's third of the half");
        vm.assertEq(_epoch().root, keccak256("root"), "root");
    }

    function test_challenge_refutedLetsOthersPost() public {
        _postAs(USER, keccak256("wrong root"));
        decide(_doubtAs(DOUBTER), keccak256("root"));
        vm.expectEmit(true, true, true, true, address(scores));
        emit IScores.WeightsRejected(address(model), epoch, USER);
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Open);
        vm.assertEq(free(USER), 0, "the poster's bond is lost");
        vm.assertEq(free(DOUBTER), 15_000_013, "its own bond, half of the other one and the rest");
        vm.assertEq(_epoch().emission, 0, "nothing is paid");
        vm.assertEq(_epoch().challenger, address(0), "no challenger is left");
        vm.assertEq(_epoch().caseId, 0, "nor a case");
        _finalize(keccak256("root"));
        _assertStatus(IScores.Status.Weighted);
    }

    function test_challenge_undecidedOpensTheWindowAnew() public {
        _postAs(USER, keccak256("root"));
        uint64 caseId = _doubtAs(DOUBTER);
        decideNothing(caseId);
        vm.expectEmit(true, true, true, true, address(scores));
        emit Disputes.ClaimReopened(caseId);
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Posted);
        vm.assertEq(_epoch().poster, USER, "they wait still");
        vm.assertEq(_epoch().root, keccak256("root"), "root");
        vm.assertEq(_epoch().challenger, address(0), "nobody doubts them any more");
        vm.assertEq(_epoch().caseId, 0, "no case");
        vm.assertEq(_epoch().postedAt, block.timestamp, "their window begins now");
        vm.assertEq(_epoch().emission, 0, "nothing is paid");
        vm.assertEq(free(USER), 0, "poster");
        vm.assertEq(free(DOUBTER), ODD_BOND, "challenger");
        vm.assertEq(vault.held(asset(), address(scores)), ODD_BOND, "their own bond is at stake still");
        uint64 until = uint64(block.timestamp) + CHALLENGE_WINDOW;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IScores.PostingOpen.selector, until));
        scores.settleWeights(address(model), epoch);
        uint256 state = vm.snapshotState();
        vm.warp(until + 1);
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Weighted);
        vm.assertEq(free(USER), ODD_BOND, "bond");
        vm.revertToState(state);
        decide(_doubtAs(WORKER), keccak256("another root"));
        scores.settleWeights(address(model), epoch);
        _assertStatus(IScores.Status.Open);
        vm.assertEq(free(USER), 0, "the second challenge refutes them");
        vm.assertEq(_epoch().poster, address(0), "nobody has posted any more");
    }

    function test_challenge_refusedWithoutAJury() public {
        leaveBut(2);
        _postAs(USER, keccak256("root"));
        endow(DOUBTER, ODD_BOND);
        _refuses(DOUBTER, abi.encodeWithSelector(IJury.TooFewAuditors.selector, 2, 3));
        scores.challengeWeights(address(model), epoch);
    }

    // ─── Claims by weight ────────────────────────────────────────────────────────────────────────────────────────

    function test_claim_paysEachItsWeight() public {
        (bytes32 root, bytes32[][3] memory proofs) = _tree(0.5e18, 0.3e18, 0.2e18);
        _finalize(root);
        uint256 emission = _epoch().emission;
        address[3] memory workers = [ALICE, BOB, CAROL];
        uint256[3] memory weights = [uint256(0.5e18), 0.3e18, 0.2e18];
        for (uint256 i; i < 3; ++i) {
            uint256 amount = emission * weights[i] / WAD;
            vm.assertFalse(scores.hasClaimed(address(model), epoch, workers[i]), "not yet");
            vm.expectEmit(true, true, true, true, address(scores));
            emit IScores.Claimed(address(model), epoch, workers[i], weights[i], amount);
            // Anybody may claim for a worker, and nobody else is paid.
            vm.prank(USER);
            vm.assertEq(scores.claim(address(model), epoch, workers[i], weights[i], proofs[i]), amount, "amount");
            vm.assertEq(model.balanceOf(workers[i]), amount, "worker");
            vm.assertTrue(scores.hasClaimed(address(model), epoch, workers[i]), "claimed");
            vm.expectRevert(abi.encodeWithSelector(IScores.ClaimedBefore.selector, workers[i]));
            scores.claim(address(model), epoch, workers[i], weights[i], proofs[i]);
        }
        vm.assertLe(_epoch().claimed, emission, "claimed");
        vm.assertLe(emission - _epoch().claimed, 3, "less than one unit a worker is left");
        vm.assertEq(model.balanceOf(address(scores)), emission - _epoch().claimed, "what is left");
    }

    function test_claim_wantsTheProof() public {
        (bytes32 root, bytes32[][3] memory proofs) = _tree(0.5e18, 0.3e18, 0.2e18);
        _finalize(root);
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongProof.selector, ALICE, 0.5e18 + 1));
        scores.claim(address(model), epoch, ALICE, 0.5e18 + 1, proofs[0]);
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongProof.selector, USER, 0.5e18));
        scores.claim(address(model), epoch, USER, 0.5e18, proofs[0]);
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongProof.selector, ALICE, 0.5e18));
        scores.claim(address(model), epoch, ALICE, 0.5e18, proofs[1]);
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongProof.selector, ALICE, 0.5e18));
        scores.claim(address(model), epoch, ALICE, 0.5e18, new bytes32[](0));
    }

    function test_claim_afterTheEpochIsFinal() public {
        bytes32[] memory proof = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Open));
        scores.claim(address(model), epoch, ALICE, WAD, proof);
        _postAs(USER, _leaf(ALICE, WAD));
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Posted));
        scores.claim(address(model), epoch, ALICE, WAD, proof);
        vm.warp(_epoch().postedAt + CHALLENGE_WINDOW + 1);
        scores.settleWeights(address(model), epoch);
        vm.assertEq(scores.claim(address(model), epoch, ALICE, WAD, proof), _epoch().emission, "all of it");
    }

    /// @dev Weights that nobody challenged can be wrong; what was not emitted is not paid.
    function test_claim_neverAboveTheEmission() public {
        (bytes32 root, bytes32[][3] memory proofs) = _tree(0.7e18, 0.4e18, type(uint256).max / 1e24);
        _finalize(root);
        uint256 emission = _epoch().emission;
        scores.claim(address(model), epoch, ALICE, 0.7e18, proofs[0]);
        uint256 both = emission * 0.7e18 / WAD + emission * 0.4e18 / WAD;
        vm.expectRevert(abi.encodeWithSelector(IScores.EmissionExceeded.selector, both, emission));
        scores.claim(address(model), epoch, BOB, 0.4e18, proofs[1]);
        vm.assertFalse(scores.hasClaimed(address(model), epoch, BOB), "nothing was claimed");
    }

    /// @dev The largest weight whose part of the emission is a number still: with what was claimed before, it is not.
    function test_claim_ofAnAbsurdWeight() public {
        uint256 absurd = type(uint256).max / _emission() * WAD;
        (bytes32 root, bytes32[][3] memory proofs) = _tree(0.7e18, absurd, 0);
        _finalize(root);
        uint256 emission = _epoch().emission;
        scores.claim(address(model), epoch, ALICE, 0.7e18, proofs[0]);
        vm.expectRevert(abi.encodeWithSelector(IScores.EmissionExceeded.selector, type(uint256).max, emission));
        scores.claim(address(model), epoch, BOB, absurd, proofs[1]);
    }

    // ─── Claims by score ─────────────────────────────────────────────────────────────────────────────────────────

    function test_share_whenNobodyPosts() public {
        uint256 until = uint256(epoch + 2) * 360;
        vm.roll(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IScores.PostingAwaited.selector, epoch, until));
        scores.shareByScore(address(model), epoch);
        vm.roll(until);
        uint256 emission = _emission();
        vm.expectEmit(true, true, true, true, address(scores));
        emit IScores.EpochFinal(address(model), epoch, IScores.Status.Shared, emission);
        scores.shareByScore(address(model), epoch);
        _assertStatus(IScores.Status.Shared);

        address[4] memory workers = [ALICE, BOB, CAROL, USER];
        uint256[4] memory points = [uint256(0.7e18), 0.15e18, 0.03e18, 0];
        for (uint256 i; i < 4; ++i) {
            uint256 weight = points[i] * WAD / 0.88e18;
            // A stated weight is ignored.
            uint256 amount = scores.claim(address(model), epoch, workers[i], WAD, new bytes32[](0));
            vm.assertEq(amount, emission * weight / WAD, "share");
            vm.assertEq(model.balanceOf(workers[i]), amount, "worker");
        }
        vm.expectRevert(abi.encodeWithSelector(IScores.ClaimedBefore.selector, ALICE));
        scores.claim(address(model), epoch, ALICE, 0, new bytes32[](0));
        vm.assertLe(emission - _epoch().claimed, emission / 1e17 + 3, "all but the rounding is paid");
    }

    function test_share_notOfPostedWeightsNorOfNothing() public {
        vm.roll(uint256(epoch + 2) * 360);
        vm.expectRevert(abi.encodeWithSelector(IScores.NothingScored.selector, epoch + 1));
        scores.shareByScore(address(model), epoch + 1);
        _postAs(USER, keccak256("root"));
        vm.expectRevert(abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Posted));
        scores.shareByScore(address(model), epoch);
    }

    /// @dev Weights can be posted late, as long as nobody has shared by score.
    function test_share_isFinal() public {
        vm.roll(uint256(epoch + 5) * 360);
        scores.shareByScore(address(model), epoch);
        endow(USER, ODD_BOND);
        _refuses(USER, abi.encodeWithSelector(IScores.WrongStatus.selector, epoch, IScores.Status.Shared));
        scores.postWeights(address(model), epoch, keccak256("root"));
    }
}

contract WeightsInCoinsTest is WeightsTest {
    function _bondInTokens() internal pure override returns (bool) {
        return false;
    }
}

contract WeightsInTokensTest is WeightsTest {
    function _bondInTokens() internal pure override returns (bool) {
        return true;
    }

    /// @dev However many workers scored whatever: together they never have more than the emission.
    function testFuzz_share_neverExceedsTheEmission(uint256 seed, uint256 workers) public {
        workers = bound(workers, 1, 20);
        epoch = scores.currentEpoch();
        for (uint256 i; i < workers; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            vm.prank(address(jobs));
            scores.record(
                address(model),
                address(uint160(0x1000 + i % 15)),
                IModel.JobKind(r % 2),
                uint32(1 + (r >> 8) % 1e6),
                uint96(1e18 + (r >> 80) % 1e24),
                // The last one always scores.
                i == workers - 1 ? 0 : uint32((r >> 40) % 110),
                100
            );
        }
        vm.roll(uint256(epoch + 2) * 360);
        scores.shareByScore(address(model), epoch);
        uint256 sum;
        for (uint256 i; i < 15; ++i) {
            sum += scores.claim(address(model), epoch, address(uint160(0x1000 + i)), 0, new bytes32[](0));
        }
        vm.assertEq(_epoch().claimed, sum, "claimed");
        vm.assertLe(sum, _epoch().emission, "more than the emission");
        vm.assertLe(_epoch().emission - sum, _epoch().emission / 1e16 + 15, "more is left than the rounding");
    }
}
