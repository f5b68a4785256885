//! The local ridge of the rows of a matrix of 0 and 1: each *target* row is regressed on the rows nearest to it, its
//! *sources* (EASE restricted to neighbours, columns weighted; closed form, target by target). Rows are items for
//! neighbours of items ([`super::ridge`]), users for neighbours of users.
//!
//! With n_c the number of rows of column c, d_i that of columns of row i, and the exponents of [`RidgeExponents`]:
//! `G_ij = Σ_c n_c^g R_ic R_jc`, `G' = D^−γ G D^−γ`, and N(j) the K sources i with the largest
//! `d_i^e Σ_c n_c^f R_ic R_jc`; `B_Nj = (G'_NN + ρI)⁻¹ G'_Nj` and `w(i, j) = d_i^s B_ij d_j^t`. The scalings can be moved
//! out of the inverse, so the system that is solved is `(G_NN + ρ D_N^2γ) x = G_Nj`,
//! `w(i, j) = d_i^(s + γ) x_i d_j^(t − γ)`. What is known about items can be added to G ([`super::ridge_content`]).
//!
//! Where rows are items and the order of a user's items counts, a pair of them counts (1 + |r_i − r_j|)^−q in both sums
//! over users, for the ranks r of [`crate::interactions::recency`]. G stays positive semidefinite, since that is so for the
//! kernel.
//!
//! Each target takes its row of co-occurrences; G_NN, which is read from G if there are few rows and otherwise summed
//! over the columns of N (m²/2 additions for a column that has m of its rows); and a Cholesky factorization of K³/6
//! multiply-adds, which dominates if columns are short.

use super::cooccurrence::{ClosePairs, Incidence, Row, add_later, powers};
use super::ridge_content::{ContentScratch, ItemContent};
use super::strongest::{Weighted, keep_strongest};
use crate::error::{EngineError, Result};
use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::padded;
use crate::linalg::rank_update::rank_update_simd;
use crate::observer::Observer;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Up to this many rows the upper triangle of G is held (134 MB at most). On MovieLens 100k this cuts the training of
/// neighbours of items from .33 s to .19 s, with twenty times the users from 4.7 s to .56 s: the fewer the rows and the
/// more the columns, the more it costs to sum every G_NN over columns.
const HELD_ROWS: usize = 8192;
/// Columns between two checks for cancellation: about ten milliseconds.
const CHECK_COLUMNS: usize = 1 << 14;
/// Columns with many of the sources that are added to G_NN in one matrix product.
const DENSE_COLUMNS: usize = 64;
/// A column with more than one in this many of the sources is added as a dense row. The m²/2 scattered additions would
/// cost more than K²/2 multiply-adds in registers.
const DENSE_SHARE: usize = 6;

/// The exponents of the numbers of rows and columns, as in the formulas of this file.
#[derive(Clone, Copy, Debug)]
pub struct RidgeExponents {
    /// f and g, of a column's number of rows in its weight: for choosing sources, and in G.
    pub columns: [f64; 2],
    /// e, of a source's number of columns, for choosing sources.
    pub nearest: f64,
    /// −γ, of the scaling D of G.
    pub scale: f64,
    /// s, of a source's number of columns, applied to its weight.
    pub source: f64,
    /// t, of the target's number of columns, applied to its weights.
    pub target: f64,
}

/// An upper estimate of the bytes that regressing rows on `threads` threads takes, not counting the weights.
pub fn memory(columns: usize, rows: usize, entries: usize, considered: usize, threads: usize) -> u64 {
    let widest = padded(considered.min(rows));
    let system = 4 * widest * (widest + DENSE_COLUMNS);
    let thread = 20 * rows + 8 * columns + 4 * entries + system;
    let held = if rows <= HELD_ROWS { 2 * rows * rows } else { 0 };
    (threads * thread + held + 12 * columns + 12 * rows) as u64
}

/// The inputs that all targets share.
pub struct LocalRidge<'a> {
    incidence: Incidence<'a>,
    observer: &'a dyn Observer,
    considered: usize,
    column_weights: Vec<[f32; 2]>,
    nearest_scales: Vec<f32>,
    source_scales: Vec<f32>,
    target_scales: Vec<f32>,
    /// The diagonal of the system, G_ii + ρ d_i^2γ.
    diagonal: Vec<f32>,
    /// The rows of G from the diagonal on, with those of content; `None` if there are many rows.
    held: Option<Vec<Vec<f32>>>,
    content: Option<ItemContent<'a>>,
    /// How pairs count; `None` if all count the same.
    close: Option<ClosePairs<'a>>,
    arch: pulp::Arch,
}

impl<'a> LocalRidge<'a> {
    /// Prepares the regression of each row on up to `considered` others, with the L2 regularization ρ. The observer is
    /// asked while targets are solved, too.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn new(
        incidence: Incidence<'a>,
        exponents: RidgeExponents,
        considered_and_regularization: (usize, f64),
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        Self::of_items(incidence, exponents, considered_and_regularization, (None, None), observer)
    }

    /// As [`Self::new`], where rows are items, with what is known about these, and how pairs of them count.
    pub(super) fn of_items(
        incidence: Incidence<'a>,
        exponents: RidgeExponents,
        (considered, regularization): (usize, f64),
        (content, close): (Option<ItemContent<'a>>, Option<ClosePairs<'a>>),
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let Incidence { rows, columns } = incidence;
        let count = rows.rows();
        let [nearest, gram] = exponents.columns.map(|exponent| powers(columns, exponent));
        let ridges = powers(rows, -2.0 * exponents.scale);
        let own =
            |row| -> f64 { rows.row(row).0.iter().map(|&column| f64::from(gram[column as usize])).sum() };
        let mut diagonal: Vec<f32> = ridges
            .iter()
            .enumerate()
            .map(|(row, &ridge)| (own(row) + regularization * f64::from(ridge)) as f32)
            .collect();
        if let Some(content) = &content {
            diagonal.iter_mut().enumerate().for_each(|(row, sum)| *sum += content.product(row, row));
        }
        let hold = |row| {
            let mut sums = vec![0.0; count - row];
            add_later(&mut sums, incidence, row, |column| gram[column as usize], close.as_ref(), observer)?;
            Ok(sums)
        };
        let held = (count <= HELD_ROWS).then(|| (0..count).into_par_iter().map(hold).collect::<Result<_>>());
        let mut held: Option<Vec<Vec<f32>>> = held.transpose()?;
        if let (Some(held), Some(content)) = (&mut held, &content) {
            content.add_to_gram(held, observer)?;
        }
        Ok(Self {
            held,
            content,
            close,
            incidence,
            observer,
            considered: considered.min(count),
            column_weights: nearest.into_iter().zip(gram).map(|(nearest, gram)| [nearest, gram]).collect(),
            nearest_scales: powers(rows, exponents.nearest),
            source_scales: powers(rows, exponents.source - exponents.scale),
            target_scales: powers(rows, exponents.target + exponents.scale),
            diagonal,
            arch: pulp::Arch::new(),
        })
    }

    /// Releases the matrix G that it holds, so that its parts are summed for every target.
    #[cfg(test)]
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// The sources of a target, ascending, and their weights; none for a target that shares no column with any row. If
    /// `weights` are given, each of the target's columns counts by a positive one more in choosing sources and in G_Nj.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NotFinite`].
    pub fn solve(
        &self,
        target: usize,
        weights: Option<&[[f32; 2]]>,
        scratch: &mut RidgeScratch,
    ) -> Result<Vec<Weighted>> {
        self.arch.dispatch(Target { ridge: self, target, weights, scratch })
    }
}

/// Per-thread scratch space.
pub struct RidgeScratch {
    row: Row<2>,
    /// N(j), ascending, with the closeness of each source.
    sources: Vec<Weighted>,
    /// How many of the sources each column has; all zero between two targets.
    counts: Vec<u32>,
    /// The columns with at least one source.
    columns: Vec<u32>,
    /// The positions in N(j) of each column's sources, ascending, column by column.
    places: Vec<u32>,
    /// The ranks of these sources among the user's items, if order counts.
    ranks: Vec<f32>,
    /// The upper triangle of G_NN + ρ D_N^2γ, K × K with padded rows.
    system: Vec<f32>,
    /// G_Nj, then x.
    right: Vec<f32>,
    /// Dense rows of the columns with many of the sources.
    dense: Vec<f32>,
    content: ContentScratch,
}

impl RidgeScratch {
    /// Allocates space for the targets of `ridge`.
    pub fn new(ridge: &LocalRidge<'_>) -> Self {
        let added = ridge.content.as_ref().map_or(0, ItemContent::most_nearest);
        let widest = padded(ridge.considered + added);
        Self {
            row: Row::new(ridge.incidence.rows.rows()),
            sources: Vec::new(),
            counts: vec![0; ridge.incidence.columns.rows()],
            columns: Vec::new(),
            places: Vec::new(),
            ranks: Vec::new(),
            system: vec![0.0; widest * widest],
            right: vec![0.0; widest],
            dense: vec![0.0; DENSE_COLUMNS * widest],
            content: ContentScratch::default(),
        }
    }
}

struct Target<'a> {
    ridge: &'a LocalRidge<'a>,
    target: usize,
    weights: Option<&'a [[f32; 2]]>,
    scratch: &'a mut RidgeScratch,
}

impl WithSimd for Target<'_> {
    type Output = Result<Vec<Weighted>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { ridge, target, weights, scratch } = self;
        ridge.observer.check()?;
        choose_sources(ridge, target, weights, scratch)?;
        if scratch.sources.is_empty() {
            return Ok(Vec::new());
        }
        let stride = padded(scratch.sources.len());
        match &ridge.held {
            Some(held) => read_system(held, stride, scratch),
            None => {
                sum_system(simd, ridge, stride, scratch)?;
                if let Some(content) = &ridge.content {
                    let RidgeScratch { sources, system, content: own, .. } = &mut *scratch;
                    content.add_to_system(sources, stride, system, own);
                }
            }
        }
        let system = &mut scratch.system[..stride * stride];
        for place in 0..stride {
            system[place * stride + place] =
                scratch.sources.get(place).map_or(1.0, |source| ridge.diagonal[source.0 as usize]);
        }
        let right = &mut scratch.right[..stride];
        factorize_simd(simd, system, stride);
        solve_simd(simd, system, stride, right);
        let scale = ridge.target_scales[target];
        let weights = scratch.sources.iter().zip(right.iter());
        let weights: Vec<Weighted> = weights
            .map(|(&(source, _), &solution)| {
                (source, solution * ridge.source_scales[source as usize] * scale)
            })
            .collect();
        if weights.iter().all(|weighted| weighted.1.is_finite()) {
            Ok(weights)
        } else {
            Err(EngineError::NotFinite { what: "neighbours" })
        }
    }
}

/// Computes N(j) and G_Nj, with what content adds to both.
fn choose_sources(
    ridge: &LocalRidge<'_>,
    target: usize,
    weights: Option<&[[f32; 2]]>,
    scratch: &mut RidgeScratch,
) -> Result<()> {
    let RidgeScratch { row, sources, right, .. } = scratch;
    row.sum(ridge.incidence, target, &ridge.column_weights, (weights, ridge.close.as_ref()), ridge.observer)?;
    sources.clear();
    sources.extend(
        row.met()
            .iter()
            .filter(|&&other| other as usize != target)
            .map(|&other| (other, row.get(other)[0] * ridge.nearest_scales[other as usize])),
    );
    keep_strongest(sources, ridge.considered);
    sources.sort_unstable_by_key(|source| source.0);
    // A target that nobody has is not related to what users have, but left to the models of new items.
    let content = ridge.content.as_ref().filter(|_| !row.met().is_empty());
    if let Some(content) = content {
        content.add_sources(target, sources);
    }
    right.fill(0.0);
    for (value, source) in right.iter_mut().zip(sources.iter()) {
        *value = row.get(source.0)[1];
    }
    if let Some(content) = content {
        content.add_to_right(target, sources, right);
    }
    Ok(())
}

/// Reads the part of G_NN above its diagonal from G.
fn read_system(held: &[Vec<f32>], stride: usize, scratch: &mut RidgeScratch) {
    let RidgeScratch { sources, system, .. } = scratch;
    for (place, &(source, _)) in sources.iter().enumerate() {
        let row = &mut system[place * stride..(place + 1) * stride];
        let from = &held[source as usize];
        for (value, &(other, _)) in row[place + 1..].iter_mut().zip(&sources[place + 1..]) {
            *value = from[(other - source) as usize];
        }
        row[sources.len()..].fill(0.0);
    }
    system[sources.len() * stride..stride * stride].fill(0.0);
}

/// Sums the part of G_NN above its diagonal over the columns of N.
#[inline(always)]
fn sum_system<S: Simd>(
    simd: S,
    ridge: &LocalRidge<'_>,
    stride: usize,
    scratch: &mut RidgeScratch,
) -> Result<()> {
    let RidgeScratch { sources, counts, columns, places, ranks, system, dense, .. } = scratch;
    let rows = ridge.incidence.rows;
    // Counting sort: collects the positions of every column.
    columns.clear();
    for &(source, _) in sources.iter() {
        ridge.observer.check()?;
        for &column in rows.row(source as usize).0 {
            if counts[column as usize] == 0 {
                columns.push(column);
            }
            counts[column as usize] += 1;
        }
    }
    let mut total = 0;
    for &column in columns.iter() {
        let count = &mut counts[column as usize];
        total += std::mem::replace(count, total);
    }
    places.resize(total as usize, 0);
    ranks.resize(if ridge.close.is_some() { total as usize } else { 0 }, 0.0);
    for (place, &(source, _)) in sources.iter().enumerate() {
        ridge.observer.check()?;
        let close = ridge.close.as_ref();
        let of_source = close.map_or(&[][..], |close| close.of_row(ridge.incidence, source as usize));
        for (number, &column) in rows.row(source as usize).0.iter().enumerate() {
            let next = &mut counts[column as usize];
            places[*next as usize] = place as u32;
            if let Some(rank) = of_source.get(number) {
                ranks[*next as usize] = *rank;
            }
            *next += 1;
        }
    }

    let system = &mut system[..stride * stride];
    system.fill(0.0);
    let (mut first, mut held) = (0, 0);
    for (number, &column) in columns.iter().enumerate() {
        if number % CHECK_COLUMNS == 0 {
            ridge.observer.check()?;
        }
        // After the counting sort, a column's count is the end of its positions.
        let end = std::mem::take(&mut counts[column as usize]) as usize;
        let (own, of_own) = (&places[first..end], ranks.get(first..end));
        first = end;
        let weight = ridge.column_weights[column as usize][1];
        if let (Some(close), Some(ranks)) = (&ridge.close, of_own) {
            for (at, (&place, &rank)) in own.iter().zip(ranks).enumerate() {
                let row = &mut system[place as usize * stride..][..stride];
                let others = own[at + 1..].iter().zip(&ranks[at + 1..]);
                others
                    .for_each(|(&other, &of_other)| row[other as usize] += weight * close.of(rank, of_other));
            }
        } else if own.len() * DENSE_SHARE > stride {
            let row = &mut dense[held * stride..(held + 1) * stride];
            row.fill(0.0);
            own.iter().for_each(|&place| row[place as usize] = weight.sqrt());
            held += 1;
            if held == DENSE_COLUMNS {
                rank_update_simd::<S, true>(simd, system, &dense[..held * stride], stride, 0, stride);
                held = 0;
            }
        } else {
            for (at, &place) in own.iter().enumerate() {
                let row = &mut system[place as usize * stride..][..stride];
                own[at + 1..].iter().for_each(|&other| row[other as usize] += weight);
            }
        }
    }
    rank_update_simd::<S, true>(simd, system, &dense[..held * stride], stride, 0, stride);
    Ok(())
}
