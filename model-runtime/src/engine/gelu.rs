//! The Gaussian error function and the unit built from it (Hendrycks and Gimpel 2016), on the host four lanes at a time.

use burn::tensor::Tensor;
#[cfg(any(test, not(feature = "cpu")))]
use burn::tensor::activation;

/// erf(x).
#[cfg(any(feature = "graph", test))]
pub(super) fn erf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if !x.is_autodiff() {
        return host::erf(x);
    }
    x.erf()
}

/// x · Φ(x).
pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match () {
        #[cfg(feature = "cpu")]
        () => host::gelu(x),
        #[cfg(not(feature = "cpu"))]
        () => activation::gelu(x),
    }
}

#[cfg(feature = "cpu")]
#[cfg_attr(not(feature = "graph"), allow(dead_code, reason = "layers have no error function"))]
mod host {
    use burn::{
        backend::{
            Autodiff, Backend, Dispatch, Flex,
            autodiff::{
                NodeId,
                checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
                grads::Gradients,
                ops::{Backward, Ops, OpsKind, unary},
            },
            backend_extension,
            tensor::FloatTensor,
        },
        tensor::Tensor,
    };

    /// Applies a function to all numbers, in place where nobody else holds them.
    fn map(tensor: FloatTensor<Flex>, function: impl Fn(&mut [f32])) -> FloatTensor<Flex> {
        let mut tensor = tensor.to_contiguous();
        function(tensor.storage_mut::<f32>());
        tensor
    }

    pub(super) fn erf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        Tensor::from_dispatch(<Dispatch as ErrorOps>::error_function(x.into_dispatch()))
    }

    pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        Tensor::from_dispatch(<Dispatch as ErrorOps>::error_unit(x.into_dispatch()))
    }

    #[backend_extension(Flex, Autodiff)]
    pub(super) trait ErrorOps: Backend {
        /// erf(x), where no gradient is asked for.
        fn error_function(x: FloatTensor<Self>) -> FloatTensor<Self>;

        /// x · Φ(x).
        fn error_unit(x: FloatTensor<Self>) -> FloatTensor<Self>;

        /// The gradient of `x` of [`ErrorOps::error_unit`].
        fn error_unit_gradient(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
        ) -> FloatTensor<Self>;
    }

    impl ErrorOps for Flex {
        fn error_function(x: FloatTensor<Self>) -> FloatTensor<Self> {
            map(x, gemm::erf)
        }

        fn error_unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
            map(x, gemm::gelu)
        }

        fn error_unit_gradient(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            let gradient = gradient.to_contiguous();
            map(x, |x| gemm::gelu_gradient(x, gradient.storage::<f32>()))
        }
    }

    #[derive(Debug)]
    struct ErrorUnit;

    impl<B: ErrorOps> Backward<B, 1> for ErrorUnit {
        type State = NodeId;

        fn backward(
            self,
            ops: Ops<Self::State, 1>,
            gradients: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let x = checkpointer.retrieve_node_output(ops.state);
            unary::<B, _>(ops.parents, ops.node, gradients, |gradient| {
                B::error_unit_gradient(x, gradient)
            });
        }
    }

    impl<B: ErrorOps, C: CheckpointStrategy> ErrorOps for Autodiff<B, C> {
        fn error_function(_: FloatTensor<Self>) -> FloatTensor<Self> {
            unreachable!("Burn's own has the gradient")
        }

        fn error_unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
            match ErrorUnit.prepare::<C>([x.node()]).compute_bound().stateful() {
                OpsKind::Tracked(mut prepared) => {
                    let state = prepared.checkpoint(&x);
                    prepared.finish(state, B::error_unit(x.into_primitive()))
                }
                OpsKind::UnTracked(prepared) => prepared.finish(B::error_unit(x.into_primitive())),
            }
        }

        fn error_unit_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
            unreachable!("gradients of gradients are not taken")
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;

    const COUNT: usize = 20_003;

    fn numbers(device: &Device) -> Tensor<1> {
        let values = (0..COUNT).map(|i| i as f32 * 12.0 / COUNT as f32 - 6.0).collect();
        Tensor::from_data(TensorData::new::<f32, _>(values, [COUNT]), device)
    }

    fn largest(found: Tensor<1>, wanted: Tensor<1>) -> f32 {
        (found - wanted).abs().max().into_scalar::<f32>()
    }

    #[test]
    fn they_are_burns_own_up_to_rounding() {
        let device = Device::flex();
        let error = largest(erf(numbers(&device)), numbers(&device).erf());
        assert!(error < 6e-7, "{error}");
        let error = largest(gelu(numbers(&device)), activation::gelu(numbers(&device)));
        assert!(error < 2e-6, "{error}");
        let device = device.autodiff();
        let slope = |of: fn(Tensor<1>) -> Tensor<1>| {
            let x = numbers(&device).require_grad();
            x.grad(&of(x.clone()).sum().backward()).unwrap()
        };
        let error = largest(slope(gelu), slope(activation::gelu));
        assert!(error < 3e-6, "{error}");
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let x =
            Tensor::<1>::from_floats([f32::NAN, f32::INFINITY, -f32::INFINITY], &Device::flex());
        let found = erf(x).into_data().try_to_vec::<f32>().unwrap();
        assert!(found[0].is_nan());
        assert!((found[1] - 1.0).abs() < 1e-6 && (found[2] + 1.0).abs() < 1e-6, "{found:?}");
    }
}
