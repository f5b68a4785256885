//! What measuring commands share: the options of a version, the lengths of lists, the rows they give.

use crate::catalog::models::Model;
use crate::catalog::versions::Version;
use crate::catalog::versions::segments;
use crate::error::{Result, SegrecError, notice};
use segrec_engine::evaluation::MetricRow;
use segrec_engine::evaluation::{PassedOver, Split};
use segrec_engine::options::{Options, parse_options};

/// The longest list that is measured.
const LONGEST_LIST: i32 = 1_000;

/// A row that `segrec_evaluate` returns: a metric of all users or of a segment's.
#[derive(Clone, Debug)]
pub struct ReportedMetric {
    /// The name of the metric.
    pub metric: &'static str,
    /// The length of lists; 0 where the metric looks at none.
    pub k: i32,
    /// The id of the segment; none for all users.
    pub segment: Option<i32>,
    /// What was reached.
    pub value: f64,
    /// The bounds of the 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// What popularity reached, or biases.
    pub baseline: f64,
    /// How many users were measured.
    pub users: i64,
}

impl ReportedMetric {
    /// Rows with the ids of segments; segments without an id are left out.
    pub fn of_rows(rows: &[MetricRow], ids: &[Option<i32>]) -> Vec<Self> {
        let row = |row: &MetricRow| {
            let segment = match row.segment {
                Some(segment) => Some(ids.get(segment as usize).copied().flatten()?),
                None => None,
            };
            Some(Self {
                metric: row.metric,
                k: row.k as i32,
                segment,
                value: row.value,
                interval: row.interval,
                baseline: row.baseline,
                users: row.users as i64,
            })
        };
        rows.iter().filter_map(row).collect()
    }
}

/// Says how events were held out, where that is not as it was asked for, or that none could be.
pub fn report_holdout(relation: &str, split: Split, passed_over: &[PassedOver]) {
    let Some(last) = passed_over.last() else { return };
    let reasons: Vec<String> =
        passed_over.iter().map(|passed| format!("by {}: {}", passed.split, passed.reason)).collect();
    // Random is tried last: where it would not do, nothing would.
    let (message, hint) = match last.split {
        "random" => (
            format!("no event of \"{relation}\" could be held out, so nothing is measured"),
            "give the model more events",
        ),
        _ => (
            format!("events of \"{relation}\" were held out by {}", split.name()),
            "to ask for this way at once, set holdout.split",
        ),
    };
    notice(message, Some(reasons.join("\n")), Some(hint.to_owned()));
}

/// The options of a version, with what its training decided.
pub fn version_options(model: &Model, version: &Version) -> Result<Options> {
    let Some(decided) = version.decided()? else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let options = parse_options(&version.options).map_err(SegrecError::InvalidOptions)?;
    Ok(options.decided(&decided).with_segments(segments::ids(version.version_id)?.len()))
}

/// The lengths of lists, ascending, each once.
pub fn cuts(k: Option<Vec<Option<i64>>>) -> Result<Vec<usize>> {
    let null = || SegrecError::NullArgument { argument: "k" };
    let given: Vec<i64> = k.ok_or_else(null)?.into_iter().collect::<Option<_>>().ok_or_else(null)?;
    let cuts = given.into_iter().map(|k| number("k", Some(k), 1, LONGEST_LIST));
    let mut cuts = cuts.collect::<Result<Vec<usize>>>()?;
    cuts.sort_unstable();
    cuts.dedup();
    Ok(cuts)
}

/// A whole number within bounds.
pub fn number(argument: &'static str, value: Option<i64>, least: i32, most: i32) -> Result<usize> {
    let value = value.ok_or(SegrecError::NullArgument { argument })?;
    match (i64::from(least)..=i64::from(most)).contains(&value) {
        true => Ok(value as usize),
        false => Err(SegrecError::InvalidNumber { argument, value, least, most }),
    }
}
