//! How recommendations spread over the catalog: coverage and the Gini coefficient, with standard errors by the
//! jackknife over users (Efron & Stein 1981).
//!
//! The bootstrap does not work here. A resample holds 63 % of the users, so it misses most items shown to only one
//! user, and its intervals lie below the value and are too narrow (half the true variance if an item is expected to be
//! shown once). The jackknife needs no random numbers and errs on the wide side: up to twice the true standard error if
//! nearly all items are shown. It takes only O(users·k + items), because the change of a Gini coefficient with a count
//! follows from the number of items with a smaller count.

use crate::error::Result;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::sorting::sort_by;

/// A value and its standard error, which is `None` if it is not defined.
pub type Jackknifed = (f64, Option<f64>);

/// How often each item of a catalog is shown.
#[derive(Clone, Debug)]
pub struct CatalogSpread {
    counts: Vec<u32>,
    /// For each count, the number of items with a smaller count.
    smaller: Vec<usize>,
}

impl CatalogSpread {
    /// Counts lists of distinct items, all below `items`.
    pub fn new<'a>(lists: impl Iterator<Item = &'a [Scored]>, items: usize) -> Self {
        let mut counts = vec![0u32; items];
        lists.flatten().for_each(|scored| counts[scored.item as usize] += 1);
        let most = counts.iter().max().map_or(0, |&most| most as usize);
        let mut smaller = vec![0; most + 2];
        counts.iter().for_each(|&count| smaller[count as usize + 1] += 1);
        for count in 0..=most {
            smaller[count + 1] += smaller[count];
        }
        Self { counts, smaller }
    }

    /// The share of items that are shown at all. `lists` must be those given to [`Self::new`].
    pub fn coverage<'a>(&self, lists: impl Iterator<Item = &'a [Scored]>) -> Jackknifed {
        let items = self.counts.len().max(1) as f64;
        let shown = (self.counts.len() - self.smaller[1]) as f64;
        let without = lists.map(|list| {
            let only_here = list.iter().filter(|scored| self.counts[scored.item as usize] == 1).count();
            Some((shown - only_here as f64) / items)
        });
        (shown / items, jackknife_error(without))
    }

    /// The Gini coefficient of how often items are shown, over the whole catalog: 0 if all are shown equally often,
    /// near 1 if a few take nearly all places. `None` if nothing is shown.
    pub fn gini<'a>(&self, lists: impl Iterator<Item = &'a [Scored]>) -> Option<Jackknifed> {
        let items = self.counts.len() as i64;
        let shown: i64 = self.counts.iter().map(|&count| i64::from(count)).sum();
        // Σ|x_i − x_j| over pairs: a count enters once with + for each smaller one and once with − for each greater
        // one.
        let differences: i64 = self
            .smaller
            .windows(2)
            .enumerate()
            .map(|(count, smaller)| {
                let (below, equal) = (smaller[0] as i64, (smaller[1] - smaller[0]) as i64);
                count as i64 * equal * (2 * below + equal - items)
            })
            .sum();
        let gini = |differences: i64, shown: i64| {
            (shown > 0).then(|| differences as f64 / (items as f64 * shown as f64))
        };
        let mut counts = Vec::new();
        let without = lists.map(|list| {
            counts.clear();
            counts.extend(list.iter().map(|scored| self.counts[scored.item as usize]));
            counts.sort_unstable();
            // When a count falls by one, its distance to smaller counts shrinks and to others grows, except to equal
            // counts that fall as well.
            let apart: i64 =
                counts.iter().map(|&count| items - 1 - 2 * self.smaller[count as usize] as i64).sum();
            let together: i64 =
                counts.chunk_by(|a, b| a == b).map(|ties| (ties.len() * (ties.len() - 1)) as i64).sum();
            gini(differences + apart - together, shown - list.len() as i64)
        });
        let error = jackknife_error(without);
        gini(differences, shown).map(|value| (value, error))
    }
}

/// The Gini coefficient of non-negative values: Σ(2i − n − 1)·x_i / (n·Σx_i), where i is the rank of x_i from 1. `None`
/// if they are all zero.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn gini(mut values: Vec<f64>, observer: &dyn Observer) -> Result<Option<f64>> {
    sort_by(&mut values, &f64::total_cmp, observer)?;
    let count = values.len() as f64;
    let (mut weighted, mut sum) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        weighted += (2.0 * place as f64 + 1.0 - count) * value;
        sum += value;
    }
    Ok((sum > 0.0).then(|| weighted / (count * sum)))
}

/// The jackknife standard error from the values of a statistic without each user: √((n − 1)/n · Σ(θ_u − θ̄)²).
fn jackknife_error(without: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let without: Vec<f64> = without.collect::<Option<_>>()?;
    let users = without.len() as f64;
    let mean = without.iter().sum::<f64>() / users;
    let squares: f64 = without.iter().map(|value| (value - mean).powi(2)).sum();
    (without.len() > 1).then(|| (squares * (users - 1.0) / users).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::standard_error::mean_and_error;
    use crate::observer::Silent;
    use crate::seed::mix;

    /// `users` lists of `k` different items, the first ones far more often.
    fn lists(users: u64, k: usize, items: u32, world: u64) -> Vec<Vec<Scored>> {
        let list = |user: u64| {
            let mut list: Vec<Scored> = Vec::new();
            for draw in 0.. {
                let uniform = (mix(mix(world ^ (user << 20)) ^ draw) >> 11) as f64 / (1u64 << 53) as f64;
                let item = (uniform.powi(3) * f64::from(items)) as u32;
                if list.len() == k {
                    break;
                }
                if list.iter().all(|scored| scored.item != item) {
                    list.push(Scored { item, score: 0.0 });
                }
            }
            list
        };
        (0..users).map(list).collect()
    }

    fn both(lists: &[Vec<Scored>], items: usize) -> (Jackknifed, Option<Jackknifed>) {
        let spread = CatalogSpread::new(lists.iter().map(Vec::as_slice), items);
        let lists = || lists.iter().map(Vec::as_slice);
        (spread.coverage(lists()), spread.gini(lists()))
    }

    /// Σ|x_i − x_j| / (2n²·mean), as it is defined.
    fn plain_gini(lists: &[Vec<Scored>], items: usize) -> f64 {
        let mut counts = vec![0.0; items];
        lists.iter().flatten().for_each(|scored| counts[scored.item as usize] += 1.0);
        let differences: f64 =
            counts.iter().flat_map(|a| counts.iter().map(move |b: &f64| (a - b).abs())).sum();
        differences / (2.0 * items as f64 * counts.iter().sum::<f64>())
    }

    #[test]
    fn coverage_counts_each_item_once() {
        let lists = [vec![1, 1], vec![3]];
        let lists = lists.map(|items| items.into_iter().map(|item| Scored { item, score: 0.0 }).collect());
        assert_eq!(both(&lists, 4).0.0, 0.5);
    }

    #[test]
    fn values_and_errors_are_those_of_leaving_out_each_user_in_turn() {
        let lists = lists(30, 7, 60, 1);
        let (coverage, gini) = both(&lists, 60);
        let gini = gini.unwrap();
        assert!((gini.0 - plain_gini(&lists, 60)).abs() < 1e-12);
        let mut shown = vec![0.0; 60];
        lists.iter().flatten().for_each(|scored| shown[scored.item as usize] += 0.5);
        assert!((super::gini(shown, &Silent).unwrap().unwrap() - gini.0).abs() < 1e-12);
        assert_eq!((super::gini(vec![], &Silent), super::gini(vec![0.0], &Silent)), (Ok(None), Ok(None)));
        let without = |user: usize| [&lists[..user], &lists[user + 1..]].concat();
        let error = |values: Vec<f64>| mean_and_error(&values).1 * 29.0;
        let ginis = error((0..30).map(|user| plain_gini(&without(user), 60)).collect());
        let coverages = error((0..30).map(|user| both(&without(user), 60).0.0).collect());
        assert!((gini.1.unwrap() - ginis).abs() < 1e-12);
        assert!((coverage.1.unwrap() - coverages).abs() < 1e-12);
    }

    #[test]
    fn errors_are_about_as_large_as_values_of_other_users_differ() {
        for items in [300, 3000] {
            let worlds: Vec<_> =
                (0..60).map(|world| both(&lists(200, 10, items, world << 50), items as usize)).collect();
            for (name, found) in [
                ("coverage", worlds.iter().map(|world| world.0).collect::<Vec<_>>()),
                ("gini", worlds.iter().map(|world| world.1.unwrap()).collect()),
            ] {
                let (_, error) = mean_and_error(&found.iter().map(|f| f.0).collect::<Vec<_>>());
                let (estimated, _) = mean_and_error(&found.iter().map(|f| f.1.unwrap()).collect::<Vec<_>>());
                let ratio = estimated / (error * 60f64.sqrt());
                assert!((0.8..2.1).contains(&ratio), "{name} of {items}: {ratio}");
            }
        }
    }

    #[test]
    fn nothing_shown_and_one_user_are_no_crash() {
        assert_eq!(both(&[], 5), ((0.0, None), None));
        assert_eq!(both(&[vec![]], 0), ((0.0, None), None));
        let one = lists(1, 3, 9, 1);
        let (coverage, gini) = both(&one, 9);
        assert_eq!(coverage, (3.0 / 9.0, None));
        assert_eq!(gini.map(|gini| gini.1), Some(None));
        assert_eq!(both(&[vec![], vec![]], 4).0, (0.0, Some(0.0)));
    }
}
