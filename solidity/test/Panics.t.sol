// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {Court} from "./Court.sol";

/// @notice Arguments for any function, made from nothing but its signature.
abstract contract Arguments {
    address[] internal _known;

    struct Signature {
        bytes text;
        uint256 place;
        uint256 seed;
    }

    function _next(Signature memory s) internal pure returns (uint256) {
        return s.seed = uint256(keccak256(abi.encode(s.seed)));
    }

    /// @dev Calldata of a call that decodes: selector and arguments.
    function _callOf(string memory signature, uint256 seed) internal view returns (bytes memory) {
        Signature memory s = Signature(bytes(signature), 0, seed);
        while (s.text[s.place] != "(") ++s.place;
        (bytes memory arguments,) = _tuple(s);
        return bytes.concat(bytes4(keccak256(bytes(signature))), arguments);
    }

    /// @dev Heads, then the tails of what is dynamic.
    function _tuple(Signature memory s) internal view returns (bytes memory encoded, bool isDynamic) {
        bytes[] memory parts = new bytes[](16);
        bool[] memory dynamics = new bool[](16);
        (uint256 count, uint256 heads) = (0, 0);
        ++s.place;
        while (s.text[s.place] != ")") {
            if (s.text[s.place] == ",") ++s.place;
            (parts[count], dynamics[count]) = s.text[s.place] == "(" ? _tuple(s) : _value(s);
            isDynamic = isDynamic || dynamics[count];
            heads += dynamics[count] ? 32 : parts[count].length;
            ++count;
        }
        ++s.place;
        bytes memory tails;
        for (uint256 i; i < count; ++i) {
            if (!dynamics[i]) {
                encoded = bytes.concat(encoded, parts[i]);
                continue;
            }
            encoded = bytes.concat(encoded, bytes32(heads + tails.length));
            tails = bytes.concat(tails, parts[i]);
        }
        encoded = bytes.concat(encoded, tails);
    }

    function _value(Signature memory s) internal view returns (bytes memory, bool isDynamic) {
        uint256 from = s.place;
        while (s.text[s.place] != "," && s.text[s.place] != ")" && s.text[s.place] != "[") ++s.place;
        bytes memory name = new bytes(s.place - from);
        for (uint256 i; i < name.length; ++i) {
            name[i] = s.text[from + i];
        }
        if (s.text[s.place] == "[") {
            // A list without a length in its type.
            s.place += 2;
            uint256 count = _next(s) % 4;
            bytes memory list = abi.encode(count);
            for (uint256 i; i < count; ++i) {
                list = bytes.concat(list, _word(name, _next(s)));
            }
            return (list, true);
        }
        if (keccak256(name) == keccak256("bytes") || keccak256(name) == keccak256("string")) {
            bytes memory text = new bytes(_next(s) % 40);
            // Without the offset that a single argument begins with.
            bytes memory padded = abi.encode(text);
            bytes memory tail = new bytes(padded.length - 32);
            for (uint256 i; i < tail.length; ++i) {
                tail[i] = padded[i + 32];
            }
            return (tail, true);
        }
        return (abi.encode(_word(name, _next(s))), false);
    }

    /// @dev Mostly what means something or lies at an end of the type, seldom anything.
    function _word(bytes memory name, uint256 r) internal view returns (bytes32) {
        if (name[0] == "a") return bytes32(r % 8 == 0 ? r >> 96 : uint160(_known[(r >> 8) % _known.length]));
        if (name[0] == "b" && name[1] == "o") return bytes32(r % 2);
        uint256 width;
        for (uint256 i = 4; i < name.length; ++i) {
            if (name[i] >= "0" && name[i] <= "9") width = width * 10 + uint8(name[i]) - 48;
        }
        if (name[0] == "b") {
            width = name.length == 7 ? 256 : 8 * (uint8(name[5]) - 48);
            return bytes32(r % 4 == 0 ? 0 : r) & ~bytes32(type(uint256).max >> (width - 1) >> 1);
        }
        uint256 most = type(uint256).max >> (256 - width);
        uint256 kind = r % 8;
        r >>= 8;
        if (kind == 0) return bytes32(most);
        if (kind == 1) return bytes32(most - r % 4);
        if (kind == 2) return bytes32(r & most);
        if (kind == 3) return bytes32((r % 1e24) & most);
        return bytes32(r % 6);
    }
}

/// @notice Whatever anybody sends, a refusal has a name: no overflow, no empty list, no impossible enum.
/// @dev The protocol's own contracts are not among the senders: what they send is checked where it comes in.
contract PanicsTest is Court, Arguments {
    struct Target {
        address account;
        string[] signatures;
    }

    Target[] internal _targets;
    address[] internal _senders;

    function setUp() public override {
        super.setUp();
        _addTarget(address(jobs), "out/Jobs.sol/Jobs.json");
        _addTarget(address(jury), "out/Jury.sol/Jury.json");
        _addTarget(address(scores), "out/Scores.sol/Scores.json");
        _addTarget(address(roster), "out/Roster.sol/Roster.json");
        _addTarget(address(vault), "out/Vault.sol/Vault.json");
        _addTarget(address(factory), "out/ModelFactory.sol/ModelFactory.json");
        _addTarget(address(model), "out/Model.sol/Model.json");
        _senders = [CREATOR, WORKER, USER, DOUBTER, auditorAt(0), auditorAt(1), auditorAt(2)];
        _known = _senders;
        _known.push(address(0));
        _known.push(address(jobs));
        _known.push(address(vault));
        // The model is meant more often than anything else.
        for (uint256 i; i < 8; ++i) {
            _known.push(address(model));
        }
        _prepare();
    }

    function _addTarget(address account, string memory artifact) internal {
        Target storage t = _targets.push();
        t.account = account;
        t.signatures = vm.parseJsonKeys(vm.readFile(artifact), "$.methodIdentifiers");
        vm.assertGt(t.signatures.length, 0, "no functions");
    }

    /// @dev Jobs in all states, a case of each stage, an epoch that is over, and money everywhere.
    function _prepare() internal {
        seat(3);
        trainAs(WORKER, 100);
        give(USER, 1000e18);
        for (uint256 i; i < _senders.length; ++i) {
            endow(_senders[i], 10 ether);
            give(_senders[i], 100e18);
            vm.startPrank(_senders[i]);
            model.approve(address(vault), type(uint256).max);
            vault.depositTokens(address(model), 50e18);
            vm.stopPrank();
        }
        openAs(USER, request(3));
        openAs(USER, training(3));
        claimAs(WORKER, openAs(USER, request(2)));
        startAs(WORKER, 5);
        uint64 id = openAs(USER, request(4));
        claimAs(WORKER, id);
        commitAs(WORKER, id);
        revealAs(WORKER, id);
        draw(challengeAs(DOUBTER, id));
        revealedAs(WORKER, 9);
        vm.roll(uint256(scores.currentEpoch() + 1) * 360);
    }

    /// @dev `Panic(uint256)`, as the compiler writes it.
    function _assertNoPanic(string memory signature, bytes memory reason) internal pure {
        bool panicked = reason.length == 36 && bytes4(reason) == 0x4e487b71;
        vm.assertFalse(panicked, string.concat(signature, " panicked with ", vm.toString(uint8(bytes1(_last(reason))))));
    }

    function _last(bytes memory reason) internal pure returns (bytes1) {
        return reason.length == 0 ? bytes1(0) : reason[reason.length - 1];
    }

    function _call(address account, string memory signature, bytes memory data, uint256 seed) internal returns (bool) {
        address sender = _senders[seed % _senders.length];
        uint256 value = (seed >> 8) % 4 == 0 ? (seed >> 16) % 1 ether : 0;
        vm.deal(sender, 10 ether);
        vm.prank(sender);
        (bool success, bytes memory reason) = account.call{value: value, gas: 30_000_000}(data);
        if (!success) _assertNoPanic(signature, reason);
        return success;
    }

    /// forge-config: default.fuzz.runs = 60
    function testFuzz_panics_neverOnArguments(uint256 seed) public {
        uint256 succeeded;
        for (uint256 i; i < _targets.length; ++i) {
            Target storage t = _targets[i];
            for (uint256 j; j < t.signatures.length; ++j) {
                string memory signature = t.signatures[j];
                for (uint256 k; k < 4; ++k) {
                    uint256 r = uint256(keccak256(abi.encode(seed, i, j, k)));
                    if (_call(t.account, signature, _callOf(signature, r), r)) ++succeeded;
                    if (r >> 250 == 0) {
                        vm.warp(block.timestamp + CHALLENGE_WINDOW / 2);
                        vm.roll(block.number + 200);
                    }
                }
            }
        }
        // Arguments that nobody could decode would prove nothing.
        vm.assertGt(succeeded, 100, "hardly a call went through");
    }

    /// forge-config: default.fuzz.runs = 60
    function testFuzz_panics_neverOnBytes(uint256 seed, bytes calldata noise) public {
        for (uint256 i; i < _targets.length; ++i) {
            Target storage t = _targets[i];
            for (uint256 j; j < t.signatures.length; ++j) {
                string memory signature = t.signatures[j];
                uint256 r = uint256(keccak256(abi.encode(seed, i, j)));
                bytes4 selector = bytes4(keccak256(bytes(signature)));
                _call(t.account, signature, bytes.concat(selector, noise), r);
                _call(t.account, signature, bytes.concat(selector, _noise(r)), r);
            }
            _call(t.account, "noise", noise, seed);
        }
    }

    function _noise(uint256 r) internal pure returns (bytes memory noise) {
        noise = new bytes(r % 400);
        for (uint256 i; i < noise.length; i += 1 + r % 7) {
            noise[i] = bytes1(uint8(uint256(keccak256(abi.encode(r, i)))));
        }
    }

    /// @dev The three places where numbers of the caller meet numbers that are there, at their ends.
    function test_panics_neverAtTheLargestNumbers() public {
        uint256 most = type(uint256).max;
        _call(address(jury), "register", abi.encodeCall(jury.register, (type(uint128).max)), 4);
        _call(address(vault), "depositTokens", abi.encodeCall(vault.depositTokens, (address(model), most)), 2);
        _call(address(vault), "withdraw", abi.encodeCall(vault.withdraw, (address(model), most, USER)), 2);
        bytes32 root = keccak256("root");
        uint64[2] memory epochs = [type(uint64).max, type(uint64).max - 2];
        for (uint256 i; i < 2; ++i) {
            bytes memory data = abi.encodeCall(scores.postWeights, (address(model), epochs[i], root));
            vm.assertFalse(_call(address(scores), "postWeights", data, 2), "an epoch of the far future");
            data = abi.encodeCall(scores.shareByScore, (address(model), epochs[i]));
            vm.assertFalse(_call(address(scores), "shareByScore", data, 2), "an epoch of the far future");
        }
        IJobs.Request memory r = request(type(uint32).max);
        _call(address(jobs), "open", abi.encodeCall(jobs.open, (r)), 2);
        r = training(type(uint32).max);
        vm.assertTrue(_call(address(jobs), "start", abi.encodeCall(jobs.start, (r, 0)), 2), "the longest training");
        IModel.InferRequest memory use = inference(type(uint32).max);
        _call(address(model), "infer", abi.encodeCall(model.infer, (use)), 2);
    }
}
