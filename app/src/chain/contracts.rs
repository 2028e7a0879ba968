//! What the page reads of the contracts, in the page's own words.

use alloy_primitives::{Address, U256, Uint};
use alloy_sol_types::{SolCall, SolEvent};
use delea_contracts_abi::{IModel, Model, ModelFactory, bindings::factory};
use delea_model_runtime::content::Digest;
use futures_util::{future::try_join_all, try_join};

use super::rpc::{Receipt, Rpc, RpcError};
use crate::config::Config;

/// Cards fetched in one call; a card costs about ten storage reads, far below any call limit.
const PAGE: u64 = 64;
/// Versions fetched in one call.
const VERSIONS: u64 = 256;
/// 1.0 in the contracts' fixed point.
const WAD: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// Versions kept for display; older ones stay reachable by number in the history.
const VERSIONS_SHOWN: u64 = 1024;

/// A model's card.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// The model, which is its own token.
    pub(crate) model: Address,
    /// Who made it.
    pub(crate) creator: Address,
    /// Its name.
    pub(crate) name: String,
    /// Its token's symbol.
    pub(crate) symbol: String,
    /// Digest of the manifest.
    pub(crate) manifest: Digest,
    /// The version trainings start from.
    pub(crate) head: u32,
    /// Digest of the head's parameter file.
    pub(crate) parameters: Digest,
    /// Accuracy claimed for the head.
    pub(crate) accuracy_ppm: u32,
    /// Steps of one reference training.
    pub(crate) reference_steps: u32,
    /// All tokens there are.
    pub(crate) supply: U256,
    /// Tokens left to be earned.
    pub(crate) pool: U256,
    /// Price of one inference now.
    pub(crate) price: U256,
    /// Reward of one reference training now.
    pub(crate) reward: U256,
    /// Versions, genesis included.
    pub(crate) versions: u32,
    /// Settled jobs.
    pub(crate) jobs: u64,
    /// Factor from raw amounts to shown ones, as WAD: token splits change it.
    pub(crate) multiplier: U256,
}

impl Summary {
    /// Share of the supply that is left to be earned, for bars.
    pub(crate) fn pool_share(&self) -> f64 {
        let supply = crate::format::to_float(self.supply);
        if supply > 0.0 { crate::format::to_float(self.pool) / supply } else { 0.0 }
    }

    /// A raw amount as it is shown, with the token's symbol.
    pub(crate) fn amount(&self, raw: U256) -> String {
        format!("{} {}", crate::format::tokens(self.shown(raw)), self.symbol)
    }

    /// A raw amount as it is shown, rounded down, like the contract's `toUIAmount`.
    pub(crate) fn shown(&self, raw: U256) -> U256 {
        scale(raw, self.multiplier, WAD)
    }

    /// A shown amount as a raw one, rounded down.
    pub(crate) fn raw(&self, shown: U256) -> U256 {
        scale(shown, WAD, self.multiplier)
    }

    /// Settled trainings: each adds one version to the genesis.
    pub(crate) fn trainings(&self) -> u64 {
        u64::from(self.versions.saturating_sub(1))
    }
}

/// `amount · numerator / denominator`, rounded down; amounts and factors fit 96 and 80 bits.
fn scale(amount: U256, numerator: U256, denominator: U256) -> U256 {
    match numerator == denominator || denominator.is_zero() {
        true => amount,
        false => amount.saturating_mul(numerator) / denominator,
    }
}

macro_rules! summary_from {
    ($source:ty) => {
        impl From<$source> for Summary {
            fn from(s: $source) -> Self {
                Self {
                    model: s.model,
                    creator: s.creator,
                    name: s.name,
                    symbol: s.symbol,
                    manifest: Digest(s.manifest.0),
                    head: s.head,
                    parameters: Digest(s.headParametersHash.0),
                    accuracy_ppm: s.accuracyPpm,
                    reference_steps: s.referenceSteps,
                    supply: s.supply,
                    pool: s.pool,
                    price: s.inferencePrice,
                    reward: s.referenceReward,
                    versions: s.versionCount,
                    jobs: s.jobCount,
                    multiplier: s.uiMultiplier,
                }
            }
        }
    };
}
// The two ABI files each carry the struct, so it is two Rust types.
summary_from!(IModel::ModelSummary);
summary_from!(factory::IModel::ModelSummary);

/// One published version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    /// Its number.
    pub(crate) id: u32,
    /// Digest of its parameter file.
    pub(crate) parameters: Digest,
    /// The version it was trained from.
    pub(crate) parent: u32,
    /// Accuracy claimed by its author.
    pub(crate) accuracy_ppm: u32,
    /// Who published it.
    pub(crate) author: Address,
    /// When.
    pub(crate) block: u64,
    /// The job that made it; zero for the first one and for averages.
    pub(crate) job: u64,
}

/// What the model's creator chose for its jobs; times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    /// What a worker puts at stake.
    pub(crate) bond: U256,
    /// Whether bonds are in the model's token.
    pub(crate) bond_in_tokens: bool,
    /// Jurors of a case.
    pub(crate) jury_size: u8,
    /// Between the request of a rollback and its execution.
    pub(crate) rollback_delay: u32,
    /// In which a result can be doubted.
    pub(crate) challenge_window: u32,
    /// Seconds that a worker has for a question.
    pub(crate) infer_lease: u32,
    /// In which further trainings join a round.
    pub(crate) round_length: u32,
    /// By how much a version must be better than the one before, in parts per million; zero for any.
    pub(crate) min_improvement_ppm: u32,
}

/// All that the model's pages show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    /// The card.
    pub(crate) summary: Summary,
    /// Speed of the curve, as WAD.
    pub(crate) alpha: u64,
    /// Weight of one inference, as WAD.
    pub(crate) inference_unit: u64,
    /// What its jobs take.
    pub(crate) rules: Rules,
    /// Versions in order, the newest [`VERSIONS_SHOWN`].
    pub(crate) versions: Vec<Version>,
}

impl Detail {
    /// A bond, `raw` in base units, as it is shown: coins, or tokens of the model.
    pub(crate) fn stake(&self, raw: U256) -> String {
        match self.rules.bond_in_tokens {
            true => self.summary.amount(raw),
            false => format!("{} coins", crate::format::tokens(raw)),
        }
    }

    /// The version of that number, if it is among those kept.
    pub(crate) fn version(&self, id: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }
}

/// Why a model could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The chain failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The factory does not know the address.
    #[error("there is no model at this address on this chain")]
    NoSuchModel,
    /// Nothing is deployed at the factory's address.
    #[error("the Delea contracts are not on this chain")]
    NotDeployed,
}

/// Reads what the next block will say: rights that depend on blocks count by it.
pub(super) async fn read_next<C: SolCall>(
    rpc: &Rpc,
    to: Address,
    call: C,
) -> Result<C::Return, RpcError> {
    let bytes = rpc.simulate(Address::ZERO, to, &call.abi_encode(), U256::ZERO).await?;
    C::abi_decode_returns(&bytes).map_err(|_| RpcError::shape(C::SIGNATURE))
}

/// Reads what the latest block says.
pub(crate) async fn read<C: SolCall>(
    rpc: &Rpc,
    to: Address,
    call: C,
) -> Result<C::Return, RpcError> {
    let bytes = rpc.call(to, &call.abi_encode()).await?;
    C::abi_decode_returns(&bytes).map_err(|_| RpcError::shape(C::SIGNATURE))
}

/// The cards of all models, newest first.
pub(crate) async fn summaries(rpc: &Rpc, factory: Address) -> Result<Vec<Summary>, ReadError> {
    let count = match read(rpc, factory, ModelFactory::modelCountCall {}).await {
        Err(RpcError::WrongShape { .. }) => return Err(ReadError::NotDeployed),
        other => u64::try_from(other?).unwrap_or(u64::MAX),
    };
    let pages = (0..count.div_ceil(PAGE)).map(|page| {
        let (offset, limit) = (U256::from(page * PAGE), U256::from(PAGE));
        read(rpc, factory, ModelFactory::summariesCall { offset, limit })
    });
    let pages = try_join_all(pages).await?;
    let mut all: Vec<_> = pages.into_iter().flatten().map(Summary::from).collect();
    all.reverse();
    Ok(all)
}

/// A model's card and curve and versions.
pub(crate) async fn detail(
    rpc: &Rpc,
    factory: Address,
    model: Address,
) -> Result<Detail, ReadError> {
    match read(rpc, factory, ModelFactory::isModelCall { model }).await {
        Err(RpcError::WrongShape { .. }) => return Err(ReadError::NotDeployed),
        Ok(false) => return Err(ReadError::NoSuchModel),
        other => other?,
    };
    let (summary, alpha, inference_unit, rules) = try_join!(
        read(rpc, model, Model::summaryCall {}),
        read(rpc, model, Model::alphaCall {}),
        read(rpc, model, Model::inferenceUnitCall {}),
        read(rpc, model, Model::rulesCall {}),
    )?;
    let rules = Rules {
        bond: U256::from(rules.bond),
        bond_in_tokens: rules.bondInTokens,
        jury_size: rules.jurySize,
        rollback_delay: rules.rollbackDelay,
        challenge_window: rules.challengeWindow,
        infer_lease: rules.inferLease,
        round_length: rules.roundLength,
        min_improvement_ppm: rules.minImprovementPpm,
    };
    let summary = Summary::from(summary);
    let first = u64::from(summary.versions).saturating_sub(VERSIONS_SHOWN);
    let pages = (first..u64::from(summary.versions)).step_by(VERSIONS as usize).map(|offset| {
        let (offset, limit) = (U256::from(offset), U256::from(VERSIONS));
        read(rpc, model, Model::versionsCall { offset, limit })
    });
    let versions = try_join_all(pages).await?.into_iter().flatten().zip(first as u32..);
    let versions = versions.map(|(v, id)| Version {
        id,
        parameters: Digest(v.parametersHash.0),
        parent: v.parent,
        accuracy_ppm: v.accuracyPpm,
        author: v.author,
        block: v.blockNumber,
        job: v.job,
    });
    Ok(Detail { summary, alpha, inference_unit, rules, versions: versions.collect() })
}

/// Tokens of an account, in base units.
pub(crate) async fn balance(rpc: &Rpc, model: Address, account: Address) -> Result<U256, RpcError> {
    read(rpc, model, Model::balanceOfCall { owner: account }).await
}

/// Call data of one `infer`.
pub(crate) fn infer_call(version: u32, input: Digest, max_price: U256, deadline: u64) -> Vec<u8> {
    let request = IModel::InferRequest {
        version,
        count: 1,
        inputHash: input.0.into(),
        maxPrice: max_price,
        deadline,
    };
    Model::inferCall { request }.abi_encode()
}

/// Call data of an ERC-20 transfer.
pub(crate) fn transfer_call(to: Address, amount: U256) -> Vec<u8> {
    Model::transferCall { to, amount }.abi_encode()
}

/// Call data of an ERC-20 approval.
pub(crate) fn approve_call(spender: Address, amount: U256) -> Vec<u8> {
    Model::approveCall { spender, amount }.abi_encode()
}

/// What a creator chooses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Creation {
    /// Name of model and token.
    pub(crate) name: String,
    /// The token's symbol.
    pub(crate) symbol: String,
    /// All tokens, in base units.
    pub(crate) supply: U256,
    /// Speed of the curve, as WAD.
    pub(crate) alpha: u64,
    /// Steps of one reference training.
    pub(crate) reference_steps: u32,
    /// Weight of one inference, as WAD.
    pub(crate) inference_unit: u64,
    /// How long its steps take.
    pub(crate) times: Times,
    /// What a worker puts at stake, in base units.
    pub(crate) bond: Uint<96, 2>,
    /// Whether that is in the model's token.
    pub(crate) bond_in_tokens: bool,
    /// By how much a version must be better than the one before, in parts per million.
    pub(crate) min_improvement_ppm: u32,
    /// Digest of the manifest.
    pub(crate) manifest: Digest,
    /// Digest of the first parameters.
    pub(crate) genesis: Digest,
}

/// How long the steps of a model's jobs and rollbacks take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    /// Between the request of a rollback and its execution.
    pub(crate) rollback_delay: u32,
    /// In which a result can be doubted.
    pub(crate) challenge_window: u32,
    /// In which jurors commit, and again in which they reveal.
    pub(crate) jury_phase: u32,
    /// In which further trainings join a round.
    pub(crate) round_length: u32,
}

impl Times {
    /// What suits a chain: only one on this machine gives out test money, and nobody wants to wait there.
    pub(crate) fn of(config: &Config) -> Self {
        if config.burner_allowed() { Self::QUICK } else { Self::CAREFUL }
    }

    /// For money that is worth something: others need time to look.
    const CAREFUL: Self = Self {
        rollback_delay: 86_400,
        challenge_window: 3_600,
        jury_phase: 7_200,
        round_length: 0,
    };
    /// For a chain on one's own machine.
    const QUICK: Self =
        Self { rollback_delay: 20, challenge_window: 5, jury_phase: 60, round_length: 0 };
}

/// Call data of `createModel`.
pub(crate) fn create_call(c: &Creation) -> Vec<u8> {
    let params = factory::IModelFactory::CreateModel {
        name: c.name.clone(),
        symbol: c.symbol.clone(),
        supply: c.supply,
        alpha: c.alpha,
        referenceSteps: c.reference_steps,
        inferenceUnit: c.inference_unit,
        rules: factory::IModel::Rules {
            bond: c.bond,
            bondInTokens: c.bond_in_tokens,
            jurySize: rules::JURY_SIZE,
            rollbackDelay: c.times.rollback_delay,
            challengeWindow: c.times.challenge_window,
            juryPhase: c.times.jury_phase,
            trainLease: rules::TRAIN_LEASE_S,
            inferLease: rules::INFER_LEASE_S,
            roundLength: c.times.round_length,
            minImprovementPpm: c.min_improvement_ppm,
        },
        manifest: c.manifest.0.into(),
        genesis: c.genesis.0.into(),
    };
    ModelFactory::createModelCall { params }.abi_encode()
}

/// The model that a transaction created.
pub(crate) fn created_model(receipt: &Receipt) -> Option<Address> {
    receipt.logs.iter().find_map(|log| {
        let topics = log.topics.iter().copied();
        ModelFactory::ModelCreated::decode_raw_log(topics, &log.data).ok().map(|event| event.model)
    })
}

/// Fixed parts of the contracts' rules that forms check before a transaction does.
pub(crate) mod rules {
    /// Most bytes of a name.
    pub(crate) const NAME_BYTES: usize = 31;
    /// Most bytes of a symbol.
    pub(crate) const SYMBOL_BYTES: usize = 11;
    /// The creator's share of the supply, in percent; the rest is the pool.
    pub(crate) const CREATOR_PERCENT: u64 = 5;
    /// What a worker puts at stake unless the creator says otherwise, in coins.
    pub(crate) const BOND: &str = "0.01";
    /// Jurors of its cases.
    pub(crate) const JURY_SIZE: u8 = 3;
    /// Seconds between the claim of a training and its result.
    pub(crate) const TRAIN_LEASE_S: u32 = 21_600;
    /// Seconds between the claim of an inference and its result.
    pub(crate) const INFER_LEASE_S: u32 = 600;
}
