//! Whether attributes rank better than popularity, on users held out whole: each is scored by a map that has seen
//! neither their attributes nor their items, and by what is popular in their segment among the others.

use super::map::AttributeMap;
use crate::error::{EngineError, Result};
use crate::evaluation::deciding_metric::DECIDING;
use crate::evaluation::history::mean_row;
use crate::evaluation::standard_error::mean_and_error;
use crate::evaluation::{ListMetrics, MetricRow};
use crate::interactions::Interactions;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::ranking::TopN;
use crate::seed::{mix, sample};
use rayon::prelude::*;

/// Parts of the users, each of which is held out once.
const FOLDS: u64 = 5;
/// The maximum number of users that are measured, chosen by the seed. The standard error of a metric is then at most
/// .5/√4,000 = .008, and that of a paired difference much smaller.
const MOST_USERS: usize = 4_000;
/// Average users that are added to a segment's own counts, as popularity does.
const PRIOR_USERS: f32 = 20.0;

/// What attributes gain over popularity in the metric that decides, paired by user.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeGain {
    /// What attributes reach, and as the baseline what popularity in the segment reaches; `None` if no user has items.
    pub row: Option<MetricRow>,
    /// The mean difference.
    pub gain: f64,
    /// Its standard error.
    pub error: f64,
}

impl AttributeGain {
    /// Whether attributes are better by more than a standard error.
    pub fn passes(&self) -> bool {
        self.gain > self.error
    }
}

/// The users of which attributes are measured, and what decides how popular items are.
#[derive(Clone, Copy, Debug)]
pub struct HeldOutUsers<'a> {
    /// The interactions of all users.
    pub interactions: &'a Interactions,
    /// The segment of each user; 0 for all without segments.
    pub segments: &'a [u32],
    /// Whether popularity is the sum of confidences rather than the number of users.
    pub weighed: bool,
}

/// Measures attributes (users × a) against popularity in the users' segments.
///
/// # Errors
/// [`EngineError::Shape`] if there is not one row of attributes and one segment per user,
/// [`EngineError::NotFinite`], [`EngineError::Cancelled`].
pub fn held_out_gain(
    attributes: &Matrix,
    users: HeldOutUsers<'_>,
    seed: u64,
    observer: &dyn Observer,
) -> Result<AttributeGain> {
    let HeldOutUsers { interactions, segments, .. } = users;
    let by_user = interactions.by_user();
    if segments.len() != interactions.users() {
        let (what, found) = ("segments of users", segments.len());
        return Err(EngineError::Shape { what, expected: interactions.users(), found });
    }
    let fold = |user: u32| mix(seed ^ mix(u64::from(user))) % FOLDS;
    let with_items = (0..interactions.users() as u32).filter(|&user| by_user.row_len(user as usize) > 0);
    let measured = sample(with_items.collect(), MOST_USERS, seed);
    let mut values: Vec<[f64; 2]> = Vec::with_capacity(measured.len());
    for held_out in 0..FOLDS {
        let map = AttributeMap::fit(attributes, interactions, |user| fold(user) != held_out, observer)?;
        let popular = users.popular_lists(|user| fold(user) != held_out, observer)?;
        let of_fold: Vec<u32> = measured.iter().copied().filter(|&user| fold(user) == held_out).collect();
        let of_user = |user: u32| {
            observer.check()?;
            let scores = map.scores(attributes.row(user as usize))?;
            let popular = &popular[segments[user as usize] as usize];
            let relevant = by_user.row(user as usize).0;
            Ok([best(&scores).as_slice(), popular].map(|list| value(list, relevant)))
        };
        values.extend(of_fold.into_par_iter().map(of_user).collect::<Result<Vec<_>>>()?);
    }
    let differences: Vec<f64> = values.iter().map(|[own, popular]| own - popular).collect();
    let (gain, error) = mean_and_error(&differences);
    let everyone: Vec<usize> = (0..values.len()).collect();
    let (own, popular): (Vec<f64>, Vec<f64>) =
        values.into_iter().map(|[own, popular]| (own, popular)).unzip();
    let row = mean_row(&everyone, [&own, &popular], seed, observer)?;
    Ok(AttributeGain { row, gain, error })
}

/// The items with the best scores, as many as the metric that decides looks at.
fn best(scores: &[f32]) -> Vec<u32> {
    let mut top = TopN::new(DECIDING.1);
    top.push_row(scores, |place| place as u32);
    top.finish().iter().map(|scored| scored.item).collect()
}

fn value(list: &[u32], relevant: &[u32]) -> f64 {
    let (metric, n) = DECIDING;
    ListMetrics::measure(list.iter().copied(), relevant, n).get(metric)
}

impl HeldOutUsers<'_> {
    /// The most popular items of each segment among the users who count, smoothed by those of all of them.
    fn popular_lists(
        &self,
        counts: impl Fn(u32) -> bool + Sync,
        observer: &dyn Observer,
    ) -> Result<Vec<Vec<u32>>> {
        let Self { interactions, segments, weighed } = *self;
        let mut members = vec![Vec::new(); segments.iter().max().map_or(1, |&last| last as usize + 1)];
        let counted = (0..).zip(segments).filter(|(user, _)| counts(*user));
        counted.for_each(|(user, &segment): (u32, _)| members[segment as usize].push(user));
        let count = |users: &mut dyn Iterator<Item = u32>| {
            let mut popularity = vec![0.0f32; interactions.items()];
            for (place, user) in users.enumerate() {
                if place.is_multiple_of(1_024) {
                    observer.check()?;
                }
                let (items, confidences) = interactions.by_user().row(user as usize);
                for (&item, &confidence) in items.iter().zip(confidences) {
                    popularity[item as usize] += if weighed { confidence } else { 1.0 };
                }
            }
            Ok(popularity)
        };
        let all = count(&mut members.iter().flatten().copied())?;
        let prior = PRIOR_USERS / members.iter().map(Vec::len).sum::<usize>().max(1) as f32;
        let of_segment = |members: &Vec<u32>| {
            let mut popularity = count(&mut members.iter().copied())?;
            popularity.iter_mut().zip(&all).for_each(|(own, all)| *own += prior * all);
            Ok(best(&popularity))
        };
        members.par_iter().map(of_segment).collect()
    }
}
