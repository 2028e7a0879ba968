// A whole Delea for a test: a real chain with the real contracts, the content store and the page,
// each on its own port, in a folder that is deleted afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { CHAIN_ID, freePort, startChain } from "../../local/chain.mjs";
import { ContentStore } from "../../local/content.mjs";
import { deploy } from "../../local/deploy.mjs";
import { pageConfig, serve } from "../../local/server.mjs";

export class World {
  static async start() {
    const world = new World();
    world.folder = await mkdtemp(path.join(os.tmpdir(), "delea-test-"));
    world.chainPort = await freePort();
    world.port = await freePort();
    world.url = `http://127.0.0.1:${world.port}`;
    world.rpcUrl = `http://127.0.0.1:${world.chainPort}`;
    world.content = await ContentStore.open(path.join(world.folder, "blobs"));
    await world.startChain();
    world.config = pageConfig({ ...world, chainId: CHAIN_ID, local: true });
    world.server = await serve({ root: path.resolve("dist"), port: world.port, config: world.config, content: world.content });
    return world;
  }

  // Starts a chain and deploys on it; `name` tells one chain's state from the next one's.
  async startChain(name = "first") {
    // Two chains that begin in the same second have the same first block.
    const genesis = name === "first" ? undefined : Math.floor(Date.now() / 1000) - 60;
    this.chain = await startChain({ port: this.chainPort, stateFile: path.join(this.folder, `${name}.json`), genesis });
    const record = await deploy({
      rpcUrl: this.rpcUrl, local: true, content: this.content, say: () => {}, workers: "dist/workers",
      file: path.join(this.folder, `deployment-${name}.json`),
    });
    Object.assign(this, { contracts: record.contracts, fromBlock: record.fromBlock, sample: record.sample, runtimes: record.runtimes });
  }

  async stopChain() {
    await this.chain.stop();
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await this.chain.stop();
    // What was just stopped may still be writing its last file.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
