//! Large files as IPFS has them: a tree of blocks, each small enough for its peers to exchange, under one CID.
//!
//! Leaves are raw blocks of [`LEAF`] bytes; the nodes above them are `dag-pb` blocks with UnixFS file metadata, of at most
//! [`WIDTH`] links. Sources: <https://specs.ipfs.tech/unixfs/> and <https://ipld.io/specs/codecs/dag-pb/spec/>. Other ways
//! of cutting a file are read too.

use std::borrow::Cow;

use crate::{
    RuntimeError,
    content::{Digest, base32, from_base32},
    limits,
};

/// Bytes of a leaf.
pub const LEAF: usize = 1 << 20;
/// Links of a node.
pub const WIDTH: usize = 174;
/// Bytes of a block, at most: what IPFS peers exchange.
pub const MAX_BLOCK: usize = 2 << 20;
/// Blocks of a tree, at most: the largest file that is read has as many of 2 KiB. A tree of empty nodes would have no end.
const MAX_BLOCKS: usize = 1 << 16;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Bytes.
    Raw,
    /// A node with links.
    DagPb,
}

/// A CIDv1 with a sha2-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid {
    /// What the block is.
    pub codec: Codec,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl Cid {
    /// Of a block's bytes.
    pub fn of(codec: Codec, bytes: &[u8]) -> Self {
        Self { codec, digest: Digest::of(bytes) }
    }

    /// The binary form.
    pub fn to_bytes(self) -> Vec<u8> {
        let codec = match self.codec {
            Codec::Raw => 0x55,
            Codec::DagPb => 0x70,
        };
        [&[0x01, codec, 0x12, 0x20][..], &self.digest.0].concat()
    }

    /// From the binary form; nothing for a CID of another version, codec or hash.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // A CIDv0 is a bare multihash of a dag-pb block.
        let (codec, rest) = match bytes {
            [0x01, 0x55, 0x12, 0x20, rest @ ..] => (Codec::Raw, rest),
            [0x01, 0x70, 0x12, 0x20, rest @ ..] | [0x12, 0x20, rest @ ..] => (Codec::DagPb, rest),
            _ => return None,
        };
        Some(Self { codec, digest: Digest(rest.try_into().ok()?) })
    }

    /// From text in base32, `bafk…` or `bafy…`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&from_base32(text.strip_prefix('b')?)?)
    }
}

impl std::fmt::Display for Cid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b{}", base32(&self.to_bytes()))
    }
}

/// A block that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A part of the file.
    Leaf(std::ops::Range<usize>),
    /// A node.
    Node(Vec<u8>),
}

/// A file as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its top.
    pub root: Cid,
    /// All blocks, each before the nodes that link to it.
    pub blocks: Vec<(Cid, Block)>,
}

/// A link under construction: where to, bytes of the file beneath it, bytes of all blocks beneath it.
#[derive(Clone, Copy)]
struct Made {
    cid: Cid,
    content: u64,
    total: u64,
}

/// The leaves of a file of so many bytes; an empty file has one too.
pub fn leaves(length: usize) -> Vec<std::ops::Range<usize>> {
    let count = length.div_ceil(LEAF).max(1);
    (0..count).map(|place| place * LEAF..((place + 1) * LEAF).min(length)).collect()
}

/// The tree over a file's leaves, whose digests were taken already. A file of one leaf is that leaf, whose CID is the
/// file's own.
pub fn build(length: usize, digests: &[Digest]) -> Tree {
    let mut blocks = Vec::new();
    let mut layer = Vec::new();
    for (range, digest) in leaves(length).into_iter().zip(digests) {
        let cid = Cid { codec: Codec::Raw, digest: *digest };
        let size = range.len() as u64;
        layer.push(Made { cid, content: size, total: size });
        blocks.push((cid, Block::Leaf(range)));
    }
    while layer.len() > 1 {
        layer = layer
            .chunks(WIDTH)
            .map(|children| {
                let bytes = node(children);
                let cid = Cid::of(Codec::DagPb, &bytes);
                let content = children.iter().map(|child| child.content).sum();
                let beneath: u64 = children.iter().map(|child| child.total).sum();
                let total = beneath + bytes.len() as u64;
                blocks.push((cid, Block::Node(bytes)));
                Made { cid, content, total }
            })
            .collect();
    }
    let root = layer[0].cid;
    Tree { root, blocks }
}

/// A dag-pb node: its links first, then its data, as the format wants them.
fn node(children: &[Made]) -> Vec<u8> {
    let mut out = Vec::new();
    for child in children {
        let mut link = Vec::new();
        bytes_field(&mut link, 1, &child.cid.to_bytes());
        bytes_field(&mut link, 2, b"");
        number_field(&mut link, 3, child.total);
        bytes_field(&mut out, 2, &link);
    }
    let mut data = Vec::new();
    // A file.
    number_field(&mut data, 1, 2);
    number_field(&mut data, 3, children.iter().map(|child| child.content).sum());
    children.iter().for_each(|child| number_field(&mut data, 4, child.content));
    bytes_field(&mut out, 1, &data);
    out
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number_field(out: &mut Vec<u8>, field: u64, value: u64) {
    number(out, field << 3);
    number(out, value);
}

fn bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    number(out, field << 3 | 2);
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What a node holds: bytes of its own, and what comes after them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// The first bytes of its part of the file.
    pub data: Vec<u8>,
    /// Blocks with the rest, in order.
    pub links: Vec<Cid>,
    /// Bytes of its part of the file in all.
    pub size: u64,
}

/// Reads a dag-pb block of a file.
///
/// # Errors
/// [`RuntimeError::BadFile`] for what is none: a directory, a link of an unknown kind, bytes that are no such block.
pub fn read(block: &[u8]) -> Result<Node, RuntimeError> {
    let bad = |reason: &str| RuntimeError::file("an IPFS node", reason);
    let fields = |bytes| Fields { bytes }.collect::<Option<Vec<_>>>();
    let mut found = Node::default();
    let mut is_file = false;
    for (field, value) in fields(block).ok_or_else(|| bad("its bytes cannot be read"))? {
        match (field, value) {
            (2, Field::Bytes(link)) => {
                let link = fields(link).ok_or_else(|| bad("a link cannot be read"))?;
                let cid = link.iter().find_map(|field| match field {
                    (1, Field::Bytes(cid)) => Some(Cid::from_bytes(cid)),
                    _ => None,
                });
                let cid = cid.flatten().ok_or_else(|| bad("a link is of an unknown kind"))?;
                found.links.push(cid);
            }
            (1, Field::Bytes(data)) => {
                for field in fields(data).ok_or_else(|| bad("its metadata cannot be read"))? {
                    match field {
                        (1, Field::Number(kind)) => is_file = matches!(kind, 0 | 2),
                        (2, Field::Bytes(data)) => found.data = data.to_vec(),
                        (3, Field::Number(size)) => found.size = size,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    match is_file {
        true if found.size <= limits::MAX_PARAMETERS_BYTES => Ok(found),
        true => Err(bad("its file is larger than any that is read")),
        false => Err(bad("it is no part of a file")),
    }
}

/// A file that is put together from its blocks, in the order of the tree; blocks come from wherever they can be had, and
/// the file's bytes go wherever they are wanted.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// Blocks that are still to be read, the next one last.
    waiting: Vec<Cid>,
    /// Blocks that were read.
    taken: usize,
    /// Bytes of the file so far.
    length: u64,
    /// Bytes in all, once the root was read.
    size: Option<u64>,
}

impl Assembly {
    /// Begins with the root.
    pub fn new(root: Cid) -> Self {
        Self { waiting: vec![root], taken: 0, length: 0, size: None }
    }

    /// The next blocks that are wanted, in order, at most `count`; empty once the file is whole.
    pub fn wanted(&self, count: usize) -> Vec<Cid> {
        self.waiting.iter().rev().take(count).copied().collect()
    }

    /// Takes the block that is wanted first; gives the file's next bytes.
    ///
    /// # Errors
    /// [`RuntimeError::WrongDigest`] for other bytes; else as [`read`], and for a tree that has too many blocks or
    /// lies about its size.
    pub fn take<'a>(&mut self, block: &'a [u8]) -> Result<Cow<'a, [u8]>, RuntimeError> {
        let bad = |reason: &str| RuntimeError::file("an IPFS file", reason);
        let Some(cid) = self.waiting.last().copied() else { return Ok(Cow::default()) };
        if block.len() > MAX_BLOCK {
            return Err(bad("a block is larger than any peer would send"));
        }
        cid.digest.check("a block", block)?;
        self.waiting.pop();
        self.taken += 1;
        let bytes = match cid.codec {
            Codec::Raw => Cow::Borrowed(block),
            Codec::DagPb => {
                let Node { data, links, size } = read(block)?;
                self.size.get_or_insert(size);
                self.waiting.extend(links.into_iter().rev());
                Cow::Owned(data)
            }
        };
        if self.taken + self.waiting.len() > MAX_BLOCKS {
            return Err(bad("it has too many parts"));
        }
        self.length += bytes.len() as u64;
        let length = self.length;
        if length > self.size.unwrap_or(limits::MAX_PARAMETERS_BYTES) {
            return Err(bad("it is longer than it says"));
        }
        if self.waiting.is_empty() && self.size.is_some_and(|size| size != length) {
            return Err(bad("it is shorter than it says"));
        }
        Ok(bytes)
    }
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a protobuf message, as far as dag-pb and UnixFS use the format; `None` once it cannot be read.
struct Fields<'a> {
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for place in 0..10 {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Field::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                let (bytes, rest) = self.bytes.split_at_checked(length)?;
                self.bytes = rest;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.bytes = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
    }

    fn build(file: &[u8]) -> Tree {
        let digests: Vec<_> =
            leaves(file.len()).into_iter().map(|range| Digest::of(&file[range])).collect();
        super::build(file.len(), &digests)
    }

    fn bytes<'a>(file: &'a [u8], block: &'a Block) -> &'a [u8] {
        match block {
            Block::Leaf(range) => &file[range.clone()],
            Block::Node(bytes) => bytes,
        }
    }

    fn assemble(tree: &Tree, file: &[u8]) -> Result<Vec<u8>, RuntimeError> {
        let (mut assembly, mut whole) = (Assembly::new(tree.root), Vec::new());
        while let Some(cid) = assembly.wanted(1).first() {
            let (_, block) = tree.blocks.iter().find(|(known, _)| known == cid).unwrap();
            whole.extend_from_slice(&assembly.take(bytes(file, block))?);
        }
        Ok(whole)
    }

    #[test]
    fn a_small_file_is_its_own_block() {
        let tree = build(b"hello");
        assert_eq!(tree.root.to_string(), Digest::of(b"hello").cid());
        assert_eq!(assemble(&tree, b"hello").unwrap(), b"hello");
        assert_eq!(build(b"").root.to_string(), Digest::of(b"").cid());
    }

    #[test]
    fn a_large_file_is_a_tree_and_comes_back() {
        let file = file(3 * LEAF + 5);
        let tree = build(&file);
        assert_eq!(tree.blocks.len(), 5);
        assert_eq!(tree.root.codec, Codec::DagPb);
        assert_eq!(assemble(&tree, &file).unwrap(), file);
        // As ipfs-unixfs-importer 17 cuts it, with raw leaves, chunks of 1 MiB and 174 links a node.
        let root = "bafybeifstep6gozxpr4a7flcfp6ytqjizppon2b67n4zsobxtymldpjyjq";
        assert_eq!(tree.root.to_string(), root);
        assert_eq!(Cid::parse(root), Some(tree.root));
    }

    #[test]
    fn what_is_not_the_block_or_no_file_is_refused() {
        let file = file(2 * LEAF);
        let tree = build(&file);
        let mut assembly = Assembly::new(tree.root);
        assert!(assembly.take(b"other").unwrap_err().to_string().contains("hashes to"));
        let directory = {
            let mut data = Vec::new();
            number_field(&mut data, 1, 1);
            let mut out = Vec::new();
            bytes_field(&mut out, 1, &data);
            out
        };
        assert!(read(&directory).unwrap_err().to_string().contains("no part of a file"));
        let Block::Node(top) = &tree.blocks[2].1 else { panic!("the last block is the root") };
        for end in 0..top.len() {
            let _ = read(&top[..end]);
        }
    }

    #[test]
    fn a_tree_that_lies_about_its_size_is_refused() {
        let leaf = Cid::of(Codec::Raw, b"abc");
        for (size, word) in [(2, "longer"), (9, "shorter")] {
            let block = node(&[Made { cid: leaf, content: size, total: 3 }]);
            let mut assembly = Assembly::new(Cid::of(Codec::DagPb, &block));
            assembly.take(&block).unwrap();
            assert!(assembly.take(b"abc").unwrap_err().to_string().contains(word));
        }
    }

    #[test]
    fn a_tree_without_an_end_is_refused() {
        // Each node links twice to the one below: 2³⁰ empty leaves.
        let mut below = Cid::of(Codec::Raw, b"");
        let mut blocks = vec![(below, Vec::new())];
        for _ in 0..30 {
            let bytes = node(&[Made { cid: below, content: 0, total: 0 }; 2]);
            below = Cid::of(Codec::DagPb, &bytes);
            blocks.push((below, bytes));
        }
        let mut assembly = Assembly::new(below);
        let error = loop {
            let wanted = assembly.wanted(1)[0];
            let (_, bytes) = blocks.iter().find(|(cid, _)| *cid == wanted).unwrap();
            if let Err(error) = assembly.take(bytes) {
                break error;
            }
        };
        assert!(error.to_string().contains("too many parts"));
    }
}
