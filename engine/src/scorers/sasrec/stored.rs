//! The network of a version.

use super::adapters::{self, of_segment};
use super::scorer::SasrecScorer;
use super::weights::SasrecNetwork;
use crate::error::{EngineError, Result};
use crate::matrix::Rows;
use crate::scorers::method::{Fitted, KnownUser, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::StoredSections;
use std::cell::RefCell;

/// The section with the vector and the bias of each item.
pub const ROWS: &str = "rows";
/// The section with the network.
pub const NETWORK: &str = "network";
/// The section with the adapters of segments.
pub const ADAPTERS: &str = "adapters";

/// The network of a version.
#[derive(Clone, Copy, Debug)]
pub struct StoredNetwork<'a> {
    network: &'a SasrecNetwork,
    rows: Rows<'a>,
    /// The networks of segments.
    adapted: &'a [Option<SasrecNetwork>],
}

impl<'a> StoredNetwork<'a> {
    /// Opens what [`super::trained`] stores.
    ///
    /// # Errors
    /// [`EngineError::Encoding`] if a section is missing, or does not match the others.
    pub fn open(sections: &StoredSections<'a>) -> Result<Self> {
        let network = sections.decoded(NETWORK, |bytes| SasrecNetwork::from_bytes(bytes).ok())?;
        let rows = sections.dense(ROWS)?;
        if rows.columns() != network.shape().width + 1 {
            return Err(EngineError::Encoding { what: ROWS });
        }
        let adapted = sections.decoded(ADAPTERS, |bytes| adapters::from_bytes(bytes, network))?;
        Ok(Self { network, rows, adapted })
    }
}

impl Fitted for StoredNetwork<'_> {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(SasrecScorer::new(of_segment(self.network, self.adapted, view), self.rows, user))
    }

    fn representation(&self, view: SegmentView<'_>, user: KnownUser<'_>) -> Option<Vec<f32>> {
        Some(
            SasrecScorer::new(of_segment(self.network, self.adapted, view), self.rows, user)
                .into_representation(),
        )
    }
}
