//! Items that come after a training: what a version keeps to describe them as it describes the new items of its training.

use super::factor_map::FactorMap;
use super::nearest::ContentIndex;
use super::new_items::{ColdItems, own_weights};
use crate::error::{EngineError, Result};
use crate::features::{ItemEncoder, Table};
use crate::interactions::SparseRows;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::scorers::method::NewItemShares;
use serde::{Deserialize, Serialize};

/// Encodes items, and maps what is known about them to factors, as a training has learned it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaterItems {
    /// Turns rows of the table of items into vectors.
    encoder: ItemEncoder,
    /// Maps vectors to factors.
    map: FactorMap,
    /// The factor applied to the scores of new items.
    boost: f32,
}

/// Later items as the scorers of a version see them.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedItems {
    /// The rows of the table that say something; the other fields have one row for each of these.
    pub rows: Vec<u32>,
    /// The boosted factors, items × k.
    pub factors: Matrix,
    /// The shares of the items that they resemble (items × items of the version), each row with sum 1 or empty.
    pub shares: SparseRows,
    /// What each item of the version adds to itself in a history.
    pub own_weights: Vec<f32>,
    /// The factor applied to their scores.
    boost: f32,
}

impl LaterItems {
    /// Keeps what a training has learned.
    pub fn new(encoder: ItemEncoder, map: FactorMap, boost: f32) -> Self {
        Self { encoder, map, boost }
    }

    /// The names of the columns of items that it reads.
    pub fn reads(&self) -> Vec<String> {
        self.encoder.reads()
    }

    /// The names of the columns that it reads as texts.
    pub fn reads_as_text(&self) -> Vec<String> {
        self.encoder.reads_as_text()
    }

    /// Describes later items by those of the version: `known` has a row for each item of the version, null where the
    /// table has none any more, and `users` the number of users of each.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than at the training, [`EngineError::Shape`] if the known
    /// items are not those that are counted, [`EngineError::Cancelled`].
    pub fn describe(
        &self,
        later: &Table,
        known: &Table,
        users: &[u32],
        observer: &dyn Observer,
    ) -> Result<DescribedItems> {
        if known.rows() != users.len() {
            let (what, found) = ("rows of items of a version", known.rows());
            return Err(EngineError::Shape { what, expected: users.len(), found });
        }
        let encoded = self.encoder.encode(later, observer)?;
        let rows: Vec<u32> =
            (0..encoded.rows() as u32).filter(|&row| encoded.is_known(row as usize)).collect();
        let encoded = encoded.select(&rows, observer)?;
        let warm = self.encoder.encode(known, observer)?;
        let index = ContentIndex::new(&warm, |item| users[item as usize] > 0, observer)?;
        let ColdItems { mut factors, shares } = ColdItems::new(&encoded, &self.map, &index, users, observer)?;
        factors.data_mut().iter_mut().for_each(|factor| *factor *= self.boost);
        Ok(DescribedItems { rows, factors, shares, own_weights: own_weights(users), boost: self.boost })
    }

    /// Encodes it for storage.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: "new items" })
    }

    /// Decodes what [`Self::to_bytes`] encoded; `None` if the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl DescribedItems {
    /// As targets of weights between items, under these numbers.
    pub fn as_targets<'a>(&'a self, items: &'a [u32]) -> NewItemShares<'a> {
        NewItemShares { items, shares: &self.shares, own_weights: &self.own_weights, boost: self.boost }
    }
}
