//! One column as a feature: a block of dimensions whose variances add up to 1, so that every column has the same
//! weight, whatever its kind and unit.
//!
//! - number: scaled ([`super::scaling`]); null is at the centre
//! - boolean: a number, 0 or 1; timestamp: a number, the age in days
//! - category: one-hot with a dimension per common level and one for all others, centred
//! - vector: its dimensions, centred and scaled by one common factor; null is at the centre
//!
//! If at least 1 % of rows are null, null becomes a dimension too. Of a number's variance of 1, that dimension gets the
//! share q of null rows, the value the other 1 − q. Learning takes O(n log n), encoding O(dimensions).

use super::encoder_settings::EncoderSettings;
use super::scaling::{FURTHEST, Scaling};
use super::table::{Cell, Column, ColumnKind, DAY, MOST_DISTINCT, Values};
use crate::error::Result;
use crate::observer::Observer;
use serde::{Deserialize, Serialize};

/// Null becomes a dimension if its share of rows, and that of the other rows, is at least this; smaller groups are too
/// small to be a segment.
const LEAST_SHARE: f64 = 0.01;
/// The number of quantile bins of a distribution, as is usual for the population stability index.
const BINS: usize = 10;
/// Rows between two checks for cancellation.
const ROWS: usize = 4_096;

/// A column as a block of dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Feature {
    pub name: String,
    pub kind: ColumnKind,
    form: Form,
    /// The inner edges of the bins: of the number, or of the length of the centred vector.
    edges: Vec<f64>,
    /// The share of rows in each bin, null last.
    pub shares: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Number {
        /// `None` if all values are equal, so that only null distinguishes rows.
        scaling: Option<Scaling>,
        factor: f64,
        null: Option<Indicator>,
    },
    Category {
        /// The names of the common levels, sorted.
        levels: Vec<String>,
        other: bool,
        null: bool,
        /// The shares of the levels, "other" and null, as far as they are dimensions.
        shares: Vec<f64>,
        factor: f64,
    },
    Vector {
        centre: Vec<f64>,
        factor: f64,
    },
}

/// The dimension for null: (is null − share) · factor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Indicator {
    share: f64,
    factor: f64,
}

/// A feature, or why the column cannot be one, worded as the end of a sentence.
pub(super) type Learned = std::result::Result<Feature, String>;

impl Feature {
    /// Learns a feature from all rows of a column.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn fit(column: &Column, settings: &EncoderSettings, observer: &dyn Observer) -> Result<Learned> {
        observer.check()?;
        if column.has_too_many_levels() {
            return Ok(Err(format!("has more than {MOST_DISTINCT} distinct values, which suggests ids")));
        }
        let rows = column.rows();
        let nulls = (0..rows).filter(|&row| column.cell(row) == Cell::Null).count();
        let null = nulls as f64 / rows.max(1) as f64;
        if nulls == rows {
            return Ok(Err("is null in every row".to_owned()));
        }
        if null > 1.0 - LEAST_SHARE {
            return Ok(Err(format!("is null in all but {} of {rows} rows", rows - nulls)));
        }
        let constant = || "is the same in every row".to_owned();
        let (form, edges) = match &column.values {
            Values::Category { codes, levels } => match Form::category(codes, levels, null, settings) {
                Ok(form) => (form, Vec::new()),
                Err(reason) => return Ok(Err(reason)),
            },
            Values::Vector { dimensions, .. } => {
                let Some(form) = Form::vector(column, *dimensions, rows - nulls, observer)? else {
                    return Ok(Err(constant()));
                };
                let lengths = (0..rows).filter_map(|row| form.measure(column.cell(row), settings.as_of));
                let edges = edges(&sorted(lengths));
                (form, edges)
            }
            Values::SparseVector(_) => {
                return Ok(Err(
                    "contains sparse vectors, which cannot be used as an attribute of users".to_owned()
                ));
            }
            Values::Halves(_) | Values::Categories(_) | Values::Text(_) => {
                return Ok(Err(
                    "contains several values in a row, which cannot be used as an attribute of users"
                        .to_owned(),
                ));
            }
            Values::Number(_) | Values::Boolean(_) | Values::Moment(_) => {
                let values = sorted((0..rows).filter_map(|row| number(column.cell(row), settings.as_of)));
                observer.check()?;
                let edges = edges(&values);
                let Some(form) = Form::number(values, null, settings) else { return Ok(Err(constant())) };
                (form, edges)
            }
        };
        let name = column.name.clone();
        let mut feature = Self { name, kind: column.kind(), form, edges, shares: Vec::new() };
        feature.shares = feature.shares_of(Some(column), rows, settings.as_of, observer)?;
        Ok(Ok(feature))
    }

    /// The names of the common levels of a category, sorted.
    pub(super) fn levels(&self) -> &[String] {
        match &self.form {
            Form::Category { levels, .. } => levels,
            _ => &[],
        }
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        match &self.form {
            Form::Number { scaling, null, .. } => {
                usize::from(scaling.is_some()) + usize::from(null.is_some())
            }
            Form::Category { shares, .. } => shares.len(),
            Form::Vector { centre, .. } => centre.len(),
        }
    }

    /// A name for each dimension.
    pub fn names(&self) -> Vec<String> {
        let name = &self.name;
        let null_name = |null: bool| null.then(|| format!("{name} is null"));
        match &self.form {
            Form::Number { scaling, null, .. } => {
                scaling.map(|_| name.clone()).into_iter().chain(null_name(null.is_some())).collect()
            }
            Form::Category { levels, other, null, .. } => levels
                .iter()
                .map(|level| format!("{name} = {level}"))
                .chain(other.then(|| format!("{name} is other")))
                .chain(null_name(*null))
                .collect(),
            Form::Vector { centre, .. } => (1..=centre.len()).map(|n| format!("{name}[{n}]")).collect(),
        }
    }

    /// A description of the values that this feature accepts.
    pub fn takes(&self) -> String {
        self.kind.takes_of(self.dimensions())
    }

    /// Encodes a cell into the feature's dimensions of a point.
    pub fn write(&self, cell: Cell<'_>, as_of: i64, block: &mut [f32]) {
        match &self.form {
            Form::Number { scaling, factor, null } => {
                let value = number(cell, as_of);
                let scaled = |s: &Scaling| value.map_or(0.0, |value| s.apply(value) * factor);
                let is_null = f64::from(u8::from(value.is_none()));
                let indicated = |null: &Indicator| (is_null - null.share) * null.factor;
                let values = scaling.as_ref().map(scaled).into_iter().chain(null.as_ref().map(indicated));
                block.iter_mut().zip(values).for_each(|(x, value)| *x = value as f32);
            }
            Form::Category { levels, other, null, shares, factor } => {
                let place = match level_of(levels, cell) {
                    Level::Null if !null => return block.fill(0.0),
                    Level::Null => shares.len().checked_sub(1),
                    Level::Other => other.then_some(levels.len()),
                    Level::Common(place) => Some(place),
                };
                for (dimension, (x, share)) in block.iter_mut().zip(shares).enumerate() {
                    *x = ((f64::from(u8::from(place == Some(dimension))) - share) * factor) as f32;
                }
            }
            Form::Vector { centre, factor } => match cell {
                Cell::Vector(vector) => {
                    for ((x, &value), centre) in block.iter_mut().zip(vector).zip(centre) {
                        *x = ((f64::from(value) - centre) * factor) as f32;
                    }
                }
                _ => block.fill(0.0),
            },
        }
        let length = block.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if length > FURTHEST {
            block.iter_mut().for_each(|x| *x = (f64::from(*x) * (FURTHEST / length)) as f32);
        }
    }

    /// The share of a column's rows in each bin, null last. In a missing column all rows are null.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn shares_of(
        &self,
        column: Option<&Column>,
        rows: usize,
        as_of: i64,
        observer: &dyn Observer,
    ) -> Result<Vec<f64>> {
        let known = match &self.form {
            Form::Category { levels, .. } => levels.len() + 1,
            Form::Number { .. } | Form::Vector { .. } => self.edges.len() + 1,
        };
        let mut counts = vec![0usize; known + 1];
        for row in 0..rows {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            let cell = column.map_or(Cell::Null, |column| column.cell(row));
            let bin = match &self.form {
                Form::Category { levels, .. } => match level_of(levels, cell) {
                    Level::Null => known,
                    Level::Other => levels.len(),
                    Level::Common(place) => place,
                },
                form => form
                    .measure(cell, as_of)
                    .map_or(known, |value| self.edges.partition_point(|&edge| edge <= value)),
            };
            counts[bin] += 1;
        }
        Ok(counts.into_iter().map(|count| count as f64 / rows.max(1) as f64).collect())
    }
}

impl Form {
    fn number(sorted: Vec<f64>, null: f64, settings: &EncoderSettings) -> Option<Self> {
        let scaling = Scaling::fit(sorted, settings.scale);
        if null < LEAST_SHARE {
            scaling?;
            return Some(Self::Number { scaling, factor: (1.0 - null).sqrt().recip(), null: None });
        }
        // Null gets its share of the variance of 1, or all of it if it is the only dimension.
        let variance = if scaling.is_some() { null } else { 1.0 };
        let factor = (variance / (null * (1.0 - null))).sqrt();
        Some(Self::Number { scaling, factor: 1.0, null: Some(Indicator { share: null, factor }) })
    }

    fn category(
        codes: &[u32],
        levels: &[String],
        null: f64,
        settings: &EncoderSettings,
    ) -> std::result::Result<Self, String> {
        let rows = codes.len() as f64;
        let mut counts = vec![0usize; levels.len()];
        for &code in codes {
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
        let mut common: Vec<usize> = (0..levels.len())
            .filter(|&level| counts[level] > 0 && counts[level] as f64 >= settings.rare * rows)
            .collect();
        common.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then_with(|| levels[a].cmp(&levels[b])));
        common.truncate(settings.most_levels);
        common.sort_by(|&a, &b| levels[a].cmp(&levels[b]));

        // Null without a dimension is at the centre, so the shares are those of the other rows.
        let null_is_level = null >= LEAST_SHARE;
        let known = counts.iter().sum::<usize>();
        let counted = if null_is_level { rows } else { known as f64 };
        let others = known - common.iter().map(|&level| counts[level]).sum::<usize>();
        let mut shares: Vec<f64> = common.iter().map(|&level| counts[level] as f64 / counted).collect();
        shares.extend((others > 0).then_some(others as f64 / counted));
        shares.extend(null_is_level.then_some(null));
        if shares.len() < 2 {
            return Err(if common.is_empty() {
                format!(
                    "has no value that occurs in at least {} % of the rows",
                    (settings.rare * 1e4).round() / 100.0
                )
            } else {
                "is the same in every row".to_owned()
            });
        }
        let variance = (1.0 - shares.iter().map(|share| share * share).sum::<f64>()) * counted / rows;
        Ok(Self::Category {
            levels: common.into_iter().map(|level| levels[level].clone()).collect(),
            other: others > 0,
            null: null_is_level,
            shares,
            factor: variance.sqrt().recip(),
        })
    }

    /// Sums differences to the first vector, in row order, so that equal vectors have a variance of exactly zero.
    fn vector(
        column: &Column,
        dimensions: usize,
        known: usize,
        observer: &dyn Observer,
    ) -> Result<Option<Self>> {
        let rows = column.rows();
        let vectors = || (0..rows).filter_map(|row| vector(column.cell(row)).map(|vector| (row, vector)));
        let Some((_, first)) = vectors().next() else { return Ok(None) };
        let mut centre = vec![0.0f64; dimensions];
        for (row, vector) in vectors() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            for ((sum, &x), &origin) in centre.iter_mut().zip(vector).zip(first) {
                *sum += f64::from(x) - f64::from(origin);
            }
        }
        for (sum, &origin) in centre.iter_mut().zip(first) {
            *sum = *sum / known as f64 + f64::from(origin);
        }
        let mut squares = 0.0;
        let mut constant = true;
        for (row, vector) in vectors() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            constant &= vector == first;
            squares += distance(vector, &centre).powi(2);
        }
        let factor = (squares / rows as f64).sqrt().recip();
        Ok((!constant && factor.is_finite()).then_some(Self::Vector { centre, factor }))
    }

    /// The number whose distribution is stored for a number or a vector.
    fn measure(&self, cell: Cell<'_>, as_of: i64) -> Option<f64> {
        match self {
            Self::Vector { centre, factor } => vector(cell).map(|vector| distance(vector, centre) * factor),
            _ => number(cell, as_of),
        }
    }
}

/// A cell as a number; a timestamp becomes its age in days at `as_of`.
fn number(cell: Cell<'_>, as_of: i64) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(value),
        Cell::Boolean(value) => Some(f64::from(u8::from(value))),
        Cell::Moment(moment) => Some((as_of as f64 - moment as f64) / DAY as f64),
        Cell::Null
        | Cell::Text(_)
        | Cell::Vector(_)
        | Cell::Halves(_)
        | Cell::SparseVector(_)
        | Cell::Terms(_) => None,
    }
}

fn vector(cell: Cell<'_>) -> Option<&[f32]> {
    if let Cell::Vector(vector) = cell { Some(vector) } else { None }
}

fn distance(vector: &[f32], centre: &[f64]) -> f64 {
    let differences = vector.iter().zip(centre).map(|(&x, centre)| f64::from(x) - centre);
    differences.map(|difference| difference * difference).sum::<f64>().sqrt()
}

enum Level {
    Common(usize),
    Other,
    Null,
}

fn level_of(levels: &[String], cell: Cell<'_>) -> Level {
    match cell {
        Cell::Text(text) => match levels.binary_search_by(|level| level.as_str().cmp(text)) {
            Ok(place) => Level::Common(place),
            Err(_) => Level::Other,
        },
        _ => Level::Null,
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The distinct inner edges of at most ten quantile bins of sorted values; a value on an edge belongs to the bin above.
pub(crate) fn edges(sorted: &[f64]) -> Vec<f64> {
    let mut edges = Vec::new();
    for part in 1..BINS {
        let edge = sorted[part * sorted.len() / BINS];
        if edge > edges.last().copied().unwrap_or(sorted[0]) {
            edges.push(edge);
        }
    }
    edges
}
