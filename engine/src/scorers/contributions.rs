//! What the items of a history add to a score.

/// An additive explanation of a score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contributions {
    /// The part that does not depend on any item of the history.
    pub base: f64,
    /// What each item of the history adds.
    pub of_items: Vec<f64>,
}
