// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {BlockRandomness} from "../src/BlockRandomness.sol";
import {Deployment} from "../src/Deployment.sol";
import {Jobs} from "../src/Jobs.sol";
import {Jury} from "../src/Jury.sol";
import {Model} from "../src/Model.sol";
import {ModelFactory} from "../src/ModelFactory.sol";
import {Roster} from "../src/Roster.sol";
import {Scores} from "../src/Scores.sol";
import {Vault} from "../src/Vault.sol";
import {IJobs} from "../src/interfaces/IJobs.sol";
import {IModel} from "../src/interfaces/IModel.sol";
import {IModelFactory} from "../src/interfaces/IModelFactory.sol";
import {Vm} from "./Vm.sol";

/// @notice What every test starts from: the deployed protocol, an ordinary model, and a few named accounts.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant WAD = 1e18;
    uint256 internal constant SUPPLY = 1_000_000e18;
    uint64 internal constant ALPHA = 0.1e18;
    uint32 internal constant REFERENCE_STEPS = 500;
    uint64 internal constant INFERENCE_UNIT = 0.0001e18;
    uint96 internal constant BOND = 0.01 ether;
    uint32 internal constant ROLLBACK_DELAY = 1 days;
    uint32 internal constant CHALLENGE_WINDOW = 1 hours;
    uint32 internal constant JURY_PHASE = 2 hours;
    uint32 internal constant TRAIN_LEASE = 6 hours;
    uint32 internal constant INFER_LEASE = 10 minutes;

    address internal immutable CREATOR = address(0xC0FFEE);
    address internal immutable WORKER = address(0xA11CE);
    address internal immutable USER = address(0xB0B);

    Vault internal vault;
    Jury internal jury;
    Scores internal scores;
    Roster internal roster;
    Jobs internal jobs;
    ModelFactory internal factory;
    Model internal model;

    /// @dev Foundry takes a test contract for one by this flag.
    // forge-lint: disable-next-line(mixed-case-function)
    function IS_TEST() external pure returns (bool) {
        return true;
    }

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1000);
        deploy();
        model = create(ordinary());
    }

    /// @dev The contracts know each other by the places they are deployed at.
    function deploy() internal {
        Deployment d = new Deployment();
        (address v, address r, address y) = (d.addressAt(1), d.addressAt(2), d.addressAt(3));
        (address s, address o) = (d.addressAt(4), d.addressAt(5));
        (address j, address f) = (d.addressAt(6), d.addressAt(7));
        vault = Vault(d.deploy(bytes.concat(type(Vault).creationCode, abi.encode(f, j, y, s, o))));
        d.deploy(type(BlockRandomness).creationCode);
        jury = Jury(d.deploy(bytes.concat(type(Jury).creationCode, abi.encode(v, r, j, s))));
        scores = Scores(d.deploy(bytes.concat(type(Scores).creationCode, abi.encode(v, y, j))));
        roster = Roster(d.deploy(bytes.concat(type(Roster).creationCode, abi.encode(f, v, j))));
        jobs = Jobs(d.deploy(bytes.concat(type(Jobs).creationCode, abi.encode(f, v, y, s, o))));
        factory = ModelFactory(d.deploy(bytes.concat(type(ModelFactory).creationCode, abi.encode(j, s, v))));
    }

    function rules() internal pure returns (IModel.Rules memory) {
        return IModel.Rules({
            bond: BOND,
            bondInTokens: false,
            jurySize: 3,
            rollbackDelay: ROLLBACK_DELAY,
            challengeWindow: CHALLENGE_WINDOW,
            juryPhase: JURY_PHASE,
            trainLease: TRAIN_LEASE,
            inferLease: INFER_LEASE,
            roundLength: 0,
            minImprovementPpm: 0
        });
    }

    function ordinary() internal pure returns (IModelFactory.CreateModel memory) {
        return IModelFactory.CreateModel({
            name: "Handwritten digits",
            symbol: "DIGITS",
            supply: SUPPLY,
            alpha: ALPHA,
            referenceSteps: REFERENCE_STEPS,
            inferenceUnit: INFERENCE_UNIT,
            rules: rules(),
            manifest: keccak256("manifest"),
            genesis: keccak256("genesis")
        });
    }

    function create(IModelFactory.CreateModel memory params) internal returns (Model) {
        vm.prank(CREATOR);
        return Model(factory.createModel(params));
    }

    /// @dev A training of the head that nothing stands in the way of.
    function training(uint32 steps) internal view returns (IJobs.Request memory) {
        return IJobs.Request({
            model: address(model),
            kind: IModel.JobKind.Train,
            proof: IJobs.Proof.Replay,
            base: model.head(),
            units: steps,
            input: keccak256("recipe"),
            maxPrice: 0
        });
    }

    /// @dev An inference on the head that nothing stands in the way of.
    function request(uint32 count) internal view returns (IJobs.Request memory r) {
        r = training(count);
        (r.kind, r.input, r.maxPrice) = (IModel.JobKind.Infer, keccak256("input"), type(uint256).max);
    }

    /// @dev What a job made; each job makes something else.
    function result(uint64 job) internal pure returns (IJobs.Result memory) {
        return IJobs.Result({
            output: keccak256(abi.encode("output", job)),
            checkpointRoot: keccak256(abi.encode("checkpoints", job)),
            accuracyPpm: 912_345
        });
    }

    function nextBlock() internal {
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + 12);
    }

    function fund(address account) internal {
        vm.deal(account, account.balance + 1000 ether);
    }

    function startAs(address worker, uint32 steps) internal returns (uint64 job) {
        return startAs(worker, training(steps));
    }

    function startAs(address worker, IJobs.Request memory r) internal returns (uint64 job) {
        fund(worker);
        vm.prank(worker);
        job = jobs.start{value: BOND}(r, 0);
        nextBlock();
    }

    function commitAs(address worker, uint64 job) internal {
        vm.prank(worker);
        jobs.commit(job, result(job));
        nextBlock();
    }

    function revealAs(address worker, uint64 job) internal {
        vm.prank(worker);
        jobs.reveal(job, result(job), "");
        nextBlock();
    }

    /// @dev A training from its claim to the moment at which it can be challenged.
    function revealedAs(address worker, uint32 steps) internal returns (uint64 job) {
        job = startAs(worker, steps);
        commitAs(worker, job);
        revealAs(worker, job);
    }

    function settle(uint64 job) internal {
        jobs.settle(job, result(job));
    }

    function passWindow() internal {
        vm.roll(block.number + CHALLENGE_WINDOW / 12);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
    }

    /// @dev A whole training that nobody challenges.
    function trainAs(address worker, uint32 steps) internal returns (uint256 reward) {
        uint256 before = model.balanceOf(worker);
        uint64 job = revealedAs(worker, steps);
        passWindow();
        settle(job);
        return model.balanceOf(worker) - before;
    }

    /// @dev A use of the head that nothing stands in the way of.
    function inference(uint32 count) internal view returns (IModel.InferRequest memory) {
        return IModel.InferRequest({
            version: model.head(),
            count: count,
            inputHash: keccak256("input"),
            maxPrice: type(uint256).max,
            deadline: uint64(block.timestamp)
        });
    }

    function inferAs(address user, uint32 count) internal returns (uint256) {
        IModel.InferRequest memory request = inference(count);
        vm.prank(user);
        return model.infer(request);
    }

    /// @dev Brings a random number into a range, the ends included and likely.
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        if (type(uint256).max - x < 3) return high - (type(uint256).max - x) % (high - low + 1);
        return low + x % (high - low + 1);
    }
}
