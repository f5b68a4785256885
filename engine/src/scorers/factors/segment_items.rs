//! One pass over all (segment, item) pairs of [`super::segment_factors`]: the item factors of each
//! segment against user factors.
//!
//! The system of item i in segment g runs over **all** users of the item, but those of other segments have weight η:
//! `α₀G_g + reg·I + Σ w c p pᵀ`, with `G_g = η PᵀP + (1−η) P_gᵀP_g`. As in [`super::row_solver`], there are two
//! ways to solve it:
//!
//! - items with **few** users, segment by segment: the users are rotated into the eigenbasis of G_g, which leaves
//!   an m × m system for m users;
//! - items with **many** users, item by item: `Σ c p pᵀ` over all users is computed once, then each segment adds
//!   its own few users. Each pair costs k³/6 multiply-adds.

use super::fixed_side::FixedSide;
use super::normal_equations::NormalEquations;
use super::options::AlsOptions;
use super::segments::Segments;
use super::short_rows;
use crate::error::Result;
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::observed_gram;
use crate::matrix::Matrix;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Items with many users per task: 10 ms of work with 64 segments and 128 factors.
const BLOCK_ITEMS: usize = 8;

/// The inputs of one pass.
struct Pass<'a> {
    interactions: &'a Interactions,
    segments: &'a Segments,
    wanted: &'a [bool],
    user_factors: &'a Matrix,
    options: &'a AlsOptions,
}

/// Solves the item factors of all segments marked in `wanted`; the others get an empty matrix.
pub fn solve(
    interactions: &Interactions,
    segments: &Segments,
    wanted: &[bool],
    user_factors: &Matrix,
    options: &AlsOptions,
    observer: &dyn Observer,
) -> Result<Vec<Matrix>> {
    let pass = Pass { interactions, segments, wanted, user_factors, options };
    let all = observed_gram(user_factors, observer);
    let (share, alone) = (options.sharing, 1.0 - options.sharing);
    let grams: Vec<Vec<f64>> = segments
        .users
        .par_iter()
        .map(|users| {
            let own = observed_gram(&user_factors.select(users), observer);
            all.iter().zip(own).map(|(all, own)| share * all + alone * own).collect()
        })
        .collect();
    let many = pass.items_of_many_users(&grams, observer)?;
    let wanted_segments: Vec<usize> = (0..segments.count()).filter(|&segment| wanted[segment]).collect();
    let mut factors = vec![Matrix::default(); segments.count()];
    // Each segment in flight holds its rotated users, so run no more at once than there are threads.
    for group in wanted_segments.chunks(rayon::current_num_threads()) {
        let solved: Vec<Matrix> = group
            .par_iter()
            .map(|&segment| pass.segment(segment, &grams[segment], &many[segment], observer))
            .collect::<Result<_>>()?;
        group.iter().zip(solved).for_each(|(&segment, solved)| factors[segment] = solved);
    }
    Ok(factors)
}

impl Pass<'_> {
    fn has_many_users(&self, item: usize) -> bool {
        self.interactions.by_item().row_len(item) > short_rows::most(self.options.factors)
    }

    /// λ of a (segment, item) pair in which `own` of the item's users belong to the segment.
    fn ridge(&self, segment: usize, item: usize, own: usize) -> f32 {
        let (share, alone) = (self.options.sharing, 1.0 - self.options.sharing);
        let entries = share * self.interactions.by_item().row_len(item) as f64 + alone * own as f64;
        let users =
            share * self.interactions.users() as f64 + alone * self.segments.users[segment].len() as f64;
        self.options.row_regularization(entries, users)
    }

    /// The factors of a segment's items; those of items with many users are taken from `many`.
    fn segment(&self, segment: usize, gram: &[f64], many: &[f32], observer: &dyn Observer) -> Result<Matrix> {
        let k = self.options.factors;
        let share = self.options.sharing as f32;
        let items = &self.segments.items[segment];
        // Numbers the users in the order in which they occur.
        let mut numbers = vec![u32::MAX; self.interactions.users()];
        let mut users = Vec::new();
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        let mut ridges = Vec::new();
        for (&item, &own) in items.iter().zip(&self.segments.item_users[segment]) {
            let item = item as usize;
            if self.has_many_users(item) {
                continue;
            }
            let (item_users, confidences) = self.interactions.by_item().row(item);
            for (&user, &confidence) in item_users.iter().zip(confidences) {
                let in_segment = self.segments.of_user[user as usize] as usize == segment;
                let weight = if in_segment { confidence } else { share * confidence };
                if weight > 0.0 {
                    let number = &mut numbers[user as usize];
                    if *number == u32::MAX {
                        *number = users.len() as u32;
                        users.push(user);
                    }
                    columns.push(*number);
                    values.push(weight);
                }
            }
            starts.push(columns.len());
            ridges.push(self.ridge(segment, item, own as usize));
        }
        let rows = SparseRows::new(users.len(), starts, columns, values)?;
        let users = self.user_factors.select(&users);
        let solver = FixedSide::new(&users, gram, self.options.unobserved_weight, observer)?;
        let few = solver.basis().rotate_back(&solver.solve(&rows, |row| ridges[row], observer)?.0, observer);

        let mut factors = Vec::with_capacity(items.len() * k);
        let (mut few, mut many) = (few.data().chunks_exact(k), many.chunks_exact(k));
        for &item in items {
            let next = if self.has_many_users(item as usize) { many.next() } else { few.next() };
            factors.extend_from_slice(next.unwrap_or_default());
        }
        Matrix::from_data(k, factors)
    }

    /// For each segment, the factors of its items with many users, by ascending item.
    fn items_of_many_users(&self, grams: &[Vec<f64>], observer: &dyn Observer) -> Result<Vec<Vec<f32>>> {
        let k = self.options.factors;
        let items: Vec<usize> =
            (0..self.interactions.items()).filter(|&item| self.has_many_users(item)).collect();
        let bases: Vec<Vec<f32>> =
            grams.iter().map(|gram| NormalEquations::base(gram, k, self.options.unobserved_weight)).collect();
        let arch = pulp::Arch::new();
        let blocks: Vec<Vec<(u32, Vec<f32>)>> = items
            .par_chunks(BLOCK_ITEMS)
            .map_init(
                || ItemScratch::new(k),
                |scratch, items| {
                    arch.dispatch(ItemBlock { pass: self, bases: &bases, items, scratch, observer })
                },
            )
            .collect::<Result<_>>()?;
        let mut factors = vec![Vec::new(); self.segments.count()];
        for (segment, row) in blocks.into_iter().flatten() {
            factors[segment as usize].extend(row);
        }
        Ok(factors)
    }
}

struct ItemScratch {
    everybody: NormalEquations,
    system: NormalEquations,
    /// The (segment, user, confidence) entries of an item, ordered by segment.
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
    pass: &'a Pass<'a>,
    bases: &'a [Vec<f32>],
    items: &'a [usize],
    scratch: &'a mut ItemScratch,
    observer: &'a dyn Observer,
}

impl WithSimd for ItemBlock<'_> {
    type Output = Result<Vec<(u32, Vec<f32>)>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Pass { interactions, segments, wanted, user_factors, options } = self.pass;
        let ItemScratch { everybody, system, entries, users, weights } = self.scratch;
        let (share, alone) = (options.sharing as f32, 1.0 - options.sharing as f32);
        let mut solved = Vec::new();
        for &item in self.items {
            self.observer.check()?;
            let (item_users, confidences) = interactions.by_item().row(item);
            entries.clear();
            entries.extend(
                item_users
                    .iter()
                    .zip(confidences)
                    .map(|(&user, &confidence)| (segments.of_user[user as usize], user, confidence))
                    .filter(|&(segment, _, _)| wanted[segment as usize]),
            );
            if entries.is_empty() {
                continue;
            }
            entries.sort_unstable_by_key(|&(segment, user, _)| (segment, user));
            everybody.start_empty();
            everybody.add(simd, user_factors, item_users, confidences, self.observer);
            for group in entries.chunk_by(|a, b| a.0 == b.0) {
                let segment = group[0].0 as usize;
                users.clear();
                weights.clear();
                users.extend(group.iter().map(|entry| entry.1));
                weights.extend(group.iter().map(|entry| alone * entry.2));
                system.start_dense(&self.bases[segment], self.pass.ridge(segment, item, group.len()));
                system.add_system(simd, everybody, share);
                system.add(simd, user_factors, users, weights, self.observer);
                solved.push((segment as u32, system.solve(simd).0.to_vec()));
            }
        }
        Ok(solved)
    }
}
