//! Operators that take each value by itself, or two that stand at the same place.

use burn::tensor::{Bool, Tensor, activation};

use super::{
    super::gelu::{erf, gelu},
    Op,
    value::{Done, Fault, Floats, Host, Mask, RANK, Res, Value, broadcast, count, wide_shape},
};
use crate::graph::Element;

/// Largest exponent that is given to the device as a setting.
pub(super) const POWER: f32 = 1e4;

/// Axes of the tensors that a binary operator is done on.
const AXES: usize = 4;

/// An operator of one float; nothing for one that is none.
pub(super) fn unary(op: &Op, x: Tensor<1>) -> Done<Tensor<1>> {
    let float = |name: &str, default: f32| op.node.float(name, default);
    let above = |x: &Tensor<1>| activation::relu(x.clone());
    let below = |x: &Tensor<1>| x.clone() - activation::relu(x.clone());
    Ok(match op.kind() {
        "Abs" => x.abs(),
        "Acos" => x.acos(),
        "Acosh" => x.acosh(),
        "Asin" => x.asin(),
        "Asinh" => x.asinh(),
        "Atan" => x.atan(),
        "Atanh" => x.atanh(),
        "Ceil" => x.ceil(),
        "Celu" => {
            let alpha = float("alpha", 1.0)?;
            above(&x) + ((below(&x) / alpha).exp() - 1.0) * alpha
        }
        "Cos" => x.cos(),
        "Cosh" => x.cosh(),
        "Elu" => above(&x) + (below(&x).exp() - 1.0) * float("alpha", 1.0)?,
        "Erf" => erf(x),
        "Exp" => x.exp(),
        "Floor" => x.floor(),
        "Gelu" if op.node.text("approximate", "none")? == "tanh" => {
            let inner = (x.clone() + x.clone().powi_scalar(3) * 0.044715) * 0.797_884_6;
            x * (inner.tanh() + 1.0) * 0.5
        }
        "Gelu" => gelu(x),
        "HardSigmoid" => (x * float("alpha", 0.2)? + float("beta", 0.5)?).clamp(0.0, 1.0),
        "HardSwish" => (x.clone() / 6.0 + 0.5).clamp(0.0, 1.0) * x,
        "LeakyRelu" => activation::leaky_relu(x, f64::from(float("alpha", 0.01)?)),
        "Log" => x.log(),
        "Mish" => softplus(x.clone()).tanh() * x,
        "Neg" => x.neg(),
        "Reciprocal" => x.recip(),
        "Relu" => activation::relu(x),
        "Round" => x.round(),
        "Selu" => {
            let alpha = float("alpha", 1.673_263_2)?;
            let gamma = float("gamma", 1.050_701)?;
            (above(&x) + (below(&x).exp() - 1.0) * alpha) * gamma
        }
        "Shrink" => {
            let (bias, lambda) = (float("bias", 0.0)?, float("lambd", 0.5)?);
            let low = x.clone().lower_scalar(-lambda);
            let high = x.clone().greater_scalar(lambda);
            let zero = x.zeros_like();
            zero.mask_where(low, x.clone() + bias).mask_where(high, x - bias)
        }
        "Sigmoid" => activation::sigmoid(x),
        "Sign" => x.sign(),
        "Sin" => x.sin(),
        "Sinh" => x.sinh(),
        "Softplus" => softplus(x),
        "Softsign" => x.clone() / (x.abs() + 1.0),
        "Sqrt" => x.sqrt(),
        "Swish" => activation::sigmoid(x.clone() * float("alpha", 1.0)?) * x,
        "Tan" => x.tan(),
        "Tanh" => x.tanh(),
        "ThresholdedRelu" => {
            let mask = x.clone().lower_equal_scalar(float("alpha", 1.0)?);
            x.mask_fill(mask, 0.0)
        }
        _ => return Err(op.unknown()),
    })
}

/// log(1 + e^x), for large x too.
fn softplus(x: Tensor<1>) -> Tensor<1> {
    activation::log_sigmoid(x.neg()).neg()
}

/// An operator of one integer.
pub(super) fn unary_int(op: &Op, x: &Host<i64>) -> Done<Value> {
    Ok(Value::Int(match op.kind() {
        "Abs" => x.map(i64::wrapping_abs),
        "Neg" => x.map(i64::wrapping_neg),
        "Relu" => x.map(|v| v.max(0)),
        "Sign" => x.map(i64::signum),
        _ => return Err(op.wants("floats")),
    }))
}

/// Two floats in [`AXES`] axes, so that each is repeated where the other is longer, towards a shape.
fn together(left: &Floats, right: &Floats, shape: &[usize]) -> Res<(Tensor<AXES>, Tensor<AXES>)> {
    let rank = shape.len();
    let side =
        |own: &[usize], axis: usize| (axis + own.len()).checked_sub(rank).map_or(1, |at| own[at]);
    // Neighbouring axes along which the same is repeated are one.
    let mut groups: Vec<(usize, usize, (bool, bool))> = Vec::new();
    for (axis, whole) in shape.iter().enumerate() {
        let (l, r) = (side(&left.shape, axis), side(&right.shape, axis));
        let kind = (l == *whole, r == *whole);
        match groups.last_mut() {
            Some(group) if group.2 == kind || *whole == 1 => {
                group.0 *= l;
                group.1 *= r;
            }
            _ => groups.push((l, r, kind)),
        }
    }
    if groups.len() > AXES {
        let flat = |value: &Floats| -> Res<Tensor<AXES>> {
            let wide: Tensor<RANK> = value.wide()?.expand(wide_shape(shape)?);
            Ok(wide.reshape([1, 1, 1, count(shape)?]))
        };
        return Ok((flat(left)?, flat(right)?));
    }
    let (mut l, mut r) = ([1; AXES], [1; AXES]);
    let lead = AXES - groups.len();
    for (place, group) in groups.iter().enumerate() {
        (l[lead + place], r[lead + place]) = (group.0, group.1);
    }
    Ok((left.flat.clone().reshape(l), right.flat.clone().reshape(r)))
}

/// A float operator of two floats.
pub(super) fn arithmetic(
    left: &Floats,
    right: &Floats,
    f: impl FnOnce(Tensor<AXES>, Tensor<AXES>) -> Tensor<AXES>,
) -> Res<Floats> {
    let shape = broadcast(&left.shape, &right.shape)?;
    if count(&shape)? == 0 {
        return Ok(Floats::from_host(Vec::new(), shape, &left.device()));
    }
    let (l, r) = together(left, right, &shape)?;
    Ok(Floats::from(f(l, r), shape))
}

/// A truth value of two floats.
fn comparison(
    left: &Floats,
    right: &Floats,
    f: impl FnOnce(Tensor<AXES>, Tensor<AXES>) -> Tensor<AXES, Bool>,
) -> Res<Mask> {
    let shape = broadcast(&left.shape, &right.shape)?;
    let flat = |value: &Floats| -> Res<Tensor<AXES>> {
        let value = value.expand(&shape)?;
        Ok(value.flat.reshape([1, 1, 1, count(&shape)?]))
    };
    let mask = f(flat(left)?, flat(right)?);
    Ok(Mask { flat: mask.reshape([count(&shape)?]), shape })
}

/// An operator of two values.
pub(super) async fn binary(op: &Op<'_>, left: &Value, right: &Value) -> Done<Value> {
    match (left, right) {
        (Value::Float(l), Value::Float(r)) => floats(op, l, r),
        (Value::Int(l), Value::Int(r)) => ints(op, l, r),
        // The result of a power is of the base's type.
        (Value::Float(l), Value::Int(r)) if op.kind() == "Pow" => {
            floats(op, l, &r.floats(&op.device))
        }
        (Value::Int(l), Value::Float(r)) if op.kind() == "Pow" => {
            let powers = Host::new(r.read().await?, r.shape.clone());
            Ok(Value::Int(
                l.zip(&powers, |base, power| (base as f64).powf(f64::from(power)) as i64)?,
            ))
        }
        (l, r) if l.element() == Element::Bool && r.element() == Element::Bool => {
            truths(op, l, r).await
        }
        (l, r) => Err(Fault::Reason(format!(
            "it takes two values of one type, not {:?} and {:?}",
            l.element(),
            r.element()
        ))),
    }
}

fn floats(op: &Op, left: &Floats, right: &Floats) -> Done<Value> {
    let value = match op.kind() {
        "Add" | "Sum" | "Mean" => arithmetic(left, right, |l, r| l + r)?,
        "Sub" => arithmetic(left, right, |l, r| l - r)?,
        "Mul" => arithmetic(left, right, |l, r| l * r)?,
        "Div" => arithmetic(left, right, |l, r| l / r)?,
        "Max" => arithmetic(left, right, Tensor::max_pair)?,
        "Min" => arithmetic(left, right, Tensor::min_pair)?,
        "Mod" if op.node.int("fmod", 0)? != 1 => {
            return Err("of floats, it takes fmod 1 only".into());
        }
        "Mod" => arithmetic(left, right, |l, r| {
            let whole = l.clone() / r.clone();
            l - r * (whole.clone().abs().floor() * whole.sign())
        })?,
        "Pow" => return power(left, right),
        "PRelu" => arithmetic(left, right, |l, r| {
            activation::relu(l.clone()) + (l.clone() - activation::relu(l)) * r
        })?,
        "Equal" => return Ok(Value::Mask(comparison(left, right, |l, r| l.equal(r))?)),
        "Greater" => return Ok(Value::Mask(comparison(left, right, |l, r| l.greater(r))?)),
        "GreaterOrEqual" => {
            return Ok(Value::Mask(comparison(left, right, |l, r| l.greater_equal(r))?));
        }
        "Less" => return Ok(Value::Mask(comparison(left, right, |l, r| l.lower(r))?)),
        "LessOrEqual" => return Ok(Value::Mask(comparison(left, right, |l, r| l.lower_equal(r))?)),
        _ => return Err(op.unknown()),
    };
    Ok(Value::Float(value))
}

/// Powers whose exponent is known are products, which are exact for a negative base and have a plain gradient.
fn power(base: &Floats, exponent: &Floats) -> Done<Value> {
    let one = exponent.known.as_deref().filter(|known| known.len() == 1).map(|known| known[0]);
    Ok(Value::Float(match one {
        Some(power) if exponent.rank() <= base.rank() => {
            let x = base.clone();
            match power {
                1.0 => x,
                2.0 => x.map(|x| x.clone() * x),
                3.0 => x.map(|x| x.clone() * x.clone() * x),
                0.5 => x.map(Tensor::sqrt),
                -1.0 => x.map(Tensor::recip),
                -0.5 => x.map(|x| x.sqrt().recip()),
                power if power.abs() <= POWER => x.map(|x| x.powf_scalar(power)),
                _ => arithmetic(base, exponent, Tensor::powf)?,
            }
        }
        _ => arithmetic(base, exponent, Tensor::powf)?,
    }))
}

fn ints(op: &Op, left: &Host<i64>, right: &Host<i64>) -> Done<Value> {
    let zero = || Fault::Reason("it divides by zero".into());
    let number = |f: fn(i64, i64) -> i64| -> Done<Value> { Ok(Value::Int(left.zip(right, f)?)) };
    let truth = |f: fn(i64, i64) -> bool| -> Done<Value> { Ok(Value::Bool(left.zip(right, f)?)) };
    match op.kind() {
        "Add" | "Sum" | "Mean" => number(i64::wrapping_add),
        "Sub" => number(i64::wrapping_sub),
        "Mul" => number(i64::wrapping_mul),
        "Div" | "Mod" if right.values.contains(&0) => Err(zero()),
        "Div" => number(i64::wrapping_div),
        "Mod" if op.node.int("fmod", 0)? == 1 => number(i64::wrapping_rem),
        // Its sign is the divisor's, as in Python.
        "Mod" => number(|l, r| l.wrapping_sub(r.wrapping_mul(floor_div(l, r)))),
        "Max" => number(i64::max),
        "Min" => number(i64::min),
        "Pow" => number(|base, power| match u32::try_from(power) {
            Ok(power) => base.wrapping_pow(power),
            Err(_) => (base as f64).powf(power as f64) as i64,
        }),
        "BitwiseAnd" => number(|l, r| l & r),
        "BitwiseOr" => number(|l, r| l | r),
        "BitwiseXor" => number(|l, r| l ^ r),
        "BitShift" if op.node.text("direction", "")? == "LEFT" => {
            number(|l, r| l.checked_shl(r as u32).unwrap_or(0))
        }
        "BitShift" => number(|l, r| (l as u64).checked_shr(r as u32).unwrap_or(0) as i64),
        "Equal" => truth(|l, r| l == r),
        "Greater" => truth(|l, r| l > r),
        "GreaterOrEqual" => truth(|l, r| l >= r),
        "Less" => truth(|l, r| l < r),
        "LessOrEqual" => truth(|l, r| l <= r),
        "PRelu" => number(|l, r| if l < 0 { l.wrapping_mul(r) } else { l }),
        _ => Err(op.wants("floats")),
    }
}

fn floor_div(left: i64, right: i64) -> i64 {
    let quotient = left.wrapping_div(right);
    let exact = quotient.wrapping_mul(right) == left;
    if !exact && ((left < 0) != (right < 0)) { quotient - 1 } else { quotient }
}

async fn truths(op: &Op<'_>, left: &Value, right: &Value) -> Done<Value> {
    let function: fn(bool, bool) -> bool = match op.kind() {
        "And" => |l, r| l && r,
        "Or" => |l, r| l || r,
        "Xor" => |l, r| l != r,
        "Equal" => |l, r| l == r,
        _ => return Err(op.wants("numbers")),
    };
    if let (Value::Bool(l), Value::Bool(r)) = (left, right) {
        return Ok(Value::Bool(l.zip(r, function)?));
    }
    let shape = broadcast(left.shape(), right.shape())?;
    let mask = |value: &Value| -> Res<Tensor<1, Bool>> {
        Ok(match value {
            Value::Mask(mask) => mask.expand(&shape)?.flat,
            Value::Bool(values) => values.mask(&op.device).expand(&shape)?.flat,
            _ => return Err("it takes truth values".to_owned()),
        })
    };
    let (l, r) = (mask(left)?, mask(right)?);
    let flat = match op.kind() {
        "And" => l.bool_and(r),
        "Or" => l.bool_or(r),
        "Xor" => l.bool_xor(r),
        _ => l.equal(r),
    };
    Ok(Value::Mask(Mask { flat, shape }))
}

/// `Where`: one of two values at each place.
pub(super) async fn choose(op: &Op<'_>, condition: &Value, yes: &Value, no: &Value) -> Done<Value> {
    let shape = broadcast(&broadcast(condition.shape(), yes.shape())?, no.shape())?;
    if let (Value::Float(yes), Value::Float(no)) = (yes, no) {
        let mask = match condition {
            Value::Mask(mask) => mask.expand(&shape)?,
            Value::Bool(values) => values.mask(&op.device).expand(&shape)?,
            _ => return Err(op.wants("a truth value first")),
        };
        let (yes, no) = (yes.expand(&shape)?, no.expand(&shape)?);
        return Ok(Value::Float(Floats::new(no.flat.mask_where(mask.flat, yes.flat), shape)));
    }
    let condition = op.host_bool(condition).await?;
    match (yes, no) {
        (Value::Int(yes), Value::Int(no)) => {
            let both = yes.zip(no, |yes, no| (yes, no))?;
            Ok(Value::Int(condition.zip(&both, |c, (yes, no)| if c { yes } else { no })?))
        }
        (yes, no) if yes.element() == Element::Bool && no.element() == Element::Bool => {
            let both =
                op.host_bool(yes).await?.zip(&op.host_bool(no).await?, |yes, no| (yes, no))?;
            Ok(Value::Bool(condition.zip(&both, |c, (yes, no)| if c { yes } else { no })?))
        }
        _ => Err(op.wants("two values of one type")),
    }
}

/// `Clip`, whose bounds are single values that may be left out.
pub(super) fn clip(op: &Op, x: &Value) -> Done<Value> {
    if let Value::Int(x) = x {
        let (low, high) =
            (op.optional_int(1)?.unwrap_or(i64::MIN), op.optional_int(2)?.unwrap_or(i64::MAX));
        // As in ONNX, the upper bound has the last word.
        return Ok(Value::Int(x.map(|v| v.max(low).min(high))));
    }
    let Value::Float(x) = x else { return Err(op.wants("numbers")) };
    let mut y = x.clone();
    for (place, name, limit) in [(1, "min", f32::MIN), (2, "max", f32::MAX)] {
        y = match op.optional(place) {
            Some(Value::Float(bound)) if bound.known.is_none() => {
                arithmetic(&y, bound, if place == 1 { Tensor::max_pair } else { Tensor::min_pair })?
            }
            bound => {
                let bound = match bound {
                    Some(Value::Float(bound)) => {
                        bound.known.as_ref().and_then(|known| known.first().copied())
                    }
                    _ => Some(op.node.float(name, limit)?),
                };
                let bound = bound.ok_or("its bound is empty")?;
                y.map(|y| if place == 1 { y.clamp_min(bound) } else { y.clamp_max(bound) })
            }
        };
    }
    Ok(Value::Float(y))
}

/// `Cast`, to an element type in ONNX's numbers.
pub(super) async fn cast(op: &Op<'_>, x: &Value, kind: i64) -> Done<Value> {
    let element = Element::of_onnx(kind)
        .ok_or_else(|| format!("it gives the element type {kind}, which is not computed with"))?;
    Ok(match (x, element) {
        (Value::Float(x), Element::Float) => Value::Float(x.clone()),
        (Value::Float(x), Element::Int) => {
            let values = x.read().await?.into_iter().map(|v| wrap(v as i64, kind)).collect();
            Value::Int(Host::new(values, x.shape.clone()))
        }
        (Value::Float(x), Element::Bool) => {
            Value::Mask(Mask { flat: x.flat.clone().not_equal_scalar(0.0), shape: x.shape.clone() })
        }
        (Value::Int(x), Element::Float) => Value::Float(x.floats(&op.device)),
        (Value::Int(x), Element::Int) => Value::Int(x.map(|v| wrap(v, kind))),
        (Value::Int(x), Element::Bool) => Value::Bool(x.map(|v| v != 0)),
        (Value::Mask(x), Element::Float) => Value::Float(x.floats()),
        (x, Element::Bool) => x.clone(),
        (x, Element::Int) => Value::Int(op.host_bool(x).await?.map(i64::from)),
        (x, Element::Float) => {
            Value::Float(op.host_bool(x).await?.map(i64::from).floats(&op.device))
        }
    })
}

/// An integer in a narrower type.
fn wrap(value: i64, kind: i64) -> i64 {
    match kind {
        2 => i64::from(value as u8),
        3 => i64::from(value as i8),
        4 => i64::from(value as u16),
        5 => i64::from(value as i16),
        6 => i64::from(value as i32),
        12 => i64::from(value as u32),
        _ => value,
    }
}
