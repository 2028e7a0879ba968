// Headless workers answer what others ask: drawn by the chain, falling to the next, checked, audited, and paid by epoch.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { encodeAbiParameters, keccak256, toHex } from "viem";
import { cidOf, digestOf } from "../../local/content.mjs";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { Bench, Node, keyOf, question, readQuestion } from "./nodes.mjs";

const [OPEN, REVEALED, SETTLED] = [1, 4, 5];
const GRACE = 12;
const USER = person(4);
const random = () => toHex(randomBytes(32));
let world, protocol, bench;
before(async () => {
  world = await World.start();
  protocol = new Protocol(world);
  bench = await Bench.open(world, protocol);
  await protocol.give(USER.address, 1000);
});
after(() => world.stop());

async function ask(inputs, nonce = random()) {
  const file = question(inputs, nonce);
  await world.content.put(file);
  return protocol.ask(USER, digestOf(file), inputs.length);
}

async function until(job, state) {
  for (;;) {
    const found = await protocol.read("Jobs", "jobOf", [job]);
    if (found.state === state) return found;
    // The window for doubts passes by the chain's clock; leases must not.
    if (found.state === REVEALED) await protocol.pass(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const serve = (account, name, options = {}) =>
  new Node(world, account, name, ["serve", "--model", protocol.model, ...(options.args ?? [])], options);
const stateOf = async (job) => (await protocol.read("Jobs", "jobOf", [job])).state;

test("a question is drawn to a worker, answered to the bit, and paid", async () => {
  const keys = [person(1), person(2), person(3)];
  const worker = serve(keys[0], "several", { env: { DELEA_PRIVATE_KEY: keys.map(keyOf).join(",") }, args: ["--leave"] });
  for (const { address } of keys) await protocol.event("Roster", "Enlisted", (log) => log.worker === address);
  assert.equal(await protocol.read("Roster", "waiting", [protocol.model, 1]), 3);
  const pool = await protocol.read("Model", "pool");

  const inputs = bench.examples(3);
  const job = await ask(inputs);
  const { worker: by, resultHash } = await until(job, SETTLED);
  assert.ok(keys.some(({ address }) => address === by));
  const { args } = await protocol.event("Jobs", "JobCommitted", (log) => log.job === job);
  assert.notEqual(resultHash, 0);
  const file = Buffer.from(await (await fetch(`${world.url}/ipfs/${cidOf(args.result.output)}`)).arrayBuffer());
  assert.equal(digestOf(file), args.result.output);
  assert.deepEqual(file, bench.answer(inputs));
  assert.ok((await protocol.read("Model", "pool")) > pool, "the price is in the pool");
  const epoch = await protocol.read("Scores", "currentEpoch");
  const score = await protocol.read("Scores", "scoreOf", [protocol.model, epoch, by]);
  assert.equal(score.inferences, 1);
  assert.ok(score.infer > 0n && score.infer <= 3n * 10n ** 17n);

  assert.equal(await worker.stop(), 0);
  assert.equal(await protocol.read("Roster", "waiting", [protocol.model, 1]), 0, "left its places");
});

test("a job falls to the next worker when the one drawn is silent", async () => {
  const silent = person(1);
  const { bond } = await protocol.read("Model", "rules");
  await protocol.send(silent, "Roster", "enlist", [protocol.model, 2], bond);
  const worker = serve(person(2), "next");
  await protocol.event("Roster", "Enlisted", (log) => log.worker === person(2).address);
  // Until one is drawn to the silent worker first.
  for (;;) {
    const job = await ask(bench.examples(1));
    await protocol.pass(1);
    const { claimBlock, claimedAt, openedAt } = await protocol.read("Jobs", "jobOf", [job]);
    const turn = ({ address }) => protocol.read("Roster", "turnOf", [protocol.model, 1, job, address, BigInt(claimBlock), BigInt(claimedAt)]);
    const turns = (await protocol.read("Jobs", "jobOf", [job])).state === OPEN ? await Promise.all([turn(silent), turn(person(2))]) : [];
    if (turns[1] > openedAt) {
      assert.equal(turns[1], openedAt + BigInt(GRACE));
      assert.equal(await stateOf(job), OPEN);
      await protocol.pass(GRACE);
      const { worker: by } = await until(job, SETTLED);
      assert.equal(by, person(2).address);
      break;
    }
    await until(job, SETTLED);
  }
  assert.equal(await worker.stop(), 0);
  await protocol.send(silent, "Roster", "delist", [protocol.model]);
  await protocol.send(person(2), "Roster", "delist", [protocol.model]);
});

test("an audit looks like any question, and is opened after the answer", async () => {
  const worker = serve(person(1), "audited", { args: ["--leave"] });
  await protocol.event("Roster", "Enlisted", (log) => log.worker === person(1).address && log.kinds === 2);
  const inputs = bench.examples(2);
  const output = digestOf(bench.answer(inputs));
  const salt = random();
  const nonce = keccak256(encodeAbiParameters([{ type: "bytes32" }, { type: "bytes32" }], [output, salt]));
  const job = await ask(inputs, nonce);
  await until(job, SETTLED);
  await protocol.send(USER, "Jobs", "revealAudit", [job, output, salt]);
  const { args } = await protocol.event("Jobs", "AuditRevealed", (log) => log.job === job);
  assert.equal(args.worker, person(1).address);
  const committed = await protocol.event("Jobs", "JobCommitted", (log) => log.job === job);
  assert.equal(committed.args.result.output, args.output);
  assert.equal(await worker.stop(), 0);
});

test("an auditor asks what it knows, and finds who does not", async () => {
  const auditor = person(7);
  await protocol.give(auditor.address, 100);
  // Three judge; this one only asks and doubts.
  const jurors = [1, 2, 3].map((i) => new Node(world, person(i), `juror-${i}`, ["audit", "--sample", "0"]));
  await Promise.all(jurors.map((juror) => juror.log("registered")));
  const asking = new Node(world, auditor, "asking", ["audit", "--sample", "0", "--ask", protocol.model, "--ask-every", "1"]);
  const honest = serve(person(5), "honest", { args: ["--leave"] });
  const right = await protocol.event("Jobs", "AuditRevealed", (log) => log.worker === person(5).address);
  await asking.log("and so did the worker");
  assert.equal(await honest.stop(), 0);
  assert.equal(right.args.model, protocol.model);
  const stopped = await protocol.read("Jobs", "jobCount");

  // A liar takes the next one.
  const { bond } = await protocol.read("Model", "rules");
  const liar = person(6);
  const asked = await protocol.event("Jobs", "JobOpened", ({ job, requester }) => job > stopped && requester === auditor.address);
  const { job } = asked.args;
  await protocol.pass(1);
  await protocol.send(liar, "Jobs", "claim", [job, 0n], bond);
  const { input } = await protocol.read("Jobs", "jobOf", [job]);
  const file = Buffer.from(await (await fetch(`${world.url}/ipfs/${cidOf(input)}`)).arrayBuffer());
  const output = await world.content.put(bench.wrong(readQuestion(file)));
  const result = await protocol.commit(liar, job, { output, checkpointRoot: `0x${"00".repeat(32)}`, accuracyPpm: 0 });
  await asking.log("sealed another answer");
  await protocol.send(liar, "Jobs", "reveal", [job, result, "0x"]);
  const { args } = await protocol.event("Jobs", "JobChallenged", (log) => log.job === job);
  assert.equal(args.challenger, auditor.address);
  for (const node of [asking, ...jurors]) assert.equal(await node.stop(), 0);
});

test("what asks nothing is not taken, and its price comes back", async () => {
  const worker = serve(person(1), "careful", { args: ["--leave"] });
  await worker.log("waiting for jobs");
  const balance = await protocol.read("Model", "balanceOf", [USER.address]);
  const noise = Buffer.from("this is no question");
  await world.content.put(noise);
  const job = await protocol.ask(USER, digestOf(noise), 1);
  await protocol.pass(1);
  assert.match(await worker.log("asks nothing"), /not a safetensors file/);
  assert.equal(await stateOf(job), OPEN);
  await protocol.send(USER, "Jobs", "cancel", [job]);
  assert.equal(await protocol.read("Model", "balanceOf", [USER.address]), balance);
  assert.equal(await worker.stop(), 0);
});
