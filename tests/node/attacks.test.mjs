// What dishonest workers, jurors and nodes of the chain try, against honest nodes on a real chain: who
// loses the bond, and that nobody honest does. Each attack has a model of its own.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { keccak256, parseEther } from "viem";
import { cidOf, digestOf } from "../../local/content.mjs";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { Bench, Node, question, run } from "./nodes.mjs";

const STEPS = 300;
const BOND = parseEther("0.01");
const [SETTLED, REJECTED, EXPIRED] = [5, 6, 7];
const ATTACKER = person(2);
const HONEST = person(1);
// Enough for a jury without the one who doubts and the one who has lost its stake.
const AUDITORS = [5, 6, 7, 8].map(person);
const LAZY = person(9);

let world, sample, bench;
const nodes = [];
let blocks;
const makeBlock = () => sample.chain.mine({ blocks: 1 }).catch(() => {});
before(async () => {
  world = await World.start();
  sample = new Protocol(world);
  // Juries are drawn by the hash of a later block, and a chain makes blocks whether or not there is work.
  blocks = setInterval(makeBlock, 500);
  bench = await Bench.open(world, sample);
  for (const [i, account] of AUDITORS.entries()) nodes.push(new Node(world, account, `auditor-${i}`, ["audit"]));
  nodes.push(new Node(world, LAZY, "lazy", ["audit", "--sample", "0", "--lazy"]));
  await Promise.all(nodes.map((node) => node.log("registered as an auditor")));
});
after(async () => {
  clearInterval(blocks);
  await Promise.all(nodes.map((node) => node.stop()));
  if (process.env.VERBOSE) for (const node of nodes) console.error(node.lines.filter((line) => !line.includes("DEBUG")).join("\n"), "\n---");
  await world.stop();
});

const model = () => sample.sibling({ challengeWindow: 40, juryPhase: 90 });

/** Waits until a job is over; its state. */
async function over(protocol, job) {
  for (;;) {
    const { state } = await protocol.read("Jobs", "jobOf", [job]);
    if (state >= SETTLED) return state;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Announces a training as an attacker and draws its seed. */
const announced = (protocol, units = STEPS) => protocol.announceSeeded(ATTACKER, { units });

const claim = (trained, changes = {}) => ({
  output: trained.digest, checkpointRoot: trained.checkpoint_root, accuracyPpm: trained.evaluation.accuracy_ppm, ...changes,
});

async function show(protocol, job, result, cid = "0x") {
  const committed = await protocol.commit(ATTACKER, job, result);
  await protocol.send(ATTACKER, "Jobs", "reveal", [job, committed, cid]);
  return committed;
}

/** The attacker's bond is gone: half to who doubted, the rest to the jurors who were right. */
async function refuted(protocol, job, free) {
  assert.equal(await over(protocol, job), REJECTED);
  assert.equal(await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, ATTACKER.address]), free, "nothing came back");
  assert.equal(await protocol.read("Model", "balanceOf", [ATTACKER.address]), 0n, "no reward");
}

const ATTACKS = {
  "claimed without training": async (protocol, { job }) => show(protocol, job, { output: keccak256("0x01") }),
  "fewer steps": async (protocol, { job, seed }) => {
    const trained = bench.train(seed, STEPS - 100);
    await show(protocol, job, claim(trained), await bench.publish(trained));
  },
  "wrong data": async (protocol, { job, seed }) => {
    const dataset = bench.dataset.slice();
    // Another picture among the training examples.
    dataset.fill(7, dataset.length >> 1, (dataset.length >> 1) + 64);
    const trained = bench.train(seed, STEPS, { dataset });
    await show(protocol, job, claim(trained), await bench.publish(trained));
  },
  "another worker's chain": async (protocol, { job, seed }) => {
    const trained = bench.train(keccak256(seed), STEPS);
    await show(protocol, job, claim(trained), await bench.publish(trained));
  },
  "tampered checkpoint": async (protocol, { job, seed }) => {
    const trained = bench.train(seed, STEPS);
    const trace = structuredClone(trained.trace);
    trace[1].optimizer = trace[0].optimizer;
    await show(protocol, job, claim(trained, { checkpointRoot: bench.root(trace) }), await bench.publish(trained, { trace }));
  },
  "better accuracy than measured": async (protocol, { job, seed }) => {
    const trained = bench.train(seed, STEPS);
    await show(protocol, job, claim(trained, { accuracyPpm: 1_000_000 }), await bench.publish(trained));
  },
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`${name}: the bond is lost`, { timeout: 400_000 }, async () => {
    const protocol = await model();
    const free = await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, ATTACKER.address]);
    const start = await announced(protocol);
    await attack(protocol, start);
    await refuted(protocol, start.job, free);
  });
}

test("parameters that are no numbers, and data that are withheld: the bond is lost", { timeout: 180_000 }, async () => {
  const free = await sample.read("Vault", "free", [`0x${"00".repeat(20)}`, ATTACKER.address]);
  const poison = await model();
  const file = Buffer.from(bench.genesis);
  file.writeFloatLE(NaN, file.length - 4);
  const output = await world.content.put(file);
  const { job: first } = await poison.reveal(ATTACKER, { output, accuracyPpm: 980_000 });
  const withheld = await model();
  const { job: second } = await withheld.reveal(ATTACKER, { accuracyPpm: 980_000 });
  await refuted(poison, first, free);
  await refuted(withheld, second, free);
});

test("a replayed training whose data are withheld is paid, and its checkers publish what it made", { timeout: 400_000 }, async () => {
  const protocol = await model();
  const { job, seed } = await announced(protocol);
  const trained = bench.train(seed, STEPS);
  const result = await show(protocol, job, claim(trained), await bench.publish(trained, { withhold: true }));
  await nodes[0].log(`"job":${job},"verdict":"holds"`);
  await protocol.pass(41);
  await protocol.send(ATTACKER, "Jobs", "settle", [job, result]);
  assert.equal(await over(protocol, job), SETTLED);
  assert.ok(await world.content.has(cidOf(trained.digest)));
});

test("a training with a known answer pays the auditors who look", { timeout: 400_000 }, async () => {
  const protocol = await model();
  const staked = () => Promise.all(AUDITORS.map(({ address }) => protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, address])));
  const before = await staked();
  const canary = await run(world, ATTACKER, ["train", protocol.model, "--steps", `${STEPS}`, "--canary"]);
  assert.equal(canary.code, 0, canary.lines.join("\n"));
  const { fields } = JSON.parse(canary.lines.find((line) => line.includes('"taken"')));
  assert.equal(await over(protocol, BigInt(fields.job)), REJECTED);
  const sum = (amounts) => amounts.reduce((total, amount) => total + amount, 0n);
  assert.ok(sum(await staked()) > sum(before), "they earned");
});

test("a juror who votes unseen loses its stake to those who looked", { timeout: 60_000 }, async () => {
  const unit = await sample.read("Jury", "JUROR_STAKE");
  const [lazy, ...honest] = await Promise.all([LAZY, ...AUDITORS].map(async ({ address }) => (await sample.read("Jury", "auditor", [address])).stake));
  assert.ok(lazy < 4n * unit, `${lazy}`);
  // Honest stakes are whole; what they won lies in the vault.
  for (const stake of honest) assert.equal(stake, 4n * unit);
});

/** A training of somebody honest, settled at once. */
async function honestly(protocol, worker, units) {
  const { job, result } = await bench.reveal(protocol, worker, units);
  await protocol.pass(41);
  await protocol.send(worker, "Jobs", "settle", [job, result]);
  assert.equal(await over(protocol, job), SETTLED);
}

test("an honest training of a base that was overtaken gets its bond back", { timeout: 400_000 }, async () => {
  const protocol = await model();
  const slow = new Node(world, HONEST, "slow", ["train", protocol.model, "--steps", "4000"]);
  const { fields } = JSON.parse(await slow.log('"taken"'));
  await slow.log('"message":"training"');
  await honestly(protocol, person(3), 100);
  assert.equal(await slow.ended, 1, slow.lines.join("\n"));
  assert.equal(await over(protocol, BigInt(fields.job)), EXPIRED);
  assert.ok(slow.lines.some((line) => line.includes("taking the bond back")));
  assert.equal(await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, HONEST.address]), BOND);
});

test("a reorganisation between claim and commitment costs a training, and no bond", { timeout: 400_000 }, async () => {
  const protocol = await model();
  const node = new Node(world, HONEST, "reorganised", ["train", protocol.model, "--steps", "1500"]);
  const { fields } = JSON.parse(await node.log('"taken"'));
  await node.log('"message":"training"');
  const job = await protocol.read("Jobs", "jobOf", [BigInt(fields.job)]);
  const before = await protocol.read("Jobs", "seedOf", [BigInt(fields.job)]);
  // The claim is mined once more, one block later; what came after it is gone.
  clearInterval(blocks);
  const { transactions } = await protocol.chain.getBlock({ blockNumber: BigInt(job.claimBlock), includeTransactions: true });
  const { hash } = transactions.find(({ from }) => from === HONEST.address.toLowerCase());
  const raw = await protocol.chain.request({ method: "eth_getRawTransactionByHash", params: [hash] });
  const head = await protocol.chain.getBlockNumber();
  const depth = Number(head - BigInt(job.claimBlock)) + 1;
  await protocol.chain.mine({ blocks: Math.max(0, 3 - depth) });
  await protocol.chain.request({ method: "anvil_reorg", params: [Math.max(3, depth), [[raw, 1]]] });
  blocks = setInterval(makeBlock, 500);
  assert.equal(await node.ended, 0, node.lines.join("\n"));
  assert.ok(node.lines.some((line) => line.includes("the seed is another one")), "it noticed");
  assert.notEqual(await protocol.read("Jobs", "seedOf", [BigInt(fields.job)]), before);
  assert.equal(await over(protocol, BigInt(fields.job)), SETTLED);
});

test("a node of the chain that hides a log is found out", { timeout: 400_000 }, async () => {
  const protocol = await model();
  await honestly(protocol, person(3), 100);
  const job = `${await protocol.read("Jobs", "jobCount")}`;
  const liar = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const asked = JSON.parse(Buffer.concat(parts));
    const answer = await (await fetch(world.rpcUrl, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) })).json();
    if (asked.method === "eth_getLogs") answer.result = answer.result.slice(0, -1);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise((resolve) => liar.listen(0, "127.0.0.1", resolve));
  const through = ["--rpc-url", `http://127.0.0.1:${liar.address().port}`];
  try {
    const verified = await run(world, HONEST, [...through, "verify", job]);
    assert.equal(verified.code, 2);
    assert.match(verified.lines.join(), /leaves out or changes the log of job/);
    const scored = await run(world, HONEST, [...through, "score", protocol.model]);
    assert.equal(scored.code, 2);
    assert.match(scored.lines.join(), /the node leaves entries out/);
  } finally {
    liar.close();
    liar.closeAllConnections();
  }
  const honest = await run(world, HONEST, ["verify", job]);
  assert.equal(honest.code, 0, honest.lines.join("\n"));
});

test("a wrong answer to a question is found and refuted, and its price comes back", async () => {
  const protocol = await model();
  const user = person(3);
  await protocol.give(user.address, 10);
  const examples = bench.examples(2);
  const file = question(examples, `0x${"77".repeat(32)}`);
  await world.content.put(file);
  const job = await protocol.ask(user, digestOf(file), examples.length);
  assert.ok((await protocol.read("Model", "balanceOf", [user.address])) < parseEther("10"));
  await protocol.send(ATTACKER, "Jobs", "claim", [job, 0n], BOND);
  const free = await protocol.read("Vault", "free", [`0x${"00".repeat(20)}`, ATTACKER.address]);
  const wrong = bench.wrong(examples);
  await world.content.put(wrong);
  await show(protocol, job, { output: digestOf(wrong), checkpointRoot: `0x${"00".repeat(32)}`, accuracyPpm: 0 });
  await refuted(protocol, job, free);
  assert.equal(await protocol.read("Model", "balanceOf", [user.address]), parseEther("10"));
});
