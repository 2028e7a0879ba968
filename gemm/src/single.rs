//! Products of `f32`.

use std::cell::RefCell;

use crate::{
    Scale, View,
    lanes::{LANES, Lanes},
};

/// Rows and columns of the tile that one call of the kernel computes in registers: eight sums, two
/// vectors of the right factor and one number of the left fit into the sixteen that processors have.
const ROWS: usize = 4;
const COLUMNS: usize = 2 * LANES;
/// Depth of a panel: one of each factor lies in the first cache.
const DEPTH: usize = 512;
/// Columns and rows of a block: one of each factor lies in the second cache.
const BLOCK_COLUMNS: usize = 256;
const BLOCK_ROWS: usize = 64;
/// Numbers of a single row's product that are summed at a time: they stay in the first cache.
const STRIP: usize = 4096;
/// Rows of the matrix that are added at once to a single row's product.
const TOGETHER: usize = 4;

thread_local! {
    /// Copies of panels, kept from one product to the next.
    static PANELS: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// See [`crate::gemm`].
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn product(
    [m, n, k]: [usize; 3],
    dst: View<*mut f32>,
    lhs: View<*const f32>,
    rhs: View<*const f32>,
    scale: Scale<f32>,
) {
    // A result by columns, or one of a single column, is the transposed product's by rows.
    if (dst.column != 1 && dst.row == 1) || (n == 1 && m > 1) {
        let dst = View { at: dst.at, row: dst.column, column: dst.row };
        return unsafe {
            product_by_rows([n, m, k], &dst, &rhs.transposed(), &lhs.transposed(), scale)
        };
    }
    unsafe { product_by_rows([m, n, k], &dst, &lhs, &rhs, scale) }
}

unsafe fn product_by_rows(
    [m, n, k]: [usize; 3],
    dst: &View<*mut f32>,
    lhs: &View<*const f32>,
    rhs: &View<*const f32>,
    scale: Scale<f32>,
) {
    unsafe {
        if m == 1 && rhs.column == 1 && dst.column == 1 {
            return row_by_rows(n, k, dst, lhs, rhs, scale);
        }
        if m == 1 && rhs.row == 1 && lhs.column == 1 {
            return row_by_columns(n, k, dst, lhs, rhs, scale);
        }
    }
    PANELS.with_borrow_mut(|(left, right)| unsafe {
        blocks([m, n, k], dst, lhs, rhs, scale, left, right);
    });
}

/// One row times a matrix that lies by rows: a few of its rows at a time, each read from end to end, for
/// it is memory that takes the time.
unsafe fn row_by_rows(
    n: usize,
    k: usize,
    dst: &View<*mut f32>,
    lhs: &View<*const f32>,
    rhs: &View<*const f32>,
    scale: Scale<f32>,
) {
    for start in (0..n).step_by(STRIP) {
        let count = STRIP.min(n - start);
        unsafe {
            let to = dst.at.add(start);
            for j in 0..count {
                let to = to.add(j);
                to.write(if scale.read { to.read() * scale.alpha } else { 0.0 });
            }
            let whole = k - k % TOGETHER;
            for i in (0..whole).step_by(TOGETHER) {
                add_rows::<TOGETHER>(to, count, i, start, lhs, rhs, scale.beta);
            }
            for i in whole..k {
                add_rows::<1>(to, count, i, start, lhs, rhs, scale.beta);
            }
        }
    }
}

/// Adds `ROWS` rows of the matrix, each times its number of the row and `beta`, in order.
#[inline(always)]
unsafe fn add_rows<const ROWS: usize>(
    to: *mut f32,
    count: usize,
    row: usize,
    start: usize,
    lhs: &View<*const f32>,
    rhs: &View<*const f32>,
    beta: f32,
) {
    unsafe {
        let numbers: [f32; ROWS] = std::array::from_fn(|r| *lhs.at(0, row + r) * beta);
        let rows: [*const f32; ROWS] = std::array::from_fn(|r| rhs.at(row + r, start));
        let lanes = numbers.map(Lanes::splat);
        let whole = count - count % LANES;
        for j in (0..whole).step_by(LANES) {
            let mut sum = Lanes::load(to.add(j));
            for (x, row) in lanes.into_iter().zip(rows) {
                sum = sum.plus(x.times(Lanes::load(row.add(j))));
            }
            sum.store(to.add(j));
        }
        for j in whole..count {
            let sum = numbers
                .into_iter()
                .zip(rows)
                .fold(*to.add(j), |sum, (x, row)| sum + x * *row.add(j));
            to.add(j).write(sum);
        }
    }
}

/// One row times a matrix that lies by columns: products of whole rows of memory, no copies.
unsafe fn row_by_columns(
    n: usize,
    k: usize,
    dst: &View<*mut f32>,
    lhs: &View<*const f32>,
    rhs: &View<*const f32>,
    scale: Scale<f32>,
) {
    let whole = k - k % LANES;
    let mut column = 0;
    while column < n {
        // Columns beyond the last are the last one again and are not written.
        let count = LANES.min(n - column);
        let from: [*const f32; LANES] =
            std::array::from_fn(|j| unsafe { rhs.at(0, column + j.min(count - 1)) });
        let mut sums = [Lanes::ZERO; LANES];
        let mut rest = [0.0; LANES];
        unsafe {
            for i in (0..whole).step_by(LANES) {
                let x = Lanes::load(lhs.at(0, i));
                for (sum, from) in sums.iter_mut().zip(from) {
                    *sum = sum.plus(x.times(Lanes::load(from.add(i))));
                }
            }
            for i in whole..k {
                for (rest, from) in rest.iter_mut().zip(from) {
                    *rest += *lhs.at(0, i) * *from.add(i);
                }
            }
            for j in 0..count {
                write(dst, 0, column + j, 1, Lanes::splat(sums[j].sum() + rest[j]), scale);
            }
        }
        column += count;
    }
}

unsafe fn blocks(
    [m, n, k]: [usize; 3],
    dst: &View<*mut f32>,
    lhs: &View<*const f32>,
    rhs: &View<*const f32>,
    scale: Scale<f32>,
    left: &mut Vec<f32>,
    right: &mut Vec<f32>,
) {
    for start in (0..n).step_by(BLOCK_COLUMNS) {
        let columns = BLOCK_COLUMNS.min(n - start);
        // A product of depth 0 is 0, and is written.
        for (index, from) in (0..k.max(1)).step_by(DEPTH).enumerate() {
            let depth = DEPTH.min(k - from);
            // Later panels add to what the first ones gave.
            let scale = if index == 0 { scale } else { Scale { read: true, alpha: 1.0, ..scale } };
            unsafe {
                copy_panels::<COLUMNS>(
                    right,
                    columns,
                    depth,
                    |column, i| rhs.at(from + i, start + column),
                    rhs.column == 1,
                    rhs.row == 1,
                );
            }
            for top in (0..m).step_by(BLOCK_ROWS) {
                let rows = BLOCK_ROWS.min(m - top);
                unsafe {
                    copy_panels::<ROWS>(
                        left,
                        rows,
                        depth,
                        |row, i| lhs.at(top + row, from + i),
                        lhs.row == 1,
                        lhs.column == 1,
                    );
                    for (panel, at) in (0..columns).step_by(COLUMNS).enumerate() {
                        let right = right.as_ptr().add(panel * depth * COLUMNS);
                        for (tile, row) in (0..rows).step_by(ROWS).enumerate() {
                            let left = left.as_ptr().add(tile * depth * ROWS);
                            let sums = if columns - at > LANES {
                                kernel::<2>(left, right, depth)
                            } else {
                                let near = kernel::<1>(left, right, depth);
                                near.map(|[near]| [near, Lanes::ZERO])
                            };
                            for (r, sums) in sums.into_iter().enumerate().take(rows - row) {
                                for (v, sum) in sums.into_iter().enumerate() {
                                    let column = at + v * LANES;
                                    if column < columns {
                                        let width = LANES.min(columns - column);
                                        write(
                                            dst,
                                            top + row + r,
                                            start + column,
                                            width,
                                            sum,
                                            scale,
                                        );
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The tile of one panel of each factor, or the first `VECTORS` of its vectors: `ROWS` rows, summed over
/// `depth` in order.
#[inline(always)]
unsafe fn kernel<const VECTORS: usize>(
    left: *const f32,
    right: *const f32,
    depth: usize,
) -> [[Lanes; VECTORS]; ROWS] {
    let mut sums = [[Lanes::ZERO; VECTORS]; ROWS];
    let (mut left, mut right) = (left, right);
    for _ in 0..depth {
        unsafe {
            let across: [Lanes; VECTORS] =
                std::array::from_fn(|vector| Lanes::load(right.add(vector * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = Lanes::load_splat(left.add(row));
                for (sum, across) in sums.iter_mut().zip(across) {
                    *sum = sum.plus(x.times(across));
                }
            }
            left = left.add(ROWS);
            right = right.add(COLUMNS);
        }
    }
    sums
}

/// Copies `count` lines of `depth` numbers as panels of `WIDTH` lines, the numbers of one depth beside each other;
/// lines beyond the last are zero. `across` says that neighbouring lines lie beside each other, `along`
/// that a line's numbers do.
unsafe fn copy_panels<const WIDTH: usize>(
    to: &mut Vec<f32>,
    count: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> *const f32,
    across: bool,
    along: bool,
) {
    let size = count.next_multiple_of(WIDTH) * depth;
    if to.len() < size {
        to.resize(size, 0.0);
    }
    for (panel, start) in (0..count).step_by(WIDTH).enumerate() {
        let to = unsafe { to.as_mut_ptr().add(panel * WIDTH * depth) };
        let width = WIDTH.min(count - start);
        unsafe {
            if width == WIDTH && across {
                for i in 0..depth {
                    let from = at(start, i);
                    for j in (0..WIDTH).step_by(LANES) {
                        Lanes::load(from.add(j)).store(to.add(i * WIDTH + j));
                    }
                }
                continue;
            }
            let whole = if width == WIDTH && along { depth - depth % LANES } else { 0 };
            for j in (0..WIDTH).step_by(LANES) {
                for i in (0..whole).step_by(LANES) {
                    let rows = std::array::from_fn(|row| Lanes::load(at(start + j + row, i)));
                    for (column, lanes) in Lanes::transpose(rows).into_iter().enumerate() {
                        lanes.store(to.add((i + column) * WIDTH + j));
                    }
                }
            }
            for i in whole..depth {
                for j in 0..WIDTH {
                    to.add(i * WIDTH + j).write(if j < width { *at(start + j, i) } else { 0.0 });
                }
            }
        }
    }
}

/// Writes the first `width` lanes to a row of the result.
#[inline(always)]
unsafe fn write(
    dst: &View<*mut f32>,
    row: usize,
    column: usize,
    width: usize,
    sums: Lanes,
    scale: Scale<f32>,
) {
    unsafe {
        let to = dst.at.offset(row as isize * dst.row + column as isize * dst.column);
        let sums = sums.times(Lanes::splat(scale.beta));
        if width == LANES && dst.column == 1 {
            let sums = if scale.read {
                Lanes::load(to).times(Lanes::splat(scale.alpha)).plus(sums)
            } else {
                sums
            };
            return sums.store(to);
        }
        for (lane, sum) in sums.to_array().into_iter().enumerate().take(width) {
            let to = to.offset(lane as isize * dst.column);
            to.write(if scale.read { to.read() * scale.alpha + sum } else { sum });
        }
    }
}
