// Models that other libraries wrote (tests/models/make.py), brought through the page, trained and used; and the two kinds
// of model besides classifiers: one that writes, one that draws again.
import { addWallet, connect, expect, finished, picture, start, test } from "./fixtures.mjs";

const DIGITS = "local/samples/digits-8x8.csv.gz";
const model = (name) => `tests/models/${name}`;

async function openCreate(page, world, data) {
  await addWallet(page, world);
  await page.goto(`${world.url}/create`);
  await connect(page);
  await page.getByTestId("data-file").setInputFiles(data);
  await page.getByTestId("data-preview").waitFor();
}

async function create(page, name, symbol) {
  await page.locator("#model-name").fill(name);
  await page.locator("#token-symbol").fill(symbol);
  await page.locator("#model-description").fill("Made by a test.");
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/);
}

const accuracy = async (page) => parseFloat(await page.getByTestId("accuracy-value").innerText());

test("an ONNX file is read, tried, put on the chain, trained and used", async ({ page, world }) => {
  await openCreate(page, world, DIGITS);
  await page.getByTestId("template-upload").click();
  await page.getByTestId("model-file").setInputFiles(model("cnn.onnx"));
  await expect(page.getByTestId("model-read")).toContainText("pytorch", { timeout: 60_000 });
  await expect(page.getByTestId("model-measured")).toContainText("100 % of the held-out examples right");
  await expect(page.getByTestId("model-notes")).toContainText("last softmax");
  await expect(page.getByTestId("layers")).toContainText("Convolution, Conv");
  await picture(page, "upload-onnx");
  const desktop = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await picture(page, "upload-phone-dark");
  await page.setViewportSize(desktop);
  await page.emulateMedia({ colorScheme: null });
  await create(page, "Digits from PyTorch", "TORCH");
  await start(page, { device: "cpu", steps: 60 });
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThan(95);
  await page.goto(page.url().replace(/\/train$/, "/use"));
  const sample = page.locator('[data-testid="sample"][data-target="3"]').first();
  await sample.click();
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("prediction").first()).toHaveText("3", { timeout: 60_000 });
  await page.goto(page.url().replace(/\/use$/, ""));
  await expect(page.getByTestId("layers")).toContainText("Fully connected, Gemm");
  await picture(page, "graph-overview");
});

test("a graph trains on the GPU too", async ({ page, world }) => {
  await openCreate(page, world, DIGITS);
  await page.getByTestId("template-upload").click();
  await page.getByTestId("model-file").setInputFiles(model("keras.onnx"));
  await expect(page.getByTestId("model-notes")).toContainText("channels last", { timeout: 60_000 });
  await create(page, "Digits from Keras", "KERAS");
  await start(page, { device: "gpu", steps: 20 });
  await finished(page);
  await expect(page.getByTestId("training-status")).toContainText(/SwiftShader|WebGPU|GPU/i);
  expect(await accuracy(page)).toBeGreaterThan(80);
});

test("parameters without a graph are matched, asked for, or refused with a reason", async ({ page, world }) => {
  await openCreate(page, world, DIGITS);
  await page.getByTestId("template-upload").click();
  const file = page.getByTestId("model-file");
  await file.setInputFiles(model("evil.pt"));
  await expect(page.getByTestId("model-error")).toContainText("posix.system", { timeout: 60_000 });
  await file.setInputFiles(model("external.onnx"));
  await expect(page.getByTestId("model-error")).toContainText("add external.onnx.data", { timeout: 60_000 });
  await picture(page, "upload-external");
  await file.setInputFiles(model("external.onnx.data"));
  await expect(page.getByTestId("model-measured")).toContainText("100 %", { timeout: 60_000 });
  await file.setInputFiles("README.md");
  await expect(page.getByTestId("model-error")).toContainText("this is no model", { timeout: 60_000 });
  await file.setInputFiles(model("mlp.pt"));
  await expect(page.getByTestId("model-read")).toContainText("PyTorch checkpoint", { timeout: 60_000 });
  await expect(page.getByTestId("layers")).toContainText("Fully connected");
  await picture(page, "upload-checkpoint");
  await create(page, "Digits from a checkpoint", "CKPT");
  await start(page, { device: "cpu", steps: 50 });
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThan(95);
});

test("parameters that fit no network are shown beside one", async ({ page, world }) => {
  const rows = ["a,b,label", ...Array.from({ length: 60 }, (_, i) => `${i},${i * i},${i % 2 ? "odd" : "even"}`)];
  await openCreate(page, world, { name: "parity.csv", mimeType: "text/csv", buffer: Buffer.from(rows.join("\n")) });
  await page.getByTestId("template-upload").click();
  await page.getByTestId("model-file").setInputFiles(model("mlp.pt"));
  await expect(page.getByTestId("model-error")).toContainText("do not fit the network", { timeout: 60_000 });
  await expect(page.getByTestId("matches")).toContainText("0.weight");
  await picture(page, "upload-unfit");
  await page.getByTestId("create-submit").click();
  await expect(page.getByTestId("create-missing")).toContainText("a network");
});

test("a text is learned and written on", async ({ page, world }) => {
  const line = "the cat sat on the mat and the dog ran to the cat. ";
  await openCreate(page, world, { name: "cat.txt", mimeType: "text/plain", buffer: Buffer.from(line.repeat(200)) });
  await expect(page.getByTestId("data-preview")).toContainText("letters to foretell");
  await picture(page, "data-text");
  await create(page, "Cat writer", "CAT");
  await start(page, { device: "cpu", steps: 100 });
  await finished(page);
  expect(await accuracy(page)).toBeGreaterThan(80);
  // The best version there is on the chain is the first, which has learned nothing: it writes all the same.
  await page.goto(page.url().replace(/\/train$/, "/use"));
  await page.locator("#prompt").fill("the c§");
  await expect(page.locator("#prompt-help")).toContainText("has never seen “§”");
  await page.locator("#letters").fill("40");
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("written")).toHaveText(/^the c[a-z. ]{40}$/, { timeout: 60_000 });
  await picture(page, "use-text");
});

test("a picture is drawn again", async ({ page, world }) => {
  await openCreate(page, world, DIGITS);
  await page.getByTestId("data-reconstruct").check();
  await page.getByTestId("data-read-again").click();
  await expect(page.getByTestId("template-autoencoder")).toBeVisible();
  await create(page, "Digits from memory", "AUTO");
  await start(page, { device: "cpu", steps: 200 });
  await finished(page);
  await page.goto(page.url().replace(/\/train$/, "/use"));
  await page.getByTestId("sample").first().click();
  await page.getByTestId("infer-pay").click();
  await expect(page.getByTestId("redrawn").locator("canvas")).toBeVisible({ timeout: 60_000 });
  await picture(page, "use-autoencoder");
});
