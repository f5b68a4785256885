//! What the view `segrec.serving_statistics` reads.

use crate::error::or_raise;
use crate::pg::datums::text::Text;
use crate::serving::counters;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn serving_counters() -> TableIterator<
    'static,
    (
        name!(model, Text),
        name!(calls, i64),
        name!(stored, i64),
        name!(folded_in, i64),
        name!(attributes, i64),
        name!(segment_popular, i64),
        name!(popular, i64),
        name!(empty, i64),
        name!(files_written, i64),
        name!(since, TimestampWithTimeZone),
    ),
> {
    let lines = or_raise(counters::lines());
    TableIterator::new(lines.into_iter().filter_map(|line| {
        let [calls, stored, folded_in, attributes, segment_popular, popular, empty, files_written] =
            line.counts;
        let since = TimestampWithTimeZone::try_from(line.since).ok()?;
        Some((
            line.model.into(),
            calls,
            stored,
            folded_in,
            attributes,
            segment_popular,
            popular,
            empty,
            files_written,
            since,
        ))
    }))
}
