//! Networks to begin with, made to fit a data set.

use delea_model_runtime::{
    manifest::{Optimizer, TrainingConfig},
    spec::{Activation, Body, LayerSpec, ModelSpec, Padding, Shape, Task},
};

/// Examples a step, unless there are fewer.
const BATCH: u32 = 32;
/// Times that a proposed training sees each example.
const EPOCHS: u32 = 12;

/// A network to begin with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// Stable name, for tests.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// When to take it.
    pub(super) words: &'static str,
    /// The network.
    pub(super) spec: ModelSpec,
}

fn relu() -> LayerSpec {
    LayerSpec::Activation { function: Activation::Relu }
}

fn dense(units: usize) -> LayerSpec {
    LayerSpec::Dense { units }
}

fn conv(channels: usize) -> LayerSpec {
    LayerSpec::Conv2d { channels, kernel: 3, stride: 1, padding: Padding::Same, groups: 1 }
}

/// Networks that fit `input` and `task`, the most fitting first.
pub(super) fn templates(input: &Shape, task: &Task) -> Vec<Template> {
    let outputs = task.output(input).len();
    let make = |id, name, words, layers| Template {
        id,
        name,
        words,
        spec: ModelSpec { input: input.clone(), body: Body::Layers(layers), task: task.clone() },
    };
    if let Task::NextToken { tokens } = task {
        let block = LayerSpec::TransformerBlock { heads: 4, hidden: 128, causal: true };
        return fitting(vec![make(
            "writer",
            "Small transformer",
            "For text: foretells each letter from those before it, and so can write.",
            vec![
                LayerSpec::Embedding { dimension: 64 },
                block.clone(),
                block,
                LayerSpec::LayerNorm,
                dense(tokens.len()),
            ],
        )]);
    }
    if *task == Task::Reconstruction {
        let sigmoid = LayerSpec::Activation { function: Activation::Sigmoid };
        let narrow = (outputs / 8).clamp(2, 32);
        return fitting(vec![make(
            "autoencoder",
            "Autoencoder",
            "Squeezes each example through a narrow middle and draws it again: learns what examples have in common.",
            vec![
                LayerSpec::Flatten,
                dense(128),
                relu(),
                dense(narrow),
                relu(),
                dense(128),
                relu(),
                dense(outputs),
                sigmoid,
            ],
        )]);
    }
    let all = match *input {
        Shape::Tokens { .. } => vec![make(
            "transformer",
            "Small transformer",
            "For text: each word looks at the others.",
            vec![
                LayerSpec::Embedding { dimension: 32 },
                LayerSpec::TransformerBlock { heads: 4, hidden: 64, causal: false },
                LayerSpec::GlobalAvgPool,
                dense(outputs),
            ],
        )],
        Shape::Sequence { dimension, .. } => vec![make(
            "sequence",
            "Sequence network",
            "For series: the same small network at every position, then the average.",
            vec![dense(dimension.clamp(16, 64)), relu(), LayerSpec::GlobalAvgPool, dense(outputs)],
        )],
        Shape::Image { height, width, .. } => {
            // Half the side at each pooling, as long as something is left to halve.
            let halve = |layers: &mut Vec<LayerSpec>, side: usize| {
                if side >= 4 {
                    layers.push(LayerSpec::MaxPool2d { size: 2 });
                }
            };
            let side = height.min(width);
            let mut cnn = vec![conv(16), relu()];
            halve(&mut cnn, side);
            cnn.extend([conv(32), relu()]);
            halve(&mut cnn, side / 2);
            cnn.extend([LayerSpec::Flatten, dense(64), relu(), dense(outputs)]);
            vec![
                make(
                    "cnn",
                    "Convolutional network",
                    "For pictures: looks for small patterns wherever they are.",
                    cnn,
                ),
                make(
                    "resnet",
                    "Small ResNet",
                    "For harder pictures: deeper, with short cuts around its layers.",
                    resnet(side, outputs),
                ),
                make(
                    "mlp",
                    "Plain network",
                    "Smaller and quicker; learns each pixel’s place.",
                    vec![LayerSpec::Flatten, dense(64), relu(), dense(32), relu(), dense(outputs)],
                ),
            ]
        }
        Shape::Features { .. } => vec![
            make(
                "mlp",
                "Plain network",
                "For tables: two layers of 64 and 32.",
                vec![dense(64), relu(), dense(32), relu(), dense(outputs)],
            ),
            make(
                "wide",
                "Wide network",
                "For larger tables: more to learn with, some of it dropped at random so that it does not learn by heart.",
                vec![
                    dense(256),
                    relu(),
                    LayerSpec::Dropout { rate: 0.2 },
                    dense(128),
                    relu(),
                    dense(outputs),
                ],
            ),
        ],
    };
    fitting(all)
}

fn fitting(all: Vec<Template>) -> Vec<Template> {
    all.into_iter().filter(|template| template.spec.validate().is_ok()).collect()
}

/// Residual blocks (He et al. 2015, arXiv 1512.03385) at two or three sizes of the picture.
fn resnet(side: usize, outputs: usize) -> Vec<LayerSpec> {
    let block = |channels| LayerSpec::Residual {
        layers: vec![
            conv(channels),
            LayerSpec::BatchNorm,
            relu(),
            conv(channels),
            LayerSpec::BatchNorm,
        ],
    };
    let mut layers = vec![conv(16), LayerSpec::BatchNorm, relu()];
    let mut left = side;
    for channels in [16, 32, 64] {
        if channels > 16 && left >= 4 {
            left = left.div_ceil(2);
            let down = LayerSpec::Conv2d {
                channels,
                kernel: 3,
                stride: 2,
                padding: Padding::Same,
                groups: 1,
            };
            layers.extend([down, LayerSpec::BatchNorm, relu()]);
        } else if channels > 16 {
            break;
        }
        layers.extend([block(channels), relu()]);
    }
    layers.extend([LayerSpec::GlobalAvgPool, dense(outputs)]);
    layers
}

/// A training recipe for so many training examples.
pub(super) fn recipe(train: u32) -> TrainingConfig {
    let batch = BATCH.min(train.max(1));
    let steps = (u64::from(train) * u64::from(EPOCHS) / u64::from(batch)).clamp(100, 5_000) as u32;
    TrainingConfig {
        optimizer: Optimizer::default(),
        learning_rate: 0.001,
        batch_size: batch as usize,
        // A round number reads better.
        steps: steps.div_ceil(50) * 50,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(n: usize) -> Task {
        Task::Classification { classes: (0..n).map(|i| i.to_string()).collect() }
    }

    #[test]
    fn every_template_fits_its_data() {
        let shapes = [
            Shape::Features { size: 1 },
            Shape::Image { channels: 1, height: 8, width: 8 },
            Shape::Image { channels: 3, height: 32, width: 32 },
            Shape::Image { channels: 1, height: 1, width: 3 },
            Shape::Tokens { vocabulary: 100, length: 8 },
            Shape::Sequence { length: 4, dimension: 2 },
        ];
        for shape in shapes {
            let found = templates(&shape, &classes(3));
            assert!(!found.is_empty(), "{shape:?}");
            assert_eq!(found.len(), templates(&shape, &classes(10)).len());
        }
        let text = Shape::Tokens { vocabulary: 3, length: 16 };
        let tokens = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!(templates(&text, &Task::NextToken { tokens }).len(), 1);
        let picture = Shape::Image { channels: 3, height: 8, width: 8 };
        assert_eq!(templates(&picture, &Task::Reconstruction).len(), 1);
    }

    #[test]
    fn recipes_are_valid_for_any_size() {
        for train in [1, 10, 1_500, 60_000, 1_000_000] {
            let recipe = recipe(train);
            assert!(recipe.validate().is_ok());
            assert!(recipe.steps.is_multiple_of(50));
        }
    }
}
