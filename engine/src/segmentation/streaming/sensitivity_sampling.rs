//! Few weighted rows that stand for many: importance sampling around a rough clustering (Feldman &
//! Langberg 2011; Bachem, Lucic & Krause 2017), the step of a [`super::coreset::Coreset`].
//!
//! n rows cost 3·n·columns flops for each rough centre, on the calling thread.

use super::coreset_kmeans::{self, WeightedRows};
use crate::error::Result;
use crate::memory;
use crate::observer::Observer;
use crate::seed::Random;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Rough clusters for each cluster that is sought: where rough clusters do not straddle true ones,
/// keeping their weights and means keeps those of the true ones.
const ROUGH_PER_CLUSTER: usize = 2;
const LEAST_ROUGH: usize = 16;
const MOST_ROUGH: usize = 256;
/// Rows among which the rough centres are drawn, and candidates for each.
const ROUGH_SAMPLE: usize = 2048;
const ROUGH_CANDIDATES: usize = 4;

/// Weighted rows that stand for many, or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Row after row.
    pub values: Vec<f32>,
    /// One for each row, above zero.
    pub weights: Vec<f32>,
}

impl Bucket {
    /// The rows, of `columns` values each.
    pub fn rows(&self, columns: usize) -> WeightedRows<'_> {
        WeightedRows { columns, values: &self.values, weights: &self.weights }
    }

    /// Adds the rows of another.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn add(&mut self, other: &Self) -> Result<()> {
        memory::reserve(&mut self.values, other.values.len())?;
        memory::reserve(&mut self.weights, other.weights.len())?;
        self.values.extend_from_slice(&other.values);
        self.weights.extend_from_slice(&other.weights);
        Ok(())
    }
}

/// Draws about `target` of the rows and gives them the weights of all, for `clusters` that are sought.
///
/// A third of the draws follows the squared distance to a rough centre, a third the mean of these in
/// the row's rough cluster, a third falls to every rough cluster alike (the three terms of Bachem,
/// Lucic & Krause 2017, Algorithm 2). Draws are stratified along the rows in the order of their rough
/// clusters, so that every cluster gets its share to a draw or two. Then each cluster is given the weight
/// and the mean that it had.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn reduce(
    rows: WeightedRows<'_>,
    target: usize,
    clusters: usize,
    random: &mut Random,
    observer: &dyn Observer,
) -> Result<Bucket> {
    let rough = clusters.saturating_mul(ROUGH_PER_CLUSTER).clamp(LEAST_ROUGH, MOST_ROUGH);
    let rough = rough_clustering(rows, rough, random, observer)?;
    let count = rough.centres.len() / rows.columns;
    let (sums, weights) = coreset_kmeans::sums(rows, &rough.of_row, count);
    let cost = |row: usize| f64::from(rows.weights[row]) * f64::from(rough.distances[row]);
    let mut costs = vec![0.0f64; count];
    (0..rows.rows()).for_each(|row| costs[rough.of_row[row] as usize] += cost(row));
    let whole = costs.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let occupied = weights.iter().filter(|&&weight| weight > 0.0).count() as f64;

    let mut order: Vec<u32> = (0..rows.rows() as u32).collect();
    order.sort_by_key(|&row| rough.of_row[row as usize]);
    let importance: Vec<f64> = order
        .iter()
        .map(|&row| {
            let cluster = rough.of_row[row as usize] as usize;
            let share = f64::from(rows.weights[row as usize]) / weights[cluster];
            cost(row as usize) / whole + share * (costs[cluster] / whole + 1.0 / occupied)
        })
        .collect();

    observer.check()?;
    // A cluster that nothing is drawn of adds a row.
    let most = target.saturating_add(count).min(rows.rows() + count);
    let mut drawn =
        Bucket { values: memory::with_room(most * rows.columns)?, weights: memory::with_room(most)? };
    let mut of_drawn = Vec::with_capacity(target.min(rows.rows()));
    for (at, times) in stratified(&importance, target, random) {
        let row = order[at] as usize;
        drawn.values.extend_from_slice(rows.row(row));
        drawn.weights.push((times as f64 * f64::from(rows.weights[row]) / importance[at]) as f32);
        of_drawn.push(rough.of_row[row]);
    }
    observer.check()?;
    restore(&mut drawn, &of_drawn, rows.columns, &sums, &weights);
    Ok(drawn)
}

/// Gives each cluster of drawn rows the weight and the mean that it had.
fn restore(drawn: &mut Bucket, of_drawn: &[u32], columns: usize, sums: &[f64], weights: &[f64]) {
    let Bucket { values, weights: drawn_weights } = drawn;
    let rows = WeightedRows { columns, values, weights: drawn_weights };
    let (drawn_sums, drawn_totals) = coreset_kmeans::sums(rows, of_drawn, weights.len());
    for (row, &cluster) in of_drawn.iter().enumerate() {
        let cluster = cluster as usize;
        let (total, drawn_total) = (weights[cluster], drawn_totals[cluster]);
        drawn_weights[row] = (f64::from(drawn_weights[row]) * total / drawn_total) as f32;
        for (column, value) in values[row * columns..(row + 1) * columns].iter_mut().enumerate() {
            let at = cluster * columns + column;
            *value += (sums[at] / total - drawn_sums[at] / drawn_total) as f32;
        }
    }
    // A cluster that nothing was drawn of becomes its mean.
    for cluster in
        (0..weights.len()).filter(|&cluster| weights[cluster] > 0.0 && drawn_totals[cluster] == 0.0)
    {
        let sum = &sums[cluster * columns..(cluster + 1) * columns];
        values.extend(sum.iter().map(|sum| (sum / weights[cluster]) as f32));
        drawn_weights.push(weights[cluster] as f32);
    }
}

/// Clusters around centres that k-means++ draws of a sample.
fn rough_clustering(
    rows: WeightedRows<'_>,
    count: usize,
    random: &mut Random,
    observer: &dyn Observer,
) -> Result<coreset_kmeans::Clustering> {
    let weights: Vec<f64> = rows.weights.iter().map(|&weight| f64::from(weight)).collect();
    let mut sample = Bucket::default();
    memory::reserve(&mut sample.values, ROUGH_SAMPLE.min(rows.rows()) * rows.columns)?;
    for (row, times) in stratified(&weights, ROUGH_SAMPLE, random) {
        sample.values.extend_from_slice(rows.row(row));
        sample.weights.push(times as f32);
    }
    let sample = sample.rows(rows.columns);
    let centres = coreset_kmeans::seed_centres(sample, count, ROUGH_CANDIDATES, random, observer)?;
    coreset_kmeans::nearest(rows, centres, observer)
}

/// Stratified sampling: the shares are laid end to end and cut into `draws` equal parts, and a point
/// is drawn in each; which shares the points fall on and how often. Points at equal distances would
/// have less variance still, and see only every n-th row of rows with a period.
fn stratified(shares: &[f64], draws: usize, random: &mut Random) -> Vec<(usize, u32)> {
    let part = shares.iter().sum::<f64>() / draws.max(1) as f64;
    let mut points = (0..draws).map(|draw| part * (draw as f64 + random.r#gen::<f64>())).peekable();
    let (mut reached, mut drawn) = (0.0, Vec::with_capacity(draws));
    for (at, &share) in shares.iter().enumerate() {
        reached += share;
        let mut times = 0;
        while points.next_if(|&point| point < reached).is_some() {
            times += 1;
        }
        if times > 0 {
            drawn.push((at, times));
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed;
    use crate::segmentation::streaming::planted;

    fn reduced(values: &[f32], columns: usize, clusters: usize) -> Bucket {
        let weights = vec![1.0; values.len() / columns];
        let rows = WeightedRows { columns, values, weights: &weights };
        reduce(rows, weights.len() / 2, clusters, &mut seed::random(1, "test"), &Silent).unwrap()
    }

    #[test]
    fn weight_and_mean_of_planted_groups_are_kept() {
        let values = planted::rows(16_000, 8, 16);
        let few = reduced(&values, 8, 16);
        assert!((6000..8500).contains(&few.weights.len()), "{}", few.weights.len());
        // A row belongs to the group whose corner, the mean of every 16th row, is nearest.
        let of_row: Vec<u32> = (0..16_000).map(|row| row % 16).collect();
        let weights = vec![1.0; 16_000];
        let rows = WeightedRows { columns: 8, values: &values, weights: &weights };
        let (sums, sizes) = coreset_kmeans::sums(rows, &of_row, 16);
        let means: Vec<f32> = sums.iter().map(|sum| (sum / sizes[0]) as f32).collect();
        let found = coreset_kmeans::nearest(few.rows(8), means, &Silent).unwrap();
        let (few_sums, few_sizes) = coreset_kmeans::sums(few.rows(8), &found.of_row, 16);
        for (size, expected) in few_sizes.iter().zip(&sizes) {
            assert!((size - expected).abs() < 0.01, "{size} {expected}");
        }
        for (sum, expected) in few_sums.iter().zip(&sums) {
            assert!((sum - expected).abs() < 0.1, "{sum} {expected}");
        }
    }

    #[test]
    fn rows_with_a_period_are_drawn_evenly() {
        let shares = vec![1.0; 32_000];
        let drawn = stratified(&shares, 2000, &mut seed::random(1, "test"));
        let mut of_phase = [0; 16];
        drawn.iter().for_each(|(row, _)| of_phase[row % 16] += 1);
        assert!(of_phase.iter().all(|count| (80..170).contains(count)), "{of_phase:?}");
    }

    #[test]
    fn equal_rows_become_one_row_or_copies_of_it() {
        let few = reduced(&[3.5; 4000], 2, 5);
        assert!(few.values.iter().all(|&value| value == 3.5));
        assert!((few.weights.iter().sum::<f32>() - 2000.0).abs() < 0.1);
    }
}
