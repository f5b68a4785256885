//! Options held against the model they are for: what they need that it does not have.

use crate::catalog::models::{ColumnNames, RelationRef};
use crate::error::{Result, SegrecError};
use segrec_engine::auto::AutoOr;
use segrec_engine::evaluation::SplitChoice;
use segrec_engine::features::Activity;
use segrec_engine::interactions::Duplicates;
use segrec_engine::options::algorithm::Feedback;
use segrec_engine::options::{Algorithm, OptionProblem, Options};
use segrec_engine::segmentation::rfm::RfmSegments;
use segrec_engine::segmentation::{On, SegmentationMethod, SegmentationOptions};

/// What a model reads.
#[derive(Clone, Copy, Debug)]
pub struct ModelSources<'a> {
    /// The columns of its events, where it has events.
    pub events: Option<&'a ColumnNames>,
    pub users: Option<&'a RelationRef>,
    pub items: Option<&'a RelationRef>,
}

/// Checks that the model has what its options need.
pub fn check_options(options: &Options, reads: ModelSources<'_>) -> Result<()> {
    let segmentation = &options.segmentation;
    let weighted = reads.events.is_some_and(|columns| columns.weight.is_some());
    let timed = reads.events.is_some_and(|columns| columns.time.is_some());
    let typed = reads.events.is_some_and(|columns| columns.event_type.is_some());
    let eventful = reads.events.is_some();
    let described = reads.users.is_some();
    let on = segmentation.divides_by(eventful);
    let by_points = !matches!(
        segmentation.method,
        SegmentationMethod::Rfm | SegmentationMethod::Column | SegmentationMethod::None
    );
    let attributes = by_points && matches!(on, On::Attributes | On::Both);
    let by_time = |activity: &Activity| matches!(activity, Activity::Recency | Activity::ActiveDays);
    let needs = [
        (options.events.duplicates == Duplicates::Last && !timed, "events.duplicates", "time_column"),
        (options.events.half_life.is_some() && !timed, "events.half_life", "time_column"),
        (
            matches!(options.holdout.split, SplitChoice::Time | SplitChoice::Last) && !timed,
            "holdout.split",
            "time_column",
        ),
        (options.feedback == Feedback::Explicit && !weighted, "feedback", "weight_column"),
        (options.is_explicit() && !weighted, "algorithm", "weight_column"),
        (!options.events.type_weights.is_empty() && !typed, "events.type_weights", "type_column"),
        (by_points && matches!(on, On::Behaviour | On::Both) && !eventful, "segmentation.on", "events"),
        (attributes && !described && segmentation.activity.is_empty(), "segmentation.on", "users"),
        (!segmentation.features.is_empty() && !described, "segmentation.features", "users"),
        (segmentation.method.needs_label() && !described, "segmentation.method", "users"),
        (segmentation.method == SegmentationMethod::Rfm && !timed, "segmentation.method", "time_column"),
        (!segmentation.activity.is_empty() && !eventful, "segmentation.activity", "events"),
        (segmentation.activity.contains(&Activity::Types) && !typed, "segmentation.activity", "type_column"),
        (segmentation.activity.iter().any(by_time) && !timed, "segmentation.activity", "time_column"),
        (
            segmentation.category_column.is_some() && reads.items.is_none(),
            "segmentation.category_column",
            "items",
        ),
    ];
    if let Some((_, option, argument)) = needs.into_iter().find(|need| need.0) {
        return Err(SegrecError::NeedsArgument { option, argument });
    }
    let mut problems = contradictions(segmentation);
    problems.extend(contradicting_feedback(options));
    if problems.is_empty() { Ok(()) } else { Err(SegrecError::InvalidOptions(problems)) }
}

/// An algorithm that does not learn from the feedback that is asked for.
fn contradicting_feedback(options: &Options) -> Option<OptionProblem> {
    let algorithm = options.algorithm;
    let problem = |feedback: &str, learns: &str, hint: &str| OptionProblem {
        message: format!(
            "option \"feedback\" is \"{feedback}\", and the algorithm \"{}\" {learns}",
            algorithm.name()
        ),
        hint: hint.to_owned(),
    };
    match (options.feedback, algorithm) {
        (Feedback::Explicit, Algorithm::Rating | Algorithm::Auto) => None,
        (Feedback::Explicit, _) => Some(problem(
            "explicit",
            "does not learn from ratings",
            "choose the algorithm \"rating\" or \"auto\", as in {\"algorithm\": \"rating\"}",
        )),
        (Feedback::Implicit, Algorithm::Rating) => Some(problem(
            "implicit",
            "learns from ratings",
            "leave \"feedback\" out, or choose another algorithm",
        )),
        _ => None,
    }
}

/// Options of segmentation that do not go together.
fn contradictions(segmentation: &SegmentationOptions) -> Vec<OptionProblem> {
    let mut problems = Vec::new();
    let mut problem = |found: bool, message: &str, hint: &str| {
        if found {
            problems.push(OptionProblem { message: message.to_owned(), hint: hint.to_owned() });
        }
    };
    let method = segmentation.method;
    problem(
        method.needs_label() && segmentation.label_column.is_none(),
        "option \"segmentation.label_column\" is not given, and the method divides users by their labels",
        "name the column of users that holds them, as in {\"segmentation\": {\"label_column\": \"tier\"}}",
    );
    let counts =
        method.takes_count() || method == SegmentationMethod::Rfm && segmentation.rfm == RfmSegments::Kmeans;
    problem(
        !counts
            && matches!(segmentation.segments, AutoOr::Given(count) if count != 1 || method != SegmentationMethod::None),
        "option \"segmentation.segments\" is given, and the method finds the number itself",
        "leave it out, or use the method kmeans, hierarchical or mixture",
    );
    problem(
        segmentation.activity.contains(&Activity::Categories) && segmentation.category_column.is_none(),
        "option \"segmentation.activity\" has \"categories\", and no column of items names them",
        "name it, as in {\"segmentation\": {\"category_column\": \"category\"}}",
    );
    problems
}
