// The conformance suite: small jobs that together use every layer, function and optimiser of the spec.
// An engine conforms if each job's chain of checkpoints has the root in tests/vectors/exact.json.
import { openExact, trainExact } from "../../local/exact.mjs";
import { dataset } from "./dataset.mjs";

const image = { type: "image", channels: 2, height: 6, width: 6 };
const features = { type: "features", size: 12 };
const tokens = { type: "tokens", vocabulary: 256, length: 8 };
const sequence = { type: "sequence", length: 4, dimension: 6 };

const dense = (units) => ({ type: "dense", units });
const conv = (more = {}) => ({ type: "conv2d", channels: 4, kernel: 3, ...more });
const act = (name) => ({ type: "activation", function: name });
const flatten = { type: "flatten" };
const relu = act("relu");
const mlp = (...middle) => [dense(8), ...middle, dense(4)];
const cnn = (...middle) => [...middle, flatten, dense(4)];
const block = (more = {}) => ({ type: "transformer_block", heads: 2, hidden: 12, ...more });
const embedding = { type: "embedding", dimension: 8 };
const pool = { type: "global_avg_pool" };
const adam = { type: "adam" };

/** By name: the network's input and layers, and what is unlike the default recipe. */
const JOBS = {
  "dense": [features, [dense(4)]],
  "dense, wide": [features, [dense(70), relu, dense(33), relu, dense(4)]],
  "relu": [features, mlp(relu)],
  "leaky relu": [features, mlp(act("leaky_relu"))],
  "gelu": [features, mlp(act("gelu"))],
  "silu": [features, mlp(act("silu"))],
  "tanh": [features, mlp(act("tanh"))],
  "sigmoid": [features, mlp(act("sigmoid"))],
  "dropout": [features, mlp(relu, { type: "dropout", rate: 0.3 })],
  "batch norm over features": [features, mlp({ type: "batch_norm" }, relu)],
  "layer norm": [features, mlp({ type: "layer_norm" }, relu)],
  "residual": [features, [dense(8), { type: "residual", layers: [dense(8), relu, dense(8)] }, dense(4)]],
  "nested residual": [
    features,
    [dense(8), { type: "residual", layers: [{ type: "residual", layers: [dense(8), act("tanh")] }, dense(8)] }, dense(4)],
  ],
  "convolution": [image, cnn(conv(), relu)],
  "convolution, no padding": [image, cnn(conv({ padding: "valid" }), relu)],
  "convolution, stride": [image, cnn(conv({ stride: 2 }), relu)],
  "convolution, groups": [image, cnn(conv({ groups: 2 }), relu)],
  "convolution, depth-wise": [image, cnn(conv({ channels: 2, groups: 2 }), relu)],
  "convolution, kernel of 1": [image, cnn(conv({ kernel: 1 }), relu)],
  "convolution, kernel of 5": [image, cnn(conv({ kernel: 5 }), relu)],
  "max pooling": [image, cnn(conv(), relu, { type: "max_pool2d", size: 2 })],
  "average pooling": [image, cnn(conv(), relu, { type: "avg_pool2d", size: 3 })],
  "global average pooling": [image, [conv(), relu, pool, dense(4)]],
  "batch norm over channels": [image, cnn(conv(), { type: "batch_norm" }, relu)],
  "group norm": [image, cnn(conv(), { type: "group_norm", groups: 2 }, relu)],
  "residual convolution": [image, cnn(conv(), { type: "residual", layers: [conv(), relu, conv()] }, relu)],
  "embedding": [tokens, [embedding, pool, dense(4)]],
  "transformer": [tokens, [embedding, block(), pool, dense(4)]],
  "causal transformer": [tokens, [embedding, block({ causal: true }), block({ causal: true }), pool, dense(4)]],
  "transformer of a sequence": [sequence, [block({ heads: 3 }), { type: "layer_norm" }, pool, dense(4)]],
  "dense over a sequence": [sequence, [dense(5), act("gelu"), flatten, dense(4)]],
  "adam, weight decay": [features, mlp(relu), { optimizer: { ...adam, weight_decay: 0.01 } }],
  "adam, other decays": [features, mlp(relu), { optimizer: { ...adam, beta1: 0.8, beta2: 0.99 } }],
  "sgd": [features, mlp(relu), { optimizer: { type: "sgd" }, learning_rate: 0.05 }],
  "sgd, momentum": [image, cnn(conv(), relu), { optimizer: { type: "sgd", momentum: 0.9 }, learning_rate: 0.01 }],
  // Most rows have no gradient for some steps: their moments fall to numbers that count as zero.
  "adam, moments that fade": [tokens, [embedding, pool, dense(4)], { optimizer: { ...adam, beta1: 0.1, beta2: 0.1 }, batch_size: 1 }],
  "sgd, momentum that fades": [tokens, [embedding, pool, dense(4)], { optimizer: { type: "sgd", momentum: 0.1 }, batch_size: 1 }],
  "regression": [features, mlp(act("tanh")), { outputs: 4 }],
  "regression of a picture": [image, cnn(conv(), relu), { outputs: 4, optimizer: { type: "sgd", momentum: 0.5 } }],
  "batch of one": [features, mlp(relu), { batch_size: 1 }],
  "one step": [image, cnn(conv(), relu), { steps: 1 }],
};

export const names = Object.keys(JOBS);

export const size = (input) => input.size ?? (input.type === "image" ? input.channels * input.height * input.width : input.length * (input.dimension ?? 1));

/** The training job of a name; its parameters come from the runtime. */
export function jobOf(call, name) {
  const [input, layers, { outputs = 0, ...more } = {}] = JOBS[name];
  const { bytes, task } = dataset(input, size(input), 4, 64 + 56, outputs);
  const spec = { input, layers, task };
  const { event } = call({ type: "ask", request: { type: "initialize", spec, seed: 3 } });
  return {
    spec, seed: 5, parameters: event.parameters, dataset: bytes,
    config: { optimizer: adam, learning_rate: 0.01, batch_size: 8, steps: 104, ...more },
  };
}

/** The training job of an uploaded model, from what graphs.mjs made. */
export function graphJobOf({ spec, input, classes, parameters }) {
  const bytes = Uint8Array.from(atob(parameters), (letter) => letter.charCodeAt(0));
  return {
    spec, seed: 5, parameters: bytes, dataset: dataset(input, size(input), classes, 120).bytes,
    config: { optimizer: adam, learning_rate: 0.01, batch_size: 8, steps: 104 },
  };
}

/** Root of every job, in the engine at hand. */
export async function conform(wasm) {
  const call = await openExact(wasm);
  return Object.fromEntries(names.map((name) => [name, trainExact(call, jobOf(call, name)).checkpoint_root]));
}

/** The same of uploaded models. */
export async function conformGraphs(wasm, jobs) {
  const call = await openExact(wasm);
  return Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, trainExact(call, graphJobOf(job)).checkpoint_root]));
}
