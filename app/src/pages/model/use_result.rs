//! A model's answer: the likeliest class in large, all of them as bars.

use delea_model_runtime::spec::Task;
use leptos::prelude::*;

use crate::{
    components::bars::{Bar, Bars},
    format,
};

/// Classes shown; the rest are less likely than all of these.
const SHOWN: usize = 10;

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// What was asked.
    pub(super) task: Task,
    /// One value an output.
    pub(super) row: Vec<f32>,
}

/// The answer.
#[component]
pub(super) fn AnswerView(
    /// What the model answered.
    answer: Answer,
) -> impl IntoView {
    match &answer.task {
        Task::Classification { classes } => {
            let ranked = rank(classes, &answer.row);
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
        Task::Regression { outputs } => {
            let rows = outputs.iter().zip(&answer.row).map(|(name, value)| view! {
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
