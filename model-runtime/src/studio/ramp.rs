//! A picture's colours from its darkest to its brightest, given to other pictures: the brightest of these gets the brightest
//! colour, and so on.

use super::view::PIXEL;

/// Colours that a ramp has.
const COLOURS: usize = 64;
/// Brightness of red, green and blue (ITU-R BT.601).
const BRIGHTNESS: [f32; 3] = [0.299, 0.587, 0.114];
/// Less alpha than this is no colour.
const CLEAR: f32 = 1.5 / 255.0;

/// Colours by brightness, each number in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ramp(Vec<[f32; 3]>);

impl Ramp {
    /// Of RGBA pixels, alpha multiplied in; black where all of them are clear.
    pub(super) fn of(rgba: &[u8]) -> Self {
        let mut colours: Vec<[f32; 3]> = rgba
            .as_chunks::<PIXEL>()
            .0
            .iter()
            .filter_map(|pixel| colour(pixel.map(|value| f32::from(value) / 255.0)))
            .collect();
        if colours.is_empty() {
            colours.push([0.0; 3]);
        }
        colours.sort_by(|one, other| brightness(one).total_cmp(&brightness(other)));
        let part = |number: usize| {
            let (from, to) =
                (number * colours.len() / COLOURS, (number + 1) * colours.len() / COLOURS);
            let part = &colours[from..to.max(from + 1)];
            let mean = |channel: usize| {
                part.iter().map(|colour| colour[channel]).sum::<f32>() / part.len() as f32
            };
            std::array::from_fn(mean)
        };
        Self((0..COLOURS).map(part).collect())
    }

    /// Gives the colours to a picture, `[channel, row, column]` in [-1, 1], alpha multiplied in. What is clear stays so.
    pub(super) fn colour(&self, picture: &mut [f32]) {
        let plane = picture.len() / PIXEL;
        let at = |picture: &[f32], place: usize| {
            std::array::from_fn(|channel| f32::midpoint(picture[channel * plane + place], 1.0))
        };
        // As many pixels have a brightness as the histogram says; those of one brightness get one colour.
        let mut histogram = [0usize; 256];
        let step = |colour: &[f32; 3]| (brightness(colour) * 255.0).clamp(0.0, 255.0) as usize;
        for colour in (0..plane).filter_map(|place| colour(at(picture, place))) {
            histogram[step(&colour)] += 1;
        }
        let all: usize = histogram.iter().sum();
        let mut below = 0;
        let ranks = histogram.map(|count| {
            let middle = below + count / 2;
            below += count;
            (middle * COLOURS / all.max(1)).min(COLOURS - 1)
        });
        for place in 0..plane {
            let seen: [f32; PIXEL] = at(picture, place);
            let Some(colour) = colour(seen) else { continue };
            for (channel, value) in self.0[ranks[step(&colour)]].into_iter().enumerate() {
                picture[channel * plane + place] = 2.0 * value * seen[3] - 1.0;
            }
        }
    }
}

/// The colour of a pixel without its alpha, unless it is clear.
fn colour([red, green, blue, alpha]: [f32; PIXEL]) -> Option<[f32; 3]> {
    (alpha > CLEAR).then(|| [red, green, blue].map(|value| (value / alpha).min(1.0)))
}

fn brightness(colour: &[f32; 3]) -> f32 {
    colour.iter().zip(BRIGHTNESS).map(|(value, share)| value * share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brightest_gets_the_brightest_colour() {
        let ramp = Ramp::of(&[[0, 0, 255, 255], [255, 255, 0, 255]].concat());
        // Black, white, clear, and half clear white.
        let pixels: [[f32; 4]; 4] = [[0.0, 0.0, 0.0, 1.0], [1.0; 4], [0.0; 4], [0.5; 4]];
        let mut picture: Vec<f32> =
            (0..16).map(|place| pixels[place % 4][place / 4] * 2.0 - 1.0).collect();
        ramp.colour(&mut picture);
        let pixel = |place: usize| -> [f32; 4] {
            std::array::from_fn(|channel| picture[channel * 4 + place])
        };
        assert_eq!(pixel(0), [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(pixel(1), [1.0, 1.0, -1.0, 1.0]);
        assert_eq!(pixel(2), [-1.0; 4]);
        assert_eq!(pixel(3), [0.0, 0.0, -1.0, 0.0]);
    }

    #[test]
    fn a_clear_picture_has_no_colours() {
        let ramp = Ramp::of(&[0; 64]);
        let mut picture = vec![-1.0; 64];
        ramp.colour(&mut picture);
        assert!(picture.iter().all(|value| *value == -1.0));
    }
}
