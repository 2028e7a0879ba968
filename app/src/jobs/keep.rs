//! What of a training outlives the page: the job at hand, and finished ones not yet published.

use alloy_primitives::Address;

use super::{
    asking,
    machine::{Finished, Job},
};
use crate::store::{
    files::{self, Origin},
    local,
};

/// Local storage key of the job at hand.
const JOB: &str = "delea.job";
/// Local storage key of the list of finished trainings.
const FINISHED: &str = "delea.finished";

/// The job that was going on when the page was left.
pub(crate) fn job() -> Option<Job> {
    local::value(JOB)
}

/// Remembers the job at hand.
pub(crate) fn set_job(job: &Job) {
    local::set_value(JOB, job);
}

/// Forgets the job at hand.
pub(crate) fn clear_job() {
    local::remove(JOB);
}

/// Trainings that wait to be published.
pub(crate) fn finished() -> Vec<Finished> {
    local::value(FINISHED).unwrap_or_default()
}

/// The newest of them for a model.
pub(crate) fn finished_for(model: Address) -> Option<Finished> {
    finished().into_iter().rev().find(|finished| finished.job.model == model)
}

/// Adds one.
pub(crate) fn add_finished(new: &Finished) {
    let mut all = finished();
    all.retain(|old| old.job.key != new.job.key);
    all.push(new.clone());
    local::set_value(FINISHED, &all);
}

/// Drops one: it was published, or the visitor gave it up.
pub(crate) fn drop_finished(key: &str) {
    let mut all = finished();
    all.retain(|old| old.job.key != key);
    local::set_value(FINISHED, &all);
}

/// Forgets everything that belongs to a chain which is no more. Parameter files go too, for no
/// contract will ever name them.
pub(crate) async fn forget_chain() {
    clear_job();
    asking::forget_all();
    local::remove(FINISHED);
    files::remove_all(Origin::Own).await;
    files::remove_all(Origin::Fetched).await;
}
