// `./delea up`: a chain, the contracts, the samples, the page; until Ctrl-C.
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { CHAIN_ID, followTransactions, isBusy, rpc, startChain } from "./chain.mjs";
import { ContentStore } from "./content.mjs";
import { deploy } from "./deploy.mjs";
import { fail } from "./fail.mjs";
import { readOptions } from "./options.mjs";
import { pageConfig, serve } from "./server.mjs";

const say = (text) => console.log(text);

const options = readOptions(process.argv.slice(2));
const state = path.resolve(process.env.DELEA_STATE ?? ".delea");
if (await isBusy(options.port)) fail(`port ${options.port} is in use; stop what uses it, or choose another with --port N`);
if (options.reset) await rm(state, { recursive: true, force: true });
await mkdir(state, { recursive: true });

let chain;
if (options.rpcUrl) {
  await rpc(options.rpcUrl, "eth_chainId").catch((error) => fail(`no chain answers at ${options.rpcUrl} (${error.message})`));
  chain = { url: options.rpcUrl, stop: async () => {} };
} else {
  if (await isBusy(options.chainPort)) {
    fail(`port ${options.chainPort} is in use; if a chain runs there, use it with --rpc-url http://127.0.0.1:${options.chainPort}, or choose another with --chain-port N`);
  }
  chain = await startChain({ port: options.chainPort, stateFile: path.join(state, "chain.json") });
}

let server;
let unfollow = () => {};
let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  unfollow();
  server?.closeAllConnections();
  server?.close();
  await chain.stop();
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);

try {
  const content = await ContentStore.open(path.join(state, "blobs"));
  const chainId = Number(await rpc(chain.url, "eth_chainId"));
  const local = chainId === CHAIN_ID;
  const { contracts, fromBlock, runtimes } = await deploy({
    rpcUrl: chain.url, local, content, say, workers: "dist/workers", file: path.join(state, `deployment-${chainId}.json`),
  });
  const config = pageConfig({ chainId, local, rpcUrl: chain.url, contracts, fromBlock, runtimes });
  if (!options.rpcUrl) unfollow = followTransactions(chain.url);
  server = await serve({ root: path.resolve("dist"), port: options.port, config, content });
  say(`\nDelea is running. Open http://127.0.0.1:${options.port}\nCtrl-C stops it; what was trained and published stays.`);
} catch (error) {
  if (!stopping) {
    process.stderr.write(`delea: ${error.shortMessage ?? error.message}\n`);
    await chain.stop();
    process.exit(1);
  }
}
