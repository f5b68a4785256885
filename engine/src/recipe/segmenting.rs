//! A training without events: users divided by what is known about them.

use super::described::Described;
use super::division::{Before, Finder};
use super::members::Members;
use super::options::Options;
use crate::error::Result;
use crate::observer::Observer;
use crate::segmentation::choice::{Choice, choose};

/// What such a training leaves.
#[derive(Clone, Debug)]
pub struct Segmented {
    /// The segment of every user.
    pub members: Members,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
}

/// Divides users.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NothingToTrainOn`],
/// [`crate::EngineError::Column`].
pub fn segment(
    described: &Described,
    before: Option<&Before<'_>>,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Segmented> {
    let count = described.table.rows();
    let finder = Finder { described, options, before };
    let (target, asked) = finder.target(options.segmentation.readable_target(count));
    let mut divisions = finder.divisions(None, None, &target, observer)?;
    let tried = divisions.iter().map(|division| (division.count, division.partition.scores, None)).collect();
    let (best, choices) = choose(tried, asked);
    Ok(Segmented { members: Members::new(divisions.swap_remove(best), count, None), choices })
}
