// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Curve} from "../src/libraries/Curve.sol";
import {Vm} from "../test/Vm.sol";

/// @notice Writes what the contract's curve gives for every case of curve.json, for Rust to equal bit for bit:
/// `forge script script/CurveVectors.s.sol`
contract CurveVectors {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    string internal constant CASES = "../tests/vectors/curve.json";
    string internal constant RESULTS = "../tests/vectors/curve-contract.json";

    // forge-lint: disable-next-line(mixed-case-function)
    function IS_SCRIPT() external pure returns (bool) {
        return true;
    }

    function run() external {
        string memory json = vm.readFile(CASES);
        uint256[] memory pools = vm.parseJsonUintArray(json, "$.pool");
        uint256[] memory units = vm.parseJsonUintArray(json, "$.units");
        uint256[] memory alphas = vm.parseJsonUintArray(json, "$.alpha");
        uint256[] memory rewards = new uint256[](pools.length);
        uint256[] memory prices = new uint256[](pools.length);
        for (uint256 i; i < pools.length; ++i) {
            rewards[i] = Curve.rewardDown(pools[i], units[i], alphas[i]);
            prices[i] = Curve.priceUp(pools[i], units[i], alphas[i]);
        }
        vm.writeFile(RESULTS, "{\n");
        _column("reward", rewards, "],");
        _column("price", prices, "]");
        vm.writeLine(RESULTS, "}");
    }

    /// @dev The layout of curve.json: a list for each quantity, one number on a line.
    function _column(string memory key, uint256[] memory values, string memory end) internal {
        vm.writeLine(RESULTS, string.concat("  \"", key, "\": ["));
        for (uint256 i; i < values.length; ++i) {
            string memory comma = i + 1 < values.length ? "," : "";
            vm.writeLine(RESULTS, string.concat("    \"", vm.toString(values[i]), "\"", comma));
        }
        vm.writeLine(RESULTS, string.concat("  ", end));
    }
}
