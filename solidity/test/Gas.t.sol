// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Court} from "./Court.sol";

/// @notice What a person pays: the gas of whole transactions, with their base cost of 21,000 and their data. Each
/// call below runs as a transaction of its own, so storage is cold as it is on a chain.
/// @dev The numbers stand in `snapshots/Transaction.json`; `FORGE_SNAPSHOT_CHECK=true forge test` fails when one
/// has changed, and `forge test --match-contract Gas` writes them anew.
/// forge-config: default.isolate = true
contract GasTest is Court {
    uint256 internal constant INFER_LIMIT = 70_000;
    uint256 internal constant CREATE_LIMIT = 400_000;
    uint256 internal constant TRANSFER_LIMIT = 45_000;
    uint256 internal constant NEW_HOLDER_LIMIT = 115_000;
    uint256 internal constant START_LIMIT = 245_000;
    uint256 internal constant SUBMIT_LIMIT = 325_000;
    uint256 internal constant COMMIT_LIMIT = 155_000;
    uint256 internal constant REVEAL_LIMIT = 65_000;
    uint256 internal constant SETTLE_NEW_LIMIT = 430_000;
    uint256 internal constant SETTLE_LIMIT = 300_000;
    uint256 internal constant SETTLE_INFERENCE_LIMIT = 165_000;
    uint256 internal constant CHALLENGE_LIMIT = 200_000;
    uint256 internal constant DRAW_LIMIT = 270_000;
    uint256 internal constant VOTE_LIMIT = 65_000;
    uint256 internal constant CLOSE_LIMIT = 215_000;
    uint256 internal constant ROLLBACK_LIMIT = 70_000;
    uint256 internal constant POST_LIMIT = 135_000;
    uint256 internal constant CLAIM_LIMIT = 170_000;

    function _measure(string memory name, uint256 limit) internal {
        uint256 used = vm.snapshotGasLastCall("Transaction", name);
        vm.assertGt(used, 21_000, string.concat(name, ": measured without the base cost of a transaction"));
        vm.assertLe(used, limit, string.concat(name, ": above its limit"));
    }

    function test_gas_createModel() public {
        IModelFactory.CreateModel memory params = ordinary();
        vm.prank(CREATOR);
        factory.createModel(params);
        _measure("createModel", CREATE_LIMIT);
    }

    /// @dev The dearest texts: the longest name and symbol.
    function test_gas_createModelWithTheLongestTexts() public {
        IModelFactory.CreateModel memory params = ordinary();
        params.name = "A name of thirty-one bytes here";
        params.symbol = "ELEVENBYTES";
        params.supply = type(uint96).max;
        vm.prank(CREATOR);
        factory.createModel(params);
        _measure("createModel with the longest texts", CREATE_LIMIT);
    }

    function test_gas_infer() public {
        trainAs(USER, REFERENCE_STEPS);
        IModel.InferRequest memory r = inference(1);
        vm.prank(USER);
        model.infer(r);
        _measure("infer", INFER_LIMIT);
    }

    function test_gas_transferToANewHolder() public {
        vm.prank(CREATOR);
        model.transfer(USER, 1e18);
        // Three words are new, at 22,100 each: the balance, the holder's place in the list, and its bound in the tree.
        _measure("transfer to a new holder", NEW_HOLDER_LIMIT);
    }

    function test_gas_transfer() public {
        trainAs(USER, REFERENCE_STEPS);
        vm.prank(CREATOR);
        model.transfer(USER, 1e18);
        _measure("transfer", TRANSFER_LIMIT);
    }

    // ─── A training ──────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev The bond lies in the vault already, as it does for everybody after a first job.
    function _started() internal returns (uint64 id) {
        endow(WORKER, BOND);
        IJobs.Request memory r = training(REFERENCE_STEPS);
        vm.prank(WORKER);
        id = jobs.start(r, 0);
        nextBlock();
    }

    function test_gas_start() public {
        IJobs.Request memory r = training(REFERENCE_STEPS);
        fund(WORKER);
        vm.prank(WORKER);
        jobs.start{value: BOND}(r, 0);
        _measure("start", START_LIMIT);
    }

    function test_gas_submit() public {
        IJobs.Request memory r = training(REFERENCE_STEPS);
        r.proof = IJobs.Proof.Evaluation;
        fund(WORKER);
        vm.prank(WORKER);
        jobs.submit{value: BOND}(r, 0, result(1));
        _measure("submit", SUBMIT_LIMIT);
    }

    function test_gas_commit() public {
        uint64 id = _started();
        vm.prank(WORKER);
        jobs.commit(id, result(id));
        _measure("commit", COMMIT_LIMIT);
    }

    function test_gas_reveal() public {
        uint64 id = _started();
        commitAs(WORKER, id);
        vm.prank(WORKER);
        jobs.reveal(id, result(id), "");
        _measure("reveal", REVEAL_LIMIT);
    }

    /// @dev The dearest one: the worker's first tokens and first score, and the first of the round, the epoch and the
    /// log.
    function test_gas_settleOfANewWorker() public {
        uint64 id = revealedAs(WORKER, REFERENCE_STEPS);
        passWindow();
        vm.prank(WORKER);
        settle(id);
        _measure("settle of a new worker", SETTLE_NEW_LIMIT);
    }

    function test_gas_settle() public {
        trainAs(WORKER, REFERENCE_STEPS);
        uint64 id = revealedAs(WORKER, REFERENCE_STEPS);
        // In the epoch of the worker's last one, as most are.
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        vm.prank(WORKER);
        settle(id);
        _measure("settle", SETTLE_LIMIT);
    }

    // ─── An inference ────────────────────────────────────────────────────────────────────────────────────────────

    function test_gas_settleOfAnInference() public {
        trainAs(WORKER, REFERENCE_STEPS);
        give(USER, 1000e18);
        uint64 id = openAs(USER, request(1));
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        passWindow();
        vm.prank(WORKER);
        settle(id);
        _measure("settle of an inference", SETTLE_INFERENCE_LIMIT);
    }

    // ─── A jury ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _challenged() internal returns (uint64 id, uint64 caseId) {
        seat(9);
        id = revealedAs(WORKER, REFERENCE_STEPS);
        caseId = challengeAs(DOUBTER, id);
    }

    function test_gas_challenge() public {
        seat(9);
        uint64 id = revealedAs(WORKER, REFERENCE_STEPS);
        fund(DOUBTER);
        vm.prank(DOUBTER);
        jobs.challenge{value: BOND}(id);
        _measure("challenge", CHALLENGE_LIMIT);
    }

    function test_gas_draw() public {
        (, uint64 caseId) = _challenged();
        nextBlock();
        nextBlock();
        jury.draw(caseId);
        _measure("draw", DRAW_LIMIT);
    }

    function test_gas_votes() public {
        (uint64 id, uint64 caseId) = _challenged();
        bytes32 finding = jobs.jobOf(id).resultHash;
        address[] memory jurors = draw(caseId);
        commitVoteAs(jurors[0], caseId, finding);
        commitVoteAs(jurors[1], caseId, finding);
        _measure("commitVote", VOTE_LIMIT);
        commitVoteAs(jurors[2], caseId, keccak256("another result"));
        revealVoteAs(jurors[0], caseId, finding);
        revealVoteAs(jurors[1], caseId, finding);
        _measure("revealVote", VOTE_LIMIT);
        revealVoteAs(jurors[2], caseId, keccak256("another result"));
        // One of three is wrong, and pays the others.
        jury.close(caseId);
        _measure("close", CLOSE_LIMIT);
    }

    // ─── Rollback ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_gas_rollback() public {
        trainAs(WORKER, REFERENCE_STEPS);
        trainAs(WORKER, REFERENCE_STEPS);
        vm.prank(WORKER);
        model.requestRollback(1);
        _measure("requestRollback", ROLLBACK_LIMIT);
        vm.roll(block.number + 7200);
        vm.warp(block.timestamp + ROLLBACK_DELAY);
        model.executeRollback();
        _measure("executeRollback", ROLLBACK_LIMIT);
    }

    // ─── Weights ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A worker among a thousand: a proof of ten.
    function test_gas_weights() public {
        uint64 epoch = scores.currentEpoch();
        vm.prank(address(jobs));
        scores.record(address(model), WORKER, IModel.JobKind.Infer, 1000, 1000e18, 0, 100);
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(WORKER, WAD))));
        bytes32[] memory proof = new bytes32[](10);
        for (uint256 i; i < 10; ++i) {
            proof[i] = keccak256(abi.encode(i));
            root = root < proof[i] ? keccak256(abi.encode(root, proof[i])) : keccak256(abi.encode(proof[i], root));
        }
        vm.roll(uint256(epoch + 1) * 360);
        fund(USER);
        vm.prank(USER);
        scores.postWeights{value: BOND}(address(model), epoch, root);
        _measure("postWeights", POST_LIMIT);
        passWindow();
        nextBlock();
        scores.settleWeights(address(model), epoch);
        scores.claim(address(model), epoch, WORKER, WAD, proof);
        // To a worker who holds tokens for the first time.
        _measure("claim", CLAIM_LIMIT);
    }
}
