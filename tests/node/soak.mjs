// A long run of everything at once, while everything breaks: workers that are killed, a chain that restarts and reorganises,
// and a node of it that fails three times in ten. In the end nothing was paid twice, nothing is lost, every bond is where it
// belongs, and everybody computes the same weights.
//   DELEA_NODE=… [SOAK_JOBS=2000] node --test tests/node/soak.mjs
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { parseEventLogs, toHex } from "viem";
import { startChain, rpc } from "../../local/chain.mjs";
import { cidOf, digestOf } from "../../local/content.mjs";
import { ABI, Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { Bench, Node, keyOf, question, readQuestion, run } from "./nodes.mjs";

const JOBS = Number(process.env.SOAK_JOBS ?? 2000);
const PROCESSES = 4;
const ACCOUNTS = 5;
const AUDITORS = 4;
const FAILING = 0.3;
const REORG = 5;
const OPEN_AT_ONCE = 40;
const [OPEN, CLAIMED, COMMITTED, REVEALED, SETTLED, REJECTED, EXPIRED] = [1, 2, 3, 4, 5, 6, 7];
const STATES = { [OPEN]: "open", [CLAIMED]: "claimed", [COMMITTED]: "committed", [REVEALED]: "revealed", [SETTLED]: "settled", [REJECTED]: "rejected", [EXPIRED]: "expired" };
const NOTHING = `0x${"00".repeat(32)}`;
const COINS = `0x${"00".repeat(20)}`;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A chain's node in front of the real one, which fails often: before it has done what it was asked, or after. */
class Flaky {
  static async open(chain) {
    const flaky = new Flaky();
    Object.assign(flaky, { on: false, failures: 0, gate: Promise.resolve(), under: new Set() });
    flaky.server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request) body += part;
      const fails = flaky.on && Math.random() < FAILING;
      flaky.failures += fails;
      const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      const forward = async () => {
        await flaky.gate;
        const answer = fetch(chain, { method: "POST", body, headers: { "content-type": "application/json" } }).then((response) => response.text());
        const ended = answer.then(() => {}, () => {}).finally(() => flaky.under.delete(ended));
        flaky.under.add(ended);
        return answer;
      };
      try {
        if (!fails) return response.writeHead(200, { "content-type": "application/json" }).end(await forward());
        switch (Math.floor(Math.random() * 5)) {
          case 0: return json({ error: "bad gateway" }, 502);
          case 1: return json({ jsonrpc: "2.0", id: JSON.parse(body).id ?? 1, error: { code: -32603, message: "internal error" } });
          case 2: return json({ jsonrpc: "2.0", id: JSON.parse(body).id ?? 1, error: { code: 429, message: "too many requests" } }, 429);
          case 3: return response.destroy();
          // It was done, but nobody is told.
          default: return void (await forward(), response.destroy());
        }
      } catch {
        response.destroy();
      }
    });
    await new Promise((resolve) => flaky.server.listen(0, "127.0.0.1", resolve));
    flaky.url = `http://127.0.0.1:${flaky.server.address().port}`;
    return flaky;
  }

  /** Does something to the chain while nobody is let through. */
  async hold(work) {
    let open;
    this.gate = new Promise((resolve) => (open = resolve));
    try {
      await Promise.all(this.under);
      return await work();
    } finally {
      open();
    }
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Why the chain is none, once that was found. */
let brokenChain = null;

/**
 * Whether the newest blocks follow each other and the contract's log ends where its events do: a chain that is none would
 * blame everybody else.
 */
async function isWhole(protocol) {
  const broken = (words) => {
    brokenChain = `anvil's chain is broken: ${words}`;
    throw new Error(brokenChain);
  };
  const latest = await protocol.chain.getBlockNumber({ cacheTime: 0 });
  let next = null;
  for (let blockNumber = latest; blockNumber > 0n && blockNumber > latest - 3n * BigInt(REORG); blockNumber--) {
    const block = await protocol.chain.getBlock({ blockNumber });
    if (next && next.parentHash !== block.hash) broken(`block ${blockNumber + 1n} of ${latest} does not follow the one before`);
    next = block;
  }
  const logs = await protocol.chain.getContractEvents({ address: protocol.model, abi: ABI.Model, eventName: "JobSettled", fromBlock: 0n });
  if (logs.length > 0 && logs.at(-1).args.logHash !== (await protocol.read("Model", "logHash"))) {
    broken(`after ${logs.length} settled jobs, the last of block ${logs.at(-1).blockNumber}, ${latest} is the newest`);
  }
}

/** A node that is started again whenever it ends. */
class Supervised {
  constructor(world, name, args, env) {
    Object.assign(this, { world, name, args, env, starts: 0, going: true, deaths: [] });
    this.#start();
  }

  #start() {
    this.starts++;
    this.node = new Node(this.world, person(0), this.name, this.args, { env: this.env });
    this.node.ended.then(async (code) => {
      if (code !== "SIGKILL") this.deaths.push(this.node.lines.slice(-2).join(" | "));
      if (!this.going) return;
      await pause(500);
      if (this.going) this.#start();
    });
  }

  kill() {
    this.node.child.kill("SIGKILL");
  }

  async stop() {
    this.going = false;
    await this.node.stop();
  }
}

test(`${JOBS} jobs, while everything breaks`, { timeout: 5_400_000 }, async (t) => {
  const world = await World.start();
  const flaky = await Flaky.open(world.rpcUrl);
  const protocol = await new Protocol(world).sibling({ challengeWindow: 20, inferLease: 240, juryPhase: 60 });
  const bench = await Bench.open(world, protocol);
  const user = person(5);
  await protocol.give(user.address, 20_000);
  const cheat = person(6);
  const { bond } = await protocol.read("Model", "rules");
  await protocol.send(cheat, "Roster", "enlist", [protocol.model, 2], bond);

  // Anvil's ten accounts have coins; the workers get theirs from them.
  const workers = Array.from({ length: PROCESSES * ACCOUNTS }, (_, i) => person(100 + i));
  const auditors = Array.from({ length: AUDITORS }, (_, i) => person(200 + i));
  const validator = person(300);
  for (const { address } of [...workers, ...auditors, validator]) {
    await protocol.chain.request({ method: "anvil_setBalance", params: [address, toHex(10n ** 20n)] });
  }
  const common = ["--rpc-url", flaky.url];
  const nodes = [
    ...Array.from({ length: PROCESSES }, (_, i) => new Supervised(
      world, `workers-${i}`, ["serve", "--model", protocol.model, "--threads", "1", ...common],
      { DELEA_PRIVATE_KEY: workers.slice(i * ACCOUNTS, (i + 1) * ACCOUNTS).map(keyOf).join(",") },
    )),
    ...auditors.map((auditor, i) => new Supervised(world, `auditor-${i}`, ["audit", "--sample", "0.2", ...common], { DELEA_PRIVATE_KEY: keyOf(auditor) })),
    new Supervised(world, "validator", ["validate", "--model", protocol.model, ...common], { DELEA_PRIVATE_KEY: keyOf(validator) }),
  ];
  for (const worker of workers) await protocol.event("Roster", "Enlisted", (log) => log.worker === worker.address);
  flaky.on = true;

  const start = Date.now();
  const say = (words) => console.log(`# ${Math.round((Date.now() - start) / 1000)} s: ${words}`);
  let over = false;
  // Whether no job is left: what ended stays so from then on.
  let ending = false;
  let busy = Promise.resolve();
  // One thing at a time may be done to the chain itself.
  const alone = (work) => (busy = busy.then(work, work));
  const calm = async (work) => {
    for (;;) {
      try {
        return await alone(work);
      } catch (error) {
        if (over) throw error;
        await pause(300);
      }
    }
  };
  const counts = { killed: 0, restarts: 0, reorgs: 0, lies: 0 };
  // What anvil makes while it reorganises stays in its chain, out of place, and what it makes while it writes its state is
  // in that, or in its blocks, but not in both: nobody may send a transaction then, and none may be waiting.
  const still = (work) => flaky.hold(async () => {
    for (let tries = 0; Number((await rpc(world.rpcUrl, "txpool_status")).pending) > 0; tries++) {
      if (tries > 500) throw new Error("transactions wait for ever");
      await pause(20);
    }
    return work();
  });
  const loops = [];
  const quiet = async () => {
    over = true;
    await Promise.all(loops);
    await busy.catch(() => {});
    for (const node of nodes) await node.stop();
  };
  t.after(async () => {
    await quiet();
    flaky.close();
    await world.stop();
  });
  const loop = (work, every) => loops.push((async () => {
    while (!over) {
      await pause(every());
      if (!over) await work().catch(() => {});
    }
  })());
  loop(() => calm(() => protocol.pass(2)), () => 700);
  loop(async () => (pick(nodes).kill(), counts.killed++), () => 15_000 + Math.random() * 15_000);
  loop(() => calm(async () => {
    if (ending) return;
    await still(async () => {
      await rpc(world.rpcUrl, "anvil_reorg", [REORG, []]);
      await isWhole(protocol);
    });
    say("the chain has reorganised");
    counts.reorgs++;
  }), () => 40_000);
  loop(() => calm(async () => {
    if (ending) return;
    say("the chain stops");
    await still(() => world.chain.stop());
    world.chain = await startChain({ port: world.chainPort, stateFile: `${world.folder}/first.json`, keepEvery: 3600 });
    // Its clock forgets what it was set ahead by, and no chain's goes back.
    const { timestamp } = await rpc(world.rpcUrl, "eth_getBlockByNumber", ["latest", false]);
    await rpc(world.rpcUrl, "evm_increaseTime", [Math.max(0, Number(timestamp) - Math.floor(Date.now() / 1000)) + 1]);
    await still(() => isWhole(protocol));
    counts.restarts++;
    say("the chain is back");
  }), () => 90_000);
  const send = (...call) => alone(() => protocol.send(...call)).catch(() => {});
  const isOver = ({ state }) => state === SETTLED || state === REJECTED || state === EXPIRED;
  const all = async () => {
    const count = await protocol.read("Jobs", "jobCount");
    const pages = [];
    for (let offset = 0n; offset < count; offset += 200n) pages.push(await protocol.read("Jobs", "jobs", [offset, 200n]));
    return pages.flat();
  };
  // The cheat takes what it can, answers with noise, and follows each lie to its end.
  const lies = new Map();
  loop(async () => {
    for (const [i, job] of (await all()).entries()) {
      const id = BigInt(i + 1);
      if (job.state === OPEN && Math.random() < 0.03) await send(cheat, "Jobs", "claim", [id, 0n], bond);
      if (job.worker !== cheat.address) continue;
      if (job.state === CLAIMED) {
        const file = Buffer.from(await (await fetch(`${world.url}/ipfs/${cidOf(job.input)}`)).arrayBuffer());
        const output = await world.content.put(bench.wrong(readQuestion(file)));
        lies.set(id, await alone(() => protocol.commit(cheat, id, { output, checkpointRoot: NOTHING, accuracyPpm: 0 })));
        counts.lies++;
      }
      if (job.state === COMMITTED && lies.has(id)) await send(cheat, "Jobs", "reveal", [id, lies.get(id), "0x"]);
      if (job.state === REVEALED && lies.has(id)) await send(cheat, "Jobs", "settle", [id, lies.get(id)]);
    }
  }, () => 3_000);

  let [nonce, told] = [0, 0];
  for (;;) {
    assert.equal(brokenChain, null);
    const jobs = await calm(all);
    const live = jobs.filter((job) => !isOver(job)).length;
    const ended = jobs.length - live;
    if (ended >= JOBS) break;
    if (Date.now() - told > 20_000 && (told = Date.now())) say(`${ended} of ${JOBS} jobs over, ${live} live, ${JSON.stringify(counts)}, ${flaky.failures} failures`);
    for (let i = live; i < OPEN_AT_ONCE && jobs.length < JOBS + 200; i++) {
      const examples = bench.examples(1 + (nonce % 3));
      const file = question(examples, toHex(++nonce, { size: 32 }));
      await world.content.put(file);
      await calm(() => protocol.ask(user, digestOf(file), examples.length));
    }
    await pause(2_000);
  }
  say("no more jobs are opened");
  // What is under way comes to its end; what nobody takes any more is taken back.
  for (;;) {
    assert.equal(brokenChain, null);
    const live = await calm(async () => {
      const live = (await all()).map((job, i) => [BigInt(i + 1), job]).filter(([, job]) => !isOver(job));
      ending = live.length === 0;
      return live;
    });
    if (ending) break;
    if (Date.now() - told > 20_000 && (told = Date.now())) {
      say(`${live.length} left: ${live.slice(0, 8).map(([id, { state, caseId }]) => `${id} ${STATES[state]}${caseId ? ` (case ${caseId})` : ""}`)}`);
      for (const { name, node } of nodes) console.log(`# ${name}: ${node.lines.filter((line) => line.includes("WARN") || line.includes("ERROR")).slice(-2).map((line) => line.slice(0, 400)).join("\n#   ")}`);
    }
    for (const [id, job] of live) {
      if (job.state === OPEN) await send(user, "Jobs", "cancel", [id]);
      if (job.state === CLAIMED || job.state === COMMITTED) await send(user, "Jobs", "lapse", [id]);
    }
    await pause(2_000);
  }
  // Three epochs pass, in pieces: anvil takes a while for the blocks of one.
  const epoch = () => calm(() => protocol.read("Scores", "currentEpoch"));
  for (const last = (await epoch()) + 3n; (await epoch()) < last;) await calm(() => protocol.chain.mine({ blocks: 20 }));
  const now = await epoch();

  const jobs = await calm(all);
  const logsOf = (address) => calm(() => protocol.chain.request({ method: "eth_getLogs", params: [{ address, fromBlock: "0x0" }] }));
  const raw = await logsOf(protocol.model);
  const settled = parseEventLogs({ abi: ABI.Model, logs: raw, eventName: "JobSettled" }).map(({ args }) => args);
  // Every epoch that anybody scored in is divided by now, or soon.
  const epochs = [...new Set(parseEventLogs({
    abi: ABI.Scores, eventName: "Scored",
    logs: await logsOf(protocol.contracts.Scores),
  }).filter(({ args }) => args.model === protocol.model).map(({ args }) => args.epoch))];
  const statuses = new Map();
  for (let tries = 0; tries < 600; tries++) {
    for (const epoch of epochs.filter((epoch) => !(statuses.get(epoch) >= 2))) {
      statuses.set(epoch, (await calm(() => protocol.read("Scores", "epochOf", [protocol.model, epoch]))).status);
    }
    if ([...statuses.values()].every((status) => status >= 2)) break;
    await pause(1_000);
  }
  await quiet();
  flaky.on = false;

  const ends = {};
  for (const { state } of jobs) ends[STATES[state]] = (ends[STATES[state]] ?? 0) + 1;
  console.log(`# ended: ${JSON.stringify(ends)}, ${JSON.stringify(counts)}, ${flaky.failures} failures, ${nodes.reduce((sum, { starts }) => sum + starts, 0)} starts`);
  // None is paid twice, and none that is settled is missing in the log.
  const paid = settled.filter(({ job }) => job !== 0n).map(({ job }) => job);
  assert.equal(new Set(paid).size, paid.length, "a job was paid twice");
  assert.deepEqual([...paid].sort((a, b) => Number(a - b)), jobs.flatMap(({ state }, i) => (state === SETTLED ? [BigInt(i + 1)] : [])));
  assert.ok(jobs.length >= JOBS && paid.length >= JOBS * 0.9, `${paid.length} of ${jobs.length} were paid`);
  // The cheat was found out.
  const refuted = jobs.filter(({ state, worker }) => state === REJECTED && worker === cheat.address);
  // Four auditors who each look at a fifth miss ten lies in a row once in eight thousand times.
  assert.ok(counts.lies < 10 || refuted.length > 0, `${counts.lies} lies, none refuted`);
  assert.ok(jobs.every(({ state, worker }) => state !== REJECTED || worker === cheat.address), "an honest answer was refuted");
  // Bonds are where they belong.
  const held = (owner) => protocol.read("Vault", "held", [COINS, owner]);
  assert.equal(await held(protocol.contracts.Jobs), 0n, "a bond of a job is left");
  const seats = await protocol.read("Roster", "waiting", [protocol.model, 1]);
  assert.equal(await held(protocol.contracts.Roster), BigInt(seats) * bond);
  const people = [...workers, ...auditors, validator, cheat, user, person(0)].map(({ address }) => address);
  const free = await Promise.all(people.map((address) => protocol.read("Vault", "free", [COINS, address])));
  const owners = await Promise.all(["Jobs", "Jury", "Scores", "Roster"].map((name) => held(protocol.contracts[name])));
  const sum = [...free, ...owners].reduce((total, amount) => total + amount, 0n);
  assert.equal(await protocol.chain.getBalance({ address: protocol.contracts.Vault }), sum, "coins are lost in the vault");
  // Epochs are divided, by what every client computes.
  assert.ok([...statuses.values()].every((status) => status >= 2), "an epoch was never divided");
  for (const epoch of epochs.filter((epoch) => epoch < now).slice(-3)) {
    const [one, other] = await Promise.all([
      run(world, person(0), ["score", protocol.model, "--epoch", `${epoch}`]),
      run(world, person(0), ["score", protocol.model, "--epoch", `${epoch}`, "--rpc-url", flaky.url]),
    ]);
    assert.equal(one.code, 0, one.lines.join("\n"));
    assert.equal(one.output, other.output);
  }
});
