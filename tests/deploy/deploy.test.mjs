// The deployment script on two real chains with different ids: tried out, stopped half way, gone on with.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { createPublicClient, createWalletClient, encodeDeployData, http } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { freePort, startChain } from "../../local/chain.mjs";
import { artifact, deployProtocol } from "../../solidity/script/deploy.mjs";

const account = mnemonicToAccount("test test test test test test test test test test test junk");
const CHAINS = [31337, 4242];
const chains = [];
let folder;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "delea-deploy-"));
  for (const chainId of CHAINS) {
    const stateFile = path.join(folder, `${chainId}.json`);
    chains.push(await startChain({ port: await freePort(), stateFile, chainId }));
  }
});

after(async () => {
  for (const chain of chains) await chain.stop();
  await rm(folder, { recursive: true, force: true });
});

const client = (chain) => createPublicClient({ transport: http(chain.url), pollingInterval: 50 });

async function assertWired(chain, book) {
  const { abi } = await artifact("ModelFactory");
  const reader = client(chain);
  for (const address of Object.values(book.contracts)) assert.ok(await reader.getCode({ address }), address);
  assert.equal(await reader.readContract({ address: book.contracts.ModelFactory, abi, functionName: "modelCount" }), 0n);
}

for (const [i, chainId] of CHAINS.entries()) {
  test(`on chain ${chainId}: tried, deployed, and not deployed twice`, async () => {
    const chain = chains[i];
    const bookFile = path.join(folder, `book-${chainId}.json`);
    const said = [];
    assert.equal(await deployProtocol({ rpcUrl: chain.url, account, bookFile, dryRun: true, say: (line) => said.push(line) }), null);
    assert.equal(said.filter((line) => line.startsWith("would deploy")).length, 8);
    assert.equal(await client(chain).getBlockNumber(), 0n, "a dry run sends nothing");

    const book = await deployProtocol({ rpcUrl: chain.url, account, bookFile });
    assert.equal(book.chainId, chainId);
    assert.deepEqual(JSON.parse(await readFile(bookFile, "utf8")), book);
    await assertWired(chain, book);
    // What the dry run foretold is what was deployed.
    for (const address of Object.values(book.contracts)) assert.ok(said.some((line) => line.includes(address)), address);

    const block = await client(chain).getBlockNumber();
    assert.deepEqual(await deployProtocol({ rpcUrl: chain.url, account, bookFile }), book);
    assert.equal(await client(chain).getBlockNumber(), block, "nothing is deployed twice");
  });
}

test("a deployment that stopped half way goes on where it stood", async () => {
  const [chain] = chains;
  const bookFile = path.join(folder, "book-half.json");
  const { abi, bytecode } = await artifact("Deployment");
  const wallet = createWalletClient({ account, transport: http(chain.url) });
  const hash = await wallet.sendTransaction({ data: encodeDeployData({ abi, bytecode: bytecode.object }), chain: null });
  const { contractAddress, blockNumber } = await client(chain).waitForTransactionReceipt({ hash });
  await writeFile(bookFile, JSON.stringify({ chainId: 31337, fromBlock: Number(blockNumber), deployment: contractAddress, contracts: {} }));
  const steps = [];
  const stopped = (name) => {
    steps.push(name);
    if (steps.length === 3) throw new Error("the power failed");
  };
  await assert.rejects(deployProtocol({ rpcUrl: chain.url, account, bookFile, say: stopped }), /power failed/);
  steps.length = 0;
  const book = await deployProtocol({ rpcUrl: chain.url, account, bookFile, say: (line) => steps.push(line) });
  assert.equal(steps.length, 6, "two contracts were there already");
  assert.equal(book.deployment.toLowerCase(), contractAddress.toLowerCase());
  await assertWired(chain, book);
});

test("an address book of another chain is refused", async () => {
  const bookFile = path.join(folder, "book-31337.json");
  await assert.rejects(deployProtocol({ rpcUrl: chains[1].url, account, bookFile }), /is of chain 31337/);
});
