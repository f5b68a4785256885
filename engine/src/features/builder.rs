//! Columns that are built while the rows of a relation stream in.

use super::half_rows::HalfRows;
use super::sparse::SparseVectors;
use super::table::{Cell, Column, ColumnKind, MOST_CATEGORIES, MOST_DISTINCT, NO_LEVEL, NO_MOMENT, Values};
use super::terms::Terms;
use crate::error::{EngineError, Result};
use crate::interactions::{Id, IdKind, IdMap};
use std::sync::Arc;

/// Builds a column cell by cell.
#[derive(Clone, Debug)]
pub struct ColumnBuilder {
    name: String,
    rows: usize,
    values: Values,
    levels: IdMap,
    not_finite: usize,
    without_direction: usize,
}

impl ColumnBuilder {
    /// Creates an empty column.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        let values = match kind {
            ColumnKind::Number => Values::Number(Vec::new()),
            ColumnKind::Boolean => Values::Boolean(Vec::new()),
            ColumnKind::Category => Values::Category { codes: Vec::new(), levels: Vec::new() },
            ColumnKind::Moment => Values::Moment(Vec::new()),
            ColumnKind::Vector => Values::Vector { dimensions: 0, data: Vec::new() },
            ColumnKind::SparseVector => Values::SparseVector(SparseVectors::default()),
            ColumnKind::Categories => Values::Categories(Terms::default()),
            ColumnKind::Text => Values::Text(Terms::default()),
        };
        Self {
            name: name.into(),
            rows: 0,
            values,
            levels: IdMap::new(IdKind::Text),
            not_finite: 0,
            without_direction: 0,
        }
    }

    /// Creates an empty column of items, whose vectors are held at half precision.
    pub fn of_items(name: impl Into<String>, kind: ColumnKind) -> Self {
        let mut builder = Self::new(name, kind);
        if kind == ColumnKind::Vector {
            builder.values = Values::Halves(Arc::default());
        }
        builder
    }

    /// Appends a value. Values that are not finite, and vectors without dimensions, become null; so do sparse
    /// vectors of zeros.
    ///
    /// # Errors
    /// [`EngineError::Column`] if the value is of another kind than the column, or a vector has other dimensions than
    /// those before it, [`EngineError::NoMemory`]; nothing is appended then.
    pub fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        let finite = match cell {
            Cell::Number(value) => value.is_finite(),
            Cell::Moment(moment) => moment != i64::MAX && moment != NO_MOMENT,
            Cell::Vector(vector) => vector.iter().all(|value| value.is_finite()),
            Cell::SparseVector(vector) => vector.values.iter().all(|value| value.is_finite()),
            Cell::Null | Cell::Boolean(_) | Cell::Text(_) | Cell::Terms(_) | Cell::Halves(_) => true,
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
                codes.push(numbered(&mut self.levels, level, MOST_DISTINCT).unwrap_or(NO_LEVEL));
            }
            (Values::Category { codes, .. }, Cell::Null) => codes.push(NO_LEVEL),
            (Values::Vector { dimensions, data }, Cell::Vector(vector)) if !vector.is_empty() => {
                if *dimensions == 0 {
                    *dimensions = vector.len();
                    data.resize(self.rows * *dimensions, f32::NAN);
                }
                if *dimensions != vector.len() {
                    return refuse(other_dimensions(*dimensions, vector.len()));
                }
                data.extend_from_slice(vector);
            }
            (Values::Vector { dimensions, data }, Cell::Null | Cell::Vector(_)) => {
                data.resize((self.rows + 1) * *dimensions, f32::NAN);
            }
            (Values::Halves(rows), cell @ (Cell::Vector(_) | Cell::Null)) => {
                let rows = Arc::make_mut(rows);
                let vector = if let Cell::Vector(vector) = cell { vector } else { &[] };
                if vector.is_empty() {
                    rows.push_null()?;
                } else {
                    if rows.columns() == 0 {
                        *rows = HalfRows::nulls(vector.len(), self.rows);
                    }
                    if rows.columns() != vector.len() {
                        let dimensions = rows.columns();
                        return refuse(format!(
                            "has vectors with {dimensions} and {} dimensions",
                            vector.len()
                        ));
                    }
                    rows.push(vector)?;
                    self.without_direction += usize::from(vector.iter().all(|&value| value == 0.0));
                }
            }
            (Values::SparseVector(vectors), Cell::SparseVector(vector)) => {
                if let Err(dimensions) = vectors.push(vector) {
                    return refuse(other_dimensions(dimensions, vector.dimensions));
                }
            }
            (Values::SparseVector(vectors), Cell::Null) => vectors.push_null(),
            (values @ (Values::Categories(_) | Values::Text(_)), Cell::Terms(counts)) => {
                let most = if matches!(values, Values::Text(_)) { usize::MAX } else { MOST_CATEGORIES };
                let row = counts.iter().filter_map(|(name, count)| {
                    numbered(&mut self.levels, name, most).map(|number| (number, count))
                });
                let row = row.collect();
                if let Values::Categories(terms) | Values::Text(terms) = values {
                    terms.push(row);
                }
            }
            (Values::Categories(terms) | Values::Text(terms), Cell::Null) => terms.push(Vec::new()),
            _ => return refuse("has values of a different type than its first one".to_owned()),
        }
        self.rows += 1;
        self.not_finite += usize::from(!finite);
        Ok(())
    }

    /// The error of a value that cannot be appended, with the reason as the end of a sentence.
    pub fn refusal(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Column { column: self.name.clone(), reason: reason.into() }
    }

    /// The number of values that became null because they were not finite.
    pub fn not_finite(&self) -> usize {
        self.not_finite
    }

    /// The number of vectors of items that have zeros only, and so no direction.
    pub fn without_direction(&self) -> usize {
        self.without_direction
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> u64 {
        (self.values.memory() + self.levels.memory()) as u64
    }

    /// Returns the column. Levels are renumbered by name, so that the order of arrival does not matter.
    pub fn finish(self) -> Column {
        let mut values = self.values;
        match &mut values {
            Values::Category { codes, levels } => {
                let number;
                (number, *levels) = by_name(self.levels);
                for code in codes {
                    *code = number.get(*code as usize).copied().unwrap_or(NO_LEVEL);
                }
            }
            Values::Categories(terms) | Values::Text(terms) => {
                let (numbers, names) = by_name(self.levels);
                *terms = std::mem::take(terms).renumbered(&numbers, names);
            }
            // Without any vector, the column is a single dimension of nulls.
            Values::Vector { dimensions, data } if *dimensions == 0 => {
                *dimensions = 1;
                data.resize(self.rows, f32::NAN);
            }
            Values::Halves(rows) if rows.columns() == 0 => *rows = Arc::new(HalfRows::nulls(1, self.rows)),
            _ => {}
        }
        Column { name: self.name, values }
    }
}

/// Why a vector cannot be appended, as the end of a sentence.
fn other_dimensions(before: usize, now: usize) -> String {
    format!("has vectors with {before} and {now} dimensions")
}

/// The number of a name; `None` if it is new and there are already more than `most`.
fn numbered(names: &mut IdMap, name: &str, most: usize) -> Option<u32> {
    let id = Id::Text(name);
    if names.ids().len() > most { names.find(id) } else { Some(names.number(id)) }
}

/// The new number of each name, by the order of names, and the names in that order.
fn by_name(names: IdMap) -> (Vec<u32>, Vec<String>) {
    let ids = names.into_ids();
    let mut numbers = vec![NO_LEVEL; ids.len()];
    let mut sorted = Vec::with_capacity(ids.len());
    for (new, old) in ids.order().into_iter().enumerate() {
        numbers[old as usize] = new as u32;
        if let Id::Text(name) = ids.get(old as usize) {
            sorted.push(name.to_owned());
        }
    }
    (numbers, sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::TermCounts;

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
    fn terms_are_counted_and_ordered_by_name_whatever_their_order() {
        let names = ["pear", "apple", "fig"].map(str::to_owned);
        let cells = [
            Cell::Terms(TermCounts::new(&[0, 1, 0], &[1, 1, 2], &names)),
            Cell::Null,
            Cell::Terms(TermCounts::new(&[2, 9], &[4, 1], &names)),
        ];
        for kind in [ColumnKind::Categories, ColumnKind::Text] {
            let (column, _) = build(kind, &cells);
            assert_eq!((column.kind(), column.rows()), (kind, 3));
            let Cell::Terms(first) = column.cell(0) else { panic!() };
            assert_eq!(first.iter().collect::<Vec<_>>(), [("apple", 1), ("pear", 3)]);
            assert_eq!([column.cell(1), column.cell(3)], [Cell::Null; 2]);
            let table = crate::features::Table::new(3, vec![column.clone()]).unwrap();
            let moved = table.select(&[2, 7, 0]);
            assert_eq!(moved.columns()[0].cell(0), cells[2]);
            assert_eq!(moved.columns()[0].cell(1), Cell::Null);
            assert_eq!(moved.columns()[0].cell(2), Cell::Terms(first));
        }
    }

    #[test]
    fn vectors_of_items_are_held_at_half_precision_and_those_of_zeros_counted() {
        let mut builder = ColumnBuilder::of_items("v", ColumnKind::Vector);
        let vectors = [vec![], vec![0.1, 300.0], vec![0.0, -0.0], vec![f32::NAN, 1.0], vec![1.5, -2.0]];
        vectors.iter().for_each(|vector| builder.push(Cell::Vector(vector)).unwrap());
        let error = builder.push(Cell::Vector(&[1.0])).unwrap_err();
        assert_eq!(error.to_string(), "column \"v\" has vectors with 2 and 1 dimensions");
        assert_eq!((builder.without_direction(), builder.not_finite()), (1, 1));
        let column = builder.finish();
        assert_eq!((column.rows(), column.kind()), (5, ColumnKind::Vector));
        let read = |row: usize| match column.cell(row) {
            Cell::Halves(vector) => {
                let mut numbers = [0.0; 2];
                vector.read(&mut numbers);
                Some(numbers)
            }
            cell => {
                assert_eq!(cell, Cell::Null);
                None
            }
        };
        assert_eq!([read(0), read(2), read(3), read(4)], [None, Some([0.0; 2]), None, Some([1.5, -2.0])]);
        let near = read(1).unwrap();
        assert!((near[0] - 0.1).abs() < 1e-4 && near[1] == 300.0, "{near:?}");
        // Without any vector, the column is a single dimension of nulls.
        let mut nothing = ColumnBuilder::of_items("v", ColumnKind::Vector);
        nothing.push(Cell::Null).unwrap();
        assert_eq!(nothing.finish().cell(0), Cell::Null);
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
        assert_eq!(error.to_string(), "column \"v\" has vectors with 2 and 1 dimensions");
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
        (0..4).for_each(|row| assert_eq!(backward.cell(3 - row), forward.cell(row)));
        assert!(matches!(&backward.values, Values::Category { codes, .. } if *codes == [0, 1, 0, 2]));
    }

    #[test]
    fn ids_are_recognised_by_their_number_of_levels() {
        let names: Vec<String> = (0..5_000).map(|n| format!("user {n}")).collect();
        let cells: Vec<Cell<'_>> = names.iter().map(|name| Cell::Text(name)).collect();
        let (ids, _) = build(ColumnKind::Category, &cells);
        assert!(ids.has_too_many_levels() && ids.values.memory() < 5_000 * 8 + MOST_DISTINCT * 64);
        assert!(!build(ColumnKind::Category, &cells[..MOST_DISTINCT]).0.has_too_many_levels());
    }
}
