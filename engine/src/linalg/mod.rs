//! Dense kernels. Each SIMD kernel has a scalar counterpart that tests compare it with. `pulp` selects the instruction
//! set at run time (AVX-512, AVX2 with FMA, NEON, or scalar), which keeps this crate free of `unsafe`.
//!
//! - [`vector`]: dot product, scaled addition, distance
//! - [`rank_update`]: `A ± RᵀR`, the kernel of Gramians, normal equations and Cholesky
//! - [`row_products`]: `Z Zᵀ`, the products of all pairs of rows
//! - [`cholesky`]: `A = UᵀU` and the solves with it
//! - [`cholesky_lanes`]: Cholesky solves of many small systems at once
//! - [`mod@gram`]: `XᵀX` in parallel, with the same result for any number of threads
//! - [`eigen`]: the eigenbasis of a Gramian
//! - [`nnls`]: non-negative least squares for a few unknowns
//! - [`pairwise`]: the squared distances between all rows of two sets
//! - [`product`]: `A·Bᵀ` and `A·v` for scoring

pub mod cholesky;
pub mod cholesky_lanes;
pub mod eigen;
pub mod gram;
pub mod nnls;
pub mod pairwise;
pub mod product;
pub mod rank_update;
pub mod row_products;
pub mod vector;

pub use eigen::Eigenbasis;
pub use gram::{gram, observed_gram};

/// Width of a column tile, in values: one AVX-512 register or two AVX2 registers. Rows of scratch matrices are padded
/// to a multiple of it.
pub const TILE: usize = 16;

/// Rounds `length` up to whole tiles.
#[inline(always)]
pub const fn padded(length: usize) -> usize {
    length.next_multiple_of(TILE)
}
