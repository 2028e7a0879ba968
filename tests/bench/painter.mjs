// The studio's base network in Delea's worker and, exported as ONNX, in onnxruntime-web (wasm, one thread). Runs in the page.
import { floats } from "/local/wire.mjs";
import { next, post } from "/tests/bench/delea.mjs";
import { adapted, ask, ring, specOf } from "/tests/wasm/painter.mjs";

const PEER = "/node_modules/onnxruntime-web/dist/";
const SITE = "/local/samples/studio/site/";
let worker, base, session, ort, id = 1;

const tell = (to, body, type) => {
  const answer = next(to, (body) => body.type === type);
  post(to, id++, body);
  return answer;
};
const start = async (name) => {
  const started = new Worker(`/workers/${name}-worker.js`, { type: "module" });
  await next(started, (body) => body.type === "listening");
  return started;
};
const bytes = async (name) => new Uint8Array(await (await fetch(SITE + name)).arrayBuffer());

/** Loads both, so that neither waits for its wasm. */
export async function prepare(device) {
  base = await (await fetch(`${SITE}base.json`)).json();
  const parameters = await bytes("base.safetensors");
  worker = await start(`studio-${device}`);
  await tell(worker, { type: "start" }, "ready");
  await tell(worker, { type: "provide", file: parameters }, "provided");
  const importer = await start("import");
  const { file } = await tell(importer, { type: "export", spec: specOf(base.painter), parameters, format: "onnx" }, "exported");
  importer.terminate();
  ort = await import(`${PEER}ort.wasm.min.mjs`);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = PEER;
  session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
}

/** A picture by Delea's worker; milliseconds. */
export async function own({ prompt, ...settings }) {
  const job = { painter: base.painter, base: base.parameters, adapters: [], ask: ask(base.painter, prompt, settings), start: null, preview_every: 0 };
  const begun = performance.now();
  const { rows } = await tell(worker, { type: "paint", ...job }, "outputs");
  check(floats(rows[0]));
  return performance.now() - begun;
}

/** A picture by onnxruntime-web, with the same loop around it; milliseconds. */
export async function peer({ prompt, steps, guidance }) {
  const { length, side, channels, patch } = base.painter.sizes;
  const [patches, size] = [(side / patch) ** 2, channels * patch * patch];
  const words = BigInt64Array.from([...ask(base.painter, prompt).slice(0, length), ...Array(length).fill(0)], BigInt);
  const count = patches * size;
  const picture = Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
  const both = new Float32Array(2 * count);
  const begun = performance.now();
  for (let step = 0; step < steps; step++) {
    both.set(picture);
    both.set(picture, count);
    const { output } = await session.run({
      patches: new ort.Tensor("float32", both, [2, patches, size]),
      time: new ort.Tensor("float32", new Float32Array(2).fill(step / steps), [2]),
      words: new ort.Tensor("int64", words, [2, length]),
    });
    const speeds = output.data;
    for (let i = 0; i < count; i++) picture[i] += (speeds[count + i] + (speeds[i] - speeds[count + i]) * guidance) / steps;
  }
  check(picture);
  return performance.now() - begun;
}

// Pictures have their numbers about [-1, 1]; noise has not.
function check(picture) {
  const far = picture.filter((value) => Math.abs(value) > 1.3).length / picture.length;
  if (!(far < 0.05)) throw new Error(`${(100 * far).toFixed(0)} % of the picture's numbers are too large`);
}

/** Milliseconds of a lesson's step. */
export async function lesson(steps) {
  const painter = adapted(base, 2, "zorp");
  const spec = specOf(painter);
  const picture = { pixels: ring(), prompt: "zorp", aim: "subject", flips: true, attribution: "a benchmark", licence: "CC0-1.0" };
  const { dataset } = await tell(worker, { type: "teach", lesson: picture, painter, prior: await bytes("prior.safetensors"), seed: 1 }, "imported");
  const { parameters } = await tell(worker, { type: "initialize", spec, seed: 1 }, "parameters");
  const config = { optimizer: { type: "adam" }, learning_rate: 3e-3, batch_size: 8, steps };
  const moments = [];
  const listen = ({ data }) => JSON.parse(data[0]).body.type === "progress" && moments.push([JSON.parse(data[0]).body.step, performance.now()]);
  worker.addEventListener("message", listen);
  await tell(worker, { type: "train", job: "bench-lesson", spec, config, seed: 1, parameters, dataset, evaluate_every: 0 }, "trained");
  worker.removeEventListener("message", listen);
  const [[from, begun], [to, ended]] = [moments.find(([step]) => step > 0), moments.at(-1)];
  return (ended - begun) / (to - from);
}
