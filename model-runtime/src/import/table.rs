//! Tables: one example a row, one column the target.
//!
//! The target is the column named like one of [`TARGET_NAMES`], else the last. Words, or few whole
//! numbers, are classes; other numbers are a regression. A square number of whole columns between 0
//! and 255 is an image.

use csv::StringRecord;

use super::{Examples, check_amount};
use crate::{
    RuntimeError,
    dataset::{Inputs, Targets},
    limits,
    spec::{Shape, Task},
};

/// Names that mark the column to predict.
const TARGET_NAMES: [&str; 6] = ["label", "class", "target", "species", "digit", "y"];
/// More different whole numbers than this are values, not classes.
const MAX_WHOLE_CLASSES: usize = 100;
/// Fewer columns than this are a table even if square: 4 measurements are not a 2×2 picture.
const MIN_IMAGE_COLUMNS: usize = 16;

/// A cell's place, as an editor counts.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    row: usize,
    column: usize,
}

impl Place<'_> {
    fn bad(self, reason: impl Into<String>) -> RuntimeError {
        RuntimeError::BadCell {
            name: self.name.into(),
            row: self.row,
            column: self.column,
            reason: reason.into(),
        }
    }

    fn number(self, cell: &str) -> Result<f32, RuntimeError> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Err(self.bad("the cell is empty, but must be a number"));
        }
        let value: f32 =
            cell.parse().map_err(|_| self.bad(format!("\"{}\" is not a number", shorten(cell))))?;
        if !value.is_finite() {
            return Err(self.bad(format!("{cell} is not a finite number")));
        }
        Ok(value)
    }
}

fn shorten(cell: &str) -> String {
    match cell.char_indices().nth(24) {
        Some((at, _)) => format!("{}…", &cell[..at]),
        None => cell.to_owned(),
    }
}

pub(super) fn read(
    name: &str,
    file: &[u8],
    shape: Option<&Shape>,
) -> Result<Examples, RuntimeError> {
    let text = std::str::from_utf8(file).map_err(|_| {
        RuntimeError::file(name, "it is no text, IDX or zip file; those, also gzipped, are read")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| RuntimeError::file(name, error.to_string()))?;
        if records.len() > limits::MAX_EXAMPLES {
            check_amount(name, records.len(), 1)?;
        }
        let line = record.position().map_or(records.len() as u64 + 1, csv::Position::line);
        records.push((line as usize, record));
    }
    let Some((_, first)) = records.first() else {
        return Err(RuntimeError::file(name, "it has no rows"));
    };
    let width = first.len();
    if width < 2 {
        return Err(RuntimeError::file(
            name,
            "it has one column; at least one input and the target are needed",
        ));
    }
    let is_named = |cell: &str| TARGET_NAMES.contains(&cell.trim().to_lowercase().as_str());
    let named = first.iter().position(is_named);
    // The target may be words, so only the other cells tell whether the first row is names.
    let header = named.is_some()
        || first.iter().take(width - 1).any(|cell| cell.trim().parse::<f32>().is_err());
    let target = named.unwrap_or(width - 1);
    let target_name = match header {
        true => first.get(target).unwrap_or("target").trim().to_owned(),
        false => "target".to_owned(),
    };
    let rows = &records[usize::from(header)..];
    if rows.is_empty() {
        return Err(RuntimeError::file(name, "it has names of columns, but no rows below them"));
    }
    check_amount(name, rows.len(), width - 1)?;
    let mut values = Vec::with_capacity(rows.len() * (width - 1));
    for (row, record) in rows {
        if record.len() != width {
            let place = Place { name, row: *row, column: record.len().min(width) + 1 };
            return Err(place
                .bad(format!("the row has {} columns, but the first has {width}", record.len())));
        }
        for (column, cell) in record.iter().enumerate().filter(|(column, _)| *column != target) {
            values.push(Place { name, row: *row, column: column + 1 }.number(cell)?);
        }
    }
    let (task, targets) = targets(name, rows, target, target_name)?;
    let (input, inputs, scale) = inputs(name, values, width - 1, shape)?;
    Ok(Examples { input, task, inputs, targets, scale })
}

/// The one of `,`, `;` and tab that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |d: &u8| line.bytes().filter(|b| b == d).count();
    // max_by_key keeps the last of equals, so the comma stands last.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn targets(
    name: &str,
    rows: &[(usize, StringRecord)],
    target: usize,
    target_name: String,
) -> Result<(Task, Targets), RuntimeError> {
    let cell = |record: &StringRecord| record.get(target).unwrap_or_default().trim().to_owned();
    let cells: Vec<String> = rows.iter().map(|(_, record)| cell(record)).collect();
    if let Some(at) = cells.iter().position(String::is_empty) {
        return Err(Place { name, row: rows[at].0, column: target + 1 }
            .bad("the cell is empty, but must be the target"));
    }
    let whole: Option<Vec<i64>> = cells.iter().map(|c| c.parse().ok()).collect();
    let numbers = cells.iter().all(|c| c.parse::<f32>().is_ok());
    let mut classes: Vec<String> = cells.clone();
    classes.sort_unstable();
    classes.dedup();
    let few = classes.len() <= MAX_WHOLE_CLASSES;
    if numbers && !(whole.is_some() && few) {
        let place = |at: usize| Place { name, row: rows[at].0, column: target + 1 };
        let values = cells
            .iter()
            .enumerate()
            .map(|(at, c)| place(at).number(c))
            .collect::<Result<_, _>>()?;
        return Ok((Task::Regression { outputs: vec![target_name] }, Targets::Values(values)));
    }
    if classes.len() < 2 || classes.len() > limits::MAX_CLASSES {
        let expected = format!("2 to {}", limits::MAX_CLASSES);
        return Err(RuntimeError::bounds(
            format!("number of classes in {name}"),
            classes.len(),
            expected,
        ));
    }
    if whole.is_some() {
        classes.sort_by_key(|c| c.parse::<i64>().unwrap_or_default());
    }
    let numbers: std::collections::HashMap<&str, u32> =
        classes.iter().zip(0..).map(|(c, i)| (c.as_str(), i)).collect();
    let targets = cells.iter().map(|c| numbers[c.as_str()]).collect();
    Ok((Task::Classification { classes }, Targets::Classes(targets)))
}

fn inputs(
    name: &str,
    values: Vec<f32>,
    width: usize,
    shape: Option<&Shape>,
) -> Result<(Shape, Inputs, f32), RuntimeError> {
    let side = width.isqrt();
    let pixels = values.iter().all(|v| (0.0..=255.0).contains(v) && v.fract() == 0.0);
    let shape = match shape {
        Some(shape) if shape.len() != width => {
            return Err(RuntimeError::file(
                name,
                format!("its rows have {width} inputs, but {shape} needs {}", shape.len()),
            ));
        }
        Some(shape) => shape.clone(),
        None if pixels && side * side == width && width >= MIN_IMAGE_COLUMNS => {
            Shape::Image { channels: 1, height: side, width: side }
        }
        None => Shape::Features { size: width },
    };
    shape.check()?;
    if pixels && matches!(shape, Shape::Image { .. }) {
        // Pixels of 0..=16 (as in the UCI digits), or of a byte.
        let top = values.iter().copied().fold(0.0, f32::max);
        let scale = if top <= 1.0 {
            1.0
        } else if top <= 16.0 {
            1.0 / 16.0
        } else {
            1.0 / 255.0
        };
        return Ok((shape, Inputs::U8(values.into_iter().map(|v| v as u8).collect()), scale));
    }
    Ok((shape, Inputs::F32(values), 1.0))
}
