//! Items that come after a training: what a version keeps to describe them as it describes the new items of its training.

use super::factor_map::FactorMap;
use super::method::NEAREST;
use super::nearest::ContentIndex;
use super::new_items::{ColdItems, neighbour_shares, own_weights};
use crate::error::{EngineError, Result};
use crate::features::{EncodedItems, ItemEncoder, Table};
use crate::interactions::SparseRows;
use crate::linalg::product::row_scores;
use crate::linalg::vector::norm;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use crate::scorers::neighbours::strongest::{Weighted, keep_strongest, sparse_rows};
use crate::scorers::new_items::DescribedItems;
use serde::{Deserialize, Serialize};

/// Maps what is known about items to factors, as a training has learned it. The encoder that turns rows of the table of
/// items into vectors is stored beside it, and given to its methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemDescriber {
    /// Maps vectors to factors.
    map: FactorMap,
    /// The factor applied to the scores of new items.
    boost: f32,
    /// The number of users of each item of the training.
    users: Vec<u32>,
}

impl ItemDescriber {
    /// Keeps what a training has learned from items with these numbers of users.
    pub fn new(map: FactorMap, boost: f32, users: Vec<u32>) -> Self {
        Self { map, boost, users }
    }

    /// Describes later items by those of the version that are most like them: `known` has a row for each item of the
    /// version, those added after the training last, null where the table has none any more. Returns the rows of which
    /// anything is known, and these items.
    ///
    /// # Errors
    /// [`EngineError::Column`] if a column is of another kind than at the training, [`EngineError::Shape`],
    /// [`EngineError::Cancelled`].
    pub fn describe(
        &self,
        encoder: &ItemEncoder,
        later: &Table,
        known: &Table,
        observer: &dyn Observer,
    ) -> Result<(Vec<u32>, DescribedItems)> {
        let (rows, encoded) = encoded(encoder, later, observer)?;
        let users = &self.users_of(known.rows());
        let warm = encoder.encode(known, observer)?;
        let index = ContentIndex::new(&warm, |item| users[item as usize] > 0, observer)?;
        let ColdItems { factors, shares } = ColdItems::new(&encoded, &self.map, &index, users, observer)?;
        Ok((rows, self.items(factors, shares, users)))
    }

    /// Like [`Self::describe`], of items whose vectors are known, but without those of the other items: the items that are most like a new one are those
    /// whose factors point in the direction of its own. `factors` are those of the items of the version, items × k; a
    /// new item takes 2·items·k flops.
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Cancelled`].
    pub fn describe_by_factors(
        &self,
        later: &[EncodedItems],
        factors: Rows<'_>,
        observer: &dyn Observer,
    ) -> Result<DescribedItems> {
        let (mut own, users) = (Vec::new(), &self.users_of(factors.rows()));
        for items in later {
            own.extend_from_slice(self.map.item_factors(items, observer)?.data());
        }
        let own = Matrix::from_data(factors.columns(), own)?;
        let norms: Vec<f32> = (0..factors.rows()).map(|item| norm(factors.row(item))).collect();
        let mut products = vec![0.0f32; factors.rows()];
        let mut nearest = Vec::with_capacity(own.rows());
        for row in 0..own.rows() {
            observer.check()?;
            row_scores(own.row(row), factors, &mut products);
            let length = norm(own.row(row));
            let cosines = products.iter().zip(&norms).map(|(product, norm)| product / (length * norm));
            let known =
                (0..).zip(cosines).filter(|(item, cosine)| users[*item as usize] > 0 && *cosine > 0.0);
            let mut known: Vec<Weighted> = known.collect();
            keep_strongest(&mut known, NEAREST);
            nearest.push(known);
        }
        let shares = neighbour_shares(&sparse_rows(nearest, factors.rows())?, users)?;
        Ok(self.items(own, shares, users))
    }

    /// No items, as scorers of `items` items with k factors see them.
    ///
    /// # Errors
    /// [`EngineError::Shape`]: never.
    pub fn nothing(&self, items: usize, k: usize) -> Result<DescribedItems> {
        let shares = SparseRows::new(items, vec![0], Vec::new(), Vec::new())?;
        Ok(self.items(Matrix::zeros(0, k), shares, &self.users_of(items)))
    }

    /// The number of users of each of so many items; those that were added after the training have none.
    fn users_of(&self, items: usize) -> Vec<u32> {
        let mut users = self.users.clone();
        users.resize(items, 0);
        users
    }

    fn items(&self, mut factors: Matrix, shares: SparseRows, users: &[u32]) -> DescribedItems {
        factors.data_mut().iter_mut().for_each(|factor| *factor *= self.boost);
        DescribedItems { factors, shares, own_weights: own_weights(users), boost: self.boost }
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

/// The rows of which anything is known, and their vectors.
fn encoded(
    encoder: &ItemEncoder,
    table: &Table,
    observer: &dyn Observer,
) -> Result<(Vec<u32>, EncodedItems)> {
    let encoded = encoder.encode(table, observer)?;
    let rows: Vec<u32> = (0..encoded.rows() as u32).filter(|&row| encoded.is_known(row as usize)).collect();
    let encoded = encoded.select(&rows, observer)?;
    Ok((rows, encoded))
}
