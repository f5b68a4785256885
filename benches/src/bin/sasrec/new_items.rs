//! New items: rows by their features beside the mean of the rows that they resemble.

use super::Result;
use super::data::User;
use super::measure::{difference, mean, ndcg};
use segrec_engine::Matrix;
use segrec_engine::linalg::vector::dot;
use segrec_engine::scorers::sasrec::SasrecWeights;

/// The number of resembled items, and the power of their cosines, as in a training.
const NEAREST: usize = 50;

/// Ranks hidden items among each other by either kind of rows, for what comes after the training.
pub fn compare(
    weights: &SasrecWeights,
    features: &Matrix,
    events: &[u32],
    users: &[&User],
    hidden: &[bool],
) -> Result<()> {
    let by_features = weights.new_item_rows(features.view())?;
    let warm = weights.item_rows(Some(features.view()))?;
    let (mut own, mut means) = (warm.clone(), warm.clone());
    for item in (0..hidden.len()).filter(|&item| hidden[item]) {
        own.row_mut(item).copy_from_slice(by_features.row(item));
        let mut near: Vec<(f32, usize)> = (0..hidden.len())
            .filter(|&other| !hidden[other] && events[other] > 0)
            .map(|other| (dot(features.row(item), features.row(other)), other))
            .collect();
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.truncate(NEAREST);
        let share = |cosine: f32, other: usize| {
            let count = events[other] as f32;
            cosine.max(0.0).powi(4) * count / (count + 10.0)
        };
        let sum: f32 = near.iter().map(|&(cosine, other)| share(cosine, other)).sum();
        let row = means.row_mut(item);
        row.fill(0.0);
        for (cosine, other) in near {
            let share = share(cosine, other) / sum.max(1e-20);
            row.iter_mut().zip(warm.row(other)).for_each(|(to, value)| *to += share * value);
        }
    }
    let network = weights.network();
    let mut both = own.clone();
    both.data_mut().iter_mut().zip(means.data()).for_each(|(own, mean)| *own = 0.5 * (*own + mean));
    let measured = |rows: &Matrix| -> Result<Vec<f64>> {
        let mut values = ndcg(network, rows, users, 1, (hidden, true))?;
        values.extend(ndcg(network, rows, users, 2, (hidden, true))?);
        Ok(values)
    };
    let of_means = measured(&means)?;
    let (value, error) = mean(&of_means);
    println!("new items by the rows that they resemble: ndcg@10 {value:.4} ({error:.4})");
    for (name, rows) in [("their features", &own), ("both", &both)] {
        let (gain, error) = difference(&measured(rows)?, &of_means);
        println!("by {name}: {gain:+.4} ({error:.4})");
    }
    Ok(())
}
