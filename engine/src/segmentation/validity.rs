//! How good a division is, and how stable: the figures that are printed beside segments.
//!
//! - [`silhouette`] (Rousseeuw 1987), of several divisions at once [`silhouettes`], [`davies_bouldin`] (1979) and [`calinski_harabasz`] (1974) look at
//!   the points of one division; conventions in corner cases are those of scikit-learn
//! - [`adjusted_rand`] (Hubert & Arabie 1985) compares two divisions of the same users
//! - [`population_stability`] compares the sizes of the same segments at two times
//!
//! Labels are any numbers, with gaps or not. The silhouette costs 3·n²·d flops and takes the pool's
//! threads; all else is one or two passes over the data on the calling thread, as is
//! [`silhouette_sequential`], for callers that must not start threads.

use crate::error::{EngineError, Result};
use crate::linalg::vector::distance;
use crate::matrix::Matrix;
use crate::memory;
use crate::observer::{Observer, Progress};
use crate::seed;
use hashbrown::HashMap;
use rayon::prelude::*;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The name of the phase in progress reports.
pub const PHASE: &str = "silhouette";
/// Rows between reports of progress; 40 ms of work on one thread with 5,000 rows of 64 columns.
const BLOCK_ROWS: usize = 256;
/// The least share in [`population_stability`]: a share of nothing has no logarithm.
const LEAST_SHARE: f64 = 1e-4;
/// Bytes of the first table of a [`Contingency`], or somewhat more.
const PAIR: usize = 64;
/// Distances up to it count as nothing in [`davies_bouldin`], as in scikit-learn.
const NEARLY_ZERO: f64 = 1e-8;

/// Clusters that have members, numbered from 0 in the order of their labels.
struct Clusters {
    of_row: Vec<u32>,
    sizes: Vec<usize>,
}

impl Clusters {
    fn new(labels: &[u32]) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut sizes = vec![0; distinct.len()];
        let number = |label| distinct.partition_point(|&other| other < label);
        let of_row = labels
            .iter()
            .map(|&label| {
                let cluster = number(label);
                sizes[cluster] += 1;
                cluster as u32
            })
            .collect();
        Self { of_row, sizes }
    }

    /// The clusters of `points`; `None` for fewer than two of them or another number of rows.
    fn of(points: &Matrix, labels: &[u32]) -> Option<Self> {
        let clusters = Self::new(labels);
        (labels.len() == points.rows() && clusters.sizes.len() > 1).then_some(clusters)
    }

    /// The mean of each cluster's rows, one after the other.
    fn means(&self, points: &Matrix, observer: &dyn Observer) -> Result<Vec<f64>> {
        let columns = points.columns();
        let mut means = memory::filled(0.0, columns * self.sizes.len())?;
        for (row, &cluster) in self.of_row.iter().enumerate() {
            if row % BLOCK_ROWS == 0 {
                observer.check()?;
            }
            let sum = &mut means[cluster as usize * columns..][..columns];
            sum.iter_mut().zip(points.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for (mean, &size) in means.chunks_exact_mut(columns.max(1)).zip(&self.sizes) {
            mean.iter_mut().for_each(|x| *x /= size as f64);
        }
        Ok(means)
    }

    /// (b − a) / max(a, b) of one row, given its distances from all: a the mean distance to the others of its cluster,
    /// b the least mean distance to another cluster; 0 for a row that is alone.
    fn silhouette_of(&self, row: usize, distances: &[f64]) -> f64 {
        let mut sums = vec![0.0; self.sizes.len()];
        for (distance, &cluster) in distances.iter().zip(&self.of_row) {
            sums[cluster as usize] += distance;
        }
        let own = self.of_row[row] as usize;
        if self.sizes[own] < 2 {
            return 0.0;
        }
        let within = sums[own] / (self.sizes[own] - 1) as f64;
        let nearest = (0..sums.len())
            .filter(|&cluster| cluster != own)
            .map(|cluster| sums[cluster] / self.sizes[cluster] as f64)
            .fold(f64::INFINITY, f64::min);
        let larger = within.max(nearest);
        if larger > 0.0 { (nearest - within) / larger } else { 0.0 }
    }
}

/// The distances of one row from all.
fn distances_of(points: &Matrix, row: usize, distances: &mut Vec<f64>) {
    distances.clear();
    pulp::Arch::new().dispatch(|| {
        for other in 0..points.rows() {
            distances.push(distance(points.row(row), points.row(other)));
        }
    });
}

/// ‖x − mean‖².
fn square_to(point: &[f32], mean: &[f64]) -> f64 {
    point.iter().zip(mean).map(|(&x, m)| (f64::from(x) - m) * (f64::from(x) - m)).sum()
}

/// The mean silhouette by Euclidean distance, −1 … 1: exact up to `sample` rows, else of that many
/// rows among themselves, drawn by the seed. `None` with fewer than two clusters. A row that is alone
/// in its cluster counts 0.
///
/// # Errors
/// [`EngineError::Shape`] without one label for each row, [`EngineError::Cancelled`].
pub fn silhouette(
    points: &Matrix,
    of_row: &[u32],
    sample: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Option<f64>> {
    Ok(silhouettes(points, &[of_row], sample, seed, observer)?.pop().flatten())
}

/// The same of several divisions of the same rows, bit for bit as each alone: the distances, which cost most, are
/// computed once.
///
/// # Errors
/// As [`silhouette`].
pub fn silhouettes(
    points: &Matrix,
    divisions: &[&[u32]],
    sample: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<Option<f64>>> {
    observer.check()?;
    let rows = points.rows();
    if let Some(other) = divisions.iter().find(|of_row| of_row.len() != rows) {
        return Err(EngineError::Shape { what: "labels", expected: rows, found: other.len() });
    }
    if rows > sample {
        let mut random = seed::random(seed, PHASE);
        let mut chosen: Vec<u32> =
            rand::seq::index::sample(&mut random, rows, sample).iter().map(|row| row as u32).collect();
        chosen.sort_unstable();
        let of_chosen = |of_row: &&[u32]| chosen.iter().map(|&row| of_row[row as usize]).collect();
        let divisions: Vec<Vec<u32>> = divisions.iter().map(of_chosen).collect();
        let divisions: Vec<&[u32]> = divisions.iter().map(Vec::as_slice).collect();
        return silhouettes(&points.select(&chosen), &divisions, sample, seed, observer);
    }
    let clusters: Vec<Option<Clusters>> =
        divisions.iter().map(|of_row| Clusters::of(points, of_row)).collect();
    let dividing: Vec<&Clusters> = clusters.iter().flatten().collect();
    let mut totals = vec![0.0; dividing.len()];
    let steps = if dividing.is_empty() { 0 } else { rows.div_ceil(BLOCK_ROWS) };
    for step in 0..steps {
        let first = step * BLOCK_ROWS;
        let block: Vec<Vec<f64>> = (first..rows.min(first + BLOCK_ROWS))
            .into_par_iter()
            .map_init(Vec::new, |distances, row| {
                observer.check()?;
                distances_of(points, row, distances);
                Ok(dividing.iter().map(|clusters| clusters.silhouette_of(row, distances)).collect())
            })
            .collect::<Result<_>>()?;
        for (division, total) in totals.iter_mut().enumerate() {
            *total += block.iter().map(|of_row| of_row[division]).sum::<f64>();
        }
        observer.report(Progress::step(PHASE, step + 1, steps));
    }
    let mut totals = totals.into_iter();
    let mean = |clusters: Option<Clusters>| clusters.and_then(|_| Some(totals.next()? / rows as f64));
    Ok(clusters.into_iter().map(mean).collect())
}

/// The mean silhouette of all given rows, on the calling thread; `None` with fewer than two clusters
/// or without one label for each row.
///
/// # Errors
/// [`EngineError::Cancelled`].
pub fn silhouette_sequential(
    points: &Matrix,
    of_row: &[u32],
    observer: &dyn Observer,
) -> Result<Option<f64>> {
    let Some(clusters) = Clusters::of(points, of_row) else { return Ok(None) };
    let (mut total, mut distances) = (0.0, Vec::new());
    for row in 0..points.rows() {
        observer.check()?;
        distances_of(points, row, &mut distances);
        total += clusters.silhouette_of(row, &distances);
    }
    Ok(Some(total / points.rows() as f64))
}

/// The mean over clusters of the worst (spread of both) / (distance of their means), where the spread is
/// the mean distance to the mean; from 0, lower is better. `None` with fewer than two clusters. All pairs of clusters
/// are compared: `observer` is asked before each cluster.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NoMemory`].
pub fn davies_bouldin(points: &Matrix, of_row: &[u32], observer: &dyn Observer) -> Result<Option<f64>> {
    let Some(clusters) = Clusters::of(points, of_row) else { return Ok(None) };
    let (columns, count) = (points.columns(), clusters.sizes.len());
    let means = clusters.means(points, observer)?;
    let mean = |cluster: usize| &means[cluster * columns..(cluster + 1) * columns];
    let mut spreads = vec![0.0; count];
    for (row, &cluster) in clusters.of_row.iter().enumerate() {
        let cluster = cluster as usize;
        spreads[cluster] += square_to(points.row(row), mean(cluster)).sqrt() / clusters.sizes[cluster] as f64;
    }
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    let (mut total, mut farthest) = (0.0, 0.0f64);
    for one in 0..count {
        observer.check()?;
        let mut worst = 0.0f64;
        for other in 0..count {
            let distance = apart(mean(one), mean(other));
            farthest = farthest.max(distance);
            // Clusters with the same mean do not count, as in scikit-learn.
            if distance > 0.0 {
                worst = worst.max((spreads[one] + spreads[other]) / distance);
            }
        }
        total += worst;
    }
    let widest = spreads.iter().copied().fold(0.0, f64::max);
    let nothing = widest <= NEARLY_ZERO || farthest <= NEARLY_ZERO;
    Ok(Some(if nothing { 0.0 } else { total / count as f64 }))
}

/// The variance between clusters over the variance within, each by its degrees of freedom; from 0, higher
/// is better; 1 where there is none within. `None` with fewer than two clusters.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NoMemory`].
pub fn calinski_harabasz(points: &Matrix, of_row: &[u32], observer: &dyn Observer) -> Result<Option<f64>> {
    let Some(clusters) = Clusters::of(points, of_row) else { return Ok(None) };
    let (rows, count) = (points.rows() as f64, clusters.sizes.len() as f64);
    let columns = points.columns();
    let means = clusters.means(points, observer)?;
    let within: f64 = clusters
        .of_row
        .iter()
        .enumerate()
        .map(|(row, &cluster)| square_to(points.row(row), &means[cluster as usize * columns..][..columns]))
        .sum();
    let means = || means.chunks_exact(columns.max(1));
    let mut middle = vec![0.0; columns];
    for (mean, &size) in means().zip(&clusters.sizes) {
        middle.iter_mut().zip(mean).for_each(|(sum, m)| *sum += m * size as f64 / rows);
    }
    let between: f64 = means()
        .zip(&clusters.sizes)
        .map(|(mean, &size)| {
            size as f64 * mean.iter().zip(&middle).map(|(m, c)| (m - c) * (m - c)).sum::<f64>()
        })
        .sum();
    Ok(Some(if within > 0.0 { between * (rows - count) / (within * (count - 1.0)) } else { 1.0 }))
}

/// How often each pair of labels of two divisions met: grows by one user at a time, and two of them
/// add up. 40 bytes or so for each pair that occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<(u64, u64, u64)>")]
pub struct Contingency {
    counts: HashMap<(u64, u64), u64>,
}

impl Contingency {
    /// Counts one user with label `a` in the one division and `b` in the other.
    ///
    /// # Errors
    /// [`EngineError::NoMemory`].
    pub fn add(&mut self, a: u64, b: u64) -> Result<()> {
        self.reserve()?;
        self.add_many(a, b, 1);
        Ok(())
    }

    fn add_many(&mut self, a: u64, b: u64, users: u64) {
        let count = self.counts.entry((a, b)).or_default();
        *count = count.saturating_add(users);
    }

    /// Adds the counts of other users; `room` is asked about the bytes before the table grows.
    ///
    /// # Errors
    /// Of `room`, [`EngineError::NoMemory`].
    pub fn merge<E: From<EngineError>>(
        &mut self,
        other: &Self,
        mut room: impl FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for (&(a, b), &users) in &other.counts {
            room(self.growth())?;
            self.reserve()?;
            self.add_many(a, b, users);
        }
        Ok(())
    }

    /// Bytes it holds, or its copy would.
    pub fn memory(&self) -> usize {
        self.counts.allocation_size()
    }

    /// Bytes it would take for one more pair, beside those it holds until they are copied.
    pub fn growth(&self) -> usize {
        if self.counts.len() < self.counts.capacity() { 0 } else { 2 * self.memory().max(PAIR) }
    }

    fn reserve(&mut self) -> Result<()> {
        match self.growth() {
            0 => Ok(()),
            bytes => memory::ask(bytes, || self.counts.try_reserve(1)),
        }
    }

    /// The adjusted Rand index: the share of pairs of users that both divisions treat alike, where 0 is what
    /// chance gives and 1 is the same division. 1 where neither division divides, or both divide
    /// everybody; also without users.
    pub fn adjusted_rand(&self) -> f64 {
        let (mut of_a, mut of_b) = (HashMap::<u64, u64>::new(), HashMap::<u64, u64>::new());
        for (&(a, b), &users) in &self.counts {
            *of_a.entry(a).or_default() += users;
            *of_b.entry(b).or_default() += users;
        }
        // Whole numbers until here, so the order of the tables does not matter.
        let pairs = |users: u64| u128::from(users) * u128::from(users.saturating_sub(1)) / 2;
        let together: u128 = self.counts.values().map(|&users| pairs(users)).sum();
        let only_a = of_a.values().map(|&users| pairs(users)).sum::<u128>() - together;
        let only_b = of_b.values().map(|&users| pairs(users)).sum::<u128>() - together;
        let apart = pairs(of_a.values().sum()) - together - only_a - only_b;
        if only_a == 0 && only_b == 0 {
            return 1.0;
        }
        let [together, only_a, only_b, apart] = [together, only_a, only_b, apart].map(|pairs| pairs as f64);
        2.0 * (together * apart - only_a * only_b)
            / ((together + only_a) * (only_a + apart) + (together + only_b) * (only_b + apart))
    }
}

impl<'de> Deserialize<'de> for Contingency {
    /// Pair by pair: a pair of small labels is three bytes where it is read, and dozens in the table. The only
    /// errors beside those of the reader are of memory.
    fn deserialize<D: Deserializer<'de>>(reader: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Contingency;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("pairs of labels and their counts")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut pairs: A,
            ) -> std::result::Result<Contingency, A::Error> {
                let mut contingency = Contingency::default();
                while let Some((a, b, users)) = pairs.next_element()? {
                    contingency.reserve().map_err(serde::de::Error::custom)?;
                    contingency.add_many(a, b, users);
                }
                Ok(contingency)
            }
        }
        reader.deserialize_seq(Pairs)
    }
}

impl From<Contingency> for Vec<(u64, u64, u64)> {
    /// In the order of labels: the same counts give the same bytes.
    fn from(contingency: Contingency) -> Self {
        let mut counts: Self = contingency.counts.into_iter().map(|((a, b), users)| (a, b, users)).collect();
        counts.sort_unstable();
        counts
    }
}

/// The adjusted Rand index of two divisions of the same users, see [`Contingency::adjusted_rand`]. Where
/// one is longer its rest is left out.
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let mut contingency = Contingency::default();
    a.iter().zip(b).for_each(|(&a, &b)| contingency.add_many(u64::from(a), u64::from(b), 1));
    contingency.adjusted_rand()
}

/// The population stability index Σ (p − q) ln(p / q) of the sizes of the same segments at two times, given
/// as shares or as counts; a segment that is missing at the end of one list has size 0 there. By custom,
/// below 0.1 is stable and above 0.25 has shifted (Siddiqi 2006).
pub fn population_stability(before: &[f64], now: &[f64]) -> f64 {
    let shares = |sizes: &[f64]| {
        let total = sizes.iter().sum::<f64>();
        let mut shares: Vec<f64> = sizes.iter().map(|size| (size / total).max(LEAST_SHARE)).collect();
        shares.resize(before.len().max(now.len()), LEAST_SHARE);
        shares
    };
    shares(before).into_iter().zip(shares(now)).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::mix;
    use proptest::prelude::*;

    /// 150 rows around four corners of 19 dimensions, and labels with gaps that fit three quarters of them.
    fn corners() -> (Matrix, Vec<u32>) {
        let value = |row: usize, column: usize| {
            let noise = (mix((row * 19 + column) as u64) >> 40) as f32 / (1 << 24) as f32;
            noise + if column == row % 4 { 1.0 } else { 0.0 }
        };
        let data = (0..150 * 19).map(|i| value(i / 19, i % 19)).collect();
        let mut labels: Vec<u32> = (0..150).map(|row| if row % 5 == 0 { 7 } else { 3 * (row % 4) }).collect();
        labels[149] = 100;
        (Matrix::from_data(19, data).unwrap(), labels)
    }

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
    }

    #[test]
    fn figures_agree_with_scikit_learn() {
        // scikit-learn 1.9.1 on the same rows and labels.
        let (points, labels) = corners();
        close(silhouette_sequential(&points, &labels, &Silent).unwrap(), 0.00406827210273011);
        close(silhouette(&points, &labels, 150, 1, &Silent).unwrap(), 0.00406827210273011);
        close(davies_bouldin(&points, &labels, &Silent).unwrap(), 2.76739891412899);
        close(calinski_harabasz(&points, &labels, &Silent).unwrap(), 10.5452298441138);
        let other: Vec<u32> = (0..150).map(|row| (mix(row) % 3) as u32 + (row as u32 % 4) / 2 * 3).collect();
        close(Some(adjusted_rand(&labels, &other)), 0.162146386737301);
    }

    #[test]
    fn figures_agree_with_a_hand_worked_example() {
        // Clusters {0, 2} and {10, 12} on a line: means 1 and 11, spread 1 each, centre 6.
        let points = Matrix::from_data(1, vec![0.0, 10.0, 2.0, 12.0]).unwrap();
        let labels = [0, 9, 0, 9];
        // a is 2 throughout; b is 11 for the outer rows and 9 for the inner ones.
        close(silhouette_sequential(&points, &labels, &Silent).unwrap(), (9.0 / 11.0 + 7.0 / 9.0) / 2.0);
        close(davies_bouldin(&points, &labels, &Silent).unwrap(), 2.0 / 10.0);
        // Between 4·25 over 1, within 4·1 over 2.
        close(calinski_harabasz(&points, &labels, &Silent).unwrap(), 50.0);
        // One of two pairs is cut: 1 pair together in both, 1 only in the first, 4 apart in both.
        close(Some(adjusted_rand(&[0, 0, 1, 1], &[0, 0, 1, 2])), 2.0 * 4.0 / (2.0 * 5.0 + 1.0 * 4.0));
    }

    #[test]
    fn sampled_silhouettes_are_near_the_exact_one_and_do_not_depend_on_threads() {
        let data = (0..3000).map(|i| (mix(i as u64) >> 40) as f32 / (1 << 24) as f32 + (i % 3) as f32);
        let points = Matrix::from_data(1, data.collect()).unwrap();
        let labels: Vec<u32> = (0..3000).map(|row| row % 3).collect();
        let exact = silhouette_sequential(&points, &labels, &Silent).unwrap().unwrap();
        let sampled = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| silhouette(&points, &labels, 600, 5, &Silent).unwrap().unwrap())
        });
        assert!((sampled[0] - exact).abs() < 0.03 && sampled[0] != exact, "{sampled:?} {exact}");
        assert!(sampled.iter().all(|value| value.to_bits() == sampled[0].to_bits()));
    }

    #[test]
    fn silhouettes_of_several_divisions_are_bit_for_bit_those_of_each() {
        let (points, labels) = corners();
        let few: Vec<u32> = (0..150).map(|row| row % 2).collect();
        let divisions: [&[u32]; 4] = [&labels, &[1; 150], &few, &labels];
        for sample in [60, 150] {
            let together = silhouettes(&points, &divisions, sample, 3, &Silent).unwrap();
            let alone = divisions.map(|of_row| silhouette(&points, of_row, sample, 3, &Silent).unwrap());
            assert_eq!(together, alone);
            assert_eq!(together.iter().flatten().count(), 3);
        }
        let wrong = silhouettes(&points, &[&labels, &few[1..]], 150, 3, &Silent);
        assert_eq!(wrong, Err(EngineError::Shape { what: "labels", expected: 150, found: 149 }));
        assert_eq!(silhouettes(&points, &[], 60, 3, &Silent), Ok(Vec::new()));
    }

    #[test]
    fn what_does_not_divide_has_no_figure_and_equal_rows_are_no_crash() {
        let equal = Matrix::from_data(2, vec![0.5; 8]).unwrap();
        for (points, labels) in [(Matrix::default(), vec![]), (equal.clone(), vec![3; 4])] {
            assert_eq!(silhouette(&points, &labels, 10, 1, &Silent), Ok(None));
            assert_eq!(davies_bouldin(&points, &labels, &Silent), Ok(None));
            assert_eq!(calinski_harabasz(&points, &labels, &Silent), Ok(None));
        }
        assert_eq!(silhouette(&equal, &[0, 0, 1, 1], 0, 1, &Silent), Ok(None));
        assert_eq!(silhouette_sequential(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(0.0)));
        assert_eq!(davies_bouldin(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(0.0)));
        assert_eq!(calinski_harabasz(&equal, &[0, 0, 1, 1], &Silent), Ok(Some(1.0)));
        assert_eq!(silhouette_sequential(&equal, &[0, 1, 2, 3], &Silent), Ok(Some(0.0)));
        assert_eq!(silhouette_sequential(&equal, &[0, 1], &Silent), Ok(None));
        let expected = EngineError::Shape { what: "labels", expected: 4, found: 2 };
        assert_eq!(silhouette(&equal, &[0, 1], 10, 1, &Silent), Err(expected));
    }

    #[test]
    fn trivial_divisions_are_the_same_and_unrelated_ones_are_not() {
        assert_eq!(adjusted_rand(&[], &[]), 1.0);
        assert_eq!(adjusted_rand(&[4, 4, 4], &[1, 1, 1]), 1.0);
        assert_eq!(adjusted_rand(&[1, 2, 3], &[9, 8, 7]), 1.0);
        assert_eq!(adjusted_rand(&[1, 1, 1], &[9, 8, 7]), 0.0);
        assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]), -0.5);
    }

    #[test]
    fn stability_is_zero_for_the_same_shares_and_grows_with_the_shift() {
        assert_eq!(population_stability(&[0.5, 0.5], &[20.0, 20.0]), 0.0);
        let shifted = population_stability(&[0.5, 0.5], &[0.6, 0.4]);
        close(Some(shifted), 0.1 * 1.5f64.ln());
        // A segment that is new: its share before is the floor.
        let appeared = population_stability(&[1.0], &[0.5, 0.5]);
        close(Some(appeared), 0.5 * 2f64.ln() + (0.5 - 1e-4) * (0.5f64 / 1e-4).ln());
        assert_eq!((population_stability(&[], &[]), population_stability(&[0.0], &[0.0])), (0.0, 0.0));
    }

    proptest! {
        #[test]
        fn contingencies_add_up_in_any_order_and_survive_serialization(
            pairs in proptest::collection::vec((0u32..5, 0u32..4), 1..60),
            cut in 0usize..60,
        ) {
            let of = |pairs: &[(u32, u32)]| {
                let mut counts = Contingency::default();
                pairs.iter().for_each(|&(a, b)| counts.add(a.into(), b.into()).unwrap());
                counts
            };
            let (head, tail) = pairs.split_at(cut.min(pairs.len()));
            let mut merged = of(tail);
            merged.merge(&of(head), |_| Ok::<(), EngineError>(())).unwrap();
            prop_assert_eq!(&merged, &of(&pairs));
            let bytes = serde_json::to_vec(&merged).unwrap();
            prop_assert_eq!(&bytes, &serde_json::to_vec(&of(&pairs)).unwrap());
            prop_assert_eq!(&serde_json::from_slice::<Contingency>(&bytes).unwrap(), &merged);
            let (a, b): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
            let value = adjusted_rand(&a, &b);
            prop_assert_eq!(value, adjusted_rand(&b, &a));
            prop_assert!((-1.0..=1.0).contains(&value));
            prop_assert_eq!(adjusted_rand(&a, &a), 1.0);
        }
    }
}
