//! Lloyd's iteration with the bounds of Hamerly (2010): a row is only looked at while it may have
//! another nearest centroid than before.
//!
//! A row keeps an upper bound of the distance to its own centroid and a lower bound of the distance to
//! any other. When centroids move, the bounds move as far; while they do not cross, the row stays. A row
//! looked at costs 2·count·k flops as part of a matrix product. Sums of clusters are kept in `f64` and
//! changed by the rows that changed, cluster by cluster in the order of the rows, so that the bytes do
//! not depend on threads.

use super::search::{Nearest, Scratch, Search, squared_difference};
use super::{BLOCK_ROWS, Clusters, Geometry, PHASE, Work};
use crate::error::Result;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress, Silent};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Iterations at most.
pub(super) const ITERATIONS: usize = 300;
/// Iteration stops once the squared shifts of all centroids sum to this share of a column's variance,
/// as scikit-learn's does.
const TOLERANCE: f64 = 1e-4;
/// Rows summed by one task.
const SUM_ROWS: usize = 2048;
/// Not in any cluster yet.
const NOWHERE: u32 = u32::MAX;

/// Where a row is, and bounds of how far it is from there and from anywhere else.
#[derive(Clone, Copy)]
struct Place {
    cluster: u32,
    upper: f32,
    lower: f32,
}

/// A row that left a cluster for another.
#[derive(Clone, Copy)]
struct Move {
    row: u32,
    from: u32,
    to: u32,
}

/// Improves centroids until they stay where they are.
pub(super) fn lloyd(work: &Work, mut centroids: Matrix, iterations: usize) -> Result<Clusters> {
    let nowhere = Place { cluster: NOWHERE, upper: f32::INFINITY, lower: 0.0 };
    let mut places = vec![nowhere; work.points.rows()];
    let mut sums = Sums::new(centroids.rows(), centroids.columns());
    let mut shifts = Shifts::default();
    let mut settled = false;
    for iteration in 1..=iterations {
        let moves = assign(work, &centroids, &shifts, &mut places)?;
        let moved = moves.len() as f64 / places.len().max(1) as f64;
        let step = Progress::step(PHASE, iteration, iterations);
        work.observer.report(Progress { metric: Some(("moved", moved)), ..step });
        settled = moves.is_empty();
        if settled {
            break;
        }
        sums.apply(work.points, work.masses, &moves, work.observer)?;
        let mut next = centroids.clone();
        sums.means(work.geometry, &mut next);
        restart_empty(work, &sums, &places, &mut next)?;
        shifts = Shifts::between(&centroids, &next);
        centroids = next;
        if shifts.squares <= TOLERANCE * work.variance {
            break;
        }
    }
    if !settled {
        places.fill(nowhere);
        assign(work, &centroids, &shifts, &mut places)?;
    }
    let of_row: Vec<u32> = places.iter().map(|place| place.cluster).collect();
    let inertia = misfits(work, &of_row, &centroids)?.iter().sum();
    Ok(Clusters { centroids, of_row, inertia })
}

/// How far each centroid moved.
#[derive(Default)]
struct Shifts {
    of: Vec<f32>,
    /// The centroid that moved farthest, how far, and how far the next did.
    farthest: (u32, f32, f32),
    /// The sum of all squared.
    squares: f64,
}

impl Shifts {
    fn between(before: &Matrix, after: &Matrix) -> Self {
        let mut shifts = Self::default();
        for cluster in 0..before.rows() {
            let squared = squared_difference(before.row(cluster), after.row(cluster));
            let (shift, (_, first, second)) = (squared.sqrt(), shifts.farthest);
            if shift > first {
                shifts.farthest = (cluster as u32, shift, first);
            } else {
                shifts.farthest.2 = second.max(shift);
            }
            shifts.squares += f64::from(squared);
            shifts.of.push(shift);
        }
        shifts
    }

    /// Moves the bounds of a row by what the centroids moved; true while they do not cross.
    fn stays(&self, place: &mut Place) -> bool {
        if place.cluster == NOWHERE {
            return false;
        }
        let (farthest, first, second) = self.farthest;
        place.upper += self.of[place.cluster as usize];
        place.lower -= if place.cluster == farthest { second } else { first };
        place.upper < place.lower
    }
}

/// Puts every row into the cluster of its nearest centroid.
fn assign(work: &Work, centroids: &Matrix, shifts: &Shifts, places: &mut [Place]) -> Result<Vec<Move>> {
    let k = centroids.columns().max(1);
    let search = Search::new(centroids, work.geometry);
    let blocks = places.par_chunks_mut(BLOCK_ROWS).zip(work.points.data().par_chunks(BLOCK_ROWS * k));
    let moves: Vec<Vec<Move>> = blocks
        .enumerate()
        .map_init(Room::default, |room, (block, (places, rows))| {
            work.observer.check()?;
            Ok(room.assign(&search, shifts, places, rows, (block * BLOCK_ROWS) as u32))
        })
        .collect::<Result<_>>()?;
    Ok(moves.concat())
}

/// Room for the work on a block.
#[derive(Default)]
struct Room {
    open: Vec<u32>,
    rows: Vec<f32>,
    found: Vec<Nearest>,
    scratch: Scratch,
}

impl Room {
    fn assign(
        &mut self,
        search: &Search,
        shifts: &Shifts,
        places: &mut [Place],
        rows: &[f32],
        first: u32,
    ) -> Vec<Move> {
        self.open.clear();
        self.open.extend(
            (0u32..).zip(&mut *places).filter_map(|(at, place)| (!shifts.stays(place)).then_some(at)),
        );
        if self.open.is_empty() {
            return Vec::new();
        }
        self.found.resize(self.open.len(), Nearest::NONE);
        if self.open.len() == places.len() {
            search.nearest(rows, &mut self.scratch, &mut self.found);
        } else {
            let k = rows.len() / places.len();
            self.rows.clear();
            self.open.iter().for_each(|&at| self.rows.extend_from_slice(&rows[at as usize * k..][..k]));
            search.nearest(&self.rows, &mut self.scratch, &mut self.found);
        }
        let mut moves = Vec::new();
        for (&at, found) in self.open.iter().zip(&self.found) {
            let place = &mut places[at as usize];
            if found.cluster != place.cluster {
                moves.push(Move { row: first + at, from: place.cluster, to: found.cluster });
            }
            let [upper, lower] = [found.distance, found.second].map(|squared| squared.max(0.0).sqrt());
            *place = Place { cluster: found.cluster, upper, lower };
        }
        moves
    }
}

/// The sum of each cluster's rows.
struct Sums {
    columns: usize,
    sums: Vec<f64>,
    masses: Vec<f64>,
    /// Rows that weigh something.
    rows: Vec<usize>,
}

impl Sums {
    fn new(count: usize, columns: usize) -> Self {
        Self { columns, sums: vec![0.0; count * columns], masses: vec![0.0; count], rows: vec![0; count] }
    }

    fn apply(
        &mut self,
        points: &Matrix,
        masses: &[f32],
        moves: &[Move],
        observer: &dyn Observer,
    ) -> Result<()> {
        // What each cluster gains and loses, in the order of the rows.
        let mut changes: Vec<Vec<(u32, f32)>> = vec![Vec::new(); self.rows.len()];
        for &Move { row, from, to } in moves {
            let mass = masses[row as usize];
            if mass > 0.0 {
                changes[to as usize].push((row, mass));
                self.rows[to as usize] += 1;
                if from != NOWHERE {
                    changes[from as usize].push((row, -mass));
                    self.rows[from as usize] -= 1;
                }
            }
        }
        let parts: Vec<(usize, &[(u32, f32)])> = changes
            .iter()
            .enumerate()
            .flat_map(|(cluster, changes)| changes.chunks(SUM_ROWS).map(move |part| (cluster, part)))
            .collect();
        let partial: Vec<Vec<f64>> = parts
            .par_iter()
            .map(|(_, changes)| {
                observer.check()?;
                let mut sum = vec![0.0; points.columns()];
                pulp::Arch::new().dispatch(AddRows { sum: &mut sum, points, changes });
                Ok(sum)
            })
            .collect::<Result<_>>()?;
        for ((cluster, changes), partial) in parts.iter().zip(partial) {
            let sum = &mut self.sums[cluster * self.columns..][..self.columns];
            sum.iter_mut().zip(partial).for_each(|(sum, part)| *sum += part);
            self.masses[*cluster] += changes.iter().map(|&(_, mass)| f64::from(mass)).sum::<f64>();
        }
        Ok(())
    }

    /// Moves centroids to the means, where clusters have one.
    fn means(&mut self, geometry: Geometry, centroids: &mut Matrix) {
        for cluster in 0..self.rows.len() {
            let sum = &mut self.sums[cluster * self.columns..][..self.columns];
            if self.rows[cluster] == 0 {
                // What rounding left of rows that came and went.
                sum.fill(0.0);
                self.masses[cluster] = 0.0;
                continue;
            }
            let scale = match geometry {
                Geometry::Spherical => sum.iter().map(|s| s * s).sum::<f64>().sqrt(),
                Geometry::Euclidean => self.masses[cluster],
            };
            if scale > 0.0 {
                centroids.row_mut(cluster).iter_mut().zip(sum).for_each(|(c, s)| *c = (*s / scale) as f32);
            }
        }
    }
}

/// Adds rows times masses to a sum.
struct AddRows<'a> {
    sum: &'a mut [f64],
    points: &'a Matrix,
    changes: &'a [(u32, f32)],
}

impl WithSimd for AddRows<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for &(row, mass) in self.changes {
            let mass = f64::from(mass);
            let row = self.points.row(row as usize);
            self.sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += mass * f64::from(x));
        }
    }
}

/// The mean of each cluster's rows, in the spherical geometry its direction; zero where a cluster has
/// no rows, or rows without a mean direction.
pub fn means(
    points: &Matrix,
    weights: Option<&[f32]>,
    of_row: &[u32],
    count: usize,
    geometry: Geometry,
) -> Matrix {
    let mut centroids = Matrix::zeros(count, points.columns());
    let ones = if weights.is_none() { vec![1.0; points.rows()] } else { Vec::new() };
    let moves: Vec<Move> = (0u32..).zip(of_row).map(|(row, &to)| Move { row, from: NOWHERE, to }).collect();
    let mut sums = Sums::new(count, points.columns());
    // It is only cancelled by an observer, and this one never does.
    if sums.apply(points, weights.unwrap_or(&ones), &moves, &Silent).is_ok() {
        sums.means(geometry, &mut centroids);
    }
    centroids
}

/// mass · ‖x − c‖² of every row, c the centroid of its cluster.
fn misfits(work: &Work, of_row: &[u32], centroids: &Matrix) -> Result<Vec<f64>> {
    let mut misfits = vec![0.0; of_row.len()];
    misfits.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each(|(block, misfits)| {
        work.observer.check()?;
        for (row, misfit) in (block * BLOCK_ROWS..).zip(misfits) {
            let squared = squared_difference(work.points.row(row), centroids.row(of_row[row] as usize));
            *misfit = f64::from(work.masses[row]) * f64::from(squared);
        }
        Ok(())
    })?;
    Ok(misfits)
}

/// A cluster without rows starts again at the row that fits its own cluster worst.
fn restart_empty(work: &Work, sums: &Sums, places: &[Place], centroids: &mut Matrix) -> Result<()> {
    let empty: Vec<usize> = (0..sums.rows.len()).filter(|&cluster| sums.rows[cluster] == 0).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let of_row: Vec<u32> = places.iter().map(|place| place.cluster).collect();
    let misfits = misfits(work, &of_row, centroids)?;
    let mut worst: Vec<usize> = (0..misfits.len()).filter(|&row| misfits[row] > 0.0).collect();
    worst.sort_by(|&a, &b| misfits[b].total_cmp(&misfits[a]));
    for (cluster, row) in empty.into_iter().zip(worst) {
        centroids.row_mut(cluster).copy_from_slice(work.points.row(row));
    }
    Ok(())
}
