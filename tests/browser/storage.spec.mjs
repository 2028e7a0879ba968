// What the browser keeps: fetched files within a budget, damaged ones noticed and fetched anew.
import { cidOf } from "../../local/content.mjs";
import { addWallet, connect, expect, finished, picture, start, test } from "./fixtures.mjs";
import { Protocol } from "./protocol.mjs";

const names = (page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const found = [];
    for await (const name of (await root.getDirectoryHandle("fetched", { create: true })).keys()) found.push(name);
    return found;
  });

test("what was fetched is counted, and let go on a click", async ({ page, world }) => {
  await addWallet(page, world);
  await page.goto(`${world.url}/model/${world.sample}/train`);
  await start(page, { device: "cpu", steps: 50 });
  await finished(page);
  expect((await names(page)).length).toBeGreaterThan(1);
  await page.goto(`${world.url}/account`);
  await expect(page.getByTestId("taken")).toHaveText(/trainings take \d.*; files that were fetched take \d+(\.\d+)? [KM]B/);
  await picture(page, "account-storage");
  await page.getByTestId("budget").selectOption(String(128 << 20));
  await page.getByTestId("free-space").click();
  await expect(page.getByTestId("taken")).toContainText("fetched take 0 B");
  await expect(page.getByTestId("free-space")).toBeDisabled();
  expect(await names(page)).toEqual([]);
  // What was trained here is still here, and what was chosen too.
  await page.reload();
  await expect(page.getByTestId("budget")).toHaveValue(String(128 << 20));
  await page.goto(`${world.url}/model/${world.sample}/train`);
  await expect(page.getByTestId("training-status")).toHaveAttribute("data-phase", "finished");
});

test("a damaged file is noticed by its hash and fetched anew", async ({ page, world }) => {
  await addWallet(page, world);
  await page.goto(`${world.url}/model/${world.sample}/use`);
  await connect(page);
  const protocol = new Protocol(world);
  const { parametersHash } = await protocol.read("Model", "version", [await protocol.read("Model", "head")]);
  const cid = cidOf(parametersHash);
  await expect.poll(() => names(page)).toContain(cid);
  await page.evaluate(async (cid) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("fetched");
    const handle = await folder.getFileHandle(cid);
    const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
    bytes[bytes.length >> 1] ^= 1;
    const stream = await handle.createWritable();
    await stream.write(bytes);
    await stream.close();
  }, cid);
  await page.goto(`${world.url}/model/${world.sample}/train`);
  await start(page, { device: "cpu", steps: 50 });
  await expect(page.getByTestId("training-status")).toHaveAttribute("data-phase", "failed");
  await expect(page.getByTestId("training-status")).toContainText("file of this browser hashes to");
  await picture(page, "damaged-file");
  await page.getByTestId("retry-training").click();
  await finished(page);
});
