//! DBSCAN (Ester et al. 1996): clusters are the dense regions.
//!
//! A core row has `neighbours` rows within the radius. Core rows within the radius of each other are in one cluster;
//! any other row belongs to the cluster of its nearest core row within the radius, or to none. The result is exact and
//! takes two passes over pairs, which are never stored: neighbours are counted (2·n²·k flops), then core rows are
//! joined (n²·k flops) in a lock-free union-find (Anderson & Woll 1991). Its roots are the lowest rows of their
//! clusters, whatever the order of pairs. Memory is n·k·8 bytes plus one tile for each thread.
//!
//! With more than `EXACT_ROWS` rows, core rows are searched among `SAMPLE_ROWS` rows drawn uniformly, and all others
//! join the cluster of the nearest one: at most 2·n·k·`SAMPLE_ROWS` flops.

use super::auto_radius::auto_radius;
use super::range_search::{BLOCK_ROWS, Radius, SelectedRows};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::seed;
use crate::segmentation::centered_rows::{CenteredRows, check_finite};
use rand::seq::index;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering};

/// The largest number of rows for an exact result: 40 seconds of CPU time at 64 columns.
const EXACT_ROWS: usize = 100_000;
/// The number of rows searched for core rows if there are more: 500,000 rows of 64 columns take 28 seconds of CPU time.
const SAMPLE_ROWS: usize = 20_000;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "density";

/// The parameters that define density.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DbscanSettings {
    /// The number of rows, itself included, that a core row has within the radius.
    pub neighbours: usize,
    /// The radius as a distance; if it is automatic, the knee of the distances to the last of the neighbours
    /// (`auto_radius`).
    pub radius: AutoOr<f64>,
}

/// The result of DBSCAN.
#[derive(Clone, Debug, PartialEq)]
pub struct DbscanClusters {
    /// The cluster of each row, from 0 by decreasing size and then by first row; `None` for noise.
    pub of_row: Vec<Option<u32>>,
    /// The number of clusters, without noise.
    pub count: usize,
    /// The radius, given or chosen.
    pub radius: f64,
}

/// Finds dense clusters by Euclidean distance. If only a sample is searched, a given radius keeps its meaning:
/// `neighbours` is scaled down by the size of the sample, to at least two. An automatic radius is chosen for the
/// sample.
///
/// # Errors
/// [`crate::EngineError::NotFinite`] if a value is infinite or NaN, [`crate::EngineError::Cancelled`].
pub fn dbscan(
    points: &Matrix,
    settings: &DbscanSettings,
    seed: u64,
    observer: &dyn Observer,
) -> Result<DbscanClusters> {
    with_sample(points, settings, (EXACT_ROWS, SAMPLE_ROWS), seed, observer)
}

fn with_sample(
    points: &Matrix,
    settings: &DbscanSettings,
    (exact, sample): (usize, usize),
    seed: u64,
    observer: &dyn Observer,
) -> Result<DbscanClusters> {
    check_finite(points)?;
    let centered = CenteredRows::new(points, observer)?;
    let count = points.rows();
    let searched: Vec<u32> = if count <= exact {
        (0..count as u32).collect()
    } else {
        let mut random = seed::random(seed, "density sample");
        let mut rows: Vec<u32> =
            index::sample(&mut random, count, sample).into_iter().map(|row| row as u32).collect();
        rows.sort_unstable();
        rows
    };
    let searched = SelectedRows::select(points, &centered, searched);
    let (radius, neighbours) = match settings.radius {
        AutoOr::Given(radius) if count > exact => {
            let share = settings.neighbours as f64 * sample as f64 / count as f64;
            (radius.max(0.0), (share.round() as usize).max(2))
        }
        AutoOr::Given(radius) => (radius.max(0.0), settings.neighbours),
        AutoOr::Auto => (auto_radius(&searched, settings.neighbours, seed, observer)?, settings.neighbours),
    };
    let within = Radius::new(radius, &centered);
    let step = |step| observer.report(Progress::step(PHASE, step, 3));

    step(1);
    let mut counts = vec![0usize; searched.numbers.len()];
    searched.visit(
        &searched,
        within,
        &mut counts,
        |_| 0,
        |count, pair| {
            if *count < neighbours && pair.is_within() {
                *count += 1;
            }
        },
        observer,
    )?;
    let cores = searched.numbers.iter().zip(&counts).filter(|(_, count)| **count >= neighbours);
    let cores = SelectedRows::select(points, &centered, cores.map(|(&row, _)| row).collect());

    step(2);
    let clusters = Clusters::new(cores.numbers.len());
    // Each pair is visited once, from the block of the earlier row.
    let mut nothing = vec![(); cores.numbers.len()];
    cores.visit(
        &cores,
        within,
        &mut nothing,
        |block| block * BLOCK_ROWS,
        |(), pair| {
            let (place, other) = (pair.place as u32, pair.other as u32);
            if clusters.root(place) != clusters.root(other) && pair.is_within() {
                clusters.join(place, other);
            }
        },
        observer,
    )?;

    step(3);
    let mut of_row: Vec<Option<u32>> = vec![None; count];
    for (place, &row) in cores.numbers.iter().enumerate() {
        of_row[row as usize] = Some(clusters.root(place as u32));
    }
    let others = (0..count as u32).filter(|&row| of_row[row as usize].is_none()).collect();
    let others = SelectedRows::select(points, &centered, others);
    let mut nearest = vec![(radius, None); others.numbers.len()];
    others.visit(
        &cores,
        within,
        &mut nearest,
        |_| 0,
        |nearest, pair| {
            if pair.least_distance() > nearest.0 {
                return;
            }
            let distance = pair.distance();
            if distance < nearest.0 || distance == nearest.0 && nearest.1.is_none() {
                *nearest = (distance, Some(pair.other));
            }
        },
        observer,
    )?;
    for (&row, (_, core)) in others.numbers.iter().zip(nearest) {
        of_row[row as usize] = core.map(|core| clusters.root(core as u32));
    }
    let count = by_size(&mut of_row);
    Ok(DbscanClusters { of_row, count, radius })
}

/// A union-find of clusters that any thread may join.
struct Clusters(Vec<AtomicU32>);

impl Clusters {
    fn new(count: usize) -> Self {
        Self((0..count as u32).map(AtomicU32::new).collect())
    }

    /// Returns the lowest number of the cluster so far. Parents only ever decrease.
    fn root(&self, mut number: u32) -> u32 {
        loop {
            let parent = self.0[number as usize].load(Ordering::Relaxed);
            if parent == number {
                return number;
            }
            let above = self.0[parent as usize].load(Ordering::Relaxed);
            if above != parent {
                self.0[number as usize].fetch_min(above, Ordering::Relaxed);
            }
            number = above;
        }
    }

    /// Joins two clusters: the higher root is placed under the lower one.
    fn join(&self, a: u32, b: u32) {
        loop {
            let (a, b) = (self.root(a), self.root(b));
            let (low, high) = (a.min(b), a.max(b));
            let root = &self.0[high as usize];
            if low == high || root.compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }
}

/// Renumbers clusters by decreasing size, then by first row, and returns their number.
pub(in crate::segmentation) fn by_size(of_row: &mut [Option<u32>]) -> usize {
    let mut place: Vec<Option<usize>> = vec![None; of_row.len()];
    let mut sizes: Vec<(usize, u32)> = Vec::new();
    for &cluster in of_row.iter().flatten() {
        let place = *place[cluster as usize].get_or_insert_with(|| {
            sizes.push((0, cluster));
            sizes.len() - 1
        });
        sizes[place].0 += 1;
    }
    sizes.sort_by_key(|&(size, _)| Reverse(size));
    let mut number = vec![0; of_row.len()];
    for (new, &(_, old)) in sizes.iter().enumerate() {
        number[old as usize] = new as u32;
    }
    of_row.iter_mut().flatten().for_each(|cluster| *cluster = number[*cluster as usize]);
    sizes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::{mix, random};
    use crate::segmentation::density::range_search::distance;
    use crate::segmentation::quality::adjusted_rand;
    use proptest::prelude::*;
    use rand::Rng;

    /// Groups of different densities in the plane, then noise, which is the last group.
    fn planted(rows: usize) -> (Matrix, Vec<u32>) {
        let mut random = random(5, "planted");
        let centres = [[0.0, 0.0], [4.0, 0.0], [0.0, 5.0], [6.0, 6.0f32]];
        let mut of_row = Vec::new();
        let mut data = Vec::new();
        for row in 0..rows {
            let group = if row % 10 == 0 { 4 } else { random.gen_range(0..4) };
            let around = |random: &mut crate::seed::Random| -> f32 {
                (0..4).map(|_| random.gen_range(-0.5..0.5f32)).sum::<f32>() * (0.5 + group as f32 / 6.0)
            };
            match centres.get(group) {
                Some(centre) => data.extend(centre.map(|value| value + around(&mut random))),
                None => data.extend([0; 2].map(|_| random.gen_range(-8.0..14.0f32))),
            }
            of_row.push(group as u32);
        }
        (Matrix::from_data(2, data).unwrap(), of_row)
    }

    /// DBSCAN by its definition, over all pairs.
    fn plain(points: &Matrix, neighbours: usize, radius: f64) -> Vec<Option<u32>> {
        let rows = points.rows();
        let apart = |a: usize, b: usize| distance(points.row(a), points.row(b));
        let is_core: Vec<bool> =
            (0..rows).map(|a| (0..rows).filter(|&b| apart(a, b) <= radius).count() >= neighbours).collect();
        let mut of_row: Vec<Option<u32>> = vec![None; rows];
        for start in (0..rows).filter(|&row| is_core[row]) {
            let mut reached = if of_row[start].is_none() { vec![start] } else { vec![] };
            while let Some(row) = reached.pop() {
                if of_row[row].replace(start as u32).is_none() {
                    reached.extend((0..rows).filter(|&b| is_core[b] && apart(row, b) <= radius));
                }
            }
        }
        for row in (0..rows).filter(|&row| !is_core[row]) {
            let cores = (0..rows).filter(|&core| is_core[core] && apart(row, core) <= radius);
            let nearest = cores.min_by(|&a, &b| apart(row, a).total_cmp(&apart(row, b)));
            of_row[row] = nearest.and_then(|core| of_row[core]);
        }
        by_size(&mut of_row);
        of_row
    }

    fn labels(dense: &DbscanClusters, noise: u32) -> Vec<u32> {
        dense.of_row.iter().map(|cluster| cluster.unwrap_or(noise)).collect()
    }

    const AUTO: DbscanSettings = DbscanSettings { neighbours: 8, radius: AutoOr::Auto };

    #[test]
    fn planted_groups_and_noise_are_found_with_a_radius_from_the_data() {
        let (points, planted) = planted(1_500);
        let found = dbscan(&points, &AUTO, 1, &Silent).unwrap();
        assert_eq!(found.count, 4);
        let agreement = adjusted_rand(&labels(&found, 9), &planted);
        assert!(agreement > 0.95, "{agreement} at {}", found.radius);
        assert_eq!(found.of_row, plain(&points, 8, found.radius));
    }

    #[test]
    fn a_sample_finds_the_groups_that_all_rows_find() {
        let (points, planted) = planted(6_000);
        let all = dbscan(&points, &AUTO, 1, &Silent).unwrap();
        let given = DbscanSettings { neighbours: 40, radius: AutoOr::Given(all.radius * 1.5) };
        for settings in [AUTO, given] {
            let found = with_sample(&points, &settings, (5_000, 1_500), 1, &Silent).unwrap();
            let agreement = adjusted_rand(&labels(&found, 9), &planted);
            assert!(agreement > 0.9 && found.count == 4, "{settings:?}: {agreement}, {}", found.count);
        }
    }

    #[test]
    fn rows_at_exactly_the_radius_are_within_it_wherever_the_origin_is() {
        for origin in [0.0f32, 1e4, -3e6] {
            let points =
                Matrix::from_data(1, [0.0, 1.0, 2.0, 3.0, 5.0, 6.0].map(|x| origin + x).into()).unwrap();
            let of = |neighbours, radius| {
                let settings = DbscanSettings { neighbours, radius: AutoOr::Given(radius) };
                dbscan(&points, &settings, 1, &Silent).unwrap().of_row
            };
            let four = [Some(0), Some(0), Some(0), Some(0)];
            assert_eq!(of(2, 1.0), [&four[..], &[Some(1), Some(1)]].concat(), "{origin}");
            assert_eq!(of(3, 1.0), [&four[..], &[None, None]].concat(), "{origin}");
            assert_eq!(of(2, 0.99), vec![None; 6], "{origin}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// The rows include grids, on which most distances are ties or equal to the radius.
        #[test]
        fn any_rows_are_divided_as_the_definition_says(
            rows in 0usize..260, columns in 1usize..4, steps in 2u64..40, neighbours in 0usize..9,
            radius in 0u32..5, seed in 0u64..1_000,
        ) {
            let value = |place: usize| (mix(seed * 100_000 + place as u64) % steps) as f32 * 0.5 + 700.0;
            let points = Matrix::from_data(columns, (0..rows * columns).map(value).collect()).unwrap();
            let radius = f64::from(radius) * 0.5;
            let settings = DbscanSettings { neighbours, radius: AutoOr::Given(radius) };
            let found = dbscan(&points, &settings, 1, &Silent).unwrap();
            prop_assert_eq!(&found.of_row, &plain(&points, neighbours, radius));
            prop_assert_eq!(found.count as u32, found.of_row.iter().flatten().max().map_or(0, |most| most + 1));
        }
    }
}
