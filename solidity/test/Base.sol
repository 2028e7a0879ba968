// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Vm} from "./Vm.sol";

/// @notice What every test starts from: a factory, an ordinary model, and a few named accounts.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant WAD = 1e18;
    uint256 internal constant SUPPLY = 1_000_000e18;
    uint64 internal constant ALPHA = 0.1e18;
    uint32 internal constant REFERENCE_STEPS = 500;
    uint64 internal constant INFERENCE_UNIT = 0.0001e18;

    address internal immutable CREATOR = address(0xC0FFEE);
    address internal immutable WORKER = address(0xA11CE);
    address internal immutable USER = address(0xB0B);

    ModelFactory internal factory;
    Model internal model;

    /// @dev Foundry takes a test contract for one by this flag.
    // forge-lint: disable-next-line(mixed-case-function)
    function IS_TEST() external pure returns (bool) {
        return true;
    }

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        factory = new ModelFactory();
        model = create(ordinary());
    }

    function ordinary() internal pure returns (IModelFactory.CreateModel memory) {
        return IModelFactory.CreateModel({
            name: "Handwritten digits",
            symbol: "DIGITS",
            supply: SUPPLY,
            alpha: ALPHA,
            referenceSteps: REFERENCE_STEPS,
            inferenceUnit: INFERENCE_UNIT,
            manifest: keccak256("manifest"),
            genesis: keccak256("genesis")
        });
    }

    function create(IModelFactory.CreateModel memory params) internal returns (Model) {
        vm.prank(CREATOR);
        return Model(factory.createModel(params));
    }

    /// @dev A training of the head that nothing stands in the way of.
    function training(uint32 steps) internal view returns (IModel.TrainSubmission memory) {
        uint32 head = model.head();
        return IModel.TrainSubmission({
            base: head,
            steps: steps,
            parametersHash: keccak256(abi.encode("parameters", model.versionCount())),
            checkpointRoot: keccak256(abi.encode("checkpoints", model.versionCount())),
            accuracyPpm: 912_345,
            minReward: 0,
            deadline: uint64(block.timestamp)
        });
    }

    /// @dev A use of the head that nothing stands in the way of.
    function inference(uint32 count) internal view returns (IModel.InferRequest memory) {
        return IModel.InferRequest({
            version: model.head(),
            count: count,
            inputHash: keccak256("input"),
            maxPrice: type(uint256).max,
            deadline: uint64(block.timestamp)
        });
    }

    function trainAs(address worker, uint32 steps) internal returns (uint256) {
        IModel.TrainSubmission memory submission = training(steps);
        vm.prank(worker);
        return model.train(submission);
    }

    function inferAs(address user, uint32 count) internal returns (uint256) {
        IModel.InferRequest memory request = inference(count);
        vm.prank(user);
        return model.infer(request);
    }

    /// @dev Brings a random number into a range, the ends included and likely.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        if (type(uint256).max - x < 3) return high - (type(uint256).max - x) % (high - low + 1);
        return low + x % (high - low + 1);
    }
}
