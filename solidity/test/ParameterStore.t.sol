// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ParameterStore} from "../src/ParameterStore.sol";
import {IParameterStore} from "../src/interfaces/IParameterStore.sol";
import {Base} from "./Base.sol";

/// @notice Files on the chain, in one transaction and in several.
/// forge-config: default.isolate = true
contract ParameterStoreTest is Base {
    uint256 internal constant PART = 24_575;

    /// @dev Largest gas limit of a transaction: EIP-7825.
    uint256 internal constant TRANSACTION_GAS = 16_777_216;

    ParameterStore internal store;

    function setUp() public override {
        super.setUp();
        store = new ParameterStore();
    }

    function _file(uint256 size) internal pure returns (bytes memory file) {
        file = new bytes(size);
        // No zero bytes: they would be cheaper to send than parameters are.
        for (uint256 i; i < size; ++i) {
            file[i] = bytes1(uint8(1 + (i * 31) % 255));
        }
    }

    function _parts(bytes memory file, uint256 first, uint256 count) internal pure returns (bytes[] memory parts) {
        parts = new bytes[](count);
        for (uint256 p; p < count; ++p) {
            uint256 start = (first + p) * PART;
            uint256 length = file.length - start < PART ? file.length - start : PART;
            parts[p] = new bytes(length);
            for (uint256 i; i < length; ++i) {
                parts[p][i] = file[start + i];
            }
        }
    }

    function _read(address writer, bytes32 hash) internal view returns (bytes memory file) {
        (, uint256 parts) = store.progress(writer, hash);
        for (uint256 i; i < parts; ++i) {
            file = bytes.concat(file, store.read(writer, hash, i));
        }
    }

    function test_store_seventyTwoKilobytesInOneTransaction() public {
        bytes memory file = _file(3 * PART);
        bytes32 hash = sha256(file);
        bytes[] memory parts = _parts(file, 0, 3);
        vm.expectEmit(true, true, true, true, address(store));
        emit IParameterStore.Stored(hash, USER, uint32(file.length));
        vm.prank(USER);
        store.store(hash, uint32(file.length), 0, parts);
        vm.assertLe(vm.lastCallGas().gasTotalUsed, TRANSACTION_GAS, "three parts do not fit a transaction");
        vm.assertEq(sha256(_read(USER, hash)), hash, "what is read is not what was stored");
    }

    function test_store_largerFilesGoOnWhereTheyStopped() public {
        bytes memory file = _file(4 * PART + 17);
        bytes32 hash = sha256(file);
        for (uint256 i; i < 5; ++i) {
            (uint32 size, uint256 done) = store.progress(USER, hash);
            vm.assertEq(done, i, "parts so far");
            vm.assertEq(size, i == 0 ? 0 : file.length, "size");
            bytes[] memory part = _parts(file, i, 1);
            vm.prank(USER);
            store.store(hash, uint32(file.length), i, part);
        }
        vm.assertEq(sha256(_read(USER, hash)), hash, "what is read is not what was stored");
    }

    function test_store_partsComeInOrderAndOnce() public {
        bytes memory file = _file(PART + 1);
        bytes[] memory first = _parts(file, 0, 1);
        bytes[] memory second = _parts(file, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.WrongPart.selector, 1, 0));
        store.store("x", uint32(file.length), 1, second);
        store.store("x", uint32(file.length), 0, first);
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.WrongPart.selector, 0, 1));
        store.store("x", uint32(file.length), 0, first);
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.SizeMismatch.selector, PART + 2, PART + 1));
        store.store("x", uint32(PART + 2), 1, second);
        store.store("x", uint32(file.length), 1, second);
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.WrongPartLength.selector, 2, 1, 0));
        store.store("x", uint32(file.length), 2, second);
    }

    function test_store_partsHaveTheirLength() public {
        bytes[] memory one = new bytes[](1);
        one[0] = hex"0102";
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.WrongPartLength.selector, 0, 2, 3));
        store.store("x", 3, 0, one);
        vm.expectRevert(IParameterStore.EmptyFile.selector);
        store.store("x", 0, 0, one);
        vm.expectRevert(abi.encodeWithSelector(IParameterStore.WrongPart.selector, 0, 0));
        store.read(USER, "x", 0);
    }

    function test_store_nobodySpoilsAnothersFile() public {
        bytes[] memory good = new bytes[](1);
        good[0] = hex"0102";
        bytes[] memory bad = new bytes[](1);
        bad[0] = hex"ffff";
        bytes32 hash = sha256(good[0]);
        vm.prank(WORKER);
        store.store(hash, 2, 0, bad);
        vm.prank(USER);
        store.store(hash, 2, 0, good);
        vm.assertEq(sha256(store.read(USER, hash, 0)), hash, "the own file");
        vm.assertEq(keccak256(store.read(WORKER, hash, 0)), keccak256(bad[0]), "the other's");
    }
}
