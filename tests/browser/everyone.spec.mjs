// For everyone: phone, keyboard, dark, and no serious finding of axe-core on any page.
import { Protocol, person } from "./protocol.mjs";
import { expect, findings, finished, openModel, picture, start, test } from "./fixtures.mjs";

const settled = (page) => page.waitForFunction(() => !document.querySelector('[data-testid="loading"]'));

for (const [name, viewport] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 390, height: 844 }], ["wide", { width: 1920, height: 1080 }]]) {
  for (const colorScheme of name === "wide" ? ["light"] : ["light", "dark"]) {
    test(`every page on a ${name} in ${colorScheme} colours: readable, and not wider than the screen`, async ({ page, world }) => {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const model = `/model/${world.sample}`;
      const protocol = new Protocol(world);
      // A job to look at, of a model of its own: it stands before nobody's training.
      if ((await protocol.read("Jobs", "jobCount")) === 0n) await (await protocol.sibling({})).reveal(person(9));
      for (const [title, path] of [
        ["explore", "/"], ["overview", model], ["train", `${model}/train`], ["use", `${model}/use`], ["token", `${model}/token`],
        ["history", `${model}/history`], ["scores", `${model}/scores`], ["work", "/work"], ["job", "/job/1"], ["create", "/create"], ["studio", "/studio"], ["account", "/account"], ["not-found", "/nowhere"],
      ]) {
        await page.goto(world.url + path);
        await page.getByRole("heading", { level: 1 }).first().waitFor();
        await settled(page);
        await picture(page, `${name}-${colorScheme}-${title}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, `${title} is wider than the screen`).toBeLessThanOrEqual(0);
        expect(await findings(page), title).toEqual([]);
        expect(await page.title()).toContain("Delea");
      }
    });
  }
}

test("with a touch screen, a training and its plots on a phone", async ({ browser, world }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  await openModel(page, world);
  await page.getByTestId("start-training").tap();
  await finished(page);
  await picture(page, "phone-trained");
  expect(await findings(page)).toEqual([]);
  await context.close();
});

test("with the keyboard alone: from the first page to a running training", async ({ page, world }) => {
  await page.goto(world.url);
  await page.getByTestId("model-card").first().waitFor();
  const press = async (key, until) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press(key);
      if (await page.evaluate(until)) return;
    }
    throw new Error(`no focus after 60 × ${key}`);
  };
  const focused = (id) => `document.activeElement?.dataset.testid === "${id}"`;
  await press("Tab", focused("card-train"));
  const outline = await page.evaluate(() => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  });
  expect(outline).toBe(true);
  await page.keyboard.press("Enter");
  await page.getByTestId("start-training").waitFor();
  await press("Tab", focused("start-training"));
  await page.keyboard.press("Enter");
  await finished(page);
});

test("training leaves the main thread free", async ({ page, world }) => {
  await openModel(page, world);
  await page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (window.longest = Math.max(window.longest, duration)))).observe({ type: "longtask" });
  });
  await start(page, { device: "cpu", steps: 300 });
  await finished(page);
  // A batch on the main thread would take seconds; the bench reports the exact figure.
  expect(await page.evaluate(() => window.longest)).toBeLessThan(500);
});
