// Delea's own workers, driven as the page drives them. Runs in the page.

import { decode, encode } from "/local/wire.mjs";
import { dataset } from "/tests/exact/dataset.mjs";

export const post = (worker, id, body) => worker.postMessage(encode({ id, body }));

export const next = (worker, wanted) =>
  new Promise((resolve, reject) => {
    const listen = ({ data }) => {
      const { body } = decode(data);
      if (body.type === "failed") reject(new Error(JSON.stringify(body.error)));
      else if (wanted(body)) resolve(body);
      else return;
      worker.removeEventListener("message", listen);
    };
    worker.addEventListener("message", listen);
    worker.addEventListener("error", (event) => reject(new Error(event.message ?? "the worker failed to load")), { once: true });
  });

// Opens a worker, builds the model and gives a function that trains `count` steps, timed inside by
// progress events after step `from`, so that loading, the first measurement and the last are left out.
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
    async train(count, from = 0) {
      post(worker, 2, { type: "initialize", spec, seed: 1 });
      const { parameters } = await next(worker, (body) => body.type === "parameters");
      const times = [];
      const listen = ({ data }) => decode(data).body.type === "progress" && times.push([decode(data).body.step, performance.now()]);
      worker.addEventListener("message", listen);
      const config = { optimizer: { type: "adam" }, learning_rate: 1e-3, batch_size: batch, steps: count };
      post(worker, 3, { type: "train", job: `bench-${run++}`, spec, config, seed: 1, parameters, dataset: data.bytes, evaluate_every: 0 });
      await next(worker, (body) => body.type === "trained");
      worker.removeEventListener("message", listen);
      const [[firstStep, firstTime], [lastStep, lastTime]] = [times.find(([step]) => step > from), times.at(-1)];
      return { ms: lastTime - firstTime, steps: lastStep - firstStep };
    },
    close: () => worker.terminate(),
  };
}
