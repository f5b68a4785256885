//! Randomized lists: a Plackett-Luce model on ranks (Plackett 1975).
//!
//! Items are drawn one after the other, each with a probability proportional to its weight among those left. The weight
//! of the item of rank r is r^(−(1 − e)/e), where e is `explore`: 0 keeps the order, 0.5 is Zipf's law (the second is
//! half as likely to come first as the first), and 1 makes all orders equally likely. Using ranks rather than scores
//! gives e the same meaning for every scorer. Such a draw is the order of e · G − (1 − e) · ln r with G from the
//! standard Gumbel distribution (Yellott 1977).

use crate::seed::Random;
use rand::Rng;
use rand::distributions::Open01;

/// The indexes of a pool of `count` items, best first, in a randomized order.
pub fn explored(count: usize, explore: f32, random: &mut Random) -> Vec<usize> {
    let explore = f64::from(explore);
    let key = |place: usize, uniform: f64| {
        let gumbel = -(-uniform.ln()).ln();
        (explore * gumbel - (1.0 - explore) * ((place + 1) as f64).ln(), place)
    };
    let mut keys: Vec<(f64, usize)> = (0..count).map(|place| key(place, random.sample(Open01))).collect();
    keys.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keys.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_comes_once_the_same_from_the_same_seed(
            seed in any::<u64>(),
            count in 0usize..100,
            explore in 0.0f32..=1.0,
        ) {
            let draw = || explored(count, explore, &mut seed::random(seed, "test"));
            let mut order = draw();
            prop_assert_eq!(&order, &draw());
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
            let kept = explored(count, 0.0, &mut seed::random(seed, "test"));
            prop_assert_eq!(kept, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_item_comes_first_in_proportion_to_its_weight() {
        const DRAWS: usize = 20_000;
        for (explore, exponent) in [(0.25f32, -3.0f64), (0.5, -1.0), (1.0, 0.0)] {
            let mut random = seed::random(3, "test");
            let mut first = [0usize; 10];
            (0..DRAWS).for_each(|_| first[explored(10, explore, &mut random)[0]] += 1);
            let weights: Vec<f64> = (1..=10).map(|rank| f64::from(rank).powf(exponent)).collect();
            let total: f64 = weights.iter().sum();
            for (count, weight) in first.iter().zip(&weights) {
                let (found, expected) = (*count as f64 / DRAWS as f64, weight / total);
                let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
                assert!((found - expected).abs() < 5.0 * error + 1e-4, "{explore}: {found} for {expected}");
            }
        }
    }
}
