//! Metrics that are quotients of sums over users, with bootstrap intervals over users (Efron 1979): a mean over the
//! users for whom a metric is defined, a mean over all their predictions, or the root of such a mean.
//!
//! Takes 2 · resamples · users · metrics additions for all users, and as many again for all segments together. Every
//! resample has its own random numbers, so results do not depend on the number of threads.

use super::metric_row::MetricRow;
use crate::error::{EngineError, Result};
use crate::observer::Observer;
use crate::seed::{self, mix};
use rand::Rng;
use rayon::prelude::*;

/// The number of bootstrap resamples; each 2.5 % bound then rests on 12 of them.
const RESAMPLES: u64 = 500;

/// A metric that is a quotient of two sums over users.
#[derive(Clone, Copy, Debug)]
pub struct Quotient {
    /// The name of the metric in SQL.
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: usize,
    /// Whether the value is the square root of the quotient.
    pub root: bool,
}

impl Quotient {
    /// The value for two sums; `None` if the denominator is zero.
    fn of(&self, [above, below]: [f64; 2]) -> Option<f64> {
        let value = if self.root { (above / below).sqrt() } else { above / below };
        (below > 0.0).then_some(value)
    }
}

/// What each user adds to the numerator and denominator of each quotient, users × quotients.
#[derive(Clone, Debug)]
pub struct Parts {
    quotients: usize,
    values: Vec<[f64; 2]>,
}

impl Parts {
    /// Calls `fill(user, parts)` for each user, to write that user's parts over `[0, 0]`.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn new(
        users: usize,
        quotients: usize,
        observer: &dyn Observer,
        fill: impl Fn(usize, &mut [[f64; 2]]) + Sync,
    ) -> Result<Self> {
        let mut values = vec![[0.0; 2]; users * quotients];
        values.par_chunks_mut(quotients.max(1)).enumerate().try_for_each(|(user, parts)| {
            // 64 users take well under a millisecond.
            if user.is_multiple_of(64) {
                observer.check()?;
            }
            fill(user, parts);
            Ok(())
        })?;
        Ok(Self { quotients, values })
    }

    /// The number of `users` for whom a quotient is defined.
    fn counted(&self, place: usize, users: &[usize]) -> usize {
        users.iter().filter(|&&user| self.values[user * self.quotients + place][1] > 0.0).count()
    }

    /// The sums over users, each taken the given number of times.
    fn sums(&self, users: impl Iterator<Item = (usize, f64)>) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.quotients];
        for (user, times) in users {
            let parts = &self.values[user * self.quotients..(user + 1) * self.quotients];
            for (sum, part) in sums.iter_mut().zip(parts) {
                sum[0] += times * part[0];
                sum[1] += times * part[1];
            }
        }
        sums
    }

    /// The sums of every bootstrap resample of `users`.
    fn resampled(&self, users: &[usize], seed: u64, observer: &dyn Observer) -> Result<Vec<Vec<[f64; 2]>>> {
        (0..RESAMPLES)
            .into_par_iter()
            .map(|resample| {
                observer.check()?;
                let mut random = seed::random(mix(seed).wrapping_add(resample), "bootstrap");
                let mut times = vec![0u32; users.len()];
                users.iter().for_each(|_| times[random.gen_range(0..users.len())] += 1);
                let drawn = users.iter().zip(times).filter(|&(_, times)| times > 0);
                Ok(self.sums(drawn.map(|(&user, times)| (user, f64::from(times)))))
            })
            .collect()
    }
}

/// The value of every quotient for some users, with that of the baseline. A quotient without a denominator on either
/// side has no row; with fewer than two users there is no interval.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub fn quotient_rows(
    quotients: &[Quotient],
    [model, baseline]: [&Parts; 2],
    segment: Option<u32>,
    users: &[usize],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    let resampled = if users.len() > 1 { model.resampled(users, seed, observer)? } else { Vec::new() };
    let all = |parts: &Parts| parts.sums(users.iter().map(|&user| (user, 1.0)));
    let (sums, baselines) = (all(model), all(baseline));
    let row = |(place, quotient): (usize, &Quotient)| {
        let resampled = resampled.iter().filter_map(|sums| quotient.of(sums[place])).collect();
        let counted = model.counted(place, users);
        Some(MetricRow {
            metric: quotient.metric,
            k: quotient.k,
            segment,
            value: quotient.of(sums[place])?,
            interval: bounds(resampled).filter(|_| counted > 1),
            baseline: quotient.of(baselines[place])?,
            users: counted,
        })
    };
    Ok(quotients.iter().enumerate().filter_map(row).collect())
}

/// The values of a quotient for two ways to rank the same users.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The name of the metric in SQL.
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: usize,
    /// The value of the first.
    pub value: f64,
    /// The value of the second.
    pub other: f64,
    /// The bounds of the 95 % interval of value − other; every resample draws the same users for both.
    pub interval: Option<(f64, f64)>,
    /// The number of users that the values were computed from.
    pub users: usize,
}

/// The difference of every quotient between two ways to rank all users.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub fn differences(
    quotients: &[Quotient],
    [one, other]: [&Parts; 2],
    users: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<Difference>> {
    let users: Vec<usize> = (0..users).collect();
    let resampled = |parts: &Parts| match users.len() {
        0 | 1 => Ok(Vec::new()),
        _ => parts.resampled(&users, seed, observer),
    };
    let resampled: Vec<_> = resampled(one)?.into_iter().zip(resampled(other)?).collect();
    let all = |parts: &Parts| parts.sums(users.iter().map(|&user| (user, 1.0)));
    let (sums, others) = (all(one), all(other));
    let row = |(place, quotient): (usize, &Quotient)| {
        let differences = resampled
            .iter()
            .filter_map(|(one, other)| Some(quotient.of(one[place])? - quotient.of(other[place])?));
        Some(Difference {
            metric: quotient.metric,
            k: quotient.k,
            value: quotient.of(sums[place])?,
            other: quotient.of(others[place])?,
            interval: bounds(differences.collect()),
            users: one.counted(place, &users),
        })
    };
    Ok(quotients.iter().enumerate().filter_map(row).collect())
}

/// The 2.5 % and 97.5 % quantiles of the values.
fn bounds(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let tail = values.len() / 40;
    values.get(tail).copied().zip(values.iter().rev().nth(tail).copied())
}

/// All users, then the users of each segment that has any.
///
/// # Errors
/// [`EngineError::Shape`] if groups and users do not match.
pub fn parts_of_users(
    users: usize,
    groups: Option<(&[u32], usize)>,
) -> Result<Vec<(Option<u32>, Vec<usize>)>> {
    let mut parts = vec![(None, (0..users).collect())];
    if let Some((of_user, segments)) = groups {
        fits("segments of users", users, of_user.len())?;
        let mut members = vec![Vec::new(); segments];
        for (user, &segment) in of_user.iter().enumerate() {
            match members.get_mut(segment as usize) {
                Some(members) => members.push(user),
                None => fits("segments", segments, segment as usize + 1)?,
            }
        }
        parts.extend(members.into_iter().enumerate().map(|(segment, users)| (Some(segment as u32), users)));
    }
    parts.retain(|(_, users): &(_, Vec<usize>)| !users.is_empty());
    Ok(parts)
}

/// Checks that two sizes are equal.
///
/// # Errors
/// [`EngineError::Shape`] if they differ.
pub fn fits(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
}
