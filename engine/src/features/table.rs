//! What is known about users (or items), column by column, as read from a relation. Null has a
//! value of its own in every kind of column, so that a column is one array: 8 bytes a row for
//! numbers and moments, 4 for levels, 1 for booleans, 4 for every dimension of a vector.

use crate::error::{EngineError, Result};
use crate::interactions::{Id, IdKind, IdMap};
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

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        match &self.values {
            Values::Number(values) => values.capacity() * 8,
            Values::Boolean(values) => values.capacity(),
            Values::Category { codes, levels } => {
                codes.capacity() * 4 + levels.iter().map(|level| level.capacity() + 24).sum::<usize>()
            }
            Values::Moment(values) => values.capacity() * 8,
            Values::Vector { data, .. } => data.capacity() * 4,
        }
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

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
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
        self.columns.iter().map(|column| column.memory() as u64).sum()
    }
}

/// A column that grows cell by cell while rows stream in.
#[derive(Clone, Debug)]
pub struct ColumnBuilder {
    name: String,
    rows: usize,
    values: Values,
    levels: IdMap,
    not_finite: usize,
}

impl ColumnBuilder {
    /// A column without rows.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        let values = match kind {
            ColumnKind::Number => Values::Number(Vec::new()),
            ColumnKind::Boolean => Values::Boolean(Vec::new()),
            ColumnKind::Category => Values::Category { codes: Vec::new(), levels: Vec::new() },
            ColumnKind::Moment => Values::Moment(Vec::new()),
            ColumnKind::Vector => Values::Vector { dimensions: 0, data: Vec::new() },
        };
        Self { name: name.into(), rows: 0, values, levels: IdMap::new(IdKind::Text), not_finite: 0 }
    }

    /// Adds a value. Values that are not finite count as null, and so does a vector without
    /// dimensions.
    ///
    /// # Errors
    /// [`EngineError::Column`] where a vector has other dimensions than those before it or the value
    /// is of another kind than the column; then nothing is added.
    pub fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        let finite = match cell {
            Cell::Number(value) => value.is_finite(),
            Cell::Moment(moment) => moment != i64::MAX && moment != NO_MOMENT,
            Cell::Vector(vector) => vector.iter().all(|value| value.is_finite()),
            Cell::Null | Cell::Boolean(_) | Cell::Text(_) => true,
        };
        let refuse = |reason: String| Err(EngineError::Column { column: self.name.clone(), reason });
        match (&mut self.values, if finite { cell } else { Cell::Null }) {
            (Values::Number(values), Cell::Number(value)) => values.push(value),
            (Values::Number(values), Cell::Null) => values.push(f64::NAN),
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(Some(value)),
            (Values::Boolean(values), Cell::Null) => values.push(None),
            (Values::Moment(values), Cell::Moment(value)) => values.push(value),
            (Values::Moment(values), Cell::Null) => values.push(NO_MOMENT),
            (Values::Category { codes, .. }, Cell::Text(level)) => {
                let full = self.levels.ids().len() > MOST_DISTINCT;
                let id = Id::Text(level);
                codes.push(if full {
                    self.levels.find(id).unwrap_or(NO_LEVEL)
                } else {
                    self.levels.number(id)
                });
            }
            (Values::Category { codes, .. }, Cell::Null) => codes.push(NO_LEVEL),
            (Values::Vector { dimensions, data }, Cell::Vector(vector)) if !vector.is_empty() => {
                if *dimensions == 0 {
                    *dimensions = vector.len();
                    data.resize(self.rows * *dimensions, f32::NAN);
                }
                if *dimensions != vector.len() {
                    return refuse(format!(
                        "has vectors of {} and of {} dimensions",
                        dimensions,
                        vector.len()
                    ));
                }
                data.extend_from_slice(vector);
            }
            (Values::Vector { dimensions, data }, Cell::Null | Cell::Vector(_)) => {
                data.resize((self.rows + 1) * *dimensions, f32::NAN);
            }
            _ => return refuse("has values of another kind than its first".to_owned()),
        }
        self.rows += 1;
        self.not_finite += usize::from(!finite);
        Ok(())
    }

    /// How many numbers, moments and vectors were not finite and count as null.
    pub fn not_finite(&self) -> usize {
        self.not_finite
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> u64 {
        let values = match &self.values {
            Values::Number(values) => values.capacity() * 8,
            Values::Boolean(values) => values.capacity(),
            Values::Category { codes, .. } => codes.capacity() * 4,
            Values::Moment(values) => values.capacity() * 8,
            Values::Vector { data, .. } => data.capacity() * 4,
        };
        (values + self.levels.memory()) as u64
    }

    /// The column; levels are numbered in the order of their names, not of their arrival.
    pub fn finish(self) -> Column {
        let mut values = self.values;
        match &mut values {
            Values::Category { codes, levels } => {
                let ids = self.levels.into_ids();
                let mut number = vec![NO_LEVEL; ids.len()];
                for (new, old) in ids.order().into_iter().enumerate() {
                    number[old as usize] = new as u32;
                    if let Id::Text(level) = ids.get(old as usize) {
                        levels.push(level.to_owned());
                    }
                }
                for code in codes {
                    *code = number.get(*code as usize).copied().unwrap_or(NO_LEVEL);
                }
            }
            // Without any vector, one dimension of nulls.
            Values::Vector { dimensions, data } if *dimensions == 0 => {
                *dimensions = 1;
                data.resize(self.rows, f32::NAN);
            }
            _ => {}
        }
        Column { name: self.name, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(kind: ColumnKind, cells: &[Cell<'_>]) -> (Column, usize) {
        let mut builder = ColumnBuilder::new("c", kind);
        cells.iter().for_each(|&cell| builder.push(cell).unwrap());
        let not_finite = builder.not_finite();
        (builder.finish(), not_finite)
    }

    #[test]
    fn cells_come_back_as_they_were_pushed() {
        let vector = [1.0, -2.0];
        for (kind, cells) in [
            (ColumnKind::Number, [Cell::Null, Cell::Number(1e300), Cell::Number(-0.5)]),
            (ColumnKind::Boolean, [Cell::Boolean(false), Cell::Null, Cell::Boolean(true)]),
            (ColumnKind::Category, [Cell::Text("pear"), Cell::Null, Cell::Text("apple")]),
            (ColumnKind::Moment, [Cell::Moment(-1), Cell::Null, Cell::Moment(i64::MAX - 1)]),
            (ColumnKind::Vector, [Cell::Null, Cell::Null, Cell::Vector(&vector)]),
        ] {
            let (column, not_finite) = build(kind, &cells);
            assert_eq!((column.kind(), column.rows(), not_finite), (kind, 3, 0));
            (0..3).for_each(|row| assert_eq!(column.cell(row), cells[row]));
            assert_eq!(column.cell(3), Cell::Null);
        }
    }

    #[test]
    fn values_that_are_not_finite_are_counted_as_null() {
        let infinite = [1.0, f32::INFINITY];
        for (kind, cell) in [
            (ColumnKind::Number, Cell::Number(f64::NAN)),
            (ColumnKind::Number, Cell::Number(f64::NEG_INFINITY)),
            (ColumnKind::Moment, Cell::Moment(i64::MAX)),
            (ColumnKind::Vector, Cell::Vector(&infinite)),
        ] {
            let (column, not_finite) = build(kind, &[cell, Cell::Null]);
            assert_eq!((column.cell(0), column.rows(), not_finite), (Cell::Null, 2, 1));
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused_and_leave_the_column_as_it_was() {
        let mut builder = ColumnBuilder::new("v", ColumnKind::Vector);
        builder.push(Cell::Vector(&[1.0, 2.0])).unwrap();
        let error = builder.push(Cell::Vector(&[1.0])).unwrap_err();
        assert_eq!(error.to_string(), "column \"v\" has vectors of 2 and of 1 dimensions");
        assert!(builder.push(Cell::Boolean(true)).is_err());
        assert_eq!(builder.finish().rows(), 1);
    }

    #[test]
    fn codes_of_levels_do_not_depend_on_their_arrival() {
        let mut cells = [Cell::Text("pear"), Cell::Text("apple"), Cell::Text("fig"), Cell::Text("apple")];
        let (forward, _) = build(ColumnKind::Category, &cells);
        let Values::Category { codes, levels } = &forward.values else { panic!() };
        assert_eq!(
            (codes.as_slice(), levels.join(" ")),
            ([2, 0, 1, 0].as_slice(), "apple fig pear".to_owned())
        );
        cells.reverse();
        let (backward, _) = build(ColumnKind::Category, &cells);
        assert_eq!(backward.scatter(&[Some(3), Some(2), Some(1), Some(0)]), forward);
    }

    #[test]
    fn ids_are_recognised_by_their_number_of_levels() {
        let names: Vec<String> = (0..5_000).map(|n| format!("user {n}")).collect();
        let cells: Vec<Cell<'_>> = names.iter().map(|name| Cell::Text(name)).collect();
        let (ids, _) = build(ColumnKind::Category, &cells);
        assert!(ids.has_too_many_levels() && ids.memory() < 5_000 * 8 + MOST_DISTINCT * 64);
        assert!(!build(ColumnKind::Category, &cells[..MOST_DISTINCT]).0.has_too_many_levels());
    }

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
