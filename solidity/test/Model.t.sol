// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Curve} from "../src/libraries/Curve.sol";
import {Base} from "./Base.sol";

/// @notice Training, using and reading one model.
contract ModelTest is Base {
    // ─── Setting up ──────────────────────────────────────────────────────────────────────────────────────────────

    function test_initialize_givesTheCreatorOneTwentieth() public view {
        vm.assertEq(model.balanceOf(CREATOR), SUPPLY / 20, "creator's share");
        vm.assertEq(model.pool(), SUPPLY - SUPPLY / 20, "pool");
        vm.assertEq(model.balanceOf(address(model)), model.pool(), "the pool's tokens");
        vm.assertEq(model.totalSupply(), SUPPLY, "supply");
    }

    function test_initialize_publishesTheGenesis() public view {
        IModel.Version memory genesis = model.version(0);
        vm.assertEq(genesis.parametersHash, keccak256("genesis"), "hash");
        vm.assertEq(genesis.author, CREATOR, "author");
        vm.assertEq(genesis.parent, 0, "parent");
        vm.assertEq(genesis.accuracyPpm, 0, "accuracy");
        vm.assertEq(genesis.blockNumber, 1000, "block");
        vm.assertEq(model.head(), 0, "head");
        vm.assertEq(model.versionCount(), 1, "versions");
        vm.assertEq(model.jobCount(), 0, "jobs");
    }

    function test_initialize_onlyByTheFactory() public {
        vm.expectRevert(abi.encodeWithSelector(IModel.OnlyFactory.selector, address(this)));
        model.initialize(keccak256("other"));
    }

    function test_initialize_onlyOnce() public {
        vm.prank(address(factory));
        vm.expectRevert(IModel.AlreadyInitialized.selector);
        model.initialize(keccak256("other"));
    }

    function test_initialize_neverOnTheSharedCode() public {
        IModel shared = IModel(factory.implementation());
        vm.expectRevert(abi.encodeWithSelector(IModel.OnlyFactory.selector, address(this)));
        shared.initialize(keccak256("genesis"));
        vm.prank(address(factory));
        vm.expectRevert(IModel.AlreadyInitialized.selector);
        shared.initialize(keccak256("genesis"));
    }

    function test_sharedCode_settlesNothing() public {
        IModel shared = IModel(factory.implementation());
        IModel.InferRequest memory r = inference(1);
        vm.expectRevert(abi.encodeWithSelector(IModel.UnknownVersion.selector, 0, 0));
        shared.infer(r);
    }

    function test_protocol_isTheOnlyCallerOfItsFunctions() public {
        IModel.Settlement memory s;
        bytes memory refusal = abi.encodeWithSelector(IModel.OnlyProtocol.selector, address(this));
        vm.expectRevert(refusal);
        model.payTraining(1, WORKER, s, 0);
        vm.expectRevert(refusal);
        model.publish(1, WORKER, keccak256("x"), 0);
        vm.expectRevert(refusal);
        model.lockPrice(CREATOR, 1, type(uint256).max);
        vm.expectRevert(refusal);
        model.settleInference(1, WORKER, s, 0);
        vm.expectRevert(refusal);
        model.payEmission(1, 1);
    }

    // ─── Training ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_train_paysWhatTheCurveSays() public {
        uint256 pool = model.pool();
        uint256 expected = Curve.rewardDown(pool, WAD / 2, ALPHA);
        vm.assertEq(model.quoteReward(REFERENCE_STEPS / 2), expected, "quote");
        uint256 reward = trainAs(WORKER, REFERENCE_STEPS / 2);
        vm.assertEq(reward, expected, "reward");
        vm.assertEq(model.balanceOf(WORKER), expected, "worker's balance");
        vm.assertEq(model.pool(), pool - expected, "pool");
    }

    function test_train_publishesTheNewHead() public {
        trainAs(WORKER, 100);
        trainAs(USER, 77);
        IModel.Version memory v = model.version(2);
        vm.assertEq(v.parametersHash, result(2).output, "hash");
        vm.assertEq(v.author, USER, "author");
        vm.assertEq(v.parent, 1, "parent");
        vm.assertEq(v.accuracyPpm, 912_345, "accuracy");
        vm.assertEq(v.blockNumber, block.number, "block");
        vm.assertEq(v.job, 2, "job");
        vm.assertEq(model.head(), 2, "head");
        vm.assertEq(model.versionCount(), 3, "versions");
        vm.assertEq(model.round(), 2, "round");
        vm.assertEq(model.jobCount(), 2, "jobs");
    }

    /// @dev The most work a submission can name leaves the pool a remainder, and the next one nothing to take.
    function test_train_theLargestSubmissionDoesNotEmptyThePool() public {
        trainAs(WORKER, type(uint32).max);
        vm.assertEq(model.pool(), SUPPLY * 95 / 100 / WAD, "one part in 1e18 stays");
        trainAs(WORKER, type(uint32).max);
        vm.assertEq(model.pool(), 1, "one unit stays");
        IJobs.Request memory r = training(type(uint32).max);
        vm.expectRevert(abi.encodeWithSelector(IJobs.RewardBelowMinimum.selector, 0, 0));
        jobs.start(r, 0);
    }

    function testFuzz_train_splitGainsNothingBeyondRounding(uint32 a, uint32 b) public {
        a = uint32(bound(a, 1, 100 * REFERENCE_STEPS));
        b = uint32(bound(b, 1, 100 * REFERENCE_STEPS));
        uint256 state = vm.snapshotState();
        uint256 whole = trainAs(WORKER, a + b);
        vm.revertToState(state);
        uint256 tolerance = 3 * model.pool() / WAD + 2;
        uint256 split = trainAs(WORKER, a) + trainAs(WORKER, b);
        vm.assertLe(split, whole + tolerance, "splitting gains");
        vm.assertLe(whole, split + 2 * tolerance, "splitting costs more than rounding");
    }

    function testFuzz_train_laterPaysLess(uint32 steps) public {
        steps = uint32(bound(steps, 1, 20 * REFERENCE_STEPS));
        uint256 first = trainAs(WORKER, steps);
        vm.assertLt(trainAs(USER, steps), first, "the later training pays as much");
    }

    // ─── Inference ───────────────────────────────────────────────────────────────────────────────────────────────

    function test_infer_chargesWhatTheCurveSays() public {
        trainAs(USER, REFERENCE_STEPS);
        uint256 pool = model.pool();
        uint256 balance = model.balanceOf(USER);
        uint256 expected = Curve.priceUp(pool, 3 * uint256(INFERENCE_UNIT), ALPHA);
        vm.assertEq(model.quotePrice(3), expected, "quote");
        vm.assertEq(inferAs(USER, 3), expected, "price");
        vm.assertEq(model.balanceOf(USER), balance - expected, "user's balance");
        vm.assertEq(model.pool(), pool + expected, "pool");
        vm.assertEq(model.balanceOf(address(model)), pool + expected, "the pool's tokens");
        vm.assertEq(model.jobCount(), 2, "jobs");
    }

    function test_infer_logsTheJob() public {
        trainAs(USER, REFERENCE_STEPS);
        uint256 price = model.quotePrice(2);
        uint256 pool = model.pool() + price;
        IModel.Settlement memory s;
        (s.requester, s.base, s.units, s.input, s.accuracyPpm) = (USER, 1, 2, keccak256("input"), 912_345);
        bytes32 hash =
            keccak256(abi.encode(model.logHash(), uint64(0), IModel.JobKind.Infer, USER, s, price, pool, uint32(2)));
        vm.expectEmit(true, true, true, true, address(model));
        emit IModel.JobSettled(0, IModel.JobKind.Infer, USER, s, price, pool, 2, hash);
        inferAs(USER, 2);
        vm.assertEq(model.logHash(), hash, "the log's hash");
    }

    function test_infer_mayUseAnOlderVersion() public {
        trainAs(USER, 100);
        trainAs(USER, 100);
        IModel.InferRequest memory r = inference(1);
        r.version = 1;
        vm.prank(USER);
        model.infer(r);
    }

    function test_infer_refusesAnUnknownVersion() public {
        trainAs(USER, 100);
        IModel.InferRequest memory r = inference(1);
        r.version = 2;
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSelector(IModel.UnknownVersion.selector, 2, 2));
        model.infer(r);
    }

    function test_infer_refusesNoInferences() public {
        IModel.InferRequest memory r = inference(0);
        vm.prank(CREATOR);
        vm.expectRevert(IModel.ZeroInferences.selector);
        model.infer(r);
    }

    function test_infer_refusesMoreThanTheUsersMaximum() public {
        IModel.InferRequest memory r = inference(1);
        uint256 price = model.quotePrice(1);
        r.maxPrice = price - 1;
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IModel.PriceAboveMaximum.selector, price, price - 1));
        model.infer(r);
        r.maxPrice = price;
        vm.prank(CREATOR);
        vm.assertEq(model.infer(r), price, "exactly the maximum is accepted");
    }

    function test_infer_refusesAfterTheDeadline() public {
        IModel.InferRequest memory r = inference(1);
        vm.warp(r.deadline + 1);
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSelector(IModel.DeadlinePassed.selector, r.deadline, uint256(r.deadline) + 1));
        model.infer(r);
    }

    function test_infer_refusesAnUnpaidUse() public {
        IModel.InferRequest memory r = inference(1);
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSignature("InsufficientBalance()"));
        model.infer(r);
    }

    /// @dev A fee that rounds to zero makes a service free: the smallest use of the poorest pool costs one unit.
    function test_infer_isNeverFree() public {
        IModelFactory.CreateModel memory params = ordinary();
        params.inferenceUnit = 1;
        params.alpha = 1e12;
        model = create(params);
        for (uint256 i; i < 4; ++i) {
            if (model.quoteReward(type(uint32).max) > 0) trainAs(WORKER, type(uint32).max);
        }
        vm.assertLe(model.pool(), 1e12, "the pool is not poor");
        uint256 pool = model.pool();
        vm.assertGe(inferAs(WORKER, 1), 1, "the use was free");
        vm.assertGt(model.pool(), pool, "the pool did not grow");
    }

    /// @dev The dearest use is the whole pool; the pool never exceeds the supply.
    function test_infer_theLargestRequestCostsAtMostThePool() public {
        trainAs(USER, 100 * REFERENCE_STEPS);
        uint256 pool = model.pool();
        vm.assertLe(inferAs(USER, type(uint32).max), pool, "the price is above the pool");
        vm.assertLe(model.pool(), SUPPLY, "the pool is above the supply");
    }

    function testFuzz_infer_raisesThePrice(uint32 count) public {
        trainAs(USER, 20 * REFERENCE_STEPS);
        count = uint32(bound(count, 1, 10_000));
        uint256 first = inferAs(USER, count);
        vm.assertGe(model.quotePrice(count), first, "the next use is cheaper");
    }

    // ─── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_views_giveTheCreatorsChoices() public view {
        vm.assertEq(model.name(), "Handwritten digits", "name");
        vm.assertEq(model.symbol(), "DIGITS", "symbol");
        vm.assertEq(model.decimals(), 18, "decimals");
        vm.assertEq(model.creator(), CREATOR, "creator");
        vm.assertEq(model.manifest(), keccak256("manifest"), "manifest");
        vm.assertEq(model.alpha(), ALPHA, "alpha");
        vm.assertEq(model.referenceSteps(), REFERENCE_STEPS, "reference steps");
        vm.assertEq(model.inferenceUnit(), INFERENCE_UNIT, "inference unit");
    }

    function test_summary_isTheModelsCard() public {
        trainAs(WORKER, 250);
        inferAs(WORKER, 5);
        IModel.ModelSummary memory s = model.summary();
        vm.assertEq(s.model, address(model), "model");
        vm.assertEq(s.creator, CREATOR, "creator");
        vm.assertEq(s.name, "Handwritten digits", "name");
        vm.assertEq(s.symbol, "DIGITS", "symbol");
        vm.assertEq(s.manifest, keccak256("manifest"), "manifest");
        vm.assertEq(s.head, 1, "head");
        vm.assertEq(s.headParametersHash, model.version(1).parametersHash, "parameters");
        vm.assertEq(s.accuracyPpm, 912_345, "accuracy");
        vm.assertEq(s.referenceSteps, REFERENCE_STEPS, "reference steps");
        vm.assertEq(s.supply, SUPPLY, "supply");
        vm.assertEq(s.pool, model.pool(), "pool");
        vm.assertEq(s.inferencePrice, model.quotePrice(1), "price");
        vm.assertEq(s.referenceReward, model.quoteReward(REFERENCE_STEPS), "reward");
        vm.assertEq(s.versionCount, 2, "versions");
        vm.assertEq(s.jobCount, 2, "jobs");
    }

    function test_rewardPath_isWhatTrainingsThenPay() public {
        uint256[] memory path = model.rewardPath(5);
        for (uint256 i; i < path.length; ++i) {
            vm.assertEq(trainAs(WORKER, REFERENCE_STEPS), path[i], "reward");
        }
    }

    function test_pricePath_isWhatUsesThenCost() public {
        uint256[] memory path = model.pricePath(5);
        for (uint256 i; i < path.length; ++i) {
            vm.assertEq(inferAs(CREATOR, 1), path[i], "price");
        }
    }

    function test_paths_areBounded() public {
        vm.assertEq(model.rewardPath(0).length, 0, "no points");
        vm.assertEq(model.rewardPath(256).length, 256, "most rewards");
        vm.assertEq(model.pricePath(256).length, 256, "most prices");
        vm.expectRevert(abi.encodeWithSelector(IModel.TooManyPoints.selector, 257, 256));
        model.rewardPath(257);
        vm.expectRevert(abi.encodeWithSelector(IModel.TooManyPoints.selector, 257, 256));
        model.pricePath(257);
    }

    /// @dev With the steepest choices a path of prices would grow beyond any number; the supply holds it.
    function test_pricePath_staysWithinTheSupply() public {
        IModelFactory.CreateModel memory params = ordinary();
        params.supply = type(uint96).max;
        params.alpha = 693_147_180_559_945_309;
        params.inferenceUnit = 1e18;
        uint256[] memory path = create(params).pricePath(256);
        for (uint256 i; i < path.length; ++i) {
            vm.assertLe(path[i], type(uint96).max, "price above the supply");
        }
    }

    function test_versions_paging() public {
        for (uint256 i; i < 4; ++i) {
            trainAs(WORKER, 50);
        }
        vm.assertEq(model.versions(0, 100).length, 5, "all");
        vm.assertEq(model.versions(0, 0).length, 0, "none");
        vm.assertEq(model.versions(5, 1).length, 0, "at the end");
        vm.assertEq(model.versions(type(uint256).max, type(uint256).max).length, 0, "far beyond the end");
        vm.assertEq(model.versions(1, type(uint256).max).length, 4, "the longest page");
        IModel.Version[] memory page = model.versions(3, 9);
        vm.assertEq(page.length, 2, "the last page");
        vm.assertEq(page[0].parametersHash, model.version(3).parametersHash, "first of the page");
        vm.assertEq(page[1].parametersHash, model.version(4).parametersHash, "last of the page");
    }

    function test_version_refusesAnUnknownOne() public {
        vm.expectRevert(abi.encodeWithSelector(IModel.UnknownVersion.selector, 1, 1));
        model.version(1);
    }
}
