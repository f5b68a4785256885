//! The model that a call means, found at a tenth of the cost where this session has found it before, and whether the caller
//! may use it.

use crate::catalog::models::{Model, ModelRows, Wanted, find_wanted, grantees};
use crate::error::Result;
use crate::pg::executor::index_lookup::sees_only_committed;
use crate::pg::security::rights::{acts_for, is_role};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Models by names, and the rows that say so.
type Found = HashMap<String, (Rc<Model>, ModelRows)>;

thread_local! {
    /// What this session has found before, by the key of what was wanted.
    static FOUND: RefCell<[Found; 3]> = RefCell::default();
}

/// Whether the current role is a member of the owner, who is there still, or of a role that holds a grant.
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

/// Up to two models that the caller may use. It says nothing of what else the caller may do.
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
        *model = Rc::new(Model { is_owner: false, may_train: false, ..Model::clone(model) });
        let rows = ModelRows::read(wanted, model.id)?;
        // The rows do not say which of several the caller may use, and nothing of what is beyond them.
        if only && rows.are_all() {
            FOUND.with_borrow_mut(|found| found[kind].insert(name.to_owned(), (Rc::clone(model), rows)));
        }
    }
    Ok(found)
}
