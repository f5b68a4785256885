//! Every option of a model, once: its name, what it may be, its default, what it does, what it decides and what it needs
//! of the model. The parser, the errors, studies, comparisons and the reference read this table.

use super::algorithm::{Algorithm, Feedback};
use super::checked::{OnBadRows, Options};
use super::entry::{Kind, ModelInput, OptionEntry, Scope, entry, need};
use crate::evaluation::SplitChoice;
use crate::features::{Activity, Scale};
use crate::interactions::Duplicates;
use crate::scorers::neighbours::NeighbourMethod;
use crate::segmentation::hierarchical::Linkage;
use crate::segmentation::rfm::RfmSegments;
use crate::segmentation::{On, SegmentationMethod};
use strum::VariantNames;

/// All options.
pub const OPTIONS: &[OptionEntry] = &[
    entry(
        "algorithm",
        Kind::Choice(Algorithm::VARIANTS),
        "\"hybrid\"",
        "How items are ranked: factors of segments blended with neighbours, factors alone, neighbours alone, neighbours in closed form (EASE), predicted ratings, or the number of users; auto tries them on the holdout and keeps the best.",
    )
    .needing(&[
        need(ModelInput::WeightColumn, |options| {
            options.algorithm == Algorithm::Rating && options.feedback == Feedback::Auto
        }),
    ]),
    entry(
        "feedback",
        Kind::Choice(Feedback::VARIANTS),
        "\"auto\"",
        "Whether a weight says how often or how surely a user chose an item, or is a rating that may also be bad; auto takes ratings where the algorithm is rating.",
    )
    .of(Scope::Model)
    .needing(&[need(ModelInput::WeightColumn, |options| options.feedback == Feedback::Explicit)]),
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
    )
    .of(Scope::Measurement)
    .needing(&[need(ModelInput::TypeColumn, |options| !options.events.type_weights.is_empty())]),
    entry(
        "events.half_life",
        Kind::Duration,
        "null",
        "The age at which an event counts half, measured back from the latest event that is not in the future; null where age does not matter.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.events.half_life.is_some())]),
    entry(
        "events.duplicates",
        Kind::Choice(Duplicates::VARIANTS),
        "\"sum\"",
        "How several events of a user on the same item become one weight.",
    )
    .needing(&[need(ModelInput::TimeColumn, |options| options.events.duplicates == Duplicates::Last)]),
    entry(
        "events.min_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Users with fewer events are left out of the training.",
    )
    .of(Scope::Measurement),
    entry(
        "events.min_item_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "1",
        "Items with fewer events are left out of the training.",
    )
    .of(Scope::Measurement),
    entry(
        "events.max_user_events",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5000",
        "Of a user with more items only this many count: the latest, or without a time column the heaviest.",
    )
    .of(Scope::Measurement),
    entry(
        "events.on_bad_rows",
        Kind::Choice(OnBadRows::VARIANTS),
        "\"error\"",
        "Whether rows with a null id, weight or time, a weight that is negative or not a number, or an infinite time stop the training or are skipped and counted.",
    )
    .of(Scope::Model),
    entry(
        "segmentation.method",
        Kind::Choice(SegmentationMethod::VARIANTS),
        "\"kmeans\"",
        "How users are divided: k-means, a merge tree, a mixture of Gaussians, dense places of one density (DBSCAN) or of several (OPTICS), a vote of the nearest labelled users, recency, frequency and monetary value, the users' own labels as they are, or one segment of everybody.",
    )
    .needing(&[
        need(ModelInput::Users, |options| options.segmentation.method.needs_label()),
        need(ModelInput::TimeColumn, |options| options.segmentation.method == SegmentationMethod::Rfm),
    ]),
    entry(
        "segmentation.segments",
        Kind::AutoOrInteger { least: 1, most: 4096 },
        "\"auto\"",
        "How many segments, for kmeans, hierarchical, mixture and k-means on rfm; auto tries several: with events a half and all of one per 450 users (at least 8 and at most 64, each with 200 users and 20 events per factor or more) and keeps what ranks held-out events best (the clearer where these do not tell), without events 2 to 12 and keeps the clearest.",
    ),
    entry(
        "segmentation.on",
        Kind::Choice(On::VARIANTS),
        "\"auto\"",
        "What users are divided by: the direction of their factors, what is known about them, or both with the same weight; auto takes behaviour where the model has events, else attributes.",
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
        "The columns of users that count as attributes; an empty list takes all that can.",
    )
    .needing(&[need(ModelInput::Users, |options| !options.segmentation.features.is_empty())]),
    entry(
        "segmentation.activity",
        Kind::Choices(Activity::VARIANTS),
        "[]",
        "What of their events counts as attributes of users: how many, their total weight, days since the last, days with any, how many of each type, the share of each category.",
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
        "The column of items that names an item's category.",
    )
    .needing(&[need(ModelInput::Items, |options| options.segmentation.category_column.is_some())]),
    entry(
        "segmentation.label_column",
        Kind::Name,
        "null",
        "The column of users that names a user's segment: all of them for column, some of them for knn.",
    ),
    entry(
        "segmentation.scale",
        Kind::Choice(Scale::VARIANTS),
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
        Kind::Choice(Linkage::VARIANTS),
        "\"ward\"",
        "Which clusters hierarchical merges: those whose variance grows least, or the nearest by mean, farthest or nearest members.",
    ),
    entry(
        "segmentation.neighbours",
        Kind::Integer { least: 1, most: 1000 },
        "10",
        "How many of the nearest labelled users vote in knn, and how many users make a dense place in density and optics.",
    ),
    entry(
        "segmentation.radius",
        Kind::AutoOrNumber { least: 1e-9, most: 1e9 },
        "\"auto\"",
        "How far a neighbour may be in density and optics; auto finds the knee of the distances for density and sets no bound for optics.",
    ),
    entry(
        "segmentation.rfm",
        Kind::Choice(RfmSegments::VARIANTS),
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
        Kind::Choice(NeighbourMethod::VARIANTS),
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
        Kind::Choice(SplitChoice::VARIANTS),
        "\"auto\"",
        "How held-out events are chosen: the latest of all, what each user came to last, or by a hash of user and item; auto takes time where the model has a time column, and each gives way to the next where it leaves nothing to measure.",
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
        "The share of events that is held out to measure the training, for time and random.",
    )
    .of(Scope::Measurement),
    entry(
        "holdout.last",
        Kind::Integer { least: 1, most: 1000 },
        "1",
        "How many items of each user are held out, for last; never more than half of a user's.",
    )
    .of(Scope::Measurement),
    entry(
        "seed",
        Kind::Integer { least: 0, most: 9_007_199_254_740_991 },
        "42",
        "Where all random draws start; the same data and seed give the same version.",
    )
    .of(Scope::Measurement),
    entry(
        "keep_versions",
        Kind::Integer { least: 1, most: 1_000_000 },
        "5",
        "How many of the newest versions stay after a training; older ones are dropped, but for the deployed one and the one that segrec_rollback goes to.",
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
