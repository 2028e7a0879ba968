// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {BoundTree} from "../src/libraries/BoundTree.sol";
import {Curve} from "../src/libraries/Curve.sol";
import {Court} from "./Court.sol";

/// @notice Edges that only script/mutate.mjs found nobody looking at.
contract MutantsTest is Court {
    using BoundTree for BoundTree.Tree;

    BoundTree.Tree internal _tree;

    // ─── Tree of bounds ──────────────────────────────────────────────────────────────────────────────────────────

    /// @dev A level too many would answer the same, and cost every new holder.
    function test_tree_growsOnlyWhenItMust() public {
        for (uint256 i; i < 17; ++i) {
            _tree.grow(i);
            _tree.raise(i, 1e18 + i);
            vm.assertTrue((_tree.word(1, 0) != 0) == (i == 16), "a second level");
        }
    }

    /// @dev Equal bounds are looked at in the order of their places, which is how a search was measured.
    function test_tree_findsTheFirstOfEqualBounds() public pure {
        (uint256 child, uint256 code) = BoundTree.largest(0x0007000900090003, 0);
        vm.assertEq(child, 1, "child");
        vm.assertEq(code, 9, "code");
    }

    // ─── Model ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_initialize_roundsTheCreatorsShareDown() public {
        IModelFactory.CreateModel memory params = ordinary();
        params.supply = SUPPLY + 19;
        model = create(params);
        vm.assertEq(model.balanceOf(CREATOR), SUPPLY / 20, "down");
        vm.assertEq(model.pool(), SUPPLY + 19 - SUPPLY / 20, "the rest is the pool");
    }

    function test_train_paysExactlyTheLeast() public {
        uint96 least = uint96(model.quoteReward(100));
        IJobs.Request memory r = training(100);
        endow(WORKER, BOND);
        vm.prank(WORKER);
        uint64 id = jobs.start(r, least);
        nextBlock();
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        passWindow();
        settle(id);
        vm.assertEq(model.balanceOf(WORKER), least, "the least is enough");
    }

    function test_publish_refusesTheHeadsOwnParameters() public {
        vm.prank(address(jobs));
        vm.expectRevert(abi.encodeWithSelector(IModel.ParametersUnchanged.selector, keccak256("genesis")));
        model.publish(1, WORKER, keccak256("genesis"), 0);
    }

    /// @dev A third of a reference training: one unit more would be a tenth of a unit of the exponent, and lift it.
    function test_quoteReward_roundsUnitsDown() public {
        IModelFactory.CreateModel memory params = ordinary();
        (params.referenceSteps, params.alpha) = (3, 0.3e18);
        model = create(params);
        uint256 reward = Curve.rewardDown(model.pool(), WAD / 3, 0.3e18);
        vm.assertEq(model.quoteReward(1), reward, "down");
        vm.assertLt(reward, Curve.rewardDown(model.pool(), WAD / 3 + 1, 0.3e18), "it matters here");
    }

    // ─── Split ───────────────────────────────────────────────────────────────────────────────────────────────────

    function _split(uint256 multiplier) internal {
        give(USER, 200e18);
        give(WORKER, 100e18);
        nextBlock();
        vm.prank(USER);
        model.split(multiplier);
        vm.prank(WORKER);
        model.split(multiplier);
        vm.assertEq(model.uiMultiplier(), multiplier, "factor");
        vm.assertEq(model.summary().uiMultiplier, multiplier, "factor on the card");
    }

    function test_split_isOnTheCard() public {
        vm.assertEq(model.summary().uiMultiplier, WAD, "one at first");
        _split(3e18);
        vm.assertEq(model.fromUIAmount(2), 0, "a raw amount rounds down");
        vm.assertEq(model.fromUIAmount(3), 1, "and is exact where it can be");
    }

    function test_split_byTheSmallestFactor() public {
        _split(1e12);
    }

    function test_split_byTheLargestFactor() public {
        _split(1e24);
    }

    // ─── Rollback ────────────────────────────────────────────────────────────────────────────────────────────────

    function test_rollback_inItsLastSecond() public {
        trainAs(WORKER, 100);
        vm.prank(CREATOR);
        model.requestRollback(0);
        vm.warp(model.rollbackRequest().lapsesAt);
        model.executeRollback();
        vm.assertEq(model.head(), 0, "head");
    }
}
