//! `segrec_add_rule`, `segrec_drop_rule`.

use crate::commands::models::rules::{self, RuleArguments};
use crate::error::or_raise;
use crate::pg::datums::id_lists::List;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::json::Document;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_add_rule(
    model: Option<Text>,
    action: Option<Text>,
    items: Option<List<Text>>,
    condition: Option<Document>,
    segment: Option<Integer>,
    place: Option<Integer>,
    valid_from: Option<TimestampWithTimeZone>,
    valid_to: Option<TimestampWithTimeZone>,
    reason: Option<Text>,
    value: Option<f64>,
) -> i64 {
    let owned = |text: Option<Text>| text.map(|Text(text)| text);
    let arguments = RuleArguments {
        action: owned(action),
        items: items.map(|List(items)| items.into_iter().map(owned).collect()),
        condition: condition.map(|Document(condition)| condition),
        segment: number(segment),
        place: number(place),
        valid_from,
        valid_to,
        reason: owned(reason),
        value,
    };
    or_raise(rules::add_rule(model.as_deref(), arguments))
}

#[pg_extern(sql = false)]
fn segrec_drop_rule(model: Option<Text>, rule: Option<i64>) {
    or_raise(rules::drop_rule(model.as_deref(), rule));
}
