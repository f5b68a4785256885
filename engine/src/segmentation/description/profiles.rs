//! Describes what makes a segment different: the mean of each feature in the segment and over all users.
//!
//! Features are ordered by the test value (Lebart, Morineau & Piron 1995, the usual order of describing clusters in
//! data analysis): the number of standard errors by which the segment's mean differs from the overall mean, if its n
//! users were drawn from all N without replacement: z = (mean − overall) / √(variance / n · (N − n) / (N − 1)). A level
//! of a category is a feature of zeros and ones, so that all kinds share one scale. Each column takes one pass for the
//! mean and one for the variance; a category takes segments × levels × 8 bytes in addition.

use crate::error::Result;
use crate::features::{Cell, Column, DAY, Table, Values};
use crate::memory;
use crate::observer::Observer;
use rayon::prelude::*;
use strum::{EnumString, IntoStaticStr};

/// The smallest share of users, in the segment or overall, of a level that is listed.
const LEAST_SHARE: f64 = 0.01;
/// The largest number of levels listed per column, the most characteristic ones: as many as a person reads.
const MOST_LEVELS: usize = 10;

/// The kind of a profile's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum ProfileKind {
    /// A number, described by its mean.
    Number,
    /// A boolean, described by the share of true.
    Boolean,
    /// A level of a category, described by its share.
    Category,
    /// A time, described by the mean age in days.
    Age,
}

impl ProfileKind {
    /// The name of the kind in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One feature of a segment, compared with all users that have a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// The segment, from 0.
    pub segment: u32,
    /// The name of the column, or `column = level`.
    pub feature: String,
    /// The name of the kind, as returned by [`ProfileKind::name`].
    pub kind: &'static str,
    /// The mean, the share of true, the share of the level or the mean age in days, over the users of the segment for
    /// whom it is known.
    pub value: f64,
    /// The same value over all users.
    pub overall: f64,
    /// `value / overall`; `None` if `overall` is 0 or the signs differ.
    pub lift: Option<f64>,
    /// The share of the segment's users for whom the feature is known.
    pub share: f64,
}

/// Describes each segment, in the order of segments; within a segment, the most characteristic feature comes first (see
/// the head of this file).
///
/// `of_row` is the segment of each row of the table, from 0 to `count` − 1; rows without one are ignored. `as_of` is
/// the moment to which ages are counted, in microseconds since 2000. Vectors and texts that are not categories have no
/// profile, nor does a feature that is unknown for all users of the segment.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn profiles(
    table: &Table,
    of_row: &[Option<u32>],
    count: usize,
    as_of: i64,
    observer: &dyn Observer,
) -> Result<Vec<ProfileRow>> {
    let places: Vec<(usize, usize)> = of_row
        .iter()
        .take(table.rows())
        .enumerate()
        .filter_map(|(row, segment)| Some((row, segment.map(|s| s as usize).filter(|&s| s < count)?)))
        .collect();
    let mut sizes = vec![0; count];
    places.iter().for_each(|&(_, segment)| sizes[segment] += 1);
    let of_columns: Vec<Vec<(f64, ProfileRow)>> = table
        .columns()
        .par_iter()
        .map(|column| {
            observer.check()?;
            column_profiles(column, &places, &sizes, as_of, observer)
        })
        .collect::<Result<_>>()?;
    let mut found: Vec<(f64, ProfileRow)> = of_columns.into_iter().flatten().collect();
    // The sort is stable, so equally characteristic features keep the order of the columns.
    found.sort_by(|(a, left), (b, right)| left.segment.cmp(&right.segment).then(b.total_cmp(a)));
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

/// Reads a value as a number: 0 or 1 for a boolean, the days to `as_of` for a time. `None` if the value is unknown or
/// of another type.
pub(super) fn number(column: &Column, row: usize, as_of: i64) -> Option<f64> {
    match column.cell(row) {
        Cell::Number(number) => Some(number),
        Cell::Boolean(flag) => Some(f64::from(u8::from(flag))),
        Cell::Moment(moment) => Some((as_of as f64 - moment as f64) / DAY as f64),
        Cell::Null
        | Cell::Text(_)
        | Cell::Vector(_)
        | Cell::Halves(_)
        | Cell::SparseVector(_)
        | Cell::Terms(_) => None,
    }
}

fn column_profiles(
    column: &Column,
    places: &[(usize, usize)],
    sizes: &[usize],
    as_of: i64,
    observer: &dyn Observer,
) -> Result<Vec<(f64, ProfileRow)>> {
    let kind = match &column.values {
        Values::Number(_) => ProfileKind::Number,
        Values::Boolean(_) => ProfileKind::Boolean,
        Values::Moment(_) => ProfileKind::Age,
        _ if column.has_too_many_levels() => return Ok(Vec::new()),
        Values::Category { codes, levels } => {
            return level_profiles(&column.name, codes, levels, places, sizes, observer);
        }
        Values::Vector { .. }
        | Values::Halves(_)
        | Values::SparseVector(_)
        | Values::Categories(_)
        | Values::Text(_) => {
            return Ok(Vec::new());
        }
    };
    let mut parts = vec![Part::default(); sizes.len()];
    for &(row, segment) in places {
        if let Some(value) = number(column, row, as_of) {
            parts[segment].known += 1;
            parts[segment].sum += value;
        }
    }
    let all = parts.iter().fold(Part::default(), Part::and);
    let overall = all.mean();
    let squares = |(row, _): &(usize, usize)| number(column, *row, as_of).map(|v| (v - overall).powi(2));
    let variance = places.iter().filter_map(squares).sum::<f64>() / all.known.max(1) as f64;
    let feature = Feature { name: column.name.clone(), kind, all, variance };
    let of_segment = |segment: usize| feature.profile(segment, sizes[segment], &parts[segment]);
    Ok((0..sizes.len()).filter_map(of_segment).collect())
}

fn level_profiles(
    name: &str,
    codes: &[u32],
    levels: &[String],
    places: &[(usize, usize)],
    sizes: &[usize],
    observer: &dyn Observer,
) -> Result<Vec<(f64, ProfileRow)>> {
    let mut members = memory::filled(0usize, sizes.len() * levels.len())?;
    for &(row, segment) in places {
        if let Some(&code) = codes.get(row).filter(|&&code| (code as usize) < levels.len()) {
            members[segment * levels.len() + code as usize] += 1;
        }
    }
    let of_segment: Vec<&[usize]> = members.chunks(levels.len().max(1)).collect();
    let known: Vec<usize> = of_segment.iter().map(|counts| counts.iter().sum()).collect();
    let all_known = known.iter().sum();
    let features: Vec<Feature> = levels
        .iter()
        .enumerate()
        .map(|(level, text)| {
            let members: usize = of_segment.iter().map(|counts| counts[level]).sum();
            let all = Part { known: all_known, sum: members as f64 };
            let variance = all.mean() * (1.0 - all.mean());
            Feature { name: format!("{name} = {text}"), kind: ProfileKind::Category, all, variance }
        })
        .collect();
    let mut rows = Vec::new();
    for (segment, counts) in of_segment.iter().enumerate() {
        observer.check()?;
        let parts = counts.iter().map(|&members| Part { known: known[segment], sum: members as f64 });
        let mut listed: Vec<(f64, ProfileRow)> = features
            .iter()
            .zip(parts)
            .filter(|(feature, part)| part.mean().max(feature.all.mean()) >= LEAST_SHARE)
            .filter_map(|(feature, part)| feature.profile(segment, sizes[segment], &part))
            .collect();
        listed.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        listed.truncate(MOST_LEVELS);
        rows.extend(listed);
    }
    Ok(rows)
}

/// The sums over the known values of some users.
#[derive(Clone, Debug, Default)]
struct Part {
    known: usize,
    sum: f64,
}

impl Part {
    fn and(self, other: &Self) -> Self {
        Self { known: self.known + other.known, sum: self.sum + other.sum }
    }

    /// The mean; 0 if no value is known.
    fn mean(&self) -> f64 {
        self.sum / self.known.max(1) as f64
    }
}

/// A feature and its values over all users.
struct Feature {
    name: String,
    kind: ProfileKind,
    all: Part,
    variance: f64,
}

impl Feature {
    /// Returns how characteristic the feature is of a segment of `size` users, and its row. `None` if it is unknown for
    /// all of them, or if values are so large that a mean is not finite.
    fn profile(&self, segment: usize, size: usize, part: &Part) -> Option<(f64, ProfileRow)> {
        let (value, overall) = (part.mean(), self.all.mean());
        if part.known == 0 || !value.is_finite() || !overall.is_finite() {
            return None;
        }
        let (n, all) = (part.known as f64, self.all.known as f64);
        let error = (self.variance / n * (all - n) / (all - 1.0).max(1.0)).sqrt();
        let errors = (value - overall).abs() / error;
        let comparable = value * overall > 0.0 || value == 0.0 && overall != 0.0;
        // Zero divided by a negative number is −0, which plus 0 is 0.
        let lift = comparable.then(|| value / overall + 0.0).filter(|lift| lift.is_finite());
        let (feature, kind, segment) = (self.name.clone(), self.kind.name(), segment as u32);
        let row = ProfileRow { segment, feature, kind, value, overall, lift, share: n / size as f64 };
        // If the standard error is 0, nothing differs: the feature is constant, or the segment has all users.
        Some((if errors.is_finite() { errors } else { 0.0 }, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use proptest::prelude::*;

    fn column(name: &str, values: Values) -> Column {
        Column { name: name.to_owned(), values }
    }

    fn category(name: &str, codes: &[u32], levels: &[&str]) -> Column {
        let levels = levels.iter().map(|&level| level.to_owned()).collect();
        column(name, Values::Category { codes: codes.to_vec(), levels })
    }

    /// Four users in segment 0, four in segment 1 and one in none.
    fn small() -> (Table, Vec<Option<u32>>) {
        let ages = vec![20.0, 30.0, f64::NAN, 40.0, 20.0, 30.0, 30.0, 40.0, 1000.0];
        let spend = vec![1.0, 2.0, 1.0, 2.0, 8.0, 9.0, 8.0, 9.0, 1000.0];
        let flags = [true, true, true, false, false, false, false, true, true].map(Some).to_vec();
        let days = [10, 10, 20, 20, 30, 30, 40, 40, 0];
        let moments = days.iter().map(|day| (50 - day) * 86_400_000_000).collect();
        let columns = vec![
            column("age", Values::Number(ages)),
            column("spend", Values::Number(spend)),
            column("newsletter", Values::Boolean(flags)),
            category("country", &[0, 0, 1, u32::MAX, 1, 1, 1, 1, 2], &["FR", "DE", "US"]),
            column("joined", Values::Moment(moments)),
            column("text", Values::Vector { dimensions: 1, data: vec![0.0; 9] }),
        ];
        let segments = [0, 0, 0, 0, 1, 1, 1, 1].map(Some).into_iter().chain([None]).collect();
        (Table::new(9, columns).unwrap(), segments)
    }

    #[test]
    fn values_are_the_means_of_the_segment_and_of_everybody() {
        let (table, segments) = small();
        let rows = profiles(&table, &segments, 2, 50 * 86_400_000_000, &Silent).unwrap();
        let row = |segment, feature: &str| {
            rows.iter().find(|row| row.segment == segment && row.feature == feature).unwrap().clone()
        };
        let age = row(0, "age");
        assert_eq!((age.kind, age.value, age.overall, age.share), ("number", 30.0, 30.0, 0.75));
        assert_eq!(
            (row(1, "spend").value, row(1, "spend").overall, row(1, "spend").lift),
            (8.5, 5.0, Some(1.7))
        );
        let newsletter = row(0, "newsletter");
        assert_eq!((newsletter.kind, newsletter.value, newsletter.overall), ("boolean", 0.75, 0.5));
        let france = row(0, "country = FR");
        assert_eq!((france.kind, france.value, france.share), ("category", 2.0 / 3.0, 0.75));
        assert_eq!((france.overall, row(1, "country = FR").lift), (2.0 / 7.0, Some(0.0)));
        assert_eq!(
            (row(0, "joined").kind, row(0, "joined").value, row(0, "joined").overall),
            ("age", 15.0, 25.0)
        );
        assert!(rows.iter().all(|row| row.feature != "country = US" && row.feature != "text"), "{rows:?}");
    }

    #[test]
    fn the_most_characteristic_feature_comes_first() {
        let (table, segments) = small();
        let rows = profiles(&table, &segments, 2, 50 * 86_400_000_000, &Silent).unwrap();
        let order = |segment| -> Vec<&str> {
            rows.iter().filter(|row| row.segment == segment).map(|row| row.feature.as_str()).collect()
        };
        // The test values, calculated by hand from the formula at the head of the file, are 2.6, 2.4, 1.9 (both
        // levels), 1.3 and 0.
        assert_eq!(order(0), ["spend", "joined", "country = DE", "country = FR", "newsletter", "age"]);
        assert!(rows.windows(2).all(|pair| pair[0].segment <= pair[1].segment));
    }

    #[test]
    fn lift_is_left_out_where_it_means_nothing() {
        let balances = vec![-3.0, -1.0, 1.0, 5.0, 0.0, 0.0];
        let zeros = vec![0.0; 6];
        let columns =
            vec![column("balance", Values::Number(balances)), column("zero", Values::Number(zeros))];
        let table = Table::new(6, columns).unwrap();
        let segments = [0, 0, 1, 1, 2, 2].map(Some);
        let lifts: Vec<Option<f64>> =
            profiles(&table, &segments, 3, 0, &Silent).unwrap().into_iter().map(|row| row.lift).collect();
        assert_eq!(lifts, [None, None, Some(9.0), None, Some(0.0), None]);
    }

    #[test]
    fn few_levels_are_listed_and_only_those_that_somebody_has() {
        let codes: Vec<u32> =
            (0..3_000).map(|row| if row < 2_000 { row % 40 } else { 40 + row % 900 }).collect();
        let levels: Vec<String> = (0..940).map(|level| format!("level {level}")).collect();
        let table = Table::new(3_000, vec![column("city", Values::Category { codes, levels })]).unwrap();
        let segments: Vec<Option<u32>> = (0..3_000).map(|row| Some(row % 40 / 20)).collect();
        let rows = profiles(&table, &segments, 2, 0, &Silent).unwrap();
        assert_eq!(rows.len(), 2 * MOST_LEVELS);
        assert!(rows.iter().all(|row| row.overall >= LEAST_SHARE), "{rows:?}");
    }

    proptest! {
        #[test]
        fn any_table_gives_finite_profiles(
            values in proptest::collection::vec((any::<f64>(), any::<Option<bool>>(), any::<u32>(), any::<i64>()), 0..30),
            segments in proptest::collection::vec(proptest::option::of(0..5u32), 0..40),
            count in 0..4usize,
            as_of in any::<i64>(),
        ) {
            let columns = vec![
                column("number", Values::Number(values.iter().map(|v| v.0).collect())),
                column("boolean", Values::Boolean(values.iter().map(|v| v.1).collect())),
                category("category", &values.iter().map(|v| v.2 % 4).collect::<Vec<_>>(), &["a", "b", "c"]),
                column("moment", Values::Moment(values.iter().map(|v| v.3).collect())),
            ];
            let table = Table::new(values.len(), columns).unwrap();
            for row in profiles(&table, &segments, count, as_of, &Silent).unwrap() {
                prop_assert!((row.segment as usize) < count);
                prop_assert!(row.value.is_finite() && row.overall.is_finite(), "{row:?}");
                prop_assert!(row.lift.is_none_or(|lift| lift.is_finite() && lift >= 0.0), "{row:?}");
                prop_assert!(row.share > 0.0 && row.share <= 1.0, "{row:?}");
            }
        }
    }
}
