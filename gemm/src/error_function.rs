//! The Gaussian error function and the unit built from it (Hendrycks and Gimpel 2016), four lanes at a time.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::lanes::{LANES, Lanes};

/// Numerator and denominator of erf's rational approximation on [-4, 4], as Eigen has it (`generic_fast_erf_float`);
/// the highest power of x² first.
const NUMERATOR: [f32; 6] =
    [2.123_732_2e-6, 2.861_98e-4, 3.658_048_3e-3, 5.243_302e-2, 1.874_160_8e-1, FRAC_2_SQRT_PI];
const DENOMINATOR: [f32; 6] =
    [3.891_857_3e-5, 1.143_296e-3, 1.475_208_8e-2, 1.129_456_8e-1, 4.994_258e-1, 1.0];
/// Where the approximation is 1, as far as f32 can tell; beyond it grows.
const END: f32 = 3.83;

#[inline(always)]
fn polynomial(coefficients: [f32; 6], square: Lanes) -> Lanes {
    let [first, rest @ ..] = coefficients;
    let sum = Lanes::splat(first);
    let sum = sum.times(square).plus(Lanes::splat(rest[0]));
    let sum = sum.times(square).plus(Lanes::splat(rest[1]));
    let sum = sum.times(square).plus(Lanes::splat(rest[2]));
    let sum = sum.times(square).plus(Lanes::splat(rest[3]));
    sum.times(square).plus(Lanes::splat(rest[4]))
}

/// Within 6 · 10⁻⁷; a NaN stays one.
#[inline(always)]
fn erf_of(x: Lanes) -> Lanes {
    let x = x.at_most(Lanes::splat(END)).at_least(Lanes::splat(-END));
    let square = x.times(x);
    x.times(polynomial(NUMERATOR, square)).over(polynomial(DENOMINATOR, square))
}

/// Φ(x).
#[inline(always)]
fn share_of(x: Lanes) -> Lanes {
    let erf = erf_of(x.times(Lanes::splat(FRAC_1_SQRT_2)));
    Lanes::splat(1.0).plus(erf).times(Lanes::splat(0.5))
}

#[inline(always)]
fn each(values: &mut [f32], function: impl Fn(Lanes) -> Lanes) {
    let (whole, rest) = values.as_chunks_mut::<LANES>();
    for four in whole {
        *four = function(Lanes::from_array(*four)).to_array();
    }
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let last = function(Lanes::from_array(last)).to_array();
    rest.copy_from_slice(&last[..rest.len()]);
}

/// Each number's erf, in its place.
pub fn erf(values: &mut [f32]) {
    each(values, erf_of);
}

/// Each number's x · Φ(x), in its place.
pub fn gelu(values: &mut [f32]) {
    each(values, |x| x.times(share_of(x)));
}

/// In place of each number `x` the gradient that comes to it through x · Φ(x): (Φ(x) + x · φ(x)) times what came.
pub fn gelu_gradient(values: &mut [f32], gradient: &[f32]) {
    let slope = |x: f32, share: f32| {
        let density = 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * (-0.5 * x * x).exp();
        share + x * density
    };
    let (whole, rest) = values.as_chunks_mut::<LANES>();
    let (gradients, gradient_rest) = gradient.as_chunks::<LANES>();
    for (four, gradient) in whole.iter_mut().zip(gradients) {
        let shares = share_of(Lanes::from_array(*four)).to_array();
        for lane in 0..LANES {
            four[lane] = slope(four[lane], shares[lane]) * gradient[lane];
        }
    }
    for (x, gradient) in rest.iter_mut().zip(gradient_rest) {
        let [share, ..] = share_of(Lanes::splat(*x)).to_array();
        *x = slope(*x, share) * gradient;
    }
}
