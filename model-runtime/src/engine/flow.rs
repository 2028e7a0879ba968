//! Flow matching: training a painter to move noise towards pictures, and painting with it (Lipman et al. 2022; Liu et al. 2022,
//! "Flow Straight and Fast"). A picture is `[patches, patch size]`; at time `t` it is `t · picture + (1 − t) · noise`.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Int, Tensor, TensorData},
};

use super::{
    Network,
    adapter::{Adapted, Adapter},
    dit::{Dit, Worn},
    optimizer::Optimizer,
    parameters::{device_error, host, initialize, load, read, replace},
};
use crate::{
    RuntimeError,
    dataset::Dataset,
    manifest::{Optimizer as Kind, TrainingConfig},
    rng::{Random, Stream},
    studio::{Ask, DitSpec, NO_WORD, Painter},
    tensors::{Source, TensorFile, views},
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
/// Share of the examples that are learnt without their prompt.
const WITHOUT_PROMPT: f32 = 0.1;
/// Times at which held-out examples are measured.
const MEASURED_AT: [f32; 4] = [0.125, 0.375, 0.625, 0.875];

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
        let loss = loss(&self.network, batch, &device)?;
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

/// A painter's base, and the adapter that is trained on it.
fn painter(network: &Network) -> Result<(&Dit, Option<&Adapter>), RuntimeError> {
    match network {
        Network::Dit(dit) => Ok((dit, None)),
        Network::Adapted(adapted) => Ok((adapted.base(), Some(adapted.adapter()))),
        _ => Err(RuntimeError::Protocol { reason: "this network does not paint".into() }),
    }
}

/// A time to learn at. Those in the middle teach the most (Esser et al. 2024, "Scaling Rectified Flow Transformers").
pub fn time(random: &mut Random) -> f32 {
    1.0 / (1.0 + (-random.normal()[0]).exp())
}

/// The examples `numbers` of a data set, at chosen times.
fn examples(
    spec: &DitSpec,
    data: &Dataset,
    numbers: &[u32],
    mut time: impl FnMut() -> f32,
) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        let (mut picture, mut prompt) = (Vec::new(), Vec::new());
        data.push_values(*number, &mut picture);
        data.push_input(*number, &mut prompt);
        batch.pictures.extend(spec.to_patches(&picture));
        batch.prompts.extend(prompt[..spec.length].iter().map(|word| *word as u32));
        batch.times.push(time());
    }
    batch
}

/// Loss of a step on the examples `numbers`. Some of them are learnt without their prompt, for guidance.
///
/// # Errors
/// [`RuntimeError::Protocol`] for another network than a painter; [`RuntimeError::OutOfBounds`] for words that it does not
/// know.
pub(super) fn step(
    network: &Network,
    data: &Dataset,
    numbers: &[u32],
    random: &mut Random,
    device: &Device,
) -> Result<Tensor<1>, RuntimeError> {
    let spec = painter(network)?.0.spec();
    let mut batch = examples(spec, data, numbers, || time(random));
    for prompt in batch.prompts.chunks_mut(spec.length) {
        if random.uniform() < WITHOUT_PROMPT {
            prompt.fill(NO_WORD);
        }
    }
    batch.noise = noise(random, batch.pictures.len());
    loss(network, batch, device)
}

/// Loss on the held-out examples, each at [`MEASURED_AT`] with noise of its own, and the share of the speeds' size that is
/// foretold.
///
/// # Errors
/// As [`step`]; [`RuntimeError::Device`].
pub(super) async fn measure(
    network: &Network,
    data: &Dataset,
    device: &Device,
) -> Result<(f64, f64), RuntimeError> {
    let spec = painter(network)?.0.spec();
    let (mut error, mut size, mut count) = (0.0, 0.0, 0.0);
    for number in &data.held_out {
        let mut times = MEASURED_AT.into_iter();
        let mut batch = examples(spec, data, &[*number; MEASURED_AT.len()], || {
            times.next().unwrap_or_default()
        });
        batch.noise = noise(&mut Random::new(0, Stream::Step(*number)), batch.pictures.len());
        let speeds = batch.pictures.iter().zip(&batch.noise);
        size += speeds.map(|(to, from)| f64::from(to - from).powi(2)).sum::<f64>();
        let numbers = batch.pictures.len() as f64;
        let data = loss(network, batch, device)?.into_data_async().await.map_err(device_error)?;
        error += f64::from(host(data)?.first().copied().unwrap_or(f32::NAN)) * numbers;
        count += numbers;
    }
    Ok((error / count, if size > 0.0 { (1.0 - error / size).max(0.0) } else { 0.0 }))
}

/// Mean squared error of the speeds.
fn loss(network: &Network, batch: Batch, device: &Device) -> Result<Tensor<1>, RuntimeError> {
    let (dit, adapter) = painter(network)?;
    let spec = dit.spec();
    let known = spec.vocabulary + adapter.map_or(0, Adapter::word_count);
    if let Some(word) = batch.prompts.iter().find(|word| **word as usize >= known) {
        return Err(RuntimeError::bounds("the number of a word", word, format!("below {known}")));
    }
    let count = batch.times.len();
    let shape = [count, spec.patches(), spec.patch_size()];
    let pictures: Tensor<3> = Tensor::from_data(TensorData::new(batch.pictures, shape), device);
    let noise: Tensor<3> = Tensor::from_data(TensorData::new(batch.noise, shape), device);
    let times: Tensor<1> = Tensor::from_data(&*batch.times, device);
    let prompts = words(&batch.prompts, spec, device);
    let speed = pictures - noise.clone();
    let at = noise + speed.clone() * times.reshape([count, 1, 1]);
    let worn: Vec<Worn<'_>> =
        adapter.into_iter().map(|adapter| Worn { adapter, scale: 1.0 }).collect();
    let error = dit.forward(at, &batch.times, prompts, &worn) - speed;
    Ok((error.clone() * error).mean())
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

/// Adapters of a base that are worn at once.
pub type Wardrobe = Vec<(Adapter, f32)>;

/// An adapter with its parameters, to be worn.
///
/// # Errors
/// As [`load`]; [`RuntimeError::Protocol`] for a painter that is no adapter.
pub fn adapter(
    painter: &Painter,
    parameters: &dyn Source,
    device: &Device,
) -> Result<Adapter, RuntimeError> {
    let Some(spec) = &painter.adapter else {
        return Err(RuntimeError::Protocol { reason: "this is no adapter".into() });
    };
    let network = Network::Adapted(Adapted::new(painter, spec, device)?);
    match load(network, &views("the adapter", parameters)?)? {
        Network::Adapted(adapted) => Ok(adapted.adapter().clone()),
        _ => Err(RuntimeError::Protocol { reason: "this is no adapter".into() }),
    }
}

/// A picture to begin with instead of noise alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// `[channel, row, column]`, each number in [-1, 1].
    pub picture: Vec<f32>,
    /// How much of it is painted anew: 1 for all of it.
    pub strength: f32,
}

/// Pictures that are being painted, by Euler's method.
pub struct Painting {
    dit: Dit,
    wardrobe: Wardrobe,
    steps: u32,
    guidance: f32,
    /// Steps done, or left out for a start.
    step: u32,
    prompts: Tensor<2, Int>,
    /// As it is, and as it would be if the speed stayed.
    picture: Tensor<3>,
    foreseen: Tensor<3>,
}

impl Painting {
    /// Prepares pictures that share all settings but prompt and seed, which are those of the first.
    ///
    /// # Errors
    /// [`RuntimeError::Protocol`] for another network than a painter; [`RuntimeError::OutOfBounds`] for a start of
    /// another size.
    pub fn new(
        network: &Network,
        mut wardrobe: Wardrobe,
        asks: &[Ask],
        start: Option<&Start>,
        device: &Device,
    ) -> Result<Self, RuntimeError> {
        let (dit, adapter) = painter(network)?;
        let spec = dit.spec();
        let nothing = || RuntimeError::Protocol { reason: "no picture was asked for".into() };
        let first = asks.first().ok_or_else(nothing)?;
        let size = spec.picture_size();
        wardrobe.extend(adapter.map(|adapter| (adapter.clone(), first.scale)));
        let (steps, count) = (first.steps.max(1), asks.len());
        let mut values = Vec::with_capacity(count * size);
        asks.iter().for_each(|ask| {
            let mut random = Random::new(ask.seed.into(), Stream::Step(0));
            values.extend(noise(&mut random, size));
        });
        let mut step = 0;
        if let Some(start) = start {
            if start.picture.len() != size {
                let expected = format!("{size}, as the network paints");
                return Err(RuntimeError::bounds(
                    "numbers of a picture",
                    start.picture.len(),
                    expected,
                ));
            }
            if !(0.0..=1.0).contains(&start.strength) {
                return Err(RuntimeError::bounds("strength", start.strength, "0 to 1"));
            }
            step = ((1.0 - start.strength) * steps as f32).round() as u32;
            let time = step as f32 / steps as f32;
            let picture = spec.to_patches(&start.picture);
            values.iter_mut().zip(picture.iter().cycle()).for_each(|(value, picture)| {
                *value = time * picture + (1.0 - time) * *value;
            });
        }
        let mut all: Vec<u32> = asks.iter().flat_map(|ask| ask.words.iter().copied()).collect();
        if first.guidance != 1.0 {
            all.resize(2 * all.len(), NO_WORD);
        }
        let shape = [count, spec.patches(), spec.patch_size()];
        let picture: Tensor<3> = Tensor::from_data(TensorData::new(values, shape), device);
        Ok(Self {
            dit: dit.clone(),
            wardrobe,
            steps,
            guidance: first.guidance,
            step,
            prompts: words(&all, spec, device),
            foreseen: picture.clone(),
            picture,
        })
    }

    /// Steps done of all.
    pub fn progress(&self) -> (u32, u32) {
        (self.step, self.steps)
    }

    /// Whether every step is done.
    pub fn is_done(&self) -> bool {
        self.step >= self.steps
    }

    /// Does one step.
    pub fn advance(&mut self) {
        let count = self.picture.dims()[0];
        let time = self.step as f32 / self.steps as f32;
        let worn: Vec<Worn<'_>> =
            self.wardrobe.iter().map(|(adapter, scale)| Worn { adapter, scale: *scale }).collect();
        let run = |picture: Tensor<3>| {
            let times = vec![time; picture.dims()[0]];
            self.dit.forward(picture, &times, self.prompts.clone(), &worn)
        };
        let picture = self.picture.clone();
        let speed = match self.prompts.dims()[0] == count {
            true => run(picture.clone()),
            false => {
                let speeds = run(Tensor::cat(vec![picture.clone(), picture.clone()], 0));
                let free = speeds.clone().narrow(0, count, count);
                free.clone() + (speeds.narrow(0, 0, count) - free) * self.guidance
            }
        };
        self.foreseen = picture.clone() + speed.clone() * (1.0 - time);
        self.picture = picture + speed * (1.0 / self.steps as f32);
        self.step += 1;
    }

    /// The pictures, `[channel, row, column]` each: as they are in the end, or as they are likely to become.
    ///
    /// # Errors
    /// [`RuntimeError::Device`].
    pub async fn pictures(&self) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let tensor = if self.is_done() { &self.picture } else { &self.foreseen };
        let data = tensor.clone().into_data_async().await.map_err(device_error)?;
        let spec = self.dit.spec();
        Ok(host(data)?.chunks(spec.picture_size()).map(|one| spec.from_patches(one)).collect())
    }
}

/// Paints at once what is asked for.
///
/// # Errors
/// As [`Painting`].
pub async fn paint(
    network: &Network,
    asks: &[Ask],
    device: &Device,
) -> Result<Vec<Vec<f32>>, RuntimeError> {
    let mut painting = Painting::new(network, Vec::new(), asks, None, device)?;
    while !painting.is_done() {
        painting.advance();
    }
    painting.pictures().await
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

    fn ask(word: u32) -> Ask {
        Ask { words: vec![word, NO_WORD], seed: 3, steps: 8, guidance: 2.0, scale: 1.0 }
    }

    fn mean(part: &[f32]) -> f32 {
        part.iter().sum::<f32>() / part.len() as f32
    }

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
        let asks = [1, 2].map(ask);
        let painted = block_on(paint(training.average(), &asks, &device)).unwrap();
        let [dark, bright] = [mean(&painted[0]), mean(&painted[1])];
        assert!(dark < -0.5 && bright > 0.5, "{dark} {bright}");
        let again = block_on(paint(training.average(), &asks, &device)).unwrap();
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

#[cfg(all(test, feature = "cpu", feature = "import"))]
mod foreign;
