// What every browser test starts from: a whole Delea, a tab in it, and a person's usual steps.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { test as base, expect } from "@playwright/test";
import { World } from "./world.mjs";
import { RDNS, addWallet } from "./wallet.mjs";

export { expect, RDNS, addWallet };

const PICTURES = path.resolve(import.meta.dirname, "../artefacts/screenshots");

export const test = base.extend({
  // One chain for all tests of a file; each uses its own model or its own account.
  world: [
    async ({}, use) => {
      const world = await World.start();
      await use(world);
      await world.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  // Fails a test whose page threw, whatever else it showed.
  page: async ({ page }, use) => {
    const thrown = [];
    page.on("pageerror", (error) => thrown.push(error.message));
    // Seeds come from Math.random; fixed, a training gives the same figures in every run.
    await page.addInitScript(() => {
      let state = 12345;
      Math.random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
    });
    await use(page);
    expect(thrown).toEqual([]);
  },
});

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// What axe-core finds serious on the page as it stands.
export async function findings(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join("; ")}`);
}

export const picture = (page, name) => page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });

export const status = (page, phase) => page.locator(`[data-testid="training-status"][data-phase="${phase}"]`);

// Training goes slower on a software GPU, and two cores are shared with the chain.
const TRAINING = { timeout: 150_000 };

export const finished = (page, within = TRAINING) => status(page, "finished").waitFor(within);

// The step counter as it stands.
export const step = async (page) => Number(await page.getByTestId("training-status").getAttribute("data-step"));

export const atStep = (page, least) => expect.poll(() => step(page), TRAINING).toBeGreaterThanOrEqual(least);

export async function openModel(page, world, tab = "train") {
  await page.goto(`${world.url}/model/${world.sample}/${tab}`);
}

// Opens Options, chooses a device and a length (the slider's value), and starts.
export async function start(page, { device = "automatic", steps } = {}) {
  await page.getByTestId("options").locator("summary").click();
  await page.getByTestId(`device-${device}`).check();
  if (steps) await page.locator('input[type="range"]').first().fill(`${steps}`);
  await page.getByTestId("start-training").click();
}

export async function connect(page, rdns = RDNS) {
  await page.getByTestId("connect-wallet").click();
  await page.getByTestId(`wallet-option-${rdns}`).click();
  await page.getByTestId("wallet-chip").waitFor();
}

// "1,234.5 DIGIT" to 1234.5
export const amount = async (locator) => Number((await locator.innerText()).replaceAll(",", "").replace("…", "").split(/\s/)[0]);

// Draws a ring, which reads as a zero.
export async function drawZero(page) {
  const canvas = page.getByTestId("draw-canvas");
  await canvas.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await canvas.boundingBox();
  const point = (angle) => [x + width * (0.5 + 0.2 * Math.cos(angle)), y + height * (0.5 + 0.32 * Math.sin(angle))];
  await page.mouse.move(...point(0));
  await page.mouse.down();
  for (let i = 1; i <= 40; i++) await page.mouse.move(...point((i / 40) * 2 * Math.PI));
  await page.mouse.up();
}
