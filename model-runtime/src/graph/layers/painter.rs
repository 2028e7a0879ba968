//! A diffusion transformer, said in ONNX's operators: one step of a painter, for other programs.

use super::{Attribute, Element, Graph, Input, OPSET, Parameter, Values, Writer, step};
use crate::{
    RuntimeError,
    studio::{DIT_EPSILON, DitSpec, Painter, TIME_SCALE, frequencies},
};

/// The graph of a painter's network. Inputs: `patches` `[batch, patches, patch size]`, a noisy picture; `time` `[batch]`, 0 for
/// noise and 1 for the picture; `words` `[batch, length]`. Output: how fast each number is to move towards the picture. A
/// painting of so many steps adds it, divided by the steps, at each of them.
///
/// # Errors
/// [`RuntimeError::Protocol`] for an adapter.
pub(super) fn graph_of(painter: &Painter) -> Result<Graph, RuntimeError> {
    if painter.adapter.is_some() {
        let reason = "an adapter is no network by itself; its parameters are a safetensors file";
        return Err(RuntimeError::Protocol { reason: reason.into() });
    }
    let sizes = &painter.sizes;
    let input = |name: &str, element, sides: &[usize]| {
        let shape = std::iter::once(None).chain(sides.iter().copied().map(Some)).collect();
        Input { name: name.into(), element, shape }
    };
    let parameters = painter.parameter_shapes().into_iter();
    let parameters =
        parameters.map(|(name, shape)| (name, Parameter { shape, trained: true })).collect();
    let graph = Graph {
        opset: OPSET,
        inputs: vec![
            input("patches", Element::Float, &[sizes.patches(), sizes.patch_size()]),
            input("time", Element::Float, &[]),
            input("words", Element::Int, &[sizes.length]),
        ],
        parameters,
        ..Graph::default()
    };
    let mut writer = Writer { graph, made: 0 };
    let speeds = writer.dit(sizes);
    writer.graph.nodes.push(step("Identity", &[&speeds], "output"));
    writer.graph.outputs = vec!["output".into()];
    Ok(writer.graph)
}

fn axis(axis: i64) -> (&'static str, Attribute) {
    ("axis", Attribute::Int(axis))
}

impl Writer {
    fn dit(&mut self, sizes: &DitSpec) -> String {
        let width = sizes.width as i64;
        let words = self.add("Gather", &["words.token.weight", "words"], &[]);
        let middle = self.ints(&[1]);
        let summary =
            self.add("ReduceMean", &[&words, &middle], &[("keepdims", Attribute::Int(0))]);
        let words = self.add("Add", &[&words, "words.position.weight"], &[]);
        let patches = self.dense("patches.token", "patches");
        let patches = self.add("Add", &[&patches, "patches.position.weight"], &[]);
        let mut x = self.add("Concat", &[&patches, &words], &[axis(1)]);

        let waves = self.waves(sizes.width);
        let time = self.dense("time.fc1", &waves);
        let time = self.silu(&time);
        let time = self.dense("time.fc2", &time);
        let prompt = self.dense("prompt", &summary);
        let condition = self.add("Add", &[&time, &prompt], &[]);
        let condition = self.silu(&condition);
        let six = self.ints(&[0, 6, width]);
        let shared = self.dense("modulation", &condition);
        let shared = self.add("Reshape", &[&shared, &six], &[]);
        for place in 0..sizes.depth {
            x = self.dit_block(&format!("blocks.{place}"), sizes, &shared, &x);
        }
        let two = self.ints(&[0, 2, width]);
        let ends = self.dense("output_modulation", &condition);
        let ends = self.add("Reshape", &[&ends, &two], &[]);
        let (from, to) = (self.ints(&[0]), self.ints(&[sizes.patches() as i64]));
        let axes = self.ints(&[1]);
        let x = self.add("Slice", &[&x, &from, &to, &axes], &[]);
        let x = self.modulated(&x, &ends, 0, sizes.width);
        self.dense("output", &x)
    }

    /// Cosines and sines of the times.
    fn waves(&mut self, width: usize) -> String {
        let column = self.ints(&[-1, 1]);
        let time = self.add("Reshape", &["time", &column], &[]);
        let scale = self.float(TIME_SCALE);
        let time = self.add("Mul", &[&time, &scale], &[]);
        let frequencies = frequencies(width);
        let frequencies = self.constant(vec![1, frequencies.len()], Values::Float(frequencies));
        let angles = self.add("Mul", &[&time, &frequencies], &[]);
        let (cosines, sines) = (self.add("Cos", &[&angles], &[]), self.add("Sin", &[&angles], &[]));
        self.add("Concat", &[&cosines, &sines], &[axis(1)])
    }

    fn silu(&mut self, x: &str) -> String {
        let gate = self.add("Sigmoid", &[x], &[]);
        self.add("Mul", &[x, &gate], &[])
    }

    /// Row `place` of `[batch, rows, width]`, as `[batch, 1, width]`.
    fn row(&mut self, rows: &str, place: i64) -> String {
        let place = self.ints(&[place]);
        self.add("Gather", &[rows, &place], &[axis(1)])
    }

    /// `x`, normalised, times 1 and the scale of `place + 1`, plus the shift of `place`.
    fn modulated(&mut self, x: &str, modulation: &str, place: i64, width: usize) -> String {
        let plain = self.constant(vec![width], Values::Float(vec![1.0; width]));
        let epsilon = ("epsilon", Attribute::Float(DIT_EPSILON));
        let x = self.add("LayerNormalization", &[x, &plain], &[axis(-1), epsilon]);
        let one = self.float(1.0);
        let scale = self.row(modulation, place + 1);
        let scale = self.add("Add", &[&scale, &one], &[]);
        let x = self.add("Mul", &[&x, &scale], &[]);
        let shift = self.row(modulation, place);
        self.add("Add", &[&x, &shift], &[])
    }

    fn dit_block(&mut self, path: &str, sizes: &DitSpec, shared: &str, x: &str) -> String {
        let modulation = self.add("Add", &[shared, &format!("{path}.modulation.weight")], &[]);
        let inner = self.modulated(x, &modulation, 0, sizes.width);
        let inner = self.dit_attention(path, sizes, &inner);
        let x = self.gated(x, &inner, &modulation, 2);
        let inner = self.modulated(&x, &modulation, 3, sizes.width);
        let inner = self.dense(&format!("{path}.mlp.fc1"), &inner);
        let inner = self.add("Gelu", &[&inner], &[]);
        let inner = self.dense(&format!("{path}.mlp.fc2"), &inner);
        self.gated(&x, &inner, &modulation, 5)
    }

    fn gated(&mut self, x: &str, inner: &str, modulation: &str, place: i64) -> String {
        let gate = self.row(modulation, place);
        let inner = self.add("Mul", &[inner, &gate], &[]);
        self.add("Add", &[x, &inner], &[])
    }

    fn dit_attention(&mut self, path: &str, sizes: &DitSpec, x: &str) -> String {
        let each = sizes.width / sizes.heads.max(1);
        let split = self.ints(&[0, 0, 3, sizes.heads as i64, each as i64]);
        let all = self.dense(&format!("{path}.attn.qkv"), x);
        let all = self.add("Reshape", &[&all, &split], &[]);
        let part = |writer: &mut Self, place: i64, order: [i64; 4]| {
            let place = writer.constant(vec![], Values::Int(vec![place]));
            let part = writer.add("Gather", &[&all, &place], &[axis(2)]);
            writer.add("Transpose", &[&part], &[("perm", Attribute::Ints(order.to_vec()))])
        };
        let query = part(self, 0, [0, 2, 1, 3]);
        let key = part(self, 1, [0, 2, 3, 1]);
        let value = part(self, 2, [0, 2, 1, 3]);
        let scores = self.add("MatMul", &[&query, &key], &[]);
        let scale = self.float((each as f32).sqrt().recip());
        let scores = self.add("Mul", &[&scores, &scale], &[]);
        let weights = self.add("Softmax", &[&scores], &[axis(-1)]);
        let seen = self.add("MatMul", &[&weights, &value], &[]);
        let seen = self.add("Transpose", &[&seen], &[("perm", Attribute::Ints(vec![0, 2, 1, 3]))]);
        let whole = self.ints(&[0, 0, sizes.width as i64]);
        let seen = self.add("Reshape", &[&seen, &whole], &[]);
        self.dense(&format!("{path}.attn.proj"), &seen)
    }
}
