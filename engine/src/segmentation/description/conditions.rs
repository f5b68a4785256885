//! Conditions on columns that a person can read: `age ≤ 30`, `country = FR`, `newsletter is true`.
//!
//! Each column is reduced to at most 64 codes: a number to the intervals between round bounds, a category to its
//! frequent levels. A condition is then a set of codes, 64 bits. Bounds are rounded first and rows are coded by the
//! rounded bounds, so that what a condition says is exactly what is evaluated. As in SQL, no condition except `is null`
//! holds for an unknown value. A row takes one byte per column.

use super::profiles::number;
use crate::features::{Column, Values};

/// The code of a row whose value is unknown.
pub const UNKNOWN: u8 = 0;
/// The largest number of codes of a column, which are the bits of a condition.
pub const CODES: usize = 64;
/// The number of intervals of a number: bounds lie between quantiles, one for every 2.5 % of users, so that a round
/// bound is hardly worse than any other. Codes stay below [`CODES`].
const SPANS: usize = 40;
/// The number of rows from which quantiles are computed: 20 rows lie beyond the outermost.
const BOUND_ROWS: usize = 10_000;
/// More quantiles at both ends, for small segments of the most extreme users.
const TAILS: [f64; 3] = [0.002, 0.005, 0.01];
/// The number of levels of a category that have their own codes; these are the most frequent ones.
const LEVELS: usize = 20;

/// A column as codes, 0 if unknown.
pub struct Coded<'a> {
    name: &'a str,
    cut: Cut<'a>,
    codes: Vec<u8>,
}

/// The meaning of the codes from 1 on.
enum Cut<'a> {
    /// Code c is the interval above bound c − 1, counted from 1.
    Number(Vec<f64>),
    /// The same as `Number`, for an age in days.
    Age(Vec<f64>),
    /// 1 is false, 2 is true.
    Boolean,
    /// Code c is level c − 1; one more code stands for all other levels, if there are any.
    Levels { levels: Vec<&'a str>, others: bool },
}

/// A condition on a column: the set of codes for which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The index of the column in the table.
    pub column: usize,
    /// Bit c is set if the condition holds for code c.
    pub codes: u64,
    /// The number of bounds and levels that a person has to read.
    pub words: usize,
}

impl Condition {
    /// Whether the condition holds for a code.
    pub fn holds(&self, code: u8) -> bool {
        self.codes >> code & 1 == 1
    }
}

/// The set of codes from `low` to `high`.
pub fn span(low: u8, high: u8) -> u64 {
    (low..=high).fold(0, |codes, code| codes | 1 << code)
}

impl<'a> Coded<'a> {
    /// Codes the given rows of a column; the first of them must be a sample of all. `None` for vectors, for texts that
    /// are not categories and if all rows are equal.
    pub fn new(column: &'a Column, rows: &[u32], as_of: i64) -> Option<Self> {
        let read = |&row: &u32| number(column, row as usize, as_of);
        let by_bounds = |bounds: &[f64]| -> Vec<u8> {
            let code = |value: f64| 1 + bounds.partition_point(|&bound| bound < value) as u8;
            rows.iter().map(|row| read(row).map_or(UNKNOWN, code)).collect()
        };
        let (cut, codes) = match &column.values {
            Values::Number(_) | Values::Moment(_) => {
                let bounds = round_bounds(rows.iter().take(BOUND_ROWS).filter_map(read).collect());
                let codes = by_bounds(&bounds);
                let age = matches!(column.values, Values::Moment(_));
                (if age { Cut::Age(bounds) } else { Cut::Number(bounds) }, codes)
            }
            Values::Boolean(_) => (Cut::Boolean, by_bounds(&[0.5])),
            _ if column.has_too_many_levels() => return None,
            Values::Category { codes, levels } => by_frequency(codes, levels, rows),
            Values::Vector { .. }
            | Values::Halves(_)
            | Values::SparseVector(_)
            | Values::Categories(_)
            | Values::Text(_) => {
                return None;
            }
        };
        let first = codes.first()?;
        codes.iter().any(|code| code != first).then_some(Self { name: &column.name, cut, codes })
    }

    /// The code of every row.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The largest code of the column.
    pub fn last(&self) -> u8 {
        match &self.cut {
            Cut::Number(bounds) | Cut::Age(bounds) => bounds.len() as u8 + 1,
            Cut::Boolean => 2,
            Cut::Levels { levels, others } => levels.len() as u8 + u8::from(*others),
        }
    }

    /// The set of codes of known values.
    pub fn known(&self) -> u64 {
        span(1, self.last())
    }

    /// The codes that stand for a single level.
    pub fn levels(&self) -> std::ops::RangeInclusive<u8> {
        let others = matches!(self.cut, Cut::Levels { others: true, .. });
        1..=self.last() - u8::from(others)
    }

    /// Whether codes have an order.
    pub fn is_ordered(&self) -> bool {
        matches!(self.cut, Cut::Number(_) | Cut::Age(_))
    }

    /// Puts the condition that holds for `codes` into words. For a number, these must be consecutive, or the code of
    /// unknown values.
    pub fn words(&self, codes: u64) -> String {
        let name = self.name;
        if codes == 1 << UNKNOWN {
            return format!("{name} is null");
        }
        if codes == self.known() {
            return format!("{name} is not null");
        }
        match &self.cut {
            Cut::Number(bounds) => between(name, bounds, codes, ""),
            Cut::Age(bounds) => between(name, bounds, codes, " days ago"),
            Cut::Boolean => format!("{name} is {}", codes >> 2 & 1 == 1),
            Cut::Levels { levels, others } => {
                let listed = |codes: u64| -> Vec<&str> {
                    (1..)
                        .zip(levels)
                        .filter(|(code, _)| codes >> code & 1 == 1)
                        .map(|(_, &level)| level)
                        .collect()
                };
                let (with, without) = (listed(codes), listed(!codes));
                let has_others = *others && codes >> self.last() & 1 == 1;
                match (has_others || without.len() < with.len(), &with[..], &without[..]) {
                    (false, [level], _) => format!("{name} = {level}"),
                    (false, levels, _) => format!("{name} in ({})", levels.join(", ")),
                    (true, _, [level]) => format!("{name} ≠ {level}"),
                    (true, _, levels) => format!("{name} not in ({})", levels.join(", ")),
                }
            }
        }
    }
}

/// Returns one bit for each value, 64 to a word, with the first in the lowest bit.
pub fn bits<T>(values: &[T], is_set: impl Fn(&T) -> bool) -> Vec<u64> {
    let word = |values: &[T]| values.iter().rev().fold(0, |word, value| word << 1 | u64::from(is_set(value)));
    values.chunks(64).map(word).collect()
}

fn by_frequency<'a>(codes: &[u32], levels: &'a [String], rows: &[u32]) -> (Cut<'a>, Vec<u8>) {
    let of_row =
        |&row: &u32| codes.get(row as usize).map(|&code| code as usize).filter(|&code| code < levels.len());
    let mut counts = vec![0usize; levels.len()];
    rows.iter().filter_map(of_row).for_each(|level| counts[level] += 1);
    let mut order: Vec<usize> = (0..levels.len()).filter(|&level| counts[level] > 0).collect();
    order.sort_by_key(|&level| (std::cmp::Reverse(counts[level]), level));
    let others = order.len() > LEVELS;
    order.truncate(LEVELS);
    let mut code_of = vec![order.len() as u8 + 1; levels.len()];
    (1..).zip(&order).for_each(|(code, &level)| code_of[level] = code);
    let coded = rows.iter().map(|row| of_row(row).map_or(UNKNOWN, |level| code_of[level])).collect();
    (Cut::Levels { levels: order.iter().map(|&level| levels[level].as_str()).collect(), others }, coded)
}

/// Returns `name ≤ bound`, `name > bound` or `bound < name ≤ bound` for consecutive codes from 1 on.
fn between(name: &str, bounds: &[f64], codes: u64, unit: &str) -> String {
    let (low, high) = (codes.trailing_zeros() as usize, codes.checked_ilog2().unwrap_or(0) as usize);
    let above = low.checked_sub(2).and_then(|place| bounds.get(place));
    let to = high.checked_sub(1).and_then(|place| bounds.get(place));
    match (above, to) {
        (None, None) => format!("{name} is not null"),
        (None, Some(&to)) => format!("{name} ≤ {}{unit}", digits(to)),
        (Some(&above), None) => format!("{name} > {}{unit}", digits(above)),
        (Some(&above), Some(&to)) => format!("{} < {name} ≤ {}{unit}", digits(above), digits(to)),
    }
}

/// Writes a number as a person would, without hundreds of zeros.
fn digits(bound: f64) -> String {
    let plain = bound == 0.0 || (1e-4..1e15).contains(&bound.abs());
    if plain { format!("{bound}") } else { format!("{bound:e}") }
}

/// Returns round numbers, each between one quantile of the values and the next one that differs.
fn round_bounds(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    let mut quantiles: Vec<f64> = (0..=SPANS)
        .map(|step| step as f64 / SPANS as f64)
        .chain(TAILS.iter().flat_map(|&tail| [tail, 1.0 - tail]))
        .filter_map(|part| values.get((part * last).round() as usize).copied())
        .collect();
    quantiles.sort_unstable_by(f64::total_cmp);
    quantiles.dedup();
    quantiles.windows(2).map(|pair| roundest(pair[0], pair[1])).collect()
}

/// Returns the roundest number from `low` to below `high`: a multiple of the largest 1, 2 or 5 times a power of ten
/// that has one in between. Returns `low` if the two are too close.
fn roundest(low: f64, high: f64) -> f64 {
    if low <= 0.0 && high > 0.0 {
        return 0.0;
    }
    let largest = low.abs().max(high.abs()).log10().floor() as i32;
    // 17 digits distinguish any two numbers.
    for exponent in (largest - 17..=largest).rev() {
        for digit in [5.0, 2.0, 1.0] {
            // The number is formatted and parsed, because 3 · 0.1 is not exactly 0.3, the number that a person reads.
            let multiple = (low / (digit * 10f64.powi(exponent))).ceil() * digit;
            match format!("{multiple}e{exponent}").parse() {
                Ok(bound) if low <= bound && bound < high => return bound,
                _ => {}
            }
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_are_round() {
        assert_eq!(roundest(27.0, 31.5), 30.0);
        assert_eq!(roundest(1002.0, 1009.0), 1005.0);
        assert_eq!(roundest(2.0, 3.0), 2.0);
        assert_eq!(roundest(0.0, 1.0), 0.0);
        assert_eq!(roundest(-3.0, 4.0), 0.0);
        assert_eq!(roundest(0.27, 0.34), 0.3);
        assert_eq!(roundest(-0.34, -0.27), -0.3);
        assert_eq!(roundest(99.0, 101.0), 100.0);
        assert_eq!(roundest(1.0, 1.0 + f64::EPSILON), 1.0);
    }

    proptest! {
        #[test]
        fn a_bound_parts_any_two_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite() && a != b);
            let (low, high) = (a.min(b), a.max(b));
            let bound = roundest(low, high);
            prop_assert!(low <= bound && bound < high, "{low} {bound} {high}");
            prop_assert_eq!(digits(bound).parse::<f64>(), Ok(bound));
        }
    }

    fn words(values: Values, rows: u32, codes: impl Fn(u8) -> u64) -> String {
        let column = Column { name: "x".to_owned(), values };
        let rows: Vec<u32> = (0..rows).collect();
        let coded = Coded::new(&column, &rows, 0).unwrap();
        coded.words(codes(coded.last()))
    }

    #[test]
    fn numbers_and_ages_in_words() {
        let numbers = || Values::Number((0..100).map(f64::from).chain([f64::NAN]).collect());
        assert_eq!(words(numbers(), 101, |last| span(last, last)), "x > 98");
        assert_eq!(words(numbers(), 101, |_| span(1, 12)), "x ≤ 25");
        assert_eq!(words(numbers(), 101, |_| span(12, 20)), "22 < x ≤ 45");
        assert_eq!(words(numbers(), 101, |_| 1), "x is null");
        assert_eq!(words(numbers(), 101, |last| span(1, last)), "x is not null");
        let moments = Values::Moment((0..100).map(|day| -day * 86_400_000_000).collect());
        assert_eq!(words(moments, 100, |_| span(1, 5)), "x ≤ 8 days ago");
    }

    #[test]
    fn levels_and_booleans_in_words() {
        let category = |levels: u32| Values::Category {
            codes: (0..100).map(|row| row % levels).collect(),
            levels: (0..levels).map(|level| format!("L{level}")).collect(),
        };
        assert_eq!(words(category(4), 100, |_| span(2, 2)), "x = L1");
        assert_eq!(words(category(4), 100, |last| span(1, last) & !(1 << 2)), "x ≠ L1");
        assert_eq!(words(category(4), 100, |_| span(2, 3)), "x in (L1, L2)");
        assert_eq!(words(category(30), 100, |last| span(1, last) & !(1 << 2)), "x ≠ L1");
        assert_eq!(words(category(30), 100, |_| span(5, 21)), "x not in (L0, L1, L2, L3)");
        assert_eq!(words(category(2), 100, |_| span(2, 2)), "x = L1");
        let flags = || Values::Boolean(vec![Some(true), Some(false), None]);
        assert_eq!(words(flags(), 3, |_| span(2, 2)), "x is true");
        assert_eq!(words(flags(), 3, |_| span(1, 1)), "x is false");
        assert_eq!(words(flags(), 3, |_| 1), "x is null");
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let rows = [0, 1, 2];
        for values in [
            Values::Number(vec![f64::NAN; 3]),
            Values::Number(vec![7.0; 3]),
            Values::Boolean(vec![Some(true); 3]),
            Values::Category { codes: vec![0; 3], levels: vec!["a".to_owned()] },
            Values::Vector { dimensions: 1, data: vec![0.0; 3] },
        ] {
            let column = Column { name: "x".to_owned(), values };
            assert!(Coded::new(&column, &rows, 0).is_none(), "{column:?}");
        }
    }
}
