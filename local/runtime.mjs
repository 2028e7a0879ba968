// The workers' wasm in Node: the same bytes that the page runs, for publishing samples and for tests.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { decode, encode } from "./wire.mjs";

const fileOf = async (folder, name, extension) => {
  const pattern = new RegExp(`^${name}-worker-[0-9a-f]{16}\\.${extension}$`);
  return path.resolve(folder, (await readdir(folder)).find((file) => pattern.test(file)));
};

// Loads `dist/workers/NAME-worker-HASH.{js,wasm}`; gives a function from request to last event.
export async function loadWorker(folder, name) {
  const bindings = await import(pathToFileURL(await fileOf(folder, name, "js")));
  await bindings.default({ module_or_path: await readFile(await fileOf(folder, name, "wasm")) });
  return async (body, listener) => {
    const hear = listener && ((message) => listener(decode(message).body));
    const event = decode(await bindings.answer(encode({ id: 1, body }), hear));
    if (event.body.type === "failed") throw new Error(JSON.stringify(event.body.error));
    return event.body;
  };
}

/** The exact runtime's file, a CPU worker's wasm: that of layers or, named "graph-cpu" or "studio-cpu", those of graphs and painters. */
export const exactRuntime = async (folder, name = "cpu") => readFile(await fileOf(folder, name, "wasm"));
