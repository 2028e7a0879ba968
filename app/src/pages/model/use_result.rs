//! A model's answer: the likeliest class in large, all of them as bars.

use std::sync::Arc;

use delea_model_runtime::spec::{ModelSpec, Shape, Task};
use leptos::prelude::*;

use crate::{
    components::{
        bars::{Bar, Bars},
        painted::Painted,
        sample::Example,
    },
    format,
};

/// Classes shown; the rest are less likely than all of these.
const SHOWN: usize = 10;

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// One value an output.
    Row {
        /// What was asked.
        task: Task,
        /// The values.
        row: Vec<f32>,
    },
    /// A text as far as it goes.
    Text {
        /// What the visitor began with.
        prompt: String,
        /// What the model wrote.
        written: String,
    },
    /// A picture of the studio.
    Painted {
        /// The values.
        row: Vec<f32>,
    },
    /// The input, drawn again.
    Redrawn {
        /// Shape of the input.
        shape: Shape,
        /// The values.
        row: Vec<f32>,
    },
}

impl Answer {
    /// From a row of outputs.
    pub(super) fn of(spec: &ModelSpec, row: Vec<f32>) -> Self {
        match &spec.task {
            Task::Reconstruction => Self::Redrawn { shape: spec.input.clone(), row },
            Task::Painting { .. } => Self::Painted { row },
            task => Self::Row { task: task.clone(), row },
        }
    }
}

/// The answer.
#[component]
pub(super) fn AnswerView(
    /// What the model answered.
    answer: Answer,
) -> impl IntoView {
    match &answer {
        Answer::Row { task: Task::Classification { classes }, row } => {
            let ranked = rank(classes, row);
            let (top, share) = ranked.first().cloned().unwrap_or_default();
            let bars: Vec<Bar> = ranked
                .into_iter()
                .take(SHOWN)
                .map(|(name, share)| Bar { name, share, value: format::percent(share) })
                .collect();
            view! {
                <div class="answer">
                    <p class="answer-top">
                        <strong data-testid="prediction">{top}</strong>
                        <span class="muted">{format!("{} sure", format::percent(share))}</span>
                    </p>
                    <Bars bars ranked=true label="How likely each answer is" testid="probability-bar"/>
                </div>
            }
            .into_any()
        }
        Answer::Text { prompt, written } => view! {
            <div class="answer"><p class="written" data-testid="written"><span class="muted">{prompt.clone()}</span>{written.clone()}</p></div>
        }
        .into_any(),
        Answer::Painted { row } => view! {
            <div class="answer studio-frame" data-testid="painted">
                <Painted picture=Signal::stored(Arc::new(row.clone())) label="What the model painted"/>
            </div>
        }
        .into_any(),
        Answer::Redrawn { shape, row } => view! {
            <div class="answer redrawn" data-testid="redrawn">
                <Example input=row.clone() shape=shape.clone() target="As the model remembers it"/>
            </div>
        }
        .into_any(),
        Answer::Row { task, row } => {
            let outputs = match task {
                Task::Regression { outputs } => outputs.clone(),
                _ => Vec::new(),
            };
            let rows = outputs.iter().zip(row).map(|(name, value)| view! {
                <div><dt>{name.clone()}</dt><dd data-testid="prediction">{format::number(f64::from(*value))}</dd></div>
            });
            view! { <dl class="answer facts">{rows.collect_view()}</dl> }.into_any()
        }
    }
}

/// Names with their share, likeliest first.
fn rank(classes: &[String], row: &[f32]) -> Vec<(String, f64)> {
    let mut ranked: Vec<_> =
        classes.iter().cloned().zip(row.iter().map(|share| f64::from(*share))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_comes_first() {
        let classes = ["a", "b", "c"].map(String::from);
        let ranked = rank(&classes, &[0.2, 0.7, 0.1]);
        assert_eq!(ranked[0].0, "b");
        assert_eq!(ranked[2].0, "c");
    }
}
