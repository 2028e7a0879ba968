//! Runs a training in slices, so that the page is heard and told between them.

use super::{
    control::{Control, Wish, breathe},
    report,
    store::Store,
};
use crate::{
    RuntimeError,
    engine::{Device, Trainer},
    message::{Event, Progress, TrainJob},
};

/// Milliseconds of steps between two looks at the page's wishes.
const SLICE_MS: f64 = 60.0;
/// Milliseconds between two progress events; the protocol promises 250.
const PROGRESS_MS: f64 = 150.0;
/// Milliseconds between two checkpoints: what a reload can cost.
const CHECKPOINT_MS: f64 = 2_000.0;
/// Milliseconds between two previews.
const PREVIEW_MS: f64 = 5_000.0;
/// Steps after which a GPU is waited for: it has no back-pressure of its own.
const UNREAD_STEPS: u32 = 16;
/// Milliseconds over which the speed is averaged.
const SPEED_MS: f64 = 3_000.0;

/// Milliseconds of a monotonic clock; used for reporting only, never for a result.
pub(super) fn now() -> f64 {
    let performance = js_sys::Reflect::get(&js_sys::global(), &"performance".into());
    performance.map(|p| web_sys::Performance::from(p).now()).unwrap_or_default()
}

/// Trains a job to its end, to a cancel, or to an error.
pub(super) async fn run(
    job: TrainJob,
    device: Device,
    control: &Control,
    emit: &mut dyn FnMut(Event),
) {
    let last = match train(job, device, control, emit).await {
        Ok(event) => event,
        // The driver's own complaint says more than the failed read that followed it.
        Err(error) => Event::Failed { error: report::check().err().unwrap_or(error) },
    };
    emit(last);
}

async fn train(
    job: TrainJob,
    device: Device,
    control: &Control,
    emit: &mut dyn FnMut(Event),
) -> Result<Event, RuntimeError> {
    let (key, steps, keep_leaves) = (job.job.clone(), job.config.steps, job.keep_leaves);
    let store = Store::open().await;
    let checkpoint = match &store {
        Some(store) => store.read(&key).await,
        None => None,
    };
    let (slot, checkpoint) = checkpoint.unzip();
    let mut trainer = Trainer::new(job, checkpoint.as_deref(), device).await?;
    report::check()?;
    drop(checkpoint);
    let mut clock = Clock::new(trainer.step());
    clock.turn = slot.unwrap_or(0);
    let mut pending = Progress {
        step: trainer.step(),
        steps,
        evaluations: vec![trainer.base_evaluation()],
        ..Progress::default()
    };
    let mut evaluated_at = trainer.step();
    emit(Event::Progress(std::mem::take(&mut pending)));
    loop {
        match control.wish() {
            Wish::Run => {}
            Wish::Pause => {
                if let Some(store) = &store {
                    store
                        .write(&key, trainer.step(), &trainer.checkpoint().await?, clock.turn())
                        .await?;
                }
                emit(Event::Paused { step: trainer.step() });
                control.wait().await;
                clock = Clock { turn: clock.turn, ..Clock::new(trainer.step()) };
                continue;
            }
            Wish::Cancel { keep_checkpoint } => {
                if let Some(store) = &store {
                    match keep_checkpoint {
                        true => {
                            store
                                .write(
                                    &key,
                                    trainer.step(),
                                    &trainer.checkpoint().await?,
                                    clock.turn(),
                                )
                                .await?
                        }
                        false => store.delete(&key).await,
                    }
                }
                return Ok(Event::Cancelled { step: trainer.step() });
            }
        }
        let slice = now();
        while !trainer.is_done() && now() - slice < SLICE_MS {
            trainer.advance().await?;
            if let (true, Some(files)) = (keep_leaves, trainer.take_files()) {
                emit(Event::Leaf(Box::new(files)));
            }
            if trainer.step().is_multiple_of(UNREAD_STEPS) {
                pending.losses.extend(trainer.losses().await?);
            }
            if trainer.is_evaluation_due() && trainer.step() != evaluated_at {
                evaluated_at = trainer.step();
                pending.evaluations.push(trainer.evaluate().await?);
            }
        }
        report::check()?;
        if trainer.has_previews() && !trainer.is_done() && clock.is_preview_due() {
            let preview = trainer.previews().await?.into();
            emit(Event::Painted { step: trainer.step(), steps, preview });
        }
        if clock.is_progress_due() || trainer.is_done() {
            pending.losses.extend(trainer.losses().await?);
            pending.leaves = trainer.new_leaves();
            report::check()?;
            let steps_per_second = clock.speed(trainer.step());
            emit(Event::Progress(Progress {
                step: trainer.step(),
                steps,
                steps_per_second,
                ..std::mem::take(&mut pending)
            }));
        }
        if trainer.is_done() {
            let result = trainer.finish().await?;
            report::check()?;
            if let Some(store) = &store {
                store.delete(&key).await;
            }
            return Ok(Event::Trained(Box::new(result)));
        }
        if let (Some(store), true) = (&store, clock.is_checkpoint_due()) {
            let bytes = trainer.checkpoint().await?;
            report::check()?;
            store.write(&key, trainer.step(), &bytes, clock.turn()).await?;
            emit(Event::Checkpointed { step: trainer.step() });
        }
        breathe().await;
    }
}

struct Clock {
    progress: f64,
    preview: f64,
    checkpoint: f64,
    turn: usize,
    /// Times and steps of the last progress events.
    history: Vec<(f64, u32)>,
}

impl Clock {
    fn new(step: u32) -> Self {
        let now = now();
        Self { progress: now, preview: 0.0, checkpoint: now, turn: 0, history: vec![(now, step)] }
    }

    fn is_progress_due(&mut self) -> bool {
        let due = now() - self.progress >= PROGRESS_MS;
        if due {
            self.progress = now();
        }
        due
    }

    fn is_preview_due(&mut self) -> bool {
        let due = now() - self.preview >= PREVIEW_MS;
        if due {
            self.preview = now();
        }
        due
    }

    fn is_checkpoint_due(&mut self) -> bool {
        let due = now() - self.checkpoint >= CHECKPOINT_MS;
        if due {
            self.checkpoint = now();
        }
        due
    }

    /// Which of the two slots to write next.
    fn turn(&mut self) -> usize {
        self.turn += 1;
        self.turn
    }

    fn speed(&mut self, step: u32) -> f32 {
        let now = now();
        self.history.push((now, step));
        while self.history.len() > 2 && now - self.history[0].0 > SPEED_MS {
            self.history.remove(0);
        }
        let (time, first) = self.history[0];
        if now > time { (f64::from(step - first) * 1000.0 / (now - time)) as f32 } else { 0.0 }
    }
}
