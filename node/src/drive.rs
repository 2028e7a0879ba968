//! How the runtime is driven.

use delea_model_runtime::{call::Answer, commitment::Leaf};

/// Steps between two looks at wishes: some tens of milliseconds of a small model.
pub(crate) const SLICE: u32 = 20;

/// New leaves in an answer.
pub(crate) fn leaves(answer: &Answer) -> &[Leaf] {
    match answer {
        Answer::Advanced { progress, .. } => &progress.leaves,
        _ => &[],
    }
}
