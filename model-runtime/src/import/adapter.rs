//! Networks that paint, and adapters of them, under the names that other libraries give: PEFT's and diffusers' `lora_A` and
//! `lora_B`, kohya's `lora_down` and `lora_up`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::tensors::{Found, Tensors};
use crate::{
    RuntimeError,
    content::Digest,
    message::{Match, ModelRead},
    spec::{Body, ModelSpec},
    studio::{ADAPTER, AdapterSpec, AdapterText, MAX_RANK, PAINTER, Painter, Words},
    tensors::{TensorFile, TensorValue},
};

/// What stands before a layer's name, by library.
const PREFIXES: [&str; 10] = [
    "base_model_model_",
    "lora_transformer_",
    "lora_unet_",
    "lycoris_",
    "lora_",
    "diffusion_model_",
    "transformer_",
    "unet_",
    "model_",
    "adapter_",
];
/// What a layer's parts are called, after the name: the factor that is applied first, the other, and a number.
const ENDS: [(&str, Role); 13] = [
    (".lora_A.default.weight", Role::First),
    (".lora_B.default.weight", Role::Second),
    (".lora_A.weight", Role::First),
    (".lora_B.weight", Role::Second),
    (".lora_down.weight", Role::First),
    (".lora_up.weight", Role::Second),
    (".lora.down.weight", Role::First),
    (".lora.up.weight", Role::Second),
    (".lora_linear_layer.down.weight", Role::First),
    (".lora_linear_layer.up.weight", Role::Second),
    (".a.weight", Role::OwnFirst),
    (".b.weight", Role::OwnSecond),
    (".alpha", Role::Alpha),
];
/// Other names of layers within a block, and which of the layer's outputs they give, in parts of the width.
const ALIASES: [(&str, &str, Option<usize>); 12] = [
    ("attn_to_q", "attn_qkv", Some(0)),
    ("attn_to_k", "attn_qkv", Some(1)),
    ("attn_to_v", "attn_qkv", Some(2)),
    ("attn1_to_q", "attn_qkv", Some(0)),
    ("attn1_to_k", "attn_qkv", Some(1)),
    ("attn1_to_v", "attn_qkv", Some(2)),
    ("attn_to_out_0", "attn_proj", None),
    ("attn1_to_out_0", "attn_proj", None),
    ("ff_net_0_proj", "mlp_fc1", None),
    ("ff_net_2", "mlp_fc2", None),
    ("mlp_0", "mlp_fc1", None),
    ("mlp_2", "mlp_fc2", None),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// `[rank, inputs]`.
    First,
    /// `[outputs, rank]`.
    Second,
    /// `[inputs, rank]`, as this runtime has it.
    OwnFirst,
    /// `[rank, outputs]`, as this runtime has it.
    OwnSecond,
    /// What the layer's product is multiplied by, times its rank.
    Alpha,
}

/// PEFT's `adapter_config.json`, as far as it changes what is computed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PeftConfig {
    lora_alpha: Option<f32>,
    use_rslora: bool,
    use_dora: bool,
    alpha_pattern: BTreeMap<String, f32>,
}

/// A matrix, row by row.
struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn of(found: &Found, turned: bool) -> Option<Self> {
        let value = found.value.as_ref()?;
        let [rows, columns] = *value.shape else { return None };
        let values = value.to_f32(&found.name).ok()?;
        let this = Self { rows, columns, values };
        Some(if turned { this.turned() } else { this })
    }

    fn turned(&self) -> Self {
        let values = (0..self.columns)
            .flat_map(|column| (0..self.rows).map(move |row| row * self.columns + column))
            .map(|at| self.values[at])
            .collect();
        Self { rows: self.columns, columns: self.rows, values }
    }
}

/// What is added to one layer, or to a part of its outputs: `x · a · b`.
struct Piece {
    /// `[inputs, rank]`.
    a: Matrix,
    /// `[rank, outputs]`, multiplied by what the layer's rank and alpha say.
    b: Matrix,
    /// Where its outputs begin.
    from: usize,
}

/// The tensors of one layer in the file.
#[derive(Default)]
struct Group<'a> {
    first: Option<(&'a Found, bool)>,
    second: Option<(&'a Found, bool)>,
    alpha: Option<f32>,
}

/// Reads a painter of any sizes, if the file says in its metadata what it is; else an adapter of the network that `like` adapts.
/// `config` is what lay beside the file.
///
/// # Errors
/// [`RuntimeError::BadFile`] for an adapter of another network, with both named; for one of which nothing fits.
pub(super) fn read(
    name: &str,
    found: &Tensors,
    like: &Painter,
    config: Option<&[u8]>,
) -> Result<ModelRead, RuntimeError> {
    if let Some(text) = found.metadata.get(PAINTER) {
        return whole(name, found, text);
    }
    let Some(digest) = like.base() else {
        return Err(RuntimeError::file(name, "it does not say what network it is"));
    };
    let base = Painter { adapter: None, ..like.clone() };
    let text = found.metadata.get(ADAPTER).map(|text| {
        serde_json::from_str::<AdapterText>(text).map_err(|error| {
            RuntimeError::file(name, format!("what it says of its adapter is unreadable: {error}"))
        })
    });
    match text.transpose()? {
        Some(text) => own(name, found, &base, digest, text),
        None => foreign(name, found, &base, digest, config),
    }
}

fn spec_of(painter: Painter) -> ModelSpec {
    ModelSpec {
        input: painter.input(),
        task: painter.task(),
        body: Body::Painter(Box::new(painter)),
    }
}

/// A network with the sizes and words that its file tells.
fn whole(name: &str, found: &Tensors, text: &str) -> Result<ModelRead, RuntimeError> {
    let painter: Painter = serde_json::from_str(text).map_err(|error| {
        RuntimeError::file(name, format!("what it says of its network is unreadable: {error}"))
    })?;
    if painter.adapter.is_some() {
        return Err(RuntimeError::file(
            name,
            "it calls itself a network, but is an adapter of one",
        ));
    }
    let spec = spec_of(painter);
    spec.validate()?;
    let wanted = spec.parameters()?;
    let shape_of = |name: &str| found.all.iter().find(|found| found.name == name).map(Found::shape);
    // What has a bias beside it is a dense layer. PyTorch has the outputs of those first: whichever is not square tells.
    let dense = |name: &str| shape_of(&name.replace(".weight", ".bias")).is_some();
    let turned = wanted.iter().any(|(name, shape)| {
        let [rows, columns] = **shape else { return false };
        rows != columns && dense(name) && shape_of(name) == Some(&[columns, rows])
    });
    let taken = taken(wanted, found, |found, shape| {
        match turned && shape.len() == 2 && dense(&found.name) {
            false => found.value.clone(),
            true => {
                let Matrix { rows, columns, values } = Matrix::of(found, true)?;
                Some(TensorValue::from_f32(vec![rows, columns], &values))
            }
        }
    });
    Ok(taken.into_model(spec, "a network that paints"))
}

/// An adapter that this runtime wrote.
fn own(
    name: &str,
    found: &Tensors,
    base: &Painter,
    digest: Digest,
    text: AdapterText,
) -> Result<ModelRead, RuntimeError> {
    if text.adapter.base != digest {
        return Err(RuntimeError::file(
            name,
            format!(
                "it is an adapter of the network {}, and this is the network {digest}",
                text.adapter.base
            ),
        ));
    }
    let words = base.words.all().iter().cloned().chain(text.words);
    let painter = Painter {
        sizes: base.sizes.clone(),
        words: Words::new(words.collect()),
        adapter: Some(text.adapter),
    };
    let spec = spec_of(painter);
    spec.validate()?;
    let taken = taken(spec.parameters()?, found, |found, _| found.value.clone());
    Ok(taken.into_model(spec, "an adapter of this network"))
}

/// What a network needs, out of a file.
struct Taken {
    /// Its parameters, if all are there.
    file: Option<TensorFile>,
    matches: Vec<Match>,
}

impl Taken {
    fn into_model(self, spec: ModelSpec, origin: &str) -> ModelRead {
        ModelRead {
            spec,
            parameters: self.file.map(|file| file.to_bytes().into()),
            notes: Vec::new(),
            origin: origin.into(),
            matches: self.matches,
        }
    }
}

/// Takes the parameters that are `wanted` by their names, each by `take` from what the file has.
fn taken(
    wanted: Vec<(String, Vec<usize>)>,
    found: &Tensors,
    take: impl Fn(&Found, &[usize]) -> Option<TensorValue>,
) -> Taken {
    let is_wanted = |found: &&Found| wanted.iter().any(|(name, _)| *name == found.name);
    let left: Vec<Match> = found
        .all
        .iter()
        .filter(|found| !is_wanted(found))
        .map(|found| Match { wanted: None, found: Some(found.named()), fits: false })
        .collect();
    let (mut file, mut matches, count) = (TensorFile::default(), Vec::new(), wanted.len());
    for (name, shape) in wanted {
        let found = found.all.iter().find(|found| found.name == name);
        let value = found.and_then(|found| take(found, &shape)).filter(|v| v.shape == shape);
        matches.push(Match {
            wanted: Some((name.clone(), shape)),
            found: found.map(Found::named),
            fits: value.is_some(),
        });
        file.tensors.extend(value.map(|value| (name, value)));
    }
    matches.extend(left);
    Taken { file: (file.tensors.len() == count).then_some(file), matches }
}

/// A layer's name as this runtime has it with `_` for `.`, and which part of its outputs is meant.
fn layer_of(path: &str) -> (String, Option<usize>) {
    let mut path = path.replace('.', "_");
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)) {
        path = rest.to_owned();
    }
    for (theirs, ours, part) in ALIASES {
        if let Some(block) = path.strip_suffix(theirs).filter(|block| block.ends_with('_')) {
            return (format!("{block}{ours}"), part);
        }
    }
    (path, None)
}

fn foreign(
    name: &str,
    found: &Tensors,
    base: &Painter,
    digest: Digest,
    config: Option<&[u8]>,
) -> Result<ModelRead, RuntimeError> {
    let config: PeftConfig = match config {
        None => PeftConfig::default(),
        Some(bytes) => serde_json::from_slice(bytes).map_err(|error| {
            RuntimeError::file("the file of settings (.json)", format!("unreadable: {error}"))
        })?,
    };
    if config.use_dora {
        return Err(RuntimeError::file(name, "it is a DoRA, which is not read; LoRAs are"));
    }
    let (groups, mut matches) = groups(found);
    let width = base.sizes.width;
    let layers: Vec<_> = base.sizes.block_layers().collect();
    let mut pieces: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for (path, group) in &groups {
        let (ours, part) = layer_of(path);
        let layer = layers.iter().find(|(layer, ..)| layer.replace('.', "_") == ours);
        let piece = layer.and_then(|(_, inputs, outputs)| {
            let outputs = if part.is_some() { width } else { *outputs };
            let scale = |rank: usize| config.scale(path, group.alpha, rank);
            group.piece(*inputs, outputs, part.unwrap_or(0) * width, scale)
        });
        let wanted = layer.map(|(layer, inputs, outputs)| (layer.clone(), vec![*inputs, *outputs]));
        matches.push(Match {
            wanted: wanted.clone(),
            found: group.named(path),
            fits: piece.is_some(),
        });
        if let (Some((layer, _)), Some(piece)) = (wanted, piece) {
            pieces.entry(layer).or_default().push(piece);
        }
    }
    if pieces.is_empty() {
        let (layer, inputs, outputs) = layers.first().cloned().unwrap_or_default();
        let theirs = matches.iter().find_map(|row| row.found.as_ref());
        let reason = match theirs {
            Some((theirs, shape)) => format!(
                "none of its {} layers fits the network at hand, whose first is {layer} {:?}; its own first is {theirs} {shape:?}",
                groups.len(),
                [inputs, outputs],
            ),
            None => "it has no tensors".to_owned(),
        };
        return Err(RuntimeError::file(name, reason));
    }
    let rank = pieces.values().map(|all| all.iter().map(|piece| piece.a.columns).sum()).max();
    let rank: usize = rank.unwrap_or(1);
    if rank > MAX_RANK {
        return Err(RuntimeError::file(
            name,
            format!("a layer of it has {rank} ranks; {MAX_RANK} are read at most"),
        ));
    }
    let adapter = AdapterSpec { base: digest, rank, alpha: rank as f32, least: Some(rank) };
    let painter = Painter { adapter: Some(adapter), ..base.clone() };
    let mut file = TensorFile::default();
    for (layer, inputs, outputs) in &layers {
        let (a, b) = joined(pieces.get(layer).map_or(&[], Vec::as_slice), *inputs, *outputs, rank);
        let name = |end: &str| format!("adapter.{layer}.{end}.weight");
        file.tensors.insert(name("a"), TensorValue::from_f32(vec![*inputs, rank], &a));
        file.tensors.insert(name("b"), TensorValue::from_f32(vec![rank, *outputs], &b));
    }
    let mut notes = vec![format!("{} of {} layers are changed.", pieces.len(), layers.len())];
    if groups.values().all(|group| group.alpha.is_none()) && config.lora_alpha.is_none() {
        notes.push(
            "Nothing says how strong it is meant to be (alpha): it is taken as it stands. Choose adapter_config.json with it if there is one."
                .into(),
        );
    }
    Ok(ModelRead {
        spec: spec_of(painter),
        parameters: Some(file.to_bytes().into()),
        notes,
        origin: format!("a LoRA of rank {rank}"),
        matches,
    })
}

/// The file's tensors by layer, and those that belong to none.
fn groups(found: &Tensors) -> (BTreeMap<&str, Group<'_>>, Vec<Match>) {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    let mut rest = Vec::new();
    for found in &found.all {
        let role = ENDS.iter().find_map(|(end, role)| Some((found.name.strip_suffix(end)?, *role)));
        let Some((path, role)) = role else {
            rest.push(Match { wanted: None, found: Some(found.named()), fits: false });
            continue;
        };
        let group = groups.entry(path).or_default();
        match role {
            Role::First => group.first = Some((found, true)),
            Role::Second => group.second = Some((found, true)),
            Role::OwnFirst => group.first = Some((found, false)),
            Role::OwnSecond => group.second = Some((found, false)),
            Role::Alpha => {
                let values = found.value.as_ref().and_then(|value| value.to_f32(path).ok());
                group.alpha = values.and_then(|values| values.first().copied());
            }
        }
    }
    (groups, rest)
}

impl PeftConfig {
    /// What a layer's product is multiplied by.
    fn scale(&self, path: &str, alpha: Option<f32>, rank: usize) -> f32 {
        let patterns = self.alpha_pattern.iter();
        let own = patterns
            .filter(|(end, _)| path.ends_with(end.as_str()))
            .map(|(_, alpha)| *alpha)
            .next();
        let Some(alpha) = alpha.or(own).or(self.lora_alpha) else { return 1.0 };
        let rank = rank as f32;
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

impl Group<'_> {
    /// Its two factors, if they are those of a layer of `inputs` and `outputs`.
    fn piece(
        &self,
        inputs: usize,
        outputs: usize,
        from: usize,
        scale: impl Fn(usize) -> f32,
    ) -> Option<Piece> {
        let ((first, turn_first), (second, turn_second)) = (self.first?, self.second?);
        let a = Matrix::of(first, turn_first)?;
        let mut b = Matrix::of(second, turn_second)?;
        let rank = a.columns;
        let fits = a.rows == inputs && b.rows == rank && b.columns == outputs && rank > 0;
        if !fits {
            return None;
        }
        let scale = scale(rank);
        b.values.iter_mut().for_each(|value| *value *= scale);
        b.values.iter().all(|value| value.is_finite()).then_some(Piece { a, b, from })
    }

    /// Its path, and the inputs and outputs that its factors have.
    fn named(&self, path: &str) -> Option<(String, Vec<usize>)> {
        let side = |found: Option<(&Found, bool)>, own: usize, turned: usize| {
            let (found, is_turned) = found?;
            let place = if is_turned { turned } else { own };
            found.value.as_ref()?.shape.get(place).copied()
        };
        let shape = [side(self.first, 0, 1), side(self.second, 1, 0)];
        Some((path.to_owned(), shape.into_iter().flatten().collect()))
    }
}

/// The factors of all pieces as one pair, `[inputs, rank]` and `[rank, outputs]`; what they leave over is zero.
fn joined(pieces: &[Piece], inputs: usize, outputs: usize, rank: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut a, mut b) = (vec![0.0; inputs * rank], vec![0.0; rank * outputs]);
    let mut at = 0;
    for Piece { a: first, b: second, from } in pieces {
        let count = first.columns;
        for row in 0..inputs {
            let to = row * rank + at;
            a[to..to + count].copy_from_slice(&first.values[row * count..][..count]);
        }
        for row in 0..count {
            let to = (at + row) * outputs + from;
            let width = second.columns;
            b[to..to + width].copy_from_slice(&second.values[row * width..][..width]);
        }
        at += count;
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::{super::tensors, *};
    use crate::studio::DitSpec;

    const SIZES: DitSpec = DitSpec {
        side: 8,
        channels: 4,
        patch: 4,
        width: 16,
        depth: 1,
        heads: 2,
        hidden: 32,
        vocabulary: 2,
        length: 2,
    };

    fn like(base: Digest) -> Painter {
        let adapter = AdapterSpec { base, rank: 1, alpha: 1.0, least: None };
        Painter { sizes: SIZES, words: Words::new(vec!["cat".into()]), adapter: Some(adapter) }
    }

    #[test]
    fn its_own_adapters_come_back_byte_for_byte() {
        let base = Digest([3; 32]);
        let adapter = AdapterSpec { base, rank: 4, alpha: 2.0, least: None };
        let words = ["cat", "zorp"].map(str::to_owned).to_vec();
        let painter =
            Painter { sizes: SIZES, words: Words::new(words), adapter: Some(adapter.clone()) };
        let tensors =
            painter.parameter_shapes().into_iter().enumerate().map(|(i, (name, shape))| {
                let values = vec![i as f32; shape.iter().product()];
                (name, TensorValue::from_f32(shape, &values))
            });
        let mut file = TensorFile { tensors: tensors.collect(), ..TensorFile::default() };
        let plain = file.to_bytes();
        let text = AdapterText { adapter, words: vec!["zorp".into()] };
        file.metadata.insert(ADAPTER.into(), serde_json::to_string(&text).unwrap());
        let found = tensors::read("zorp.safetensors", &file.to_bytes()).unwrap();
        let came = read("zorp.safetensors", &found, &like(base), None).unwrap();
        assert_eq!(came.spec, spec_of(painter));
        assert_eq!(came.parameters.unwrap().into_vec(), plain);
        let other = read("zorp.safetensors", &found, &like(Digest([4; 32])), None).unwrap_err();
        assert!(other.to_string().contains("it is an adapter of the network 0x03"), "{other}");
    }

    #[test]
    fn layers_have_one_name_whatever_the_library() {
        for (theirs, ours, part) in [
            ("base_model.model.blocks.3.attn.qkv", "blocks_3_attn_qkv", None),
            ("lora_unet_blocks_3_mlp_fc1", "blocks_3_mlp_fc1", None),
            ("transformer.blocks.3.attn.to_k", "blocks_3_attn_qkv", Some(1)),
            ("diffusion_model.blocks.3.attn.to_out.0", "blocks_3_attn_proj", None),
            ("transformer.transformer_blocks.3.ff.net.2", "blocks_3_mlp_fc2", None),
            (
                "lora_te_text_model_encoder_layers_0_mlp_fc1",
                "te_text_model_encoder_layers_0_mlp_fc1",
                None,
            ),
        ] {
            assert_eq!(layer_of(theirs), (ours.to_owned(), part), "{theirs}");
        }
    }
}
