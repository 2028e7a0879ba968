// Delea's own workers, driven as the page drives them. Runs in the page.

const post = (worker, id, body, transfer = []) => worker.postMessage({ id, body }, transfer);

const next = (worker, wanted) =>
  new Promise((resolve, reject) => {
    const listen = ({ data: { body } }) => {
      if (body.type === "failed") reject(new Error(JSON.stringify(body.error)));
      else if (wanted(body)) resolve(body);
      else return;
      worker.removeEventListener("message", listen);
    };
    worker.addEventListener("message", listen);
    worker.addEventListener("error", (event) => reject(new Error(event.message ?? "the worker failed to load")), { once: true });
  });

// A data set file as model-runtime's dataset.rs defines it.
function dataset(input, width, classes, count) {
  const inputs = Uint8Array.from({ length: count * width }, (_, i) => (i * 7919) % 256);
  const targets = Uint32Array.from({ length: count }, (_, i) => i % classes);
  const split = Uint8Array.from({ length: count }, (_, i) => (i < 64 ? 1 : 0));
  const names = Array.from({ length: classes }, (_, i) => `${i}`);
  const header = {
    format: "delea-data-1", name: "bench", licence: "CC0-1.0", attribution: "made up", input,
    task: { type: "classification", classes: names }, scale: 1 / 255,
  };
  const sides = input.type === "image" ? [input.channels, input.height, input.width] : [width];
  let offset = 0;
  const entry = (dtype, shape, bytes) => ({ dtype, shape, data_offsets: [offset, (offset += bytes)] });
  const text = JSON.stringify({
    __metadata__: { delea: JSON.stringify(header) },
    inputs: entry("U8", [count, ...sides], inputs.byteLength),
    split: entry("U8", [count], split.byteLength),
    targets: entry("U32", [count], targets.byteLength),
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
  return { bytes: out, task: header.task };
}

// Opens a worker, builds the model and gives a function that trains `count` steps, timed inside by
// progress events, so that loading, the first measurement and the last are left out.
export async function delea({ url, input, width, layers, classes, batch }) {
  const worker = new Worker(url, { type: "module" });
  await next(worker, (body) => body.type === "listening");
  post(worker, 1, { type: "start" });
  const { device } = await next(worker, (body) => body.type === "ready");
  const data = dataset(input, width, classes, 64 + batch * 16);
  const spec = { input, layers, task: data.task };
  let run = 0;
  return {
    device,
    async train(count) {
      post(worker, 2, { type: "initialize", spec, seed: 1 });
      const { parameters } = await next(worker, (body) => body.type === "parameters");
      const times = [];
      const listen = ({ data: { body } }) => body.type === "progress" && times.push([body.step, performance.now()]);
      worker.addEventListener("message", listen);
      const config = { optimizer: { type: "adam" }, learning_rate: 1e-3, batch_size: batch, steps: count };
      post(worker, 3, { type: "train", job: `bench-${run++}`, spec, config, seed: 1, parameters, dataset: data.bytes, evaluate_every: 0 });
      await next(worker, (body) => body.type === "trained");
      worker.removeEventListener("message", listen);
      const [[firstStep, firstTime], [lastStep, lastTime]] = [times.find(([step]) => step > 0), times.at(-1)];
      return { ms: lastTime - firstTime, steps: lastStep - firstStep };
    },
    close: () => worker.terminate(),
  };
}
