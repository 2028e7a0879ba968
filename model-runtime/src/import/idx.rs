//! IDX, the format of MNIST: a header of big-endian sizes, then bytes
//! (<http://yann.lecun.com/exdb/mnist/>, "the IDX file format").

use super::{Examples, check_amount};
use crate::{
    RuntimeError,
    dataset::{Inputs, Targets},
    limits,
    spec::{Shape, Task},
};

/// Type code of unsigned bytes.
const U8: u8 = 0x08;

/// Whether the file begins as an IDX file of bytes does.
pub(super) fn is_idx(file: &[u8]) -> bool {
    matches!(file, [0, 0, U8, 1..=4, ..])
}

pub(super) fn read(name: &str, images: &[u8], labels: &[u8]) -> Result<Examples, RuntimeError> {
    let (sides, pixels) = parse(name, images)?;
    let (count, input) = match *sides.as_slice() {
        [count, height, width] => (count, Shape::Image { channels: 1, height, width }),
        [count, size] => (count, Shape::Features { size }),
        _ => {
            return Err(RuntimeError::file(
                name,
                format!("it has {} axes; 2 or 3 are read", sides.len()),
            ));
        }
    };
    input.check()?;
    check_amount(name, count, input.len())?;
    let (label_sides, labels) = parse("labels", labels)?;
    if label_sides != [count] {
        return Err(RuntimeError::file(
            "labels",
            format!("it holds {label_sides:?} labels, but there are {count} images"),
        ));
    }
    let classes = labels.iter().max().map_or(0, |top| usize::from(*top) + 1);
    if !(2..=limits::MAX_CLASSES).contains(&classes) {
        return Err(RuntimeError::bounds(
            "number of classes in labels",
            classes,
            format!("2 to {}", limits::MAX_CLASSES),
        ));
    }
    Ok(Examples {
        input,
        task: Task::Classification { classes: (0..classes).map(|c| c.to_string()).collect() },
        inputs: Inputs::U8(pixels.to_vec()),
        targets: Targets::Classes(labels.iter().map(|label| u32::from(*label)).collect()),
        scale: 1.0 / 255.0,
    })
}

fn parse<'a>(name: &str, file: &'a [u8]) -> Result<(Vec<usize>, &'a [u8]), RuntimeError> {
    if !is_idx(file) {
        return Err(RuntimeError::file(
            name,
            "it is not an IDX file of bytes (it should begin with 00 00 08)",
        ));
    }
    let axes = usize::from(file[3]);
    let header = 4 + 4 * axes;
    let sides =
        file.get(4..header).ok_or_else(|| RuntimeError::file(name, "it ends inside its header"))?;
    let sides: Vec<usize> = sides
        .chunks_exact(4)
        .map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]) as usize)
        .collect();
    let needed = sides.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
    let data = &file[header..];
    if needed != Some(data.len()) {
        return Err(RuntimeError::file(
            name,
            format!("its header announces sides {sides:?}, but {} bytes follow", data.len()),
        ));
    }
    Ok((sides, data))
}
