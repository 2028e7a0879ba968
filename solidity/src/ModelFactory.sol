// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "./Model.sol";
import {IModel} from "./interfaces/IModel.sol";
import {IModelFactory} from "./interfaces/IModelFactory.sol";
import {ModelArgs} from "./libraries/ModelArgs.sol";
import {Page} from "./libraries/Page.sol";
import {LibClone} from "solady/utils/LibClone.sol";

/// @title ModelFactory
/// @notice See {IModelFactory}.
contract ModelFactory is IModelFactory {
    /// @dev One token: enough digits for the creator's share and for every reward.
    uint256 internal constant MIN_SUPPLY = 1e18;

    /// @dev Leaves room beside the counters in the model's one state word, and below every product of the curve.
    uint256 internal constant MAX_SUPPLY = type(uint96).max;

    /// @dev One reference training earns about a millionth of the pool.
    uint64 internal constant MIN_ALPHA = 1e12;

    /// @dev ln 2, rounded down: one reference training earns half of the pool.
    uint64 internal constant MAX_ALPHA = 693_147_180_559_945_309;

    /// @dev Long enough that two steps are never in one block, short enough that the second one comes.
    uint32 internal constant MIN_SECONDS = 1;
    uint32 internal constant MAX_SECONDS = 30 days;

    /// @dev Five blocks of the main network: jurors who are there can vote, and so none loses its stake to a model whose
    /// juries have no time.
    uint32 internal constant MIN_PHASE = 60;

    uint8 internal constant MIN_JURY = 3;
    uint8 internal constant MAX_JURY = 21;

    /// @dev Accuracy of one, in parts per million.
    uint32 internal constant PPM = 1e6;

    /// @dev One inference weighs as much as a reference training.
    uint64 internal constant MAX_INFERENCE_UNIT = 1e18;

    /// @inheritdoc IModelFactory
    address public immutable implementation;

    /// @inheritdoc IModelFactory
    mapping(address model => bool) public isModel;

    address[] internal _models;

    constructor(address jobs, address scores, address vault) {
        implementation = address(new Model(address(this), jobs, scores, vault));
    }

    /// @inheritdoc IModelFactory
    function createModel(CreateModel calldata params) external returns (address model) {
        _check(params);
        bytes memory args = ModelArgs.pack(
            params.name,
            params.symbol,
            msg.sender,
            params.manifest,
            ModelArgs.Economy(params.supply, params.alpha, params.inferenceUnit, params.referenceSteps),
            params.rules
        );
        // The address follows from the creator's choices and the place in the list, so a chain reorganisation
        // cannot put another model under an address that somebody already used.
        bytes32 salt = keccak256(abi.encode(_models.length, params.genesis));
        model = LibClone.cloneDeterministic(implementation, args, salt);
        _models.push(model);
        isModel[model] = true;
        emit ModelCreated(model, msg.sender, params.manifest, params.genesis, params.name, params.symbol);
        IModel(model).initialize(params.genesis);
    }

    /// @inheritdoc IModelFactory
    function modelCount() external view returns (uint256) {
        return _models.length;
    }

    /// @inheritdoc IModelFactory
    function models(uint256 offset, uint256 limit) external view returns (address[] memory page) {
        page = new address[](Page.length(_models.length, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _models[offset + i];
        }
    }

    /// @inheritdoc IModelFactory
    function summaries(uint256 offset, uint256 limit) external view returns (IModel.ModelSummary[] memory page) {
        page = new IModel.ModelSummary[](Page.length(_models.length, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = IModel(_models[offset + i]).summary();
        }
    }

    function _check(CreateModel calldata p) internal pure {
        uint256 length = bytes(p.name).length;
        if (length == 0 || length > ModelArgs.MAX_NAME) revert NameLengthOutOfRange(length, 1, ModelArgs.MAX_NAME);
        length = bytes(p.symbol).length;
        if (length == 0 || length > ModelArgs.MAX_SYMBOL) {
            revert SymbolLengthOutOfRange(length, 1, ModelArgs.MAX_SYMBOL);
        }
        if (p.supply < MIN_SUPPLY || p.supply > MAX_SUPPLY) revert SupplyOutOfRange(p.supply, MIN_SUPPLY, MAX_SUPPLY);
        if (p.alpha < MIN_ALPHA || p.alpha > MAX_ALPHA) revert AlphaOutOfRange(p.alpha, MIN_ALPHA, MAX_ALPHA);
        if (p.referenceSteps == 0) revert ReferenceStepsOutOfRange(0, 1, type(uint32).max);
        if (p.inferenceUnit == 0 || p.inferenceUnit > MAX_INFERENCE_UNIT) {
            revert InferenceUnitOutOfRange(p.inferenceUnit, 1, MAX_INFERENCE_UNIT);
        }
        _checkRules(p.rules);
        if (p.manifest == 0) revert ManifestMissing();
        if (p.genesis == 0) revert GenesisMissing();
    }

    function _checkRules(IModel.Rules calldata r) internal pure {
        if (r.bond == 0) revert BondMissing();
        if (r.jurySize < MIN_JURY || r.jurySize > MAX_JURY || r.jurySize % 2 == 0) {
            revert JurySizeOutOfRange(r.jurySize, MIN_JURY, MAX_JURY);
        }
        _checkSeconds(r.rollbackDelay, MIN_SECONDS);
        _checkSeconds(r.challengeWindow, MIN_SECONDS);
        _checkSeconds(r.juryPhase, MIN_PHASE);
        _checkSeconds(r.trainLease, MIN_SECONDS);
        _checkSeconds(r.inferLease, MIN_SECONDS);
        if (r.roundLength != 0) _checkSeconds(r.roundLength, MIN_SECONDS);
        if (r.minImprovementPpm > PPM) revert ImprovementOutOfRange(r.minImprovementPpm, PPM);
    }

    function _checkSeconds(uint32 time, uint32 least) internal pure {
        if (time < least || time > MAX_SECONDS) revert SecondsOutOfRange(time, least, MAX_SECONDS);
    }
}
