//! What serving needs of a version, besides the rows of its items and users.

use super::list::decided;
use crate::catalog::statement::{as_owner, query};
use crate::error::Result;
use crate::pg::datums::number_array::NumberArray;
use pgrx::JsonB;
use segrec_engine::Matrix;
use segrec_engine::options::algorithm::Decided;
use serde_json::Value;

/// What serving needs to know of a version.
pub struct DeployedVersion {
    /// The checked options.
    pub options: Value,
    /// What was decided where options leave it open.
    pub decided: Decided,
    /// The weight that became a confidence of 1.
    pub median_weight: f32,
    /// The moment from which age is counted.
    pub anchor: i64,
    pub users: i64,
    pub items: i64,
    /// Its segments, in the order of their numbers.
    pub segments: Vec<DeployedSegment>,
}

/// What serving needs to know of a segment.
pub struct DeployedSegment {
    pub id: i32,
    pub users: i64,
    /// Whether it is ranked by a part of its own.
    pub own_factors: bool,
}

fn doubles(values: NumberArray<f32>) -> Vec<f64> {
    values.0.into_iter().map(f64::from).collect()
}

/// Loads a version with its segments and their centroids (segments × k); none where it is gone.
pub fn load(version_id: i64) -> Result<Option<(DeployedVersion, Matrix)>> {
    as_owner(|| {
        let version = query(
            "SELECT options, decided, median_weight, anchor, users, items \
             FROM segrec_catalog.versions WHERE version_id = $1",
            &[version_id.into()],
            |row| {
                Ok(DeployedVersion {
                    options: row.value::<JsonB>(1)?.0,
                    decided: decided(row.value::<JsonB>(2)?.0)?,
                    users: row.value(5)?,
                    items: row.value(6)?,
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

/// The Gramians of the item factors that users are measured against.
pub struct ItemGrams {
    /// The backbone's.
    pub backbone: Vec<f64>,
    /// Of segments, in the order of their numbers.
    pub segments: Vec<Option<Vec<f64>>>,
}

/// Loads the Gramians of a version: k × k, row by row.
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
