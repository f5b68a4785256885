//! Measures how much the sizes of the same segments have shifted between two times.

/// The smallest share in [`population_stability`], because zero has no logarithm.
const LEAST_SHARE: f64 = 1e-4;

/// The population stability index Σ (p − q) ln(p / q) of the sizes of the same segments at two times, given as shares
/// or as counts. If one list is shorter, its missing segments have size 0. By convention, an index below 0.1 is stable
/// and above 0.25 has shifted (Siddiqi 2006).
pub fn population_stability(before: &[f64], now: &[f64]) -> f64 {
    let shares = |sizes: &[f64]| {
        let total = sizes.iter().sum::<f64>();
        let mut shares: Vec<f64> = sizes.iter().map(|size| (size / total).max(LEAST_SHARE)).collect();
        shares.resize(before.len().max(now.len()), LEAST_SHARE);
        shares
    };
    shares(before).into_iter().zip(shares(now)).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}
