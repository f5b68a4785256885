//! The attributes of users as numbers: 0 or 1 for each level of a category or boolean and each quantile bin of a number
//! or moment, so that a taste need not rise or fall with age, and besides the bins the number itself.

use crate::error::Result;
use crate::features::{ColumnKind, Encoder, EncoderSettings, LeftOut, Table};
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::scorers::ratings::AttributeEncoder;
use serde::{Deserialize, Serialize};

/// Rows between two checks for cancellation.
const ROWS: usize = 1_024;

/// Encodes a table of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributePoints {
    levels: AttributeEncoder,
    numbers: Encoder,
}

/// The columns that are numbers themselves.
fn numbers(table: &Table) -> Result<Table> {
    let is_number = |kind| matches!(kind, ColumnKind::Number | ColumnKind::Moment | ColumnKind::Vector);
    let columns = table.columns().iter().filter(|column| is_number(column.kind())).cloned();
    Table::new(table.rows(), columns.collect())
}

impl AttributePoints {
    /// Learns levels, bins and scales from all rows.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn fit(table: &Table, settings: &EncoderSettings, observer: &dyn Observer) -> Result<Self> {
        let levels = AttributeEncoder::fit(table, observer)?;
        Ok(Self { levels, numbers: Encoder::fit(&numbers(table)?, settings, observer)? })
    }

    /// The columns that are of no use as levels, bins or numbers, and why.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let used = self.numbers.reads();
        let unused = self.levels.left_out().iter().filter(|column| !used.contains(&column.name));
        unused.cloned().collect()
    }

    /// a, the number of columns.
    pub fn dimensions(&self) -> usize {
        self.levels.features() + self.numbers.dimensions()
    }

    /// Encodes every row, rows × a. Columns are matched by name; a missing one is null in every row.
    ///
    /// # Errors
    /// [`crate::EngineError::Column`] if a column is of another kind than the one learned from,
    /// [`crate::EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<Matrix> {
        let levels = self.levels.encode(table, observer)?;
        let numbers = self.numbers.encode(&numbers(table)?, observer)?;
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
}
