//! The checked form of the options: only it trains.

use super::algorithm::Decided;
use super::algorithm::{Algorithm, Feedback};
use crate::auto::AutoOr;
use crate::evaluation::HoldoutOptions;
use crate::interactions::{Duplicates, EventLimits, Weighting};
use crate::scorers::neighbours::{NeighbourMethod, NeighbourOptions};
use crate::scorers::ratings::RatingOptions;
use crate::segmentation::SegmentationOptions;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use strum::VariantNames;

/// What happens to rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum OnBadRows {
    /// The training stops with an error that counts them.
    Error,
    /// They are skipped and counted in a notice.
    Skip,
}

/// The settings of reading events, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventOptions {
    /// What an event of each type counts; empty where types do not matter.
    pub type_weights: BTreeMap<String, f64>,
    /// Seconds after which an event counts half.
    #[serde(deserialize_with = "seconds")]
    pub half_life: Option<f64>,
    /// How events on the same item are combined.
    pub duplicates: Duplicates,
    /// Least events of a user.
    pub min_user_events: usize,
    /// Least events of an item.
    pub min_item_events: usize,
    /// Most items of a user that count.
    pub max_user_events: usize,
    /// What happens to bad rows.
    pub on_bad_rows: OnBadRows,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| {
        humantime::parse_duration(&text)
            .map(|duration| duration.as_secs_f64())
            .map_err(serde::de::Error::custom)
    })
    .transpose()
}

impl EventOptions {
    /// The limits of support.
    pub fn limits(&self) -> EventLimits {
        EventLimits {
            min_user_events: self.min_user_events,
            min_item_events: self.min_item_events,
            max_user_events: self.max_user_events,
        }
    }
}

/// The settings of alternating least squares, checked; what is left to the training is decided by
/// [`crate::scorers::factors::tuning`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsChoices {
    /// k, the length of a factor vector.
    pub factors: AutoOr<usize>,
    /// Passes over users and items.
    pub sweeps: AutoOr<usize>,
    /// λ.
    pub regularization: AutoOr<f64>,
    /// α₀.
    pub unobserved_weight: AutoOr<f64>,
    /// ν: how the regularization grows with the number of a row's entries.
    pub frequency_exponent: f64,
    /// η: how much users of other segments count in a segment's item factors.
    pub sharing: f64,
    /// Whether to begin with the factors of the deployed version.
    pub warm_start: bool,
}

/// The settings of neighbours, checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourChoices {
    /// How strongly items are associated.
    pub method: NeighbourMethod,
    /// How many of the nearest items a regression looks at.
    pub considered: usize,
    /// How many neighbours of an item are kept.
    pub kept: usize,
    /// ρ of the regression.
    pub regularization: f64,
    /// How much of a hybrid's score comes from neighbours.
    pub share: AutoOr<f64>,
}

impl NeighbourChoices {
    /// How neighbours are found.
    pub fn options(&self) -> NeighbourOptions {
        let Self { method, considered, kept, regularization, .. } = *self;
        NeighbourOptions { method, considered, kept, regularization }
    }
}

/// The settings of EASE, checked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EaseOptions {
    /// λ.
    pub regularization: f64,
    /// How many weights of an item are kept.
    pub kept: usize,
}

/// All options, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// How items are ranked.
    pub algorithm: Algorithm,
    /// What a weight says.
    pub feedback: Feedback,
    /// Seconds after which no other algorithm is tried.
    #[serde(deserialize_with = "seconds")]
    pub time_limit: Option<f64>,
    /// Reading events.
    pub events: EventOptions,
    /// Dividing users.
    pub segmentation: SegmentationOptions,
    /// The backbone and the segment factors.
    pub als: AlsChoices,
    /// Neighbours.
    pub neighbours: NeighbourChoices,
    /// Neighbours in closed form.
    pub ease: EaseOptions,
    /// Predicting ratings.
    pub rating: RatingOptions,
    /// Measuring.
    pub holdout: HoldoutOptions,
    /// Where random draws start.
    pub seed: u64,
    /// How many of the newest versions stay after a training.
    pub keep_versions: usize,
}

impl Options {
    /// Whether weights are ratings.
    pub fn is_explicit(&self) -> bool {
        match self.feedback {
            Feedback::Implicit => false,
            Feedback::Explicit => true,
            Feedback::Auto => self.algorithm == Algorithm::Rating,
        }
    }

    /// How events count, with ages measured from `anchor` (microseconds).
    pub fn weighting(&self, anchor: i64) -> Weighting {
        let EventOptions { duplicates, half_life, .. } = self.events;
        Weighting { duplicates, half_life, anchor, ratings: self.is_explicit(), shift: 0.0 }
    }

    /// Whether popularity is the sum of what is left of weights, not the number of users: where age matters.
    pub fn weighs_popularity(&self) -> bool {
        self.events.half_life.is_some() && !self.is_explicit()
    }

    /// The same recipe with as many segments as a training found, where the options leave the number open.
    pub fn with_segments(mut self, count: usize) -> Self {
        let count = self.segmentation.segments.unwrap_or_else(|| count.max(1));
        self.segmentation.segments = AutoOr::Given(count);
        self
    }

    /// The same recipe with nothing left open.
    pub fn decided(&self, decided: &Decided) -> Self {
        let mut options = self.clone();
        options.algorithm = decided.algorithm;
        options.als = AlsChoices::fixed(&decided.als, self.als.warm_start);
        if decided.algorithm == Algorithm::Hybrid {
            let neighbours = decided.blend.0.iter().find(|own| own.scorer == "neighbours");
            options.neighbours.share = AutoOr::Given(neighbours.map_or(0.0, |own| f64::from(own.share)));
        }
        options
    }
}
