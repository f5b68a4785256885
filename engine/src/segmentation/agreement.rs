//! How far two divisions of the same rows agree: the Rand index adjusted for chance (Hubert & Arabie
//! 1985). 1 for the same division under any numbers, about 0 for independent ones.

use hashbrown::HashMap;

/// The adjusted Rand index of the groups of every row, over the shorter length; 1 where both are
/// trivial (one group, or a group for every row).
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let mut cells: HashMap<(u32, u32), f64> = HashMap::new();
    let (mut of_a, mut of_b): (HashMap<u32, f64>, HashMap<u32, f64>) = Default::default();
    for (&a, &b) in a.iter().zip(b) {
        *cells.entry((a, b)).or_default() += 1.0;
        *of_a.entry(a).or_default() += 1.0;
        *of_b.entry(b).or_default() += 1.0;
    }
    // Numbers of pairs are whole, so that the order of the sums does not matter below 2⁵³.
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    let all = pairs(a.len().min(b.len()) as f64);
    let together: f64 = cells.values().copied().map(pairs).sum();
    let (in_a, in_b): (f64, f64) =
        (of_a.values().copied().map(pairs).sum(), of_b.values().copied().map(pairs).sum());
    let (by_chance, most) = (in_a * in_b / all.max(1.0), (in_a + in_b) / 2.0);
    if most == by_chance { 1.0 } else { (together - by_chance) / (most - by_chance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_ignores_the_numbers_of_groups() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 2], &[5, 5, 9, 1]), 1.0);
        assert_eq!(adjusted_rand(&[3, 3, 3], &[0, 0, 0]), 1.0);
        assert_eq!(adjusted_rand(&[], &[]), 1.0);
    }

    #[test]
    fn agreement_is_that_of_scikit_learn() {
        // sklearn.metrics.adjusted_rand_score
        let found = adjusted_rand(&[0, 0, 0, 1, 1, 1, 2], &[0, 0, 1, 1, 2, 2, 2]);
        assert!((found - 0.14035087719298245).abs() < 1e-12, "{found}");
        assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
    }
}
