//! Noto Color Emoji as pictures with names: its bitmaps, cut down to [`STORED`] pixels, and what Unicode and GitHub call them.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use delea_model_runtime::{
    content::Digest,
    rng::Random,
    studio::{
        DitSpec, NO_WORD, Words, split,
        view::{PIXEL, STORED, View, shrink},
    },
    tensors::{Element, TensorFile, TensorValue},
};
use serde::{Deserialize, Serialize};

/// One picture in this many is kept out of training, if its words are known from others.
const HELD_OUT_EVERY: u64 = 10;
/// Shares of the prompts that training sees: nothing at all; the kind alone; another name; the kind after the name.
const NOTHING: f32 = 0.1;
const KIND_ALONE: f32 = 0.1;
const OTHER_NAME: f32 = 0.3;
const KIND_TOO: f32 = 0.3;

/// What is known of a picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Emoji {
    /// As a text.
    pub(crate) text: String,
    /// Unicode's name.
    pub(crate) name: String,
    /// Other names.
    pub(crate) others: Vec<String>,
    /// The word for its group.
    pub(crate) kind: String,
    /// Whether its picture is kept out of training.
    pub(crate) held_out: bool,
}

/// Pictures and what is known of them.
pub(crate) struct Emojis {
    /// In the order of the pictures.
    pub(crate) all: Vec<Emoji>,
    /// The words of those that are learnt from.
    pub(crate) words: Words,
    /// Red, green, blue times alpha, and alpha; `[emoji, row, column, channel]`.
    pixels: Vec<u8>,
    trained: Vec<usize>,
}

fn kind(group: emojis::Group) -> &'static str {
    use emojis::Group::*;
    match group {
        SmileysAndEmotion => "smiley",
        PeopleAndBody => "person",
        AnimalsAndNature => "nature",
        FoodAndDrink => "food",
        TravelAndPlaces => "travel",
        Activities => "activity",
        Objects => "object",
        Symbols => "symbol",
        Flags => "flag",
    }
}

impl Emojis {
    /// Reads the font's bitmaps.
    pub(crate) fn from_font(font: &[u8]) -> Result<Self, Box<dyn Error>> {
        let face = rustybuzz::Face::from_slice(font, 0).ok_or("this is no font")?;
        let (mut all, mut pixels, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for emoji in emojis::iter() {
            let mut text = rustybuzz::UnicodeBuffer::new();
            text.push_str(emoji.as_str());
            let glyphs = rustybuzz::shape(&face, &[], text);
            // More than one glyph: the font has no picture of the whole.
            let [glyph] = glyphs.glyph_infos() else { continue };
            let glyph = rustybuzz::ttf_parser::GlyphId(glyph.glyph_id as u16);
            let Some(bitmap) = face.glyph_raster_image(glyph, u16::MAX) else { continue };
            let bitmap = image::load_from_memory(bitmap.data)?.to_rgba8();
            let picture =
                shrink(bitmap.as_raw(), bitmap.width() as usize, bitmap.height() as usize);
            // All families but a few are one silhouette.
            if !seen.insert(Digest::of(&picture)) {
                continue;
            }
            pixels.extend(picture);
            all.push(Emoji {
                text: emoji.as_str().to_owned(),
                name: emoji.name().to_owned(),
                others: emoji.shortcodes().map(|code| code.replace('_', " ")).collect(),
                kind: kind(emoji.group()).to_owned(),
                held_out: false,
            });
        }
        let chosen = |emoji: &Emoji| {
            let digest = Digest::of(emoji.name.as_bytes()).0;
            u64::from_le_bytes(digest[..8].try_into().unwrap_or_default())
                .is_multiple_of(HELD_OUT_EVERY)
        };
        let others = all.iter().filter(|emoji| !chosen(emoji));
        let known: BTreeSet<String> = others.flat_map(|emoji| split(&emoji.name)).collect();
        for emoji in &mut all {
            emoji.held_out = chosen(emoji) && split(&emoji.name).all(|word| known.contains(&word));
        }
        Ok(Self::new(all, pixels))
    }

    fn new(all: Vec<Emoji>, pixels: Vec<u8>) -> Self {
        let trained: Vec<usize> = (0..all.len()).filter(|place| !all[*place].held_out).collect();
        let mut words = BTreeSet::new();
        for emoji in trained.iter().map(|place| &all[*place]) {
            let names = std::iter::once(&emoji.name).chain(&emoji.others).chain([&emoji.kind]);
            words.extend(names.flat_map(|name| split(name)));
        }
        let words = Words::new(words.into_iter().collect());
        Self { all, words, pixels, trained }
    }

    /// From the file of [`Emojis::to_file`].
    pub(crate) fn from_file(file: &TensorFile) -> Result<Self, Box<dyn Error>> {
        let all = serde_json::from_str(file.metadata.get("emojis").ok_or("no emojis")?)?;
        let pixels = file.tensors.get("pixels").ok_or("no pixels")?.bytes.clone();
        Ok(Self::new(all, pixels))
    }

    /// All of it as a file.
    pub(crate) fn to_file(&self) -> Result<TensorFile, Box<dyn Error>> {
        let shape = vec![self.all.len(), STORED, STORED, PIXEL];
        Ok(TensorFile {
            metadata: BTreeMap::from([("emojis".into(), serde_json::to_string(&self.all)?)]),
            tensors: BTreeMap::from([(
                "pixels".into(),
                TensorValue::new(shape, Element::U8, self.pixels.clone()),
            )]),
        })
    }

    /// An example to learn from: a picture in patches, and a prompt.
    pub(crate) fn draw(&self, spec: &DitSpec, random: &mut Random) -> (Vec<f32>, Vec<u32>) {
        let place = self.trained[random.below(self.trained.len() as u32) as usize];
        let emoji = &self.all[place];
        let flips = !matches!(&*emoji.kind, "symbol" | "flag");
        let picture = self.picture(place, spec, View::draw(random, flips));
        (spec.to_patches(&picture), self.prompt(emoji, spec.length, random))
    }

    fn prompt(&self, emoji: &Emoji, length: usize, random: &mut Random) -> Vec<u32> {
        let share = random.uniform();
        if share < NOTHING {
            return vec![NO_WORD; length];
        }
        if share < NOTHING + KIND_ALONE {
            return self.words.encode(&emoji.kind, length).0;
        }
        let mut text = &emoji.name;
        if !emoji.others.is_empty() && random.uniform() < OTHER_NAME {
            text = &emoji.others[random.below(emoji.others.len() as u32) as usize];
        }
        match random.uniform() < KIND_TOO {
            true => self.words.encode(&format!("{text} {}", emoji.kind), length).0,
            false => self.words.encode(text, length).0,
        }
    }

    /// A picture `[channel, row, column]`, as it is seen from `view`.
    pub(crate) fn picture(&self, place: usize, spec: &DitSpec, view: View) -> Vec<f32> {
        let size = STORED * STORED * PIXEL;
        view.of(&self.pixels[place * size..][..size], STORED, spec.side)
    }
}
