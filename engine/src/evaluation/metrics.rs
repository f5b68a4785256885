//! Metrics of one list of recommendations against the set of relevant items.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A metric of a list cut at k.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// Hits divided by k.
    Precision,
    /// Hits divided by the number of relevant items.
    Recall,
    /// The harmonic mean of precision and recall.
    F1,
    /// Normalised discounted cumulative gain, binary gains (Järvelin & Kekäläinen 2002).
    Ndcg,
    /// 1 if the list has a hit, else 0.
    HitRate,
    /// The mean over min(k, relevant) of the precision at each hit.
    AveragePrecision,
    /// The reciprocal of the rank of the first hit.
    ReciprocalRank,
}

impl Metric {
    /// All list metrics.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name used in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The values of all metrics for one list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListMetrics {
    values: [f64; Metric::ALL.len()],
}

impl ListMetrics {
    /// Measures the first `k` of `list` against `relevant` (ascending, not empty).
    pub fn measure(list: impl Iterator<Item = u32>, relevant: &[u32], k: usize) -> Self {
        Self::of_hits(list.map(|item| relevant.binary_search(&item).is_ok()), relevant.len(), Some(k))
    }

    /// Measures a list given which of its positions are hits, out of `relevant` items that could be hit. Without k the
    /// list is used as is. With k it is truncated, and a shorter list still counts as having k positions.
    ///
    /// The ideal list has min(k, relevant) hits at its top; that is the divisor of NDCG and average precision.
    pub fn of_hits(list: impl Iterator<Item = bool>, relevant: usize, k: Option<usize>) -> Self {
        let (mut places, mut hits, mut gain, mut precisions, mut first) = (0usize, 0usize, 0.0, 0.0, 0.0);
        for (place, is_hit) in list.take(k.unwrap_or(usize::MAX)).enumerate() {
            places += 1;
            if is_hit {
                hits += 1;
                gain += discount(place);
                precisions += hits as f64 / (place + 1) as f64;
                if hits == 1 {
                    first = 1.0 / (place + 1) as f64;
                }
            }
        }
        let ideal = k.unwrap_or(usize::MAX).min(relevant);
        let places = k.unwrap_or(places);
        if ideal == 0 || places == 0 {
            return Self::default();
        }
        let ideal_gain: f64 = (0..ideal).map(discount).sum();
        let precision = hits as f64 / places as f64;
        let recall = hits as f64 / relevant as f64;
        let f1 = if hits > 0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        let hit = f64::from(u8::from(hits > 0));
        Self { values: [precision, recall, f1, gain / ideal_gain, hit, precisions / ideal as f64, first] }
    }

    /// The value of one metric.
    pub fn get(&self, metric: Metric) -> f64 {
        self.values[metric as usize]
    }
}

/// 1 / log₂(rank + 1), where rank = place + 1.
fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_agree_with_a_worked_example() {
        // Relevant 2, 5, 9; the list hits at ranks 1 and 3.
        let metrics = ListMetrics::measure([5, 1, 2, 7].into_iter(), &[2, 5, 9], 4);
        let gain = 1.0 + 1.0 / 4f64.log2();
        let ideal = 1.0 + 1.0 / 3f64.log2() + 1.0 / 4f64.log2();
        for (metric, expected) in [
            (Metric::Precision, 0.5),
            (Metric::Recall, 2.0 / 3.0),
            (Metric::F1, 2.0 * 0.5 * (2.0 / 3.0) / (0.5 + 2.0 / 3.0)),
            (Metric::Ndcg, gain / ideal),
            (Metric::HitRate, 1.0),
            (Metric::AveragePrecision, (1.0 + 2.0 / 3.0) / 3.0),
            (Metric::ReciprocalRank, 1.0),
        ] {
            assert!((metrics.get(metric) - expected).abs() < 1e-12, "{}", metric.name());
        }
    }

    #[test]
    fn without_k_a_list_has_its_own_length_and_the_ideal_one_everything_relevant() {
        let list = [true, false, true].into_iter();
        let metrics = ListMetrics::of_hits(list.clone(), 4, None);
        let ideal = 1.0 + 1.0 / 3f64.log2() + 1.0 / 4f64.log2() + 1.0 / 5f64.log2();
        assert_eq!(metrics.get(Metric::Precision), 2.0 / 3.0);
        assert!((metrics.get(Metric::Ndcg) - 1.5 / ideal).abs() < 1e-12);
        assert!((metrics.get(Metric::AveragePrecision) - (1.0 + 2.0 / 3.0) / 4.0).abs() < 1e-12);
        assert_eq!(ListMetrics::of_hits(list, 4, Some(10)).get(Metric::Precision), 0.2);
        assert_eq!(ListMetrics::of_hits([].into_iter(), 4, None), ListMetrics::default());
    }

    #[test]
    fn a_perfect_list_is_one_and_a_useless_one_nothing() {
        let perfect = ListMetrics::measure([3, 1].into_iter(), &[1, 3], 2);
        let useless = ListMetrics::measure([4, 6].into_iter(), &[1, 3], 2);
        for &metric in Metric::ALL {
            assert_eq!((perfect.get(metric), useless.get(metric)), (1.0, 0.0), "{}", metric.name());
        }
    }
}
