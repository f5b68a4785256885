//! ndcg@10 of what is held out, and means with standard errors.

use super::Result;
use super::data::User;
use segrec_engine::Matrix;
use segrec_engine::linalg::product::row_scores;
use segrec_engine::scorers::sasrec::{SasrecNetwork, SasrecScratch};

/// ndcg@10 of the items of a part, for each user who has some and something before them, ranked among the hidden items or
/// among the others; hidden ones are no part of a history.
pub fn ndcg(
    network: &SasrecNetwork,
    rows: &Matrix,
    users: &[&User],
    part: usize,
    (hidden, among_hidden): (&[bool], bool),
) -> Result<Vec<f64>> {
    let mut scratch = SasrecScratch::default();
    let mut scores = vec![0.0; rows.rows()];
    let mut gains = Vec::new();
    let counts = |item: &u32| hidden[*item as usize] == among_hidden;
    for user in users {
        let (before, targets) = user.before(part);
        let targets: Vec<u32> = targets.iter().copied().filter(counts).collect();
        let history: Vec<u32> = before.iter().copied().filter(|item| !hidden[*item as usize]).collect();
        if history.is_empty() || targets.is_empty() {
            continue;
        }
        let mut own = network.represent(rows.view(), &history, &mut scratch)?;
        own.push(1.0);
        row_scores(&own, rows.view(), &mut scores);
        history.iter().for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
        let others = (0u32..).zip(scores.iter_mut()).filter(|(item, _)| !counts(item));
        others.for_each(|(_, score)| *score = f32::NEG_INFINITY);
        let discount = |rank: usize| (rank as f64 + 2.0).log2().recip();
        let gain = |&target: &u32| {
            let rank = scores.iter().filter(|&&score| score > scores[target as usize]).count();
            if rank < 10 { discount(rank) } else { 0.0 }
        };
        let ideal: f64 = (0..targets.len().min(10)).map(discount).sum();
        gains.push(targets.iter().map(gain).sum::<f64>() / ideal);
    }
    Ok(gains)
}

/// The mean and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count * (count - 1.0))).sqrt())
}

/// The mean difference of values of the same users, and its standard error.
pub fn difference(values: &[f64], others: &[f64]) -> (f64, f64) {
    let differences: Vec<f64> = values.iter().zip(others).map(|(value, other)| value - other).collect();
    mean(&differences)
}
