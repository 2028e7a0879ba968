// Large files on IPFS: cut into blocks by the page, kept by a real implementation, found through the chain, and put together
// again block by block from gateways of which some hang, lie or have nothing.
import { createHash } from "node:crypto";
import { CID } from "multiformats/cid";
import { createPublicClient, hexToBytes, http, parseAbi } from "viem";
import { addWallet, connect, expect, finished, picture, start, test } from "./fixtures.mjs";
import { IpfsNode } from "./ipfs.mjs";
import { Protocol } from "./protocol.mjs";

const WIDE = 16_384;

// Whatever lies in the page's own store is found there; what is new goes to IPFS alone.
function onIpfs(world, gateways, kubo) {
  Object.assign(world.config, { gateways, kuboUrl: kubo, uploadUrl: "" });
}

// What was stored on the chain under a file's digest: the CID of its tree.
async function treeOf(world, hash) {
  const client = createPublicClient({ transport: http(world.rpcUrl) });
  const address = world.contracts.ParameterStore;
  const abi = parseAbi(["event Stored(bytes32 indexed hash, address indexed writer, uint32 size)", "function read(address writer, bytes32 hash, uint256 part) view returns (bytes)"]);
  const [{ args }] = await client.getContractEvents({ address, abi, eventName: "Stored", args: { hash }, fromBlock: 0n });
  const bytes = await client.readContract({ address, abi, functionName: "read", args: [args.writer, hash, 0n] });
  return CID.decode(hexToBytes(bytes)).toString();
}

// The page's surroundings are shared with other tests.
test.afterEach(({ world }) => Object.assign(world.config, { gateways: [], kuboUrl: null, uploadUrl: "/ipfs" }));

async function fresh(browser, world) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await addWallet(page, world);
  return page;
}

test("a model too large for one block goes to IPFS and comes back from it", async ({ page, world, browser }) => {
  const [node, empty, hanging, lying] = await Promise.all(Array.from({ length: 4 }, () => IpfsNode.start()));
  hanging.mode = () => "hang";
  lying.mode = () => "lie";
  onIpfs(world, [node.gateway], node.url);
  await addWallet(page, world);
  await page.goto(`${world.url}/create`);
  await connect(page);
  await page.getByTestId("data-file").setInputFiles("local/samples/digits-8x8.csv.gz");
  await page.getByTestId("template-mlp").click();
  await page.getByTestId("advanced").locator("summary").click();
  const spec = JSON.parse(await page.locator("#spec-json").inputValue());
  spec.layers = [{ type: "flatten" }, { type: "dense", units: WIDE }, { type: "activation", function: "relu" }, { type: "dense", units: 10 }];
  await page.locator("#spec-json").fill(JSON.stringify(spec));
  await page.locator("#model-name").fill("Wide digits");
  await page.locator("#token-symbol").fill("WIDE");
  await page.locator("#model-description").fill("Made by a test.");
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/, { timeout: 90_000 });
  const address = page.url().match(/0x[0-9a-fA-F]{40}/)[0];

  // The chain names the tree under the digest of the file, and the implementation reads the file whole.
  const { parametersHash } = await new Protocol(world, address).read("Model", "version", [0]);
  const root = await treeOf(world, parametersHash);
  expect(`0x${createHash("sha256").update(await node.cat(root)).digest("hex")}`).toBe(parametersHash);

  // Another tab, with nothing in it: one gateway hangs, one lies, one has nothing, one breaks off in the middle.
  let left = 3;
  node.asked = [];
  node.mode = (cid) => (cid === root || left-- > 0 ? "serve" : "none");
  onIpfs(world, [hanging.gateway, lying.gateway, empty.gateway, node.gateway], null);
  const other = await fresh(browser, world);
  await other.goto(`${world.url}/model/${address}/train`);
  await start(other, { device: "cpu", steps: 50 });
  await expect(other.getByTestId("training-status")).toHaveAttribute("data-phase", "failed", { timeout: 90_000 });
  await expect(other.getByTestId("training-status")).toContainText(/part of the parameters/);
  await picture(other, "ipfs-broken-off");
  const before = new Set(node.asked);

  // Tried again, it goes on with the blocks that are missing.
  node.mode = () => "serve";
  node.asked = [];
  await other.getByTestId("retry-training").click();
  await finished(other);
  const leaves = node.asked.filter((cid) => cid.startsWith("bafkrei"));
  expect(before.size).toBeGreaterThan(2);
  expect(node.asked).not.toContain(root);
  expect(leaves.length).toBeGreaterThan(0);
  await other.context().close();
  await Promise.all([node, empty, hanging, lying].map((one) => one.stop()));
});
