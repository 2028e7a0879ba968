// The workers' wasm, run by Node: the CPU worker's results are pinned, since its bytes are the
// specification of the exact tier.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { cidOf, digestOf } from "../../local/content.mjs";
import { loadWorker } from "../../local/runtime.mjs";

const pinned = JSON.parse(await readFile(new URL("../vectors/training.json", import.meta.url)));
const sample = JSON.parse(await readFile(new URL("../../local/samples/digits.json", import.meta.url)));

let runtime, dataset, imported;
before(async () => {
  const importer = await loadWorker(process.env.WORKERS, "import");
  runtime = await loadWorker(process.env.WORKERS, "cpu");
  const file = new Uint8Array(await readFile(new URL(`../../local/samples/${sample.dataset.file_name}`, import.meta.url)));
  imported = await importer({ type: "import", file, labels: null, shape: null, ...sample.dataset });
  dataset = imported.dataset;
});

const trainJob = async (changes = {}) => {
  const { spec, training } = sample.manifest;
  const genesis = await runtime({ type: "initialize", spec, seed: sample.seed });
  return {
    type: "train", job: "test", spec, config: { ...training, steps: 120 }, seed: 7,
    parameters: genesis.parameters, dataset, evaluate_every: 50, ...changes,
  };
};

test("the data set file has its pinned digest", () => {
  assert.equal(imported.digest, pinned.dataset);
  assert.equal(digestOf(dataset), imported.digest);
});

test("a training gives its pinned digest, figures and commitment", async () => {
  const events = [];
  const result = await runtime(await trainJob(), (event) => events.push(event));
  assert.equal(result.type, "trained");
  assert.deepEqual(
    { digest: result.digest, root: result.checkpoint_root, accuracy: result.evaluation.accuracy_ppm },
    pinned.training,
  );
  assert.equal(digestOf(result.parameters), result.digest);
  assert.match(cidOf(result.digest), /^bafkrei/);
  const losses = events.flatMap((event) => event.losses ?? []);
  assert.deepEqual(losses.map(([step]) => step), Array.from({ length: 120 }, (_, i) => i + 1));
  assert.deepEqual(events.flatMap((event) => event.evaluations ?? []).map(({ step }) => step), [0, 50, 100]);
});

test("the seed matters, and nothing else does", async () => {
  const run = async (changes) => (await runtime(await trainJob({ config: { ...sample.manifest.training, steps: 3 }, ...changes }))).digest;
  assert.equal(await run({}), await run({ evaluate_every: 1 }));
  assert.notEqual(await run({}), await run({ seed: 8 }));
});

test("the full recipe reads at least 97% of the held-out digits", async () => {
  const result = await runtime(await trainJob({ config: sample.manifest.training }));
  assert.ok(result.evaluation.accuracy_ppm >= 970_000, `${result.evaluation.accuracy_ppm}`);
  const evaluated = await runtime({ type: "evaluate", spec: sample.manifest.spec, parameters: result.parameters, dataset });
  assert.equal(evaluated.accuracy_ppm, result.evaluation.accuracy_ppm);
});

test("bad requests are answered with an error that names the field", async () => {
  await assert.rejects(trainJob({ config: { ...sample.manifest.training, batch_size: 0 } }).then(runtime), /batch size/);
  await assert.rejects(runtime({ type: "infer", spec: sample.manifest.spec, parameters: new Uint8Array(9), inputs: Float32Array.of(1) }), /safetensors/);
  await assert.rejects(runtime({ type: "pause" }), /no training runs/);
});
