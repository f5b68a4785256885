//! `segrec_grant`, `segrec_revoke`, `segrec_change_owner`.

use crate::commands::{change_owner, grant};
use crate::error::or_raise;
use pgrx::prelude::*;

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_grant(model: Option<&str>, role: Option<&str>, privilege: Option<&str>) {
    or_raise(grant::grant(model, role, privilege));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_revoke(model: Option<&str>, role: Option<&str>, privilege: Option<&str>) {
    or_raise(grant::revoke(model, role, privilege));
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_change_owner(model: Option<&str>, role: Option<&str>) {
    or_raise(change_owner::change_owner(model, role));
}
