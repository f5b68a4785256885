//! The baseline for ratings: a bias for each user and each item, and nothing else.

use crate::interactions::{Interactions, SparseRows};

/// The number of ratings that the mean counts for against an item's own and a user's own (Koren 2010, eq. 1 and 2).
const ITEM_DAMPING: f64 = 25.0;
const USER_DAMPING: f64 = 10.0;

/// `r̂ = μ + b_i + b_u`, clipped to the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Biases {
    mean: f64,
    range: (f64, f64),
    users: Vec<f64>,
    items: Vec<f64>,
}

impl Biases {
    /// Computes b_i = Σ(r − μ) / (25 + n_i), then b_u = Σ(r − μ − b_i) / (10 + n_u).
    pub fn new(ratings: &Interactions) -> Self {
        let values = ratings.by_user().values().iter().map(|&value| f64::from(value));
        let mean = values.clone().sum::<f64>() / ratings.entries().max(1) as f64;
        let range = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let biases = |rows: &SparseRows, damping: f64, others: &[f64]| -> Vec<f64> {
            let of_row = |row| {
                let (columns, values) = rows.row(row);
                let other = |&column: &u32| others.get(column as usize).copied().unwrap_or(0.0);
                let rest = columns.iter().zip(values).map(|(column, &v)| f64::from(v) - mean - other(column));
                rest.sum::<f64>() / (damping + columns.len() as f64)
            };
            (0..rows.rows()).map(of_row).collect()
        };
        let items = biases(ratings.by_item(), ITEM_DAMPING, &[]);
        let users = biases(ratings.by_user(), USER_DAMPING, &items);
        Self { mean, range, users, items }
    }

    /// The prediction for a user and an item, given by number.
    pub fn predict(&self, user: usize, item: usize) -> f32 {
        let of = |biases: &[f64], row: usize| biases.get(row).copied().unwrap_or(0.0);
        let (low, high) = self.range;
        let rating = self.mean + of(&self.items, item) + of(&self.users, user);
        if low <= high { rating.clamp(low, high) as f32 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_agree_with_a_worked_example_and_stay_within_the_scale() {
        let rows = SparseRows::new(2, vec![0, 2, 3], vec![0, 1, 0], vec![5.0, 2.0, 5.0]).unwrap();
        let biases = Biases::new(&Interactions::new(rows));
        // μ = 4; b_0 = 2 / 27, b_1 = −2 / 26; b of the first user: (1 − b_0 − 2 − b_1) / 12.
        let (first, second) = (2.0 / 27.0, -2.0 / 26.0);
        let user = (1.0 - first - 2.0 - second) / 12.0;
        assert!((f64::from(biases.predict(0, 1)) - (4.0 + second + user)).abs() < 1e-6);
        assert!(biases.predict(1, 0) <= 5.0);
        let none = Interactions::new(SparseRows::new(1, vec![0, 0], Vec::new(), Vec::new()).unwrap());
        assert_eq!(Biases::new(&none).predict(0, 0), 0.0);
    }
}
