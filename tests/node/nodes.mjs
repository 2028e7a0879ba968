// Real `delea-node` processes beside a real chain, and trainings that tests make up with the exact runtime.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { cidOf, digestOf } from "../../local/content.mjs";
import { openExact } from "../../local/exact.mjs";
import { exactRuntime } from "../../local/runtime.mjs";

export const BINARY = process.env.DELEA_NODE;
const hex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;
export const keyOf = (account) => hex(account.getHdKey().privateKey);

/** A safetensors file, its tensors in the order of their names: `[name, dtype, shape, bytes]`. */
function tensorFile(tensors) {
  let end = 0;
  const entries = tensors.map(([name, dtype, shape, bytes]) => [name, { dtype, shape, data_offsets: [end, (end += bytes.length)] }]);
  const text = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...tensors.map(([, , , bytes]) => bytes)]);
}

const floats = (rows) => Buffer.from(Float32Array.from(rows.flat()).buffer);

/** The file of an inference's question. */
export const question = (examples, nonce) =>
  tensorFile([
    ["inputs", "F32", [examples.length, examples[0].length], floats(examples)],
    ["nonce", "U8", [32], Buffer.from(nonce.slice(2), "hex")],
  ]);

/** What a question's file asks. */
export function readQuestion(bytes) {
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { shape: [rows, each], data_offsets: [from] } = JSON.parse(bytes.subarray(8, start).toString()).inputs;
  const number = (row, i) => bytes.readFloatLE(start + from + 4 * (row * each + i));
  return Array.from({ length: rows }, (_, row) => Array.from({ length: each }, (_, i) => number(row, i)));
}

/** The file of its answer, byte for byte as the runtime's users write it. */
const answer = (rows) => tensorFile([["outputs", "F32", [rows.length, rows[0].length], floats(rows)]]);

/** A node of an account; `log` waits for a line. */
export class Node {
  constructor(world, account, name, args, { env = {} } = {}) {
    this.lines = [];
    this.waiting = [];
    this.child = spawn(BINARY, ["--site", world.url, "--data", path.join(world.folder, name), "--poll", "150", "--json", ...args], {
      env: { ...process.env, DELEA_PRIVATE_KEY: keyOf(account), DELEA_LOG: "delea_node=debug", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.output = "";
    this.child.stdout.on("data", (data) => (this.output += data));
    let rest = "";
    this.child.stderr.on("data", (data) => {
      const parts = (rest + data).split("\n");
      rest = parts.pop();
      for (const line of parts) this.#line(line);
    });
    this.ended = once(this.child, "exit").then(([code, signal]) => {
      for (const { reject } of this.waiting) reject(new Error(`${name} ended with ${code ?? signal}:\n${this.lines.slice(-20).join("\n")}`));
      return code ?? signal;
    });
  }

  #line(line) {
    this.lines.push(line);
    this.waiting = this.waiting.filter(({ wanted, resolve }) => !(line.includes(wanted) && (resolve(line), true)));
  }

  log(wanted) {
    const found = this.lines.find((line) => line.includes(wanted));
    if (found) return Promise.resolve(found);
    const waiting = new Promise((resolve, reject) => this.waiting.push({ wanted, resolve, reject }));
    // A node that ends while nobody waits any more is no failure.
    waiting.catch(() => {});
    return waiting;
  }

  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Runs a command of the node to its end. */
export async function run(world, account, args) {
  const node = new Node(world, account, "reader", args);
  const code = await node.ended;
  return { code, output: node.output, lines: node.lines };
}

/** The exact runtime in this process, and what a job of the sample model is made of. */
export class Bench {
  static async open(world, protocol) {
    const bench = new Bench();
    bench.call = await openExact(await exactRuntime("dist/workers"));
    const blob = async (digest) => new Uint8Array(await (await fetch(`${world.url}/ipfs/${cidOf(digest)}`)).arrayBuffer());
    bench.manifest = JSON.parse(new TextDecoder().decode(await blob(await protocol.read("Model", "manifest"))));
    bench.dataset = await blob(bench.manifest.dataset.digest);
    const parameters = async (version) => blob((await protocol.read("Model", "version", [version])).parametersHash);
    bench.genesis = await parameters(0);
    bench.head = await parameters(await protocol.read("Model", "head"));
    bench.world = world;
    return bench;
  }

  /** Trains as the job's seed says; `changes` make it another training. Every checkpoint's files are kept. */
  train(seed, steps, changes = {}) {
    const { spec, training } = this.manifest;
    const job = {
      job: "bench", spec, config: { ...training, steps }, seed: BigInt(seed.slice(0, 18)), parameters: this.genesis, dataset: this.dataset,
      evaluate_every: 0, segment: null, ...changes,
    };
    this.call({ type: "begin", job, checkpoint: null });
    const files = [];
    let answer;
    while ((answer = this.call({ type: "advance", steps: 1000 })).type !== "trained") files.push(answer.files);
    return { ...answer, files };
  }

  /** Some examples for the sample model. */
  examples(count) {
    const { height, width } = this.manifest.spec.input;
    return Array.from({ length: count }, (_, n) => Array.from({ length: height * width }, (_, i) => ((i * 7 + n) % 256) / 255));
  }

  /** What the version answers that was its newest when the bench was opened. */
  rows(examples) {
    const request = { type: "infer", spec: this.manifest.spec, parameters: this.head, inputs: new Uint8Array(floats(examples)) };
    const { event } = this.call({ type: "ask", request });
    return event.rows.map((row) => Array.from(new Float32Array(Uint8Array.from(row).buffer)));
  }

  /** The file that it answers with. */
  answer(examples) {
    return answer(this.rows(examples));
  }

  /** And that of a liar. */
  wrong(examples) {
    return answer(this.rows(examples).map((row) => row.toReversed()));
  }

  /** The root over a list of checkpoints, which need not be honest: as commitment.rs computes it. */
  root(trace) {
    const word = (digest) => Buffer.from(digest.slice(2), "hex");
    const step = (number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(number);
      return bytes;
    };
    let level = trace.map((leaf) => word(digestOf(Buffer.concat([Buffer.of(0), step(leaf.step), word(leaf.parameters), word(leaf.optimizer)]))));
    while (level.length > 1) {
      level = level.flatMap((left, i) => {
        if (i % 2) return [];
        return [i + 1 < level.length ? word(digestOf(Buffer.concat([Buffer.of(1), left, level[i + 1]]))) : left];
      });
    }
    return hex(level[0]);
  }

  /** A training that is announced, done, and shown with all that a check needs; `forge` changes its list of checkpoints. */
  async reveal(protocol, worker, units, forge = (trace) => trace) {
    const { job, seed } = await protocol.announceSeeded(worker, { units });
    const trained = this.train(seed, units);
    const trace = forge(trained.trace);
    const result = await protocol.commit(worker, job, {
      output: trained.digest, checkpointRoot: this.root(trace), accuracyPpm: trained.evaluation.accuracy_ppm,
    });
    await protocol.send(worker, "Jobs", "reveal", [job, result, await this.publish(trained, { trace })]);
    return { job, result };
  }

  /** Publishes what a revealed training comes with; gives the binary CID of its list of checkpoints. */
  async publish(trained, { trace = trained.trace, withhold = false } = {}) {
    if (!withhold) {
      await this.world.content.put(Buffer.from(trained.parameters));
      for (const { parameters, optimizer } of trained.files) {
        await this.world.content.put(Buffer.from(parameters));
        await this.world.content.put(Buffer.from(optimizer));
      }
    }
    const bytes = Buffer.from(JSON.stringify(trace));
    if (!withhold) await this.world.content.put(bytes);
    return `0x01551220${digestOf(bytes).slice(2)}`;
  }
}
