// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BoundTree} from "../src/libraries/BoundTree.sol";
import {Base} from "./Base.sol";

/// @notice The two largest holders against a list that is searched from end to end.
contract SeatsTest is Base {
    struct Known {
        uint256 balance;
        uint256 since;
    }

    address[] internal _all;
    mapping(address => Known) internal _known;
    mapping(address => bool) internal _listed;

    // ─── Bounds ──────────────────────────────────────────────────────────────────────────────────────────────────

    function _decodeDown(uint256 code) internal pure returns (uint256) {
        uint256 exponent = code >> 9;
        return exponent == 0 ? code : (code & 511) << exponent;
    }

    function testFuzz_bounds_areTheLeastNotBelow(uint96 value) public pure {
        uint256 code = BoundTree.encodeUp(value);
        vm.assertLe(code, 0xffff, "a bound takes 16 bits");
        vm.assertGe(_decodeDown(code), value, "a bound is not below its value");
        vm.assertLe(_decodeDown(code) - value, uint256(value) / 256, "a bound is near its value");
    }

    function testFuzz_bounds_compareAsTheirValues(uint96 a, uint96 b) public pure {
        if (a > b) (a, b) = (b, a);
        vm.assertLe(BoundTree.encodeUp(a), BoundTree.encodeUp(b), "order");
    }

    function test_bounds_atEveryPowerOfTwo() public pure {
        for (uint256 i; i < 96; ++i) {
            vm.assertEq(_decodeDown(BoundTree.encodeUp(1 << i)), 1 << i, "a power of two is its own bound");
            vm.assertLe(BoundTree.encodeUp((1 << i) - 1), BoundTree.encodeUp(1 << i), "below a power");
            vm.assertLt(BoundTree.encodeUp(1 << i), BoundTree.encodeUp((1 << i) + (1 << i) / 256 + 1), "above a power");
        }
    }

    function test_bounds_heightOfTheTree() public pure {
        uint16[9] memory counts = [0, 1, 15, 16, 17, 512, 513, 16_384, 16_385];
        uint8[9] memory heights = [1, 1, 1, 1, 2, 2, 3, 3, 4];
        for (uint256 i; i < counts.length; ++i) {
            vm.assertEq(BoundTree.height(counts[i]), heights[i], "levels");
        }
    }

    // ─── Seats ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_seats_ofAFreshModelAreEmpty() public view {
        (address first, address second) = model.seats();
        vm.assertEq(first, address(0), "nobody holds anything but pool and creator");
        vm.assertEq(second, address(0), "nobody");
        vm.assertEq(model.seatOf(CREATOR), 0, "the creator takes no seat");
        vm.assertEq(model.seatOf(address(model)), 0, "the pool takes no seat");
        vm.assertEq(model.holderCount(), 0, "holders");
    }

    function test_seats_neverGoToTheCreator() public {
        vm.prank(CREATOR);
        model.transfer(USER, 5);
        vm.prank(USER);
        model.transfer(CREATOR, 2);
        vm.roll(block.number + 1);
        (address first, address second) = model.seats();
        vm.assertEq(first, USER, "the only other holder");
        vm.assertEq(second, address(0), "no second");
        vm.assertEq(model.seatOf(CREATOR), 0, "creator");
        vm.assertEq(model.seatOf(USER), 1, "user");
    }

    function test_seats_tiesGoToTheEarlier() public {
        _pay(CREATOR, USER, 10);
        vm.roll(block.number + 1);
        _pay(CREATOR, WORKER, 10);
        (address first, address second) = model.seats();
        vm.assertEq(first, USER, "reached it first");
        vm.assertEq(second, WORKER, "reached it second");
        vm.roll(block.number + 1);
        _pay(CREATOR, USER, 1);
        vm.roll(block.number + 1);
        _pay(USER, CREATOR, 1);
        (first, second) = model.seats();
        vm.assertEq(first, WORKER, "kept it for longer");
        vm.assertEq(second, USER, "came back to it");
    }

    function test_seats_lastHolderLeaves() public {
        _pay(CREATOR, USER, 10);
        _pay(USER, CREATOR, 10);
        (address first,) = model.seats();
        vm.assertEq(first, address(0), "who holds nothing has no seat");
    }

    function test_holders_arePaged() public {
        for (uint256 i = 1; i <= 5; ++i) {
            _pay(CREATOR, address(uint160(0x1000 + i)), i);
        }
        (address[] memory accounts, uint256[] memory balances) = model.holders(3, 10);
        vm.assertEq(accounts.length, 2, "the page ends where the holders end");
        vm.assertEq(accounts[1], address(0x1005), "account");
        vm.assertEq(balances[1], 5, "balance");
        (accounts,) = model.holders(type(uint256).max, type(uint256).max);
        vm.assertEq(accounts.length, 0, "nothing beyond the end");
    }

    // ─── Borrowed tokens ─────────────────────────────────────────────────────────────────────────────────────────

    function _three() internal {
        _pay(CREATOR, address(0x1), 300);
        _pay(CREATOR, address(0x2), 200);
        _pay(CREATOR, address(0x3), 100);
        vm.roll(block.number + 1);
    }

    function test_borrowed_tokensGiveNoSeat() public {
        _three();
        _pay(CREATOR, address(0x3), 1000);
        (address first,) = model.seats();
        vm.assertEq(first, address(0x3), "the largest at this moment");
        vm.assertEq(model.seatOf(address(0x3)), 0, "but without rights in this block");
        vm.assertEq(model.seatOf(address(0x2)), 0, "who is third now has none either");
        vm.assertEq(model.seatOf(address(0x1)), 2, "the former first is second");
        vm.roll(block.number + 1);
        vm.assertEq(model.seatOf(address(0x3)), 1, "kept for a block, the balance counts");
    }

    function test_borrowed_fromThoseAboveGivesNoSeat() public {
        _three();
        _pay(address(0x2), address(0x4), 150);
        vm.assertEq(model.seatOf(address(0x3)), 0, "the second still counts with what it had");
        vm.roll(block.number + 1);
        vm.assertEq(model.seatOf(address(0x3)), 0, "0x4 holds 150 now");
        vm.assertEq(model.seatOf(address(0x4)), 2, "and has the seat");
    }

    function test_borrowed_dustDoesNotUnseat() public {
        _three();
        _pay(CREATOR, address(0x2), 1);
        vm.assertEq(model.seatOf(address(0x2)), 2, "what was held before still counts");
    }

    // ─── Brute force ─────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Any transfers between up to 600 accounts, three levels of the tree, over any blocks.
    /// forge-config: default.fuzz.runs = 100
    function testFuzz_seats_equalASearchOfAllHolders(uint256 seed, uint256 people) public {
        people = bound(people, 1, 600);
        _play(seed, people, 60);
    }

    /// @dev Few accounts and small amounts: many ties, many empty accounts.
    /// forge-config: default.fuzz.runs = 250
    function testFuzz_seats_withTies(uint256 seed) public {
        _play(seed | 1 << 255, 5, 80);
    }

    function _play(uint256 seed, uint256 people, uint256 moves) internal {
        // Everybody holds something first, so that the tree has its size.
        for (uint256 i; i < people; ++i) {
            _move(CREATOR, _person(i), uint256(keccak256(abi.encode(seed, i))) % 1000);
        }
        for (uint256 i; i < moves; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, "move", i)));
            if (r % 3 == 0) vm.roll(block.number + 1 + (r >> 8) % 3);
            address from = (r >> 16) % 8 == 0 ? CREATOR : _person((r >> 32) % people);
            address to = (r >> 20) % 8 == 0 ? CREATOR : _person((r >> 64) % people);
            uint256 most = model.balanceOf(from);
            if (from == CREATOR && most > 2000) most = 2000;
            uint256 amount = seed >> 255 == 1 ? (r >> 96) % 4 : (r >> 96) % (most + 1);
            if ((r >> 24) % 5 == 0) amount = most;
            _move(from, to, amount < most ? amount : most);
            _check();
        }
    }

    function _check() internal {
        (address first, address second) = _search();
        (address a, address b) = model.seats();
        vm.assertEq(a, first, "first seat");
        vm.assertEq(b, second, "second seat");
        uint256 snapshot = vm.snapshotState();
        vm.roll(block.number + 1);
        if (a != address(0)) vm.assertEq(model.seatOf(a), 1, "the first has the first seat a block later");
        if (b != address(0)) vm.assertEq(model.seatOf(b), 2, "the second has the second seat a block later");
        vm.revertToState(snapshot);
    }

    function _search() internal view returns (address first, address second) {
        for (uint256 i; i < _all.length; ++i) {
            if (_before(_all[i], first)) (first, second) = (_all[i], first);
            else if (_before(_all[i], second)) second = _all[i];
        }
    }

    /// @dev The list is in the order of first holding, so a strict comparison leaves ties to the older holder.
    function _before(address a, address b) internal view returns (bool) {
        Known memory x = _known[a];
        Known memory y = _known[b];
        if (x.balance == 0) return false;
        return x.balance > y.balance || (x.balance == y.balance && x.since < y.since);
    }

    function _move(address from, address to, uint256 amount) internal {
        _pay(from, to, amount);
        if (amount == 0 || from == to) return;
        _book(from);
        _book(to);
    }

    function _book(address account) internal {
        if (account == CREATOR) return;
        if (!_listed[account]) {
            _listed[account] = true;
            _all.push(account);
        }
        _known[account] = Known(model.balanceOf(account), block.number);
    }

    function _person(uint256 i) internal pure returns (address) {
        return address(uint160(0x100000 + i));
    }

    function _pay(address from, address to, uint256 amount) internal {
        vm.prank(from);
        model.transfer(to, amount);
    }
}
