//! Chooses the first centroids of k-means: greedy k-means++ (Arthur & Vassilvitskii 2007, §4).
//!
//! Each step draws a few rows with probability ∝ mass · squared distance to the nearest centroid so far, and keeps the
//! one that leaves the smallest sum of these products. A step is one matrix product of the candidates with all rows,
//! 2·n·k·candidates flops. Many clusters of many rows are seeded by [`super::oversampling`] instead.

use super::blocks::map_blocks;
use super::nearest_centroid::{Scratch, Search};
use super::problem::{BLOCK_ROWS, Problem, task_blocks};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::memory;
use crate::seed::Random;
use rand::Rng;

/// Returns the first centroids: those of `start`, followed by rows that are chosen one at a time until there are
/// `count` centroids or every row coincides with one.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn greedy(
    problem: &Problem,
    start: Option<&Matrix>,
    count: usize,
    random: &mut Random,
) -> Result<Matrix> {
    let mut seeding = Seeding::new(problem)?;
    let given = start.map_or(0, Matrix::rows);
    if let Some(start) = start {
        seeding.approach(start)?;
    }
    let mut rows = seeding.choose(count.max(1).saturating_sub(given), random)?;
    if rows.is_empty() && given == 0 && problem.points.rows() > 0 {
        // No row has any mass, so any row will do.
        rows.push(0);
    }
    let mut data = start.map_or(Vec::new(), |start| start.data().to_vec());
    data.extend_from_slice(problem.points.select(&rows).data());
    Matrix::from_data(problem.points.columns(), data)
}

/// The centroids chosen so far, reduced to what the next choice depends on.
pub struct Seeding<'a> {
    problem: Problem<'a>,
    /// The number of centroids chosen so far.
    chosen: u32,
    /// The squared distance of each row to its nearest centroid.
    pub nearest: Vec<f32>,
    /// The nearest centroid of each row, which is known only if all centroids were added by [`Self::approach`].
    pub owner: Vec<u32>,
    /// Σ mass · squared distance of each block of rows.
    potentials: Vec<f64>,
}

impl<'a> Seeding<'a> {
    /// The state before any centroid is chosen.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn new(problem: &Problem<'a>) -> Result<Self> {
        let rows = problem.points.rows();
        // The largest possible distance, so that the first row is drawn by its mass alone.
        let nearest = memory::filled(f32::MAX, rows)?;
        let owner = memory::filled(0, rows)?;
        let mut seeding = Self { problem: *problem, chosen: 0, nearest, owner, potentials: Vec::new() };
        seeding.weigh();
        Ok(seeding)
    }

    fn weigh(&mut self) {
        let blocks = self.nearest.chunks(BLOCK_ROWS).zip(self.problem.masses.chunks(BLOCK_ROWS));
        self.potentials = blocks.map(|(nearest, masses)| potential(nearest, masses)).collect();
    }

    /// Adds the given centroids.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn approach(&mut self, centroids: &Matrix) -> Result<()> {
        let Problem { points, geometry, observer, .. } = self.problem;
        let search = Search::new(centroids, geometry);
        let (first, size) = (self.chosen, search.block_rows());
        let state = self.nearest.chunks_mut(size).zip(self.owner.chunks_mut(size));
        let blocks = points.data().chunks(size * points.columns().max(1)).zip(state);
        let least = task_blocks(size, points.columns(), centroids.rows());
        map_blocks(blocks, least, Scratch::default, |scratch, (rows, (nearest, owner))| {
            observer.check()?;
            let found = search.nearest(rows, nearest.len(), scratch);
            for ((nearest, owner), found) in nearest.iter_mut().zip(owner).zip(found) {
                if found.distance < *nearest {
                    *nearest = found.distance;
                    *owner = first + found.cluster;
                }
            }
            Ok(())
        })?;
        self.weigh();
        self.chosen += centroids.rows() as u32;
        Ok(())
    }

    /// Draws `draws` rows, adds the distinct ones and returns their numbers.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn draw_round(&mut self, draws: usize, random: &mut Random) -> Result<Vec<u32>> {
        let mut rows: Vec<u32> = (0..draws).filter_map(|_| self.draw(random)).collect();
        rows.sort_unstable();
        rows.dedup();
        self.approach(&self.problem.points.select(&rows))?;
        Ok(rows)
    }

    /// Chooses up to `count` rows, one after another, and returns their numbers.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
    pub fn choose(&mut self, count: usize, random: &mut Random) -> Result<Vec<u32>> {
        let mut chosen = Vec::new();
        while chosen.len() < count {
            // As many candidates as in scikit-learn. The first row is drawn alone, because there is nothing to compare
            // it by.
            let draws = if self.chosen == 0 { 1 } else { 2 + (count as f64).ln() as usize };
            let candidates: Vec<u32> = (0..draws).filter_map(|_| self.draw(random)).collect();
            if candidates.is_empty() {
                break;
            }
            chosen.push(self.take_best(&candidates)?);
        }
        Ok(chosen)
    }

    /// Draws a row with probability ∝ mass · squared distance; `None` if all of these are zero.
    fn draw(&self, random: &mut Random) -> Option<u32> {
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
            let potential = f64::from(self.problem.masses[row]) * f64::from(self.nearest[row]);
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

    /// Chooses the candidate that leaves the smallest potential, and updates the distances.
    fn take_best(&mut self, candidates: &[u32]) -> Result<u32> {
        let Problem { points, masses, geometry, observer, .. } = self.problem;
        let centroids = points.select(candidates);
        let search = Search::new(&centroids, geometry);
        let (k, draws) = (points.columns(), candidates.len());
        let mut trials = memory::filled(0.0f32, self.nearest.len() * draws)?;
        let blocks = trials.chunks_mut(BLOCK_ROWS * draws).enumerate();
        let least = task_blocks(BLOCK_ROWS, k, draws);
        let left = map_blocks(
            blocks,
            least,
            || (),
            |(), (block, trials)| {
                observer.check()?;
                let first = block * BLOCK_ROWS;
                let rows = first..first + trials.len() / draws;
                search.squared_distances(&points.data()[rows.start * k..rows.end * k], rows.len(), trials);
                let mut left = vec![0.0f64; draws];
                let nearest = self.nearest[rows.clone()].iter().zip(&masses[rows]);
                for (trials, (&nearest, &mass)) in trials.chunks_exact_mut(draws).zip(nearest) {
                    for (trial, left) in trials.iter_mut().zip(&mut left) {
                        *trial = trial.min(nearest);
                        *left += f64::from(mass) * f64::from(*trial);
                    }
                }
                Ok(left)
            },
        )?;
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

/// Returns Σ mass · squared distance.
fn potential(nearest: &[f32], masses: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for (nearest, masses) in nearest.chunks(8).zip(masses.chunks(8)) {
        for ((sum, &nearest), &mass) in sums.iter_mut().zip(nearest).zip(masses) {
            *sum += f64::from(nearest) * f64::from(mass);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed;
    use crate::segmentation::kmeans::Geometry;
    use crate::segmentation::kmeans::problem::mass;

    /// Groups of ten rows around the corners of a large cube.
    fn corners(groups: usize) -> Matrix {
        let value = |at: usize| {
            let (row, column) = (at / 8, at % 8);
            let corner = if ((row % groups) >> column) & 1 == 1 { 100.0 } else { 0.0 };
            corner + (seed::mix(at as u64) >> 40) as f32 / (1 << 24) as f32
        };
        Matrix::from_data(8, (0..groups * 10 * 8).map(value).collect()).unwrap()
    }

    fn choose(points: &Matrix, masses: &[f32], geometry: Geometry, count: usize, seed: u64) -> Vec<u32> {
        let problem = Problem { points: points.view(), masses, geometry, variance: 0.0, observer: &Silent };
        Seeding::new(&problem).unwrap().choose(count, &mut seed::random(seed, "test")).unwrap()
    }

    #[test]
    fn every_group_gets_a_first_centroid() {
        let rows = choose(&corners(40), &[1.0; 400], Geometry::Euclidean, 40, 1);
        let mut groups: Vec<u32> = rows.iter().map(|row| row % 40).collect();
        groups.sort_unstable();
        assert_eq!(groups, (0..40).collect::<Vec<u32>>());
    }

    #[test]
    fn rows_without_weight_or_direction_and_copies_are_not_chosen() {
        let mut points = Matrix::from_data(2, [0.6, 0.8].repeat(30)).unwrap();
        points.row_mut(3).fill(0.0);
        points.row_mut(7).copy_from_slice(&[1.0, 0.0]);
        points.row_mut(9).copy_from_slice(&[0.0, 1.0]);
        let weight = |row| if row == 9 { 0.0 } else { 2.0 };
        let mass = |row| mass(points.row(row), weight(row), Geometry::Spherical);
        let masses: Vec<f32> = (0..30).map(mass).collect();
        for seed in 0..20 {
            let rows = choose(&points, &masses, Geometry::Spherical, 5, seed);
            assert_eq!(rows.len(), 2, "{rows:?}");
            assert!(rows.contains(&7) && !rows.contains(&3) && !rows.contains(&9), "{rows:?}");
        }
        assert!(choose(&Matrix::default(), &[], Geometry::Spherical, 5, 1).is_empty());
    }
}
