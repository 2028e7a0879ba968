// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {Base} from "./Base.sol";
import {Handler} from "./Handler.sol";

/// @notice What holds for every model after any sequence of actions by anybody.
contract InvariantTest is Base {
    Handler internal handler;

    function setUp() public override {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        factory = new ModelFactory();
        handler = new Handler(factory);
    }

    /// @dev Foundry calls only what this names.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev And of it only the actions.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](6);
        targets[0].selectors[0] = Handler.createModel.selector;
        targets[0].selectors[1] = Handler.train.selector;
        targets[0].selectors[2] = Handler.infer.selector;
        targets[0].selectors[3] = Handler.transfer.selector;
        targets[0].selectors[4] = Handler.permitAndTransfer.selector;
        targets[0].selectors[5] = Handler.passTime.selector;
    }

    function invariant_balancesSumToTheSupply() public view {
        for (uint256 i; i < handler.modelCount(); ++i) {
            Model m = handler.models(i);
            uint256 sum = m.balanceOf(address(m));
            for (uint256 j; j < handler.people(); ++j) {
                sum += m.balanceOf(handler.person(j));
            }
            vm.assertEq(sum, m.totalSupply(), "balances and supply differ");
            vm.assertEq(m.totalSupply(), handler.book(m).supply, "the supply has changed");
        }
    }

    function invariant_theModelHoldsExactlyItsPool() public view {
        for (uint256 i; i < handler.modelCount(); ++i) {
            Model m = handler.models(i);
            vm.assertEq(m.balanceOf(address(m)), m.pool(), "pool and balance differ");
            vm.assertGe(m.pool(), 1, "the pool was drained");
        }
    }

    function invariant_payments() public view {
        for (uint256 i; i < handler.modelCount(); ++i) {
            Model m = handler.models(i);
            Handler.Book memory b = handler.book(m);
            vm.assertEq(m.pool() + b.paid, b.initialPool + b.charged, "pool, rewards and prices do not add up");
        }
    }

    function invariant_versionsAreOnlyAdded() public view {
        for (uint256 i; i < handler.modelCount(); ++i) {
            Model m = handler.models(i);
            bytes32[] memory hashes = handler.book(m).versionHashes;
            IModel.Version[] memory versions = m.versions(0, type(uint256).max);
            vm.assertEq(versions.length, hashes.length, "number of versions");
            vm.assertEq(m.versionCount(), hashes.length, "version count");
            vm.assertEq(m.head(), hashes.length - 1, "the head is not the newest version");
            for (uint256 j; j < hashes.length; ++j) {
                vm.assertEq(keccak256(abi.encode(versions[j])), hashes[j], "a version has changed");
            }
        }
    }

    function invariant_everyJobIsCounted() public view {
        for (uint256 i; i < handler.modelCount(); ++i) {
            Model m = handler.models(i);
            vm.assertEq(m.jobCount(), handler.book(m).jobs, "job count");
        }
    }

    function invariant_theFactoryListsEveryModel() public view {
        address[] memory all = factory.models(0, type(uint256).max);
        vm.assertEq(all.length, handler.modelCount(), "number of models");
        for (uint256 i; i < all.length; ++i) {
            vm.assertEq(all[i], address(handler.models(i)), "order of models");
            vm.assertTrue(factory.isModel(all[i]), "a listed model is not one");
        }
    }
}
