//! Columns of data about users or items. Each kind of column encodes null as a special value, so that a column is a
//! single array: 8 bytes per row for numbers and timestamps, 4 for levels, 1 for booleans, 4 per dimension for vectors
//! of users, 2 for those of items ([`super::half_rows`]), of which there are many and long ones. Only terms and the
//! numbers of sparse vectors, of which a row may have any number, lie behind each other ([`super::terms`],
//! [`super::sparse`]).

use super::half_rows::{HalfRow, HalfRows};
use super::sparse::{SparseVector, SparseVectors};
use super::terms::{TermCounts, Terms};
use crate::error::{EngineError, Result};
use crate::observer::Observer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strum::IntoStaticStr;

/// The code of a null level.
pub const NO_LEVEL: u32 = u32::MAX;
/// The value of a null timestamp, which is PostgreSQL's −infinity.
pub const NO_MOMENT: i64 = i64::MIN;
/// Microseconds per day.
pub const DAY: i64 = 86_400_000_000;
/// A text column with more distinct values is assumed to hold ids or prose and is not a feature. None of its levels
/// could be common: with 1,000 levels each has a thousandth of the rows on average.
pub const MOST_DISTINCT: usize = 1_000;
/// An array column with more distinct elements is assumed to hold ids. Items have more categories than users have
/// levels, because a category helps wherever two items share it, while a level must hold enough users for a segment.
pub const MOST_CATEGORIES: usize = 5_000;

/// The kind of values in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ColumnKind {
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A string out of a limited number of levels.
    Category,
    /// A date or a timestamp.
    Moment,
    /// A vector of a fixed number of dimensions.
    Vector,
    /// A vector of a fixed number of dimensions, most of which are 0.
    SparseVector,
    /// Any number of strings, each out of a limited number of categories.
    Categories,
    /// Prose, as the terms that occur in it.
    Text,
}

impl ColumnKind {
    /// The name used in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// A description of the values of this kind.
    pub fn takes(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Category => "a text",
            Self::Moment => "a date or timestamp such as \"2024-02-29\" or \"2024-02-29T12:00:00Z\"",
            Self::Vector => "an array of numbers",
            Self::SparseVector => "a sparse vector such as \"{1:0.5,7:2}/1000\"",
            Self::Categories => "an array of texts",
            Self::Text => "a text of words",
        }
    }

    /// Like [`Self::takes`], with the number of dimensions of a vector, dense or sparse.
    pub fn takes_of(self, dimensions: usize) -> String {
        match self {
            Self::Vector => format!("an array of {dimensions} numbers"),
            Self::SparseVector => format!("a sparse vector of {dimensions} dimensions"),
            other => other.takes().to_owned(),
        }
    }
}

/// A single value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// The null value.
    Null,
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A level of a category.
    Text(&'a str),
    /// Microseconds since 2000.
    Moment(i64),
    /// A vector.
    Vector(&'a [f32]),
    /// A vector at half precision.
    Halves(HalfRow<'a>),
    /// A sparse vector.
    SparseVector(SparseVector<'a>),
    /// The categories of a row, or the terms of a text.
    Terms(TermCounts<'a>),
}

/// The values of a column, by kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN means null.
    Number(Vec<f64>),
    /// Booleans; `None` means null.
    Boolean(Vec<Option<bool>>),
    /// Levels of a category; [`NO_LEVEL`] means null.
    Category {
        /// The level of each row.
        codes: Vec<u32>,
        /// The names of the levels, sorted.
        levels: Vec<String>,
    },
    /// Microseconds since 2000; [`NO_MOMENT`] means null.
    Moment(Vec<i64>),
    /// Concatenated vectors; all NaN means null.
    Vector {
        /// The number of dimensions, at least 1.
        dimensions: usize,
        /// `dimensions` values per row.
        data: Vec<f32>,
    },
    /// Vectors at half precision, of at least one dimension. What is computed from them shares them.
    Halves(Arc<HalfRows>),
    /// A sparse vector per row.
    SparseVector(SparseVectors),
    /// Several categories per row.
    Categories(Terms),
    /// The terms of a text per row.
    Text(Terms),
}

impl Values {
    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        match self {
            Values::Number(values) => values.capacity() * 8,
            Values::Boolean(values) => values.capacity(),
            Values::Category { codes, levels } => {
                codes.capacity() * 4 + levels.iter().map(|level| level.capacity() + 24).sum::<usize>()
            }
            Values::Moment(values) => values.capacity() * 8,
            Values::Vector { data, .. } => data.capacity() * 4,
            Values::Halves(rows) => rows.memory(),
            Values::SparseVector(vectors) => vectors.memory(),
            Values::Categories(terms) | Values::Text(terms) => terms.memory(),
        }
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name, which is unique within a table.
    pub name: String,
    /// The values, one per row.
    pub values: Values,
}

impl Column {
    /// Creates a numeric column.
    pub fn numbers(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values: Values::Number(values) }
    }

    /// The kind of its values.
    pub fn kind(&self) -> ColumnKind {
        match self.values {
            Values::Number(_) => ColumnKind::Number,
            Values::Boolean(_) => ColumnKind::Boolean,
            Values::Category { .. } => ColumnKind::Category,
            Values::Moment(_) => ColumnKind::Moment,
            Values::Vector { .. } | Values::Halves(_) => ColumnKind::Vector,
            Values::SparseVector(_) => ColumnKind::SparseVector,
            Values::Categories(_) => ColumnKind::Categories,
            Values::Text(_) => ColumnKind::Text,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Number(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::Category { codes, .. } => codes.len(),
            Values::Moment(values) => values.len(),
            Values::Vector { dimensions, data } => data.len().checked_div(*dimensions).unwrap_or(0),
            Values::Halves(rows) => rows.rows(),
            Values::SparseVector(vectors) => vectors.rows(),
            Values::Categories(terms) | Values::Text(terms) => terms.rows(),
        }
    }

    /// The value of a row; null beyond the last row.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        let cell = match &self.values {
            Values::Number(values) => values.get(row).filter(|x| x.is_finite()).map(|&x| Cell::Number(x)),
            Values::Boolean(values) => values.get(row).copied().flatten().map(Cell::Boolean),
            Values::Category { codes, levels } => {
                codes.get(row).and_then(|&code| levels.get(code as usize)).map(|level| Cell::Text(level))
            }
            Values::Moment(values) => {
                values.get(row).filter(|&&moment| moment != NO_MOMENT).map(|&moment| Cell::Moment(moment))
            }
            Values::Vector { dimensions, data } => data
                .get(row * dimensions..(row + 1) * dimensions)
                .filter(|vector| vector.iter().all(|x| x.is_finite()))
                .map(Cell::Vector),
            Values::Halves(rows) => rows.row(row).map(Cell::Halves),
            Values::SparseVector(vectors) => vectors.row(row).map(Cell::SparseVector),
            Values::Categories(terms) | Values::Text(terms) => terms.row(row).map(Cell::Terms),
        };
        cell.unwrap_or(Cell::Null)
    }

    /// Whether the column has more than [`MOST_DISTINCT`] levels or [`MOST_CATEGORIES`] categories; any further ones
    /// have become null.
    pub fn has_too_many_levels(&self) -> bool {
        match &self.values {
            Values::Category { levels, .. } => levels.len() > MOST_DISTINCT,
            Values::Categories(terms) => terms.names().len() > MOST_CATEGORIES,
            _ => false,
        }
    }

    /// A column whose row i is row `rows[i]` of this one, or null.
    fn scatter(&self, rows: &[Option<u32>]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[Option<u32>], null: T) -> Vec<T> {
            let pick = |row: &Option<u32>| row.and_then(|row| values.get(row as usize).copied());
            rows.iter().map(|row| pick(row).unwrap_or(null)).collect()
        }
        let values = match &self.values {
            Values::Number(values) => Values::Number(pick(values, rows, f64::NAN)),
            Values::Boolean(values) => Values::Boolean(pick(values, rows, None)),
            Values::Category { codes, levels } => {
                Values::Category { codes: pick(codes, rows, NO_LEVEL), levels: levels.clone() }
            }
            Values::Moment(values) => Values::Moment(pick(values, rows, NO_MOMENT)),
            Values::Vector { dimensions, data } => {
                let mut picked = vec![f32::NAN; rows.len() * dimensions];
                for (to, row) in picked.chunks_mut((*dimensions).max(1)).zip(rows) {
                    let from = row.map(|row| row as usize * dimensions);
                    if let Some(vector) = from.and_then(|from| data.get(from..from + dimensions)) {
                        to.copy_from_slice(vector);
                    }
                }
                Values::Vector { dimensions: *dimensions, data: picked }
            }
            Values::Halves(halves) => Values::Halves(Arc::new(halves.scattered(rows))),
            Values::SparseVector(vectors) => Values::SparseVector(vectors.scatter(rows)),
            Values::Categories(terms) => Values::Categories(terms.scatter(rows)),
            Values::Text(terms) => Values::Text(terms.scatter(rows)),
        };
        Self { name: self.name.clone(), values }
    }

    /// As [`Self::scatter`]; vectors at half precision that nothing else shares are moved in place.
    fn into_scattered(self, rows: &[Option<u32>], observer: &dyn Observer) -> Result<Self> {
        observer.check()?;
        Ok(match self.values {
            Values::Halves(halves) => {
                let moved = match Arc::try_unwrap(halves) {
                    Ok(halves) => halves.into_scattered(rows, observer)?,
                    Err(shared) => shared.scattered(rows),
                };
                Self { name: self.name, values: Values::Halves(Arc::new(moved)) }
            }
            values => Self { name: self.name, values }.scatter(rows),
        })
    }
}

/// Columns of the same length, with distinct names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: usize,
    columns: Vec<Column>,
}

impl Table {
    /// Creates a table from columns of `rows` values each.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if a column has another length, [`EngineError::Column`] if two have the same name.
    pub fn new(rows: usize, columns: Vec<Column>) -> Result<Self> {
        for (number, column) in columns.iter().enumerate() {
            if column.rows() != rows {
                return Err(EngineError::Shape { what: "column", expected: rows, found: column.rows() });
            }
            if columns[..number].iter().any(|other| other.name == column.name) {
                let reason = "is specified more than once".to_owned();
                return Err(EngineError::Column { column: column.name.clone(), reason });
            }
        }
        Ok(Self { rows, columns })
    }

    /// Creates a table with rows but no columns.
    pub fn of_rows(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the columns.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Looks up a column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Copies the rows with the given numbers, in that order; rows beyond the last are null.
    pub fn select(&self, rows: &[u32]) -> Self {
        self.scatter(&rows.iter().map(|&row| Some(row)).collect::<Vec<_>>())
    }

    /// A table whose row i is row `rows[i]` of this one, or null in every column. Used to align a table of users with
    /// the users of events.
    pub fn scatter(&self, rows: &[Option<u32>]) -> Self {
        let columns = self.columns.iter().map(|column| column.scatter(rows)).collect();
        Self { rows: rows.len(), columns }
    }

    /// As [`Self::scatter`], of a table that is not needed afterwards: one column after the other, so that there are never
    /// two copies of all.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn into_scattered(self, rows: &[Option<u32>], observer: &dyn Observer) -> Result<Self> {
        let columns = self.columns.into_iter().map(|column| column.into_scattered(rows, observer));
        Ok(Self { rows: rows.len(), columns: columns.collect::<Result<_>>()? })
    }

    /// Appends the columns of another table.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn with(mut self, other: Table) -> Result<Self> {
        self.columns.extend(other.columns);
        Self::new(self.rows, self.columns)
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> u64 {
        self.columns.iter().map(|column| column.values.memory() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_with_other_rows_and_stand_side_by_side() {
        let vectors = Values::Vector { dimensions: 2, data: vec![1.0, 2.0, 3.0, 4.0] };
        let columns =
            vec![Column::numbers("n", vec![1.0, 2.0]), Column { name: "v".to_owned(), values: vectors }];
        let table = Table::new(2, columns).unwrap();
        let moved = table.scatter(&[None, Some(1), Some(9), Some(0)]);
        let cells = |name: &str| -> Vec<String> {
            let column = moved.column(name).unwrap();
            (0..4).map(|row| format!("{:?}", column.cell(row))).collect()
        };
        assert_eq!(cells("n"), ["Null", "Number(2.0)", "Null", "Number(1.0)"]);
        assert_eq!(cells("v"), ["Null", "Vector([3.0, 4.0])", "Null", "Vector([1.0, 2.0])"]);
        assert_eq!(table.select(&[0, 1]), table);
        let more = Table::new(2, vec![Column::numbers("m", vec![5.0, 6.0])]).unwrap();
        assert_eq!(table.clone().with(more.clone()).unwrap().columns().len(), 3);
        assert!(matches!(table.clone().with(more.select(&[0])), Err(EngineError::Shape { .. })));
        assert!(matches!(table.clone().with(table), Err(EngineError::Column { .. })));
    }
}
