//! Fold-in: the factors of one user from their events now, without training.

use super::normal_equations::NormalEquations;
use super::options::AlsOptions;
use crate::matrix::Matrix;
use pulp::{Simd, WithSimd};

/// What a fold-in needs to know of the items it is measured against.
#[derive(Clone, Debug)]
pub struct FoldIn {
    base: Vec<f32>,
    k: usize,
    items: usize,
    options: AlsOptions,
}

struct Solve<'a> {
    base: &'a [f32],
    ridge: f32,
    factors: &'a Matrix,
    rows: &'a [u32],
    confidences: &'a [f32],
    system: NormalEquations,
}

impl WithSimd for Solve<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Vec<f32> {
        self.system.start_dense(self.base, self.ridge);
        self.system.add(simd, self.factors, self.rows, self.confidences);
        self.system.solve(simd).0.to_vec()
    }
}

impl FoldIn {
    /// `gram` (k × k) is the Gramian of all `items` item factors the user is measured against.
    pub fn new(gram: &[f64], items: usize, options: AlsOptions) -> Self {
        let k = options.factors;
        Self { base: NormalEquations::base(gram, k, options.unobserved_weight), k, items, options }
    }

    /// The k factors of a user whose events are on `rows` of `item_factors` with `confidences`:
    /// the same system as a user's row in training. Without events the factors are zero.
    pub fn user(&self, item_factors: &Matrix, rows: &[u32], confidences: &[f32]) -> Vec<f32> {
        if rows.is_empty() {
            return vec![0.0; self.k];
        }
        pulp::Arch::new().dispatch(Solve {
            base: &self.base,
            ridge: self.options.row_regularization(rows.len() as f64, self.items as f64),
            factors: item_factors,
            rows,
            confidences,
            system: NormalEquations::new(self.k),
        })
    }
}
