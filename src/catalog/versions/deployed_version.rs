//! What serving needs of a version, apart from the rows of items and users.

use super::list::decided;
use crate::catalog::statement::{as_owner, query};
use crate::error::Result;
use crate::pg::datums::number_array::NumberArray;
use pgrx::JsonB;
use segrec_engine::Matrix;
use segrec_engine::options::algorithm::Decided;
use serde_json::Value;

/// The parts of a version that serving needs.
pub struct DeployedVersion {
    /// The checked options of its training.
    pub options: Value,
    /// The choices that its training made where options leave them open.
    pub decided: Decided,
    /// The weight that corresponds to a confidence of 1.
    pub median_weight: f32,
    /// The moment that ages refer to.
    pub anchor: i64,
    pub users: i64,
    pub items: i64,
    /// The number of items that were added after the training.
    pub items_added: i64,
    /// The number of the last change of its items since the training; 0 if there was none.
    pub item_generation: i64,
    /// The segments, ordered by id.
    pub segments: Vec<DeployedSegment>,
}

/// The parts of a segment that serving needs.
pub struct DeployedSegment {
    pub id: i32,
    pub users: i64,
    /// Whether it is ranked by its own part.
    pub own_factors: bool,
}

fn doubles(values: NumberArray<f32>) -> Vec<f64> {
    values.0.into_iter().map(f64::from).collect()
}

/// Loads a version, and the centroids of its segments (segments × k); `None` if it is gone.
pub fn load(version_id: i64) -> Result<Option<(DeployedVersion, Matrix)>> {
    as_owner(|| {
        let version = query(
            "SELECT options, decided, median_weight, anchor, users, items, item_generation, items_added \
             FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| {
                Ok(DeployedVersion {
                    options: row.value::<JsonB>(1)?.0,
                    decided: decided(row.value::<JsonB>(2)?.0)?,
                    users: row.value(5)?,
                    items: row.value(6)?,
                    item_generation: row.value(7)?,
                    items_added: row.value(8)?,
                    median_weight: row.value(3)?,
                    anchor: row.value(4)?,
                    segments: Vec::new(),
                })
            },
        )?;
        let Some(mut version) = version.into_iter().next() else {
            return Ok(None);
        };
        let mut centroids = Vec::new();
        version.segments = query(
            "SELECT segment, own_factors, centroid, users FROM segrec_catalog.segments \
             WHERE version_id = $1 ORDER BY segment",
            &[version_id.into()],
            |row| {
                centroids.extend(row.value::<NumberArray<f32>>(3)?.0);
                Ok(DeployedSegment { id: row.value(1)?, users: row.value(4)?, own_factors: row.value(2)? })
            },
        )?;
        let k = centroids.len() / version.segments.len().max(1);
        Ok(Some((version, Matrix::from_data(k, centroids)?)))
    })
}

/// The Gramians of the item factors used in fold-in.
pub struct ItemGrams {
    /// The Gramian of the backbone.
    pub backbone: Vec<f64>,
    /// The Gramians of the segments, ordered by id.
    pub segments: Vec<Option<Vec<f64>>>,
}

/// Loads the Gramians of a version; each is k × k, row-major.
pub fn item_grams(version_id: i64) -> Result<ItemGrams> {
    as_owner(|| {
        let backbone = query(
            "SELECT item_gram FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| Ok(doubles(row.value(1)?)),
        )?;
        let segments = query(
            "SELECT item_gram FROM segrec_catalog.segments WHERE version_id = $1 ORDER BY segment",
            &[version_id.into()],
            |row| Ok(row.get(1)?.map(doubles)),
        )?;
        Ok(ItemGrams { backbone: backbone.into_iter().next().unwrap_or_default(), segments })
    })
}
