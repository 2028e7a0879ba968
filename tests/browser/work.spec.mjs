// The tab as a worker: it waits in line, answers and trains for others, keeps to its limits, and is paid.
import { addWallet, connect, expect, findings, picture, test } from "./fixtures.mjs";
import { Bench, question } from "../node/nodes.mjs";
import { cidOf, digestOf } from "../../local/content.mjs";
import { ALICE, RDNS } from "./wallet.mjs";
import { Protocol, person } from "./protocol.mjs";

const [OPEN, CLAIMED, SETTLED] = [1, 2, 5];
const USER = person(9);
const NONCE = `0x${"07".repeat(32)}`;

async function fresh(world, changes = {}) {
  const protocol = await new Protocol(world).sibling({ challengeWindow: 5, ...changes });
  await protocol.give(USER.address, 1000);
  await protocol.nextEpoch();
  return protocol;
}

// Chooses a model and its kinds, and starts.
async function begin(page, world, protocol, { kinds = ["infer"] } = {}) {
  await page.goto(`${world.url}/work`);
  await connect(page);
  await page.locator(`[data-testid="work-model"][data-model="${protocol.model}"]`).check();
  for (const kind of ["infer", "train"]) await page.getByTestId(`work-${kind}`).setChecked(kinds.includes(kind));
  await page.getByTestId("work-start").click();
}

const enlisted = (protocol) => protocol.event("Roster", "Enlisted", (log) => log.model === protocol.model);

async function ask(world, protocol, examples) {
  const file = question(examples, NONCE);
  await world.content.put(file);
  return protocol.ask(USER, digestOf(file), examples.length);
}

// The chain's clock passes only where doubts are waited for.
async function until(protocol, job, state, step = 1) {
  for (;;) {
    const found = await protocol.read("Jobs", "jobOf", [job]);
    if (found.state === state) return found;
    if (found.state !== CLAIMED) await protocol.pass(step);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("a tab answers what others ask, goes on after a reload, and claims its part", async ({ page, world }) => {
  test.setTimeout(180_000);
  const protocol = await fresh(world);
  const bench = await Bench.open(world, protocol);
  await addWallet(page, world, { accounts: [ALICE] });
  await begin(page, world, protocol);
  await enlisted(protocol);
  await expect(page.getByTestId("queue-empty")).toBeVisible();
  await expect(page.getByTestId("work-now")).toHaveAttribute("data-doing", "waiting");
  await picture(page, "work-waiting");

  const epoch = await protocol.read("Scores", "currentEpoch");
  const inputs = bench.examples(2);
  const job = await ask(world, protocol, inputs);
  const { worker } = await until(protocol, job, SETTLED);
  expect(worker.toLowerCase()).toBe(ALICE);
  const { args } = await protocol.event("Jobs", "JobCommitted", (log) => log.job === job);
  expect(args.result.output).toBe(digestOf(bench.answer(inputs)));
  const kept = await fetch(`${world.url}/ipfs/${cidOf(args.result.output)}`);
  expect(Buffer.from(await kept.arrayBuffer()).equals(bench.answer(inputs))).toBe(true);
  await expect(page.getByTestId("earned")).toHaveAttribute("data-epoch", `${epoch}`);
  await expect(page.getByTestId("work-notes")).toContainText("Settled.");

  // It works on by itself after a reload, on another page too.
  await page.reload();
  await page.getByRole("link", { name: "Explore" }).click();
  await expect(page.getByTestId("work-chip")).toBeVisible();
  await until(protocol, await ask(world, protocol, bench.examples(1)), SETTLED);
  await page.getByTestId("work-chip").click();
  await expect(page.getByTestId("work-notes").or(page.getByTestId("earned")).first()).toBeVisible();
  await picture(page, "work-earned");
  expect(await findings(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "work-phone-dark");
  await page.setViewportSize({ width: 1280, height: 800 });

  // The epoch is divided, and its part claimed in one click.
  await protocol.nextEpoch();
  const { bond } = await protocol.read("Model", "rules");
  const download = page.waitForEvent("download");
  await page.goto(`${world.url}/model/${protocol.model}/scores?epoch=${epoch}`);
  await page.getByTestId("export-json").click();
  const { root } = JSON.parse(await (await (await download).createReadStream()).toArray().then((parts) => Buffer.concat(parts).toString()));
  await protocol.send(person(8), "Scores", "postWeights", [protocol.model, epoch, root], bond);
  await protocol.pass(6);
  await protocol.send(person(8), "Scores", "settleWeights", [protocol.model, epoch]);
  await page.goto(`${world.url}/work`);
  await page.getByTestId("claim-all").click();
  await expect(page.getByTestId("claim-all")).toBeHidden();
  const { emission } = await protocol.read("Scores", "epochOf", [protocol.model, epoch]);
  expect(emission).toBeGreaterThan(0n);
  expect(await protocol.read("Model", "balanceOf", [ALICE])).toBe(emission);

  await page.getByTestId("work-stop").click();
  await expect.poll(() => protocol.read("Roster", "waiting", [protocol.model, 1])).toBe(0);
  await expect(page.getByTestId("work-start")).toBeVisible();
});

test("a tab trains for others, and a check gives the same bits", async ({ page, world }) => {
  test.setTimeout(180_000);
  const protocol = await fresh(world);
  const bench = await Bench.open(world, protocol);
  await addWallet(page, world, { accounts: [ALICE] });
  await begin(page, world, protocol, { kinds: ["train"] });
  await enlisted(protocol);
  const [base, input] = await Promise.all([protocol.read("Model", "head"), protocol.read("Model", "manifest")]);
  const request = { model: protocol.model, kind: 0, proof: 0, base, units: 120, input, maxPrice: 0n };
  await protocol.send(USER, "Jobs", "open", [request]);
  const job = await protocol.read("Jobs", "jobCount");
  await until(protocol, job, SETTLED);
  const { args } = await protocol.event("Jobs", "JobCommitted", (log) => log.job === job);
  const trained = bench.train(await protocol.read("Jobs", "seedOf", [job]), 120);
  expect(args.result.output).toBe(trained.digest);
  await expect(page.getByTestId("work-notes")).toContainText("Trained.");
  await picture(page, "work-trained");
  await page.getByTestId("work-stop").click();
  await expect(page.getByTestId("work-start")).toBeVisible();
});

test("limits hold: not on a battery, not in two tabs, not against the wallet's owner", async ({ page, world, context }) => {
  const protocol = await fresh(world);
  await page.addInitScript(() => {
    window.battery = { charging: false };
    navigator.getBattery = async () => window.battery;
  });
  await addWallet(page, world, { accounts: [ALICE] });
  await page.goto(`${world.url}/work`);
  await connect(page);
  await page.getByTestId("work-mains").check();
  await picture(page, "work-choose");
  expect(await findings(page)).toEqual([]);
  await page.locator(`[data-testid="work-model"][data-model="${protocol.model}"]`).check();
  await page.getByTestId("work-start").click();
  await expect(page.getByTestId("work-now")).toContainText("runs on its battery");
  expect(await protocol.read("Roster", "waiting", [protocol.model, 1])).toBe(0);
  await page.evaluate(() => (window.battery.charging = true));
  await enlisted(protocol);
  await expect(page.getByTestId("work-now")).toHaveAttribute("data-doing", "waiting");

  const other = await context.newPage();
  await addWallet(other, world, { accounts: [ALICE] });
  await other.goto(`${world.url}/work`);
  await connect(other);
  await expect(other.getByTestId("work-now")).toContainText("another tab");
  await other.close();

  await page.evaluate((rdns) => window.testWallets[rdns].state.reject.push("eth_sendTransaction"), RDNS);
  const bench = await Bench.open(world, protocol);
  const job = await ask(world, protocol, bench.examples(1));
  await protocol.pass(1);
  await expect(page.getByTestId("work-problem")).toContainText("You declined");
  await expect(page.getByTestId("work-start")).toBeVisible();
  expect((await protocol.read("Jobs", "jobOf", [job])).state).toBe(OPEN);
});
