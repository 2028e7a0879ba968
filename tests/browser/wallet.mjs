// A test wallet for the page: announced by EIP-6963 as an extension's would be, it holds the chain's
// own unlocked accounts, so that every transaction is a real one. The test decides what its user does.

// Runs in the page before its scripts.
export function installWallet({ rpcUrl, name, rdns, accounts, chainId }) {
  const listeners = {};
  const emit = (event, value) => (listeners[event] ?? []).forEach((listener) => listener(value));
  // A wallet remembers the pages it was connected to.
  const remembered = `test-wallet-${rdns}`;
  const state = { accounts, chainId, reject: [], hold: [], release: null, known: [chainId], requests: [] };
  const call = async (method, params) => {
    const response = await fetch(rpcUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = await response.json();
    if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data });
    return result;
  };
  const provider = {
    on: (event, listener) => ((listeners[event] ??= []).push(listener), provider),
    removeListener: (event, listener) => {
      listeners[event] = (listeners[event] ?? []).filter((other) => other !== listener);
      return provider;
    },
    request: async ({ method, params }) => {
      state.requests.push(method);
      if (state.reject.includes(method)) throw Object.assign(new Error("User rejected the request."), { code: 4001 });
      // Its user is reading what is asked, until the test lets them say yes.
      if (state.hold.includes(method)) await new Promise((resolve) => (state.release = resolve));
      switch (method) {
        case "eth_requestAccounts":
          sessionStorage.setItem(remembered, "yes");
          return state.accounts;
        case "eth_accounts":
          return sessionStorage.getItem(remembered) ? state.accounts : [];
        case "eth_chainId":
          return "0x" + state.chainId.toString(16);
        case "wallet_switchEthereumChain": {
          const wanted = Number(params[0].chainId);
          if (!state.known.includes(wanted)) throw Object.assign(new Error("Unrecognized chain."), { code: 4902 });
          state.chainId = wanted;
          emit("chainChanged", params[0].chainId);
          return null;
        }
        case "wallet_addEthereumChain":
          state.known.push(Number(params[0].chainId));
          state.chainId = Number(params[0].chainId);
          emit("chainChanged", params[0].chainId);
          return null;
        default:
          return call(method, params ?? []);
      }
    },
  };
  const info = { uuid: crypto.randomUUID(), name, rdns, icon: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E" };
  const announce = () =>
    window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
  (window.testWallets ??= {})[rdns] = {
    state,
    setAccounts: (next) => ((state.accounts = next), emit("accountsChanged", next)),
    setChain: (next) => ((state.chainId = next), emit("chainChanged", "0x" + next.toString(16))),
  };
}

// Anvil's second and third accounts.
export const ALICE = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
export const BOB = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc";
export const RDNS = "org.delea.test";

export const addWallet = (page, world, changes = {}) =>
  page.addInitScript(installWallet, {
    rpcUrl: world.rpcUrl, name: "Test wallet", rdns: RDNS, accounts: [ALICE], chainId: 31337, ...changes,
  });
