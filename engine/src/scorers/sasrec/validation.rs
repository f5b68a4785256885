//! What a training learns from, and what its epochs are compared by.

use super::infer::SasrecScratch;
use super::scorer::oldest_first;
use super::weights::SasrecNetwork;
use super::windows::SasrecSequences;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::{DECIDING, deciding_value};
use crate::interactions::Interactions;
use crate::linalg::product::row_scores;
use crate::matrix::Rows;
use crate::observer::Observer;
use crate::ranking::TopN;
use rayon::prelude::*;

/// The items of some users, oldest first, and where each begins. Items of one moment are in the order of their numbers.
pub fn sequences(interactions: &Interactions, users: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<u32>) {
    let (mut starts, mut items) = (vec![0], Vec::new());
    for user in users {
        items.extend(oldest_first(interactions.by_user().row(user).0, interactions.ranks_of(user)));
        starts.push(items.len());
    }
    (starts, items)
}

/// The mean of the deciding metric over some users of a holdout, with all items ranked. `sequences` has all users.
pub fn metric(
    (network, rows): (&SasrecNetwork, Rows<'_>),
    sequences: SasrecSequences<'_>,
    holdout: &Holdout,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<f64> {
    let of_user = |(scratch, scores): &mut (SasrecScratch, Vec<f32>), &user: &u32| -> Result<f64> {
        observer.check()?;
        let mut own = network.represent(rows, sequences.of_user(user as usize), scratch)?;
        own.push(1.0);
        scores.resize(rows.rows(), 0.0);
        row_scores(&own, rows, scores);
        let seen = holdout.training.left_out(user as usize);
        seen.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
        let mut top = TopN::new(DECIDING.1);
        (0..).zip(scores.iter()).for_each(|(item, &score)| top.push(item, score));
        Ok(deciding_value(holdout, user, &top.finish()))
    };
    let values: Vec<f64> = users.par_iter().map_init(Default::default, of_user).collect::<Result<_>>()?;
    Ok(values.iter().sum::<f64>() / values.len().max(1) as f64)
}
