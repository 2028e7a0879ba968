//! `RNN`, `GRU` and `LSTM`, one direction or both, with the operators' own default functions.

use burn::tensor::{Tensor, activation};

use super::{
    Op,
    value::{Done, Fault, Floats, Value, count},
};

/// The weights of one direction.
struct Direction {
    /// `[inputs, gates · hidden]`
    input: Tensor<2>,
    /// `[hidden, gates · hidden]`
    hidden: Tensor<2>,
    /// `[1, gates · hidden]`, of the input and of the hidden state.
    biases: Option<[Tensor<2>; 2]>,
    /// `[1, 3 · hidden]`, of an LSTM.
    peepholes: Option<Tensor<2>>,
}

/// Does the whole sequence: all hidden states, the last one, and an LSTM's last cell.
pub(super) fn recurrent(op: &Op) -> Done<Vec<Value>> {
    let gates = match op.kind() {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    };
    let hidden = usize::try_from(op.node.int("hidden_size", 0)?).ok().filter(|size| *size > 0);
    let batch_first = op.node.int("layout", 0)? != 0;
    for (name, what) in [("clip", "clips"), ("activations", "has functions of its own")] {
        let default = name == "activations" && default_functions(op, gates);
        if op.node.attributes.contains_key(name) && !default {
            return Err(Fault::Reason(format!("it {what} ({name}), which is not done here")));
        }
    }
    if gates == 4 && op.node.int("input_forget", 0)? != 0 {
        return Err("its gates are coupled (input_forget), which is not done here".into());
    }
    let x = op.float(0)?;
    let x = if batch_first { x.permute(&swap(x.rank()))? } else { x.clone() };
    let [length, batch, inputs] = x.shape[..] else { return Err("it takes 3 axes".into()) };
    let (weights, recurrence) = (op.float(1)?, op.float(2)?);
    let [directions, rows, columns] = weights.shape[..] else {
        return Err("its weights have not 3 axes".into());
    };
    let hidden = hidden.unwrap_or(rows / gates);
    let both = op.node.text("direction", "forward")? == "bidirectional";
    if rows != gates * hidden
        || columns != inputs
        || recurrence.shape != [directions, rows, hidden]
        || directions != if both { 2 } else { 1 }
        || hidden == 0
    {
        return Err(Fault::Reason(format!(
            "its weights {:?} and {:?} do not fit {inputs} inputs and {hidden} hidden values",
            weights.shape, recurrence.shape
        )));
    }
    if let Some(lengths) = op.optional_ints(4)?
        && lengths.values.iter().any(|own| *own != length as i64)
    {
        return Err("its sequences have several lengths, which is not done here".into());
    }
    let part = |value: &Floats, direction: usize, rows: usize| -> Tensor<2> {
        let size = value.len() / directions;
        let flat = value.flat.clone().narrow(0, direction * size, size);
        flat.reshape([rows, size / rows.max(1)])
    };
    let given = |place: usize| match op.optional(place) {
        Some(Value::Float(value)) => Some(value.clone()),
        _ => None,
    };
    let state = |place: usize| -> Done<Option<Floats>> {
        let Some(value) = given(place) else { return Ok(None) };
        let value = if batch_first { value.permute(&swap(value.rank()))? } else { value };
        match value.shape == [directions, batch, hidden] {
            true => Ok(Some(value)),
            false => Err(Fault::Reason(format!("its first state has the shape {:?}", value.shape))),
        }
    };
    let (first, first_cell) = (state(5)?, if gates == 4 { state(6)? } else { None });
    let (bias, peepholes) = (given(3), if gates == 4 { given(7) } else { None });
    for (value, size) in [(&bias, 2 * rows), (&peepholes, 3 * hidden)] {
        if let Some(value) = value.as_ref().filter(|value| value.shape != [directions, size]) {
            return Err(Fault::Reason(format!(
                "it takes [{directions}, {size}] floats, not {:?}",
                value.shape
            )));
        }
    }
    let (mut outputs, mut last, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for direction in 0..directions {
        let plan = Direction {
            input: part(weights, direction, rows).transpose(),
            hidden: part(recurrence, direction, rows).transpose(),
            biases: bias.as_ref().map(|bias| {
                let whole = part(bias, direction, 2);
                [whole.clone().slice([0..1, 0..rows]), whole.slice([1..2, 0..rows])]
            }),
            peepholes: peepholes.as_ref().map(|peepholes| part(peepholes, direction, 1)),
        };
        let zero = || Tensor::<2>::zeros([batch, hidden], &op.device);
        let mut h = first.as_ref().map_or_else(zero, |first| part(first, direction, batch));
        let mut c = first_cell.as_ref().map_or_else(zero, |first| part(first, direction, batch));
        let backwards = direction == 1 || op.node.text("direction", "forward")? == "reverse";
        // All inputs at once: their products do not wait for each other.
        let all = x.flat.clone().reshape([length * batch, inputs]).matmul(plan.input.clone());
        let all = match &plan.biases {
            Some([bias, _]) => all + bias.clone(),
            None => all,
        };
        let mut states = Vec::with_capacity(length);
        for step in 0..length {
            let at = if backwards { length - 1 - step } else { step };
            let input = all.clone().slice([at * batch..(at + 1) * batch, 0..rows]);
            (h, c) = plan.step(op, input, h, c, gates, hidden)?;
            states.push(h.clone());
        }
        if backwards {
            states.reverse();
        }
        outputs.push(states);
        last.push(h);
        cells.push(c);
    }
    let mut all = Vec::with_capacity(length * directions);
    for step in 0..length {
        all.extend(outputs.iter().map(|states| states[step].clone()));
    }
    count(&[length, directions, batch, hidden])?;
    let y = Floats::from(Tensor::cat(all, 0), vec![length, directions, batch, hidden]);
    let last = Floats::from(Tensor::cat(last, 0), vec![directions, batch, hidden]);
    let cells = Floats::from(Tensor::cat(cells, 0), vec![directions, batch, hidden]);
    let turn = |value: Floats| if batch_first { value.permute(&swap(3)) } else { Ok(value) };
    let y = if batch_first { y.permute(&[2, 0, 1, 3])? } else { y };
    let mut results = vec![Value::Float(y), Value::Float(turn(last)?)];
    if gates == 4 {
        results.push(Value::Float(turn(cells)?));
    }
    Ok(results)
}

/// The first two axes the other way round.
fn swap(rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    if rank > 1 {
        order.swap(0, 1);
    }
    order
}

/// Whether the functions that are named are those that would be taken anyway.
fn default_functions(op: &Op, gates: usize) -> bool {
    let Some(crate::graph::Attribute::Strings(names)) = op.node.attributes.get("activations")
    else {
        return true;
    };
    let own: &[&str] = match gates {
        4 => &["sigmoid", "tanh", "tanh"],
        3 => &["sigmoid", "tanh"],
        _ => &["tanh"],
    };
    names.iter().zip(own.iter().cycle()).all(|(name, own)| name.eq_ignore_ascii_case(own))
}

impl Direction {
    /// One step: the new hidden state and cell from the input's product and the old ones.
    fn step(
        &self,
        op: &Op,
        input: Tensor<2>,
        h: Tensor<2>,
        c: Tensor<2>,
        gates: usize,
        hidden: usize,
    ) -> Done<(Tensor<2>, Tensor<2>)> {
        let [batch, _] = h.dims();
        let gate = |whole: &Tensor<2>, k: usize| {
            whole.clone().slice([0..batch, k * hidden..(k + 1) * hidden])
        };
        let biased = |product: Tensor<2>| match &self.biases {
            Some([_, bias]) => product + bias.clone(),
            None => product,
        };
        Ok(match gates {
            1 => ((input + biased(h.matmul(self.hidden.clone()))).tanh(), c),
            3 => {
                let recurrent = biased(h.clone().matmul(self.hidden.clone()));
                let z = activation::sigmoid(gate(&input, 0) + gate(&recurrent, 0));
                let r = activation::sigmoid(gate(&input, 1) + gate(&recurrent, 1));
                let new = if op.node.int("linear_before_reset", 0)? != 0 {
                    (gate(&input, 2) + r * gate(&recurrent, 2)).tanh()
                } else {
                    let own = self.hidden.clone().slice([0..hidden, 2 * hidden..3 * hidden]);
                    let mut inner = (r * h.clone()).matmul(own);
                    if let Some([_, bias]) = &self.biases {
                        inner = inner + bias.clone().slice([0..1, 2 * hidden..3 * hidden]);
                    }
                    (gate(&input, 2) + inner).tanh()
                };
                (z.clone().neg().add_scalar(1.0) * new + z * h, c)
            }
            _ => {
                let whole = input + biased(h.matmul(self.hidden.clone()));
                let peep = |k: usize, c: &Tensor<2>, gate: Tensor<2>| match &self.peepholes {
                    Some(peepholes) => {
                        gate + c.clone()
                            * peepholes.clone().slice([0..1, k * hidden..(k + 1) * hidden])
                    }
                    None => gate,
                };
                // In ONNX's order: input, output, forget, cell.
                let i = activation::sigmoid(peep(0, &c, gate(&whole, 0)));
                let f = activation::sigmoid(peep(2, &c, gate(&whole, 2)));
                let new = f * c + i * gate(&whole, 3).tanh();
                let o = activation::sigmoid(peep(1, &new, gate(&whole, 1)));
                (o * new.clone().tanh(), new)
            }
        })
    }
}
