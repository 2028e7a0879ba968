//! Parameters without a graph, matched to a network that is known or can be guessed from their shapes.

use std::collections::BTreeMap;

use super::tensors::{Found, Tensors};
use crate::{
    RuntimeError,
    message::Match,
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
    tensors::{TensorFile, TensorValue},
};

/// Convolutions whose padding and pooling are guessed, at most: each has four ways.
const MAX_GUESSED: usize = 6;

/// How a file's tensors fit a network.
pub(super) struct Fit {
    /// The network.
    pub(super) spec: ModelSpec,
    /// Its parameters, if all are there.
    pub(super) parameters: Option<TensorFile>,
    /// One row a parameter of either.
    pub(super) matches: Vec<Match>,
    /// What was made up, in words.
    pub(super) notes: Vec<String>,
}

/// Fits tensors to the first of `specs` that takes them all, else to a network guessed from their shapes; else tells how
/// they differ from the spec that they are nearest to.
///
/// # Errors
/// [`RuntimeError::BadFile`] if there is nothing to fit them to.
pub(super) fn fit(
    tensors: &Tensors,
    input: &Shape,
    task: &Task,
    specs: &[ModelSpec],
) -> Result<Fit, RuntimeError> {
    let mut best: Option<Fit> = None;
    let guessed = guess(&groups(tensors), input, task);
    let all = specs.iter().map(|spec| (spec, false)).chain(guessed.iter().map(|spec| (spec, true)));
    for (spec, is_guess) in all {
        let Ok(mut fit) = attempt(tensors, spec) else { continue };
        if is_guess {
            fit.notes.push(
                "The file has no network in it: one was made to fit, with ReLU between its layers. See whether it measures well, else write the right one below.".into(),
            );
        }
        if fit.parameters.is_some() {
            return Ok(fit);
        }
        let fitting = |fit: &Fit| fit.matches.iter().filter(|row| row.fits).count();
        if best.as_ref().is_none_or(|best| fitting(&fit) > fitting(best)) {
            best = Some(fit);
        }
    }
    best.ok_or_else(|| {
        RuntimeError::file(
            "the parameters",
            "no network fits the data that they could belong to; write one first",
        )
    })
}

/// Tensors of one layer: what is before the last dot of their names, and by what is after it their values.
struct Group<'a> {
    parts: Vec<(&'a str, &'a Found)>,
}

/// What a part of a layer is, whatever the library calls it.
fn role(part: &str) -> &str {
    match part {
        "gamma" | "scale" => "weight",
        "beta" => "bias",
        other => other,
    }
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// The file's tensors by layers, in order, without counters.
fn groups(tensors: &Tensors) -> Vec<Group<'_>> {
    let mut all: Vec<(&str, Group)> = Vec::new();
    for found in tensors.all.iter().filter(|found| found.value.is_some()) {
        let (layer, part) = split(&found.name);
        match all.last_mut().filter(|(last, _)| *last == layer) {
            Some((_, group)) => group.parts.push((role(part), found)),
            None => all.push((layer, Group { parts: vec![(role(part), found)] })),
        }
    }
    all.into_iter().map(|(_, group)| group).collect()
}

impl Group<'_> {
    fn part(&self, role: &str) -> Option<&Found> {
        self.parts.iter().find(|(part, _)| *part == role).map(|(_, found)| *found)
    }

    fn shape(&self, role: &str) -> Option<&[usize]> {
        self.part(role).map(Found::shape)
    }
}

/// A parameter taken from a found tensor, turned if its sides are the other way round.
fn take(found: &Found, wanted: &[usize], turn: bool) -> Option<TensorValue> {
    let value = found.value.as_ref()?;
    let same = value.shape == wanted;
    let turned = value.shape.len() == 2 && wanted == [value.shape[1], value.shape[0]];
    match (same, turned) {
        (_, true) if turn || !same => Some(transposed(value)),
        (true, _) => Some(value.clone()),
        _ => None,
    }
}

fn transposed(value: &TensorValue) -> TensorValue {
    let (rows, columns) = (value.shape[0], value.shape[1]);
    let mut bytes = Vec::with_capacity(value.bytes.len());
    for column in 0..columns {
        for row in 0..rows {
            let at = (row * columns + column) * 4;
            bytes.extend_from_slice(&value.bytes[at..at + 4]);
        }
    }
    TensorValue { shape: vec![columns, rows], bytes, ..*value }
}

fn attempt(tensors: &Tensors, spec: &ModelSpec) -> Result<Fit, RuntimeError> {
    let wanted = spec.parameters()?;
    let known: BTreeMap<&str, &Found> =
        tensors.all.iter().map(|found| (found.name.as_str(), found)).collect();
    let mut file = TensorFile::default();
    let (mut matches, mut notes) = (Vec::new(), Vec::new());
    // Names that are the spec's own leave nothing to guess.
    let own = wanted
        .iter()
        .all(|(name, shape)| known.get(name.as_str()).is_some_and(|f| f.shape() == shape));
    if own && wanted.len() == tensors.all.len() {
        for (name, shape) in wanted {
            let value = known[name.as_str()].value.clone();
            file.tensors.extend(value.map(|value| (name.clone(), value)));
            matches.push(Match {
                wanted: Some((name.clone(), shape.clone())),
                found: Some((name, shape)),
                fits: true,
            });
        }
        return Ok(Fit { spec: spec.clone(), parameters: Some(file), matches, notes });
    }
    let groups = groups(tensors);
    let mut next = groups.iter();
    let mut rest = &wanted[..];
    while let Some((first, _)) = rest.first() {
        let layer = split(first).0;
        let count = rest.iter().take_while(|(name, _)| split(name).0 == layer).count();
        let (parts, after) = rest.split_at(count);
        rest = after;
        let group = next.next();
        let mut used = Vec::new();
        for (name, shape) in parts {
            let part = role(split(name).1);
            let found = group.and_then(|group| group.part(part));
            // A weight with a bias beside it is a fully connected layer's; an embedding's is never turned.
            let turn = tensors.outputs_first && shape.len() == 2 && parts.len() == 2;
            let value = match found {
                Some(found) => take(found, shape, turn),
                // Layers are often made without a bias.
                None if part == "bias" && group.is_some() => {
                    notes.push(format!("{name} is not in the file and begins at zero."));
                    Some(TensorValue::from_f32(shape.clone(), &vec![0.0; shape.iter().product()]))
                }
                None => None,
            };
            used.push(part);
            matches.push(Match {
                wanted: Some((name.clone(), shape.clone())),
                found: found.map(Found::named),
                fits: value.is_some(),
            });
            file.tensors.extend(value.map(|value| (name.clone(), value)));
        }
        let left = group.into_iter().flat_map(|group| &group.parts);
        for (_, found) in left.filter(|(part, _)| !used.contains(part)) {
            matches.push(Match { wanted: None, found: Some(found.named()), fits: false });
        }
    }
    for (_, found) in next.flat_map(|group| &group.parts) {
        matches.push(Match { wanted: None, found: Some(found.named()), fits: false });
    }
    let whole = matches.iter().all(|row| row.fits);
    Ok(Fit { spec: spec.clone(), parameters: whole.then_some(file), matches, notes })
}

/// A plain network of convolutions and fully connected layers that has parameters of these shapes.
fn guess(groups: &[Group<'_>], input: &Shape, task: &Task) -> Option<ModelSpec> {
    let relu = LayerSpec::Activation { function: Activation::Relu };
    let mut convolutions: Vec<Vec<LayerSpec>> = Vec::new();
    let mut dense = Vec::new();
    let mut first_width = None;
    for group in groups {
        match *group.shape("weight")? {
            [outputs, inputs] => {
                // Biases tell which side is which, whatever the library's order.
                let units = group.shape("bias").map_or(outputs, |bias| bias[0]);
                first_width.get_or_insert(if units == outputs { inputs } else { outputs });
                dense.push(units);
            }
            [channels, inputs, kernel, same] if kernel == same && dense.is_empty() => {
                let before = match convolutions.last().and_then(|layers| layers.first()) {
                    Some(LayerSpec::Conv2d { channels, .. }) => *channels,
                    _ => match *input {
                        Shape::Image { channels, .. } => channels,
                        _ => return None,
                    },
                };
                let groups = before.checked_div(inputs)?;
                convolutions.push(vec![
                    LayerSpec::Conv2d {
                        channels,
                        kernel,
                        stride: 1,
                        padding: Padding::Same,
                        groups,
                    },
                    relu.clone(),
                ]);
            }
            [_] if group.part("running_mean").is_some() => {
                let layers = convolutions.last_mut().filter(|_| dense.is_empty())?;
                layers.insert(1, LayerSpec::BatchNorm);
            }
            _ => return None,
        }
    }
    let mut head = match *input {
        Shape::Features { .. } if convolutions.is_empty() => Vec::new(),
        Shape::Image { .. } => vec![LayerSpec::Flatten],
        _ => return None,
    };
    for units in &dense {
        head.extend([LayerSpec::Dense { units: *units }, relu.clone()]);
    }
    // Nothing follows the last layer.
    head.pop();
    let width = first_width?;
    if convolutions.len() > MAX_GUESSED {
        return None;
    }
    // Two bits a convolution: whether it pools after, and whether it pads.
    for ways in 0..1u32 << (2 * convolutions.len()) {
        let mut layers = Vec::new();
        for (place, of_one) in convolutions.iter().enumerate() {
            let way = ways >> (2 * place) & 3;
            let mut of_one = of_one.clone();
            if let (LayerSpec::Conv2d { padding, .. }, 2..) = (&mut of_one[0], way) {
                *padding = Padding::Valid;
            }
            layers.extend(of_one);
            if way % 2 == 0 {
                layers.push(LayerSpec::MaxPool2d { size: 2 });
            }
        }
        layers.extend(head.iter().cloned());
        let spec =
            ModelSpec { input: input.clone(), body: Body::Layers(layers), task: task.clone() };
        if spec.validate().is_ok() && first_dense(&spec) == Some(width) {
            return Some(spec);
        }
    }
    None
}

/// Inputs of the first fully connected layer.
fn first_dense(spec: &ModelSpec) -> Option<usize> {
    let all = spec.parameters().ok()?;
    all.iter().find(|(_, shape)| shape.len() == 2).map(|(_, shape)| shape[0])
}
