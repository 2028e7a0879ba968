// Three nodes train one model at once: all are paid, their average becomes the next version, an auditor
// checks it; and a wrong average is found out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { keccak256, parseEther } from "viem";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { Node } from "./nodes.mjs";

const WORKERS = [1, 2, 3].map(person);
const AUDITORS = [5, 6, 7, 8].map(person);
let world, sample, blocks;
const auditors = [];
before(async () => {
  world = await World.start();
  sample = new Protocol(world);
  blocks = setInterval(() => sample.chain.mine({ blocks: 1 }).catch(() => {}), 500);
  for (const [i, account] of AUDITORS.entries()) auditors.push(new Node(world, account, `auditor-${i}`, ["audit"]));
  await Promise.all(auditors.map((node) => node.log("registered as an auditor")));
});
after(async () => {
  clearInterval(blocks);
  await Promise.all(auditors.map((node) => node.stop()));
  await world.stop();
});

// A round stays open until all have trained, however slow the machine, and is over then.
const ROUND = 3600;
async function closeRound(protocol, trainings) {
  for (;;) {
    const round = await protocol.read("Jobs", "roundOf", [protocol.model]);
    if (round.accepted === trainings && round.pending === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await protocol.pass(ROUND);
}

test("three nodes' trainings are averaged, checked and published, and each is paid", { timeout: 240_000 }, async () => {
  const protocol = await sample.sibling({ roundLength: ROUND, challengeWindow: 30, juryPhase: 90 });
  const nodes = WORKERS.map((account, i) => new Node(world, account, `worker-${i}`, ["train", protocol.model, "--steps", "100"]));
  await closeRound(protocol, 3);
  const codes = await Promise.all(nodes.map((node) => node.ended));
  assert.deepEqual(codes, [0, 0, 0], nodes.flatMap((node) => node.lines.filter((line) => !line.includes("DEBUG"))).join("\n"));
  await Promise.all(auditors.map((node) => node.log("the posted average is the trainings' own")));
  assert.equal(await protocol.read("Model", "head"), 1);
  const version = await protocol.read("Model", "version", [1]);
  const posted = nodes.flatMap((node) => node.lines).filter((line) => line.includes("average posted"));
  assert.equal(posted.length, 1, "one of them posted it");
  assert.equal(JSON.parse(posted[0]).fields.trainings, 3);
  assert.equal(version.accuracyPpm, JSON.parse(posted[0]).fields.accuracy_ppm);
  for (const { address } of WORKERS) assert.ok((await protocol.read("Model", "balanceOf", [address])) > 0n);
});

test("a wrong average costs its poster the bond, and the right one is published", { timeout: 240_000 }, async () => {
  const liar = person(4);
  const protocol = await sample.sibling({ roundLength: ROUND + 1, challengeWindow: 30, juryPhase: 90 });
  // Two nodes train and are stopped once they are paid, before they can post the average.
  const nodes = WORKERS.slice(0, 2).map((account, i) => new Node(world, account, `quick-${i}`, ["train", protocol.model, "--steps", "100"]));
  await Promise.all(nodes.map((node) => node.log('"over"').then(() => node.stop("SIGKILL"))));
  await closeRound(protocol, 2);
  await protocol.pass(1);
  await protocol.send(liar, "Jobs", "postAverage", [protocol.model, keccak256("0x07"), 999_999], parseEther("0.01"));
  const rejected = () => protocol.chain.getContractEvents({ address: protocol.contracts.Jobs, abi: protocol.abi("Jobs"), eventName: "AverageRejected", fromBlock: 0n });
  while ((await rejected()).length === 0) await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, liar.address]), 0n);
  // A worker that comes back finds the round open and publishes the right average first.
  const back = new Node(world, WORKERS[0], "quick-0", ["train", protocol.model, "--steps", "100", "--jobs", "0"]);
  await back.log("average posted");
  for (;;) {
    if ((await protocol.read("Model", "head")) === 1) break;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await back.stop("SIGKILL");
});
