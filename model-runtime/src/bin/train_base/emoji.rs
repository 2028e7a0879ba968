//! Noto Color Emoji as pictures with names: its bitmaps, cut down to [`STORED`] pixels, and what Unicode and GitHub call them.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use delea_model_runtime::{
    content::Digest,
    rng::Random,
    studio::{DitSpec, NO_WORD, Words, split},
    tensors::{Element, TensorFile, TensorValue},
};
use serde::{Deserialize, Serialize};

/// Pixels of a stored picture's side; what is learnt from is cut out of it and halved.
const STORED: usize = 64;
const PIXEL: usize = 4;
/// One picture in this many is kept out of training, if its words are known from others.
const HELD_OUT_EVERY: u64 = 10;
/// Shares of the prompts that training sees: nothing at all; the kind alone; another name; the kind after the name.
const NOTHING: f32 = 0.1;
const KIND_ALONE: f32 = 0.1;
const OTHER_NAME: f32 = 0.3;
const KIND_TOO: f32 = 0.3;
/// Share of the pictures that are moved and scaled a little.
const MOVED: f32 = 0.8;

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
            let picture = shrink(&image::load_from_memory(bitmap.data)?.to_rgba8());
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
        let flipped = flips && random.uniform() < 0.5;
        let mut within = |range: f32| (random.uniform() * 2.0 - 1.0) * range;
        let (scale, across, down) = (1.0 + within(0.08), within(2.5), within(2.5));
        let view = match random.uniform() < MOVED {
            true => View { flipped, scale, across, down },
            false => View { flipped, ..View::PLAIN },
        };
        (self.picture(place, spec, view), self.prompt(emoji, spec.length, random))
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

    /// A picture in patches, each `[channel, row, column]`, as it is seen from `view`.
    pub(crate) fn picture(&self, place: usize, spec: &DitSpec, view: View) -> Vec<f32> {
        let size = STORED * STORED * PIXEL;
        let pixels = &self.pixels[place * size..][..size];
        let side = spec.side;
        let ratio = STORED as f32 / side as f32;
        let middle = STORED as f32 / 2.0;
        let mut out = vec![0.0; spec.picture_size()];
        for row in 0..side {
            for column in 0..side {
                let mut sums = [0.0; PIXEL];
                for (dy, dx) in [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)] {
                    let mut x = (column as f32 + dx) * ratio - middle;
                    let y = (row as f32 + dy) * ratio - middle;
                    if view.flipped {
                        x = -x;
                    }
                    let (x, y) = (x / view.scale + middle, y / view.scale + middle);
                    let found = pixel(pixels, x + view.across - 0.5, y + view.down - 0.5);
                    sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found / 4.0);
                }
                for (channel, sum) in sums.into_iter().enumerate() {
                    out[spec.place(channel, row, column)] = sum / 127.5 - 1.0;
                }
            }
        }
        out
    }
}

/// How a picture is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Left for right.
    pub(crate) flipped: bool,
    /// How much larger.
    pub(crate) scale: f32,
    /// Stored pixels to the left.
    pub(crate) across: f32,
    /// Stored pixels up.
    pub(crate) down: f32,
}

impl View {
    /// As it is.
    pub(crate) const PLAIN: Self = Self { flipped: false, scale: 1.0, across: 0.0, down: 0.0 };
}

/// Between four pixels; nothing lies outside.
fn pixel(pixels: &[u8], x: f32, y: f32) -> [f32; PIXEL] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let mut out = [0.0; PIXEL];
    for (dy, share_y) in [(0, 1.0 - bottom_share), (1, bottom_share)] {
        for (dx, share_x) in [(0, 1.0 - right_share), (1, right_share)] {
            let (column, row) = (left as i64 + dx, top as i64 + dy);
            let inside = 0..STORED as i64;
            if !inside.contains(&column) || !inside.contains(&row) {
                continue;
            }
            let at = (row as usize * STORED + column as usize) * PIXEL;
            for (sum, value) in out.iter_mut().zip(&pixels[at..at + PIXEL]) {
                *sum += f32::from(*value) * share_x * share_y;
            }
        }
    }
    out
}

/// The picture in the middle of a square, alpha multiplied in, each pixel the mean of those that it covers.
fn shrink(picture: &image::RgbaImage) -> Vec<u8> {
    let side = picture.width().max(picture.height()) as usize;
    let (left, top) =
        ((side - picture.width() as usize) / 2, (side - picture.height() as usize) / 2);
    let mut sums = vec![[0.0f64; PIXEL]; STORED * STORED];
    let ratio = STORED as f64 / side as f64;
    for (x, y, pixel) in picture.enumerate_pixels() {
        let [red, green, blue, alpha] = pixel.0.map(f64::from);
        let values = [red, green, blue].map(|colour| colour * alpha / 255.0);
        let values = [values[0], values[1], values[2], alpha];
        for (row, high) in covered((y as usize + top) as f64 * ratio, ratio) {
            for (column, wide) in covered((x as usize + left) as f64 * ratio, ratio) {
                let sum = &mut sums[row * STORED + column];
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * high * wide);
            }
        }
    }
    sums.into_iter().flatten().map(|value| value.round().clamp(0.0, 255.0) as u8).collect()
}

/// Which stored pixels a source pixel covers from `start` on, and how much of each.
fn covered(start: f64, length: f64) -> impl Iterator<Item = (usize, f64)> {
    let end = start + length;
    let first = start.floor() as usize;
    [first, first + 1].into_iter().filter(|place| *place < STORED).map(move |place| {
        let share = end.min(place as f64 + 1.0) - start.max(place as f64);
        (place, share.max(0.0))
    })
}
