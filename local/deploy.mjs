// Puts the protocol on a chain, and the sample data set and model with it. Does nothing twice.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { createPublicClient, createWalletClient, http, parseEther, parseEventLogs } from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { artifact, deployProtocol } from "../solidity/script/deploy.mjs";
import { fail } from "./fail.mjs";
import { exactRuntime, loadWorker } from "./runtime.mjs";

// Anvil's public test mnemonic; worth nothing on any other chain.
const TEST_MNEMONIC = "test test test test test test test test test test test junk";
const SAMPLES = path.resolve("local/samples");

export function deployer(local) {
  if (process.env.DELEA_PRIVATE_KEY) return privateKeyToAccount(process.env.DELEA_PRIVATE_KEY);
  if (!local) fail("set DELEA_PRIVATE_KEY to the key of a funded account to deploy on another chain");
  return mnemonicToAccount(TEST_MNEMONIC);
}

// Returns the address book with the sample model, from `file` if what it names is still on the chain.
export async function deploy({ rpcUrl, local, file, content, workers, say }) {
  const transport = http(rpcUrl);
  const reader = createPublicClient({ transport, pollingInterval: 200 });
  const chainId = await reader.getChainId();
  // Models name the runtime that they were made for, so that it can be had by its hash later on.
  const runtimes = {
    layers: await content.put(await exactRuntime(workers)),
    graphs: await content.put(await exactRuntime(workers, "graph-cpu")),
    studio: await content.put(await exactRuntime(workers, "studio-cpu")),
  };
  // Whoever checks what an adapter painted needs the network that it adapts.
  for (const name of ["base", "prior"]) await content.put(await readFile(path.join(SAMPLES, `studio/site/${name}.safetensors`)));
  const known = await readFile(file, "utf8").then(JSON.parse, () => null);
  if (known?.chainId === chainId && known.sample && (await reader.getCode({ address: known.sample }))) return { ...known, runtimes };

  const account = deployer(local);
  say("Deploying the contracts");
  const book = await deployProtocol({ rpcUrl, account, bookFile: file });

  say("Publishing the sample data set and model");
  const wallet = createWalletClient({ account, transport });
  const { abi } = await artifact("ModelFactory");
  const sample = await publishSample({ content, workers, local, runtime: runtimes.layers });
  const hash = await wallet.writeContract({
    address: book.contracts.ModelFactory, abi, functionName: "createModel", args: [sample], chain: null,
  });
  const created = await reader.waitForTransactionReceipt({ hash });
  if (created.status !== "success") fail(`creating the sample model failed on the chain (transaction ${hash})`);
  const [{ args }] = parseEventLogs({ abi, logs: created.logs, eventName: "ModelCreated" });

  const record = { ...book, sample: args.model };
  await writeFile(file, JSON.stringify(record, null, 2));
  return { ...record, runtimes };
}

// Stores data set, genesis parameters and manifest; returns the arguments of createModel.
async function publishSample({ content, workers, local, runtime: digest }) {
  const { manifest, dataset, token, seed, rules, localTimes } = JSON.parse(await readFile(path.join(SAMPLES, "digits.json")));
  const importer = await loadWorker(workers, "import");
  const file = await readFile(path.join(SAMPLES, dataset.file_name));
  const imported = await importer({ type: "import", file: new Uint8Array(file), labels: null, shape: null, ...dataset });
  const runtime = await loadWorker(workers, "cpu");
  const genesis = await runtime({ type: "initialize", spec: manifest.spec, seed });

  const { name, licence, attribution } = dataset;
  manifest.runtime = digest;
  manifest.dataset = { digest: imported.digest, name, licence, attribution };
  await content.put(Buffer.from(imported.dataset));
  return {
    ...token,
    name: manifest.name,
    supply: parseEther(token.supply),
    alpha: parseEther(token.alpha),
    inferenceUnit: parseEther(token.inferenceUnit),
    // A person who tries Delea on the own machine does not want to wait for an hour.
    rules: { ...rules, ...(local ? localTimes : {}), bond: parseEther(rules.bond) },
    manifest: await content.put(Buffer.from(JSON.stringify(manifest))),
    genesis: await content.put(Buffer.from(genesis.parameters)),
  };
}
