//! How much each block of columns counts: the non-negative weights with which the cosines of the blocks predict best
//! which items occur together.
//!
//! For random pairs of items that at least five users have, `y_ij = (G_ij − d_i d_j / U) / √(d_i d_j)` is regressed on
//! the cosines of the blocks, where G_ij is the number of users who have both, d_i that of item i and U that of all. Both
//! sides are centred, which stands for an intercept.
//!
//! A pair takes its cosines, and min(d_i, d_j) searches among the users of the other item.

use super::encoded::EncodedItems;
use crate::error::Result;
use crate::interactions::Interactions;
use crate::linalg::nnls::nonnegative_least_squares;
use crate::observer::Observer;
use crate::seed;
use rand::Rng;
use rayon::prelude::*;
use std::ops::Range;

/// The number of pairs. With a third or three times as many, weights of MovieLens 100k and Online Retail differ in the
/// second digit.
const PAIRS: usize = 200_000;
/// The number of users from which on an item's co-occurrences count.
const LEAST_USERS: usize = 5;
/// With fewer items in pairs, weights would be noise.
const LEAST_ITEMS: usize = 20;
/// Pairs per task.
const BLOCK: usize = 512;

/// Bytes of the pairs.
pub(super) fn memory() -> u64 {
    8 * PAIRS as u64
}

/// The weight of each block, whose columns in the sparse and in the dense part are given and whose rows have length one;
/// `None` if there are too few items to tell.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub(super) fn block_weights(
    items: &EncodedItems,
    blocks: &[[Range<usize>; 2]],
    interactions: &Interactions,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Option<Vec<f64>>> {
    let by_item = interactions.by_item();
    let often: Vec<u32> =
        (0..items.rows() as u32).filter(|&item| by_item.row_len(item as usize) >= LEAST_USERS).collect();
    if often.len() < LEAST_ITEMS {
        return Ok(None);
    }
    let mut random = seed::random(seed, "weights of item features");
    let mut draw = || often[random.gen_range(0..often.len())];
    let pairs: Vec<[u32; 2]> = (0..PAIRS).map(|_| [draw(), draw()]).filter(|[a, b]| a != b).collect();

    let users = interactions.users() as f64;
    let sums = pairs.par_chunks(BLOCK).map(|pairs| {
        let mut sums = Moments::new(blocks.len() + 1);
        let mut values = vec![0.0; blocks.len() + 1];
        for &[a, b] in pairs {
            observer.check()?;
            let (a, b) = (a as usize, b as usize);
            for (value, block) in values.iter_mut().zip(blocks) {
                *value = f64::from(items.product_of(a, items, b, block));
            }
            let (own, other) = (by_item.row(a).0, by_item.row(b).0);
            let [d, e] = [own, other].map(|users| users.len() as f64);
            values[blocks.len()] = (common(own, other) as f64 - d * e / users) / (d * e).sqrt();
            sums.add(&values);
        }
        Ok(sums)
    });
    let sums: Vec<Moments> = sums.collect::<Result<_>>()?;
    let mut total = Moments::new(blocks.len() + 1);
    sums.iter().for_each(|sums| total.join(sums));
    let (a, b) = total.normal_equations();
    Ok(Some(nonnegative_least_squares(&a, &b)))
}

/// The number of common values of two ascending lists.
fn common(a: &[u32], b: &[u32]) -> usize {
    let (few, mut many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut count = 0;
    for &value in few {
        // Gallops from where the last search ended, as the values ascend.
        let mut step = 1;
        while many.get(step).is_some_and(|&other| other < value) {
            step *= 2;
        }
        let within = &many[..many.len().min(step + 1)];
        many = &many[within.partition_point(|&other| other < value)..];
        count += usize::from(many.first() == Some(&value));
    }
    count
}

/// Sums, and sums of products, of some variables, of which the last is predicted.
struct Moments {
    count: f64,
    sums: Vec<f64>,
    products: Vec<f64>,
}

impl Moments {
    fn new(variables: usize) -> Self {
        Self { count: 0.0, sums: vec![0.0; variables], products: vec![0.0; variables * variables] }
    }

    fn add(&mut self, values: &[f64]) {
        self.count += 1.0;
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        for (row, value) in self.products.chunks_mut(values.len()).zip(values) {
            row.iter_mut().zip(values).for_each(|(sum, other)| *sum += value * other);
        }
    }

    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| *sum += other);
        self.products.iter_mut().zip(&other.products).for_each(|(sum, other)| *sum += other);
    }

    /// The covariances of all but the last variable, and their covariances with the last.
    fn normal_equations(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.sums.len();
        let count = self.count.max(1.0);
        let covariance = |i: usize, j: usize| {
            self.products[i * n + j] / count - self.sums[i] / count * (self.sums[j] / count)
        };
        let columns = n - 1;
        let a = (0..columns * columns).map(|at| covariance(at / columns, at % columns)).collect();
        (a, (0..columns).map(|i| covariance(i, columns)).collect())
    }
}
