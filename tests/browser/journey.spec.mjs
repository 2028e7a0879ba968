// The main walk: train in the tab, earn, pay, infer; on both tiers, with a wallet and with none.
import { addWallet, amount, connect, drawZero, expect, finished, openModel, picture, start, test } from "./fixtures.mjs";

const accuracy = async (page) => parseFloat(await page.getByTestId("accuracy-value").innerText());

test("a first-time visitor trains within two clicks, earns, and has a digit read", async ({ page, world }) => {
  await page.goto(world.url);
  await page.getByTestId("model-card").first().waitFor();
  await picture(page, "explore");
  await page.getByTestId("card-train").first().click();
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
  await picture(page, "create");
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/);

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
