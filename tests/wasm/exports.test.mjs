// A linker that finds constructors which nobody calls puts a call of them all into every exported function. In the WebGPU
// workers they are thousands, and run at each call from JavaScript.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

const CODE = 10, EXPORT = 7, IMPORT = 2, FUNCTION = 0, CALL = 0x10;

/** By exported function: the number of the function that it calls before anything else, or nothing. */
function firstCalls(bytes) {
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  const skip = () => {
    const length = number();
    at += length;
  };
  const limits = () => {
    const flags = number();
    number();
    if (flags & 1) number();
  };
  let imported = 0;
  let bodies = [];
  const exported = [];
  while (at < bytes.length) {
    const [section, size] = [bytes[at++], number()];
    const end = at + size;
    if (section === IMPORT) {
      for (let left = number(); left; left--) {
        skip();
        skip();
        const kind = bytes[at++];
        if (kind === FUNCTION) number(), imported++;
        else if (kind === 1) at++, limits();
        else if (kind === 2) limits();
        else if (kind === 3) at += 2;
        else throw new Error(`an import of kind ${kind}`);
      }
    } else if (section === EXPORT) {
      for (let left = number(); left; left--) {
        const length = number();
        const name = bytes.subarray(at, at + length).toString();
        at += length;
        const kind = bytes[at++];
        const index = number();
        if (kind === FUNCTION) exported.push([name, index]);
      }
    } else if (section === CODE) {
      bodies = Array.from({ length: number() }, () => {
        const length = number(), start = at;
        at += length;
        return start;
      });
    }
    at = end;
  }
  const first = (index) => {
    if (index < imported) return null;
    at = bodies[index - imported];
    for (let left = number(); left; left--) number(), at++;
    return bytes[at] === CALL ? (at++, number()) : null;
  };
  return exported.map(([name, index]) => [name, first(index)]);
}

const folder = process.env.WORKERS;
for (const file of (await readdir(folder)).filter((name) => name.endsWith(".wasm"))) {
  test(`${file.replace(/-[0-9a-f]+\.wasm$/, "")}: no exported function runs constructors`, async () => {
    const calls = firstCalls(await readFile(path.join(folder, file)));
    assert.ok(calls.length > 5, "the exports were found");
    for (const common of new Set(calls.map(([, first]) => first))) {
      const names = calls.filter(([, first]) => first === common).map(([name]) => name);
      assert.ok(common === null || names.length < 4, `${names.join(", ")} all begin with a call of function ${common}`);
    }
  });
}
