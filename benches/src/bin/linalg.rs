//! Compares our Gramian, rank update and Cholesky with faer's, at the sizes that occur in a training: one thread for
//! small systems, because each thread has its own, and the threads of the pool for a Gramian of all users.
//!
//! `linalg ROUNDS` prints a line for each kernel and size: the nanoseconds of ours and of faer's, as medians of that
//! many alternating rounds, and the median ratio.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::cholesky::llt::solve::solve_in_place;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};
use segrec_benches::Result;
use segrec_engine::linalg::cholesky::{factorize_simd, solve_simd};
use segrec_engine::linalg::cholesky_lanes::{MOST, solve_lanes, width};
use segrec_engine::linalg::gram;
use segrec_engine::linalg::rank_update::add_rank_update;
use segrec_engine::linalg::vector::dot;
use segrec_engine::{Matrix, seed};
use std::hint::black_box;
use std::time::Instant;

/// The time for which a call is repeated in a round.
const ROUND_SECONDS: f64 = 0.02;
/// The number of systems that [`solve_lanes`] solves at once if registers hold sixteen values.
const LANES: usize = 16;

fn values(count: usize, name: &str) -> Vec<f32> {
    use rand::Rng;
    let mut random = seed::random(1, name);
    (0..count).map(|_| random.gen_range(-1.0..1.0)).collect()
}

/// Returns the nanoseconds of a call.
fn nanoseconds(call: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while calls == 0 || start.elapsed().as_secs_f64() < ROUND_SECONDS {
        call();
        calls += 1;
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(name: &str, rounds: usize, mut ours: impl FnMut(), mut theirs: impl FnMut()) {
    let pairs: Vec<(f64, f64)> =
        (0..rounds).map(|_| (nanoseconds(&mut ours), nanoseconds(&mut theirs))).collect();
    let ratio = median(pairs.iter().map(|(ours, theirs)| ours / theirs).collect());
    let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    println!("{name}\t{:.0}\t{:.0}\t{ratio:.2}", median(ours), median(theirs));
}

/// Returns a matrix with a ridge, so that it is positive definite.
fn definite(n: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; n * n];
    add_rank_update(&mut matrix, &values(2 * n * n, "definite"), n);
    (0..n).for_each(|i| matrix[i * n + i] += 1.0);
    matrix
}

struct Solve<'a>(&'a mut [f32], &'a mut [f32]);

impl WithSimd for Solve<'_> {
    type Output = f32;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let n = self.1.len();
        factorize_simd(simd, self.0, n);
        solve_simd(simd, self.0, n, self.1)
    }
}

struct SolveLanes<'a>(&'a mut [f32], usize);

impl WithSimd for SolveLanes<'_> {
    type Output = usize;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (n, lanes) = (self.1, S::F32_LANES);
        let systems = self.0.chunks_exact_mut(n * width(n) * lanes).take(LANES / lanes);
        systems.map(|systems| solve_lanes(simd, systems, n)).count()
    }
}

/// Factorizes an upper triangle, which is the lower one in column-major order, and solves with it.
fn solve_by_faer(matrix: &mut [f32], side: &mut [f32], stack: &mut MemStack) -> Result<()> {
    let n = side.len();
    let mut lower = MatMut::from_column_major_slice_mut(matrix, n, n);
    cholesky_in_place(lower.as_mut(), Default::default(), Par::Seq, stack, Default::default())
        .map_err(|error| format!("{error:?}"))?;
    let side = MatMut::from_column_major_slice_mut(side, n, 1);
    solve_in_place(lower.as_ref(), side, Par::Seq, stack);
    Ok(())
}

fn cholesky(n: usize, rounds: usize) {
    let (matrix, side) = (definite(n), values(n, "side"));
    let (mut own, mut own_side) = (matrix.clone(), side.clone());
    let ours = || {
        own.copy_from_slice(&matrix);
        own_side.copy_from_slice(&side);
        black_box(pulp::Arch::new().dispatch(Solve(&mut own, &mut own_side)));
    };
    let (mut other, mut other_side) = (matrix.clone(), side.clone());
    let mut buffer = MemBuffer::new(cholesky_in_place_scratch::<f32>(n, Par::Seq, Default::default()));
    let theirs = || {
        other.copy_from_slice(&matrix);
        other_side.copy_from_slice(&side);
        let solved = solve_by_faer(&mut other, &mut other_side, MemStack::new(&mut buffer));
        black_box(solved.is_ok());
    };
    compare(&format!("Cholesky and solve, {n} x {n}"), rounds, ours, theirs);
}

/// Compares as many small systems as a register has lanes.
fn lanes(n: usize, rounds: usize) {
    let (matrix, side) = (definite(n), values(n, "side"));
    let mut systems = vec![0.0; LANES * n * width(n)];
    for row in 0..n {
        for lane in 0..LANES {
            for column in row..n {
                systems[(row * width(n) + column) * LANES + lane] = matrix[row * n + column];
            }
            systems[(row * width(n) + width(n) - 1) * LANES + lane] = side[row];
        }
    }
    let mut own = systems.clone();
    let ours = || {
        own.copy_from_slice(&systems);
        black_box(pulp::Arch::new().dispatch(SolveLanes(&mut own, n)));
    };
    let (mut other, mut other_side) = (matrix.clone(), side.clone());
    let mut buffer = MemBuffer::new(cholesky_in_place_scratch::<f32>(n, Par::Seq, Default::default()));
    let theirs = || {
        for _ in 0..LANES {
            other.copy_from_slice(&matrix);
            other_side.copy_from_slice(&side);
            let solved = solve_by_faer(&mut other, &mut other_side, MemStack::new(&mut buffer));
            black_box(solved.is_ok());
        }
    };
    compare(&format!("{LANES} systems at once, {n} x {n}"), rounds, ours, theirs);
}

/// Computes A += RᵀR on a triangle; the rows of R are columns for faer.
fn update_by_faer(matrix: &mut [f32], rows: &[f32], n: usize, par: Par) {
    let count = rows.len() / n;
    let columns = MatRef::from_column_major_slice(rows, n, count);
    let lower = MatMut::from_column_major_slice_mut(matrix, n, n);
    let (triangle, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(lower, triangle, Accum::Add, columns, all, columns.transpose(), all, 1.0, par);
}

fn rank_update(n: usize, count: usize, rounds: usize) {
    let rows = values(count * n, "rows");
    let (mut own, mut other) = (vec![0.0; n * n], vec![0.0; n * n]);
    let ours = || add_rank_update(black_box(&mut own), black_box(&rows), n);
    let theirs = || update_by_faer(black_box(&mut other), black_box(&rows), n, Par::Seq);
    compare(&format!("rank update, {count} rows of {n}"), rounds, ours, theirs);
}

fn all_rows(n: usize, count: usize, rounds: usize) -> Result<()> {
    let points = Matrix::from_data(n, values(count * n, "points"))?;
    let mut other = vec![0.0; n * n];
    let ours = || drop(black_box(gram(black_box(&points))));
    let theirs = || update_by_faer(black_box(&mut other), points.data(), n, Par::rayon(0));
    compare(&format!("Gramian, {count} rows of {n}"), rounds, ours, theirs);
    Ok(())
}

/// Compares the products of a vector with each row, where a row is a slice in our code and a row of an array in the
/// other.
fn rows(n: usize, count: usize, rounds: usize) -> Result<()> {
    let points = Matrix::from_data(n, values(count * n, "points"))?;
    let array = ndarray::Array2::from(points.clone());
    let side = values(n, "side");
    let ours = || {
        black_box((0..points.rows()).map(|row| dot(points.row(row), &side)).sum::<f32>());
    };
    let theirs = || {
        let product = |row: usize| array.row(row).as_slice().map_or(0.0, |row| dot(row, &side));
        black_box((0..array.nrows()).map(product).sum::<f32>());
    };
    compare(&format!("products with {count} rows of {n}, ndarray"), rounds, ours, theirs);
    Ok(())
}

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(21), |rounds| rounds.parse())?;
    [16, 32, MOST].into_iter().for_each(|n| lanes(n, rounds));
    [64, 128, 256].into_iter().for_each(|n| cholesky(n, rounds));
    for n in [64, 128, 256] {
        [8, 32, 128].into_iter().for_each(|count| rank_update(n, count, rounds));
    }
    for n in [16, 64] {
        rows(n, 1_000, rounds)?;
    }
    for n in [64, 128] {
        all_rows(n, 30_000, rounds)?;
    }
    Ok(())
}
