//! What an aggregate carries: one SQL type, `segrec_summary`, an ordinary one, so that PostgreSQL sends it
//! between parallel workers and extensions that distribute tables send it between servers.
//!
//! Its bytes are a format byte and postcard's form of [`State`]; its text is their hexadecimal form.

use super::clusters::{self, MOST_SEGMENTS};
use super::error_sums::ErrorSums;
use super::threads::run;
use crate::error::{FeatureProblem, Result, SegrecError};
use crate::pg::datums::features::Features;
use crate::pg::executor::aggregate::{Aggregate, Carried, Carry, Held, room};
use crate::pg::process::memory::ask;
use crate::pg::process::workers::run_alone;
use segrec_engine::segmentation::quality::{self, Contingency};
use segrec_engine::segmentation::streaming::{Coreset, LabelledSample};
use segrec_engine::{Matrix, memory, seed};
use serde::{Deserialize, Serialize};

/// The first byte of the flat form.
const FORMAT: u8 = 1;

/// The number of a kind in the flat form.
const LABELLED: u8 = 1;
const PAIRS: u8 = 2;
/// What the flat form has beside numbers, at most.
const LITTLE: usize = 1024;

/// The running state of an aggregate over the rows of a group.
#[derive(Clone, Serialize, Deserialize)]
pub enum State {
    /// Of `segrec_kmeans`.
    Kmeans(Coreset),
    /// Of `segrec_silhouette` and `segrec_davies_bouldin`.
    Labelled(LabelledSample),
    /// Of `segrec_adjusted_rand`.
    Pairs(Contingency),
    /// Of `segrec_rmse`, `segrec_mae` and `segrec_mse`.
    Errors(ErrorSums),
    /// Of `segrec_auc`: the scores of relevant rows and of others.
    Scores([Vec<f64>; 2]),
    /// Of `segrec_gini`.
    Numbers(Vec<f64>),
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
        }
    }

    fn flatten(&self) -> Result<Vec<u8>> {
        // A whole number of eight bytes takes up to ten. Pairs are first copied and put in order.
        let most = self.memory() / 4 * 5 + LITTLE;
        if let Self::Pairs(_) = self {
            ask("the flat form of a state", 3 * most)?;
        }
        let mut bytes = memory::with_room(most)?;
        bytes.push(FORMAT);
        postcard::to_extend(self, bytes).map_err(|error| SegrecError::Internal(error.to_string()))
    }

    fn unflatten(bytes: &[u8]) -> Result<Self> {
        let invalid = |reason: String| SegrecError::InvalidValue {
            of: Self::SQL,
            reason,
            hint: "a summary is only what an aggregate of pg_segrec left, unchanged",
        };
        // What a byte becomes, vectors doubling: a number of four or eight bytes the same, others up to eight; pairs ask
        // for themselves.
        let times = match bytes {
            [_, LABELLED, ..] => 24,
            [_, PAIRS, ..] => 0,
            _ => 3,
        };
        ask("the state of an aggregate", times * bytes.len())?;
        match bytes {
            [FORMAT, rest @ ..] => match postcard::take_from_bytes(rest) {
                Ok((state, [])) => Ok(state),
                Ok(_) => Err(invalid("something follows its end".to_owned())),
                Err(postcard::Error::SerdeDeCustom) if rest.first() == Some(&PAIRS) => {
                    Err(SegrecError::MemoryGone)
                }
                Err(error) => Err(invalid(error.to_string())),
            },
            _ => Err(invalid("it does not begin as a summary does".to_owned())),
        }
    }
}

/// A state with one more row, or as it was where the row is skipped.
pub(super) type Next = Result<Option<Held<State>>>;

pub(super) fn unchanged(state: Option<Carried<'_, State>>, aggregate: &Aggregate) -> Next {
    state.map(|state| state.hold(aggregate)).transpose()
}

/// The state to change: what there is, or a new one.
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

/// A row of `segrec_kmeans`.
///
/// # Errors
/// Where `k` or the features cannot be used.
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

/// A row of `segrec_silhouette` or `segrec_davies_bouldin`.
///
/// # Errors
/// Where the features cannot be used.
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

/// A row of `segrec_adjusted_rand`.
///
/// # Errors
/// Where the state is another aggregate's.
pub fn add_pair(state: Option<Carried<'_, State>>, pair: Option<(u64, u64)>, aggregate: &Aggregate) -> Next {
    let Some((a, b)) = pair else { return unchanged(state, aggregate) };
    let mut held = begun(state, aggregate, || State::Pairs(Contingency::default()))?;
    let State::Pairs(pairs) = held.value() else { return Err(SegrecError::SummariesDiffer) };
    room(pairs.growth())?;
    pairs.add(a, b)?;
    Ok(Some(held))
}

/// A label of a division as a number: equal for equal labels.
pub fn label(text: &[u8]) -> u64 {
    seed::hash_bytes(0, text)
}

/// Adds numbers to those that an aggregate keeps.
pub(super) fn extend(numbers: &mut Vec<f64>, more: &[f64]) -> Result<()> {
    room(memory::growth(numbers, more.len()))?;
    memory::reserve(numbers, more.len())?;
    numbers.extend_from_slice(more);
    Ok(())
}

/// Both states as one.
///
/// # Errors
/// Where they are of different kinds.
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
            _ => return Err(SegrecError::SummariesDiffer),
        }
        Ok(())
    })??;
    Ok(Some(held))
}

/// The clusters that `segrec_kmeans` returns, flat.
///
/// # Errors
/// Where there are no threads, or the work was cancelled.
pub fn clusters(state: &Carried<'_, State>) -> Result<Vec<u8>> {
    state.read(|state| {
        let State::Kmeans(summary) = state else { return Err(SegrecError::SummariesDiffer) };
        ask("segrec_kmeans", summary.needed())?;
        let found = run(summary.work(), |observer| summary.clusters(observer))??;
        clusters::flatten(&found)
    })?
}

/// A copy of the rows that a sample keeps, with room for the centres of their segments.
fn kept(sample: &LabelledSample) -> Result<(Matrix, Vec<u32>)> {
    let rows = sample.rows().min(2 * sample.bound() as u64) as usize;
    ask("a figure of segments", 2 * rows * sample.columns() * size_of::<f32>())?;
    Ok(sample.kept()?)
}

/// A figure of rows and their segments; none with fewer than two segments.
///
/// # Errors
/// Where there are no threads, or the work was cancelled.
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

/// The Davies–Bouldin index of rows and their segments; none with fewer than two segments.
///
/// # Errors
/// Where the state is another aggregate's, or the work was cancelled.
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
/// Where the state is another aggregate's.
pub fn adjusted_rand(state: &Carried<'_, State>) -> Result<f64> {
    state.read(|state| match state {
        State::Pairs(pairs) => {
            // The sizes of the segments of both divisions, of which there are as many as pairs at most. Some 10 ns for each
            // pair, of which the bound of aggregates leaves a few million: nobody waits for that to stop.
            ask("segrec_adjusted_rand", 2 * pairs.memory())?;
            Ok(pairs.adjusted_rand())
        }
        _ => Err(SegrecError::SummariesDiffer),
    })?
}

/// A summary from its text.
///
/// # Errors
/// Where the text is none.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    ask("a summary", text.len() / 2)?;
    let bytes = hex::decode(text).map_err(|error| SegrecError::InvalidValue {
        of: State::SQL,
        reason: error.to_string(),
        hint: "a summary is only what an aggregate of pg_segrec left, unchanged",
    })?;
    State::unflatten(&bytes)?;
    Ok(bytes)
}
