//! A model's epochs: scores recomputed from its job log, weights posted, doubted and made final, tokens claimed.

use std::{collections::BTreeSet, time::Duration};

use alloy::primitives::{Address, B256, U256};
use delea_contracts_abi::{Scores, bindings::scores::IScores};
use delea_ledger::{EpochReport, Forgetful, Ledger, Row, Source, Target, Verdict};
use delea_scoring::{EPOCH_BLOCKS, epoch_of};
use tracing::{debug, info, warn};

use crate::{chain::Chain, error::NodeError, inputs::Desk};

/// Time until a node of the chain counts as silent.
const SILENCE: Duration = Duration::from_secs(20);

/// States of an epoch, in the contract's order.
const OPEN: u8 = 0;
const POSTED: u8 = 1;
const WEIGHTED: u8 = 2;
const SHARED: u8 = 3;

/// What a node does about epochs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Duties {
    /// Posts weights where nobody has, and divides by scores where nobody did in time.
    pub(crate) post: bool,
    /// Doubts weights that do not follow from the log, and makes final what nobody doubted.
    pub(crate) doubt: bool,
    /// Claims this account's own part.
    pub(crate) claim: bool,
}

/// Posted weights that are before a jury, and what the log gives instead.
#[derive(Debug, Clone)]
pub(crate) struct Posting {
    /// The model.
    pub(crate) model: Address,
    /// The epoch.
    pub(crate) epoch: u64,
    /// What the contract holds.
    pub(crate) held: IScores::Epoch,
    /// The root that follows from the log.
    pub(crate) root: B256,
}

/// What one look did.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Whether it sent anything.
    pub(crate) acted: bool,
    /// Whether something that was posted is not final.
    pub(crate) waiting: bool,
    /// Cases before a jury.
    pub(crate) cases: Vec<Posting>,
}

/// JSON-RPC for the reader of logs.
struct Net(reqwest::Client);

impl Source for Net {
    async fn post(&self, url: &str, body: String) -> Result<String, String> {
        let request = self.0.post(url).header("content-type", "application/json").body(body);
        let response =
            request.timeout(SILENCE).send().await.map_err(|e| e.without_url().to_string())?;
        let status = response.status();
        let text = response.text().await.map_err(|e| e.without_url().to_string())?;
        match status.is_success() || text.trim_start().starts_with('{') {
            true => Ok(text),
            false => Err(format!("status {status}")),
        }
    }

    async fn pause(&self, ms: u32) {
        tokio::time::sleep(Duration::from_millis(ms.into())).await;
    }
}

/// A model's epochs as this node knows them.
pub(crate) struct Epochs {
    model: Address,
    net: Net,
    ledger: Ledger,
    height: u64,
    /// Epochs about which nothing is left to do.
    over: BTreeSet<u64>,
}

impl Epochs {
    /// Nothing is known yet.
    pub(crate) fn new(model: Address) -> Self {
        Self {
            model,
            net: Net(reqwest::Client::new()),
            ledger: Ledger::default(),
            height: 0,
            over: BTreeSet::new(),
        }
    }

    /// Reads what is new in the log.
    ///
    /// # Errors
    /// [`NodeError::Ledger`] where no node gives a whole one.
    async fn read(&mut self, desk: &Desk) -> Result<(), NodeError> {
        let config = &desk.config;
        let target = Target {
            urls: std::iter::once(&config.rpc_url).chain(&config.other_rpc_urls).cloned().collect(),
            model: self.model,
            from_block: config.from_block,
            confirmations: config.confirmations,
        };
        let standing = self.ledger.read(&self.net, &Forgetful, &target, &mut |_| {}).await?;
        self.height = standing.head;
        for witness in standing.witnesses {
            if let Verdict::OtherChain | Verdict::OtherLog = witness.verdict {
                warn!(model = %self.model, node = witness.endpoint, "holds another job log than the others");
            }
        }
        Ok(())
    }

    /// Looks at every epoch that is over, and does what is to be done.
    ///
    /// # Errors
    /// [`NodeError`] of the chain or the log.
    pub(crate) async fn look(&mut self, desk: &Desk, duties: Duties) -> Result<Look, NodeError> {
        let mut look = Look::default();
        self.read(desk).await?;
        let now = epoch_of(self.height);
        let heads = self.ledger.epochs();
        let epochs = heads.iter().map(|head| head.epoch);
        for epoch in
            epochs.filter(|epoch| *epoch < now && !self.over.contains(epoch)).collect::<Vec<_>>()
        {
            let Some(report) = self.ledger.report(epoch) else { continue };
            if self.attend(&desk.chain, duties, &report, &mut look).await? {
                self.over.insert(epoch);
            }
        }
        Ok(look)
    }

    /// Does what is to be done about one epoch. Whether nothing is left.
    async fn attend(
        &self,
        chain: &Chain,
        duties: Duties,
        report: &EpochReport,
        look: &mut Look,
    ) -> Result<bool, NodeError> {
        let (model, epoch, scores) = (self.model, report.head.epoch, chain.contracts.scores);
        let held = chain.read(scores, Scores::epochOfCall { model, epoch }).await?;
        let root = report.root;
        match held.status {
            // All of its work was late, so there is nothing to divide.
            _ if report.head.total == 0 => Ok(true),
            OPEN if duties.post => {
                if self.height >= (epoch + 2) * EPOCH_BLOCKS {
                    let call = Scores::shareByScoreCall { model, epoch };
                    look.acted |= self.send(chain, call, U256::ZERO, "divided by scores").await?;
                    return Ok(false);
                }
                let bond = chain.bond(model, &chain.rules(model).await?).await?;
                let call = Scores::postWeightsCall { model, epoch, root };
                look.acted |= self.send(chain, call, bond, "weights posted").await?;
                look.waiting = true;
                Ok(false)
            }
            POSTED => {
                look.waiting = true;
                if held.caseId != 0 {
                    look.cases.push(Posting { model, epoch, held, root });
                    return Ok(false);
                }
                if duties.doubt || duties.post {
                    look.acted |= self.weigh(chain, epoch, &held, root).await?;
                }
                Ok(false)
            }
            WEIGHTED | SHARED if duties.claim => {
                let me = chain.me()?;
                if let Some(row) = report.rows.iter().find(|row| row.worker == me) {
                    look.acted |= self.claim(chain, epoch, &held, row, held.root == root).await?;
                }
                Ok(true)
            }
            WEIGHTED | SHARED => Ok(true),
            _ => Ok(false),
        }
    }

    /// Doubts posted weights that are wrong, or makes final those that nobody doubted. Whether it did.
    async fn weigh(
        &self,
        chain: &Chain,
        epoch: u64,
        held: &IScores::Epoch,
        root: B256,
    ) -> Result<bool, NodeError> {
        let model = self.model;
        let rules = chain.rules(model).await?;
        if chain.now().await? > held.postedAt + u64::from(rules.challengeWindow) {
            let call = Scores::settleWeightsCall { model, epoch };
            return self.send(chain, call, U256::ZERO, "weights are final").await;
        }
        if held.root == root || held.poster == chain.me()? {
            return Ok(false);
        }
        let bond = chain.bond(model, &rules).await?;
        let call = Scores::challengeWeightsCall { model, epoch };
        self.send(chain, call, bond, "weights doubted: they do not follow from the log").await
    }

    /// Claims a worker's part of a final epoch. Whether there was one to claim.
    async fn claim(
        &self,
        chain: &Chain,
        epoch: u64,
        held: &IScores::Epoch,
        row: &Row,
        honest: bool,
    ) -> Result<bool, NodeError> {
        let (model, scores, worker) = (self.model, chain.contracts.scores, row.worker);
        if held.status == WEIGHTED && !honest {
            warn!(%model, epoch, "its final weights do not follow from the log, so nothing can be claimed by them");
            return Ok(false);
        }
        if chain.read(scores, Scores::hasClaimedCall { model, epoch, worker }).await? {
            return Ok(false);
        }
        let call = Scores::claimCall {
            model,
            epoch,
            worker,
            weight: U256::from(row.weight),
            proof: row.proof.clone(),
        };
        self.send(chain, call, U256::ZERO, "claimed").await
    }

    /// Sends; what another did first, or what is not yet to be done, is no error. Whether it was done.
    async fn send<C: alloy_sol_types::SolCall>(
        &self,
        chain: &Chain,
        call: C,
        value: U256,
        done: &str,
    ) -> Result<bool, NodeError> {
        match chain.send(chain.contracts.scores, call, value).await {
            Ok(_) => {
                info!(model = %self.model, "{done}");
                Ok(true)
            }
            Err(error @ (NodeError::Refused(_) | NodeError::Reverted(_))) => {
                debug!(model = %self.model, %error, "not {done}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// An epoch's workers, compared with the contract line by line; the present epoch unless one is given.
    ///
    /// # Errors
    /// [`NodeError::Untrusted`] where the log gives other figures than the contract holds.
    pub(crate) async fn report(
        &mut self,
        desk: &Desk,
        epoch: Option<u64>,
    ) -> Result<Vec<Row>, NodeError> {
        self.read(desk).await?;
        let (chain, model, scores) = (&desk.chain, self.model, desk.chain.contracts.scores);
        let epoch = epoch.unwrap_or(epoch_of(self.height));
        let rows = self.ledger.report(epoch).map(|report| report.rows).unwrap_or_default();
        for row in &rows {
            let call = Scores::scoreOfCall { model, epoch, worker: row.worker };
            let held = chain.read(scores, call).await?;
            if U256::from(held.train) != U256::from(row.train)
                || U256::from(held.infer) != U256::from(row.infer)
            {
                return Err(NodeError::Untrusted(format!(
                    "the log gives {} {} and {}, the contract {} and {}",
                    row.worker, row.train, row.infer, held.train, held.infer
                )));
            }
        }
        Ok(rows)
    }
}
