// `./delea bench`: speed and size, each against a peer or a limit, in one run.
import os from "node:os";
import { backlog } from "./backlog.mjs";
import { exact } from "./exact.mjs";
import { inference } from "./inference.mjs";
import { ledger } from "./ledger.mjs";
import { memory } from "./memory.mjs";
import { onnx } from "./onnx.mjs";
import { cpu, gpu as training } from "./speed.mjs";
import { studio } from "./studio.mjs";
import { gas, page, size } from "./site.mjs";

const gpu = async () => (await training()) && inference("gpu");
const all = { cpu, gpu, exact, backlog, onnx, inference, memory, studio, ledger, size, page, gas };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in all));
if (unknown.length) {
  console.error(`delea: bench takes ${Object.keys(all).join(", ")}, not "${unknown[0]}"`);
  process.exit(1);
}
console.log(`Measured on ${os.cpus()[0].model}, ${os.cpus().length} cores, ${os.type()} ${os.arch()}, Node ${process.version}`);
for (const name of wanted.length ? wanted : Object.keys(all)) await all[name]();
