//! What blends of the same scorers reach on a holdout. Each user's candidates are scored once by every scorer; many
//! weights are then tried on these scores.

use crate::error::Result;
use crate::evaluation::deciding_metric::DECIDING;
use crate::evaluation::{Holdout, ListMetrics};
use crate::observer::Observer;
use crate::ranking::{Blend, TopN};
use crate::scorers::neighbours::NeighbourScratch;
use crate::training::ranker::Ranker;
use rayon::prelude::*;
use std::cell::RefCell;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "blending";

/// The deciding metric of each user for each of several blends of the same scorers, using the segments' own parts. Each
/// blend comes with what tells it apart.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn reached<T>(
    ranker: &Ranker<'_>,
    holdout: &Holdout,
    scorers: &Blend,
    blends: Vec<(T, Blend)>,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<(T, Blend, Vec<f64>)>> {
    let (metric, n) = DECIDING;
    let weights_of = |(_, blend): &(T, Blend)| -> Vec<f32> {
        scorers.0.iter().map(|own| blend.weight(&own.scorer).unwrap_or(0.0)).collect()
    };
    let weights: Vec<Vec<f32>> = blends.iter().map(weights_of).collect();
    let of_user = |scratch: &mut RefCell<NeighbourScratch>, &user: &u32| -> Result<Vec<f64>> {
        observer.check()?;
        let relevant = holdout.test.row(user as usize).0;
        let (items, scores) =
            ranker.blended(user, true, scorers, scratch).offered(&ranker.left_out(user, scorers));
        let reached = weights.iter().map(|weights| {
            let mut top = TopN::new(n);
            for (place, &item) in items.iter().enumerate() {
                let parts = weights.iter().zip(&scores);
                top.push(item, parts.map(|(weight, scores)| weight * scores[place]).sum());
            }
            ListMetrics::measure(top.finish().iter().map(|scored| scored.item), relevant, n).get(metric)
        });
        Ok(reached.collect())
    };
    let reached: Vec<Vec<f64>> =
        users.par_iter().map_init(RefCell::default, of_user).collect::<Result<_>>()?;
    let of_blend = |place: usize| reached.iter().map(|values| values[place]).collect();
    let blends = blends.into_iter().enumerate();
    Ok(blends.map(|(place, (apart, blend))| (apart, blend, of_blend(place))).collect())
}
