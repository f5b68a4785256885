//! The versions of the rows that define a model, read without the executor. While they are unchanged, so is the model.

use super::find::Wanted;
use crate::catalog::statement::catalog_table;
use crate::error::Result;
use crate::pg::executor::index_lookup::{Key, RowVersion, rows};
use pgrx::pg_sys;
use std::ffi::CStr;

/// The row versions that define a model and its ownership, each with its table. The tables are included because a
/// recreated extension may have rows at the same positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRows {
    models: (pg_sys::Oid, Vec<(RowVersion, pg_sys::Oid)>),
    owners: (pg_sys::Oid, Vec<(RowVersion, pg_sys::Oid)>),
}

/// Up to this many models, the row versions of all are kept to detect whether a model is still the only one that can
/// answer.
const FEW: usize = 16;

impl ModelRows {
    /// Reads the row versions of a model as the current statement sees them.
    pub fn read(wanted: Wanted<'_>, model_id: i64) -> Result<Self> {
        let by_name = match wanted {
            Wanted::Named(name) => Some((c"models_name_key", Key::Text(c"name", name))),
            Wanted::Only(_) => None,
        };
        let by_model = (c"model_owners_pkey", Key::Bigint(c"model_id", model_id));
        let (models, owners) = (table(c"models")?, table(c"model_owners")?);
        Ok(Self {
            models: (models, rows(models, by_name, FEW, None)),
            owners: (owners, rows(owners, Some(by_model), 1, Some(c"owner"))),
        })
    }

    /// Whether these include the rows of all models.
    pub fn are_all(&self) -> bool {
        self.models.1.len() < FEW
    }

    /// The owner, if it still exists.
    pub fn owner(&self) -> Option<pg_sys::Oid> {
        self.owners.1.first().map(|&(_, owner)| owner)
    }
}

/// The roles with a grant on a model; 0 is PUBLIC.
pub fn grantees(model_id: i64) -> Result<Vec<pg_sys::Oid>> {
    let by_model = (c"model_grants_pkey", Key::Bigint(c"model_id", model_id));
    let grants = rows(table(c"model_grants")?, Some(by_model), usize::MAX, Some(c"grantee"));
    Ok(grants.into_iter().map(|(_, grantee)| grantee).collect())
}

fn table(name: &CStr) -> Result<pg_sys::Oid> {
    Ok(catalog_table(name)?.0)
}
