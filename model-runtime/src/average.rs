//! Federated averaging (McMahan et al. 2017, arXiv 1602.05629): what a round of several trainings
//! publishes. Plain IEEE 754 sums in the order given, so that any engine gives the same bits.

use crate::{
    RuntimeError,
    message::Part,
    tensors::{TensorFile, TensorValue},
};

/// Mean of parameter files weighted by their units, each value summed in f64 in the order of `parts`
/// and rounded once to f32.
///
/// # Errors
/// [`RuntimeError::BadFile`] for a part that is no parameter file, [`RuntimeError::BadParameter`] for
/// one whose tensors are not those of the first, [`RuntimeError::OutOfBounds`] if there are no units.
pub fn average(parts: &[Part]) -> Result<TensorFile, RuntimeError> {
    let total: u64 = parts.iter().map(|part| u64::from(part.units)).sum();
    if total == 0 {
        return Err(RuntimeError::bounds("units of all parts", 0, "at least 1"));
    }
    let name = |i: usize| format!("part {}", i + 1);
    let files = parts.iter().enumerate().map(|(i, part)| {
        let name = name(i);
        TensorFile::from_bytes(&name, &part.parameters)
    });
    let files: Vec<TensorFile> = files.collect::<Result<_, _>>()?;
    let mut mean = TensorFile::default();
    for (tensor, first) in &files[0].tensors {
        let mut sums = vec![0.0f64; first.len()];
        for (i, (file, part)) in files.iter().zip(parts).enumerate() {
            let bad = |reason: String| RuntimeError::BadParameter { name: tensor.clone(), reason };
            if file.tensors.len() != files[0].tensors.len() {
                let found = file.tensors.len();
                let expected = files[0].tensors.len();
                return Err(bad(format!("{} has {found} tensors, not {expected}", name(i))));
            }
            let value = match file.tensors.get(tensor) {
                Some(value) if value.shape == first.shape => value.to_f32(tensor)?,
                Some(value) => {
                    return Err(bad(format!(
                        "its shape is {:?} in {}, but {:?} in part 1",
                        value.shape,
                        name(i),
                        first.shape
                    )));
                }
                None => return Err(bad(format!("{} lacks it", name(i)))),
            };
            let weight = f64::from(part.units);
            sums.iter_mut().zip(value).for_each(|(sum, v)| *sum += weight * f64::from(v));
        }
        let values: Vec<f32> = sums.iter().map(|sum| (sum / total as f64) as f32).collect();
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(RuntimeError::NotFinite { place: format!("mean of {tensor}, value {at}") });
        }
        mean.tensors.insert(tensor.clone(), TensorValue::from_f32(first.shape.clone(), &values));
    }
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(units: u32, shape: Vec<usize>, values: &[f32]) -> Part {
        let mut file = TensorFile::default();
        file.tensors.insert("w".into(), TensorValue::from_f32(shape, values));
        Part { units, parameters: file.to_bytes().into() }
    }

    #[test]
    fn parts_weigh_by_their_units() {
        let mean =
            average(&[part(1, vec![2], &[1.0, 0.0]), part(3, vec![2], &[5.0, 0.1])]).unwrap();
        assert_eq!(mean.tensors["w"].to_f32("w").unwrap(), [4.0, 0.075]);
        let alone = [part(7, vec![2], &[0.3, -0.7])];
        assert_eq!(average(&alone).unwrap().to_bytes(), &*alone[0].parameters);
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        let text = average(&[part(1, vec![2], &[1.0, 2.0]), part(1, vec![1, 2], &[1.0, 2.0])]);
        let text = text.unwrap_err().to_string();
        assert!(text.contains("[1, 2] in part 2, but [2] in part 1"), "{text}");
        assert!(average(&[]).is_err());
        assert!(average(&[part(0, vec![1], &[1.0])]).is_err());
        let infinite = average(&[part(1, vec![1], &[f32::INFINITY])]).unwrap_err();
        assert!(infinite.to_string().contains("not a finite number"));
    }
}
