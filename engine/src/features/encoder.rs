//! Rows of a table as points. An [`Encoder`] is learned once, at training, and kept as JSON with the
//! model: users who come later land in the same space. Learning sorts every column of numbers, O(n
//! log n), columns in parallel; encoding costs O(dimensions) a row.
//!
//! The order of the rows does not matter to the encoder, but for the last bits of the centre of
//! vectors.

use super::feature::Feature;
use super::scaling::Scale;
use super::table::{Cell, Column, Table, Values};
use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How an encoder is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderSettings {
    /// What numbers are measured in.
    pub scale: Scale,
    /// Levels in a smaller share of rows are joined into "other".
    pub rare: f64,
    /// At most this many levels stay, the commonest.
    pub most_levels: usize,
    /// Moments become ages in days at this time, in microseconds since 2000.
    pub as_of: i64,
}

impl EncoderSettings {
    /// One percent of rows and 20 levels: what is rarer makes no segment, and what is more makes no
    /// profile that a person reads.
    pub fn at(as_of: i64) -> Self {
        Self { scale: Scale::Standard, rare: 0.01, most_levels: 20, as_of }
    }
}

/// A column that is no feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The column.
    pub name: String,
    /// Why, as the end of a sentence about it.
    pub reason: String,
}

/// Turns rows into points. Every column is a block of dimensions with a total variance of 1 over the
/// rows it was learned from, and moves a point by [`super::scaling::FURTHEST`] at most; a column with
/// so few different values that this limit holds them all keeps less, and [`Scale::Robust`] gives the
/// variance 1 to the bulk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    pub(super) as_of: i64,
    pub(super) features: Vec<Feature>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Rows of a task.
const ROWS: usize = 256;

impl Encoder {
    /// Learns from all rows of a table.
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

    /// The columns that are no features.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Number of dimensions of a point; 0 where no column is a feature.
    pub fn dimensions(&self) -> usize {
        self.features.iter().map(Feature::dimensions).sum()
    }

    /// A name for every dimension: "age", "age is null", "country = FR", "embedding\[1\]", …
    pub fn names(&self) -> Vec<String> {
        self.features.iter().flat_map(Feature::names).collect()
    }

    /// A point for every row, rows × dimensions. Columns are found by their names; one that is
    /// missing is null in every row, one that is not known is not looked at.
    ///
    /// # Errors
    /// [`EngineError::Column`] where a column is of another kind than the one learned from,
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

    /// Fills a point from one cell for every feature.
    pub(super) fn write<'a>(&self, cells: impl Iterator<Item = Cell<'a>>, mut point: &mut [f32]) {
        for (feature, cell) in self.features.iter().zip(cells) {
            let (block, rest) = point.split_at_mut(feature.dimensions());
            feature.write(cell, self.as_of, block);
            point = rest;
        }
    }

    /// The distribution of every column over the rows it was learned from: the shares of at most ten
    /// quantile bins, or of the common levels and all others; the share of null comes last.
    pub fn fitted_shares(&self) -> Vec<(String, Vec<f64>)> {
        self.features.iter().map(|feature| (feature.name.clone(), feature.shares.clone())).collect()
    }

    /// The distribution of the rows of another table over the same bins, in the same order.
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

    /// The table's column for every feature.
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
            let reason = format!("does not hold what it held at training: {}", feature.takes());
            Err(EngineError::Column { column: column.name.clone(), reason })
        };
        self.features.iter().map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scaling::FURTHEST;
    use super::super::table::{ColumnBuilder, ColumnKind, DAY};
    use super::*;
    use crate::observer::Silent;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

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

    /// The sum over dimensions of the variance over rows.
    fn variance(points: &Matrix, dimensions: std::ops::Range<usize>) -> f64 {
        let rows = points.rows() as f64;
        let of_dimension = |d: usize| {
            let values = || (0..points.rows()).map(move |row| f64::from(points.row(row)[d]));
            let mean = values().sum::<f64>() / rows;
            values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows
        };
        dimensions.map(of_dimension).sum()
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
            (texts(&ids), "has more than 1000 distinct values: ids are no features"),
            (texts(&names), "has no value in 1 % of rows or more"),
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
        assert!((variance(&encoder.encode(&table, &Silent).unwrap(), 0..1) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_column_of_another_kind_is_refused_and_a_missing_one_is_null() {
        let numbers = one(Column::numbers("x", vec![1.0, 2.0]));
        let encoder = fit(&numbers);
        let texts = one(column("x", ColumnKind::Category, &[Cell::Text("1")]));
        assert_eq!(
            encoder.encode(&texts, &Silent).unwrap_err().to_string(),
            "column \"x\" does not hold what it held at training: a number"
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

    #[derive(Clone, Debug)]
    struct Row {
        number: Option<f64>,
        boolean: Option<bool>,
        text: Option<String>,
        moment: Option<i64>,
        vector: Option<[f32; 3]>,
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let number = prop_oneof![
            4 => -3i32..3,
            1 => Just(1_000),
            1 => Just(-1_000),
        ];
        let number = prop_oneof![
            5 => number.prop_map(f64::from),
            3 => -1.0f64..1.0,
            1 => prop::sample::select(vec![1e300, -1e300, f64::MAX, 1e-300, f64::INFINITY, f64::NAN]),
        ];
        let vector = prop::array::uniform3(prop_oneof![
            5 => -1.0f32..1.0,
            1 => prop::sample::select(vec![0.0, f32::MAX, f32::MIN, 1e-40, f32::INFINITY]),
        ]);
        let row = (
            prop::option::of(number),
            prop::option::of(any::<bool>()),
            prop::option::of("[a-e]"),
            prop::option::of(-DAY * 100..DAY * 100),
            prop::option::of(vector),
        );
        let row = row.prop_map(|(number, boolean, text, moment, vector)| Row {
            number,
            boolean,
            text,
            moment,
            vector,
        });
        // Up to 60 rows no value can be 8 deviations from the mean: every variance is exactly 1.
        (prop::collection::vec(row, 0..60), any::<bool>()).prop_map(|(mut rows, equal)| {
            if let (true, Some(first)) = (equal, rows.first().cloned()) {
                rows.fill(first);
            }
            rows
        })
    }

    fn table(rows: &[Row]) -> Table {
        use ColumnKind::{Boolean, Category, Moment, Number, Vector};
        let of = |name: &str, kind, cell: &dyn Fn(&Row) -> Option<Cell<'_>>| {
            let mut builder = ColumnBuilder::new(name, kind);
            rows.iter().for_each(|row| builder.push(cell(row).unwrap_or(Cell::Null)).unwrap());
            builder.finish()
        };
        let columns = vec![
            of("number", Number, &|row| row.number.map(Cell::Number)),
            of("boolean", Boolean, &|row| row.boolean.map(Cell::Boolean)),
            of("text", Category, &|row| row.text.as_deref().map(Cell::Text)),
            of("moment", Moment, &|row| row.moment.map(Cell::Moment)),
            of("vector", Vector, &|row| row.vector.as_ref().map(|vector| Cell::Vector(vector))),
        ];
        Table::new(rows.len(), columns).unwrap()
    }

    fn json_row(row: &Row) -> Map<String, Value> {
        let moment = |moment: i64| jiff::Timestamp::from_microsecond(moment + 946_684_800_000_000).unwrap();
        let finite = |vector: &[f32; 3]| vector.iter().all(|x| x.is_finite());
        let row = json!({
            "number": row.number,
            "boolean": row.boolean,
            "text": row.text,
            "moment": row.moment.map(|m| moment(m).to_string()),
            "vector": row.vector.filter(finite),
        });
        row.as_object().unwrap().clone()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is in a table, its points are finite and bounded, every column has variance 1,
        /// the encoder reads back from JSON as it was, and a single row gives the row of the table.
        #[test]
        fn any_table_becomes_points(rows in rows(), robust in any::<bool>()) {
            let table = table(&rows);
            let scale = if robust { Scale::Robust } else { Scale::Standard };
            let settings = EncoderSettings { scale, ..EncoderSettings::at(DAY) };
            let encoder = Encoder::fit(&table, &settings, &Silent).unwrap();
            prop_assert_eq!(encoder.features.len() + encoder.left_out.len(), 5);
            prop_assert_eq!(encoder.names().len(), encoder.dimensions());
            let points = encoder.encode(&table, &Silent).unwrap();
            let mut start = 0;
            for feature in &encoder.features {
                let block = start..start + feature.dimensions();
                for row in 0..points.rows() {
                    let length = crate::linalg::vector::norm(&points.row(row)[block.clone()]);
                    prop_assert!(f64::from(length) <= FURTHEST + 1e-4, "{} {length}", feature.name);
                }
                let variance = variance(&points, block.clone());
                prop_assert!(robust || (variance - 1.0).abs() < 1e-3, "{feature:?} {variance}");
                start = block.end;
            }
            let again: Encoder = serde_json::from_str(&serde_json::to_string(&encoder).unwrap()).unwrap();
            prop_assert_eq!(&again, &encoder);
            for (number, row) in rows.iter().enumerate().filter(|_| encoder.dimensions() > 0) {
                prop_assert_eq!(&again.encode_row(&json_row(row)).unwrap(), points.row(number));
            }
            prop_assert_eq!(encoder.shares(&table, &Silent).unwrap(), encoder.fitted_shares());
        }

        /// Only the vectors' centre is summed in the order of the rows.
        #[test]
        fn the_order_of_rows_does_not_matter(rows in rows()) {
            let without_vectors = |rows: &[Row]| {
                let rows: Vec<Row> = rows.iter().map(|row| Row { vector: None, ..row.clone() }).collect();
                fit(&table(&rows))
            };
            let backward: Vec<Row> = rows.iter().rev().cloned().collect();
            prop_assert_eq!(without_vectors(&rows), without_vectors(&backward));
        }
    }
}
