//! Attributes of users or items as sparse features: one per level of a category or boolean, and one per quantile bin
//! of a number or timestamp. Null has no feature. Takes O(n log n) to learn and O(columns) to apply.

use crate::error::{EngineError, Result};
use crate::features::row::{Expected, read_cells};
use crate::features::{Cell, Column, ColumnKind, LeftOut, RowProblem, Table, Values, quantile_edges};
use crate::interactions::SparseRows;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Range;

/// Rows between two checks for cancellation.
const ROWS: usize = 4_096;

/// Sparse features, rows × features. All values are 1, and a row has at most one feature per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    pub(super) features: SparseRows,
    /// The range of features of each column.
    pub(super) columns: Vec<Range<usize>>,
}

impl Attributes {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// The features of `row`, ascending.
    pub fn row(&self, row: usize) -> &[u32] {
        self.features.row(row).0
    }
}

/// Encodes rows of a table as features. Learned during training and stored with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeEncoder {
    columns: Vec<EncodedColumn>,
    left_out: Vec<LeftOut>,
}

/// A column and its features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EncodedColumn {
    name: String,
    kind: ColumnKind,
    /// The levels of a category.
    levels: Vec<String>,
    /// The inner edges of the bins of a number; a value on an edge belongs to the bin above.
    edges: Vec<f64>,
}

impl EncodedColumn {
    /// Learns a column from all rows. The inner error says why it has no features, worded as the end of a sentence.
    fn fit(column: &Column, observer: &dyn Observer) -> Result<std::result::Result<Self, String>> {
        let mut learned =
            Self { name: column.name.clone(), kind: column.kind(), levels: Vec::new(), edges: Vec::new() };
        observer.check()?;
        if column.has_too_many_levels() {
            return Ok(Err("has too many distinct values, which suggests ids".to_owned()));
        }
        match &column.values {
            Values::Vector { .. } | Values::Halves(_) | Values::SparseVector(_) => {
                return Ok(Err("contains vectors, which cannot be used as attributes of ratings".to_owned()));
            }
            Values::Categories(_) | Values::Text(_) => {
                return Ok(Err(
                    "contains several values in a row, which cannot be used as attributes of ratings"
                        .to_owned(),
                ));
            }
            Values::Category { codes, levels } => {
                let mut met = vec![false; levels.len()];
                codes.iter().for_each(|&code| {
                    if let Some(met) = met.get_mut(code as usize) {
                        *met = true;
                    }
                });
                learned.levels =
                    levels.iter().zip(met).filter(|(_, met)| *met).map(|(name, _)| name.clone()).collect();
            }
            Values::Number(_) | Values::Boolean(_) | Values::Moment(_) => {
                let mut values: Vec<f64> =
                    (0..column.rows()).filter_map(|row| number(column.cell(row))).collect();
                values.sort_unstable_by(f64::total_cmp);
                observer.check()?;
                learned.edges = if values.is_empty() { Vec::new() } else { quantile_edges(&values) };
            }
        }
        Ok(if learned.features() < 2 {
            Err("is the same in every row that has a value".to_owned())
        } else {
            Ok(learned)
        })
    }

    fn features(&self) -> usize {
        if self.kind == ColumnKind::Category { self.levels.len() } else { self.edges.len() + 1 }
    }

    fn feature(&self, cell: Cell<'_>) -> Option<usize> {
        match cell {
            Cell::Text(text) => self.levels.binary_search_by(|level| level.as_str().cmp(text)).ok(),
            cell => number(cell).map(|value| self.edges.partition_point(|&edge| edge <= value)),
        }
    }
}

/// The value of a cell as a number; true is 1.
fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(value),
        Cell::Boolean(value) => Some(f64::from(u8::from(value))),
        Cell::Moment(moment) => Some(moment as f64),
        Cell::Null
        | Cell::Text(_)
        | Cell::Vector(_)
        | Cell::Halves(_)
        | Cell::SparseVector(_)
        | Cell::Terms(_) => None,
    }
}

impl AttributeEncoder {
    /// Learns levels and bins from all rows of `table`.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn fit(table: &Table, observer: &dyn Observer) -> Result<Self> {
        let columns = table.columns().par_iter();
        let learned: Vec<_> =
            columns.map(|column| EncodedColumn::fit(column, observer)).collect::<Result<_>>()?;
        let mut encoder = Self { columns: Vec::new(), left_out: Vec::new() };
        for (column, learned) in table.columns().iter().zip(learned) {
            match learned {
                Ok(learned) => encoder.columns.push(learned),
                Err(reason) => encoder.left_out.push(LeftOut { name: column.name.clone(), reason }),
            }
        }
        Ok(encoder)
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.columns.iter().map(EncodedColumn::features).sum()
    }

    /// The names of the columns that have features.
    pub fn reads(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The columns that have features with their ranges of features, in order.
    pub fn blocks(&self) -> Vec<(&str, Range<usize>)> {
        let mut end = 0;
        let mut next = |column: &'_ EncodedColumn| {
            let start = end;
            end += column.features();
            start..end
        };
        self.columns.iter().map(|column| (column.name.as_str(), next(column))).collect()
    }

    /// The columns without features, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Encodes all rows of a table. Columns are matched by name: a missing one is null in every row, an unknown one is
    /// ignored.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column has another type than during training,
    /// [`EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<Attributes> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for learned in &self.columns {
            let column = table.column(&learned.name);
            if column.is_some_and(|column| column.kind() != learned.kind) {
                let reason = format!(
                    "does not have the type that it had during the training: {}",
                    learned.kind.takes()
                );
                return Err(EngineError::Column { column: learned.name.clone(), reason });
            }
            columns.push(column);
        }
        let (mut starts, mut features) = (vec![0], Vec::new());
        for row in 0..table.rows() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            features
                .extend(self.write(columns.iter().map(|column| column.map_or(Cell::Null, |c| c.cell(row)))));
            starts.push(features.len());
        }
        let values = vec![1.0; features.len()];
        let features = SparseRows::new(self.features(), starts, features, values)?;
        let columns = self.blocks().into_iter().map(|(_, features)| features).collect();
        Ok(Attributes { features, columns })
    }

    /// Encodes one row given as JSON, with the same result as [`Self::encode`]. Returns its features in ascending
    /// order. Columns that are not given are null; columns without features are accepted and ignored.
    ///
    /// # Errors
    /// All problems at once: values of the wrong type, and unknown names.
    pub fn encode_row(&self, row: &Map<String, Value>) -> std::result::Result<Vec<u32>, Vec<RowProblem>> {
        let expected = self.columns.iter().map(|c| Expected {
            name: &c.name,
            kind: c.kind,
            dimensions: 1,
            levels: &c.levels,
        });
        let cells = read_cells(row, &expected.collect::<Vec<_>>(), &self.left_out)?;
        Ok(self.write(cells.iter().map(|cell| cell.cell())).collect())
    }

    /// The features of a row, from one cell per encoded column.
    fn write<'a>(&'a self, cells: impl Iterator<Item = Cell<'a>>) -> impl Iterator<Item = u32> {
        let mut first = 0;
        self.columns.iter().zip(cells).filter_map(move |(column, cell)| {
            let feature = column.feature(cell).map(|feature| (first + feature) as u32);
            first += column.features();
            feature
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::ColumnBuilder;
    use crate::observer::Silent;
    use serde_json::json;

    fn table() -> Table {
        let column = |name: &str, kind, cells: &[Cell<'_>]| {
            let mut builder = ColumnBuilder::new(name, kind);
            cells.iter().for_each(|&cell| builder.push(cell).unwrap());
            builder.finish()
        };
        let (text, number, flag) = (Cell::Text, Cell::Number, Cell::Boolean);
        let columns = vec![
            column("job", ColumnKind::Category, &[text("b"), text("a"), Cell::Null, text("b")]),
            column("age", ColumnKind::Number, &[number(30.0), number(10.0), number(20.0), Cell::Null]),
            column("vip", ColumnKind::Boolean, &[flag(true), flag(false), flag(true), flag(false)]),
            column("same", ColumnKind::Number, &[number(1.0), number(1.0), Cell::Null, number(1.0)]),
            column("since", ColumnKind::Moment, &[Cell::Moment(0), Cell::Moment(5), Cell::Null, Cell::Null]),
            column("taste", ColumnKind::Vector, &[Cell::Vector(&[1.0]), Cell::Null, Cell::Null, Cell::Null]),
        ];
        Table::new(4, columns).unwrap()
    }

    #[test]
    fn levels_and_bins_are_features_and_null_is_none() {
        let table = table();
        let encoder = AttributeEncoder::fit(&table, &Silent).unwrap();
        assert_eq!(encoder.reads(), ["job", "age", "vip", "since"]);
        assert_eq!(
            encoder.left_out().iter().map(|left| left.name.as_str()).collect::<Vec<_>>(),
            ["same", "taste"]
        );
        let attributes = encoder.encode(&table, &Silent).unwrap();
        assert_eq!(attributes.columns, [0..2, 2..5, 5..7, 7..9]);
        assert_eq!(encoder.features(), 9);
        let rows: Vec<&[u32]> = (0..4).map(|row| attributes.row(row)).collect();
        assert_eq!(rows, [&[1, 4, 6, 7][..], &[0, 2, 5, 8], &[3, 6], &[1, 5]]);
    }

    #[test]
    fn a_row_from_json_has_the_features_of_the_same_row_in_a_table() {
        let table = table();
        let learned = AttributeEncoder::fit(&table, &Silent).unwrap();
        let encoder: AttributeEncoder =
            serde_json::from_str(&serde_json::to_string(&learned).unwrap()).unwrap();
        assert_eq!(encoder, learned);
        let row = |row: Value| encoder.encode_row(row.as_object().unwrap());
        let first =
            json!({"job": "b", "age": 30, "vip": true, "since": "2000-01-01", "taste": [1.0], "same": 2});
        assert_eq!(row(first).unwrap(), encoder.encode(&table, &Silent).unwrap().row(0));
        assert_eq!(row(json!({})).unwrap(), [0u32; 0]);
        assert_eq!(row(json!({"job": "never met", "age": -1e9})).unwrap(), [2]);
        let problems = row(json!({"age": "old", "jop": "a"})).unwrap_err();
        assert_eq!(problems[0].hint, "\"age\" must be a number.");
        assert_eq!(problems[1].hint, "Did you mean \"job\"?");
    }

    #[test]
    fn a_missing_column_is_null_and_one_of_another_kind_is_refused() {
        let encoder = AttributeEncoder::fit(&table(), &Silent).unwrap();
        let few = encoder.encode(&Table::of_rows(2), &Silent).unwrap();
        assert_eq!((few.rows(), few.row(1).len()), (2, 0));
        let wrong = Table::new(1, vec![Column::numbers("job", vec![1.0])]).unwrap();
        let error = encoder.encode(&wrong, &Silent).unwrap_err().to_string();
        assert_eq!(error, "column \"job\" does not have the type that it had during the training: a text");
    }
}
