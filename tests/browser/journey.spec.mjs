// The main walk: train in the tab, earn, pay, infer; on both tiers, with a wallet and with none.
import { rm } from "node:fs/promises";
import path from "node:path";
import { parseEther } from "viem";
import { cidOf } from "../../local/content.mjs";
import { addWallet, amount, connect, drawZero, expect, finished, openModel, picture, start, test } from "./fixtures.mjs";
import { Protocol } from "./protocol.mjs";

const accuracy = async (page) => parseFloat(await page.getByTestId("accuracy-value").innerText());

test("a first-time visitor trains within two clicks, earns, and has a digit read", async ({ page, world }) => {
  await page.goto(world.url);
  const card = page.locator(`[data-testid="model-card"][data-address="${world.sample}"]`);
  await card.waitFor();
  await picture(page, "explore");
  await card.getByTestId("card-train").click();
  await page.getByTestId("start-training").click();
  await expect(page.getByTestId("loss-plot")).toBeVisible();
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThanOrEqual(97);
  await picture(page, "trained");

  // No extension is installed: the page's own local wallet is announced and does the paying.
  const expected = await amount(page.getByTestId("reward-expected"));
  await page.getByTestId("publish-training").click();
  const option = page.locator('[data-testid^="wallet-option-"]').first();
  await option.or(page.getByTestId("reward-received")).first().waitFor();
  if (await option.isVisible()) await option.click();
  await page.getByTestId("reward-received").waitFor();
  const earned = await amount(page.getByTestId("reward-received"));
  expect(earned).toBeCloseTo(expected, 0);
  await picture(page, "earned");

  await page.getByRole("link", { name: "Use the model" }).click();
  await drawZero(page);
  const before = await amount(page.getByTestId("balance").first());
  expect(before).toBeGreaterThan(0);
  const price = await amount(page.getByTestId("price"));
  expect(price).toBeGreaterThan(0);
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("prediction")).toHaveText("0");
  await expect(page.getByTestId("probability-bar")).toHaveCount(10);
  await expect.poll(() => amount(page.getByTestId("balance").first())).toBeLessThan(before);
  await picture(page, "recognised");

  await openModel(page, world, "history");
  await expect(page.getByTestId("job-row")).toHaveCount(2);
  await picture(page, "history");
});

test("the MLP template on an uploaded table, created, trained on WebGPU, published and used", async ({ page, world }) => {
  await addWallet(page, world);
  await page.goto(`${world.url}/create`);
  await connect(page);
  await page.getByTestId("data-file").setInputFiles("local/samples/digits-8x8.csv.gz");
  await page.getByTestId("data-preview").waitFor();
  await page.getByTestId("template-mlp").click();
  await page.locator("#model-name").fill("Test digits");
  await page.locator("#token-symbol").fill("TEST");
  await page.locator("#model-description").fill("Made by a test.");
  await expect(page.getByTestId("curve-plot")).toBeVisible();
  await page.getByTestId("on-chain").check();
  await page.getByTestId("rules").locator("summary").click();
  await page.locator("#bond").fill("0");
  await expect(page.getByText("a worker needs something to lose")).toBeVisible();
  await page.locator("#bond").fill("0.02");
  await page.locator("#improvement").selectOption({ label: "0.1 % more right answers" });
  await picture(page, "create");
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/);
  const created = page.url().match(/0x[0-9a-fA-F]{40}/)[0];
  const rules = await new Protocol(world, created).read("Model", "rules");
  expect(rules).toMatchObject({ bond: parseEther("0.02"), minImprovementPpm: 1_000, challengeWindow: 5, roundLength: 0 });

  await start(page, { device: "gpu", steps: 60 });
  await expect(page.getByTestId("device-used")).toHaveAttribute("data-tier", "gpu", { timeout: 90_000 });
  await picture(page, "training-on-webgpu");
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThan(50);
  await page.getByTestId("publish-training").click();
  await page.getByTestId("reward-received").waitFor();

  await page.getByTestId("train-again").click();
  await start(page, { device: "cpu" });
  await expect(page.getByTestId("device-used")).toHaveAttribute("data-tier", "cpu");
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThanOrEqual(95);
  await page.getByTestId("publish-training").click();
  await page.getByTestId("reward-received").waitFor();
  await page.getByRole("link", { name: "Use the model" }).click();
  await page.getByTestId("sample").first().click();
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("prediction")).toBeVisible();
});

test("parameters that were kept on the chain are there when the content store has lost them", async ({ page, world }) => {
  await addWallet(page, world);
  await page.goto(`${world.url}/create`);
  await connect(page);
  await page.getByTestId("data-file").setInputFiles("local/samples/digits-8x8.csv.gz");
  await page.getByTestId("data-preview").waitFor();
  await page.getByTestId("template-mlp").click();
  await page.locator("#model-name").fill("Kept digits");
  await page.locator("#token-symbol").fill("KEPT");
  await page.locator("#model-description").fill("Made by a test.");
  await page.getByTestId("on-chain").check();
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/);
  const model = page.url().match(/0x[0-9a-fA-F]{40}/)[0];
  const { parametersHash } = await new Protocol(world, model).read("Model", "version", [0]);
  await rm(path.join(world.folder, "blobs", cidOf(parametersHash)));

  const other = await page.context().browser().newPage();
  await other.goto(`${world.url}/model/${model}/train`);
  await start(other, { device: "cpu", steps: 60 });
  await finished(other);
  expect(await accuracy(other)).toBeGreaterThan(30);
  await other.close();
});
