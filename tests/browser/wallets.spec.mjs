// What can happen with a wallet: a refusal, another chain, another account, a revert, two wallets.
import { Protocol, person } from "./protocol.mjs";
import { World } from "./world.mjs";
import { ALICE, BOB } from "./wallet.mjs";
import { RDNS, addWallet, connect, expect, finished, openModel, picture, start, test } from "./fixtures.mjs";

const wallet = (page, run, value) =>
  page.evaluate(([rdns, run, value]) => new Function("wallet", "value", run)(window.testWallets[rdns], value), [RDNS, run, value]);

async function train(page, world) {
  await openModel(page, world);
  await start(page, { device: "cpu", steps: 60 });
  await finished(page);
}

test("a rejected transaction is calm, and nothing is lost", async ({ page, world }) => {
  await addWallet(page, world);
  await train(page, world);
  await connect(page);
  await wallet(page, "wallet.state.reject = ['eth_sendTransaction']");
  await page.getByTestId("publish-training").click();
  await expect(page.getByTestId("publish-error").or(page.getByTestId("toast")).first()).toContainText(/reject|declin|cancel/i);
  await picture(page, "rejected");
  await page.reload();
  await page.getByTestId("publish-training").waitFor();
  await wallet(page, "wallet.state.reject = []");
  await page.getByTestId("publish-training").click();
  await page.getByTestId("reward-received").waitFor();
});

test("a reverted transaction shows the contract's own reason in words", async ({ page }) => {
  // A chain of its own: what lands first here names parameters that nobody has.
  const world = await World.start();
  await addWallet(page, world);
  await train(page, world);
  await connect(page);
  // While the wallet asks, someone else's training lands: the base is stale, and the contract says so.
  await wallet(page, "wallet.state.hold = ['eth_sendTransaction']");
  await page.getByTestId("publish-training").click();
  await page.waitForFunction((rdns) => window.testWallets[rdns].state.release, RDNS);
  await new Protocol(world).train(person(5));
  await wallet(page, "wallet.state.hold = []; wallet.state.release()");
  await expect(page.getByTestId("publish-error")).toContainText(/version/i);
  await expect(page.getByTestId("stale-base")).toContainText("version 1");
  await picture(page, "stale-base");
  await expect(page.getByTestId("download-parameters")).toBeVisible();
  await world.stop();
});

test("a training that came first and was left unsettled is no dead end", async ({ page }) => {
  const world = await World.start();
  const protocol = new Protocol(world);
  await addWallet(page, world);
  await train(page, world);
  await connect(page);
  await protocol.reveal(person(5));
  await protocol.pass(6);
  await page.getByTestId("publish-training").click();
  await expect(page.getByTestId("round-closed")).toContainText("handed in first");
  await picture(page, "round-closed");
  await page.getByTestId("settle-others").click();
  // The other one is the newest version now.
  await expect(page.getByTestId("stale-base")).toContainText("version 1");
  expect(await protocol.read("Model", "head")).toBe(1);
  await world.stop();
});

test("a wallet on another chain is offered the switch, and an unknown chain is added", async ({ page, world }) => {
  await addWallet(page, world, { chainId: 1 });
  await page.goto(world.url);
  await connect(page);
  const banner = page.locator('[data-testid="banner"][data-kind="wrong-chain"]');
  await expect(banner).toBeVisible();
  await picture(page, "wrong-chain");
  await page.getByTestId("switch-chain").click();
  await expect(banner).toBeHidden();
  const requests = await wallet(page, "return wallet.state.requests");
  expect(requests).toContain("wallet_addEthereumChain");
});

test("another account chosen in the wallet is followed, also while it trains", async ({ page, world }) => {
  await addWallet(page, world, { accounts: [ALICE] });
  await openModel(page, world);
  await connect(page);
  await expect(page.getByTestId("wallet-chip")).toContainText(ALICE.slice(2, 6), { ignoreCase: true });
  await start(page, { device: "cpu", steps: 600 });
  await wallet(page, "wallet.setAccounts([value])", BOB);
  await expect(page.getByTestId("wallet-chip")).toContainText(BOB.slice(2, 6), { ignoreCase: true });
  await finished(page);
  await wallet(page, "wallet.setAccounts([])");
  await expect(page.getByTestId("connect-wallet")).toBeVisible();
});

test("among several wallets the visitor chooses", async ({ page, world }) => {
  await addWallet(page, world);
  await addWallet(page, world, { rdns: "org.other", name: "Other wallet", accounts: [BOB] });
  await page.goto(world.url);
  await page.getByTestId("connect-wallet").click();
  await expect(page.getByTestId(`wallet-option-${RDNS}`)).toBeVisible();
  await picture(page, "wallets");
  await page.getByTestId("wallet-option-org.other").click();
  await expect(page.getByTestId("wallet-chip")).toContainText(BOB.slice(2, 6), { ignoreCase: true });
});
