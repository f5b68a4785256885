//! `segrec_segment_of` (for ids of type bigint, uuid and text), `segrec_classify`, `segrec_cut`,
//! `segrec_label_segment`, `segrec_describe_segment`.

use super::recommend::SqlId;
use crate::commands::versions::{describe_segment, label_segment};
use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::json::Document;
use crate::pg::datums::text::Text;
use crate::pg::executor::visibility::stable;
use crate::serving;
use pgrx::Uuid;
use pgrx::prelude::*;
use segrec_engine::interactions::Id;

fn segment_of(user: Option<Id<'_>>, model: Option<&str>) -> Option<i32> {
    let user = user?;
    or_raise(stable(|| serving::segment_of(user, model)))
}

/// Functions for ids of one type.
macro_rules! of_ids {
    ($id:ident: $segment_of:ident) => {
        #[pg_extern(sql = false)]
        fn $segment_of(user_id: Option<$id>, model: Option<Text>) -> Option<i32> {
            segment_of(user_id.as_ref().map(SqlId::id), model.as_deref())
        }
    };
}

of_ids!(i64: segrec_segment_of_bigint);
of_ids!(Uuid: segrec_segment_of_uuid);
of_ids!(Text: segrec_segment_of_text);

#[pg_extern(sql = false)]
fn segrec_classify(model: Option<Text>, features: Option<Document>) -> Option<i32> {
    let Document(features) = features?;
    or_raise(stable(|| serving::classify(model.as_deref(), &features)))
}

#[pg_extern(sql = false)]
fn segrec_cut(
    model: Option<Text>,
    segments: Option<Integer>,
) -> TableIterator<'static, (name!(user_id, Text), name!(segment, i32))> {
    let cut = || -> Result<Vec<(String, i32)>> {
        let Integer(segments) = segments.ok_or(SegrecError::NullArgument { argument: "segments" })?;
        serving::cut(model.as_deref(), segments)
    };
    TableIterator::new(or_raise(stable(cut)).into_iter().map(|(user, segment)| (user.into(), segment)))
}

#[pg_extern(sql = false)]
fn segrec_label_segment(model: Option<Text>, segment: Option<Integer>, label: Option<Text>) {
    or_raise(label_segment::label_segment(model.as_deref(), number(segment), label.as_deref()));
}

#[pg_extern(sql = false)]
fn segrec_describe_segment(model: Option<Text>, segment: Option<Integer>) -> Text {
    let describe = || describe_segment::describe_segment(model.as_deref(), number(segment));
    or_raise(stable(describe)).into()
}
