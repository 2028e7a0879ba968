//! From drawings and photographs to a model's input. Pure arithmetic on pixels.

use delea_model_runtime::studio::view::shrink;

/// Ink below this share of full counts as paper when the drawing's bounds are sought.
const PAPER: f32 = 0.12;
/// Share of the usual ink below which a drawing is thickened.
const THIN: f32 = 0.8;
/// Most times that a drawing is thickened; each adds a fiftieth of its side all round.
const THICKENINGS: u32 = 3;

/// Sides from which a model expects a margin around the drawing, as MNIST has: its digits fill
/// 20 of 28 pixels (LeCun et al. 1998). Smaller pictures, as the 8×8 digits of UCI, have none.
const MARGIN_FROM: usize = 16;
/// MNIST's margin as a share of the side.
const MARGIN: f32 = 4.0 / 28.0;

/// How large and how bold the examples of a data set are, so that a drawing can be made alike: the
/// 8×8 digits of UCI fill six columns and eight rows, those of MNIST 20 pixels of 28.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    height: f32,
    width: f32,
    ink: f32,
}

impl Frame {
    /// The frame of some one-channel examples; nothing if they show nothing.
    pub(crate) fn of<'a>(
        examples: impl Iterator<Item = &'a [f32]>,
        height: usize,
        width: usize,
    ) -> Option<Self> {
        let (mut heights, mut widths, mut inks) = (Vec::new(), Vec::new(), Vec::new());
        for values in examples.filter(|values| values.len() == height * width) {
            let ink = Ink { width, height, values: values.to_vec() };
            if let Some((left, top, right, bottom)) = ink.bounds() {
                heights.push((bottom - top) as f32);
                widths.push((right - left) as f32);
                inks.push(values.iter().sum::<f32>());
            }
        }
        // The widest few are outliers; a drawing should be as large as most.
        let rank = |mut list: Vec<f32>, percent: usize| {
            list.sort_by(f32::total_cmp);
            list.get(list.len() * percent / 100).copied()
        };
        Some(Self { height: rank(heights, 80)?, width: rank(widths, 80)?, ink: rank(inks, 50)? })
    }

    /// What is usual for pictures of a size.
    fn usual(height: usize, width: usize) -> Self {
        let inner = |side: usize| {
            let margin = if side >= MARGIN_FROM { MARGIN } else { 0.0 };
            side as f32 * (1.0 - 2.0 * margin)
        };
        Self { height: inner(height), width: inner(width), ink: 0.0 }
    }
}

/// Ink on paper, 0 to 1, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ink {
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// Values.
    pub(crate) values: Vec<f32>,
}

impl Ink {
    /// The opacity of RGBA pixels: what was drawn on a clear canvas.
    pub(crate) fn from_alpha(rgba: &[u8], width: usize, height: usize) -> Self {
        let values = rgba.chunks_exact(4).map(|p| f32::from(p[3]) / 255.0);
        Self { width, height, values: values.collect() }
    }

    /// A photograph of writing: dark on light is turned round, and its contrast stretched.
    pub(crate) fn from_photo(rgba: &[u8], width: usize, height: usize) -> Self {
        let mut values: Vec<f32> = rgba.chunks_exact(4).map(luminance).collect();
        let border = (0..width * height).filter(|i| {
            let (x, y) = (i % width, i / width);
            x == 0 || y == 0 || x + 1 == width || y + 1 == height
        });
        let (sum, count) = border.fold((0.0, 0.0), |(s, n), i| (s + values[i], n + 1.0f32));
        if count > 0.0 && sum / count > 0.5 {
            values.iter_mut().for_each(|v| *v = 1.0 - *v);
        }
        let low = values.iter().copied().fold(1.0, f32::min);
        let high = values.iter().copied().fold(0.0, f32::max);
        if high - low > 0.05 {
            values.iter_mut().for_each(|v| *v = (*v - low) / (high - low));
        }
        Self { width, height, values }
    }

    /// Whether there is anything to see.
    pub(crate) fn is_blank(&self) -> bool {
        self.values.iter().all(|v| *v < PAPER)
    }

    /// The drawing alone, scaled into `height` × `width` as large and bold as `frame` says, its
    /// shape kept, its centre of mass in the middle as far as it fits.
    pub(crate) fn fit(&self, height: usize, width: usize, frame: Option<Frame>) -> Vec<f32> {
        let frame = frame.unwrap_or_else(|| Frame::usual(height, width));
        let mut out = self.scale(height, width, frame);
        let mut bold = self.clone();
        for _ in 0..THICKENINGS {
            if self.is_blank() || out.iter().sum::<f32>() >= frame.ink * THIN {
                break;
            }
            bold = bold.thicken((self.width.max(self.height) / 50).max(1));
            out = bold.scale(height, width, frame);
        }
        out
    }

    /// The ink spread by `radius` pixels: each becomes the darkest of its surroundings.
    fn thicken(&self, radius: usize) -> Self {
        let (width, height) = (self.width, self.height);
        let spread = |values: &[f32], at: usize, length: usize, start: usize, stride: usize| {
            let (from, to) = (at.saturating_sub(radius), (at + radius).min(length - 1));
            (from..=to).map(|i| values[start + i * stride]).fold(0.0, f32::max)
        };
        let rows: Vec<f32> = (0..width * height)
            .map(|i| spread(&self.values, i % width, width, i / width * width, 1))
            .collect();
        let values =
            (0..width * height).map(|i| spread(&rows, i / width, height, i % width, width));
        Self { width, height, values: values.collect() }
    }

    fn scale(&self, height: usize, width: usize, frame: Frame) -> Vec<f32> {
        let mut out = vec![0.0; height * width];
        let Some((left, top, right, bottom)) = self.bounds() else { return out };
        let (inner_h, inner_w) = (frame.height, frame.width);
        let (ink_w, ink_h) = ((right - left) as f32, (bottom - top) as f32);
        // Source pixels for one target pixel.
        let scale = (ink_h / inner_h).max(ink_w / inner_w);
        let (fit_w, fit_h) = (ink_w / scale, ink_h / scale);
        let (mass_x, mass_y) = self.centre();
        let place = |side: f32, size: f32, mass: f32, start: f32| {
            let centred = side / 2.0 - (mass - start) / scale;
            centred.clamp(0.0, (side - size).max(0.0))
        };
        let x0 = place(width as f32, fit_w, mass_x, left as f32);
        let y0 = place(height as f32, fit_h, mass_y, top as f32);
        for y in 0..height {
            for x in 0..width {
                let from_x = left as f32 + (x as f32 - x0) * scale;
                let from_y = top as f32 + (y as f32 - y0) * scale;
                let area = (from_x, from_y, from_x + scale, from_y + scale);
                out[y * width + x] = self.mean(area);
            }
        }
        out
    }

    /// Left, top, right and bottom of the ink, the latter two exclusive.
    fn bounds(&self) -> Option<(usize, usize, usize, usize)> {
        let mut bounds: Option<(usize, usize, usize, usize)> = None;
        for (i, _) in self.values.iter().enumerate().filter(|(_, v)| **v >= PAPER) {
            let (x, y) = (i % self.width, i / self.width);
            let (l, t, r, b) = bounds.unwrap_or((x, y, x + 1, y + 1));
            bounds = Some((l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)));
        }
        bounds
    }

    fn centre(&self) -> (f32, f32) {
        let (mut sum, mut x_sum, mut y_sum) = (0.0f32, 0.0, 0.0);
        for (i, v) in self.values.iter().enumerate().filter(|(_, v)| **v >= PAPER) {
            sum += v;
            x_sum += v * ((i % self.width) as f32 + 0.5);
            y_sum += v * ((i / self.width) as f32 + 0.5);
        }
        (x_sum / sum, y_sum / sum)
    }

    /// Mean ink of a rectangle; what lies outside is paper.
    fn mean(&self, area: (f32, f32, f32, f32)) -> f32 {
        mean(&self.values, self.width, self.height, area, 0.0)
    }
}

/// A photograph as colour input: the middle square-cut to the model's proportions, area-averaged,
/// channel after channel.
pub(crate) fn photo(
    rgba: &[u8],
    source: (usize, usize),
    channels: usize,
    height: usize,
    width: usize,
) -> Vec<f32> {
    let (source_w, source_h) = source;
    let scale = (source_w as f32 / width as f32).min(source_h as f32 / height as f32);
    let x0 = (source_w as f32 - scale * width as f32) / 2.0;
    let y0 = (source_h as f32 - scale * height as f32) / 2.0;
    let mut out = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        let plane: Vec<f32> = match channels {
            1 => rgba.chunks_exact(4).map(luminance).collect(),
            _ => rgba.chunks_exact(4).map(|p| f32::from(p[channel.min(3)]) / 255.0).collect(),
        };
        for y in 0..height {
            for x in 0..width {
                let (left, top) = (x0 + x as f32 * scale, y0 + y as f32 * scale);
                let area = (left, top, left + scale, top + scale);
                out.push(mean(&plane, source_w, source_h, area, 0.0));
            }
        }
    }
    out
}

/// A model's input as RGBA pixels. One channel is ink: light on dark, as the model sees it.
pub(crate) fn to_rgba(input: &[f32], channels: usize, height: usize, width: usize) -> Vec<u8> {
    let plane = height * width;
    let value = |channel: usize, i: usize| {
        let v = input.get(channel * plane + i).copied().unwrap_or(0.0);
        (v.clamp(0.0, 1.0) * 255.0).round() as u8
    };
    (0..plane)
        .flat_map(|i| match channels {
            3 => [value(0, i), value(1, i), value(2, i), 255],
            _ => [value(0, i), value(0, i), value(0, i), 255],
        })
        .collect()
}

/// A square cut out of RGBA pixels, as the studio's networks store pictures; see [`square`].
pub(crate) fn stored(rgba: &[u8], sides: (usize, usize), at: (f64, f64), zoom: f64) -> Vec<u8> {
    let (cut, side) = square(rgba, sides, at, zoom);
    shrink(&cut, side, side)
}

/// A square cut out of RGBA pixels, and its side. At a zoom of 1 the whole picture fits, with nothing beside it; `at` is the
/// middle of the square, as shares of width and height.
fn square(
    rgba: &[u8],
    (width, height): (usize, usize),
    at: (f64, f64),
    zoom: f64,
) -> (Vec<u8>, usize) {
    let side = ((width.max(height) as f64 / zoom.max(1.0)).round() as usize).max(1);
    let start = |share: f64, length: usize| {
        let middle = match length > side {
            // The square stays within the picture where it can.
            true => {
                (share * length as f64).clamp(side as f64 / 2.0, length as f64 - side as f64 / 2.0)
            }
            false => length as f64 / 2.0,
        };
        (middle - side as f64 / 2.0).round() as i64
    };
    let (left, top) = (start(at.0, width), start(at.1, height));
    let mut cut = vec![0; side * side * 4];
    for row in 0..side {
        let y = top + row as i64;
        if !(0..height as i64).contains(&y) {
            continue;
        }
        let (from, to) = (left.max(0), (left + side as i64).min(width as i64));
        if from < to {
            let source = (y as usize * width + from as usize) * 4;
            let target = (row * side + (from - left) as usize) * 4;
            let length = (to - from) as usize * 4;
            cut[target..target + length].copy_from_slice(&rgba[source..source + length]);
        }
    }
    (cut, side)
}

/// Pixels of a side of what a painter gives.
pub(crate) fn painted_side(picture: &[f32]) -> usize {
    (picture.len() / 4).isqrt()
}

/// What a painter gives, four channels with alpha multiplied in, as RGBA pixels.
pub(crate) fn painted(picture: &[f32]) -> Vec<u8> {
    let plane = picture.len() / 4;
    let value = |channel: usize, i: usize| ((picture[channel * plane + i] + 1.0) / 2.0).max(0.0);
    (0..plane)
        .flat_map(|i| {
            let alpha = value(3, i).min(1.0);
            // What is all but clear has no colour of its own.
            let colour = |channel: usize| match alpha > 0.02 {
                true => (value(channel, i) / alpha).min(1.0),
                false => 0.0,
            };
            [colour(0), colour(1), colour(2), alpha].map(|share| (share * 255.0).round() as u8)
        })
        .collect()
}

/// Light of a pixel over white paper (ITU-R BT.709 weights).
fn luminance(pixel: &[u8]) -> f32 {
    let alpha = f32::from(pixel[3]) / 255.0;
    let light =
        0.2126 * f32::from(pixel[0]) + 0.7152 * f32::from(pixel[1]) + 0.0722 * f32::from(pixel[2]);
    light / 255.0 * alpha + (1.0 - alpha)
}

/// Mean over a rectangle whose edges may cut pixels; outside the picture lies `outside`.
fn mean(
    values: &[f32],
    width: usize,
    height: usize,
    (left, top, right, bottom): (f32, f32, f32, f32),
    outside: f32,
) -> f32 {
    let (mut sum, mut total) = (0.0, 0.0);
    for y in top.floor() as i64..bottom.ceil() as i64 {
        let share_y = (bottom.min(y as f32 + 1.0) - top.max(y as f32)).max(0.0);
        for x in left.floor() as i64..right.ceil() as i64 {
            let share = share_y * (right.min(x as f32 + 1.0) - left.max(x as f32)).max(0.0);
            let inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
            let value = match inside {
                true => values[y as usize * width + x as usize],
                false => outside,
            };
            sum += share * value;
            total += share;
        }
    }
    if total > 0.0 { sum / total } else { outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(width: usize, height: usize, filled: impl Fn(usize, usize) -> bool) -> Ink {
        let values = (0..width * height)
            .map(|i| if filled(i % width, i / width) { 1.0 } else { 0.0 })
            .collect();
        Ink { width, height, values }
    }

    #[test]
    fn nothing_drawn_is_blank_paper() {
        let blank = ink(10, 10, |_, _| false);
        assert!(blank.is_blank());
        assert!(blank.fit(8, 8, None).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn a_square_fills_a_small_picture_wherever_it_was_drawn() {
        for offset in [0, 30, 60] {
            let square = ink(100, 100, |x, y| {
                (offset..offset + 40).contains(&x) && (offset..offset + 40).contains(&y)
            });
            assert!(square.fit(8, 8, None).iter().all(|v| (*v - 1.0).abs() < 1e-4), "{offset}");
        }
    }

    #[test]
    fn a_tall_stroke_keeps_its_shape_and_stands_in_the_middle() {
        let stroke = ink(100, 100, |x, y| (10..20).contains(&x) && (10..90).contains(&y));
        let out = stroke.fit(8, 8, None);
        for y in 0..8 {
            let row = &out[y * 8..y * 8 + 8];
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-3, "{row:?}");
            assert!(row[3] + row[4] > 0.99, "{row:?}");
        }
    }

    #[test]
    fn a_large_picture_gets_the_margin_of_mnist() {
        let square = ink(50, 50, |_, _| true);
        let out = square.fit(28, 28, None);
        assert!(out[..4 * 28].iter().all(|v| *v == 0.0));
        assert!((out[14 * 28 + 14] - 1.0).abs() < 1e-5);
        assert_eq!(out.iter().filter(|v| **v > 0.5).count(), 20 * 20);
    }

    #[test]
    fn a_drawing_becomes_as_large_and_bold_as_the_examples() {
        // Two columns wide, six rows high, in the middle of 8×8.
        let example = ink(8, 8, |x, y| (3..5).contains(&x) && (1..7).contains(&y));
        let frame = Frame::of([example.values.as_slice()].into_iter(), 8, 8);
        let thin = ink(100, 100, |x, y| (50..52).contains(&x) && (10..90).contains(&y));
        let out = thin.fit(8, 8, frame);
        assert!(out[..8].iter().chain(&out[56..]).all(|v| *v < 0.05), "{out:?}");
        assert!(out.iter().sum::<f32>() > 3.0, "{out:?}");
        assert_eq!(Frame::of([[0.0; 64].as_slice()].into_iter(), 8, 8), None);
    }

    #[test]
    fn dark_writing_on_light_paper_is_turned_round() {
        let mut rgba = vec![230u8; 4 * 25];
        rgba.chunks_exact_mut(4).for_each(|p| p[3] = 255);
        rgba[4 * 12..4 * 12 + 3].fill(10);
        let ink = Ink::from_photo(&rgba, 5, 5);
        assert!((ink.values[12] - 1.0).abs() < 1e-5);
        assert!(ink.values[0] < 1e-5);
    }

    #[test]
    fn a_square_is_cut_where_it_is_wanted() {
        // Four columns, two rows, each pixel its number.
        let rgba: Vec<u8> = (0..8).flat_map(|i| [i, i, i, 255]).collect();
        let red =
            |(cut, side): (Vec<u8>, usize)| (cut.chunks(4).map(|p| p[0]).collect::<Vec<_>>(), side);
        let whole = red(square(&rgba, (4, 2), (0.5, 0.5), 1.0));
        assert_eq!(whole, (vec![0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0], 4));
        assert_eq!(red(square(&rgba, (4, 2), (1.0, 0.0), 2.0)), (vec![2, 3, 6, 7], 2));
        assert_eq!(red(square(&rgba, (4, 2), (0.0, 1.0), 2.0)), (vec![0, 1, 4, 5], 2));
    }

    #[test]
    fn alpha_is_taken_out_of_what_was_painted() {
        // Half clear red, clear, and white.
        let picture =
            [0.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 0.0, -1.0, 1.0, 2.0];
        let rgba = painted(&picture);
        assert_eq!(painted_side(&picture), 2);
        assert_eq!(rgba[..12], [255, 0, 0, 128, 0, 0, 0, 0, 255, 255, 255, 255]);
    }

    #[test]
    fn area_average_keeps_the_mean() {
        let rgba: Vec<u8> = (0..16 * 16).flat_map(|i| [(i % 256) as u8, 0, 255, 255]).collect();
        let out = photo(&rgba, (16, 16), 3, 4, 4);
        let red = out[..16].iter().sum::<f32>() / 16.0;
        assert!((red - 127.5 / 255.0).abs() < 1e-4);
        assert!(out[32..].iter().all(|v| (*v - 1.0).abs() < 1e-5));
        assert_eq!(to_rgba(&out, 3, 4, 4).len(), 64);
    }
}
