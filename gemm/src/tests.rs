//! Against the definition in `f64`, over shapes around every edge of tile, panel and block, and every
//! layout of the three matrices.

use crate::{Parallelism, f16, gemm};

/// Numbers that look random and are the same on every run.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Steps from column to column and row to row, and how many numbers the matrix spans.
fn layout(kind: usize, rows: usize, columns: usize) -> (isize, isize, usize) {
    match kind {
        0 => (1, columns as isize, rows * columns),
        1 => (rows as isize, 1, rows * columns),
        // Rows with a gap after each, every third number in use.
        _ => (3, (columns * 3 + 5) as isize, rows * (columns * 3 + 5)),
    }
}

fn check([m, n, k]: [usize; 3], kinds: [usize; 3], read: bool) {
    let (dst_cs, dst_rs, dst_len) = layout(kinds[0], m, n);
    let (lhs_cs, lhs_rs, lhs_len) = layout(kinds[1], m, k);
    let (rhs_cs, rhs_rs, rhs_len) = layout(kinds[2], k, n);
    let (lhs, rhs, before) = (numbers(lhs_len, 1), numbers(rhs_len, 2), numbers(dst_len, 3));
    let mut dst = before.clone();
    let (alpha, beta) = (0.5, -2.0);
    unsafe {
        gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            dst_cs,
            dst_rs,
            read,
            lhs.as_ptr(),
            lhs_cs,
            lhs_rs,
            rhs.as_ptr(),
            rhs_cs,
            rhs_rs,
            alpha,
            beta,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    let mut written = vec![false; dst_len];
    for row in 0..m {
        for column in 0..n {
            let at = row * dst_rs as usize + column * dst_cs as usize;
            written[at] = true;
            let sum: f64 = (0..k)
                .map(|i| {
                    let x = lhs[row * lhs_rs as usize + i * lhs_cs as usize];
                    let y = rhs[i * rhs_rs as usize + column * rhs_cs as usize];
                    f64::from(x) * f64::from(y)
                })
                .sum();
            let base = if read { f64::from(alpha) * f64::from(before[at]) } else { 0.0 };
            let expected = base + f64::from(beta) * sum;
            let error = (f64::from(dst[at]) - expected).abs();
            assert!(
                error <= 1e-6 * (1.0 + k as f64),
                "{m}×{n}×{k} {kinds:?}: at {row}, {column} {} instead of {expected}",
                dst[at]
            );
        }
    }
    for (at, written) in written.into_iter().enumerate() {
        assert!(written || dst[at] == before[at], "{m}×{n}×{k} {kinds:?}: {at} was overwritten");
    }
}

#[test]
fn products_are_their_definition_in_every_layout() {
    for shape in
        [[1, 1, 1], [3, 5, 7], [4, 8, 16], [5, 9, 17], [1, 37, 66], [37, 1, 66], [66, 41, 9]]
    {
        for kinds in 0..27 {
            for read in [false, true] {
                check(shape, [kinds % 3, kinds / 3 % 3, kinds / 9], read);
            }
        }
    }
}

#[test]
fn products_are_their_definition_beyond_a_block() {
    for shape in [[65, 257, 513], [64, 256, 1024], [130, 600, 3], [1, 300, 1100], [2, 520, 600]] {
        for kinds in [[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]] {
            check(shape, kinds, false);
            check(shape, kinds, true);
        }
    }
}

#[test]
fn a_product_of_no_depth_is_zero() {
    check([3, 9, 0], [0, 0, 0], false);
    check([1, 9, 0], [0, 0, 0], true);
}

/// What is uninitialised may be anything, a NaN too.
#[test]
fn a_result_that_is_not_read_has_no_say() {
    let (lhs, rhs) = (numbers(6 * 700, 4), numbers(700 * 10, 5));
    let mut dst = vec![f32::NAN; 60];
    unsafe {
        gemm(
            6,
            10,
            700,
            dst.as_mut_ptr(),
            1,
            10,
            false,
            lhs.as_ptr(),
            1,
            700,
            rhs.as_ptr(),
            1,
            10,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    assert!(dst.iter().all(|value| value.is_finite()));
}

#[test]
fn other_floats_are_multiplied_too() {
    let mut double = [0.0f64; 1];
    let mut half = [f16::ZERO; 1];
    unsafe {
        let (lhs, rhs) = ([1.0f64, 2.0], [3.0f64, 4.0]);
        gemm(
            1,
            1,
            2,
            double.as_mut_ptr(),
            1,
            1,
            false,
            lhs.as_ptr(),
            1,
            2,
            rhs.as_ptr(),
            1,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
        let (lhs, rhs) = (lhs.map(f16::from_f64), rhs.map(f16::from_f64));
        gemm(
            1,
            1,
            2,
            half.as_mut_ptr(),
            1,
            1,
            false,
            lhs.as_ptr(),
            1,
            2,
            rhs.as_ptr(),
            1,
            1,
            f16::ZERO,
            f16::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    assert_eq!((double[0], half[0].to_f32()), (11.0, 11.0));
}
