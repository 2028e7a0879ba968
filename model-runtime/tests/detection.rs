//! What a check of drawn segments finds of forged ones: the formula of the docs, by simulation.

use delea_model_runtime::{
    commitment::{CHECKED_SEGMENTS, LEAF_STEPS, drawn},
    content::Digest,
};

const JOBS: u32 = 20_000;
const SEGMENTS: u32 = 60;

/// Share of jobs in which at least one of the forged segments was drawn.
fn found(forged: u32, checked: u32) -> f64 {
    let hits = (0..JOBS).filter(|job| {
        let draw = Digest::of(&job.to_le_bytes());
        // Draws are uniform, so which segments are forged does not matter.
        drawn(draw.0, SEGMENTS * LEAF_STEPS, checked).iter().any(|segment| *segment < forged)
    });
    hits.count() as f64 / f64::from(JOBS)
}

#[test]
fn forged_segments_are_found_as_often_as_stated() {
    for checked in [1, CHECKED_SEGMENTS, 8] {
        for forged in [1, 6, 20, 40, 60] {
            let share = f64::from(forged) / f64::from(SEGMENTS);
            // Draws are without repetition, so the formula with it is a lower bound.
            let stated = 1.0 - (1.0 - share).powi(checked as i32);
            let missed: f64 = (0..checked)
                .map(|i| {
                    let honest = f64::from(SEGMENTS - forged) - f64::from(i);
                    (honest / f64::from(SEGMENTS - i)).max(0.0)
                })
                .product();
            let measured = found(forged, checked);
            // Four standard deviations of a share among so many jobs.
            let slack = 4.0 * (0.25 / f64::from(JOBS)).sqrt();
            assert!((measured - (1.0 - missed)).abs() < slack, "{checked} {forged}: {measured}");
            assert!(measured > stated - slack, "{checked} {forged}: {measured} below {stated}");
        }
    }
}
