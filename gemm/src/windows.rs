//! The windows of images as columns, which makes a convolution a product (Chellapilla, Puri and Simard 2006, "High
//! Performance Convolutional Neural Networks for Document Processing").

use std::ops::Range;

use crate::lanes::{LANES, Lanes};

/// The sides of a convolution, and how its window moves.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Images.
    pub batch: usize,
    /// Into how many groups the channels are divided.
    pub groups: usize,
    /// Channels of an image in one group.
    pub channels: usize,
    /// Channels of the result in one group.
    pub outputs: usize,
    /// Rows and columns of an image.
    pub sides: [usize; 2],
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// From one number of a window to the next.
    pub dilation: [usize; 2],
    /// Zeros before and after each row of rows, and of columns.
    pub padding: [(usize, usize); 2],
}

impl Geometry {
    /// Rows and columns of the result.
    pub fn out(&self) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let (before, after) = self.padding[axis];
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            (self.sides[axis] + before + after - reach) / self.stride[axis] + 1
        })
    }

    /// Numbers of one image in one group.
    pub fn image(&self) -> usize {
        self.channels * self.sides[0] * self.sides[1]
    }

    /// Windows in one image.
    pub fn positions(&self) -> usize {
        self.out().iter().product()
    }

    /// Numbers under one window in one group.
    pub fn window(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// Whether the windows of an image are the image itself.
    pub fn is_point(&self) -> bool {
        self.kernel == [1; 2] && self.stride == [1; 2] && self.out() == self.sides
    }

    /// Walks over the parts of the image's rows that lie under windows, for each number of a window and each of some rows
    /// of the result: where the part begins in the image, if it is not all padding; where its row begins among
    /// the columns; and which places of that row it fills.
    #[inline(always)]
    fn for_parts(
        &self,
        rows: Range<usize>,
        mut each: impl FnMut(Option<usize>, usize, Range<usize>),
    ) {
        let [_, width] = self.out();
        let (above, before) = (self.padding[0].0, self.padding[1].0);
        let mut to = 0;
        for channel in 0..self.channels {
            for row in 0..self.kernel[0] {
                for column in 0..self.kernel[1] {
                    let across = self.dilation[1] * column;
                    let first = before.saturating_sub(across).div_ceil(self.stride[1]);
                    let room = (self.sides[1] + before).saturating_sub(across);
                    let end = room.div_ceil(self.stride[1]).min(width);
                    let inside = first.min(end)..end;
                    for out in rows.clone() {
                        let y = (out * self.stride[0] + self.dilation[0] * row)
                            .checked_sub(above)
                            .filter(|y| *y < self.sides[0] && !inside.is_empty());
                        let from = y.map(|y| {
                            let line = (channel * self.sides[0] + y) * self.sides[1];
                            line + inside.start * self.stride[1] + across - before
                        });
                        each(from, to, inside.clone());
                        to += width;
                    }
                }
            }
        }
    }

    /// Lays out the windows of some rows of the result of one image: `columns [window, rows × width]`.
    ///
    /// # Panics
    ///
    /// If the image is shorter than [`Geometry::image`], or there are no such rows.
    pub fn lay_out(&self, image: &[f32], rows: Range<usize>, columns: &mut Vec<f32>) {
        let ([height, width], stride) = (self.out(), self.stride[1]);
        assert!(image.len() >= self.image() && rows.end <= height);
        columns.resize(self.window() * rows.len() * width, 0.0);
        self.for_parts(rows, |from, to, inside| {
            let to = &mut columns[to..to + width];
            let Some(from) = from else { return fill(to) };
            let (padding, rest) = to.split_at_mut(inside.start);
            let (to, after) = rest.split_at_mut(inside.len());
            fill(padding);
            fill(after);
            if stride == 1 {
                copy(&image[from..from + to.len()], to);
            } else {
                let from = image[from..].iter().step_by(stride);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        });
    }

    /// Adds what [`Geometry::lay_out`] laid out to where it came from.
    ///
    /// # Panics
    ///
    /// As there, and if there are fewer columns.
    pub fn add_back(&self, columns: &[f32], rows: Range<usize>, image: &mut [f32]) {
        let ([height, _], stride) = (self.out(), self.stride[1]);
        assert!(image.len() >= self.image() && rows.end <= height);
        self.for_parts(rows, |to, from, inside| {
            let Some(to) = to else { return };
            let from = &columns[from + inside.start..from + inside.end];
            image[to..].iter_mut().step_by(stride).zip(from).for_each(|(to, from)| *to += from);
        });
    }
}

/// Rows are short: a call to copy memory takes longer than this.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    let (whole, rest) = to.as_chunks_mut::<LANES>();
    let (from, from_rest) = from.as_chunks::<LANES>();
    for (to, from) in whole.iter_mut().zip(from) {
        // Sound: both have four numbers.
        unsafe { Lanes::load(from.as_ptr()).store(to.as_mut_ptr()) };
    }
    rest.iter_mut().zip(from_rest).for_each(|(to, from)| *to = *from);
}

#[inline(always)]
fn fill(to: &mut [f32]) {
    to.iter_mut().for_each(|to| *to = 0.0);
}
