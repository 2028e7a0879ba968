// Who owns a model: seats, the way back to an older version, splits; and jobs that are doubted.
import { parseEther } from "viem";
import { ALICE, BOB } from "./wallet.mjs";
import { addWallet, amount, connect, expect, openModel, picture, test } from "./fixtures.mjs";
import { CREATOR, Protocol, person } from "./protocol.mjs";
import { World } from "./world.mjs";

// Each test has owners and versions of its own.
const own = test.extend({
  chain: async ({}, use) => {
    const world = await World.start();
    await use({ world, protocol: new Protocol(world) });
    await world.stop();
  },
});

async function asAlice(page, world, path) {
  await addWallet(page, world, { accounts: [ALICE] });
  await page.goto(world.url + path);
  await connect(page);
}

own("the largest holder takes the model back to an older version", async ({ page, chain: { world, protocol } }) => {
  await protocol.train(person(5), { accuracyPpm: 400_000 });
  await protocol.train(person(6), { accuracyPpm: 300_000 });
  await protocol.give(ALICE, 20_000);
  await asAlice(page, world, `/model/${world.sample}/history`);
  const second = page.locator('[data-testid="version"][data-id="2"]');
  await expect(second).toContainText("in use");
  await picture(page, "history-tree");
  await page.locator('[data-testid="version"][data-id="1"]').getByTestId("go-back").click();
  await expect(page.getByTestId("rollback-notice")).toContainText("version 1");
  await expect(page.getByTestId("rollback-execute")).toBeHidden();
  await picture(page, "rollback-waits");
  await protocol.pass(25);
  // The page goes by its own clock; the delay is 20 seconds on a local chain.
  await page.getByTestId("rollback-execute").click({ timeout: 40_000 });
  await expect(second).toContainText("set aside");
  await expect(page.locator('[data-testid="version"][data-id="1"]')).toContainText("in use");
  expect(await protocol.read("Model", "head")).toBe(1);
  await expect(page.getByTestId("rollback-notice")).toBeHidden();
  await expect(page.getByTestId("turn")).toHaveCount(2);
  await expect(page.getByTestId("turn").first()).toContainText("go back from version 2 to 1");
  await picture(page, "rolled-back");
});

own("a holder stops the creator, and the creator is not offered to stop a holder", async ({ page, chain: { world, protocol } }) => {
  await protocol.train(person(5));
  await protocol.give(ALICE, 20_000);
  await protocol.send(CREATOR, "Model", "requestRollback", [0]);
  await asAlice(page, world, `/model/${world.sample}/history`);
  await expect(page.getByTestId("rollback-notice")).toContainText("the creator");
  await page.getByTestId("rollback-stop").click();
  await expect(page.getByTestId("rollback-notice")).toBeHidden();
  expect((await protocol.read("Model", "rollbackRequest")).version).toBe(0);
  await expect(page.getByTestId("turn").first()).toContainText("stopped the way back");

  await page.locator('[data-testid="version"][data-id="0"]').getByTestId("go-back").click();
  await page.getByTestId("rollback-notice").waitFor();
  await page.evaluate(([rdns, account]) => window.testWallets[rdns].setAccounts([account]), ["org.delea.test", CREATOR.address]);
  await expect(page.getByTestId("rollback-stop")).toBeHidden();
});

own("holders, seats and a split that both of them want", async ({ page, chain: { world, protocol } }) => {
  await protocol.give(ALICE, 30_000);
  await protocol.give(BOB, 10_000);
  await protocol.give(person(7).address, 100);
  await asAlice(page, world, `/model/${world.sample}/token`);
  await expect(page.getByTestId("holder")).toHaveCount(3);
  await expect(page.getByTestId("holder").first().getByTestId("seat")).toHaveText("largest holder");
  await expect(page.getByTestId("holder").nth(1).getByTestId("seat")).toHaveText("second largest");
  await expect(page.getByTestId("whole-plot")).toBeVisible();
  expect(await amount(page.getByTestId("token-balance"))).toBe(30_000);
  await page.locator("#split-factor").fill("10");
  await page.getByTestId("split-submit").click();
  await expect(page.getByTestId("split-proposal")).toContainText("10");
  await picture(page, "split-proposed");
  await protocol.send(person(2), "Model", "split", [parseEther("10")]);
  await expect(page.getByTestId("multiplier")).toHaveText("10");
  await expect.poll(() => amount(page.getByTestId("token-balance"))).toBe(300_000);
  await picture(page, "token-owners");
  // Typed amounts are shown ones: a thousand shown are a hundred of the first.
  await page.locator("#transfer-to").fill(BOB);
  await page.locator("#transfer-amount").fill("1000");
  await page.getByTestId("transfer-submit").click();
  await expect.poll(() => amount(page.getByTestId("token-balance"))).toBe(299_000);
  expect(await protocol.read("Model", "balanceOf", [BOB])).toBe(parseEther("10100"));
});

own("a doubted job goes before a jury of auditors, who refute it", async ({ page, chain: { world, protocol: sample } }) => {
  // A slow machine needs longer than the five seconds of a local model.
  const protocol = await sample.sibling({ challengeWindow: 600 });
  const auditors = [3, 4, 5, 6].map(person);
  const stake = await protocol.read("Jury", "JUROR_STAKE");
  for (const auditor of auditors) await protocol.send(auditor, "Jury", "register", [stake], stake);
  await asAlice(page, world, "/");
  const { job, result } = await protocol.reveal(person(8));
  await page.goto(`${world.url}/job/${job}`);
  await expect(page.getByTestId("job-state")).toHaveAttribute("data-state", "Shown");
  await page.getByTestId("job-doubt").click();
  await page.getByTestId("case").waitFor();
  await protocol.pass(1);
  await page.getByTestId("case-draw").click();
  await expect(page.getByTestId("case").locator("li")).toHaveCount(3);
  await picture(page, "case-drawn");
  const { caseId } = await protocol.read("Jobs", "jobOf", [job]);
  await protocol.vote(caseId, `0x${"55".repeat(32)}`, auditors);
  await page.getByTestId("case-close").click();
  await expect(page.getByTestId("case")).toContainText("refuted");
  await page.getByTestId("job-settle").click();
  await expect(page.getByTestId("job-state")).toHaveAttribute("data-state", "Refuted");
  await picture(page, "job-refuted");
  expect(await protocol.read("Model", "head")).toBe(0);
  expect(result.accuracyPpm).toBe(500_000);
  // Half of the loser's bond, and what does not divide among the jurors, came with the own bond.
  await page.goto(`${world.url}/account`);
  expect(await amount(page.getByTestId("bonds-free"))).toBeGreaterThanOrEqual(0.015);
  await page.getByTestId("bonds-withdraw").click();
  await expect(page.getByTestId("bonds-free")).toBeHidden();
});

own("where stakes are in tokens, a doubt allows them, pays them in and puts them at stake", async ({ page, chain: { world, protocol: sample } }) => {
  const protocol = await sample.sibling({ challengeWindow: 600, bond: parseEther("5"), bondInTokens: true });
  const stake = await protocol.read("Jury", "JUROR_STAKE");
  for (const auditor of [3, 4, 5, 6].map(person)) await protocol.send(auditor, "Jury", "register", [stake], stake);
  await protocol.give(person(8).address, 5);
  await protocol.payIn(person(8), 5);
  const { job } = await protocol.reveal(person(8));
  await protocol.give(ALICE, 7);
  await asAlice(page, world, `/job/${job}`);
  await expect(page.getByTestId("job-doubt")).toHaveText("Doubt it, with 5 DIGIT at stake");
  await page.getByTestId("job-doubt").click();
  await page.getByTestId("case").waitFor();
  expect(await protocol.read("Model", "balanceOf", [ALICE])).toBe(parseEther("2"));
  expect(await protocol.read("Vault", "free", [protocol.model, ALICE])).toBe(0n);
  await picture(page, "doubted-with-tokens");
});

own("a job that nobody doubts is paid by whoever comes by", async ({ page, chain: { world, protocol } }) => {
  const { job } = await protocol.reveal(person(8));
  await asAlice(page, world, `/job/${job}`);
  await page.getByTestId("job-settle").click({ timeout: 20_000 });
  await expect(page.getByTestId("job-state")).toHaveAttribute("data-state", "Paid");
  await expect(page.getByTestId("job-step")).toHaveCount(5);
  await picture(page, "job-paid");
  await page.goto(`${world.url}/job/99`);
  await expect(page.getByTestId("empty")).toContainText("no such job");
  await openModel(page, world, "history");
  await page.getByTestId("job-row").getByRole("link").first().click();
  await expect(page).toHaveURL(new RegExp(`/job/${job}$`));
});
