//! Dense kernels. Each fast kernel stands beside the plain form that tests it; SIMD is chosen at
//! run time by `pulp` (AVX-512, AVX2 with FMA, NEON, or plain), which also keeps this crate free
//! of `unsafe`.
//!
//! - [`vector`]: dot product, scaled addition, distance
//! - [`rank_update`]: `A ± RᵀR`, the one kernel under Gramians, normal equations and Cholesky
//! - [`row_products`]: `Z Zᵀ`, the products of all pairs of rows
//! - [`cholesky`]: `A = UᵀU` and the solves with it
//! - [`cholesky_lanes`]: the same for many small systems at once
//! - [`mod@gram`]: `XᵀX` over threads, the same bytes for any number of them
//! - [`eigen`]: the eigenbasis of a Gramian
//! - [`pairwise`]: the squared distances between all rows of two sets
//! - [`product`]: `A·Bᵀ` and `A·v` for scoring

pub mod cholesky;
pub mod cholesky_lanes;
pub mod eigen;
pub mod gram;
pub mod pairwise;
pub mod product;
pub mod rank_update;
pub mod row_products;
pub mod vector;

pub use eigen::Eigenbasis;
pub use gram::{gram, observed_gram};

/// Width of a column tile, in values: one AVX-512 register or two AVX2 registers.
/// Scratch matrices are padded to a multiple of it.
pub const TILE: usize = 16;

/// `length` rounded up to whole tiles.
#[inline(always)]
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(TILE)
}
