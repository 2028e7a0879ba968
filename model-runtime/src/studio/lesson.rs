//! What an adapter is trained on: one picture in many views, beside pictures that the base knows (Ruiz et al. 2023,
//! "DreamBooth", calls the latter prior preservation).

use serde::{Deserialize, Serialize};

use super::{
    Ask, NO_WORD, Painter,
    ramp::Ramp,
    view::{PIXEL, STORED, View, pixel},
};
use crate::{
    RuntimeError,
    dataset::{Dataset, DatasetHeader, FORMAT, Inputs, Targets},
    message::Bytes,
    rng::{Random, Stream},
};

/// Views of the picture.
const VIEWS: u32 = 48;
/// For a style, beside known pictures in its colours.
const STYLE_VIEWS: u32 = 16;
/// For a style: how much larger parts of it are seen, and how far from the middle, in stored pixels.
const CLOSER: [f32; 2] = [1.2, 2.2];
const AROUND: f32 = 14.0;

/// What one picture is to teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// The thing that it shows.
    Subject,
    /// Its colours, whatever they are given to.
    Style,
}

/// A picture and what it is to teach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// The picture, of [`STORED`] pixels each way, alpha multiplied in.
    pub pixels: Bytes,
    /// The words that it is to be painted for.
    pub prompt: String,
    /// What is to be learnt of it.
    pub aim: Aim,
    /// Whether left and right may be changed.
    pub flips: bool,
    /// Whose picture it is.
    pub attribution: String,
    /// How others may use it.
    pub licence: String,
}

impl Lesson {
    /// The data set: views of the picture for its prompt, then the known pictures, and for a style these in the picture's
    /// colours, with its prompt behind their names, and as they are once more; held out are the picture itself and the
    /// known pictures that `prior` holds out.
    ///
    /// # Errors
    /// [`RuntimeError::OutOfBounds`] for a picture of another size, a prompt without a known word, or known pictures of
    /// another network.
    pub fn dataset(
        &self,
        painter: &Painter,
        prior: &Dataset,
        seed: u64,
    ) -> Result<Dataset, RuntimeError> {
        let sizes = &painter.sizes;
        if self.pixels.len() != STORED * STORED * PIXEL {
            let expected = format!("{}", STORED * STORED * PIXEL);
            return Err(RuntimeError::bounds("bytes of the picture", self.pixels.len(), expected));
        }
        if prior.header.input != painter.input() || prior.header.task != painter.task() {
            let found = prior.header.input.to_string();
            let expected = format!("{}, as the network has it", painter.input());
            return Err(RuntimeError::bounds("the known pictures’ input", found, expected));
        }
        let (words, ignored) = painter.words.encode(&self.prompt, sizes.length);
        if words.iter().all(|word| *word == NO_WORD) {
            let found = ignored.join(" ");
            return Err(RuntimeError::bounds(
                "the words to teach",
                found,
                "at least one known word",
            ));
        }
        let ask = Ask { words, seed: 0, steps: 1, guidance: 1.0, scale: 1.0 };
        let own: Vec<f32> =
            ask.words.iter().filter(|word| **word != NO_WORD).map(|word| *word as f32).collect();
        let mut random = Random::new(seed, Stream::Split);
        let (mut inputs, mut pixels) = (Vec::new(), Vec::new());
        let views = match self.aim {
            Aim::Subject => VIEWS,
            Aim::Style => STYLE_VIEWS,
        };
        for number in 0..=views {
            let view = match number {
                0 => View::PLAIN,
                _ => self.view(&mut random),
            };
            ask.push(&mut inputs);
            let seen = view.of(&self.pixels, STORED, sizes.side);
            pixels.extend(seen.into_iter().map(pixel));
        }
        let (mut train, mut held_out): (Vec<u32>, Vec<u32>) = ((1..=views).collect(), vec![0]);
        // A style changes pictures of every name, so what these were is shown twice as often.
        let passes = match self.aim {
            Aim::Subject => vec![None],
            Aim::Style => vec![None, Some(Ramp::of(&self.pixels)), None],
        };
        let mut next = views + 1;
        let mut show = |number: u32, ramp: Option<&Ramp>| {
            let start = inputs.len();
            prior.push_input(number, &mut inputs);
            let mut picture = Vec::new();
            prior.push_values(number, &mut picture);
            if let Some(ramp) = ramp {
                behind(&mut inputs[start..start + sizes.length], &own);
                ramp.colour(&mut picture);
            }
            pixels.extend(picture.into_iter().map(pixel));
        };
        for (pass, ramp) in passes.iter().enumerate() {
            // What is shown again is measured once.
            let measured = if pass < 2 { &prior.held_out[..] } else { &[] };
            for (side, numbers) in [(&mut train, &prior.train[..]), (&mut held_out, measured)] {
                for number in numbers {
                    show(*number, ramp.as_ref());
                    side.push(next);
                    next += 1;
                }
            }
        }
        Ok(Dataset {
            header: DatasetHeader {
                format: FORMAT.into(),
                name: self.prompt.clone(),
                licence: format!("{}; known pictures: {}", self.licence, prior.header.licence),
                attribution: format!("{}; {}", self.attribution, prior.header.attribution),
                input: painter.input(),
                task: painter.task(),
                scale: 1.0,
            },
            inputs: Inputs::F32(inputs),
            targets: Targets::Pixels(pixels),
            train,
            held_out,
        })
    }

    fn view(&self, random: &mut Random) -> View {
        match self.aim {
            Aim::Subject => View::draw(random, self.flips),
            Aim::Style => {
                let [least, most] = CLOSER;
                let flipped = self.flips && random.uniform() < 0.5;
                let scale = least + (most - least) * random.uniform();
                let mut off = || (random.uniform() * 2.0 - 1.0) * AROUND;
                View { flipped, scale, across: off(), down: off() }
            }
        }
    }
}

/// Puts words behind those of a prompt, in the place of its last ones if there is no room.
fn behind(prompt: &mut [f32], own: &[f32]) {
    let own = &own[..own.len().min(prompt.len())];
    let free = prompt.iter().position(|word| *word == NO_WORD as f32).unwrap_or(prompt.len());
    let start = free.min(prompt.len() - own.len());
    prompt[start..start + own.len()].copy_from_slice(own);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::{AdapterSpec, DitSpec, Words};

    fn painter() -> Painter {
        let sizes = DitSpec {
            side: 32,
            channels: PIXEL,
            patch: 4,
            width: 8,
            depth: 1,
            heads: 1,
            hidden: 8,
            vocabulary: 3,
            length: 2,
        };
        let words = Words::new(["cat", "dog", "zorp"].map(str::to_owned).to_vec());
        let adapter =
            AdapterSpec { base: crate::content::Digest([1; 32]), rank: 2, alpha: 2.0, least: None };
        Painter { sizes, words, adapter: Some(adapter) }
    }

    fn prior() -> Dataset {
        let painter = painter();
        let mut inputs = Vec::new();
        for word in [1, 2] {
            let words = vec![word, 0];
            Ask { words, seed: 0, steps: 1, guidance: 1.0, scale: 1.0 }.push(&mut inputs);
        }
        let header = DatasetHeader {
            format: FORMAT.into(),
            name: "known".into(),
            licence: "OFL-1.1".into(),
            attribution: "them".into(),
            input: painter.input(),
            task: painter.task(),
            scale: 1.0,
        };
        let targets = Targets::Pixels([vec![10; 4096], vec![200; 4096]].concat());
        Dataset { header, inputs: Inputs::F32(inputs), targets, train: vec![0], held_out: vec![1] }
    }

    fn lesson(prompt: &str) -> Lesson {
        Lesson {
            pixels: vec![77; STORED * STORED * PIXEL].into(),
            prompt: prompt.into(),
            aim: Aim::Subject,
            flips: true,
            attribution: "me".into(),
            licence: "CC0-1.0".into(),
        }
    }

    #[test]
    fn a_picture_is_taught_beside_known_ones() {
        let data = lesson("Zorp cat!").dataset(&painter(), &prior(), 1).unwrap();
        assert_eq!((data.len(), data.train.len(), data.held_out.len()), (51, 49, 2));
        assert_eq!(Dataset::from_bytes(&data.to_bytes()).unwrap(), data);
        let mut words = Vec::new();
        data.push_input(1, &mut words);
        assert_eq!(words[..2], [3.0, 1.0]);
        let Targets::Pixels(pixels) = &data.targets else { panic!() };
        assert!(pixels[..4096].iter().all(|pixel| *pixel == 77));
        assert!(pixels[49 * 4096..50 * 4096].iter().all(|pixel| *pixel == 10));
    }

    #[test]
    fn a_style_is_given_to_known_pictures() {
        let pixels = [255, 0, 0, 255].repeat(STORED * STORED);
        let style = Lesson { aim: Aim::Style, pixels: pixels.into(), ..lesson("zorp") };
        let data = style.dataset(&painter(), &prior(), 1).unwrap();
        assert_eq!((data.len(), data.train.len(), data.held_out.len()), (22, 19, 3));
        let mut words = Vec::new();
        data.push_input(19, &mut words);
        assert_eq!(words[..2], [1.0, 3.0], "a cat, and the style's word");
        // All of the lesson's picture is of one colour, and so is what is painted in its colours.
        let Targets::Pixels(pixels) = &data.targets else { panic!() };
        let [known, coloured] = [17, 19].map(|place| &pixels[place * 4096..(place + 1) * 4096]);
        assert!(known.iter().all(|value| *value == 10), "whitish, nearly clear");
        let colours = [10, 0, 0, 10].map(|value| [value; 1024]);
        assert_eq!(coloured, colours.as_flattened(), "red, as clear as before");
        // Where a prompt is full, its last word makes room.
        let mut full = [1.0, 2.0];
        behind(&mut full, &[3.0]);
        assert_eq!(full, [1.0, 3.0]);
    }

    #[test]
    fn what_cannot_be_taught_is_told() {
        let refused =
            |lesson: Lesson| lesson.dataset(&painter(), &prior(), 1).unwrap_err().to_string();
        assert!(refused(lesson("bird")).contains("the words to teach is bird"));
        assert!(
            refused(Lesson { pixels: vec![1].into(), ..lesson("cat") })
                .contains("bytes of the picture")
        );
        let mut other = prior();
        other.header.task = crate::spec::Task::Painting { channels: 4, side: 8 };
        lesson("cat").dataset(&painter(), &other, 1).unwrap_err();
    }
}
