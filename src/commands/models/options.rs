//! Checks options against the model: whether it reads what they need.

use crate::catalog::models::{ColumnNames, RelationRef};
use crate::error::{Result, SegrecError};
use segrec_engine::auto::AutoOr;
use segrec_engine::features::Activity;
use segrec_engine::options::algorithm::Feedback;
use segrec_engine::options::{Algorithm, ModelInput, OptionProblem, Options, unmet_need};
use segrec_engine::segmentation::rfm::RfmSegments;
use segrec_engine::segmentation::{SegmentationMethod, SegmentationOptions};

/// What a model reads.
#[derive(Clone, Copy, Debug)]
pub struct ModelSources<'a> {
    /// The columns of its events, if it has events.
    pub events: Option<&'a ColumnNames>,
    pub users: Option<&'a RelationRef>,
    pub items: Option<&'a RelationRef>,
}

/// Checks that the model has everything that its options need.
pub fn check_options(options: &Options, reads: ModelSources<'_>) -> Result<()> {
    let column =
        |of: fn(&ColumnNames) -> &Option<String>| reads.events.is_some_and(|columns| of(columns).is_some());
    let has = |input| match input {
        ModelInput::Events => reads.events.is_some(),
        ModelInput::WeightColumn => column(|columns| &columns.weight),
        ModelInput::TimeColumn => column(|columns| &columns.time),
        ModelInput::TypeColumn => column(|columns| &columns.event_type),
        ModelInput::Users => reads.users.is_some(),
        ModelInput::Items => reads.items.is_some(),
    };
    if let Some((option, input)) = unmet_need(options, has) {
        return Err(SegrecError::NeedsArgument { option, argument: input.name() });
    }
    let mut problems = contradictions(&options.segmentation);
    problems.extend(contradicting_feedback(options));
    if problems.is_empty() { Ok(()) } else { Err(SegrecError::InvalidOptions(problems)) }
}

/// The problem of an algorithm that cannot learn from the given feedback, if any.
fn contradicting_feedback(options: &Options) -> Option<OptionProblem> {
    let algorithm = options.algorithm;
    let problem = |feedback: &str, learns: &str, hint: &str| OptionProblem {
        message: format!(
            "option \"feedback\" is \"{feedback}\", but algorithm \"{}\" {learns}",
            algorithm.name()
        ),
        hint: hint.to_owned(),
    };
    match (options.feedback, algorithm) {
        (Feedback::Explicit, Algorithm::Rating | Algorithm::Auto) => None,
        (Feedback::Explicit, _) => Some(problem(
            "explicit",
            "does not learn from ratings",
            "Choose the algorithm \"rating\" or \"auto\", as in {\"algorithm\": \"rating\"}.",
        )),
        (Feedback::Implicit, Algorithm::Rating) => Some(problem(
            "implicit",
            "learns from ratings",
            "Omit \"feedback\", or choose another algorithm.",
        )),
        _ => None,
    }
}

/// Problems of segmentation options that contradict each other.
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
        "option \"segmentation.label_column\" is not specified, but the method requires labels",
        "Specify the column of users that contains them, as in {\"segmentation\": {\"label_column\": \"tier\"}}.",
    );
    let counts =
        method.takes_count() || method == SegmentationMethod::Rfm && segmentation.rfm == RfmSegments::Kmeans;
    problem(
        !counts
            && matches!(segmentation.segments, AutoOr::Given(count) if count != 1 || method != SegmentationMethod::None),
        "option \"segmentation.segments\" is specified, but the method determines the number itself",
        "Omit it, or use the method kmeans, hierarchical or mixture.",
    );
    problem(
        segmentation.activity.contains(&Activity::Categories) && segmentation.category_column.is_none(),
        "option \"segmentation.activity\" contains \"categories\", but no column of items contains them",
        "Specify it, as in {\"segmentation\": {\"category_column\": \"category\"}}.",
    );
    problems
}
