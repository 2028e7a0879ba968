//! A line plot: lines in SVG, words in HTML, so that lines stretch with the page and words do not.

use leptos::{html, prelude::*};

use crate::format;

/// Sides of the drawing's own grid; the browser stretches it.
const SIZE: f64 = 1000.0;

/// Share from which an axis of shares is drawn larger.
const CLOSE_UP: f64 = 0.6;

/// One line.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Series {
    /// Its name, shown where there are several.
    pub(crate) name: &'static str,
    /// Points by ascending x.
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether it is only a backdrop, without values of its own.
    pub(crate) faint: bool,
}

impl Series {
    /// A line.
    pub(crate) fn new(name: &'static str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points, faint: false }
    }

    /// A noisy line: its moving average, with itself as the backdrop.
    pub(crate) fn smoothed(name: &'static str, points: Vec<(f64, f64)>) -> Vec<Self> {
        let reach = points.len() / 40;
        let mean = |i: usize| {
            // Equally far to both sides: else the ends would lean towards the middle.
            let reach = reach.min(i).min(points.len() - 1 - i);
            let around = &points[i - reach..=i + reach];
            (points[i].0, around.iter().map(|p| p.1).sum::<f64>() / around.len() as f64)
        };
        let smooth = (0..points.len()).map(mean).collect();
        vec![Self::new(name, smooth), Self { name, points, faint: true }]
    }
}

/// How an axis' numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As they are.
    Number,
    /// A share of one, as percent.
    Share,
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Number => format::number(value),
            Self::Share => format::percent(value),
        }
    }

    fn tick(self, value: f64) -> String {
        match self {
            Self::Number => format::number(value),
            Self::Share => format!("{:.0} %", value * 100.0),
        }
    }
}

/// What an axis covers, and where its numbers stand.
#[derive(Debug, Clone, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// Covers `low..=high` with round numbers, about `wanted` of them and `least` apart or more.
    fn new(low: f64, high: f64, wanted: usize, least: f64) -> Self {
        let (low, high) = if high > low { (low, high) } else { (low, low + 1.0) };
        let raw = (high - low) / wanted.max(1) as f64;
        let magnitude = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * magnitude)
            .into_iter()
            .find(|step| *step >= raw * 0.999)
            .unwrap_or(raw)
            .max(least);
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        Self { low, high, ticks: (first..=last).map(|i| i as f64 * step).collect() }
    }

    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// Both axes.
#[derive(Debug, Clone, PartialEq)]
struct Axes {
    x: Scale,
    y: Scale,
}

impl Axes {
    fn of(series: &[Series], x_end: Option<f64>, unit: Unit) -> Self {
        let points = || series.iter().flat_map(|s| s.points.iter());
        let max = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MIN, f64::max);
        let x_low = points().map(|p| p.0).fold(f64::MAX, f64::min);
        let x_low = if x_end.is_some() || x_low > 1e300 { 0.0 } else { x_low };
        let x_high = x_end.unwrap_or_else(|| max(&mut points().map(|p| p.0)));
        // Shares near one would all lie on one line if their axis began at zero.
        let y_least = points().map(|p| p.1).fold(1.0, f64::min);
        let (y_low, y_high) = match unit {
            Unit::Share if y_least > CLOSE_UP && y_least < 1.0 => {
                (((y_least - 0.05) * 10.0).floor() / 10.0, 1.0)
            }
            Unit::Share => (0.0, 1.0),
            Unit::Number => (0.0, max(&mut points().map(|p| p.1)) * 1.06),
        };
        let finite = |value: f64| if value.is_finite() && value > -1e300 { value } else { 1.0 };
        // Along x are steps, versions, epochs: whole ones.
        Self {
            x: Scale::new(x_low, finite(x_high), 5, 1.0),
            y: Scale::new(y_low, finite(y_high), 4, 0.0),
        }
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::with_capacity(points.len() * 14);
        for (i, (x, y)) in points.iter().enumerate() {
            let (x, y) = (self.x.share(*x) * SIZE, (1.0 - self.y.share(*y)) * SIZE);
            path.push_str(&format!("{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' }));
        }
        path
    }

    fn area(&self, points: &[(f64, f64)]) -> String {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return String::new();
        };
        let (from, to) = (self.x.share(first.0) * SIZE, self.x.share(last.0) * SIZE);
        format!("{}L{to:.1} {SIZE}L{from:.1} {SIZE}Z", self.path(points))
    }
}

/// A line plot with hover values and a summary in words.
#[component]
pub(crate) fn Plot(
    /// Heading.
    #[prop(into)]
    title: String,
    /// Lines.
    #[prop(into)]
    series: Signal<Vec<Series>>,
    /// Words below the x axis.
    x_label: &'static str,
    /// How y is written.
    #[prop(default = Unit::Number)]
    unit: Unit,
    /// End of the x axis where it is known before the data is.
    #[prop(into, default = Signal::derive(|| None))]
    x_end: Signal<Option<f64>>,
    /// The plot in words, for those who do not see it.
    #[prop(into)]
    summary: Signal<String>,
    /// `data-testid`.
    testid: &'static str,
) -> impl IntoView {
    let axes = Memo::new(move |_| series.with(|s| Axes::of(s, x_end.get(), unit)));
    let area = NodeRef::<html::Div>::new();
    let hover = RwSignal::new(None::<f64>);
    let follow = move |event: leptos::ev::PointerEvent| {
        if let Some(element) = area.get_untracked() {
            let bounds = element.get_bounding_client_rect();
            let share = (f64::from(event.client_x()) - bounds.left()) / bounds.width().max(1.0);
            hover.set(Some(share.clamp(0.0, 1.0)));
        }
    };
    let lines = move || {
        let axes = axes.get();
        series.with(|series| {
            let line = |(i, s): (usize, &Series)| {
                let class = match s.faint {
                    true => "plot-line faint".to_owned(),
                    false => format!("plot-line line-{i}"),
                };
                view! {
                    {(i == 0).then(|| view! { <path class="plot-fill" d=axes.area(&s.points)/> })}
                    <path class=class d=axes.path(&s.points)/>
                }
            };
            series.iter().enumerate().map(line).collect_view()
        })
    };
    let grid = move || {
        axes.with(|axes| {
            let path: String = axes
                .y
                .ticks
                .iter()
                .map(|tick| {
                    let y = (1.0 - axes.y.share(*tick)) * SIZE;
                    format!("M0 {y:.1}H{SIZE}")
                })
                .collect();
            view! { <path class="plot-grid" d=path/> }
        })
    };
    let y_ticks = move || {
        axes.with(|axes| {
            axes.y
                .ticks
                .iter()
                .map(|tick| {
                    let top = format!("{:.2}%", (1.0 - axes.y.share(*tick)) * 100.0);
                    view! { <span class="tick tick-y" style:top=top>{unit.tick(*tick)}</span> }
                })
                .collect_view()
        })
    };
    let x_ticks = move || {
        axes.with(|axes| {
            axes.x.ticks.iter().map(|tick| {
            let left = format!("{:.2}%", axes.x.share(*tick) * 100.0);
            view! { <span class="tick tick-x" style:left=left>{format::number(*tick)}</span> }
        }).collect_view()
        })
    };
    // The point of each line nearest to the pointer.
    let marks = move || {
        let share = hover.get()?;
        let axes = axes.get();
        let x = axes.x.low + share * (axes.x.high - axes.x.low);
        let found = series.with(|series| {
            series
                .iter()
                .filter_map(|s| nearest(&s.points, x).map(|p| (s.name, p)))
                .collect::<Vec<_>>()
        });
        let at = found.first()?.1.0;
        let left = axes.x.share(at) * 100.0;
        let several = found.len() > 1;
        let dots = found.iter().enumerate().map(|(i, (_, (x, y)))| {
            let (x, y) = (axes.x.share(*x) * 100.0, (1.0 - axes.y.share(*y)) * 100.0);
            view! {
                <span class=format!("plot-dot line-{i}") style:left=format!("{x:.2}%") style:top=format!("{y:.2}%")></span>
            }
        }).collect_view();
        let words = found
            .iter()
            .map(|(name, (_, y))| match several {
                true => format!("{name} {}", unit.write(*y)),
                false => unit.write(*y),
            })
            .collect::<Vec<_>>()
            .join(" · ");
        let side = if left > 60.0 { "plot-tip left" } else { "plot-tip" };
        Some(view! {
            <span class="plot-cross" style:left=format!("{left:.2}%")></span>
            {dots}
            <span class=side style:left=format!("{left:.2}%")>
                {format!("{x_label} {}", format::number(at))}
                <strong>{words}</strong>
            </span>
        })
    };
    let legend = move || {
        let names = series
            .with(|series| series.iter().filter(|s| !s.faint).map(|s| s.name).collect::<Vec<_>>());
        (names.len() > 1).then(|| {
            names.into_iter().enumerate().map(|(i, name)| view! {
            <span class="legend-item"><i class=format!("legend-key line-{i}")></i>{name}</span>
        }).collect_view()
        })
    };
    view! {
        <figure class="plot" data-testid=testid>
            <figcaption class="plot-head">
                <span class="plot-title">{title}</span>
                <span class="plot-legend">{legend}</span>
                <span class="visually-hidden">{move || summary.get()}</span>
            </figcaption>
            <div
                class="plot-area"
                aria-hidden="true"
                node_ref=area
                on:pointermove=follow
                on:pointerdown=follow
                on:pointerleave=move |_| hover.set(None)
            >
                <svg viewBox="0 0 1000 1000" preserveAspectRatio="none">{grid}{lines}</svg>
                {y_ticks}
                {x_ticks}
                {marks}
            </div>
            <div class="plot-x" aria-hidden="true">{x_label}</div>
        </figure>
    }
}

fn nearest(points: &[(f64, f64)], x: f64) -> Option<(f64, f64)> {
    let after = points.partition_point(|p| p.0 < x);
    let candidates = [after.checked_sub(1), Some(after)];
    let found = candidates.into_iter().flatten().filter_map(|i| points.get(i));
    found.min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs())).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(Scale::new(0.0, 2.3, 4, 0.0).ticks, [0.0, 1.0, 2.0]);
        assert_eq!(Scale::new(0.0, 1000.0, 5, 1.0).ticks.len(), 6);
        assert_eq!(Scale::new(5.0, 5.0, 4, 0.0).high, 6.0);
        // Of two versions there is none between them.
        assert_eq!(Scale::new(0.0, 2.0, 5, 0.0).ticks, [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(Scale::new(0.0, 2.0, 5, 1.0).ticks, [0.0, 1.0, 2.0]);
    }

    #[test]
    fn a_plot_without_points_has_axes() {
        let axes = Axes::of(&[], None, Unit::Number);
        assert!(axes.y.high.is_finite() && axes.x.high.is_finite());
        assert_eq!(axes.area(&[]), "");
    }

    #[test]
    fn a_noisy_line_is_smoothed_and_kept_behind() {
        let points: Vec<_> = (0..200).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let lines = Series::smoothed("loss", points.clone());
        assert!(lines[0].points[50..150].iter().all(|p| (p.1 - 0.5).abs() < 0.06));
        assert!(lines[1].faint && lines[1].points == points);
        assert!(Series::smoothed("loss", vec![]).iter().all(|s| s.points.is_empty()));
    }

    #[test]
    fn the_nearest_point_is_found() {
        let points = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0)];
        assert_eq!(nearest(&points, 14.0), Some((10.0, 2.0)));
        assert_eq!(nearest(&points, 16.0), Some((20.0, 3.0)));
        assert_eq!(nearest(&points, 99.0), Some((20.0, 3.0)));
        assert_eq!(nearest(&[], 0.0), None);
    }
}
