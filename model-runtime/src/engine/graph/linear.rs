//! Products, convolutions and pools.

use burn::tensor::{
    Tensor,
    module::{
        avg_pool2d, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv3d,
        max_pool2d,
    },
    ops::{AvgPoolOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions},
};

use super::{
    super::convolution::conv2d,
    Op,
    elementwise::arithmetic,
    value::{Done, Fault, Floats, Res, Value, broadcast, count},
};

/// `MatMul`, with numpy's rules for one axis and for batches.
pub(super) fn matmul(left: &Floats, right: &Floats) -> Done<Floats> {
    if left.rank() == 0 || right.rank() == 0 {
        return Err("it takes values with axes".into());
    }
    let mut l = left.shape.clone();
    let mut r = right.shape.clone();
    let (row, column) = (l.len() == 1, r.len() == 1);
    if row {
        l.insert(0, 1);
    }
    if column {
        r.push(1);
    }
    let [.., m, k] = l[..] else { return Err("it takes values with axes".into()) };
    let [.., inner, n] = r[..] else { return Err("it takes values with axes".into()) };
    if k != inner {
        return Err(Fault::Reason(format!(
            "{:?} and {:?} cannot be multiplied",
            left.shape, right.shape
        )));
    }
    let batch = broadcast(&l[..l.len() - 2], &r[..r.len() - 2])?;
    let mut shape = batch.clone();
    if !row {
        shape.push(m);
    }
    if !column {
        shape.push(n);
    }
    count(&shape)?;
    if r.len() == 2 || batch.iter().product::<usize>() == 1 {
        // One matrix on the right: all rows at once.
        let rows = l.iter().product::<usize>() / k.max(1);
        let product =
            left.flat.clone().reshape([rows, k]).matmul(right.flat.clone().reshape([k, n]));
        return Ok(Floats::from(product, shape));
    }
    let whole = |value: &Floats, own: Vec<usize>, rows: usize, columns: usize| -> Res<Tensor<3>> {
        let mut wanted = batch.clone();
        wanted.extend([rows, columns]);
        let value = value.clone().reshaped(own).expand(&wanted)?;
        Ok(value.flat.reshape([batch.iter().product(), rows, columns]))
    };
    Ok(Floats::from(whole(left, l, m, k)?.matmul(whole(right, r, k, n)?), shape))
}

/// `Gemm`: α·A·B + β·C, each matrix turned or not.
pub(super) fn gemm(op: &Op) -> Done<Floats> {
    let matrix = |place: usize, name: &str| -> Done<Tensor<2>> {
        let x = op.float(place)?;
        let x = x.nd::<2>()?;
        Ok(if op.node.int(name, 0)? != 0 { x.transpose() } else { x })
    };
    let (a, b) = (matrix(0, "transA")?, matrix(1, "transB")?);
    let ([m, k], [inner, n]) = (a.dims(), b.dims());
    if k != inner {
        return Err(Fault::Reason(format!("[{m}, {k}] and [{inner}, {n}] cannot be multiplied")));
    }
    let (alpha, beta) = (op.node.float("alpha", 1.0)?, op.node.float("beta", 1.0)?);
    let scaled = |x: Tensor<2>, factor: f32| if factor == 1.0 { x } else { x * factor };
    let product = Floats::from(scaled(a.matmul(b), alpha), vec![m, n]);
    match op.optional(2) {
        Some(Value::Float(c)) => {
            let sum = arithmetic(&product, c, |product, c| {
                product + if beta == 1.0 { c } else { c * beta }
            })?;
            if sum.shape != product.shape {
                return Err(Fault::Reason(format!("{:?} cannot be added to [{m}, {n}]", c.shape)));
            }
            Ok(sum)
        }
        _ => Ok(product),
    }
}

/// How a window moves over an image.
struct Window {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    /// Padding before and after, by axis.
    pads: Vec<(usize, usize)>,
    /// Length of the result, by axis.
    out: Vec<usize>,
}

impl Window {
    fn new(op: &Op, sides: &[usize], kernel: Vec<usize>) -> Done<Self> {
        let axes = sides.len();
        if kernel.len() != axes || kernel.contains(&0) {
            return Err(Fault::Reason(format!("its window {kernel:?} does not fit {axes} axes")));
        }
        let list = |name: &str| positive(op, name, axes);
        let (stride, dilation) = (list("strides")?, list("dilations")?);
        let reach: Vec<usize> = kernel
            .iter()
            .zip(&dilation)
            .map(|(k, d)| (k - 1).saturating_mul(*d).saturating_add(1))
            .collect();
        let ceil = op.node.int("ceil_mode", 0)? != 0;
        let mut pads = explicit_pads(op, axes)?;
        let mode = op.node.text("auto_pad", "NOTSET")?.to_owned();
        let mut out = Vec::with_capacity(axes);
        for at in 0..axes {
            if mode.starts_with("SAME") {
                let length = sides[at].div_ceil(stride[at]);
                let needed = ((length - 1) * stride[at] + reach[at]).saturating_sub(sides[at]);
                let (small, large) = (needed / 2, needed - needed / 2);
                pads[at] = if mode == "SAME_UPPER" { (small, large) } else { (large, small) };
            } else if mode == "VALID" {
                pads[at] = (0, 0);
            }
            let (before, after) = pads[at];
            let padded = sides[at] + before + after;
            let room = padded.checked_sub(reach[at]).ok_or_else(|| {
                format!("its window reaches over {} values, and there are {padded}", reach[at])
            })?;
            let mut length = room / stride[at] + 1;
            // A last window may hang over, but must begin inside.
            if ceil && !room.is_multiple_of(stride[at]) && length * stride[at] < sides[at] + before
            {
                length += 1;
                pads[at].1 += (length - 1) * stride[at] + reach[at] - padded;
            }
            out.push(length);
        }
        Ok(Self { kernel, stride, dilation, pads, out })
    }

    /// The same, as a convolution takes it.
    fn options<const N: usize>(&self, groups: usize) -> Res<ConvOptions<N>> {
        let mut options =
            ConvOptions::new(array(&self.stride)?, [0; N], array(&self.dilation)?, groups);
        options.padding = array(&self.pads)?;
        Ok(options)
    }
}

fn positive(op: &Op, name: &str, axes: usize) -> Done<Vec<usize>> {
    let Some(values) = op.node.ints(name)? else { return Ok(vec![1; axes]) };
    let values: Vec<usize> =
        values.iter().filter_map(|v| usize::try_from(*v).ok().filter(|v| *v > 0)).collect();
    match values.len() == axes {
        true => Ok(values),
        false => Err(Fault::Reason(format!("its {name} are not {axes} numbers above 0"))),
    }
}

fn explicit_pads(op: &Op, axes: usize) -> Done<Vec<(usize, usize)>> {
    let Some(pads) = op.node.ints("pads")? else { return Ok(vec![(0, 0); axes]) };
    let pads: Vec<usize> =
        pads.iter().filter_map(|v| usize::try_from(*v).ok().filter(|v| *v < 1 << 20)).collect();
    if pads.len() != 2 * axes {
        return Err(Fault::Reason(format!("its pads are not {} numbers of 0 or more", 2 * axes)));
    }
    Ok((0..axes).map(|at| (pads[at], pads[axes + at])).collect())
}

fn kernel_shape(op: &Op) -> Done<Option<Vec<usize>>> {
    Ok(op
        .node
        .ints("kernel_shape")?
        .map(|shape| shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).collect()))
}

fn array<const N: usize, T: Copy>(values: &[T]) -> Res<[T; N]> {
    values.try_into().map_err(|_| format!("it takes {N} axes, not {}", values.len()))
}

/// Into how many groups a convolution divides its channels.
fn groups(op: &Op) -> Done<usize> {
    let groups = usize::try_from(op.node.int("group", 1)?).ok().filter(|groups| *groups > 0);
    Ok(groups.ok_or("it has no group")?)
}

/// A number for each channel of a convolution's result, if they are given.
fn bias(op: &Op, outputs: usize) -> Done<Option<Tensor<1>>> {
    match op.optional(2) {
        Some(Value::Float(bias)) if bias.len() == outputs => Ok(Some(bias.flat.clone())),
        Some(_) => Err(Fault::Reason(format!("its bias is not {outputs} floats"))),
        None => Ok(None),
    }
}

/// `Conv` over one to three axes.
pub(super) fn conv(op: &Op) -> Done<Floats> {
    let (x, weight) = (op.float(0)?, op.float(1)?);
    if x.rank() < 3 || x.rank() != weight.rank() {
        return Err(Fault::Reason(format!(
            "{:?} cannot be convolved with {:?}",
            x.shape, weight.shape
        )));
    }
    let groups = groups(op)?;
    let (channels, outputs) = (x.shape[1], weight.shape[0]);
    if channels != weight.shape[1] * groups || !outputs.is_multiple_of(groups) {
        return Err(Fault::Reason(format!(
            "{channels} channels do not fit weights {:?} in {groups} groups",
            weight.shape
        )));
    }
    let bias = bias(op, outputs)?;
    let window = Window::new(op, &x.shape[2..], weight.shape[2..].to_vec())?;
    let mut shape = vec![x.shape[0], outputs];
    shape.extend(&window.out);
    count(&shape)?;
    Ok(match x.rank() {
        3 => {
            let options = window.options::<1>(groups)?;
            Floats::from(conv1d(x.nd::<3>()?, weight.nd::<3>()?, bias, options), shape)
        }
        4 => {
            let options = window.options::<2>(groups)?;
            Floats::from(conv2d(x.nd::<4>()?, weight.nd::<4>()?, bias, options), shape)
        }
        5 => {
            let options = window.options::<3>(groups)?;
            Floats::from(conv3d(x.nd::<5>()?, weight.nd::<5>()?, bias, options), shape)
        }
        rank => return Err(Fault::Reason(format!("it convolves 1 to 3 axes, not {}", rank - 2))),
    })
}

/// `ConvTranspose` over one to three axes: without padding first, then cut.
pub(super) fn conv_transpose(op: &Op) -> Done<Floats> {
    let (x, weight) = (op.float(0)?, op.float(1)?);
    if x.rank() < 3 || x.rank() != weight.rank() || x.shape[1] != weight.shape[0] {
        return Err(Fault::Reason(format!(
            "{:?} cannot be convolved with {:?}",
            x.shape, weight.shape
        )));
    }
    let (axes, n) = (x.rank() - 2, x.shape[0]);
    let groups = groups(op)?;
    if !x.shape[1].is_multiple_of(groups) {
        return Err(Fault::Reason(format!("{} channels do not fit {groups} groups", x.shape[1])));
    }
    let outputs = weight.shape[1] * groups;
    let bias = bias(op, outputs)?;
    let (stride, dilation) = (positive(op, "strides", axes)?, positive(op, "dilations", axes)?);
    let extra: Vec<usize> = match op.node.ints("output_padding")? {
        Some(extra) => extra.iter().map(|v| usize::try_from(*v).unwrap_or(0)).collect(),
        None => vec![0; axes],
    };
    let mut pads = explicit_pads(op, axes)?;
    let wanted = op.node.ints("output_shape")?;
    let mode = op.node.text("auto_pad", "NOTSET")?;
    let (mut whole, mut out) = (Vec::new(), Vec::new());
    for at in 0..axes {
        let (side, kernel) = (x.shape[2 + at], weight.shape[2 + at]);
        if side == 0 || kernel == 0 {
            return Err("it takes no empty values".into());
        }
        let extra = *extra.get(at).unwrap_or(&0);
        let reach = (side - 1)
            .saturating_mul(stride[at])
            .saturating_add((kernel - 1).saturating_mul(dilation[at]));
        let full = reach.saturating_add(extra).saturating_add(1);
        count(&[n, full])?;
        let target = match (wanted, mode) {
            (Some(wanted), _) => {
                let place =
                    (wanted.len() + at).checked_sub(axes).ok_or("its output_shape is too short")?;
                wanted.get(place).and_then(|side| usize::try_from(*side).ok())
            }
            (None, "SAME_UPPER" | "SAME_LOWER") => Some(side * stride[at]),
            _ => None,
        };
        if let Some(target) = target {
            let gone = full.saturating_sub(target);
            pads[at] = if mode == "SAME_UPPER" {
                (gone / 2, gone - gone / 2)
            } else {
                (gone - gone / 2, gone / 2)
            };
        }
        let length = full
            .checked_sub(pads[at].0 + pads[at].1)
            .ok_or("its pads are larger than its result")?;
        // What lies beyond the full result is bias alone.
        whole.push(full.max(target.unwrap_or(0)));
        out.push(target.unwrap_or(length));
    }
    let mut shape = vec![n, outputs];
    shape.extend(&out);
    if count(&shape)? == 0 {
        return Err("its result would be empty".into());
    }
    let from = |at: usize| pads[at].0..pads[at].0 + out[at];
    // What was computed, at the beginning of a whole that can be longer, of which a part is the result.
    let y = match axes {
        1 => {
            let options =
                ConvTransposeOptions::new(array(&stride)?, [0], [0], array(&dilation)?, groups);
            let y = conv_transpose1d(x.nd::<3>()?, weight.nd::<3>()?, None, options);
            let [_, _, l] = y.dims();
            let whole = Tensor::zeros([n, outputs, whole[0]], &op.device)
                .slice_assign([0..n, 0..outputs, 0..l], y);
            Floats::from(whole.slice([0..n, 0..outputs, from(0)]), shape)
        }
        2 => {
            let options = ConvTransposeOptions::new(
                array(&stride)?,
                [0; 2],
                [0; 2],
                array(&dilation)?,
                groups,
            );
            let y = conv_transpose2d(x.nd::<4>()?, weight.nd::<4>()?, None, options);
            let [_, _, h, w] = y.dims();
            let whole = Tensor::zeros([n, outputs, whole[0], whole[1]], &op.device)
                .slice_assign([0..n, 0..outputs, 0..h, 0..w], y);
            Floats::from(whole.slice([0..n, 0..outputs, from(0), from(1)]), shape)
        }
        3 => {
            let options = ConvTransposeOptions::new(
                array(&stride)?,
                [0; 3],
                [0; 3],
                array(&dilation)?,
                groups,
            );
            let y = conv_transpose3d(x.nd::<5>()?, weight.nd::<5>()?, None, options);
            let [_, _, d, h, w] = y.dims();
            let whole = Tensor::zeros([n, outputs, whole[0], whole[1], whole[2]], &op.device)
                .slice_assign([0..n, 0..outputs, 0..d, 0..h, 0..w], y);
            Floats::from(whole.slice([0..n, 0..outputs, from(0), from(1), from(2)]), shape)
        }
        axes => return Err(Fault::Reason(format!("it convolves 1 to 3 axes, not {axes}"))),
    };
    match bias {
        Some(bias) => {
            let mut sides = vec![1; axes + 2];
            sides[1] = outputs;
            Ok(arithmetic(&y, &Floats::new(bias, sides), |y, bias| y + bias)?)
        }
        None => Ok(y),
    }
}

/// Pads the last two axes with a value.
fn padded(
    x: Tensor<4>,
    [(top, bottom), (left, right)]: [(usize, usize); 2],
    value: f32,
) -> Tensor<4> {
    if [top, bottom, left, right] == [0; 4] {
        return x;
    }
    let [n, c, h, w] = x.dims();
    let whole = Tensor::full([n, c, h + top + bottom, w + left + right], value, &x.device());
    whole.slice_assign([0..n, 0..c, top..top + h, left..left + w], x)
}

/// One step of a pool: over the last two axes of `[n, c, h, w]`.
type Step<'a> = &'a dyn Fn(Tensor<4>, [usize; 2], [usize; 2], [usize; 2]) -> Tensor<4>;

/// A pool over one to three axes, as one or two steps over two: windows are boxes, so their sums and largest values
/// are those of their sides.
fn pool(x: &Floats, window: &Window, fill: f32, step: Step) -> Res<Floats> {
    let Window { kernel, stride, dilation, pads, out } = window;
    let (n, c) = (x.shape[0], x.shape[1]);
    let mut shape = vec![n, c];
    shape.extend(out);
    count(&shape)?;
    let sides = &x.shape[2..];
    Ok(match sides.len() {
        1 => {
            let image =
                padded(x.flat.clone().reshape([n, c, 1, sides[0]]), [(0, 0), pads[0]], fill);
            Floats::from(step(image, [1, kernel[0]], [1, stride[0]], [1, dilation[0]]), shape)
        }
        2 => {
            let image = padded(x.nd::<4>()?, [pads[0], pads[1]], fill);
            Floats::from(step(image, array(kernel)?, array(stride)?, array(dilation)?), shape)
        }
        3 => {
            let image = x.flat.clone().reshape([n, c * sides[0], sides[1], sides[2]]);
            let flat = step(
                padded(image, [pads[1], pads[2]], fill),
                array(&kernel[1..])?,
                array(&stride[1..])?,
                array(&dilation[1..])?,
            );
            let deep =
                padded(flat.reshape([n, c, sides[0], out[1] * out[2]]), [pads[0], (0, 0)], fill);
            Floats::from(step(deep, [kernel[0], 1], [stride[0], 1], [dilation[0], 1]), shape)
        }
        axes => return Err(format!("it pools 1 to 3 axes, not {axes}")),
    })
}

/// `MaxPool`.
pub(super) fn max_pool(op: &Op, x: &Floats) -> Done<Floats> {
    if op.node.outputs.len() > 1 {
        return Err("its second result, the places, is not given here".into());
    }
    let sides = x.shape.get(2..).ok_or("it takes 3 axes or more")?;
    let window = Window::new(op, sides, kernel_shape(op)?.ok_or("its kernel_shape is missing")?)?;
    Ok(pool(x, &window, f32::MIN, &|x, kernel, stride, dilation| {
        max_pool2d(x, MaxPoolOptions::new(kernel).with_stride(stride).with_dilation(dilation))
    })?)
}

/// `AveragePool`: sums of windows, divided by how many values each has.
pub(super) fn average_pool(op: &Op, x: &Floats) -> Done<Floats> {
    let sides = x.shape.get(2..).ok_or("it takes 3 axes or more")?;
    let kernel = kernel_shape(op)?.ok_or("its kernel_shape is missing")?;
    let window = Window::new(op, sides, kernel)?;
    if window.dilation.iter().any(|dilation| *dilation > 1) {
        return Err("it has dilations, which an average has not here".into());
    }
    let mean: Step =
        &|x, kernel, stride, _| avg_pool2d(x, AvgPoolOptions::new(kernel).with_stride(stride));
    let means = pool(x, &window, 0.0, mean)?;
    if window.pads.iter().all(|pads| *pads == (0, 0)) {
        return Ok(means);
    }
    // The same of ones: where padding counts, it is ones too, but for what hangs over.
    let counted: Vec<(usize, usize)> = match op.node.int("count_include_pad", 0)? != 0 {
        true => explicit_pads(op, sides.len())?,
        false => vec![(0, 0); sides.len()],
    };
    let mut shape = vec![1, 1];
    shape.extend(sides.iter().zip(&counted).map(|(side, (before, after))| side + before + after));
    let ones = Floats::from_host(vec![1.0; count(&shape)?], shape, &op.device);
    let pads = window
        .pads
        .iter()
        .zip(&counted)
        .map(|(pads, counted)| (pads.0 - counted.0, pads.1 - counted.1));
    let rest = Window {
        pads: pads.collect(),
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        out: window.out,
    };
    let shares = pool(&ones, &rest, 0.0, mean)?;
    Ok(arithmetic(&means, &shares, |mean, share| mean / share)?)
}

/// `GlobalAveragePool` and `GlobalMaxPool`.
pub(super) fn global_pool(op: &Op, x: &Floats) -> Done<Floats> {
    if x.rank() < 3 {
        return Err("it takes 3 axes or more".into());
    }
    let rows = x.matrix(x.shape[0] * x.shape[1]);
    let figure = if op.kind() == "GlobalMaxPool" { rows.max_dim(1) } else { rows.mean_dim(1) };
    let mut shape = x.shape.clone();
    shape[2..].fill(1);
    Ok(Floats::from(figure, shape))
}
