use super::*;

fn digits(layers: Vec<LayerSpec>) -> ModelSpec {
    ModelSpec {
        input: Shape::Image { channels: 1, height: 8, width: 8 },
        body: Body::Layers(layers),
        task: Task::Classification { classes: (0..10).map(|i| i.to_string()).collect() },
    }
}

#[test]
fn shapes_and_parameters_are_worked_out() {
    let spec = digits(vec![
        LayerSpec::Conv2d { channels: 16, kernel: 3, stride: 1, padding: Padding::Same, groups: 1 },
        LayerSpec::MaxPool2d { size: 2 },
        LayerSpec::Flatten,
        LayerSpec::Dense { units: 10 },
    ]);
    let summary = spec.summary().unwrap();
    assert_eq!(summary[1].output, Shape::Image { channels: 16, height: 4, width: 4 });
    assert_eq!(spec.parameter_count().unwrap(), 16 * 10 + (16 * 16 + 1) * 10);
}

#[test]
fn a_mismatch_names_the_layer_and_both_shapes() {
    let error = digits(vec![LayerSpec::Dense { units: 10 }]).validate().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("layer 0 (dense)") && text.contains("[1, 8, 8]"), "{text}");

    let error =
        digits(vec![LayerSpec::Flatten, LayerSpec::Dense { units: 9 }]).validate().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("[10]") && text.contains("[9]"), "{text}");
}

#[test]
fn an_unknown_layer_is_named() {
    let json = r#"{"input":{"type":"features","size":4},"layers":[{"type":"warp"}],
        "task":{"type":"regression","outputs":["y"]}}"#;
    let text = ModelSpec::from_json(json).unwrap_err().to_string();
    assert!(text.contains("warp") && text.contains("dense"), "{text}");
}

#[test]
fn bad_settings_are_refused() {
    for (layer, word) in [
        (LayerSpec::Dropout { rate: 1.0 }, "rate"),
        (LayerSpec::Dropout { rate: f32::NAN }, "rate"),
        (LayerSpec::GroupNorm { groups: 2 }, "groups"),
        (LayerSpec::MaxPool2d { size: 9 }, "9 rows"),
        (
            LayerSpec::Conv2d {
                channels: 1,
                kernel: 2,
                stride: 1,
                padding: Padding::Same,
                groups: 1,
            },
            "odd",
        ),
        (
            LayerSpec::Conv2d {
                channels: 1,
                kernel: 3,
                stride: 0,
                padding: Padding::Same,
                groups: 1,
            },
            "stride",
        ),
        (LayerSpec::TransformerBlock { heads: 2, hidden: 8, causal: false }, "sequence"),
        (LayerSpec::Embedding { dimension: 4 }, "tokens"),
    ] {
        let text = digits(vec![layer]).validate().unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let mut layer = LayerSpec::Flatten;
    for _ in 0..limits::MAX_NESTING + 2 {
        layer = LayerSpec::Residual { layers: vec![layer] };
    }
    assert!(digits(vec![layer]).validate().unwrap_err().to_string().contains("nesting"));
    let long = vec![LayerSpec::Activation { function: Activation::Relu }; limits::MAX_LAYERS + 1];
    assert!(digits(long).validate().unwrap_err().to_string().contains("number of layers"));
}

#[test]
fn memory_is_estimated_before_building() {
    let spec = digits(vec![
        LayerSpec::Flatten,
        LayerSpec::Dense { units: 65_536 },
        LayerSpec::Dense { units: 65_536 },
        LayerSpec::Dense { units: 10 },
    ]);
    assert!(matches!(spec.check_memory(64), Err(RuntimeError::OutOfMemory { .. })));
}

#[test]
fn a_residual_block_must_keep_its_shape() {
    let dense = |units| LayerSpec::Dense { units };
    let bad = digits(vec![LayerSpec::Flatten, LayerSpec::Residual { layers: vec![dense(10)] }]);
    let text = bad.validate().unwrap_err().to_string();
    assert!(text.contains("[64]") && text.contains("[10]"), "{text}");
    let good = digits(vec![
        LayerSpec::Flatten,
        LayerSpec::Residual { layers: vec![dense(64)] },
        dense(10),
    ]);
    assert_eq!(good.summary().unwrap()[1].position, "1.0");
}
