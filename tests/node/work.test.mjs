// A headless node earns, is checked by another, and survives being killed.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { toHex } from "viem";
import { IpfsNode } from "../browser/ipfs.mjs";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { loadWorker } from "../../local/runtime.mjs";
import { Bench, Node, run } from "./nodes.mjs";

const WORKER = person(1);
const SETTLED = 5;
let world, protocol;
before(async () => {
  world = await World.start();
  protocol = new Protocol(world);
});
after(() => world.stop());

test("a training is done, checked, paid, verified and scored without a browser", async () => {
  const auditor = new Node(world, person(6), "auditor", ["audit"]);
  await auditor.log("registered as an auditor");
  const expected = await protocol.read("Model", "quoteReward", [500]);
  const worker = new Node(world, WORKER, "worker", ["train", protocol.model, "--steps", "500"]);
  assert.equal(await worker.ended, 0, worker.lines.join("\n"));
  const line = await auditor.log('"verdict":"holds"');
  assert.match(line, /300 of 500 steps, drawn by the chain/);
  assert.equal(await protocol.read("Model", "balanceOf", [WORKER.address]), expected);
  const job = await protocol.read("Jobs", "jobOf", [1n]);
  assert.equal(job.state, SETTLED);

  const whole = await run(world, WORKER, ["verify", "1"]);
  assert.equal(whole.code, 0, whole.lines.join("\n"));
  assert.match(whole.output, /All 500 steps of job 1 were done again/);
  const drawn = await run(world, WORKER, ["verify", "1", "--drawn"]);
  assert.match(drawn.output, /300 of 500 steps/);
  const scores = await run(world, WORKER, ["score", protocol.model]);
  assert.equal(scores.code, 0, scores.lines.join("\n"));
  assert.match(scores.output.toLowerCase(), new RegExp(`^${WORKER.address.toLowerCase()} 0\\.6\\d+ 0\\.000000`));
  assert.equal(await auditor.stop(), 0);
});

test("a node that is killed in the middle goes on from its checkpoint and loses no bond", async () => {
  const model = (await protocol.sibling({ trainLease: 600 })).model;
  const args = ["train", model, "--steps", "3000"];
  const first = new Node(world, WORKER, "killed", args);
  await first.log("checkpoint written");
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  const second = new Node(world, WORKER, "killed", [...args, "--jobs", "0"]);
  const going = JSON.parse(await second.log("going on"));
  const trained = JSON.parse(await second.log('"trained"'));
  assert.equal(trained.fields.job, going.fields.job);
  const over = await second.log('"over"');
  assert.match(over, /Settled/);
  await second.stop("SIGKILL");
  // It did not begin anew: its first line of training is of a step beyond the checkpoint.
  const [{ fields }] = second.lines.filter((line) => line.includes('"message":"training"')).map((line) => JSON.parse(line));
  assert.ok(fields.step > 100, `began at step ${fields.step}`);
});

test("an uploaded model is trained by one node and checked by another, by the runtime that it names", async () => {
  const importer = await loadWorker("dist/workers", "import");
  const { manifest } = await Bench.open(world, protocol);
  const file = { name: "keras.onnx", bytes: new Uint8Array(await readFile("tests/models/keras.onnx")) };
  const { input, task } = manifest.spec;
  const { spec, parameters } = await importer({ type: "read_model", files: [file], input, task, specs: [] });
  const genesis = await world.content.put(Buffer.from(parameters));
  const described = await world.content.put(Buffer.from(JSON.stringify({ ...manifest, spec, runtime: world.runtimes.graphs })));
  // Long enough for the auditor to compile the runtime.
  const uploaded = await protocol.sibling({ challengeWindow: 40 }, { manifest: described, genesis });
  const auditor = new Node(world, person(6), "auditor", ["audit"]);
  await auditor.log('"message":"ready"');
  const worker = new Node(world, WORKER, "graph-worker", ["train", uploaded.model, "--steps", "400"]);
  assert.equal(await worker.ended, 0, worker.lines.join("\n"));
  assert.match(await auditor.log('"verdict":"holds"'), /of 400 steps, drawn by the chain/);
  const head = await uploaded.read("Model", "version", [1n]);
  assert.ok(head.accuracyPpm > 900_000, `${head.accuracyPpm}`);
  assert.equal(await auditor.stop(), 0);
});

test("parameters that only IPFS has are found by what the chain says of them", async () => {
  const { manifest } = await Bench.open(world, protocol);
  const worker = await loadWorker("dist/workers", "cpu");
  const spec = { ...manifest.spec, layers: [{ type: "flatten" }, { type: "dense", units: 4096 }, { type: "activation", function: "relu" }, { type: "dense", units: 10 }] };
  const { parameters, digest } = await worker({ type: "initialize", spec, seed: 7 });
  const described = await world.content.put(Buffer.from(JSON.stringify({ ...manifest, spec })));
  const wide = await protocol.sibling({}, { manifest: described, genesis: digest });
  const ipfs = await IpfsNode.start();
  const { bytes } = await ipfs.add(parameters);
  const arguments_ = ["train", wide.model, "--steps", "20", "--content", ipfs.gateway];
  const lost = await run(world, WORKER, arguments_);
  assert.equal(lost.code, 2);
  assert.match(lost.lines.join("\n"), /the parameters it starts from/);

  const tell = (who, told) => protocol.send(person(who), "ParameterStore", "store", [digest, told.length, 0n, [toHex(told)]]);
  await tell(4, bytes);
  // Anybody can say anything of any file.
  await tell(5, (await ipfs.add(Buffer.alloc(3 << 20, 7))).bytes);
  const found = await run(world, WORKER, arguments_);
  assert.equal(found.code, 0, found.lines.join("\n"));
  assert.ok(ipfs.asked.filter((cid) => cid.startsWith("bafkrei")).length > 2);
  await ipfs.stop();
});

test("what is not there, or not allowed, is said in a sentence", async () => {
  const none = await run(world, WORKER, ["verify", "999"]);
  assert.equal(none.code, 2);
  assert.match(none.lines.join(), /there is no job 999/);
  const site = await run({ ...world, url: `${world.url}/nowhere`, folder: world.folder }, WORKER, ["verify", "1"]);
  assert.equal(site.code, 2);
  assert.match(site.lines.join(), /delea\.json/);
  const poor = new Node(world, person(1), "poor", ["train", protocol.model], { env: { DELEA_PRIVATE_KEY: "0x01" } });
  assert.equal(await poor.ended, 2);
  assert.match(poor.lines.join(), /private key/);
});
