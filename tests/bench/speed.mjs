// Steps a second of one training, against peers in the same browser in the same run.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as playwright from "playwright-core";
import { chromium } from "../chromium.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const ROUNDS = 3;

export const launch = () => playwright.chromium.launch(chromium);

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

// What the page may fetch besides the repository's files, by path.
export const served = new Map();

export async function open() {
  const root = path.resolve(".");
  const server = createServer(async (request, response) => {
    const name = new URL(request.url, "http://x").pathname;
    const file = path.join(root, name.startsWith("/workers/") ? `dist${name}` : name);
    const bytes = served.get(name) ?? (await readFile(file).catch(() => null));
    response.writeHead(bytes ? 200 : 404, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" }).end(bytes);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launch();
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(`http://127.0.0.1:${server.address().port}/tests/bench/page.html`);
  await page.waitForFunction(() => globalThis.bench);
  return { page, close: () => Promise.all([browser.close(), server.close()]) };
}

const MLP = {
  input: { type: "features", size: 784 }, width: 784, classes: 10, batch: 64,
  layers: [{ type: "dense", units: 256 }, { type: "activation", function: "relu" }, { type: "dense", units: 10 }],
};
const CNN = {
  input: { type: "image", channels: 1, height: 28, width: 28 }, width: 784, classes: 10, batch: 64,
  layers: [
    { type: "conv2d", channels: 16, kernel: 3, padding: "same" }, { type: "activation", function: "relu" },
    { type: "conv2d", channels: 32, kernel: 3, stride: 2, padding: "same" }, { type: "activation", function: "relu" },
    { type: "flatten" }, { type: "dense", units: 128 }, { type: "activation", function: "relu" }, { type: "dense", units: 10 },
  ],
};

// Milliseconds, median of the rounds. Every round runs each contender once, so that a slow
// moment of the machine meets all of them.
export async function compare(title, contenders, unit = "ms/step") {
  console.log(`\n${title}`);
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  const notes = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      if (notes[name]) continue;
      try {
        times[name].push(await run());
      } catch (error) {
        notes[name] = error.message.split("\n")[0].slice(0, 140);
      }
    }
  }
  const [own] = Object.keys(contenders);
  const base = median(times[own]);
  for (const name of Object.keys(contenders)) {
    if (notes[name]) console.log(`  ${name.padEnd(24)} could not run: ${notes[name]}`);
    else console.log(`  ${name.padEnd(24)} ${median(times[name]).toFixed(2).padStart(9)} ${unit}   ${(median(times[name]) / base).toFixed(2)} × Delea`);
  }
}

const own = (page, url, model, steps, from = 0) => () =>
  page.evaluate(
    async ([url, model, steps, from]) => {
      const runner = await bench.delea({ url, ...model });
      const { ms, steps: done } = await runner.train(steps, from);
      runner.close();
      return ms / done;
    },
    [url, model, steps, from],
  );

const peer = (page, name, device, steps) => () =>
  page.evaluate(
    async ([name, device, steps]) => {
      const run = await bench[name]({ sizes: [784, 256, 10], batch: 64, device });
      await run(Math.min(steps, 16));
      const start = performance.now();
      await run(steps);
      return (performance.now() - start) / steps;
    },
    [name, device, steps],
  );

export async function cpu() {
  const { page, close } = await open();
  const url = "/workers/cpu-worker.js";
  await compare("CPU, MLP 784-256-10, batch 64, Adam", {
    "Delea (wasm)": own(page, url, MLP, 600),
    "jax-js (wasm)": peer(page, "jaxMlp", "wasm", 200),
    "TensorFlow.js (wasm)": peer(page, "tfMlp", "wasm", 100),
  });
  // Where gradients have become small, numbers too small to be normal would cost more than all products.
  await compare("CPU, the same early and late in a training", {
    "Delea, steps 1 to 600": own(page, url, MLP, 600),
    "Delea, steps 2400 to 3000": own(page, url, MLP, 3000, 2400),
  });
  await compare("CPU, CNN 28×28 (conv 16, conv 32 stride 2, dense 128), batch 64, Adam (TensorFlow.js wasm has no Conv2DBackpropFilter)", {
    "Delea (wasm)": own(page, url, CNN, 60),
  });
  await close();
}

/** Training on WebGPU, and whether the browser has a card for more: on a software adapter that takes an hour. */
export async function gpu() {
  const { page, close } = await open();
  const url = "/workers/gpu-worker.js";
  const adapter = await page.evaluate(async () => {
    // A browser that has just started may not have found its card yet.
    let adapter;
    for (let tries = 0; navigator.gpu && !adapter && tries < 20; tries++) {
      adapter = await navigator.gpu.requestAdapter();
      if (!adapter) await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return adapter && { name: `${adapter.info.vendor} ${adapter.info.architecture}`, software: adapter.info.isFallbackAdapter };
  });
  if (!adapter) {
    console.log("\nWebGPU: this browser has no adapter, nothing measured");
    await close();
    return false;
  }
  const title = `WebGPU (${adapter.name}${adapter.software ? ", software" : ""})`;
  await compare(`${title}, MLP 784-256-10, batch 64, Adam`, {
    "Delea (webgpu)": own(page, url, MLP, 48),
    "jax-js (webgpu)": peer(page, "jaxMlp", "webgpu", 48),
    "TensorFlow.js (webgpu)": peer(page, "tfMlp", "webgpu", 32),
    "Delea (wasm)": own(page, "/workers/cpu-worker.js", MLP, 600),
  });
  if (!adapter.software) {
    await compare(`${title}, CNN 28×28 (conv 16, conv 32 stride 2, dense 128), batch 64, Adam`, {
      "Delea (webgpu)": own(page, url, CNN, 48),
      "Delea (wasm)": own(page, "/workers/cpu-worker.js", CNN, 60),
    });
  }
  await close();
  return !adapter.software;
}
