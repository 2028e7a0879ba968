import path from "node:path";
import { defineConfig } from "@playwright/test";
import { chromium } from "../chromium.mjs";

const artefacts = path.resolve(import.meta.dirname, "../artefacts");

// One test at a time: each trains a network, and two cores are assumed. Two at a time are half as long, and now and then too slow.
export default defineConfig({
  testDir: import.meta.dirname,
  testMatch: "*.spec.mjs",
  outputDir: path.join(artefacts, "runs"),
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"], ["html", { outputFolder: path.join(artefacts, "report"), open: "never" }]],
  use: {
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: chromium,
  },
});
