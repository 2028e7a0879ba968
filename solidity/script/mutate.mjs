// Changes the money code in one place at a time and runs the tests that should notice.
//   node solidity/script/mutate.mjs [--only FILE] [--list] [--all]
// Fails when a change goes unnoticed that mutants.json does not explain, or when it explains one that is not there.
// --only takes one source, as "Jobs.sol"; --list names the changes and stops; --all also runs the explained ones.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import solc from "solc";

const SOLIDITY = path.resolve(import.meta.dirname, "..");
const REPOSITORY = path.dirname(SOLIDITY);
const FORGE = path.join(REPOSITORY, "node_modules/.bin/forge");
const WORKERS = 2;
const HANGS_AFTER = 300_000;

// Who can notice a change of a file: quick tests first, slow ones only when the quick ones noticed nothing.
const WORK = "Jobs,Leases,Settlement,Disputes";
const TESTS = {
  "libraries/Curve.sol": ["Curve"],
  "libraries/BoundTree.sol": ["Governance,Mutants", "Seats"],
  "Model.sol": ["Model,Governance,Mutants", "Settlement,Weights,Attacks"],
  "ModelReader.sol": ["Model,Mutants"],
  "ModelToken.sol": ["Token,Governance,Mutants", "Seats", "Invariant"],
  "ModelGovernance.sol": ["Governance,Mutants"],
  "Vault.sol": ["Vault", "Disputes"],
  "Disputes.sol": ["Disputes,Jobs"],
  "Jobs.sol": [WORK, "Roster,Rounds,Averages,Scores,Mutants", "Invariant"],
  "Rounds.sol": ["Rounds,Averages", WORK, "Invariant"],
  "Roster.sol": ["Roster", "Invariant"],
  "Jury.sol": ["Jury,JuryVerdict", "JuryDraw", "Disputes", "Invariant"],
  "Scores.sol": ["Scores,Weights", "Invariant"],
};

const COMPARISONS = { "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==" };
const CALLS = { fullMulDiv: "fullMulDivUp", fullMulDivUp: "fullMulDiv", divUp: "rawDiv", min: "max", max: "min" };

// Roundings that no operator shows.
const BY_HAND = [
  ["libraries/Curve.sol", "_expNegative(units * alpha / WAD) + 1", "_expNegative(units * alpha / WAD)"],
  ["libraries/Curve.sol", "zeroFloorSub(_expNegative(exponent), 1)", "zeroFloorSub(_expNegative(exponent), 0)"],
  ["libraries/BoundTree.sol", "++mantissa", "mantissa"],
  ["libraries/BoundTree.sol", "(code + (1 << COARSE_BITS) - 1) >>", "code >>"],
];

const { values: options } = parseArgs({
  options: { only: { type: "string" }, list: { type: "boolean" }, all: { type: "boolean" } },
});

/** Every change of a file: its place in bytes, and what takes its place. */
function mutantsOf(file) {
  const source = readFileSync(path.join(SOLIDITY, "src", file));
  const input = { language: "Solidity", sources: { [file]: { content: source.toString() } } };
  input.settings = { stopAfter: "parsing", outputSelection: { "*": { "": ["ast"] } } };
  const { ast } = JSON.parse(solc.compile(JSON.stringify(input))).sources[file];

  const found = [];
  const range = (node) => node.src.split(":").map(Number).slice(0, 2);
  const text = (start, end) => source.subarray(start, end).toString();
  const add = (where, start, end, changed) => {
    const from = source.lastIndexOf("\n", start) + 1;
    const line = text(from, source.indexOf("\n", start)).trim();
    const mutation = `${text(start, end)} → ${changed}`.replace(/\s+/g, " ");
    found.push({ file, in: where, number: text(0, start).split("\n").length, line, mutation, source, start, end, changed });
  };
  const visit = (node, where) => {
    if (node === null || typeof node !== "object") return;
    if (Array.isArray(node)) return node.forEach((child) => visit(child, where));
    if (node.nodeType === "FunctionDefinition") where = node.name || node.kind;
    if (node.nodeType === "BinaryOperation") {
      const [start, length] = range(node);
      const [left, leftLength] = range(node.leftExpression);
      const [right, rightLength] = range(node.rightExpression);
      const [a, b] = [text(left, left + leftLength), text(right, right + rightLength)];
      const between = text(left + leftLength, right);
      const other = COMPARISONS[node.operator];
      if (other) add(where, start, start + length, a + between.replace(node.operator, other) + b);
      if (node.operator === "/") add(where, start, start + length, `((${a}) + (${b}) - 1) / (${b})`);
    }
    if (node.nodeType === "FunctionCall" && CALLS[node.expression.memberName]) {
      const [start, length] = range(node);
      const called = node.expression.memberName;
      add(where, start, start + length, text(start, start + length).replace(`.${called}(`, `.${CALLS[called]}(`));
    }
    for (const child of Object.values(node)) visit(child, where);
  };
  visit(ast, "");
  for (const [target, before, after] of BY_HAND.filter(([target]) => target === file)) {
    const start = source.indexOf(before);
    if (start < 0) throw new Error(`${target} has no "${before}" any more; change BY_HAND in mutate.mjs`);
    add("", start, start + Buffer.byteLength(before), after);
  }
  return found;
}

const name = (m) => `${m.file}:${m.number} ${m.in}: ${m.mutation}`;
const same = (m) => (e) => e.file === m.file && e.in === m.in && e.line === m.line && e.mutation === m.mutation;

/** A copy of the project that changes may be made in; `node_modules` is reached by the same relative links. */
function copy(folder) {
  cpSync(SOLIDITY, folder, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (from) => !["out", "cache"].includes(path.relative(SOLIDITY, from)),
  });
}

/** Runs test files of a copy; says whether they pass, and why not. */
function test(folder, names) {
  const env = { ...process.env, FOUNDRY_FUZZ_RUNS: "64", FOUNDRY_INVARIANT_RUNS: "4", FOUNDRY_GAS_SNAPSHOT_EMIT: "false" };
  // Compiling takes most of the time: half of it without the optimizer, and with tests that need not be compiled again.
  env.FOUNDRY_OPTIMIZER = "false";
  const args = ["test", "--dynamic-test-linking", "--fail-fast", "--match-path", `test/{${names}}.t.sol`];
  // Takes a minute, and asks of the tests themselves whether they reach everything.
  args.push("--no-match-test", "test_handler_reachesEveryStep");
  const child = spawn(FORGE, args, { cwd: folder, env, detached: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    process.kill(-child.pid, "SIGKILL");
  }, HANGS_AFTER);
  return new Promise((resolve) =>
    child.on("close", (code) => {
      clearTimeout(timer);
      if (hangs) resolve({ passed: false, why: "hangs" });
      else if (/Compiler run failed|^Error: Compil/m.test(output)) resolve({ passed: false, why: "does not compile", output });
      else {
        // Not by the exit code alone: forge's launcher from npm loses it.
        const why = /\[FAIL.*/.exec(output)?.[0].slice(0, 160) ?? "";
        resolve({ passed: code === 0 && why === "" && / passed, 0 failed/.test(output), why, output });
      }
    }),
  );
}

const files = Object.keys(TESTS).filter((file) => !options.only || path.basename(file) === path.basename(options.only));
if (files.length === 0) throw new Error(`--only takes one of ${Object.keys(TESTS).join(", ")}`);
const mutants = files.flatMap(mutantsOf);
if (options.list) {
  for (const mutant of mutants) console.log(name(mutant));
  console.log(`${mutants.length} changes`);
  process.exit();
}
const explained = JSON.parse(readFileSync(path.join(import.meta.dirname, "mutants.json"), "utf8"));
const gone = explained.filter((e) => files.includes(e.file) && !mutants.some((m) => same(m)(e)));
const waiting = options.all ? [...mutants] : mutants.filter((m) => !explained.some(same(m)));

const root = mkdtempSync(path.join(tmpdir(), "delea-mutants-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(root, "node_modules"));
cpSync(path.join(REPOSITORY, "tests/vectors"), path.join(root, "tests/vectors"), { recursive: true });

const began = Date.now();
const survivors = [];
let [done, broken] = [0, 0];
const first = path.join(root, "0");
copy(first);
// One run without a change: compiles everything once, and a test that fails by itself would notice every change.
const everything = [...new Set(files.flatMap((file) => TESTS[file]).join(",").split(","))].join(",");
const unchanged = await test(first, everything);
if (!unchanged.passed) {
  console.error(`The tests fail without any change: ${unchanged.why}\n${unchanged.output?.slice(-3000) ?? ""}`);
  process.exit(1);
}
console.log(`${waiting.length} changes, ${mutants.length - waiting.length} more are explained`);

async function work(folder) {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const target = path.join(folder, "src", mutant.file);
    const [head, tail] = [mutant.source.subarray(0, mutant.start), mutant.source.subarray(mutant.end)];
    writeFileSync(target, Buffer.concat([head, Buffer.from(mutant.changed), tail]));
    let result;
    for (const names of TESTS[mutant.file]) {
      result = await test(folder, names);
      if (!result.passed) break;
    }
    writeFileSync(target, mutant.source);
    done += 1;
    if (result.why === "does not compile") broken += 1;
    if (result.passed) survivors.push(mutant);
    console.log(`${done} ${result.passed ? "SURVIVED" : "noticed"} ${name(mutant)}  ${result.why}`);
  }
}

const folders = [first];
for (let i = 1; i < WORKERS; ++i) {
  const folder = path.join(root, String(i));
  // With what is compiled already.
  cpSync(first, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  folders.push(folder);
}
await Promise.all(folders.map(work));

const bad = survivors.filter((m) => !explained.some(same(m)));
for (const m of bad) console.error(`unnoticed: ${name(m)}\n  ${JSON.stringify({ file: m.file, in: m.in, line: m.line, mutation: m.mutation, reason: "" })}`);
for (const e of gone) console.error(`explained, but not there: ${e.file} ${e.in}: ${e.mutation}`);
const minutes = ((Date.now() - began) / 60_000).toFixed(1);
console.log(`${done} changes in ${minutes} minutes: ${bad.length} unnoticed, ${broken} that do not compile`);
if (bad.length > 0 || gone.length > 0) process.exitCode = 1;
