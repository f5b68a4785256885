//! The rows that make a model what it is, without the executor: while they are the same, so is the model.

use super::find::Wanted;
use crate::catalog::statement::catalog_table;
use crate::error::Result;
use crate::pg::executor::index_lookup::{Key, RowVersion, rows};
use pgrx::pg_sys;
use std::ffi::CStr;

/// The rows that say what a model is, and those that say whose it is, each with their table: where the extension was made
/// anew, other tables have rows in the same places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRows {
    models: (pg_sys::Oid, Vec<(RowVersion, pg_sys::Oid)>),
    owners: (pg_sys::Oid, Vec<(RowVersion, pg_sys::Oid)>),
}

/// Among so many models the only one that answers is known by the rows of all.
const FEW: usize = 16;

impl ModelRows {
    /// The rows of a model as the current statement sees them.
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

    /// Whether there are no other models than those whose rows these are.
    pub fn are_all(&self) -> bool {
        self.models.1.len() < FEW
    }

    /// The owner, where there is one.
    pub fn owner(&self) -> Option<pg_sys::Oid> {
        self.owners.1.first().map(|&(_, owner)| owner)
    }
}

/// The roles that hold a grant on a model; 0 is everybody.
pub fn grantees(model_id: i64) -> Result<Vec<pg_sys::Oid>> {
    let by_model = (c"model_grants_pkey", Key::Bigint(c"model_id", model_id));
    let grants = rows(table(c"model_grants")?, Some(by_model), usize::MAX, Some(c"grantee"));
    Ok(grants.into_iter().map(|(_, grantee)| grantee).collect())
}

fn table(name: &CStr) -> Result<pg_sys::Oid> {
    Ok(catalog_table(name)?.0)
}
