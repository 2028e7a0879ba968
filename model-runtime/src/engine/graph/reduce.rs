//! Operators over whole axes: sums and the like, softmax, normalisations, losses. Each is done on a matrix whose rows
//! are what is taken together.

use burn::tensor::{Tensor, activation};

use super::{
    Op,
    elementwise::{POWER, arithmetic},
    value::{Done, Fault, Floats, Host, Mask, Res, Value, axis, count, strides, walk},
};

/// Axes to be taken together, and the others.
struct Split {
    /// Axes that stay, in order.
    kept: Vec<usize>,
    /// Axes that are taken together, in order.
    taken: Vec<usize>,
}

impl Split {
    fn new(axes: &[i64], rank: usize) -> Res<Self> {
        let mut taken = axes.iter().map(|at| axis(*at, rank)).collect::<Res<Vec<_>>>()?;
        taken.sort_unstable();
        taken.dedup();
        let kept = (0..rank).filter(|axis| !taken.contains(axis)).collect();
        Ok(Self { kept, taken })
    }

    fn order(&self) -> Vec<usize> {
        self.kept.iter().chain(&self.taken).copied().collect()
    }

    fn rows(&self, shape: &[usize]) -> usize {
        self.kept.iter().map(|axis| shape[*axis]).product()
    }

    /// The shape once the axes are gone, or of length one.
    fn reduced(&self, shape: &[usize], keep: bool) -> Vec<usize> {
        let side = |(axis, side): (usize, &usize)| match self.taken.contains(&axis) {
            true => keep.then_some(1),
            false => Some(*side),
        };
        shape.iter().enumerate().filter_map(side).collect()
    }
}

/// Axes as an input (newer operator sets) or a setting (older ones).
fn axes(op: &Op, rank: usize) -> Done<Option<Vec<i64>>> {
    if let Some(ints) = op.node.ints("axes")? {
        return Ok(Some(ints.to_vec()));
    }
    let axes = op.optional_ints(1)?.map(|axes| axes.values.clone());
    Ok(match axes {
        Some(axes) if !axes.is_empty() => Some(axes),
        _ if op.node.int("noop_with_empty_axes", 0)? != 0 => None,
        _ => Some((0..rank as i64).collect()),
    })
}

/// Every `Reduce…`.
pub(super) fn reduce(op: &Op, x: &Value) -> Done<Value> {
    let keep = op.node.int("keepdims", 1)? != 0;
    let name = op.kind();
    let Some(axes) = axes(op, x.shape().len())? else {
        return match x {
            Value::Float(x) => Ok(Value::Float(each(name, x.clone()))),
            x => Ok(x.clone()),
        };
    };
    let split = Split::new(&axes, x.shape().len())?;
    let shape = split.reduced(x.shape(), keep);
    match x {
        Value::Float(x) if x.len() == 0 => {
            let empty = match name {
                "ReduceProd" => 1.0,
                "ReduceMax" | "ReduceLogSum" | "ReduceLogSumExp" => f32::NEG_INFINITY,
                "ReduceMin" => f32::INFINITY,
                "ReduceMean" => f32::NAN,
                _ => 0.0,
            };
            Ok(Value::Float(Floats::from_host(vec![empty; count(&shape)?], shape, &op.device)))
        }
        Value::Float(x) => {
            let rows = split.rows(&x.shape);
            let matrix = x.permute(&split.order())?.matrix(rows);
            Ok(Value::Float(Floats::from(rows_to_one(name, matrix), shape)))
        }
        Value::Int(x) => {
            let function: fn(i64, i64) -> i64 = match name {
                "ReduceSum" | "ReduceMean" => i64::wrapping_add,
                "ReduceProd" => i64::wrapping_mul,
                "ReduceMax" => i64::max,
                "ReduceMin" => i64::min,
                "ReduceL1" => |sum, v| sum.wrapping_add(v.wrapping_abs()),
                "ReduceSumSquare" => |sum, v| sum.wrapping_add(v.wrapping_mul(v)),
                _ => return Err(op.wants("floats")),
            };
            let rows = host_rows(&x.shape, &split, &x.values);
            let (start, once) = match name {
                "ReduceProd" => (1, false),
                "ReduceMax" | "ReduceMin" | "ReduceMean" if rows.iter().any(Vec::is_empty) => {
                    return Err("there is nothing to take it of".into());
                }
                "ReduceMax" => (i64::MIN, false),
                "ReduceMin" => (i64::MAX, false),
                "ReduceMean" => (0, true),
                _ => (0, false),
            };
            let values = rows.iter().map(|row| {
                let sum = row.iter().fold(start, |sum, v| function(sum, *v));
                if once { sum / row.len() as i64 } else { sum }
            });
            Ok(Value::Int(Host::new(values.collect(), shape)))
        }
        Value::Bool(x) => {
            let rows = host_rows(&x.shape, &split, &x.values);
            let all = name == "ReduceMin";
            let values = rows
                .iter()
                .map(|row| if all { row.iter().all(|v| *v) } else { row.contains(&true) });
            Ok(Value::Bool(Host::new(values.collect(), shape)))
        }
        Value::Mask(_) => Err(op.wants("numbers")),
    }
}

fn host_rows<T: Copy>(shape: &[usize], split: &Split, values: &[T]) -> Vec<Vec<T>> {
    let strides = strides(shape);
    let of = |axes: &[usize]| {
        let sides: Vec<_> = axes.iter().map(|axis| shape[*axis]).collect();
        let strides: Vec<_> = axes.iter().map(|axis| strides[*axis]).collect();
        walk(&sides, &strides)
    };
    let inner = of(&split.taken);
    of(&split.kept)
        .into_iter()
        .map(|base| inner.iter().map(|at| values[base + at]).collect())
        .collect()
}

/// What a reduction over nothing does to each value.
fn each(name: &str, x: Floats) -> Floats {
    match name {
        "ReduceL1" | "ReduceL2" => x.map(Tensor::abs),
        "ReduceSumSquare" => x.map(|x| x.clone() * x),
        "ReduceLogSum" => x.map(Tensor::log),
        _ => x,
    }
}

fn rows_to_one(name: &str, x: Tensor<2>) -> Tensor<2> {
    match name {
        "ReduceMean" => x.mean_dim(1),
        "ReduceMax" => x.max_dim(1),
        "ReduceMin" => x.min_dim(1),
        "ReduceProd" => x.prod_dim(1),
        "ReduceL1" => x.abs().sum_dim(1),
        "ReduceL2" => (x.clone() * x).sum_dim(1).sqrt(),
        "ReduceSumSquare" => (x.clone() * x).sum_dim(1),
        "ReduceLogSum" => x.sum_dim(1).log(),
        "ReduceLogSumExp" => {
            let top = x.clone().max_dim(1).detach();
            (x - top.clone()).exp().sum_dim(1).log() + top
        }
        _ => x.sum_dim(1),
    }
}

/// The order of axes that takes another order back.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, from)| back[*from] = to);
    back
}

/// Does something to each row along an axis; what comes out is as long as the rows are then.
pub(super) fn along(x: &Floats, at: usize, f: impl FnOnce(Tensor<2>) -> Tensor<2>) -> Res<Floats> {
    let mut order: Vec<usize> = (0..x.rank()).filter(|axis| *axis != at).collect();
    order.push(at);
    let moved = x.permute(&order)?;
    let side = x.shape[at].max(1);
    let rows = f(moved.matrix(moved.len() / side));
    let mut shape = moved.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = rows.dims()[1];
    }
    let done = Floats::from(rows, shape);
    done.permute(&inverse(&order))
}

/// `Softmax`, `LogSoftmax`, `Hardmax`.
pub(super) fn softmax(op: &Op, x: &Floats) -> Done<Floats> {
    let f = |x: Tensor<2>| match op.kind() {
        "Softmax" => activation::softmax(x, 1),
        "LogSoftmax" => activation::log_softmax(x, 1),
        _ => {
            let [_, width] = x.dims();
            if width < 2 {
                return x.ones_like();
            }
            let best = x.argmax(1);
            best.one_hot::<3>(width).float().squeeze_dim(1)
        }
    };
    if x.rank() == 0 {
        return Ok(x.clone().map(|x| f(x.reshape([1, 1])).reshape([1])));
    }
    if op.opset < 13 {
        // Everything from the axis on is one row.
        let from = axis(op.node.int("axis", 1)?, x.rank() + 1)?;
        let rows = x.shape[..from].iter().product();
        return Ok(Floats::from(f(x.matrix(rows)), x.shape.clone()));
    }
    Ok(along(x, axis(op.node.int("axis", -1)?, x.rank())?, f)?)
}

/// `CumSum` and `CumProd` along an axis that is given.
pub(super) fn cumulate(op: &Op, x: &Value) -> Done<Value> {
    let at = op.int_list(1)?;
    let at = axis(*at.values.first().ok_or("its axis is empty")?, x.shape().len())?;
    let exclusive = op.node.int("exclusive", 0)? != 0;
    let reverse = op.node.int("reverse", 0)? != 0;
    let product = op.kind() == "CumProd";
    match x {
        Value::Float(x) => Ok(Value::Float(along(x, at, |x| {
            let turn = |x: Tensor<2>| if reverse { x.flip([1]) } else { x };
            let mut whole = turn(x);
            let [rows, width] = whole.dims();
            if exclusive {
                // Each place by those before it alone.
                let first = Tensor::full([rows, 1], f32::from(u8::from(product)), &whole.device());
                whole = Tensor::cat(vec![first, whole], 1).narrow(1, 0, width);
            }
            turn(if product { whole.cumprod(1) } else { whole.cumsum(1) })
        })?)),
        Value::Int(x) => {
            let strides = strides(&x.shape);
            let (step, side) = (strides[at], x.shape[at]);
            let mut values = x.values.clone();
            let starts = (0..values.len()).filter(|i| i / step % side == 0);
            for start in starts.collect::<Vec<_>>() {
                let mut total = i64::from(product);
                for k in 0..side {
                    let place = start + step * if reverse { side - 1 - k } else { k };
                    let own = x.values[place];
                    let next =
                        if product { total.wrapping_mul(own) } else { total.wrapping_add(own) };
                    values[place] = if exclusive { total } else { next };
                    total = next;
                }
            }
            Ok(Value::Int(Host::new(values, x.shape.clone())))
        }
        _ => Err(op.wants("numbers")),
    }
}

/// `ArgMax` and `ArgMin`.
pub(super) async fn best(op: &Op<'_>, x: &Value) -> Done<Value> {
    let numbers: Vec<f64> = match x {
        Value::Float(x) => x.read().await?.into_iter().map(f64::from).collect(),
        Value::Int(x) => x.values.iter().map(|v| *v as f64).collect(),
        _ => return Err(op.wants("numbers")),
    };
    let at = axis(op.node.int("axis", 0)?, x.shape().len())?;
    let split = Split::new(&[at as i64], x.shape().len())?;
    let last = op.node.int("select_last_index", 0)? != 0;
    let largest = op.kind() == "ArgMax";
    let values = host_rows(x.shape(), &split, &numbers).into_iter().map(|row| {
        let mut best = 0;
        for (place, value) in row.iter().enumerate() {
            let better = if largest { *value > row[best] } else { *value < row[best] };
            if better || (last && *value == row[best]) {
                best = place;
            }
        }
        best as i64
    });
    let values = values.collect();
    Ok(Value::Int(Host::new(values, split.reduced(x.shape(), op.node.int("keepdims", 1)? != 0))))
}

/// `TopK`: the values stay on the device, chosen by places that are worked out on the host.
pub(super) async fn top(op: &Op<'_>, x: &Value) -> Done<Vec<Value>> {
    let numbers: Vec<f64> = match x {
        Value::Float(x) => x.read().await?.into_iter().map(f64::from).collect(),
        Value::Int(x) => x.values.iter().map(|v| *v as f64).collect(),
        _ => return Err(op.wants("numbers")),
    };
    let shape = x.shape();
    let at = axis(op.node.int("axis", -1)?, shape.len())?;
    let k = *op.int_list(1)?.values.first().ok_or("its k is empty")?;
    let k = usize::try_from(k)
        .ok()
        .filter(|k| *k <= shape[at])
        .ok_or_else(|| format!("it takes the top {k} of {}", shape[at]))?;
    let largest = op.node.int("largest", 1)? != 0;
    let steps = strides(shape);
    let mut outer: Vec<usize> = shape.to_vec();
    outer[at] = 1;
    let bases = walk(&outer, &steps);
    let mut chosen = Vec::with_capacity(bases.len());
    for base in &bases {
        let mut row: Vec<usize> = (0..shape[at]).collect();
        row.sort_by(|l, r| {
            let (l, r) = (numbers[base + l * steps[at]], numbers[base + r * steps[at]]);
            let order = l.partial_cmp(&r).unwrap_or(std::cmp::Ordering::Equal);
            if largest { order.reverse() } else { order }
        });
        row.truncate(k);
        chosen.push(row);
    }
    let mut out = shape.to_vec();
    out[at] = k;
    let total = count(&out)?;
    let (mut places, mut indices) = (vec![0; total], vec![0i64; total]);
    let (mut ones, own) = (out.clone(), strides(&out));
    ones[at] = 1;
    for ((base, to), row) in bases.iter().zip(walk(&ones, &own)).zip(&chosen) {
        for (rank, place) in row.iter().enumerate() {
            places[to + rank * own[at]] = base + place * steps[at];
            indices[to + rank * own[at]] = *place as i64;
        }
    }
    Ok(vec![x.pick(places, out.clone()), Value::Int(Host::new(indices, out))])
}

/// (x − mean) ÷ √(variance + ε) of each row; with the mean and the divisor's inverse, `[rows, 1]`.
fn standardize(x: Tensor<2>, epsilon: f32) -> [Tensor<2>; 3] {
    let mean = x.clone().mean_dim(1);
    let centred = x - mean.clone();
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let inverse = (variance + epsilon).sqrt().recip();
    [centred * inverse.clone(), mean, inverse]
}

/// `LayerNormalization` and `RMSNormalization`, over all axes from one on.
pub(super) fn layer_norm(op: &Op, x: &Floats) -> Done<Vec<Value>> {
    let at = axis(op.node.int("axis", -1)?, x.rank())?;
    let epsilon = op.node.float("epsilon", 1e-5)?;
    let rows: usize = x.shape[..at].iter().product();
    let matrix = x.matrix(rows);
    let [normal, mean, inverse] = if op.kind() == "RMSNormalization" {
        let inverse = ((matrix.clone() * matrix.clone()).mean_dim(1) + epsilon).sqrt().recip();
        [matrix * inverse.clone(), inverse.clone(), inverse]
    } else {
        standardize(matrix, epsilon)
    };
    let mut y =
        arithmetic(&Floats::from(normal, x.shape.clone()), op.float(1)?, |x, scale| x * scale)?;
    if let Some(Value::Float(bias)) = op.optional(2) {
        y = arithmetic(&y, bias, |y, bias| y + bias)?;
    }
    let mut short = x.shape.clone();
    short[at..].fill(1);
    let figure = |tensor| Value::Float(Floats::from(tensor, short.clone()));
    Ok(vec![Value::Float(y), figure(mean), figure(inverse)])
}

/// One number a channel, as `[1, channels, 1, …]` for an input of some axes.
fn by_channel(values: &Floats, rank: usize) -> Floats {
    let mut shape = vec![1; rank.max(2)];
    shape[1] = values.len();
    values.clone().reshaped(shape)
}

/// `InstanceNormalization` and `GroupNormalization`: each channel, or group of channels, of each example by itself.
pub(super) fn group_norm(op: &Op, x: &Floats) -> Done<Floats> {
    if x.rank() < 3 {
        return Err(Fault::Reason(format!("it takes 3 axes or more, not {:?}", x.shape)));
    }
    let channels = x.shape[1];
    let groups = match op.kind() {
        "InstanceNormalization" => channels,
        _ => usize::try_from(op.node.int("num_groups", 1)?).unwrap_or(0),
    };
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(Fault::Reason(format!("{groups} groups do not divide {channels} channels")));
    }
    let [normal, ..] = standardize(x.matrix(x.shape[0] * groups), op.node.float("epsilon", 1e-5)?);
    let normal = Floats::from(normal, x.shape.clone());
    let (scale, bias) = (op.float(1)?, op.float(2)?);
    if scale.len() == channels {
        let scaled = arithmetic(&normal, &by_channel(scale, x.rank()), |x, scale| x * scale)?;
        return Ok(arithmetic(&scaled, &by_channel(bias, x.rank()), |x, bias| x + bias)?);
    }
    // Up to operator set 20, a number a group.
    let mut shape = vec![x.shape[0], groups];
    shape.push(x.len() / (x.shape[0] * groups));
    let grouped = normal.reshaped(shape);
    let scaled = arithmetic(&grouped, &by_channel(scale, 3), |x, scale| x * scale)?;
    let shifted = arithmetic(&scaled, &by_channel(bias, 3), |x, bias| x + bias)?;
    Ok(shifted.reshaped(x.shape.clone()))
}

/// `BatchNormalization`: by figures that are given, or in training by those of the batch, which then are the second
/// and third result.
pub(super) fn batch_norm(op: &Op, x: &Floats) -> Done<Vec<Value>> {
    let channels = *x.shape.get(1).ok_or("it takes 2 axes or more")?;
    let inputs = [op.float(1)?, op.float(2)?, op.float(3)?, op.float(4)?];
    if let Some(odd) = inputs.iter().find(|value| value.len() != channels) {
        return Err(Fault::Reason(format!(
            "it takes {channels} numbers, one a channel, not {:?}",
            odd.shape
        )));
    }
    let [scale, bias, mean, variance] = inputs;
    let epsilon = op.node.float("epsilon", 1e-5)?;
    let rank = x.rank();
    if op.training || op.node.int("training_mode", 0)? != 0 {
        let others: Vec<i64> = (0..rank as i64).filter(|axis| *axis != 1).collect();
        let split = Split::new(&others, rank)?;
        let matrix = x.permute(&split.order())?.matrix(channels);
        let momentum = op.node.float("momentum", 0.9)?;
        let own_mean = matrix.clone().mean_dim(1).reshape([channels]);
        let centred = matrix.clone() - matrix.mean_dim(1);
        let own_variance = (centred.clone() * centred).mean_dim(1).reshape([channels]);
        let running = |old: &Floats, own: &Tensor<1>| {
            let new =
                old.flat.clone().detach() * momentum + own.clone().detach() * (1.0 - momentum);
            Value::Float(Floats::new(new, vec![channels]))
        };
        let figures = [running(mean, &own_mean), running(variance, &own_variance)];
        let y = normalized(x, scale, bias, &own_mean, &own_variance, epsilon)?;
        let [mean, variance] = figures;
        return Ok(vec![Value::Float(y), mean, variance]);
    }
    let y = normalized(x, scale, bias, &mean.flat, &variance.flat, epsilon)?;
    Ok(vec![Value::Float(y)])
}

/// (x − mean) ÷ √(variance + ε) · scale + bias by channel, as one product and one sum.
fn normalized(
    x: &Floats,
    scale: &Floats,
    bias: &Floats,
    mean: &Tensor<1>,
    variance: &Tensor<1>,
    epsilon: f32,
) -> Done<Floats> {
    let factor = scale.flat.clone() / (variance.clone() + epsilon).sqrt();
    let shift = bias.flat.clone() - mean.clone() * factor.clone();
    let channel = |flat: Tensor<1>| by_channel(&Floats::new(flat, scale.shape.clone()), x.rank());
    let scaled = arithmetic(x, &channel(factor), |x, factor| x * factor)?;
    Ok(arithmetic(&scaled, &channel(shift), |x, shift| x + shift)?)
}

/// `MeanVarianceNormalization` over the axes 0, 2, 3 unless others are set.
pub(super) fn mean_variance(op: &Op, x: &Floats) -> Done<Floats> {
    let axes = op.node.ints("axes")?.unwrap_or(&[0, 2, 3]);
    let split = Split::new(axes, x.rank())?;
    let order = split.order();
    let moved = x.permute(&order)?;
    let rows = split.rows(&x.shape);
    let [normal, ..] = standardize(moved.matrix(rows), 1e-9);
    Ok(Floats::from(normal, moved.shape.clone()).permute(&inverse(&order))?)
}

/// `LpNormalization`: each row divided by its length.
pub(super) fn lp_norm(op: &Op, x: &Floats) -> Done<Floats> {
    let p = op.node.int("p", 2)?;
    let at = axis(op.node.int("axis", -1)?, x.rank())?;
    Ok(along(x, at, |x| {
        let length = if p == 1 {
            x.clone().abs().sum_dim(1)
        } else {
            (x.clone() * x.clone()).sum_dim(1).sqrt()
        };
        // A row of zeros stays one.
        let none = length.clone().equal_scalar(0.0);
        x / length.mask_fill(none, 1.0)
    })?)
}

/// `LRN`: across neighbouring channels (Krizhevsky et al. 2012, section 3.3).
pub(super) fn local_response(op: &Op, x: &Floats) -> Done<Floats> {
    let size = usize::try_from(op.node.int("size", 1)?).unwrap_or(0);
    if size == 0 || x.rank() < 2 {
        return Err("it takes a size of 1 or more, and 2 axes or more".into());
    }
    let (alpha, beta, bias) =
        (op.node.float("alpha", 1e-4)?, op.node.float("beta", 0.75)?, op.node.float("bias", 1.0)?);
    if !(-POWER..=POWER).contains(&beta) {
        return Err(Fault::Reason(format!("its beta is {beta}")));
    }
    let channels = x.shape[1];
    // Which channels each one looks at, as a matrix.
    let (before, after) = ((size - 1) / 2, (size - 1).div_ceil(2));
    let near = (0..channels).flat_map(|c| {
        (0..channels)
            .map(move |other| if other + before >= c && other <= c + after { 1.0 } else { 0.0 })
    });
    let near =
        Floats::from_host(near.collect(), vec![channels, channels], &op.device).matrix(channels);
    let square = x.clone().map(|x| x.clone() * x);
    let sum = along(&square, 1, |square| square.matmul(near.transpose()))?;
    let divisor = sum.map(|sum| (sum * (alpha / size as f32) + bias).powf_scalar(beta));
    Ok(arithmetic(x, &divisor, |x, divisor| x / divisor)?)
}

/// `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`.
pub(super) fn loss(op: &Op, x: &Floats) -> Done<Vec<Value>> {
    if x.rank() < 2 {
        return Err("it takes 2 axes or more".into());
    }
    let labels = op.int_list(1)?;
    let (examples, classes) = (x.shape[0], x.shape[1]);
    let rest: Vec<usize> = x.shape[2..].to_vec();
    let split = Split::new(&[1], x.rank())?;
    let mut places = vec![examples];
    places.extend(&rest);
    if labels.shape != places {
        return Err(Fault::Reason(format!(
            "its labels have the shape {:?}, not {places:?}",
            labels.shape
        )));
    }
    let rows = count(&places)?;
    let mut scores = x.permute(&split.order())?.matrix(rows);
    if op.kind() == "SoftmaxCrossEntropyLoss" {
        scores = activation::log_softmax(scores, 1);
    }
    let ignored =
        op.node.attributes.contains_key("ignore_index").then_some(op.node.int("ignore_index", 0)?);
    let weights = match op.optional(2) {
        Some(Value::Float(weights)) => Some(weights.matrix(1)),
        _ => None,
    };
    let mut chosen = vec![0f32; rows * classes];
    for (row, label) in labels.values.iter().enumerate() {
        if Some(*label) == ignored {
            continue;
        }
        let class = usize::try_from(*label).ok().filter(|class| *class < classes);
        let class =
            class.ok_or_else(|| format!("its label {label} is none of {classes} classes"))?;
        chosen[row * classes + class] = 1.0;
    }
    let chosen = Floats::from_host(chosen, vec![rows, classes], &op.device).matrix(rows);
    let weighted = match weights {
        Some(weights) => chosen * weights,
        None => chosen,
    };
    let each = (scores.clone() * weighted.clone()).sum_dim(1).neg();
    let result = match op.node.text("reduction", "mean")? {
        "none" => Floats::from(each, places),
        "sum" => Floats::from(each.sum(), Vec::new()),
        _ => Floats::from(each.sum() / weighted.sum(), Vec::new()),
    };
    let mut moved: Vec<usize> = places_of(&x.shape);
    moved.push(classes);
    let mut back: Vec<usize> = vec![0];
    back.push(x.rank() - 1);
    back.extend(1..x.rank() - 1);
    let log_probabilities = Floats::from(scores, moved).permute(&back)?;
    Ok(vec![Value::Float(result), Value::Float(log_probabilities)])
}

fn places_of(shape: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().filter(|(axis, _)| *axis != 1).map(|(_, side)| *side).collect()
}

/// `Dropout`: while training, a share of the values is zero and the others make up for it.
pub(super) async fn dropout(op: &Op<'_>, x: &Floats) -> Done<Vec<Value>> {
    let all = || Value::Bool(Host::new(vec![true; x.len()], x.shape.clone()));
    let ratio = match op.optional(1) {
        Some(Value::Float(ratio)) => ratio.read().await?.first().copied().unwrap_or(0.5),
        _ => op.node.float("ratio", 0.5)?,
    };
    let forced = match op.optional(2) {
        Some(value) => op.host_bool(value).await?.values.first() == Some(&true),
        None => false,
    };
    if forced && !op.training && ratio > 0.0 {
        return Err("it is to drop values outside of a training (training_mode)".into());
    }
    if !op.training || ratio <= 0.0 {
        return Ok(vec![Value::Float(x.clone()), all()]);
    }
    if ratio >= 1.0 {
        return Err(Fault::Reason(format!("its ratio is {ratio}, but must be below 1")));
    }
    let kept = (op.draw)(x.len(), ratio);
    let mask = kept.iter().map(|kept| if *kept { 1.0 / (1.0 - ratio) } else { 0.0 }).collect();
    let mask = Floats::from_host(mask, x.shape.clone(), &op.device);
    let y = Floats::new(x.flat.clone() * mask.flat, x.shape.clone());
    Ok(vec![Value::Float(y), Value::Bool(Host::new(kept, x.shape.clone()))])
}

/// `IsNaN` and `IsInf`.
pub(super) fn is_odd(op: &Op, x: &Floats) -> Done<Mask> {
    let flat = x.flat.clone();
    let flat = if op.kind() == "IsNaN" {
        flat.is_nan()
    } else {
        let (up, down) =
            (op.node.int("detect_positive", 1)? != 0, op.node.int("detect_negative", 1)? != 0);
        match (up, down) {
            (true, true) => flat.is_inf(),
            (true, false) => flat.equal_scalar(f32::INFINITY),
            (false, true) => flat.equal_scalar(f32::NEG_INFINITY),
            (false, false) => flat.is_inf().bool_and(x.flat.clone().is_nan()),
        }
    };
    Ok(Mask { flat, shape: x.shape.clone() })
}
