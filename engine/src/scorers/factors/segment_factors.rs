//! Segment factors: item factors per segment, in which users of other segments have a small weight.
//!
//! For item i that occurs in segment g (soft multi-task sharing with weight η):
//! `(η H_i + (1−η) H_ig + α₀(η PᵀP + (1−η) P_gᵀP_g) + reg·I) q_gi = η b_i + (1−η) b_ig`, where
//! `H = Σ c p pᵀ` and `b = Σ c p` run over the item's users, all of them or the segment's. Then the
//! segment's users are solved against its item factors. At η = 1 this is the backbone, and small segments stay
//! close to it. Items that do not occur in a segment use the backbone's factors there and need no row.

use super::backbone::Backbone;
use super::fixed_side::FixedSide;
use super::options::AlsOptions;
use super::segment_items;
use super::segments::Segments;
use crate::error::Result;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::observed_gram;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use rayon::prelude::*;

/// Passes over the segments' items and users. The second changes little, a third nothing measurable.
const SWEEPS: usize = 2;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segment factors";

/// The factors of all segments, in the backbone's basis.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentFactors {
    /// For each segment, the factors of its items (in the order of [`Segments::items`]).
    pub item_factors: Vec<Matrix>,
    /// users × k; each user is solved against the item factors of their segment.
    pub user_factors: Matrix,
}

impl SegmentFactors {
    /// Trains the segments marked in `wanted` on top of a backbone. The others get no factors, and their users keep
    /// those of the backbone.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn train(
        interactions: &Interactions,
        backbone: &Backbone,
        segments: &Segments,
        wanted: &[bool],
        options: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let mut user_factors = backbone.user_factors.clone();
        let mut item_factors = vec![Matrix::default(); segments.count()];
        if !wanted.contains(&true) {
            return Ok(Self { item_factors, user_factors });
        }
        let backbone_gram = observed_gram(&backbone.item_factors, observer);
        let rows = segment_rows(interactions.by_user(), segments)?;
        let shared = (&backbone.item_factors, &backbone_gram[..]);
        for sweep in 1..=SWEEPS {
            item_factors =
                segment_items::solve(interactions, segments, wanted, &user_factors, options, observer)?;
            solve_users(&mut user_factors, &rows, shared, segments, &item_factors, options, observer)?;
            observer.report(Progress::step(PHASE, sweep, SWEEPS));
        }
        Ok(Self { item_factors, user_factors })
    }

    /// Solves the users of the segments that have item factors once more, by other histories (users × items).
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
    pub fn refit_users(
        &mut self,
        by_user: &SparseRows,
        shared: (&Matrix, &[f64]),
        segments: &Segments,
        options: &AlsOptions,
        observer: &dyn Observer,
    ) -> Result<()> {
        let rows = segment_rows(by_user, segments)?;
        solve_users(&mut self.user_factors, &rows, shared, segments, &self.item_factors, options, observer)
    }
}

/// Solves the users of each segment that has item factors against these. `rows` are the histories of each segment's
/// users, and `shared` are the item factors of the backbone and their Gramian.
fn solve_users(
    user_factors: &mut Matrix,
    rows: &[SparseRows],
    (backbone_items, backbone_gram): (&Matrix, &[f64]),
    segments: &Segments,
    item_factors: &[Matrix],
    options: &AlsOptions,
    observer: &dyn Observer,
) -> Result<()> {
    let with_own: Vec<usize> =
        (0..segments.count()).filter(|&segment| item_factors[segment].rows() > 0).collect();
    let solved: Vec<Matrix> = with_own
        .par_iter()
        .map(|&segment| {
            let (own, items) = (&item_factors[segment], &segments.items[segment]);
            let gram = segment_gram(backbone_gram, backbone_items, items, own, observer);
            let solver = FixedSide::new(own, &gram, options.unobserved_weight, observer)?;
            let rows = &rows[segment];
            let ridge = |row: usize| {
                options.row_regularization(rows.row_len(row) as f64, backbone_items.rows() as f64)
            };
            Ok(solver.basis().rotate_back(&solver.solve(rows, ridge, observer)?.0, observer))
        })
        .collect::<Result<_>>()?;
    // The last rotation may have been cut short by cancellation.
    observer.check()?;
    for (&segment, solved) in with_own.iter().zip(&solved) {
        for (row, &user) in segments.users[segment].iter().enumerate() {
            user_factors.row_mut(user as usize).copy_from_slice(solved.row(row));
        }
    }
    Ok(())
}

/// The Gramian of all items as a segment sees them: the backbone's, with the rows of the segment's own items
/// replaced.
pub fn segment_gram(
    backbone_gram: &[f64],
    backbone_items: &Matrix,
    items: &[u32],
    own: &Matrix,
    observer: &dyn Observer,
) -> Vec<f64> {
    let before = observed_gram(&backbone_items.select(items), observer);
    let after = observed_gram(own, observer);
    backbone_gram.iter().zip(before).zip(after).map(|((all, before), after)| all - before + after).collect()
}

/// The histories of each segment's users, with columns renumbered to the segment's items.
fn segment_rows(by_user: &SparseRows, segments: &Segments) -> Result<Vec<SparseRows>> {
    (0..segments.count())
        .into_par_iter()
        .map(|segment| {
            let items = &segments.items[segment];
            let mut number = vec![0u32; by_user.width()];
            for (n, &item) in items.iter().enumerate() {
                number[item as usize] = n as u32;
            }
            let mut starts = vec![0];
            let (mut columns, mut values) = (Vec::new(), Vec::new());
            for &user in &segments.users[segment] {
                let (row, confidences) = by_user.row(user as usize);
                columns.extend(row.iter().map(|&item| number[item as usize]));
                values.extend_from_slice(confidences);
                starts.push(columns.len());
            }
            SparseRows::new(items.len(), starts, columns, values)
        })
        .collect()
}
