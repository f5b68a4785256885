//! Metrics that are quotients of sums over users, with bootstrap intervals over users (Efron 1979): a mean
//! over the users for whom a metric is defined, a mean over all their predictions, or the root of one.
//!
//! 2 · resamples · users · metrics additions for all users and as many again for all segments together;
//! every resample has its own random numbers, so that threads do not matter.

use super::report::MetricRow;
use crate::error::{EngineError, Result};
use crate::observer::Observer;
use crate::seed::{self, mix};
use rand::Rng;
use rayon::prelude::*;

/// The 2.5 % bounds then rest on 12 resamples each.
const RESAMPLES: u64 = 500;

/// A metric made of two sums over users.
#[derive(Clone, Copy, Debug)]
pub struct Quotient {
    /// The name in SQL.
    pub metric: &'static str,
    /// The length of the lists, 0 where it looks at none.
    pub k: usize,
    /// True where the value is the root of the quotient.
    pub root: bool,
}

/// What each user adds above and below the line of each quotient: users × quotients.
#[derive(Clone, Debug)]
pub struct Parts {
    quotients: usize,
    values: Vec<[f64; 2]>,
}

impl Parts {
    /// With `fill(user, parts)`, which writes one user's parts; they are `[0, 0]` before.
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
            // The lists of 64 users are well under a millisecond.
            if user.is_multiple_of(64) {
                observer.check()?;
            }
            fill(user, parts);
            Ok(())
        })?;
        Ok(Self { quotients, values })
    }

    /// The sums over users, each taken as often as is said.
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

    /// The sums of every resample of some users.
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

/// The value of every quotient for some users, beside the baseline. One that either side has nothing below
/// the line of has no row; of fewer than two users there is no interval.
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
        let value = |sums: &[[f64; 2]]| {
            let [above, below] = sums[place];
            let value = if quotient.root { (above / below).sqrt() } else { above / below };
            (below > 0.0).then_some(value)
        };
        let mut bounds: Vec<f64> = resampled.iter().filter_map(|sums| value(sums)).collect();
        bounds.sort_unstable_by(f64::total_cmp);
        let tail = bounds.len() / 40;
        let has_part = |&&user: &&usize| model.values[user * model.quotients + place][1] > 0.0;
        let counted = users.iter().filter(has_part).count();
        let interval = bounds.get(tail).copied().zip(bounds.iter().rev().nth(tail).copied());
        Some(MetricRow {
            metric: quotient.metric,
            k: quotient.k,
            segment,
            value: value(&sums)?,
            interval: interval.filter(|_| counted > 1),
            baseline: value(&baselines)?,
            users: counted,
        })
    };
    Ok(quotients.iter().enumerate().filter_map(row).collect())
}

/// All users, then the users of each segment; none where there are none.
///
/// # Errors
/// [`EngineError::Shape`] where groups and users do not fit.
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

/// An error where two sizes differ.
///
/// # Errors
/// [`EngineError::Shape`].
pub fn fits(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
}
