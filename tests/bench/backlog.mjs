// An auditor that comes back to a thousand results that nobody has looked at; and one check in a tab.
import { Bench, Node } from "../node/nodes.mjs";
import { Protocol, person } from "../browser/protocol.mjs";
import { World } from "../browser/world.mjs";
import { launch, median } from "./speed.mjs";

const JOBS = 1000;
const STEPS = 10;
// As many trainings as one round takes.
const ROUND = 64;
const CHECKED = 1000;
const HOUR = 3600;

const seconds = (since) => (performance.now() - since) / 1000;

export async function backlog() {
  const world = await World.start();
  const sample = new Protocol(world);
  const bench = await Bench.open(world, sample);
  const worker = person(5);

  const slow = await sample.sibling({ challengeWindow: 24 * HOUR, roundLength: 24 * HOUR });
  const { job } = await bench.reveal(slow, worker, CHECKED);
  const browser = await launch();
  const tab = await (await browser.newContext()).newPage();
  const times = [];
  for (let round = 0; round < 3; round++) {
    await tab.goto(`${world.url}/job/${job}`);
    const start = performance.now();
    await tab.getByTestId("check-job").click();
    const verdict = tab.getByTestId("check-verdict");
    await verdict.waitFor({ timeout: 120_000 });
    if ((await verdict.getAttribute("data-holds")) !== "true") throw new Error(await verdict.innerText());
    times.push(seconds(start));
  }
  await browser.close();
  console.log(`\nChecks, sample model (a CNN of ${bench.manifest.spec.layers.length} layers)`);
  console.log(`  all ${CHECKED} steps of a job, in a tab: ${median(times).toFixed(1)} s (goal for the lighter MLP: 15)`);

  for (let model, made = 0; made < JOBS; made++) {
    // A model's address follows from its rules, so each has its own.
    if (made % ROUND === 0) {
      const window = 24 * HOUR + made;
      model = await sample.sibling({ challengeWindow: window, roundLength: window });
    }
    await bench.reveal(model, worker, STEPS);
  }
  const auditor = new Node(world, person(6), "auditor", ["audit", "--once"]);
  await auditor.log("registered as an auditor");
  const start = performance.now();
  const code = await auditor.ended;
  const took = seconds(start);
  const holds = auditor.lines.filter((line) => line.includes('"verdict":"holds"')).length;
  if (code !== 0 || holds !== JOBS + 1) throw new Error(`the auditor ended with ${code} after ${holds} of ${JOBS + 1} jobs`);
  console.log(`  a backlog of ${JOBS} jobs of ${STEPS} steps, by one node: ${took.toFixed(0)} s, ${((1000 * took) / JOBS).toFixed(0)} ms a job`);
  await world.stop();
}
