//! Four lanes of `f32`: wasm's vectors there, elsewhere arrays that the compiler makes vectors of.
//! Both give the same bits: neither fuses a multiplication with an addition.

#[cfg(target_family = "wasm")]
use std::arch::wasm32 as wasm;

/// Lanes in one vector.
pub(crate) const LANES: usize = 4;

#[cfg(target_family = "wasm")]
#[derive(Clone, Copy)]
pub(crate) struct Lanes(wasm::v128);

#[cfg(target_family = "wasm")]
impl Lanes {
    pub(crate) const ZERO: Self = Self(wasm::f32x4(0.0, 0.0, 0.0, 0.0));

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self(wasm::f32x4_splat(value))
    }

    /// # Safety
    ///
    /// Four numbers may be read from `at` on.
    #[inline(always)]
    pub(crate) unsafe fn load(at: *const f32) -> Self {
        Self(unsafe { wasm::v128_load(at.cast()) })
    }

    /// The number at `at` in every lane.
    ///
    /// # Safety
    ///
    /// A number may be read from `at`.
    #[inline(always)]
    pub(crate) unsafe fn load_splat(at: *const f32) -> Self {
        Self(unsafe { wasm::v128_load32_splat(at.cast()) })
    }

    /// # Safety
    ///
    /// Four numbers may be written from `at` on.
    #[inline(always)]
    pub(crate) unsafe fn store(self, at: *mut f32) {
        unsafe { wasm::v128_store(at.cast(), self.0) }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(wasm::f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        Self(wasm::f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn over(self, other: Self) -> Self {
        Self(wasm::f32x4_div(self.0, other.0))
    }

    /// The lesser of both; this one's NaN stays.
    #[inline(always)]
    pub(crate) fn at_most(self, other: Self) -> Self {
        Self(wasm::f32x4_pmin(self.0, other.0))
    }

    /// The greater of both; this one's NaN stays.
    #[inline(always)]
    pub(crate) fn at_least(self, other: Self) -> Self {
        Self(wasm::f32x4_pmax(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn from_array([a, b, c, d]: [f32; LANES]) -> Self {
        Self(wasm::f32x4(a, b, c, d))
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [f32; LANES] {
        [
            wasm::f32x4_extract_lane::<0>(self.0),
            wasm::f32x4_extract_lane::<1>(self.0),
            wasm::f32x4_extract_lane::<2>(self.0),
            wasm::f32x4_extract_lane::<3>(self.0),
        ]
    }

    /// Four vectors as the rows of a square, by columns.
    #[inline(always)]
    pub(crate) fn transpose([a, b, c, d]: [Self; LANES]) -> [Self; LANES] {
        let (a, b, c, d) = (a.0, b.0, c.0, d.0);
        let low = wasm::i32x4_shuffle::<0, 4, 1, 5>(a, b);
        let high = wasm::i32x4_shuffle::<2, 6, 3, 7>(a, b);
        let low_next = wasm::i32x4_shuffle::<0, 4, 1, 5>(c, d);
        let high_next = wasm::i32x4_shuffle::<2, 6, 3, 7>(c, d);
        [
            Self(wasm::i32x4_shuffle::<0, 1, 4, 5>(low, low_next)),
            Self(wasm::i32x4_shuffle::<2, 3, 6, 7>(low, low_next)),
            Self(wasm::i32x4_shuffle::<0, 1, 4, 5>(high, high_next)),
            Self(wasm::i32x4_shuffle::<2, 3, 6, 7>(high, high_next)),
        ]
    }
}

#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy)]
pub(crate) struct Lanes([f32; LANES]);

#[cfg(not(target_family = "wasm"))]
impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    /// # Safety
    ///
    /// Four numbers may be read from `at` on.
    #[inline(always)]
    pub(crate) unsafe fn load(at: *const f32) -> Self {
        Self(unsafe { at.cast::<[f32; LANES]>().read() })
    }

    /// The number at `at` in every lane.
    ///
    /// # Safety
    ///
    /// A number may be read from `at`.
    #[inline(always)]
    pub(crate) unsafe fn load_splat(at: *const f32) -> Self {
        Self([unsafe { at.read() }; LANES])
    }

    /// # Safety
    ///
    /// Four numbers may be written from `at` on.
    #[inline(always)]
    pub(crate) unsafe fn store(self, at: *mut f32) {
        unsafe { at.cast::<[f32; LANES]>().write(self.0) }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    pub(crate) fn over(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] / other.0[lane]))
    }

    /// The lesser of both; this one's NaN stays.
    #[inline(always)]
    pub(crate) fn at_most(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            if other.0[lane] < self.0[lane] { other.0[lane] } else { self.0[lane] }
        }))
    }

    /// The greater of both; this one's NaN stays.
    #[inline(always)]
    pub(crate) fn at_least(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            if self.0[lane] < other.0[lane] { other.0[lane] } else { self.0[lane] }
        }))
    }

    #[inline(always)]
    pub(crate) fn from_array(lanes: [f32; LANES]) -> Self {
        Self(lanes)
    }

    #[inline(always)]
    pub(crate) fn to_array(self) -> [f32; LANES] {
        self.0
    }

    /// Four vectors as the rows of a square, by columns.
    #[inline(always)]
    pub(crate) fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|column| Self(rows.map(|row| row.0[column])))
    }
}

impl Lanes {
    /// The sum of the lanes, in this order.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        let [a, b, c, d] = self.to_array();
        (a + b) + (c + d)
    }
}
