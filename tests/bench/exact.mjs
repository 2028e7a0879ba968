// The exact tier: what commitments cost, what a check costs, and wasmtime beside V8, which the tab has too.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openExact, trainExact } from "../../local/exact.mjs";
import { exactRuntime, loadWorker } from "../../local/runtime.mjs";
import { speak } from "../exact/process.mjs";

const STEPS = 1000;
const WORKERS = "dist/workers";

const timed = async (work) => {
  const start = performance.now();
  const result = await work();
  return [(performance.now() - start) / 1000, result];
};

export async function exact() {
  const sample = JSON.parse(await readFile("local/samples/digits.json"));
  const importer = await loadWorker(WORKERS, "import");
  const file = new Uint8Array(await readFile(`local/samples/${sample.dataset.file_name}`));
  const { dataset } = await importer({ type: "import", file, labels: null, shape: null, ...sample.dataset });
  const wasm = await exactRuntime(WORKERS);
  const call = await openExact(wasm);
  const { training } = sample.manifest;
  const relu = { type: "activation", function: "relu" };
  const layers = [{ type: "flatten" }, { type: "dense", units: 256 }, relu, { type: "dense", units: 10 }];
  const specs = { CNN: sample.manifest.spec, "MLP 64-256-10": { ...sample.manifest.spec, layers } };
  console.log(`\nExact tier, digits, ${STEPS} steps of ${training.batch_size}:`);
  for (const [name, spec] of Object.entries(specs)) {
    const { parameters } = call({ type: "ask", request: { type: "initialize", spec, seed: 1 } }).event;
    const job = { spec, config: { ...training, steps: STEPS }, seed: 1, parameters, dataset };
    // Warm: V8 compiles hot loops anew.
    trainExact(call, { ...job, config: { ...job.config, steps: 200 } });
    const [all, whole] = await timed(() => trainExact(call, job));
    // Steps one by one: those that end in a leaf beside the others.
    const plain = [];
    const leaf = [];
    call({ type: "begin", job: { job: "bench", evaluate_every: 0, ...job, segment: null }, checkpoint: null });
    for (let step = 1; step <= STEPS; step++) {
      const [seconds] = await timed(() => call({ type: "advance", steps: 1 }));
      (step % 100 === 0 ? leaf : plain).push(seconds);
    }
    call({ type: "end" });
    const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
    const cost = (mean(leaf) - mean(plain)) / (100 * mean(plain));
    const [again, replay] = await timed(() => trainExact(call, job));
    if (replay.checkpoint_root !== whole.checkpoint_root) throw new Error("a replay gave other bits");
    const wasmtime = await inWasmtime(wasm, job);
    console.log(`  ${name}: ${(STEPS / all).toFixed(0)} steps/s; a whole check takes ${again.toFixed(1)} s, ${(again / all).toFixed(2)} × the training`);
    console.log(`    commitments cost ${(100 * cost).toFixed(1)} % (limit 5); wasmtime is ${(all / wasmtime).toFixed(2)} × as fast as V8`);
  }
}

async function inWasmtime(wasm, job) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "delea-bench-"));
  const runtime = path.join(folder, "exact.wasm");
  await writeFile(runtime, wasm);
  const child = spawn(process.env.DELEA_NODE, ["exact", "--runtime", runtime], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const call = speak(child);
    await call({ type: "version" });
    await call({ type: "begin", job: { job: "bench", evaluate_every: 0, ...job, segment: null }, checkpoint: null });
    const [seconds] = await timed(async () => {
      while ((await call({ type: "advance", steps: 1000 })).type !== "trained");
    });
    return seconds;
  } finally {
    child.kill();
    await rm(folder, { recursive: true });
  }
}
