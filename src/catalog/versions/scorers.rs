//! What each scorer of a version is worth, costs and keeps.

use crate::catalog::statement::{as_owner, execute};
use crate::error::Result;
use segrec_engine::training::ScorerReport;

/// Stores the reports, in their order.
pub fn insert_scorers(version_id: i64, reports: &[ScorerReport]) -> Result<()> {
    let names: Vec<&str> = reports.iter().map(|report| report.scorer).collect();
    let weights: Vec<f64> = reports.iter().map(|report| f64::from(report.weight)).collect();
    let shares: Vec<f64> = reports.iter().map(|report| f64::from(report.share)).collect();
    let gains: Vec<Option<f64>> = reports.iter().map(|report| report.gain.map(|(gain, _)| gain)).collect();
    let errors: Vec<Option<f64>> = reports.iter().map(|report| report.gain.map(|(_, error)| error)).collect();
    let seconds: Vec<Option<f64>> = reports.iter().map(|report| report.seconds).collect();
    let bytes: Vec<i64> = reports.iter().map(|report| report.bytes as i64).collect();
    as_owner(|| {
        execute(
            "INSERT INTO segrec_catalog.scorers \
                 (version_id, scorer, weight, share, gain, gain_error, seconds, bytes, place) \
             SELECT $1, * FROM ROWS FROM (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.float8[]), \
                                          pg_catalog.unnest($4::pg_catalog.float8[]), pg_catalog.unnest($5::pg_catalog.float8[]), \
                                          pg_catalog.unnest($6::pg_catalog.float8[]), pg_catalog.unnest($7::pg_catalog.float8[]), \
                                          pg_catalog.unnest($8::pg_catalog.int8[])) \
                           WITH ORDINALITY",
            &[
                version_id.into(),
                names.into(),
                weights.into(),
                shares.into(),
                gains.into(),
                errors.into(),
                seconds.into(),
                bytes.into(),
            ],
        )
    })
}
