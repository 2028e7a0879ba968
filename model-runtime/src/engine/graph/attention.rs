//! `Attention`, `RotaryEmbedding` and `Einsum`.

use burn::tensor::{Tensor, activation};

use super::{
    Op, arrange,
    elementwise::arithmetic,
    linear::matmul,
    value::{Done, Fault, Floats, Host, Res, Value, axis, count, strides, walk},
};

/// What is added where nothing may be looked at. Not infinite, so that a row of nothing else has a gradient.
const HIDDEN: f32 = -1e30;

/// `[batch, heads, length, width]` of a value that has it, or has its heads side by side.
fn heads(op: &Op, x: &Floats, heads: &str) -> Done<Floats> {
    match x.shape[..] {
        [_, _, _, _] => Ok(x.clone()),
        [batch, length, width] => {
            let heads = usize::try_from(op.node.int(heads, 0)?).unwrap_or(0);
            if heads == 0 || !width.is_multiple_of(heads) {
                return Err(Fault::Reason(format!(
                    "{heads} heads do not divide a width of {width}"
                )));
            }
            let split = x.clone().reshaped(vec![batch, length, heads, width / heads]);
            Ok(split.permute(&[0, 2, 1, 3])?)
        }
        _ => Err(Fault::Reason(format!("it takes 3 or 4 axes, not {:?}", x.shape))),
    }
}

/// `[batch, heads, length, width]` as it was given, with heads side by side where they were.
fn joined(x: Floats, rank: usize) -> Res<Floats> {
    if rank == 4 {
        return Ok(x);
    }
    let [batch, heads, length, width] = x.shape[..] else { return Ok(x) };
    Ok(x.permute(&[0, 2, 1, 3])?.reshaped(vec![batch, length, heads * width]))
}

/// Each head several times in a row, for as many that ask.
fn repeated(x: &Floats, times: usize) -> Res<Floats> {
    let [batch, heads, length, width] = x.shape[..] else { return Ok(x.clone()) };
    if times == 1 {
        return Ok(x.clone());
    }
    let wide = x.clone().reshaped(vec![batch, heads, 1, length, width]);
    Ok(wide.expand(&[batch, heads, times, length, width])?.reshaped(vec![
        batch,
        heads * times,
        length,
        width,
    ]))
}

/// Older values before newer ones.
fn appended(past: Option<&Floats>, x: Floats) -> Done<Floats> {
    let Some(past) = past else { return Ok(x) };
    let ([b, h, old, w], [batch, heads, new, width]) = (shape4(past)?, shape4(&x)?);
    if [b, h, w] != [batch, heads, width] {
        return Err(Fault::Reason(format!("{:?} do not go before {:?}", past.shape, x.shape)));
    }
    let parts = [past, &x].into_iter().filter(|part| part.len() > 0).map(Floats::nd::<4>);
    let parts = parts.collect::<Res<Vec<_>>>()?;
    if parts.is_empty() {
        return Ok(x);
    }
    Ok(Floats::from(Tensor::cat(parts, 2), vec![batch, heads, old + new, width]))
}

fn shape4(x: &Floats) -> Res<[usize; 4]> {
    x.shape.clone().try_into().map_err(|_| format!("it takes 4 axes, not {:?}", x.shape))
}

/// `Attention` (Vaswani et al. 2017, arXiv 1706.03762), with masks, older keys and values, and fewer heads of those.
pub(super) async fn attention(op: &Op<'_>) -> Done<Vec<Value>> {
    let float = |place: usize| match op.optional(place) {
        None => Ok(None),
        Some(Value::Float(value)) => Ok(Some(value)),
        Some(_) => Err(op.wants("floats")),
    };
    let rank = op.float(0)?.rank();
    let query = heads(op, op.float(0)?, "q_num_heads")?;
    let key = appended(float(4)?, heads(op, op.float(1)?, "kv_num_heads")?)?;
    let value = appended(float(5)?, heads(op, op.float(2)?, "kv_num_heads")?)?;
    let ([batch, q_heads, length, width], [_, kv_heads, whole, key_width]) =
        (shape4(&query)?, shape4(&key)?);
    let fits =
        shape4(&value)?[..3] == key.shape[..3] && key_width == width && key.shape[0] == batch;
    if !fits
        || kv_heads == 0
        || !q_heads.is_multiple_of(kv_heads)
        || query.len() == 0
        || key.len() == 0
    {
        return Err(Fault::Reason(format!(
            "{:?}, {:?} and {:?} do not go together",
            query.shape, key.shape, value.shape
        )));
    }
    let scale = op.node.float("scale", 1.0 / (width as f32).sqrt())?;
    let all_keys = repeated(&key, q_heads / kv_heads)?;
    let all_values = repeated(&value, q_heads / kv_heads)?;
    let mut scores = matmul(&query, &all_keys.permute(&[0, 1, 3, 2])?)?.map(|x| x * scale);
    let mode = op.node.int("qk_matmul_output_mode", 0)?;
    let mut shown = scores.clone();
    let softcap = op.node.float("softcap", 0.0)?;
    if softcap > 0.0 {
        scores = scores.map(|x| (x / softcap).tanh() * softcap);
    }
    if mode == 1 {
        shown = scores.clone();
    }
    let older = float(4)?.map_or(0, |past| past.shape[2]);
    let bias = bias(op, [batch, q_heads, length, whole], older).await?;
    let (biased, empty) = match bias {
        None => (scores, None),
        Some(bias) => {
            let flat = bias.matrix(batch * q_heads * length);
            let empty = flat.max_dim(1).lower_equal_scalar(HIDDEN);
            if mode == 2 {
                let hidden = bias.flat.clone().lower_equal_scalar(HIDDEN);
                shown = arithmetic(
                    &scores,
                    &bias.clone().map(|b| b.mask_fill(hidden, f32::NEG_INFINITY)),
                    |x, b| x + b,
                )?;
            }
            (arithmetic(&scores, &bias, |x, bias| x + bias)?, Some(empty))
        }
    };
    if mode == 2 && empty.is_none() {
        shown = biased.clone();
    }
    let rows = batch * q_heads * length;
    let mut weights = activation::softmax(biased.matrix(rows), 1);
    if let Some(empty) = empty {
        // Who may look at nothing gets nothing.
        weights = weights.mask_fill(empty.expand([rows, whole]), 0.0);
    }
    let weights = Floats::from(weights, biased.shape.clone());
    if mode == 3 {
        shown = weights.clone();
    }
    let result = joined(matmul(&weights, &all_values)?, rank)?;
    Ok([result, key, value, shown].into_iter().map(Value::Float).collect())
}

/// What is added to scores `[batch, heads, length, whole]`, of what may be looked at and of a mask; nothing where all
/// may.
async fn bias(op: &Op<'_>, shape: [usize; 4], older: usize) -> Done<Option<Floats>> {
    let [batch, _, length, whole] = shape;
    let causal = op.node.int("is_causal", 0)? != 0;
    let (left, right) =
        (op.node.int("left_window_size", -1)?, op.node.int("right_window_size", -1)?);
    let filled = match op.optional_ints(6)? {
        Some(filled) if filled.values.len() == batch => Some(filled.values.clone()),
        Some(filled) => {
            return Err(Fault::Reason(format!(
                "it has {} lengths for {batch}",
                filled.values.len()
            )));
        }
        None => None,
    };
    let mut sum: Option<Floats> = None;
    if causal || filled.is_some() || left >= 0 || right >= 0 {
        let rows = count(&[batch, length, whole])?;
        let mut allowed = Vec::with_capacity(rows);
        for own in 0..batch {
            let filled = filled.as_ref().map(|filled| filled[own]);
            let offset = filled.map_or(older as i64, |filled| filled - length as i64);
            for i in 0..length as i64 {
                for j in 0..whole as i64 {
                    let ahead = j - (i + offset);
                    allowed.push(
                        (!causal || ahead <= 0)
                            && (left < 0 || -ahead <= left)
                            && (right < 0 || ahead <= right)
                            && filled.is_none_or(|filled| j < filled),
                    );
                }
            }
        }
        let hidden = allowed.iter().map(|allowed| if *allowed { 0.0 } else { HIDDEN }).collect();
        sum = Some(Floats::from_host(hidden, vec![batch, 1, length, whole], &op.device));
    }
    if let Some(mask) = op.optional(3) {
        let mask = match mask {
            Value::Float(mask) => {
                arrange::lengthened(mask, whole, f32::NEG_INFINITY)?.map(|x| x.clamp_min(HIDDEN))
            }
            Value::Int(_) => return Err(op.wants("floats or truth values as a mask")),
            mask => {
                let mask = op.host_bool(mask).await?;
                let hidden = mask.map(|kept| if kept { 0.0 } else { HIDDEN });
                let hidden = Floats::from_host(hidden.values, hidden.shape, &op.device);
                arrange::lengthened(&hidden, whole, HIDDEN)?
            }
        };
        sum = Some(match sum {
            None => mask,
            Some(sum) => arithmetic(&sum, &mask, |sum, mask| (sum + mask).clamp_min(HIDDEN))?,
        });
    }
    match sum {
        None => Ok(None),
        Some(sum) => Ok(Some(sum.expand(&shape)?)),
    }
}

/// `RotaryEmbedding` (Su et al. 2021, arXiv 2104.09864).
pub(super) fn rotary(op: &Op) -> Done<Floats> {
    let x = op.float(0)?;
    let rank = x.rank();
    let split = heads(op, x, "num_heads")?;
    let [batch, heads, length, width] = shape4(&split)?;
    let turned = match usize::try_from(op.node.int("rotary_embedding_dim", 0)?).unwrap_or(0) {
        0 => width,
        turned => turned,
    };
    if turned > width || !turned.is_multiple_of(2) || split.len() == 0 {
        return Err(Fault::Reason(format!("it turns {turned} of {width} values")));
    }
    let half = turned / 2;
    // The angles of each place, `[batch, 1, length, half]`.
    let angles = |place: usize| -> Done<Floats> {
        let table = op.float(place)?;
        let picked = match op.optional_ints(3)? {
            Some(positions) => {
                let rows = *table.shape.first().ok_or("its tables have no axes")?;
                let per_row = table.len() / rows.max(1);
                if positions.shape != [batch, length] {
                    return Err(Fault::Reason(format!(
                        "its positions have the shape {:?}",
                        positions.shape
                    )));
                }
                let mut flat = Vec::with_capacity(positions.values.len() * per_row);
                for position in &positions.values {
                    let row = axis(*position, rows)
                        .map_err(|_| format!("its position {position} is not below {rows}"))?;
                    flat.extend(row * per_row..(row + 1) * per_row);
                }
                table.pick(flat, vec![batch, length, per_row])
            }
            None => table.clone(),
        };
        match picked.shape == [batch, length, half] {
            true => Ok(picked.reshaped(vec![batch, 1, length, half])),
            false => Err(Fault::Reason(format!(
                "its tables give {:?}, not [{batch}, {length}, {half}]",
                picked.shape
            ))),
        }
    };
    let (cos, sin) = (angles(1)?, angles(2)?);
    let whole = split.nd::<4>()?;
    let rest = whole.clone().slice([0..batch, 0..heads, 0..length, turned..width]);
    let head = whole.slice([0..batch, 0..heads, 0..length, 0..turned]);
    let interleaved = op.node.int("interleaved", 0)? != 0;
    let shape = vec![batch, heads, length, half];
    let [first, second] = if interleaved {
        let pairs = head.reshape([batch * heads * length * half, 2]);
        [0, 1].map(|k| Floats::from(pairs.clone().narrow(1, k, 1), shape.clone()))
    } else {
        [0, half].map(|from| Floats::from(head.clone().narrow(3, from, half), shape.clone()))
    };
    let product = |x: &Floats, angle: &Floats| arithmetic(x, angle, |x, angle| x * angle);
    let real = arithmetic(&product(&first, &cos)?, &product(&second, &sin)?, |l, r| l - r)?;
    let imaginary = arithmetic(&product(&first, &sin)?, &product(&second, &cos)?, |l, r| l + r)?;
    let turned = if interleaved {
        let pair = |x: Floats| x.flat.reshape([batch * heads * length * half, 1]);
        Tensor::cat(vec![pair(real), pair(imaginary)], 1).reshape([batch, heads, length, turned])
    } else {
        Tensor::cat(vec![real.nd::<4>()?, imaginary.nd::<4>()?], 3)
    };
    let y = if rest.dims()[3] == 0 { turned } else { Tensor::cat(vec![turned, rest], 3) };
    Ok(joined(Floats::from(y, vec![batch, heads, length, width]), rank)?)
}

/// A value with a letter for each axis.
struct Lettered {
    value: Floats,
    letters: Vec<char>,
}

impl Lettered {
    /// With each letter once: where one stands twice, only the diagonal counts.
    fn new(value: Floats, letters: Vec<char>) -> Res<Self> {
        let mut own: Vec<char> = Vec::new();
        letters.iter().for_each(|letter| {
            if !own.contains(letter) {
                own.push(*letter);
            }
        });
        if own.len() == letters.len() {
            return Ok(Self { value, letters });
        }
        let all = strides(&value.shape);
        let (mut sides, mut steps) = (vec![0; own.len()], vec![0; own.len()]);
        for (at, letter) in letters.iter().enumerate() {
            let place = own.iter().position(|own| own == letter).unwrap_or_default();
            if sides[place] != 0 && sides[place] != value.shape[at] {
                return Err(format!("{letter} is both {} and {}", sides[place], value.shape[at]));
            }
            sides[place] = value.shape[at];
            steps[place] += all[at];
        }
        Ok(Self { value: value.pick(walk(&sides, &steps), sides), letters: own })
    }

    fn side(&self, letter: char) -> usize {
        self.letters.iter().position(|own| *own == letter).map_or(1, |at| self.value.shape[at])
    }

    /// In the order of some letters, each of its own.
    fn ordered(&self, letters: &[char]) -> Res<Floats> {
        let order: Option<Vec<usize>> = letters
            .iter()
            .map(|letter| self.letters.iter().position(|own| own == letter))
            .collect();
        self.value.permute(&order.ok_or("a letter of the result is nowhere else")?)
    }

    /// Summed over the letters that are needed no more.
    fn summed(self, needed: impl Fn(char) -> bool) -> Res<Self> {
        let (kept, gone): (Vec<char>, Vec<char>) =
            self.letters.iter().partition(|letter| needed(**letter));
        if gone.is_empty() {
            return Ok(self);
        }
        let all: Vec<char> = kept.iter().chain(&gone).copied().collect();
        let shape: Vec<usize> = kept.iter().map(|letter| self.side(*letter)).collect();
        let rows = shape.iter().product();
        let sum = self.ordered(&all)?.matrix(rows).sum_dim(1);
        Ok(Self { value: Floats::from(sum, shape), letters: kept })
    }

    /// The product of two, summed over what neither the result nor another one needs, as products of matrices.
    fn times(self, other: Self, needed: impl Fn(char) -> bool) -> Res<Self> {
        let left = self.letters.clone();
        let both = |letter: &char| left.contains(letter) && other.letters.contains(letter);
        for letter in left.iter().filter(|letter| other.letters.contains(letter)) {
            if self.side(*letter) != other.side(*letter) {
                return Err(format!(
                    "{letter} is both {} and {}",
                    self.side(*letter),
                    other.side(*letter)
                ));
            }
        }
        let batch: Vec<char> = left.iter().copied().filter(|l| both(l) && needed(*l)).collect();
        let inner: Vec<char> = left.iter().copied().filter(|l| both(l) && !needed(*l)).collect();
        let rows: Vec<char> = left.iter().copied().filter(|l| !both(l)).collect();
        let columns: Vec<char> = other.letters.iter().copied().filter(|l| !both(l)).collect();
        let size =
            |letters: &[char], of: &Self| letters.iter().map(|l| of.side(*l)).product::<usize>();
        let (b, m, k, n) =
            (size(&batch, &self), size(&rows, &self), size(&inner, &self), size(&columns, &other));
        let order = |parts: [&[char]; 3]| parts.concat();
        let l = self.ordered(&order([&batch, &rows, &inner]))?.flat.reshape([b, m, k]);
        let r = other.ordered(&order([&batch, &inner, &columns]))?.flat.reshape([b, k, n]);
        let letters = order([&batch, &rows, &columns]);
        let shape: Vec<usize> = letters
            .iter()
            .map(|l| if left.contains(l) { self.side(*l) } else { other.side(*l) })
            .collect();
        count(&shape)?;
        Ok(Self { value: Floats::from(l.matmul(r), shape), letters })
    }
}

/// `Einsum`. An ellipsis stands for the axes that have no letter.
pub(super) fn einsum(op: &Op) -> Done<Floats> {
    let equation: String =
        op.node.text("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let (terms, result) = match equation.split_once("->") {
        Some((terms, result)) => (terms, Some(result.to_owned())),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != op.inputs.len() || op.inputs.is_empty() {
        return Err(Fault::Reason(format!(
            "its equation {equation} does not take {} values",
            op.inputs.len()
        )));
    }
    // Axes under an ellipsis get letters that no equation has, counted from the last one.
    let hidden = |from_last: usize| char::from_u32(0xE000 + from_last as u32).unwrap_or('?');
    let expand = |term: &str, rank: Option<usize>| -> Res<Vec<char>> {
        let named = term.chars().filter(|c| c.is_ascii_alphabetic()).count();
        let dots = rank.map_or(0, |rank| rank.saturating_sub(named));
        let mut letters = Vec::new();
        let mut rest = term;
        while let Some(letter) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("...") {
                letters.extend((0..dots).rev().map(hidden));
                rest = after;
            } else if letter.is_ascii_alphabetic() {
                letters.push(letter);
                rest = &rest[1..];
            } else {
                return Err(format!("its equation has the sign {letter}"));
            }
        }
        match rank {
            Some(rank) if letters.len() != rank => Err(format!("{term} does not name {rank} axes")),
            _ => Ok(letters),
        }
    };
    let mut values = Vec::new();
    let mut most = 0;
    for (place, term) in terms.iter().enumerate() {
        let value = op.float(place)?;
        let letters = expand(term, Some(value.rank()))?;
        most = most.max(letters.iter().filter(|letter| !letter.is_ascii()).count());
        values.push(Lettered::new(value.clone(), letters)?);
    }
    let all: Vec<char> = values.iter().flat_map(|value| value.letters.clone()).collect();
    let wanted = match result {
        Some(result) => {
            expand(&result, Some(result.chars().filter(char::is_ascii_alphabetic).count() + most))
                .or_else(|_| expand(&result, None))?
        }
        None => {
            let mut once: Vec<char> = all
                .iter()
                .copied()
                .filter(|l| all.iter().filter(|o| *o == l).count() == 1)
                .collect();
            once.sort_unstable_by_key(|letter| (letter.is_ascii(), *letter));
            once
        }
    };
    let mut values = values.into_iter();
    let Some(mut product) = values.next() else { return Err("it takes one value or more".into()) };
    let mut rest: Vec<Lettered> = values.collect();
    while !rest.is_empty() {
        let next = rest.remove(0);
        let later: Vec<char> = rest.iter().flat_map(|value| value.letters.clone()).collect();
        let needed = |letter: char| wanted.contains(&letter) || later.contains(&letter);
        product = product.times(next, needed)?;
    }
    let product = product.summed(|letter| wanted.contains(&letter))?;
    Ok(product.ordered(&wanted)?)
}

/// `ReverseSequence`: the first places of each sequence backwards, as many as it is long.
pub(super) fn reverse_sequence(op: &Op, x: &Value) -> Done<Value> {
    let lengths: &Host<i64> = op.int_list(1)?;
    let shape = x.shape().to_vec();
    let time = axis(op.node.int("time_axis", 0)?, shape.len())?;
    let batch = axis(op.node.int("batch_axis", 1)?, shape.len())?;
    if lengths.values.len() != shape[batch] || time == batch {
        return Err(Fault::Reason(format!(
            "it has {} lengths for {} sequences",
            lengths.values.len(),
            shape[batch]
        )));
    }
    let steps = strides(&shape);
    let places = (0..count(&shape)?).map(|place| {
        let (t, b) = (place / steps[time] % shape[time], place / steps[batch] % shape[batch]);
        match usize::try_from(lengths.values[b]) {
            Ok(length) if t < length.min(shape[time]) => {
                place - t * steps[time] + (length.min(shape[time]) - 1 - t) * steps[time]
            }
            _ => place,
        }
    });
    Ok(x.pick(places.collect(), shape.clone()))
}
