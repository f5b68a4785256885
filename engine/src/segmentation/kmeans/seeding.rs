//! Where k-means begins: greedy k-means++ (Arthur & Vassilvitskii 2007, §4).
//!
//! Each step draws a few rows with probability ∝ mass · squared distance to what was chosen before, and
//! keeps the one that leaves the smallest sum of these. A step is one product of the candidates with
//! all rows, 2·n·k·candidates flops. Many clusters of many rows begin by [`super::oversampling`].

use super::nearest_centroid::{Scratch, Search};
use super::problem::{BLOCK_ROWS, Problem, mass, task_blocks};
use super::settings::Geometry;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::{Observer, Silent};
use crate::seed::Random;
use rand::Rng;
use rayon::prelude::*;

/// The first centroids, chosen one row at a time: those of `start`, then rows until there are `count`,
/// or until every row is where a centroid is.
pub(super) fn greedy(
    problem: &Problem,
    start: Option<&Matrix>,
    count: usize,
    random: &mut Random,
) -> Result<Matrix> {
    let mut seeding = Seeding::new(problem.points, problem.masses, problem.geometry, problem.observer);
    let given = start.map_or(0, Matrix::rows);
    if let Some(start) = start {
        seeding.approach(start)?;
    }
    let mut rows = seeding.choose(count.max(1).saturating_sub(given), random)?;
    if rows.is_empty() && given == 0 && problem.points.rows() > 0 {
        // No row weighs anything: one is as good as another.
        rows.push(0);
    }
    let mut data = start.map_or(Vec::new(), |start| start.data().to_vec());
    data.extend_from_slice(problem.points.select(&rows).data());
    Matrix::from_data(problem.points.columns(), data)
}

/// The numbers of up to `count` rows to begin with; never the same row twice. On the calling thread:
/// 2·n·k·count·(2 + ln count) flops. Without `weights` every row weighs 1.
pub fn seed_sequential(
    points: &Matrix,
    weights: Option<&[f32]>,
    count: usize,
    geometry: Geometry,
    random: &mut Random,
) -> Vec<u32> {
    let weight = |row| weights.map_or(Some(1.0), |weights| weights.get(row).copied()).unwrap_or(0.0);
    let masses: Vec<f32> =
        (0..points.rows()).map(|row| mass(points.row(row), weight(row), geometry)).collect();
    let seeding = Seeding::new(points, &masses, geometry, &Silent);
    // Silent never cancels, and there is no other error.
    Seeding { threads: false, ..seeding }.choose(count, random).unwrap_or_default()
}

/// What was chosen so far, as far as it decides what is chosen next.
pub(super) struct Seeding<'a> {
    points: &'a Matrix,
    masses: &'a [f32],
    geometry: Geometry,
    observer: &'a dyn Observer,
    /// Whether to work on the pool.
    threads: bool,
    /// How many centroids there are.
    chosen: u32,
    /// The squared distance of each row to the nearest of them.
    nearest: Vec<f32>,
    /// Which that is; known as long as only [`Self::approach`] added any.
    pub(super) owner: Vec<u32>,
    /// Σ mass · squared distance of each block of rows.
    potentials: Vec<f64>,
}

impl<'a> Seeding<'a> {
    pub(super) fn new(
        points: &'a Matrix,
        masses: &'a [f32],
        geometry: Geometry,
        observer: &'a dyn Observer,
    ) -> Self {
        // As far as can be, so that the first row is drawn by its mass alone.
        let nearest = vec![f32::MAX; points.rows()];
        let blocks = nearest.chunks(BLOCK_ROWS).zip(masses.chunks(BLOCK_ROWS));
        let potentials = blocks.map(|(nearest, masses)| potential(nearest, masses)).collect();
        let owner = vec![0; points.rows()];
        Self { points, masses, geometry, observer, threads: true, chosen: 0, nearest, owner, potentials }
    }

    /// Adds centroids as they are, on the pool.
    pub(super) fn approach(&mut self, centroids: &Matrix) -> Result<()> {
        let search = Search::new(centroids, self.geometry);
        let (first, values) = (self.chosen, BLOCK_ROWS * self.points.columns().max(1));
        let blocks = self.points.data().par_chunks(values).zip(self.masses.par_chunks(BLOCK_ROWS));
        let state = self.nearest.par_chunks_mut(BLOCK_ROWS).zip(self.owner.par_chunks_mut(BLOCK_ROWS));
        self.potentials = blocks
            .zip(state)
            .with_min_len(task_blocks(self.points.columns(), centroids.rows()))
            .map_init(Scratch::default, |scratch, ((rows, masses), (nearest, owner))| {
                self.observer.check()?;
                let found = search.nearest(rows, masses.len(), scratch);
                for ((nearest, owner), found) in nearest.iter_mut().zip(owner).zip(found) {
                    if found.distance < *nearest {
                        *nearest = found.distance;
                        *owner = first + found.cluster;
                    }
                }
                Ok(potential(nearest, masses))
            })
            .collect::<Result<_>>()?;
        self.chosen += centroids.rows() as u32;
        Ok(())
    }

    /// Chooses up to `count` rows, one after the other.
    pub(super) fn choose(&mut self, count: usize, random: &mut Random) -> Result<Vec<u32>> {
        let mut chosen = Vec::new();
        while chosen.len() < count {
            // As many candidates as scikit-learn draws. The first row has nothing to be compared with.
            let draws = if self.chosen == 0 { 1 } else { 2 + (count as f64).ln() as usize };
            let candidates: Vec<u32> = (0..draws).filter_map(|_| self.draw(random)).collect();
            if candidates.is_empty() {
                break;
            }
            chosen.push(self.take_best(&candidates)?);
        }
        Ok(chosen)
    }

    /// A row with probability ∝ mass · squared distance; none where all of that is nothing.
    pub(super) fn draw(&self, random: &mut Random) -> Option<u32> {
        let total: f64 = self.potentials.iter().sum();
        let mut target = random.r#gen::<f64>() * total;
        let block = self.potentials.iter().position(|&potential| {
            let here = target < potential;
            target -= if here { 0.0 } else { potential };
            here
        })?;
        let rows = block * BLOCK_ROWS..self.nearest.len().min((block + 1) * BLOCK_ROWS);
        let mut last = None;
        for row in rows {
            let potential = f64::from(self.masses[row]) * f64::from(self.nearest[row]);
            if potential > 0.0 {
                last = Some(row as u32);
                target -= potential;
                if target < 0.0 {
                    break;
                }
            }
        }
        last
    }

    /// Chooses the candidate that leaves the smallest potential, and moves on to what it leaves.
    fn take_best(&mut self, candidates: &[u32]) -> Result<u32> {
        let centroids = self.points.select(candidates);
        let search = Search::new(&centroids, self.geometry);
        let (k, draws) = (self.points.columns(), candidates.len());
        let mut trials = vec![0.0f32; self.nearest.len() * draws];
        let task = self.threads.then(|| task_blocks(k, draws));
        let left = map_blocks(&mut trials, BLOCK_ROWS * draws, task, |block, trials| {
            self.observer.check()?;
            let first = block * BLOCK_ROWS;
            let rows = first..first + trials.len() / draws;
            let points = &self.points.data()[rows.start * k..rows.end * k];
            search.squared_distances(points, rows.len(), trials);
            let mut left = vec![0.0f64; draws];
            let nearest = self.nearest[rows.clone()].iter().zip(&self.masses[rows]);
            for (trials, (&nearest, &mass)) in trials.chunks_exact_mut(draws).zip(nearest) {
                for (trial, left) in trials.iter_mut().zip(&mut left) {
                    *trial = trial.min(nearest);
                    *left += f64::from(mass) * f64::from(*trial);
                }
            }
            Ok(left)
        })?;
        let total = |candidate: usize| left.iter().map(|left| left[candidate]).sum::<f64>();
        let best = (0..draws).min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0);
        for (block, nearest) in self.nearest.chunks_mut(BLOCK_ROWS).enumerate() {
            self.potentials[block] = left[block][best];
            let trials = &trials[block * BLOCK_ROWS * draws..];
            nearest
                .iter_mut()
                .zip(trials.chunks_exact(draws))
                .for_each(|(nearest, trials)| *nearest = trials[best]);
        }
        self.chosen += 1;
        Ok(candidates[best])
    }
}

/// Σ mass · squared distance.
fn potential(nearest: &[f32], masses: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for (nearest, masses) in nearest.chunks(8).zip(masses.chunks(8)) {
        for ((sum, &nearest), &mass) in sums.iter_mut().zip(nearest).zip(masses) {
            *sum += f64::from(nearest) * f64::from(mass);
        }
    }
    sums.iter().sum()
}

/// Works on blocks of `size` values, on the pool in tasks of so many blocks, or on the calling thread;
/// results in order.
fn map_blocks<T: Send>(
    values: &mut [f32],
    size: usize,
    task: Option<usize>,
    work: impl Fn(usize, &mut [f32]) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    match task {
        Some(task) => {
            let blocks = values.par_chunks_mut(size).enumerate().with_min_len(task);
            blocks.map(|(block, values)| work(block, values)).collect()
        }
        None => values.chunks_mut(size).enumerate().map(|(block, values)| work(block, values)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    /// Groups of ten rows around the corners of a large cube.
    fn corners(groups: usize) -> Matrix {
        let value = |at: usize| {
            let (row, column) = (at / 8, at % 8);
            let corner = if ((row % groups) >> column) & 1 == 1 { 100.0 } else { 0.0 };
            corner + (seed::mix(at as u64) >> 40) as f32 / (1 << 24) as f32
        };
        Matrix::from_data(8, (0..groups * 10 * 8).map(value).collect()).unwrap()
    }

    #[test]
    fn every_group_gets_a_first_centroid() {
        let points = corners(40);
        let rows = seed_sequential(&points, None, 40, Geometry::Euclidean, &mut seed::random(1, "test"));
        let mut groups: Vec<u32> = rows.iter().map(|row| row % 40).collect();
        groups.sort_unstable();
        assert_eq!(groups, (0..40).collect::<Vec<u32>>());
    }

    #[test]
    fn threads_do_not_change_what_is_chosen() {
        let points = corners(40);
        let masses = vec![1.0; points.rows()];
        let alone = seed_sequential(&points, None, 9, Geometry::Euclidean, &mut seed::random(2, "test"));
        let mut seeding = Seeding::new(&points, &masses, Geometry::Euclidean, &Silent);
        assert_eq!(alone, seeding.choose(9, &mut seed::random(2, "test")).unwrap());
    }

    #[test]
    fn rows_without_weight_or_direction_and_copies_are_not_chosen() {
        let mut points = Matrix::from_data(2, [0.6, 0.8].repeat(30)).unwrap();
        points.row_mut(3).fill(0.0);
        points.row_mut(7).copy_from_slice(&[1.0, 0.0]);
        points.row_mut(9).copy_from_slice(&[0.0, 1.0]);
        let mut weights = vec![2.0; 30];
        weights[9] = 0.0;
        for seed in 0..20 {
            let mut random = seed::random(seed, "test");
            let rows = seed_sequential(&points, Some(&weights), 5, Geometry::Spherical, &mut random);
            assert_eq!(rows.len(), 2, "{rows:?}");
            assert!(rows.contains(&7) && !rows.contains(&3) && !rows.contains(&9), "{rows:?}");
        }
        assert!(
            seed_sequential(&Matrix::default(), None, 5, Geometry::Spherical, &mut seed::random(1, ""))
                .is_empty()
        );
    }
}
