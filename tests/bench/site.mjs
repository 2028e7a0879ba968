// Sizes over the wire, how fast the page comes up and stays responsive, and gas.
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { World } from "../browser/world.mjs";
import { launch, median } from "./speed.mjs";

const KB = 1000;
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;

// What the page's first view fetches.
const SHELL = ["start.js", "delea-app.js", "delea-app_bg.wasm", "__wasm_split.js", "style.css", "favicon.svg"];

export async function size() {
  const sum = async (folder, match) => {
    let total = 0;
    for (const file of await readdir(folder)) {
      if (match(file)) total += brotli(await readFile(path.join(folder, file)));
    }
    return total;
  };
  const page = `dist/${(await readdir("dist")).find((name) => name.startsWith("page-"))}`;
  const worker = (name) => sum("dist/workers", (file) => file.startsWith(`${name}-worker`));
  console.log("\nSize, brotli 11");
  const rows = [
    ["page shell", (await sum("dist", (file) => file === "index.html")) + (await sum(page, (file) => SHELL.includes(file))), 450],
    ["page's parts, each fetched when shown", await sum(page, (file) => !SHELL.includes(file)), null],
    ["CPU worker", await worker("cpu"), 550],
    ["WebGPU worker", await worker("gpu"), 1600],
    ["CPU worker of uploaded models", await worker("graph-cpu"), null],
    ["WebGPU worker of uploaded models", await worker("graph-gpu"), null],
    ["CPU worker of the studio", await worker("studio-cpu"), null],
    ["WebGPU worker of the studio", await worker("studio-gpu"), null],
    ["import worker", await worker("import"), null],
  ];
  for (const [name, bytes, limit] of rows) {
    console.log(`  ${name.padEnd(38)} ${(bytes / KB).toFixed(0).padStart(6)} KB${limit ? `   ${(bytes / KB / limit).toFixed(2)} × the limit of ${limit} KB` : ""}`);
  }
}

export async function page() {
  const world = await World.start();
  const browser = await launch();
  const open = [];
  let tasks, frames;
  for (let round = 0; round < 5; round++) {
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(world.url);
    await tab.getByTestId("model-card").first().waitFor();
    open.push(await tab.evaluate(() => performance.now()));
    if (round === 4) {
      await tab.getByTestId("model-card").first().getByRole("link", { name: /train/i }).click();
      await tab.getByTestId("start-training").waitFor();
      await tab.evaluate(() => {
        globalThis.longTasks = [];
        new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
      });
      await tab.evaluate(() => {
        globalThis.frames = [];
        const next = (time) => (globalThis.frames.push(time), requestAnimationFrame(next));
        requestAnimationFrame(next);
      });
      await tab.getByTestId("start-training").click();
      await tab.locator('[data-testid="training-status"][data-phase="finished"]').waitFor({ timeout: 120_000 });
      tasks = await tab.evaluate(() => longTasks);
      frames = await tab.evaluate(() => globalThis.frames);
    }
    await context.close();
  }
  await browser.close();
  await world.stop();
  console.log("\nPage, cold cache, loopback");
  console.log(`  models shown after       ${median(open).toFixed(0).padStart(6)} ms   ${(median(open) / 1500).toFixed(2)} × the limit of 1500 ms`);
  const longest = Math.max(0, ...tasks);
  const gaps = frames.slice(1).map((time, i) => time - frames[i]);
  const rate = (1000 * gaps.length) / (frames.at(-1) - frames[0]);
  console.log(`  frames while training    ${rate.toFixed(0).padStart(6)} a second, the longest ${Math.max(...gaps).toFixed(0)} ms (60 a second is the browser's own)`);
  console.log(`  longest main-thread task ${longest ? `${longest.toFixed(0).padStart(6)} ms` : "under 50 ms"} while training (the browser reports none below 50 ms)`);
}

export async function gas() {
  const folder = "solidity/snapshots";
  console.log("\nGas, whole transactions");
  for (const file of await readdir(folder)) {
    const rows = JSON.parse(await readFile(path.join(folder, file)));
    for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(44)} ${String(value).padStart(9)}`);
  }
}
