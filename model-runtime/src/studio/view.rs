//! Pictures as the studio's networks see them: square, alpha multiplied in.

use crate::rng::Random;

/// Pixels of a stored picture's side; what is learnt from is cut out of it and made smaller.
pub const STORED: usize = 64;
/// Numbers of a pixel: red, green, blue times alpha, and alpha.
pub const PIXEL: usize = 4;
/// Share of the pictures that are moved and scaled a little.
const MOVED: f32 = 0.8;
/// How far, in stored pixels, and how much larger or smaller.
const FAR: f32 = 2.5;
const LARGER: f32 = 0.08;

/// How a picture is seen.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Left for right.
    pub flipped: bool,
    /// How much larger.
    pub scale: f32,
    /// Stored pixels to the left.
    pub across: f32,
    /// Stored pixels up.
    pub down: f32,
}

impl View {
    /// As it is.
    pub const PLAIN: Self = Self { flipped: false, scale: 1.0, across: 0.0, down: 0.0 };

    /// One of many, so that a network does not learn where each pixel is.
    pub fn draw(random: &mut Random, flips: bool) -> Self {
        let flipped = flips && random.uniform() < 0.5;
        let mut within = |range: f32| (random.uniform() * 2.0 - 1.0) * range;
        let (scale, across, down) = (1.0 + within(LARGER), within(FAR), within(FAR));
        match random.uniform() < MOVED {
            true => Self { flipped, scale, across, down },
            false => Self { flipped, ..Self::PLAIN },
        }
    }

    /// What is seen of a picture of `from × from` pixels, `[channel, row, column]` of `side` rows, each number in [-1, 1].
    pub fn of(self, pixels: &[u8], from: usize, side: usize) -> Vec<f32> {
        let ratio = from as f32 / side as f32;
        let middle = from as f32 / 2.0;
        let mut out = vec![0.0; PIXEL * side * side];
        for row in 0..side {
            for column in 0..side {
                let mut sums = [0.0; PIXEL];
                for (dy, dx) in [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)] {
                    let mut x = (column as f32 + dx) * ratio - middle;
                    let y = (row as f32 + dy) * ratio - middle;
                    if self.flipped {
                        x = -x;
                    }
                    let (x, y) = (x / self.scale + middle, y / self.scale + middle);
                    let found = between(pixels, from, x + self.across - 0.5, y + self.down - 0.5);
                    sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += found / 4.0);
                }
                for (channel, sum) in sums.into_iter().enumerate() {
                    out[(channel * side + row) * side + column] = sum / 127.5 - 1.0;
                }
            }
        }
        out
    }
}

/// A number in [-1, 1] as a data set has it.
pub fn pixel(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8
}

/// Between four pixels; nothing lies outside.
fn between(pixels: &[u8], side: usize, x: f32, y: f32) -> [f32; PIXEL] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let mut out = [0.0; PIXEL];
    for (dy, share_y) in [(0, 1.0 - bottom_share), (1, bottom_share)] {
        for (dx, share_x) in [(0, 1.0 - right_share), (1, right_share)] {
            let (column, row) = (left as i64 + dx, top as i64 + dy);
            let inside = 0..side as i64;
            if !inside.contains(&column) || !inside.contains(&row) {
                continue;
            }
            let at = (row as usize * side + column as usize) * PIXEL;
            for (sum, value) in out.iter_mut().zip(&pixels[at..at + PIXEL]) {
                *sum += f32::from(*value) * share_x * share_y;
            }
        }
    }
    out
}

/// RGBA pixels in the middle of a square of [`STORED`] pixels, alpha multiplied in, each pixel the mean of those that it
/// covers.
pub fn shrink(rgba: &[u8], width: usize, height: usize) -> Vec<u8> {
    let side = width.max(height).max(1);
    let (left, top) = ((side - width) / 2, (side - height) / 2);
    let mut sums = vec![[0.0f64; PIXEL]; STORED * STORED];
    let ratio = STORED as f64 / side as f64;
    for (i, pixel) in rgba.as_chunks::<PIXEL>().0.iter().enumerate() {
        let (x, y) = (i % width, i / width);
        let [red, green, blue, alpha] = pixel.map(f64::from);
        let values = [red, green, blue].map(|colour| colour * alpha / 255.0);
        let values = [values[0], values[1], values[2], alpha];
        for (row, high) in covered((y + top) as f64 * ratio, ratio) {
            for (column, wide) in covered((x + left) as f64 * ratio, ratio) {
                let sum = &mut sums[row * STORED + column];
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * high * wide);
            }
        }
    }
    sums.into_iter().flatten().map(|value| value.round().clamp(0.0, 255.0) as u8).collect()
}

/// Which stored pixels a source pixel covers from `start` on, and how much of each.
fn covered(start: f64, length: f64) -> impl Iterator<Item = (usize, f64)> {
    let end = start + length;
    (start.floor() as usize..(end.ceil() as usize).min(STORED)).map(move |place| {
        let share = end.min(place as f64 + 1.0) - start.max(place as f64);
        (place, share.max(0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_picture_stands_in_the_middle() {
        let rgba: Vec<u8> = [[200, 100, 0, 255]; 128 * 32].concat();
        let stored = shrink(&rgba, 128, 32);
        let pixel = |row: usize| &stored[(row * STORED + 32) * PIXEL..][..PIXEL];
        assert_eq!((pixel(0), pixel(63)), (&[0; 4][..], &[0; 4][..]));
        assert_eq!(pixel(32), [200, 100, 0, 255]);
        let seen = View::PLAIN.of(&stored, STORED, 32);
        assert!((seen[16 * 32 + 16] - (200.0 / 127.5 - 1.0)).abs() < 1e-5);
        assert_eq!(seen[0], -1.0);
    }

    #[test]
    fn a_small_picture_is_spread_whole() {
        let stored = shrink(&[[255, 255, 255, 128]; 16 * 16].concat(), 16, 16);
        assert!(stored.as_chunks::<PIXEL>().0.iter().all(|pixel| *pixel == [128; 4]));
    }

    #[test]
    fn left_is_right_where_it_is_flipped() {
        let rgba: Vec<u8> = (0..64 * 64).flat_map(|i| [(i % 64) as u8 * 4, 0, 0, 255]).collect();
        let stored = shrink(&rgba, 64, 64);
        let plain = View::PLAIN.of(&stored, STORED, 32);
        let flipped = View { flipped: true, ..View::PLAIN }.of(&stored, STORED, 32);
        // Half a stored pixel lies between the two.
        (1..31).for_each(|i| assert!((plain[i] - flipped[31 - i]).abs() < 0.04));
    }
}
