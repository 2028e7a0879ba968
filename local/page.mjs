// page.mjs CODE DIST: the static page. CODE is what splitting and binding gave; all but index.html goes into one folder
// named by the hash of its content, so that browsers may keep it for ever.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";

const [code, dist] = process.argv.slice(2);
const STYLESHEET = /^ *<link rel="stylesheet" href="([^"]+)" \/>\n/gm;
const ICON = "style/favicon.svg";

// A module without its custom sections: names and what made it.
function stripped(wasm) {
  const parts = [wasm.subarray(0, 8)];
  for (let at = 8; at < wasm.length;) {
    const start = at;
    const kind = wasm[at++];
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++];
      size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += size;
    if (kind !== 0) parts.push(wasm.subarray(start, at));
  }
  return Buffer.concat(parts);
}

let html = await readFile("index.html", "utf8");
const sheets = [...html.matchAll(STYLESHEET)].map(([, file]) => file);
const files = new Map([
  ["style.css", Buffer.concat(await Promise.all(sheets.map((file) => readFile(file))))],
  ["favicon.svg", await readFile(ICON)],
  ["start.js", Buffer.from(`import init from "./delea-app.js";
await init({ module_or_path: new URL("./delea-app_bg.wasm", import.meta.url) });
`)],
]);
for (const file of (await readdir(code)).sort()) {
  const bytes = await readFile(path.join(code, file));
  files.set(file, file.endsWith(".wasm") ? stripped(bytes) : bytes);
}

const hash = createHash("sha256");
for (const [file, bytes] of files) hash.update(`${file}\0${bytes.length}\0`).update(bytes);
const folder = `page-${hash.digest("hex").slice(0, 16)}`;
const link = (rel, file, rest = "") => `    <link rel="${rel}" href="/${folder}/${file}"${rest} />\n`;
html = html
  .replace(STYLESHEET, "")
  .replace(ICON, `/${folder}/favicon.svg`)
  .replace("  </head>", link("stylesheet", "style.css")
    + link("preload", "delea-app_bg.wasm", ' as="fetch" type="application/wasm" crossorigin')
    + link("modulepreload", "delea-app.js") + link("modulepreload", "__wasm_split.js")
    + `    <script type="module" src="/${folder}/start.js"></script>\n  </head>`);

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, folder), { recursive: true });
for (const [file, bytes] of files) await writeFile(path.join(dist, folder, file), bytes);
await writeFile(path.join(dist, "index.html"), html);
