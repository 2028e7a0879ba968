// Scores: the job log read and computed again in the tab, compared line by line, posted, doubted, and claimed.
import { readFile } from "node:fs/promises";
import { keccak256, toHex } from "viem";
import { addWallet, connect, expect, findings, picture, test } from "./fixtures.mjs";
import { ALICE } from "./wallet.mjs";
import { Protocol, person } from "./protocol.mjs";

const WINDOW = 600;
const WAD = 10n ** 18n;
const ME = person(1);
const asked = person(9);

// A model at the beginning of an epoch, and somebody who asks.
async function fresh(world) {
  const protocol = await new Protocol(world).sibling({ challengeWindow: WINDOW });
  await protocol.give(asked.address, 1000);
  await protocol.nextEpoch();
  return protocol;
}

const answers = (protocol, worker, seconds) => protocol.answered(asked, worker, seconds);

const open = (page, world, protocol, query = "") => page.goto(`${world.url}/model/${protocol.model}/scores${query}`);
const row = (page, { address }) => page.locator(`[data-testid="weight-row"][data-worker="${address}"]`);

test("scores are computed from the log in the tab, posted, made final and claimed", async ({ page, world }) => {
  const protocol = await fresh(world);
  const epoch = await protocol.read("Scores", "currentEpoch");
  const [one, two, trainer] = [person(5), person(6), person(7)];
  const done = [];
  for (const [worker, seconds] of [[ME, 1], [one, 1], [two, 20], [ME, 2], [two, 1]]) done.push(await answers(protocol, worker, seconds));
  done.push({ ...(await protocol.reveal(trainer)), worker: trainer });
  await protocol.settle(done);

  await addWallet(page, world, { accounts: [ALICE] });
  await open(page, world, protocol);
  await connect(page);
  await expect(page.getByTestId("ledger-whole")).toHaveAttribute("data-entries", "6");
  await expect(page.getByTestId("epoch-running")).toBeVisible();
  await expect(page.getByTestId("weight-row")).toHaveCount(4);
  await expect(page.getByTestId("lines-equal")).toHaveAttribute("data-equal", "true");
  await expect(row(page, trainer)).toContainText("1 training");
  await expect(page.getByTestId("expected")).toBeVisible();

  // A figure opens down to the jobs that it comes from.
  await row(page, two).getByRole("link").click();
  await expect(page.getByTestId("scored-job")).toHaveCount(2);
  const { infer } = await protocol.read("Scores", "scoreOf", [protocol.model, epoch, two.address]);
  expect(await page.getByTestId("worker-total").innerText()).toBe((Number(infer) / 1e18).toFixed(4));
  await picture(page, "scores-worker");

  await page.getByTestId("recompute").click();
  await expect(page.getByTestId("recomputed")).toHaveAttribute("data-same", "true");

  const download = page.waitForEvent("download");
  await page.getByTestId("export-csv").click();
  const lines = (await readFile(await (await download).path(), "utf8")).trim().split("\n").slice(1).map((line) => line.split(","));
  expect(lines).toHaveLength(6);
  const sum = lines.filter((line) => line[4] === two.address).reduce((total, line) => total + BigInt(line.at(-1)), 0n);
  expect(sum).toBe(infer);
  const saved = page.waitForEvent("download");
  await page.getByTestId("export-json").click();
  const whole = JSON.parse(await readFile(await (await saved).path(), "utf8"));
  expect(whole.workers.reduce((total, { weightWad }) => total + BigInt(weightWad), 0n)).toBe(WAD);
  expect(whole.jobs).toHaveLength(6);

  await protocol.nextEpoch();
  await page.getByTestId("post-weights").click();
  await expect(page.getByTestId("posted-equal")).toHaveAttribute("data-equal", "true");
  const held = await protocol.read("Scores", "epochOf", [protocol.model, epoch]);
  expect(held.root).toBe(whole.root);
  await picture(page, "scores-posted");
  expect(await findings(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "scores-posted-phone-dark");
  await page.setViewportSize({ width: 1280, height: 800 });

  await protocol.pass(WINDOW + 1);
  await page.getByTestId("settle-weights").click();
  const before = await protocol.read("Model", "balanceOf", [ALICE]);
  await page.getByTestId("claim").click();
  await expect(page.getByTestId("claimed")).toBeVisible();
  const { emission } = await protocol.read("Scores", "epochOf", [protocol.model, epoch]);
  const mine = BigInt(whole.workers.find(({ worker }) => worker.toLowerCase() === ALICE.toLowerCase()).weightWad);
  expect((await protocol.read("Model", "balanceOf", [ALICE])) - before).toBe((emission * mine) / WAD);
});

test("wrong weights are warned of, doubted and refuted", async ({ page, world }) => {
  const protocol = await fresh(world);
  const epoch = await protocol.read("Scores", "currentEpoch");
  const auditors = [2, 3, 4, 7].map(person);
  const stake = await protocol.read("Jury", "JUROR_STAKE");
  for (const auditor of auditors) await protocol.send(auditor, "Jury", "register", [stake], stake);
  await protocol.settle([await answers(protocol, person(5), 1), await answers(protocol, person(6), 9)]);
  await protocol.nextEpoch();
  const { bond } = await protocol.read("Model", "rules");
  await protocol.send(person(8), "Scores", "postWeights", [protocol.model, epoch, keccak256("0x1234")], bond);

  await addWallet(page, world, { accounts: [ALICE] });
  // Whoever looks at the model is told, on whatever tab.
  await page.goto(`${world.url}/model/${protocol.model}`);
  await connect(page);
  await expect(page.getByTestId("weights-warning")).toContainText(`epoch ${epoch}`);
  await page.getByTestId("weights-warning").getByRole("link").click();
  await expect(page.getByTestId("posted-equal")).toHaveAttribute("data-equal", "false");
  await picture(page, "scores-wrong");
  const download = page.waitForEvent("download");
  await page.getByTestId("export-json").click();
  const { root } = JSON.parse(await readFile(await (await download).path(), "utf8"));
  await page.getByTestId("doubt-weights").click();
  await page.getByTestId("case").waitFor();
  await protocol.pass(1);
  await page.getByTestId("case-draw").click();
  await expect(page.getByTestId("case").locator("li")).toHaveCount(3);
  const { caseId } = await protocol.read("Scores", "epochOf", [protocol.model, epoch]);
  await protocol.vote(caseId, root, auditors);
  await page.getByTestId("case-close").click();
  await page.getByTestId("settle-weights").click();
  // They are gone, and the right ones can be posted.
  await expect(page.getByTestId("weights")).toHaveAttribute("data-status", "Open");
  expect((await protocol.read("Scores", "epochOf", [protocol.model, epoch])).poster).toMatch(/^0x0+$/);
  // Nobody does in time: payouts go on.
  await protocol.nextEpoch();
  await page.getByTestId("share-by-score").click();
  await expect(page.getByTestId("weights")).toHaveAttribute("data-status", "Shared");
});

test("a node that leaves a job out is found out, and another one helps", async ({ page, world }) => {
  const protocol = await fresh(world);
  const done = [];
  for (let i = 0; i < 4; i++) done.push(await answers(protocol, person(5 + (i % 2)), 1 + i));
  await protocol.settle(done);
  const hidden = toHex(done[1].job, { size: 32 });
  await page.route(`${world.rpcUrl}/**`, async (route) => {
    const request = JSON.parse(route.request().postData() ?? "{}");
    if (request.method !== "eth_getLogs") return route.continue();
    const response = await route.fetch();
    const body = await response.json();
    const result = body.result.filter(({ topics }) => topics[1] !== hidden);
    return route.fulfill({ response, json: { ...body, result } });
  });
  await open(page, world, protocol);
  await expect(page.getByTestId("ledger-problem")).toContainText("The log is broken after entry 1");
  await picture(page, "scores-hidden");
  expect(await page.getByTestId("ledger-whole").count()).toBe(0);

  // The same chain under another name is not tampered with.
  world.config.otherRpcUrls = [world.rpcUrl.replace("127.0.0.1", "localhost")];
  await page.reload();
  await expect(page.getByTestId("ledger-whole")).toHaveAttribute("data-entries", "4");
  await expect(page.getByTestId("witness")).toHaveCount(2);
  await expect(page.getByTestId("lines-equal")).toHaveAttribute("data-equal", "true");
  delete world.config.otherRpcUrls;
});

test("what was read is kept, and a later visit asks for the rest alone", async ({ page, world }) => {
  const protocol = await fresh(world);
  await protocol.settle([await answers(protocol, person(5), 1)]);
  await protocol.chain.mine({ blocks: 40 });
  const asked = [];
  page.on("request", (request) => {
    const body = request.postData();
    if (request.url().startsWith(world.rpcUrl) && body?.includes("eth_getLogs")) asked.push(JSON.parse(body).params[0]);
  });
  await open(page, world, protocol);
  await expect(page.getByTestId("ledger-whole")).toHaveAttribute("data-entries", "1");
  const first = Math.min(...asked.map(({ fromBlock }) => Number(fromBlock)));
  asked.length = 0;
  await page.reload();
  await expect(page.getByTestId("ledger-whole")).toHaveAttribute("data-entries", "1");
  expect(Math.min(...asked.map(({ fromBlock }) => Number(fromBlock)))).toBeGreaterThan(first);
  await expect(page.getByTestId("lines-equal")).toHaveAttribute("data-equal", "true");
});
