// The studio's network in the very wasm that the page runs: what it paints, and what one picture teaches it.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { distance, paint, ringPicture, studio, teach } from "./studio.mjs";

/** How much nearer the taught picture must come, and how much worse or better all else may get. */
const NEARER = 0.3;
const KEPT = 0.1;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

let all;
before(async () => {
  all = await studio(process.env.WORKERS);
});

/** What it knew before, measured on pictures that neither was trained on for this. */
async function isKept({ spec, parameters }) {
  const known = { ...spec, painter: all.base.painter };
  const measure = async (spec, parameters) => (await all.worker({ type: "evaluate", spec, parameters, dataset: all.prior })).loss;
  const [plain, adapted] = [await measure(known, all.parameters), await measure(spec, parameters)];
  console.log(`# loss on known pictures: ${plain.toFixed(4)} before, ${adapted.toFixed(4)} after`);
  assert.ok(Math.abs(adapted / plain - 1) <= KEPT);
}

/** How red, green and blue what a picture shows is on the whole, each in [0, 1]. */
function colour(picture) {
  const [red, green, blue, opaque] = [0, 1, 2, 3].map((channel) => 1 + mean(picture.slice((channel * picture.length) / 4, ((channel + 1) * picture.length) / 4)));
  return [red, green, blue].map((value) => value / opaque);
}

test("the base paints what its words mean, the same bits each time", async () => {
  const apple = await paint(all, "red apple");
  const plane = apple.length / 4;
  const middle = 16 * 32 + 16;
  assert.ok(apple[middle] > 0.2 && apple[plane + middle] < 0, `a red apple is ${apple[middle]} red and ${apple[plane + middle]} green`);
  assert.ok(apple[3 * plane] < -0.5, "its corner is clear");
  assert.deepEqual(await paint(all, "red apple"), apple);
  assert.ok(distance(apple, await paint(all, "red apple", { seed: 8 })) > 0.01);
});

test("one picture teaches a word and leaves the others", async () => {
  const taught = await teach(all);
  const { evaluation, base_evaluation: before, parameters, painter } = taught;
  assert.ok(parameters.length <= 300_000, `the adapter takes ${parameters.length} bytes`);
  assert.ok(evaluation.loss < before.loss, `${before.loss} to ${evaluation.loss}`);
  const worn = [{ painter, parameters, scale: 1 }];
  const wanted = ringPicture();
  // The base knows no such word: it paints whatever comes.
  const seeds = [7, 8, 9];
  const [unworn, now] = [[], []];
  for (const seed of seeds) {
    unworn.push(distance(await paint(all, "symbol", { seed }), wanted));
    now.push(distance(await paint(all, "zorp", { seed }, worn, painter), wanted));
  }
  const base = mean(unworn);
  const nearer = 1 - mean(now) / base;
  console.log(`# to the picture: ${base.toFixed(3)} before, ${mean(now).toFixed(3)} after (${(100 * nearer).toFixed(0)} % nearer)`);
  assert.ok(nearer >= NEARER);
  await isKept(taught);
  const robot = await paint(all, "robot");
  assert.deepEqual(await paint(all, "robot", {}, [{ ...worn[0], scale: 0 }], painter), robot);
});

test("one picture teaches a style: other things take its colours on where its word is said, and only there", async () => {
  const taught = await teach(all, { aim: "style", rate: 5e-3 });
  const { parameters, painter } = taught;
  const worn = [{ painter, parameters, scale: 1 }];
  const wanted = colour(ringPicture());
  const far = async (...asked) => distance(colour(await paint(all, ...asked)), wanted);
  const [unworn, unsaid, said] = [[], [], []];
  for (const prompt of ["red apple", "cat", "robot", "green tree"]) {
    unworn.push(await far(prompt));
    unsaid.push(await far(prompt, {}, worn, painter));
    said.push(await far(`${prompt} zorp`, {}, worn, painter));
  }
  const nearer = (those) => 1 - mean(those) / mean(unworn);
  console.log(`# to the style's colours: ${(100 * nearer(said)).toFixed(0)} % nearer with its word, ${(100 * nearer(unsaid)).toFixed(0)} % without`);
  assert.ok(nearer(said) >= NEARER);
  assert.ok(Math.abs(nearer(unsaid)) <= KEPT);
  await isKept(taught);
});
