// Anyone checks anyone's training in a tab, without a wallet: done again bit for bit where its seed came
// from the chain, measured where it was handed in afterwards; and what is false is found out.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { keccak256, parseEther } from "viem";
import { cidOf } from "../../local/content.mjs";
import { addWallet, connect, expect, finished, openModel, picture, test } from "./fixtures.mjs";
import { Bench } from "../node/nodes.mjs";
import { Protocol, person } from "./protocol.mjs";
import { World } from "./world.mjs";

const own = test.extend({
  chain: async ({}, use) => {
    const world = await World.start();
    await use({ world, protocol: new Protocol(world) });
    await world.stop();
  },
});

async function check(page, world, job, button = "check-job") {
  await page.goto(`${world.url}/job/${job}`);
  await page.getByTestId(button).click();
  const verdict = page.getByTestId("check-verdict");
  await verdict.waitFor({ timeout: 120_000 });
  return verdict;
}

own("an announced training is paid for every step, and a stranger gets the same bits", async ({ page, browser, chain: { world, protocol } }) => {
  await addWallet(page, world);
  await openModel(page, world);
  await connect(page);
  await page.getByTestId("options").locator("summary").click();
  await page.getByTestId("announce").check();
  await page.locator('input[type="range"]').first().fill("1200");
  const expected = await protocol.read("Model", "quoteReward", [1200]);
  await picture(page, "announce");
  await page.getByTestId("start-training").click();
  await finished(page);
  await page.getByTestId("publish-training").click();
  await page.getByTestId("reward-received").waitFor({ timeout: 60_000 });
  const job = await protocol.read("Jobs", "jobOf", [1n]);
  expect(job.units).toBe(1200);
  expect(await protocol.read("Model", "balanceOf", [job.worker])).toBe(expected);

  const stranger = await browser.newPage();
  const quick = await check(stranger, world, 1, "check-drawn");
  await expect(quick).toHaveAttribute("data-holds", "true");
  await expect(quick).toContainText("300 of 1,200 steps, in the 3 parts that the chain drew");
  await picture(stranger, "checked-drawn");
  const verdict = await check(stranger, world, 1);
  await expect(verdict).toHaveAttribute("data-holds", "true");
  await expect(verdict).toContainText("very same bits");
  await picture(stranger, "checked-by-replay");
  await stranger.close();
});

own("a training that was claimed but not done is found out", async ({ page, chain: { world, protocol } }) => {
  const job = await protocol.announce(person(5), { units: 60 });
  await protocol.commit(person(5), job);
  const verdict = await check(page, world, job);
  await expect(verdict).toHaveAttribute("data-holds", "false");
  await expect(verdict).toContainText("other parameters");
  await picture(page, "checked-and-false");
});

own("a forged checkpoint is found, and the page says between which steps", async ({ page, chain: { world, protocol } }) => {
  const bench = await Bench.open(world, protocol);
  const { job } = await bench.reveal(protocol, person(5), 300, (trace) => {
    const forged = structuredClone(trace);
    forged[1].optimizer = forged[0].optimizer;
    return forged;
  });
  const verdict = await check(page, world, job);
  await expect(verdict).toHaveAttribute("data-holds", "false");
  await expect(verdict).toContainText("between step 100 and step 200 of 300");
  await picture(page, "checked-and-forged");
});

own("a model of another runtime version is replayed by that one, fetched by its hash", async ({ page, chain: { world, protocol } }) => {
  const bench = await Bench.open(world, protocol);
  const { job } = await bench.reveal(protocol, person(5), 250);
  // This page was built with another version than the model's.
  await page.route("**/delea.json", async (route) => {
    const response = await route.fetch();
    const config = await response.json();
    config.workers.layers.runtime = `0x${"ab".repeat(32)}`;
    await route.fulfill({ response, json: config });
  });
  const runtime = `**/ipfs/${cidOf(world.runtimes.layers)}*`;
  await page.route(runtime, (route) => route.fulfill({ status: 200, body: "not it" }));
  await page.goto(`${world.url}/job/${job}`);
  await page.getByTestId("check-job").click();
  await expect(page.getByTestId("check-failed")).toContainText("version of the exact runtime", { timeout: 60_000 });
  await page.unroute(runtime);
  const verdict = await check(page, world, job);
  await expect(verdict).toHaveAttribute("data-holds", "true");
  await expect(verdict).toContainText("very same bits at every checkpoint");
  await expect(page.getByTestId("check-runtime")).toContainText("another version");
  await picture(page, "other-runtime");
});

own("a result is measured: what holds, and what was only said", async ({ page, chain: { world, protocol } }) => {
  const { parametersHash } = await protocol.read("Model", "version", [0]);
  const file = await readFile(path.join(world.folder, "blobs", cidOf(parametersHash)));
  // One value of the last layer changed: a valid parameter file that is as untrained as before.
  file.writeFloatLE(file.readFloatLE(file.length - 4) + 0.25, file.length - 4);
  const output = await world.content.put(file);
  const { job } = await protocol.reveal(person(5), { output, accuracyPpm: 990_000 });
  const verdict = await check(page, world, job);
  await expect(verdict).toHaveAttribute("data-holds", "false");
  await expect(verdict).toContainText("99.0 % are claimed");

  const measured = (await verdict.innerText()).match(/([\d.]+) % right/)[1];
  expect(Number(measured)).toBeLessThan(60);
  // A result whose bytes nobody has is no verdict on it, and says so.
  const { job: missing } = await (await protocol.sibling({})).reveal(person(6));
  await page.goto(`${world.url}/job/${missing}`);
  await page.getByTestId("check-job").click();
  await expect(page.getByTestId("check-failed")).toContainText("could not be checked");
});

own("trainings of one version are averaged, posted, checked and published from tabs", async ({ page, browser, chain: { world, protocol: sample } }) => {
  const protocol = await sample.sibling({ roundLength: 600, challengeWindow: 60 });
  const bench = await Bench.open(world, protocol);
  const trainings = [];
  for (const [i, worker] of [person(5), person(6)].entries()) trainings.push(await bench.reveal(protocol, worker, 100 + 50 * i));
  const history = `${world.url}/model/${protocol.model}/history`;
  await addWallet(page, world);
  await page.goto(history);
  await expect(page.getByTestId("round")).toContainText("2 trainings of the newest version have been handed in. Further ones can join");
  await picture(page, "round-open");
  await protocol.pass(601);
  await expect(page.getByTestId("round")).toContainText("No more trainings can join. 2 of them");
  for (const { job, result } of trainings) await protocol.send(person(7), "Jobs", "settle", [job, result]);
  await connect(page);
  await page.getByTestId("round-make").click();
  await expect(page.getByTestId("round-made")).toContainText(/average answers [\d.]+ % of \d+ examples right/);
  await picture(page, "round-averaged");
  await page.getByTestId("round-post").click();
  await expect(page.getByTestId("round-doubt")).toBeVisible();

  // A stranger's tab makes it again.
  const stranger = await browser.newPage();
  await stranger.goto(history);
  await stranger.getByTestId("round-make").click();
  await expect(stranger.getByTestId("round-verdict")).toHaveAttribute("data-holds", "true");
  await picture(stranger, "round-checked");
  await stranger.close();

  await protocol.pass(61);
  await page.getByTestId("round-settle").click();
  await expect(page.getByTestId("version").first()).toContainText("the average of several trainings of version 0");
  expect(await protocol.read("Model", "head")).toBe(1);
  await picture(page, "round-published");
});

own("a posted average that is not the trainings' own is found out, and can be doubted", async ({ page, chain: { world, protocol: sample } }) => {
  const protocol = await sample.sibling({ roundLength: 600, challengeWindow: 60 });
  const bench = await Bench.open(world, protocol);
  const trainings = [await bench.reveal(protocol, person(5), 100), await bench.reveal(protocol, person(6), 100)];
  await protocol.pass(601);
  for (const { job, result } of trainings) await protocol.send(person(7), "Jobs", "settle", [job, result]);
  await protocol.send(person(7), "Jobs", "postAverage", [protocol.model, keccak256("0x07"), 990_000], parseEther("0.01"));
  await addWallet(page, world);
  await page.goto(`${world.url}/model/${protocol.model}/history`);
  await page.getByTestId("round-make").click();
  const verdict = page.getByTestId("round-verdict");
  await expect(verdict).toHaveAttribute("data-holds", "false");
  await expect(verdict).toContainText("other parameters than those posted");
  await connect(page);
  await page.getByTestId("round-doubt").click();
  // This chain has no auditors, and a case that nobody could judge is refused.
  await expect(page.getByTestId("round")).toContainText(/auditors/);
  await picture(page, "round-refuted");
});
