// What others do on the chain while a test looks at the page: train, own, audit. Real transactions of
// the chain's own unlocked accounts.
import { readFileSync } from "node:fs";
import { createTestClient, createWalletClient, encodeAbiParameters, http, keccak256, parseEther, parseEventLogs, publicActions } from "viem";
import { mnemonicToAccount } from "viem/accounts";

const MNEMONIC = "test test test test test test test test test test test junk";
const abi = (name) => JSON.parse(readFileSync(`solidity/out/${name}.sol/${name}.json`)).abi;
export const ABI = Object.fromEntries(["Model", "ModelFactory", "Jobs", "Jury", "Roster", "Scores", "Vault", "ParameterStore"].map((name) => [name, abi(name)]));

export const person = (index) => mnemonicToAccount(MNEMONIC, { addressIndex: index });
// Anvil's first account deploys, and so made the sample model.
export const CREATOR = person(0);

let made = 0;

export class Protocol {
  constructor(world, model = world.sample) {
    this.model = model;
    this.world = world;
    this.contracts = { ...world.contracts, Model: model };
    this.chain = createTestClient({ mode: "anvil", transport: http(world.rpcUrl), pollingInterval: 50 }).extend(publicActions);
    this.transport = http(world.rpcUrl);
  }

  abi(contract) {
    return ABI[contract];
  }

  read(contract, functionName, args = []) {
    return this.chain.readContract({ address: this.contracts[contract], abi: ABI[contract], functionName, args });
  }

  async send(account, contract, functionName, args = [], value = 0n) {
    const wallet = createWalletClient({ account, transport: this.transport });
    const hash = await wallet.writeContract({ address: this.contracts[contract], abi: ABI[contract], functionName, args, value, chain: null });
    const receipt = await this.chain.waitForTransactionReceipt({ hash });
    if (receipt.status !== "success") throw new Error(`${functionName} was reverted`);
    return receipt;
  }

  async pass(seconds) {
    await this.chain.increaseTime({ seconds });
    await this.chain.mine({ blocks: 1 });
  }

  // The sample model once more, with other rules.
  async sibling(changes, { manifest: otherManifest, genesis: otherGenesis, inferenceUnit: otherUnit } = {}) {
    const [name, symbol, manifest, genesis, rules, supply, alpha, referenceSteps, inferenceUnit] = await Promise.all([
      this.read("Model", "name"), this.read("Model", "symbol"), this.read("Model", "manifest"), this.read("Model", "version", [0]),
      this.read("Model", "rules"), this.read("Model", "totalSupply"), this.read("Model", "alpha"), this.read("Model", "referenceSteps"),
      this.read("Model", "inferenceUnit"),
    ]);
    const params = {
      name, symbol, supply, alpha, referenceSteps, inferenceUnit: otherUnit ?? inferenceUnit, rules: { ...rules, ...changes },
      manifest: otherManifest ?? manifest, genesis: otherGenesis ?? genesis.parametersHash,
    };
    const receipt = await this.send(CREATOR, "ModelFactory", "createModel", [params]);
    const [{ args }] = parseEventLogs({ abi: ABI.ModelFactory, logs: receipt.logs, eventName: "ModelCreated" });
    return new Protocol(this.world, args.model);
  }

  #result({ accuracyPpm = 500_000, output, checkpointRoot = `0x${"22".repeat(32)}` } = {}) {
    return { output: output ?? keccak256(`0x${(++made).toString(16).padStart(64, "0")}`), checkpointRoot, accuracyPpm };
  }

  async #request(proof, units) {
    const [base, input] = await Promise.all([this.read("Model", "head"), this.read("Model", "manifest")]);
    return { model: this.model, kind: 0, proof, base, units, input, maxPrice: 0n };
  }

  async #open(worker, functionName, args) {
    const { bond, bondInTokens } = await this.read("Model", "rules");
    const receipt = await this.send(worker, "Jobs", functionName, args, bondInTokens ? 0n : bond);
    const [{ args: opened }] = parseEventLogs({ abi: ABI.Jobs, logs: receipt.logs, eventName: "JobOpened" });
    return opened.job;
  }

  // A training that is announced: its seed is fixed.
  async announce(worker, { units = 500 } = {}) {
    return this.#open(worker, "start", [await this.#request(0, units), 0n]);
  }

  // An inference that somebody else is to make.
  async ask(user, input, units) {
    const base = await this.read("Model", "head");
    const request = { model: this.model, kind: 1, proof: 0, base, units, input, maxPrice: 2n ** 256n - 1n };
    const receipt = await this.send(user, "Jobs", "open", [request]);
    const [{ args }] = parseEventLogs({ abi: ABI.Jobs, logs: receipt.logs, eventName: "JobOpened" });
    return args.job;
  }

  // Resolves with the logs of an event once there is one that fits.
  async event(contract, eventName, fits = () => true) {
    for (;;) {
      const logs = await this.chain.getContractEvents({ address: this.contracts[contract], abi: ABI[contract], eventName, fromBlock: 0n });
      const found = logs.find((log) => fits(log.args));
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // The same with its seed drawn.
  async announceSeeded(worker, options) {
    const job = await this.announce(worker, options);
    await this.send(worker, "Jobs", "drawSeed", [job]);
    return { job, seed: await this.read("Jobs", "seedOf", [job]) };
  }

  async commit(worker, job, options) {
    const result = this.#result(options);
    await this.send(worker, "Jobs", "commit", [job, result]);
    return result;
  }

  // A training that is committed and can be challenged.
  async reveal(worker, options) {
    const result = this.#result(options);
    const job = await this.#open(worker, "submit", [await this.#request(1, 500), 0n, result]);
    await this.send(worker, "Jobs", "reveal", [job, result, "0x"]);
    return { job, result };
  }

  // A whole training; the head moves.
  async train(worker, options) {
    const { job, result } = await this.reveal(worker, options);
    await this.pass(6);
    await this.send(worker, "Jobs", "settle", [job, result]);
    return job;
  }

  // An inference that took so many seconds, in a file that nobody reads; it can be challenged.
  async answered(user, worker, seconds) {
    const { bond } = await this.read("Model", "rules");
    const job = await this.ask(user, keccak256(`0x${(++made).toString(16).padStart(64, "0")}`), 1);
    await this.send(worker, "Jobs", "claim", [job, 0n], bond);
    await this.chain.increaseTime({ seconds });
    const result = await this.commit(worker, job, { checkpointRoot: `0x${"00".repeat(32)}`, accuracyPpm: 0 });
    await this.send(worker, "Jobs", "reveal", [job, result, "0x"]);
    return { job, result, worker };
  }

  // Settles what nobody has challenged.
  async settle(done) {
    const { challengeWindow } = await this.read("Model", "rules");
    await this.pass(challengeWindow + 1);
    for (const { job, result, worker } of done) await this.send(worker, "Jobs", "settle", [job, result]);
  }

  // The first block of the next epoch.
  async nextEpoch() {
    const epoch = await this.read("Scores", "currentEpoch");
    await this.chain.mine({ blocks: Number((epoch + 1n) * 360n - (await this.chain.getBlockNumber())) });
  }

  async give(to, tokens) {
    await this.send(CREATOR, "Model", "transfer", [to, parseEther(`${tokens}`)]);
  }

  // Tokens from which the account's bonds are taken.
  async payIn(account, tokens) {
    const amount = parseEther(`${tokens}`);
    await this.send(account, "Model", "approve", [this.contracts.Vault, amount]);
    await this.send(account, "Vault", "depositTokens", [this.model, amount]);
  }

  // All of a drawn jury find `finding`; the case can be closed then.
  async vote(caseId, finding, auditors) {
    const [jurors] = await this.read("Jury", "jury", [caseId]);
    const salt = `0x${"44".repeat(32)}`;
    const voters = auditors.filter(({ address }) => jurors.includes(address));
    for (const voter of voters) {
      const vote = encodeAbiParameters(
        [{ type: "uint64" }, { type: "address" }, { type: "bytes32" }, { type: "bytes32" }],
        [caseId, voter.address, finding, salt],
      );
      await this.send(voter, "Jury", "commitVote", [caseId, keccak256(vote)]);
    }
    for (const voter of voters) await this.send(voter, "Jury", "revealVote", [caseId, finding, salt]);
  }
}
