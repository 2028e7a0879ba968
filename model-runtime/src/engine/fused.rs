//! Optimiser updates as one operation each, where Burn would do a dozen: on the host one pass over
//! memory instead of twelve, on a GPU one dispatch instead of twelve.

#[cfg(feature = "cpu")]
use std::array::{from_fn, from_mut, from_ref};

#[cfg(any(feature = "cpu", feature = "gpu"))]
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// The numbers of one Adam step, all of them the same for every parameter.
///
/// Algorithm 1 of Adam (Kingma and Ba 2015) in the efficient order of its section 2, with AdamW's
/// decoupled decay (Loshchilov and Hutter 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AdamStep {
    beta1: f32,
    beta2: f32,
    /// 1 − β₁ and 1 − β₂, rounded once from f64.
    rest1: f32,
    rest2: f32,
    epsilon: f32,
    rate: f32,
    keep: f32,
}

/// Adam's ε, as in its paper.
const EPSILON: f64 = 1e-8;

/// Moments below this are zero, and so are gradients below [`LEAST_GRADIENT`].
///
/// Processors take a hundred times as long over numbers too small to be normal, and wasm cannot have them taken for zero as
/// PyTorch's `set_flush_denormal` does. The moments of a parameter whose gradient stays zero fall to such numbers and never
/// leave them, for β₁ times a few units in the last place rounds to itself. A moment that is not zero stays normal times β.
pub(super) const LEAST_MOMENT: f32 = 1e-37;
/// Its square times 1 − β₂ is the least moment. Next to Adam's ε it moves a parameter by a billionth of the learning rate.
#[cfg(feature = "cpu")]
const LEAST_GRADIENT: f32 = 1e-17;

/// Zero for what is smaller in magnitude than `least`. NaN stays.
#[cfg(feature = "cpu")]
#[inline(always)]
fn zero_below(value: f32, least: f32) -> f32 {
    if value.abs() < least { 0.0 } else { value }
}

impl AdamStep {
    /// `step` counts from 1.
    pub(super) fn new(rate: f64, [beta1, beta2, decay]: [f64; 3], step: u32) -> Self {
        let step = step as i32;
        let (correction1, correction2) = (1.0 - beta1.powi(step), (1.0 - beta2.powi(step)).sqrt());
        Self {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            epsilon: (EPSILON * correction2) as f32,
            rate: (rate * correction2 / correction1) as f32,
            keep: (1.0 - rate * decay) as f32,
        }
    }

    /// The update of `N` numbers.
    #[cfg(feature = "cpu")]
    #[inline(always)]
    fn apply<const N: usize>(
        &self,
        value: &mut [f32; N],
        gradient: &[f32; N],
        first: &mut [f32; N],
        second: &mut [f32; N],
    ) {
        let g: [f32; N] = from_fn(|i| zero_below(gradient[i], LEAST_GRADIENT));
        let m: [f32; N] =
            from_fn(|i| zero_below(first[i] * self.beta1 + g[i] * self.rest1, LEAST_MOMENT));
        let v: [f32; N] = from_fn(|i| {
            zero_below(second[i] * self.beta2 + g[i] * g[i] * self.rest2, LEAST_MOMENT)
        });
        let change: [f32; N] = from_fn(|i| m[i] / (v[i].sqrt() + self.epsilon) * self.rate);
        *value = from_fn(|i| value[i] * self.keep - change[i]);
        (*first, *second) = (m, v);
    }
}

/// One Adam update of a parameter `[n]`; gives the new parameter and its two moments.
pub(super) fn adam(
    value: Tensor<1>,
    gradient: Tensor<1>,
    first: Tensor<1>,
    second: Tensor<1>,
    step: AdamStep,
) -> [Tensor<1>; 3] {
    #[cfg(any(feature = "cpu", feature = "gpu"))]
    {
        let (value, first, second) = <Dispatch as FusedOps>::adam(
            value.into_dispatch(),
            gradient.into_dispatch(),
            first.into_dispatch(),
            second.into_dispatch(),
            step,
        );
        [value, first, second].map(Tensor::from_dispatch)
    }
    // Elsewhere the backend fuses what it can.
    #[cfg(not(any(feature = "cpu", feature = "gpu")))]
    {
        let m = first * step.beta1 + gradient.clone() * step.rest1;
        let v = second * step.beta2 + gradient.clone() * gradient * step.rest2;
        let change = m.clone() / (v.clone().sqrt() + step.epsilon) * step.rate;
        [value * step.keep - change, m, v]
    }
}

/// The operations, per backend.
#[cfg(any(feature = "cpu", feature = "gpu"))]
#[backend_extension(Flex: cfg(feature = "cpu"), Cube: cfg(feature = "gpu"))]
pub(super) trait FusedOps: Backend {
    /// See [`adam`].
    fn adam(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(feature = "cpu")]
impl FusedOps for burn::backend::Flex {
    fn adam(
        mut value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        mut first: FloatTensor<Self>,
        mut second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let gradient = gradient.to_contiguous();
        // Four lanes at a time, spelled out so that they become one vector where code is kept small.
        let (values, value_rest) = value.storage_mut::<f32>().as_chunks_mut::<4>();
        let (gradients, gradient_rest) = gradient.storage::<f32>().as_chunks::<4>();
        let (firsts, first_rest) = first.storage_mut::<f32>().as_chunks_mut::<4>();
        let (seconds, second_rest) = second.storage_mut::<f32>().as_chunks_mut::<4>();
        let moments = firsts.iter_mut().zip(seconds);
        for ((value, gradient), (first, second)) in values.iter_mut().zip(gradients).zip(moments) {
            step.apply(value, gradient, first, second);
        }
        let moments = first_rest.iter_mut().zip(second_rest);
        for ((value, gradient), (first, second)) in
            value_rest.iter_mut().zip(gradient_rest).zip(moments)
        {
            step.apply(from_mut(value), from_ref(gradient), from_mut(first), from_mut(second));
        }
        (value, first, second)
    }
}

#[cfg(feature = "gpu")]
mod gpu {
    use burn::backend::tensor::FloatTensor;
    use burn_cubecl::{Cube, kernel::into_contiguous, tensor::CubeTensor};
    use cubecl::{calculate_cube_count_elemwise, prelude::*};

    use super::{AdamStep, FusedOps};

    #[cube(launch_unchecked)]
    fn adam_kernel<N: Size>(
        value: &mut [Vector<f32, N>],
        gradient: &[Vector<f32, N>],
        first: &mut [Vector<f32, N>],
        second: &mut [Vector<f32, N>],
        beta1: f32,
        beta2: f32,
        rest1: f32,
        rest2: f32,
        epsilon: f32,
        rate: f32,
        keep: f32,
    ) {
        if ABSOLUTE_POS >= value.len() {
            terminate!();
        }
        let g = gradient[ABSOLUTE_POS];
        let m = first[ABSOLUTE_POS] * Vector::new(beta1) + g * Vector::new(rest1);
        let v = second[ABSOLUTE_POS] * Vector::new(beta2) + g * g * Vector::new(rest2);
        first[ABSOLUTE_POS] = m;
        second[ABSOLUTE_POS] = v;
        let change = m / (Vector::sqrt(v) + Vector::new(epsilon)) * Vector::new(rate);
        value[ABSOLUTE_POS] = value[ABSOLUTE_POS] * Vector::new(keep) - change;
    }

    /// A tensor that may be written to: others may still hold this one.
    fn writable(tensor: CubeTensor) -> CubeTensor {
        let tensor = into_contiguous(tensor);
        if tensor.can_mut() { tensor } else { tensor.copy() }
    }

    impl FusedOps for Cube {
        fn adam(
            value: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            first: FloatTensor<Self>,
            second: FloatTensor<Self>,
            step: AdamStep,
        ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
            let (value, first, second) = (writable(value), writable(first), writable(second));
            let gradient = into_contiguous(gradient);
            let count = value.meta.num_elements();
            let width = if count.is_multiple_of(4) { 4 } else { 1 };
            let units = count / width;
            let client = value.client.clone();
            let cube_dim = CubeDim::new(&client, units);
            let cube_count = calculate_cube_count_elemwise(&client, units, cube_dim);
            // Sound: the four buffers have `count` elements each, and units beyond them end at once.
            unsafe {
                adam_kernel::launch_unchecked(
                    &client,
                    cube_count,
                    cube_dim,
                    width as VectorSize,
                    value.clone().into_buffer_arg(),
                    gradient.into_buffer_arg(),
                    first.clone().into_buffer_arg(),
                    second.clone().into_buffer_arg(),
                    step.beta1,
                    step.beta2,
                    step.rest1,
                    step.rest2,
                    step.epsilon,
                    step.rate,
                    step.keep,
                );
            }
            (value, first, second)
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    /// Against the algorithm as its paper prints it, in f64.
    #[test]
    fn adam_follows_its_definition() {
        let device = Device::flex();
        let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
        let (mut value, mut first, mut second) =
            (tensor(&[1.0, -2.0]), tensor(&[0.0; 2]), tensor(&[0.0; 2]));
        let (mut expected, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        for (step, gradient) in (1..).zip([[0.5f32, -1.0], [0.25, 0.0], [-3.0, 1e-4]]) {
            [value, first, second] = adam(
                value,
                tensor(&gradient),
                first,
                second,
                AdamStep::new(0.1, [0.9, 0.999, 0.5], step),
            );
            for i in 0..2 {
                let g = f64::from(gradient[i]);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) = (
                    m[i] / (1.0 - 0.9f64.powi(step as i32)),
                    v[i] / (1.0 - 0.999f64.powi(step as i32)),
                );
                expected[i] = expected[i] * (1.0 - 0.1 * 0.5) - 0.1 * m / (v.sqrt() + 1e-8);
            }
        }
        let found = value.into_data().try_to_vec::<f32>().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
