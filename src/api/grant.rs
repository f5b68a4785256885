//! `segrec_grant`, `segrec_revoke`, `segrec_change_owner`.

use crate::commands::access::grant;
use crate::commands::models::change_owner;
use crate::error::or_raise;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn segrec_grant(model: Option<Text>, role: Option<Text>, privilege: Option<Text>) {
    or_raise(grant::grant(model.as_deref(), role.as_deref(), privilege.as_deref()));
}

#[pg_extern(sql = false)]
fn segrec_revoke(model: Option<Text>, role: Option<Text>, privilege: Option<Text>) {
    or_raise(grant::revoke(model.as_deref(), role.as_deref(), privilege.as_deref()));
}

#[pg_extern(sql = false)]
fn segrec_change_owner(model: Option<Text>, role: Option<Text>) {
    or_raise(change_owner::change_owner(model.as_deref(), role.as_deref()));
}
