//! A summary of rows that stays small however many there are, can be merged with others, and from
//! which k-means finds nearly the clusters of all rows: a coreset by merge and reduce (Har-Peled &
//! Mazumdar 2004) with importance sampling (Feldman & Langberg 2011; Bachem, Lucic & Krause 2017).
//!
//! Rows are kept as they are until the buffer is full; so far everything is exact. A full buffer is
//! reduced to half as many weighted rows. Two such buckets of one level are joined and reduced to one
//! of the next, as a binary counter carries: n rows leave log₂(n / buffer) buckets, and every row has
//! been through as many reductions.
//!
//! Memory is a buffer and half a one for each level. A reduction of m rows costs 3·m·4k·columns flops
//! on the calling thread, spread over the rows that filled the buffer: 12·k·columns for each.

use super::weighted::{self, WeightedRows, weighted_kmeans};
use crate::error::Result;
use crate::observer::{Observer, Silent};
use crate::seed::{self, Random};
use serde::{Deserialize, Serialize};

/// Rows of the buffer at most. At k = 64 the inertia of what is found in a million rows is within a
/// hundredth of k-means on all of them (`benches/run.sh aggregate`).
const MOST_ROWS: usize = 32_768;
/// Values of the buffer at most, 4 MB; long rows are kept in smaller number …
const MOST_VALUES: usize = 1 << 20;
/// … but never fewer than this, or this for each cluster.
const LEAST_ROWS: usize = 1024;
const LEAST_ROWS_PER_CLUSTER: usize = 4;
/// Rough clusters for each cluster that is sought: where rough clusters do not straddle true ones,
/// keeping their weights and means keeps those of the true ones.
const ROUGH_PER_CLUSTER: usize = 2;
const LEAST_ROUGH: usize = 16;
const MOST_ROUGH: usize = 256;
/// Rows among which the rough centres are drawn, and candidates for each.
const ROUGH_SAMPLE: usize = 2048;
const ROUGH_CANDIDATES: usize = 4;
/// Rows on which the starts of k-means are compared, at least and for each cluster: more are reduced.
const TRIAL_ROWS: usize = 8192;
const TRIAL_ROWS_PER_CLUSTER: usize = 32;
/// All draws come from it: the same rows in the same order give the same clusters.
const SEED: u64 = 0;

/// Clusters of the rows of a summary, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryClusters {
    /// Values of a row.
    pub columns: usize,
    /// How many rows were summarised.
    pub rows: u64,
    /// The sum of their squared distances to the nearest centroid: exact while all rows were kept.
    pub inertia: f64,
    /// Rows of each cluster: they add up to `rows`.
    pub sizes: Vec<u64>,
    /// Centroid after centroid.
    pub centroids: Vec<f32>,
}

/// The running state of k-means over rows that pass by once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Summary {
    columns: usize,
    clusters: usize,
    rows: u64,
    /// Rows that are kept as they came.
    buffer: Vec<f32>,
    /// Level by level, reduced rows or none.
    levels: Vec<Bucket>,
    /// Draws from the seed so far.
    reductions: u64,
}

/// Weighted rows that stand for many; empty where a level has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Bucket {
    fn rows(&self, columns: usize) -> WeightedRows<'_> {
        WeightedRows { columns, values: &self.values, weights: &self.weights }
    }
}

/// A summary as it is read, not checked yet.
#[derive(Deserialize)]
struct Raw {
    columns: usize,
    clusters: usize,
    rows: u64,
    buffer: Vec<f32>,
    levels: Vec<Bucket>,
    reductions: u64,
}

impl TryFrom<Raw> for Summary {
    type Error = &'static str;

    fn try_from(raw: Raw) -> std::result::Result<Self, Self::Error> {
        let Raw { columns, clusters, rows, buffer, levels, reductions } = raw;
        let fits = |bucket: &Bucket| Some(bucket.values.len()) == bucket.weights.len().checked_mul(columns);
        if columns == 0 || clusters == 0 || buffer.len() % columns != 0 || !levels.iter().all(fits) {
            return Err("a summary whose parts do not fit together");
        }
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let positive = |weight: &f32| weight.is_finite() && *weight > 0.0;
        let sound = |bucket: &Bucket| finite(&bucket.values) && bucket.weights.iter().all(positive);
        if !finite(&buffer) || !levels.iter().all(sound) {
            return Err("a summary with values that are not finite");
        }
        Ok(Self { columns, clusters, rows, buffer, levels, reductions })
    }
}

impl Summary {
    /// A summary of no rows: of `columns` values each, to be divided into `clusters`; both at least 1.
    pub fn new(columns: usize, clusters: usize) -> Self {
        Self { columns, clusters, rows: 0, buffer: Vec::new(), levels: Vec::new(), reductions: 0 }
    }

    /// Values of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many clusters are sought.
    pub fn target(&self) -> usize {
        self.clusters
    }

    /// How many rows were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes it holds.
    pub fn memory(&self) -> usize {
        let bucket = |bucket: &Bucket| bucket.values.capacity() + bucket.weights.capacity();
        size_of::<f32>() * (self.buffer.capacity() + self.levels.iter().map(bucket).sum::<usize>())
    }

    /// Rows of a full buffer.
    fn capacity(&self) -> usize {
        let least = LEAST_ROWS.max(LEAST_ROWS_PER_CLUSTER * self.clusters).min(MOST_ROWS);
        (MOST_VALUES / self.columns).clamp(least, MOST_ROWS)
    }

    /// Adds a row of `columns` finite values.
    pub fn add(&mut self, row: &[f32]) {
        self.rows += 1;
        let full = self.capacity() * self.columns;
        if self.buffer.len() == self.buffer.capacity() {
            let room = (2 * self.buffer.len()).clamp(16 * self.columns, full);
            self.buffer.reserve_exact(room - self.buffer.len());
        }
        self.buffer.extend_from_slice(row);
        if self.buffer.len() >= full {
            self.reduce_buffer();
        }
    }

    /// Adds all rows of a summary with the same columns and target.
    pub fn merge(&mut self, other: &Self) {
        let rows = self.rows + other.rows;
        for row in other.buffer.chunks_exact(self.columns) {
            self.add(row);
        }
        for (level, bucket) in other.levels.iter().enumerate() {
            if !bucket.weights.is_empty() {
                self.carry(level, bucket.clone());
            }
        }
        self.rows = rows;
    }

    fn reduce_buffer(&mut self) {
        let values = std::mem::take(&mut self.buffer);
        let full = Bucket { weights: vec![1.0; values.len() / self.columns], values };
        let reduced = self.reduce(&full);
        self.carry(0, reduced);
        self.buffer = full.values;
        self.buffer.clear();
    }

    /// Puts a bucket in its level, joining it with the one that is there.
    fn carry(&mut self, mut level: usize, mut bucket: Bucket) {
        loop {
            if self.levels.len() <= level {
                self.levels.resize_with(level + 1, Bucket::default);
            }
            let there = std::mem::take(&mut self.levels[level]);
            if there.weights.is_empty() {
                self.levels[level] = bucket;
                return;
            }
            let joined = Bucket {
                values: [there.values, bucket.values].concat(),
                weights: [there.weights, bucket.weights].concat(),
            };
            bucket = self.reduce(&joined);
            level += 1;
        }
    }

    /// About half a buffer of rows that stand for those of `bucket`.
    fn reduce(&mut self, bucket: &Bucket) -> Bucket {
        self.reductions += 1;
        let mut random = seed::random(seed::mix(SEED ^ self.reductions), "summary");
        reduce(bucket.rows(self.columns), self.capacity() / 2, self.rough(), &mut random)
    }

    /// How many rough clusters a reduction makes.
    fn rough(&self) -> usize {
        (ROUGH_PER_CLUSTER * self.clusters).clamp(LEAST_ROUGH, MOST_ROUGH)
    }

    /// Clusters of all rows; none for no rows, fewer than sought where there are fewer different rows.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn clusters(&self, observer: &dyn Observer) -> Result<SummaryClusters> {
        let mut kept =
            Bucket { values: self.buffer.clone(), weights: vec![1.0; self.buffer.len() / self.columns] };
        for bucket in &self.levels {
            kept.values.extend_from_slice(&bucket.values);
            kept.weights.extend_from_slice(&bucket.weights);
        }
        let rows = kept.rows(self.columns);
        let trial = TRIAL_ROWS.max(TRIAL_ROWS_PER_CLUSTER * self.clusters);
        let mut random = seed::random(SEED, "trial");
        let fewer = (rows.rows() > trial).then(|| reduce(rows, trial, self.rough(), &mut random));
        let trial = fewer.as_ref().map_or(rows, |fewer| fewer.rows(self.columns));
        let found = weighted_kmeans(rows, trial, self.clusters, SEED, observer)?;
        let (_, weights) = weighted::sums(rows, &found.of_row, found.centres.len() / self.columns);
        let mut order: Vec<usize> = (0..weights.len()).filter(|&cluster| weights[cluster] > 0.0).collect();
        order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        let mut sizes: Vec<u64> =
            order.iter().map(|&cluster| weights[cluster].round().max(1.0) as u64).collect();
        // Rounding leaves a few rows over or short; the largest does not notice.
        let others: u64 = sizes.iter().skip(1).sum();
        if let Some(largest) = sizes.first_mut() {
            *largest = self.rows.saturating_sub(others);
        }
        let centre = |&cluster: &usize| &found.centres[cluster * self.columns..(cluster + 1) * self.columns];
        Ok(SummaryClusters {
            columns: self.columns,
            rows: self.rows,
            inertia: found.inertia,
            sizes,
            centroids: order.iter().flat_map(centre).copied().collect(),
        })
    }

    /// Multiply-adds of an iteration over everything that is kept.
    pub fn work(&self) -> usize {
        let kept = self.buffer.len() + self.levels.iter().map(|bucket| bucket.values.len()).sum::<usize>();
        kept.saturating_mul(self.clusters)
    }
}

/// Draws about `target` of the rows and gives them the weights of all.
///
/// A third of the draws follows the squared distance to a rough centre, a third the mean of these in
/// the row's rough cluster, a third falls to every rough cluster alike (the three terms of Bachem,
/// Lucic & Krause 2017, Algorithm 2). Draws are stratified along the rows in the order of their rough
/// clusters, so that every cluster gets its share to a draw or two. Then each cluster is given the weight
/// and the mean that it had.
fn reduce(rows: WeightedRows<'_>, target: usize, rough: usize, random: &mut Random) -> Bucket {
    let Some(rough) = rough_clustering(rows, rough, random) else { return Bucket::default() };
    let count = rough.centres.len() / rows.columns;
    let (sums, weights) = weighted::sums(rows, &rough.of_row, count);
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

    let mut drawn = Bucket::default();
    let mut of_drawn = Vec::with_capacity(target);
    for (at, times) in weighted::stratified(&importance, target, random) {
        let row = order[at] as usize;
        drawn.values.extend_from_slice(rows.row(row));
        drawn.weights.push((times as f64 * f64::from(rows.weights[row]) / importance[at]) as f32);
        of_drawn.push(rough.of_row[row]);
    }
    restore(&mut drawn, &of_drawn, rows.columns, &sums, &weights);
    drawn
}

/// Gives each cluster of drawn rows the weight and the mean that it had.
fn restore(drawn: &mut Bucket, of_drawn: &[u32], columns: usize, sums: &[f64], weights: &[f64]) {
    let Bucket { values, weights: drawn_weights } = drawn;
    let rows = WeightedRows { columns, values, weights: drawn_weights };
    let (drawn_sums, drawn_totals) = weighted::sums(rows, of_drawn, weights.len());
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
) -> Option<weighted::Clustering> {
    let weights: Vec<f64> = rows.weights.iter().map(|&weight| f64::from(weight)).collect();
    let mut sample = Bucket::default();
    for (row, times) in weighted::stratified(&weights, ROUGH_SAMPLE, random) {
        sample.values.extend_from_slice(rows.row(row));
        sample.weights.push(times as f32);
    }
    let sample = sample.rows(rows.columns);
    // Some milliseconds of work: nobody waits for it to stop.
    let centres = weighted::seed_centres(sample, count, ROUGH_CANDIDATES, random, &Silent).ok()?;
    weighted::nearest(rows, centres, &Silent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmentation::planted;

    fn summary(values: &[f32], columns: usize, clusters: usize) -> Summary {
        let mut summary = Summary::new(columns, clusters);
        values.chunks(columns).for_each(|row| summary.add(row));
        summary
    }

    /// The inertia of all rows about given centroids.
    fn inertia(values: &[f32], columns: usize, centroids: &[f32]) -> f64 {
        let mut total = 0.0;
        crate::linalg::nearest::Centres::new(centroids, columns)
            .nearest(values, |_, distance| total += f64::from(distance));
        total
    }

    fn full_kmeans(values: &[f32], columns: usize, clusters: usize) -> f64 {
        let weights = vec![1.0; values.len() / columns];
        let rows = WeightedRows { columns, values, weights: &weights };
        weighted_kmeans(rows, rows, clusters, 9, &Silent).unwrap().inertia
    }

    #[test]
    fn few_rows_are_clustered_exactly() {
        let values = [0.0, 0.0, 2.0, 0.0, 10.0, 5.0, 10.0, 6.0, 10.0, 7.0];
        let found = summary(&values, 2, 2).clusters(&Silent).unwrap();
        assert_eq!((found.rows, found.sizes, found.inertia), (5, vec![3, 2], 4.0));
        assert_eq!(found.centroids, [10.0, 6.0, 1.0, 0.0]);
    }

    #[test]
    fn no_rows_give_no_clusters_and_equal_rows_one() {
        assert!(Summary::new(3, 4).clusters(&Silent).unwrap().sizes.is_empty());
        let found = summary(&vec![7.5; 3 * 100_000], 3, 4).clusters(&Silent).unwrap();
        assert_eq!((found.sizes, found.centroids, found.inertia), (vec![100_000], vec![7.5; 3], 0.0));
    }

    #[test]
    fn many_rows_cost_hardly_more_than_kmeans_on_all_of_them() {
        let (rows, columns) = (300_000, 8);
        let values = planted::rows(rows, columns, 24);
        let found = summary(&values, columns, 24).clusters(&Silent).unwrap();
        let ratio = inertia(&values, columns, &found.centroids) / full_kmeans(&values, columns, 24);
        assert!(ratio < 1.02, "{ratio}");
        assert!((found.inertia / inertia(&values, columns, &found.centroids) - 1.0).abs() < 0.03);
        assert_eq!(found.sizes.iter().sum::<u64>(), rows as u64);
        assert!(found.sizes.iter().all(|&size| size.abs_diff(rows as u64 / 24) < 60), "{:?}", found.sizes);
    }

    #[test]
    fn merged_summaries_are_as_good_as_one() {
        let (rows, columns) = (200_000, 6);
        let values = planted::rows(rows, columns, 10);
        let (first, second) = values.split_at(70_001 * columns);
        let mut merged = summary(first, columns, 10);
        merged.merge(&summary(second, columns, 10));
        let found = merged.clusters(&Silent).unwrap();
        assert_eq!((found.rows, found.sizes.iter().sum::<u64>()), (rows as u64, rows as u64));
        let ratio = inertia(&values, columns, &found.centroids) / full_kmeans(&values, columns, 10);
        assert!(ratio < 1.02, "{ratio}");
    }

    #[test]
    fn a_small_far_group_survives_every_reduction() {
        let mut values = planted::rows(200_000, 2, 1);
        for at in [5, 100_000, 190_000] {
            values[2 * at] = 1000.0;
        }
        let found = summary(&values, 2, 2).clusters(&Silent).unwrap();
        assert_eq!(found.sizes, [199_997, 3]);
        assert!((found.centroids[2] - 1000.0).abs() < 0.01, "{:?}", found.centroids);
    }

    #[test]
    fn memory_grows_with_the_logarithm_of_the_rows() {
        let mut summary = Summary::new(100, 8);
        let mut most = 0;
        for row in 0..400_000u64 {
            summary.add(&[(crate::seed::mix(row) >> 40) as f32; 100]);
            most = most.max(summary.memory());
        }
        // A buffer of 4 MB, which may have grown to twice that, and 2 MB for each of six levels.
        assert!(most < 20 << 20, "{most}");
    }

    #[test]
    fn what_is_read_back_is_what_was_written_and_nonsense_is_refused() {
        let summary = summary(&planted::rows(40_000, 3, 5), 3, 5);
        let bytes = postcard::to_allocvec(&summary).unwrap();
        assert_eq!(postcard::from_bytes::<Summary>(&bytes).unwrap(), summary);
        let mut wrong = summary.clone();
        wrong.buffer.push(1.0);
        assert!(postcard::from_bytes::<Summary>(&postcard::to_allocvec(&wrong).unwrap()).is_err());
        let mut wrong = summary;
        wrong.buffer[0] = f32::NAN;
        assert!(postcard::from_bytes::<Summary>(&postcard::to_allocvec(&wrong).unwrap()).is_err());
    }
}
