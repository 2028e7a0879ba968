// Headless validators: weights of an epoch posted, wrong ones refuted, tokens claimed, by nobody but nodes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { keccak256 } from "viem";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { Node, run } from "./nodes.mjs";

const [OPEN, POSTED, WEIGHTED, SHARED] = [0, 1, 2, 3];
const USER = person(9);
const [ONE, TWO] = [person(5), person(6)];
let world, sample;
before(async () => {
  world = await World.start();
  sample = new Protocol(world);
});
after(() => world.stop());

// A model in whose last epoch two workers have answered; and that epoch.
async function worked(changes = {}) {
  const protocol = await sample.sibling({ challengeWindow: 30, ...changes });
  await protocol.give(USER.address, 1000);
  await protocol.nextEpoch();
  const epoch = await protocol.read("Scores", "currentEpoch");
  await protocol.settle([await protocol.answered(USER, ONE, 1), await protocol.answered(USER, TWO, 9), await protocol.answered(USER, ONE, 2)]);
  await protocol.nextEpoch();
  return { protocol, epoch };
}

async function until(protocol, epoch, status) {
  for (;;) {
    const held = await protocol.read("Scores", "epochOf", [protocol.model, epoch]);
    if (held.status === status) return held;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a validator posts weights, makes them final, and workers claim by themselves", async () => {
  const { protocol, epoch } = await worked();
  const validator = new Node(world, person(7), "validator", ["validate", "--model", protocol.model]);
  const { root, poster } = await until(protocol, epoch, POSTED);
  assert.equal(poster, person(7).address);
  // Another client of the log comes to the same weights.
  const { code, output } = await run(world, person(8), ["score", protocol.model, "--epoch", `${epoch}`]);
  assert.equal(code, 0);
  const weights = output.trim().split("\n").map((line) => Number(line.split(" ")[3]));
  assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-5, output);
  await protocol.pass(31);
  const held = await until(protocol, epoch, WEIGHTED);
  assert.equal(held.root, root);
  assert.ok(held.emission > 0n);
  assert.equal(await validator.stop(), 0);

  const worker = new Node(world, ONE, "claims", ["serve", "--model", protocol.model]);
  const { args } = await protocol.event("Scores", "Claimed", (log) => log.model === protocol.model);
  assert.equal(args.worker, ONE.address);
  assert.ok(args.amount > held.emission / 2n, "the better of two has the larger part");
  assert.equal(await protocol.read("Model", "balanceOf", [ONE.address]), args.amount);
  assert.equal(await worker.stop(), 0);
});

test("wrong weights are doubted, refuted by a jury of nodes, and replaced", async () => {
  // Time for three nodes to vote; the chain's clock follows the machine's.
  const { protocol, epoch } = await worked({ challengeWindow: 600, voteWindow: 20 });
  const { bond } = await protocol.read("Model", "rules");
  const auditors = [1, 2, 3].map((i) => new Node(world, person(i), `auditor-${i}`, ["audit"]));
  await Promise.all(auditors.map((auditor) => auditor.log("registered")));
  await protocol.send(person(8), "Scores", "postWeights", [protocol.model, epoch, keccak256("0x12")], bond);
  const validator = new Node(world, person(7), "doubter", ["validate", "--model", protocol.model]);
  const doubted = await protocol.event("Scores", "WeightsChallenged", (log) => log.model === protocol.model);
  // Whoever was first; the others judge.
  assert.notEqual(doubted.args.challenger, person(8).address);
  let stop = false;
  // Blocks come without transactions too.
  const clock = (async () => {
    while (!stop) {
      await protocol.pass(1);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  const rejected = await protocol.event("Scores", "WeightsRejected", (log) => log.model === protocol.model);
  assert.equal(rejected.args.poster, person(8).address);
  stop = true;
  await clock;
  assert.equal(await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, person(8).address]), 0n, "its bond is lost");
  const { root, poster } = await until(protocol, epoch, POSTED);
  assert.equal(poster, person(7).address);
  assert.notEqual(root, keccak256("0x12"));
  for (const node of [validator, ...auditors]) assert.equal(await node.stop(), 0);
});

test("where nobody posts in time, a validator divides by scores", async () => {
  const { protocol, epoch } = await worked();
  assert.equal((await protocol.read("Scores", "epochOf", [protocol.model, epoch])).status, OPEN);
  await protocol.nextEpoch();
  const validator = new Node(world, person(7), "late", ["validate", "--model", protocol.model]);
  const { emission } = await until(protocol, epoch, SHARED);
  assert.ok(emission > 0n);
  assert.equal(await validator.stop(), 0);
});
