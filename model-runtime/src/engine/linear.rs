//! Dense layers. On a GPU of narrow planes their matrix products have a kernel of their own.

use burn::{nn::Linear, tensor::Tensor};

/// `x · W + b` over the last dimension.
#[cfg(not(feature = "gpu"))]
pub(super) fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    layer.forward(x)
}

/// `x · W + b` over the last dimension.
#[cfg(feature = "gpu")]
pub(super) fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let mut dims = x.dims();
    let weight = layer.weight.val();
    let [inputs, outputs] = weight.dims();
    let rows = dims.iter().product::<usize>() / inputs.max(1);
    dims[D - 1] = outputs;
    let product = gpu::product(x.reshape([rows, inputs]), weight).reshape(dims);
    match &layer.bias {
        Some(bias) => product + bias.val().unsqueeze(),
        None => product,
    }
}

#[cfg(feature = "gpu")]
mod gpu {
    use burn::{
        backend::{
            Autodiff, Backend, Dispatch,
            autodiff::{
                NodeId,
                checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
                grads::Gradients,
                ops::{Backward, Ops, OpsKind, binary},
            },
            backend_extension,
            ops::FloatTensorOps,
            tensor::FloatTensor,
        },
        tensor::Tensor,
    };
    use burn_cubecl::{
        Cube, kernel::into_contiguous, ops::numeric::empty_device_dtype, tensor::CubeTensor,
    };
    use cubecl::{calculate_cube_count_elemwise, prelude::*};

    /// Lanes up to which a plane counts as narrow: software devices have four. Burn's kernel shares
    /// tiles among the units of wide planes, which costs ten times more than it saves on narrow ones.
    const NARROW: u32 = 8;
    /// Rows that one unit computes, as the kernel spells them out.
    const ROWS: usize = 8;

    /// `[m, k] · [k, n]`.
    pub(super) fn product(lhs: Tensor<2>, rhs: Tensor<2>) -> Tensor<2> {
        Tensor::from_dispatch(<Dispatch as ProductOps>::product(
            lhs.into_dispatch(),
            rhs.into_dispatch(),
        ))
    }

    #[backend_extension(Cube, Autodiff)]
    trait ProductOps: Backend {
        /// See [`product`].
        fn product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self>;
    }

    /// The gradients are products too: `∂lhs = ∂out · rhsᵀ` and `∂rhs = lhsᵀ · ∂out`.
    #[derive(Debug)]
    struct Product;

    impl<B: ProductOps> Backward<B, 2> for Product {
        type State = (Option<NodeId>, Option<NodeId>);

        fn backward(
            self,
            ops: Ops<Self::State, 2>,
            gradients: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let mut output = |id: Option<NodeId>| {
                id.map(|id| B::float_transpose(checkpointer.retrieve_node_output(id)))
            };
            let (lhs, rhs) = (output(ops.state.0), output(ops.state.1));
            // What a gradient needs is kept exactly where that gradient is asked for.
            let multiply =
                |lhs: Option<FloatTensor<B>>, rhs: Option<FloatTensor<B>>| match (lhs, rhs) {
                    (Some(lhs), Some(rhs)) => B::product(lhs, rhs),
                    _ => unreachable!("a gradient is asked for without the operand that gives it"),
                };
            binary::<B, _, _>(
                ops.parents,
                ops.node,
                gradients,
                |gradient| multiply(Some(gradient), rhs),
                |gradient| multiply(lhs, Some(gradient)),
            );
        }
    }

    impl<B: ProductOps, C: CheckpointStrategy> ProductOps for Autodiff<B, C> {
        fn product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self> {
            let (keep_lhs, keep_rhs) = (rhs.is_tracked(), lhs.is_tracked());
            match Product.prepare::<C>([lhs.node(), rhs.node()]).compute_bound().stateful() {
                OpsKind::Tracked(mut prepared) => {
                    let state = (
                        keep_lhs.then(|| prepared.checkpoint(&lhs)),
                        keep_rhs.then(|| prepared.checkpoint(&rhs)),
                    );
                    prepared.finish(state, B::product(lhs.into_primitive(), rhs.into_primitive()))
                }
                OpsKind::UnTracked(prepared) => {
                    prepared.finish(B::product(lhs.into_primitive(), rhs.into_primitive()))
                }
            }
        }
    }

    /// One unit: eight rows of `out [m, n]`, one vector of columns, no memory shared.
    #[cube(launch_unchecked)]
    fn product_kernel<N: Size>(
        lhs: &[f32],
        rhs: &[Vector<f32, N>],
        out: &mut [Vector<f32, N>],
        m: usize,
        k: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) {
        let column = ABSOLUTE_POS % columns;
        let row = ABSOLUTE_POS / columns * 8;
        if row >= m {
            terminate!();
        }
        // Rows beyond the last compute the last one again and are not written.
        let last = m - 1;
        let r0 = row * row_stride;
        let r1 = usize::min(row + 1, last) * row_stride;
        let r2 = usize::min(row + 2, last) * row_stride;
        let r3 = usize::min(row + 3, last) * row_stride;
        let r4 = usize::min(row + 4, last) * row_stride;
        let r5 = usize::min(row + 5, last) * row_stride;
        let r6 = usize::min(row + 6, last) * row_stride;
        let r7 = usize::min(row + 7, last) * row_stride;
        let mut o0 = Vector::<f32, N>::new(0.0);
        let mut o1 = Vector::<f32, N>::new(0.0);
        let mut o2 = Vector::<f32, N>::new(0.0);
        let mut o3 = Vector::<f32, N>::new(0.0);
        let mut o4 = Vector::<f32, N>::new(0.0);
        let mut o5 = Vector::<f32, N>::new(0.0);
        let mut o6 = Vector::<f32, N>::new(0.0);
        let mut o7 = Vector::<f32, N>::new(0.0);
        for i in 0..k {
            let b = rhs[i * columns + column];
            let at = i * column_stride;
            o0 += Vector::new(lhs[r0 + at]) * b;
            o1 += Vector::new(lhs[r1 + at]) * b;
            o2 += Vector::new(lhs[r2 + at]) * b;
            o3 += Vector::new(lhs[r3 + at]) * b;
            o4 += Vector::new(lhs[r4 + at]) * b;
            o5 += Vector::new(lhs[r5 + at]) * b;
            o6 += Vector::new(lhs[r6 + at]) * b;
            o7 += Vector::new(lhs[r7 + at]) * b;
        }
        let start = row * columns + column;
        out[start] = o0;
        if row + 1 < m {
            out[start + columns] = o1;
        }
        if row + 2 < m {
            out[start + columns * 2] = o2;
        }
        if row + 3 < m {
            out[start + columns * 3] = o3;
        }
        if row + 4 < m {
            out[start + columns * 4] = o4;
        }
        if row + 5 < m {
            out[start + columns * 5] = o5;
        }
        if row + 6 < m {
            out[start + columns * 6] = o6;
        }
        if row + 7 < m {
            out[start + columns * 7] = o7;
        }
    }

    impl ProductOps for Cube {
        fn product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self> {
            let client = lhs.client.clone();
            if client.properties().hardware.plane_size_max > NARROW {
                return Self::float_matmul(lhs, rhs);
            }
            let rhs = into_contiguous(rhs);
            let (m, k, n) = (lhs.meta.shape()[0], lhs.meta.shape()[1], rhs.meta.shape()[1]);
            let strides = [lhs.meta.strides()[0], lhs.meta.strides()[1]];
            let width = [4, 2, 1].into_iter().find(|width| n.is_multiple_of(*width)).unwrap_or(1);
            let out: CubeTensor =
                empty_device_dtype(client.clone(), lhs.device.clone(), [m, n].into(), lhs.dtype);
            let units = m.div_ceil(ROWS) * (n / width);
            let cube_dim = CubeDim::new(&client, units);
            let cube_count = calculate_cube_count_elemwise(&client, units, cube_dim);
            // Sound: `lhs` has `m` rows and `k` columns at these strides, `rhs` and `out` are whole,
            // and units beyond the last row end at once.
            unsafe {
                product_kernel::launch_unchecked(
                    &client,
                    cube_count,
                    cube_dim,
                    width as VectorSize,
                    lhs.into_buffer_arg(),
                    rhs.into_buffer_arg(),
                    out.clone().into_buffer_arg(),
                    m,
                    k,
                    n / width,
                    strides[0],
                    strides[1],
                );
            }
            out
        }
    }
}
