// What breaks: the chain, the device, the tab, the files. Each has a page state that says what to do.
import { World } from "./world.mjs";
import { atStep, expect, finished, openModel, picture, start, status, step, test } from "./fixtures.mjs";

test("a reload in the middle of a training goes on where it was", async ({ page, world }) => {
  await openModel(page, world);
  await start(page, { device: "cpu", steps: 3000 });
  await atStep(page, 400);
  await page.reload();
  await expect(status(page, "training")).toBeVisible();
  expect(await step(page)).toBeGreaterThan(50);
  await page.getByTestId("pause-training").click();
  await status(page, "paused").waitFor();
  const paused = await step(page);
  await page.reload();
  await page.getByTestId("resume-training").click();
  await atStep(page, paused + 50);
  await page.getByTestId("cancel-training").click();
  await page.getByTestId("start-training").waitFor();
});

test("a training goes on once its code is here, on whichever page the visitor comes back to", async ({ page, world }) => {
  await openModel(page, world);
  await start(page, { device: "cpu", steps: 3000 });
  await atStep(page, 400);
  const asked = [];
  await page.route("**/split_model*.wasm", (route) => {
    asked.push(route.request().url());
    return asked.length === 1 ? route.abort() : route.continue();
  });
  await page.goto(world.url);
  await page.getByTestId("training-chip").click();
  await expect(status(page, "training")).toBeVisible();
  expect(asked).toHaveLength(2);
  expect(await step(page)).toBeGreaterThan(50);
  await page.getByTestId("cancel-training").click();
  await page.getByTestId("start-training").waitFor();
});

test("training goes on while the visitor looks around", async ({ page, world }) => {
  await openModel(page, world);
  await start(page, { device: "cpu", steps: 1000 });
  await atStep(page, 20);
  await page.getByRole("link", { name: /explore|delea/i }).first().click();
  await page.getByTestId("training-chip").click();
  await finished(page);
});

test("without WebGPU the CPU does it, and the page says why", async ({ page, world }) => {
  await page.route(/workers\/gpu-worker\.js$/, async (route) => {
    const response = await route.fetch();
    const patch = "Object.defineProperty(Object.getPrototypeOf(navigator), 'gpu', { get: () => undefined });\n";
    // Static imports run first, so the patch stands in front of a dynamic one.
    const body = (await response.text()).replace(/import init from "([^"]+)";/, `${patch}const { default: init } = await import("$1");`);
    await route.fulfill({ response, body });
  });
  await openModel(page, world);
  await start(page, { device: "gpu", steps: 60 });
  await expect(page.getByTestId("device-used")).toHaveAttribute("data-tier", "cpu");
  await expect(page.getByTestId("device-notice")).toContainText(/WebGPU/);
  await finished(page);
  await picture(page, "no-webgpu");
});

test("a graphics device lost in mid-training costs no more than the steps since the checkpoint", async ({ page, world }) => {
  await page.route(/workers\/gpu-worker-[0-9a-f]+\.js$/, async (route) => {
    const response = await route.fetch();
    const patch = `
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await request.apply(this, args);
        (self.devices ??= []).push(device);
        return device;
      };\n`;
    await route.fulfill({ response, body: patch + (await response.text()) });
  });
  await openModel(page, world);
  await start(page, { device: "gpu", steps: 300 });
  await expect(page.getByTestId("device-used")).toHaveAttribute("data-tier", "gpu", { timeout: 90_000 });
  await atStep(page, 20);
  const before = await step(page);
  const worker = page.workers().find((worker) => worker.url().includes("gpu-worker"));
  await worker.evaluate(() => self.devices.forEach((device) => device.destroy()));
  await expect(page.getByTestId("device-notice")).toContainText(/lost/i);
  await expect(status(page, "training")).toBeVisible();
  await expect(page.getByTestId("device-used")).toBeVisible();
  expect(await step(page), "it goes on from a checkpoint").toBeGreaterThan(0);
  await picture(page, "device-lost");
  await atStep(page, before + 1);
  await page.getByTestId("cancel-training").click();
});

test.describe("with a chain of its own", () => {
  let own;
  test.beforeEach(async () => {
    own = await World.start();
  });
  test.afterEach(() => own.stop());

  test("a chain that is down is said, and the page comes back with it", async ({ page }) => {
    await page.goto(own.url);
    await page.getByTestId("model-card").first().waitFor();
    await own.stopChain();
    const banner = page.locator('[data-testid="banner"][data-kind="chain-down"]');
    await expect(banner).toBeVisible();
    await picture(page, "chain-down");
    await own.startChain("first");
    await page.getByTestId("retry-chain").click();
    await expect(banner).toBeHidden();
  });

  test("a chain that began anew is noticed, and its models are shown", async ({ page }) => {
    await page.goto(own.url);
    await page.getByTestId("model-card").first().waitFor();
    await page.waitForFunction(() => Object.keys(localStorage).some((key) => key.startsWith("delea.genesis")));
    await own.stopChain();
    await own.startChain("second");
    Object.assign(own.config, { contracts: own.contracts, fromBlock: own.fromBlock });
    const banner = page.locator('[data-testid="banner"][data-kind="chain-reset"]');
    // The open page may see the new chain before the reload: the news outlives both.
    await page.reload();
    await expect(banner).toBeVisible();
    await page.reload();
    await expect(banner).toBeVisible();
    await expect(page.getByTestId("model-card")).toHaveCount(1);
    await picture(page, "chain-reset");
    await banner.getByRole("button").click();
    await page.reload();
    await page.getByTestId("model-card").first().waitFor();
    await expect(banner).toBeHidden();
  });
});

test("a model that is not there, a page that is not there", async ({ page, world }) => {
  await page.goto(`${world.url}/model/0x000000000000000000000000000000000000dEaD/train`);
  await expect(page.getByTestId("failure").or(page.getByTestId("not-found")).first()).toBeVisible();
  await picture(page, "model-missing");
  await page.goto(`${world.url}/nowhere`);
  await expect(page.getByTestId("not-found")).toBeVisible();
});

test("a part of the page that does not come is said, and asked for again", async ({ page, world }) => {
  await page.goto(world.url);
  await page.getByTestId("model-card").first().waitFor();
  await page.route("**/split_pages*.wasm", (route) => route.abort());
  await page.getByRole("link", { name: "Create" }).first().click();
  await expect(page.getByTestId("failure")).toContainText("could not be fetched");
  await page.unroute("**/split_pages*.wasm");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Create a model" })).toBeVisible();
});

test("a configuration or a node that answers garbage is said in words", async ({ page, world }) => {
  await page.route("**/delea.json", (route) => route.fulfill({ body: "<html>" }));
  await page.goto(world.url);
  await expect(page.locator("body")).toContainText(/delea\.json/);
  await picture(page, "no-config");
  await page.unroute("**/delea.json");
  await page.route(`${world.rpcUrl}/**`, (route) => route.fulfill({ body: "garbage" }));
  await page.goto(world.url);
  await expect(page.locator('[data-testid="banner"][data-kind="chain-down"], [data-testid="failure"]').first()).toBeVisible();
});

test("logs that a node will not give are said, with the rest of the page whole", async ({ page, world }) => {
  await page.route(`${world.rpcUrl}/**`, async (route) => {
    const asks = (route.request().postData() ?? "").includes("eth_getLogs");
    if (!asks) return route.continue();
    const body = JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(route.request().postData()).id ?? 1, error: { code: -32005, message: "no logs" } });
    return route.fulfill({ body, contentType: "application/json" });
  });
  await openModel(page, world, "history");
  await expect(page.getByTestId("failure")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
});

test("a parameter file that is not what was published is refused", async ({ page, world }) => {
  await page.route("**/ipfs/**", async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    await route.fulfill({ body: Buffer.from("not what was asked for") });
  });
  await openModel(page, world);
  await expect(page.getByTestId("failure")).toContainText(/hash|source|not what/i);
});

test("broken files are refused in words, next to the field", async ({ page, world }) => {
  await page.goto(`${world.url}/create`);
  const file = (name, text) => ({ name, mimeType: "text/csv", buffer: Buffer.from(text) });
  for (const [given, words] of [
    [file("bad.csv", "label,p\n1,2\n0,cat\n"), /row 3, column 2/],
    [file("nan.csv", "label,p\n1,2\n0,NaN\n"), /not a finite number/],
    [file("bad.zip", "PK\u0003\u0004nonsense"), /zip/],
  ]) {
    await page.getByTestId("data-file").setInputFiles(given);
    await expect(page.getByTestId("data-error")).toContainText(words);
  }
  await picture(page, "broken-file");
  // A file of 500 MB is refused by its size; the page never reads it.
  await page.getByTestId("data-file").evaluate((input) => {
    const file = new File(["x"], "huge.csv");
    Object.defineProperty(file, "size", { value: 500e6 });
    file.arrayBuffer = () => Promise.reject(new Error("it was read"));
    const transfer = new DataTransfer();
    transfer.items.add(file);
    Object.defineProperty(input, "files", { value: { length: 1, item: () => file, 0: file, [Symbol.iterator]: function* () { yield file; } } });
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  await expect(page.getByTestId("data-error")).toContainText(/limit is 128 MiB/);
});
