//! What several tests begin with.

use delea_model_runtime::{import::import, message::ImportRequest};

/// The sample's data set: real digits of 8 × 8 pixels.
pub(crate) fn digits() -> Vec<u8> {
    let request = ImportRequest {
        file_name: "digits-8x8.csv.gz".into(),
        file: include_bytes!("../../../local/samples/digits-8x8.csv.gz").to_vec().into(),
        labels: None,
        name: "digits".into(),
        licence: "CC-BY-4.0".into(),
        attribution: "Alpaydin, Kaynak".into(),
        shape: None,
        held_out_percent: 20,
        reconstruct: false,
        length: 64,
    };
    import(request).unwrap().dataset.into_vec()
}
