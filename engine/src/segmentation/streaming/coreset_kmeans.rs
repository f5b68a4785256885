//! k-means of weighted rows by Euclidean distance: what a [`super::coreset::Coreset`] needs of it.
//!
//! Seeds by greedy k-means++ (Arthur & Vassilvitskii 2007, §4; Grunau et al. 2023), then Lloyd's
//! iteration: 3·n·k·columns flops each. It runs on the calling thread, and spreads the search for the
//! nearest centres only where it is called on a rayon pool: never on rayon's global one.

use crate::error::Result;
use crate::linalg::nearest::Centres;
use crate::memory;
use crate::observer::{Observer, Progress};
use crate::seed::{self, Random};
use rand::Rng;
use rayon::prelude::*;

/// Iterations at most; planted groups settle within 30.
const ITERATIONS: usize = 100;
/// Iteration stops once the inertia falls by less than this share.
const TOLERANCE: f64 = 1e-4;
/// Starts that are compared after a few iterations: the order of starts hardly changes later, and the
/// best alone goes on.
const STARTS: usize = 8;
const TRIAL_ITERATIONS: usize = 3;
/// Multiply-adds between two looks at whether to stop: some 10 ms.
const PATIENCE: usize = 1 << 26;
/// The phase in progress reports.
const PHASE: &str = "clusters";

/// Rows and how much each counts.
#[derive(Clone, Copy, Debug)]
pub struct WeightedRows<'a> {
    /// Values of a row.
    pub columns: usize,
    /// Row after row.
    pub values: &'a [f32],
    /// One for each row, above zero.
    pub weights: &'a [f32],
}

impl<'a> WeightedRows<'a> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.weights.len()
    }

    /// The values of a row.
    #[inline]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

/// Centres of rows, and where each row belongs.
#[derive(Clone, Debug)]
pub struct Clustering {
    /// Centre after centre.
    pub centres: Vec<f32>,
    /// The nearest centre of every row.
    pub of_row: Vec<u32>,
    /// The squared distance to it.
    pub distances: Vec<f32>,
    /// The weighted sum of these.
    pub inertia: f64,
}

/// Divides rows into at most `count` clusters: fewer where there are fewer different rows. Starts are
/// compared on `trial`: the same rows, or fewer that stand for them.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn weighted_kmeans(
    rows: WeightedRows<'_>,
    trial: WeightedRows<'_>,
    count: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Clustering> {
    let mut random = seed::random(seed, "weighted kmeans");
    // 2 + ln k candidates, as their authors found best.
    let candidates = 2 + (count.max(1) as f64).ln() as usize;
    let mut best: Option<Clustering> = None;
    for _ in 0..STARTS {
        let centres = seed_centres(trial, count, candidates, &mut random, observer)?;
        let start = lloyd(trial, centres, TRIAL_ITERATIONS, observer)?;
        if best.as_ref().is_none_or(|best| start.inertia < best.inertia) {
            best = Some(start);
        }
    }
    lloyd(rows, best.map(|best| best.centres).unwrap_or_default(), ITERATIONS, observer)
}

/// Seeds by k-means++, each the best of `candidates`; fewer than `count` where there are fewer
/// different rows.
pub fn seed_centres(
    rows: WeightedRows<'_>,
    count: usize,
    candidates: usize,
    random: &mut Random,
    observer: &dyn Observer,
) -> Result<Vec<f32>> {
    let mut centres = Vec::new();
    let mut distances = memory::filled(f32::INFINITY, rows.rows())?;
    let mut nearer = memory::with_room(rows.rows() * candidates)?;
    let mut cumulated = memory::with_room(rows.rows())?;
    for centre in 0..count {
        observer.check()?;
        let mut total = 0.0;
        cumulated.clear();
        cumulated.extend(rows.weights.iter().zip(&distances).map(|(&weight, &distance)| {
            total += f64::from(weight) * if centre == 0 { 1.0 } else { f64::from(distance) };
            total
        }));
        if total <= 0.0 {
            break; // every row is a centre already
        }
        let mut drawn = Vec::with_capacity(candidates * rows.columns);
        for _ in 0..if centre == 0 { 1 } else { candidates } {
            let target = random.r#gen::<f64>() * total;
            let row = cumulated.partition_point(|&sum| sum <= target).min(rows.rows() - 1);
            drawn.extend_from_slice(rows.row(row));
        }
        let tried = drawn.len() / rows.columns;
        let mut inertia = vec![0.0f64; tried];
        nearer.clear();
        let mut before = distances.iter().zip(rows.weights);
        let tried_centres = Centres::new(&drawn, rows.columns);
        for values in rows.values.chunks(block(&drawn).saturating_mul(rows.columns.max(1))) {
            observer.check()?;
            tried_centres.distances(values, |found| {
                let Some((&before, &weight)) = before.next() else { return };
                for (sum, &distance) in inertia.iter_mut().zip(found) {
                    let distance = distance.min(before);
                    *sum += f64::from(weight) * f64::from(distance);
                    nearer.push(distance);
                }
            });
        }
        let best = (0..tried).min_by(|&a, &b| inertia[a].total_cmp(&inertia[b])).unwrap_or(0);
        centres.extend_from_slice(&drawn[best * rows.columns..(best + 1) * rows.columns]);
        distances.iter_mut().zip(nearer.chunks_exact(tried)).for_each(|(d, found)| *d = found[best]);
    }
    Ok(centres)
}

fn lloyd(
    rows: WeightedRows<'_>,
    centres: Vec<f32>,
    iterations: usize,
    observer: &dyn Observer,
) -> Result<Clustering> {
    let mut clustering = nearest(rows, centres, observer)?;
    for iteration in 1..=iterations {
        observer.report(Progress::step(PHASE, iteration, iterations));
        let last = clustering.inertia;
        clustering = nearest(rows, means(rows, &clustering), observer)?;
        if last - clustering.inertia <= TOLERANCE * last {
            break;
        }
    }
    Ok(clustering)
}

/// Rows that are held against centres between two looks at whether to stop.
fn block(centres: &[f32]) -> usize {
    (PATIENCE / centres.len().max(1)).clamp(64, 8192)
}

/// The nearest centre of every row.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn nearest(rows: WeightedRows<'_>, centres: Vec<f32>, observer: &dyn Observer) -> Result<Clustering> {
    let packed = Centres::new(&centres, rows.columns);
    let block = block(&centres);
    let of_block = |values: &[f32]| -> Result<Vec<(u32, f32)>> {
        observer.check()?;
        let mut found = memory::with_room(block)?;
        packed.nearest(values, |centre, distance| found.push((centre, distance)));
        Ok(found)
    };
    let values = block.saturating_mul(rows.columns.max(1));
    let blocks: Vec<Vec<(u32, f32)>> = if rayon::current_thread_index().is_some() {
        rows.values.par_chunks(values).map(of_block).collect::<Result<_>>()?
    } else {
        rows.values.chunks(values).map(of_block).collect::<Result<_>>()?
    };
    let (of_row, distances): (Vec<u32>, Vec<f32>) = blocks.into_iter().flatten().unzip();
    let inertia = distances.iter().zip(rows.weights).map(|(&d, &w)| f64::from(d) * f64::from(w)).sum();
    Ok(Clustering { centres, of_row, distances, inertia })
}

/// The weighted means of the clusters; one without rows moves to the row that costs most.
fn means(rows: WeightedRows<'_>, clustering: &Clustering) -> Vec<f32> {
    let Clustering { centres, of_row, distances, .. } = clustering;
    let (mut sums, mut weights) = sums(rows, of_row, centres.len() / rows.columns.max(1));
    let mut costs = Vec::new();
    for cluster in 0..weights.len() {
        if weights[cluster] > 0.0 {
            continue;
        }
        if costs.is_empty() {
            let cost = |row: usize| rows.weights[row] * distances[row];
            costs = (0..rows.rows()).map(|row| (cost(row), row)).collect();
            costs.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        if let Some((_, row)) = costs.pop() {
            let sum = &mut sums[cluster * rows.columns..(cluster + 1) * rows.columns];
            sum.iter_mut().zip(rows.row(row)).for_each(|(sum, &value)| *sum = f64::from(value));
            weights[cluster] = 1.0;
        }
    }
    let means = sums.chunks_exact(rows.columns.max(1)).zip(&weights);
    means.flat_map(|(sum, &weight)| sum.iter().map(move |&sum| (sum / weight) as f32)).collect()
}

/// The weighted sums of the rows of each cluster, and the weights of the clusters.
pub fn sums(rows: WeightedRows<'_>, of_row: &[u32], count: usize) -> (Vec<f64>, Vec<f64>) {
    let mut sums = vec![0.0f64; count * rows.columns];
    let mut weights = vec![0.0f64; count];
    for (row, &cluster) in of_row.iter().enumerate() {
        let (cluster, weight) = (cluster as usize, f64::from(rows.weights[row]));
        weights[cluster] += weight;
        let sum = &mut sums[cluster * rows.columns..(cluster + 1) * rows.columns];
        sum.iter_mut().zip(rows.row(row)).for_each(|(sum, &value)| *sum += weight * f64::from(value));
    }
    (sums, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EngineError;
    use crate::observer::Silent;
    use crate::segmentation::streaming::planted;

    struct Stop;
    impl Observer for Stop {
        fn report(&self, _: Progress) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn planted_groups_are_found() {
        let values = planted::rows(2000, 5, 7);
        let weights = vec![1.0; 2000];
        let rows = WeightedRows { columns: 5, values: &values, weights: &weights };
        let found = weighted_kmeans(rows, rows, 7, 1, &Silent).unwrap();
        for (row, &cluster) in found.of_row.iter().enumerate() {
            assert_eq!(cluster, found.of_row[row % 7]);
        }
    }

    #[test]
    fn a_weight_counts_as_that_many_rows() {
        let values = planted::rows(600, 3, 4);
        let doubled: Vec<f32> = values.iter().chain(&values[..300 * 3]).copied().collect();
        let mut weights = vec![2.0; 300];
        weights.resize(600, 1.0);
        let rows = WeightedRows { columns: 3, values: &values, weights: &weights };
        let plain = WeightedRows { columns: 3, values: &doubled, weights: &[1.0; 900] };
        let (a, b) = (
            weighted_kmeans(rows, rows, 4, 1, &Silent).unwrap(),
            weighted_kmeans(plain, plain, 4, 1, &Silent).unwrap(),
        );
        assert!((a.inertia / b.inertia - 1.0).abs() < 1e-3, "{} {}", a.inertia, b.inertia);
    }

    #[test]
    fn fewer_different_rows_than_clusters_give_fewer_clusters() {
        let values = [1.0, 1.0, 2.0, 1.0];
        let rows = WeightedRows { columns: 1, values: &values, weights: &[1.0; 4] };
        let found = weighted_kmeans(rows, rows, 3, 1, &Silent).unwrap();
        assert_eq!((found.centres.len(), found.inertia), (2, 0.0));
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        let values = planted::rows(20_000, 8, 20);
        let weights = vec![1.0; 20_000];
        let rows = WeightedRows { columns: 8, values: &values, weights: &weights };
        let alone = weighted_kmeans(rows, rows, 30, 1, &Silent).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let together = pool.install(|| weighted_kmeans(rows, rows, 30, 1, &Silent)).unwrap();
        assert_eq!((alone.centres, alone.of_row), (together.centres, together.of_row));
    }

    #[test]
    fn it_stops_when_asked() {
        let rows = WeightedRows { columns: 1, values: &[1.0, 2.0], weights: &[1.0; 2] };
        assert_eq!(weighted_kmeans(rows, rows, 2, 1, &Stop).unwrap_err(), EngineError::Cancelled);
    }
}
