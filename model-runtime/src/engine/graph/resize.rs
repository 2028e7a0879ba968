//! `Resize`: each axis by itself, as a product with a matrix of weights, which has a gradient in every mode.

use super::{
    Op,
    reduce::along,
    value::{Done, Fault, Floats, Value, axis, count},
};

/// Coefficient of cubic convolution (Keys 1981, "Cubic convolution interpolation for digital image processing").
const CUBIC: f32 = -0.75;

/// How one axis is resized.
struct Axis<'a> {
    coordinates: &'a str,
    mode: &'a str,
    nearest: &'a str,
    cubic: f64,
    exclude_outside: bool,
    antialias: bool,
    /// Sides before and after.
    from: usize,
    to: usize,
    scale: f64,
}

impl Axis<'_> {
    /// Where a place of the result lies in the source.
    fn source(&self, place: usize) -> f64 {
        let (x, from, to) = (place as f64, self.from as f64, self.to as f64);
        match self.coordinates {
            "asymmetric" => x / self.scale,
            // Of the length as it is before it is rounded down.
            "align_corners" if from * self.scale > 1.0 => {
                x * (from - 1.0) / (from * self.scale - 1.0)
            }
            "align_corners" => 0.0,
            "pytorch_half_pixel" if self.to <= 1 => 0.0,
            "half_pixel_symmetric" => {
                let adjustment = to / (self.scale * from);
                let centre = from / 2.0;
                centre * (1.0 - adjustment) + (x + 0.5) / self.scale - 0.5
            }
            _ => (x + 0.5) / self.scale - 0.5,
        }
    }

    /// Places of the source and their weights, for a place of the result.
    fn weights(&self, place: usize) -> Vec<(i64, f64)> {
        let x = self.source(place);
        if self.mode == "nearest" {
            let near = match self.nearest {
                "round_prefer_ceil" => (x + 0.5).floor(),
                "floor" => x.floor(),
                "ceil" => x.ceil(),
                _ => (x - 0.5).ceil(),
            };
            return vec![(near as i64, 1.0)];
        }
        // Where it shrinks, antialiasing widens what is looked at.
        let stretch = if self.antialias && self.scale < 1.0 { self.scale } else { 1.0 };
        let support = (if self.mode == "cubic" { 2.0 } else { 1.0 }) / stretch;
        let first = if stretch < 1.0 {
            (x - support).floor() as i64 + 1
        } else {
            x.floor() as i64 - (support as i64 - 1)
        };
        let last = if stretch < 1.0 {
            (x + support).ceil() as i64 - 1
        } else {
            x.floor() as i64 + support as i64
        };
        let all = (first..=last).map(|at| {
            let distance = (x - at as f64).abs() * stretch;
            let weight = match self.mode {
                "cubic" => cubic(distance, self.cubic),
                _ => (1.0 - distance).max(0.0),
            };
            (at, weight)
        });
        let mut all: Vec<(i64, f64)> = all.collect();
        if self.exclude_outside {
            all.retain(|(at, _)| (0..self.from as i64).contains(at));
        }
        if self.exclude_outside || self.antialias {
            let sum: f64 = all.iter().map(|(_, weight)| weight).sum();
            all.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        all
    }

    /// The weights as a matrix `[from, to]`, row-major; what lies outside is the border.
    fn matrix(&self) -> Vec<f32> {
        let mut matrix = vec![0f64; self.from * self.to];
        for place in 0..self.to {
            for (at, weight) in self.weights(place) {
                let at = at.clamp(0, self.from as i64 - 1) as usize;
                matrix[at * self.to + place] += weight;
            }
        }
        matrix.into_iter().map(|weight| weight as f32).collect()
    }
}

fn cubic(x: f64, a: f64) -> f64 {
    match x {
        x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}

/// `Resize`, and `Upsample` before it.
pub(super) async fn resize(op: &Op<'_>, x: &Floats) -> Done<Floats> {
    let rank = x.rank();
    let axes: Vec<usize> = match op.node.ints("axes")? {
        Some(axes) => axes.iter().map(|at| axis(*at, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    let (scales_at, sizes_at) =
        if op.kind() == "Upsample" || op.opset < 11 { (1, usize::MAX) } else { (2, 3) };
    let scales = match op.optional(scales_at) {
        Some(Value::Float(scales)) if scales.len() > 0 => Some(scales.read().await?),
        _ => None,
    };
    let sizes = if sizes_at == usize::MAX { None } else { op.optional_ints(sizes_at)? };
    let (scales, sizes): (Vec<f64>, Vec<usize>) = match (scales, sizes) {
        (_, Some(sizes)) if !sizes.values.is_empty() => {
            if sizes.values.len() != axes.len() {
                return Err(Fault::Reason(format!(
                    "it has {} sizes for {} axes",
                    sizes.values.len(),
                    axes.len()
                )));
            }
            let ratio = |(at, size): (&usize, &i64)| *size as f64 / x.shape[*at] as f64;
            let mut scales: Vec<f64> = axes.iter().zip(&sizes.values).map(ratio).collect();
            let mut sides: Vec<f64> = sizes.values.iter().map(|size| *size as f64).collect();
            let policy = op.node.text("keep_aspect_ratio_policy", "stretch")?;
            if policy != "stretch" {
                let pick: fn(f64, f64) -> f64 =
                    if policy == "not_larger" { f64::min } else { f64::max };
                let scale = scales.iter().copied().reduce(pick).unwrap_or(1.0);
                scales.fill(scale);
                sides = axes.iter().map(|at| (scale * x.shape[*at] as f64).round()).collect();
            }
            (scales, sides.iter().map(|side| *side as usize).collect())
        }
        (Some(scales), _) if scales.len() == axes.len() => {
            let sides = axes
                .iter()
                .zip(&scales)
                .map(|(at, scale)| (x.shape[*at] as f64 * f64::from(*scale)).floor() as usize);
            (scales.iter().map(|scale| f64::from(*scale)).collect(), sides.collect())
        }
        _ => return Err("it has neither scales nor sizes for its axes".into()),
    };
    let default = if op.opset < 11 { "asymmetric" } else { "half_pixel" };
    let coordinates = op.node.text("coordinate_transformation_mode", default)?;
    if coordinates == "tf_crop_and_resize" {
        return Err("it crops (tf_crop_and_resize), which is not done here".into());
    }
    let nearest =
        op.node.text("nearest_mode", if op.opset < 11 { "floor" } else { "round_prefer_floor" })?;
    let mut y = x.clone();
    for ((at, scale), to) in axes.into_iter().zip(scales).zip(sizes) {
        let from = y.shape[at];
        if from == to && scale == 1.0 {
            continue;
        }
        if to == 0 || from == 0 || !scale.is_finite() || scale <= 0.0 {
            return Err(Fault::Reason(format!("axis {at} of {from} is resized to {to}")));
        }
        let mut shape = y.shape.clone();
        shape[at] = to;
        count(&shape)?;
        count(&[from, to])?;
        let plan = Axis {
            coordinates,
            mode: op.node.text("mode", "nearest")?,
            nearest,
            cubic: f64::from(op.node.float("cubic_coeff_a", CUBIC)?),
            exclude_outside: op.node.int("exclude_outside", 0)? != 0,
            antialias: op.node.int("antialias", 0)? != 0,
            from,
            to,
            scale,
        };
        let weights = Floats::from_host(plan.matrix(), vec![from, to], &op.device).matrix(from);
        y = along(&y, at, |rows| rows.matmul(weights))?;
    }
    Ok(y)
}
