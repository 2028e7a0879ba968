// Data as people have it: an IDX pair as MNIST's, and a zip of folders of pictures; each read in the
// page, and trained on.
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { addWallet, connect, expect, finished, picture, start, test } from "./fixtures.mjs";

const COUNT = 600;
const SIDE = 8;

// The sample's first digits: { label, pixels }, pixels from 0 to 16.
async function digits() {
  const text = gunzipSync(await readFile("local/samples/digits-8x8.csv.gz")).toString();
  const rows = text.trim().split("\n").map((line) => line.split(",").map(Number)).filter(([label]) => Number.isFinite(label));
  return rows.slice(0, COUNT).map(([label, ...pixels]) => ({ label, pixels }));
}

function idx(dimensions, bytes) {
  const head = Buffer.alloc(4 + 4 * dimensions.length);
  head.writeUInt32BE(0x0800 | dimensions.length);
  dimensions.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(bytes)]);
}

// PNGs by the browser itself.
const pngs = (page, all) =>
  page.evaluate(
    async ([all, side]) => {
      const canvas = new OffscreenCanvas(side, side);
      const context = canvas.getContext("2d");
      const out = [];
      for (const { pixels } of all) {
        const image = context.createImageData(side, side);
        pixels.forEach((value, i) => image.data.set([value * 15, value * 15, value * 15, 255], 4 * i));
        context.putImageData(image, 0, 0);
        const blob = await canvas.convertToBlob({ type: "image/png" });
        out.push([...new Uint8Array(await blob.arrayBuffer())]);
      }
      return out;
    },
    [all, SIDE],
  );

async function createAndTrain(page, world, files, name) {
  await addWallet(page, world);
  await page.goto(`${world.url}/create`);
  await connect(page);
  await page.getByTestId("data-file").setInputFiles(files);
  await page.getByTestId("data-preview").waitFor();
  await picture(page, `data-${name}`);
  await page.getByTestId("template-cnn").click();
  await page.locator("#model-name").fill(name);
  await page.locator("#token-symbol").fill("DATA");
  await page.locator("#model-description").fill("Made by a test.");
  await page.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/);
  await start(page, { device: "cpu", steps: 120 });
  await finished(page);
  expect(parseFloat(await page.getByTestId("accuracy-value").innerText())).toBeGreaterThan(60);
}

test("an IDX pair of pictures and labels is read and learnt", async ({ page, world }) => {
  const all = await digits();
  const images = idx([COUNT, SIDE, SIDE], all.flatMap(({ pixels }) => pixels.map((value) => value * 15)));
  const labels = idx([COUNT], all.map(({ label }) => label));
  await createAndTrain(page, world, [
    { name: "train-images-idx3-ubyte", mimeType: "application/octet-stream", buffer: images },
    { name: "train-labels-idx1-ubyte", mimeType: "application/octet-stream", buffer: labels },
  ], "idx");
});

test("a zip of folders of pictures is read and learnt", async ({ page, world }) => {
  const all = await digits();
  await page.goto(world.url);
  const files = {};
  (await pngs(page, all)).forEach((bytes, i) => (files[`digits/${all[i].label}/${i}.png`] = Uint8Array.from(bytes)));
  const buffer = Buffer.from(zipSync(files, { level: 6 }));
  await createAndTrain(page, world, [{ name: "digits.zip", mimeType: "application/zip", buffer }], "zip");
});
