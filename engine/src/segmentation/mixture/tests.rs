//! Compares mixtures with plain loops, on planted groups and on degenerate rows.

use super::*;
use crate::error::EngineError;
use crate::linalg::cholesky::inverse_factor;
use crate::matrix::Matrix;
use crate::observer::Silent;
use crate::seed::random;
use crate::segmentation::quality::adjusted_rand;
use rand::Rng;
use rand_distr::StandardNormal;

/// Rows around `groups` centres, each group stretched along its own axis, and the group of each row. Every tenth row is
/// noise over the whole space, and half of the dimensions are noise.
fn planted(rows: usize, columns: usize, groups: usize, seed: u64) -> (Matrix, Vec<u32>) {
    let mut random = random(seed, "planted");
    let mut normal = || random.sample::<f32, _>(StandardNormal);
    let mut points = Matrix::zeros(rows, columns);
    let of_row: Vec<u32> = (0..rows).map(|row| (row % groups) as u32).collect();
    for row in 0..rows {
        let group = row % groups;
        for (column, x) in points.row_mut(row).iter_mut().enumerate() {
            let wide = if column % groups == (group + 1) % groups { 3.0 } else { 0.5 };
            let place = if column % groups == group { 4.0 } else { 0.0 };
            *x = if row % 10 == 9 || 2 * column >= columns.max(8) {
                normal()
            } else {
                place + wide * normal()
            };
        }
    }
    (points, of_row)
}

/// Labels of which a share is redrawn at random.
fn shuffled(labels: &[u32], count: u32, share: f64) -> Vec<u32> {
    let mut random = random(9, "shuffled");
    labels.iter().map(|&l| if random.gen_bool(share) { random.gen_range(0..count) } else { l }).collect()
}

fn likeliest(probabilities: &Matrix) -> Vec<u32> {
    let most = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as u32;
    (0..probabilities.rows()).map(|row| most(probabilities.row(row))).collect()
}

#[test]
fn planted_groups_are_recovered_from_noise_and_shuffled_labels() {
    // Covariances are full with 12 columns and diagonal with 40.
    for (rows, columns) in [(6000, 12), (6000, 40), (300, 12)] {
        let (points, truth) = planted(rows, columns, 3, 5);
        let start = shuffled(&truth, 3, 0.4);
        let mixture = Mixture::fit(&points, &start, 3, &Silent).unwrap();
        let found = likeliest(&mixture.probabilities(&points));
        let clean: Vec<usize> = (0..rows).filter(|row| row % 10 != 9).collect();
        let of = |labels: &[u32]| clean.iter().map(|&row| labels[row]).collect::<Vec<_>>();
        let (index, before) = (adjusted_rand(&of(&found), &of(&truth)), adjusted_rand(&start, &truth));
        assert!(before < 0.5 && index > 0.95, "{columns} columns: {index} from {before}");
    }
}

/// The same algorithm in plain loops and `f64`: returns the mean log-likelihood and the responsibilities.
fn plain(points: &Matrix, start: &[u32], count: usize, iterations: usize) -> (f64, Vec<Vec<f64>>) {
    let (n, d) = (points.rows(), points.columns());
    let x = |row: usize, column: usize| f64::from(points.row(row)[column]);
    let mut shares = vec![vec![0.0; count]; n];
    (0..n).for_each(|row| shares[row][start[row] as usize] = 1.0);
    let moments = |share: &dyn Fn(usize) -> f64| {
        let total: f64 = (0..n).map(share).sum();
        let mean: Vec<f64> =
            (0..d).map(|j| (0..n).map(|row| share(row) * x(row, j)).sum::<f64>() / total).collect();
        let entry = |i: usize, j: usize| {
            (0..n).map(|row| share(row) * (x(row, i) - mean[i]) * (x(row, j) - mean[j])).sum::<f64>() / total
        };
        let covariance: Vec<f64> = (0..d * d).map(|at| entry(at / d, at % d)).collect();
        (total, mean, covariance)
    };
    let all = moments(&|_| 1.0).2;
    let mut log_likelihood = 0.0;
    for _ in 0..iterations {
        let components: Vec<_> = (0..count).map(|c| moments(&|row| shares[row][c])).collect();
        log_likelihood = 0.0;
        for (row, shares) in shares.iter_mut().enumerate() {
            let mut densities = vec![0.0; count];
            for (density, (total, mean, covariance)) in densities.iter_mut().zip(&components) {
                let mut covariance = covariance.clone();
                (0..d).for_each(|j| covariance[j * d + j] += 1e-6 * all[j * d + j]);
                let w = inverse_factor(&covariance, d, &vec![0.0; d]);
                let square: f64 = (0..d)
                    .map(|i| (0..d).map(|j| w[i * d + j] * (x(row, j) - mean[j])).sum::<f64>().powi(2))
                    .sum();
                let determinant: f64 = (0..d).map(|j| w[j * d + j]).product();
                let scale = determinant / std::f64::consts::TAU.powf(d as f64 / 2.0);
                *density = total / n as f64 * scale * (-0.5 * square).exp();
            }
            let sum: f64 = densities.iter().sum();
            log_likelihood += sum.ln() / n as f64;
            *shares = densities.iter().map(|density| density / sum).collect();
        }
    }
    (log_likelihood, shares)
}

#[test]
fn blocked_expectation_maximization_agrees_with_plain_loops() {
    let (points, truth) = planted(400, 3, 3, 7);
    let start = shuffled(&truth, 3, 0.5);
    let mixture = Mixture::fit(&points, &start, 3, &Silent).unwrap();
    assert!(mixture.iterations > 5, "{}", mixture.iterations);
    let (log_likelihood, shares) = plain(&points, &start, 3, mixture.iterations);
    assert!((mixture.log_likelihood - log_likelihood).abs() < 1e-5);
    let probabilities = mixture.probabilities(&points);
    for (row, shares) in shares.iter().enumerate() {
        for (component, &share) in shares.iter().enumerate() {
            assert!((f64::from(probabilities.row(row)[component]) - share).abs() < 1e-4);
        }
    }
}

#[test]
fn a_row_alone_has_the_probabilities_it_has_among_others() {
    for columns in [7, 40] {
        let (points, truth) = planted(700, columns, 4, 2);
        let mixture = Mixture::fit(&points, &truth, 4, &Silent).unwrap();
        let all = mixture.probabilities(&points);
        for row in 0..700 {
            let one = mixture.probabilities_of(points.row(row));
            assert!((one.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(one.iter().zip(all.row(row)).all(|(x, y)| (x - y).abs() < 1e-4), "{one:?}");
        }
    }
}

#[test]
fn a_mixture_survives_serialization_and_a_wrong_shape_does_not() {
    for columns in [5, 40] {
        let (points, truth) = planted(400, columns, 3, 2);
        let mixture = Mixture::fit(&points, &truth, 3, &Silent).unwrap();
        let read = |mixture: &Mixture| postcard::from_bytes(&postcard::to_stdvec(mixture).unwrap());
        assert_eq!(read(&mixture), Ok(mixture.clone()));
        let weights = [&mixture.weights[..], &[0.0]].concat();
        let whitening = mixture.whitening[1..].to_vec();
        assert!(read(&Mixture { weights, ..mixture.clone() }).is_err());
        assert!(read(&Mixture { whitening, ..mixture.clone() }).is_err());
        assert_eq!(mixture.probabilities_of(&[1.0; 3]), [0.0; 3]);
        assert_eq!(mixture.probabilities(&Matrix::zeros(2, 50)), Matrix::zeros(2, 3));
    }
}

#[test]
fn units_of_columns_do_not_matter() {
    let (points, truth) = planted(900, 6, 3, 3);
    let mut scaled = points.clone();
    (0..900)
        .for_each(|row| scaled.row_mut(row).iter_mut().zip(0..).for_each(|(x, j)| *x *= 8f32.powi(j - 3)));
    let of = |points: &Matrix| Mixture::fit(points, &truth, 3, &Silent).unwrap().probabilities(points);
    let (one, other) = (of(&points), of(&scaled));
    assert!(one.data().iter().zip(other.data()).all(|(x, y)| (x - y).abs() < 1e-4));
}

#[test]
fn a_component_without_rows_has_no_weight_and_everything_stays_finite() {
    let (points, truth) = planted(500, 4, 2, 1);
    let mixture = Mixture::fit(&points, &truth, 5, &Silent).unwrap();
    assert_eq!(mixture.weights()[2..], [0.0; 3]);
    let far = mixture.probabilities_of(&[1e30, -1e38, f32::MAX, 0.0]);
    assert!((far.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{far:?}");
}

#[test]
fn components_are_no_narrower_than_a_thousandth_of_the_data() {
    // Two places at distance one: the variance of all rows is 1/4, that of each component 0.
    for rows in [4, 40] {
        let points = Matrix::from_data(1, [0.0, 1.0].repeat(rows / 2)).unwrap();
        let start: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
        let mixture = Mixture::fit(&points, &start, 2, &Silent).unwrap();
        let expected = 0.5f64.ln() - 0.5 * (std::f64::consts::TAU * 0.25e-6).ln();
        assert!((mixture.log_likelihood - expected).abs() < 1e-9, "{}", mixture.log_likelihood);
    }
}

#[test]
fn a_start_that_does_not_fit_is_an_error() {
    let points = Matrix::from_data(1, vec![1.0, 2.0]).unwrap();
    let fit = |points: &Matrix, start: &[u32]| Mixture::fit(points, start, 2, &Silent).err();
    assert!(matches!(fit(&points, &[0]), Some(EngineError::Shape { expected: 2, found: 1, .. })));
    assert!(matches!(fit(&points, &[0, 2]), Some(EngineError::Shape { expected: 2, found: 3, .. })));
    assert!(matches!(fit(&Matrix::default(), &[]), Some(EngineError::NothingToTrainOn { .. })));
    let broken = Matrix::from_data(1, vec![1.0, f32::NAN]).unwrap();
    assert!(matches!(fit(&broken, &[0, 1]), Some(EngineError::NotFinite { .. })));
}
