//! What the exact tier computes most with: matrix products, the windows of convolutions, the Gaussian error function.
//!
//! burn-flex multiplies with the crate `gemm`, whose kernels suit processors of many wide registers.
//! This one has that crate's interface and is made for wasm: four lanes, sixteen registers, one
//! thread. Every number of a product is summed in an order that its shapes and strides alone decide, by plain
//! multiplications and additions, so that every engine gives the same bits.
//!
//! The blocking is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix
//! Multiplication" (ACM TOMS 34, 2008): panels of both factors are copied so that the innermost
//! loop reads memory in order.

mod error_function;
mod lanes;
mod single;
mod windows;

use std::any::TypeId;

pub use error_function::{erf, gelu, gelu_gradient};
pub use half::f16;
use num_traits::Float;
pub use windows::Geometry;

/// How many threads compute: one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallelism {
    /// The caller's.
    None,
}

/// A matrix somewhere in memory: steps in elements from one row, and from one column, to the next.
struct View<T> {
    at: T,
    row: isize,
    column: isize,
}

impl<T> View<*const T> {
    /// A pointer to the element at `row`, `column`.
    ///
    /// # Safety
    ///
    /// The element lies within the matrix.
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> *const T {
        unsafe { self.at.offset(row as isize * self.row + column as isize * self.column) }
    }

    #[inline(always)]
    fn transposed(self) -> Self {
        Self { at: self.at, row: self.column, column: self.row }
    }
}

/// The rest of what a product asks for: `dst := alpha · dst + beta · lhs · rhs`, where a `dst` that is not read counts
/// as zero.
#[derive(Debug, Clone, Copy)]
struct Scale<T> {
    read: bool,
    alpha: T,
    beta: T,
}

/// `dst := alpha · dst + beta · lhs · rhs` for `dst [m, n]`, `lhs [m, k]`, `rhs [k, n]` of `f32`, `f64` or [`f16`].
///
/// `_cs` and `_rs` are steps in elements from a column, and a row, to the next. Without `read_dst`,
/// `dst` may be uninitialised. Real numbers are their own conjugates, so those three flags say nothing.
///
/// # Panics
///
/// For any other `T`.
///
/// # Safety
///
/// Every element of the three matrices lies within memory that may be read, and `dst`'s may be written
/// and are no one else's.
#[expect(clippy::too_many_arguments, reason = "the interface that burn-flex calls")]
pub unsafe fn gemm<T: Copy + 'static>(
    m: usize,
    n: usize,
    k: usize,
    dst: *mut T,
    dst_cs: isize,
    dst_rs: isize,
    read_dst: bool,
    lhs: *const T,
    lhs_cs: isize,
    lhs_rs: isize,
    rhs: *const T,
    rhs_cs: isize,
    rhs_rs: isize,
    alpha: T,
    beta: T,
    _conj_dst: bool,
    _conj_lhs: bool,
    _conj_rhs: bool,
    _parallelism: Parallelism,
) {
    if m == 0 || n == 0 {
        return;
    }
    let dst = View { at: dst, row: dst_rs, column: dst_cs };
    let lhs = View { at: lhs, row: lhs_rs, column: lhs_cs };
    let rhs = View { at: rhs, row: rhs_rs, column: rhs_cs };
    // Sound: the caller's word, and `T` is the type that each branch takes it for.
    unsafe {
        if TypeId::of::<T>() == TypeId::of::<f32>() {
            let scale =
                Scale { read: read_dst, alpha: reinterpret(alpha), beta: reinterpret(beta) };
            single::product([m, n, k], cast_mut(dst), cast(lhs), cast(rhs), scale);
        } else if TypeId::of::<T>() == TypeId::of::<f64>() {
            let scale =
                Scale::<f64> { read: read_dst, alpha: reinterpret(alpha), beta: reinterpret(beta) };
            plain([m, n, k], cast_mut(dst), cast(lhs), cast(rhs), scale);
        } else if TypeId::of::<T>() == TypeId::of::<f16>() {
            let scale =
                Scale::<f16> { read: read_dst, alpha: reinterpret(alpha), beta: reinterpret(beta) };
            plain([m, n, k], cast_mut(dst), cast(lhs), cast(rhs), scale);
        } else {
            unimplemented!("products of {}", std::any::type_name::<T>());
        }
    }
}

/// # Safety
///
/// `T` and `U` are one type.
unsafe fn reinterpret<T: Copy, U: Copy>(value: T) -> U {
    unsafe { std::mem::transmute_copy(&value) }
}

fn cast<T, U>(view: View<*const T>) -> View<*const U> {
    View { at: view.at.cast(), row: view.row, column: view.column }
}

fn cast_mut<T, U>(view: View<*mut T>) -> View<*mut U> {
    View { at: view.at.cast(), row: view.row, column: view.column }
}

/// A product by its definition, for the types that no network of ours is made of.
///
/// # Safety
///
/// As [`gemm`].
unsafe fn plain<T: Float>(
    [m, n, k]: [usize; 3],
    dst: View<*mut T>,
    lhs: View<*const T>,
    rhs: View<*const T>,
    scale: Scale<T>,
) {
    for row in 0..m {
        for column in 0..n {
            unsafe {
                let sum =
                    (0..k).fold(T::zero(), |sum, i| sum + *lhs.at(row, i) * *rhs.at(i, column));
                let to = dst.at.offset(row as isize * dst.row + column as isize * dst.column);
                let product = scale.beta * sum;
                to.write(if scale.read { scale.alpha * to.read() + product } else { product });
            }
        }
    }
}

#[cfg(test)]
mod tests;
