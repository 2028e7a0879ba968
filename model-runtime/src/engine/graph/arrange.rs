//! Operators that move values about: shapes, slices, gathers, pads. What has no operation on the device is done by
//! picking flat indices that are worked out on the host, which has a gradient too.

use burn::tensor::{Int, Slice, Tensor, TensorData};

use super::{
    Op,
    value::{
        Done, Fault, Floats, Host, Mask, RANK, Res, Value, axis, broadcast, count, expanded, lead,
        strides, walk,
    },
};
use crate::graph::Element;

/// `Reshape`.
pub(super) fn reshape(op: &Op, x: &Value) -> Done<Value> {
    let wanted = op.int_list(1)?;
    let keep_zero = op.node.int("allowzero", 0)? != 0;
    let own = x.shape();
    let mut shape = Vec::with_capacity(wanted.values.len());
    let mut open = None;
    for (place, side) in wanted.values.iter().enumerate() {
        shape.push(match side {
            0 if !keep_zero => {
                *own.get(place).ok_or_else(|| format!("it keeps axis {place} of {own:?}"))?
            }
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            side => usize::try_from(*side).map_err(|_| format!("a side is {side}"))?,
        });
    }
    let (have, fixed) = (own.iter().product::<usize>(), count(&shape)?);
    if let Some(open) = open {
        if fixed == 0 || !have.is_multiple_of(fixed) {
            return Err(Fault::Reason(format!("{own:?} does not fit {:?}", wanted.values)));
        }
        shape[open] = have / fixed;
    } else if fixed != have {
        return Err(Fault::Reason(format!("{own:?} has {have} values, and {shape:?} has {fixed}")));
    }
    Ok(x.clone().reshaped(shape))
}

/// `Flatten`: two axes, cut at one.
pub(super) fn flatten(op: &Op, x: &Value) -> Done<Value> {
    let shape = x.shape();
    let at = op.node.int("axis", 1)?;
    let at = if at < 0 { at + shape.len() as i64 } else { at };
    let at =
        usize::try_from(at).ok().filter(|at| *at <= shape.len()).ok_or("there is no such axis")?;
    let sides = vec![shape[..at].iter().product(), shape[at..].iter().product()];
    Ok(x.clone().reshaped(sides))
}

/// Axes as a setting (older operator sets) or an input.
fn axes(op: &Op, place: usize) -> Done<Option<Vec<i64>>> {
    Ok(match op.node.ints("axes")? {
        Some(axes) => Some(axes.to_vec()),
        None => op.optional_ints(place)?.map(|axes| axes.values.clone()),
    })
}

/// `Squeeze`.
pub(super) fn squeeze(op: &Op, x: &Value) -> Done<Value> {
    let shape = x.shape();
    let gone: Vec<usize> = match axes(op, 1)? {
        Some(axes) => axes.iter().map(|at| axis(*at, shape.len())).collect::<Res<_>>()?,
        None => (0..shape.len()).filter(|axis| shape[*axis] == 1).collect(),
    };
    if let Some(long) = gone.iter().find(|axis| shape[**axis] != 1) {
        return Err(Fault::Reason(format!("axis {long} of {shape:?} has not length 1")));
    }
    let sides =
        shape.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, side)| *side);
    Ok(x.clone().reshaped(sides.collect()))
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(op: &Op, x: &Value) -> Done<Value> {
    let axes = axes(op, 1)?.ok_or("its axes are missing")?;
    let rank = x.shape().len() + axes.len();
    lead(rank)?;
    let new = axes.iter().map(|at| axis(*at, rank)).collect::<Res<Vec<_>>>()?;
    let mut old = x.shape().iter();
    let mut shape = Vec::with_capacity(rank);
    for at in 0..rank {
        shape.push(if new.contains(&at) {
            1
        } else {
            *old.next().ok_or("an axis is named twice")?
        });
    }
    Ok(x.clone().reshaped(shape))
}

/// `Transpose`.
pub(super) fn transpose(op: &Op, x: &Value) -> Done<Value> {
    let rank = x.shape().len();
    let order: Vec<usize> = match op.node.ints("perm")? {
        Some(perm) => perm.iter().map(|at| axis(*at, rank)).collect::<Res<_>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(Fault::Reason(format!("{order:?} is no order of {rank} axes")));
    }
    if let Value::Float(x) = x {
        return Ok(Value::Float(x.permute(&order)?));
    }
    let own = strides(x.shape());
    let shape: Vec<usize> = order.iter().map(|at| x.shape()[*at]).collect();
    let steps: Vec<usize> = order.iter().map(|at| own[*at]).collect();
    Ok(x.pick(walk(&shape, &steps), shape))
}

/// `Expand`, and anything else that repeats along axes of length one.
pub(super) fn expand(x: &Value, shape: &[usize]) -> Done<Value> {
    let shape = broadcast(x.shape(), shape)?;
    Ok(match x {
        Value::Float(x) => Value::Float(x.expand(&shape)?),
        Value::Mask(x) => Value::Mask(x.expand(&shape)?),
        x => x.pick(expanded(x.shape(), &shape)?, shape),
    })
}

/// `Tile`.
pub(super) fn tile(op: &Op, x: &Value) -> Done<Value> {
    let times = op.sides(1)?;
    let shape = x.shape();
    if times.len() != shape.len() {
        return Err(Fault::Reason(format!("it repeats {} axes of {shape:?}", times.len())));
    }
    let whole: Vec<usize> =
        shape.iter().zip(&times).map(|(side, times)| side.saturating_mul(*times)).collect();
    count(&whole)?;
    let own = strides(shape);
    let mut indices = vec![0];
    for ((side, times), step) in shape.iter().zip(&times).zip(own) {
        let places = side * times;
        indices = indices
            .iter()
            .flat_map(|base| (0..places).map(move |i| base + i % side * step))
            .collect();
    }
    Ok(x.pick(indices, whole))
}

/// `Concat`.
pub(super) async fn concat(op: &Op<'_>, values: &[Value]) -> Done<Value> {
    let first = values.first().ok_or("it joins nothing")?;
    let at = axis(op.node.int("axis", 0)?, first.shape().len())?;
    for value in values {
        let same = value.shape().len() == first.shape().len()
            && value
                .shape()
                .iter()
                .zip(first.shape())
                .enumerate()
                .all(|(axis, (l, r))| axis == at || l == r);
        if !same || value.element() != first.element() {
            return Err(Fault::Reason(format!(
                "{:?} and {:?} cannot be joined along axis {at}",
                first.shape(),
                value.shape()
            )));
        }
    }
    let mut shape = first.shape().to_vec();
    shape[at] = values.iter().map(|value| value.shape()[at]).sum();
    count(&shape)?;
    let outer: usize = shape[..at].iter().product();
    match first.element() {
        Element::Float => {
            let parts = values.iter().filter_map(|value| match value {
                Value::Float(value) if value.len() > 0 => Some(value.matrix(outer)),
                _ => None,
            });
            let parts: Vec<_> = parts.collect();
            if parts.is_empty() {
                return Ok(first.clone());
            }
            Ok(Value::Float(Floats::from(Tensor::cat(parts, 1), shape)))
        }
        Element::Int => {
            let rows = values.iter().filter_map(|value| match value {
                Value::Int(value) => Some(value.values.as_slice()),
                _ => None,
            });
            Ok(Value::Int(Host::new(interleave(rows.collect(), outer), shape)))
        }
        Element::Bool => {
            let mut rows = Vec::new();
            for value in values {
                rows.push(op.host_bool(value).await?.values);
            }
            let rows = rows.iter().map(Vec::as_slice).collect();
            Ok(Value::Bool(Host::new(interleave(rows, outer), shape)))
        }
    }
}

fn interleave<T: Copy>(parts: Vec<&[T]>, outer: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for row in 0..outer {
        for part in &parts {
            let width = part.len() / outer.max(1);
            all.extend_from_slice(&part[row * width..(row + 1) * width]);
        }
    }
    all
}

/// Part of a value: for each axis a start, a length and a step, which can be backwards.
fn cut(x: &Value, parts: &[(usize, usize, i64)]) -> Done<Value> {
    let shape: Vec<usize> = parts.iter().map(|part| part.1).collect();
    let forward = parts.iter().all(|(_, length, step)| *step > 0 && *length > 0);
    if let Value::Float(x) = x
        && forward
    {
        let lead = lead(x.rank())?;
        let mut slices = [Slice::new(0, Some(1), 1); RANK];
        for (axis, (start, length, step)) in parts.iter().enumerate() {
            let end = *start as i64 + (*length as i64 - 1) * step + 1;
            slices[lead + axis] = Slice::new(*start as isize, Some(end as isize), *step as isize);
        }
        return Ok(Value::Float(Floats {
            known: known_cut(x, parts),
            ..Floats::from(x.wide()?.slice(slices), shape)
        }));
    }
    Ok(x.pick(cut_indices(x.shape(), parts), shape))
}

fn cut_indices(shape: &[usize], parts: &[(usize, usize, i64)]) -> Vec<usize> {
    let mut indices = vec![0i64];
    for ((start, length, step), stride) in parts.iter().zip(strides(shape)) {
        let places = (0..*length as i64).map(|i| (*start as i64 + i * step) * stride as i64);
        let places: Vec<i64> = places.collect();
        indices =
            indices.iter().flat_map(|base| places.iter().map(move |place| base + place)).collect();
    }
    indices.into_iter().map(|index| index as usize).collect()
}

fn known_cut(x: &Floats, parts: &[(usize, usize, i64)]) -> Option<Vec<f32>> {
    let known = x.known.as_ref()?;
    Some(cut_indices(&x.shape, parts).into_iter().map(|index| known[index]).collect())
}

/// `Slice`.
pub(super) fn slice(op: &Op, x: &Value) -> Done<Value> {
    let shape = x.shape();
    let list = |name: &str, place: usize| -> Done<Option<Vec<i64>>> {
        Ok(match op.node.ints(name)? {
            Some(values) => Some(values.to_vec()),
            None => op.optional_ints(place)?.map(|values| values.values.clone()),
        })
    };
    let starts = list("starts", 1)?.ok_or("its starts are missing")?;
    let ends = list("ends", 2)?.ok_or("its ends are missing")?;
    let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if starts.len() != ends.len() || starts.len() != axes.len() || starts.len() != steps.len() {
        return Err("its starts, ends, axes and steps are not as many".into());
    }
    let mut parts: Vec<(usize, usize, i64)> = shape.iter().map(|side| (0, *side, 1)).collect();
    for (((start, end), at), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let at = axis(*at, shape.len())?;
        let side = shape[at] as i64;
        let place = |value: i64| if value < 0 { value.saturating_add(side) } else { value };
        let (low, high) = if *step > 0 { (0, side) } else { (-1, side - 1) };
        let (start, end) =
            (place(*start).clamp(low.max(0), high.max(0)), place(*end).clamp(low, high));
        let length = match step {
            0 => return Err("a step is 0".into()),
            step if *step > 0 => (end - start).max(0) as u64,
            _ => (start - end).max(0) as u64,
        };
        let length = length.div_ceil(step.unsigned_abs()) as usize;
        parts[at] = (start as usize, length, *step);
    }
    cut(x, &parts)
}

/// `Split`.
pub(super) fn split(op: &Op, x: &Value) -> Done<Vec<Value>> {
    let at = axis(op.node.int("axis", 0)?, x.shape().len())?;
    let side = x.shape()[at];
    let given = match op.node.ints("split")? {
        Some(sizes) => Some(sizes.to_vec()),
        None => op.optional_ints(1)?.map(|sizes| sizes.values.clone()),
    };
    let sizes: Vec<usize> = match given {
        Some(sizes) => sizes
            .iter()
            .map(|size| usize::try_from(*size).map_err(|_| format!("a size is {size}")))
            .collect::<Res<_>>()?,
        None => {
            let parts = usize::try_from(op.node.int("num_outputs", op.node.outputs.len() as i64)?)
                .unwrap_or(0);
            let size = side.div_ceil(parts.max(1));
            (0..parts).map(|part| size.min(side.saturating_sub(part * size))).collect()
        }
    };
    if sizes.iter().sum::<usize>() != side {
        return Err(Fault::Reason(format!("its sizes {sizes:?} are not {side} together")));
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut ranges: Vec<(usize, usize, i64)> =
            x.shape().iter().map(|side| (0, *side, 1)).collect();
        ranges[at] = (start, size, 1);
        parts.push(cut(x, &ranges)?);
        start += size;
    }
    Ok(parts)
}

/// An index that may count from the end.
fn place(index: i64, side: usize) -> Res<usize> {
    let from_front = if index < 0 { index + side as i64 } else { index };
    usize::try_from(from_front)
        .ok()
        .filter(|place| *place < side)
        .ok_or_else(|| format!("its index {index} is outside of {side}"))
}

/// `Gather`: whole slices along an axis.
pub(super) fn gather(op: &Op, x: &Value) -> Done<Value> {
    let indices = op.int_list(1)?;
    let at = axis(op.node.int("axis", 0)?, x.shape().len())?;
    let side = x.shape()[at];
    let places = indices.values.iter().map(|index| place(*index, side)).collect::<Res<Vec<_>>>()?;
    let (before, after) = (&x.shape()[..at], &x.shape()[at + 1..]);
    let shape: Vec<usize> = before.iter().chain(&indices.shape).chain(after).copied().collect();
    count(&shape)?;
    let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
    match x {
        Value::Float(x) if x.known.is_none() && !places.is_empty() => {
            let wanted: Vec<i32> = places.iter().map(|place| *place as i32).collect();
            let wanted =
                Tensor::<1, Int>::from_data(TensorData::new(wanted, [places.len()]), &x.device());
            let cube = x.flat.clone().reshape([outer, side, inner]);
            Ok(Value::Float(Floats::from(cube.select(1, wanted), shape)))
        }
        x => Ok(x.pick(whole_slices(outer, side, inner, &places), shape)),
    }
}

/// The flat places of some slices along the middle axis of `[outer, side, inner]`.
fn whole_slices(outer: usize, side: usize, inner: usize, places: &[usize]) -> Vec<usize> {
    let of_row = |o: usize| {
        places.iter().flat_map(move |p| (0..inner).map(move |i| (o * side + p) * inner + i))
    };
    (0..outer).flat_map(of_row).collect()
}

/// `GatherElements`: one value for each index, whose place along the axis it says.
pub(super) fn gather_elements(op: &Op, x: &Value) -> Done<Value> {
    let indices = op.int_list(1)?;
    Ok(x.pick(element_places(op, x.shape(), indices)?, indices.shape.clone()))
}

/// The flat places that the indices of `GatherElements` and `ScatterElements` mean.
fn element_places(op: &Op, shape: &[usize], indices: &Host<i64>) -> Done<Vec<usize>> {
    let at = axis(op.node.int("axis", 0)?, shape.len())?;
    if indices.shape.len() != shape.len() {
        return Err(Fault::Reason(format!(
            "its indices have {} axes, not {}",
            indices.shape.len(),
            shape.len()
        )));
    }
    let inside = |(axis, (own, whole)): (usize, (&usize, &usize))| axis == at || own <= whole;
    if !indices.shape.iter().zip(shape).enumerate().all(inside) {
        return Err(Fault::Reason(format!(
            "its indices {:?} reach beyond {shape:?}",
            indices.shape
        )));
    }
    let mut steps = strides(shape);
    let step = std::mem::replace(&mut steps[at], 0);
    let bases = walk(&indices.shape, &steps);
    let places = bases
        .iter()
        .zip(&indices.values)
        .map(|(base, index)| Ok(base + place(*index, shape[at])? * step));
    Ok(places.collect::<Res<_>>()?)
}

/// The flat places at which the slices of `GatherND` and `ScatterND` begin, their length, and their shape.
fn slices(
    shape: &[usize],
    indices: &Host<i64>,
    batch: usize,
) -> Done<(Vec<usize>, usize, Vec<usize>)> {
    let (Some(depth), true) = (indices.shape.last().copied(), batch < indices.shape.len()) else {
        return Err("its indices have too few axes".into());
    };
    if batch + depth > shape.len() || shape[..batch] != indices.shape[..batch] {
        return Err(Fault::Reason(format!("its indices {:?} do not fit {shape:?}", indices.shape)));
    }
    let steps = strides(shape);
    let rows = indices.values.len() / depth.max(1);
    let batches: usize = shape[..batch].iter().product();
    let batch_step = if batch == 0 { 0 } else { steps[batch - 1] };
    let mut places = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut at = row * batches / rows.max(1) * batch_step;
        for k in 0..depth {
            at += place(indices.values[row * depth + k], shape[batch + k])? * steps[batch + k];
        }
        places.push(at);
    }
    let inner = shape[batch + depth..].to_vec();
    let mut out = indices.shape[..indices.shape.len() - 1].to_vec();
    out.extend(&inner);
    Ok((places, inner.iter().product(), out))
}

/// `GatherND`.
pub(super) fn gather_nd(op: &Op, x: &Value) -> Done<Value> {
    let batch = usize::try_from(op.node.int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let (places, length, shape) = slices(x.shape(), op.int_list(1)?, batch)?;
    count(&shape)?;
    let flat = places.iter().flat_map(|place| *place..place + length).collect();
    Ok(x.pick(flat, shape))
}

/// `ScatterElements` and `ScatterND`: a copy in which some places are changed.
pub(super) fn scatter(op: &Op, x: &Value) -> Done<Value> {
    let (indices, updates) = (op.int_list(1)?, op.value(2)?);
    let places = if op.kind() == "ScatterND" {
        let (places, length, _) = slices(x.shape(), indices, 0)?;
        places.iter().flat_map(|place| *place..place + length).collect()
    } else {
        element_places(op, x.shape(), indices)?
    };
    let total: usize = x.shape().iter().product();
    if places.len() != updates.shape().iter().product::<usize>() {
        return Err(Fault::Reason(format!(
            "its updates {:?} are not as many as its indices",
            updates.shape()
        )));
    }
    match (op.node.text("reduction", "none")?, x, updates) {
        ("none", Value::Float(x), Value::Float(updates)) => {
            // Old and new values in one row, of which each place picks.
            let both = Floats::new(
                Tensor::cat(vec![x.flat.clone(), updates.flat.clone()], 0),
                vec![total + places.len()],
            );
            let mut from: Vec<usize> = (0..total).collect();
            places.iter().enumerate().for_each(|(update, place)| from[*place] = total + update);
            Ok(Value::Float(both.pick(from, x.shape.clone())))
        }
        ("add", Value::Float(x), Value::Float(updates)) => {
            let places =
                Host::list(places.iter().map(|place| *place as i64).collect()).indices(&op.device);
            let flat = x.flat.clone().select_assign(
                0,
                places,
                updates.flat.clone(),
                burn::tensor::IndexingUpdateOp::Add,
            );
            Ok(Value::Float(Floats::new(flat, x.shape.clone())))
        }
        (reduction, Value::Int(x), Value::Int(updates)) => {
            let mut values = x.values.clone();
            for (place, update) in places.iter().zip(&updates.values) {
                let old = &mut values[*place];
                *old = match reduction {
                    "none" => *update,
                    "add" => old.wrapping_add(*update),
                    "mul" => old.wrapping_mul(*update),
                    "max" => (*old).max(*update),
                    "min" => (*old).min(*update),
                    other => {
                        return Err(Fault::Reason(format!("its reduction {other} is not known")));
                    }
                };
            }
            Ok(Value::Int(Host::new(values, x.shape.clone())))
        }
        (reduction @ ("mul" | "max" | "min"), Value::Float(x), Value::Float(updates)) => {
            rounds(x, updates, &places, reduction)
        }
        (reduction, x, _) => Err(Fault::Reason(format!(
            "its reduction {reduction} of {:?} is not possible",
            x.element()
        ))),
    }
}

/// Updates of places that occur several times, one round for each time.
fn rounds(x: &Floats, updates: &Floats, places: &[usize], reduction: &str) -> Done<Value> {
    let mut left: Vec<usize> = (0..places.len()).collect();
    let mut value = x.clone();
    while !left.is_empty() {
        let mut source = vec![usize::MAX; x.len()];
        left.retain(|update| {
            let free = source[places[*update]] == usize::MAX;
            if free {
                source[places[*update]] = *update;
            }
            !free
        });
        let neutral = match reduction {
            "mul" => 1.0,
            "max" => f32::NEG_INFINITY,
            _ => f32::INFINITY,
        };
        let neutral = Tensor::<1>::full([1], neutral, &x.device());
        let all = Floats::new(
            Tensor::cat(vec![updates.flat.clone(), neutral], 0),
            vec![places.len() + 1],
        );
        let picked = all
            .pick(source.iter().map(|from| (*from).min(places.len())).collect(), x.shape.clone());
        value = Floats::new(
            match reduction {
                "mul" => value.flat * picked.flat,
                "max" => value.flat.max_pair(picked.flat),
                _ => value.flat.min_pair(picked.flat),
            },
            x.shape.clone(),
        );
    }
    Ok(Value::Float(value))
}

/// `Pad`.
pub(super) async fn pad(op: &Op<'_>, x: &Value) -> Done<Value> {
    let shape = x.shape();
    let rank = shape.len();
    let pads = match op.node.ints("pads")? {
        Some(pads) => pads.to_vec(),
        None => op.int_list(1)?.values.clone(),
    };
    let axes: Vec<usize> = match op.optional_ints(3)? {
        Some(axes) => axes.values.iter().map(|at| axis(*at, rank)).collect::<Res<_>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != axes.len() * 2 {
        return Err(Fault::Reason(format!("it takes {} pads, not {}", axes.len() * 2, pads.len())));
    }
    let (mut before, mut after) = (vec![0i64; rank], vec![0i64; rank]);
    for (k, at) in axes.iter().enumerate() {
        (before[*at], after[*at]) = (pads[k], pads[k + axes.len()]);
    }
    let mut out = Vec::with_capacity(rank);
    for (at, side) in shape.iter().enumerate() {
        let side = (*side as i64).saturating_add(before[at]).saturating_add(after[at]);
        out.push(
            usize::try_from(side)
                .map_err(|_| format!("axis {at} of {shape:?} is padded to {side}"))?,
        );
    }
    let total = count(&out)?;
    let mode = op.node.text("mode", "constant")?;
    // For each place its source, or nothing where the fill goes.
    let mut sources: Vec<Option<usize>> = vec![Some(0)];
    for (at, step) in strides(shape).into_iter().enumerate() {
        let side = shape[at] as i64;
        let from = |place: i64| -> Option<i64> {
            let own = place - before[at];
            match mode {
                _ if (0..side).contains(&own) => Some(own),
                "edge" => Some(own.clamp(0, side - 1)),
                "wrap" => Some(own.rem_euclid(side.max(1))),
                "reflect" if side > 1 => {
                    let period = 2 * (side - 1);
                    let own = own.rem_euclid(period);
                    Some(if own < side { own } else { period - own })
                }
                "reflect" => Some(0),
                _ => None,
            }
        };
        let places: Vec<Option<usize>> =
            (0..out[at] as i64).map(|place| from(place).map(|own| own as usize * step)).collect();
        sources = sources
            .iter()
            .flat_map(|base| {
                places.iter().map(move |place| base.zip(*place).map(|(base, place)| base + place))
            })
            .collect();
    }
    debug_assert_eq!(sources.len(), total);
    match x {
        Value::Float(x) => {
            let fill = match op.optional(2) {
                Some(Value::Float(fill)) if fill.len() == 1 => fill.flat.clone(),
                Some(_) => return Err(op.wants("a single float to fill with")),
                None => Tensor::full([1], op.node.float("value", 0.0)?, &op.device),
            };
            Ok(Value::Float(filled(x, &sources, fill, out)))
        }
        Value::Int(x) => {
            let fill = op.optional_int(2)?.unwrap_or(0);
            let values =
                sources.iter().map(|from| from.map_or(fill, |from| x.values[from])).collect();
            Ok(Value::Int(Host::new(values, out)))
        }
        x => {
            let x = op.host_bool(x).await?;
            let fill = match op.optional(2) {
                Some(value) => op.host_bool(value).await?.values.first().copied().unwrap_or(false),
                None => false,
            };
            let values =
                sources.iter().map(|from| from.map_or(fill, |from| x.values[from])).collect();
            Ok(Value::Bool(Host::new(values, out)))
        }
    }
}

/// The last axis made longer by a fill.
pub(super) fn lengthened(x: &Floats, length: usize, fill: f32) -> Done<Floats> {
    let own = *x.shape.last().ok_or("it takes a value with axes")?;
    if own >= length {
        return Ok(x.clone());
    }
    let mut shape = x.shape.clone();
    shape[x.rank() - 1] = length;
    let rows = x.len() / own.max(1);
    let sources =
        (0..rows).flat_map(|row| (0..length).map(move |at| (at < own).then_some(row * own + at)));
    let fill = Tensor::full([1], fill, &x.device());
    Ok(filled(x, &sources.collect::<Vec<_>>(), fill, shape))
}

/// Each place from its source, or a fill.
fn filled(x: &Floats, sources: &[Option<usize>], fill: Tensor<1>, shape: Vec<usize>) -> Floats {
    let whole = Tensor::cat(vec![x.flat.clone(), fill], 0);
    let last = x.len();
    let all = Floats::new(whole, vec![last + 1]);
    all.pick(sources.iter().map(|from| from.unwrap_or(last)).collect(), shape)
}

/// `Trilu`: the upper or lower triangle of each matrix.
pub(super) fn triangle(op: &Op, x: &Value) -> Done<Value> {
    let shape = x.shape();
    let [.., rows, columns] = *shape else { return Err("it takes 2 axes or more".into()) };
    let k = op.optional_int(1)?.unwrap_or(0);
    let upper = op.node.int("upper", 1)? != 0;
    let kept = (0..rows as i64).flat_map(|row| {
        (0..columns as i64)
            .map(move |column| if upper { column - row >= k } else { column - row <= k })
    });
    let kept = Host::new(kept.collect(), vec![rows, columns]);
    match x {
        Value::Float(x) => {
            let gone = kept.map(|kept| !kept).mask(&op.device).expand(shape)?;
            Ok(Value::Float(x.clone().map(|x| x.mask_fill(gone.flat, 0.0))))
        }
        Value::Int(x) => Ok(Value::Int(x.zip(&kept, |v, kept| if kept { v } else { 0 })?)),
        Value::Bool(x) => Ok(Value::Bool(x.zip(&kept, |v, kept| v && kept)?)),
        Value::Mask(x) => {
            let kept = kept.mask(&op.device).expand(shape)?;
            Ok(Value::Mask(Mask {
                flat: x.flat.clone().bool_and(kept.flat),
                shape: x.shape.clone(),
            }))
        }
    }
}

/// `DepthToSpace` and `SpaceToDepth`.
pub(super) fn blocks(op: &Op, x: &Value) -> Done<Value> {
    let [n, c, h, w] = *x.shape() else { return Err("it takes 4 axes".into()) };
    let b = usize::try_from(op.node.int("blocksize", 0)?)
        .ok()
        .filter(|b| *b > 0)
        .ok_or("its block size is not above 0")?;
    let (parts, order, shape): (Vec<usize>, _, Vec<usize>) = if op.kind() == "SpaceToDepth" {
        if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
            return Err(Fault::Reason(format!("blocks of {b} do not divide {h} by {w}")));
        }
        (vec![n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], vec![n, c * b * b, h / b, w / b])
    } else {
        if !c.is_multiple_of(b * b) {
            return Err(Fault::Reason(format!("blocks of {b} do not divide {c} channels")));
        }
        let deep = c / (b * b);
        let shape = vec![n, deep, h * b, w * b];
        match op.node.text("mode", "DCR")? {
            "CRD" => (vec![n, deep, b, b, h, w], [0, 1, 4, 2, 5, 3], shape),
            _ => (vec![n, b, b, deep, h, w], [0, 3, 4, 1, 5, 2], shape),
        }
    };
    let own = strides(&parts);
    let moved: Vec<usize> = order.iter().map(|at| parts[*at]).collect();
    match x.clone().reshaped(parts) {
        Value::Float(x) => Ok(Value::Float(x.permute(&order)?.reshaped(shape))),
        x => Ok(x.pick(walk(&moved, &order.map(|at| own[at])), shape)),
    }
}

/// `Range`.
pub(super) async fn range(op: &Op<'_>) -> Done<Value> {
    match (op.value(0)?, op.value(1)?, op.value(2)?) {
        (Value::Float(start), Value::Float(end), Value::Float(step)) => {
            let mut ends = [0f32; 3];
            for (to, from) in ends.iter_mut().zip([start, end, step]) {
                *to = *from.read().await?.first().ok_or("it is empty")?;
            }
            let [start, end, step] = ends;
            let steps = ((end - start) / step).ceil().max(0.0);
            if !steps.is_finite() {
                return Err("it has no end".into());
            }
            let steps = count(&[steps as usize])?;
            let values = (0..steps).map(|i| start + i as f32 * step).collect();
            Ok(Value::Float(Floats::from_host(values, vec![steps], &op.device)))
        }
        (Value::Int(start), Value::Int(end), Value::Int(step)) => {
            let first = |x: &Host<i64>| x.values.first().copied().ok_or("it is empty");
            let (start, end, step) = (first(start)?, first(end)?, first(step)?);
            let span = if step > 0 { end.saturating_sub(start) } else { start.saturating_sub(end) };
            let steps = match step {
                0 => return Err("its step is 0".into()),
                step => (span.max(0) as u64).div_ceil(step.unsigned_abs()) as usize,
            };
            count(&[steps])?;
            Ok(Value::Int(Host::list((0..steps as i64).map(|i| start + i * step).collect())))
        }
        _ => Err(op.wants("numbers of one type")),
    }
}

/// `OneHot`.
pub(super) async fn one_hot(op: &Op<'_>) -> Done<Value> {
    let indices = match op.value(0)? {
        Value::Float(x) => {
            Host::new(x.read().await?.into_iter().map(|v| v as i64).collect(), x.shape.clone())
        }
        Value::Int(x) => x.clone(),
        _ => return Err(op.wants("numbers first")),
    };
    let depth = match op.value(1)? {
        Value::Float(x) => x.read().await?.first().map(|v| *v as i64),
        Value::Int(x) => x.values.first().copied(),
        _ => None,
    };
    let depth = depth
        .and_then(|depth| usize::try_from(depth).ok())
        .ok_or("its depth is no number above 0")?;
    let mut shape = indices.shape.clone();
    let at = axis(op.node.int("axis", -1)?, shape.len() + 1)?;
    shape.insert(at, depth);
    let total = count(&shape)?;
    let inner: usize = shape[at + 1..].iter().product();
    let mut hot = vec![0usize; total];
    for (place, index) in indices.values.iter().enumerate() {
        let index = if *index < 0 { index + depth as i64 } else { *index };
        if let Some(index) = usize::try_from(index).ok().filter(|index| *index < depth) {
            hot[(place / inner.max(1) * depth + index) * inner + place % inner.max(1)] = 1;
        }
    }
    // The values are given as off and on.
    Ok(op.value(2)?.pick(hot, shape))
}

/// `EyeLike`.
pub(super) fn eye(op: &Op, x: &Value) -> Done<Value> {
    let [rows, columns] = *x.shape() else { return Err("it takes 2 axes".into()) };
    let k = op.node.int("k", 0)?;
    let ones = (0..rows as i64)
        .flat_map(|row| (0..columns as i64).map(move |column| i64::from(column - row == k)));
    let ones = Host::new(ones.collect(), vec![rows, columns]);
    let kind = op.node.int("dtype", 0)?;
    Ok(match (kind, x) {
        (1 | 10 | 11, _) | (0, Value::Float(_)) => Value::Float(ones.floats(&op.device)),
        (9, _) | (0, Value::Bool(_)) => Value::Bool(ones.map(|v| v != 0)),
        _ => Value::Int(ones),
    })
}

/// `Compress`: slices, or single values, for which a condition holds.
pub(super) async fn compress(op: &Op<'_>, x: &Value) -> Done<Value> {
    let condition = op.host_bool(op.value(1)?).await?;
    let chosen =
        condition.values.iter().enumerate().filter(|(_, kept)| **kept).map(|(place, _)| place);
    let (side, at) = match op.node.attributes.contains_key("axis") {
        true => {
            let at = axis(op.node.int("axis", 0)?, x.shape().len())?;
            (x.shape()[at], Some(at))
        }
        false => (x.shape().iter().product(), None),
    };
    let chosen: Vec<usize> = chosen.filter(|place| *place < side).collect();
    let Some(at) = at else {
        let count = chosen.len();
        return Ok(x.pick(chosen, vec![count]));
    };
    let mut shape = x.shape().to_vec();
    let (outer, inner): (usize, usize) =
        (shape[..at].iter().product(), shape[at + 1..].iter().product());
    shape[at] = chosen.len();
    Ok(x.pick(whole_slices(outer, side, inner, &chosen), shape))
}

/// `NonZero`: the places of what is not zero, an axis a row.
pub(super) async fn non_zero(op: &Op<'_>, x: &Value) -> Done<Value> {
    let found: Vec<bool> = match x {
        Value::Float(x) => x.read().await?.into_iter().map(|v| v != 0.0).collect(),
        Value::Int(x) => x.values.iter().map(|v| *v != 0).collect(),
        x => op.host_bool(x).await?.values,
    };
    let places: Vec<usize> =
        found.iter().enumerate().filter(|(_, found)| **found).map(|(place, _)| place).collect();
    let shape = x.shape();
    let values = shape.iter().zip(strides(shape)).flat_map(|(side, step)| {
        places.iter().map(move |place| (place / step % side.max(&1)) as i64)
    });
    Ok(Value::Int(Host::new(values.collect(), vec![shape.len(), places.len()])))
}

/// `ConstantOfShape`.
pub(super) fn constant_of_shape(op: &Op) -> Done<Value> {
    let shape = op.sides(0)?;
    count(&shape)?;
    let single = match op.node.attributes.get("value") {
        Some(crate::graph::Attribute::Tensor(constant)) if constant.values.len() == 1 => {
            Value::from_constant(constant, &op.device).reshaped(Vec::new())
        }
        Some(_) => return Err("its value is no single number".into()),
        None => Value::Float(Floats::from_host(vec![0.0], Vec::new(), &op.device)),
    };
    if shape.contains(&0) {
        return Ok(single.pick(Vec::new(), shape));
    }
    expand(&single, &shape)
}
