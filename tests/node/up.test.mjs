// `./delea up` as a newcomer runs it: started twice, forgotten, and each thing that can be in its way.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { freePort, rpc } from "../../local/chain.mjs";

const run = promisify(execFile);
let folder, state;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "delea-up-"));
  state = path.join(folder, "state");
});

after(() => rm(folder, { recursive: true, force: true }));

// The process, and how it ends: with what code, by what signal, and what it said of errors.
function start(...options) {
  const child = spawn(process.execPath, ["local/up.mjs", ...options], { env: { ...process.env, DELEA_STATE: state }, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (data) => (stderr += data));
  return { child, ended: once(child, "close").then(([code, signal]) => ({ code, signal, stderr })) };
}

// Runs it to its end, which has to come by itself.
async function refused(...options) {
  const { code, stderr } = await start(...options).ended;
  return { code, stderr };
}

// Runs until its address is said, and asks `look` while it runs; then Ctrl-C.
async function whileUp(options, look) {
  const { child, ended } = start(...options);
  let said = "";
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (data) => (said += data).includes("Ctrl-C stops it") && resolve());
    ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)));
  });
  const seen = await look(said.match(/Open (http:\S+)/)[1]);
  child.kill("SIGINT");
  const { code, signal, stderr } = await ended;
  assert.deepEqual([code, signal], [0, null], stderr);
  return { said, seen };
}

async function occupied() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, free: () => server.close() };
}

test("what was put on the chain is there the next time, until it is forgotten", async () => {
  const [port, chainPort] = [await freePort(), await freePort()];
  const options = ["--port", `${port}`, "--chain-port", `${chainPort}`];
  const look = async (address) => {
    const page = await fetch(address);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /delea-app/);
    const config = await (await fetch(`${address}/delea.json`)).json();
    return { factory: config.contracts.factory, block: await rpc(`http://127.0.0.1:${chainPort}`, "eth_blockNumber") };
  };
  const first = await whileUp(options, look);
  const second = await whileUp(options, look);
  // Only the empty blocks that follow a local chain's transactions may come between.
  assert.equal(second.seen.factory, first.seen.factory);
  assert.ok(Number(second.seen.block) - Number(first.seen.block) <= 2, "nothing is deployed or published twice");
  const anew = await whileUp([...options, "--reset"], look);
  assert.match(anew.said, /Deploying/);
  assert.doesNotMatch(second.said, /Deploying/);
});

test("a busy port is said in one sentence, with what to do", async () => {
  const [busy, free] = [await occupied(), await freePort()];
  const page = await refused("--port", `${busy.port}`, "--chain-port", `${free}`);
  assert.deepEqual(page, { code: 1, stderr: `delea: port ${busy.port} is in use; stop what uses it, or choose another with --port N\n` });
  const chain = await refused("--port", `${free}`, "--chain-port", `${busy.port}`);
  assert.equal(chain.code, 1);
  assert.match(chain.stderr, new RegExp(`^delea: port ${busy.port} is in use; .*--rpc-url .*--chain-port N\n$`));
  busy.free();
});

test("a chain that does not answer is said in one sentence", async () => {
  const [port, nobody] = [await freePort(), await freePort()];
  const { code, stderr } = await refused("--port", `${port}`, "--rpc-url", `http://127.0.0.1:${nobody}`);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^delea: no chain answers at http://127\\.0\\.0\\.1:${nobody} \\(.+\\)\n$`));
});

test("options that make no sense are said in one sentence", async () => {
  for (const [options, words] of [
    [["--port", "99999"], /^delea: --port must be 1 to 65535, not "99999"\n$/],
    [["--rpc-url", "nowhere"], /^delea: --rpc-url must be an address such as .*, not "nowhere"\n$/],
    [["--colour"], /^delea: .*--colour.*; see \.\/delea help\n$/],
  ]) {
    const { code, stderr } = await refused(...options);
    assert.equal(code, 1);
    assert.match(stderr, words);
  }
});

test("without the network, what could not be installed is said in one sentence", async () => {
  // A checkout where nothing was installed yet, a package registry that nobody answers for, and no cache of its packages.
  const checkout = path.join(folder, "checkout");
  const files = (await run("git", ["ls-files", "delea", "local/*.sh", "package.json", "package-lock.json", "rust-toolchain.toml"])).stdout;
  for (const file of files.trim().split("\n")) await cp(file, path.join(checkout, file), { recursive: true });
  const registry = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...process.env, DELEA_CACHE: path.join(folder, "cache"), npm_config_registry: registry, npm_config_replace_registry_host: "always",
    npm_config_cache: path.join(folder, "npm"), npm_config_fetch_retries: "0",
  };
  const failure = await run(path.join(checkout, "delea"), ["up"], { env }).then(() => assert.fail("it went on"), (error) => error);
  assert.equal(failure.code, 1);
  const [sentence] = failure.stderr.trim().split("\n").slice(-1);
  const log = sentence.match(/^delea: installing npm packages \(is the network there\?\) failed; the whole output is in (.+)$/)?.[1];
  assert.ok(log, failure.stderr);
  assert.match(await readFile(log, "utf8"), /ECONNREFUSED/);
});
