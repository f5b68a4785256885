//! Describes a segment by a rule: `country = FR and age ≤ 30: 83 % right, covers 61 %`.
//!
//! For each segment, a search on a sample of its users and of all others proposes rules (`rule_search`). The proposed
//! rules are then counted over all users, with one bit per user and condition, so that precision and recall are exact.
//! The best rule by F½ is taken: precision counts twice as much as recall, because a rule that is read out should be
//! right.
//!
//! In addition to the search, counting costs about 15 conditions · users · 1 ns per segment.

use super::conditions::{Coded, Condition, bits};
use super::rule_search::{Sample, Score, words_of};
use crate::error::{EngineError, Result};
use crate::features::Table;
use crate::observer::{Observer, Progress};
use crate::seed;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The name of the phase in progress reports.
pub const PHASE: &str = "rules";
/// The smallest share of the errors of "everybody" that a rule must avoid.
const NOTICEABLE: f64 = 0.1;
/// The number of standard errors by which this must be certain. The rule is the best of about 10⁵ conditions, of which
/// chance alone puts one 4.3 standard errors away.
const SURE: f64 = 5.0;

/// A rule that describes a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The conditions, joined by `and`.
    pub text: String,
    /// The share of the users matched by the rule that are in the segment.
    pub precision: f64,
    /// The share of the segment's users that the rule matches.
    pub recall: f64,
}

/// Returns a rule for each segment; `None` if no rule is noticeably better than naming everybody.
///
/// `of_row` is the segment of each row of the table, from 0 to `count` − 1; rows without one are ignored. `as_of` is
/// the moment to which ages are counted, in microseconds since 2000.
///
/// # Errors
/// [`EngineError::Shape`] if `of_row` is not as long as the table; [`EngineError::Cancelled`].
pub fn rules(
    table: &Table,
    of_row: &[Option<u32>],
    count: usize,
    as_of: i64,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<Option<Rule>>> {
    if of_row.len() != table.rows() {
        let (expected, found) = (table.rows(), of_row.len());
        return Err(EngineError::Shape { what: "segments of rows", expected, found });
    }
    let mut assigned: Vec<(u32, u32)> = (0..)
        .zip(of_row)
        .filter_map(|(row, segment)| Some((row, segment.filter(|&segment| (segment as usize) < count)?)))
        .collect();
    // In this order, the first rows of any set are a sample of it.
    assigned.shuffle(&mut seed::random(seed, "rules"));
    let (rows, segments): (Vec<u32>, Vec<u32>) = assigned.into_iter().unzip();
    let columns: Vec<Option<Coded>> = table
        .columns()
        .par_iter()
        .map(|column| observer.check().map(|()| Coded::new(column, &rows, as_of)))
        .collect::<Result<_>>()?;
    let columns: Vec<Coded> = columns.into_iter().flatten().collect();
    let done = AtomicUsize::new(0);
    (0..count as u32)
        .into_par_iter()
        .map(|segment| {
            let sample = Sample::new(&columns, &segments, segment);
            let of_segment = bits(&segments, |&of_row| of_row == segment);
            let rule = best_rule(&sample, &of_segment, observer)?;
            observer.report(Progress::step(PHASE, done.fetch_add(1, Ordering::Relaxed) + 1, count));
            Ok(rule)
        })
        .collect()
}

/// Returns the best rule for the segment of a sample; `of_segment` has a bit for each row.
fn best_rule(sample: &Sample, of_segment: &[u64], observer: &dyn Observer) -> Result<Option<Rule>> {
    let rules = sample.rules(observer)?;
    let mut conditions: Vec<Condition> = rules.iter().flatten().copied().collect();
    conditions.sort_unstable_by_key(|condition| (condition.column, condition.codes));
    conditions.dedup();
    let mut holds = Vec::with_capacity(conditions.len());
    for condition in &conditions {
        observer.check()?;
        holds.push(bits(sample.columns[condition.column].codes(), |&code| condition.holds(code)));
    }
    let size = of_segment.iter().map(|word| f64::from(word.count_ones())).sum();
    let place = |condition: &Condition| conditions.iter().position(|other| other == condition);
    let score = |rule: &[Condition]| {
        let holds: Vec<&[u64]> = rule.iter().filter_map(place).map(|place| &holds[place][..]).collect();
        let mut score = Score { size, matched: 0.0, right: 0.0, words: words_of(rule) };
        for (word, &members) in of_segment.iter().enumerate() {
            let matched = holds.iter().fold(u64::MAX, |all, holds| all & holds[word]);
            score.matched += f64::from(matched.count_ones());
            score.right += f64::from((matched & members).count_ones());
        }
        score
    };
    // Ties go to the first rule.
    let better = |best: Scored, next: Scored| if next.0.worth() > best.0.worth() { next } else { best };
    let Some(mut best) = rules.into_iter().map(|rule| (score(&rule), rule)).reduce(better) else {
        return Ok(None);
    };
    // A condition may have become redundant because of a later one.
    while best.1.len() > 1 {
        let without = |left_out: usize| {
            let mut shorter = best.1.clone();
            shorter.remove(left_out);
            (score(&shorter), shorter)
        };
        match (0..best.1.len()).map(without).reduce(better) {
            Some(shorter) if shorter.0.worth() >= best.0.worth() => best = shorter,
            _ => break,
        }
    }
    let (score, rule) = best;
    if least_precision(score) < sample.share + NOTICEABLE * (1.0 - sample.share) {
        return Ok(None);
    }
    let words = |condition: &Condition| sample.columns[condition.column].words(condition.codes);
    let text = rule.iter().map(words).collect::<Vec<_>>().join(" and ");
    Ok(Some(Rule { text, precision: score.precision(), recall: score.recall() }))
}

/// A rule with its score over all rows.
type Scored = (Score, Vec<Condition>);

/// Returns the lower end of Wilson's interval of the precision (1927), [`SURE`] standard errors down.
fn least_precision(score: Score) -> f64 {
    let (n, p, z2) = (score.matched.max(1.0), score.precision(), SURE * SURE);
    (p + z2 / (2.0 * n) - SURE * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt()) / (1.0 + z2 / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Cell, Column, DAY, Values};
    use crate::observer::{CancelAfter, Silent};
    use proptest::prelude::*;

    /// Formats the rule with its precision and recall.
    fn sentence(rule: &Rule) -> String {
        let percent = |share: f64| (share * 100.0).round();
        format!("{}: {} % right, covers {} %", rule.text, percent(rule.precision), percent(rule.recall))
    }

    /// A pseudo-random number in 0..1 for a row and a purpose.
    fn uniform(row: usize, purpose: u64) -> f64 {
        (seed::mix(seed::mix(row as u64) ^ purpose) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Segment 1 is French and at most 30 years old, except that every tenth user is in any segment. Segment 2 joined
    /// in the last 90 days. Segment 0 has all other users.
    fn planted(rows: usize) -> (Table, Vec<Option<u32>>) {
        let ages: Vec<f64> = (0..rows)
            .map(|row| if row % 50 == 7 { f64::NAN } else { (18.0 + 60.0 * uniform(row, 1)).floor() })
            .collect();
        let codes: Vec<u32> = (0..rows).map(|row| (5.0 * uniform(row, 2)) as u32).collect();
        let days: Vec<i64> = (0..rows).map(|row| (1000.0 * uniform(row, 3)) as i64).collect();
        let segments = (0..rows)
            .map(|row| match () {
                () if uniform(row, 4) < 0.1 => Some((3.0 * uniform(row, 5)) as u32),
                () if codes[row] == 2 && ages[row] <= 30.0 => Some(1),
                () if days[row] <= 90 => Some(2),
                () if row % 97 == 0 => None,
                () => Some(0),
            })
            .collect();
        let levels = ["DE", "ES", "FR", "IT", "US"].map(str::to_owned).to_vec();
        let columns = vec![
            Column::numbers("noise", (0..rows).map(|row| uniform(row, 6)).collect()),
            Column::numbers("age", ages),
            Column { name: "country".to_owned(), values: Values::Category { codes, levels } },
            Column {
                name: "joined".to_owned(),
                values: Values::Moment(days.iter().map(|d| -d * DAY).collect()),
            },
            Column {
                name: "newsletter".to_owned(),
                values: Values::Boolean((0..rows).map(|row| Some(uniform(row, 7) < 0.5)).collect()),
            },
        ];
        (Table::new(rows, columns).unwrap(), segments)
    }

    #[test]
    fn a_planted_rule_is_found_in_words_with_its_true_figures() {
        let (table, segments) = planted(20_000);
        let found = rules(&table, &segments, 3, 0, 1, &Silent).unwrap();
        let texts: Vec<&str> = found.iter().flatten().map(|rule| rule.text.as_str()).collect();
        assert_eq!(texts[1], "country = FR and age ≤ 30", "{found:?}");
        assert_eq!(texts[2], "joined ≤ 80 days ago", "{found:?}");
        let (mut matched, mut right, mut size) = (0, 0, 0);
        for (row, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.is_some()) {
            let young = matches!(table.columns()[1].cell(row), Cell::Number(age) if age <= 30.0);
            let holds = young && table.columns()[2].cell(row) == Cell::Text("FR");
            let member = *segment == Some(1);
            matched += u32::from(holds);
            size += u32::from(member);
            right += u32::from(holds && member);
        }
        let rule = found[1].clone().unwrap();
        assert_eq!(rule.precision, f64::from(right) / f64::from(matched));
        assert_eq!(rule.recall, f64::from(right) / f64::from(size));
        assert!(rule.precision > 0.9 && rule.recall > 0.5, "{rule:?}");
    }

    #[test]
    fn spans_unknown_values_and_sets_of_levels_are_found() {
        let (table, _) = planted(10_000);
        let segments: Vec<Option<u32>> = (0..10_000)
            .map(|row| match (table.columns()[1].cell(row), table.columns()[2].cell(row)) {
                (Cell::Null, _) => Some(1),
                (Cell::Number(age), _) if age > 30.0 && age <= 45.0 => Some(2),
                (_, Cell::Text("IT" | "ES")) => Some(3),
                _ => Some(0),
            })
            .collect();
        let found = rules(&table, &segments, 4, 0, 1, &Silent).unwrap();
        let found = |segment: usize| found[segment].as_ref().map(sentence).unwrap();
        assert_eq!(found(1), "age is null: 100 % right, covers 100 %");
        assert_eq!(found(2), "30 < age ≤ 45: 100 % right, covers 100 %");
        assert_eq!(found(3), "country in (IT, ES) and age > 45: 100 % right, covers 70 %");
    }

    #[test]
    fn there_is_no_rule_where_nothing_tells_segments_apart() {
        let (table, _) = planted(5_000);
        let chance: Vec<Option<u32>> = (0..5_000).map(|row| Some((8.0 * uniform(row, 9)) as u32)).collect();
        assert_eq!(rules(&table, &chance, 8, 0, 1, &Silent).unwrap(), vec![None; 8]);
        assert_eq!(rules(&table, &vec![Some(0); 5_000], 1, 0, 1, &Silent).unwrap(), [None]);
        assert_eq!(rules(&table, &vec![None; 5_000], 2, 0, 1, &Silent).unwrap(), [None, None]);
        let empty = Table::new(100, Vec::new()).unwrap();
        assert_eq!(rules(&empty, &vec![Some(1); 100], 2, 0, 1, &Silent).unwrap(), [None, None]);
        let error = rules(&table, &[None], 1, 0, 1, &Silent).unwrap_err();
        assert!(matches!(error, EngineError::Shape { expected: 5_000, found: 1, .. }));
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads() {
        let (table, segments) = planted(6_000);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| rules(&table, &segments, 3, 0, 1, &Silent).unwrap())
        };
        assert!(on(1).iter().any(Option::is_some));
        assert_eq!(on(1), on(2));
        assert_eq!(on(1), on(4));
    }

    #[test]
    fn cancelling_ends_the_work() {
        let (table, segments) = planted(2_000);
        assert_eq!(rules(&table, &segments, 3, 0, 1, &CancelAfter::new(8)), Err(EngineError::Cancelled));
    }

    proptest! {
        #[test]
        fn any_table_gives_shares(
            values in proptest::collection::vec((any::<f64>(), any::<Option<bool>>(), any::<u32>(), any::<i64>()), 0..200),
            small in proptest::collection::vec(0..4u8, 200),
            segments in proptest::collection::vec(proptest::option::of(0..4u32), 200),
            count in 0..4usize,
            as_of in any::<i64>(),
        ) {
            let levels: Vec<String> = (0..50).map(|level| level.to_string()).collect();
            let named = |name: &str, values| Column { name: name.to_owned(), values };
            let table = Table::new(values.len(), vec![
                named("number", Values::Number(values.iter().map(|v| v.0).collect())),
                named("small", Values::Number(values.iter().zip(&small).map(|(_, &s)| f64::from(s)).collect())),
                named("boolean", Values::Boolean(values.iter().map(|v| v.1).collect())),
                named("category", Values::Category { codes: values.iter().map(|v| v.2 % 60).collect(), levels }),
                named("moment", Values::Moment(values.iter().map(|v| v.3).collect())),
            ]).unwrap();
            let mixed: Vec<Option<u32>> = segments.iter().take(values.len()).copied().collect();
            let by_value: Vec<Option<u32>> = small.iter().take(values.len()).map(|&s| Some(u32::from(s))).collect();
            for of_row in [mixed, by_value] {
                let found = rules(&table, &of_row, count, as_of, 1, &Silent).unwrap();
                prop_assert_eq!(found.len(), count);
                for rule in found.into_iter().flatten() {
                    prop_assert!((0.0..=1.0).contains(&rule.precision) && (0.0..=1.0).contains(&rule.recall));
                    prop_assert!(!rule.text.is_empty());
                }
            }
        }
    }
}
