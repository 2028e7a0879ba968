// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "./Base.sol";
import {OpenZeppelinToken, SoladyToken} from "./Peers.sol";
import {ERC20} from "solady/tokens/ERC20.sol";
import {LibClone} from "solady/utils/LibClone.sol";

/// @notice What knowing the two largest holders costs a transfer, beside the same transfers of plain tokens.
/// @dev Each measured call is a transaction of its own, so storage is cold as it is on a chain. The figures stand in
/// `snapshots/Seats.json`.
/// forge-config: default.isolate = true
contract SeatsGasTest is Base {
    uint256 internal constant HOLDERS = 10_000;
    uint256 internal constant TRANSFERS = 400;
    uint256 internal constant MEAN_LIMIT = 12_000;
    uint256 internal constant WORST_LIMIT = 120_000;

    /// @dev Behind a minimal proxy, as a model is, so that the difference is what the seats cost.
    ERC20 internal plain;
    ERC20 internal solady;
    ERC20 internal openZeppelin;

    function setUp() public override {
        super.setUp();
        uint256 share = model.balanceOf(CREATOR);
        vm.startPrank(CREATOR);
        SoladyToken direct = new SoladyToken();
        direct.initialize(share);
        SoladyToken cloned = SoladyToken(LibClone.clone(address(direct)));
        cloned.initialize(share);
        (solady, plain) = (direct, cloned);
        openZeppelin = ERC20(address(new OpenZeppelinToken(share)));
        vm.stopPrank();
    }

    function _populate() internal {
        vm.startPrank(CREATOR);
        for (uint256 i; i < HOLDERS; ++i) {
            uint256 amount = 1e15 + _random("first", i) % 4e18;
            model.transfer(_person(i), amount);
            solady.transfer(_person(i), amount);
            plain.transfer(_person(i), amount);
            openZeppelin.transfer(_person(i), amount);
        }
        vm.stopPrank();
    }

    /// @dev Any holder sends any part of what it has to any other holder; one in twenty empties the account.
    function test_gas_transfersAmongTenThousandHolders() public {
        _populate();
        uint256[4] memory sums;
        uint256 worst;
        for (uint256 i; i < TRANSFERS; ++i) {
            vm.roll(block.number + 1);
            address from = _person(_random("from", i) % HOLDERS);
            address to = _person(_random("to", i) % HOLDERS);
            uint256 amount = model.balanceOf(from);
            if (i % 20 != 0) amount = amount * (_random("part", i) % 1000) / 1000;
            uint256 base = _transfer(plain, from, to, amount);
            uint256 ours = _transfer(model, from, to, amount);
            sums[0] += _transfer(solady, from, to, amount);
            sums[1] += _transfer(openZeppelin, from, to, amount);
            sums[2] += base;
            sums[3] += ours;
            if (ours > base + worst) worst = ours - base;
        }
        vm.snapshotValue("Seats", "transfer, mean: Solady", sums[0] / TRANSFERS);
        vm.snapshotValue("Seats", "transfer, mean: OpenZeppelin", sums[1] / TRANSFERS);
        vm.snapshotValue("Seats", "transfer, mean: Solady, as a clone", sums[2] / TRANSFERS);
        vm.snapshotValue("Seats", "transfer, mean: Delea, a clone", sums[3] / TRANSFERS);
        vm.snapshotValue("Seats", "transfer, worst above a plain clone", worst);
        vm.assertLe((sums[3] - sums[2]) / TRANSFERS, MEAN_LIMIT, "mean above a plain transfer");
        vm.assertLe(worst, WORST_LIMIT, "worst above a plain transfer");
    }

    /// @dev The dearest case: the first tokens of a holder whose place opens a new node on every level but the root,
    /// who becomes the largest at once, so that every bound above rises. And what reading the seats costs then.
    function test_gas_worstPlace() public {
        vm.startPrank(CREATOR);
        for (uint256 i; i < 512; ++i) {
            model.transfer(_person(i), 1e15 + i * 1e13);
            plain.transfer(_person(i), 1e15);
        }
        vm.stopPrank();
        vm.roll(block.number + 1);
        uint256 base = _transfer(plain, CREATOR, _person(512), 1e18);
        uint256 ours = _transfer(model, CREATOR, _person(512), 1e18);
        vm.snapshotValue("Seats", "first tokens at the worst place, above a plain clone", ours - base);
        vm.assertLe(ours - base, WORST_LIMIT, "worst place");
        uint256 gas = gasleft();
        model.seats();
        vm.snapshotValue("Seats", "reading the seats of 513 holders", gas - gasleft());
    }

    function test_gas_ordinaryFirstTokens() public {
        vm.startPrank(CREATOR);
        for (uint256 i; i < 40; ++i) {
            model.transfer(_person(i), 1e18);
        }
        vm.stopPrank();
        vm.roll(block.number + 1);
        uint256 base = _transfer(plain, CREATOR, _person(40), 1e15);
        uint256 ours = _transfer(model, CREATOR, _person(40), 1e15);
        vm.snapshotValue("Seats", "first tokens, ordinary, above a plain clone", ours - base);
        vm.assertLe(ours - base, WORST_LIMIT, "first tokens");
    }

    function _transfer(ERC20 token, address from, address to, uint256 amount) internal returns (uint256) {
        vm.prank(from);
        token.transfer(to, amount);
        return vm.lastCallGas().gasTotalUsed;
    }

    function _random(string memory what, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(what, i)));
    }

    function _person(uint256 i) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("person", i)))));
    }
}
