//! Recency, frequency and monetary value (Hughes 1994, "Strategic database marketing"): every user gets three scores
//! from 1 to `quantiles`, which map to segments with names that are common in marketing. O(users · log users).

use super::named_segments::named_segment;
use crate::error::{EngineError, Result};
use crate::features::activity::{distinct, needs_times, per_user, recency, total_weight};
use crate::features::{Table, Values};
use crate::interactions::Events;
use crate::observer::Observer;
use serde::{Deserialize, Serialize};

/// The columns of [`rfm_values`].
const COLUMNS: [&str; 3] = ["recency", "frequency", "monetary"];

/// Computes a table with the columns "recency", the days from the last event to `as_of`; "frequency", the number of
/// distinct times of events (the lines of an order share theirs); and "monetary", the sum of weights. Events after
/// `as_of` are ignored; recency is null for users without events up to it.
///
/// # Errors
/// [`EngineError::Missing`] if events have no times, [`EngineError::Cancelled`].
pub fn rfm_values(events: &Events, as_of: i64, observer: &dyn Observer) -> Result<Table> {
    needs_times(events, "recency")?;
    per_user(events, COLUMNS.map(str::to_owned).to_vec(), as_of, observer, |events, row| {
        row.copy_from_slice(&[
            recency(events, as_of),
            distinct(events, |event| event.time) as f64,
            total_weight(events),
        ]);
    })
}

/// The thresholds of the scores 2, 3, …: the lowest values, or for recency the largest numbers of days.
///
/// Users with equal values always get equal scores. A group of equal values gets the score of its middle: among n
/// users, g equal ones with b below them get score ⌈quantiles · (b + g/2) / n⌉. Each cut is thus the border between
/// distinct values that is nearest to the exact quantile, and the parts are as even as ties allow; if all values are
/// equal, all users get the middle score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RfmScorer {
    /// The highest score; scores start at 1.
    pub quantiles: u8,
    /// The largest number of days for a score of 2, 3, …: descending.
    pub recency: Vec<f64>,
    /// The lowest frequency for a score of 2, 3, …: ascending.
    pub frequency: Vec<f64>,
    /// The lowest monetary value for a score of 2, 3, …: ascending.
    pub monetary: Vec<f64>,
}

impl RfmScorer {
    /// Computes the thresholds from the table of [`rfm_values`]; nulls are ignored.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is missing or has no numbers.
    pub fn fit(table: &Table, quantiles: u8) -> Result<Self> {
        let [recency, frequency, monetary] = numbers(table)?;
        let nearness: Vec<f64> = recency.iter().map(|days| -days).collect();
        Ok(Self {
            quantiles,
            recency: cuts(&nearness, quantiles).into_iter().map(|cut| -cut).collect(),
            frequency: cuts(frequency, quantiles),
            monetary: cuts(monetary, quantiles),
        })
    }

    /// Returns the scores of one user: recency (fewer days score higher), frequency and monetary value. A null scores
    /// 1.
    pub fn score(&self, recency: f64, frequency: f64, monetary: f64) -> [u8; 3] {
        let score = |cuts: &[f64], reached: &dyn Fn(&f64) -> bool| {
            let passed = cuts.iter().filter(|cut| reached(cut)).count();
            passed.min(usize::from(self.quantiles.saturating_sub(1))) as u8 + 1
        };
        [
            score(&self.recency, &|&cut| recency <= cut),
            score(&self.frequency, &|&cut| frequency >= cut),
            score(&self.monetary, &|&cut| monetary >= cut),
        ]
    }

    /// Returns the scores of each row of a table returned by [`rfm_values`].
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn scores(&self, table: &Table) -> Result<Vec<[u8; 3]>> {
        let [recency, frequency, monetary] = numbers(table)?;
        let rows = recency.iter().zip(frequency).zip(monetary);
        Ok(rows.map(|((&r, &f), &m)| self.score(r, f, m)).collect())
    }

    /// Returns the index in [`super::NAMED`] of the segment for scores of this scorer.
    pub fn named_segment(&self, scores: [u8; 3]) -> usize {
        named_segment(scores, self.quantiles)
    }
}

fn numbers(table: &Table) -> Result<[&[f64]; 3]> {
    let mut found: [&[f64]; 3] = [&[]; 3];
    for (found, name) in found.iter_mut().zip(COLUMNS) {
        match table.column(name).map(|column| &column.values) {
            Some(Values::Number(values)) => *found = values,
            other => {
                let reason = if other.is_some() { "does not contain numbers" } else { "is missing" };
                return Err(EngineError::Column { column: name.to_owned(), reason: reason.to_owned() });
            }
        }
    }
    Ok(found)
}

/// Returns the lowest value of each score from 2 on; fewer if no value has the highest scores.
fn cuts(values: &[f64], quantiles: u8) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (count, quantiles) = (sorted.len() as u128, u128::from(quantiles));
    let mut cuts = Vec::new();
    let mut below = 0;
    for group in sorted.chunk_by(|a, b| a == b) {
        let score = ((2 * below + group.len() as u128) * quantiles).div_ceil(2 * count);
        while (cuts.len() as u128) + 1 < score {
            cuts.push(group[0]);
        }
        below += group.len() as u128;
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Column, DAY};
    use crate::interactions::{EventLimits, Id, IdKind, RawEvents};
    use crate::observer::Silent;
    use crate::segmentation::rfm::NAMED;
    use proptest::prelude::*;

    fn events(rows: &[(i64, f32, i64)], timed: bool) -> Events {
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, timed);
        for (item, &(user, weight, day)) in rows.iter().enumerate() {
            raw.push(Id::Bigint(user), Id::Bigint(item as i64), weight, day * DAY);
        }
        Events::new(raw, limits, &Silent).unwrap()
    }

    fn table(recency: &[f64], frequency: &[f64], monetary: &[f64]) -> Table {
        let columns = [recency, frequency, monetary];
        let columns =
            COLUMNS.iter().zip(columns).map(|(&name, values)| Column::numbers(name, values.to_vec()));
        Table::new(recency.len(), columns.collect()).unwrap()
    }

    #[test]
    fn a_shop_worked_out_by_hand() {
        // User 1 bought three things in one order on day 9, user 2 bought twice long ago, and user 3 once.
        let shop =
            [(1, 5.0, 9), (1, 5.0, 9), (1, 10.0, 9), (2, 50.0, 1), (2, 50.0, 2), (3, 1.0, 5), (3, 9.0, 30)];
        let values = rfm_values(&events(&shop, true), 10 * DAY, &Silent).unwrap();
        assert_eq!(values, table(&[1.0, 8.0, 5.0], &[1.0, 2.0, 1.0], &[20.0, 100.0, 1.0]));
        let scorer = RfmScorer::fit(&values, 3).unwrap();
        assert_eq!(scorer.recency, [5.0, 1.0]);
        assert_eq!(scorer.monetary, [20.0, 100.0]);
        // Two of three users have frequency 1, and their middle is at a third: score 1; the other gets 3.
        assert_eq!(scorer.frequency, [2.0, 2.0]);
        assert_eq!(scorer.scores(&values).unwrap(), [[3, 1, 2], [1, 3, 3], [2, 1, 1]]);
        let names: Vec<&str> = scorer
            .scores(&values)
            .unwrap()
            .into_iter()
            .map(|scores| NAMED[scorer.named_segment(scores)].name)
            .collect();
        assert_eq!(names, ["potential loyalist", "cannot lose them", "about to sleep"]);
    }

    #[test]
    fn without_times_there_is_no_recency() {
        let error = rfm_values(&events(&[(1, 1.0, 0)], false), 0, &Silent).unwrap_err();
        assert_eq!(error.to_string(), "recency cannot be computed without the time of every event");
    }

    #[test]
    fn one_user_and_equal_users_are_in_the_middle_and_null_scores_lowest() {
        for rows in [1, 7] {
            let equal = table(&vec![4.0; rows], &vec![1.0; rows], &vec![2.5; rows]);
            let scorer = RfmScorer::fit(&equal, 5).unwrap();
            assert_eq!(scorer.scores(&equal).unwrap(), vec![[3, 3, 3]; rows]);
            assert_eq!(scorer.score(f64::NAN, 0.0, 9.0), [1, 1, 3]);
        }
        let nobody = RfmScorer::fit(&table(&[], &[], &[]), 5).unwrap();
        assert_eq!(nobody.score(1.0, 1.0, 1.0), [1, 1, 1]);
        let error = RfmScorer::fit(&Table::default(), 5).unwrap_err();
        assert_eq!(error.to_string(), "column \"recency\" is missing");
    }

    proptest! {
        #[test]
        fn scores_follow_the_values_and_parts_are_as_even_as_ties_allow(
            values in proptest::collection::vec(-20i32..20, 1..80),
            quantiles in 1u8..9,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let table = table(&values, &values, &values);
            let scorer = RfmScorer::fit(&table, quantiles).unwrap();
            let again: RfmScorer = serde_json::from_str(&serde_json::to_string(&scorer).unwrap()).unwrap();
            prop_assert_eq!(&again, &scorer);
            let scores = scorer.scores(&table).unwrap();
            let (count, ties) = (values.len() as f64, |x: f64| values.iter().filter(|&&y| y == x).count() as f64);
            for (&x, score) in values.iter().zip(&scores) {
                let middle = values.iter().filter(|&&y| y < x).count() as f64 + ties(x) / 2.0;
                let exact = f64::from(quantiles) * middle / count;
                prop_assert_eq!(f64::from(score[1]), (exact - 1e-9).ceil());
                prop_assert_eq!(score[1], score[2]);
                let exact = f64::from(quantiles) * (count - middle) / count;
                prop_assert_eq!(f64::from(score[0]), (exact - 1e-9).ceil());
            }
        }
    }
}
