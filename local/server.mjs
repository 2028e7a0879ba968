// The page's server on loopback: static files, the page's configuration, and the content store.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
};

// No script but the page's own files. Data may come from anywhere by https: the studio reads adapters from links.
const contentPolicy = (connect) => [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  `connect-src 'self' https: ${connect}`,
  "worker-src 'self'",
  "object-src 'none'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join("; ");

async function staticFile(root, url) {
  const name = path.normalize(decodeURIComponent(url.pathname)).replace(/^\/+/, "");
  const file = path.join(root, name || "index.html");
  if (!file.startsWith(root)) return null;
  return readFile(file).then((bytes) => ({ file, bytes }), () => null);
}

// What the page is told of its surroundings, as /delea.json. Only a local chain has test money to burn.
export const pageConfig = ({ chainId, local, rpcUrl, contracts, fromBlock, runtimes }) => ({
  chainId, chainName: local ? "Delea local" : `Chain ${chainId}`, rpcUrl, contracts, fromBlock,
  contentUrl: "/ipfs/", uploadUrl: "/ipfs", explorerUrl: null, burner: local,
  workers: {
    layers: { cpu: "/workers/cpu-worker.js", gpu: "/workers/gpu-worker.js", runtime: runtimes.layers },
    graphs: { cpu: "/workers/graph-cpu-worker.js", gpu: "/workers/graph-gpu-worker.js", runtime: runtimes.graphs },
    studio: { cpu: "/workers/studio-cpu-worker.js", gpu: "/workers/studio-gpu-worker.js", runtime: runtimes.studio },
    import: "/workers/import-worker.js", ledger: "/workers/ledger-worker.js", host: "/workers/host/worker.js",
  },
});

// Starts serving; resolves to the server once it listens, rejects with the system's error.
export function serve({ root, port, config, content }) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    const send = (status, type, bytes, headers = {}) =>
      response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff", ...headers }).end(bytes);
    try {
      const blob = url.pathname.match(/^\/ipfs\/([^/]+)$/);
      if (blob) return await content.handle(request, response, blob[1]);
      if (url.pathname === "/delea.json") {
        return send(200, TYPES[".json"], JSON.stringify(config, null, 2), { "cache-control": "no-store" });
      }
      const found = await staticFile(root, url);
      if (found && !found.file.endsWith("index.html")) {
        const hashed = /-[0-9a-f]{16}[./]/.test(url.pathname);
        const etag = `"${createHash("sha256").update(found.bytes).digest("hex").slice(0, 16)}"`;
        const headers = { "cache-control": hashed ? "public, max-age=31536000, immutable" : "no-cache", etag };
        if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();
        return send(200, TYPES[path.extname(found.file)] ?? "application/octet-stream", found.bytes, headers);
      }
      // Any other address is a route of the single page, unless a file was asked for by name.
      if (path.extname(url.pathname) && !found) return send(404, "text/plain", "not found\n");
      const html = await readFile(path.join(root, "index.html"), "utf8");
      const connect = [config.rpcUrl, ...(config.otherRpcUrls ?? []), ...(config.gateways ?? []), config.kuboUrl]
        .filter((other) => other?.includes("://"))
        .map((other) => new URL(other).origin)
        .join(" ");
      send(200, TYPES[".html"], html, {
        "cache-control": "no-cache",
        "content-security-policy": contentPolicy(connect),
        "referrer-policy": "no-referrer",
      });
    } catch (error) {
      if (!response.headersSent) send(500, "text/plain", `${error.message}\n`);
      else response.destroy();
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
