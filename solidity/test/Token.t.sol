// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "../src/interfaces/IModel.sol";
import {ISeats} from "../src/interfaces/ISeats.sol";
import {Base} from "./Base.sol";

/// @notice The model as a token: a fixed supply, plain transfers, permits.
contract TokenTest is Base {
    uint256 internal constant OWNER_KEY = 0x5eed;
    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    string internal constant ARTIFACT = "out/Model.sol/Model.json";

    // ─── Supply ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Every function that can change anything is named here. A new one must be added by hand, by somebody who
    /// has made sure that it neither mints nor burns.
    function test_supply_noFunctionMintsOrBurns() public view {
        string[15] memory allowed = [
            "approve",
            "executeRollback",
            "infer",
            "initialize",
            "lockPrice",
            "payEmission",
            "payTraining",
            "permit",
            "publish",
            "requestRollback",
            "settleInference",
            "split",
            "transfer",
            "transferFrom",
            "vetoRollback"
        ];
        string memory json = vm.readFile(ARTIFACT);
        uint256 changing;
        for (uint256 i; vm.keyExistsJson(json, _entry(i, "")); ++i) {
            string memory kind = vm.parseJsonString(json, _entry(i, ".type"));
            vm.assertFalse(_same(kind, "fallback") || _same(kind, "receive"), "the model answers unknown calls");
            if (!_same(kind, "function")) continue;
            string memory mutability = vm.parseJsonString(json, _entry(i, ".stateMutability"));
            if (_same(mutability, "view") || _same(mutability, "pure")) continue;
            string memory name = vm.parseJsonString(json, _entry(i, ".name"));
            vm.assertEq(mutability, "nonpayable", string.concat(name, " takes ether"));
            bool found;
            for (uint256 j; j < allowed.length; ++j) {
                found = found || _same(name, allowed[j]);
            }
            vm.assertTrue(found, string.concat(name, " is not on the list of functions that may change state"));
            ++changing;
        }
        vm.assertEq(changing, allowed.length, "the list and the contract differ");
    }

    function _entry(uint256 i, string memory field) internal pure returns (string memory) {
        return string.concat("$.abi[", vm.toString(i), "]", field);
    }

    function _same(string memory a, string memory b) internal pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function test_supply_neverMoves() public {
        trainAs(WORKER, 10_000);
        inferAs(WORKER, 50);
        vm.prank(WORKER);
        model.transfer(USER, 1e18);
        uint256 held = model.balanceOf(address(model)) + model.balanceOf(CREATOR) + model.balanceOf(WORKER)
            + model.balanceOf(USER);
        vm.assertEq(held, SUPPLY, "all balances");
        vm.assertEq(model.totalSupply(), SUPPLY, "supply");
    }

    // ─── Transfers ───────────────────────────────────────────────────────────────────────────────────────────────

    function testFuzz_transfer_moves(address to, uint256 amount) public {
        vm.assume(to != address(0) && to != address(model) && to != CREATOR);
        uint256 share = model.balanceOf(CREATOR);
        amount = bound(amount, 0, share);
        vm.prank(CREATOR);
        vm.assertTrue(model.transfer(to, amount), "transfer");
        vm.assertEq(model.balanceOf(to), amount, "recipient");
        vm.assertEq(model.balanceOf(CREATOR), share - amount, "sender");
    }

    function test_transfer_refusesDeadEnds() public {
        address[2] memory dead = [address(model), address(0)];
        vm.prank(CREATOR);
        model.approve(WORKER, 1e18);
        for (uint256 i; i < dead.length; ++i) {
            vm.prank(CREATOR);
            vm.expectRevert(abi.encodeWithSelector(ISeats.InvalidRecipient.selector, dead[i]));
            model.transfer(dead[i], 1);
            vm.prank(WORKER);
            vm.expectRevert(abi.encodeWithSelector(ISeats.InvalidRecipient.selector, dead[i]));
            model.transferFrom(CREATOR, dead[i], 1);
        }
    }

    function test_transfer_refusesMoreThanTheBalance() public {
        uint256 tooMuch = model.balanceOf(CREATOR) + 1;
        vm.prank(CREATOR);
        vm.expectRevert(abi.encodeWithSignature("InsufficientBalance()"));
        model.transfer(USER, tooMuch);
    }

    function test_transferFrom_wantsAnAllowance() public {
        vm.prank(WORKER);
        vm.expectRevert(abi.encodeWithSignature("InsufficientAllowance()"));
        model.transferFrom(CREATOR, WORKER, 1);
        vm.prank(CREATOR);
        model.approve(WORKER, 5);
        vm.prank(WORKER);
        model.transferFrom(CREATOR, WORKER, 3);
        vm.assertEq(model.allowance(CREATOR, WORKER), 2, "what is left of the allowance");
        vm.assertEq(model.balanceOf(WORKER), 3, "recipient");
    }

    /// @dev The pool is the model's own balance: nobody holds an allowance on it.
    function test_transferFrom_cannotReachThePool() public {
        vm.prank(WORKER);
        vm.expectRevert(abi.encodeWithSignature("InsufficientAllowance()"));
        model.transferFrom(address(model), WORKER, 1);
    }

    function test_transferFrom_givesNoStandingAllowanceToAnyContract() public {
        vm.assertEq(model.allowance(CREATOR, PERMIT2), 0, "Permit2's allowance");
        vm.prank(PERMIT2);
        vm.expectRevert(abi.encodeWithSignature("InsufficientAllowance()"));
        model.transferFrom(CREATOR, WORKER, 1);
    }

    // ─── Permits ─────────────────────────────────────────────────────────────────────────────────────────────────

    function test_permit_givesTheSignedAllowanceOnce() public {
        address owner = vm.addr(OWNER_KEY);
        (uint8 v, bytes32 r, bytes32 s) = _sign(owner, 7, block.timestamp);
        model.permit(owner, USER, 7, block.timestamp, v, r, s);
        vm.assertEq(model.allowance(owner, USER), 7, "allowance");
        vm.assertEq(model.nonces(owner), 1, "nonce");
        vm.expectRevert(abi.encodeWithSignature("InvalidPermit()"));
        model.permit(owner, USER, 7, block.timestamp, v, r, s);
    }

    function test_permit_refusesAnotherSigner() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(CREATOR, 7, block.timestamp);
        vm.expectRevert(abi.encodeWithSignature("InvalidPermit()"));
        model.permit(CREATOR, USER, 7, block.timestamp, v, r, s);
    }

    function test_permit_refusesAfterItsDeadline() public {
        address owner = vm.addr(OWNER_KEY);
        (uint8 v, bytes32 r, bytes32 s) = _sign(owner, 7, block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSignature("PermitExpired()"));
        model.permit(owner, USER, 7, block.timestamp - 1, v, r, s);
    }

    /// @dev A signature for one model must not open another, although all share their code.
    function test_permit_isForOneModelOnly() public {
        address owner = vm.addr(OWNER_KEY);
        (uint8 v, bytes32 r, bytes32 s) = _sign(owner, 7, block.timestamp);
        model = create(ordinary());
        vm.expectRevert(abi.encodeWithSignature("InvalidPermit()"));
        model.permit(owner, USER, 7, block.timestamp, v, r, s);
    }

    function test_permit_domainNamesTheModel() public view {
        bytes32 expected = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Handwritten digits"),
                keccak256("1"),
                block.chainid,
                address(model)
            )
        );
        vm.assertEq(model.DOMAIN_SEPARATOR(), expected, "domain");
    }

    function _sign(address owner, uint256 value, uint256 deadline) internal view returns (uint8, bytes32, bytes32) {
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                USER,
                value,
                model.nonces(owner),
                deadline
            )
        );
        return vm.sign(OWNER_KEY, keccak256(abi.encodePacked("\x19\x01", model.DOMAIN_SEPARATOR(), permit)));
    }
}
