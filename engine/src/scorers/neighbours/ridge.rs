//! Neighbours of items by the local ridge ([`super::local_ridge`]): every target item is regressed on its nearest sources
//! only.
//!
//! With `G_ij = Σ_u n_u^−.3 R_ui R_uj`, `G' = D^−γ G D^−γ` (γ = .1) and N(j) the K sources i with the
//! largest `d_i^−.6 Σ_u n_u^−.65 R_ui R_uj`: `B_Nj = (G'_NN + ρI)⁻¹ G'_Nj` and
//! `w(i, j) = d_i^−.35 B_ij d_j^.1`. The scalings of the target cancel.

use super::cooccurrence::{BLOCK_ITEMS, ClosePairs, Incidence, STEPS, powers};
use super::local_ridge::{self, LocalRidge, RidgeExponents, RidgeScratch};
use super::options::NeighbourOptions;
use super::options::PHASE;
use super::ridge_content::{ItemContent, RidgeContent};
use super::strongest::{Strongest, Weighted};
use crate::error::Result;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::padded;
use crate::observer::{Observer, Progress};
use rayon::prelude::*;

/// The exponents of the regression.
const EXPONENTS: RidgeExponents =
    RidgeExponents { columns: [-0.65, -0.3], nearest: -0.6, scale: -0.1, source: -0.35, target: 0.1 };

/// Computes the weights (items × items), with what is known about the items or without.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`], [`crate::EngineError::Shape`] if the content is
/// that of other items.
pub fn train(
    interactions: &Interactions,
    options: &NeighbourOptions,
    content: Option<RidgeContent<'_>>,
    observer: &dyn Observer,
) -> Result<SparseRows> {
    let items = interactions.items();
    let ridge = prepared(interactions, options, content, observer)?;
    let mut strongest = Strongest::new(items, options.kept);
    let step_items = items.div_ceil(STEPS).max(1);
    for (step, first) in (0..items).step_by(step_items).enumerate() {
        let solved: Vec<Vec<Weighted>> = (first..(first + step_items).min(items))
            .into_par_iter()
            .with_min_len(BLOCK_ITEMS)
            .map_init(|| RidgeScratch::new(&ridge), |scratch, target| ridge.solve(target, None, scratch))
            .collect::<Result<_>>()?;
        for (offset, weights) in solved.into_iter().enumerate() {
            for (source, weight) in weights {
                strongest.push(source, (first + offset) as u32, weight);
            }
        }
        observer.report(Progress::step(PHASE, step + 1, items.div_ceil(step_items)));
    }
    strongest.finish(items)
}

/// An upper estimate of the bytes that training on `threads` threads takes, not counting the weights.
pub fn memory(users: usize, items: usize, entries: usize, considered: usize, threads: usize) -> u64 {
    let solutions = 8 * padded(considered.min(items)) * items.div_ceil(STEPS);
    local_ridge::memory(users, items, entries, considered, threads) + solutions as u64
}

/// The regression of every item.
fn prepared<'a>(
    interactions: &'a Interactions,
    options: &NeighbourOptions,
    content: Option<RidgeContent<'a>>,
    observer: &'a dyn Observer,
) -> Result<LocalRidge<'a>> {
    let content = content.filter(|content| content.weight > 0.0);
    let degree_scales = || powers(interactions.by_item(), -EXPONENTS.scale);
    let content = content.map(|content| ItemContent::new(content, &degree_scales(), interactions));
    let incidence = Incidence::of_items(interactions);
    let settings = (options.considered, options.regularization);
    let close = ClosePairs::new(interactions, options.distance);
    LocalRidge::of_items(incidence, EXPONENTS, settings, (content.transpose()?, close), observer)
}

#[cfg(test)]
mod tests;
