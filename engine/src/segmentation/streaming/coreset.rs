//! A coreset by merge and reduce (Har-Peled & Mazumdar 2004): a summary of rows that stays small however many there
//! are, can be merged with others, and from which k-means finds nearly the clusters of all rows.
//! [`super::sensitivity_sampling`] is the reduction step.
//!
//! Rows are kept unchanged until the buffer is full; until then everything is exact. A full buffer is reduced to half
//! as many weighted rows. Two such buckets of one level are joined and reduced to one of the next, like the carry of a
//! binary counter: n rows leave log₂(n / buffer) buckets, and each row has been through as many reductions.
//!
//! Memory is one buffer, and half of one for each level. A reduction of m rows costs 3·m·2k·columns flops on the
//! calling thread, and each full buffer causes at most two: 12·k·columns per row.

use super::sensitivity_sampling::{Bucket, reduce};
use super::starts::best_clusters;
use crate::error::Result;
use crate::memory;
use crate::observer::Observer;
use crate::seed;
use serde::{Deserialize, Serialize};

/// The largest number of rows of the buffer. At k = 64 the inertia found on a million rows is within one percent of
/// that of k-means on all of them (`benches/run.sh aggregate`).
const MOST_ROWS: usize = 32_768;
/// The largest number of values of the buffer, 4 MB. If rows are long, the buffer has fewer of them …
const MOST_VALUES: usize = 1 << 20;
/// … but at least this number, and at least this number per cluster.
const LEAST_ROWS: usize = 1024;
const LEAST_ROWS_PER_CLUSTER: usize = 4;
/// The seed of all draws, which is fixed so that the same rows in the same order give the same clusters.
const SEED: u64 = 0;

/// The clusters of the rows of a summary, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct CoresetClusters {
    /// The number of values of a row.
    pub columns: usize,
    /// The number of rows that were summarised.
    pub rows: u64,
    /// The sum of their squared distances to the nearest centroid, which is exact as long as no rows were reduced.
    pub inertia: f64,
    /// The number of rows of each cluster; they sum to `rows`.
    pub sizes: Vec<u64>,
    /// clusters × columns: the centroids, one after another.
    pub centroids: Vec<f32>,
}

/// The running state of k-means over rows that are seen once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Coreset {
    columns: usize,
    clusters: usize,
    rows: u64,
    /// The rows that have not been reduced.
    buffer: Vec<f32>,
    /// The reduced rows of each level; a bucket may be empty.
    levels: Vec<Bucket>,
    /// The number of reductions so far, each of which has its own random numbers.
    reductions: u64,
}

/// A summary as it is read, before it is checked.
#[derive(Deserialize)]
struct Raw {
    columns: usize,
    clusters: usize,
    rows: u64,
    buffer: Vec<f32>,
    levels: Vec<Bucket>,
    reductions: u64,
}

impl TryFrom<Raw> for Coreset {
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

impl Coreset {
    /// A summary of no rows, which will have `columns` values and be divided into `clusters`; both are at least 1.
    pub fn new(columns: usize, clusters: usize) -> Self {
        Self { columns, clusters, rows: 0, buffer: Vec::new(), levels: Vec::new(), reductions: 0 }
    }

    /// The number of values of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The requested number of clusters.
    pub fn target(&self) -> usize {
        self.clusters
    }

    /// The number of rows that were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of bytes that the summary takes.
    pub fn memory(&self) -> usize {
        let bucket = |bucket: &Bucket| bucket.values.capacity() + bucket.weights.capacity();
        size_of::<f32>() * (self.buffer.capacity() + self.levels.iter().map(bucket).sum::<usize>())
    }

    /// The number of rows of a full buffer.
    fn capacity(&self) -> usize {
        let least = self.clusters.saturating_mul(LEAST_ROWS_PER_CLUSTER).clamp(LEAST_ROWS, MOST_ROWS);
        (MOST_VALUES / self.columns).clamp(least, MOST_ROWS)
    }

    /// The number of values for which the buffer must have room before another row is added.
    fn room(&self) -> usize {
        let full = self.capacity().saturating_mul(self.columns);
        match self.buffer.capacity() - self.buffer.len() < self.columns {
            true => (2 * self.buffer.len())
                .clamp(self.columns.saturating_mul(16).min(full), full)
                .max(self.buffer.len() + self.columns),
            false => self.buffer.capacity(),
        }
    }

    /// The number of bytes that adding another row would take, in addition to those already taken until they are
    /// copied.
    pub fn growth(&self) -> usize {
        let room = self.room();
        if self.buffer.len() + self.columns >= self.capacity().saturating_mul(self.columns) {
            // A reduction takes the sums of rough clusters, half of the rows, and such a half for each level that it is
            // joined with.
            return size_of::<f32>() * 4 * room;
        }
        if room == self.buffer.capacity() { 0 } else { size_of::<f32>() * room }
    }

    /// Adds a row of `columns` finite values. After an error the summary must not be used.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
    pub fn add(&mut self, row: &[f32], observer: &dyn Observer) -> Result<()> {
        self.rows = self.rows.saturating_add(1);
        let room = self.room();
        if room > self.buffer.capacity() {
            let more = room - self.buffer.len();
            memory::ask(size_of::<f32>() * room, || self.buffer.try_reserve_exact(more))?;
        }
        self.buffer.extend_from_slice(row);
        if self.buffer.len() >= self.capacity().saturating_mul(self.columns) {
            self.reduce_buffer(observer)?;
        }
        Ok(())
    }

    /// Adds all rows of a summary with the same columns and target. After an error this summary must not be used.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
    pub fn merge(&mut self, other: &Self, observer: &dyn Observer) -> Result<()> {
        let rows = self.rows.saturating_add(other.rows);
        for row in other.buffer.chunks_exact(self.columns) {
            self.add(row, observer)?;
        }
        for (level, bucket) in other.levels.iter().enumerate() {
            if !bucket.weights.is_empty() {
                let copy = Bucket {
                    values: memory::copied(&bucket.values)?,
                    weights: memory::copied(&bucket.weights)?,
                };
                self.carry(level, copy, observer)?;
            }
        }
        self.rows = rows;
        Ok(())
    }

    fn reduce_buffer(&mut self, observer: &dyn Observer) -> Result<()> {
        let values = std::mem::take(&mut self.buffer);
        let full = Bucket { weights: memory::filled(1.0, values.len() / self.columns)?, values };
        let reduced = self.reduce(&full, observer)?;
        self.carry(0, reduced, observer)?;
        self.buffer = full.values;
        self.buffer.clear();
        Ok(())
    }

    /// Puts a bucket into its level, reducing it together with the one that is already there.
    fn carry(&mut self, mut level: usize, mut bucket: Bucket, observer: &dyn Observer) -> Result<()> {
        loop {
            if self.levels.len() <= level {
                self.levels.resize_with(level + 1, Bucket::default);
            }
            let there = std::mem::take(&mut self.levels[level]);
            if there.weights.is_empty() {
                self.levels[level] = bucket;
                return Ok(());
            }
            let mut joined = there;
            joined.add(&bucket)?;
            bucket = self.reduce(&joined, observer)?;
            level += 1;
        }
    }

    /// Returns weighted rows, about half as many as the buffer holds, that stand for those of `bucket`.
    fn reduce(&mut self, bucket: &Bucket, observer: &dyn Observer) -> Result<Bucket> {
        self.reductions += 1;
        let mut random = seed::random(seed::mix(SEED ^ self.reductions), "summary");
        reduce(&bucket.problem(self.columns, observer)?, self.capacity() / 2, self.clusters, &mut random)
    }

    /// Returns clusters of all rows: none if there are no rows, fewer than requested if there are fewer distinct rows.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
    pub fn clusters(&self, observer: &dyn Observer) -> Result<CoresetClusters> {
        let mut kept = Bucket {
            values: memory::copied(&self.buffer)?,
            weights: memory::filled(1.0, self.buffer.len() / self.columns)?,
        };
        for bucket in &self.levels {
            kept.add(bucket)?;
        }
        let found = best_clusters(kept.problem(self.columns, observer)?, self.clusters, SEED)?;
        let mut weights = vec![0.0f64; found.centroids.rows()];
        let members = found.of_row.iter().zip(&kept.weights);
        members.for_each(|(&cluster, &weight)| weights[cluster as usize] += f64::from(weight));
        let mut order: Vec<usize> = (0..weights.len()).filter(|&cluster| weights[cluster] > 0.0).collect();
        order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        let mut sizes: Vec<u64> =
            order.iter().map(|&cluster| weights[cluster].round().max(1.0) as u64).collect();
        // The sizes are rounded, so the largest cluster makes up for the difference to the number of rows.
        let others: u64 = sizes.iter().skip(1).sum();
        if let Some(largest) = sizes.first_mut() {
            *largest = self.rows.saturating_sub(others);
        }
        Ok(CoresetClusters {
            columns: self.columns,
            rows: self.rows,
            inertia: found.inertia,
            sizes,
            centroids: order.iter().flat_map(|&cluster| found.centroids.row(cluster)).copied().collect(),
        })
    }

    /// The approximate number of bytes that [`Self::clusters`] takes: a copy of the kept rows, at most as much again
    /// for trials, and a few numbers for each row and for each value of a centroid.
    pub fn needed(&self) -> usize {
        let values = self.buffer.len() + self.levels.iter().map(|bucket| bucket.values.len()).sum::<usize>();
        let rows = values / self.columns;
        let centres = self.clusters.min(rows) * self.columns;
        size_of::<f32>() * (2 * values + 32 * rows + 12 * centres)
    }

    /// The number of multiply-adds of an iteration over all kept rows.
    pub fn work(&self) -> usize {
        let kept = self.buffer.len() + self.levels.iter().map(|bucket| bucket.values.len()).sum::<usize>();
        kept.saturating_mul(self.clusters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::observer::Silent;
    use crate::segmentation::kmeans::{self, Geometry, KmeansSettings};
    use crate::segmentation::streaming::planted;

    fn summary(values: &[f32], columns: usize, clusters: usize) -> Coreset {
        let mut summary = Coreset::new(columns, clusters);
        values.chunks(columns).for_each(|row| summary.add(row, &Silent).unwrap());
        summary
    }

    /// The inertia of all rows with given centroids.
    fn inertia(values: &[f32], columns: usize, centroids: &[f32]) -> f64 {
        let matrix = |values: &[f32]| Matrix::from_data(columns, values.to_vec()).unwrap();
        let nearest = kmeans::nearest(&matrix(values), &matrix(centroids), Geometry::Euclidean);
        nearest.iter().map(|nearest| f64::from(nearest.distance).powi(2)).sum()
    }

    fn full_kmeans(values: &[f32], columns: usize, clusters: usize) -> f64 {
        let settings = KmeansSettings {
            geometry: Geometry::Euclidean,
            n_clusters: clusters,
            min_cluster_size: 1,
            n_init: 4,
        };
        let points = Matrix::from_data(columns, values.to_vec()).unwrap();
        kmeans::kmeans(&points, None, &settings, None, 9, &Silent).unwrap().inertia
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
        assert!(Coreset::new(3, 4).clusters(&Silent).unwrap().sizes.is_empty());
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
        merged.merge(&summary(second, columns, 10), &Silent).unwrap();
        let found = merged.clusters(&Silent).unwrap();
        assert_eq!((found.rows, found.sizes.iter().sum::<u64>()), (rows as u64, rows as u64));
        let ratio = inertia(&values, columns, &found.centroids) / full_kmeans(&values, columns, 10);
        assert!(ratio < 1.02, "{ratio}");
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        let values = planted::rows(100_000, 8, 20);
        let run = || summary(&values, 8, 30).clusters(&Silent).unwrap();
        let alone = run();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(run), alone, "{threads} threads");
        }
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
    fn more_clusters_than_rows_give_a_cluster_for_each_row() {
        let mut merged = summary(&[1.0, 5.0, 3.0], 1, usize::MAX);
        merged.merge(&summary(&[9.0], 1, usize::MAX), &Silent).unwrap();
        let found = merged.clusters(&Silent).unwrap();
        assert_eq!((found.sizes, found.inertia), (vec![1; 4], 0.0));
    }

    #[test]
    fn memory_grows_with_the_logarithm_of_the_rows() {
        let mut summary = Coreset::new(100, 8);
        let mut most = 0;
        for row in 0..400_000u64 {
            summary.add(&[(crate::seed::mix(row) >> 40) as f32; 100], &Silent).unwrap();
            most = most.max(summary.memory());
        }
        // The limit covers a buffer of 4 MB, which may have grown to twice that, and 2 MB for each of six levels.
        assert!(most < 20 << 20, "{most}");
    }

    #[test]
    fn what_is_read_back_is_what_was_written_and_nonsense_is_refused() {
        let summary = summary(&planted::rows(40_000, 3, 5), 3, 5);
        let bytes = postcard::to_allocvec(&summary).unwrap();
        assert_eq!(postcard::from_bytes::<Coreset>(&bytes).unwrap(), summary);
        let mut wrong = summary.clone();
        wrong.buffer.push(1.0);
        assert!(postcard::from_bytes::<Coreset>(&postcard::to_allocvec(&wrong).unwrap()).is_err());
        let mut wrong = summary;
        wrong.buffer[0] = f32::NAN;
        assert!(postcard::from_bytes::<Coreset>(&postcard::to_allocvec(&wrong).unwrap()).is_err());
    }
}
