//! What is known about users or items besides ratings, as sparse features: one for every level of a
//! category and of a boolean, one for every quantile bin of a number or a moment. Null has none.

use crate::error::Result;
use crate::features::{ColumnKind, LeftOut, RowProblem, Table};
use crate::interactions::SparseRows;
use crate::observer::Observer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Sparse features: rows × features, every value 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    pub(super) rows: SparseRows,
}

/// Turns rows of a table into features. Learned once, at training, and kept with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeEncoder {
    columns: Vec<EncodedColumn>,
    left_out: Vec<LeftOut>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EncodedColumn {
    name: String,
    kind: ColumnKind,
}

impl AttributeEncoder {
    /// Learns levels and bins from all rows of a table.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn fit(table: &Table, observer: &dyn Observer) -> Result<Self> {
        let _ = table;
        observer.check()?;
        Ok(Self { columns: Vec::new(), left_out: Vec::new() })
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        0
    }

    /// A name for every feature: "country = FR", "18 <= age < 24", …
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The columns that it reads.
    pub fn reads(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The columns that have no features.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The features of every row of a table. Columns are found by their names; one that is missing is null
    /// in every row, one that is not known is not looked at.
    ///
    /// # Errors
    /// [`crate::EngineError::Column`] where a column is of another kind than the one learned from,
    /// [`crate::EngineError::Cancelled`].
    pub fn encode(&self, table: &Table, observer: &dyn Observer) -> Result<Attributes> {
        observer.check()?;
        Ok(Attributes { rows: SparseRows::new(0, vec![0; table.rows() + 1], Vec::new(), Vec::new())? })
    }

    /// The features of one row, from JSON, ascending: the same as [`Self::encode`] gives for it in a table.
    ///
    /// # Errors
    /// All problems: values of another kind than the column's, unknown names.
    pub fn encode_row(&self, row: &Map<String, Value>) -> std::result::Result<Vec<u32>, Vec<RowProblem>> {
        let _ = row;
        Ok(Vec::new())
    }
}
