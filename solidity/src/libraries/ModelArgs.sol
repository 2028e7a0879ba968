// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IModel} from "../interfaces/IModel.sol";
import {LibClone} from "solady/utils/LibClone.sol";
import {LibString} from "solady/utils/LibString.sol";

/// @title ModelArgs
/// @notice Layout of what a model carries in its own code: set once at creation, impossible to change afterwards,
/// and cheaper to read than storage.
/// @dev Bytes: name 0–31 (length first), symbol 32–43 (length first), creator 44–63, manifest 64–95; the curve's numbers
/// in one word 96–127 and reference steps 128–131; the rules 132–173, as {pack} writes them.
library ModelArgs {
    /// @dev Longest name in bytes: what fits in a word beside its length.
    uint256 internal constant MAX_NAME = 31;

    /// @dev Longest symbol in bytes.
    uint256 internal constant MAX_SYMBOL = 11;

    /// @dev The four numbers of the curve.
    struct Economy {
        uint256 supply;
        uint64 alpha;
        uint64 inferenceUnit;
        uint32 referenceSteps;
    }

    /// @notice The bytes to append to a clone's code. The caller has checked the lengths.
    function pack(
        string memory name_,
        string memory symbol_,
        address creator_,
        bytes32 manifest_,
        Economy memory economy_,
        IModel.Rules memory rules_
    ) internal pure returns (bytes memory) {
        return abi.encodePacked(
            LibString.packOne(name_),
            bytes12(LibString.packOne(symbol_)),
            creator_,
            manifest_,
            // Supply is below 2^96: checked by the factory.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint128(economy_.supply),
            economy_.alpha,
            economy_.inferenceUnit,
            economy_.referenceSteps,
            _packRules(rules_)
        );
    }

    function _packRules(IModel.Rules memory r) private pure returns (bytes memory) {
        return abi.encodePacked(
            r.bond,
            r.bondInTokens,
            r.jurySize,
            r.rollbackDelay,
            r.challengeWindow,
            r.juryPhase,
            r.trainLease,
            r.inferLease,
            r.roundLength,
            r.minImprovementPpm
        );
    }

    /// @notice Name of the model this code runs as.
    function name() internal view returns (string memory) {
        return LibString.unpackOne(_word(0));
    }

    /// @notice Symbol of the model's token.
    function symbol() internal view returns (string memory) {
        return LibString.unpackOne(_word(32));
    }

    /// @notice Account that created the model.
    function creator() internal view returns (address) {
        return address(bytes20(_word(44)));
    }

    /// @notice Content hash of the model's manifest.
    function manifest() internal view returns (bytes32) {
        return _word(64);
    }

    /// @notice The numbers of the curve.
    function economy() internal view returns (Economy memory e) {
        bytes memory packed = LibClone.argsOnClone(address(this), 96, 132);
        uint256 word = uint256(LibClone.argLoad(packed, 0));
        e.supply = word >> 128;
        // Each cast cuts one field out of the packed word.
        // forge-lint: disable-start(unsafe-typecast)
        e.alpha = uint64(word >> 64);
        e.inferenceUnit = uint64(word);
        // forge-lint: disable-end(unsafe-typecast)
        e.referenceSteps = uint32(bytes4(LibClone.argLoad(packed, 32)));
    }

    /// @notice The model's rules.
    function rules() internal view returns (IModel.Rules memory r) {
        bytes memory packed = LibClone.argsOnClone(address(this), 132, 174);
        uint256 word = uint256(LibClone.argLoad(packed, 0));
        uint256 rest = uint256(LibClone.argLoad(packed, 32));
        // Each cast cuts one field out of a packed word.
        // forge-lint: disable-start(unsafe-typecast)
        r.bond = uint96(word >> 160);
        r.bondInTokens = uint8(word >> 152) != 0;
        r.jurySize = uint8(word >> 144);
        r.rollbackDelay = uint32(word >> 112);
        r.challengeWindow = uint32(word >> 80);
        r.juryPhase = uint32(word >> 48);
        r.trainLease = uint32(word >> 16);
        r.inferLease = uint32(((word & 0xffff) << 16) | (rest >> 240));
        r.roundLength = uint32(rest >> 208);
        r.minImprovementPpm = uint32(rest >> 176);
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _word(uint256 offset) private view returns (bytes32) {
        return LibClone.argLoad(LibClone.argsOnClone(address(this), offset, offset + 32), 0);
    }
}
