//! What a visitor gives as a model's input, turned into the numbers it expects.

use delea_model_runtime::{RuntimeError, tensors::check_size};
use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

use crate::{
    image::{Frame, Ink, photo},
    store::hash::bytes_of,
};

/// Longest side in pixels that a picture is read at; more would only be averaged away.
const LARGEST: u32 = 512;

/// Why an input is not usable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InputError {
    /// Not a number.
    #[error("{0:?} is not a number")]
    NotANumber(String),
    /// Too many or too few.
    #[error("the model needs {needed} numbers; these are {found}")]
    WrongCount {
        /// How many the model needs.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The browser cannot decode the picture.
    #[error("{0} is not a picture that this browser can read")]
    NotAPicture(String),
    /// Lines instead of pixels.
    #[error("{0} is a drawing made of lines (SVG); save it as a PNG first")]
    Drawing(String),
    /// The picture has too many pixels to decode.
    #[error(
        "{name} has {found} million pixels; the limit is {limit} million. Make it smaller first"
    )]
    TooManyPixels {
        /// The file.
        name: String,
        /// How many, in millions.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The picture is empty, or too large.
    #[error(transparent)]
    Refused(#[from] RuntimeError),
    /// One grey all over.
    #[error("nothing is to be seen in that picture")]
    Blank,
}

/// Reads numbers between commas, semicolons or white space. Nothing for an empty text.
pub(crate) fn numbers(text: &str, needed: usize) -> Result<Option<Vec<f32>>, InputError> {
    let words = text.split([',', ';', ' ', '\t', '\n']).filter(|word| !word.trim().is_empty());
    let values = words
        .map(|word| match word.trim().parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(InputError::NotANumber(word.trim().to_owned())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    match values.len() {
        0 => Ok(None),
        found if found == needed => Ok(Some(values)),
        found => Err(InputError::WrongCount { needed, found }),
    }
}

/// A model that looks at pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pictures {
    /// 1 for grey, 3 for colour.
    pub(crate) channels: usize,
    /// Rows.
    pub(crate) height: usize,
    /// Columns.
    pub(crate) width: usize,
    /// How large and bold its examples are.
    pub(crate) frame: Option<Frame>,
}

impl Pictures {
    /// A drawing as input. A colour model sees it in grey.
    pub(crate) fn read_ink(self, ink: &Ink) -> Vec<f32> {
        ink.fit(self.height, self.width, self.frame).repeat(self.channels)
    }

    /// A picture file as input.
    pub(crate) async fn read_file(self, file: &File) -> Result<Vec<f32>, InputError> {
        check_size(&file.name(), file.size() as u64)?;
        let bad = || InputError::NotAPicture(file.name());
        let (rgba, width, height) = decode(file).await.ok_or_else(bad)?;
        if self.channels > 1 {
            return Ok(photo(&rgba, (width, height), self.channels, self.height, self.width));
        }
        let ink = Ink::from_photo(&rgba, width, height);
        match ink.is_blank() {
            true => Err(InputError::Blank),
            false => Ok(self.read_ink(&ink)),
        }
    }
}

/// Most pixels of a picture: what a browser decodes within half a gigabyte.
const MOST_PIXELS: u64 = 64_000_000;
/// The same, for whoever is asked for a picture.
pub(crate) const PICTURES: &str = "PNG, JPEG or WebP, up to 64 million pixels.";
/// Bytes at a file's beginning in which its size is looked for.
const HEAD: f64 = 262_144.0;

/// A picture file, read.
pub(crate) struct Picture {
    /// RGBA, row by row, the longer side at most [`LARGEST`] pixels, turned as its camera says.
    pub(crate) rgba: Vec<u8>,
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// Whether the file has more pictures after this one.
    pub(crate) moves: bool,
}

/// Reads a picture file.
///
/// # Errors
/// [`InputError`] for what is no picture, or one too large.
pub(crate) async fn picture(file: &File) -> Result<Picture, InputError> {
    check_size(&file.name(), file.size() as u64)?;
    if file.type_() == "image/svg+xml" {
        return Err(InputError::Drawing(file.name()));
    }
    let bad = || InputError::NotAPicture(file.name());
    let head = file.slice_with_f64_and_f64(0.0, HEAD).map_err(|_| bad())?;
    let head = bytes_of(&head).await.ok_or_else(bad)?;
    if let Some((width, height)) = sides(&head)
        && u64::from(width) * u64::from(height) > MOST_PIXELS
    {
        let (found, limit) = (u64::from(width) * u64::from(height), MOST_PIXELS);
        let million = |pixels: u64| pixels / 1_000_000;
        return Err(InputError::TooManyPixels {
            name: file.name(),
            found: million(found),
            limit: million(limit),
        });
    }
    let (rgba, width, height) = decode(file).await.ok_or_else(bad)?;
    Ok(Picture { rgba, width, height, moves: moves(&head) })
}

/// Whether a GIF, PNG or WebP is animated: each says so in its first bytes.
fn moves(head: &[u8]) -> bool {
    let mark: &[u8] = match head {
        [b'G', b'I', b'F', ..] => b"NETSCAPE2.0",
        [0x89, b'P', b'N', b'G', ..] => b"acTL",
        [b'R', b'I', b'F', b'F', ..] => b"ANIM",
        _ => return false,
    };
    head.windows(mark.len()).any(|part| part == mark)
}

/// Width and height of a PNG, a JPEG or a GIF, from its first bytes: decoding a picture that is too large would come too late.
fn sides(head: &[u8]) -> Option<(u32, u32)> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    if head.starts_with(b"\x89PNG") {
        return Some((number(head.get(16..20)?), number(head.get(20..24)?)));
    }
    if head.starts_with(b"GIF8") {
        let little = |at| Some(number(&[*head.get(at + 1)?, *head.get(at)?]));
        return Some((little(6)?, little(8)?));
    }
    if !head.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    loop {
        let (marker, kind) = (*head.get(at)?, *head.get(at + 1)?);
        if marker != 0xff {
            return None;
        }
        // Frames, without the tables that have numbers between theirs.
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            return Some((number(head.get(at + 7..at + 9)?), number(head.get(at + 5..at + 7)?)));
        }
        at += 2 + number(head.get(at + 2..at + 4)?) as usize;
    }
}

/// RGBA pixels, width and height, decoded by the browser off the main thread.
async fn decode(file: &File) -> Option<(Vec<u8>, usize, usize)> {
    let window = web_sys::window()?;
    let promise: Promise = window.create_image_bitmap_with_blob(file).ok()?;
    let bitmap: ImageBitmap = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
    let longest = bitmap.width().max(bitmap.height()).max(1);
    let scale = f64::from(LARGEST.min(longest)) / f64::from(longest);
    let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
    let (width, height) = (side(bitmap.width()), side(bitmap.height()));
    let canvas: HtmlCanvasElement =
        window.document()?.create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(width);
    canvas.set_height(height);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let (w, h) = (f64::from(width), f64::from(height));
    context.draw_image_with_image_bitmap_and_dw_and_dh(&bitmap, 0.0, 0.0, w, h).ok()?;
    bitmap.close();
    let pixels = context.get_image_data(0.0, 0.0, w, h).ok()?.data().0;
    Some((pixels, width as usize, height as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_and_named() {
        assert_eq!(numbers("1, 2;3\n4", 4), Ok(Some(vec![1.0, 2.0, 3.0, 4.0])));
        assert_eq!(numbers("  ", 4), Ok(None));
        assert_eq!(numbers("1", 2), Err(InputError::WrongCount { needed: 2, found: 1 }));
        assert_eq!(numbers("1 x", 2), Err(InputError::NotANumber("x".into())));
        assert_eq!(numbers("NaN 1", 2), Err(InputError::NotANumber("NaN".into())));
    }

    #[test]
    fn sides_are_read_before_a_picture_is_decoded() {
        let png =
            [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0, 0, 0x27, 0x10, 0, 0, 0x30, 0x39]]
                .concat();
        assert_eq!(sides(&png), Some((10_000, 12_345)));
        let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..], &[0xff, 0xc2, 0, 17, 8, 1, 0, 2, 0]]
            .concat();
        assert_eq!(sides(&jpeg), Some((512, 256)));
        assert_eq!(sides(&jpeg[..9]), None);
        assert_eq!(sides(b"GIF89a"), None);
        assert_eq!(sides(b"GIF89a\x01\x02\x03\x04"), Some((0x201, 0x403)));
    }

    #[test]
    fn what_moves_is_told_by_its_mark() {
        assert!(moves(b"GIF89a..NETSCAPE2.0"));
        assert!(moves(b"\x89PNG\r\n\x1a\n....acTL"));
        assert!(moves(b"RIFF....WEBPVP8X....ANIM"));
        assert!(!moves(b"GIF89a..acTL"));
        assert!(!moves(b"\xff\xd8NETSCAPE2.0"));
    }

    #[test]
    fn a_colour_model_sees_a_drawing_in_grey() {
        let ink = Ink { width: 2, height: 2, values: vec![1.0; 4] };
        let model = Pictures { channels: 3, height: 2, width: 2, frame: None };
        assert_eq!(model.read_ink(&ink).len(), 12);
    }
}
