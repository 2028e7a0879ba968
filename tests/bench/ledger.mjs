// The job log in the tab: a million settled jobs read, checked and scored; and a hundred thousand of anvil's.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { encodeFunctionData, keccak256, parseEther, toEventSelector } from "viem";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { peak } from "./memory.mjs";
import { launch } from "./speed.mjs";

const SIZES = process.env.LEDGER_SIZES?.split(",").map(Number) ?? [125_000, 250_000, 500_000, 1_000_000];
const MODEL = `0x${"11".repeat(20)}`;
const WORKERS = 1_000;
const JOBS_A_BLOCK = 10;
// As public nodes have it.
const MOST = 10_000;
const WORD = 32;
const TOPIC = toEventSelector(
  "JobSettled(uint64,uint8,address,(address,uint32,uint32,bytes32,bytes32,bytes32,uint32,uint32,uint32),uint256,uint256,uint32,bytes32)",
);
const REAL = 100_000;

/** A model's log that was never on a chain, each entry linked to the one before. */
class MadeUp {
  constructor(count) {
    this.count = count;
    this.hashes = Buffer.alloc(count * WORD);
    const input = Buffer.alloc(16 * WORD);
    for (let i = 0; i < count; i++) {
      this.#words(i, input, WORD);
      input.set(keccak256(input, "bytes"), 0);
      this.hashes.set(input.subarray(0, WORD), i * WORD);
    }
  }

  #words(i, to, at) {
    const put = (word, value) => {
      to.fill(0, at + word * WORD, at + (word + 1) * WORD);
      to.writeBigUInt64BE(BigInt(value), at + word * WORD + 24);
    };
    put(0, i + 1);
    put(1, i % 4 === 0 ? 0 : 1);
    put(2, 1 + ((i * 7919) % WORKERS));
    put(3, 99);
    put(4, i >> 10);
    put(5, 1);
    for (const word of [6, 7, 8]) to.fill((i + word) & 255, at + word * WORD, at + (word + 1) * WORD);
    put(9, 900_000);
    put(10, i % 61);
    put(11, 60);
    put(12, 950_000_000_000_000_000n);
    put(13, 2n ** 60n);
    put(14, i + 1);
  }

  hash(i) {
    return i < 0 ? `0x${"00".repeat(WORD)}` : `0x${this.hashes.toString("hex", i * WORD, (i + 1) * WORD)}`;
  }

  log(i) {
    const words = Buffer.alloc(15 * WORD);
    this.#words(i, words, 0);
    const topic = (word) => `"0x${words.toString("hex", word * WORD, (word + 1) * WORD)}"`;
    const block = `0x${(Math.floor(i / JOBS_A_BLOCK) + 1).toString(16)}`;
    return `{"address":"${MODEL}","topics":["${TOPIC}",${topic(0)},${topic(1)},${topic(2)}],"data":"0x${words.toString("hex", 3 * WORD)}${this.hash(i).slice(2)}",`
      + `"blockNumber":"${block}","blockHash":"${this.hash(i)}","transactionHash":"${this.hash(i)}","transactionIndex":"0x0","logIndex":"0x${(i % JOBS_A_BLOCK).toString(16)}","removed":false}`;
  }

  get height() {
    return Math.ceil(this.count / JOBS_A_BLOCK) + 20;
  }

  #answer({ method, params }) {
    const json = JSON.stringify;
    const last = (block) => Math.min(Number(block) * JOBS_A_BLOCK, this.count) - 1;
    switch (method) {
      case "eth_blockNumber":
        return json(`0x${this.height.toString(16)}`);
      case "eth_getBlockByNumber":
        return json({ hash: keccak256(Buffer.from(`${this.count} ${params[0]}`)) });
      case "eth_call":
        return json(this.hash(last(params[1])));
      case "eth_getLogs": {
        const [from, to] = [Math.max(0, last(Number(params[0].fromBlock) - 1) + 1), last(params[0].toBlock)];
        if (to - from + 1 > MOST) return null;
        return `[${Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => this.log(from + i)).join(",")}]`;
      }
    }
  }

  async serve() {
    const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    this.server = createServer(async (request, response) => {
      if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
      let body = "";
      for await (const part of request) body += part;
      const result = this.#answer(JSON.parse(body));
      const text = result === null
        ? '{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"query returned more than 10000 results"}}'
        : `{"jsonrpc":"2.0","id":1,"result":${result}}`;
      response.writeHead(200, { "content-type": "application/json", ...cors }).end(text);
    });
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.server.address().port}`;
  }
}

// In the page: one worker, asked one thing after the other.
function install() {
  window.begin = () => {
    const worker = new Worker("/workers/ledger-worker.js", { type: "module" });
    let next = 1;
    window.ask = (body) => new Promise((resolve, reject) => {
      const id = next++;
      let news = 0;
      const start = performance.now();
      worker.addEventListener("message", ({ data }) => {
        const { id: of, body: event } = JSON.parse(data);
        if (of !== id) return;
        if (event.Progress) return void news++;
        if (event.Failed) return reject(new Error(JSON.stringify(event.Failed)));
        resolve({ event, ms: performance.now() - start, news });
      });
      worker.postMessage(JSON.stringify({ id, body }));
    });
    return new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
  };
}

async function open(browser, world) {
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(install);
  await page.goto(world.url);
  await page.evaluate(() => window.begin());
  return page;
}

const target = (url, model = MODEL) => ({ target: { urls: [url], model, from_block: 1, confirmations: 12 }, chain: "7-0x00" });
const seconds = (ms) => (ms / 1000).toFixed(2);

export async function ledger() {
  const world = await World.start();
  const browser = await launch();
  console.log("\nJob logs in the tab (goals for a million: scored in 1 s, decoded and hashed too in 8 s, 400 MB)");
  const points = [];
  for (const size of SIZES) {
    const log = new MadeUp(size);
    const url = await log.serve();
    world.config.otherRpcUrls = [url];
    const page = await open(browser, world);
    const first = await page.evaluate((read) => window.ask({ Read: read }), target(url));
    if (first.event.Read.entries !== size) throw new Error(JSON.stringify(first.event.Read));
    // A second visit, which takes all but the end from IndexedDB.
    await page.reload();
    await page.evaluate(() => window.begin());
    let again;
    const taken = await peak(page, async () => {
      again = await page.evaluate((read) => window.ask({ Read: read }), target(url));
    });
    if (again.event.Read.entries !== size) throw new Error(JSON.stringify(again.event.Read));
    const { event } = await page.evaluate((model) => window.ask({ About: { model, question: "Recompute" } }), MODEL);
    const { hash_ms, score_ms, same } = event.Recomputed;
    if (!same) throw new Error("the log is another one the second time");
    points.push({ size, hash: hash_ms, score: score_ms });
    console.log(
      `  ${String(size).padStart(9)} jobs: read from a node in ${seconds(first.ms)} s (${first.news} words of progress), from this browser in ${seconds(again.ms)} s at ${(taken / 1e6).toFixed(0)} MB; `
      + `decoded and hashed in ${seconds(hash_ms)} s, scored in ${seconds(score_ms)} s`,
    );
    await page.context().close();
    log.server.close();
    log.server.closeAllConnections();
  }
  await plot(points);

  const protocol = await many(world);
  const page = await open(browser, world);
  const read = target(world.rpcUrl, protocol.model);
  const { event, ms, news } = await page.evaluate((read) => window.ask({ Read: read }), read);
  if (event.Read.entries !== REAL) throw new Error(JSON.stringify(event.Read));
  console.log(`  ${REAL} entries from anvil in ${seconds(ms)} s (${news} words of progress)`);
  await browser.close();
  await world.stop();
}

// A model that was used a hundred thousand times.
async function many(world) {
  const protocol = await new Protocol(world).sibling({}, { inferenceUnit: 1_000_000n });
  const { abi, bytecode } = JSON.parse(await readFile("solidity/out/Many.sol/Many.json", "utf8"));
  const [account] = await protocol.chain.request({ method: "eth_accounts" });
  const send = async (transaction) => {
    const hash = await protocol.chain.request({ method: "eth_sendTransaction", params: [{ from: account, gas: "0x1b00000", ...transaction }] });
    const receipt = await protocol.chain.waitForTransactionReceipt({ hash });
    if (receipt.status !== "success") throw new Error("a transaction of the benchmark was reverted");
    return receipt;
  };
  const { contractAddress: to } = await send({ data: bytecode.object });
  await protocol.send(person(0), "Model", "transfer", [to, parseEther("1000")]);
  const EACH = 250;
  for (let done = 0; done < REAL; done += EACH) {
    await send({ to, data: encodeFunctionData({ abi, functionName: "use", args: [protocol.model, BigInt(EACH)] }) });
  }
  return protocol;
}

// Cost over size, in the documentation's folder.
async function plot(points) {
  const [width, height, left, bottom] = [560, 260, 52, 36];
  const most = Math.max(...points.map(({ hash }) => hash)) * 1.1;
  const x = (size) => left + (size / SIZES.at(-1)) * (width - left - 110);
  const y = (ms) => height - bottom - (ms / most) * (height - bottom - 30);
  const line = (of, colour, name) =>
    `<path d="M${left} ${y(0)}${points.map((p) => `L${x(p.size).toFixed(1)} ${y(p[of]).toFixed(1)}`).join("")}" fill="none" stroke="${colour}" stroke-width="2"/>`
    + `<text x="${width - 104}" y="${y(points.at(-1)[of]).toFixed(1)}" fill="${colour}">${name}</text>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    `<path d="M${left} ${y(most * share).toFixed(1)}H${width - 110}" stroke="#ddd"/><text x="${left - 6}" y="${(y(most * share) + 4).toFixed(1)}" text-anchor="end" fill="#555">${((most * share) / 1000).toFixed(1)} s</text>`
    + `<text x="${x(SIZES.at(-1) * share).toFixed(1)}" y="${height - 16}" text-anchor="middle" fill="#555">${(SIZES.at(-1) * share) / 1000} k</text>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12"><rect width="${width}" height="${height}" fill="#fff"/>`
    + `<text x="${left}" y="18" font-size="14" font-weight="600" fill="#222">Settled jobs, decoded, hashed and scored in a tab</text>${ticks.join("")}`
    + `${line("hash", "#1f7a5c", "decode + hash")}${line("score", "#c2571a", "score")}<text x="${(left + width - 110) / 2}" y="${height - 2}" text-anchor="middle" fill="#555">jobs</text></svg>\n`;
  await mkdir("docs/market", { recursive: true });
  await writeFile(path.join("docs/market", "scoring-time.svg"), svg);
}
