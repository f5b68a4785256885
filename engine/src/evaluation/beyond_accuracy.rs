//! Metrics of a list beyond accuracy: novelty, diversity and popularity (Castells et al. 2015; Abdollahpouri et al.
//! 2019). `None` if a list has no such value.

use super::metric_row::Catalog;
use crate::ranking::Scored;

/// The mean of −log₂ of the share of users who have an item, that is how surprising the items are. An item without
/// users counts as having one. `None` for an empty list.
pub fn novelty(list: &[Scored], catalog: &Catalog<'_>) -> Option<f64> {
    let users = catalog.users.max(1) as f64;
    let bits = |scored: &Scored| (users / users_of(catalog, scored.item).max(1.0)).log2();
    mean(list.iter().map(bits))
}

/// The mean number of users of the list's items, divided by that of the user's own items. Above 1, the list is more
/// popular than the user's taste. `None` for an empty list or a user without items.
pub fn popularity_lift(list: &[Scored], history: &[u32], catalog: &Catalog<'_>) -> Option<f64> {
    let shown = mean(list.iter().map(|scored| users_of(catalog, scored.item)))?;
    let own = mean(history.iter().map(|&item| users_of(catalog, item)))?;
    (own > 0.0).then(|| shown / own)
}

/// 1 − the mean cosine over all pairs of the list's items, by their factors. Items without factors form no pairs;
/// `None` if there is no pair.
///
/// The cosines of all pairs of n unit vectors add up to (‖their sum‖² − n) / 2, which takes n·k flops instead of n²·k.
pub fn diversity(list: &[Scored], catalog: &Catalog<'_>) -> Option<f64> {
    let factors = catalog.item_factors?;
    let mut sum = vec![0.0; factors.columns()];
    let mut items = 0.0;
    for scored in list {
        let row = factors.row(scored.item as usize);
        let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            items += 1.0;
            sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value) / norm);
        }
    }
    let squared: f64 = sum.iter().map(|value| value * value).sum();
    (items > 1.0).then(|| (1.0 - (squared - items) / (items * (items - 1.0))).max(0.0))
}

fn users_of(catalog: &Catalog<'_>, item: u32) -> f64 {
    f64::from(catalog.item_users[item as usize])
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::dot;
    use crate::matrix::Matrix;

    fn list(items: &[u32]) -> Vec<Scored> {
        items.iter().map(|&item| Scored { item, score: 0.0 }).collect()
    }

    #[test]
    fn novelty_and_lift_agree_with_a_worked_example() {
        let catalog = Catalog { item_users: &[8, 4, 2, 0], users: 8, item_factors: None };
        assert_eq!(novelty(&list(&[0, 1, 2]), &catalog), Some(1.0));
        assert_eq!(novelty(&list(&[3]), &catalog), Some(3.0));
        assert_eq!(novelty(&[], &catalog), None);
        assert_eq!(popularity_lift(&list(&[0, 1]), &[1, 2], &catalog), Some(2.0));
        assert_eq!(popularity_lift(&list(&[0]), &[], &catalog), None);
        assert_eq!(popularity_lift(&list(&[0]), &[3], &catalog), None);
        assert_eq!(popularity_lift(&[], &[1], &catalog), None);
    }

    #[test]
    fn diversity_is_one_less_the_mean_cosine_of_all_pairs() {
        let value = |i: usize| (crate::seed::mix(i as u64) >> 40) as f32 / 1e7 - 0.8;
        let mut factors = Matrix::from_data(7, (0..7 * 12).map(value).collect()).unwrap();
        factors.row_mut(5).fill(0.0);
        let catalog = Catalog { item_users: &[1; 12], users: 1, item_factors: Some(factors.view()) };
        let shown = [0, 3, 4, 9, 11];
        let (mut cosines, mut pairs) = (0.0, 0.0);
        for (place, &a) in shown.iter().enumerate() {
            for &b in &shown[..place] {
                let (a, b) = (factors.row(a as usize), factors.row(b as usize));
                cosines += f64::from(dot(a, b) / (dot(a, a) * dot(b, b)).sqrt());
                pairs += 1.0;
            }
        }
        let found = diversity(&list(&[0, 3, 5, 4, 9, 11]), &catalog).unwrap();
        assert!((found - (1.0 - cosines / pairs)).abs() < 1e-6, "{found}");
        assert_eq!(diversity(&list(&[0, 5]), &catalog), None);
        assert!(diversity(&list(&[2, 2]), &catalog).unwrap().abs() < 1e-12);
    }
}
