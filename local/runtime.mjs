// The workers' wasm in Node: the same bytes that the page runs, for publishing samples and for tests.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Loads `dist/workers/NAME-worker-HASH.{js,wasm}`; gives a function from request to last event.
export async function loadWorker(folder, name) {
  const files = await readdir(folder);
  const find = (extension) => files.find((file) => new RegExp(`^${name}-worker-[0-9a-f]{16}\\.${extension}$`).test(file));
  const bindings = await import(pathToFileURL(path.resolve(folder, find("js"))));
  await bindings.default({ module_or_path: await readFile(path.join(folder, find("wasm"))) });
  return async (body, listener) => {
    const event = await bindings.answer({ id: 1, body }, listener && ((envelope) => listener(envelope.body)));
    if (event.body.type === "failed") throw new Error(JSON.stringify(event.body.error));
    return event.body;
  };
}
