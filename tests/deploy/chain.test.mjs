// The local chain keeps what it holds over a restart, however much that is.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { freePort, rpc, startChain } from "../../local/chain.mjs";

const CODES = 400;
const CODE = `0x${"5b".repeat(24_000)}`;

test("a chain that was stopped has written all of its state", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "delea-chain-"));
  const stateFile = path.join(folder, "state.json");
  const open = async () => startChain({ port: await freePort(), stateFile });
  const chain = await open();
  const address = (i) => `0x${(0x1000 + i).toString(16).padStart(40, "0")}`;
  for (let i = 0; i < CODES; i++) await rpc(chain.url, "anvil_setCode", [address(i), CODE]);
  await chain.stop();
  // Twenty megabytes, which take a while to write.
  JSON.parse(await readFile(stateFile, "utf8"));
  const again = await open();
  assert.equal(await rpc(again.url, "eth_getCode", [address(CODES - 1), "latest"]), CODE);
  await again.stop();
  await rm(folder, { recursive: true });
});
