// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Base} from "./Base.sol";

/// @notice What a person pays: the gas of whole transactions, with their base cost of 21,000 and their data. Each
/// call below runs as a transaction of its own, so storage is cold as it is on a chain.
/// @dev The numbers stand in `snapshots/Transaction.json`; `FORGE_SNAPSHOT_CHECK=true forge test` fails when one
/// has changed, and `forge test --match-contract Gas` writes them anew.
/// forge-config: default.isolate = true
contract GasTest is Base {
    uint256 internal constant TRAIN_LIMIT = 120_000;
    uint256 internal constant INFER_LIMIT = 70_000;
    uint256 internal constant CREATE_LIMIT = 400_000;
    uint256 internal constant TRANSFER_LIMIT = 45_000;

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
        // The first tokens of a holder fill an empty word of storage, which alone costs 22,100: no token is below.
        _measure("transfer to a new holder", 55_000);
    }

    function test_gas_transfer() public {
        trainAs(USER, REFERENCE_STEPS);
        vm.prank(CREATOR);
        model.transfer(USER, 1e18);
        _measure("transfer", TRANSFER_LIMIT);
    }
}
