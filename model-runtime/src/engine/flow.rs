//! Flow matching: training a painter to move noise towards pictures, and painting with it (Lipman et al. 2022; Liu et al. 2022,
//! "Flow Straight and Fast"). A picture is `[patches, patch size]`; at time `t` it is `t · picture + (1 − t) · noise`.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Int, Tensor, TensorData},
};

use super::{
    Network,
    dit::Dit,
    optimizer::Optimizer,
    parameters::{host, initialize, load, read, replace},
};
use crate::{
    RuntimeError,
    manifest::{Optimizer as Kind, TrainingConfig},
    rng::{Random, Stream},
    studio::{DitSpec, NO_WORD},
    tensors::TensorFile,
};

/// What a step learns from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Pictures, one after the other.
    pub pictures: Vec<f32>,
    /// Noise of the same shape.
    pub noise: Vec<f32>,
    /// A time for each.
    pub times: Vec<f32>,
    /// A prompt for each, of the spec's length.
    pub prompts: Vec<u32>,
}

/// A training of a painter.
pub struct Training {
    network: Network,
    /// Its parameters' moving average, which paints better (Ho et al. 2020).
    average: Network,
    optimizer: Optimizer,
    device: Device,
    step: u32,
}

/// Parameters are averaged every this many steps.
const AVERAGE_EVERY: u32 = 8;
/// How much of the average is kept then, once there is one: half of it is from the last 5,500 steps.
const KEEP: f64 = 0.999;

impl Training {
    /// A painter that has learnt nothing yet.
    ///
    /// # Errors
    /// As [`DitSpec::validate`].
    pub fn new(spec: &DitSpec, seed: u64, device: &Device) -> Result<Self, RuntimeError> {
        let network = build(spec, &device.clone().autodiff())?;
        Ok(Self::begin(initialize(network, seed), device))
    }

    /// A painter that begins with the parameters of another.
    ///
    /// # Errors
    /// As [`load`].
    pub fn of(
        spec: &DitSpec,
        parameters: &TensorFile,
        device: &Device,
    ) -> Result<Self, RuntimeError> {
        let network = build(spec, &device.clone().autodiff())?;
        Ok(Self::begin(load(network, &parameters.views())?, device))
    }

    fn begin(network: Network, device: &Device) -> Self {
        let average = network.clone().valid();
        Self { network, average, optimizer: adam(), device: device.clone(), step: 0 }
    }

    /// Goes on from the files that [`Training::save`] gave.
    ///
    /// # Errors
    /// As [`load`].
    pub fn resume(
        spec: &DitSpec,
        [parameters, average, optimizer]: &[TensorFile; 3],
        step: u32,
        device: &Device,
    ) -> Result<Self, RuntimeError> {
        let autodiff = device.clone().autodiff();
        let network = load(build(spec, &autodiff)?, &parameters.views())?;
        let average = load(build(spec, device)?, &average.views())?;
        let mut state = adam();
        state.load(&network, optimizer, device)?;
        Ok(Self { network, average, optimizer: state, device: device.clone(), step })
    }

    /// Parameters, their average, and the optimiser's state.
    ///
    /// # Errors
    /// [`RuntimeError::NotFinite`] if the training came apart.
    pub async fn save(&self) -> Result<[TensorFile; 3], RuntimeError> {
        Ok([read(&self.network).await?, read(&self.average).await?, self.optimizer.read().await?])
    }

    /// Steps done.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// The network of averaged parameters.
    pub fn average(&self) -> &Network {
        &self.average
    }

    /// One step; gives the loss, which is not waited for.
    ///
    /// # Errors
    /// [`RuntimeError::Protocol`] for another network than a painter.
    pub fn advance(&mut self, batch: Batch, rate: f64) -> Result<Tensor<1>, RuntimeError> {
        let device = self.device.clone().autodiff();
        let loss = loss(painter(&self.network)?, batch, &device);
        let gradients = loss.backward();
        self.step += 1;
        self.optimizer.set_learning_rate(rate);
        let network = std::mem::replace(&mut self.network, self.average.clone());
        self.network = self.optimizer.step(network, gradients, self.step);
        if self.step.is_multiple_of(AVERAGE_EVERY) {
            let done = f64::from(self.step / AVERAGE_EVERY);
            let keep = KEEP.min(done / (done + 10.0));
            let mut values = Values::default();
            self.network.visit(&mut values);
            values.0.reverse();
            let average = std::mem::replace(&mut self.average, self.network.clone());
            self.average = average.map(&mut Follow { values: values.0, keep });
        }
        Ok(loss.without_autodiff())
    }
}

fn adam() -> Optimizer {
    Optimizer::new(&TrainingConfig {
        optimizer: Kind::Adam { beta1: 0.9, beta2: 0.99, weight_decay: 0.01 },
        learning_rate: 0.0,
        batch_size: 1,
        steps: 1,
    })
}

/// A painter with zeros for parameters.
///
/// # Errors
/// As [`DitSpec::validate`].
pub fn build(spec: &DitSpec, device: &Device) -> Result<Network, RuntimeError> {
    spec.validate()?;
    Ok(Network::Dit(Dit::new(spec, device)))
}

fn painter(network: &Network) -> Result<&Dit, RuntimeError> {
    match network {
        Network::Dit(dit) => Ok(dit),
        _ => Err(RuntimeError::Protocol { reason: "this network does not paint".into() }),
    }
}

/// Mean squared error of the speeds.
fn loss(dit: &Dit, batch: Batch, device: &Device) -> Tensor<1> {
    let spec = dit.spec();
    let count = batch.times.len();
    let shape = [count, spec.patches(), spec.patch_size()];
    let pictures: Tensor<3> = Tensor::from_data(TensorData::new(batch.pictures, shape), device);
    let noise: Tensor<3> = Tensor::from_data(TensorData::new(batch.noise, shape), device);
    let times: Tensor<1> = Tensor::from_data(TensorData::new(batch.times, [count]), device);
    let prompts = words(&batch.prompts, spec, device);
    let speed = pictures - noise.clone();
    let at = noise + speed.clone() * times.clone().reshape([count, 1, 1]);
    let error = dit.forward(at, times, prompts) - speed;
    (error.clone() * error).mean()
}

fn words(prompts: &[u32], spec: &DitSpec, device: &Device) -> Tensor<2, Int> {
    let numbers: Vec<i32> = prompts.iter().map(|word| *word as i32).collect();
    let shape = [numbers.len() / spec.length.max(1), spec.length];
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

#[derive(Default)]
struct Values(Vec<Tensor<1>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        let count = value.shape().num_elements();
        self.0.push(value.reshape([count]));
    }
}

struct Follow {
    /// In reverse order.
    values: Vec<Tensor<1>>,
    keep: f64,
}

impl ModuleMapper for Follow {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (new, keep) = (self.values.pop(), self.keep);
        replace(param, |old| match new {
            Some(new) => {
                let shape = old.shape();
                old * keep + new.reshape(shape) * (1.0 - keep)
            }
            None => old,
        })
    }
}

/// As many normal numbers as are asked for.
pub fn noise(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count.div_ceil(2)).flat_map(|_| random.normal()).take(count).collect()
}

/// How pictures are painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Steps from noise to picture.
    pub steps: usize,
    /// How far beyond the unprompted picture the prompt pulls (Ho and Salimans 2022, "Classifier-Free Guidance"); 1 for not.
    pub guidance: f32,
    /// Seed of the noise.
    pub seed: u64,
}

/// Paints a picture for each of `prompts`, by Euler's method.
///
/// # Errors
/// [`RuntimeError::Device`]; [`RuntimeError::Protocol`] for another network than a painter.
pub async fn paint(
    network: &Network,
    prompts: &[u32],
    recipe: Recipe,
    device: &Device,
) -> Result<Vec<f32>, RuntimeError> {
    let dit = painter(network)?;
    let spec = dit.spec();
    let count = prompts.len() / spec.length.max(1);
    let mut random = Random::new(recipe.seed, Stream::Step(0));
    let noise = noise(&mut random, count * spec.picture_size());
    let shape = [count, spec.patches(), spec.patch_size()];
    let mut picture: Tensor<3> = Tensor::from_data(TensorData::new(noise, shape), device);
    let nothing = vec![NO_WORD; prompts.len()];
    let prompts = words(&[prompts, &nothing].concat(), spec, device);
    for step in 0..recipe.steps {
        let time = step as f32 / recipe.steps as f32;
        let times: Tensor<1> = Tensor::full([2 * count], time, device);
        let both = Tensor::cat(vec![picture.clone(), picture.clone()], 0);
        let speeds = dit.forward(both, times, prompts.clone());
        let free = speeds.clone().narrow(0, count, count);
        let speed = free.clone() + (speeds.narrow(0, 0, count) - free) * recipe.guidance;
        picture = picture + speed / recipe.steps as f32;
    }
    let data = picture.into_data_async().await.map_err(super::parameters::device_error)?;
    host(data)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use pollster::block_on;

    use super::*;

    const SPEC: DitSpec = DitSpec {
        side: 8,
        channels: 2,
        patch: 2,
        width: 32,
        depth: 2,
        heads: 2,
        hidden: 64,
        vocabulary: 3,
        length: 2,
    };
    const COUNT: usize = 8;

    /// The first word is for dark pictures, the second for bright ones.
    fn batch(step: u32) -> Batch {
        let mut random = Random::new(5, Stream::Step(step));
        let mut batch = Batch::default();
        for i in 0..COUNT {
            let bright = i % 2 == 1;
            let value = if bright { 0.8 } else { -0.8 };
            batch.pictures.extend(vec![value; SPEC.picture_size()]);
            batch.prompts.extend([1 + u32::from(bright), NO_WORD]);
            batch.times.push(random.uniform());
        }
        batch.noise = noise(&mut random, batch.pictures.len());
        batch
    }

    fn train(mut training: Training, to: u32) -> (Training, f32) {
        let mut last = 0.0;
        while training.step() < to {
            let loss = training.advance(batch(training.step()), 3e-3).expect("a painter");
            last = loss.into_scalar::<f32>();
        }
        (training, last)
    }

    #[test]
    fn a_painter_learns_what_its_words_mean() {
        let device = Device::flex();
        let begun = Training::new(&SPEC, 1, &device).unwrap();
        let (training, loss) = train(begun, 300);
        assert!(loss < 0.2, "{loss}");
        let recipe = Recipe { steps: 8, guidance: 2.0, seed: 3 };
        let prompts = [1, NO_WORD, 2, NO_WORD];
        let painted = block_on(paint(training.average(), &prompts, recipe, &device)).unwrap();
        let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
        let (dark, bright) = painted.split_at(SPEC.picture_size());
        assert!(mean(dark) < -0.5 && mean(bright) > 0.5, "{} {}", mean(dark), mean(bright));
        let again = block_on(paint(training.average(), &prompts, recipe, &device)).unwrap();
        assert_eq!(painted, again);
    }

    #[test]
    fn a_training_goes_on_where_it_stopped() {
        let device = Device::flex();
        let new = || Training::new(&SPEC, 1, &device).unwrap();
        let (whole, _) = train(new(), 20);
        let (half, _) = train(new(), 11);
        let files = block_on(half.save()).unwrap();
        let resumed = Training::resume(&SPEC, &files, half.step(), &device).unwrap();
        let (resumed, _) = train(resumed, 20);
        assert_eq!(block_on(whole.save()).unwrap(), block_on(resumed.save()).unwrap());
        let of = Training::of(&SPEC, &files[1], &device).unwrap();
        let begun = block_on(of.save()).unwrap();
        assert_eq!((&begun[0], &begun[1], of.step()), (&files[1], &files[1], 0));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let device = Device::flex();
        let refused = |spec: DitSpec| build(&spec, &device).err().unwrap().to_string();
        let text = refused(DitSpec { patch: 3, ..SPEC });
        assert!(text.contains("multiple of 3"), "{text}");
        let text = refused(DitSpec { depth: 1000, ..SPEC });
        assert!(text.contains("blocks"), "{text}");
    }
}
