// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BlockRandomness} from "../src/BlockRandomness.sol";
import {Deployment} from "../src/Deployment.sol";
import {Base} from "./Base.sol";

contract Unwilling {
    constructor() {
        revert("not today");
    }
}

/// @notice Contracts that stand where they were expected.
contract DeploymentTest is Base {
    function test_deploy_atTheAddressForetold() public {
        Deployment d = new Deployment();
        address foretold = d.addressAt(1);
        vm.expectEmit(true, true, true, true, address(d));
        emit Deployment.Deployed(1, foretold);
        vm.assertEq(d.deploy(type(BlockRandomness).creationCode), foretold, "address");
        vm.assertEq(d.count(), 1, "count");
        vm.assertGt(foretold.code.length, 0, "code");
    }

    function test_deploy_onlyByWhoBegan() public {
        Deployment d = new Deployment();
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSelector(Deployment.OnlyDeployer.selector, USER));
        d.deploy(type(BlockRandomness).creationCode);
    }

    /// @dev A place whose contract refused stays free for the next try.
    function test_deploy_goesOnAfterAFailure() public {
        Deployment d = new Deployment();
        vm.expectRevert(abi.encodeWithSelector(Deployment.ConstructionFailed.selector, 1));
        d.deploy(type(Unwilling).creationCode);
        vm.assertEq(d.deploy(type(BlockRandomness).creationCode), d.addressAt(1), "the same place");
    }
}
