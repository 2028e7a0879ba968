// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ERC20 as OpenZeppelinERC20} from "openzeppelin/token/ERC20/ERC20.sol";
import {ERC20 as SoladyERC20} from "solady/tokens/ERC20.sol";

/// @notice Tokens to measure beside: the two libraries that most projects use, with nothing added.
contract SoladyToken is SoladyERC20 {
    function initialize(uint256 supply) external {
        _mint(msg.sender, supply);
    }

    function name() public pure override returns (string memory) {
        return "Solady";
    }

    function symbol() public pure override returns (string memory) {
        return "S";
    }
}

contract OpenZeppelinToken is OpenZeppelinERC20 {
    constructor(uint256 supply) OpenZeppelinERC20("OpenZeppelin", "O") {
        _mint(msg.sender, supply);
    }
}
