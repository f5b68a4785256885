//! The state of an aggregate: an ordinary SQL type, `segrec_summary`, so that PostgreSQL can send it between parallel
//! workers, and extensions that distribute tables between servers.
//!
//! Its flat form is a format byte followed by postcard's encoding of [`State`]; its text form is that in hexadecimal.

use super::clusters::{self, MOST_SEGMENTS};
use super::error_sums::ErrorSums;
use super::threads::run;
use crate::error::{FeatureProblem, Result, SegrecError};
use crate::pg::datums::features::Features;
use crate::pg::executor::aggregate::{Aggregate, Carried, Carry, Held, room};
use crate::pg::process::memory::ask;
use crate::pg::process::workers::run_alone;
use segrec_engine::evaluation::off_policy::OffPolicySums;
use segrec_engine::segmentation::quality::{self, Contingency};
use segrec_engine::segmentation::streaming::{Coreset, LabelledSample};
use segrec_engine::{Matrix, memory, seed};
use serde::{Deserialize, Serialize};

/// The first byte of the flat form.
const FORMAT: u8 = 1;

/// The discriminant of [`State::Labelled`] in the flat form.
const LABELLED: u8 = 1;
const PAIRS: u8 = 2;
/// The maximum size of the flat form, apart from numbers.
const LITTLE: usize = 1024;

/// The running state of an aggregate over the rows of a group.
#[derive(Clone, Serialize, Deserialize)]
pub enum State {
    /// The state of `segrec_kmeans`.
    Kmeans(Coreset),
    /// The state of `segrec_silhouette` and `segrec_davies_bouldin`.
    Labelled(LabelledSample),
    /// The state of `segrec_adjusted_rand`.
    Pairs(Contingency),
    /// The state of `segrec_rmse`, `segrec_mae` and `segrec_mse`.
    Errors(ErrorSums),
    /// The state of `segrec_auc`: the scores of relevant rows, and those of others.
    Scores([Vec<f64>; 2]),
    /// The state of `segrec_gini`.
    Numbers(Vec<f64>),
    /// The state of `segrec_ips` and the other estimators of a policy.
    OffPolicy(OffPolicySums),
}

impl Carry for State {
    const SQL: &'static str = "segrec_summary";

    fn memory(&self) -> usize {
        match self {
            Self::Kmeans(summary) => summary.memory(),
            Self::Labelled(sample) => sample.memory(),
            Self::Pairs(pairs) => pairs.memory(),
            Self::Errors(_) => 0,
            Self::Scores(scores) => {
                size_of::<f64>() * scores.iter().map(|scores| scores.capacity()).sum::<usize>()
            }
            Self::Numbers(numbers) => size_of::<f64>() * numbers.capacity(),
            Self::OffPolicy(sums) => sums.memory(),
        }
    }

    fn flatten(&self) -> Result<Vec<u8>> {
        // An integer of eight bytes takes up to ten.
        let most = self.memory() / 4 * 5 + LITTLE;
        // Pairs are sorted in a copy; every flat form is copied on its way to the leader of a parallel plan, and read there.
        ask("the serialized state of an aggregate", 3 * most)?;
        let mut bytes = memory::with_room(most)?;
        bytes.push(FORMAT);
        postcard::to_extend(self, bytes).map_err(|error| SegrecError::Internal(error.to_string()))
    }

    fn unflatten(bytes: &[u8]) -> Result<Self> {
        let invalid = |reason: String| SegrecError::InvalidValue {
            of: Self::SQL,
            reason,
            hint: "Use only unchanged summaries from an aggregate of pg_segrec.",
        };
        // What a byte may become, with vectors that double: numbers of four or eight bytes keep their size, others grow
        // up to eightfold; pairs check for themselves.
        let times = match bytes {
            [_, LABELLED, ..] => 24,
            [_, PAIRS, ..] => 0,
            _ => 3,
        };
        ask("the state of an aggregate", times * bytes.len())?;
        match bytes {
            [FORMAT, rest @ ..] => match postcard::take_from_bytes(rest) {
                Ok((state, [])) => Ok(state),
                Ok(_) => Err(invalid("There are extra bytes after its end.".to_owned())),
                Err(postcard::Error::SerdeDeCustom) if rest.first() == Some(&PAIRS) => {
                    Err(SegrecError::MemoryGone)
                }
                Err(error) => Err(invalid(error.to_string())),
            },
            _ => Err(invalid("It does not start like a summary.".to_owned())),
        }
    }
}

/// The state after one more row; unchanged if the row is skipped.
pub(super) type Next = Result<Option<Held<State>>>;

pub(super) fn unchanged(state: Option<Carried<'_, State>>, aggregate: &Aggregate) -> Next {
    state.map(|state| state.hold(aggregate)).transpose()
}

/// The state to modify: the existing one, or a new one.
pub(super) fn begun(
    state: Option<Carried<'_, State>>,
    aggregate: &Aggregate,
    new: impl FnOnce() -> State,
) -> Result<Held<State>> {
    match state {
        Some(state) => state.hold(aggregate),
        None => aggregate.carry(new()),
    }
}

fn same_length(expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(SegrecError::Features(FeatureProblem::Length { expected, found, whose: "earlier rows have" }))
}

fn same_target(before: usize, now: usize) -> Result<()> {
    if before == now { Ok(()) } else { Err(SegrecError::SegmentCountChanges { before, now }) }
}

/// Adds a row to `segrec_kmeans`.
///
/// # Errors
/// If `k` or the features are invalid.
pub fn add_features(
    state: Option<Carried<'_, State>>,
    features: Option<Features<'_>>,
    k: Option<i32>,
    aggregate: &Aggregate,
) -> Next {
    let Some(features) = features else { return unchanged(state, aggregate) };
    let values = features.values()?;
    let k = k.ok_or(SegrecError::NullArgument { argument: "k" })?;
    if !(1..=MOST_SEGMENTS).contains(&k) {
        return Err(SegrecError::SegmentCount { k, most: MOST_SEGMENTS });
    }
    let mut held = begun(state, aggregate, || State::Kmeans(Coreset::new(values.len(), k as usize)))?;
    let State::Kmeans(summary) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    same_length(summary.columns(), values.len())?;
    same_target(summary.target(), k as usize)?;
    room(summary.growth())?;
    run_alone(|observer| summary.add(values, observer))?;
    Ok(Some(held))
}

/// Adds a row to `segrec_silhouette` or `segrec_davies_bouldin`.
///
/// # Errors
/// If the features are invalid.
pub fn add_labelled(
    state: Option<Carried<'_, State>>,
    features: Option<Features<'_>>,
    segment: Option<i32>,
    aggregate: &Aggregate,
) -> Next {
    let (Some(features), Some(segment)) = (features, segment) else { return unchanged(state, aggregate) };
    let values = features.values()?;
    let mut held = begun(state, aggregate, || State::Labelled(LabelledSample::new(values.len())))?;
    let State::Labelled(sample) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    same_length(sample.columns(), values.len())?;
    room(sample.growth(1))?;
    sample.add(values, segment as u32)?;
    Ok(Some(held))
}

/// Adds a row to `segrec_adjusted_rand`.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn add_pair(state: Option<Carried<'_, State>>, pair: Option<(u64, u64)>, aggregate: &Aggregate) -> Next {
    let Some((a, b)) = pair else { return unchanged(state, aggregate) };
    let mut held = begun(state, aggregate, || State::Pairs(Contingency::default()))?;
    let State::Pairs(pairs) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    room(pairs.growth())?;
    pairs.add(a, b)?;
    Ok(Some(held))
}

/// Hashes a label to a number.
pub fn label(text: &[u8]) -> u64 {
    seed::hash_bytes(0, text)
}

/// Appends numbers to those that an aggregate keeps.
pub(super) fn extend(numbers: &mut Vec<f64>, more: &[f64]) -> Result<()> {
    room(memory::growth(numbers, more.len()))?;
    memory::reserve(numbers, more.len())?;
    numbers.extend_from_slice(more);
    Ok(())
}

/// Merges two states.
///
/// # Errors
/// If they are of different kinds.
pub fn merge(
    state: Option<Carried<'_, State>>,
    other: Option<Carried<'_, State>>,
    aggregate: &Aggregate,
) -> Next {
    let (state, other) = match (state, other) {
        (Some(state), Some(other)) => (state, other),
        (state, other) => return unchanged(state.or(other), aggregate),
    };
    let mut held = state.hold(aggregate)?;
    other.read(|other| {
        match (held.value(), other) {
            (State::Kmeans(summary), State::Kmeans(other)) => {
                same_length(summary.columns(), other.columns())?;
                same_target(summary.target(), other.target())?;
                room(other.memory())?;
                run_alone(|observer| summary.merge(other, observer))?;
            }
            (State::Labelled(sample), State::Labelled(other)) => {
                same_length(sample.columns(), other.columns())?;
                room(sample.growth(other.rows().min(2 * other.bound() as u64) as usize))?;
                sample.merge(other)?;
            }
            (State::Pairs(pairs), State::Pairs(other)) => pairs.merge(other, room)?,
            (State::Errors(errors), State::Errors(other)) => errors.merge(other),
            (State::Scores(scores), State::Scores(other)) => {
                for (scores, other) in scores.iter_mut().zip(other) {
                    extend(scores, other)?;
                }
            }
            (State::Numbers(numbers), State::Numbers(other)) => extend(numbers, other)?,
            (State::OffPolicy(sums), State::OffPolicy(other)) => {
                room(other.memory())?;
                sums.merge(other);
            }
            _ => return Err(SegrecError::SummariesDiffer),
        }
        Ok(())
    })??;
    Ok(Some(held))
}

/// The result of `segrec_kmeans`, in flat form.
///
/// # Errors
/// If there are no threads, or the work was cancelled.
pub fn clusters(state: &Carried<'_, State>) -> Result<Vec<u8>> {
    state.read(|state| {
        let State::Kmeans(summary) = state else { return Err(SegrecError::SummariesDiffer) };
        ask("segrec_kmeans", summary.needed())?;
        let found = run(summary.work(), |observer| summary.clusters(observer))??;
        clusters::flatten(&found)
    })?
}

/// Copies the rows that a sample keeps, and checks that there is memory for the centres of their segments.
fn kept(sample: &LabelledSample) -> Result<(Matrix, Vec<u32>)> {
    let rows = sample.rows().min(2 * sample.bound() as u64) as usize;
    ask("an evaluation of segments", 2 * rows * sample.columns() * size_of::<f32>())?;
    Ok(sample.kept()?)
}

/// The silhouette coefficient of rows and their segments; `None` with fewer than two segments.
///
/// # Errors
/// If there are no threads, or the work was cancelled.
pub fn silhouette(state: &Carried<'_, State>) -> Result<Option<f64>> {
    state.read(|state| {
        let State::Labelled(sample) = state else { return Err(SegrecError::SummariesDiffer) };
        let (points, labels) = kept(sample)?;
        let pairs = labels.len().saturating_mul(labels.len()).saturating_mul(sample.columns()) / 10;
        let found = run(pairs, |observer| {
            if rayon::current_thread_index().is_none() {
                return quality::silhouette_sequential(&points, &labels, observer);
            }
            quality::silhouette(&points, &labels, usize::MAX, 0, observer)
        })?;
        Ok(found?)
    })?
}

/// The Davies–Bouldin index of rows and their segments; `None` with fewer than two segments.
///
/// # Errors
/// If the state belongs to another aggregate, or the work was cancelled.
pub fn davies_bouldin(state: &Carried<'_, State>) -> Result<Option<f64>> {
    state.read(|state| {
        let State::Labelled(sample) = state else { return Err(SegrecError::SummariesDiffer) };
        let (points, labels) = kept(sample)?;
        Ok(run_alone(|observer| quality::davies_bouldin(&points, &labels, observer))?)
    })?
}

/// The adjusted Rand index.
///
/// # Errors
/// If the state belongs to another aggregate.
pub fn adjusted_rand(state: &Carried<'_, State>) -> Result<f64> {
    state.read(|state| match state {
        State::Pairs(pairs) => {
            // The sizes of the segments in both divisions, at most as many as pairs. A pair takes some 10 ns, and the
            // memory limit of aggregates allows a few million, so no check for interrupts is needed.
            ask("segrec_adjusted_rand", 2 * pairs.memory())?;
            Ok(pairs.adjusted_rand())
        }
        _ => Err(SegrecError::SummariesDiffer),
    })?
}

/// Parses the text form of a summary.
///
/// # Errors
/// If the text is not valid.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    ask("a summary", text.len() / 2)?;
    let bytes = hex::decode(text).map_err(|error| SegrecError::InvalidValue {
        of: State::SQL,
        reason: error.to_string(),
        hint: "Use only unchanged summaries from an aggregate of pg_segrec.",
    })?;
    State::unflatten(&bytes)?;
    Ok(bytes)
}
