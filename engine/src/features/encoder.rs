//! Encodes rows of a table as points. An [`Encoder`] is learned during training and stored with the model as JSON, so
//! that later users are mapped into the same space. Learning sorts every numeric column, in O(n log n) and in parallel;
//! encoding takes O(dimensions) per row.
//!
//! The encoder does not depend on the order of the rows, except for the last bits of the centre of vectors.

use super::encoder_settings::EncoderSettings;
use super::feature::Feature;
use super::table::{Cell, Column, Table, Values};
use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A column that is not used as a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The name of the column.
    pub name: String,
    /// The reason, worded as the end of a sentence.
    pub reason: String,
}

/// Turns rows into points. Every column becomes a block of dimensions with a total variance of 1 over the rows it was
/// learned from, and moves a point by at most [`super::scaling::FURTHEST`]. The variance is smaller if a column has so
/// few distinct values that this limit clips them all; [`super::Scale::Robust`] gives variance 1 to the bulk only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    pub(super) as_of: i64,
    pub(super) features: Vec<Feature>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Rows per task.
const ROWS: usize = 256;

impl Encoder {
    /// Learns an encoder from all rows of a table.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn fit(table: &Table, settings: &EncoderSettings, observer: &dyn Observer) -> Result<Self> {
        let columns = table.columns().par_iter();
        let learned: Vec<_> =
            columns.map(|column| Feature::fit(column, settings, observer)).collect::<Result<_>>()?;
        let mut encoder = Self { as_of: settings.as_of, features: Vec::new(), left_out: Vec::new() };
        for (column, learned) in table.columns().iter().zip(learned) {
            match learned {
                Ok(feature) => encoder.features.push(feature),
                Err(reason) => encoder.left_out.push(LeftOut { name: column.name.clone(), reason }),
            }
        }
        Ok(encoder)
    }

    /// The columns that are not used as features, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The number of dimensions of a point; 0 if no column is a feature.
    pub fn dimensions(&self) -> usize {
        self.features.iter().map(Feature::dimensions).sum()
    }

    /// The source columns with their ranges of dimensions, in order.
    pub fn blocks(&self) -> Vec<(&str, Range<usize>)> {
        let mut end = 0;
        let block = |feature: &'_ Feature| {
            let start = end;
            end += feature.dimensions();
            start..end
        };
        self.features.iter().map(|f| f.name.as_str()).zip(self.features.iter().map(block)).collect()
    }

    /// The names of the columns that it reads.
    pub fn reads(&self) -> Vec<String> {
        self.features.iter().map(|feature| feature.name.clone()).collect()
    }

    /// A name for every dimension: "age", "age is null", "country = FR", "embedding\[1\]", …
    pub fn names(&self) -> Vec<String> {
        self.features.iter().flat_map(Feature::names).collect()
    }

    /// Encodes every row as a point, rows × dimensions. Columns are matched by name: a missing one is null in every
    /// row, an unknown one is ignored.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than the one learned from,
    /// [`EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<Matrix> {
        let columns = self.columns(table)?;
        let dimensions = self.dimensions();
        let mut points = Matrix::zeros(table.rows(), dimensions);
        points.data_mut().par_chunks_mut(ROWS * dimensions.max(1)).enumerate().try_for_each(
            |(task, points)| {
                observer.check()?;
                for (n, point) in points.chunks_mut(dimensions.max(1)).enumerate() {
                    let row = task * ROWS + n;
                    self.write(columns.iter().map(|c| c.map_or(Cell::Null, |c| c.cell(row))), point);
                }
                Ok(())
            },
        )?;
        Ok(points)
    }

    /// Encodes the first row of a table into `point`, on the calling thread.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than the one learned from.
    pub fn encode_first(&self, table: &Table, point: &mut [f32]) -> Result<()> {
        let columns = self.columns(table)?;
        self.write(columns.iter().map(|column| column.map_or(Cell::Null, |column| column.cell(0))), point);
        Ok(())
    }

    /// Encodes one cell per feature into `point`.
    pub(super) fn write<'a>(&self, cells: impl Iterator<Item = Cell<'a>>, mut point: &mut [f32]) {
        for (feature, cell) in self.features.iter().zip(cells) {
            let (block, rest) = point.split_at_mut(feature.dimensions());
            feature.write(cell, self.as_of, block);
            point = rest;
        }
    }

    /// The distribution of every column over the rows it was learned from: the shares of at most ten quantile bins, or
    /// of the common levels and all others, followed by the share of null.
    pub fn fitted_shares(&self) -> Vec<(String, Vec<f64>)> {
        self.features.iter().map(|feature| (feature.name.clone(), feature.shares.clone())).collect()
    }

    /// The distribution of the rows of another table over the bins of [`Self::fitted_shares`], in the same order.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn shares(&self, table: &Table, observer: &dyn Observer) -> Result<Vec<(String, Vec<f64>)>> {
        let columns = self.columns(table)?;
        let features = self.features.par_iter().zip(columns);
        features
            .map(|(feature, column)| {
                let shares = feature.shares_of(column, table.rows(), self.as_of, observer)?;
                Ok((feature.name.clone(), shares))
            })
            .collect()
    }

    /// The table's column for each feature; `None` if it is missing.
    fn columns<'a>(&self, table: &'a Table) -> Result<Vec<Option<&'a Column>>> {
        let find = |feature: &Feature| {
            let Some(column) = table.column(&feature.name) else { return Ok(None) };
            let fits = match column.values {
                // A column without any vector has one dimension.
                Values::Vector { dimensions, .. } => {
                    let null = |row| column.cell(row) == Cell::Null;
                    feature.dimensions() == dimensions || (0..table.rows()).all(null)
                }
                _ => true,
            };
            if column.kind() == feature.kind && fits {
                return Ok(Some(column));
            }
            let reason =
                format!("does not have the type that it had during the training: {}", feature.takes());
            Err(EngineError::Column { column: column.name.clone(), reason })
        };
        self.features.iter().map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::builder::ColumnBuilder;
    use crate::features::table::{ColumnKind, DAY};
    use crate::observer::Silent;
    use serde_json::{Value, json};

    fn column(name: &str, kind: ColumnKind, cells: &[Cell<'_>]) -> Column {
        let mut builder = ColumnBuilder::new(name, kind);
        cells.iter().for_each(|&cell| builder.push(cell).unwrap());
        builder.finish()
    }

    fn one(column: Column) -> Table {
        Table::new(column.rows(), vec![column]).unwrap()
    }

    fn fit(table: &Table) -> Encoder {
        Encoder::fit(table, &EncoderSettings::at(DAY), &Silent).unwrap()
    }

    #[test]
    fn a_number_and_its_nulls_worked_out_by_hand() {
        let cells = [Cell::Number(1.0), Cell::Null, Cell::Number(3.0), Cell::Null];
        let table = one(column("n", ColumnKind::Number, &cells));
        let encoder = fit(&table);
        assert_eq!(encoder.names(), ["n", "n is null"]);
        // The value carries half of the variance, null the other half.
        let half = 0.5f32.sqrt();
        let points = encoder.encode(&table, &Silent).unwrap();
        assert_eq!(points.data(), [-1.0, -half, 0.0, half, 1.0, -half, 0.0, half]);
        assert_eq!(encoder.fitted_shares(), [("n".to_owned(), vec![0.25, 0.25, 0.5])]);
    }

    #[test]
    fn common_levels_have_dimensions_and_all_others_share_one() {
        let mut cells = vec![Cell::Text("b"); 500];
        cells.extend(vec![Cell::Text("a"); 485]);
        cells.extend([Cell::Text("rare"), Cell::Text("rarer"), Cell::Null, Cell::Null, Cell::Null]);
        let table = one(column("c", ColumnKind::Category, &cells));
        let encoder = fit(&table);
        assert_eq!(encoder.names(), ["c = a", "c = b", "c is other"]);
        let point = |value: Value| encoder.encode_row(json!({ "c": value }).as_object().unwrap()).unwrap();
        assert_eq!(point(json!("rare")), point(json!("never met")));
        assert_eq!(point(json!(null)), [0.0; 3], "too few to be a group");
        assert!(point(json!("a"))[0] > 0.5 && point(json!("a"))[1] < -0.5);
        let few = EncoderSettings { most_levels: 1, ..EncoderSettings::at(0) };
        let few = Encoder::fit(&table, &few, &Silent).unwrap();
        assert_eq!(few.names(), ["c = b", "c is other"]);
    }

    #[test]
    fn columns_that_tell_nothing_are_left_out_with_the_reason() {
        let ids: Vec<String> = (0..2_000).map(|n| format!("user {n}")).collect();
        let names: Vec<String> = (0..2_000).map(|n| format!("name {}", n % 500)).collect();
        let texts = |texts: &'_ [String]| -> Column {
            let cells: Vec<Cell<'_>> = texts.iter().map(|text| Cell::Text(text)).collect();
            column("x", ColumnKind::Category, &cells)
        };
        let mut seldom = vec![Cell::Null; 2_000];
        seldom[7] = Cell::Number(1.0);
        for (column, reason) in [
            (column("x", ColumnKind::Number, &[Cell::Number(0.1); 7]), "is the same in every row"),
            (column("x", ColumnKind::Category, &[Cell::Text("a"); 7]), "is the same in every row"),
            (column("x", ColumnKind::Vector, &[Cell::Vector(&[0.1, 0.2]); 7]), "is the same in every row"),
            (column("x", ColumnKind::Boolean, &[Cell::Null; 7]), "is null in every row"),
            (column("x", ColumnKind::Vector, &[Cell::Null; 7]), "is null in every row"),
            (column("x", ColumnKind::Number, &[]), "is null in every row"),
            (column("x", ColumnKind::Number, &seldom), "is null in all but 1 of 2000 rows"),
            (texts(&ids), "has more than 1000 distinct values, which suggests ids"),
            (texts(&names), "has no value that occurs in at least 1 % of the rows"),
        ] {
            let table = one(column);
            let encoder = fit(&table);
            assert_eq!(encoder.left_out(), [LeftOut { name: "x".to_owned(), reason: reason.to_owned() }]);
            assert_eq!(encoder.encode(&table, &Silent).unwrap().columns(), 0);
        }
    }

    #[test]
    fn a_flag_that_is_true_or_null_is_told_apart_by_null() {
        let cells = [Cell::Boolean(true), Cell::Null, Cell::Null];
        let table = one(column("vip", ColumnKind::Boolean, &cells));
        let encoder = fit(&table);
        assert_eq!(encoder.names(), ["vip is null"]);
        let points = encoder.encode(&table, &Silent).unwrap();
        let half = 0.5f32.sqrt();
        points.data().iter().zip([-2.0 * half, half, half]).for_each(|(x, y)| assert!((x - y).abs() < 1e-6));
    }

    #[test]
    fn a_column_of_another_kind_is_refused_and_a_missing_one_is_null() {
        let numbers = one(Column::numbers("x", vec![1.0, 2.0]));
        let encoder = fit(&numbers);
        let texts = one(column("x", ColumnKind::Category, &[Cell::Text("1")]));
        assert_eq!(
            encoder.encode(&texts, &Silent).unwrap_err().to_string(),
            "column \"x\" does not have the type that it had during the training: a number"
        );
        let other = one(Column::numbers("y", vec![1.0, 2.0, 3.0]));
        assert_eq!(encoder.encode(&other, &Silent).unwrap().data(), [0.0; 3]);
        assert_eq!(encoder.shares(&other, &Silent).unwrap()[0].1.last(), Some(&1.0));
        let vectors =
            one(column("v", ColumnKind::Vector, &[Cell::Vector(&[1.0, 2.0]), Cell::Vector(&[3.0, 0.0])]));
        let encoder = fit(&vectors);
        let narrow = one(column("v", ColumnKind::Vector, &[Cell::Vector(&[1.0])]));
        assert!(encoder.encode(&narrow, &Silent).unwrap_err().to_string().ends_with("an array of 2 numbers"));
        let none = one(column("v", ColumnKind::Vector, &[Cell::Null]));
        assert_eq!(encoder.encode(&none, &Silent).unwrap().data(), [0.0; 2]);
    }

    #[test]
    fn shares_move_with_the_data_and_only_with_it() {
        let numbers =
            |shift: f64| one(Column::numbers("x", (0..1_000).map(|n| f64::from(n) + shift).collect()));
        let encoder = fit(&numbers(0.0));
        let fitted = &encoder.fitted_shares()[0].1;
        assert_eq!(fitted, &[vec![0.1; 10], vec![0.0]].concat());
        assert_eq!(&encoder.shares(&numbers(0.0), &Silent).unwrap()[0].1, fitted);
        let shifted = &encoder.shares(&numbers(450.0), &Silent).unwrap()[0].1;
        assert_eq!((shifted[0], shifted[4], shifted[9]), (0.0, 0.05, 0.55));
    }
}
