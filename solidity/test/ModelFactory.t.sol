// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Base} from "./Base.sol";
import {Vm} from "./Vm.sol";

/// @notice Creating models and finding them again.
contract ModelFactoryTest is Base {
    uint64 internal constant MAX_ALPHA = 693_147_180_559_945_309;

    function test_createModel_logsIt() public {
        vm.recordLogs();
        Model second = create(ordinary());
        (bool found, bytes32 manifest, bytes32 genesis, string memory name, string memory symbol) =
            _created(address(second));
        vm.assertTrue(found, "no event names the model and its creator");
        vm.assertEq(manifest, keccak256("manifest"), "manifest");
        vm.assertEq(genesis, keccak256("genesis"), "genesis");
        vm.assertEq(name, "Handwritten digits", "name");
        vm.assertEq(symbol, "DIGITS", "symbol");
    }

    function _created(address created)
        internal
        returns (bool found, bytes32 manifest, bytes32 genesis, string memory name, string memory symbol)
    {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(factory)) continue;
            found = logs[i].topics[0] == IModelFactory.ModelCreated.selector
                && logs[i].topics[1] == bytes32(uint256(uint160(created)))
                && logs[i].topics[2] == bytes32(uint256(uint160(CREATOR)));
            (manifest, genesis, name, symbol) = abi.decode(logs[i].data, (bytes32, bytes32, string, string));
        }
    }

    function test_createModel_listsIt() public {
        Model second = create(ordinary());
        vm.assertEq(factory.modelCount(), 2, "count");
        vm.assertTrue(factory.isModel(address(model)), "first");
        vm.assertTrue(factory.isModel(address(second)), "second");
        vm.assertFalse(factory.isModel(factory.implementation()), "the shared code is no model");
        vm.assertFalse(factory.isModel(address(this)), "a stranger is no model");
        vm.assertTrue(address(second) != address(model), "two models share an address");
    }

    function test_createModel_theAddressFollowsFromTheChoices() public {
        uint256 state = vm.snapshotState();
        address here = address(create(ordinary()));
        vm.revertToState(state);
        IModelFactory.CreateModel memory params = ordinary();
        params.genesis = keccak256("another genesis");
        vm.assertTrue(address(create(params)) != here, "another model took the address");
        vm.revertToState(state);
        vm.assertEq(address(create(ordinary())), here, "the same model got another address");
    }

    function testFuzz_createModel_keepsEveryChoice(
        uint256 supply,
        uint64 alpha,
        uint32 referenceSteps,
        uint64 inferenceUnit,
        uint256 lengths,
        bytes32 text
    ) public {
        IModelFactory.CreateModel memory p = ordinary();
        p.supply = bound(supply, 1e18, type(uint96).max);
        p.alpha = uint64(bound(alpha, 1e12, MAX_ALPHA));
        p.referenceSteps = uint32(bound(referenceSteps, 1, type(uint32).max));
        p.inferenceUnit = uint64(bound(inferenceUnit, 1, 1e18));
        p.name = _text(text, bound(lengths & 0xff, 1, 31));
        p.symbol = _text(text, bound(lengths >> 8 & 0xff, 1, 11));
        p.manifest = keccak256(abi.encode(text));
        model = create(p);
        vm.assertEq(model.totalSupply(), p.supply, "supply");
        vm.assertEq(model.balanceOf(CREATOR), p.supply / 20, "creator's share");
        vm.assertEq(model.pool(), p.supply - p.supply / 20, "pool");
        vm.assertEq(model.alpha(), p.alpha, "alpha");
        vm.assertEq(model.referenceSteps(), p.referenceSteps, "reference steps");
        vm.assertEq(model.inferenceUnit(), p.inferenceUnit, "inference unit");
        vm.assertEq(model.name(), p.name, "name");
        vm.assertEq(model.symbol(), p.symbol, "symbol");
        vm.assertEq(model.manifest(), p.manifest, "manifest");
        vm.assertEq(model.creator(), CREATOR, "creator");
        vm.assertGt(model.quoteReward(p.referenceSteps), 0, "one reference training earns nothing");
        vm.assertLe(model.quoteReward(p.referenceSteps), model.pool() / 2, "it earns more than half of the pool");
        vm.assertGt(model.quotePrice(1), 0, "one inference is free");
    }

    function _text(bytes32 source, uint256 length) internal pure returns (string memory) {
        bytes memory text = new bytes(length);
        for (uint256 i; i < length; ++i) {
            text[i] = source[i];
        }
        return string(text);
    }

    // ─── Limits ──────────────────────────────────────────────────────────────────────────────────────────────────

    function test_createModel_boundsTheName() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.name = "";
        _refused(p, abi.encodeWithSelector(IModelFactory.NameLengthOutOfRange.selector, 0, 1, 31));
        p.name = "12345678901234567890123456789012";
        _refused(p, abi.encodeWithSelector(IModelFactory.NameLengthOutOfRange.selector, 32, 1, 31));
        p.name = "1234567890123456789012345678901";
        vm.assertEq(create(p).name(), p.name, "the longest name");
    }

    function test_createModel_boundsTheSymbol() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.symbol = "";
        _refused(p, abi.encodeWithSelector(IModelFactory.SymbolLengthOutOfRange.selector, 0, 1, 11));
        p.symbol = "123456789012";
        _refused(p, abi.encodeWithSelector(IModelFactory.SymbolLengthOutOfRange.selector, 12, 1, 11));
        p.symbol = "12345678901";
        vm.assertEq(create(p).symbol(), p.symbol, "the longest symbol");
    }

    function test_createModel_boundsTheSupply() public {
        IModelFactory.CreateModel memory p = ordinary();
        uint256 most = type(uint96).max;
        p.supply = 1e18 - 1;
        _refused(p, abi.encodeWithSelector(IModelFactory.SupplyOutOfRange.selector, p.supply, 1e18, most));
        p.supply = most + 1;
        _refused(p, abi.encodeWithSelector(IModelFactory.SupplyOutOfRange.selector, p.supply, 1e18, most));
        p.supply = type(uint256).max;
        _refused(p, abi.encodeWithSelector(IModelFactory.SupplyOutOfRange.selector, p.supply, 1e18, most));
        p.supply = most;
        vm.assertEq(create(p).totalSupply(), most, "the largest supply");
        p.supply = 1e18;
        vm.assertEq(create(p).totalSupply(), 1e18, "the smallest supply");
    }

    function test_createModel_boundsAlpha() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.alpha = 1e12 - 1;
        _refused(p, abi.encodeWithSelector(IModelFactory.AlphaOutOfRange.selector, p.alpha, 1e12, MAX_ALPHA));
        p.alpha = MAX_ALPHA + 1;
        _refused(p, abi.encodeWithSelector(IModelFactory.AlphaOutOfRange.selector, p.alpha, 1e12, MAX_ALPHA));
    }

    function test_createModel_boundsReferenceSteps() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.referenceSteps = 0;
        _refused(p, abi.encodeWithSelector(IModelFactory.ReferenceStepsOutOfRange.selector, 0, 1, type(uint32).max));
    }

    function test_createModel_boundsTheInferenceUnit() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.inferenceUnit = 0;
        _refused(p, abi.encodeWithSelector(IModelFactory.InferenceUnitOutOfRange.selector, 0, 1, 1e18));
        p.inferenceUnit = 1e18 + 1;
        _refused(p, abi.encodeWithSelector(IModelFactory.InferenceUnitOutOfRange.selector, 1e18 + 1, 1, 1e18));
    }

    function test_createModel_boundsTheRules() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.rules.bond = 0;
        _refused(p, abi.encodeWithSelector(IModelFactory.BondMissing.selector));
        uint8[4] memory sizes = [1, 4, 20, 23];
        for (uint256 i; i < sizes.length; ++i) {
            p = ordinary();
            p.rules.jurySize = sizes[i];
            _refused(p, abi.encodeWithSelector(IModelFactory.JurySizeOutOfRange.selector, sizes[i], 3, 21));
        }
        p = ordinary();
        p.rules.minImprovementPpm = 1_000_001;
        _refused(p, abi.encodeWithSelector(IModelFactory.ImprovementOutOfRange.selector, 1_000_001, 1_000_000));
        uint32[2] memory times = [uint32(0), 30 days + 1];
        for (uint256 i; i < 12; ++i) {
            p = ordinary();
            uint32 time = times[i % 2];
            if (i / 2 == 0) p.rules.rollbackDelay = time;
            else if (i / 2 == 1) p.rules.challengeWindow = time;
            else if (i / 2 == 2) p.rules.juryPhase = time;
            else if (i / 2 == 3) p.rules.trainLease = time;
            else if (i / 2 == 4) p.rules.inferLease = time;
            else p.rules.roundLength = 30 days + 1;
            if (i / 2 == 5) time = 30 days + 1;
            uint32 least = i / 2 == 2 ? 60 : 1;
            _refused(p, abi.encodeWithSelector(IModelFactory.SecondsOutOfRange.selector, time, least, 30 days));
        }
    }

    /// @dev Whose silence pays the parties has time to speak.
    function test_createModel_givesJurorsAMinute() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.rules.juryPhase = 59;
        _refused(p, abi.encodeWithSelector(IModelFactory.SecondsOutOfRange.selector, 59, 60, 30 days));
        p.rules.juryPhase = 60;
        vm.assertEq(create(p).rules().juryPhase, 60, "a minute is enough");
    }

    function testFuzz_createModel_keepsTheRules(uint96 bond, bool tokens, uint8 size, uint256 times) public {
        IModelFactory.CreateModel memory p = ordinary();
        p.rules.bond = uint96(bound(bond, 1, type(uint96).max));
        p.rules.bondInTokens = tokens;
        p.rules.jurySize = 3 + 2 * (size % 10);
        p.rules.rollbackDelay = _time(times, 0);
        p.rules.challengeWindow = _time(times, 1);
        p.rules.juryPhase = uint32(bound(_time(times, 2), 60, 30 days));
        p.rules.trainLease = _time(times, 3);
        p.rules.inferLease = _time(times, 4);
        p.rules.roundLength = _time(times, 5);
        p.rules.minImprovementPpm = _time(times, 6) % 1_000_001;
        model = create(p);
        vm.assertEq(keccak256(abi.encode(model.rules())), keccak256(abi.encode(p.rules)), "rules");
        vm.assertEq(model.name(), p.name, "the rest is where it was");
        vm.assertEq(model.referenceSteps(), p.referenceSteps, "reference steps");
    }

    function _time(uint256 source, uint256 i) internal pure returns (uint32) {
        return uint32(bound(uint32(source >> (32 * i)), 1, 30 days));
    }

    function test_createModel_wantsAManifestAndAGenesis() public {
        IModelFactory.CreateModel memory p = ordinary();
        p.manifest = 0;
        _refused(p, abi.encodeWithSelector(IModelFactory.ManifestMissing.selector));
        p = ordinary();
        p.genesis = 0;
        _refused(p, abi.encodeWithSelector(IModelFactory.GenesisMissing.selector));
    }

    function _refused(IModelFactory.CreateModel memory p, bytes memory reason) internal {
        vm.expectRevert(reason);
        factory.createModel(p);
    }

    // ─── Pages ───────────────────────────────────────────────────────────────────────────────────────────────────

    function test_models_paging() public {
        Model second = create(ordinary());
        Model third = create(ordinary());
        vm.assertEq(factory.models(0, 10).length, 3, "all");
        vm.assertEq(factory.models(0, 0).length, 0, "none");
        vm.assertEq(factory.models(3, 10).length, 0, "at the end");
        vm.assertEq(factory.models(type(uint256).max, type(uint256).max).length, 0, "far beyond the end");
        address[] memory page = factory.models(1, type(uint256).max);
        vm.assertEq(page.length, 2, "the longest page");
        vm.assertEq(page[0], address(second), "first of the page");
        vm.assertEq(page[1], address(third), "last of the page");
    }

    function test_summaries_areTheModelsOwnCards() public {
        create(ordinary());
        model = create(ordinary());
        trainAs(WORKER, 300);
        IModel.ModelSummary[] memory page = factory.summaries(1, 5);
        vm.assertEq(page.length, 2, "page");
        vm.assertEq(keccak256(abi.encode(page[1])), keccak256(abi.encode(model.summary())), "card");
        vm.assertEq(factory.summaries(3, 5).length, 0, "at the end");
        vm.assertEq(factory.summaries(0, 0).length, 0, "none");
    }

    function test_summaries_ofNoModels() public {
        factory = new ModelFactory(address(jobs), address(scores), address(vault));
        vm.assertEq(factory.modelCount(), 0, "count");
        vm.assertEq(factory.summaries(0, 10).length, 0, "page");
    }
}
