// Models of other libraries through the workers' wasm, and the page's own models in another runtime (onnxruntime-web).
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import ort from "onnxruntime-web";
import { loadWorker } from "../../local/runtime.mjs";
import { floats } from "../../local/wire.mjs";

ort.env.wasm.numThreads = 1;

const file = async (name) => new Uint8Array(await readFile(new URL(`../models/${name}`, import.meta.url)));
const cases = JSON.parse(await readFile(new URL("../models/cases.json", import.meta.url)));
const sample = JSON.parse(await readFile(new URL("../../local/samples/digits.json", import.meta.url)));
const input = { type: "image", channels: 1, height: 8, width: 8 };
const task = { type: "classification", classes: Array.from({ length: 10 }, (_, i) => `${i}`) };
const SHOWN = 8;

let importer, layers, graphs, shown;
before(async () => {
  [importer, layers, graphs] = await Promise.all(["import", "cpu", "graph-cpu"].map((name) => loadWorker(process.env.WORKERS, name)));
  const table = new Uint8Array(await readFile(new URL(`../../local/samples/${sample.dataset.file_name}`, import.meta.url)));
  const { dataset } = await importer({ type: "import", file: table, labels: null, shape: null, ...sample.dataset });
  // The first examples: bytes of 0 to 16 after the header.
  const head = new DataView(dataset.buffer, dataset.byteOffset).getBigUint64(0, true);
  const { inputs } = JSON.parse(new TextDecoder().decode(dataset.subarray(8, 8 + Number(head))));
  const bytes = dataset.subarray(8 + Number(head) + inputs.data_offsets[0]);
  shown = Float32Array.from(bytes.subarray(0, SHOWN * 64), (value) => value / 16);
});

const read = (names) =>
  Promise.all(names.map(async (name) => ({ name, bytes: await file(name) }))).then((files) =>
    importer({ type: "read_model", files, input, task, specs: [] }));

const infer = async (worker, request) => (await worker({ type: "infer", ...request })).rows.map((row) => [...floats(row)]);

const assertClose = (rows, wanted, what) =>
  rows.flat().forEach((value, i) => {
    const target = wanted.flat()[i];
    assert.ok(Math.abs(value - target) <= 1e-4 * Math.abs(target) + 1e-5, `${what}: ${value}, not ${target}`);
  });

for (const name of ["cnn.onnx", "logistic.onnx", "perceptron.onnx", "keras.onnx", "tensorflow.onnx"]) {
  test(`${name} gives what its library says`, async () => {
    const { spec, parameters } = await read([name]);
    assertClose(await infer(graphs, { spec, parameters, inputs: shown }), cases[name], name);
  });
}

test("a checkpoint's parameters give what PyTorch says, in the runtime of layers", async () => {
  const { spec, parameters } = await read(["cnn.pt"]);
  assertClose(await infer(layers, { spec, parameters, inputs: shown }), cases["cnn.pt"], "cnn.pt");
});

test("what is no model, or would run code, is refused in words", async () => {
  await assert.rejects(read(["evil.pt"]), /posix.system.*no code is run/);
  await assert.rejects(read(["external.onnx"]), /add external.onnx.data/);
  await assert.rejects(read(["make.py"]), /this is no model/);
});

const relu = { type: "activation", function: "relu" };
const conv = (channels) => ({ type: "conv2d", channels, kernel: 3 });
const tokens = { type: "tokens", vocabulary: 20, length: 16 };
const block = (causal) => ({ type: "transformer_block", heads: 2, hidden: 16, causal });

/** The page's templates, and every other layer. */
const OWN = {
  mlp: [input, [{ type: "flatten" }, { type: "dense", units: 32 }, { type: "activation", function: "gelu" }, { type: "layer_norm" }, { type: "dense", units: 10 }]],
  cnn: [input, [conv(8), { type: "batch_norm" }, relu, { type: "max_pool2d", size: 2 }, { type: "flatten" }, { type: "dropout", rate: 0.2 }, { type: "dense", units: 10 }]],
  resnet: [input, [conv(6), { type: "residual", layers: [conv(6), { type: "activation", function: "silu" }] }, { type: "group_norm", groups: 3 }, { type: "avg_pool2d", size: 2 }, { type: "global_avg_pool" }, { type: "dense", units: 10 }]],
  transformer: [tokens, [{ type: "embedding", dimension: 8 }, block(true), block(false), { type: "global_avg_pool" }, { type: "dense", units: 10 }]],
};

for (const [name, [shape, body]] of Object.entries(OWN)) {
  test(`an exported ${name} gives the same in onnxruntime`, async () => {
    const spec = { input: shape, layers: body, task };
    const { parameters } = await layers({ type: "initialize", spec, seed: 4 });
    const { file: model } = await importer({ type: "export", spec, parameters, format: "onnx" });
    const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    const isTokens = shape.type === "tokens";
    const inputs = isTokens ? Float32Array.from({ length: 3 * 16 }, (_, i) => (i * 7) % 20) : shown;
    const sides = isTokens ? [3, 16] : [SHOWN, 1, 8, 8];
    const given = isTokens ? new ort.Tensor("int64", BigInt64Array.from(inputs, BigInt), sides) : new ort.Tensor("float32", inputs, sides);
    const { output } = await session.run({ input: given });
    const rows = await infer(layers, { spec, parameters, inputs });
    const logits = Array.from({ length: rows.length }, (_, i) => Array.from(output.data.slice(i * 10, (i + 1) * 10)));
    assertClose(logits.map(softmax), rows, name);
  });
}

function softmax(row) {
  const top = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((value) => value / sum);
}
