// Runs a test program for wasm32-wasip1 (`cargo test --target wasm32-wasip1`) in Node's V8: node wasi.mjs PROGRAM FOLDER
// [ARGUMENT…]. FOLDER is what it may read. What it might import of a browser's it never calls.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, folder, ...args] = process.argv.slice(2);
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("ONNX_")));
const wasi = new WASI({ version: "preview1", args: [program, ...args], env, preopens: { [folder]: folder }, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(program));
const imports = wasi.getImportObject();
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  if (kind !== "function" || imports[from]?.[name]) continue;
  (imports[from] ??= {})[name] = () => {
    throw new Error(`the program called ${name} of ${from}, which only a browser has`);
  };
}
process.exitCode = wasi.start(await WebAssembly.instantiate(module, imports));
