// An IPFS node on loopback: Helia, IPFS in JavaScript, behind the two HTTP interfaces that the page speaks: a trustless
// gateway and Kubo's RPC for blocks. It can be told to hang, to lie, or to have nothing.
import http from "node:http";

// Helia wants what Node has from version 22 on.
Promise.withResolvers ??= () => {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
};
const { createHeliaHTTP } = await import("@helia/http");
const { unixfs } = await import("@helia/unixfs");
const { MemoryBlockstore } = await import("blockstore-core");
const { CID } = await import("multiformats/cid");

export class IpfsNode {
  static async start() {
    const node = new IpfsNode();
    // No other node is to be asked.
    node.helia = await createHeliaHTTP({ blockstore: new MemoryBlockstore(), blockBrokers: [], routers: [], start: false });
    node.asked = [];
    node.mode = () => "serve";
    node.server = http.createServer((request, response) => node.#answer(request, response).catch((error) => response.writeHead(500).end(error.message)));
    await new Promise((resolve) => node.server.listen(0, "127.0.0.1", resolve));
    node.url = `http://127.0.0.1:${node.server.address().port}`;
    return node;
  }

  get gateway() {
    return `${this.url}/ipfs/`;
  }

  /** Cuts a file into blocks, as IPFS does; its CID. */
  async add(bytes) {
    return unixfs(this.helia).addBytes(bytes, { cidVersion: 1, rawLeaves: true });
  }

  /** A file as IPFS reads it. */
  async cat(cid) {
    const parts = [];
    for await (const part of unixfs(this.helia).cat(CID.parse(cid))) parts.push(part);
    return Buffer.concat(parts);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.helia.stop();
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.url);
    const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    if (request.method === "OPTIONS") return response.writeHead(204, headers).end();
    if (url.pathname === "/api/v0/block/put") {
      const parts = [];
      for await (const part of request) parts.push(part);
      const form = await new Response(Buffer.concat(parts), { headers: { "content-type": request.headers["content-type"] } }).formData();
      const bytes = new Uint8Array(await form.get("data").arrayBuffer());
      const codec = { raw: 0x55, "dag-pb": 0x70 }[url.searchParams.get("cid-codec")];
      const { sha256 } = await import("multiformats/hashes/sha2");
      const cid = CID.createV1(codec, await sha256.digest(bytes));
      await this.helia.blockstore.put(cid, bytes);
      return response.writeHead(200, { ...headers, "content-type": "application/json" }).end(JSON.stringify({ Key: cid.toString(), Size: bytes.length }));
    }
    const [, text] = url.pathname.match(/^\/ipfs\/(\w+)$/) ?? [];
    if (!text || url.searchParams.get("format") !== "raw") return response.writeHead(400, headers).end();
    this.asked.push(text);
    const mode = this.mode(text);
    if (mode === "hang") return;
    if (mode === "lie") return response.writeHead(200, headers).end("something else");
    const cid = CID.parse(text);
    const has = mode === "serve" && (await this.helia.blockstore.has(cid));
    if (!has) return response.writeHead(404, headers).end();
    response.writeHead(200, { ...headers, "content-type": "application/vnd.ipld.raw" }).end(await this.helia.blockstore.get(cid, { offline: true }));
  }
}
