//! What a visitor gives as a model's input, turned into the numbers it expects.

use delea_model_runtime::{RuntimeError, tensors::check_size};
use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, File, HtmlCanvasElement, ImageBitmap};

use crate::image::{Frame, Ink, photo};

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
    fn a_colour_model_sees_a_drawing_in_grey() {
        let ink = Ink { width: 2, height: 2, values: vec![1.0; 4] };
        let model = Pictures { channels: 3, height: 2, width: 2, frame: None };
        assert_eq!(model.read_ink(&ink).len(), 12);
    }
}
