// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Vault} from "../src/Vault.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Court} from "./Court.sol";

/// @notice Takes no coins.
contract Refuser {
    error NotWelcome();

    receive() external payable {
        revert NotWelcome();
    }
}

/// @notice Tries to withdraw again while it is being paid.
contract Greedy {
    Vault internal immutable VAULT;
    uint256 public attempts;
    bool public gained;

    constructor(Vault vault) {
        VAULT = vault;
    }

    function withdraw(uint256 amount) external {
        VAULT.withdraw(address(0), amount, address(this));
    }

    receive() external payable {
        ++attempts;
        if (attempts < 3) {
            try VAULT.withdraw(address(0), msg.value, address(this)) {
                gained = true;
            } catch {}
        }
    }
}

/// @notice Where all bonds and stakes lie.
contract VaultTest is Court {
    function _tokens(address account) internal view returns (uint256) {
        return vault.free(address(model), account);
    }

    function _coins(address account) internal view returns (uint256) {
        return vault.free(address(0), account);
    }

    function _approve(address account, uint256 amount) internal {
        give(account, amount);
        vm.prank(account);
        model.approve(address(vault), amount);
    }

    function _withdrawAs(address account, address asset_, uint256 amount, address to) internal {
        vm.prank(account);
        vault.withdraw(asset_, amount, to);
    }

    // ─── In ──────────────────────────────────────────────────────────────────────────────────────────────────────

    function test_deposit_isForAnyAccount() public {
        vm.deal(USER, 3);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IVault.Deposited(address(0), WORKER, 3);
        vm.prank(USER);
        vault.deposit{value: 3}(WORKER);
        vm.assertEq(_coins(WORKER), 3, "free");
        vm.assertEq(_coins(USER), 0, "nothing of it is the payer's");
        vm.assertEq(address(vault).balance, 3, "coins");
    }

    function test_depositTokens_onTheCallersAllowance() public {
        _approve(USER, 5e18);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IVault.Deposited(address(model), USER, 5e18);
        vm.prank(USER);
        vault.depositTokens(address(model), 5e18);
        vm.assertEq(_tokens(USER), 5e18, "free");
        vm.assertEq(model.balanceOf(address(vault)), 5e18, "tokens");
        vm.assertEq(model.balanceOf(USER), 0, "balance");
    }

    function test_depositTokens_onlyOfModels() public {
        address[4] memory others = [address(0), USER, address(this), factory.implementation()];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.UnknownAsset.selector, others[i]));
            vault.depositTokens(others[i], 1);
        }
    }

    /// @dev More than anybody has is refused as such, whatever the account has free already.
    function test_depositTokens_onlyWhatIsThere() public {
        bytes memory refusal = abi.encodeWithSignature("TransferFromFailed()");
        vm.prank(USER);
        vm.expectRevert(refusal);
        vault.depositTokens(address(model), 1);
        _approve(USER, 5e18);
        vm.startPrank(USER);
        model.approve(address(vault), type(uint256).max);
        vault.depositTokens(address(model), 5e18);
        vm.expectRevert(refusal);
        vault.depositTokens(address(model), type(uint256).max);
        vm.stopPrank();
        vm.assertEq(_tokens(USER), 5e18, "free");
    }

    // ─── Out ─────────────────────────────────────────────────────────────────────────────────────────────────────

    function test_withdraw_sendsWhatIsFree() public {
        endow(USER, 10);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IVault.Withdrawn(address(0), USER, WORKER, 4);
        _withdrawAs(USER, address(0), 4, WORKER);
        vm.assertEq(WORKER.balance, 4, "coins");
        vm.assertEq(_coins(USER), 6, "what is left");
        _approve(USER, 10);
        vm.startPrank(USER);
        vault.depositTokens(address(model), 10);
        vault.withdraw(address(model), 9, WORKER);
        vm.stopPrank();
        vm.assertEq(model.balanceOf(WORKER), 9, "tokens");
        vm.assertEq(_tokens(USER), 1, "what is left");
    }

    function test_withdraw_refusesMoreThanIsFree() public {
        endow(USER, 10);
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), USER, 10, 11));
        vault.withdraw(address(0), 11, USER);
        vm.prank(WORKER);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), WORKER, 0, 1));
        vault.withdraw(address(0), 1, WORKER);
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(model), USER, 0, 1));
        vault.withdraw(address(model), 1, USER);
    }

    function test_withdraw_toWhoRefusesLosesNothing() public {
        Refuser refuser = new Refuser();
        endow(USER, 10);
        vm.prank(USER);
        vm.expectRevert(abi.encodeWithSignature("ETHTransferFailed()"));
        vault.withdraw(address(0), 10, address(refuser));
        vm.assertEq(_coins(USER), 10, "free");
        vm.assertEq(address(vault).balance, 10, "coins");
        // A dead end of the token is refused by the token.
        _approve(USER, 10);
        vm.startPrank(USER);
        vault.depositTokens(address(model), 10);
        vm.expectRevert(abi.encodeWithSignature("TransferFailed()"));
        vault.withdraw(address(model), 10, address(model));
        vm.stopPrank();
        vm.assertEq(_tokens(USER), 10, "free tokens");
    }

    function test_withdraw_twiceGainsNothing() public {
        Greedy greedy = new Greedy(vault);
        endow(address(greedy), 10);
        endow(USER, 100);
        greedy.withdraw(10);
        vm.assertEq(greedy.attempts(), 1, "it tried, and was paid once");
        vm.assertFalse(greedy.gained(), "a second withdrawal went through");
        vm.assertEq(address(greedy).balance, 10, "its own coins");
        vm.assertEq(address(vault).balance, 100, "everybody else's");
    }

    /// @dev Split into parts it may come back in between: each part is its own.
    function test_withdraw_inPartsWhileBeingPaid() public {
        Greedy greedy = new Greedy(vault);
        endow(address(greedy), 10);
        endow(USER, 100);
        greedy.withdraw(5);
        vm.assertTrue(greedy.gained(), "the other half is its own too");
        vm.assertEq(address(greedy).balance, 10, "its own coins");
        vm.assertEq(_coins(address(greedy)), 0, "nothing is left");
        vm.assertEq(address(vault).balance, 100, "everybody else's");
    }

    // ─── Stakes ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_lock_onlyByTheProtocol() public {
        endow(USER, 10);
        address[3] memory others = [USER, address(factory), address(model)];
        for (uint256 i; i < 3; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IVault.OnlyProtocol.selector, others[i]);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.lock(address(0), USER, 1);
            vm.prank(others[i]);
            vm.expectRevert(refusal);
            vault.release(address(0), USER, 1);
        }
    }

    function test_lock_isOfEachHolderAlone() public {
        endow(USER, 10);
        address[4] memory holders = [address(jobs), address(jury), address(scores), address(roster)];
        for (uint256 i; i < 4; ++i) {
            vm.expectEmit(true, true, true, true, address(vault));
            emit IVault.Locked(address(0), USER, holders[i], 2);
            vm.prank(holders[i]);
            vault.lock(address(0), USER, 2);
            vm.assertEq(vault.held(address(0), holders[i]), 2, "held");
        }
        vm.assertEq(_coins(USER), 2, "free");
        vm.prank(address(jobs));
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientDeposit.selector, address(0), USER, 2, 5));
        vault.lock(address(0), USER, 5);
        vm.expectEmit(true, true, true, true, address(vault));
        emit IVault.Released(address(0), WORKER, address(jury), 2);
        vm.prank(address(jury));
        vault.release(address(0), WORKER, 2);
        vm.assertEq(_coins(WORKER), 2, "freed for another account");
        vm.assertEq(vault.held(address(0), address(jury)), 0, "held");
        // What others hold is out of reach.
        vm.prank(address(jury));
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vault.release(address(0), WORKER, 1);
    }

    // ─── Conservation ────────────────────────────────────────────────────────────────────────────────────────────

    /// @dev Any order of deposits, locks, releases and withdrawals: the coins are what is free and what is held.
    function testFuzz_conservation(uint256 seed) public {
        address[4] memory holders = [address(jobs), address(jury), address(scores), address(roster)];
        address[3] memory people = [USER, WORKER, DOUBTER];
        for (uint256 i; i < 40; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            address who = people[(r >> 8) % 3];
            address holder = holders[(r >> 16) % 3];
            if (r % 4 == 0) {
                endow(who, (r >> 32) % 1e18);
            } else if (r % 4 == 1) {
                uint256 amount = (r >> 32) % (_coins(who) + 1);
                vm.prank(holder);
                vault.lock(address(0), who, amount);
            } else if (r % 4 == 2) {
                uint256 amount = (r >> 32) % (vault.held(address(0), holder) + 1);
                vm.prank(holder);
                vault.release(address(0), who, amount);
            } else {
                _withdrawAs(who, address(0), (r >> 32) % (_coins(who) + 1), people[(r >> 24) % 3]);
            }
            uint256 sum;
            for (uint256 j; j < 3; ++j) {
                sum += _coins(people[j]) + vault.held(address(0), holders[j]);
            }
            vm.assertEq(address(vault).balance, sum, "coins");
        }
    }
}
