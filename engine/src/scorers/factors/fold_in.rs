//! Fold-in: computes the factors of one user from their current events, without training.

use super::normal_equations::{NormalEquations, weight};
use super::options::AlsOptions;
use crate::linalg::vector::dot_simd;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};

/// What all fold-ins against the same item factors share.
#[derive(Clone, Copy, Debug)]
pub struct FoldIn<'a> {
    base: &'a [f32],
    k: usize,
    items: usize,
    options: AlsOptions,
}

/// The derivative of the score of `target` with respect to each entry of a user.
struct Contributions<'a> {
    solve: Solve<'a>,
    target: &'a [f32],
}

impl WithSimd for Contributions<'_> {
    type Output = Vec<f64>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let Solve { base, ridge, factors, rows, confidences, mut system, observer } = self.solve;
        system.start_dense(base, ridge);
        system.add(simd, factors, rows, confidences, observer);
        system.set_right(self.target);
        let (sensitivity, _) = system.solve(simd);
        let mut contributions = Vec::with_capacity(rows.len());
        for (&row, &confidence) in rows.iter().zip(confidences) {
            let product = dot_simd(simd, sensitivity, factors.row(row as usize));
            contributions.push(f64::from(weight(confidence)) * f64::from(product));
        }
        contributions
    }
}

struct Solve<'a> {
    base: &'a [f32],
    ridge: f32,
    factors: &'a Matrix,
    rows: &'a [u32],
    confidences: &'a [f32],
    system: NormalEquations,
    observer: &'a dyn Observer,
}

impl WithSimd for Solve<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Vec<f32> {
        self.system.start_dense(self.base, self.ridge);
        self.system.add(simd, self.factors, self.rows, self.confidences, self.observer);
        self.system.solve(simd).0.to_vec()
    }
}

impl<'a> FoldIn<'a> {
    /// The part of the system that is the same for all users, from the Gramian (k × k) of the item factors they are
    /// fitted to.
    pub fn base(gram: &[f64], options: AlsOptions) -> Vec<f32> {
        NormalEquations::base(gram, options.factors, options.unobserved_weight)
    }

    /// Prepares fold-ins against `items` item factors, with the `base` returned by [`Self::base`].
    pub fn new(base: &'a [f32], items: usize, options: AlsOptions) -> Self {
        Self { base, k: options.factors, items, options }
    }

    /// The k factors of a user with events on `rows` of `item_factors`, weighted by `confidences`. Solves the same
    /// system as training. Without events the factors are zero. If `observer` requests cancellation, the result is
    /// meaningless.
    pub fn user(
        &self,
        item_factors: &Matrix,
        rows: &[u32],
        confidences: &[f32],
        observer: &dyn Observer,
    ) -> Vec<f32> {
        if rows.is_empty() {
            return vec![0.0; self.k];
        }
        pulp::Arch::new().dispatch(self.system(item_factors, rows, confidences, observer))
    }

    /// What each row of `item_factors`, with its confidence, adds to the score of an item with the factors
    /// `target`: c_i q_iᵀA⁻¹q_j. The sum equals the product of [`Self::user`] with the target (Hu et al. 2008, §5).
    pub fn contributions(
        &self,
        item_factors: &Matrix,
        confidences: &[f32],
        target: &[f32],
        observer: &dyn Observer,
    ) -> Vec<f64> {
        let rows: Vec<u32> = (0..confidences.len() as u32).collect();
        if rows.is_empty() {
            return Vec::new();
        }
        let solve = self.system(item_factors, &rows, confidences, observer);
        pulp::Arch::new().dispatch(Contributions { solve, target })
    }

    fn system<'b>(
        &'b self,
        factors: &'b Matrix,
        rows: &'b [u32],
        confidences: &'b [f32],
        observer: &'b dyn Observer,
    ) -> Solve<'b> {
        let ridge = self.options.row_regularization(rows.len() as f64, self.items as f64);
        let system = NormalEquations::new(self.k);
        Solve { base: self.base, ridge, factors, rows, confidences, system, observer }
    }
}
