// Memory that an answer takes, from a file of parameters in the browser's private file system: the whole process of page and
// worker, at its peak, above what it held before.
import { readFile, writeFile } from "node:fs/promises";
import { open, served } from "./speed.mjs";

const WIDTHS = [2_000, 5_000, 10_000];

/** Parameters of a layer of `width` to `width` and one to ten, as safetensors in the canonical order. */
function parameters(width) {
  const tensors = { "layers.0.bias": [width], "layers.0.weight": [width, width], "layers.1.bias": [10], "layers.1.weight": [width, 10] };
  let at = 0;
  const entries = Object.entries(tensors).map(([name, shape]) => {
    const size = 4 * shape.reduce((a, b) => a * b);
    return [name, { dtype: "F32", shape, data_offsets: [at, (at += size)] }];
  });
  let header = JSON.stringify(Object.fromEntries(entries));
  header = header.padEnd(Math.ceil(header.length / 8) * 8);
  const bytes = new Uint8Array(8 + header.length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  new Float32Array(bytes.buffer, 8 + header.length).fill(1 / width);
  return bytes;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(0).padStart(5);
const field = async (pid, name) => Number((await readFile(`/proc/${pid}/status`, "utf8")).match(new RegExp(`${name}:\\s+(\\d+)`))[1]) * 1024;

/** Bytes that a page's process takes at the peak of some work, above what it held before. */
export async function peak(page, work) {
  const browser = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  const sizes = await Promise.all(renderers.map((pid) => field(pid, "VmRSS")));
  // The page's own is the one with the workers in it.
  const pid = renderers[sizes.indexOf(Math.max(...sizes))];
  const before = await field(pid, "VmRSS");
  // Forgets the peak so far (proc_pid_clear_refs(5)).
  await writeFile(`/proc/${pid}/clear_refs`, "5");
  await work();
  return (await field(pid, "VmHWM")) - before;
}

export async function memory() {
  console.log("\nPeak memory of an answer, above what page and worker held before, and how many times its parameters that is (limit 2.5)");
  for (const width of WIDTHS) {
    const { page, close } = await open();
    const file = parameters(width);
    served.set("/parameters", file);
    await page.evaluate(() => bench.store("/parameters"));
    served.clear();
    const taken = await peak(page, () => page.evaluate((width) => bench.answer(width), width));
    console.log(`  ${megabytes(file.length)} MB of parameters  ${megabytes(taken)} MB at the peak  ${(taken / file.length).toFixed(2)} ×`);
    await close();
  }
}
