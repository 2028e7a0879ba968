// Made-up data sets, the same in every engine.

// A data set file as model-runtime's dataset.rs defines it: `count` examples of `width` bytes, the
// first 64 held out. With `outputs`, targets are that many numbers instead of one of `classes`.
export function dataset(input, width, classes, count, outputs = 0) {
  const inputs = Uint8Array.from({ length: count * width }, (_, i) => (i * 7919) % (input.vocabulary ?? 256));
  const numbers = Float32Array.from({ length: count * outputs }, (_, i) => ((i * 31) % 64) / 64);
  const targets = outputs ? numbers : Uint32Array.from({ length: count }, (_, i) => i % classes);
  const split = Uint8Array.from({ length: count }, (_, i) => (i < 64 ? 1 : 0));
  const names = Array.from({ length: outputs || classes }, (_, i) => `${i}`);
  const task = outputs ? { type: "regression", outputs: names } : { type: "classification", classes: names };
  const header = { format: "delea-data-1", name: "bench", licence: "CC0-1.0", attribution: "made up", input, task, scale: 1 / 255 };
  if (input.type === "tokens") header.scale = 1;
  const sides = { image: [input.channels, input.height, input.width], sequence: [input.length, input.dimension] }[input.type] ?? [width];
  let offset = 0;
  const entry = (dtype, shape, bytes) => ({ dtype, shape, data_offsets: [offset, (offset += bytes)] });
  const text = JSON.stringify({
    __metadata__: { delea: JSON.stringify(header) },
    inputs: entry("U8", [count, ...sides], inputs.byteLength),
    split: entry("U8", [count], split.byteLength),
    targets: entry(outputs ? "F32" : "U32", outputs ? [count, outputs] : [count], targets.byteLength),
  });
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const out = new Uint8Array(8 + padded.length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded.length), true);
  out.set(new TextEncoder().encode(padded), 8);
  let at = 8 + padded.length;
  for (const part of [inputs, split, new Uint8Array(targets.buffer)]) {
    out.set(part, at);
    at += part.length;
  }
  return { bytes: out, task };
}
