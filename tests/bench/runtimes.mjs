// The same ONNX file in Delea's workers and in onnxruntime-web. Runs in the page.
import { next, post } from "/tests/bench/delea.mjs";

const PEER = "/node_modules/onnxruntime-web/dist/";
const task = { type: "classification", classes: Array.from({ length: 10 }, (_, i) => `${i}`) };
let importer, worker, file, input, sides, onnxruntime, provider, session, id = 1;

const start = async (name) => {
  const started = new Worker(`/workers/${name}-worker.js`, { type: "module" });
  await next(started, (body) => body.type === "listening");
  return started;
};
const ask = (to, body, type) => {
  const answer = next(to, (body) => body.type === type);
  post(to, id++, body);
  return answer;
};
const values = (batch) => Float32Array.from({ length: batch * sides.reduce((a, b) => a * b) }, (_, i) => (input.type === "tokens" ? (i * 7) % 256 : ((i * 37) % 101) / 101));

/** Makes the file and loads both runtimes for "cpu" or "gpu", so that neither waits for its own wasm. */
export async function prepare({ input: shape, layers }, device) {
  provider = { cpu: "wasm", gpu: "webgpu" }[device];
  onnxruntime = await import(`${PEER}ort.${provider}.min.mjs`);
  onnxruntime.env.wasm.numThreads = 1;
  onnxruntime.env.wasm.wasmPaths = PEER;
  input = shape;
  sides = { features: [shape.size], image: [shape.channels, shape.height, shape.width], tokens: [shape.length] }[shape.type];
  const spec = { input, layers, task };
  importer ??= await start("import");
  worker ??= await start(`graph-${device}`);
  await ask(worker, { type: "start" }, "ready");
  const { parameters } = await ask(worker, { type: "initialize", spec, seed: 1 }, "parameters");
  ({ file } = await ask(importer, { type: "export", spec, parameters, format: "onnx" }, "exported"));
  await (await onnxruntime.InferenceSession.create(file.slice(), { executionProviders: [provider] })).release();
}

let large;
/** Fetches a file of parameters into the browser's private file system, as the page does, and starts the worker. */
export async function store(url) {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle("parameters", { create: true });
  await (await fetch(url)).body.pipeTo(await handle.createWritable());
  large = await handle.getFile();
  worker = await start("cpu");
  await ask(worker, { type: "start" }, "ready");
}

/** One answer of the network that the stored parameters belong to. */
export async function answer(width) {
  const spec = { input: { type: "features", size: width }, layers: [{ type: "dense", units: width }, { type: "dense", units: 10 }], task };
  const { rows } = await ask(worker, { type: "infer", spec, parameters: large, inputs: new Float32Array(width).fill(1) }, "outputs");
  if (rows[0].length !== 40) throw new Error("the answer has another size");
}

let read;
export const own = {
  async first() {
    const bytes = file.slice();
    const begun = performance.now();
    read = await ask(importer, { type: "read_model", files: [{ name: "model.onnx", bytes }], input, task, specs: [] }, "model_read");
    await ask(worker, { type: "infer", spec: read.spec, parameters: read.parameters, inputs: values(1) }, "outputs");
    return performance.now() - begun;
  },
  async each(batch, runs) {
    const inputs = values(batch);
    const run = () => ask(worker, { type: "infer", spec: read.spec, parameters: new Uint8Array(), inputs }, "outputs");
    await run();
    const begun = performance.now();
    for (let i = 0; i < runs; i++) await run();
    return (performance.now() - begun) / runs;
  },
};

const tensor = (batch) => {
  const all = values(batch);
  return input.type === "tokens"
    ? new onnxruntime.Tensor("int64", BigInt64Array.from(all, BigInt), [batch, ...sides])
    : new onnxruntime.Tensor("float32", all, [batch, ...sides]);
};
export const ort = {
  async first() {
    await session?.release();
    const bytes = file.slice();
    const begun = performance.now();
    session = await onnxruntime.InferenceSession.create(bytes, { executionProviders: [provider] });
    await session.run({ input: tensor(1) });
    return performance.now() - begun;
  },
  async each(batch, runs) {
    await session.run({ input: tensor(batch) });
    const begun = performance.now();
    for (let i = 0; i < runs; i++) await session.run({ input: tensor(batch) });
    return (performance.now() - begun) / runs;
  },
};
