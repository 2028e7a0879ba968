//! Plots as SVG, readable on light and dark pages.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 8] =
    ["#1f7a5c", "#c2571a", "#3f6fb5", "#9a4fa3", "#b08a1e", "#c23b4e", "#5b8a2f", "#6b6b6b"];

/// A line.
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// Its points.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines over a common axis.
pub(crate) fn lines(title: &str, x_label: &str, y_label: &str, lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| line.points.iter());
    let most = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::MIN, f64::max);
    let (x_most, y_most) = (most(|p| p.0).max(1.0), most(|p| p.1).max(1e-9) * 1.05);
    let y_least = all().map(|p| p.1).fold(0.0, f64::min) * 1.05;
    let x = |value: f64| LEFT + value / x_most * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| {
        HEIGHT - BOTTOM - (value - y_least) / (y_most - y_least) * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = String::new();
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{LEFT}" y="18" font-size="14" font-weight="600" fill="#222">{title}</text>"##
    );
    for tick in 0..=4 {
        let value = y_least + (y_most - y_least) * f64::from(tick) / 4.0;
        let at = y(value);
        let _ = write!(
            svg,
            r##"<path d="M{LEFT} {at:.1}H{:.1}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end" fill="#555">{}</text>"##,
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(value)
        );
    }
    for tick in 0..=5 {
        let value = x_most * f64::from(tick) / 5.0;
        let _ = write!(
            svg,
            r##"<text x="{:.1}" y="{:.1}" text-anchor="middle" fill="#555">{}</text>"##,
            x(value),
            HEIGHT - BOTTOM + 16.0,
            short(value)
        );
    }
    let _ = write!(
        svg,
        r##"<text x="{:.1}" y="{:.1}" text-anchor="middle" fill="#555">{x_label}</text><text x="{:.1}" y="{:.1}" text-anchor="end" fill="#555">{y_label}</text>"##,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 8.0,
        WIDTH - RIGHT,
        18.0
    );
    // Names beside their lines' ends, apart from each other.
    let mut names: Vec<(f64, usize)> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| (y(line.points.last().map_or(0.0, |p| p.1)), i))
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut last = f64::MIN;
    for (at, i) in names {
        let line = &lines[i];
        let colour = COLOURS[i % COLOURS.len()];
        let path: String = line
            .points
            .iter()
            .enumerate()
            .map(|(n, (px, py))| {
                format!("{}{:.1} {:.1}", if n == 0 { 'M' } else { 'L' }, x(*px), y(*py))
            })
            .collect();
        last = at.max(last + 14.0);
        let _ = write!(
            svg,
            r##"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/><text x="{:.1}" y="{:.1}" fill="{colour}">{}</text>"##,
            WIDTH - RIGHT + 8.0,
            last + 4.0,
            line.name
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{:.0}", value),
        v if v >= 10.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        0.0 => "0".into(),
        _ => format!("{value:.2}"),
    }
}
