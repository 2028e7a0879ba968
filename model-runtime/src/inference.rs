//! The two files of an inference job: a question, whose digest the job names on the chain, and the answer, whose digest
//! is its result. The answer is a pure function of runtime, spec, parameters and question, so anybody can make it again.

use std::collections::BTreeMap;

use crate::{
    RuntimeError,
    limits::MAX_QUESTION_EXAMPLES,
    message::{Event, Request, Stored},
    spec::ModelSpec,
    tensors::{Element, TensorFile, TensorValue, TensorView, not_finite, views},
};

const QUESTION: &str = "the question";
const ANSWER: &str = "the answer";
const INPUTS: &str = "inputs";
const NONCE: &str = "nonce";
const OUTPUTS: &str = "outputs";

/// What a user asks of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Examples one after the other, each of the spec's input length, scaled as the data set.
    pub inputs: Vec<f32>,
    /// A number that nobody can tell from chance. A user's is one; an auditor's is the hash of the answer that it knows,
    /// which it shows once the worker has answered.
    pub nonce: [u8; 32],
}

impl Question {
    /// The file, of `[examples, numbers of one]` inputs.
    pub fn to_bytes(&self, spec: &ModelSpec) -> Vec<u8> {
        let each = spec.input.len().max(1);
        let shape = vec![self.inputs.len() / each, each];
        let nonce = TensorValue::new(vec![32], Element::U8, self.nonce.to_vec());
        let inputs = TensorValue::from_f32(shape, &self.inputs);
        let tensors = BTreeMap::from([(INPUTS.into(), inputs), (NONCE.into(), nonce)]);
        TensorFile { tensors, ..TensorFile::default() }.to_bytes()
    }

    /// Reads a question of `units` examples for a model.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`], [`RuntimeError::BadParameter`] and [`RuntimeError::OutOfBounds`] for a file that asks
    /// nothing of this model, or of another number of examples than was paid for; [`RuntimeError::NotFinite`].
    pub fn from_bytes(bytes: &[u8], spec: &ModelSpec, units: u32) -> Result<Self, RuntimeError> {
        let limit = MAX_QUESTION_EXAMPLES;
        if !(1..=limit).contains(&units) {
            return Err(RuntimeError::bounds(
                "examples of a question",
                units,
                format!("1 to {limit}"),
            ));
        }
        let tensors = views(QUESTION, &bytes)?;
        let shape = [units as usize, spec.input.len()];
        let inputs = tensor(QUESTION, &tensors, INPUTS, &shape)?.to_f32(INPUTS)?;
        let nonce = tensor(QUESTION, &tensors, NONCE, &[32])?.to_bytes(NONCE)?;
        check(QUESTION, &inputs)?;
        Ok(Self { inputs, nonce: nonce.try_into().unwrap_or_default() })
    }

    /// What a worker is asked.
    pub fn request(self, spec: ModelSpec, parameters: impl Into<Stored>) -> Request {
        Request::Infer { spec, parameters: parameters.into(), inputs: self.inputs.into() }
    }
}

/// The answer's file, of `[examples, numbers of one]` outputs, from what a worker gave.
///
/// # Errors
/// [`RuntimeError::NotFinite`] for an output that is no number; [`RuntimeError::Protocol`] for anything but outputs.
pub fn answer(event: Event) -> Result<Vec<u8>, RuntimeError> {
    let Event::Outputs { rows } = event else {
        return Err(RuntimeError::Protocol { reason: "the runtime gave no outputs".into() });
    };
    let width = rows.first().map_or(0, |row| row.len());
    let values: Vec<f32> = rows.iter().flat_map(|row| row.iter().copied()).collect();
    check(ANSWER, &values)?;
    let outputs = TensorValue::from_f32(vec![rows.len(), width], &values);
    let tensors = BTreeMap::from([(OUTPUTS.into(), outputs)]);
    Ok(TensorFile { tensors, ..TensorFile::default() }.to_bytes())
}

/// An answer's rows, one an example.
///
/// # Errors
/// [`RuntimeError::BadFile`] and its like for a file that is no answer of this model to a question of `units` examples.
pub fn read_answer(
    bytes: &[u8],
    spec: &ModelSpec,
    units: u32,
) -> Result<Vec<Vec<f32>>, RuntimeError> {
    let width = spec.output().len();
    let tensors = views(ANSWER, &bytes)?;
    let outputs = tensor(ANSWER, &tensors, OUTPUTS, &[units as usize, width])?.to_f32(OUTPUTS)?;
    check(ANSWER, &outputs)?;
    Ok(outputs.chunks(width.max(1)).map(<[f32]>::to_vec).collect())
}

fn tensor<'a>(
    file: &str,
    tensors: &BTreeMap<String, TensorView<'a>>,
    name: &str,
    shape: &[usize],
) -> Result<TensorView<'a>, RuntimeError> {
    let found = tensors
        .get(name)
        .ok_or_else(|| RuntimeError::file(file, format!("it has no tensor {name}")))?;
    if found.shape == shape {
        return Ok(found.clone());
    }
    let reason = format!("its {name} are of shape {:?}, but must be {shape:?}", found.shape);
    Err(RuntimeError::file(file, reason))
}

fn check(file: &str, values: &[f32]) -> Result<(), RuntimeError> {
    match not_finite(values) {
        Some(at) => Err(RuntimeError::NotFinite { place: format!("{file}’s number {at}") }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Body, LayerSpec, Shape, Task};

    fn spec() -> ModelSpec {
        ModelSpec {
            input: Shape::Features { size: 3 },
            body: Body::Layers(vec![LayerSpec::Dense { units: 2 }]),
            task: Task::Regression { outputs: vec!["a".into(), "b".into()] },
        }
    }

    fn question() -> Question {
        Question { inputs: vec![1.0, 2.0, 3.0, -4.0, 0.5, 0.25], nonce: [7; 32] }
    }

    fn refusal(bytes: &[u8], units: u32) -> String {
        Question::from_bytes(bytes, &spec(), units).unwrap_err().to_string()
    }

    #[test]
    fn a_question_round_trips() {
        let bytes = question().to_bytes(&spec());
        assert_eq!(Question::from_bytes(&bytes, &spec(), 2).unwrap(), question());
    }

    #[test]
    fn an_answer_round_trips() {
        let rows = vec![vec![0.25, 0.75], vec![0.5, 0.5]];
        let bytes = answer(Event::outputs(rows.clone())).unwrap();
        assert_eq!(read_answer(&bytes, &spec(), 2).unwrap(), rows);
        let text = read_answer(&bytes, &spec(), 3).unwrap_err().to_string();
        assert!(text.contains("[2, 2], but must be [3, 2]"), "{text}");
    }

    #[test]
    fn what_asks_nothing_of_the_model_is_refused() {
        let bytes = question().to_bytes(&spec());
        assert!(
            refusal(&bytes, 1).contains("[2, 3], but must be [1, 3]"),
            "{}",
            refusal(&bytes, 1)
        );
        assert!(
            refusal(&bytes, 0).contains("examples of a question is 0"),
            "{}",
            refusal(&bytes, 0)
        );
        assert!(refusal(b"nothing", 1).starts_with("the question: not a safetensors file"));
        let odd = Question { inputs: vec![1.0, f32::NAN, 0.0], nonce: [0; 32] };
        assert!(refusal(&odd.to_bytes(&spec()), 1).contains("number 1 is not a finite number"));
        for length in 0..bytes.len() {
            assert!(Question::from_bytes(&bytes[..length], &spec(), 2).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_answer() {
        let text = answer(Event::outputs(vec![vec![f32::INFINITY]])).unwrap_err().to_string();
        assert!(text.contains("not a finite number"), "{text}");
        assert!(answer(Event::Listening).is_err());
    }
}
