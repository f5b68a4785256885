//! `segrec_apply_trial`, and the parts of the procedure `segrec_tune`, which commits between trials, as only a
//! procedure can: `sql/schema/procedures.sql`.

use crate::commands::studies::tune;
use crate::error::or_raise;
use crate::pg::datums::integer::{Integer, number};
use crate::pg::datums::json::Document;
use crate::pg::datums::text::Text;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn begin_study(
    model: Option<Text>,
    space: Option<Document>,
    trials: Option<i64>,
    metric: Option<Text>,
    search: Option<Text>,
    apply: Option<bool>,
) -> i64 {
    let space = space.map(|space| space.0);
    or_raise(tune::begin(tune::StudyArguments {
        model: model.as_deref(),
        space,
        trials,
        metric: metric.as_deref(),
        search: search.as_deref(),
        apply,
    }))
}

#[pg_extern(sql = false)]
fn run_trial(study: Option<i64>) -> bool {
    or_raise(tune::run_next(study))
}

#[pg_extern(sql = false)]
fn finish_study(study: Option<i64>, apply: Option<bool>) {
    or_raise(tune::finish(study, apply));
}

#[pg_extern(sql = false)]
fn segrec_apply_trial(model: Option<Text>, study: Option<i64>, trial: Option<Integer>) {
    or_raise(tune::apply(model.as_deref(), study, number(trial)));
}
