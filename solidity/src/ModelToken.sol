// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ISeats} from "./interfaces/ISeats.sol";
import {BoundTree} from "./libraries/BoundTree.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";
import {Page} from "./libraries/Page.sol";
import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title ModelToken
/// @notice The model as a token of fixed supply that knows its two largest holders at every moment.
/// @dev Solady's token keeps a balance a word; here the word also carries what the seats need, so a transfer touches
/// no more words than a plain one, and one more for a rising balance that stays below its bound in the {BoundTree}.
abstract contract ModelToken is ISeats, ERC20 {
    using BoundTree for BoundTree.Tree;

    /// @dev The state every job touches, in one word.
    struct State {
        uint96 pool;
        uint32 head;
        uint32 versionCount;
        uint32 jobCount;
        uint32 holderCount;
        uint32 round;
    }

    /// @dev What is kept of a holder, in one word.
    /// @param balance Tokens now.
    /// @param before Tokens at the end of the block before `since`.
    /// @param since Block in which the balance last changed.
    /// @param place Place in the tree, from 1; 0 for who never held any; {NO_SEAT} for who never takes a seat.
    struct Holder {
        uint96 balance;
        uint96 before;
        uint32 since;
        uint32 place;
    }

    /// @dev The two best of a search; `floor` is the bound that a better one needs.
    struct Best {
        address except;
        bool strongest;
        address first;
        address second;
        Holder firstHolder;
        Holder secondHolder;
        uint256 floor;
    }

    /// @dev The place of accounts that take no seat: the pool, the creator, and contracts that hold others' tokens.
    uint32 internal constant NO_SEAT = type(uint32).max;

    State internal _state;

    mapping(address account => Holder) internal _holders;
    mapping(uint256 place => address account) internal _places;
    BoundTree.Tree internal _bounds;

    // ─── Token ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @notice All tokens there are and will ever be, in base units.
    function totalSupply() public view override returns (uint256) {
        return ModelArgs.economy().supply;
    }

    /// @notice Tokens of an account, in base units.
    function balanceOf(address owner) public view override returns (uint256) {
        return _holders[owner].balance;
    }

    /// @notice Moves the caller's tokens. Refuses recipients from which they could never move again.
    function transfer(address to, uint256 amount) public override returns (bool) {
        _requireRecipient(to);
        _transfer(msg.sender, to, amount);
        return true;
    }

    /// @notice Moves tokens on an allowance. Refuses recipients from which they could never move again.
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _requireRecipient(to);
        _spendAllowance(from, msg.sender, amount);
        _transfer(from, to, amount);
        return true;
    }

    /// @dev Solady lets one well-known contract spend everyone's tokens; here only the holder gives allowances.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }

    function _requireRecipient(address to) internal view {
        if (to == address(this) || to == address(0)) revert InvalidRecipient(to);
    }

    /// @dev Moves tokens between any two accounts, the pool among them.
    function _transfer(address from, address to, uint256 amount) internal override {
        Holder memory sender = _holders[from];
        if (amount > sender.balance) revert InsufficientBalance();
        if (amount != 0 && from != to) {
            _setBalance(sender, sender.balance - amount);
            _holders[from] = sender;

            Holder memory receiver = _holders[to];
            _setBalance(receiver, receiver.balance + amount);
            if (receiver.place == 0) receiver.place = _newPlace(to);
            _holders[to] = receiver;
            if (receiver.place != NO_SEAT) _bounds.raise(receiver.place - 1, receiver.balance);
        }
        emit Transfer(from, to, amount);
    }

    /// @dev Gives tokens of the supply to an account that takes no seat; only while a model is set up.
    function _mintSeatless(address to, uint256 amount) internal {
        // A supply fits 96 bits: checked by the factory.
        // forge-lint: disable-next-line(unsafe-typecast)
        _holders[to] = Holder(uint96(amount), 0, uint32(block.number), NO_SEAT);
        emit Transfer(address(0), to, amount);
    }

    /// @dev Without a branch: a wallet that estimates gas in one block pays the same in the next.
    function _setBalance(Holder memory holder, uint256 balance) private view {
        // No balance exceeds the supply; four billion blocks are beyond any chain's life.
        // forge-lint: disable-start(unsafe-typecast)
        holder.before = uint96(FixedPointMathLib.ternary(holder.since == block.number, holder.before, holder.balance));
        holder.since = uint32(block.number);
        holder.balance = uint96(balance);
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _newPlace(address account) private returns (uint32 place) {
        if (_isSeatless(account)) return NO_SEAT;
        uint32 count = _state.holderCount;
        _bounds.grow(count);
        _places[count] = account;
        place = count + 1;
        _state.holderCount = place;
    }

    /// @dev Contracts that hold tokens for others.
    function _isSeatless(address account) internal view virtual returns (bool);

    // ─── Seats ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc ISeats
    function seats() external view returns (address first, address second) {
        Best memory best = _best(address(0), false);
        return (best.first, best.second);
    }

    /// @inheritdoc ISeats
    function seatOf(address account) public view returns (uint256) {
        Holder memory holder = _holders[account];
        // What was held before this block and still is: borrowed tokens count for nothing.
        if (holder.since == block.number && holder.before < holder.balance) holder.balance = holder.before;
        if (holder.place == 0 || holder.place == NO_SEAT || holder.balance == 0) return 0;
        Best memory others = _best(account, true);
        if (_beats(others.secondHolder, holder)) return 0;
        return _beats(others.firstHolder, holder) ? 2 : 1;
    }

    /// @inheritdoc ISeats
    function holderCount() external view returns (uint256) {
        return _state.holderCount;
    }

    /// @inheritdoc ISeats
    function holders(uint256 offset, uint256 limit)
        external
        view
        returns (address[] memory accounts, uint256[] memory balances)
    {
        uint256 length = Page.length(_state.holderCount, offset, limit);
        accounts = new address[](length);
        balances = new uint256[](length);
        for (uint256 i; i < length; ++i) {
            accounts[i] = _places[offset + i];
            balances[i] = _holders[accounts[i]].balance;
        }
    }

    /// @dev The two largest holders besides `except`. With `strongest`, one whose balance fell in this block counts
    /// with what it had before: nobody gains a seat by borrowing from those above.
    function _best(address except, bool strongest) internal view returns (Best memory best) {
        best.except = except;
        best.strongest = strongest;
        best.floor = 1;
        _search(BoundTree.height(_state.holderCount) - 1, 0, best);
    }

    function _search(uint256 level, uint256 index, Best memory best) private view {
        uint256 bounds = _bounds.word(level, index);
        while (true) {
            (uint256 child, uint256 code) = BoundTree.largest(bounds, level);
            if (code < best.floor) return;
            bounds = BoundTree.without(bounds, child, level);
            child |= index << BoundTree.childBits(level);
            if (level == 0) _consider(_places[child], best);
            else _search(level - 1, child, best);
        }
    }

    function _consider(address account, Best memory best) private view {
        if (account == best.except) return;
        Holder memory holder = _holders[account];
        if (best.strongest && holder.since == block.number && holder.before > holder.balance) {
            holder.balance = holder.before;
        }
        if (holder.balance == 0 || !_beats(holder, best.secondHolder)) return;
        if (_beats(holder, best.firstHolder)) {
            (best.second, best.secondHolder) = (best.first, best.firstHolder);
            (best.first, best.firstHolder) = (account, holder);
        } else {
            (best.second, best.secondHolder) = (account, holder);
        }
        best.floor = FixedPointMathLib.max(1, BoundTree.encodeUp(best.secondHolder.balance));
    }

    /// @dev The larger balance; among equals the one reached in the earlier block, then the older holder.
    function _beats(Holder memory a, Holder memory b) internal pure returns (bool) {
        if (a.balance != b.balance) return a.balance > b.balance;
        if (a.since != b.since) return a.since < b.since;
        return a.place < b.place;
    }
}
