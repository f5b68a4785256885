//! The deciding metric, the users it is measured on, and the lengths of lists.

use super::holdout::Holdout;
use super::metrics::{ListMetrics, Metric};
use crate::ranking::Scored;
use crate::seed::sample;

/// The lengths at which lists are cut.
pub const MEASURED_AT: [usize; 2] = [10, 20];
/// The deciding metric and its list length.
pub const DECIDING: (Metric, usize) = (Metric::Ndcg, 20);
/// The name of the deciding metric in SQL.
pub const DECIDING_NAME: &str = "ndcg@20";
/// The maximum number of measured users, chosen by the seed. The standard error of a metric is then at most
/// .5/√20,000 = .0035, usually a third of that, and measuring takes less time than training.
pub const MOST_USERS: usize = 20_000;

/// The deciding metric of a list for `user`.
pub fn deciding_value(holdout: &Holdout, user: u32, list: &[Scored]) -> f64 {
    let (metric, k) = DECIDING;
    let relevant = holdout.test.row(user as usize).0;
    ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, k).get(metric)
}

/// The users with held-out items, ascending: all of them, or a sample of `most`, chosen by the seed.
pub fn measured_users(holdout: &Holdout, most: usize, seed: u64) -> Vec<u32> {
    let users = (0..holdout.test.rows() as u32).filter(|&user| holdout.test.row_len(user as usize) > 0);
    sample(users.collect(), most, seed)
}
