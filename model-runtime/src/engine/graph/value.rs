//! Values of a graph: floats on the device, integers and truth values on the host, where shapes are worked out.
//! Masks that come of comparing floats stay on the device.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::super::parameters::{device_error, host};
use crate::{
    RuntimeError,
    graph::{Constant, Element, Values, elements},
    limits,
};

/// Axes that a tensor of any rank is given when it is moved about; ONNX's own cases have at most seven.
pub(super) const RANK: usize = 8;

/// A float tensor, row-major on the device.
#[derive(Debug, Clone)]
pub(super) struct Floats {
    /// `[n]`
    pub(super) flat: Tensor<1>,
    /// Sides; none for a single value.
    pub(super) shape: Vec<usize>,
    /// The values themselves, where they are known without asking the device.
    pub(super) known: Option<Vec<f32>>,
}

/// Integers or truth values, row-major on the host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Host<T> {
    pub(super) values: Vec<T>,
    pub(super) shape: Vec<usize>,
}

/// Truth values on the device.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    /// `[n]`
    pub(super) flat: Tensor<1, Bool>,
    pub(super) shape: Vec<usize>,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Float(Floats),
    Int(Host<i64>),
    Bool(Host<bool>),
    Mask(Mask),
}

/// What can be wrong with a value, as a reason.
pub(super) type Res<T> = Result<T, String>;

/// Why an operator did not do what it should.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be done with these values and settings.
    Reason(String),
    /// Something beneath it failed.
    Runtime(RuntimeError),
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

impl From<RuntimeError> for Fault {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(error)
    }
}

/// What an operator gives.
pub(super) type Done<T> = Result<T, Fault>;

/// Numbers of a shape, if a value may have as many.
pub(super) fn count(shape: &[usize]) -> Res<usize> {
    match elements(shape) {
        Some(count) if count <= limits::MAX_VALUE => Ok(count as usize),
        _ => Err(format!("a value of shape {shape:?} has more than {} numbers", limits::MAX_VALUE)),
    }
}

impl Floats {
    pub(super) fn new(flat: Tensor<1>, shape: Vec<usize>) -> Self {
        Self { flat, shape, known: None }
    }

    pub(super) fn from_host(values: Vec<f32>, shape: Vec<usize>, device: &Device) -> Self {
        // Settings are asked for again and again; weights are not.
        let known = (values.len() <= 64).then(|| values.clone());
        let count = values.len();
        Self { flat: Tensor::from_data(TensorData::new(values, [count]), device), shape, known }
    }

    /// From a tensor of any rank.
    pub(super) fn from<const D: usize>(tensor: Tensor<D>, shape: Vec<usize>) -> Self {
        let count = tensor.shape().num_elements();
        Self::new(tensor.reshape([count]), shape)
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// With other sides, of as many numbers.
    pub(super) fn reshaped(self, shape: Vec<usize>) -> Self {
        Self { shape, ..self }
    }

    /// As a tensor of `D` axes; the shape must have as many.
    pub(super) fn nd<const D: usize>(&self) -> Res<Tensor<D>> {
        let shape: [usize; D] = self
            .shape
            .clone()
            .try_into()
            .map_err(|_| format!("it takes {D} axes, not {:?}", self.shape))?;
        Ok(self.flat.clone().reshape(shape))
    }

    /// As a matrix of `rows`.
    pub(super) fn matrix(&self, rows: usize) -> Tensor<2> {
        self.flat.clone().reshape([rows, self.len() / rows.max(1)])
    }

    /// Each value changed by itself.
    pub(super) fn map(self, f: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        Self::new(f(self.flat), self.shape)
    }

    pub(super) fn device(&self) -> Device {
        self.flat.device()
    }

    /// The axes in another order.
    pub(super) fn permute(&self, order: &[usize]) -> Res<Self> {
        let shape: Vec<usize> = order.iter().map(|axis| self.shape[*axis]).collect();
        if order.iter().enumerate().all(|(to, from)| to == *from) {
            return Ok(self.clone());
        }
        let lead = lead(self.rank())?;
        let mut axes = [0; RANK];
        for (to, axis) in axes.iter_mut().enumerate() {
            *axis = if to < lead { to } else { order[to - lead] + lead };
        }
        Ok(Self::from(self.wide()?.permute(axes.map(|axis| axis as isize)), shape))
    }

    /// As a tensor of [`RANK`] axes, the first ones of length one.
    pub(super) fn wide(&self) -> Res<Tensor<RANK>> {
        Ok(self.flat.clone().reshape(wide_shape(&self.shape)?))
    }

    /// Repeated along axes of length one until it has `shape`.
    pub(super) fn expand(&self, shape: &[usize]) -> Res<Self> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        count(shape)?;
        let mut known = None;
        if self.len() == 1 {
            known = self
                .known
                .as_ref()
                .filter(|_| shape.iter().product::<usize>() <= 64)
                .map(|known| vec![known[0]; shape.iter().product()]);
        }
        if shape.contains(&0) {
            return Ok(Self::from_host(Vec::new(), shape.to_vec(), &self.device()));
        }
        let wide = self.wide()?.expand(wide_shape(shape)?);
        Ok(Self { known, ..Self::from(wide, shape.to_vec()) })
    }

    /// The values in another order, or some of them, or some several times: `indices` into the flat ones.
    pub(super) fn pick(&self, indices: Vec<usize>, shape: Vec<usize>) -> Self {
        let known = self
            .known
            .as_ref()
            .filter(|_| indices.len() <= 64)
            .map(|known| indices.iter().map(|i| known[*i]).collect());
        let count = indices.len();
        let indices: Vec<i32> = indices.into_iter().map(|index| index as i32).collect();
        let indices =
            Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &self.device());
        Self { known, ..Self::new(self.flat.clone().select(0, indices), shape) }
    }

    /// The values, from the device where that is needed.
    pub(super) async fn read(&self) -> Result<Vec<f32>, RuntimeError> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        host(self.flat.clone().into_data_async().await.map_err(device_error)?)
    }
}

/// Axes before a value's own in [`Floats::wide`].
pub(super) fn lead(rank: usize) -> Res<usize> {
    RANK.checked_sub(rank)
        .ok_or_else(|| format!("a value has {rank} axes; at most {RANK} are possible"))
}

pub(super) fn wide_shape(shape: &[usize]) -> Res<[usize; RANK]> {
    let lead = lead(shape.len())?;
    let mut wide = [1; RANK];
    wide[lead..].copy_from_slice(shape);
    Ok(wide)
}

impl<T: Copy> Host<T> {
    pub(super) fn new(values: Vec<T>, shape: Vec<usize>) -> Self {
        Self { values, shape }
    }

    pub(super) fn single(value: T) -> Self {
        Self::new(vec![value], Vec::new())
    }

    pub(super) fn list(values: Vec<T>) -> Self {
        let count = values.len();
        Self::new(values, vec![count])
    }

    pub(super) fn pick(&self, indices: &[usize], shape: Vec<usize>) -> Self {
        Self::new(indices.iter().map(|index| self.values[*index]).collect(), shape)
    }

    pub(super) fn map<U: Copy>(&self, f: impl FnMut(T) -> U) -> Host<U> {
        Host::new(self.values.iter().copied().map(f).collect(), self.shape.clone())
    }

    /// Two of them, value by value, the smaller one repeated.
    pub(super) fn zip<U: Copy, V: Copy>(
        &self,
        other: &Host<U>,
        f: impl Fn(T, U) -> V,
    ) -> Res<Host<V>> {
        let shape = broadcast(&self.shape, &other.shape)?;
        let left = expanded(&self.shape, &shape)?;
        let right = expanded(&other.shape, &shape)?;
        let values =
            left.iter().zip(&right).map(|(l, r)| f(self.values[*l], other.values[*r])).collect();
        Ok(Host::new(values, shape))
    }
}

impl Host<bool> {
    pub(super) fn mask(&self, device: &Device) -> Mask {
        let data = TensorData::new(self.values.clone(), [self.values.len()]);
        Mask { flat: Tensor::from_data(data, device), shape: self.shape.clone() }
    }
}

impl Host<i64> {
    pub(super) fn floats(&self, device: &Device) -> Floats {
        Floats::from_host(
            self.values.iter().map(|v| *v as f32).collect(),
            self.shape.clone(),
            device,
        )
    }

    /// As a tensor of indices `[n]`.
    pub(super) fn indices(&self, device: &Device) -> Tensor<1, Int> {
        let values: Vec<i32> = self.values.iter().map(|v| *v as i32).collect();
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), device)
    }
}

impl Mask {
    pub(super) fn floats(&self) -> Floats {
        Floats::new(self.flat.clone().float(), self.shape.clone())
    }

    pub(super) async fn read(&self) -> Result<Host<bool>, RuntimeError> {
        let values = self.floats().read().await?;
        Ok(Host::new(values.into_iter().map(|v| v != 0.0).collect(), self.shape.clone()))
    }

    pub(super) fn expand(&self, shape: &[usize]) -> Res<Self> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        let wide = self.flat.clone().reshape(wide_shape(&self.shape)?).expand(wide_shape(shape)?);
        Ok(Self { flat: wide.reshape([count(shape)?]), shape: shape.to_vec() })
    }
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Float(value) => &value.shape,
            Self::Int(value) => &value.shape,
            Self::Bool(value) => &value.shape,
            Self::Mask(value) => &value.shape,
        }
    }

    pub(super) fn element(&self) -> Element {
        match self {
            Self::Float(_) => Element::Float,
            Self::Int(_) => Element::Int,
            Self::Bool(_) | Self::Mask(_) => Element::Bool,
        }
    }

    pub(super) fn from_constant(constant: &Constant, device: &Device) -> Self {
        let shape = constant.shape.clone();
        match &constant.values {
            Values::Float(values) => Self::Float(Floats::from_host(values.clone(), shape, device)),
            Values::Int(values) => Self::Int(Host::new(values.clone(), shape)),
            Values::Bool(values) => Self::Bool(Host::new(values.clone(), shape)),
        }
    }

    /// The value on the host.
    pub(super) async fn to_constant(&self) -> Result<Constant, RuntimeError> {
        let shape = self.shape().to_vec();
        let values = match self {
            Self::Float(value) => Values::Float(value.read().await?),
            Self::Int(value) => Values::Int(value.values.clone()),
            Self::Bool(value) => Values::Bool(value.values.clone()),
            Self::Mask(value) => Values::Bool(value.read().await?.values),
        };
        Ok(Constant { shape, values })
    }

    pub(super) fn reshaped(self, shape: Vec<usize>) -> Self {
        match self {
            Self::Float(value) => Self::Float(value.reshaped(shape)),
            Self::Int(value) => Self::Int(Host { shape, ..value }),
            Self::Bool(value) => Self::Bool(Host { shape, ..value }),
            Self::Mask(value) => Self::Mask(Mask { shape, ..value }),
        }
    }

    /// Some of the flat values in some order.
    pub(super) fn pick(&self, indices: Vec<usize>, shape: Vec<usize>) -> Self {
        match self {
            Self::Float(value) => Self::Float(value.pick(indices, shape)),
            Self::Int(value) => Self::Int(value.pick(&indices, shape)),
            Self::Bool(value) => Self::Bool(value.pick(&indices, shape)),
            Self::Mask(value) => {
                let picked = value.floats().pick(indices, shape);
                Self::Mask(Mask { flat: picked.flat.not_equal_scalar(0.0), shape: picked.shape })
            }
        }
    }
}

/// The shape that two shapes have together, where sides of one are repeated
/// (<https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md>).
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Res<Vec<usize>> {
    let rank = left.len().max(right.len());
    let side = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    let shape: Option<Vec<usize>> = (0..rank)
        .map(|axis| match (side(left, axis), side(right, axis)) {
            (l, r) if l == r => Some(l),
            (1, r) => Some(r),
            (l, 1) => Some(l),
            _ => None,
        })
        .collect();
    let shape =
        shape.ok_or_else(|| format!("the shapes {left:?} and {right:?} do not go together"))?;
    count(&shape)?;
    Ok(shape)
}

/// Flat indices into a value of shape `from` that repeat it until it has shape `to`.
pub(super) fn expanded(from: &[usize], to: &[usize]) -> Res<Vec<usize>> {
    let lead =
        to.len().checked_sub(from.len()).ok_or("a value has more axes than it is repeated to")?;
    let own = strides(from);
    let strides: Vec<usize> = (0..to.len())
        .map(|axis| match axis.checked_sub(lead) {
            Some(axis) if from[axis] != 1 => own[axis],
            _ => 0,
        })
        .collect();
    count(to)?;
    Ok(walk(to, &strides))
}

/// Row-major strides.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The flat index of each place of `shape`, row-major, by the given strides.
pub(super) fn walk(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut indices = vec![0];
    for (side, stride) in shape.iter().zip(strides) {
        indices =
            indices.iter().flat_map(|base| (0..*side).map(move |i| base + i * stride)).collect();
    }
    indices
}

/// An axis counted from the front.
pub(super) fn axis(axis: i64, rank: usize) -> Res<usize> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| format!("there is no axis {axis} among {rank}"))
}
