// Three workers who each do a round's steps and average beat one who does as many: the figures behind
// docs/rounds.svg. Exact, so the same in every run. UPDATE_VECTORS=1 draws the picture anew.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { openExact, trainExact } from "../../local/exact.mjs";
import { exactRuntime, loadWorker } from "../../local/runtime.mjs";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PICTURE = path.join(ROOT, "docs/rounds.svg");
const [STEPS, ROUNDS, WORKERS] = [50, 8, 3];

async function compare() {
  const sample = JSON.parse(await readFile(path.join(ROOT, "local/samples/digits.json")));
  const importer = await loadWorker(process.env.WORKERS, "import");
  const file = new Uint8Array(await readFile(path.join(ROOT, "local/samples", sample.dataset.file_name)));
  const { dataset } = await importer({ type: "import", file, labels: null, shape: null, ...sample.dataset });
  const call = await openExact(await exactRuntime(process.env.WORKERS));
  const ask = (request) => call({ type: "ask", request }).event;
  const { spec, training } = sample.manifest;
  const train = (parameters, seed) => trainExact(call, { spec, seed, parameters, dataset, config: { ...training, steps: STEPS } });
  const { parameters } = ask({ type: "initialize", spec, seed: sample.seed });
  const rows = [];
  for (let [round, together, alone] = [0, parameters, parameters]; round < ROUNDS; round++) {
    const parts = Array.from({ length: WORKERS }, (_, i) => ({ units: STEPS, parameters: train(together, 100 * round + i + 1).parameters }));
    together = ask({ type: "average", parts }).parameters;
    alone = train(alone, 100 * round + 1).parameters;
    const figures = [together, alone].map((each) => ask({ type: "evaluate", spec, parameters: each, dataset }));
    rows.push({ steps: (round + 1) * STEPS, together: figures[0], alone: figures[1] });
  }
  return rows;
}

function draw(rows) {
  const [width, height, left, bottom, top] = [640, 360, 64, 48, 24];
  const losses = rows.flatMap((row) => [row.together.loss, row.alone.loss]).map(Math.log10);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const x = (steps) => left + ((steps - STEPS) / (STEPS * (ROUNDS - 1))) * (width - left - 150);
  const y = (loss) => height - bottom - ((Math.log10(loss) - low) / (high - low)) * (height - bottom - top);
  const line = (name, colour, words) => {
    const points = rows.map((row) => `${x(row.steps).toFixed(1)},${y(row[name].loss).toFixed(1)}`);
    const [endX, endY] = points.at(-1).split(",");
    return `  <polyline fill="none" stroke="${colour}" stroke-width="3" points="${points.join(" ")}"/>
  <text x="${Number(endX) + 10}" y="${Number(endY) + 5}" fill="${colour}">${words}: ${(rows.at(-1)[name].accuracy_ppm / 1e4).toFixed(1)} %</text>`;
  };
  const ticks = rows.map((row) => `  <text x="${x(row.steps).toFixed(1)}" y="${height - 24}" text-anchor="middle">${row.steps}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#555">
  <rect width="${width}" height="${height}" fill="#fff"/>
  <text x="${left}" y="16" fill="#222">Held-out loss (log scale) after as many steps of each worker</text>
${line("alone", "#b45309", "one")}
${line("together", "#14613f", "three")}
${ticks.join("\n")}
  <text x="${left}" y="${height - 6}">steps of each worker; three average every ${STEPS}</text>
</svg>
`;
}

test("three workers who average are ahead of one after as many steps each", async () => {
  const rows = await compare();
  const svg = draw(rows);
  if (process.env.UPDATE_VECTORS) await writeFile(PICTURE, svg);
  const last = rows.at(-1);
  assert.ok(last.together.loss < last.alone.loss, JSON.stringify(last));
  assert.ok(last.together.accuracy_ppm >= last.alone.accuracy_ppm, JSON.stringify(last));
  const ahead = rows.filter((row) => row.together.loss < row.alone.loss).length;
  assert.ok(ahead >= ROUNDS / 2, `ahead in ${ahead} of ${ROUNDS} rounds`);
  assert.equal(await readFile(PICTURE, "utf8"), svg, "docs/rounds.svg is of these figures");
});
