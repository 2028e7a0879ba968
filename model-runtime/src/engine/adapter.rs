//! Low-rank adapters of the diffusion transformer (Hu et al. 2021, arXiv 2106.09685).

use std::{cell::RefCell, rc::Rc};

use burn::{
    module::{Module, ModuleMapper, Param, ParamMapper},
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig},
    tensor::{Device, Tensor, TensorData},
};

use super::{Network, dit::Dit, layers::BLANK, linear::linear, parameters::load};
use crate::{
    RuntimeError,
    content::Digest,
    studio::{AdapterSpec, DitSpec, Painter},
    tensors::views,
};

/// Base networks that are kept for those who adapt them.
const BASES: usize = 2;

/// A base network that is kept.
struct Kept {
    digest: Digest,
    file: Rc<Vec<u8>>,
    /// The network as it was last built, and what for.
    built: Option<(DitSpec, Device, Network)>,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the parameter file of a base network for the adapters of it that come later.
pub fn provide(file: Vec<u8>) -> Digest {
    let digest = Digest::of(&file);
    KEPT.with_borrow_mut(|kept| {
        kept.retain(|other| other.digest != digest);
        kept.truncate(BASES - 1);
        kept.insert(0, Kept { digest, file: Rc::new(file), built: None });
    });
    digest
}

/// The network of a painter without its adapter, with parameters from a file that was provided.
///
/// # Errors
/// [`RuntimeError::Protocol`] if it was not; as [`load`].
pub fn provided(painter: &Painter, file: Digest, device: &Device) -> Result<Network, RuntimeError> {
    let missing = || RuntimeError::Protocol {
        reason: format!("the base network {file} was not provided before its adapter"),
    };
    let device = device.clone().without_autodiff();
    KEPT.with_borrow_mut(|kept| {
        let kept = kept.iter_mut().find(|kept| kept.digest == file).ok_or_else(missing)?;
        match &kept.built {
            Some((sizes, of, network)) if *sizes == painter.sizes && *of == device => {
                Ok(network.clone())
            }
            _ => {
                let empty = Network::Dit(Dit::new(&painter.sizes, &device));
                let network = load(empty, &views("the base network", &*kept.file)?)?;
                kept.built = Some((painter.sizes.clone(), device, network.clone()));
                Ok(network)
            }
        }
    })
}

/// A base network that an adapter is trained or worn on. Its parameters are the adapter's.
#[derive(Module, Debug)]
pub struct Adapted {
    adapter: Adapter,
    #[module(skip)]
    base: Dit,
    /// The base among tensors that have gradients, where the adapter is trained.
    #[module(skip)]
    constant: Option<Dit>,
}

impl Adapted {
    /// An adapter of zeros.
    ///
    /// # Errors
    /// As [`provided`].
    pub(super) fn new(
        painter: &Painter,
        spec: &AdapterSpec,
        device: &Device,
    ) -> Result<Self, RuntimeError> {
        let Network::Dit(base) = provided(painter, spec.base, device)? else {
            return Err(RuntimeError::Protocol {
                reason: "the base network does not paint".into(),
            });
        };
        let constant = device.is_autodiff().then(|| base.clone().map(&mut Constant));
        Ok(Self { adapter: Adapter::new(painter, spec, device), base, constant })
    }

    /// The base, beside what the adapter's tensors are.
    pub(super) fn base(&self) -> &Dit {
        match &self.constant {
            Some(constant) if self.adapter.is_trained() => constant,
            _ => &self.base,
        }
    }

    /// The adapter.
    pub(super) fn adapter(&self) -> &Adapter {
        &self.adapter
    }
}

/// Takes parameters among tensors that have gradients, as constants.
struct Constant;

impl ModuleMapper for Constant {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper): (_, Tensor<D>, ParamMapper<Tensor<D>>) = param.consume();
        Param::from_mapped_value(id, value.without_autodiff().autodiff(), mapper)
    }
}

/// What is added to a base.
#[derive(Module, Debug)]
pub struct Adapter {
    token: Option<Embedding>,
    blocks: Vec<AdapterBlock>,
    #[module(skip)]
    spec: AdapterSpec,
}

/// What is added to a block.
#[derive(Module, Debug)]
pub(super) struct AdapterBlock {
    pub(super) attn: AdapterAttention,
    pub(super) mlp: AdapterHidden,
}

#[derive(Module, Debug)]
pub(super) struct AdapterAttention {
    pub(super) qkv: LowRank,
    pub(super) proj: LowRank,
}

#[derive(Module, Debug)]
pub(super) struct AdapterHidden {
    pub(super) fc1: LowRank,
    pub(super) fc2: LowRank,
}

/// What is added to a dense layer: `x · a · b`.
#[derive(Module, Debug)]
pub(super) struct LowRank {
    a: Linear,
    b: Linear,
}

/// Parameters that are zero before the first step, so that an adapter begins by adding nothing.
pub(super) fn begins_at_zero(name: &str) -> bool {
    name.ends_with(".b.weight")
}

impl Adapter {
    /// An adapter of zeros.
    pub(super) fn new(painter: &Painter, spec: &AdapterSpec, device: &Device) -> Self {
        let sizes = &painter.sizes;
        let dense = |inputs, outputs| {
            let layer = LinearConfig::new(inputs, outputs).with_bias(false);
            layer.with_initializer(BLANK).init(device)
        };
        let low_rank =
            |inputs, outputs| LowRank { a: dense(inputs, spec.rank), b: dense(spec.rank, outputs) };
        let (width, hidden) = (sizes.width, sizes.hidden);
        let block = |_| AdapterBlock {
            attn: AdapterAttention {
                qkv: low_rank(width, 3 * width),
                proj: low_rank(width, width),
            },
            mlp: AdapterHidden { fc1: low_rank(width, hidden), fc2: low_rank(hidden, width) },
        };
        let new_words = painter.new_words();
        Self {
            token: (new_words > 0).then(|| {
                EmbeddingConfig::new(new_words, width).with_initializer(BLANK).init(device)
            }),
            blocks: (0..sizes.depth).map(block).collect(),
            spec: spec.clone(),
        }
    }

    fn is_trained(&self) -> bool {
        self.blocks.first().is_some_and(|block| block.attn.qkv.a.weight.val().is_autodiff())
    }

    /// How many words it adds.
    pub(super) fn word_count(&self) -> usize {
        self.words().map_or(0, |words| words.dims()[0])
    }

    /// What is added to block `place`.
    pub(super) fn block(&self, place: usize) -> &AdapterBlock {
        &self.blocks[place]
    }

    /// The vectors of its own words, `[words, width]`.
    pub(super) fn words(&self) -> Option<Tensor<2>> {
        self.token.as_ref().map(|token| token.weight.val())
    }

    /// What each rank is multiplied by, `[batch, 1, rank]`: `scale`, and nothing for ranks that do not work at the time.
    pub(super) fn gains(&self, times: &[f32], scale: f32, device: &Device) -> Tensor<3> {
        let rank = self.spec.rank;
        let gain = scale * self.spec.alpha / rank as f32;
        let gains: Vec<f32> = times
            .iter()
            .flat_map(|time| {
                let working = self.spec.ranks_at(*time);
                (0..rank).map(move |place| if place < working { gain } else { 0.0 })
            })
            .collect();
        Tensor::from_data(TensorData::new(gains, [times.len(), 1, rank]), device)
    }
}

impl LowRank {
    /// What is added for `x` `[batch, length, inputs]`.
    pub(super) fn forward(&self, x: Tensor<3>, gains: Tensor<3>) -> Tensor<3> {
        linear(&self.b, linear(&self.a, x) * gains)
    }
}
