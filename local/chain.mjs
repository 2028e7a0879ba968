// The local chain: anvil on loopback, its state kept in a file between runs.
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { fail } from "./fail.mjs";

export const CHAIN_ID = 31337;

// Whether somebody on this machine listens on the port.
export const isBusy = (port) =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(true));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(false)));
  });

// A port that nobody listens on, below those that systems give to outgoing connections (32768 and up on Linux): one of
// these can be taken between the asking and the listening.
export async function freePort() {
  for (;;) {
    const port = 15_000 + randomInt(17_000);
    if (!(await isBusy(port))) return port;
  }
}

// One JSON-RPC call; throws with the node's words or the network's.
export async function rpc(url, method, params = []) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(10_000),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(error.message);
  return result;
}

// Starts anvil and waits for it to say that it listens. `genesis`: seconds, now unless given. Its state is written every
// `keepEvery` seconds and when it stops.
export async function startChain({ port, stateFile, genesis, chainId = CHAIN_ID, keepEvery = 5, logs = () => {} }) {
  const child = spawn(
    path.resolve("node_modules/.bin/anvil"),
    [
      "--host", "127.0.0.1", "--port", `${port}`, "--chain-id", `${chainId}`, "--state", stateFile, "--state-interval", `${keepEvery}`,
      ...(genesis ? ["--timestamp", `${genesis}`] : []),
    ],
    // Its own process group: Ctrl-C reaches only us, and we stop it after the server.
    { stdio: ["ignore", "pipe", "pipe"], detached: true },
  );
  const url = `http://127.0.0.1:${port}`;
  let tail = "";
  // npm's wrapper runs the chain as its own child, so the whole group is told.
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  };
  // However this process ends, the chain does not outlive it.
  const last = () => signal("SIGKILL");
  process.once("exit", last);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.removeListener("exit", last);
    child.removeAllListeners("exit");
    // The wrapper ends before the chain has written its state, which holds the wrapper's pipes open until then.
    const ended = once(child, "close");
    signal("SIGTERM");
    await ended;
  };
  const listening = new Promise((resolve, reject) => {
    const onData = (data) => {
      logs(data);
      tail = (tail + data).slice(-2000);
      if (tail.includes("Listening on")) resolve();
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the local chain ended with code ${code}: ${tail.trim().split("\n").pop()}`)));
  });
  await listening.catch((error) => fail(error.message));
  child.once("exit", (code) => fail(`the local chain ended (code ${code}); start again, with --reset if its state is broken`));
  return { url, stop };
}

// Juries are drawn by the hashes of later blocks, and this chain makes a block only for a transaction: two empty ones
// follow each. A function that ends it.
export function followTransactions(url) {
  const isEmpty = async (block) => (await rpc(url, "eth_getBlockTransactionCountByNumber", [block])) === "0x0";
  const look = async () => {
    const latest = Number(await rpc(url, "eth_blockNumber"));
    const before = `0x${Math.max(latest - 1, 0).toString(16)}`;
    if (latest > 0 && !((await isEmpty("latest")) && (await isEmpty(before)))) await rpc(url, "evm_mine");
  };
  // A chain that is going away is no fault here.
  const timer = setInterval(() => look().catch(() => {}), 2000);
  return () => clearInterval(timer);
}
