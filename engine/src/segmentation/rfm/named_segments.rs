//! The segments with names that are common in marketing, as ranges of scores.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The way in which scores become segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RfmSegments {
    /// The segments of [`NAMED`], by ranges of scores.
    Named,
    /// Clusters of the scores, found by k-means.
    Kmeans,
}

/// A named segment: ranges of the score of recency and of the mean of the other two scores, rounded up. Both are from 1
/// to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedSegment {
    /// The name of the segment in marketing.
    pub name: &'static str,
    /// The lowest and the highest score of recency.
    pub recency: (u8, u8),
    /// The lowest and the highest mean score of frequency and monetary value.
    pub value: (u8, u8),
}

/// The named segments: the usual grid over recency and frequency, except that frequency is replaced by the mean of
/// frequency and monetary value, and that the users of the lowest recency are called lost.
#[rustfmt::skip]
pub const NAMED: &[NamedSegment] = &[
    NamedSegment { name: "champions", recency: (5, 5), value: (4, 5) },
    NamedSegment { name: "loyal", recency: (3, 4), value: (4, 5) },
    NamedSegment { name: "potential loyalist", recency: (4, 5), value: (2, 3) },
    NamedSegment { name: "new customers", recency: (5, 5), value: (1, 1) },
    NamedSegment { name: "promising", recency: (4, 4), value: (1, 1) },
    NamedSegment { name: "needs attention", recency: (3, 3), value: (3, 3) },
    NamedSegment { name: "about to sleep", recency: (3, 3), value: (1, 2) },
    NamedSegment { name: "cannot lose them", recency: (1, 2), value: (5, 5) },
    NamedSegment { name: "at risk", recency: (1, 2), value: (3, 4) },
    NamedSegment { name: "hibernating", recency: (2, 2), value: (1, 2) },
    NamedSegment { name: "lost", recency: (1, 1), value: (1, 2) },
];

impl NamedSegment {
    /// Returns the ranges of scores in words.
    pub fn rule(&self) -> String {
        let range = |(least, most): (u8, u8)| {
            if least == most { least.to_string() } else { format!("{least} to {most}") }
        };
        format!("recency {}, frequency and monetary {}", range(self.recency), range(self.value))
    }

    fn holds(&self, recency: u8, value: u8) -> bool {
        (self.recency.0..=self.recency.1).contains(&recency) && (self.value.0..=self.value.1).contains(&value)
    }
}

/// Returns the index in [`NAMED`] of the segment for scores from 1 to `quantiles`. A score is converted to fifths by
/// the middle of its quantile: ⌊5 · (score − ½) / quantiles⌋ + 1, which changes nothing if there are five.
pub fn named_segment(scores: [u8; 3], quantiles: u8) -> usize {
    let quantiles = u32::from(quantiles).max(1);
    let fifth = |score: u8| {
        let score = u32::from(score).clamp(1, quantiles);
        (5 * (2 * score - 1) / (2 * quantiles)) as u8 + 1
    };
    let [recency, frequency, monetary] = scores.map(fifth);
    let value = (frequency + monetary).div_ceil(2);
    NAMED.iter().position(|segment| segment.holds(recency, value)).unwrap_or(NAMED.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_scores_is_in_exactly_one_segment() {
        for recency in 1..=5 {
            for value in 1..=5 {
                assert_eq!(NAMED.iter().filter(|s| s.holds(recency, value)).count(), 1, "{recency} {value}");
            }
        }
        for quantiles in 1..=12u8 {
            let mut met = std::collections::BTreeSet::new();
            for code in 0..u32::from(quantiles).pow(3) {
                let q = u32::from(quantiles);
                let scores = [code % q, code / q % q, code / q / q].map(|score| score as u8 + 1);
                met.insert(NAMED[named_segment(scores, quantiles)].name);
            }
            assert!(quantiles < 5 || met.len() == NAMED.len(), "{quantiles}: {met:?}");
        }
        assert_eq!(NAMED[named_segment([5, 5, 4], 5)].name, "champions");
        assert_eq!(NAMED[0].rule(), "recency 5, frequency and monetary 4 to 5");
        assert_eq!(NAMED[named_segment([1, 1, 2], 5)].name, "lost");
        assert_eq!(NAMED[named_segment([10, 9, 8], 10)].name, "champions");
    }
}
