//! Describes segments for people: profiles and rules, from everything that is known about users.

use super::user_data::{UserData, beside};
use crate::error::{EngineError, Result};
use crate::features::{Activity, Column, Encoder, Table};
use crate::interactions::Events;
use crate::observer::{Observer, Progress};
use crate::options::checked::Options;
use crate::segmentation::SegmentationMethod;
use crate::segmentation::description::{ProfileRow, Rule, profiles, rules};
use crate::segmentation::identity::Classifier;
use crate::segmentation::quality::population_stability;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "profiles";

/// A description of all segments.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    /// The distinguishing features of each segment.
    pub profiles: Vec<ProfileRow>,
    /// A readable rule for membership in each segment.
    pub rules: Vec<Option<Rule>>,
    /// The population stability index of each feature since the previous version, if that was segmented by attributes.
    pub stability: Vec<(String, f64)>,
}

/// Describes the `count` segments of `members`.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn read(
    described: &UserData,
    events: Option<&Events>,
    segments: &[u32],
    count: usize,
    options: &Options,
    before: Option<&Classifier>,
    observer: &dyn Observer,
) -> Result<SegmentReport> {
    observer.report(Progress::step(PHASE, 1, 2));
    let table = readable(described, events, options, observer)?;
    let of_row: Vec<Option<u32>> = segments.iter().map(|&segment| Some(segment)).collect();
    let as_of = described.as_of(events);
    let profiles = profiles(&table, &of_row, count, as_of, observer)?;
    observer.report(Progress::step(PHASE, 2, 2));
    let rules = rules(&table, &of_row, count, as_of, options.seed, observer)?;
    let stability = match before {
        Some(Classifier::Attributes { encoder, .. }) => stability(encoder, &table, observer)?,
        _ => Vec::new(),
    };
    Ok(SegmentReport { profiles, rules, stability })
}

/// The population stability index of each feature; features whose type changed are skipped.
fn stability(encoder: &Encoder, table: &Table, observer: &dyn Observer) -> Result<Vec<(String, f64)>> {
    let now = match encoder.shares(table, observer) {
        Err(EngineError::Column { .. }) => return Ok(Vec::new()),
        now => now?,
    };
    let fitted = encoder.fitted_shares().into_iter().zip(now);
    Ok(fitted.map(|((name, before), (_, now))| (name, population_stability(&before, &now))).collect())
}

/// The columns of users except the label, and the members' activity.
fn readable(
    described: &UserData,
    events: Option<&Events>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Table> {
    let segmentation = &options.segmentation;
    let label = segmentation.label_column.as_ref();
    let columns: Vec<Column> =
        described.table.columns().iter().filter(|column| Some(&column.name) != label).cloned().collect();
    let table = Table::new(described.table.rows(), columns)?;
    let Some(events) = events else {
        return Ok(table);
    };
    let activity = if segmentation.method == SegmentationMethod::Rfm {
        described.rfm(events, observer)?
    } else {
        let mut choices = vec![Activity::Events];
        if events.is_timed() {
            choices.extend([Activity::Recency, Activity::ActiveDays]);
        }
        if described.categories.is_some() {
            choices.push(Activity::Categories);
        }
        let more = [Activity::Weight, Activity::Types];
        choices.extend(segmentation.activity.iter().filter(|choice| more.contains(choice)));
        described.activity(events, &choices, observer)?
    };
    beside(table, activity)
}
