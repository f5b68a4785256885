//! What a training is given besides its options.

use super::segmenter::PreviousSegments;
use super::user_data::UserData;
use crate::interactions::Events;
use crate::matrix::Matrix;
use crate::options::algorithm::Algorithm;
use crate::scorers::method::Method;
use crate::scorers::registry::methods;

/// What a training is given besides its options.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// What users did.
    pub events: &'a Events,
    /// What is known about them besides; members are first the users of the events.
    pub described: &'a UserData,
    /// The segments they had before.
    pub before: Option<&'a PreviousSegments<'a>>,
    /// The item factors of the deployed version (items × k), zero for items it does not know.
    pub start: Option<&'a Matrix>,
    /// Bytes that an algorithm may take, where one is chosen.
    pub memory: u64,
    /// Ways to score that are tried beside those of the algorithm.
    pub beside: &'a [&'static dyn Method],
}

impl<'a> Given<'a> {
    /// Events and what is known besides, without a version before and without a limit.
    pub fn new(events: &'a Events, described: &'a UserData) -> Self {
        Self { events, described, before: None, start: None, memory: u64::MAX, beside: &[] }
    }

    /// The ways to score of an algorithm, and those that are tried beside.
    pub fn methods(&self, algorithm: Algorithm) -> Vec<&'static dyn Method> {
        methods(algorithm.scorers()).into_iter().chain(self.beside.iter().copied()).collect()
    }
}
