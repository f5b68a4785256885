//! The checked form of the options, which trainings use.

use super::algorithm::Decided;
use super::algorithm::{Algorithm, Feedback};
use super::filter::RowFilter;
use crate::auto::AutoOr;
use crate::evaluation::HoldoutOptions;
use crate::interactions::{Duplicates, EventLimits, SeenRule, Weighting};
use crate::scorers::neighbours::{NeighbourMethod, NeighbourOptions};
use crate::scorers::ratings::RatingOptions;
use crate::scorers::user_neighbours::UserNeighbourOptions;
use crate::segmentation::SegmentationOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use strum::VariantNames;

/// How rows that cannot be used are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum OnBadRows {
    /// The training fails with an error that counts them.
    Error,
    /// They are skipped and counted in a notice.
    Skip,
}

/// The checked settings for reading events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventOptions {
    /// The weight of each type of event; empty if types do not matter.
    pub type_weights: BTreeMap<String, f64>,
    /// The age in seconds at which an event has half its weight.
    #[serde(with = "seconds")]
    pub half_life: Option<f64>,
    /// How several events of a user on the same item are combined.
    pub duplicates: Duplicates,
    /// The minimum number of events of a user.
    pub min_user_events: usize,
    /// The minimum number of events of an item.
    pub min_item_events: usize,
    /// The maximum number of items of a user that count.
    pub max_user_events: usize,
    /// The types of events by which an item counts as seen; empty for all.
    pub seen_types: Vec<String>,
    /// The seconds for which an item counts as seen; `None` for ever.
    #[serde(with = "seconds")]
    pub seen_for: Option<f64>,
    /// How rows that cannot be used are handled.
    pub on_bad_rows: OnBadRows,
    /// The rows that are read.
    pub filter: RowFilter,
}

/// What counts as seen by the given options of a model, which are not checked as a whole; `None` if these two are not valid.
pub fn seen_rule(given: &Value) -> Option<SeenRule> {
    let Some(events) = given.get("events") else { return Some(SeenRule::default()) };
    let types = match events.get("seen_types") {
        Some(types) => serde_json::from_value(types.clone()).ok()?,
        None => Vec::new(),
    };
    let seconds = match events.get("seen_for").filter(|value| !value.is_null()) {
        Some(duration) => Some(seconds::read::<serde_json::Error>(duration.as_str()?).ok()?),
        None => None,
    };
    Some(SeenRule { types, seconds })
}

/// Seconds that are written as a duration such as "90 days", or null.
mod seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    /// The duration of some seconds as it is written.
    pub fn written(seconds: f64) -> String {
        humantime::format_duration(Duration::from_secs_f64(seconds)).to_string()
    }

    /// The seconds of a duration as it is written.
    pub fn read<E: serde::de::Error>(text: &str) -> Result<f64, E> {
        humantime::parse_duration(text).map(|duration| duration.as_secs_f64()).map_err(E::custom)
    }

    pub fn serialize<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        seconds.map(written).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| read(&text)).transpose()
    }
}

/// As [`seconds`], but "auto" instead of null.
mod auto_or_seconds {
    use super::seconds::{read, written};
    use crate::auto::AutoOr;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(seconds: &AutoOr<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match seconds {
            AutoOr::Auto => serializer.serialize_str("auto"),
            AutoOr::Given(seconds) => serializer.serialize_str(&written(*seconds)),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AutoOr<f64>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(AutoOr::Auto),
            given => read(given).map(AutoOr::Given),
        }
    }
}

impl EventOptions {
    /// The limits on the support of users and items.
    pub fn limits(&self) -> EventLimits {
        EventLimits {
            min_user_events: self.min_user_events,
            min_item_events: self.min_item_events,
            max_user_events: self.max_user_events,
        }
    }

    /// What counts as seen.
    pub fn seen_rule(&self) -> SeenRule {
        SeenRule { types: self.seen_types.clone(), seconds: self.seen_for }
    }
}

/// The checked settings for reading items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemOptions {
    /// The columns that describe items; empty for all suitable ones.
    pub features: Vec<String>,
    /// The text search configuration that divides texts into terms.
    pub text_config: String,
    /// The factor of the scores of items without events; 0 leaves them out.
    pub new_items: AutoOr<f64>,
    /// The share of the places of a list that are reserved for items without events.
    pub reserved: f64,
    /// The column by whose values, which grow, items that come later are found; `None` for the key.
    pub added_column: Option<String>,
    /// The column that says whether items may be shown; `None` if all may.
    pub available: Option<String>,
    /// The column by whose values items belong together; `None` if they do not.
    pub group_column: Option<String>,
    /// The rows that are read.
    pub filter: RowFilter,
}

/// How users without events are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum NewUsers {
    /// By attributes if these rank better, else by popularity.
    Auto,
    /// By their attributes.
    Attributes,
    /// By popularity, in their segment if it is known.
    Popularity,
}

/// The checked settings for what is known about users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserOptions {
    /// How users without events are ranked.
    pub new_users: NewUsers,
    /// The rows that are read.
    pub filter: RowFilter,
}

/// The checked settings of alternating least squares; [`crate::scorers::factors::tuning`] chooses those that are
/// `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsChoices {
    /// k, the length of the factor vectors.
    pub factors: AutoOr<usize>,
    /// The number of passes over users and items.
    pub sweeps: AutoOr<usize>,
    /// λ, the L2 regularization of the factors.
    pub regularization: AutoOr<f64>,
    /// α₀, the weight of every unobserved (user, item) pair.
    pub unobserved_weight: AutoOr<f64>,
    /// ν, how the regularization grows with the number of a row's entries.
    pub frequency_exponent: f64,
    /// η, the weight of users of other segments in a segment's item factors.
    pub sharing: f64,
    /// Whether to start from the factors of the deployed version.
    pub warm_start: bool,
}

/// The checked settings of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourChoices {
    /// How the weights between items are computed.
    pub method: NeighbourMethod,
    /// The number of nearest items that a regression considers.
    pub considered: usize,
    /// The number of neighbours kept per item.
    pub kept: usize,
    /// ρ, the L2 regularization of the regression.
    pub regularization: f64,
    /// The share of neighbours in a hybrid's score.
    pub share: AutoOr<f64>,
    /// β, the weight of what is known about items in the regression.
    pub content: AutoOr<f64>,
}

impl NeighbourChoices {
    /// The settings in the form that the scorer takes, for the exponent q of [`OrderOptions::distance`].
    pub fn options(&self, distance: f64) -> NeighbourOptions {
        let Self { method, considered, kept, regularization, .. } = *self;
        NeighbourOptions { method, considered, kept, regularization, distance }
    }
}

/// The checked settings of how the order of a user's items counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderOptions {
    /// p, the exponent of the history weight (1 + r)^−p of a user's item of rank r.
    pub weight: AutoOr<f64>,
    /// q, the exponent of the closeness of a user's items by which the ridge finds neighbours.
    pub distance: AutoOr<f64>,
}

/// The checked settings of neighbours of users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserNeighbourChoices {
    /// The number of nearest users that a regression considers.
    pub considered: usize,
    /// The number of items kept per user.
    pub kept: usize,
    /// λ, the L2 regularization of the regression.
    pub regularization: f64,
    /// The share of neighbours of users in a hybrid's score.
    pub share: AutoOr<f64>,
}

impl UserNeighbourChoices {
    /// The settings in the form that the scorer takes, for the exponent p of [`OrderOptions::weight`].
    pub fn options(&self, recency: f64) -> UserNeighbourOptions {
        let Self { considered, kept, regularization, .. } = *self;
        UserNeighbourOptions { considered, kept, regularization, recency }
    }
}

/// The checked settings of what is popular now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopularNowOptions {
    /// The age in seconds at which the choice of an item counts half.
    #[serde(with = "auto_or_seconds")]
    pub half_life: AutoOr<f64>,
    /// Its share in a hybrid's score.
    pub share: AutoOr<f64>,
}

/// The checked settings of what a user takes again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepeatOptions {
    /// The age in seconds at which a taking counts half.
    #[serde(with = "auto_or_seconds")]
    pub half_life: AutoOr<f64>,
    /// Its share in a hybrid's score.
    pub share: AutoOr<f64>,
}

/// The checked settings of the transformer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SasrecChoices {
    /// Its share in a hybrid's score.
    pub share: AutoOr<f64>,
    /// The number of blocks.
    pub blocks: usize,
    /// L, the number of a user's last items that it reads.
    pub window: usize,
    /// The share of values that training leaves out.
    pub dropout: f64,
    /// Whether it reads what is known about items.
    pub features: bool,
    /// The share of items that a step of the training knows by their features only.
    pub item_dropout: f64,
    /// The weight of the loss by which two changed forms of a window are represented alike.
    pub contrast: f64,
    /// How many next items it learns to predict one of.
    pub horizon: AutoOr<usize>,
    /// The number of passes over the events.
    pub epochs: AutoOr<usize>,
    /// Whether segments have adapters.
    pub adapters: AutoOr<bool>,
    /// Seconds after which a training of it stops.
    #[serde(with = "seconds")]
    pub time_limit: Option<f64>,
}

/// The checked settings of EASE.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EaseOptions {
    /// λ, the L2 regularization.
    pub regularization: f64,
    /// The number of weights kept per item.
    pub kept: usize,
}

/// All options in checked form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The algorithm by which items are ranked.
    pub algorithm: Algorithm,
    /// The meaning of an event's weight.
    pub feedback: Feedback,
    /// Seconds after which no further algorithm is tried.
    #[serde(with = "seconds")]
    pub time_limit: Option<f64>,
    /// Settings for reading events.
    pub events: EventOptions,
    /// Settings for reading items.
    pub items: ItemOptions,
    /// Settings for what is known about users.
    pub users: UserOptions,
    /// Settings of the segmentation.
    pub segmentation: SegmentationOptions,
    /// Settings of the backbone and the segment factors.
    pub als: AlsChoices,
    /// Settings of how the order of a user's items counts.
    pub order: OrderOptions,
    /// Settings of neighbours.
    pub neighbours: NeighbourChoices,
    /// Settings of neighbours of users.
    pub user_neighbours: UserNeighbourChoices,
    /// Settings of what is popular now.
    pub popular_now: PopularNowOptions,
    /// Settings of what a user takes again.
    pub repeat: RepeatOptions,
    /// Settings of the transformer.
    pub sasrec: SasrecChoices,
    /// Settings of EASE.
    pub ease: EaseOptions,
    /// Settings of predicted ratings.
    pub rating: RatingOptions,
    /// Settings of the holdout.
    pub holdout: HoldoutOptions,
    /// The seed of all random draws.
    pub seed: u64,
    /// The number of newest versions that are kept after a training.
    pub keep_versions: usize,
    /// The number of versions that were deployed whose history is kept when they are dropped.
    pub keep_history: usize,
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

    /// The weighting of events, with ages relative to `anchor` (microseconds).
    pub fn weighting(&self, anchor: i64) -> Weighting {
        let EventOptions { duplicates, half_life, .. } = self.events;
        Weighting { duplicates, half_life, anchor, ratings: self.is_explicit(), shift: 0.0 }
    }

    /// Whether a training reads what is known about items.
    pub fn reads_items(&self) -> bool {
        let regresses = self.neighbours.method == NeighbourMethod::Ridge;
        let wants = regresses && self.neighbours.content != AutoOr::Given(0.0);
        match self.algorithm {
            _ if self.takes_new_items() => true,
            Algorithm::Hybrid if self.sasrec.features => true,
            Algorithm::Hybrid | Algorithm::Neighbours | Algorithm::Auto => wants || self.is_explicit(),
            Algorithm::Sasrec => self.sasrec.features,
            algorithm => algorithm == Algorithm::Content || self.is_explicit(),
        }
    }

    /// Whether a training takes items without events.
    pub fn takes_new_items(&self) -> bool {
        use Algorithm::{Als, Auto, Content, Hybrid, Neighbours};
        let scores_them = matches!(self.algorithm, Hybrid | Als | Neighbours | Content | Auto);
        scores_them && !self.is_explicit() && self.items.new_items != AutoOr::Given(0.0)
    }

    /// Whether popularity is the sum of decayed weights rather than the number of users, which is the case if age
    /// matters.
    pub fn weighs_popularity(&self) -> bool {
        self.events.half_life.is_some() && !self.is_explicit()
    }

    /// Sets the number of segments to that chosen by a training, if the options leave it open.
    pub fn with_segments(mut self, count: usize) -> Self {
        let count = self.segmentation.segments.unwrap_or_else(|| count.max(1));
        self.segmentation.segments = AutoOr::Given(count);
        self
    }

    /// Replaces everything that the options leave open by the choices of a training.
    pub fn decided(&self, decided: &Decided) -> Self {
        let mut options = self.clone();
        options.algorithm = decided.algorithm;
        options.als = AlsChoices::fixed(&decided.als, self.als.warm_start);
        options.neighbours.content = AutoOr::Given(decided.content);
        options.items.new_items = AutoOr::Given(decided.new_items);
        if decided.epochs > 0 {
            options.sasrec.epochs = AutoOr::Given(decided.epochs);
            options.sasrec.horizon = AutoOr::Given(decided.horizon);
            options.sasrec.adapters = AutoOr::Given(decided.adapters);
        }
        if decided.popular_now > 0.0 {
            options.popular_now.half_life = AutoOr::Given(decided.popular_now);
        }
        if decided.repeat > 0.0 {
            options.repeat.half_life = AutoOr::Given(decided.repeat);
        }
        options.order.weight = AutoOr::Given(decided.order.weight);
        options.order.distance = AutoOr::Given(decided.order.distance);
        if decided.algorithm == Algorithm::Hybrid {
            let share = |scorer: &str| {
                let own = decided.blend.0.iter().find(|own| own.scorer == scorer);
                AutoOr::Given(own.map_or(0.0, |own| f64::from(own.share)))
            };
            options.neighbours.share = share("neighbours");
            options.user_neighbours.share = share("user_neighbours");
            options.popular_now.share = share("popular_now");
            options.repeat.share = share("repeat");
            options.sasrec.share = share("sasrec");
        }
        options
    }
}
