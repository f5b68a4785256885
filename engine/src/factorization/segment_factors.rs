//! Segment factors: every segment's own item factors, in which users of other segments count a
//! little.
//!
//! For item i that occurs in segment g (soft multi-task sharing with weight η):
//! `(η H_i + (1−η) H_ig + α₀(η PᵀP + (1−η) P_gᵀP_g) + reg·I) q_gi = η b_i + (1−η) b_ig`, where
//! `H = Σ c p pᵀ` and `b = Σ c p` run over the item's users, all of them or the segment's. Then the
//! segment's users are solved against its item factors. At η = 1 this is the backbone; a small
//! segment falls back towards it by itself. Items that do not occur in a segment keep the
//! backbone's factors there and need no row.

use super::backbone::Backbone;
use super::normal_equations::NormalEquations;
use super::options::AlsOptions;
use super::row_solver::RowSolver;
use crate::error::Result;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::gram;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Passes over the segments' items and users. The second changes little, a third nothing.
const SWEEPS: usize = 2;
/// Items of a task.
const BLOCK_ITEMS: usize = 64;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "segment factors";

/// Which users and items belong to each segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The segment of every user, from 0.
    pub of_user: Vec<u32>,
    /// The users of every segment, ascending.
    pub users: Vec<Vec<u32>>,
    /// The items that occur in every segment, ascending.
    pub items: Vec<Vec<u32>>,
    /// How many users of the segment have each of its items, beside [`Self::items`].
    pub item_users: Vec<Vec<u32>>,
}

impl Segments {
    /// Reads off the members and items of `count` segments.
    pub fn new(of_user: Vec<u32>, count: usize, interactions: &Interactions) -> Self {
        let mut users = vec![Vec::new(); count];
        for (user, &segment) in of_user.iter().enumerate() {
            users[segment as usize].push(user as u32);
        }
        let (items, item_users) = users
            .par_iter()
            .map(|members| {
                let mut counts = vec![0u32; interactions.items()];
                for &user in members {
                    for &item in interactions.by_user().row(user as usize).0 {
                        counts[item as usize] += 1;
                    }
                }
                let items: Vec<u32> = (0..counts.len() as u32).filter(|&i| counts[i as usize] > 0).collect();
                let item_users = items.iter().map(|&item| counts[item as usize]).collect();
                (items, item_users)
            })
            .unzip();
        Self { of_user, users, items, item_users }
    }

    /// Number of segments.
    pub fn count(&self) -> usize {
        self.users.len()
    }
}

/// The segment factors of all segments, in the backbone's basis.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentFactors {
    /// Of every segment, the factors of its items (in the order of [`Segments::items`]).
    pub item_factors: Vec<Matrix>,
    /// users × k: every user against the item factors of their segment.
    pub user_factors: Matrix,
}

impl SegmentFactors {
    /// Trains the segment factors of the segments in `wanted` on top of a backbone; the others have
    /// none, and their users keep the backbone's factors.
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
        let backbone_gram = gram(&backbone.item_factors);
        let rows = segment_rows(interactions, segments)?;
        for sweep in 1..=SWEEPS {
            item_factors = solve_items(interactions, segments, wanted, &user_factors, options, observer)?;
            for (segment, own) in item_factors.iter().enumerate().filter(|(segment, _)| wanted[*segment]) {
                let gram =
                    segment_gram(&backbone_gram, &backbone.item_factors, &segments.items[segment], own);
                let solver = RowSolver::new(own, &gram, options.unobserved_weight)?;
                let ridge =
                    |entries: usize| options.row_regularization(entries as f64, interactions.items() as f64);
                let solved = solver.basis().rotate_back(&solver.solve(&rows[segment], ridge, observer)?);
                for (row, &user) in segments.users[segment].iter().enumerate() {
                    user_factors.row_mut(user as usize).copy_from_slice(solved.row(row));
                }
            }
            observer.report(Progress::step(PHASE, sweep, SWEEPS));
        }
        Ok(Self { item_factors, user_factors })
    }
}

/// The Gramian of all items as a segment sees them: the backbone's, with the segment's own items
/// exchanged.
pub fn segment_gram(backbone_gram: &[f64], backbone_items: &Matrix, items: &[u32], own: &Matrix) -> Vec<f64> {
    let before = gram(&backbone_items.select(items));
    let after = gram(own);
    backbone_gram.iter().zip(before).zip(after).map(|((all, before), after)| all - before + after).collect()
}

/// The interactions of each segment's users, with columns numbered within the segment's items.
fn segment_rows(interactions: &Interactions, segments: &Segments) -> Result<Vec<SparseRows>> {
    (0..segments.count())
        .into_par_iter()
        .map(|segment| {
            let items = &segments.items[segment];
            let mut number = vec![0u32; interactions.items()];
            for (n, &item) in items.iter().enumerate() {
                number[item as usize] = n as u32;
            }
            let mut starts = vec![0];
            let (mut columns, mut values) = (Vec::new(), Vec::new());
            for &user in &segments.users[segment] {
                let (row, confidences) = interactions.by_user().row(user as usize);
                columns.extend(row.iter().map(|&item| number[item as usize]));
                values.extend_from_slice(confidences);
                starts.push(columns.len());
            }
            SparseRows::new(items.len(), starts, columns, values)
        })
        .collect()
}

/// One pass over all (segment, item) pairs, item by item: H_i is summed once, then each segment
/// adds its own few users. k³/6 multiply-adds per pair dominate.
fn solve_items(
    interactions: &Interactions,
    segments: &Segments,
    wanted: &[bool],
    user_factors: &Matrix,
    options: &AlsOptions,
    observer: &dyn Observer,
) -> Result<Vec<Matrix>> {
    let k = options.factors;
    let (share, alone) = (options.sharing, 1.0 - options.sharing);
    let all_gram = gram(user_factors);
    let bases: Vec<Vec<f32>> = segments
        .users
        .iter()
        .map(|users| {
            let own = gram(&user_factors.select(users));
            let mixed: Vec<f64> =
                all_gram.iter().zip(own).map(|(all, own)| share * all + alone * own).collect();
            NormalEquations::base(&mixed, k, options.unobserved_weight)
        })
        .collect();
    let arch = pulp::Arch::new();
    let blocks: Vec<Vec<(u32, Vec<f32>)>> = (0..interactions.items().div_ceil(BLOCK_ITEMS))
        .into_par_iter()
        .map_init(
            || ItemScratch::new(k),
            |scratch, block| {
                observer.check()?;
                let items = block * BLOCK_ITEMS..((block + 1) * BLOCK_ITEMS).min(interactions.items());
                Ok(arch.dispatch(ItemBlock {
                    interactions,
                    segments,
                    wanted,
                    user_factors,
                    options,
                    bases: &bases,
                    items,
                    scratch,
                }))
            },
        )
        .collect::<Result<_>>()?;
    // Items come in ascending order, which is the order of a segment's items.
    let mut factors: Vec<Vec<f32>> =
        segments.items.iter().map(|items| Vec::with_capacity(items.len() * k)).collect();
    for (segment, row) in blocks.into_iter().flatten() {
        factors[segment as usize].extend(row);
    }
    factors.into_iter().map(|data| Matrix::from_data(k, data)).collect()
}

struct ItemScratch {
    everybody: NormalEquations,
    system: NormalEquations,
    /// (segment, user, confidence) of an item, by segment.
    entries: Vec<(u32, u32, f32)>,
    users: Vec<u32>,
    weights: Vec<f32>,
}

impl ItemScratch {
    fn new(k: usize) -> Self {
        Self {
            everybody: NormalEquations::new(k),
            system: NormalEquations::new(k),
            entries: Vec::new(),
            users: Vec::new(),
            weights: Vec::new(),
        }
    }
}

struct ItemBlock<'a> {
    interactions: &'a Interactions,
    segments: &'a Segments,
    wanted: &'a [bool],
    user_factors: &'a Matrix,
    options: &'a AlsOptions,
    bases: &'a [Vec<f32>],
    items: std::ops::Range<usize>,
    scratch: &'a mut ItemScratch,
}

impl WithSimd for ItemBlock<'_> {
    type Output = Vec<(u32, Vec<f32>)>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let ItemScratch { everybody, system, entries, users, weights } = self.scratch;
        let (share, alone) = (self.options.sharing, 1.0 - self.options.sharing);
        let all_users = self.interactions.users() as f64;
        let mut solved = Vec::new();
        for item in self.items {
            let (item_users, confidences) = self.interactions.by_item().row(item);
            entries.clear();
            entries.extend(
                item_users
                    .iter()
                    .zip(confidences)
                    .map(|(&user, &confidence)| (self.segments.of_user[user as usize], user, confidence))
                    .filter(|&(segment, _, _)| self.wanted[segment as usize]),
            );
            if entries.is_empty() {
                continue;
            }
            entries.sort_unstable_by_key(|&(segment, user, _)| (segment, user));
            everybody.start_empty();
            everybody.add(simd, self.user_factors, item_users, confidences);
            for group in entries.chunk_by(|a, b| a.0 == b.0) {
                let segment = group[0].0 as usize;
                users.clear();
                weights.clear();
                users.extend(group.iter().map(|entry| entry.1));
                weights.extend(group.iter().map(|entry| alone as f32 * entry.2));
                let effective_entries = share * item_users.len() as f64 + alone * group.len() as f64;
                let effective_users = share * all_users + alone * self.segments.users[segment].len() as f64;
                let ridge = self.options.row_regularization(effective_entries, effective_users);
                system.start_dense(&self.bases[segment], ridge);
                system.add_system(simd, everybody, share as f32);
                system.add(simd, self.user_factors, users, weights);
                solved.push((segment as u32, system.solve(simd).to_vec()));
            }
        }
        solved
    }
}
