//! The algorithms that a model may rank by, what each is made of, and what a training decided.

use crate::matrix::Matrix;
use crate::ranking::Blend;
use crate::scorers::factors::AlsOptions;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use strum::{IntoStaticStr, VariantNames};

/// How items are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Algorithm {
    /// Factors of segments blended with neighbours.
    Hybrid,
    /// Factors: the backbone's and those of segments.
    Als,
    /// Neighbours.
    Neighbours,
    /// Neighbours in closed form.
    Ease,
    /// Predicted ratings.
    Rating,
    /// The number of users.
    Popularity,
    /// The best of them on the holdout.
    Auto,
}

impl Algorithm {
    /// Those that `auto` tries on implicit feedback, the cheapest first.
    pub const IMPLICIT: [Self; 5] = [Self::Popularity, Self::Neighbours, Self::Ease, Self::Als, Self::Hybrid];

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The scorers whose scores it adds up; none of an algorithm that is to be chosen.
    pub fn scorers(self) -> &'static [&'static str] {
        match self {
            Self::Hybrid => &["factors", "neighbours"],
            Self::Als => &["factors"],
            Self::Neighbours | Self::Ease => &["neighbours"],
            Self::Rating => &["ratings"],
            Self::Popularity => &["popularity"],
            Self::Auto => &[],
        }
    }

    /// Whether scores come from implicit-feedback factors, of which segments may have their own.
    pub fn ranks_by_factors(self) -> bool {
        matches!(self, Self::Hybrid | Self::Als)
    }

    /// Whether segments may have a part of their own: factors, or what is popular in them.
    pub fn segments_have_parts(self) -> bool {
        self.ranks_by_factors() || self == Self::Popularity
    }

    /// What tells tastes apart: the factors of users, but for ratings not their last two columns, which are
    /// 1 and the user's bias.
    pub fn tastes(self, user_factors: &Matrix) -> Cow<'_, Matrix> {
        if self != Self::Rating {
            return Cow::Borrowed(user_factors);
        }
        let mut tastes = user_factors.clone();
        let k = tastes.columns().saturating_sub(2);
        (0..tastes.rows()).for_each(|row| tastes.row_mut(row)[k..].fill(0.0));
        Cow::Owned(tastes)
    }
}

/// What a weight says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Feedback {
    /// How often or how surely a user chose an item.
    Implicit,
    /// What a user thinks of an item.
    Explicit,
    /// Explicit for ratings, else implicit.
    Auto,
}

/// What a training decided where the options leave it open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Never [`Algorithm::Auto`].
    pub algorithm: Algorithm,
    /// The settings of the backbone.
    pub als: AlsOptions,
    /// How scorers make a score.
    pub blend: Blend,
    /// The exponent of the power of two that weights were multiplied by, see [`crate::interactions::Weighting::shift`].
    #[serde(default)]
    pub shift: f64,
}
