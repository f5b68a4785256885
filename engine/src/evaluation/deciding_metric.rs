//! The metric that decides, whose users it is measured on, and the lengths of lists.

use super::holdout::Holdout;
use super::metrics::{ListMetrics, Metric};
use crate::ranking::Scored;
use crate::seed::sample;

/// Lists are cut at these lengths.
pub const MEASURED_AT: [usize; 2] = [10, 20];
/// The metric that decides, and the length of the lists.
pub const DECIDING: (Metric, usize) = (Metric::Ndcg, 20);
/// The name of the deciding metric in SQL.
pub const DECIDING_NAME: &str = "ndcg@20";
/// Users that are measured at most, chosen by the seed: the standard error of a metric is then at
/// most .5/√20,000 = .0035, usually a third of it, and measuring stays shorter than training.
pub const MOST_USERS: usize = 20_000;

/// What a list reaches on the deciding metric.
pub fn deciding_value(holdout: &Holdout, user: u32, list: &[Scored]) -> f64 {
    let (metric, k) = DECIDING;
    let relevant = holdout.test.row(user as usize).0;
    ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, k).get(metric)
}

/// Users with something held out, ascending: all, or as many as `most`, chosen by the seed.
pub fn measured_users(holdout: &Holdout, most: usize, seed: u64) -> Vec<u32> {
    let users = (0..holdout.test.rows() as u32).filter(|&user| holdout.test.row_len(user as usize) > 0);
    sample(users.collect(), most, seed)
}
