//! Where k-means begins: greedy k-means++ (Arthur & Vassilvitskii 2007, §4).
//!
//! Each step draws a few rows with probability ∝ mass · squared distance to what was chosen before, and
//! keeps the one that leaves the smallest sum of these. A step is one product of the candidates with
//! all rows, 2·n·k·candidates flops.

use super::search::{Nearest, Scratch, Search, fill_squares};
use super::{BLOCK_ROWS, Geometry, Work, mass};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::{Observer, Silent};
use crate::seed::Random;
use rand::Rng;
use rayon::prelude::*;

/// The first centroids: those of `start`, then rows until there are `count`, or until every row is
/// where a centroid is.
pub(super) fn seed(work: &Work, start: Option<&Matrix>, count: usize, random: &mut Random) -> Result<Matrix> {
    let count = count.max(1);
    let mut seeding = Seeding::new(work.points, work.masses, work.geometry, true, work.observer);
    let start = start.filter(|start| start.rows() > 0);
    if let Some(start) = start {
        seeding.begin_from(start)?;
    }
    let rows = seeding.choose(count.saturating_sub(start.map_or(0, Matrix::rows)), random)?;
    let mut data = start.map_or(Vec::new(), |start| start.data().to_vec());
    data.extend_from_slice(work.points.select(&rows).data());
    Matrix::from_data(work.points.columns(), data)
}

/// Chooses up to `count` rows to begin with, on the calling thread.
pub fn seed_sequential(
    points: &Matrix,
    weights: Option<&[f32]>,
    count: usize,
    geometry: Geometry,
    random: &mut Random,
) -> Vec<u32> {
    let weight = |row| weights.and_then(|weights| weights.get(row)).copied().unwrap_or(1.0);
    let masses: Vec<f32> =
        (0..points.rows()).map(|row| mass(points.row(row), weight(row), geometry)).collect();
    // It is only cancelled by an observer, and this one never does.
    Seeding::new(points, &masses, geometry, false, &Silent).choose(count, random).unwrap_or_default()
}

struct Seeding<'a> {
    points: &'a Matrix,
    masses: &'a [f32],
    geometry: Geometry,
    threads: bool,
    observer: &'a dyn Observer,
    /// ‖x‖² of each row.
    squares: Vec<f32>,
    /// The squared distance of each row to the nearest chosen one; infinite before there is any.
    nearest: Vec<f32>,
}

impl<'a> Seeding<'a> {
    fn new(
        points: &'a Matrix,
        masses: &'a [f32],
        geometry: Geometry,
        threads: bool,
        observer: &'a dyn Observer,
    ) -> Self {
        let mut squares = vec![0.0; points.rows()];
        fill_squares(points.data(), geometry, &mut squares);
        // As far as can be, so that the first row is drawn by its mass alone.
        Self { points, masses, geometry, threads, observer, squares, nearest: vec![f32::MAX; points.rows()] }
    }

    /// As if `start` had been chosen.
    fn begin_from(&mut self, start: &Matrix) -> Result<()> {
        let search = Search::new(start, self.geometry);
        let (points, k, observer) = (self.points, self.points.columns(), self.observer);
        map_blocks(&mut self.nearest, BLOCK_ROWS, self.threads, |block, nearest| {
            observer.check()?;
            let rows = &points.data()[block * BLOCK_ROWS * k..][..nearest.len() * k];
            let mut found = vec![Nearest::NONE; nearest.len()];
            search.nearest(rows, &mut Scratch::default(), &mut found);
            nearest.iter_mut().zip(found).for_each(|(nearest, found)| *nearest = found.distance);
            Ok(())
        })?;
        Ok(())
    }

    fn choose(&mut self, count: usize, random: &mut Random) -> Result<Vec<u32>> {
        // As many candidates as scikit-learn draws; more gained nothing.
        let draws = 2 + count.max(1).ilog2() as usize;
        let mut potentials: Vec<f64> = self
            .nearest
            .chunks(BLOCK_ROWS)
            .zip(self.masses.chunks(BLOCK_ROWS))
            .map(|(nearest, masses)| potential(nearest, masses))
            .collect();
        let mut chosen = Vec::new();
        while chosen.len() < count {
            let draws = if self.nearest.first() == Some(&f32::MAX) { 1 } else { draws };
            let candidates: Vec<u32> = (0..draws).filter_map(|_| self.draw(&potentials, random)).collect();
            if candidates.is_empty() {
                break;
            }
            chosen.push(self.take_best(&candidates, &mut potentials)?);
        }
        Ok(chosen)
    }

    /// A row with probability ∝ mass · squared distance; none where all of that is nothing.
    fn draw(&self, potentials: &[f64], random: &mut Random) -> Option<u32> {
        let total: f64 = potentials.iter().sum();
        let mut target = random.r#gen::<f64>() * total;
        let block = potentials.iter().position(|&potential| {
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
    fn take_best(&mut self, candidates: &[u32], potentials: &mut [f64]) -> Result<u32> {
        let centroids = self.points.select(candidates);
        let search = Search::new(&centroids, self.geometry);
        let (k, draws) = (self.points.columns(), candidates.len());
        let mut trials = vec![0.0f32; self.nearest.len() * draws];
        let left = map_blocks(&mut trials, BLOCK_ROWS * draws, self.threads, |block, trials| {
            self.observer.check()?;
            let first = block * BLOCK_ROWS;
            let rows = first..first + trials.len() / draws;
            let points = &self.points.data()[rows.start * k..rows.end * k];
            search.squared_distances(points, &self.squares[rows.clone()], trials);
            let left: Vec<f64> = trials
                .chunks_mut(rows.len())
                .map(|trial| {
                    let nearest = &self.nearest[rows.clone()];
                    trial.iter_mut().zip(nearest).for_each(|(trial, &nearest)| *trial = trial.min(nearest));
                    potential(trial, &self.masses[rows.clone()])
                })
                .collect();
            Ok(left)
        })?;
        let total = |candidate: usize| left.iter().map(|left| left[candidate]).sum::<f64>();
        let best = (0..draws).min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0);
        for (block, nearest) in self.nearest.chunks_mut(BLOCK_ROWS).enumerate() {
            potentials[block] = left[block][best];
            let trials = &trials[block * BLOCK_ROWS * draws..];
            nearest.copy_from_slice(&trials[best * nearest.len()..][..nearest.len()]);
        }
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

/// Works on blocks of `size` values, on the pool or on the calling thread; results in order.
fn map_blocks<T: Send>(
    values: &mut [f32],
    size: usize,
    threads: bool,
    work: impl Fn(usize, &mut [f32]) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if threads {
        values.par_chunks_mut(size).enumerate().map(|(block, values)| work(block, values)).collect()
    } else {
        values.chunks_mut(size).enumerate().map(|(block, values)| work(block, values)).collect()
    }
}
