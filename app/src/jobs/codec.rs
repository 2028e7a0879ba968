//! Messages to and from workers as JS values, with their buffers listed for transfer.
//!
//! The values are those that serde-wasm-bindgen reads and writes on the other side. Here they go
//! through JSON, which the page knows anyway: a second serialisation of the whole protocol would
//! add about 20 KB to what a visitor downloads. Bytes never touch the JSON; they are put in and
//! taken out as `Uint8Array`s.

use delea_model_runtime::message::{Bytes, Envelope, Event, Request};
use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

const BODY: &str = "body";
/// Fields that may hold bytes, in requests and events alike.
const PARAMETERS: &str = "parameters";
const DATASET: &str = "dataset";
const FILE: &str = "file";
const LABELS: &str = "labels";

/// A request as a JS value, and the buffers in it.
pub(super) fn encode(mut message: Envelope<Request>) -> Result<(JsValue, Array), String> {
    let bytes = take_bytes(&mut message.body);
    let text = serde_json::to_string(&message).map_err(|error| error.to_string())?;
    let odd = |_| "the browser refused a message to the worker".to_owned();
    let value = JSON::parse(&text).map_err(odd)?;
    let body = Reflect::get(&value, &BODY.into()).map_err(odd)?;
    let buffers = Array::new();
    for (field, bytes) in bytes {
        let array = Uint8Array::from(bytes.as_slice());
        buffers.push(&array.buffer());
        Reflect::set(&body, &field.into(), &array).map_err(odd)?;
    }
    Ok((value, buffers))
}

/// An event, or why the value is none.
pub(super) fn decode(value: &JsValue) -> Result<Envelope<Event>, String> {
    let body = Reflect::get(value, &BODY.into()).map_err(|_| "it has no body".to_owned())?;
    let mut parameters = take_array(&body, PARAMETERS);
    let mut dataset = take_array(&body, DATASET);
    let text = JSON::stringify(value).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| "it is no JSON".to_owned())?;
    let mut message: Envelope<Event> =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match &mut message.body {
        Event::Parameters { parameters: into, .. } => give(into, &mut parameters),
        Event::Trained(result) => give(&mut result.parameters, &mut parameters),
        Event::Imported(imported) => give(&mut imported.dataset, &mut dataset),
        _ => {}
    }
    Ok(message)
}

/// Empties the request's byte fields and returns what was in them.
fn take_bytes(request: &mut Request) -> Vec<(&'static str, Bytes)> {
    let take = std::mem::take::<Bytes>;
    match request {
        Request::Train(job) => {
            vec![(PARAMETERS, take(&mut job.parameters)), (DATASET, take(&mut job.dataset))]
        }
        Request::Evaluate { parameters, dataset, .. } => {
            vec![(PARAMETERS, take(parameters)), (DATASET, take(dataset))]
        }
        Request::Infer { parameters, .. } => vec![(PARAMETERS, take(parameters))],
        Request::Import(import) => {
            let mut all = vec![(FILE, take(&mut import.file))];
            all.extend(import.labels.take().map(|labels| (LABELS, labels)));
            all
        }
        _ => Vec::new(),
    }
}

/// Takes a `Uint8Array` out of an object, leaving an empty list in its place.
fn take_array(object: &JsValue, field: &str) -> Option<Vec<u8>> {
    let array = Reflect::get(object.dyn_ref::<Object>()?, &field.into()).ok()?;
    let bytes = array.dyn_ref::<Uint8Array>()?.to_vec();
    Reflect::set(object, &field.into(), &Array::new()).ok()?;
    Some(bytes)
}

fn give(into: &mut Bytes, bytes: &mut Option<Vec<u8>>) {
    if let Some(bytes) = bytes.take() {
        *into = Bytes::from(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delea_model_runtime::message::ImportRequest;

    #[test]
    fn no_bytes_stay_for_the_json() {
        let mut request = Request::Import(Box::new(ImportRequest {
            file_name: "a.csv".into(),
            file: Bytes::from(vec![1, 2, 3]),
            labels: Some(Bytes::from(vec![4])),
            name: "a".into(),
            licence: "CC0-1.0".into(),
            attribution: "us".into(),
            shape: None,
            held_out_percent: 20,
        }));
        let taken = take_bytes(&mut request);
        assert_eq!(
            taken.iter().map(|(f, b)| (*f, b.len())).collect::<Vec<_>>(),
            [(FILE, 3), (LABELS, 1)]
        );
        let text = serde_json::to_string(&request).unwrap();
        assert!(text.contains(r#""file":[],"labels":null"#), "{text}");
    }

    #[test]
    fn events_are_read_from_json() {
        let text = r#"{"id":3,"body":{"type":"progress","step":1,"steps":2,"losses":[[1,2]],"evaluations":[],"steps_per_second":1.5}}"#;
        let message: Envelope<Event> = serde_json::from_str(text).unwrap();
        let Event::Progress(progress) = message.body else { panic!("another event") };
        assert_eq!((message.id, progress.losses), (3, vec![(1, 2.0)]));
    }
}
