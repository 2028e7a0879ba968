// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @title BoundTree
/// @notice Finds the largest of many balances without keeping them sorted.
/// @dev A tree of bounds, one word a node: each bound is at least the largest value below that child. Bounds are
/// raised when a value outgrows them and never lowered, so a falling balance costs nothing and a rising one stops at
/// the first node that already allows it. A search visits only children whose bound reaches what it looks for, and
/// reads the true values at the leaves, so its answer is exact.
///
/// On level 0 a node has sixteen leaves, with bounds of 16 bits: floating-point numbers of 7 bits of exponent and 9 of
/// mantissa, rounded up, off by less than 1/256. Higher nodes have thirty-two children, with bounds of 8 bits: those
/// of 16 in steps of 256, rounded up, which is half an octave. The tree stays low, and few bounds ever rise.
library BoundTree {
    /// @dev Bits of the mantissa, of which the first is always one in numbers that need an exponent.
    uint256 internal constant MANTISSA_BITS = 9;

    /// @dev Bits that a bound of a higher node leaves out.
    uint256 internal constant COARSE_BITS = 8;

    struct Tree {
        mapping(uint256 key => uint256 word) words;
    }

    /// @notice The least bound of 16 bits that is not below `value`. Bounds compare as their values do. Values are
    /// below 2^127.
    function encodeUp(uint256 value) internal pure returns (uint256 code) {
        if (value < 1 << MANTISSA_BITS) return value;
        unchecked {
            uint256 exponent = FixedPointMathLib.log2(value) - (MANTISSA_BITS - 1);
            uint256 mantissa = value >> exponent;
            if (mantissa << exponent != value) ++mantissa;
            // A carry beyond the nine bits leaves 2^9: the next exponent's smallest mantissa.
            if (mantissa == 1 << MANTISSA_BITS) (mantissa, exponent) = (mantissa >> 1, exponent + 1);
            return (exponent << MANTISSA_BITS) | mantissa;
        }
    }

    /// @notice Levels of a tree of `count` leaves; the root is the only node of the highest.
    function height(uint256 count) internal pure returns (uint256 levels) {
        levels = 1;
        for (uint256 room = 1 << childBits(0); room < count; room <<= childBits(levels)) {
            ++levels;
        }
    }

    /// @notice The bounds of a node.
    function word(Tree storage tree, uint256 level, uint256 index) internal view returns (uint256) {
        return tree.words[_key(level, index)];
    }

    /// @notice Makes room for the leaf `place`, the newest of `place + 1`.
    function grow(Tree storage tree, uint256 place) internal {
        uint256 levels = height(place);
        if (height(place + 1) == levels) return;
        // A new root stands above the old one and inherits its largest bound.
        (, uint256 code) = largest(word(tree, levels - 1, 0), levels - 1);
        tree.words[_key(levels, 0)] = _coarseUp(code);
    }

    /// @notice Raises all bounds above the leaf `place` that are below `value`, which is not zero.
    /// @dev It knows the root by the empty word above it, which saves reading how many leaves there are.
    function raise(Tree storage tree, uint256 place, uint256 value) internal {
        uint256 code = encodeUp(value);
        uint256 shift = (place & 15) << 4;
        place >>= 4;
        uint256 bounds = tree.words[place];
        if ((bounds >> shift) & 0xffff >= code) return;
        tree.words[place] = (bounds & ~(0xffff << shift)) | (code << shift);
        code = _coarseUp(code);
        unchecked {
            // A sibling, or the former bound, that rounds up as far has raised all above already.
            for (; bounds != 0; bounds >>= 16) {
                if (_coarseUp(bounds & 0xffff) >= code) return;
            }
            for (uint256 level = 1;; ++level) {
                shift = (place & 31) << 3;
                place >>= 5;
                uint256 key = _key(level, place);
                bounds = tree.words[key];
                if ((bounds >> shift) & 0xff >= code || (place == 0 && bounds == 0)) return;
                tree.words[key] = (bounds & ~(0xff << shift)) | (code << shift);
            }
        }
    }

    /// @notice The first child with the largest bound of a node, and that bound in 16 bits.
    function largest(uint256 bounds, uint256 level) internal pure returns (uint256 child, uint256 code) {
        uint256 bits = _codeBits(level);
        uint256 mask = _codeMask(level);
        unchecked {
            for (uint256 i; bounds != 0; ++i) {
                uint256 next = bounds & mask;
                if (next > code) (child, code) = (i, next);
                bounds >>= bits;
            }
        }
        if (level != 0) code <<= COARSE_BITS;
    }

    /// @notice A node's word without the bound of `child`.
    function without(uint256 bounds, uint256 child, uint256 level) internal pure returns (uint256) {
        return bounds & ~(_codeMask(level) << (child * _codeBits(level)));
    }

    /// @notice Children of a node, as a power of two.
    function childBits(uint256 level) internal pure returns (uint256) {
        return level == 0 ? 4 : 5;
    }

    function _codeBits(uint256 level) private pure returns (uint256) {
        return level == 0 ? 16 : 8;
    }

    function _codeMask(uint256 level) private pure returns (uint256) {
        return (1 << _codeBits(level)) - 1;
    }

    function _coarseUp(uint256 code) private pure returns (uint256) {
        return (code + (1 << COARSE_BITS) - 1) >> COARSE_BITS;
    }

    function _key(uint256 level, uint256 index) private pure returns (uint256) {
        return (level << 32) | index;
    }
}
