//! Plain dense forms in `f64`, slow but obviously right, with which the fast engine is compared.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::needless_range_loop)]

use segrec_engine::Matrix;
use segrec_engine::interactions::{Interactions, SparseRows};
use segrec_engine::scorers::factors::{AlsOptions, Backbone, Segments};
use segrec_engine::seed::mix;

pub fn options(factors: usize) -> AlsOptions {
    AlsOptions {
        factors,
        sweeps: 8,
        regularization: 0.01,
        unobserved_weight: 0.05,
        frequency_exponent: 1.0,
        sharing: 0.1,
    }
}

/// Returns a uniform pseudo-random number in 0..1 for a seed and a place.
pub fn uniform(seed: u64, place: u64) -> f64 {
    (mix(mix(seed) ^ place) >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns interactions of users and items in `groups` groups of taste: user u belongs to u mod groups, item i to i mod
/// groups. A pair of the same group occurs with probability `density`, a pair of different groups with a tenth of it.
/// Confidences are between 0.5 and 2.
pub fn planted(users: usize, items: usize, groups: usize, density: f64, seed: u64) -> Interactions {
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for user in 0..users {
        for item in 0..items {
            let place = (user * items + item) as u64;
            let chance = if user % groups == item % groups { density } else { density / 10.0 };
            if uniform(seed, place) < chance {
                columns.push(item as u32);
                values.push((0.5 + 1.5 * uniform(seed ^ 1, place)) as f32);
            }
        }
        starts.push(columns.len());
    }
    Interactions::new(SparseRows::new(items, starts, columns, values).unwrap())
}

pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

/// Solves a dense system by Gaussian elimination with pivoting.
pub fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&x, &y| a[x][column].abs().total_cmp(&a[y][column].abs())).unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[row][column] / a[column][column];
            for j in column..n {
                a[row][j] -= factor * a[column][j];
            }
            b[row] -= factor * b[column];
        }
    }
    for row in (0..n).rev() {
        for j in row + 1..n {
            b[row] -= a[row][j] * b[j];
        }
        b[row] /= a[row][row];
    }
    b
}

fn weighted(factors: &Matrix, rows: &[u32], weights: &[f64], a: &mut [Vec<f64>], b: &mut [f64]) {
    let k = factors.columns();
    for (&row, &weight) in rows.iter().zip(weights) {
        let y = factors.row(row as usize);
        for i in 0..k {
            b[i] += weight * f64::from(y[i]);
            for j in 0..k {
                a[i][j] += weight * f64::from(y[i]) * f64::from(y[j]);
            }
        }
    }
}

fn add_gram(factors: &Matrix, rows: impl Iterator<Item = usize>, weight: f64, a: &mut [Vec<f64>]) {
    let k = factors.columns();
    for row in rows {
        let y = factors.row(row);
        for i in 0..k {
            for j in 0..k {
                a[i][j] += weight * f64::from(y[i]) * f64::from(y[j]);
            }
        }
    }
}

pub fn solve_row(fixed: &Matrix, rows: &[u32], confidences: &[f32], options: &AlsOptions) -> Vec<f64> {
    let k = fixed.columns();
    if rows.is_empty() {
        return vec![0.0; k];
    }
    let (mut a, mut b) = (vec![vec![0.0; k]; k], vec![0.0; k]);
    add_gram(fixed, 0..fixed.rows(), options.unobserved_weight, &mut a);
    let weights: Vec<f64> = confidences.iter().map(|&c| f64::from(c)).collect();
    weighted(fixed, rows, &weights, &mut a, &mut b);
    let ridge = f64::from(options.row_regularization(rows.len() as f64, fixed.rows() as f64));
    (0..k).for_each(|i| a[i][i] += ridge);
    solve(a, b)
}

/// Runs plain alternating least squares from the given item factors: users and items in turn, and users once more at
/// the end.
pub fn train(interactions: &Interactions, options: &AlsOptions, start: Matrix) -> (Matrix, Matrix) {
    let half = |fixed: &Matrix, rows: &SparseRows| {
        let data = (0..rows.rows())
            .flat_map(|row| solve_row(fixed, rows.row(row).0, rows.row(row).1, options))
            .map(|x| x as f32)
            .collect();
        Matrix::from_data(options.factors, data).unwrap()
    };
    let mut items = start;
    for _ in 0..options.sweeps {
        let users = half(&items, interactions.by_user());
        items = half(&users, interactions.by_item());
    }
    (half(&items, interactions.by_user()), items)
}

pub fn loss(interactions: &Interactions, users: &Matrix, items: &Matrix, options: &AlsOptions) -> f64 {
    let mut total = 0.0;
    for user in 0..interactions.users() {
        let (columns, confidences) = interactions.by_user().row(user);
        for (&item, &confidence) in columns.iter().zip(confidences) {
            total += f64::from(confidence) * (1.0 - dot(users.row(user), items.row(item as usize))).powi(2);
        }
        for item in 0..interactions.items() {
            total += options.unobserved_weight * dot(users.row(user), items.row(item)).powi(2);
        }
        let ridge = options.row_regularization(columns.len() as f64, interactions.items() as f64);
        total += f64::from(ridge) * dot(users.row(user), users.row(user));
    }
    for item in 0..interactions.items() {
        let entries = interactions.by_item().row_len(item);
        let ridge = options.row_regularization(entries as f64, interactions.users() as f64);
        total += f64::from(ridge) * dot(items.row(item), items.row(item));
    }
    total
}

/// Computes segment factors by the formula with dense matrices, in both passes.
pub fn segment_items(
    interactions: &Interactions,
    backbone: &Backbone,
    segments: &Segments,
    options: &AlsOptions,
) -> Vec<Vec<Vec<f64>>> {
    let k = options.factors;
    let (share, alone) = (options.sharing, 1.0 - options.sharing);
    let mut users = backbone.user_factors.clone();
    let mut result = Vec::new();
    for _ in 0..2 {
        result = Vec::new();
        for segment in 0..segments.count() {
            let mut rows = Vec::new();
            for &item in &segments.items[segment] {
                let (item_users, confidences) = interactions.by_item().row(item as usize);
                let inside = |user: u32| segments.of_user[user as usize] == segment as u32;
                let weights: Vec<f64> = item_users
                    .iter()
                    .zip(confidences)
                    .map(|(&user, &c)| f64::from(c) * if inside(user) { 1.0 } else { share })
                    .collect();
                let (mut a, mut b) = (vec![vec![0.0; k]; k], vec![0.0; k]);
                add_gram(&users, 0..users.rows(), share * options.unobserved_weight, &mut a);
                let members = segments.users[segment].iter().map(|&user| user as usize);
                add_gram(&users, members, alone * options.unobserved_weight, &mut a);
                weighted(&users, item_users, &weights, &mut a, &mut b);
                let own = item_users.iter().filter(|&&user| inside(user)).count() as f64;
                let ridge = options.row_regularization(
                    share * item_users.len() as f64 + alone * own,
                    share * interactions.users() as f64 + alone * segments.users[segment].len() as f64,
                );
                (0..k).for_each(|i| a[i][i] += f64::from(ridge));
                rows.push(solve(a, b));
            }
            result.push(rows);
        }
        for segment in 0..segments.count() {
            let mut items = backbone.item_factors.clone();
            for (place, &item) in segments.items[segment].iter().enumerate() {
                for (target, value) in items.row_mut(item as usize).iter_mut().zip(&result[segment][place]) {
                    *target = *value as f32;
                }
            }
            for &user in &segments.users[segment] {
                let (columns, confidences) = interactions.by_user().row(user as usize);
                let solved = solve_row(&items, columns, confidences, options);
                for (target, value) in users.row_mut(user as usize).iter_mut().zip(&solved) {
                    *target = *value as f32;
                }
            }
        }
    }
    result
}
