// The ONNX project's own cases of operators: how many pass, by operator.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const WIDTH = 3;

export function onnx() {
  const folder = mkdtempSync(path.join(tmpdir(), "delea-onnx-"));
  const report = path.join(folder, "report.json");
  const test = ["test", "--locked", "-p", "delea-model-runtime", "--features", "cpu,graph,import", "--test", "onnx", "the_projects_own"];
  const { status, stderr } = spawnSync("cargo", test, { env: { ...process.env, ONNX_REPORT: report }, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const [cases, operators, others] = JSON.parse(readFileSync(report, "utf8"));
  rmSync(folder, { recursive: true });
  console.log("\nONNX's own cases of operators, natively");
  console.log(`  ${cases - others.length} of ${cases} pass; no other gives a result`);
  const cells = Object.entries(operators).map(([name, [passed, all]]) => `${name} ${passed}/${all}`.padEnd(36));
  for (let i = 0; i < cells.length; i += WIDTH) console.log(`  ${cells.slice(i, i + WIDTH).join("").trimEnd()}`);
}
