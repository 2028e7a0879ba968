// "Run it for me": a worker of the market answers, the page shows how far it is, and anybody can ask again.
import { addWallet, connect, drawZero, expect, openModel, picture, test } from "./fixtures.mjs";
import { Bench, question as write, readQuestion } from "../node/nodes.mjs";
import { cidOf } from "../../local/content.mjs";
import { ALICE } from "./wallet.mjs";
import { Protocol, person } from "./protocol.mjs";

const WORKER = person(5);
const NOTHING = `0x${"00".repeat(32)}`;

const question = async (world, digest) => Buffer.from(await (await fetch(`${world.url}/ipfs/${cidOf(digest)}`)).arrayBuffer());

async function ready(page, world) {
  const protocol = new Protocol(world);
  await protocol.give(ALICE, 100);
  await addWallet(page, world);
  await openModel(page, world, "use");
  await connect(page);
  await expect(page.getByTestId("infer-pay")).toBeVisible();
  return protocol;
}

// Draws a zero and asks a worker; the job's number.
async function ask(page, protocol) {
  await drawZero(page);
  await page.getByTestId("by-worker").check();
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("asked")).toHaveAttribute("data-state", "Open");
  return protocol.read("Jobs", "jobCount");
}

test("a worker answers what a visitor asks, over a reload, and the answer can be checked", async ({ page, world }) => {
  const protocol = await ready(page, world);
  const bench = await Bench.open(world, protocol);
  const { bond } = await protocol.read("Model", "rules");
  await protocol.send(WORKER, "Roster", "enlist", [protocol.model, 2], bond);
  const before = await protocol.read("Model", "balanceOf", [ALICE]);
  const job = await ask(page, protocol);
  await expect(page.getByTestId("asked-waiting")).toContainText("One worker waits");
  expect(await protocol.read("Model", "balanceOf", [ALICE])).toBeLessThan(before);
  await picture(page, "asked-worker");

  await protocol.chain.mine({ blocks: 1 });
  await protocol.send(WORKER, "Jobs", "claim", [job, 0n], bond);
  await expect(page.getByTestId("asked")).toHaveAttribute("data-state", "Claimed");
  await page.reload();
  await expect(page.getByTestId("asked")).toHaveAttribute("data-state", "Claimed");

  const { input } = await protocol.read("Jobs", "jobOf", [job]);
  const answer = bench.answer(readQuestion(await question(world, input)));
  const output = await world.content.put(answer);
  const result = await protocol.commit(WORKER, job, { output, checkpointRoot: NOTHING, accuracyPpm: 0 });
  await expect(page.getByTestId("prediction")).toBeVisible();
  await expect(page.getByTestId("probability-bar")).toHaveCount(10);
  await picture(page, "asked-answered");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "asked-answered-phone-dark");
  await protocol.send(WORKER, "Jobs", "reveal", [job, result, "0x"]);

  await page.getByRole("link", { name: `Job ${job}: check it yourself` }).click();
  await page.getByTestId("check-job").click();
  const verdict = page.getByTestId("check-verdict");
  await expect(verdict).toHaveAttribute("data-holds", "true");
  await expect(verdict).toContainText("same to the bit");
  await picture(page, "asked-checked");

  await openModel(page, world, "use");
  await page.getByTestId("asked-done").click();
  await expect(page.getByTestId("asked")).toBeHidden();
  await protocol.send(WORKER, "Roster", "delist", [protocol.model]);
});

test("where nobody comes, the price comes back", async ({ page, world }) => {
  const protocol = await ready(page, world);
  const before = await protocol.read("Model", "balanceOf", [ALICE]);
  await ask(page, protocol);
  await expect(page.getByTestId("asked-waiting")).toContainText("No worker waits");
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, "asked-phone");
  await page.getByTestId("asked-cancel").click();
  await expect(page.getByTestId("asked-failed")).toContainText("You have your price back");
  expect(await protocol.read("Model", "balanceOf", [ALICE])).toBe(before);
});

test("a wrong answer is found by asking again in the tab", async ({ page, world }) => {
  const protocol = new Protocol(world);
  const bench = await Bench.open(world, protocol);
  const user = person(6);
  await protocol.give(user.address, 10);
  const { bond } = await protocol.read("Model", "rules");
  const examples = bench.examples(2);
  const job = await protocol.ask(user, await world.content.put(write(examples, NOTHING)), examples.length);
  await protocol.send(WORKER, "Jobs", "claim", [job, 0n], bond);
  const output = await world.content.put(bench.wrong(examples));
  await protocol.commit(WORKER, job, { output, checkpointRoot: NOTHING, accuracyPpm: 0 });
  await page.goto(`${world.url}/job/${job}`);
  await page.getByTestId("check-job").click();
  await expect(page.getByTestId("check-verdict")).toHaveAttribute("data-holds", "false");
});
