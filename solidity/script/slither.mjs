// Compares what Slither found with what slither.explained.json explains; each finding counts, in each function.
//   node solidity/script/slither.mjs FOUND.json
// Slither's own list of explained findings names lines of code, so it would be out of date with every change.
import { readFileSync } from "node:fs";
import path from "node:path";

const { success, error, results } = JSON.parse(readFileSync(process.argv[2], "utf8"));
if (!success) throw new Error(`Slither failed: ${error}`);

/** "Contract.function" or "Contract.function.variable". */
function placeOf({ name, type, type_specific_fields: fields }) {
  const above = fields?.parent && fields.parent.type !== "file" ? `${placeOf(fields.parent)}.` : "";
  return type === "node" ? above.slice(0, -1) : above + name;
}

const file = path.resolve(import.meta.dirname, "../slither.explained.json");
const explained = JSON.parse(readFileSync(file, "utf8")).flatMap(({ check, in: places }) =>
  places.map((place) => `${check}: ${place}`),
);
let bad = 0;
for (const { check, elements, description } of results.detectors ?? []) {
  const finding = `${check}: ${placeOf(elements[0])}`;
  const at = explained.indexOf(finding);
  if (at >= 0) {
    explained.splice(at, 1);
    continue;
  }
  bad += 1;
  console.error(`${finding}\n${description}`);
}
for (const finding of explained) console.error(`explained, but not found: ${finding}`);
const count = results.detectors?.length ?? 0;
if (bad > 0 || explained.length > 0) {
  console.error(`${bad} of ${count} findings are not explained in solidity/slither.explained.json`);
  process.exit(1);
}
console.log(`Slither: ${count} findings, each explained`);
