// The studio's jobs in the market: an adapter is trained by one node and done again by another, and a picture is painted for
// somebody whose device cannot.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toHex } from "viem";
import { cidOf, digestOf } from "../../local/content.mjs";
import { floats } from "../../local/wire.mjs";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { adapted, ask, ring, specOf } from "../wasm/painter.mjs";
import { studio } from "../wasm/studio.mjs";
import { Bench, Node, question, run } from "./nodes.mjs";

const [REVEALED, SETTLED] = [4, 5];
const WORKER = person(1);
const USER = person(4);
const STEPS = 8;
/** Seconds: long enough for an auditor to compile the runtime and to do the steps again. */
const WINDOW = 90;
let world, all, painter, spec, model;

before(async () => {
  world = await World.start();
  all = await studio("dist/workers");
  painter = adapted(all.base, 2, "zorp");
  spec = specOf(painter);
  const lesson = { pixels: ring(), prompt: "zorp", aim: "subject", flips: true, attribution: "a test", licence: "CC0-1.0" };
  const { dataset } = await all.worker({ type: "teach", lesson, painter, prior: all.prior, seed: 1 });
  const { parameters } = await all.worker({ type: "initialize", spec, seed: 1 });
  const root = new Protocol(world);
  const { manifest } = await Bench.open(world, root);
  const genesis = await world.content.put(Buffer.from(parameters));
  const digest = await world.content.put(Buffer.from(dataset));
  const described = {
    ...manifest,
    spec,
    runtime: world.runtimes.studio,
    dataset: { ...manifest.dataset, digest, name: "a ring" },
    training: { ...manifest.training, learning_rate: 3e-3, batch_size: 8 },
  };
  const published = await world.content.put(Buffer.from(JSON.stringify(described)));
  model = await root.sibling({ challengeWindow: WINDOW }, { manifest: published, genesis });
});
after(() => world.stop());

test("an adapter is trained by one node and done again by another", { timeout: 400_000 }, async () => {
  const auditor = new Node(world, person(6), "auditor", ["audit"]);
  await auditor.log('"message":"ready"');
  const worker = new Node(world, WORKER, "teacher", ["train", model.model, "--steps", `${STEPS}`]);
  assert.match(await auditor.log('"verdict":"holds"'), /of 8 steps, drawn by the chain/);
  // Nobody has to wait for the window to close.
  await model.pass(WINDOW);
  assert.equal(await worker.ended, 0, worker.lines.join("\n"));
  assert.equal(await model.read("Model", "head"), 1);
  assert.equal(await auditor.stop(), 0);
});

test("a picture is painted for somebody else, the same to the bit", { timeout: 400_000 }, async () => {
  await model.give(USER.address, 1000);
  const worker = new Node(world, person(2), "painter", ["serve", "--model", model.model, "--leave"]);
  await model.event("Roster", "Enlisted", (log) => log.worker === person(2).address);
  const wanted = ask(painter, "zorp", { seed: 5, steps: 6 });
  const file = question([[...wanted]], toHex(7, { size: 32 }));
  await world.content.put(file);
  const job = await model.ask(USER, digestOf(file), 1);
  for (;;) {
    const { state } = await model.read("Jobs", "jobOf", [job]);
    if (state === SETTLED) break;
    // The window for doubts passes by the chain's clock; leases must not.
    if (state === REVEALED) await model.pass(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { args } = await model.event("Jobs", "JobCommitted", (log) => log.job === job);
  const answer = Buffer.from(await (await fetch(`${world.url}/ipfs/${cidOf(args.result.output)}`)).arrayBuffer());
  const { parametersHash } = await model.read("Model", "version", [await model.read("Model", "head")]);
  const parameters = new Uint8Array(await (await fetch(`${world.url}/ipfs/${cidOf(parametersHash)}`)).arrayBuffer());
  const { rows } = await all.worker({ type: "infer", spec, parameters, inputs: wanted });
  const own = floats(rows[0]);
  assert.deepEqual(floats(new Uint8Array(answer.subarray(answer.length - 4 * own.length))), own);
  assert.ok(own.some((value) => Math.abs(value) > 0.5), "it is a picture");
  const verified = await run(world, USER, ["verify", `${job}`]);
  assert.equal(verified.code, 0, verified.lines.join("\n"));
  assert.equal(await worker.stop(), 0);
});
