//! Doing somebody's training again, and what it shows.

use alloy::primitives::{B256, keccak256};
use delea_contracts_abi::bindings::jobs::IJobs;
use delea_model_runtime::{
    call::Answer,
    commitment::{self, Trace},
    content::Digest,
    message::{Bytes, Evaluation, Event, Request, Segment, TrainJob},
};
use tracing::info;

use crate::{
    chain::{Claimed, REPLAY, result_hash},
    error::NodeError,
    inputs::{Desk, blocking},
};

/// How much is done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every step.
    Whole,
    /// The parts that the commitment's block draws; every step where that cannot be.
    Drawn,
}

/// What a check shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether the claim holds.
    pub(crate) holds: bool,
    /// In a sentence.
    pub(crate) words: String,
    /// What an honest juror finds: the hash of the honest result. Known after a whole check only.
    pub(crate) finding: Option<B256>,
}

/// What jurors find where what was promised cannot be fetched from anywhere.
pub(crate) fn finding_withheld() -> B256 {
    keccak256("delea: withheld")
}

/// What jurors find where the exact runtime gives no result.
pub(crate) fn finding_impossible() -> B256 {
    keccak256("delea: no result")
}

/// Checks a job's claim.
///
/// # Errors
/// [`NodeError`] of the chain, the stores or the engine; they say nothing of the claim.
pub(crate) async fn verify(
    desk: &Desk,
    id: u64,
    job: &IJobs::Job,
    claimed: &Claimed,
    extent: Extent,
) -> Result<Verdict, NodeError> {
    let checked = match job.kind {
        0 if job.proof == REPLAY => replay(desk, id, job, claimed, extent).await,
        0 => measure(desk, job, claimed).await,
        _ => answer(desk, id, job, claimed).await,
    };
    match checked {
        Err(NodeError::Runtime(error)) => Ok(Verdict {
            holds: false,
            words: format!("The exact runtime gives no result for job {id}: {error}."),
            finding: Some(finding_impossible()),
        }),
        other => other,
    }
}

async fn replay(
    desk: &Desk,
    id: u64,
    job: &IJobs::Job,
    claimed: &Claimed,
    extent: Extent,
) -> Result<Verdict, NodeError> {
    let manifest = desk.manifest(job.model).await?;
    let runtime = desk.runtime_of(&manifest).await?;
    let training = desk.training(id, job, &manifest).await?;
    let root = Digest(claimed.result.checkpointRoot.0);
    let output = Digest(claimed.result.output.0);
    let trace = match claimed.trace {
        Some(digest) => match desk.blobs.get(digest, "the list of checkpoints").await {
            Ok(bytes) => Trace::from_bytes(&bytes, job.units, root, output).ok(),
            Err(_) => None,
        },
        None => None,
    };
    // A replay makes what a worker withholds, so nobody need wait for it.
    let shown = desk.blobs.get(output, "the trained parameters").await.ok();
    let withheld = shown.is_none();
    if let (Extent::Drawn, Some(trace), false, Some(shown)) =
        (extent, &trace, claimed.draw.is_zero(), shown)
        && let Some(verdict) = drawn(desk, &runtime, &training, trace, claimed, shown).await?
    {
        return Ok(verdict);
    }
    let steps = job.units;
    let claim = claimed.result.clone();
    let checked = blocking(move || {
        let mut departs = None;
        let result = runtime.open()?.train(training, None, |_, answer| {
            if let (None, Some(trace), Answer::Advanced { progress, .. }) =
                (departs, &trace, answer)
            {
                departs = trace.first_difference(&progress.leaves);
            }
            Ok(())
        })?;
        let honest = IJobs::Result {
            output: result.digest.0.into(),
            checkpointRoot: result.checkpoint_root.0.into(),
            accuracyPpm: result.evaluation.accuracy_ppm,
        };
        let finding = Some(result_hash(&honest));
        let words = match departs {
            _ if honest == claim => format!(
                "All {steps} steps of job {id} were done again with the very same bits at every checkpoint."
            ),
            Some(leaf) => format!(
                "Doing job {id} again departs from the claim at or before step {} of {steps}.",
                leaf.step
            ),
            None => format!("Doing job {id} again gives another result than claimed."),
        };
        Ok((Verdict { holds: honest == claim, words, finding }, result.parameters))
    });
    let (verdict, parameters) = checked.await?;
    if verdict.holds && withheld {
        desk.blobs.publish(parameters.into_vec(), "the trained parameters").await?;
    }
    Ok(verdict)
}

/// The drawn segments; nothing where a checkpoint that they start from cannot be had.
async fn drawn(
    desk: &Desk,
    runtime: &crate::exact::Runtime,
    training: &TrainJob,
    trace: &Trace,
    claimed: &Claimed,
    shown: Vec<u8>,
) -> Result<Option<Verdict>, NodeError> {
    let steps = training.config.steps;
    let parts = commitment::drawn(claimed.draw.0, steps, commitment::CHECKED_SEGMENTS);
    let mut jobs = Vec::new();
    for part in &parts {
        let mut job = training.clone();
        let mut optimizer = Bytes::default();
        if let Some(start) = part.checked_sub(1).map(|before| trace.leaves()[before as usize]) {
            let what = format!("the checkpoint at step {}", start.step);
            let files = (
                desk.blobs.get(start.parameters, &what).await,
                desk.blobs.get(start.optimizer, &what).await,
            );
            let (Ok(parameters), Ok(state)) = files else {
                info!(step = start.step, "a checkpoint is withheld; doing all steps again");
                return Ok(None);
            };
            (job.parameters, optimizer) = (parameters.into(), state.into());
        }
        let (from, to) = (commitment::start_of(*part), commitment::end_of(*part, steps));
        job.segment = Some(Segment { from, optimizer, to });
        jobs.push((job, trace.leaves()[*part as usize]));
    }
    let measure = Request::Evaluate {
        spec: training.spec.clone(),
        parameters: shown.into(),
        dataset: training.dataset.clone(),
    };
    let claimed_ppm = claimed.result.accuracyPpm;
    let runtime = runtime.clone();
    blocking(move || {
        let (mut exact, mut done) = (runtime.open()?, 0);
        for (job, leaf) in jobs {
            done += leaf.step - job.segment.as_ref().map_or(0, |segment| segment.from);
            let found = exact.train(job, None, |_, _| Ok(()))?;
            if found.trace.leaves().last() != Some(&leaf) {
                let words =
                    format!("Doing it again departs from the claim before step {}.", leaf.step);
                return Ok(Some(Verdict { holds: false, words, finding: None }));
            }
        }
        let found_ppm = accuracy(exact.ask(measure)?)?.accuracy_ppm;
        if found_ppm != claimed_ppm {
            let words = measured(found_ppm, claimed_ppm);
            return Ok(Some(Verdict { holds: false, words, finding: None }));
        }
        let words = format!(
            "{done} of {steps} steps, drawn by the chain, were done again with the same bits."
        );
        Ok(Some(Verdict { holds: true, words, finding: None }))
    })
    .await
}

/// An inference: the same question once more.
async fn answer(
    desk: &Desk,
    id: u64,
    job: &IJobs::Job,
    claimed: &Claimed,
) -> Result<Verdict, NodeError> {
    let made = desk.answer(job).await?;
    let digest = Digest::of(&made);
    let honest = answered(digest);
    let holds = honest == claimed.result;
    let words = match holds {
        true => format!("Job {id} was asked again, and the answer is the same to the bit."),
        false => format!("Asking job {id} again gives another answer than claimed."),
    };
    // Whoever asked has it then, whether its worker shows it or not.
    if holds && desk.blobs.get(digest, "the answer").await.is_err() {
        desk.blobs.publish(made, "the answer").await?;
    }
    Ok(Verdict { holds, words, finding: Some(result_hash(&honest)) })
}

/// The result that an inference's answer is.
pub(crate) fn answered(answer: Digest) -> IJobs::Result {
    IJobs::Result { output: answer.0.into(), checkpointRoot: B256::ZERO, accuracyPpm: 0 }
}

/// A training that is proven by its result: the parameters, on the held-out examples.
async fn measure(desk: &Desk, job: &IJobs::Job, claimed: &Claimed) -> Result<Verdict, NodeError> {
    let manifest = desk.manifest(job.model).await?;
    let runtime = desk.runtime_of(&manifest).await?;
    let output = Digest(claimed.result.output.0);
    let parameters = desk.blobs.get(output, "the trained parameters").await?;
    let dataset = desk.blobs.get(manifest.dataset.digest, "the data set").await?;
    let request = Request::Evaluate {
        spec: manifest.spec.clone(),
        parameters: parameters.into(),
        dataset: dataset.into(),
    };
    let found = accuracy(blocking(move || runtime.open()?.ask(request)).await?)?;
    let claim = &claimed.result;
    let honest = IJobs::Result { accuracyPpm: found.accuracy_ppm, ..claim.clone() };
    Ok(Verdict {
        holds: honest == *claim,
        words: measured(found.accuracy_ppm, claim.accuracyPpm),
        finding: Some(result_hash(&honest)),
    })
}

fn accuracy(event: Event) -> Result<Evaluation, NodeError> {
    match event {
        Event::Evaluated(found) => Ok(found),
        _ => Err(NodeError::Engine("it gave another answer than asked for".into())),
    }
}

fn measured(found_ppm: u32, claimed_ppm: u32) -> String {
    format!(
        "The result answers {:.2} % of the held-out examples right; {:.2} % are claimed.",
        f64::from(found_ppm) / 1e4,
        f64::from(claimed_ppm) / 1e4
    )
}
