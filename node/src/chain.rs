//! The chain, typed: reads, transactions whose refusals are sentences, and the job protocol's records.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, U256, keccak256},
    providers::{DynProvider, PendingTransactionError, Provider, ProviderBuilder},
    rpc::{
        client::ClientBuilder,
        types::{Filter, Log, TransactionReceipt, TransactionRequest},
    },
    signers::local::PrivateKeySigner,
    transports::{
        TransportError,
        layers::{RetryBackoffLayer, RetryPolicy},
    },
};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use delea_contracts_abi::{
    ContractError, JobKind, JobState, Jobs, Model, ParameterStore, STORED_PART, Vault,
    bindings::{jobs::IJobs, model::IModel},
    seed_of_claim,
};
use delea_model_runtime::content::Digest;

use crate::{
    config::{Config, Contracts},
    error::NodeError,
};

/// Tries of a question that a chain's node does not answer, and milliseconds between two.
const TRIES: u32 = 8;
const PAUSE_MS: u64 = 150;
/// Time in which a transaction comes into a block.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);
/// JSON-RPC codes of a node that has a fault of its own, or is asked too often.
const FAULTS: [i64; 3] = [-32603, -32005, 429];

/// What is worth asking again.
#[derive(Debug, Clone, Copy)]
struct Patient;

impl RetryPolicy for Patient {
    fn should_retry(&self, error: &TransportError) -> bool {
        match error {
            TransportError::Transport(_) | TransportError::DeserError { .. } => true,
            TransportError::ErrorResp(payload) => {
                FAULTS.contains(&payload.code) && payload.as_revert_data().is_none()
            }
            _ => false,
        }
    }

    fn backoff_hint(&self, _: &TransportError) -> Option<std::time::Duration> {
        None
    }
}

/// Looks for a receipt that went missing, and the time between two.
const RECEIPT_LOOKS: u32 = 60;
const RECEIPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Parts of a file on the chain, and files under one hash, at most: what a page writes in one transaction, and a few tries.
const STORED_PARTS: usize = 3;
const STORED_FILES: usize = 4;

/// A training's proof by replay, in the contract's order.
pub(crate) const REPLAY: u8 = 0;
/// Jobs read at once.
const PAGE: u64 = 100;

/// The chain, and the account that signs on it.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    provider: DynProvider,
    /// The contracts.
    pub(crate) contracts: Contracts,
    from_block: u64,
    me: Option<Address>,
}

/// What a worker committed to, and what came with it when it was revealed.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    /// The result; its hash was compared with the contract's.
    pub(crate) result: IJobs::Result,
    /// Hash of the commitment's block, which draws what is checked; zero before the revelation.
    pub(crate) draw: B256,
    /// Digest of the list of checkpoints.
    pub(crate) trace: Option<Digest>,
}

impl Chain {
    /// Connects, and makes sure that it is the right chain.
    ///
    /// # Errors
    /// [`NodeError::Config`] for another chain, [`NodeError::Chain`] if it does not answer.
    pub(crate) async fn connect(
        config: &Config,
        signer: Option<PrivateKeySigner>,
    ) -> Result<Self, NodeError> {
        let url = config.rpc_url.parse().map_err(|_| {
            NodeError::Config(format!("{} is no URL of a chain's node", config.rpc_url))
        })?;
        let patience = RetryBackoffLayer::new_with_policy(TRIES, PAUSE_MS, u64::MAX, Patient);
        let client = ClientBuilder::default().layer(patience).http(url);
        let me = signer.as_ref().map(PrivateKeySigner::address);
        let provider = match signer {
            // A nonce that was counted here would wait for ever after a reorganisation took the
            // transaction before it away.
            Some(signer) => ProviderBuilder::new()
                .disable_recommended_fillers()
                .with_gas_estimation()
                .with_simple_nonce_management()
                .fetch_chain_id()
                .wallet(EthereumWallet::from(signer))
                .connect_client(client)
                .erased(),
            None => ProviderBuilder::new().connect_client(client).erased(),
        };
        provider
            .client()
            .set_poll_interval(std::time::Duration::from_millis(config.poll.min(1000)));
        let found = provider.get_chain_id().await.map_err(asking("its number"))?;
        if found != config.chain_id {
            return Err(NodeError::Config(format!(
                "{} is chain {found}, but the page's contracts are on chain {}",
                config.rpc_url, config.chain_id
            )));
        }
        Ok(Self { provider, contracts: config.contracts, from_block: config.from_block, me })
    }

    /// The account.
    ///
    /// # Errors
    /// [`NodeError::Config`] without one.
    pub(crate) fn me(&self) -> Result<Address, NodeError> {
        self.me.ok_or_else(|| NodeError::Config("this needs an account".into()))
    }

    /// Reads from a contract.
    ///
    /// # Errors
    /// [`NodeError::Refused`], [`NodeError::Chain`], [`NodeError::Untrusted`].
    pub(crate) async fn read<C: SolCall>(
        &self,
        to: Address,
        call: C,
    ) -> Result<C::Return, NodeError> {
        self.read_at(to, call, BlockId::latest()).await
    }

    async fn read_at<C: SolCall>(
        &self,
        to: Address,
        call: C,
        block: BlockId,
    ) -> Result<C::Return, NodeError> {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        let data = self.provider.call(request).block(block).await;
        let data = data.map_err(|e| refusal("a contract", e))?;
        C::abi_decode_returns(&data).map_err(|error| {
            NodeError::Untrusted(format!("its answer to {} does not decode: {error}", C::SIGNATURE))
        })
    }

    /// Reads from a contract as of the block that a transaction of now can be in: a chain may make blocks only when there
    /// is something to do.
    ///
    /// # Errors
    /// As [`Chain::read`].
    pub(crate) async fn read_next<C: SolCall>(
        &self,
        to: Address,
        call: C,
    ) -> Result<C::Return, NodeError> {
        self.read_at(to, call, BlockId::pending()).await
    }

    /// Sends a transaction and waits until it is mined. It is simulated first, by the estimate of its
    /// gas, so that a refusal is a sentence and costs nothing.
    ///
    /// # Errors
    /// [`NodeError::Refused`], [`NodeError::Reverted`], [`NodeError::Chain`].
    pub(crate) async fn send<C: SolCall>(
        &self,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<TransactionReceipt, NodeError> {
        let mut request = TransactionRequest::default()
            .with_from(self.me()?)
            .with_to(to)
            .with_input(call.abi_encode())
            .with_value(value);
        // As of the block that it can be in: a chain may make blocks only when there is something to do.
        let gas = self.provider.estimate_gas(request.clone()).block(BlockId::pending()).await;
        // Other transactions of the same block can make it dearer.
        request.set_gas_limit(gas.map_err(|e| refusal("a transaction", e))? * 5 / 4);
        let pending = self.provider.send_transaction(request).await;
        let pending = pending.map_err(|e| refusal("a transaction", e))?;
        let hash = *pending.tx_hash();
        // A reorganisation can take it away for good, and nobody would ever tell.
        let receipt = match pending.with_timeout(Some(PATIENCE)).get_receipt().await {
            Ok(receipt) => receipt,
            Err(PendingTransactionError::TxWatcher(_)) => {
                return Err(NodeError::Cannot(format!("transaction {hash} came into no block")));
            }
            Err(PendingTransactionError::TransportError(error)) => {
                self.receipt(hash).await?.ok_or_else(|| asking("a receipt")(error))?
            }
            Err(other) => return Err(NodeError::Untrusted(other.to_string())),
        };
        match receipt.status() {
            true => Ok(receipt),
            false => Err(NodeError::Reverted(receipt.transaction_hash)),
        }
    }

    /// A receipt that was not there when it was told of: a reorganisation can take its block away in between, and
    /// another one brings it.
    async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, NodeError> {
        for _ in 0..RECEIPT_LOOKS {
            let receipt = self.provider.get_transaction_receipt(hash).await;
            if let Some(receipt) = receipt.map_err(asking("a receipt"))? {
                return Ok(Some(receipt));
            }
            tokio::time::sleep(RECEIPT_PAUSE).await;
        }
        Ok(None)
    }

    /// Sends what anybody may send, and somebody else may have sent first. Whether it was this node's.
    ///
    /// # Errors
    /// As [`Chain::send`], but for what a contract refused.
    pub(crate) async fn attempt<C: SolCall>(
        &self,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<bool, NodeError> {
        match self.send(to, call, value).await {
            Ok(_) => Ok(true),
            Err(NodeError::Refused(_) | NodeError::Reverted(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hash of a block; none if the chain does not have it.
    ///
    /// # Errors
    /// [`NodeError::Chain`].
    pub(crate) async fn block_hash(&self, number: u64) -> Result<Option<B256>, NodeError> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Number(number)).await;
        Ok(block.map_err(asking("a block"))?.map(|block| block.header.hash))
    }

    /// Number of the newest block.
    ///
    /// # Errors
    /// [`NodeError::Chain`].
    pub(crate) async fn height(&self) -> Result<u64, NodeError> {
        self.provider.get_block_number().await.map_err(asking("its newest block"))
    }

    /// Seconds since 1970: the newest block's, or this machine's where no block came since.
    ///
    /// # Errors
    /// [`NodeError::Chain`].
    pub(crate) async fn now(&self) -> Result<u64, NodeError> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await;
        let block = block.map_err(asking("its newest block"))?;
        let header =
            block.ok_or_else(|| NodeError::Untrusted("it has no newest block".into()))?.header;
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(header.timestamp.max(clock.map_or(0, |clock| clock.as_secs())))
    }

    /// Logs of one contract with a first topic, and with a second where one is given.
    ///
    /// # Errors
    /// [`NodeError::Chain`].
    pub(crate) async fn logs(
        &self,
        contract: Address,
        topic: B256,
        about: Option<B256>,
    ) -> Result<Vec<Log>, NodeError> {
        let mut filter =
            Filter::new().address(contract).event_signature(topic).from_block(self.from_block);
        if let Some(about) = about {
            filter = filter.topic1(about);
        }
        self.provider.get_logs(&filter).await.map_err(asking("logs"))
    }

    /// What people stored under a hash in the chain's own store, the latest first: anybody can store anything there.
    ///
    /// # Errors
    /// As [`Chain::logs`] and [`Chain::read`].
    pub(crate) async fn stored(&self, hash: B256) -> Result<Vec<Vec<u8>>, NodeError> {
        let store = self.contracts.parameter_store;
        let topic = ParameterStore::Stored::SIGNATURE_HASH;
        let mut found = Vec::new();
        for log in self.logs(store, topic, Some(hash)).await?.into_iter().rev() {
            let Ok(log) = log.log_decode::<ParameterStore::Stored>() else { continue };
            let ParameterStore::Stored { writer, size, .. } = log.inner.data;
            let parts = (size as usize).div_ceil(STORED_PART);
            if parts > STORED_PARTS || found.len() == STORED_FILES {
                continue;
            }
            let mut bytes = Vec::new();
            for part in 0..parts {
                let call = ParameterStore::readCall { writer, hash, part: U256::from(part) };
                bytes.extend_from_slice(&self.read(store, call).await?);
            }
            found.push(bytes);
        }
        Ok(found)
    }

    /// A job.
    ///
    /// # Errors
    /// [`NodeError::Cannot`] for one that does not exist.
    pub(crate) async fn job(&self, id: u64) -> Result<IJobs::Job, NodeError> {
        let job = self.read(self.contracts.jobs, Jobs::jobOfCall { id }).await?;
        match job.state {
            0 => Err(NodeError::Cannot(format!("there is no job {id}"))),
            _ => Ok(job),
        }
    }

    /// What a job's worker committed to. A node of the chain that leaves a log out, or changes it, is
    /// found out by the hash in the contract's state.
    ///
    /// # Errors
    /// [`NodeError::Untrusted`] for a hidden or changed log; [`NodeError::Cannot`] before there is one.
    pub(crate) async fn claimed(&self, id: u64, job: &IJobs::Job) -> Result<Claimed, NodeError> {
        if job.resultHash.is_zero() {
            return Err(NodeError::Cannot(format!("job {id} has no result yet")));
        }
        let jobs = self.contracts.jobs;
        let about = Some(B256::from(U256::from(id)));
        let committed = self.logs(jobs, Jobs::JobCommitted::SIGNATURE_HASH, about).await?;
        let result = committed
            .iter()
            .filter_map(|log| Jobs::JobCommitted::decode_log(&log.inner).ok())
            .map(|event| event.data.result)
            .find(|result| result_hash(result) == job.resultHash)
            .ok_or_else(|| {
                NodeError::Untrusted(format!("it leaves out or changes the log of job {id}"))
            })?;
        let revealed = self.logs(jobs, Jobs::JobRevealed::SIGNATURE_HASH, about).await?;
        let revealed =
            revealed.iter().rev().find_map(|log| Jobs::JobRevealed::decode_log(&log.inner).ok());
        let (draw, trace) = revealed.map_or((B256::ZERO, None), |event| {
            (event.data.draw, Digest::from_cid_bytes(&event.data.cid))
        });
        Ok(Claimed { result, draw, trace })
    }

    /// A job's seed, drawn or computed from the hash of its claim's block.
    ///
    /// # Errors
    /// [`NodeError::Cannot`] where the chain has neither.
    pub(crate) async fn seed(&self, id: u64, job: &IJobs::Job) -> Result<B256, NodeError> {
        let drawn = self.read(self.contracts.jobs, Jobs::seedOfCall { job: id }).await?;
        if !drawn.is_zero() {
            return Ok(drawn);
        }
        let block = job.claimBlock.to::<u64>();
        let hash = self.block_hash(block).await?.ok_or_else(|| {
            NodeError::Cannot(format!("the block of job {id}'s claim is not on the chain"))
        })?;
        Ok(seed_of_claim(id, job.worker, hash))
    }

    /// The rules of a model.
    ///
    /// # Errors
    /// As [`Chain::read`].
    pub(crate) async fn rules(&self, model: Address) -> Result<IModel::Rules, NodeError> {
        self.read(model, Model::rulesCall {}).await
    }

    /// Coins to send along for a bond, after what is free already. A bond in tokens must be there.
    ///
    /// # Errors
    /// [`NodeError::Cannot`] where tokens are missing.
    pub(crate) async fn bond(
        &self,
        model: Address,
        rules: &IModel::Rules,
    ) -> Result<U256, NodeError> {
        let account = self.me()?;
        let asset = if rules.bondInTokens { model } else { Address::ZERO };
        let free = self.read(self.contracts.vault, Vault::freeCall { asset, account }).await?;
        let missing = U256::from(rules.bond).saturating_sub(free);
        if rules.bondInTokens && !missing.is_zero() {
            return Err(NodeError::Cannot(format!(
                "the bond is in the model's own tokens; pay {missing} base units more into the vault"
            )));
        }
        Ok(missing)
    }
}

/// Whether a job is an inference; else it is a training.
pub(crate) fn is_inference(job: &IJobs::Job) -> bool {
    JobKind::try_from(job.kind) == Ok(JobKind::Infer)
}

/// Whether a node works on a job by itself: an inference, or a training that can be done again.
pub(crate) fn is_ours(job: &IJobs::Job) -> bool {
    is_inference(job) || job.proof == REPLAY
}

/// A look at all jobs but those at the beginning that were over at the last look.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    over: u64,
}

impl Watch {
    /// Shows each job with its number, in order.
    ///
    /// # Errors
    /// As [`Chain::read`]; [`NodeError::Untrusted`] for jobs that are counted but not shown.
    pub(crate) async fn each(
        &mut self,
        chain: &Chain,
        mut see: impl FnMut(u64, IJobs::Job),
    ) -> Result<(), NodeError> {
        let jobs = chain.contracts.jobs;
        let count = chain.read(jobs, Jobs::jobCountCall {}).await?;
        let (mut seen, mut all_over) = (self.over, true);
        while seen < count {
            let call = Jobs::jobsCall { offset: U256::from(seen), limit: U256::from(PAGE) };
            let page = chain.read(jobs, call).await?;
            if page.is_empty() {
                return Err(NodeError::Untrusted("it counts jobs that it does not show".into()));
            }
            for job in page {
                seen += 1;
                all_over &= matches!(
                    JobState::from(job.state),
                    JobState::Settled | JobState::Rejected | JobState::Expired
                );
                if all_over {
                    self.over = seen;
                }
                see(seen, job);
            }
        }
        Ok(())
    }
}

/// What the contract holds of a result, and what a juror finds: `keccak256(abi.encode(result))`.
pub(crate) fn result_hash(result: &IJobs::Result) -> B256 {
    keccak256(result.abi_encode())
}

fn asking(what: &'static str) -> impl Fn(TransportError) -> NodeError {
    move |source| NodeError::Chain { what, source: Box::new(source) }
}

/// A contract's own words, where the error carries them.
fn refusal(what: &'static str, error: TransportError) -> NodeError {
    match error.as_error_resp().and_then(|payload| payload.as_revert_data()) {
        Some(data) => NodeError::Refused(ContractError::decode(&data)),
        None => asking(what)(error),
    }
}
