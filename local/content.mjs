// A content-addressed store on disk, in the URL shape of a trustless IPFS gateway, so that any gateway
// can take its place: GET /ipfs/{cid}, PUT /ipfs/{cid}. A blob is one block (CIDv1, sha2-256): raw, or a node of a tree.
import { createHash } from "node:crypto";
import { mkdir, open, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";

// As limits::MAX_PARAMETERS_BYTES of the runtime.
export const MAX_BLOB_BYTES = 512 << 20;
const RAW = 0x55;
const DAG_PB = 0x70;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

export const digestOf = (bytes) => "0x" + createHash("sha256").update(bytes).digest("hex");

export function cidOf(digest, codec = RAW) {
  let [out, buffer, bits] = ["b", 0, 0];
  for (const byte of Buffer.concat([Buffer.from([0x01, codec, 0x12, 0x20]), Buffer.from(digest.slice(2), "hex")])) {
    buffer = ((buffer << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) out += ALPHABET[(buffer >> (bits - 5)) & 31];
  }
  return bits ? out + ALPHABET[(buffer << (5 - bits)) & 31] : out;
}

export class ContentStore {
  constructor(folder) {
    this.folder = folder;
  }

  static async open(folder) {
    await mkdir(folder, { recursive: true });
    return new ContentStore(folder);
  }

  #path(cid) {
    return path.join(this.folder, cid);
  }

  async has(cid) {
    return stat(this.#path(cid)).then(() => true, () => false);
  }

  // Stores bytes that were hashed here and returns their digest.
  async put(bytes, codec = RAW) {
    const digest = digestOf(bytes);
    const target = this.#path(cidOf(digest, codec));
    const part = `${target}.${process.pid}.${Math.random().toString(36).slice(2)}.part`;
    await writeFile(part, bytes);
    await rename(part, target);
    return digest;
  }

  async handle(request, response, cid) {
    const answer = (status, text) => response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(text);
    if (!/^baf(krei|ybei)[a-z2-7]{52}$/.test(cid)) return answer(400, "not a CIDv1 of a sha2-256 block\n");
    if (request.method === "PUT") return this.#take(request, answer, cid);
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "GET, HEAD or PUT\n");
    const file = await open(this.#path(cid)).catch(() => null);
    if (!file) return answer(404, "not stored here\n");
    const { size } = await file.stat();
    response.writeHead(200, {
      "content-type": "application/vnd.ipld.raw",
      "content-length": size,
      "cache-control": "public, max-age=29030400, immutable",
      etag: `"${cid}"`,
    });
    if (request.method === "HEAD") {
      await file.close();
      return response.end();
    }
    await pipeline(file.createReadStream(), response).catch(() => response.destroy());
  }

  async #take(request, answer, cid) {
    const { origin, host } = request.headers;
    if (origin && new URL(origin).host !== host) return answer(403, "only the page beside this store may write to it\n");
    if (Number(request.headers["content-length"] ?? 0) > MAX_BLOB_BYTES) return answer(413, `more than ${MAX_BLOB_BYTES} bytes\n`);
    const parts = [];
    let size = 0;
    for await (const part of request) {
      size += part.length;
      if (size > MAX_BLOB_BYTES) return answer(413, `more than ${MAX_BLOB_BYTES} bytes\n`);
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    const codec = cid.startsWith("bafk") ? RAW : DAG_PB;
    const found = cidOf(digestOf(bytes), codec);
    if (found !== cid) return answer(409, `the bytes hash to ${found}\n`);
    await this.put(bytes, codec);
    answer(201, "stored\n");
  }
}
