// Writes docs/gas.md from the checked-in gas snapshots, or with --check fails when it is stale.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const snapshot = async (name) => JSON.parse(await readFile(path.join(root, `solidity/snapshots/${name}.json`), "utf8"));
const gas = (value) => Number(value).toLocaleString("en");

const transactions = Object.entries(await snapshot("Transaction"));
const seats = await snapshot("Seats");
const mean = (name) => gas(seats[`transfer, mean: ${name}`]);
const table = (head, rows) => [`| ${head.join(" | ")} |`, `|---|${"--:|".repeat(head.length - 1)}`, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");

const text = `# Gas

Measured by \`forge test\` with every call as a transaction of its own, so storage is cold and the base cost of 21,000 is
in. \`./delea test\` fails when a figure has changed; \`./delea bench gas\` prints them.

## Transactions
${table(["what", "gas"], transactions.map(([name, value]) => [name, gas(value)]))}

## A transfer among 10,000 holders, the mean of 400
A model knows its two largest holders at every moment; this is what that costs a transfer.

${table(["token", "gas"], [
  ["Solady's ERC-20", mean("Solady")],
  ["OpenZeppelin's ERC-20", mean("OpenZeppelin")],
  ["Solady's ERC-20 behind a minimal proxy", mean("Solady, as a clone")],
  ["a model, behind a minimal proxy", mean("Delea, a clone")],
])}

${table(["above a plain token behind a proxy", "gas"], Object.entries(seats).filter(([name]) => !name.startsWith("transfer, mean")).map(([name, value]) => [name, gas(value)]))}
`;

const file = path.join(root, "docs/gas.md");
if (process.argv.includes("--check")) {
  if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error("stale: docs/gas.md\nrun: node solidity/script/gas-table.mjs");
    process.exit(1);
  }
} else {
  await writeFile(file, text);
}
