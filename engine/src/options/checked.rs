//! Every option of a model, once: its name, what it may be, its default and what it does. The
//! parser, the errors and the reference read this table; [`Options`] is the checked form, and only
//! the checked form trains.

use super::algorithm::{Algorithm, Feedback};
use crate::auto::AutoOr;
use crate::evaluation::HoldoutOptions;
use crate::interactions::{Duplicates, EventLimits};
use crate::scorers::neighbours::{NeighbourMethod, NeighbourOptions};
use crate::scorers::ratings::RatingOptions;
use crate::segmentation::SegmentationOptions;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// What an option may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number within the bounds.
    Integer {
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
    },
    /// `"auto"` or a whole number within the bounds.
    AutoOrInteger {
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
    },
    /// `"auto"` or a number within the bounds.
    AutoOrNumber {
        /// The least value.
        least: f64,
        /// The greatest value.
        most: f64,
    },
    /// A number within the bounds.
    Number {
        /// The least value.
        least: f64,
        /// The greatest value.
        most: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words.
    Choices(&'static [&'static str]),
    /// True or false.
    Boolean,
    /// The name of a column, or null.
    Name,
    /// A list of names of columns.
    Names,
    /// A date or a timestamp, or null.
    Moment,
    /// A length of time such as `"90 days"`, or null.
    Duration,
    /// An object from words to numbers of at least 0.
    Weights,
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionEntry {
    /// The path in the JSON, with dots.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// The default, as JSON.
    pub default: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
}

const fn entry(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry { name, kind, default, help }
}

/// All options.
pub const OPTIONS: &[OptionEntry] = &[
    entry(
        "algorithm",
        Kind::Choice(&["hybrid", "als", "neighbours", "ease", "rating", "popularity", "auto"]),
        "\"hybrid\"",
        "How items are ranked: factors of segments blended with neighbours, factors alone, neighbours alone, neighbours in closed form (EASE), predicted ratings, or the number of users; auto tries them on the holdout and keeps the best.",
    ),
    entry(
        "feedback",
        Kind::Choice(&["implicit", "explicit", "auto"]),
        "\"auto\"",
        "Whether a weight says how often or how surely a user chose an item, or is a rating that may also be bad; auto takes ratings where the algorithm is rating.",
    ),
    entry(
        "time_limit",
        Kind::Duration,
        "\"10 minutes\"",
        "After this long the algorithm auto tries no other one; null sets no limit.",
    ),
    entry(
        "events.type_weights",
        Kind::Weights,
        "{}",
        "What an event of each type counts; with weights given, events of other types are left out.",
    ),
    entry(
        "events.half_life",
        Kind::Duration,
        "null",
        "The age at which an event counts half, measured back from the latest event that is not in the future; null where age does not matter.",
    ),
    entry(
        "events.duplicates",
        Kind::Choice(&["sum", "max", "last", "count"]),
        "\"sum\"",
        "How several events of a user on the same item become one weight.",
    ),
    entry(
        "events.min_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Users with fewer events are left out of the training.",
    ),
    entry(
        "events.min_item_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Items with fewer events are left out of the training.",
    ),
    entry(
        "events.max_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5000",
        "Of a user with more items only this many count: the latest, or without a time column the heaviest.",
    ),
    entry(
        "events.on_bad_rows",
        Kind::Choice(&["error", "skip"]),
        "\"error\"",
        "Whether rows with a null id, weight or time, a weight that is negative or not a number, or an infinite time stop the training or are skipped and counted.",
    ),
    entry(
        "segmentation.method",
        Kind::Choice(&["kmeans", "hierarchical", "mixture", "density", "knn", "rfm", "column", "none"]),
        "\"kmeans\"",
        "How users are divided: k-means, a merge tree, a mixture of Gaussians, dense places (DBSCAN), a vote of the nearest labelled users, recency, frequency and monetary value, the users' own labels as they are, or one segment of everybody.",
    ),
    entry(
        "segmentation.segments",
        Kind::AutoOrInteger { least: 1, most: 4096 },
        "\"auto\"",
        "How many segments, for kmeans, hierarchical, mixture and k-means on rfm; auto tries several: with events a half and all of one per 450 users (at least 8 and at most 64, each with 200 users and 20 events per factor or more) and keeps what ranks held-out events best (the clearer where these do not tell), without events 2 to 12 and keeps the clearest.",
    ),
    entry(
        "segmentation.on",
        Kind::Choice(&["auto", "behaviour", "attributes", "both"]),
        "\"auto\"",
        "What users are divided by: the direction of their factors, what is known about them, or both with the same weight; auto takes behaviour where the model has events, else attributes.",
    ),
    entry(
        "segmentation.features",
        Kind::Names,
        "[]",
        "The columns of users that count as attributes; an empty list takes all that can.",
    ),
    entry(
        "segmentation.activity",
        Kind::Choices(&["events", "weight", "recency", "active_days", "types", "categories"]),
        "[]",
        "What of their events counts as attributes of users: how many, their total weight, days since the last, days with any, how many of each type, the share of each category.",
    ),
    entry(
        "segmentation.category_column",
        Kind::Name,
        "null",
        "The column of items that names an item's category.",
    ),
    entry(
        "segmentation.label_column",
        Kind::Name,
        "null",
        "The column of users that names a user's segment: all of them for column, some of them for knn.",
    ),
    entry(
        "segmentation.scale",
        Kind::Choice(&["standard", "robust"]),
        "\"standard\"",
        "How numbers are made comparable: by mean and standard deviation, or by median and interquartile range.",
    ),
    entry(
        "segmentation.starts",
        Kind::Integer { least: 1, most: 100 },
        "4",
        "How often k-means begins anew; the best is kept.",
    ),
    entry(
        "segmentation.linkage",
        Kind::Choice(&["ward", "average", "complete", "single"]),
        "\"ward\"",
        "Which clusters hierarchical merges: those whose variance grows least, or the nearest by mean, farthest or nearest members.",
    ),
    entry(
        "segmentation.neighbours",
        Kind::Integer { least: 1, most: 1000 },
        "10",
        "How many of the nearest labelled users vote in knn, and how many users make a dense place in density.",
    ),
    entry(
        "segmentation.radius",
        Kind::AutoOrNumber { least: 1e-9, most: 1e9 },
        "\"auto\"",
        "How far a neighbour may be in density; auto finds the knee of the distances.",
    ),
    entry(
        "segmentation.rfm",
        Kind::Choice(&["named", "kmeans"]),
        "\"named\"",
        "How rfm scores become segments: by the documented rules with their names, or by k-means on the scores.",
    ),
    entry(
        "segmentation.as_of",
        Kind::Moment,
        "null",
        "The moment from which ages and recency are counted back; null takes the latest event, or without events the latest moment in users.",
    ),
    entry(
        "segmentation.keep",
        Kind::Boolean,
        "true",
        "Whether a training begins with the segments of the deployed version, so that users stay where they are; false finds them anew.",
    ),
    entry(
        "als.factors",
        Kind::AutoOrInteger { least: 1, most: 1024 },
        "128",
        "The length of a factor vector: more hold finer tastes, if there are events enough to learn them, and are slower and larger; auto begins with 32 and doubles, up to 256, while held-out events are ranked better.",
    ),
    entry(
        "als.sweeps",
        Kind::AutoOrInteger { least: 1, most: 200 },
        "\"auto\"",
        "Passes over users and items; auto stops when held-out events are ranked no better, after 16 at most.",
    ),
    entry(
        "als.regularization",
        Kind::AutoOrNumber { least: 1e-6, most: 1000.0 },
        "\"auto\"",
        "How strongly factors are held small; auto seeks the best on the holdout.",
    ),
    entry(
        "als.unobserved_weight",
        Kind::AutoOrNumber { least: 0.0, most: 100.0 },
        "\"auto\"",
        "The weight of a pair that did not occur, against 1 for one that did; auto takes 160 / items, from 0.01 to 1.",
    ),
    entry(
        "als.frequency_exponent",
        Kind::Number { least: 0.0, most: 1.0 },
        "1",
        "How the regularization grows with the number of a row's events: 0 not at all, 1 in proportion.",
    ),
    entry(
        "als.sharing",
        Kind::Number { least: 0.0, most: 1.0 },
        "0.1",
        "How much users of other segments count in a segment's item factors: 0 not at all, 1 like its own.",
    ),
    entry(
        "als.warm_start",
        Kind::Boolean,
        "true",
        "Whether factors begin with those of the deployed version, with half the passes, where it knows nine of ten items and has as many factors; what is measured on the holdout always begins anew.",
    ),
    entry(
        "neighbours.method",
        Kind::Choice(&["ridge", "filter", "cosine", "tf_idf", "rp3"]),
        "\"ridge\"",
        "How strongly items are associated: by a regression on the nearest, or by how many users share them, with the weights of a graph filter, of the cosine, of tf-idf or of a random walk of three steps.",
    ),
    entry(
        "neighbours.considered",
        Kind::Integer { least: 1, most: 2000 },
        "200",
        "How many of the nearest items the regression of an item looks at.",
    ),
    entry(
        "neighbours.kept",
        Kind::Integer { least: 1, most: 2000 },
        "100",
        "How many neighbours of an item are kept.",
    ),
    entry(
        "neighbours.regularization",
        Kind::Number { least: 1e-6, most: 1e6 },
        "20",
        "How strongly the weights of the regression are held small.",
    ),
    entry(
        "neighbours.share",
        Kind::AutoOrNumber { least: 0.0, most: 1.0 },
        "\"auto\"",
        "How much of a hybrid's score comes from neighbours: 0 nothing, 1 all; auto seeks the best on the holdout.",
    ),
    entry(
        "ease.regularization",
        Kind::Number { least: 1e-6, most: 1e6 },
        "250",
        "How strongly the weights of ease are held small.",
    ),
    entry(
        "ease.kept",
        Kind::Integer { least: 1, most: 100_000 },
        "500",
        "How many weights of an item ease keeps.",
    ),
    entry(
        "rating.factors",
        Kind::Integer { least: 1, most: 1024 },
        "32",
        "The length of a factor vector where ratings are predicted.",
    ),
    entry(
        "rating.sweeps",
        Kind::Integer { least: 1, most: 200 },
        "20",
        "Passes over users and items where ratings are predicted.",
    ),
    entry(
        "rating.user_regularization",
        Kind::Number { least: 1e-3, most: 1000.0 },
        "2",
        "How strongly a user's factors are pulled to what their attributes and the pattern of what they rated say.",
    ),
    entry(
        "rating.item_regularization",
        Kind::Number { least: 1e-3, most: 1000.0 },
        "2",
        "How strongly an item's factors are pulled to what its attributes and the pattern of who rated it say.",
    ),
    entry(
        "holdout.split",
        Kind::Choice(&["auto", "time", "last", "random"]),
        "\"auto\"",
        "How held-out events are chosen: the latest of all, what each user came to last, or by a hash of user and item; auto takes time where the model has a time column, and each gives way to the next where it leaves nothing to measure.",
    ),
    entry(
        "holdout.share",
        Kind::Number { least: 0.01, most: 0.5 },
        "0.1",
        "The share of events that is held out to measure the training, for time and random.",
    ),
    entry(
        "holdout.last",
        Kind::Integer { least: 1, most: 1000 },
        "1",
        "How many items of each user are held out, for last; never more than half of a user's.",
    ),
    entry(
        "seed",
        Kind::Integer { least: 0, most: 9_007_199_254_740_991 },
        "42",
        "Where all random draws start; the same data and seed give the same version.",
    ),
    entry(
        "keep_versions",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5",
        "How many of the newest versions stay after a training; older ones are dropped, but for the deployed one and the one that segrec_rollback goes to.",
    ),
];

/// What happens to rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
