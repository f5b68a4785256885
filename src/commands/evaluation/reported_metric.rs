//! Arguments and results that evaluations share.

use crate::catalog::models::Model;
use crate::catalog::versions::Version;
use crate::catalog::versions::segments;
use crate::error::{Result, SegrecError, notice};
use segrec_engine::evaluation::HeldOut;
use segrec_engine::evaluation::MetricRow;
use segrec_engine::options::{Options, parse_options};
use segrec_engine::study::cold::ColdMetric;

/// The maximum length of lists.
const LONGEST_LIST: i32 = 1_000;

/// A row returned by `segrec_evaluate`: a metric of all users or of a segment.
#[derive(Clone, Debug)]
pub struct ReportedMetric {
    /// The name of the metric.
    pub metric: &'static str,
    /// The length of the lists; 0 for metrics that are not of lists.
    pub k: i32,
    /// The id of the segment; `None` for all users.
    pub segment: Option<i32>,
    /// The value of the metric.
    pub value: f64,
    /// The bounds of the 95 % confidence interval.
    pub interval: Option<(f64, f64)>,
    /// The value of the baseline: popularity, or biases for ratings.
    pub baseline: f64,
    /// The number of users measured.
    pub users: i64,
    /// What was ranked and by what, where items or users are held out whole.
    pub ranked: Option<(&'static str, &'static str)>,
}

impl ReportedMetric {
    /// Converts metric rows, given the ids of segments; segments without an id are dropped.
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
                ranked: None,
            })
        };
        rows.iter().filter_map(row).collect()
    }

    /// Converts a metric of items or users that are held out whole.
    pub fn of_cold(ColdMetric { scope, ranked_by, row }: ColdMetric) -> Self {
        Self {
            metric: row.metric,
            k: row.k as i32,
            segment: None,
            value: row.value,
            interval: row.interval,
            baseline: row.baseline,
            users: row.users as i64,
            ranked: Some((scope, ranked_by)),
        }
    }
}

/// Reports how events were held out if that differs from the options, or that none could be.
pub fn report_holdout(relation: &str, HeldOut { split, passed_over }: &HeldOut) {
    let Some(last) = passed_over.last() else { return };
    let reasons: Vec<String> =
        passed_over.iter().map(|passed| format!("By {}: {}.", passed.split, passed.reason)).collect();
    // Random is tried last, so if it was rejected nothing could be held out.
    let (message, hint) = match last.split {
        "random" => (
            format!("no events of \"{relation}\" could be held out, so nothing is evaluated"),
            "Provide more events.",
        ),
        _ => (
            format!("events of \"{relation}\" were held out by {}", split.name()),
            "To use this split directly, set holdout.split.",
        ),
    };
    notice(message, Some(reasons.join("\n")), Some(hint.to_owned()));
}

/// The options of a version, completed by the choices of its training.
pub fn version_options(model: &Model, version: &Version) -> Result<Options> {
    let Some(decided) = version.decided()? else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let options = parse_options(&version.options).map_err(SegrecError::InvalidOptions)?;
    Ok(options.decided(&decided).with_segments(segments::ids(version.version_id)?.len()))
}

/// The distinct lengths of lists, ascending.
pub fn cuts(k: Option<Vec<Option<i64>>>) -> Result<Vec<usize>> {
    let null = || SegrecError::NullArgument { argument: "k" };
    let given: Vec<i64> = k.ok_or_else(null)?.into_iter().collect::<Option<_>>().ok_or_else(null)?;
    let cuts = given.into_iter().map(|k| number("k", Some(k), 1, LONGEST_LIST));
    let mut cuts = cuts.collect::<Result<Vec<usize>>>()?;
    cuts.sort_unstable();
    cuts.dedup();
    Ok(cuts)
}

/// Checks that an integer is within bounds.
pub fn number(argument: &'static str, value: Option<i64>, least: i32, most: i32) -> Result<usize> {
    let value = value.ok_or(SegrecError::NullArgument { argument })?;
    match (i64::from(least)..=i64::from(most)).contains(&value) {
        true => Ok(value as usize),
        false => Err(SegrecError::InvalidNumber { argument, value, least, most }),
    }
}
