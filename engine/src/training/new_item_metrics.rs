//! How many new items lists have, and how many of those that users choose: `new_share` and `new_recall`, from lists of
//! the whole catalogue while some items are hidden.

use crate::error::Result;
use crate::evaluation::bootstrap::{Parts, Quotient, quotient_rows};
use crate::evaluation::deciding_metric::MEASURED_AT;
use crate::evaluation::{Holdout, MetricRow};
use crate::observer::Observer;
use crate::ranking::Scored;

/// The metrics of two sets of lists for `users`, of which the second is the baseline. `new` are the items without
/// training events, ascending. The share is that of the places in all lists; the recall is that of the held-out events
/// on new items, a mean over the users who have any.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn new_item_rows(
    lists: [&[Vec<Scored>]; 2],
    new: &[u32],
    holdout: &Holdout,
    users: &[u32],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    let is_new = |item: u32| new.binary_search(&item).is_ok();
    let at = |k| ["new_share", "new_recall"].map(|metric| Quotient { metric, k, root: false });
    let quotients: Vec<Quotient> = MEASURED_AT.into_iter().flat_map(at).collect();
    let parts = |lists: &[Vec<Scored>]| {
        Parts::new(users.len(), quotients.len(), observer, |place, parts| {
            let held_out = holdout.test.row(users[place] as usize).0;
            let relevant: Vec<u32> = held_out.iter().copied().filter(|&item| is_new(item)).collect();
            let values = MEASURED_AT.into_iter().flat_map(|k| {
                let list = &lists[place][..k.min(lists[place].len())];
                let shown = list.iter().filter(|scored| is_new(scored.item));
                let hits = shown.clone().filter(|scored| relevant.binary_search(&scored.item).is_ok());
                let recall = match relevant.len() {
                    0 => [0.0; 2],
                    count => [hits.count() as f64 / count as f64, 1.0],
                };
                [[shown.count() as f64, list.len() as f64], recall]
            });
            parts.iter_mut().zip(values).for_each(|(part, value)| *part = value);
        })
    };
    let [with, without] = lists;
    let all: Vec<usize> = (0..users.len()).collect();
    quotient_rows(&quotients, [&parts(with)?, &parts(without)?], None, &all, seed, observer)
}
