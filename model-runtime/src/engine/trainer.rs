//! A training job: steps, held-out figures, checkpoints, and the commitment to them.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData, Transaction, activation::log_softmax};
use serde::{Deserialize, Serialize};

use super::{
    Network, evaluate, load,
    network::{Figures, Output},
    optimizer::Optimizer,
    parameters::{device_error, host, read},
};
use crate::{
    RuntimeError,
    commitment::{LEAF_STEPS, Leaf, Trace},
    content::Digest,
    dataset::{Dataset, Targets},
    message::{Evaluation, LeafFiles, Segment, TrainJob, TrainResult},
    rng::{Random, Stream},
    spec::{Shape, Task},
    tensors::{TensorFile, views},
};

/// Metadata key of a checkpoint's state.
const STATE: &str = "delea-checkpoint";
/// Prefixes of the two groups of tensors in a checkpoint.
const PARAMETERS: &str = "parameters/";
const OPTIMIZER: &str = "optimizer/";

/// A job under way.
pub struct Trainer {
    job: TrainJob,
    /// Digest of all that the job's result depends on, besides the runtime.
    identity: Digest,
    data: Dataset,
    device: Device,
    /// Step after which the work is done.
    end: u32,
    network: Option<Network>,
    optimizer: Optimizer,
    trace: Trace,
    /// Leaves that nobody has been told of yet.
    untold: usize,
    /// The files of the newest leaf.
    files: Option<LeafFiles>,
    step: u32,
    base_evaluation: Evaluation,
    /// The shuffled training examples of the epoch at hand.
    epoch: (u32, Vec<u32>),
    /// Losses on the device that nobody has read yet, with their steps.
    unread: Vec<(u32, Tensor<1>)>,
}

/// What a checkpoint holds besides tensors.
#[derive(Debug, Serialize, Deserialize)]
struct CheckpointState {
    /// Digest of everything that the job depends on: a checkpoint of another job is not taken.
    job: Digest,
    step: u32,
    trace: Trace,
    base_evaluation: Evaluation,
}

impl Trainer {
    /// Prepares a job, going on from `checkpoint` if it is one of this very job.
    ///
    /// # Errors
    /// Anything wrong with spec, configuration, parameters or data, and [`RuntimeError::OutOfMemory`],
    /// all before a step is done.
    pub async fn new(
        mut job: TrainJob,
        checkpoint: Option<&[u8]>,
        device: Device,
    ) -> Result<Self, RuntimeError> {
        job.config.validate()?;
        job.spec.check_memory(job.config.batch_size)?;
        let identity = identity(&job);
        let data = Dataset::from_bytes(&std::mem::take(&mut job.dataset))?;
        if data.header.input != job.spec.input || data.header.task != job.spec.task {
            return Err(RuntimeError::bounds(
                "the data set's examples",
                words(&data.header.input, &data.header.task),
                format!("{}, as the model has them", words(&job.spec.input, &job.spec.task)),
            ));
        }
        let device = device.autodiff();
        let parameters = std::mem::take(&mut job.parameters);
        let network = load(Network::new(&job.spec, &device)?, &views("parameters", &parameters)?)?;
        drop(parameters);
        let mut trainer = Self {
            optimizer: Optimizer::new(&job.config),
            end: job.segment.as_ref().map_or(job.config.steps, |segment| segment.to),
            job,
            identity,
            data,
            device,
            network: None,
            trace: Trace::default(),
            untold: 0,
            files: None,
            step: 0,
            base_evaluation: Evaluation { step: 0, loss: 0.0, accuracy_ppm: 0, examples: 0 },
            epoch: (u32::MAX, Vec::new()),
            unread: Vec::new(),
        };
        match checkpoint.and_then(|bytes| Checkpoint::read(bytes, identity).ok()) {
            Some(checkpoint) => {
                let network = load(network, &checkpoint.parameters.views())?;
                trainer.optimizer.load(
                    &network,
                    &checkpoint.optimizer,
                    &trainer.device.clone().without_autodiff(),
                )?;
                trainer.trace = checkpoint.state.trace;
                trainer.step = checkpoint.state.step;
                trainer.base_evaluation = checkpoint.state.base_evaluation;
                trainer.network = Some(network);
            }
            None => {
                if let Some(segment) = trainer.job.segment.take() {
                    return trainer.begin_at(network, segment);
                }
                trainer.base_evaluation =
                    evaluate(&network, &trainer.job.spec, &trainer.data, 0, &trainer.device)
                        .await?;
                trainer.network = Some(network);
            }
        }
        Ok(trainer)
    }

    /// Begins in the middle of the job.
    fn begin_at(mut self, network: Network, segment: Segment) -> Result<Self, RuntimeError> {
        let steps = self.job.config.steps;
        if segment.from >= segment.to || segment.to > steps {
            let found = format!("{} to {}", segment.from, segment.to);
            return Err(RuntimeError::bounds("segment", found, format!("a part of 0 to {steps}")));
        }
        if !segment.optimizer.is_empty() {
            let file = TensorFile::from_bytes("the optimiser's state", &segment.optimizer)?;
            self.optimizer.load(&network, &file, &self.device.clone().without_autodiff())?;
        }
        self.step = segment.from;
        self.network = Some(network);
        Ok(self)
    }

    /// Steps done.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Held-out figures of the parameters that the job started from.
    pub fn base_evaluation(&self) -> Evaluation {
        self.base_evaluation
    }

    /// Whether every step is done.
    pub fn is_done(&self) -> bool {
        self.step >= self.end
    }

    /// Whether the next thing to do is a held-out measurement.
    pub fn is_evaluation_due(&self) -> bool {
        let every = self.job.evaluate_every;
        every > 0 && self.step > 0 && self.step.is_multiple_of(every) && !self.is_done()
    }

    /// Does one step. Its loss stays on the device until [`Trainer::losses`].
    ///
    /// # Errors
    /// [`RuntimeError::Device`] if the device fails.
    pub async fn advance(&mut self) -> Result<(), RuntimeError> {
        let network = self.take_network()?;
        let batch = self.next_batch();
        let (loss, figures) = self.loss(&network, &batch).await?;
        let gradients = loss.backward();
        self.step += 1;
        self.unread.push((self.step, loss.without_autodiff()));
        self.network = Some(self.optimizer.step(network, gradients, self.step).with(figures));
        if self.step.is_multiple_of(LEAF_STEPS) || self.step == self.job.config.steps {
            let (parameters, optimizer) = self.state().await?;
            let (parameters, optimizer) = (parameters.to_bytes(), optimizer.to_bytes());
            let leaf = Leaf {
                step: self.step,
                parameters: Digest::of(&parameters),
                optimizer: Digest::of(&optimizer),
            };
            self.trace.push(leaf);
            self.files = Some(LeafFiles {
                leaf,
                parameters: parameters.into(),
                optimizer: optimizer.into(),
            });
        }
        Ok(())
    }

    /// Checkpoints of the commitment since the last call.
    pub fn new_leaves(&mut self) -> Vec<Leaf> {
        let leaves = self.trace.leaves()[self.untold..].to_vec();
        self.untold += leaves.len();
        leaves
    }

    /// The files of the newest checkpoint of the commitment, once.
    pub fn take_files(&mut self) -> Option<LeafFiles> {
        self.files.take()
    }

    /// Reads the losses of the steps since the last call, which on a GPU also waits for them.
    ///
    /// # Errors
    /// [`RuntimeError::NotFinite`] naming the step, [`RuntimeError::Device`].
    pub async fn losses(&mut self) -> Result<Vec<(u32, f32)>, RuntimeError> {
        if self.unread.is_empty() {
            return Ok(Vec::new());
        }
        let (mut steps, mut transaction) = (Vec::new(), Transaction::default());
        for (step, loss) in self.unread.drain(..) {
            steps.push(step);
            transaction = transaction.register(loss);
        }
        let data = transaction.execute_async().await.map_err(device_error)?;
        let mut losses = Vec::with_capacity(steps.len());
        for (step, data) in steps.into_iter().zip(data) {
            let loss = host(data)?.first().copied().unwrap_or(f32::NAN);
            if !loss.is_finite() {
                return Err(RuntimeError::NotFinite { place: format!("the loss at step {step}") });
            }
            losses.push((step, loss));
        }
        Ok(losses)
    }

    /// Measures the parameters at hand on the held-out examples.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub async fn evaluate(&self) -> Result<Evaluation, RuntimeError> {
        evaluate(self.network()?, &self.job.spec, &self.data, self.step, &self.device).await
    }

    /// What a painter paints by now for the job's previews, one after the other.
    ///
    /// # Errors
    /// As [`super::infer`].
    pub async fn previews(&self) -> Result<Vec<f32>, RuntimeError> {
        let (network, spec) = (self.network()?, &self.job.spec);
        let rows = super::infer(network, spec, self.job.previews.to_vec(), &self.device).await?;
        Ok(rows.concat())
    }

    /// Whether the job wants any.
    pub fn has_previews(&self) -> bool {
        !self.job.previews.is_empty()
    }

    /// Everything needed to go on from here, as one file.
    ///
    /// # Errors
    /// [`RuntimeError::Device`], [`RuntimeError::NotFinite`].
    pub async fn checkpoint(&self) -> Result<Vec<u8>, RuntimeError> {
        let (parameters, optimizer) = self.state().await?;
        let state = CheckpointState {
            job: self.identity,
            step: self.step,
            trace: self.trace.clone(),
            base_evaluation: self.base_evaluation,
        };
        let state = serde_json::to_string(&state).map_err(|error| RuntimeError::Protocol {
            reason: format!("the checkpoint cannot be written: {error}"),
        })?;
        let mut file = TensorFile {
            metadata: BTreeMap::from([(STATE.to_owned(), state)]),
            ..TensorFile::default()
        };
        for (prefix, group) in [(PARAMETERS, parameters), (OPTIMIZER, optimizer)] {
            file.tensors.extend(
                group.tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)),
            );
        }
        Ok(file.to_bytes())
    }

    /// The finished job's parameters, figures and commitment.
    ///
    /// # Errors
    /// As [`evaluate`] and [`read`].
    pub async fn finish(&self) -> Result<TrainResult, RuntimeError> {
        let evaluation = self.evaluate().await?;
        let parameters = read(self.network()?).await?.to_bytes();
        Ok(TrainResult {
            steps: self.step,
            digest: Digest::of(&parameters),
            parameters: parameters.into(),
            checkpoint_root: self.trace.root(),
            trace: self.trace.clone(),
            evaluation,
            base_evaluation: self.base_evaluation,
        })
    }

    fn network(&self) -> Result<&Network, RuntimeError> {
        self.network.as_ref().ok_or_else(broken)
    }

    fn take_network(&mut self) -> Result<Network, RuntimeError> {
        self.network.take().ok_or_else(broken)
    }

    async fn state(&self) -> Result<(TensorFile, TensorFile), RuntimeError> {
        Ok((read(self.network()?).await?, self.optimizer.read().await?))
    }

    /// Numbers of the examples of the next step: consecutive runs of the epoch's shuffled order,
    /// the short rest of an epoch being left out so that every batch has the same size.
    fn next_batch(&mut self) -> Vec<u32> {
        let count = self.data.train.len() as u32;
        let size = (self.job.config.batch_size as u32).min(count);
        let per_epoch = count / size;
        let (epoch, batch) = (self.step / per_epoch, self.step % per_epoch);
        if self.epoch.0 != epoch {
            let order = Random::new(self.job.seed, Stream::Epoch(epoch)).permutation(count);
            self.epoch = (epoch, order.into_iter().map(|i| self.data.train[i as usize]).collect());
        }
        self.epoch.1[(batch * size) as usize..((batch + 1) * size) as usize].to_vec()
    }

    /// Mean loss of a batch, `[1]`, and the running figures that it moved on.
    async fn loss(
        &self,
        network: &Network,
        batch: &[u32],
    ) -> Result<(Tensor<1>, Figures), RuntimeError> {
        let spec = &self.job.spec;
        let mut random = Random::new(self.job.seed, Stream::Step(self.step));
        #[cfg(feature = "studio")]
        if let Task::Painting { .. } = spec.task {
            let loss = super::flow::step(network, &self.data, batch, &mut random, &self.device)?;
            return Ok((loss, Figures::new()));
        }
        let mut inputs = Vec::with_capacity(batch.len() * spec.input.len());
        batch.iter().for_each(|i| self.data.push_input(*i, &mut inputs));
        let Output { values: output, figures, .. } =
            network.forward(spec, inputs, &self.device, Some(&mut random)).await?;
        let [rows, columns] = output.dims();
        let mut targets = Vec::with_capacity(rows * columns);
        match &self.data.targets {
            // One-hot rows instead of a gather, whose gradient is a scatter: slow on a GPU and, with
            // atomics, in no fixed order.
            Targets::Classes(_) => {
                for class in batch.iter().flat_map(|i| self.data.classes(*i)) {
                    targets
                        .extend((0..columns as u32).map(|c| if c == *class { -1.0 } else { 0.0 }));
                }
            }
            Targets::Values(_) | Targets::Pixels(_) | Targets::Inputs => {
                batch.iter().for_each(|i| self.data.push_values(*i, &mut targets));
            }
        }
        let targets = Tensor::<2>::from_data(
            TensorData::new::<f32, _>(targets, [rows, columns]),
            &self.device,
        );
        let loss = match spec.task.is_discrete() {
            true => (log_softmax(output, 1) * targets).sum() * (1.0 / rows as f64),
            false => {
                let difference = output - targets;
                (difference.clone() * difference).sum() * (1.0 / (rows * columns) as f64)
            }
        };
        Ok((loss, figures))
    }
}

fn words(input: &Shape, task: &Task) -> String {
    let what = match task {
        Task::Classification { classes } => format!("{} classes", classes.len()),
        Task::Regression { outputs } => format!("{} values to predict", outputs.len()),
        Task::NextToken { tokens } => format!("{} tokens", tokens.len()),
        Task::Reconstruction => "nothing to predict but itself".to_owned(),
        Task::Painting { side, .. } => format!("pictures of {side} × {side} pixels"),
    };
    format!("{input} with {what}")
}

fn broken() -> RuntimeError {
    RuntimeError::Protocol {
        reason: "the job failed in its last step; start it again from its checkpoint".into(),
    }
}

fn identity(job: &TrainJob) -> Digest {
    let (parameters, data) = (Digest::of(&job.parameters), Digest::of(&job.dataset));
    let part = job.segment.as_ref().map(|s| (s.from, Digest::of(&s.optimizer), s.to));
    let recipe = (&job.spec, &job.config, job.seed, parameters, data, part);
    Digest::of(&serde_json::to_vec(&recipe).unwrap_or_default())
}

struct Checkpoint {
    state: CheckpointState,
    parameters: TensorFile,
    optimizer: TensorFile,
}

impl Checkpoint {
    fn read(bytes: &[u8], job: Digest) -> Result<Self, RuntimeError> {
        let mut file = TensorFile::from_bytes("checkpoint", bytes)?;
        let bad = |reason: &str| RuntimeError::file("checkpoint", reason);
        let state = file.metadata.remove(STATE).ok_or_else(|| bad("it has no state"))?;
        let state: CheckpointState =
            serde_json::from_str(&state).map_err(|e| bad(&e.to_string()))?;
        if state.job != job {
            return Err(bad("it belongs to another job"));
        }
        let (mut parameters, mut optimizer) = (TensorFile::default(), TensorFile::default());
        for (name, tensor) in file.tensors {
            if let Some(name) = name.strip_prefix(PARAMETERS) {
                parameters.tensors.insert(name.to_owned(), tensor);
            } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
                optimizer.tensors.insert(name.to_owned(), tensor);
            }
        }
        Ok(Self { state, parameters, optimizer })
    }
}
