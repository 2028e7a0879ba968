import path from "node:path";
import { defineConfig } from "@playwright/test";
import { chromium } from "../chromium.mjs";

const artefacts = path.resolve(import.meta.dirname, "../artefacts");

// Two files at a time, each with a chain and a site of its own, on two cores: half of a test is waiting for blocks and windows.
export default defineConfig({
  testDir: import.meta.dirname,
  testMatch: "*.spec.mjs",
  outputDir: path.join(artefacts, "runs"),
  workers: 2,
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
