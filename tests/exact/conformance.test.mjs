// The exact tier's conformance suite: the same wasm bytes give the same chain of checkpoints in V8
// (Node, Chromium), SpiderMonkey (Firefox) and Cranelift (wasmtime). UPDATE_VECTORS=1 writes the vectors anew.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { exactRuntime } from "../../local/runtime.mjs";
import { openExact, trainExact } from "../../local/exact.mjs";
import { chromium } from "../chromium.mjs";
import { graphJobs } from "./graphs.mjs";
import { conform, conformGraphs, graphJobOf, jobOf, names } from "./jobs.mjs";
import { conformPainter } from "./painter.mjs";
import { speak } from "./process.mjs";

const ROOT = path.resolve(import.meta.dirname, "../..");
const VECTORS = path.join(ROOT, "tests/vectors/exact.json");
const TYPES = { ".mjs": "text/javascript", ".html": "text/html", ".wasm": "application/wasm" };

let wasm, graphWasm, studioWasm, graphs, pinned;
before(async () => {
  wasm = await exactRuntime(process.env.WORKERS);
  graphWasm = await exactRuntime(process.env.WORKERS, "graph-cpu");
  studioWasm = await exactRuntime(process.env.WORKERS, "studio-cpu");
  graphs = await graphJobs(process.env.WORKERS);
  if (process.env.UPDATE_VECTORS) {
    const version = (await openExact(wasm))({ type: "version" }).version;
    const studio = await conformPainter(await openExact(studioWasm));
    const vectors = { version, roots: await conform(wasm), graphs: await conformGraphs(graphWasm, graphs), studio };
    await writeFile(VECTORS, `${JSON.stringify(vectors, null, 2)}\n`);
  }
  pinned = JSON.parse(await readFile(VECTORS));
});

test("the suite is of this runtime's version, and has thirty jobs or more", async () => {
  const call = await openExact(wasm);
  assert.equal(call({ type: "version" }).version, pinned.version);
  assert.deepEqual(Object.keys(pinned.roots), names);
  assert.ok(names.length >= 30);
  assert.equal(new Set(Object.values(pinned.roots)).size, names.length, "no two jobs are the same");
});

test("Node gives the pinned roots", async () => {
  assert.deepEqual(await conform(wasm), pinned.roots);
  assert.deepEqual(await conformGraphs(graphWasm, graphs), pinned.graphs);
  assert.deepEqual(await conformPainter(await openExact(studioWasm)), pinned.studio);
});

test("the runtime of graphs runs layers with the same bits, and that of layers refuses graphs and painters", async () => {
  assert.deepEqual(await conform(graphWasm), pinned.roots);
  const call = await openExact(wasm);
  assert.throws(() => trainExact(call, graphJobOf(Object.values(graphs)[0])), /graphs have a runtime of their own/);
  await assert.rejects(async () => conformPainter(call), /painters have a runtime of their own/);
});

test("a job in segments gives the leaves of the whole", async () => {
  const layers = await openExact(wasm);
  const uploaded = await openExact(graphWasm);
  const cases = [
    ...["dropout", "batch norm over channels", "sgd, momentum"].map((name) => [name, layers, jobOf(layers, name)]),
    ...["PyTorch's ResNet", "the page's own, with dropout"].map((name) => [name, uploaded, graphJobOf(graphs[name])]),
  ];
  for (const [name, call, job] of cases) {
    const files = [];
    call({ type: "begin", job: { job: "whole", evaluate_every: 0, ...job, segment: null }, checkpoint: null });
    let answer;
    while ((answer = call({ type: "advance", steps: 1000 })).type !== "trained") files.push(answer.files);
    const { trace } = answer;
    assert.deepEqual(files.map((file) => file.leaf), trace);
    const [{ parameters, optimizer }] = files;
    const part = trainExact(call, { ...job, parameters }, { from: 100, optimizer, to: 104 });
    assert.deepEqual(part.trace, [trace[1]], name);
    const first = trainExact(call, job, { from: 0, optimizer: new Uint8Array(), to: 100 });
    assert.deepEqual(first.trace, [trace[0]], name);
    const other = trainExact(call, { ...job, parameters, seed: 6 }, { from: 100, optimizer, to: 104 });
    assert.notDeepEqual(other.trace, [trace[1]], name);
  }
});

test("what is no job is refused in words", async () => {
  const call = await openExact(wasm);
  const job = jobOf(call, "relu");
  const begin = (changes, segment) => trainExact(call, { ...job, ...changes }, segment);
  const optimizer = new Uint8Array();
  assert.throws(() => begin({}, { from: 50, optimizer, to: 20 }), /segment/);
  assert.throws(() => begin({}, { from: 0, optimizer, to: 105 }), /segment/);
  assert.throws(() => begin({}, { from: 0, optimizer: new Uint8Array(9), to: 100 }), /optimiser's state/);
  const conv = jobOf(call, "convolution");
  assert.throws(() => begin({ parameters: conv.parameters }), /parameter/);
  assert.throws(() => call({ type: "advance", steps: 1 }), /no training was begun/);
  assert.throws(() => call({ type: "nonsense" }), /unknown variant/);
  // And the runtime goes on.
  assert.equal(begin({}).checkpoint_root, pinned.roots.relu);
});

for (const [name, command, flags] of [
  ["Chromium", chromium.executablePath, ["--headless", ...chromium.args]],
  ["Firefox", "firefox-esr", ["--headless", "--no-remote"]],
]) {
  test(`${name} gives the pinned roots`, { timeout: 240_000 }, async () => {
    const found = await inBrowser(name, command, flags);
    assert.equal(found.error, undefined);
    assert.deepEqual(found.roots, pinned.roots);
    assert.deepEqual(found.graphs, pinned.graphs);
    assert.deepEqual(found.studio, pinned.studio);
  });
}

test("wasmtime gives the pinned roots", async (t) => {
  const node = process.env.DELEA_NODE;
  assert.ok(node && existsSync(node), "DELEA_NODE names the built delea-node");
  const folder = await mkdtemp(path.join(tmpdir(), "delea-exact-"));
  t.after(() => rm(folder, { recursive: true }));
  // The jobs' frames go to the node's own host, one call a line of the protocol.
  const host = async (name, bytes) => {
    const file = path.join(folder, name);
    await writeFile(file, bytes);
    const child = spawn(node, ["exact", "--runtime", file], { stdio: ["pipe", "pipe", "inherit"] });
    t.after(() => child.kill());
    return speak(child);
  };
  const rootOf = async (call, job) => {
    await call({ type: "begin", job: { job: "exact", evaluate_every: 0, ...job, segment: null }, checkpoint: null });
    let answer;
    while ((answer = await call({ type: "advance", steps: 1000 })).type !== "trained");
    return answer.checkpoint_root;
  };
  const local = await openExact(wasm);
  const layers = await host("exact.wasm", wasm);
  for (const name of names) assert.equal(await rootOf(layers, jobOf(local, name)), pinned.roots[name], name);
  const uploaded = await host("graphs.wasm", graphWasm);
  for (const [name, job] of Object.entries(graphs)) assert.equal(await rootOf(uploaded, graphJobOf(job)), pinned.graphs[name], name);
  assert.deepEqual(await conformPainter(await host("studio.wasm", studioWasm)), pinned.studio);
});

/** Runs the suite's page in a browser; gives what it posts. */
async function inBrowser(name, command, flags) {
  const profile = await mkdtemp(path.join(tmpdir(), "delea-profile-"));
  let done;
  const result = new Promise((resolve) => (done = resolve));
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost").pathname;
    if (url === "/result") {
      const parts = [];
      for await (const part of request) parts.push(part);
      response.end();
      return done(JSON.parse(Buffer.concat(parts)));
    }
    const file = path.join(ROOT, path.normalize(url));
    const made = { "/exact.wasm": wasm, "/graphs.wasm": graphWasm, "/studio.wasm": studioWasm, "/graphs.json": JSON.stringify(graphs) };
    const body = made[url] ?? (await readFile(file).catch(() => undefined));
    response.writeHead(body ? 200 : 404, { "content-type": TYPES[path.extname(url)] ?? "application/octet-stream" });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/tests/exact/page.html`;
  const where = name === "Firefox" ? ["--profile", profile] : [`--user-data-dir=${profile}`];
  const browser = spawn(command, [...flags, ...where, url], { stdio: "ignore", env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: "1" } });
  const gone = new Promise((_, reject) => {
    browser.on("error", reject);
    browser.on("exit", (code) => reject(new Error(`${name} ended with ${code} before it had a result`)));
  });
  try {
    return await Promise.race([result, gone]);
  } finally {
    gone.catch(() => {});
    browser.kill();
    server.close();
    server.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
