//! Whether attributes rank better than popularity, on users held out whole: each is scored by a map that has seen
//! neither their attributes nor their items, and by what is popular in their segment among the others.

use super::map::AttributeMap;
use crate::error::{EngineError, Result};
use crate::evaluation::ListMetrics;
use crate::evaluation::deciding_metric::DECIDING;
use crate::evaluation::standard_error::mean_and_error;
use crate::interactions::Interactions;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::ranking::TopN;
use crate::seed::mix;
use rayon::prelude::*;

/// Parts of the users, each of which is held out once.
const FOLDS: u64 = 5;
/// Average users that are added to a segment's own counts, as popularity does.
const PRIOR_USERS: f32 = 20.0;

/// What attributes gain over popularity in the metric that decides, paired by user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributeGain {
    /// The number of users with items.
    pub users: usize,
    /// What popularity in the segment reaches.
    pub baseline: f64,
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

/// Measures attributes (users × a) against popularity in the users' segments; without segments all are 0.
///
/// # Errors
/// [`EngineError::Shape`] if there is not one row of attributes and one segment per user,
/// [`EngineError::NotFinite`], [`EngineError::Cancelled`].
pub fn held_out_gain(
    attributes: &Matrix,
    segments: &[u32],
    interactions: &Interactions,
    seed: u64,
    observer: &dyn Observer,
) -> Result<AttributeGain> {
    if segments.len() != interactions.users() {
        let (what, found) = ("segments of users", segments.len());
        return Err(EngineError::Shape { what, expected: interactions.users(), found });
    }
    let fold = |user: u32| mix(seed ^ mix(u64::from(user))) % FOLDS;
    let mut values = Vec::new();
    for held_out in 0..FOLDS {
        let map = AttributeMap::fit(attributes, interactions, |user| fold(user) != held_out, observer)?;
        let popular = segment_popularity(segments, interactions, |user| fold(user) != held_out, observer)?;
        let users: Vec<u32> = (0..interactions.users() as u32).filter(|&u| fold(u) == held_out).collect();
        let measured = users.into_par_iter().map(|user| {
            observer.check()?;
            let relevant = interactions.by_user().row(user as usize).0;
            let scores = map.scores(attributes.row(user as usize))?;
            let popular = popular.row(segments[user as usize] as usize);
            let reached = [scores.as_slice(), popular].map(|scores| reached(scores, relevant));
            Ok((!relevant.is_empty()).then_some(reached))
        });
        let measured: Vec<Option<[f64; 2]>> = measured.collect::<Result<_>>()?;
        values.extend(measured.into_iter().flatten());
    }
    let differences: Vec<f64> = values.iter().map(|[own, popular]| own - popular).collect();
    let popular: Vec<f64> = values.iter().map(|values| values[1]).collect();
    let (gain, error) = mean_and_error(&differences);
    Ok(AttributeGain { users: values.len(), baseline: mean_and_error(&popular).0, gain, error })
}

fn reached(scores: &[f32], relevant: &[u32]) -> f64 {
    let (metric, n) = DECIDING;
    let mut top = TopN::new(n);
    top.push_row(scores, |place| place as u32);
    ListMetrics::measure(top.finish().iter().map(|scored| scored.item), relevant, n).get(metric)
}

/// The smoothed shares of the users of each segment who have each item, segments × items, among the users for whom
/// `counts` is true.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub fn segment_popularity(
    segments: &[u32],
    interactions: &Interactions,
    counts: impl Fn(u32) -> bool,
    observer: &dyn Observer,
) -> Result<Matrix> {
    let count = segments.iter().max().map_or(1, |&last| last as usize + 1);
    let (mut own, mut users) = (Matrix::zeros(count, interactions.items()), vec![0.0f32; count]);
    let (mut all, mut total) = (vec![0.0f32; interactions.items()], 0.0f32);
    for (user, &segment) in segments.iter().enumerate().filter(|(user, _)| counts(*user as u32)) {
        if user.is_multiple_of(1_024) {
            observer.check()?;
        }
        let (items, segment) = (interactions.by_user().row(user).0, segment as usize);
        users[segment] += 1.0;
        total += 1.0;
        for &item in items {
            own.row_mut(segment)[item as usize] += 1.0;
            all[item as usize] += 1.0;
        }
    }
    for (segment, &users) in users.iter().enumerate() {
        for (value, all) in own.row_mut(segment).iter_mut().zip(&all) {
            *value = (*value + PRIOR_USERS * all / total.max(1.0)) / (users + PRIOR_USERS);
        }
    }
    Ok(own)
}
