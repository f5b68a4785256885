//! `segrec_train`, `segrec_estimate`.

use crate::commands::training::{estimate, train};
use crate::error::{log, or_raise};
use crate::pg::datums::text::Text;
use crate::pg::executor::visibility::stable;
use crate::pg::process::background::telling;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_train(
    model: Option<Text>,
    deploy: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(version, i32),
        name!(users, i64),
        name!(items, Option<i64>),
        name!(events, Option<i64>),
        name!(segments, i32),
        name!(metric, &'static str),
        name!(value, Option<f64>),
        name!(baseline, Option<f64>),
        name!(previous, Option<f64>),
        name!(deployed, bool),
        name!(seconds, f64),
    ),
> {
    // A failed training rolls back everything it has written, so leave a trace in the server log.
    let tell = |code: &str, message: &str| {
        let model = model.as_deref().unwrap_or_default();
        log(format!("training of model \"{model}\" failed: {code}: {message}"));
    };
    let result = telling(tell, || or_raise(train::train(model.as_deref(), deploy.as_deref())));
    TableIterator::once((
        result.version,
        result.users,
        result.items,
        result.events,
        result.segments,
        result.metric,
        result.value,
        result.baseline,
        result.previous,
        result.deployed,
        result.seconds,
    ))
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn segrec_estimate(
    model: Option<Text>,
) -> TableIterator<
    'static,
    (
        name!(users, i64),
        name!(items, Option<i64>),
        name!(events, Option<i64>),
        name!(memory, i64),
        name!(allowed, i64),
        name!(disk, i64),
    ),
> {
    let found = or_raise(stable(|| estimate::estimate(model.as_deref())));
    TableIterator::once((found.users, found.items, found.events, found.memory, found.allowed, found.disk))
}
