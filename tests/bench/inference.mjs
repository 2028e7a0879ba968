// Uploaded models: from the file's bytes to the first answer, and each answer after it, against onnxruntime-web (wasm, one
// thread) with the same files in the same page.
import { compare, open } from "./speed.mjs";

const relu = { type: "activation", function: "relu" };
const dense = (units) => ({ type: "dense", units });
const conv = (channels, more = {}) => ({ type: "conv2d", channels, kernel: 3, ...more });
const residual = (channels) => ({ type: "residual", layers: [conv(channels), { type: "batch_norm" }, relu, conv(channels), { type: "batch_norm" }] });
const stage = (channels) => [conv(channels, { stride: 2 }), { type: "batch_norm" }, relu, residual(channels), relu];
const block = { type: "transformer_block", heads: 4, hidden: 512, causal: true };

const MODELS = {
  "MLP 784-1024-1024-10": { input: { type: "features", size: 784 }, layers: [dense(1024), relu, dense(1024), relu, dense(10)] },
  "ResNet, 64×64 colour, 16 to 128 channels": {
    input: { type: "image", channels: 3, height: 64, width: 64 },
    layers: [conv(16), { type: "batch_norm" }, relu, ...stage(32), ...stage(64), ...stage(128), { type: "global_avg_pool" }, dense(10)],
  },
  "transformer, 4 blocks of 128, 64 tokens": {
    input: { type: "tokens", vocabulary: 256, length: 64 },
    layers: [{ type: "embedding", dimension: 128 }, block, block, block, block, { type: "global_avg_pool" }, dense(10)],
  },
};
const BATCHES = [1, 16];
const RUNS = 30;

export async function inference(device = "cpu") {
  const { page, close } = await open();
  for (const [name, model] of Object.entries(MODELS)) {
    await page.evaluate(([model, device]) => bench.prepare(model, device), [model, device]);
    const first = (runtime) => () => page.evaluate((runtime) => bench[runtime].first(), runtime);
    const title = device === "gpu" ? `WebGPU, ${name}` : name;
    await compare(`${title}: from bytes to the first answer`, { Delea: first("own"), "onnxruntime-web": first("ort") }, "ms");
    for (const batch of BATCHES) {
      const each = (runtime) => () => page.evaluate(([runtime, batch, runs]) => bench[runtime].each(batch, runs), [runtime, batch, RUNS]);
      await compare(`${title}: each answer to ${batch}`, { Delea: each("own"), "onnxruntime-web": each("ort") }, "ms");
    }
  }
  await close();
}
