//! PNG files with a text in them (<https://www.w3.org/TR/png-3/>), so that a picture tells how it was made.

use serde::Serialize;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::{browser, components::painted::put};

/// Key of the recipe among the file's texts.
const KEY: &[u8] = b"delea-recipe";
/// Length of a chunk's length, type and checksum.
const AROUND: usize = 12;
/// Where the first chunk ends, which says the picture's size.
const HEADER: usize = 8 + AROUND + 13;

/// A painted picture of `side` pixels with its recipe; nothing if the browser cannot draw.
pub(crate) fn of<T: Serialize>(picture: &[f32], side: u32, recipe: &T) -> Option<Vec<u8>> {
    let canvas = || -> Option<HtmlCanvasElement> {
        web_sys::window()?.document()?.create_element("canvas").ok()?.dyn_into().ok()
    };
    let (small, large) = (canvas()?, canvas()?);
    put(&small, picture);
    large.set_width(side);
    large.set_height(side);
    let context: CanvasRenderingContext2d = large.get_context("2d").ok()??.dyn_into().ok()?;
    let to = f64::from(side);
    context.draw_image_with_html_canvas_element_and_dw_and_dh(&small, 0.0, 0.0, to, to).ok()?;
    let url = large.to_data_url_with_type("image/png").ok()?;
    let file = browser::from_base64(url.split_once(',')?.1)?;
    with_text(&file, &serde_json::to_string(recipe).ok()?)
}

/// The file with a text chunk behind its header.
fn with_text(png: &[u8], text: &str) -> Option<Vec<u8>> {
    let (header, rest) = png.split_at_checked(HEADER)?;
    // International text: key, no compression, no language, no translated key.
    let mut body = b"iTXt".to_vec();
    body.extend_from_slice(KEY);
    body.extend_from_slice(&[0; 5]);
    body.extend_from_slice(text.as_bytes());
    let length = u32::try_from(body.len() - 4).ok()?;
    let sum = checksum(&body).to_be_bytes();
    Some([header, &length.to_be_bytes(), &body, &sum, rest].concat())
}

/// CRC-32 as PNG has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| match sum & 1 {
            1 => 0xedb8_8320 ^ (sum >> 1),
            _ => sum >> 1,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_behind_the_header() {
        // The checksum of an empty last chunk is in the standard.
        assert_eq!(checksum(b"IEND"), 0xae42_6082);
        let png = [&[0; HEADER][..], b"rest"].concat();
        let file = with_text(&png, "hi").unwrap();
        let chunk = &file[HEADER..file.len() - 4];
        assert_eq!(chunk[..4], (chunk.len() as u32 - 12).to_be_bytes());
        assert_eq!(&chunk[4..20], b"iTXtdelea-recipe");
        assert_eq!(&chunk[25..27], b"hi");
        assert!(file.ends_with(b"rest"));
        assert_eq!(with_text(b"short", "hi"), None);
    }
}
