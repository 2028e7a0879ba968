//! A zip whose folders are classes and whose files are their pictures.

use std::io::{Cursor, Read};

use image::{DynamicImage, ImageReader, Limits, imageops::FilterType};
use zip::ZipArchive;

use super::{Examples, check_amount, read_limited};
use crate::{
    RuntimeError,
    dataset::{Inputs, Targets},
    limits,
    spec::{Shape, Task},
};

/// Longest side that pictures keep when no shape is asked for.
const MAX_SIDE: u32 = 64;
/// Longest side of a picture before it is scaled down, so that a small file cannot unpack to gigabytes.
const MAX_SOURCE_SIDE: u32 = 8_192;
/// Bytes of one picture's file.
const MAX_PICTURE_BYTES: u64 = 32 << 20;

pub(super) fn read(
    name: &str,
    file: &[u8],
    shape: Option<&Shape>,
) -> Result<Examples, RuntimeError> {
    let bad = |reason: String| RuntimeError::file(name, reason);
    let mut archive = ZipArchive::new(Cursor::new(file))
        .map_err(|e| bad(format!("not a readable zip file: {e}")))?;
    let mut paths: Vec<(usize, String, String)> = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| bad(e.to_string()))?;
        let entry_name = entry.name().map_err(|e| bad(e.to_string()))?;
        if let Some((class, path)) = class_of(&entry_name).filter(|_| entry.is_file()) {
            paths.push((index, class, path));
        }
    }
    check_amount(name, paths.len(), 1)?;
    paths.sort_by(|a, b| a.2.cmp(&b.2));
    let mut classes: Vec<String> = paths.iter().map(|(_, class, _)| class.clone()).collect();
    classes.sort_unstable();
    classes.dedup();
    if !(2..=limits::MAX_CLASSES).contains(&classes.len()) {
        return Err(bad(format!(
            "it has pictures in {} folders; one folder for each class is needed, 2 to {}",
            classes.len(),
            limits::MAX_CLASSES
        )));
    }
    let mut pictures: Vec<DynamicImage> = Vec::with_capacity(paths.len());
    let (mut targets, mut unpacked, mut size) = (Vec::new(), 0, wanted(shape));
    for (index, class, path) in &paths {
        let entry = archive.by_index(*index).map_err(|e| bad(format!("{path}: {e}")))?;
        let bytes = read_limited(path, entry.take(MAX_PICTURE_BYTES + 1), MAX_PICTURE_BYTES)?;
        unpacked += bytes.len() as u64;
        if unpacked > limits::MAX_UNPACKED_BYTES {
            return Err(RuntimeError::UnpacksTooLarge {
                name: name.into(),
                limit_mib: limits::MAX_UNPACKED_BYTES >> 20,
            });
        }
        let picture = decode(path, &bytes)?;
        let (width, height) = *size.get_or_insert_with(|| fit(&picture));
        check_amount(name, pictures.len() + 1, (width * height * 3) as usize)?;
        // Triangle is area-like when shrinking and the same on every machine.
        let picture = match (picture.width(), picture.height()) == (width, height) {
            true => picture,
            false => picture.resize_exact(width, height, FilterType::Triangle),
        };
        pictures.push(picture);
        targets.push(classes.binary_search(class).unwrap_or_default() as u32);
    }
    let (width, height) = size.unwrap_or_default();
    let colour = match shape {
        Some(Shape::Image { channels, .. }) => *channels == 3,
        _ => pictures.iter().any(|picture| picture.color().has_color()),
    };
    let channels = if colour { 3 } else { 1 };
    let mut pixels = Vec::with_capacity(pictures.len() * channels * (width * height) as usize);
    for picture in pictures {
        if colour {
            let picture = picture.into_rgb8();
            (0..3).for_each(|c| pixels.extend(picture.pixels().map(|pixel| pixel.0[c])));
        } else {
            pixels.extend(picture.into_luma8().into_raw());
        }
    }
    let input = Shape::Image { channels, height: height as usize, width: width as usize };
    input.check()?;
    Ok(Examples {
        input,
        task: Task::Classification { classes },
        inputs: Inputs::U8(pixels),
        targets: Targets::Classes(targets),
        scale: 1.0 / 255.0,
    })
}

/// The folder a picture lies in, and its path; nothing for what is no picture.
fn class_of(path: &str) -> Option<(String, String)> {
    let (folders, file) = path.rsplit_once('/')?;
    let extension = file.rsplit_once('.')?.1.to_lowercase();
    let hidden = file.starts_with('.') || path.starts_with("__MACOSX");
    if hidden || !["png", "jpg", "jpeg"].contains(&extension.as_str()) {
        return None;
    }
    let class = folders.rsplit('/').next().unwrap_or(folders);
    Some((class.to_owned(), path.to_owned()))
}

fn wanted(shape: Option<&Shape>) -> Option<(u32, u32)> {
    match shape {
        Some(Shape::Image { height, width, .. }) => Some((*width as u32, *height as u32)),
        _ => None,
    }
}

/// The picture's own size, scaled so that its longer side is at most [`MAX_SIDE`].
fn fit(picture: &DynamicImage) -> (u32, u32) {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= MAX_SIDE {
        return (width, height);
    }
    ((width * MAX_SIDE / longest).max(1), (height * MAX_SIDE / longest).max(1))
}

fn decode(path: &str, bytes: &[u8]) -> Result<DynamicImage, RuntimeError> {
    let bad =
        |reason: String| RuntimeError::file(path, format!("not a readable PNG or JPEG: {reason}"));
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| bad(e.to_string()))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SOURCE_SIDE);
    limits.max_image_height = Some(MAX_SOURCE_SIDE);
    reader.limits(limits);
    reader.decode().map_err(|error| bad(error.to_string()))
}
