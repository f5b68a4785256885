//! A Gaussian mixture: segments that may be long or flat, and how likely a user belongs to each.
//!
//! Expectation-maximization (Dempster, Laird & Rubin 1977) from the clusters of k-means. A component has a
//! full covariance where there are rows enough to know it, else a diagonal one (`LEAST_ROWS_PER_COLUMN`,
//! `MOST_FULL_COLUMNS`). An expectation costs 2·n·c·d² flops with full covariances, as products of blocks
//! of rows with the inverse Cholesky factor of each component, and 3·n·c·d with diagonal ones. Memory is
//! 20 bytes for each row and component that has a responsibility above `LEAST_RESPONSIBILITY`, of which a
//! row has one or two. Sums are taken in the order of rows, so the bytes do not depend on threads.

mod estimate;

use crate::error::{EngineError, Result};
use crate::linalg::product::scores;
use crate::linalg::vector::dot_simd;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use estimate::{Estimate, Members, diagonal, mean_and_variance};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The name of the phase in progress reports.
pub const PHASE: &str = "mixture";
/// Iterations at most, as in scikit-learn.
const ITERATIONS: usize = 100;
/// Iteration stops once the mean log-likelihood of a row gains less, as in scikit-learn.
const TOLERANCE: f64 = 1e-3;
/// Rows of a task: with 32 columns a block and its two forms take 96 kB.
const BLOCK_ROWS: usize = 256;
/// Rows of a component for each column, on average, from which its covariance is full. The eigenvalues of a
/// covariance of m rows spread by the factor (1 ± √(d/m))² (Marchenko & Pastur 1967): at ten, 0.5 to 1.7.
/// Measured on rows left out (Gowalla's user factors, 8, 16 and 32 columns, 8 components): full is better
/// from ten on at each, worse at two at each, and at five it depends.
const LEAST_ROWS_PER_COLUMN: usize = 10;
/// Columns up to which a covariance is full: an expectation costs d times what a diagonal one does.
const MOST_FULL_COLUMNS: usize = 32;
/// Added to the variance of every column as a share of it over all rows: scikit-learn's 1e-6, which it adds
/// to whatever the data's scale is. No component is narrower than a thousandth of the data.
const REGULARIZATION: f64 = 1e-6;
/// Half of the last bit of an `f32` beside one: smaller responsibilities would not change a sum.
const LEAST_RESPONSIBILITY: f64 = 1.0 / (1u32 << 24) as f64;
/// Fewest rows' worth of responsibility from which a component learns; with less it keeps its parameters.
const LEAST_ROWS: f64 = 1.0;

/// A mixture of Gaussian components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Mixture {
    /// The share of each component, adding up to 1.
    weights: Vec<f64>,
    /// components × d.
    means: Matrix,
    /// W with ‖W (x − mean)‖² the squared Mahalanobis distance, for each component: the d × d inverse of the
    /// covariance's Cholesky factor, or its diagonal.
    whitening: Vec<f32>,
    /// ln det W of each component.
    log_determinants: Vec<f64>,
    /// Mean log-likelihood of a row of the training data.
    pub log_likelihood: f64,
    /// Iterations it took.
    pub iterations: usize,
}

/// What a block of rows adds to the log-likelihood, and (component, row, responsibility) where there is one.
type BlockShares = (f64, Vec<(u32, u32, f32)>);

/// Σ x² of each row.
struct Squares<'a> {
    rows: &'a [f32],
    columns: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Squares<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, sum) in self.rows.chunks_exact(self.columns).zip(self.sums) {
            *sum = dot_simd(simd, row, row);
        }
    }
}

impl Mixture {
    /// Fits `count` components to the rows of `points`, starting from a cluster of every row, below
    /// `count`. A component without rows has weight 0.
    ///
    /// # Errors
    /// [`EngineError::Shape`] without one cluster below `count` for each row,
    /// [`EngineError::NothingToTrainOn`] without rows, [`EngineError::NotFinite`],
    /// [`EngineError::Cancelled`].
    pub fn fit(points: &Matrix, start: &[u32], count: usize, observer: &dyn Observer) -> Result<Self> {
        let (rows, columns) = (points.rows(), points.columns());
        if rows == 0 {
            return Err(EngineError::NothingToTrainOn { reason: "a mixture needs a row".into() });
        }
        if start.len() != rows {
            return Err(EngineError::Shape { what: "clusters to start", expected: rows, found: start.len() });
        }
        let mut members = vec![Members::new(); count];
        for (row, &cluster) in start.iter().enumerate() {
            let found = cluster as usize + 1;
            let wrong = EngineError::Shape { what: "number of clusters", expected: count, found };
            members.get_mut(cluster as usize).ok_or(wrong)?.push((row as u32, 1.0));
        }
        let everybody: Members = (0..rows as u32).map(|row| (row, 1.0)).collect();
        let (mean, variance) = mean_and_variance(points, &everybody, rows as f64, observer)?;
        if mean.iter().any(|x| !x.is_finite()) {
            return Err(EngineError::NotFinite { what: "the rows of a mixture" });
        }
        // A column without variance tells nothing: any width will do.
        let varies = |&variance: &f64| if variance > f64::from(f32::MIN_POSITIVE) { variance } else { 1.0 };
        let variance: Vec<f64> = variance.iter().map(varies).collect();
        let least: Vec<f64> = variance.iter().map(|variance| variance * REGULARIZATION).collect();
        let full = columns <= MOST_FULL_COLUMNS && rows >= count * columns * LEAST_ROWS_PER_COLUMN;

        let widest = Estimate::of_covariance(mean, &diagonal(&variance, full), &variance, full);
        let mut mixture = Self {
            weights: vec![0.0; count],
            means: Matrix::from_data(columns, widest.mean.repeat(count))?,
            whitening: widest.whitening.repeat(count),
            log_determinants: vec![widest.log_determinant; count],
            log_likelihood: f64::NEG_INFINITY,
            iterations: 0,
        };
        while mixture.iterations < ITERATIONS {
            mixture.maximize(points, &members, &least, full, observer)?;
            let (log_likelihood, next) = mixture.expect(points, observer)?;
            let gain = log_likelihood - mixture.log_likelihood;
            members = next;
            mixture.log_likelihood = log_likelihood;
            mixture.iterations += 1;
            observer.report(Progress {
                loss: Some(-log_likelihood),
                ..Progress::step(PHASE, mixture.iterations, ITERATIONS)
            });
            if gain.abs() < TOLERANCE {
                break;
            }
        }
        Ok(mixture)
    }

    /// The responsibility of every component for every row, n × components; rows add up to 1, or are zero
    /// where there are not as many columns as in training.
    pub fn probabilities(&self, points: &Matrix) -> Matrix {
        let (columns, count) = (points.columns(), self.weights.len());
        let mut probabilities = Matrix::zeros(points.rows(), count);
        if columns != self.means.columns() {
            return probabilities;
        }
        points
            .data()
            .par_chunks(BLOCK_ROWS * columns.max(1))
            .zip(probabilities.data_mut().par_chunks_mut(BLOCK_ROWS * count.max(1)))
            .for_each(|(rows, target)| {
                self.responsibilities(rows, |place, responsibility| target[place] = responsibility as f32);
            });
        probabilities
    }

    /// The responsibility of every component for one row, on the calling thread; zero where the row is not
    /// as long as those of the training.
    pub fn probabilities_of(&self, row: &[f32]) -> Vec<f32> {
        let mut probabilities = vec![0.0; self.weights.len()];
        if row.len() != self.means.columns() {
            return probabilities;
        }
        self.responsibilities(row, |place, responsibility| probabilities[place] = responsibility as f32);
        probabilities
    }

    /// components × d.
    pub fn means(&self) -> &Matrix {
        &self.means
    }

    /// The share of each component, adding up to 1; 0 for one that has lost its rows.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// ln(weight · density) of every component at every row of a block, rows × components.
    fn log_densities(&self, rows: &[f32]) -> Vec<f64> {
        let (columns, count) = (self.means.columns(), self.weights.len());
        let mut densities = vec![0.0; rows.len() / columns.max(1) * count];
        let (mut centred, mut white) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        let mut squares = vec![0.0; rows.len() / columns.max(1)];
        let size = self.whitening.len() / count.max(1);
        for (component, whitening) in self.whitening.chunks_exact(size.max(1)).enumerate() {
            let mean = self.means.row(component);
            for (centred, row) in centred.chunks_exact_mut(columns).zip(rows.chunks_exact(columns)) {
                centred.iter_mut().zip(row).zip(mean).for_each(|((c, x), m)| *c = x - m);
            }
            if size > columns {
                scores(&centred, whitening, columns, &mut white);
            } else {
                for (white, centred) in white.chunks_exact_mut(columns).zip(centred.chunks_exact(columns)) {
                    white.iter_mut().zip(centred).zip(whitening).for_each(|((w, c), s)| *w = c * s);
                }
            }
            pulp::Arch::new().dispatch(Squares { rows: &white, columns, sums: &mut squares });
            let constant = self.weights[component].ln() + self.log_determinants[component]
                - 0.5 * columns as f64 * std::f64::consts::TAU.ln();
            for (densities, square) in densities.chunks_exact_mut(count).zip(&squares) {
                // A row too far for an `f32` is equally far from everything.
                let square = if square.is_finite() { *square } else { f32::MAX };
                densities[component] = constant - 0.5 * f64::from(square);
            }
        }
        densities
    }

    /// Calls `take(row · components + component, responsibility)` for a block of rows, and returns the sum
    /// of their log-likelihoods.
    fn responsibilities(&self, rows: &[f32], mut take: impl FnMut(usize, f64)) -> f64 {
        let mut total = 0.0;
        let count = self.weights.len();
        for (row, densities) in self.log_densities(rows).chunks_exact_mut(count.max(1)).enumerate() {
            let most = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            densities.iter_mut().for_each(|density| *density = (*density - most).exp());
            let sum: f64 = densities.iter().sum();
            total += most + sum.ln();
            for (component, density) in densities.iter().enumerate() {
                take(row * count + component, density / sum);
            }
        }
        total
    }

    /// The mean log-likelihood, and the members of every component.
    fn expect(&self, points: &Matrix, observer: &dyn Observer) -> Result<(f64, Vec<Members>)> {
        let count = self.weights.len();
        let blocks: Vec<BlockShares> = points
            .data()
            .par_chunks(BLOCK_ROWS * points.columns())
            .enumerate()
            .map(|(block, rows)| {
                observer.check()?;
                let mut found = Vec::with_capacity(2 * BLOCK_ROWS);
                let total = self.responsibilities(rows, |place, responsibility| {
                    if responsibility > LEAST_RESPONSIBILITY {
                        let row = block * BLOCK_ROWS + place / count;
                        found.push(((place % count) as u32, row as u32, responsibility as f32));
                    }
                });
                Ok((total, found))
            })
            .collect::<Result<_>>()?;
        let mut members = vec![Members::new(); count];
        let mut total = 0.0;
        for (log_likelihood, found) in blocks {
            total += log_likelihood;
            for (component, row, responsibility) in found {
                members[component as usize].push((row, responsibility));
            }
        }
        Ok((total / points.rows() as f64, members))
    }

    /// The parameters that fit the members best.
    fn maximize(
        &mut self,
        points: &Matrix,
        members: &[Members],
        least: &[f64],
        full: bool,
        observer: &dyn Observer,
    ) -> Result<()> {
        let totals: Vec<f64> =
            members.iter().map(|members| members.iter().map(|&(_, share)| f64::from(share)).sum()).collect();
        let estimates: Vec<Option<Estimate>> = members
            .par_iter()
            .zip(&totals)
            .map(|(members, &total)| {
                observer.check()?;
                let enough = total >= LEAST_ROWS;
                enough.then(|| Estimate::new(points, members, total, least, full, observer)).transpose()
            })
            .collect::<Result<_>>()?;
        let everything: f64 = totals.iter().sum();
        let size = self.whitening.len() / totals.len().max(1);
        for (component, estimate) in estimates.into_iter().enumerate() {
            self.weights[component] = totals[component] / everything;
            if let Some(estimate) = estimate {
                self.means.row_mut(component).copy_from_slice(&estimate.mean);
                self.whitening[component * size..][..size].copy_from_slice(&estimate.whitening);
                self.log_determinants[component] = estimate.log_determinant;
            }
        }
        Ok(())
    }
}

/// A mixture as it is read, before anybody looked at its shape.
#[derive(Deserialize)]
struct Unchecked {
    weights: Vec<f64>,
    means: Matrix,
    whitening: Vec<f32>,
    log_determinants: Vec<f64>,
    log_likelihood: f64,
    iterations: usize,
}

impl TryFrom<Unchecked> for Mixture {
    type Error = EngineError;

    fn try_from(read: Unchecked) -> Result<Self> {
        let Unchecked { weights, means, whitening, log_determinants, log_likelihood, iterations } = read;
        let (count, values) = (weights.len(), means.data().len());
        let check = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
        };
        check("means of a mixture", count, means.rows())?;
        check("determinants of a mixture", count, log_determinants.len())?;
        check("covariances of a mixture", values, whitening.len())
            .or_else(|_| check("covariances of a mixture", values * means.columns(), whitening.len()))?;
        Ok(Self { weights, means, whitening, log_determinants, log_likelihood, iterations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cholesky::inverse_factor;
    use crate::observer::Silent;
    use crate::seed::random;
    use crate::segmentation::validity::adjusted_rand;
    use rand::Rng;
    use rand_distr::StandardNormal;

    /// Rows around `groups` centres, each group stretched along its own axis, and the group of every row;
    /// every tenth row is noise over the whole space, and half of the dimensions are.
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

    /// Labels with a share of them drawn anew.
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
        // Full covariances at 12 columns, diagonal ones at 40.
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

    /// The same in plain loops and `f64`: mean log-likelihood and responsibilities.
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
                (0..n).map(|row| share(row) * (x(row, i) - mean[i]) * (x(row, j) - mean[j])).sum::<f64>()
                    / total
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
        (0..900).for_each(|row| {
            scaled.row_mut(row).iter_mut().zip(0..).for_each(|(x, j)| *x *= 8f32.powi(j - 3))
        });
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
        // Two places at distance one: the variance of all rows is 1/4, that of each component nothing.
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
}
