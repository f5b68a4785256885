//! The local ridge: every target is regressed on its nearest sources only (EASE restricted to
//! neighbours, users weighted; closed form, target by target).
//!
//! With `G_ij = Σ_u n_u^−.3 R_ui R_uj`, `G' = D^−γ G D^−γ` (γ = .1) and N(j) the K sources i with the
//! largest `d_i^−.6 Σ_u n_u^−.65 R_ui R_uj`: `B_Nj = (G'_NN + ρI)⁻¹ G'_Nj` and
//! `w(i, j) = d_i^−.35 B_ij d_j^.1`. The scalings can be moved out of the inverse and those of the target cancel, so
//! the system that is solved is `(G_NN + ρ D_N^.2) x = G_Nj`, `w(i, j) = d_i^−.25 x_i`. What is known about items can be
//! added to G ([`super::ridge_content`]).
//!
//! Where the order of a user's items counts, a pair of them counts (1 + |r_i − r_j|)^−q in both sums over users, for the
//! ranks r of [`crate::interactions::recency`]. G stays positive semidefinite, since that is so for the kernel.
//!
//! Each target takes its row of co-occurrences; G_NN, which is read from G for a small catalogue and otherwise summed
//! over the users of N (m²/2 additions for a user who has m of its items); and a Cholesky factorization of K³/6
//! multiply-adds, which dominates if histories are short.

use super::cooccurrence::{BLOCK_ITEMS, ClosePairs, Row, STEPS, add_later, powers};
use super::options::NeighbourOptions;
use super::options::PHASE;
use super::ridge_content::{ContentScratch, ItemContent, RidgeContent};
use super::strongest::{Strongest, Weighted, keep_strongest};
use crate::error::{EngineError, Result};
use crate::interactions::{Interactions, SparseRows};
use crate::linalg::cholesky::{factorize_simd, solve_simd};
use crate::linalg::padded;
use crate::linalg::rank_update::rank_update_simd;
use crate::observer::{Observer, Progress};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Exponents of a user's history length in their weight: for choosing sources, and in G.
const USER_EXPONENTS: [f64; 2] = [-0.65, -0.3];
/// Exponent of a source's number of users, for choosing sources.
const NEAREST_EXPONENT: f64 = -0.6;
/// −γ, the exponent of the scaling D of G.
const SCALE_EXPONENT: f64 = -0.1;
/// Exponent of a source's number of users, applied to its regression weight.
const SOURCE_EXPONENT: f64 = -0.35;
/// Up to this many items the upper triangle of G is held (134 MB at most). On MovieLens 100k this cuts the training
/// from .33 s to .19 s, with twenty times the users from 4.7 s to .56 s: the fewer the items and the more the users,
/// the more it costs to sum every G_NN over users.
const HELD_ITEMS: usize = 8192;
/// Users between two checks for cancellation: about ten milliseconds.
const CHECK_USERS: usize = 1 << 14;
/// Users with many of the sources that are added to G_NN in one matrix product.
const DENSE_USERS: usize = 64;
/// A user with more than one in this many of the sources is added as a dense row. The m²/2 scattered additions would
/// cost more than K²/2 multiply-adds in registers.
const DENSE_SHARE: usize = 6;

/// Computes the weights (items × items), with what is known about the items or without.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NotFinite`], [`EngineError::Shape`] if the content is that of other items.
pub fn train(
    interactions: &Interactions,
    options: &NeighbourOptions,
    content: Option<RidgeContent<'_>>,
    observer: &dyn Observer,
) -> Result<SparseRows> {
    let items = interactions.items();
    let problem = Problem::new(interactions, options, content, observer)?;
    let arch = pulp::Arch::new();
    let mut strongest = Strongest::new(items, options.kept);
    let step_items = items.div_ceil(STEPS).max(1);
    for (step, first) in (0..items).step_by(step_items).enumerate() {
        let solved: Vec<Vec<Weighted>> = (first..(first + step_items).min(items))
            .into_par_iter()
            .with_min_len(BLOCK_ITEMS)
            .map_init(
                || Scratch::new(&problem),
                |scratch, target| arch.dispatch(Target { problem: &problem, target, scratch }),
            )
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
    let widest = padded(considered.min(items));
    let system = 4 * widest * (widest + DENSE_USERS);
    let thread = 20 * items + 8 * users + 4 * entries + system;
    let held = if items <= HELD_ITEMS { 2 * items * items } else { 0 };
    let solutions = 8 * widest * items.div_ceil(STEPS);
    (threads * thread + held + solutions + 12 * users + 12 * items) as u64
}

/// The inputs that all targets share.
struct Problem<'a> {
    interactions: &'a Interactions,
    observer: &'a dyn Observer,
    considered: usize,
    user_weights: Vec<[f32; 2]>,
    nearest_scales: Vec<f32>,
    weight_scales: Vec<f32>,
    /// The diagonal of the system, G_ii + ρ d_i^.2.
    diagonal: Vec<f32>,
    /// How pairs count; `None` if all count the same.
    close: Option<ClosePairs>,
    /// The rows of G from the diagonal on, with those of content; `None` for large catalogues.
    held: Option<Vec<Vec<f32>>>,
    content: Option<ItemContent<'a>>,
}

impl<'a> Problem<'a> {
    fn new(
        interactions: &'a Interactions,
        options: &NeighbourOptions,
        content: Option<RidgeContent<'a>>,
        observer: &'a dyn Observer,
    ) -> Result<Self> {
        let content = content.filter(|content| content.weight > 0.0);
        let degree_scales = || powers(interactions.by_item(), -SCALE_EXPONENT);
        let content = content.map(|content| ItemContent::new(content, &degree_scales(), interactions));
        let content = content.transpose()?;
        let items = interactions.items();
        let [nearest, gram] = USER_EXPONENTS.map(|exponent| powers(interactions.by_user(), exponent));
        let ridges = powers(interactions.by_item(), -2.0 * SCALE_EXPONENT);
        let close = ClosePairs::new(interactions, options.distance);
        let own = |item| -> f64 {
            interactions.by_item().row(item).0.iter().map(|&user| f64::from(gram[user as usize])).sum()
        };
        let mut diagonal: Vec<f32> = ridges
            .iter()
            .enumerate()
            .map(|(item, &ridge)| (own(item) + options.regularization * f64::from(ridge)) as f32)
            .collect();
        if let Some(content) = &content {
            diagonal.iter_mut().enumerate().for_each(|(item, sum)| *sum += content.product(item, item));
        }
        let hold = |item| {
            let mut row = vec![0.0; items - item];
            add_later(&mut row, interactions, item, |user| gram[user as usize], close.as_ref(), observer)?;
            Ok(row)
        };
        let held = (items <= HELD_ITEMS).then(|| (0..items).into_par_iter().map(hold).collect::<Result<_>>());
        let mut held: Option<Vec<Vec<f32>>> = held.transpose()?;
        if let (Some(held), Some(content)) = (&mut held, &content) {
            content.add_to_gram(held, observer)?;
        }
        Ok(Self {
            close,
            held,
            content,
            interactions,
            observer,
            considered: options.considered.min(items),
            user_weights: nearest.into_iter().zip(gram).map(|(nearest, gram)| [nearest, gram]).collect(),
            nearest_scales: powers(interactions.by_item(), NEAREST_EXPONENT),
            weight_scales: powers(interactions.by_item(), SOURCE_EXPONENT - SCALE_EXPONENT),
            diagonal,
        })
    }
}

/// Per-thread scratch space.
struct Scratch {
    row: Row<2>,
    /// N(j), ascending, with the closeness of each source.
    sources: Vec<Weighted>,
    /// How many of the sources each user has; all zero between two targets.
    counts: Vec<u32>,
    /// The users with at least one source.
    users: Vec<u32>,
    /// The positions in N(j) of each user's sources, ascending, user by user.
    places: Vec<u32>,
    /// The ranks of these sources among the user's items, if order counts.
    ranks: Vec<f32>,
    /// The upper triangle of G_NN + ρ D_N^.2, K × K with padded rows.
    system: Vec<f32>,
    /// G_Nj, then x.
    right: Vec<f32>,
    /// Dense rows of the users with many of the sources.
    dense: Vec<f32>,
    content: ContentScratch,
}

impl Scratch {
    fn new(problem: &Problem<'_>) -> Self {
        let added = problem.content.as_ref().map_or(0, ItemContent::most_nearest);
        let widest = padded(problem.considered + added);
        Self {
            row: Row::new(problem.interactions.items()),
            sources: Vec::new(),
            counts: vec![0; problem.interactions.users()],
            users: Vec::new(),
            places: Vec::new(),
            ranks: Vec::new(),
            system: vec![0.0; widest * widest],
            right: vec![0.0; widest],
            dense: vec![0.0; DENSE_USERS * widest],
            content: ContentScratch::default(),
        }
    }
}

struct Target<'a> {
    problem: &'a Problem<'a>,
    target: usize,
    scratch: &'a mut Scratch,
}

impl WithSimd for Target<'_> {
    type Output = Result<Vec<Weighted>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { problem, target, scratch } = self;
        problem.observer.check()?;
        choose_sources(problem, target, scratch)?;
        if scratch.sources.is_empty() {
            return Ok(Vec::new());
        }
        let stride = padded(scratch.sources.len());
        match &problem.held {
            Some(held) => read_system(held, stride, scratch),
            None => {
                sum_system(simd, problem, stride, scratch)?;
                if let Some(content) = &problem.content {
                    let Scratch { sources, system, content: own, .. } = &mut *scratch;
                    content.add_to_system(sources, stride, system, own);
                }
            }
        }
        let system = &mut scratch.system[..stride * stride];
        for place in 0..stride {
            system[place * stride + place] =
                scratch.sources.get(place).map_or(1.0, |source| problem.diagonal[source.0 as usize]);
        }
        let right = &mut scratch.right[..stride];
        factorize_simd(simd, system, stride);
        solve_simd(simd, system, stride, right);
        let weights = scratch.sources.iter().zip(right.iter());
        let weights: Vec<Weighted> = weights
            .map(|(&(source, _), &solution)| (source, solution * problem.weight_scales[source as usize]))
            .collect();
        if weights.iter().all(|weighted| weighted.1.is_finite()) {
            Ok(weights)
        } else {
            Err(EngineError::NotFinite { what: "neighbours" })
        }
    }
}

/// Computes N(j) and G_Nj, with what content adds to both.
fn choose_sources(problem: &Problem<'_>, target: usize, scratch: &mut Scratch) -> Result<()> {
    let Scratch { row, sources, right, .. } = scratch;
    row.sum(problem.interactions, target, &problem.user_weights, problem.close.as_ref(), problem.observer)?;
    sources.clear();
    sources.extend(
        row.items()
            .iter()
            .filter(|&&item| item as usize != target)
            .map(|&item| (item, row.get(item)[0] * problem.nearest_scales[item as usize])),
    );
    keep_strongest(sources, problem.considered);
    sources.sort_unstable_by_key(|source| source.0);
    // A target that nobody has is not related to what users have, but left to the models of new items.
    let content = problem.content.as_ref().filter(|_| !row.items().is_empty());
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
fn read_system(held: &[Vec<f32>], stride: usize, scratch: &mut Scratch) {
    let Scratch { sources, system, .. } = scratch;
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

/// Sums the part of G_NN above its diagonal over the users of N.
#[inline(always)]
fn sum_system<S: Simd>(simd: S, problem: &Problem<'_>, stride: usize, scratch: &mut Scratch) -> Result<()> {
    let Scratch { sources, counts, users, places, ranks, system, dense, .. } = scratch;
    let by_item = problem.interactions.by_item();
    // Counting sort: collects the positions of every user.
    users.clear();
    for &(source, _) in sources.iter() {
        problem.observer.check()?;
        for &user in by_item.row(source as usize).0 {
            if counts[user as usize] == 0 {
                users.push(user);
            }
            counts[user as usize] += 1;
        }
    }
    let mut total = 0;
    for &user in users.iter() {
        let count = &mut counts[user as usize];
        total += std::mem::replace(count, total);
    }
    places.resize(total as usize, 0);
    ranks.resize(if problem.close.is_some() { total as usize } else { 0 }, 0.0);
    for (place, &(source, _)) in sources.iter().enumerate() {
        problem.observer.check()?;
        let close = problem.close.as_ref();
        let own = close.map_or(&[][..], |close| close.ranks_of_item(problem.interactions, source as usize));
        for (number, &user) in by_item.row(source as usize).0.iter().enumerate() {
            let next = &mut counts[user as usize];
            places[*next as usize] = place as u32;
            if let Some(rank) = own.get(number) {
                ranks[*next as usize] = *rank;
            }
            *next += 1;
        }
    }

    let system = &mut system[..stride * stride];
    system.fill(0.0);
    let (mut first, mut held) = (0, 0);
    for (number, &user) in users.iter().enumerate() {
        if number % CHECK_USERS == 0 {
            problem.observer.check()?;
        }
        // After the counting sort, a user's count is the end of their positions.
        let end = std::mem::take(&mut counts[user as usize]) as usize;
        let (own, of_own) = (&places[first..end], ranks.get(first..end));
        first = end;
        let weight = problem.user_weights[user as usize][1];
        if let (Some(close), Some(ranks)) = (&problem.close, of_own) {
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
            if held == DENSE_USERS {
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

#[cfg(test)]
mod tests;
