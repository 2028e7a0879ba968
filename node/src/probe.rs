//! Questions whose answers an auditor knows, asked and paid like anybody's. Whoever answers cannot tell them from a user's;
//! once the answer is sealed, the auditor shows that it knew it.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use delea_contracts_abi::{JobKind, JobState, Jobs, Model, bindings::jobs::IJobs};
use delea_model_runtime::{content::Digest, dataset::Dataset, inference::Question};
use tracing::{info, warn};

use crate::{
    chain::is_inference,
    error::NodeError,
    inputs::{Desk, QUESTION},
};

/// The least and the most that one of two mixed examples makes of a question: none is a row of the data set.
const LEAST: f32 = 0.6;
const MOST: f32 = 0.9;

/// An auditor's questions.
pub(crate) struct Probe {
    /// Known only to this account, and the same after a restart.
    secret: B256,
    /// Own jobs that are opened, or are ordinary questions.
    seen: BTreeSet<u64>,
}

impl Probe {
    /// Those of an account.
    pub(crate) fn new(secret: B256) -> Self {
        Self { secret, seen: BTreeSet::new() }
    }

    /// Asks a model something.
    ///
    /// # Errors
    /// [`NodeError::Refused`] without the tokens for it, or whatever cannot be had.
    pub(crate) async fn ask(&self, desk: &Desk, model: Address) -> Result<u64, NodeError> {
        let chain = &desk.chain;
        let manifest = desk.manifest(model).await?;
        let dataset = desk.blobs.get(manifest.dataset.digest, "the data set").await?;
        let inputs = mixed(&Dataset::from_bytes(&dataset)?)?;
        let base = chain.read(model, Model::headCall {}).await?;
        let mut question = Question { inputs, nonce: [0; 32] };
        let output = self.output(desk, model, base, &question).await?;
        question.nonce = nonce(output, self.salt(output)).0;
        let file = question.to_bytes(&manifest.spec);
        let input = desk.blobs.publish(file, QUESTION).await?;
        let request = IJobs::Request {
            model,
            kind: JobKind::Infer.into(),
            proof: 0,
            base,
            units: 1,
            input: input.0.into(),
            maxPrice: U256::MAX,
        };
        let call = Jobs::openCall { request };
        let receipt = chain.send(chain.contracts.jobs, call, U256::ZERO).await?;
        let opened = receipt.inner.logs().iter().find_map(|log| {
            Jobs::JobOpened::decode_log(&log.inner).ok().map(|event| event.data.job)
        });
        let job = opened
            .ok_or_else(|| NodeError::Untrusted("it mined a question that opened no job".into()))?;
        info!(%model, job, "asked what is known");
        Ok(job)
    }

    /// Shows that the answer to an own question was known, once it is sealed. Whether another answer was sealed: then it is
    /// to be doubted.
    ///
    /// # Errors
    /// [`NodeError`] of whatever cannot be had now.
    pub(crate) async fn open(
        &mut self,
        desk: &Desk,
        id: u64,
        job: &IJobs::Job,
    ) -> Result<bool, NodeError> {
        let chain = &desk.chain;
        let sealed = matches!(
            JobState::from(job.state),
            JobState::Committed | JobState::Revealed | JobState::Settled | JobState::Rejected
        );
        if job.requester != chain.me()? || !is_inference(job) || !sealed || self.seen.contains(&id)
        {
            return Ok(false);
        }
        let manifest = desk.manifest(job.model).await?;
        let question = desk.question(job, &manifest).await?;
        let output = self.output(desk, job.model, job.base, &question).await?;
        let salt = self.salt(output);
        self.seen.insert(id);
        if question.nonce != nonce(output, salt).0 {
            // An ordinary question of this account's.
            return Ok(false);
        }
        let about = Some(B256::from(U256::from(id)));
        let jobs = chain.contracts.jobs;
        if chain.logs(jobs, Jobs::AuditRevealed::SIGNATURE_HASH, about).await?.is_empty() {
            chain.send(jobs, Jobs::revealAuditCall { id, output, salt }, U256::ZERO).await?;
        }
        let right = chain.claimed(id, job).await?.result.output == output;
        if right {
            info!(job = id, worker = %job.worker, "knew the answer, and so did the worker");
        } else {
            warn!(job = id, worker = %job.worker, "the worker sealed another answer than the right one");
        }
        Ok(!right)
    }

    fn salt(&self, output: B256) -> B256 {
        keccak256((self.secret, output).abi_encode_params())
    }

    async fn output(
        &self,
        desk: &Desk,
        model: Address,
        base: u32,
        question: &Question,
    ) -> Result<B256, NodeError> {
        let answer = desk.answer_to(model, base, question.clone()).await?;
        Ok(Digest::of(&answer).0.into())
    }
}

/// What a question with a known answer carries in place of chance: `Jobs.revealAudit` opens it.
fn nonce(output: B256, salt: B256) -> B256 {
    keccak256((output, salt).abi_encode_params())
}

/// An example that is none of the data set's, and looks like one.
fn mixed(dataset: &Dataset) -> Result<Vec<f32>, NodeError> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|error| NodeError::Engine(error.to_string()))?;
    let number =
        |at: usize| random[at..at + 4].iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
    let many = u32::try_from(dataset.len()).unwrap_or(u32::MAX).max(1);
    let part = LEAST + (MOST - LEAST) * (number(8) as f32 / u32::MAX as f32);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    dataset.push_input(number(0) % many, &mut one);
    dataset.push_input(number(4) % many, &mut other);
    Ok(one.iter().zip(&other).map(|(a, b)| a * part + b * (1.0 - part)).collect())
}
