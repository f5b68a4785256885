//! The representation of a user by a trained network.

use super::forward::{Packed, Pass};
use super::weights::SasrecNetwork;
use crate::error::{EngineError, Result};
use crate::matrix::Rows;

/// Memory that is kept from one user to the next.
#[derive(Debug, Default)]
pub struct SasrecScratch {
    pass: Pass,
}

impl SasrecNetwork {
    /// h: what the network makes of a user's items, newest last (d values). The score of an item is the product of
    /// (h, 1) with its row of `item_rows`, those of [`super::SasrecWeights::item_rows`]. Without items all values are 0,
    /// so that the biases alone decide.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if `item_rows` does not have d + 1 columns, or not enough rows.
    pub fn represent(
        &self,
        item_rows: Rows<'_>,
        items: &[u32],
        scratch: &mut SasrecScratch,
    ) -> Result<Vec<f32>> {
        let shape = self.shape();
        if item_rows.columns() != shape.width + 1 {
            let (expected, found) = (shape.width + 1, item_rows.columns());
            return Err(EngineError::Shape { what: "item rows of SASRec", expected, found });
        }
        let read = &items[items.len().saturating_sub(shape.window)..];
        match read.iter().max() {
            None => return Ok(vec![0.0; shape.width]),
            Some(&most) if most as usize >= item_rows.rows() => {
                let (expected, found) = (item_rows.rows(), most as usize + 1);
                return Err(EngineError::Shape { what: "items of SASRec", expected, found });
            }
            Some(_) => {}
        }
        let packed = Packed { inputs: read, lengths: &[read.len()] };
        scratch.pass.forward(self, item_rows, packed, None);
        let all = scratch.pass.representations();
        Ok(all[all.len() - shape.width..].to_vec())
    }
}
