//! The inputs of a training besides its options.

use super::segmenter::PreviousSegments;
use super::user_data::UserData;
use crate::interactions::Events;
use crate::matrix::Matrix;
use crate::options::algorithm::Algorithm;
use crate::scorers::method::Method;
use crate::scorers::registry::methods;

/// The inputs of a training besides its options.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The events to learn from.
    pub events: &'a Events,
    /// Other data about users. Its members begin with the users of the events.
    pub described: &'a UserData,
    /// The segments of the version being replaced.
    pub before: Option<&'a PreviousSegments<'a>>,
    /// The item factors of the deployed version (items × k), zero for items it does not have.
    pub start: Option<&'a Matrix>,
    /// The maximum number of bytes an algorithm may take when one is chosen.
    pub memory: u64,
    /// The factor of the scores of items without events, see [`super::new_items::decide`]; 0 if there are none.
    pub new_items: f64,
    /// Scorers to be tried in addition to those of the algorithm.
    pub beside: &'a [&'static dyn Method],
}

impl<'a> Given<'a> {
    /// Events and user data, without a previous version and without a memory limit.
    pub fn new(events: &'a Events, described: &'a UserData) -> Self {
        Self { events, described, before: None, start: None, memory: u64::MAX, new_items: 0.0, beside: &[] }
    }

    /// The scorers of an algorithm, followed by those to be tried in addition.
    pub fn methods(&self, algorithm: Algorithm) -> Vec<&'static dyn Method> {
        methods(algorithm.scorers()).into_iter().chain(self.beside.iter().copied()).collect()
    }
}
