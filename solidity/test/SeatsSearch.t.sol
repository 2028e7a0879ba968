// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "./Base.sol";

/// @notice What a search for the seats costs where it is dearest: among many holders within a 256th of the second
/// largest, each a little larger than the one before, so that no bound lets it stop early.
/// forge-config: default.isolate = true
contract SeatsSearchTest is Base {
    uint256 internal constant HOLDERS = 700;

    /// @dev As many as fit a transaction of 2^24 gas, the most that Ethereum allows.
    uint256 internal constant MOST = 1900;

    function test_gas_searchAmongEqualHolders() public {
        vm.startPrank(CREATOR);
        for (uint256 i; i < HOLDERS; ++i) {
            model.transfer(address(uint160(0x10000 + i)), 1e18 + i);
        }
        vm.stopPrank();
        nextBlock();
        model.seatOf(address(0x10000));
        vm.assertLe(vm.lastCallGas().gasTotalUsed, (1 << 24) * HOLDERS / MOST, "the search");
        // With two who hold more than they it ends at once, however many there are.
        address whale = address(0x10000 + uint160(HOLDERS));
        vm.startPrank(CREATOR);
        for (uint160 i; i < 3; ++i) {
            model.transfer(address(uint160(whale) + i), 10e18);
        }
        vm.stopPrank();
        nextBlock();
        model.seatOf(whale);
        vm.assertLe(vm.lastCallGas().gasTotalUsed, 100_000, "the ordinary search");
    }
}
