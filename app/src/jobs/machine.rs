//! The state of the one training, and how events change it. Pure: no worker, no page.

use alloy_primitives::Address;
use delea_model_runtime::{
    commitment::Trace,
    content::Digest,
    message::{DeviceReport, Evaluation, Event, Tier, TrainResult},
};
use serde::{Deserialize, Serialize};

/// Points of the loss curve that are kept; a plot shows no more. Each is the mean of equally many
/// steps, so that the curve's beginning stays as fine as its end.
const POINTS: u32 = 400;

/// Where the training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// None.
    #[default]
    Idle,
    /// Files are fetched, the device warms up.
    Starting,
    /// Steps are done.
    Training,
    /// Waits for the visitor.
    Paused,
    /// Done; its parameters wait to be published.
    Finished,
    /// Ended by an error.
    Failed,
}

impl Phase {
    /// For `data-phase`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Training => "training",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    /// Whether a job occupies the workers or waits to go on.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Starting | Self::Training | Self::Paused)
    }
}

/// Which device the visitor wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Choice {
    /// The GPU for large models where there is a real one, else the CPU.
    #[default]
    Automatic,
    /// The CPU.
    Cpu,
    /// The GPU, whatever it is.
    Gpu,
}

/// A job, as it is kept to survive a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Key of its checkpoints.
    pub(crate) key: String,
    /// The model.
    pub(crate) model: Address,
    /// The model's name.
    pub(crate) name: String,
    /// The token's symbol.
    pub(crate) symbol: String,
    /// Version trained from.
    pub(crate) base: u32,
    /// Steps to do.
    pub(crate) steps: u32,
    /// Seed of shuffling.
    pub(crate) seed: u64,
    /// Which device.
    pub(crate) choice: Choice,
    /// Whether the visitor paused it.
    #[serde(default)]
    pub(crate) paused: bool,
    /// Number of the job that was taken before it began, which fixed its seed.
    #[serde(default)]
    pub(crate) announced: Option<u64>,
}

/// A finished training that waits to be published; its parameters lie in the blob cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// The job.
    pub(crate) job: Job,
    /// Digest of the parameter file.
    pub(crate) parameters: Digest,
    /// Merkle root over the checkpoints.
    pub(crate) checkpoint_root: Digest,
    /// Its list of checkpoints, where it can be replayed.
    #[serde(default)]
    pub(crate) trace: Option<Trace>,
    /// Held-out figures before.
    pub(crate) before: Evaluation,
    /// Held-out figures after.
    pub(crate) after: Evaluation,
    /// Whether this browser kept the parameters for later visits.
    pub(crate) kept: bool,
    /// Number of the job under which it was handed in.
    #[serde(default)]
    pub(crate) submitted: Option<u64>,
}

impl Finished {
    /// From a worker's result.
    pub(crate) fn new(job: Job, result: &TrainResult, kept: bool) -> Self {
        let announced = job.announced;
        Self {
            job,
            parameters: result.digest,
            checkpoint_root: result.checkpoint_root,
            trace: announced.map(|_| result.trace.clone()),
            before: result.base_evaluation,
            after: result.evaluation,
            kept,
            submitted: announced,
        }
    }
}

/// Everything a page shows of the training.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    /// Where it is.
    pub(crate) phase: Phase,
    /// The job.
    pub(crate) job: Option<Job>,
    /// What is being prepared, in words.
    pub(crate) preparing: String,
    /// Steps done.
    pub(crate) step: u32,
    /// Steps a second.
    pub(crate) speed: f32,
    /// Loss by step, thinned to [`POINTS`].
    pub(crate) losses: Vec<(u32, f32)>,
    /// How many steps the last point is the mean of.
    pub(crate) last_count: u32,
    /// Held-out figures by step.
    pub(crate) evaluations: Vec<Evaluation>,
    /// What computes.
    pub(crate) device: Option<DeviceReport>,
    /// Why this device, in words, when the choice was automatic.
    pub(crate) why: Option<String>,
    /// What the visitor should know: a fallback, a resumption.
    pub(crate) notice: Option<String>,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// What waits to be published.
    pub(crate) finished: Option<Finished>,
    /// Whether it was published since.
    pub(crate) published: bool,
}

impl State {
    /// A job that begins.
    pub(crate) fn begin(job: Job) -> Self {
        Self { phase: Phase::Starting, job: Some(job), ..Self::default() }
    }

    /// Follows one event of the worker.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Progress(progress) => {
                self.phase = Phase::Training;
                self.step = progress.step;
                self.speed = progress.steps_per_second;
                // After a device was lost the job goes back to its checkpoint: what came later is
                // drawn anew.
                self.losses.retain(|(step, _)| *step <= progress.step);
                self.evaluations.retain(|evaluation| evaluation.step <= progress.step);
                for (step, loss) in &progress.losses {
                    self.push_loss(*step, *loss);
                }
                for evaluation in &progress.evaluations {
                    self.push_evaluation(*evaluation);
                }
            }
            Event::Paused { step } => {
                self.phase = Phase::Paused;
                self.step = *step;
                self.speed = 0.0;
            }
            Event::Trained(result) => {
                self.step = result.steps;
                self.push_evaluation(result.evaluation);
            }
            _ => {}
        }
    }

    /// Seconds until the job ends at the present speed.
    pub(crate) fn seconds_left(&self) -> Option<f64> {
        let job = self.job.as_ref()?;
        let left = job.steps.saturating_sub(self.step);
        (self.speed > 0.0).then(|| f64::from(left) / f64::from(self.speed))
    }

    /// The latest held-out accuracy.
    pub(crate) fn accuracy_ppm(&self) -> Option<u32> {
        self.evaluations.last().map(|evaluation| evaluation.accuracy_ppm)
    }

    fn push_loss(&mut self, step: u32, loss: f32) {
        self.losses.retain(|(before, _)| *before < step);
        if !loss.is_finite() {
            return;
        }
        let width = self.job.as_ref().map_or(1, |job| job.steps.div_ceil(POINTS)).max(1);
        match self.losses.last_mut() {
            Some(last) if last.0 / width == step / width => {
                let count = self.last_count as f32;
                *last = (step, (last.1 * count + loss) / (count + 1.0));
                self.last_count += 1;
            }
            _ => {
                self.losses.push((step, loss));
                self.last_count = 1;
            }
        }
    }

    fn push_evaluation(&mut self, evaluation: Evaluation) {
        // A resumed job reports its base again, which may already be on the curve.
        let place = self.evaluations.partition_point(|e| e.step < evaluation.step);
        match self.evaluations.get_mut(place) {
            Some(known) if known.step == evaluation.step => *known = evaluation,
            _ => self.evaluations.insert(place, evaluation),
        }
    }
}

/// What to do after a device was refused or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retry {
    /// The tier to try next.
    pub(crate) tier: Tier,
    /// What the visitor is told.
    pub(crate) notice: String,
}

/// Chooses the tier after a failure of `tier`; nothing when there is no other.
///
/// A GPU that was lost in the middle of a job gets a second chance, for drivers are reset by sleep;
/// one that was refused at the start would only be refused again.
pub(crate) fn after_failure(tier: Tier, began: bool, losses: u32, reason: &str) -> Option<Retry> {
    let reason = reason.trim_end_matches('.');
    match tier {
        Tier::Gpu if began && losses == 0 => Some(Retry {
            tier: Tier::Gpu,
            notice: format!(
                "The GPU was lost: {reason}. Training goes on from its last checkpoint."
            ),
        }),
        Tier::Gpu if began => Some(Retry {
            tier: Tier::Cpu,
            notice: format!(
                "The GPU was lost again: {reason}. Training on the CPU instead, from its last checkpoint."
            ),
        }),
        Tier::Gpu => Some(Retry {
            tier: Tier::Cpu,
            notice: format!("WebGPU is not available: {reason}. Training on the CPU instead."),
        }),
        Tier::Cpu if began && losses == 0 => Some(Retry {
            tier: Tier::Cpu,
            notice: format!(
                "The worker stopped: {reason}. Training goes on from its last checkpoint."
            ),
        }),
        Tier::Cpu => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delea_model_runtime::message::Progress;

    fn job() -> Job {
        Job {
            key: "k".into(),
            model: Address::ZERO,
            name: "Digits".into(),
            symbol: "DIG".into(),
            base: 0,
            steps: 100,
            seed: 1,
            choice: Choice::Automatic,
            paused: false,
            announced: None,
        }
    }

    fn progress(step: u32, losses: &[(u32, f32)]) -> Event {
        Event::Progress(Progress {
            step,
            steps: 100,
            losses: losses.to_vec(),
            evaluations: vec![],
            leaves: vec![],
            steps_per_second: 10.0,
        })
    }

    #[test]
    fn a_training_goes_through_its_phases() {
        let mut state = State::begin(job());
        assert_eq!(state.phase, Phase::Starting);
        state.apply(&progress(10, &[(5, 2.0), (10, 1.5)]));
        assert_eq!((state.phase, state.step), (Phase::Training, 10));
        assert_eq!(state.seconds_left(), Some(9.0));
        state.apply(&Event::Paused { step: 12 });
        assert_eq!((state.phase, state.seconds_left()), (Phase::Paused, None));
        state.apply(&progress(20, &[(20, 1.0)]));
        assert_eq!(state.phase, Phase::Training);
        assert_eq!(state.losses, [(5, 2.0), (10, 1.5), (20, 1.0)]);
    }

    #[test]
    fn going_back_to_a_checkpoint_redraws_what_follows() {
        let mut state = State::begin(job());
        state.apply(&progress(30, &[(10, 3.0), (20, 2.0), (30, 1.0)]));
        state.apply(&progress(20, &[(20, 2.1)]));
        assert_eq!(state.losses, [(10, 3.0), (20, 2.1)]);
    }

    #[test]
    fn a_resumed_job_keeps_its_measured_points() {
        let mut state = State::begin(job());
        let at = |step| Evaluation { step, loss: 1.0, accuracy_ppm: step, examples: 9 };
        let event = |step, evaluations| {
            Event::Progress(Progress { step, steps: 100, evaluations, ..Progress::default() })
        };
        state.apply(&event(40, vec![at(0), at(20), at(40)]));
        state.apply(&event(30, vec![at(0)]));
        let steps: Vec<u32> = state.evaluations.iter().map(|e| e.step).collect();
        assert_eq!(steps, [0, 20]);
    }

    #[test]
    fn the_curve_stays_small_finite_and_evenly_fine() {
        let mut state = State::begin(Job { steps: 5000, ..job() });
        for step in 1..=5000 {
            state.push_loss(step, if step % 7 == 0 { f32::NAN } else { (step % 2) as f32 });
        }
        assert!((300..=POINTS as usize + 1).contains(&state.losses.len()));
        assert!(state.losses.iter().all(|(_, loss)| (0.2..0.8).contains(loss)));
        let gaps = state.losses.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.max().unwrap() <= 15);
    }

    #[test]
    fn a_lost_gpu_is_tried_once_more_then_the_cpu() {
        let refused = after_failure(Tier::Gpu, false, 0, "no adapter was found.").unwrap();
        assert_eq!(refused.tier, Tier::Cpu);
        assert_eq!(
            refused.notice,
            "WebGPU is not available: no adapter was found. Training on the CPU instead."
        );
        assert_eq!(after_failure(Tier::Gpu, true, 0, "lost").unwrap().tier, Tier::Gpu);
        assert_eq!(after_failure(Tier::Gpu, true, 1, "lost").unwrap().tier, Tier::Cpu);
        assert_eq!(after_failure(Tier::Cpu, true, 0, "x").unwrap().tier, Tier::Cpu);
        assert_eq!(after_failure(Tier::Cpu, true, 1, "x"), None);
        assert_eq!(after_failure(Tier::Cpu, false, 0, "x"), None);
    }
}
