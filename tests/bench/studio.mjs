// The studio: a picture of the usual settings against onnxruntime-web running the same network, and how fast a lesson goes. No
// peer trains an adapter in a browser.
import { compare, open } from "./speed.mjs";

const SETTINGS = { prompt: "red apple", steps: 20, guidance: 3 };
const LESSON = 20;

export async function studio() {
  const { page, close } = await open();
  await page.evaluate(() => bench.studio.prepare("cpu"));
  const run = (name) => () => page.evaluate(([name, settings]) => bench.studio[name](settings), [name, SETTINGS]);
  await compare(`Studio, CPU: a picture of ${SETTINGS.steps} steps with guidance ${SETTINGS.guidance}`, { Delea: run("own"), "onnxruntime-web": run("peer") }, "ms");
  const step = await page.evaluate((steps) => bench.studio.lesson(steps), LESSON);
  console.log(`\nStudio, CPU: a lesson's step of 8 pictures, rank 2: ${step.toFixed(0)} ms, so 60 steps take ${((60 * step) / 1000).toFixed(0)} s`);
  await close();
}
