//! `segrec_segment_of` (for ids of type bigint, uuid and text), `segrec_classify`, `segrec_cut`,
//! `segrec_label_segment`.

use super::recommend::SqlId;
use crate::commands::label_segment;
use crate::error::{Result, SegrecError, or_raise};
use crate::serving;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use segrec_engine::interactions::Id;

fn segment_of(user: Option<Id<'_>>, model: Option<&str>) -> Option<i32> {
    or_raise(serving::segment_of(user?, model))
}

#[pg_extern(stable, parallel_safe, name = "segrec_segment_of")]
fn segrec_segment_of_bigint(user_id: Option<i64>, model: default!(Option<&str>, "NULL")) -> Option<i32> {
    segment_of(user_id.as_ref().map(SqlId::id), model)
}

#[pg_extern(stable, parallel_safe, name = "segrec_segment_of")]
fn segrec_segment_of_uuid(user_id: Option<Uuid>, model: default!(Option<&str>, "NULL")) -> Option<i32> {
    segment_of(user_id.as_ref().map(SqlId::id), model)
}

#[pg_extern(stable, parallel_safe, name = "segrec_segment_of")]
fn segrec_segment_of_text(user_id: Option<String>, model: default!(Option<&str>, "NULL")) -> Option<i32> {
    segment_of(user_id.as_ref().map(SqlId::id), model)
}

#[pg_extern(stable, parallel_safe)]
fn segrec_classify(model: Option<&str>, features: Option<JsonB>) -> Option<i32> {
    let JsonB(features) = features?;
    or_raise(serving::classify(model, &features))
}

#[pg_extern(stable, parallel_restricted)]
fn segrec_cut(
    model: Option<&str>,
    segments: Option<i32>,
) -> TableIterator<'static, (name!(user_id, String), name!(segment, i32))> {
    let cut = || -> Result<Vec<(String, i32)>> {
        serving::cut(model, segments.ok_or(SegrecError::NullArgument { argument: "segments" })?)
    };
    TableIterator::new(or_raise(cut()))
}

#[pg_extern(volatile, parallel_unsafe)]
fn segrec_label_segment(model: Option<&str>, segment: Option<i32>, label: Option<&str>) {
    or_raise(label_segment::label_segment(model, segment, label));
}
