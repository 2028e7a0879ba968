// The studio's network in Node, as tests and benchmarks use it: the base, what is asked of it, what it is taught.
import { readFile } from "node:fs/promises";
import { loadWorker } from "../../local/runtime.mjs";
import { floats } from "../../local/wire.mjs";
import { adapted, ask, ring, specOf, STORED } from "./painter.mjs";

const site = (name) => readFile(new URL(`../../local/samples/studio/site/${name}`, import.meta.url));

export const SIDE = 32;

/** The worker with the base network, and what is known of it. */
export async function studio(workers) {
  const worker = await loadWorker(workers, "studio-cpu");
  const base = JSON.parse(await site("base.json"));
  const parameters = new Uint8Array(await site("base.safetensors"));
  const { digest } = await worker({ type: "provide", file: parameters });
  if (digest !== base.parameters) throw new Error(`the base's file has the digest ${digest}`);
  return { worker, base, parameters, prior: new Uint8Array(await site("prior.safetensors")) };
}

/** What the base paints. */
export async function paint({ worker, base }, prompt, settings, adapters = [], painter = base.painter) {
  const { rows } = await worker({
    type: "paint", painter: base.painter, base: base.parameters, adapters, ask: ask(painter, prompt, settings), start: null, preview_every: 0,
  });
  return floats(rows[0]);
}

/** The same, as numbers of a picture. */
export function ringPicture() {
  const pixels = ring();
  const plane = SIDE * SIDE;
  const picture = new Float32Array(4 * plane);
  for (let i = 0; i < plane; i++) {
    const at = (Math.floor(i / SIDE) * 2 * STORED + (i % SIDE) * 2) * 4;
    for (let channel = 0; channel < 4; channel++) picture[channel * plane + i] = pixels[at + channel] / 127.5 - 1;
  }
  return picture;
}

export const distance = (one, other) => Math.sqrt(one.reduce((sum, value, i) => sum + (value - other[i]) ** 2, 0) / one.length);

/** Trains an adapter on the ring; the result of the worker, and the painter. */
export async function teach({ worker, base, prior }, { rank = 2, steps = 60, rate = 3e-3, word = "zorp", aim = "subject", listener } = {}) {
  const painter = adapted(base, rank, word);
  const lesson = { pixels: ring(), prompt: word, aim, flips: true, attribution: "a test", licence: "CC0-1.0" };
  const { dataset } = await worker({ type: "teach", lesson, painter, prior, seed: 1 });
  const spec = specOf(painter);
  const { parameters } = await worker({ type: "initialize", spec, seed: 1 });
  const config = { optimizer: { type: "adam" }, learning_rate: rate, batch_size: 8, steps };
  const job = { job: "lesson", spec, config, seed: 1, parameters, dataset, evaluate_every: 0 };
  return { ...(await worker({ type: "train", ...job }, listener)), painter, spec, dataset };
}
