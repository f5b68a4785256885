//! Every option of a model, once: its name, what it may be, its default, what it does, what it decides and what it needs
//! of the model. The parser, the errors, studies, comparisons and the reference read this table.

use super::algorithm::{Algorithm, Feedback};
use super::checked::{NewUsers, OnBadRows, Options};
use super::entry::{Kind, ModelInput, OptionEntry, Scope, entry, need};
use crate::auto::AutoOr;
use crate::evaluation::SplitChoice;
use crate::features::{Activity, Scale};
use crate::interactions::Duplicates;
use crate::scorers::neighbours::NeighbourMethod;
use crate::segmentation::hierarchical::Linkage;
use crate::segmentation::rfm::RfmSegments;
use crate::segmentation::{On, SegmentationMethod};
use strum::VariantNames;

/// The largest exponent by which the order of a user's items counts: with 3 the item before the last has an eighth of its
/// weight.
pub const MOST_EXPONENT: f64 = 3.0;

fn weighs(exponent: AutoOr<f64>) -> bool {
    matches!(exponent, AutoOr::Given(exponent) if exponent > 0.0)
}

/// All options.
pub const OPTIONS: &[OptionEntry] = &[
    entry(
        "algorithm",
        Kind::Choice(Algorithm::VARIANTS),
        "\"hybrid\"",
        "The algorithm that ranks items: segment factors blended with neighbours, factors only, neighbours only, neighbours in closed form (EASE), items with similar features (content), a transformer over the order of items (sasrec), rating prediction, or popularity; auto tries them on the holdout and selects the best.",
    )
    .needing(&[
        need(ModelInput::WeightColumn, |options| {
            options.algorithm == Algorithm::Rating && options.feedback == Feedback::Auto
        }),
        need(ModelInput::Items, |options| options.algorithm == Algorithm::Content),
        need(ModelInput::TimeColumn, |options| options.algorithm == Algorithm::Sasrec),
    ]),
    entry(
        "feedback",
        Kind::Choice(Feedback::VARIANTS),
        "\"auto\"",
        "Whether weights are implicit feedback, which says how often or how surely a user chose an item, or explicit ratings, which may also be bad; auto uses explicit ratings if the algorithm is rating.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::WeightColumn, |options| options.feedback == Feedback::Explicit)]),
    entry(
        "time_limit",
        Kind::Duration,
        "\"10 minutes\"",
        "Time after which the algorithm auto tries no further algorithms; null means no limit.",
    ),
    entry(
        "events.type_weights",
        Kind::Weights,
        "{}",
        "Weights of event types; if any are specified, events of other types are ignored.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::TypeColumn, |options| !options.events.type_weights.is_empty())]),
    entry(
        "events.half_life",
        Kind::Duration,
        "null",
        "Half-life of the weights of events, by their age relative to the latest event that is not in the future; null disables the decay.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.events.half_life.is_some())]),
    entry(
        "events.duplicates",
        Kind::Choice(Duplicates::VARIANTS),
        "\"sum\"",
        "How several events of a user on the same item are combined into one weight.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.events.duplicates == Duplicates::Last)]),
    entry(
        "events.min_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Minimum number of events of a user; users with fewer are excluded from the training.",
    )
    .of(Scope::Measurement),
    entry(
        "events.min_item_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Minimum number of events of an item; items with fewer are excluded from the training.",
    )
    .of(Scope::Measurement),
    entry(
        "events.max_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5000",
        "Maximum number of items of a user; the latest are used, or without a time column those with the highest weights.",
    )
    .of(Scope::Measurement),
    entry(
        "events.seen_types",
        Kind::Types,
        "[]",
        "The types of events by which an item counts as seen, so that lists leave it out where exclude_seen says so; an empty list means all. With [\"purchase\"] what was only viewed may come back. It changes nothing of what is learned, and a type that events.type_weights does not list counts as seen as well.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::TypeColumn, |options| !options.events.seen_types.is_empty())]),
    entry(
        "events.seen_for",
        Kind::Duration,
        "null",
        "Time for which an item counts as seen after the latest event by which it does; null means for ever.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::TimeColumn, |options| options.events.seen_for.is_some())]),
    entry(
        "events.on_bad_rows",
        Kind::Choice(OnBadRows::VARIANTS),
        "\"error\"",
        "Whether rows with a null id, weight or time, a negative or non-finite weight, or an infinite time raise an error or are skipped and counted.",
    )
    .of(Scope::Model),
    entry(
        "events.filter",
        Kind::Filter,
        "{}",
        "The values that columns of events must have in the rows that are read, null for IS NULL: with {\"shop_id\": 7} a model reads the events of one shop of a table of many. Values are compared by equality, and must be of the type of the column.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::Events, |options| !options.events.filter.is_empty())]),
    entry(
        "items.features",
        Kind::Names,
        "[]",
        "The columns of items that describe them; an empty list uses all suitable ones except the key and columns such as created_at.",
    )
    .needing(&[need(ModelInput::Items, |options| !options.items.features.is_empty())]),
    entry(
        "items.text_config",
        Kind::TextConfiguration,
        "\"simple\"",
        "The text search configuration that divides the texts of items into terms.",
    ),
    entry(
        "items.new_items",
        Kind::AutoOrNumber { least: 0.0, most: 10.0 },
        "\"auto\"",
        "Factor of the scores of items that have no events; 0 leaves such items out; auto selects the best by hiding the newest items from a short training.",
    ),
    entry(
        "items.reserved",
        Kind::Number { least: 0.0, most: 1.0 },
        "0",
        "Share of the places of a list that go to items without events at least, if there are any that the user does not have: 0.2 reserves the last 2 of 10 for the best of them.",
    ),
    entry(
        "items.added_column",
        Kind::Name,
        "null",
        "The column of items whose values grow with every row that is added, such as created_at or a number from a sequence, by which items that come after a training are found at once; null uses the key if that is an integer. An index must have its values in order. It is not a feature, unless items.features names it.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::Items, |options| options.items.added_column.is_some())]),
    entry(
        "items.available",
        Kind::Name,
        "null",
        "The column of items that says whether an item may be shown: a boolean, or the moment from which on it may not, which is null as long as it may. Lists leave out items that may not be shown by their rows as they are now, and those that have no row. Takes effect at once, without a training. It is not a feature, unless items.features names it.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::Items, |options| options.items.available.is_some())]),
    entry(
        "items.group_column",
        Kind::Name,
        "null",
        "The column of items that has the same value for those of which a list needs few, such as the product of a variant, an artist or an author; see max_per_group. Takes effect at once, without a training.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::Items, |options| options.items.group_column.is_some())]),
    entry(
        "items.filter",
        Kind::Filter,
        "{}",
        "The values that columns of items must have in the rows that are read, as in events.filter. Lists have no item without such a row.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::Items, |options| !options.items.filter.is_empty())]),
    entry(
        "users.filter",
        Kind::Filter,
        "{}",
        "The values that columns of users must have in the rows that are read, as in events.filter.",
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::Users, |options| !options.users.filter.is_empty())]),
    entry(
        "users.new_users",
        Kind::Choice(NewUsers::VARIANTS),
        "\"auto\"",
        "How users without events are ranked: by their attributes, the columns of users that segments may be based on, or by what is popular in their segment; auto uses attributes if they rank better for users who are held out as a whole. Ratings do not depend on it.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::Users, |options| options.users.new_users == NewUsers::Attributes)]),
    entry(
        "segmentation.method",
        Kind::Choice(SegmentationMethod::VARIANTS),
        "\"kmeans\"",
        "How users are segmented: k-means, hierarchical clustering, a Gaussian mixture, density-based clustering with one density (DBSCAN) or several (OPTICS), a vote of the nearest labelled users, recency, frequency and monetary value, the users' own labels, or a single segment of all users.",
    )
    .needing(&[
        need(ModelInput::Users, |options| options.segmentation.method.needs_label()),
        need(ModelInput::TimeColumn, |options| options.segmentation.method == SegmentationMethod::Rfm),
    ]),
    entry(
        "segmentation.segments",
        Kind::AutoOrInteger { least: 1, most: 4096 },
        "\"auto\"",
        "Number of segments, for kmeans, hierarchical, mixture and k-means on rfm; auto tries several: with events, half and all of one per 450 users (at least 8 and at most 64, each with at least 200 users and 20 events per factor), and selects the number that ranks held-out events best (the highest silhouette if these do not differ), without events, 2 to 12, and selects the highest silhouette.",
    ),
    entry(
        "segmentation.on",
        Kind::Choice(On::VARIANTS),
        "\"auto\"",
        "The basis of the segmentation: the direction of the users' factors, the users' attributes, or both with equal weight; auto uses behaviour if the model has events, else attributes.",
    )
    .needing(&[
        need(ModelInput::Events, |options| divides_by(options, On::Behaviour)),
        need(ModelInput::Users, |options| {
            divides_by(options, On::Attributes) && options.segmentation.activity.is_empty()
        }),
    ]),
    entry(
        "segmentation.features",
        Kind::Names,
        "[]",
        "The columns of users that are used as attributes; an empty list uses all suitable ones except the key and columns such as created_at.",
    )
    .needing(&[need(ModelInput::Users, |options| !options.segmentation.features.is_empty())]),
    entry(
        "segmentation.activity",
        Kind::Choices(Activity::VARIANTS),
        "[]",
        "Statistics of their events that are used as attributes of users: number of events, total weight, days since the last event, number of days with events, number of events of each type, share of each category.",
    )
    .needing(&[
        need(ModelInput::Events, |options| !options.segmentation.activity.is_empty()),
        need(ModelInput::TypeColumn, |options| counts(options, Activity::Types)),
        need(ModelInput::TimeColumn, |options| {
            counts(options, Activity::Recency) || counts(options, Activity::ActiveDays)
        }),
    ]),
    entry(
        "segmentation.category_column",
        Kind::Name,
        "null",
        "The column of items that contains the category.",
    )
    .needing(&[need(ModelInput::Items, |options| options.segmentation.category_column.is_some())]),
    entry(
        "segmentation.label_column",
        Kind::Name,
        "null",
        "The column of users that contains their segment labels: of all users for column, of some users for knn.",
    ),
    entry(
        "segmentation.scale",
        Kind::Choice(Scale::VARIANTS),
        "\"standard\"",
        "How numeric attributes are scaled: by mean and standard deviation, or by median and interquartile range.",
    ),
    entry(
        "segmentation.starts",
        Kind::Integer { least: 1, most: 100 },
        "4",
        "Number of initializations of k-means; the best result is used.",
    ),
    entry(
        "segmentation.linkage",
        Kind::Choice(Linkage::VARIANTS),
        "\"ward\"",
        "Linkage criterion of hierarchical, which determines the clusters to merge: the smallest increase of the variance, or the smallest mean, maximum or minimum distance between members.",
    ),
    entry(
        "segmentation.neighbours",
        Kind::Integer { least: 1, most: 1000 },
        "10",
        "Number of nearest labelled users that vote in knn, and number of users that make a neighbourhood dense in density and optics.",
    ),
    entry(
        "segmentation.radius",
        Kind::AutoOrNumber { least: 1e-9, most: 1e9 },
        "\"auto\"",
        "Maximum distance between neighbours in density and optics; auto uses the knee of the distances for density and no limit for optics.",
    ),
    entry(
        "segmentation.rfm",
        Kind::Choice(RfmSegments::VARIANTS),
        "\"named\"",
        "How rfm scores are mapped to segments: by the documented rules with their names, or by k-means on the scores.",
    ),
    entry(
        "segmentation.as_of",
        Kind::Moment,
        "null",
        "Reference time for ages and recency; null uses the latest event, or without events the latest time in users.",
    ),
    entry(
        "segmentation.keep",
        Kind::Boolean,
        "true",
        "Whether a training starts from the segments of the deployed version, so that users keep their segments; false computes new ones.",
    ),
    entry(
        "als.factors",
        Kind::AutoOrInteger { least: 1, most: 1024 },
        "128",
        "Number of factors: more factors represent finer preferences, given enough events to learn them, but are slower and larger; auto starts with 32 and doubles the number, up to 256, while held-out events are ranked better.",
    ),
    entry(
        "als.sweeps",
        Kind::AutoOrInteger { least: 1, most: 200 },
        "\"auto\"",
        "Number of passes over users and items; auto stops when held-out events are no longer ranked better, after at most 16.",
    ),
    entry(
        "als.regularization",
        Kind::AutoOrNumber { least: 1e-6, most: 1000.0 },
        "\"auto\"",
        "L2 regularization of the factors; auto selects the best value on the holdout.",
    ),
    entry(
        "als.unobserved_weight",
        Kind::AutoOrNumber { least: 0.0, most: 100.0 },
        "\"auto\"",
        "Weight of unobserved pairs of a user and an item, relative to 1 for observed ones; auto uses 160 / items, from 0.01 to 1.",
    ),
    entry(
        "als.frequency_exponent",
        Kind::Number { least: 0.0, most: 1.0 },
        "1",
        "How the regularization grows with the number of events of a row: 0 not at all, 1 in proportion.",
    ),
    entry(
        "als.sharing",
        Kind::Number { least: 0.0, most: 1.0 },
        "0.1",
        "Weight of users of other segments in a segment's item factors: 0 ignores them, 1 counts them like its own users.",
    ),
    entry(
        "als.warm_start",
        Kind::Boolean,
        "true",
        "Whether factors are initialized with those of the deployed version, with half the passes, if it contains nine of ten items and has the same number of factors; evaluation on the holdout never uses them.",
    ),
    entry(
        "order.weight",
        Kind::AutoOrNumber { least: 0.0, most: MOST_EXPONENT },
        "\"auto\"",
        "Exponent of the weight (1 + r) ^ -p of an item in its user's history, where r is the number of items that are later; 0 gives all the same weight, auto tries 0, 0.25, 0.5, 0.75 and 1 on the holdout.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| weighs(options.order.weight))]),
    entry(
        "order.distance",
        Kind::AutoOrNumber { least: 0.0, most: MOST_EXPONENT },
        "\"auto\"",
        "Exponent of the closeness (1 + d) ^ -q of two items of a user with d others between them in time, by which the regression of neighbours counts them; 0 ignores it, auto tries 0 and 0.5 on the holdout, if order.weight is not 0.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| weighs(options.order.distance))]),
    entry(
        "neighbours.method",
        Kind::Choice(NeighbourMethod::VARIANTS),
        "\"ridge\"",
        "How the similarity of items is computed: by a regression on the nearest items, or from the numbers of users that items share, weighted by a graph filter, the cosine, tf-idf or a random walk of three steps.",
    ),
    entry(
        "neighbours.considered",
        Kind::Integer { least: 1, most: 2000 },
        "200",
        "Number of nearest items that are candidates in the regression of an item.",
    ),
    entry(
        "neighbours.kept",
        Kind::Integer { least: 1, most: 2000 },
        "100",
        "Number of neighbours that are kept of an item.",
    ),
    entry(
        "neighbours.regularization",
        Kind::Number { least: 1e-6, most: 1e6 },
        "20",
        "L2 regularization of the weights of the regression.",
    ),
    entry(
        "neighbours.share",
        Kind::AutoOrNumber { least: 0.0, most: 1.0 },
        "\"auto\"",
        "Share of neighbours in the score of hybrid, from 0 to 1; auto selects the best value on the holdout.",
    ),
    entry(
        "neighbours.content",
        Kind::AutoOrNumber { least: 0.0, most: 100.0 },
        "\"auto\"",
        "Weight of what items tells about each item in the regression, relative to events in common; auto tries 0, 1 and 3 on the holdout.",
    ),
    entry(
        "user_neighbours.share",
        Kind::AutoOrNumber { least: 0.0, most: 0.9 },
        "\"auto\"",
        "Share of what similar users have in the score of hybrid, from 0 to 0.9; auto selects the best value on the holdout, and 0 with fewer than 200 or more than 200,000 users.",
    ),
    entry(
        "user_neighbours.considered",
        Kind::Integer { least: 1, most: 2000 },
        "200",
        "Number of nearest users that are candidates in the regression of a user.",
    ),
    entry(
        "user_neighbours.kept",
        Kind::Integer { least: 1, most: 10_000 },
        "200",
        "Number of items that are kept of a user.",
    ),
    entry(
        "user_neighbours.regularization",
        Kind::Number { least: 1e-6, most: 1e6 },
        "2",
        "L2 regularization of the weights of the regression of users.",
    ),
    entry(
        "sasrec.share",
        Kind::AutoOrNumber { least: 0.0, most: 1.0 },
        "\"auto\"",
        "Share of a transformer over the order of a user's items (SASRec) in the score of hybrid, from 0 to 1; auto selects the best value on the holdout, if there are at least 500,000 events and the median user has at least 50 items, and else 0.",
    ),
    entry(
        "sasrec.blocks",
        Kind::Integer { least: 1, most: 8 },
        "1",
        "Number of blocks of the transformer.",
    ),
    entry(
        "sasrec.window",
        Kind::Integer { least: 2, most: 500 },
        "50",
        "Number of a user's last items that the transformer reads.",
    ),
    entry(
        "sasrec.dropout",
        Kind::Number { least: 0.0, most: 0.9 },
        "0.2",
        "Share of values that training leaves out, so that the transformer does not rely on single ones.",
    ),
    // MovieLens 100k, ndcg@10 on validation and test, one seed: .1387 and .0940 without features, .1360 and .0985 with
    // texts, years and genres, .1302 and .1070 with years and genres, and .1388 and .1047 with the former and an item
    // dropout of .1. So the validation says nothing for them. A token took 11.9 µs with 413 columns instead of 9.6; but
    // 31 to 33 epochs were best instead of 59.
    entry(
        "sasrec.features",
        Kind::Boolean,
        "false",
        "Whether the transformer reads what is known about items, if that takes up to 1,024 columns.",
    )
    .needing(&[need(ModelInput::Items, |options| options.sasrec.features)]),
    entry(
        "sasrec.item_dropout",
        Kind::Number { least: 0.0, most: 0.9 },
        "0",
        "Share of items that a step of the training knows by their features only; without sasrec.features, it does nothing.",
    ),
    entry(
        "sasrec.contrast",
        Kind::Number { least: 0.0, most: 10.0 },
        "0",
        "Weight of a second loss of the transformer, by which two changed forms of the same items are represented alike (DuoRec).",
    ),
    entry(
        "sasrec.horizon",
        Kind::AutoOrInteger { least: 1, most: 1000 },
        "\"auto\"",
        "Number of next items of which the transformer learns to predict one; auto uses 30 if the latest events are held out, which tells what comes in a while, and else 1, the next item.",
    ),
    entry(
        "sasrec.epochs",
        Kind::AutoOrInteger { least: 1, most: 1000 },
        "\"auto\"",
        "Number of passes over the events in a training of the transformer; auto takes those that rank held-out events best.",
    ),
    entry(
        "sasrec.adapters",
        Kind::AutoOrBoolean,
        "\"auto\"",
        "Whether segments have adapters of the transformer (LoRA of rank 4), trained on their users only; auto gives them adapters if lists of all segments are better with them on the holdout. Each segment's own part must pass the gate in either case.",
    ),
    entry(
        "sasrec.time_limit",
        Kind::Duration,
        "\"2 minutes\"",
        "Time after which a training of the transformer stops and takes the best weights so far; it is trained twice, without the holdout and with it; null means no limit.",
    ),
    entry(
        "popular_now.share",
        Kind::AutoOrNumber { least: 0.0, most: 1.0 },
        "\"auto\"",
        "Share of what is popular now in the score of hybrid, from 0 to 1; auto selects the best value on the holdout, if that is of the latest events, and else 0.",
    ),
    entry(
        "popular_now.half_life",
        Kind::AutoOrDuration,
        "\"auto\"",
        "Age at which the choice of an item counts half for what is popular now; auto tries 3, 7 and 30 days on the holdout.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.popular_now.half_life != AutoOr::Auto)]),
    entry(
        "repeat.share",
        Kind::AutoOrNumber { least: 0.0, most: 0.9 },
        "0",
        "Share in the score of hybrid of what a user takes again: their own items, by how often and how lately they took them and by the rhythm of the item. 0 leaves what a user has out of lists, as exclude_seen says; auto selects the best value on the holdout, if that is of the latest events and at least a twentieth of these takes up something again, and else 0.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| weighs(options.repeat.share))]),
    entry(
        "repeat.half_life",
        Kind::AutoOrDuration,
        "\"auto\"",
        "Time since the last after which what a user takes again counts half; auto tries 30, 120 and 365 days on the holdout.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.repeat.half_life != AutoOr::Auto)]),
    entry(
        "ease.regularization",
        Kind::Number { least: 1e-6, most: 1e6 },
        "250",
        "L2 regularization of the weights of ease.",
    ),
    entry(
        "ease.kept",
        Kind::Integer { least: 1, most: 100_000 },
        "500",
        "Number of weights that ease keeps of an item.",
    ),
    entry(
        "rating.factors",
        Kind::Integer { least: 1, most: 1024 },
        "32",
        "Number of factors for rating prediction.",
    ),
    entry(
        "rating.sweeps",
        Kind::Integer { least: 1, most: 200 },
        "20",
        "Number of passes over users and items for rating prediction.",
    ),
    entry(
        "rating.user_regularization",
        Kind::Number { least: 1e-3, most: 1000.0 },
        "2",
        "Regularization of a user's factors towards those predicted from the user's attributes and from which items the user rated.",
    ),
    entry(
        "rating.item_regularization",
        Kind::Number { least: 1e-3, most: 1000.0 },
        "2",
        "Regularization of an item's factors towards those predicted from the item's attributes and from which users rated it.",
    ),
    entry(
        "holdout.split",
        Kind::Choice(SplitChoice::VARIANTS),
        "\"auto\"",
        "How held-out events are selected: the latest of all events, the last items of each user, or by a hash of user and item; auto uses time if the model has a time column and most of the latest events are by users who have earlier ones, and each falls back to the next one if it leaves nothing to measure.",
    )
    .of(Scope::Measurement)
    .needing(&[
        need(ModelInput::TimeColumn, |options| {
            matches!(options.holdout.split, SplitChoice::Time | SplitChoice::Last)
        }),
    ]),
    entry(
        "holdout.share",
        Kind::Number { least: 0.01, most: 0.5 },
        "0.1",
        "Fraction of events that are held out for evaluation, for time and random.",
    )
    .of(Scope::Measurement),
    entry(
        "holdout.last",
        Kind::Integer { least: 1, most: 1000 },
        "1",
        "Number of items of each user that are held out, for last; at most half of the user's items.",
    )
    .of(Scope::Measurement),
    entry(
        "seed",
        Kind::Integer { least: 0, most: 9_007_199_254_740_991 },
        "42",
        "Seed of the random number generator; the same data and seed result in the same version.",
    )
    .of(Scope::Measurement),
    entry(
        "keep_versions",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5",
        "Number of newest versions that are kept after a training; older ones are dropped, except the deployed one and the one that segrec_rollback would deploy.",
    )
    .of(Scope::Model),
    entry(
        "keep_history",
        Kind::Integer { least: 0, most: 1_000_000 },
        "1000",
        "Number of dropped versions that were deployed of which sizes, rules, profiles, moves and metrics are kept, the newest; factors and everything about single users are dropped.",
    )
    .of(Scope::Model),
];

/// Whether users are points whose coordinates are that, or that among others.
fn divides_by(options: &Options, what: On) -> bool {
    options.segmentation.method.divides_points() && [what, On::Both].contains(&options.segmentation.on)
}

fn counts(options: &Options, activity: Activity) -> bool {
    options.segmentation.activity.contains(&activity)
}

/// The option of that name.
pub fn option(name: &str) -> Option<&'static OptionEntry> {
    OPTIONS.iter().find(|entry| entry.name == name)
}

/// The first option, and what it needs that a model does not have.
pub fn unmet_need(options: &Options, has: impl Fn(ModelInput) -> bool) -> Option<(&'static str, ModelInput)> {
    let needs = OPTIONS.iter().flat_map(|entry| entry.needs.iter().map(|need| (entry.name, need)));
    let mut unmet = needs.filter(|(_, need)| !has(need.input) && (need.when)(options));
    unmet.next().map(|(name, need)| (name, need.input))
}

/// The options of a scope that are not the same in both.
pub fn differing(scope: Scope, both: [&Options; 2]) -> Vec<&'static str> {
    let [one, other] = both.map(|options| serde_json::to_value(options).unwrap_or_default());
    let differs = |entry: &&OptionEntry| {
        let path = format!("/{}", entry.name.replace('.', "/"));
        entry.scope == scope && one.pointer(&path) != other.pointer(&path)
    };
    OPTIONS.iter().filter(differs).map(|entry| entry.name).collect()
}
