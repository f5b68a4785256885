//! A training without events, which segments users by their attributes.

use super::members::Members;
use super::segmenter::{PreviousSegments, Segmentation, Segmenter};
use super::user_data::UserData;
use crate::error::Result;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::segmentation::Target;
use crate::segmentation::quality::{Choice, CountSource, Tried, choose};

/// The result of a training without events.
#[derive(Clone, Debug)]
pub struct Segmented {
    /// The segment of every user.
    pub members: Members,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
}

/// Segments the users.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NothingToDivideBy`],
/// [`crate::EngineError::Column`].
pub fn segment(
    described: &UserData,
    before: Option<&PreviousSegments<'_>>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Segmented> {
    let count = described.table.rows();
    let finder = Segmenter { described, options, before };
    let (mut target, asked) = finder.target(options.segmentation.readable_target(count));
    let mut choices = None;
    if target.counts.len() > 1 && count > CHOOSING_ROWS {
        let sample = described.sample(CHOOSING_ROWS, options.seed);
        let finder = Segmenter { described: &sample, options, before: None };
        let least = (target.least * CHOOSING_ROWS / count).max(1);
        let tried = finder.divisions(None, None, &Target { least, ..target.clone() }, observer)?;
        let (best, on_sample) = chosen(&tried, asked);
        target.counts = vec![tried[best].count];
        choices = Some(on_sample);
    }
    let mut divisions = finder.divisions(None, None, &target, observer)?;
    let (best, on_all) = chosen(&divisions, asked);
    let members = Members::new(divisions.swap_remove(best), count, None);
    Ok(Segmented { members, choices: choices.unwrap_or(on_all) })
}

/// The maximum number of users on which the number of segments is chosen, since each candidate takes a clustering.
const CHOOSING_ROWS: usize = 20_000;

fn chosen(divisions: &[Segmentation], asked: CountSource) -> (usize, Vec<Choice>) {
    let tried = divisions.iter().map(|division| Tried {
        segments: division.count,
        scores: division.partition.scores,
        held_out: Vec::new(),
    });
    choose(&tried.collect::<Vec<_>>(), asked)
}
