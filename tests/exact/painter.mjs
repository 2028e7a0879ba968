// The studio's part of the conformance suite: a small painter, an adapter of it, and a picture that the two paint.
import { floats } from "../../local/wire.mjs";

const SIDE = 8;
const CHANNELS = 4;
const LENGTH = 3;
const COUNT = 24;
const SETTINGS = 4;
const words = ["red", "green", "blue", "round"];
const sizes = { side: SIDE, channels: CHANNELS, patch: 2, width: 16, depth: 2, heads: 2, hidden: 24, vocabulary: words.length + 1, length: LENGTH };
const task = { type: "painting", channels: CHANNELS, side: SIDE };
const input = { type: "features", size: LENGTH + SETTINGS };

// Prompts and pixels, eight of them held out; `most` is the largest word.
function dataset(most) {
  const inputs = new Float32Array(COUNT * input.size);
  for (let i = 0; i < COUNT; i++) inputs.set([1 + (i % most), (i * 5) % (most + 1), 0, 0, 1, 1, 1], i * input.size);
  const split = Uint8Array.from({ length: COUNT }, (_, i) => (i < 8 ? 1 : 0));
  const targets = Uint8Array.from({ length: COUNT * CHANNELS * SIDE * SIDE }, (_, i) => (i * 7919) % 256);
  const header = { format: "delea-data-1", name: "painter", licence: "CC0-1.0", attribution: "made up", input, task, scale: 1 };
  let offset = 0;
  const entry = (dtype, shape, bytes) => ({ dtype, shape, data_offsets: [offset, (offset += bytes)] });
  const text = JSON.stringify({
    __metadata__: { delea: JSON.stringify(header) },
    inputs: entry("F32", [COUNT, input.size], inputs.byteLength),
    split: entry("U8", [COUNT], split.byteLength),
    targets: entry("U8", [COUNT, CHANNELS, SIDE, SIDE], targets.byteLength),
  });
  const head = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const out = new Uint8Array(8 + head.length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  let at = 8;
  for (const part of [head, new Uint8Array(inputs.buffer), split, targets]) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

async function train(call, spec, parameters, most) {
  const config = { optimizer: { type: "adam" }, learning_rate: 0.01, batch_size: 4, steps: 104 };
  const job = { job: "exact", evaluate_every: 0, spec, config, seed: 5, parameters, dataset: dataset(most), segment: null };
  await call({ type: "begin", job, checkpoint: null });
  for (;;) {
    const answer = await call({ type: "advance", steps: 1000 });
    if (answer.type === "trained") return answer;
  }
}

/** What an engine gives: two roots, and a checksum of a picture's bits. `call` may be a promise's. */
export async function conformPainter(call) {
  const told = async (request) => (await call({ type: "ask", request })).event;
  const whole = { input, task, painter: { sizes, words } };
  const begun = await told({ type: "initialize", spec: whole, seed: 3 });
  const base = await train(call, whole, begun.parameters, words.length);
  await told({ type: "provide", file: base.parameters });
  const adapted = { ...whole, painter: { sizes, words: [...words, "own"], adapter: { base: base.digest, rank: 3, alpha: 3 } } };
  const fresh = await told({ type: "initialize", spec: adapted, seed: 4 });
  const adapter = await train(call, adapted, fresh.parameters, words.length + 1);
  const asked = Float32Array.from([words.length + 1, 2, 0, 77, 6, 2.5, 0.9]);
  const { rows } = await told({ type: "infer", spec: adapted, parameters: adapter.parameters, inputs: asked });
  // FNV-1a, which every engine has.
  const bits = new Uint8Array(floats(rows[0]).buffer).reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  return { painter: base.checkpoint_root, adapter: adapter.checkpoint_root, picture: bits.toString(16) };
}
