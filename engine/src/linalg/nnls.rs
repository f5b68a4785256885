//! Non-negative least squares for a few unknowns, from the normal equations: minimizes ½ wᵀA w − bᵀw over w ≥ 0.
//!
//! Coordinate descent (Franc et al. 2005, "Sequential coordinate-wise algorithm for the non-negative least squares
//! problem"): each unknown in turn takes its best value given the others, `w_i = max(0, w_i + (b_i − A_i·w)/A_ii)`. It
//! converges for every positive semidefinite A, also a singular one, at n² multiply-adds per round.

/// Rounds after which the result is taken as it is: with eight unknowns 64 million multiply-adds. Unknowns whose columns are
/// nearly parallel converge slowly, but then the one stands for the other.
const MOST_ROUNDS: usize = 1_000_000;
/// The rounds end when no unknown moves by more than this share of the largest.
const TOLERANCE: f64 = 1e-12;

/// The minimizer for `a` (n × n, symmetric, row-major) and `b`. An unknown without curvature (A_ii = 0) is zero, as is
/// one whose row is not finite.
pub fn nonnegative_least_squares(a: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut w = vec![0.0f64; n];
    for _ in 0..MOST_ROUNDS {
        let mut moved = 0.0f64;
        for i in 0..n {
            let row = &a[i * n..(i + 1) * n];
            let gradient: f64 = row.iter().zip(&w).map(|(a, w)| a * w).sum::<f64>() - b[i];
            if row[i] > 0.0 && gradient.is_finite() {
                let next = (w[i] - gradient / row[i]).max(0.0);
                moved = moved.max((next - w[i]).abs());
                w[i] = next;
            }
        }
        if moved <= TOLERANCE * w.iter().fold(0.0, |largest: f64, &w| largest.max(w)) {
            break;
        }
    }
    w
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// XᵀX and Xᵀy of random columns and a target.
    fn normal_equations(seed: u64, rows: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
        let value = |row: usize, column: usize| {
            let bits = crate::seed::mix(seed ^ (row * 100 + column) as u64);
            (bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let sum = |i: usize, j: usize| (0..rows).map(|row| value(row, i) * value(row, j)).sum();
        let a = (0..n * n).map(|at| sum(at / n, at % n)).collect();
        (a, (0..n).map(|i| sum(i, n)).collect())
    }

    proptest! {
        #[test]
        fn the_conditions_of_an_optimum_hold(seed: u64, rows in 1usize..30, n in 1usize..8) {
            let (a, b) = normal_equations(seed, rows, n);
            let w = nonnegative_least_squares(&a, &b);
            for i in 0..n {
                let gradient: f64 = (0..n).map(|j| a[i * n + j] * w[j]).sum::<f64>() - b[i];
                prop_assert!(w[i] >= 0.0 && gradient > -1e-5);
                prop_assert!(w[i] == 0.0 || gradient.abs() < 1e-5);
            }
        }
    }

    #[test]
    fn as_many_nearly_parallel_columns_as_rows_are_solved_too() {
        let (a, b) = normal_equations(5_029_286_619_400_172_535, 4, 4);
        let w = nonnegative_least_squares(&a, &b);
        let gradient = |i: usize| (0..4).map(|j| a[i * 4 + j] * w[j]).sum::<f64>() - b[i];
        assert!((0..4).all(|i| gradient(i) > -1e-5 && (w[i] == 0.0 || gradient(i).abs() < 1e-5)), "{w:?}");
    }

    #[test]
    fn a_column_without_use_or_without_values_gets_zero() {
        // The second column points away from the target, the third is zero, the fourth not finite.
        let a = [1.0, 0.1, 0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, f64::NAN];
        let w = nonnegative_least_squares(&a, &[1.0, -0.5, 0.0, 1.0]);
        assert_eq!(w, [1.0, 0.0, 0.0, 0.0]);
    }
}
