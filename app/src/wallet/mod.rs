//! The visitor's wallet: found by EIP-6963, spoken to by EIP-1193, remembered between visits.

pub(crate) mod burner;
pub(crate) mod discovery;
pub(crate) mod provider;
pub(crate) mod signing;

use alloy_primitives::Address;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::{chain::rpc::parse_quantity, config::Config, store::local};
use discovery::WalletOption;
use provider::{Provider, WalletError};

/// Local storage key of the wallet to reconnect to.
const REMEMBERED: &str = "delea.wallet";

/// A connected account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The account.
    pub(crate) address: Address,
    /// The chain that the wallet is on.
    pub(crate) chain_id: u64,
    /// The wallet's reverse domain name.
    pub(crate) rdns: String,
    /// The wallet's name.
    pub(crate) wallet: String,
}

/// What the wallet dialog shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connecting {
    /// Nothing is going on.
    Idle,
    /// Waiting for the wallet of that rdns.
    Waiting(String),
    /// The last try failed, in words.
    Failed(String),
}

/// All wallets of this page. Copy: it only holds handles.
#[derive(Clone, Copy)]
pub(crate) struct Wallets {
    /// Wallets that announced themselves.
    pub(crate) options: RwSignal<Vec<WalletOption>, LocalStorage>,
    /// The connected account.
    pub(crate) account: RwSignal<Option<Account>>,
    /// Whether the dialog is open.
    pub(crate) dialog: RwSignal<bool>,
    /// What the dialog shows.
    pub(crate) connecting: RwSignal<Connecting>,
    provider: StoredValue<Option<Provider>, LocalStorage>,
    /// Providers whose events are already listened to, so that reconnecting does not listen twice.
    heard: StoredValue<Vec<String>, LocalStorage>,
}

impl Wallets {
    /// No wallet yet.
    pub(crate) fn new() -> Self {
        Self {
            options: RwSignal::new_local(Vec::new()),
            account: RwSignal::new(None),
            dialog: RwSignal::new(false),
            connecting: RwSignal::new(Connecting::Idle),
            provider: StoredValue::new_local(None),
            heard: StoredValue::new_local(Vec::new()),
        }
    }

    /// Looks for wallets, and reconnects to the remembered one without asking.
    pub(crate) fn start(self, config: &Config) {
        discovery::listen(move |option| {
            let known = self.options.with_untracked(|o| o.iter().any(|k| k.rdns == option.rdns));
            if known {
                return;
            }
            self.options.update(|options| options.push(option.clone()));
            let remembered = local::text(REMEMBERED).is_some_and(|rdns| rdns == option.rdns);
            if remembered && self.account.with_untracked(Option::is_none) {
                spawn_local(async move {
                    // Silent: a wallet that no longer knows us simply stays disconnected.
                    let _ = self.open(&option, "eth_accounts").await;
                });
            }
        });
        if config.burner_allowed() {
            burner::announce(config);
        }
        discovery::ask();
    }

    /// Connects, asking the visitor in the wallet.
    pub(crate) async fn connect(self, option: WalletOption) -> Result<Account, WalletError> {
        self.connecting.set(Connecting::Waiting(option.rdns.clone()));
        let result = self.open(&option, "eth_requestAccounts").await;
        match &result {
            Ok(_) => {
                self.connecting.set(Connecting::Idle);
                self.dialog.set(false);
            }
            Err(error) => self.connecting.set(Connecting::Failed(error.to_string())),
        }
        result
    }

    /// The account at hand; else the burner wallet's where there is one and nothing else was
    /// chosen; else nothing, with the dialog opened.
    pub(crate) async fn account_or_ask(self) -> Option<Account> {
        if let Some(account) = self.account.get_untracked() {
            return Some(account);
        }
        let options = self.options.get_untracked();
        let only_burner = options.len() == 1;
        let burner = options.into_iter().find(|option| option.rdns == burner::RDNS);
        if let Some(burner) = burner.filter(|_| only_burner) {
            return self.connect(burner).await.ok();
        }
        self.connecting.set(Connecting::Idle);
        self.dialog.set(true);
        None
    }

    /// Forgets the wallet in this page.
    pub(crate) fn disconnect(self) {
        local::remove(REMEMBERED);
        self.provider.set_value(None);
        self.account.set(None);
    }

    /// The connected wallet's provider.
    pub(crate) fn provider(self) -> Result<Provider, WalletError> {
        self.provider.get_value().ok_or(WalletError::Disconnected)
    }

    /// Asks the wallet to change to our chain, and to add it first if it is unknown.
    pub(crate) async fn switch_chain(self, config: &Config) -> Result<(), WalletError> {
        let provider = self.provider()?;
        let chain_id = format!("{:#x}", config.chain_id);
        let switch = json!([{ "chainId": chain_id }]);
        match provider.request("wallet_switchEthereumChain", switch.clone()).await {
            Err(WalletError::UnknownChain) => {
                let mut chain = json!({
                    "chainId": chain_id,
                    "chainName": config.chain_name,
                    "rpcUrls": [config.rpc_url],
                    "nativeCurrency": { "name": config.currency, "symbol": config.currency, "decimals": 18 },
                });
                if let Some(explorer) = &config.explorer_url {
                    chain["blockExplorerUrls"] = json!([explorer]);
                }
                provider.request("wallet_addEthereumChain", json!([chain])).await?;
                // Some wallets only add; asking again is harmless where they also changed.
                provider.request("wallet_switchEthereumChain", switch).await?;
            }
            other => drop(other?),
        }
        let found = chain_of(&provider).await?;
        self.account.update(|account| {
            if let Some(account) = account {
                account.chain_id = found;
            }
        });
        if found == config.chain_id { Ok(()) } else { Err(WalletError::UnknownChain) }
    }

    async fn open(self, option: &WalletOption, method: &str) -> Result<Account, WalletError> {
        let accounts = option.provider.request(method, json!([])).await?;
        let address = first_account(&accounts).ok_or(WalletError::NoAccount)?;
        let account = Account {
            address,
            chain_id: chain_of(&option.provider).await?,
            rdns: option.rdns.clone(),
            wallet: option.name.clone(),
        };
        local::set_text(REMEMBERED, &option.rdns);
        self.provider.set_value(Some(option.provider.clone()));
        self.listen(option);
        self.account.set(Some(account.clone()));
        Ok(account)
    }

    fn listen(self, option: &WalletOption) {
        let rdns = option.rdns.clone();
        if self.heard.with_value(|heard| heard.contains(&rdns)) {
            return;
        }
        self.heard.update_value(|heard| heard.push(rdns.clone()));
        // Events of a wallet that is not the connected one any more are ignored.
        let ours =
            move || self.account.with_untracked(|a| a.as_ref().is_some_and(|a| a.rdns == rdns));
        let is_ours = ours.clone();
        option.provider.on("accountsChanged", move |accounts| {
            if !is_ours() {
                return;
            }
            match first_account(&provider::to_json(&accounts)) {
                Some(address) => self.account.update(|account| {
                    if let Some(account) = account {
                        account.address = address;
                    }
                }),
                None => self.disconnect(),
            }
        });
        let is_ours = ours.clone();
        option.provider.on("chainChanged", move |chain: JsValue| {
            let found = parse_quantity(&provider::to_json(&chain)).and_then(|c| c.try_into().ok());
            if let (true, Some(found)) = (is_ours(), found) {
                self.account.update(|account| {
                    if let Some(account) = account {
                        account.chain_id = found;
                    }
                });
            }
        });
        option.provider.on("disconnect", move |_| {
            if ours() {
                self.provider.set_value(None);
                self.account.set(None);
            }
        });
    }
}

async fn chain_of(provider: &Provider) -> Result<u64, WalletError> {
    let chain = provider.request("eth_chainId", json!([])).await?;
    parse_quantity(&chain).and_then(|c| u64::try_from(c).ok()).ok_or(WalletError::Garbled)
}

fn first_account(accounts: &Value) -> Option<Address> {
    accounts.as_array()?.first()?.as_str()?.parse().ok()
}
