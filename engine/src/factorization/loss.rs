//! The objective of the backbone (Rendle et al. 2021, eq. 3):
//! `Σ c (1 − p·q)² + α₀ Σ_{u,i} (p_u·q_i)² + Σ_u λ_u ‖p_u‖² + Σ_i λ_i ‖q_i‖²`.

use super::options::AlsOptions;
use crate::interactions::Interactions;
use crate::linalg::gram;
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use rayon::prelude::*;

/// Rows whose terms are added before the sums are added in order.
const BLOCK_ROWS: usize = 1024;

/// The loss of a pair of factor matrices. The unobserved part costs nothing per pair: it is the
/// sum of products of the two Gramians.
pub fn loss(interactions: &Interactions, users: &Matrix, items: &Matrix, options: &AlsOptions) -> f64 {
    let rows = interactions.by_user();
    let observed: Vec<f64> = (0..rows.rows().div_ceil(BLOCK_ROWS))
        .into_par_iter()
        .map(|block| {
            let range = block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(rows.rows());
            range
                .map(|user| {
                    let (columns, confidences) = rows.row(user);
                    let factors = users.row(user);
                    columns
                        .iter()
                        .zip(confidences)
                        .map(|(&item, &confidence)| {
                            let error = 1.0 - f64::from(dot(factors, items.row(item as usize)));
                            f64::from(confidence) * error * error
                        })
                        .sum::<f64>()
                })
                .sum()
        })
        .collect();
    let unobserved: f64 = gram(users).iter().zip(gram(items)).map(|(a, b)| a * b).sum();
    let ridge = |factors: &Matrix, length: &(dyn Fn(usize) -> usize + Sync), others: usize| -> f64 {
        (0..factors.rows())
            .filter(|&row| length(row) > 0)
            .map(|row| {
                let row_factors = factors.row(row);
                let norm: f64 = row_factors.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                f64::from(options.row_regularization(length(row) as f64, others as f64)) * norm
            })
            .sum()
    };
    let by_item = interactions.by_item();
    observed.iter().sum::<f64>()
        + options.unobserved_weight * unobserved
        + ridge(users, &|user| rows.row_len(user), interactions.items())
        + ridge(items, &|item| by_item.row_len(item), interactions.users())
}
