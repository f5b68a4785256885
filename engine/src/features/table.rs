//! What is known about users (or items), column by column. Null has a
//! value of its own in every kind of column, so that a column is one array: 8 bytes a row for
//! numbers and moments, 4 for levels, 1 for booleans, 4 for every dimension of a vector.

use crate::error::{EngineError, Result};
use serde::{Deserialize, Serialize};

/// The code of a row without a level.
pub const NO_LEVEL: u32 = u32::MAX;
/// The moment of a row without one; PostgreSQL's −infinity.
pub const NO_MOMENT: i64 = i64::MIN;
/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;
/// A text column with more distinct values than this holds ids or prose, which are no features. No
/// level of such a column can be common: 1,000 levels hold a thousandth of the rows each on average.
pub const MOST_DISTINCT: usize = 1_000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of some levels.
    Category,
    /// A date or a timestamp.
    Moment,
    /// A vector of a fixed number of dimensions.
    Vector,
}

impl ColumnKind {
    /// A value of this kind, in words.
    pub fn takes(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Category => "a text",
            Self::Moment => "a date or timestamp such as \"2024-02-29\" or \"2024-02-29T12:00:00Z\"",
            Self::Vector => "an array of numbers",
        }
    }

    /// The same, where a vector has so many dimensions.
    pub fn takes_of(self, dimensions: usize) -> String {
        match self {
            Self::Vector => format!("an array of {dimensions} numbers"),
            other => other.takes().to_owned(),
        }
    }
}

/// One value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A level.
    Text(&'a str),
    /// Microseconds since 2000.
    Moment(i64),
    /// A vector.
    Vector(&'a [f32]),
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// NaN where null.
    Number(Vec<f64>),
    /// `None` where null.
    Boolean(Vec<Option<bool>>),
    /// The number of every row's level, [`NO_LEVEL`] where null.
    Category {
        /// One of every row.
        codes: Vec<u32>,
        /// The levels, in the order of their names.
        levels: Vec<String>,
    },
    /// Microseconds since 2000, [`NO_MOMENT`] where null.
    Moment(Vec<i64>),
    /// Vectors, one after the other; all NaN where null.
    Vector {
        /// At least 1.
        dimensions: usize,
        /// `dimensions` values a row.
        data: Vec<f32>,
    },
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
        }
    }
}

/// A column with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name, once in a table.
    pub name: String,
    /// Its values.
    pub values: Values,
}

impl Column {
    /// A column of numbers.
    pub fn numbers(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values: Values::Number(values) }
    }

    /// What it holds.
    pub fn kind(&self) -> ColumnKind {
        match self.values {
            Values::Number(_) => ColumnKind::Number,
            Values::Boolean(_) => ColumnKind::Boolean,
            Values::Category { .. } => ColumnKind::Category,
            Values::Moment(_) => ColumnKind::Moment,
            Values::Vector { .. } => ColumnKind::Vector,
        }
    }

    /// Number of values.
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Number(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::Category { codes, .. } => codes.len(),
            Values::Moment(values) => values.len(),
            Values::Vector { dimensions, data } => data.len().checked_div(*dimensions).unwrap_or(0),
        }
    }

    /// The value of a row; null beyond the last.
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
        };
        cell.unwrap_or(Cell::Null)
    }

    /// True where the column has more than [`MOST_DISTINCT`] levels; those met after these many are
    /// null.
    pub fn has_too_many_levels(&self) -> bool {
        matches!(&self.values, Values::Category { levels, .. } if levels.len() > MOST_DISTINCT)
    }

    /// A column whose row i is row `rows[i]` of this one; null where there is no such row.
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
        };
        Self { name: self.name.clone(), values }
    }
}

/// Columns of one length with different names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: usize,
    columns: Vec<Column>,
}

impl Table {
    /// A table of columns with `rows` values each.
    ///
    /// # Errors
    /// [`EngineError::Shape`] where a column has another length, [`EngineError::Column`] where two
    /// have one name.
    pub fn new(rows: usize, columns: Vec<Column>) -> Result<Self> {
        for (number, column) in columns.iter().enumerate() {
            if column.rows() != rows {
                return Err(EngineError::Shape { what: "column", expected: rows, found: column.rows() });
            }
            if columns[..number].iter().any(|other| other.name == column.name) {
                let reason = "is there twice".to_owned();
                return Err(EngineError::Column { column: column.name.clone(), reason });
            }
        }
        Ok(Self { rows, columns })
    }

    /// Rows without columns.
    pub fn of_rows(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns, taken out.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The rows with the given numbers, in that order; rows beyond the last are null.
    pub fn select(&self, rows: &[u32]) -> Self {
        self.scatter(&rows.iter().map(|&row| Some(row)).collect::<Vec<_>>())
    }

    /// A table whose row i is row `rows[i]` of this one; null in every column where there is none.
    /// It aligns a table of users with the users of events.
    pub fn scatter(&self, rows: &[Option<u32>]) -> Self {
        let columns = self.columns.iter().map(|column| column.scatter(rows)).collect();
        Self { rows: rows.len(), columns }
    }

    /// This table's columns, then the other's, side by side.
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
