// The studio: words become pictures, one picture becomes a word, and others pay to paint with it.
import { readFile } from "node:fs/promises";
import { addWallet, connect, expect, findings, finished, picture, start, test } from "./fixtures.mjs";
import { Protocol } from "./protocol.mjs";
import { BOB } from "./wallet.mjs";

const PAINTED = { timeout: 60_000 };
const LEARNT = { timeout: 400_000 };

const done = (page) => page.getByTestId("studio-done");
const digest = (page) => done(page).getAttribute("data-digest");

async function paint(page, prompt) {
  if (prompt) await page.locator("#studio-prompt").fill(prompt);
  // A small network paints in less time than a click may take to be reported.
  await Promise.all([page.getByTestId("studio-now").waitFor(), page.getByTestId("studio-paint").click()]);
  await done(page).waitFor(PAINTED);
}

// A picture that no emoji shows: a yellow ring on violet, as PNG.
async function subject(page) {
  const url = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
    const context = canvas.getContext("2d");
    context.fillStyle = "#6020c0";
    context.fillRect(0, 0, 300, 200);
    context.strokeStyle = "#ffe020";
    context.lineWidth = 34;
    context.beginPath();
    context.arc(150, 100, 62, 0, 7);
    context.stroke();
    return canvas.toDataURL();
  });
  return { name: "ring.png", mimeType: "image/png", buffer: Buffer.from(url.split(",")[1], "base64") };
}

test("words become a picture, and the same recipe gives the same bits", async ({ page, context, world }) => {
  await page.goto(`${world.url}/studio`);
  await expect(page.getByText("Your picture appears here")).toBeVisible();
  await page.getByRole("button", { name: "red apple" }).click();
  await page.getByTestId("studio-now").waitFor();
  await done(page).waitFor(PAINTED);
  const first = await digest(page);
  await picture(page, "studio-painted");
  // A red apple is red in its middle and clear in its corners.
  const [middle, corner] = await done(page).locator("canvas").evaluate((canvas) => {
    const context = canvas.getContext("2d");
    const at = (x, y) => [...context.getImageData(x, y, 1, 1).data];
    return [at(16, 18), at(0, 0)];
  });
  expect(middle[0]).toBeGreaterThan(middle[1] + 60);
  expect(corner[3]).toBeLessThan(90);

  // Its settings, taken over, paint it again; another seed paints another.
  await page.getByTestId("studio-take").click();
  await expect(page.locator("#studio-seed")).not.toHaveValue("");
  await paint(page);
  expect(await digest(page)).toBe(first);
  await page.getByTestId("studio-settings").locator("summary").click();
  await page.locator("#studio-seed").fill("77");
  await paint(page);
  const other = await digest(page);
  expect(other).not.toBe(first);
  await expect(page.getByTestId("gallery-open")).toHaveCount(3);

  // The file tells how it was made.
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("studio-download").click()]);
  expect(download.suggestedFilename()).toBe("red-apple-77.png");
  const file = await readFile(await download.path());
  const text = file.toString("latin1");
  expect(text.slice(1, 4)).toBe("PNG");
  expect(JSON.parse(text.match(/delea-recipe\0{5}(\{.*?\})[^}]{4}\0\0/s)[1])).toMatchObject({ prompt: "red apple", seed: 77 });

  // A link holds the whole recipe, for whoever opens it.
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByTestId("studio-link").click();
  await expect(page.getByText("The link is copied")).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate(() => localStorage.clear());
  await page.goto(link);
  await done(page).waitFor(PAINTED);
  expect(await digest(page)).toBe(other);

  // The gallery outlives a reload.
  await page.goto(`${world.url}/studio`);
  await expect(page.getByTestId("gallery-open")).toHaveCount(1);
  expect(await digest(page)).toBe(other);
  expect(await findings(page)).toEqual([]);
});

test("pictures wait their turn, and the log tells what happened", async ({ page, context, world }) => {
  await page.goto(`${world.url}/studio`);
  const log = page.getByTestId("studio-log");
  const examples = page.getByRole("group", { name: "Examples" });
  await log.locator("summary").click();
  await expect(log).toContainText("Nothing was painted yet.");
  const waiting = page.getByTestId("studio-waiting");
  for (const example of ["robot", "rainbow", "pizza"]) await examples.getByRole("button", { name: example }).click();
  await expect(waiting).toHaveText("Next: “rainbow”, “pizza”");
  await expect(page.getByTestId("studio-now").locator("xpath=..")).toContainText("Picture 1 of 3, step");
  await expect(page.getByTestId("studio-paint")).toHaveText("Paint next");
  await page.getByTestId("studio-now").locator("canvas").waitFor();
  await picture(page, "studio-queue");
  await done(page).waitFor(PAINTED);
  await expect(page.getByTestId("gallery-open")).toHaveCount(3);
  const lines = log.getByRole("listitem");
  await expect(lines.filter({ hasText: "20 steps, guidance 3.0, on the CPU" })).toHaveCount(3);
  await expect(lines.filter({ hasText: /Step 20 of 20, \d+ ms a step/ })).toHaveCount(3);
  await expect(lines.last()).toContainText(`SHA-256 of its numbers: ${await digest(page)}`);
  // The newest line is in view.
  expect(await log.getByRole("log").evaluate((list) => list.scrollHeight - list.scrollTop - list.clientHeight)).toBeLessThan(2);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByTestId("studio-log-copy").click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^\d\d:\d\d:\d\d\.\d “robot”: seed \d+, 20 steps/m);
  expect(await findings(page)).toEqual([]);
  // Stopping ends all that waits.
  for (const example of ["robot", "rainbow"]) await examples.getByRole("button", { name: example }).click();
  await page.getByTestId("studio-cancel").click();
  await expect(lines.last()).toContainText("Stopped.");
  await expect(page.getByTestId("studio-paint")).toHaveText("Paint");
  await expect(page.getByTestId("gallery-open")).toHaveCount(3);
});

test("what cannot be painted is told, and painting can be stopped", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("studio-paint").click();
  await expect(page.getByText("Say what you want to see.")).toBeVisible();
  await page.locator("#studio-prompt").fill("purple flurbish cat");
  await expect(page.getByText("It does not know “flurbish” or has no room for it; the other words are painted.")).toBeVisible();
  await page.locator("#studio-prompt").fill("cat ".repeat(2_500));
  await page.getByTestId("studio-paint").click();
  await expect(page.getByText("That is 10,000 letters; 1,000 are read at most.")).toBeVisible();
  await page.getByTestId("studio-settings").locator("summary").click();
  await page.locator("#studio-seed").fill("99999999");
  await expect(page.getByText("A whole number below 16,777,216.")).toBeVisible();
  await page.locator("#studio-seed").fill("1");
  await page.locator("#studio-steps").fill("50");
  await page.locator("#studio-count").fill("8");
  await page.locator("#studio-prompt").fill("robot");
  await page.getByTestId("studio-paint").click();
  await page.getByTestId("studio-now").locator("canvas").waitFor(PAINTED);
  await page.getByTestId("studio-cancel").click();
  await expect(page.getByTestId("studio-paint")).toBeEnabled();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("#studio-steps").fill("8");
  await page.locator("#studio-count").fill("1");
  await paint(page, "rainbow");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await picture(page, "studio-phone-dark");
});

test("files that are no pictures are named", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  const give = (name, mimeType, buffer) => page.getByTestId("teach-file").setInputFiles({ name, mimeType, buffer });
  const told = page.locator("#teach-file-problem");
  await give("logo.svg", "image/svg+xml", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"));
  await expect(told).toContainText("logo.svg is a drawing made of lines (SVG)");
  await give("broken.jpg", "image/jpeg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 9, 9]));
  await expect(told).toContainText("broken.jpg is not a picture that this browser can read");
  const huge = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1"), Buffer.from([0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10])]);
  await give("huge.png", "image/png", huge);
  await expect(told).toContainText("huge.png has 100 million pixels; the limit is 64 million");
  await page.getByTestId("teach-file").setInputFiles(await subject(page));
  await expect(page.getByTestId("crop")).toBeVisible();
  await expect(told).toHaveText("");
  await page.locator("#teach-word").fill("two words");
  await expect(page.getByText("One word of letters and digits.")).toBeVisible();
});

// Written by Pillow: see tests/models/make_pictures.py.
test("pictures of printers, cameras and those that move are seen as they look", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  const crop = page.getByTestId("crop").locator("canvas");
  const told = page.locator("#teach-file-problem");
  // Which parts of a pixel's colour are strong.
  const colour = (x, y) => crop.evaluate((canvas, [x, y]) => {
    const [red, green, blue] = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
    return [red, green, blue].map((part) => Number(part > 127)).join("");
  }, [x, y]);
  const seen = async (name, places) => {
    await page.getByTestId("teach-file").setInputFiles(`tests/models/${name}`);
    for (const [x, y, expected] of places) await expect.poll(() => colour(x, y), { message: `${name} at ${x}, ${y}` }).toBe(expected);
  };
  await seen("print.jpg", [[4, 16, "011"], [27, 16, "110"]]);
  await seen("turned.jpg", [[27, 4, "001"], [27, 27, "001"], [4, 4, "100"], [4, 27, "100"]]);
  await expect(told).toHaveText("");
  await seen("wave.gif", [[16, 16, "010"]]);
  await expect(told).toHaveText("wave.gif moves; its first picture is taken.");
  await picture(page, "studio-moving");
  await seen("print.jpg", [[4, 16, "011"]]);
  await expect(told).toHaveText("");
});

// Written by PyTorch and PEFT: see tests/models/make_painter.py.
const written = (...names) => names.map((name) => `tests/models/${name}`);

test("networks and adapters of other programs are read, layer by layer", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("bring").locator("summary").first().click();
  const files = page.getByTestId("adapter-file");
  const read = page.getByTestId("adapter-read");
  const told = page.locator("#adapter-problem");
  // It fits another network than this site's.
  await files.setInputFiles(written("painter-peft.safetensors", "painter-peft.json"));
  await expect(told).toContainText("none of its 8 layers fits the network at hand, whose first is blocks.0.attn.qkv [256, 768]; its own first is base_model.model.blocks.0.attn.proj [48, 48]");
  await files.setInputFiles(written("mlp.safetensors"));
  await expect(told).toContainText("mlp.safetensors");
  await files.setInputFiles(written("painter.safetensors"));
  await expect(page.getByTestId("other-base")).toContainText("You paint with painter.");
  await expect(page.getByTestId("teach")).toContainText("brings no known pictures");
  await paint(page, "red cat");
  const plain = await digest(page);

  await files.setInputFiles(written("painter-kohya.safetensors"));
  await expect(read).toContainText("painter-kohya.safetensors is a LoRA of rank 4: 8 of 9 layers fit.");
  await page.getByText("Which layer went where").click();
  await expect(page.getByTestId("matches").locator("tr.bad")).toContainText("lora_te_text_model_encoder_layers_0_mlp_fc1");
  await picture(page, "studio-adapter");
  await page.getByTestId("studio-take").click();
  await expect(page.getByTestId("worn")).toHaveCount(0);
  await page.getByTestId("put-on").filter({ hasText: "painter-kohya" }).click();
  await paint(page);
  expect(await digest(page)).not.toBe(plain);
  // From a link, of a server that lets other sites read.
  await page.route("https://weights.example/loras/mine.safetensors", async (route) => {
    const body = await readFile("tests/models/painter-diffusers.safetensors");
    await route.fulfill({ body, headers: { "access-control-allow-origin": "*" } });
  });
  await page.locator("#adapter-link").fill("https://weights.example/loras/mine.safetensors");
  await page.getByRole("button", { name: "Fetch" }).click();
  await expect(read).toContainText("mine.safetensors is a LoRA of rank 9: 6 of 6 layers fit.");
  await page.locator("#adapter-link").fill("nowhere");
  await page.getByRole("button", { name: "Fetch" }).click();
  await expect(told).toContainText("This is no address; one begins with https://.");
  await page.getByTestId("other-base").getByRole("button").click();
  await expect(page.getByTestId("other-base")).toHaveCount(0);
  await expect(page.getByTestId("teach-file")).toBeAttached();
  await paint(page, "red apple");
  expect(await findings(page)).toEqual([]);
});

test("a picture of one's own is painted over", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("studio-settings").locator("summary").click();
  await page.getByTestId("studio-start-file").setInputFiles(await subject(page));
  await page.getByTestId("studio-start").waitFor();
  await page.locator("#studio-strength").fill("0.3");
  await paint(page, "red apple");
  // What was violet stays so where little is painted anew.
  const [red, green, blue] = await done(page).locator("canvas").evaluate((canvas) => [...canvas.getContext("2d").getImageData(3, 16, 1, 1).data]);
  expect(blue).toBeGreaterThan(green + 40);
  expect(blue).toBeGreaterThan(red);
  await page.getByTestId("studio-start-file").setInputFiles({ name: "logo.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>") });
  await expect(page.getByTestId("studio-problem")).toContainText("logo.svg is a drawing made of lines (SVG)");
});

test("the GPU paints what the CPU does, or says why not", async ({ page, world }) => {
  test.setTimeout(400_000);
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("studio-settings").locator("summary").click();
  await page.locator("#studio-steps").fill("4");
  await page.locator("#studio-seed").fill("5");
  const pixels = () => done(page).locator("canvas").evaluate((canvas) => [...canvas.getContext("2d").getImageData(0, 0, 32, 32).data]);
  await paint(page, "red apple");
  const exact = await pixels();
  await page.getByTestId("studio-gpu").check();
  await page.getByTestId("studio-paint").click();
  await page.getByTestId("studio-now").waitFor();
  await done(page).waitFor(LEARNT);
  await expect(done(page).locator("xpath=..")).toContainText("GPU");
  const fast = await pixels();
  const far = fast.reduce((sum, value, i) => sum + Math.abs(value - exact[i]), 0) / fast.length;
  expect(far).toBeLessThan(4);
});

test("a style goes with every name", async ({ page, world }) => {
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("teach-file").setInputFiles(await subject(page));
  await page.getByTestId("crop").waitFor();
  await page.locator("#teach-class").fill("nothing known");
  await page.getByTestId("aim-style").check();
  await expect(page.locator("#teach-class")).toHaveCount(0);
  await page.locator("#teach-word").fill("zorp");
  await picture(page, "studio-style");
  await page.getByTestId("teach-start").click();
  await page.getByTestId("lesson").locator("canvas").first().waitFor(LEARNT);
  await expect(page.getByTestId("lesson")).toContainText("red apple zorp");
  await page.getByTestId("teach-cancel").click();
  await expect(page.getByTestId("lesson")).toHaveCount(0);
});

test("one picture becomes a word that others pay to use", async ({ page, browser, world }) => {
  test.setTimeout(600_000);
  await addWallet(page, world);
  await page.goto(`${world.url}/studio`);
  await connect(page);
  await page.getByTestId("teach-file").setInputFiles(await subject(page));
  await page.getByTestId("crop").waitFor();
  await page.locator("#teach-word").fill("zorp");
  // How well it learns is measured in tests/wasm/studio.test.mjs.
  await page.getByTestId("teach").locator("summary").click();
  await page.locator("#teach-steps").fill("30");
  await page.getByTestId("teach-start").click();
  await page.getByTestId("lesson").locator("canvas").first().waitFor(PAINTED);
  await picture(page, "studio-learning");
  // A reload loses nothing.
  await expect(page.getByTestId("lesson")).toContainText(/Step [1-9]/, PAINTED);
  await page.reload();
  await page.getByTestId("lesson").waitFor();
  await page.getByTestId("learnt-item").waitFor(LEARNT);
  await page.getByTestId("learnt-wear").click();
  await expect(page.locator("#studio-prompt")).toHaveValue("zorp");
  await paint(page);
  await picture(page, "studio-worn");

  await page.getByTestId("learnt-publish").click();
  const form = page.getByTestId("publish-learnt");
  await form.locator("#token-symbol").fill("ZORP");
  await picture(page, "studio-publish");
  await form.getByTestId("create-submit").click();
  await page.waitForURL(/\/model\/0x[0-9a-fA-F]{40}\/train/, PAINTED);
  const [model] = page.url().match(/0x[0-9a-fA-F]{40}/);
  // It can be trained on, as any model.
  await start(page, { device: "cpu", steps: 10 });
  await finished(page, LEARNT);
  await picture(page, "studio-model-trained");
  // Its creator has tokens to pay a picture with.
  await page.goto(page.url().replace(/\/train$/, "/use"));
  await expect(page.locator("#prompt")).toHaveValue("zorp");
  await page.getByTestId("infer-pay").click();
  await page.getByTestId("painted").waitFor(PAINTED);
  await picture(page, "studio-model-used");
  // Somebody else finds it in the studio, and pays for each picture.
  await page.evaluate(() => localStorage.removeItem("delea.learnt"));
  await page.goto(`${world.url}/studio`);
  await page.getByTestId("put-on").filter({ hasText: /zorp \([\d.]+ ZORP a picture\)/ }).waitFor();
  // The model's page leads there too, and has it put on.
  await page.goto(`${world.url}/model/${model}`);
  await page.getByTestId("open-in-studio").click();
  await page.getByTestId("worn").waitFor();
  await page.locator("#studio-prompt").fill("zorp");
  await expect(page.getByTestId("studio-paint")).toHaveText(/Paint \(pay [\d.]+ ZORP\)/);
  await Promise.all([
    page.getByTestId("studio-now").waitFor(PAINTED),
    expect(page.getByTestId("toast").getByText("Paid.")).toBeVisible(PAINTED),
    page.getByTestId("studio-paint").click(),
  ]);
  await done(page).waitFor(PAINTED);
  await picture(page, "studio-bought");

  // On a phone, somebody else's tab paints it.
  const other = await (await browser.newContext()).newPage();
  await addWallet(other, world, { accounts: [BOB] });
  await other.goto(`${world.url}/work`);
  await connect(other);
  await other.locator(`[data-testid="work-model"][data-model="${model}"]`).check();
  await other.getByTestId("work-train").uncheck();
  await other.getByTestId("work-start").click();
  const protocol = new Protocol(world, model);
  await protocol.event("Roster", "Enlisted", (log) => log.model.toLowerCase() === model.toLowerCase());
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${world.url}/model/${model}/use`);
  await page.getByTestId("by-worker").check();
  await page.getByTestId("infer-pay").click();
  await page.getByTestId("asked").waitFor(PAINTED);
  // The worker may take it in the next block.
  await protocol.chain.mine({ blocks: 1 });
  await page.getByTestId("painted").waitFor(PAINTED);
  await expect(page.getByTestId("asked")).toContainText("Answered by");
  await picture(page, "studio-asked-phone");
  await other.getByTestId("work-stop").click();
  await other.context().close();
});
