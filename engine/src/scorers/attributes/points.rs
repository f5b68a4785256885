//! The attributes of users as numbers: 0 or 1 for each level of a category or boolean and each quantile bin of a number
//! or moment, so that a taste need not rise or fall with age, and besides the bins the number itself.

use crate::error::{EngineError, Result};
use crate::features::{Column, ColumnKind, Encoder, EncoderSettings, LeftOut, Table, Values};
use crate::matrix::Matrix;
use crate::observer::{Observer, Silent};
use crate::scorers::ratings::AttributeEncoder;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;
/// The most dimensions of a number: ten bins, the number itself, and whether it is null.
const OF_NUMBER: usize = 12;

/// Encodes a table of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributePoints {
    levels: AttributeEncoder,
    numbers: Encoder,
    left_out: Vec<LeftOut>,
}

/// The columns of a table that `keep` accepts.
fn columns(table: &Table, keep: impl Fn(&Column) -> bool) -> Result<Table> {
    Table::new(table.rows(), table.columns().iter().filter(|column| keep(column)).cloned().collect())
}

/// The columns that are numbers themselves.
fn numbers(table: &Table) -> Result<Table> {
    columns(table, |column| !matches!(column.kind(), ColumnKind::Category))
}

impl AttributePoints {
    /// Learns levels, bins and scales from all rows. Columns that users are not segmented by, such as ids, are left out.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn fit(table: &Table, settings: &EncoderSettings, observer: &dyn Observer) -> Result<Self> {
        let useful = Encoder::fit(table, settings, observer)?;
        let read = useful.reads();
        let table = columns(table, |column| read.contains(&column.name))?;
        let levels = AttributeEncoder::fit(&table, observer)?;
        let numbers = Encoder::fit(&numbers(&table)?, settings, observer)?;
        Ok(Self { levels, numbers, left_out: useful.left_out().to_vec() })
    }

    /// The columns that are of no use as levels, bins or numbers, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The names of the columns that it reads.
    pub fn reads(&self) -> Vec<String> {
        let mut names = [self.levels.reads(), self.numbers.reads()].concat();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// a, the number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.levels.features() + self.numbers.dimensions()
    }

    /// An upper limit of a for a table.
    pub fn most_dimensions(table: &Table) -> usize {
        let of_column = |column: &Column| match &column.values {
            Values::Category { levels, .. } => levels.len(),
            Values::Vector { dimensions, .. } => dimensions + 1,
            _ => OF_NUMBER,
        };
        table.columns().iter().map(of_column).sum()
    }

    /// The columns with their ranges of dimensions; a number has two, its bins and itself.
    pub fn blocks(&self) -> Vec<(&str, Range<usize>)> {
        let first = self.levels.features();
        let numbers = self.numbers.blocks().into_iter();
        let numbers = numbers.map(|(name, own)| (name, first + own.start..first + own.end));
        self.levels.blocks().into_iter().chain(numbers).collect()
    }

    /// Encodes every row, rows × a. Columns are matched by name; a missing one is null in every row.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than the one learned from,
    /// [`EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<Matrix> {
        let levels = self.levels.encode(table, observer)?;
        let numbers = self.numbers.encode(table, observer)?;
        let first = self.levels.features();
        let mut points = Matrix::zeros(table.rows(), self.dimensions());
        for row in 0..points.rows() {
            if row.is_multiple_of(ROWS) {
                observer.check()?;
            }
            let point = points.row_mut(row);
            levels.row(row).iter().for_each(|&level| point[level as usize] = 1.0);
            point[first..].copy_from_slice(numbers.row(row));
        }
        Ok(points)
    }

    /// Encodes the first row of a table on the calling thread. A column that is missing or of another kind than the one
    /// learned from is null.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn encode_first(&self, table: Table) -> Result<Vec<f32>> {
        let mut table = table;
        loop {
            match self.first(&table) {
                Err(EngineError::Column { column: refused, .. }) if table.column(&refused).is_some() => {
                    table = columns(&table, |column| column.name != refused)?;
                }
                point => return point,
            }
        }
    }

    fn first(&self, table: &Table) -> Result<Vec<f32>> {
        let levels = self.levels.encode(table, &Silent)?;
        let (mut point, first) = (vec![0.0; self.dimensions()], self.levels.features());
        levels.row(0).iter().for_each(|&level| point[level as usize] = 1.0);
        self.numbers.encode_first(table, &mut point[first..])?;
        Ok(point)
    }
}
