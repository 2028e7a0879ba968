//! What a host asks of the exact runtime, and what it answers; how, says its C ABI (`exact`).

use serde::{Deserialize, Serialize};

use crate::{
    RuntimeError,
    message::{Bytes, Event, LeafFiles, Progress, Request, TrainJob, TrainResult},
};

/// What a host asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Call {
    /// Which rules the runtime follows. Answer: [`Answer::Version`].
    Version,
    /// Prepare a training, going on from `checkpoint` if it is one of this very job. Answer:
    /// [`Answer::Advanced`].
    Begin {
        /// The job.
        job: Box<TrainJob>,
        /// From [`Answer::Checkpoint`].
        checkpoint: Option<Bytes>,
    },
    /// Do up to so many steps, fewer where the commitment gets a leaf. Answer: [`Answer::Advanced`],
    /// or [`Answer::Trained`] when none is left, which ends the job.
    Advance {
        /// Most steps to do.
        steps: u32,
    },
    /// Everything needed to go on from here. Answer: [`Answer::Checkpoint`].
    Checkpoint,
    /// Give the job up. Answer: [`Answer::Ended`].
    End,
    /// A request that needs no job. Answer: [`Answer::Told`].
    Ask {
        /// One that `engine::answer` takes.
        request: Request,
    },
}

/// What the runtime answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// The version.
    Version {
        /// [`crate::RUNTIME_VERSION`].
        version: u32,
    },
    /// Steps were done.
    Advanced {
        /// Where the job is; `steps_per_second` is 0, for there is no clock.
        progress: Progress,
        /// The files of a new leaf of the commitment.
        files: Option<LeafFiles>,
    },
    /// The job is done.
    Trained(Box<TrainResult>),
    /// A checkpoint.
    Checkpoint {
        /// The file.
        checkpoint: Bytes,
    },
    /// No job is left.
    Ended,
    /// The answer to a request.
    Told {
        /// It.
        event: Event,
    },
    /// The call failed; a job that was under way has ended.
    Failed {
        /// Why.
        error: RuntimeError,
    },
}
