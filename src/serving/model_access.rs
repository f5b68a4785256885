//! Finds the model of a call and checks whether the caller may use it. A model that this session has found before takes
//! a tenth of the time.

use crate::catalog::models::{Model, ModelRows, Wanted, find_wanted, grantees};
use crate::error::Result;
use crate::pg::executor::index_lookup::sees_only_committed;
use crate::pg::security::rights::{acts_for, is_role};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Models by name, with the rows that they were built from.
type Found = HashMap<String, (Rc<Model>, ModelRows)>;

thread_local! {
    /// The models found so far, by [`Wanted::key`].
    static FOUND: RefCell<[Found; 3]> = RefCell::default();
}

/// Whether the current role may act for the owner, if that role still exists, or for a role with a grant.
fn may_use(model_id: i64, rows: &ModelRows) -> Result<bool> {
    let Some(owner) = rows.owner().filter(|&owner| is_role(owner)) else {
        return Ok(false);
    };
    if acts_for(owner) {
        return Ok(true);
    }
    let held = |grantee| grantee == pg_sys::InvalidOid || (is_role(grantee) && acts_for(grantee));
    Ok(grantees(model_id)?.into_iter().any(held))
}

/// Returns up to two models that the caller may use. Grants no right beyond that.
pub fn find_served(wanted: Wanted<'_>) -> Result<Vec<Rc<Model>>> {
    // Never cache uncommitted rows.
    if !sees_only_committed() {
        return Ok(find_wanted(wanted)?.0.into_iter().map(Rc::new).collect());
    }
    let (kind, name) = wanted.key();
    if let Some((model, then)) = FOUND.with_borrow(|found| found[kind].get(name).cloned()) {
        let now = ModelRows::read(wanted, model.id)?;
        if now == then && may_use(model.id, &now)? {
            return Ok(vec![model]);
        }
    }
    let (found, only) = find_wanted(wanted)?;
    let mut found: Vec<Rc<Model>> = found.into_iter().map(Rc::new).collect();
    if let [model] = found.as_mut_slice() {
        *model =
            Rc::new(Model { is_owner: false, may_train: false, may_label: false, ..Model::clone(model) });
        let rows = ModelRows::read(wanted, model.id)?;
        // Rows alone do not tell which of several models the caller may use, nor anything about models beyond them.
        if only && rows.are_all() {
            FOUND.with_borrow_mut(|found| found[kind].insert(name.to_owned(), (Rc::clone(model), rows)));
        }
    }
    Ok(found)
}
