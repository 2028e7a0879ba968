// Deploys the protocol on any EVM chain, or goes on with a deployment that stopped half way.
//   DELEA_PRIVATE_KEY=0x… node solidity/script/deploy.mjs --rpc-url URL [--book FILE] [--dry-run]
// The address book is JSON and is written after every step; `delea up` and the page read it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { concat, createPublicClient, createWalletClient, encodeAbiParameters, formatEther, getContractAddress, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const OUT = path.resolve(import.meta.dirname, "../out");

// In the order of their places; the arguments are names of other contracts.
const CONTRACTS = [
  ["Vault", ["ModelFactory", "Jobs", "Jury", "Scores", "Roster"]],
  ["BlockRandomness", []],
  ["Jury", ["Vault", "BlockRandomness", "Jobs", "Scores"]],
  ["Scores", ["Vault", "Jury", "Jobs"]],
  ["Roster", ["ModelFactory", "Vault", "Jobs"]],
  ["Jobs", ["ModelFactory", "Vault", "Jury", "Scores", "Roster"]],
  ["ModelFactory", ["Jobs", "Scores", "Vault"]],
  ["ParameterStore", []],
];

export const artifact = async (name) => {
  const file = path.join(OUT, `${name}.sol`, `${name}.json`);
  const text = await readFile(file, "utf8").catch(() => {
    throw new Error(`${name} is not compiled; run ./delea build first`);
  });
  return JSON.parse(text);
};

const readBook = (file) => readFile(file, "utf8").then(JSON.parse, () => null);

async function writeBook(file, book) {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, `${JSON.stringify(book, null, 2)}\n`);
}

// The creation code of each contract, for contracts that will stand where `deployment` puts them.
async function plan(deployment) {
  const places = Object.fromEntries(CONTRACTS.map(([name], i) => [name, getContractAddress({ from: deployment, nonce: BigInt(i + 1) })]));
  const steps = await Promise.all(
    CONTRACTS.map(async ([name, args]) => {
      const { bytecode } = await artifact(name);
      const encoded = encodeAbiParameters(args.map(() => ({ type: "address" })), args.map((arg) => places[arg]));
      return { name, address: places[name], code: concat([bytecode.object, encoded]) };
    }),
  );
  return { places, steps };
}

/**
 * Deploys what is missing.
 *
 * @param {{ rpcUrl: string, account: import("viem").LocalAccount, bookFile: string, dryRun?: boolean, say?: (text: string) => void }} options
 * @returns the address book: { chainId, fromBlock, deployment, contracts: { Vault, …, ModelFactory } }
 */
export async function deployProtocol({ rpcUrl, account, bookFile, dryRun = false, say = () => {} }) {
  const transport = http(rpcUrl);
  const reader = createPublicClient({ transport, pollingInterval: 200 });
  const wallet = createWalletClient({ account, transport });
  const chainId = await reader.getChainId();
  const { abi, bytecode } = await artifact("Deployment");
  const mined = async (hash, what) => {
    const receipt = await reader.waitForTransactionReceipt({ hash });
    if (receipt.status !== "success") throw new Error(`${what} failed on the chain (transaction ${hash})`);
    return receipt;
  };

  let book = await readBook(bookFile);
  if (book && book.chainId !== chainId) {
    throw new Error(`${bookFile} is of chain ${book.chainId}, but ${rpcUrl} is chain ${chainId}; name another file with --book`);
  }
  if (book && !(await reader.getCode({ address: book.deployment }))) {
    // The chain began anew.
    book = null;
  }

  if (dryRun) {
    const nonce = await reader.getTransactionCount({ address: account.address });
    const deployment = book?.deployment ?? getContractAddress({ from: account.address, nonce: BigInt(nonce) });
    const { steps } = await plan(deployment);
    const done = book ? Number(await reader.readContract({ address: deployment, abi, functionName: "count" })) : 0;
    let gas = book ? 0n : await reader.estimateGas({ account, data: bytecode.object });
    for (const { name, address, code } of steps.slice(done)) {
      // Constructors call nobody, so each costs alone what it costs in its place.
      const one = await reader.estimateGas({ account, data: code });
      gas += one;
      say(`would deploy ${name.padEnd(15)} at ${address} for about ${one} gas`);
    }
    const price = await reader.getGasPrice();
    say(`chain ${chainId}, account ${account.address} with ${formatEther(await reader.getBalance({ address: account.address }))} coins`);
    say(`about ${gas} gas in all, ${formatEther(gas * price)} coins at the price of now`);
    return book;
  }

  if (!book) {
    const receipt = await mined(await wallet.deployContract({ abi, bytecode: bytecode.object, chain: null }), "beginning the deployment");
    book = { chainId, fromBlock: Number(receipt.blockNumber), deployment: receipt.contractAddress, contracts: {} };
    await writeBook(bookFile, book);
  }
  const { steps } = await plan(book.deployment);
  for (let place = Number(await reader.readContract({ address: book.deployment, abi, functionName: "count" })); place < steps.length; place++) {
    const { name, code } = steps[place];
    say(`deploying ${name}`);
    const hash = await wallet.writeContract({ address: book.deployment, abi, functionName: "deploy", args: [code], chain: null });
    await mined(hash, `deploying ${name}`);
    await writeBook(bookFile, book);
  }
  for (const { name, address } of steps) {
    if (!(await reader.getCode({ address }))) throw new Error(`${name} is not at ${address}`);
    book.contracts[name] = address;
  }
  await writeBook(bookFile, book);
  return book;
}

async function main() {
  const { values } = parseArgs({
    options: { "rpc-url": { type: "string" }, book: { type: "string" }, "dry-run": { type: "boolean", default: false } },
  });
  if (!values["rpc-url"]) throw new Error("--rpc-url is missing");
  if (!process.env.DELEA_PRIVATE_KEY) throw new Error("set DELEA_PRIVATE_KEY to the key of a funded account");
  const rpcUrl = values["rpc-url"];
  const chainId = await createPublicClient({ transport: http(rpcUrl) }).getChainId();
  const bookFile = values.book ?? `deployment-${chainId}.json`;
  const account = privateKeyToAccount(process.env.DELEA_PRIVATE_KEY);
  const book = await deployProtocol({ rpcUrl, account, bookFile, dryRun: values["dry-run"], say: console.log });
  if (!values["dry-run"]) console.log(`deployed; the addresses are in ${bookFile}\n${JSON.stringify(book.contracts, null, 2)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await main().catch((error) => {
    process.stderr.write(`deploy: ${error.shortMessage ?? error.message}\n`);
    process.exit(1);
  });
}
