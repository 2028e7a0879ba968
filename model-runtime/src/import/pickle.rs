//! PyTorch's checkpoint files (`torch.save`), of which only tensors are read. A pickle is a program; of its instructions
//! those that build plain data are followed, and of its calls only those that make a tensor out of stored bytes. Anything
//! else is refused by name: no code runs.
//!
//! Source: CPython's `Lib/pickletools.py` for the instructions, PyTorch's `torch/serialization.py` for the containers.

use std::{collections::HashMap, io::Cursor};

use zip::ZipArchive;

use super::{
    read_limited,
    tensors::{Found, Kind},
};
use crate::{RuntimeError, graph::elements, limits};

/// What the legacy container begins with.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// How deep the dictionary of parameters may lie in others.
const MAX_DEPTH: usize = 4;

/// An object, by its place in [`Machine::items`]: flat, so that a hostile chain of objects costs no stack.
type Ref = usize;

#[derive(Debug, Clone)]
enum Item {
    None,
    Bool,
    Int(i64),
    Float,
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Ref>),
    Tuple(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    Global(String),
    Storage { kind: Kind, key: String, count: u64 },
    Tensor(Tensor),
}

#[derive(Debug, Clone)]
struct Tensor {
    kind: Kind,
    key: String,
    /// Elements of the storage.
    count: u64,
    offset: u64,
    shape: Vec<usize>,
    strides: Vec<u64>,
}

/// Reads the tensors of a file.
///
/// # Errors
/// [`RuntimeError::BadFile`] for a file that is none, is cut short, or holds more than tensors, naming it;
/// [`RuntimeError::BadParameter`] for a tensor that lies.
pub(super) fn read(name: &str, file: &[u8]) -> Result<Vec<Found>, RuntimeError> {
    let bad = |reason: String| RuntimeError::file(name, reason);
    if !file.starts_with(b"PK") {
        return read_legacy(name, file);
    }
    let mut archive = ZipArchive::new(Cursor::new(file))
        .map_err(|error| bad(format!("its container cannot be read: {error}")))?;
    let pickle = archive.file_names().flatten().find(|name| name.ends_with("/data.pkl"));
    let pickle = pickle.map(|name| name.into_owned());
    let pickle = pickle.ok_or_else(|| bad("it is a zip file, but not one of PyTorch's".into()))?;
    let root = pickle.trim_end_matches("data.pkl").to_owned();
    let mut entry = |path: &str| -> Result<Vec<u8>, RuntimeError> {
        let entry = archive.by_name(path).map_err(|error| bad(format!("{path}: {error}")))?;
        read_limited(name, entry, limits::MAX_UNPACKED_BYTES)
    };
    if entry(&format!("{root}byteorder")).is_ok_and(|order| order == b"big") {
        return Err(bad("its numbers are big-endian, which is not read".into()));
    }
    let program = entry(&pickle)?;
    let mut machine = Machine::new(&program);
    let object = machine.run().map_err(bad)?;
    let tensors = machine.parameters(object).map_err(bad)?;
    let mut storages: HashMap<String, Vec<u8>> = HashMap::new();
    let mut total = 0u64;
    let mut all = Vec::with_capacity(tensors.len());
    for (path, tensor) in tensors {
        if !storages.contains_key(&tensor.key) {
            let bytes = entry(&format!("{root}data/{}", tensor.key))?;
            total += bytes.len() as u64;
            if total > limits::MAX_UNPACKED_BYTES {
                let limit_mib = limits::MAX_UNPACKED_BYTES >> 20;
                return Err(RuntimeError::UnpacksTooLarge { name: name.into(), limit_mib });
            }
            storages.insert(tensor.key.clone(), bytes);
        }
        all.push(tensor.take(path, &storages[&tensor.key])?);
    }
    Ok(all)
}

/// The container before PyTorch 1.6: pickles one after the other, then the storages.
fn read_legacy(name: &str, file: &[u8]) -> Result<Vec<Found>, RuntimeError> {
    let bad = |reason: String| RuntimeError::file(name, reason);
    let mut at = 0;
    let mut next = || -> Result<(Machine<'_>, Ref), RuntimeError> {
        let mut machine = Machine::new(&file[at..]);
        let object = machine.run().map_err(bad)?;
        at += machine.at;
        Ok((machine, object))
    };
    let (magic, number) = next()?;
    if !matches!(&magic.items[number], Item::Bytes(bytes) if *bytes == LEGACY_MAGIC) {
        return Err(bad("it is no file of PyTorch's".into()));
    }
    next()?;
    next()?;
    let (machine, object) = next()?;
    let (keys, list) = next()?;
    let tensors = machine.parameters(object).map_err(bad)?;
    let kinds: HashMap<&str, Kind> = machine
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Storage { kind, key, .. } => Some((key.as_str(), *kind)),
            _ => None,
        })
        .collect();
    let mut rest = &file[at..];
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for key in keys.children(list) {
        let Item::Text(key) = &keys.items[*key] else { continue };
        let kind =
            kinds.get(key.as_str()).ok_or_else(|| bad(format!("storage {key} is unknown")))?;
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(|| bad(CUT.into()))?;
        let length = u64::from_le_bytes(*count).checked_mul(kind.size() as u64);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let (bytes, after) = length
            .and_then(|length| after.split_at_checked(length))
            .ok_or_else(|| bad(CUT.into()))?;
        storages.insert(key, bytes);
        rest = after;
    }
    let mut all = Vec::with_capacity(tensors.len());
    for (path, tensor) in tensors {
        let storage = storages.get(tensor.key.as_str());
        let storage = storage.ok_or_else(|| bad(format!("the numbers of {path} are missing")))?;
        all.push(tensor.take(path, storage)?);
    }
    Ok(all)
}

const CUT: &str = "it is cut short";

impl Tensor {
    /// The tensor's own numbers, in order, out of those of its storage.
    fn take(&self, name: String, storage: &[u8]) -> Result<Found, RuntimeError> {
        let bad = |reason: &str| RuntimeError::BadParameter {
            name: name.clone(),
            reason: reason.to_owned(),
        };
        let size = self.kind.size();
        let count = elements(&self.shape).filter(|count| *count <= self.count);
        let count = count.ok_or_else(|| bad("its shape has more numbers than are stored"))?;
        if (storage.len() as u64) < self.count.saturating_mul(size as u64) {
            return Err(bad("its numbers are cut short"));
        }
        let mut bytes = Vec::with_capacity(count as usize * size);
        let mut index = vec![0usize; self.shape.len()];
        for _ in 0..count {
            let place =
                index.iter().zip(&self.strides).try_fold(self.offset, |place, (i, stride)| {
                    place.checked_add((*i as u64).checked_mul(*stride)?)
                });
            let place = place.filter(|place| *place < self.count);
            let start =
                place.ok_or_else(|| bad("it reaches beyond what is stored"))? as usize * size;
            bytes.extend_from_slice(&storage[start..start + size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        let shape = self.shape.clone();
        Found::new(name, shape, self.kind, &bytes)
    }
}

/// Follows a pickle's instructions.
struct Machine<'a> {
    program: &'a [u8],
    at: usize,
    items: Vec<Item>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: HashMap<u32, Ref>,
}

type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    fn new(program: &'a [u8]) -> Self {
        Self {
            program,
            at: 0,
            items: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    fn bytes(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.program.len());
        let end = end.ok_or(CUT)?;
        let bytes = &self.program[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, width: usize) -> Step<usize> {
        let bytes = self.bytes(width)?;
        let mut word = [0; 8];
        word[..width].copy_from_slice(bytes);
        usize::try_from(u64::from_le_bytes(word)).map_err(|_| CUT.to_owned())
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.program[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(CUT)?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn push(&mut self, item: Item) {
        self.stack.push(self.items.len());
        self.items.push(item);
    }

    fn pop(&mut self) -> Step<Ref> {
        self.stack.pop().ok_or_else(|| "its instructions take more than they gave".to_owned())
    }

    /// All since the last mark.
    fn since_mark(&mut self) -> Step<Vec<Ref>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("its instructions miss a mark")?))
    }

    fn top(&self) -> Step<Ref> {
        self.stack.last().copied().ok_or_else(|| "its instructions take from nothing".to_owned())
    }

    fn text(&mut self, length: usize) -> Step<()> {
        let bytes = self.bytes(length)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.push(Item::Text(text));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Step<()> {
        let from = self.stack.len().checked_sub(count).ok_or("a tuple takes too much")?;
        let items = self.stack.split_off(from);
        self.push(Item::Tuple(items));
        Ok(())
    }

    fn extend(&mut self, list: Ref, new: Vec<Ref>) -> Step<()> {
        match &mut self.items[list] {
            Item::List(items) => items.extend(new),
            _ => return Err("it appends to what is no list".into()),
        }
        Ok(())
    }

    fn set(&mut self, dict: Ref, new: &[Ref]) -> Step<()> {
        match &mut self.items[dict] {
            Item::Dict(items) => items.extend(new.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            _ => return Err("it sets an item of what is no dictionary".into()),
        }
        Ok(())
    }

    fn remember(&mut self, key: usize) -> Step<()> {
        let top = self.top()?;
        self.memo.insert(key as u32, top);
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Step<()> {
        let known = self.memo.get(&(key as u32)).copied();
        self.stack.push(known.ok_or("it recalls what it never kept")?);
        Ok(())
    }

    /// Runs to the end of one pickle; gives the object it made.
    fn run(&mut self) -> Step<Ref> {
        loop {
            let op = self.bytes(1)?[0];
            match op {
                // PROTO, FRAME
                0x80 => drop(self.bytes(1)?),
                0x95 => drop(self.bytes(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.since_mark()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.push(Item::None),
                0x88 | 0x89 => self.push(Item::Bool),
                b'K' => {
                    let value = self.number(1)?;
                    self.push(Item::Int(value as i64));
                }
                b'M' => {
                    let value = self.number(2)?;
                    self.push(Item::Int(value as i64));
                }
                b'J' => {
                    let value = self.number(4)? as u32 as i32;
                    self.push(Item::Int(value.into()));
                }
                // LONG1
                0x8a => {
                    let length = self.number(1)?;
                    let bytes = self.bytes(length)?;
                    let mut word =
                        [bytes.last().map_or(0, |last| if *last > 127 { 255 } else { 0 }); 8];
                    match bytes.len() {
                        ..=8 => {
                            word[..bytes.len()].copy_from_slice(bytes);
                            self.push(Item::Int(i64::from_le_bytes(word)));
                        }
                        _ => self.push(Item::Bytes(bytes.to_vec())),
                    }
                }
                b'G' => {
                    self.bytes(8)?;
                    self.push(Item::Float);
                }
                b'X' => {
                    let length = self.number(4)?;
                    self.text(length)?;
                }
                0x8c | b'U' => {
                    let length = self.number(1)?;
                    self.text(length)?;
                }
                b'T' => {
                    let length = self.number(4)?;
                    self.text(length)?;
                }
                0x8d => {
                    let length = self.number(8)?;
                    self.text(length)?;
                }
                b'C' | b'B' | 0x8e => {
                    let length = self.number(match op {
                        b'C' => 1,
                        b'B' => 4,
                        _ => 8,
                    })?;
                    let bytes = self.bytes(length)?.to_vec();
                    self.push(Item::Bytes(bytes));
                }
                b']' => self.push(Item::List(Vec::new())),
                b'l' => {
                    let items = self.since_mark()?;
                    self.push(Item::List(items));
                }
                b')' => self.push(Item::Tuple(Vec::new())),
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Item::Tuple(items));
                }
                0x85..=0x87 => self.tuple(usize::from(op - 0x84))?,
                b'}' => self.push(Item::Dict(Vec::new())),
                b'd' => {
                    let items = self.since_mark()?;
                    let pairs = items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                    self.push(Item::Dict(pairs));
                }
                b'a' => {
                    let item = self.pop()?;
                    let list = self.top()?;
                    self.extend(list, vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    let list = self.top()?;
                    self.extend(list, items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    let dict = self.top()?;
                    self.set(dict, &[key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    let dict = self.top()?;
                    self.set(dict, &items)?;
                }
                b'q' => {
                    let key = self.number(1)?;
                    self.remember(key)?;
                }
                b'r' => {
                    let key = self.number(4)?;
                    self.remember(key)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let key = self.number(1)?;
                    self.recall(key)?;
                }
                b'j' => {
                    let key = self.number(4)?;
                    self.recall(key)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    match (self.items[module].clone(), self.items[name].clone()) {
                        (Item::Text(module), Item::Text(name)) => self.global(&module, &name)?,
                        _ => return Err("it names something by what is no name".into()),
                    }
                }
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                // BUILD: attributes of an ordered dictionary, which say nothing of its tensors.
                b'b' => drop(self.pop()?),
                other => {
                    return Err(format!(
                        "its pickle has the instruction {other:#04x}, which is not for tensors; save only model.state_dict()"
                    ));
                }
            }
        }
    }

    /// Something by its name, if it is needed to describe tensors.
    fn global(&mut self, module: &str, name: &str) -> Step<()> {
        let whole = format!("{module}.{name}");
        let known = matches!(
            whole.as_str(),
            "collections.OrderedDict"
                | "torch.Size"
                | "torch._utils._rebuild_tensor_v2"
                | "torch._utils._rebuild_parameter"
        );
        if !known && Kind::of_storage(&whole).is_none() {
            return Err(format!(
                "it asks for {whole}, and only tensors are read, no code is run; save only model.state_dict()"
            ));
        }
        self.push(Item::Global(whole));
        Ok(())
    }

    fn children(&self, of: Ref) -> &[Ref] {
        match &self.items[of] {
            Item::List(items) | Item::Tuple(items) => items,
            _ => &[],
        }
    }

    /// `('storage', type, key, device, count)`.
    fn storage(&mut self) -> Step<()> {
        const BAD: &str = "it names its numbers in an unknown way";
        let id = self.pop()?;
        let [_, kind, key, _, count] = self.children(id)[..] else {
            // A legacy file adds what the storage is a view of.
            return match self.children(id)[..] {
                [_, kind, key, _, count, _] => self.push_storage(kind, key, count),
                _ => Err(BAD.into()),
            };
        };
        self.push_storage(kind, key, count)
    }

    fn push_storage(&mut self, kind: Ref, key: Ref, count: Ref) -> Step<()> {
        let (Item::Global(kind), Item::Text(key), Item::Int(count)) =
            (&self.items[kind], &self.items[key], &self.items[count])
        else {
            return Err("it names its numbers in an unknown way".into());
        };
        let kind = Kind::of_storage(kind).ok_or("its numbers are of an unknown type")?;
        let count = u64::try_from(*count).map_err(|_| "it has fewer than no numbers")?;
        let key = key.clone();
        self.push(Item::Storage { kind, key, count });
        Ok(())
    }

    fn sides(&self, of: Ref) -> Step<Vec<u64>> {
        let sides = self.children(of).iter().map(|side| match self.items[*side] {
            Item::Int(side) => u64::try_from(side).ok(),
            _ => None,
        });
        sides.collect::<Option<_>>().ok_or_else(|| "a tensor's shape is no list of numbers".into())
    }

    fn call(&mut self) -> Step<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Item::Global(function) = &self.items[function] else {
            return Err("it calls what is no function".into());
        };
        let arguments = self.children(arguments).to_vec();
        match (function.as_str(), &arguments[..]) {
            ("collections.OrderedDict", []) => self.push(Item::Dict(Vec::new())),
            ("torch.Size", [sides]) => {
                let sides = self.children(*sides).to_vec();
                self.push(Item::Tuple(sides));
            }
            ("torch._utils._rebuild_parameter", [data, ..]) => self.stack.push(*data),
            ("torch._utils._rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
                let Item::Storage { kind, key, count } = self.items[*storage].clone() else {
                    return Err("a tensor has no numbers".into());
                };
                let Item::Int(offset) = self.items[*offset] else {
                    return Err("a tensor begins nowhere".into());
                };
                let offset =
                    u64::try_from(offset).map_err(|_| "a tensor begins before its numbers")?;
                let (shape, strides) = (self.sides(*shape)?, self.sides(*strides)?);
                if shape.len() != strides.len() {
                    return Err("a tensor's shape and strides do not fit".into());
                }
                let shape = shape.into_iter().map(|side| side as usize).collect();
                self.push(Item::Tensor(Tensor { kind, key, count, offset, shape, strides }));
            }
            (other, _) => return Err(format!("it calls {other} in an unknown way")),
        }
        Ok(())
    }

    /// The dictionary with the most tensors, wherever in the object it lies; a checkpoint has others beside it.
    fn parameters(&self, root: Ref) -> Step<Vec<(String, Tensor)>> {
        let mut best = Vec::new();
        let mut layer = vec![root];
        for _ in 0..MAX_DEPTH {
            let mut below = Vec::new();
            for at in layer {
                let Item::Dict(pairs) = &self.items[at] else { continue };
                let mut tensors = Vec::new();
                for (key, value) in pairs {
                    let Item::Text(key) = &self.items[*key] else { continue };
                    match &self.items[*value] {
                        Item::Tensor(tensor) => tensors.push((key.clone(), tensor.clone())),
                        // An optimiser's tensors are not the model's.
                        Item::Dict(_) if !key.contains("optim") => below.push(*value),
                        _ => {}
                    }
                }
                if tensors.len() > best.len() {
                    best = tensors;
                }
            }
            // As many as the file has, however often it names them.
            below.sort_unstable();
            below.dedup();
            layer = below;
        }
        match best.is_empty() {
            true => Err("it holds no dictionary of tensors; save model.state_dict()".into()),
            false => Ok(best),
        }
    }
}
