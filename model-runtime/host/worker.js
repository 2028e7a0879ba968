// A worker around a version of the exact runtime that the page was not built with. The first message is the runtime's
// bytes, whose hash the page has compared; the others are requests as the page's own workers take them. Texts are cut and
// joined rather than parsed and written, since a seed has more digits than a JavaScript number.
import { open } from "./exact.mjs";

// Milliseconds of computing between two looks at what the page says.
const SLICE = 60;

let call;
let busy = Promise.resolve();
const post = (id, body, beside = []) => self.postMessage([`{"id":${id},"body":${body}}`, ...beside]);

async function answer([text, ...beside]) {
  const { id, body: { type } } = JSON.parse(text);
  const body = text.slice(text.indexOf('"body":') + 7, -1);
  if (type !== "train") {
    const [told, ...files] = call([`{"type":"ask","request":${body}}`, ...beside]);
    const { type: kind, event } = JSON.parse(told);
    return post(id, kind === "told" ? JSON.stringify(event) : told, files);
  }
  let parts = call([`{"type":"begin","job":${body},"checkpoint":null}`, ...beside]);
  for (let steps = 1; ; ) {
    const [told, ...files] = parts;
    const found = JSON.parse(told);
    if (found.type !== "advanced") return post(id, told, files);
    post(id, JSON.stringify({ type: "progress", ...found.progress }));
    await new Promise((resolve) => setTimeout(resolve));
    const start = performance.now();
    parts = call([`{"type":"advance","steps":${steps}}`]);
    steps = Math.max(1, Math.round((steps * SLICE) / Math.max(performance.now() - start, 1)));
  }
}

self.onmessage = ({ data }) => {
  busy = busy.then(async () => {
    if (call) return answer(data);
    call = await open(data);
    post(0, '{"type":"listening"}');
  }).catch((error) => setTimeout(() => { throw error; }));
};
