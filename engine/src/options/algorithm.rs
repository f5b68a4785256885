//! The algorithms by which a model can rank, their scorers, and the choices that a training made.

use crate::interactions::ItemOrder;
use crate::ranking::Blend;
use crate::scorers::factors::AlsOptions;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

/// The algorithm by which items are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Algorithm {
    /// A blend of factors, neighbours, neighbours of users, a transformer and what is popular now.
    Hybrid,
    /// Factors of the backbone and of segments.
    Als,
    /// Neighbours from co-occurrence or a ridge regression.
    Neighbours,
    /// Neighbours in closed form, by EASE.
    Ease,
    /// Similar items, by what is known about them.
    Content,
    /// A causal transformer over the order of a user's items.
    Sasrec,
    /// Ratings predicted from explicit feedback.
    Rating,
    /// The number of users of an item.
    Popularity,
    /// The best algorithm on the holdout.
    Auto,
}

impl Algorithm {
    /// The algorithms that `auto` tries on implicit feedback, cheapest first.
    pub const IMPLICIT: [Self; 5] = [Self::Popularity, Self::Neighbours, Self::Ease, Self::Als, Self::Hybrid];

    /// The name used in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The scorers that it blends; empty for `auto`.
    pub fn scorers(self) -> &'static [&'static str] {
        match self {
            Self::Hybrid => &["factors", "neighbours", "user_neighbours", "sasrec", "popular_now", "repeat"],
            Self::Als => &["factors"],
            Self::Neighbours | Self::Ease => &["neighbours"],
            Self::Content => &["content"],
            Self::Sasrec => &["sasrec"],
            Self::Rating => &["ratings"],
            Self::Popularity => &["popularity"],
            Self::Auto => &[],
        }
    }

    /// Whether scores come from implicit-feedback factors, of which segments may have their own.
    pub fn ranks_by_factors(self) -> bool {
        matches!(self, Self::Hybrid | Self::Als)
    }

    /// Whether segments may have a part of their own: factors, or popular items.
    pub fn segments_have_parts(self) -> bool {
        self.ranks_by_factors() || self == Self::Popularity
    }
}

/// The meaning of an event's weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Feedback {
    /// How often or how certainly a user chose an item.
    Implicit,
    /// A rating: how much a user likes an item.
    Explicit,
    /// Explicit for the algorithm `rating`, else implicit.
    Auto,
}

/// The choices that a training made where the options leave them open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// The algorithm, which is never [`Algorithm::Auto`].
    pub algorithm: Algorithm,
    /// The settings of the backbone.
    pub als: AlsOptions,
    /// The weights of the scorers.
    pub blend: Blend,
    /// β, the weight of what is known about items in the regression of neighbours.
    #[serde(default)]
    pub content: f64,
    /// How the order of users' items counts.
    #[serde(default)]
    pub order: ItemOrder,
    /// The half-life in seconds of what is popular now; 0 if it is not part of the blend.
    #[serde(default)]
    pub popular_now: f64,
    /// Whether segments with parts of their own see what is popular now among their users.
    #[serde(default)]
    pub popular_now_by_segment: bool,
    /// Whether segments with parts of their own have factors of their own if the algorithm ranks by factors.
    #[serde(default = "yes")]
    pub segment_factors: bool,
    /// The half-life in seconds of what a user takes again; 0 if lists have nothing that the user has.
    #[serde(default)]
    pub repeat: f64,
    /// The number of epochs of a network; 0 if there is none.
    #[serde(default)]
    pub epochs: usize,
    /// How many next items a network learns to predict one of.
    #[serde(default = "one")]
    pub horizon: usize,
    /// Whether a network has adapters for segments.
    #[serde(default)]
    pub adapters: bool,
    /// The factor of the scores of items without events; 0 if the version has none.
    #[serde(default)]
    pub new_items: f64,
    /// The number of columns of what the attributes of users say about each item; 0 if users without events get what is
    /// popular.
    #[serde(default)]
    pub attributes: usize,
    /// ζ, the weight of popularity by which lists of users with few events would gain most; it is measured,
    /// but lists do not use it.
    #[serde(default)]
    pub short_histories: f64,
    /// The binary exponent of the factor applied to weights, see [`crate::interactions::Weighting::shift`].
    #[serde(default)]
    pub shift: f64,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}
