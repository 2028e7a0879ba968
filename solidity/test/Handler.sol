// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Base} from "./Base.sol";

/// @notice Four people who create, train, use and trade up to four models in any order, and a book of what should
/// have come of it. Every call it makes is one that must succeed.
contract Handler is Base {
    uint256 internal constant PEOPLE = 4;
    uint256 internal constant MODELS = 4;

    struct Book {
        uint256 supply;
        uint256 initialPool;
        uint256 paid;
        uint256 charged;
        uint256 jobs;
        bytes32[] versionHashes;
    }

    Model[] public models;
    mapping(Model => Book) internal _books;

    constructor(ModelFactory factory_) {
        factory = factory_;
        createModel(0, SUPPLY, ALPHA, REFERENCE_STEPS, INFERENCE_UNIT);
    }

    function setUp() public override {}

    function modelCount() external view returns (uint256) {
        return models.length;
    }

    function book(Model m) external view returns (Book memory) {
        return _books[m];
    }

    function person(uint256 i) public pure returns (address) {
        return vm.addr(_key(i));
    }

    function people() external pure returns (uint256) {
        return PEOPLE;
    }

    function _key(uint256 i) internal pure returns (uint256) {
        return 0x1000 + i % PEOPLE;
    }

    function _pick(uint256 i) internal {
        model = models[i % models.length];
    }

    // ─── What they do ────────────────────────────────────────────────────────────────────────────────────────────

    function createModel(uint256 who, uint256 supply, uint256 alpha, uint256 steps, uint256 unit) public {
        if (models.length == MODELS) return;
        IModelFactory.CreateModel memory p = ordinary();
        p.supply = bound(supply, 1e18, 2 ** 120);
        p.alpha = uint64(bound(alpha, 1e12, 693_147_180_559_945_309));
        p.referenceSteps = uint32(bound(steps, 1, type(uint32).max / 8));
        p.inferenceUnit = uint64(bound(unit, 1, 1e18));
        vm.prank(person(who));
        model = Model(factory.createModel(p));
        models.push(model);
        Book storage b = _books[model];
        b.supply = p.supply;
        b.initialPool = model.pool();
        b.versionHashes.push(keccak256(abi.encode(model.version(0))));
    }

    function train(uint256 which, uint256 who, uint256 steps, uint256 accuracy) external {
        _pick(which);
        IModel.TrainSubmission memory s = training(uint32(bound(steps, 1, 8 * uint256(model.referenceSteps()))));
        s.accuracyPpm = uint32(bound(accuracy, 0, 1e6));
        s.minReward = model.quoteReward(s.steps);
        if (s.minReward == 0) return;
        vm.prank(person(who));
        uint256 reward = model.train(s);
        Book storage b = _books[model];
        b.paid += reward;
        b.jobs += 1;
        b.versionHashes.push(keccak256(abi.encode(model.version(model.head()))));
    }

    function infer(uint256 which, uint256 who, uint256 version, uint256 count) external {
        _pick(which);
        IModel.InferRequest memory r = inference(uint32(bound(count, 1, 1000)));
        r.version = uint32(bound(version, 0, model.versionCount() - 1));
        r.maxPrice = model.quotePrice(r.count);
        if (r.maxPrice > model.balanceOf(person(who))) return;
        vm.prank(person(who));
        uint256 price = model.infer(r);
        Book storage b = _books[model];
        b.charged += price;
        b.jobs += 1;
    }

    function transfer(uint256 which, uint256 from, uint256 to, uint256 amount) external {
        _pick(which);
        amount = bound(amount, 0, model.balanceOf(person(from)));
        vm.prank(person(from));
        model.transfer(person(to), amount);
    }

    function permitAndTransfer(uint256 which, uint256 from, uint256 to, uint256 amount) external {
        _pick(which);
        address owner = person(from);
        address spender = person(to);
        amount = bound(amount, 0, model.balanceOf(owner));
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                spender,
                amount,
                model.nonces(owner),
                block.timestamp
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(_key(from), keccak256(abi.encodePacked("\x19\x01", model.DOMAIN_SEPARATOR(), permit)));
        model.permit(owner, spender, amount, block.timestamp, v, r, s);
        vm.prank(spender);
        model.transferFrom(owner, spender, amount);
    }

    function passTime(uint256 blocks) external {
        blocks = bound(blocks, 1, 1000);
        vm.roll(block.number + blocks);
        vm.warp(block.timestamp + 12 * blocks);
    }
}
