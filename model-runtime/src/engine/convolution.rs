//! Convolutions of images. On the host they are matrix products with the image's windows as columns
//! (Chellapilla, Puri and Simard 2006, "High Performance Convolutional Neural Networks for Document
//! Processing"), some rows of the result at a time.

use burn::{
    nn::{PaddingConfig2d, conv::Conv2d},
    tensor::{Tensor, module, ops::ConvOptions},
};

/// What a layer gives.
pub(super) fn layer(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let padding = match layer.padding {
        PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
        // Layers have no other.
        _ => [(0, 0); 2],
    };
    let options =
        ConvOptions::new_with_padding(layer.stride, padding, layer.dilation, layer.groups);
    conv2d(x, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()), options)
}

/// `x [batch, channels, height, width]` convolved with `weight [outputs, channels / groups, rows, columns]`.
pub(super) fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions<2>,
) -> Tensor<4> {
    // Burn has a way of its own with a single channel for each filter, which is no product.
    #[cfg(feature = "cpu")]
    if weight.dims()[1] > 1 || options.groups == 1 {
        return host::conv2d(x, weight, bias, options);
    }
    module::conv2d(x, weight, bias, options)
}

#[cfg(feature = "cpu")]
mod host {
    use burn::{
        backend::{
            Autodiff, Backend, Dispatch, Flex,
            autodiff::{
                NodeId,
                checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
                grads::Gradients,
                ops::{Backward, Ops, OpsKind},
            },
            backend_extension,
            tensor::FloatTensor,
        },
        tensor::{DType, Tensor, ops::ConvOptions},
    };
    use gemm::{Geometry, Parallelism, gemm};

    /// Numbers of the columns that are laid out at once: they stay in the second cache.
    const COLUMNS: usize = 1 << 16;
    /// Columns laid out at once, at least and at most.
    const WIDTH: std::ops::RangeInclusive<usize> = 64..=1024;

    pub(super) fn conv2d(
        x: Tensor<4>,
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        options: ConvOptions<2>,
    ) -> Tensor<4> {
        let geometry = geometry(x.dims(), weight.dims(), &options);
        let bias = bias.unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &x.device()));
        Tensor::from_dispatch(<Dispatch as ConvolutionOps>::convolution(
            x.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            geometry,
        ))
    }

    fn geometry(x: [usize; 4], weight: [usize; 4], options: &ConvOptions<2>) -> Geometry {
        Geometry {
            batch: x[0],
            groups: options.groups,
            channels: weight[1],
            outputs: weight[0] / options.groups,
            sides: [x[2], x[3]],
            kernel: [weight[2], weight[3]],
            stride: options.stride,
            dilation: options.dilation,
            padding: options.padding,
        }
    }

    /// Calls `each` for every image and group, some rows of the result at a time: with where the image, its
    /// filters and these rows of its result begin, and which rows they are.
    fn for_each(g: &Geometry, mut each: impl FnMut(usize, usize, usize, std::ops::Range<usize>)) {
        let [height, width] = g.out();
        let rows = (COLUMNS / g.window().max(1)).clamp(*WIDTH.start(), *WIDTH.end());
        let rows = (rows / width.max(1)).max(1);
        for batch in 0..g.batch {
            for group in 0..g.groups {
                let at = batch * g.groups + group;
                let (image, filters) = (at * g.image(), group * g.outputs * g.window());
                let result = at * g.outputs * height * width;
                for row in (0..height).step_by(rows) {
                    let rows = row..(row + rows).min(height);
                    each(image, filters, result + row * width, rows);
                }
            }
        }
    }

    #[backend_extension(Flex, Autodiff)]
    pub(super) trait ConvolutionOps: Backend {
        /// See [`conv2d`].
        fn convolution(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            geometry: Geometry,
        ) -> FloatTensor<Self>;

        /// The gradient of `x`.
        fn image_gradient(
            weight: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            geometry: Geometry,
        ) -> FloatTensor<Self>;

        /// The gradient of `weight`.
        fn filter_gradient(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            geometry: Geometry,
        ) -> FloatTensor<Self>;

        /// The gradient of `bias`.
        fn offset_gradient(gradient: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self>;
    }

    /// `dst [m, n] += lhs [m, k] · rhs [k, n]`; strides are of rows and columns.
    fn add_product(
        [m, n, k]: [usize; 3],
        (dst, dst_row): (&mut [f32], usize),
        (lhs, [lhs_row, lhs_column]): (&[f32], [usize; 2]),
        (rhs, [rhs_row, rhs_column]): (&[f32], [usize; 2]),
        read: bool,
    ) {
        let last = |rows: usize, columns: usize, [row, column]: [usize; 2]| {
            (rows - 1) * row + (columns - 1) * column
        };
        if m == 0 || n == 0 || k == 0 {
            return;
        }
        assert!(last(m, n, [dst_row, 1]) < dst.len());
        assert!(last(m, k, [lhs_row, lhs_column]) < lhs.len());
        assert!(last(k, n, [rhs_row, rhs_column]) < rhs.len());
        // Sound: the last element of each matrix lies within its slice.
        unsafe {
            gemm(
                m,
                n,
                k,
                dst.as_mut_ptr(),
                1,
                dst_row as isize,
                read,
                lhs.as_ptr(),
                lhs_column as isize,
                lhs_row as isize,
                rhs.as_ptr(),
                rhs_column as isize,
                rhs_row as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }

    impl ConvolutionOps for Flex {
        fn convolution(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            g: Geometry,
        ) -> FloatTensor<Self> {
            let (x, weight, bias) =
                (x.to_contiguous(), weight.to_contiguous(), bias.to_contiguous());
            let (images, filters) = (x.storage::<f32>(), weight.storage::<f32>());
            let [height, width] = g.out();
            let shape = [g.batch, g.groups * g.outputs, height, width];
            let mut out = FloatTensor::<Self>::empty(shape.into(), DType::F32);
            let (positions, window) = (g.positions(), g.window());
            let result = out.storage_mut::<f32>();
            let offsets = bias.storage::<f32>().iter().cycle();
            for (channel, offset) in result.chunks_mut(positions.max(1)).zip(offsets) {
                channel.fill(*offset);
            }
            let mut columns = Vec::new();
            for_each(&g, |image, filter, at, rows| {
                let count = rows.len() * g.out()[1];
                let image = &images[image..image + g.image()];
                let rhs = if g.is_point() {
                    (&image[rows.start * g.out()[1]..], [positions, 1])
                } else {
                    g.lay_out(image, rows, &mut columns);
                    (&columns[..], [count, 1])
                };
                let shape = [g.outputs, count, window];
                let lhs = (&filters[filter..], [window, 1]);
                add_product(shape, (&mut result[at..], positions), lhs, rhs, true);
            });
            out
        }

        fn image_gradient(
            weight: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            g: Geometry,
        ) -> FloatTensor<Self> {
            let (weight, gradient) = (weight.to_contiguous(), gradient.to_contiguous());
            let (filters, given) = (weight.storage::<f32>(), gradient.storage::<f32>());
            let shape = [g.batch, g.groups * g.channels, g.sides[0], g.sides[1]];
            let mut out = FloatTensor::<Self>::filled_typed(shape.into(), DType::F32, 0.0f32);
            let (positions, window) = (g.positions(), g.window());
            let images = out.storage_mut::<f32>();
            let mut columns = Vec::new();
            for_each(&g, |image, filter, at, rows| {
                let count = rows.len() * g.out()[1];
                columns.resize(window * count, 0.0);
                let shape = [window, count, g.outputs];
                let lhs = (&filters[filter..], [1, window]);
                let rhs = (&given[at..], [positions, 1]);
                add_product(shape, (&mut columns, count), lhs, rhs, false);
                g.add_back(&columns, rows, &mut images[image..image + g.image()]);
            });
            out
        }

        fn filter_gradient(
            x: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
            g: Geometry,
        ) -> FloatTensor<Self> {
            let (x, gradient) = (x.to_contiguous(), gradient.to_contiguous());
            let (images, given) = (x.storage::<f32>(), gradient.storage::<f32>());
            let shape = [g.groups * g.outputs, g.channels, g.kernel[0], g.kernel[1]];
            let mut out = FloatTensor::<Self>::filled_typed(shape.into(), DType::F32, 0.0f32);
            let (positions, window) = (g.positions(), g.window());
            let filters = out.storage_mut::<f32>();
            let mut columns = Vec::new();
            for_each(&g, |image, filter, at, rows| {
                let count = rows.len() * g.out()[1];
                let image = &images[image..image + g.image()];
                let rhs = if g.is_point() {
                    (&image[rows.start * g.out()[1]..], [1, positions])
                } else {
                    g.lay_out(image, rows, &mut columns);
                    (&columns[..], [1, count])
                };
                let shape = [g.outputs, window, count];
                let lhs = (&given[at..], [positions, 1]);
                add_product(shape, (&mut filters[filter..], window), lhs, rhs, true);
            });
            out
        }

        fn offset_gradient(gradient: FloatTensor<Self>, g: Geometry) -> FloatTensor<Self> {
            let gradient = gradient.to_contiguous();
            let channels = g.groups * g.outputs;
            let mut out = FloatTensor::<Self>::filled_typed([channels].into(), DType::F32, 0.0f32);
            let sums = out.storage_mut::<f32>();
            let given = gradient.storage::<f32>().chunks(g.positions().max(1));
            for (place, given) in given.enumerate() {
                sums[place % channels] += given.iter().sum::<f32>();
            }
            out
        }
    }

    #[derive(Debug)]
    struct Convolution;

    impl<B: ConvolutionOps> Backward<B, 3> for Convolution {
        /// Where `x` and `weight` are kept, if a gradient needs them.
        type State = (Option<NodeId>, Option<NodeId>, Geometry);

        fn backward(
            self,
            ops: Ops<Self::State, 3>,
            gradients: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let [x, weight, bias] = ops.parents;
            let gradient = gradients.consume::<B>(&ops.node);
            let (kept_x, kept_weight, geometry) = ops.state;
            let mut kept = |id: NodeId| checkpointer.retrieve_node_output(id);
            if let (Some(node), Some(weight)) = (x, kept_weight) {
                let found = B::image_gradient(kept(weight), gradient.clone(), geometry);
                gradients.register::<B>(node.id, found);
            }
            if let (Some(node), Some(x)) = (weight, kept_x) {
                let found = B::filter_gradient(kept(x), gradient.clone(), geometry);
                gradients.register::<B>(node.id, found);
            }
            if let Some(node) = bias {
                gradients.register::<B>(node.id, B::offset_gradient(gradient, geometry));
            }
        }
    }

    impl<B: ConvolutionOps, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
        fn convolution(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            geometry: Geometry,
        ) -> FloatTensor<Self> {
            let (keep_x, keep_weight) = (weight.is_tracked(), x.is_tracked());
            let nodes = [x.node(), weight.node(), bias.node()];
            match Convolution.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(mut prepared) => {
                    let state = (
                        keep_x.then(|| prepared.checkpoint(&x)),
                        keep_weight.then(|| prepared.checkpoint(&weight)),
                        geometry,
                    );
                    let (x, weight) = (x.into_primitive(), weight.into_primitive());
                    let out = B::convolution(x, weight, bias.into_primitive(), geometry);
                    prepared.finish(state, out)
                }
                OpsKind::UnTracked(prepared) => {
                    let (x, weight) = (x.into_primitive(), weight.into_primitive());
                    prepared.finish(B::convolution(x, weight, bias.into_primitive(), geometry))
                }
            }
        }

        fn image_gradient(
            _: FloatTensor<Self>,
            _: FloatTensor<Self>,
            _: Geometry,
        ) -> FloatTensor<Self> {
            unreachable!("gradients of gradients are not taken")
        }

        fn filter_gradient(
            _: FloatTensor<Self>,
            _: FloatTensor<Self>,
            _: Geometry,
        ) -> FloatTensor<Self> {
            unreachable!("gradients of gradients are not taken")
        }

        fn offset_gradient(_: FloatTensor<Self>, _: Geometry) -> FloatTensor<Self> {
            unreachable!("gradients of gradients are not taken")
        }
    }

    #[cfg(test)]
    mod tests {
        use burn::tensor::{Device, Tensor, TensorData, module, ops::ConvOptions};

        fn numbers<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
            let count = shape.iter().product::<usize>();
            let values = (0..count).map(|i| ((i * 7919) % 31) as f32 / 15.5 - 1.0).collect();
            Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
        }

        fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
            tensor.into_data().try_to_vec().unwrap()
        }

        fn assert_close(found: &[f32], wanted: &[f32], what: &str) {
            assert_eq!(found.len(), wanted.len(), "{what}");
            for (found, wanted) in found.iter().zip(wanted) {
                let error = (found - wanted).abs();
                assert!(error <= 1e-4 * (1.0 + wanted.abs()), "{what}: {found}, not {wanted}");
            }
        }

        /// Results and all three gradients are those of Burn's own convolution.
        #[test]
        fn it_is_burns_convolution() {
            let device = Device::flex().autodiff();
            let cases = [
                ([2, 3, 9, 7], [4, 3, 3, 3], [1, 1], [(1, 1), (1, 1)], [1, 1], 1),
                ([1, 4, 8, 8], [6, 2, 3, 3], [2, 2], [(1, 1), (1, 1)], [1, 1], 2),
                ([2, 5, 6, 6], [3, 5, 1, 1], [1, 1], [(0, 0), (0, 0)], [1, 1], 1),
                ([1, 2, 11, 10], [3, 2, 3, 2], [2, 3], [(0, 2), (3, 1)], [2, 1], 1),
                ([1, 1, 5, 5], [2, 1, 5, 5], [1, 1], [(4, 4), (6, 6)], [1, 1], 1),
                ([1, 3, 70, 66], [2, 3, 3, 3], [1, 1], [(1, 1), (1, 1)], [1, 1], 1),
            ];
            for (x, weight, stride, padding, dilation, groups) in cases {
                let mut options = ConvOptions::new(stride, [0, 0], dilation, groups);
                options.padding = padding;
                let run = |own: bool| {
                    let x = numbers(x, &device).require_grad();
                    let outputs = weight[0];
                    let weight = numbers(weight, &device).require_grad();
                    let bias = numbers([outputs], &device).require_grad();
                    let (a, b, c) = (x.clone(), weight.clone(), Some(bias.clone()));
                    let y = match own {
                        true => super::conv2d(a, b, c, options.clone()),
                        false => module::conv2d(a, b, c, options.clone()),
                    };
                    let scale = numbers(y.dims(), &device);
                    let gradients = (y.clone() * scale).sum().backward();
                    [
                        values(y),
                        values(x.grad(&gradients).unwrap()),
                        values(weight.grad(&gradients).unwrap()),
                        values(bias.grad(&gradients).unwrap()),
                    ]
                };
                for (place, (own, burns)) in run(true).iter().zip(run(false)).enumerate() {
                    assert_close(own, &burns, &format!("{x:?} with {weight:?}, result {place}"));
                }
            }
        }
    }
}
