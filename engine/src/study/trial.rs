//! One trial of a study: fits options on the model's holdout, possibly with a share of the users, and measures the
//! study's objective.

use crate::error::{EngineError, Result};
use crate::evaluation::registry::{MeasuredOf, is_higher_better, names_of};
use crate::evaluation::{HeldOut, Holdout, MetricRow};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::options::parse::OptionProblem;
use crate::seed::hash_bytes;
use crate::training::given::Given;
use crate::training::holdout_metrics::MetricRequest;
use crate::training::holdout_run::{choose_algorithm, measure};

/// The maximum length of lists in an objective.
const LONGEST_LIST: usize = 1_000;

/// The metric that a study optimizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    metric: &'static str,
    k: usize,
}

impl Objective {
    /// Parses `name@k`, or for ratings the name of an error.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, explicit: bool) -> std::result::Result<Self, OptionProblem> {
        let names = || names_of(if explicit { MeasuredOf::Predictions } else { MeasuredOf::List });
        let known = |name: &str| names().find(|known| *known == name);
        let (name, k) = match text.split_once('@') {
            Some((name, k)) => (name, k.parse().ok().filter(|k| (1..=LONGEST_LIST).contains(k))),
            None => (text, explicit.then_some(0)),
        };
        match (known(name), k) {
            (Some(metric), Some(k)) if explicit == (k == 0) => Ok(Self { metric, k }),
            _ => Err(OptionProblem {
                message: format!("\"metric\" is \"{text}\""),
                hint: match explicit {
                    true => {
                        let names: Vec<String> = names().map(|name| format!("'{name}'")).collect();
                        format!(
                            "\"metric\" must be one of {}, because the model predicts ratings.",
                            names.join(", ")
                        )
                    }
                    false => format!(
                        "\"metric\" must be one of {} with a list length from 1 to {LONGEST_LIST}, such as 'ndcg@10'.",
                        names().collect::<Vec<_>>().join(", ")
                    ),
                },
            }),
        }
    }

    /// Whether higher values are better.
    pub fn higher_is_better(&self) -> bool {
        is_higher_better(self.metric)
    }

    fn of(&self, rows: &[MetricRow]) -> Option<f64> {
        let is_own = |row: &&MetricRow| row.segment.is_none() && (row.metric, row.k) == (self.metric, self.k);
        rows.iter().find(is_own).map(|row| row.value)
    }
}

/// What a recipe reached in a trial.
#[derive(Clone, Debug)]
pub struct TrialResult {
    /// The value of the objective.
    pub value: f64,
    /// How events were held out.
    pub held_out: HeldOut,
}

/// Fits the options on the training split of a share of the users and returns the objective on the holdout. The users
/// of a share are always the same, and include those of smaller shares.
///
/// # Errors
/// As [`crate::training::holdout_run::run_on_holdout`], and [`EngineError::NothingToTrainOn`] if nothing can be held
/// out.
pub fn trial(
    given: Given<'_>,
    options: &Options,
    share: f64,
    objective: &Objective,
    observer: &dyn Observer,
) -> Result<TrialResult> {
    let ids = given.events.users();
    let seed = hash_bytes(options.seed, b"users of a trial");
    let part = (share < 1.0).then(|| {
        let within: Vec<bool> = (0..ids.len())
            .map(|user| ids.stable_hash(user, seed) as f64 <= share * u64::MAX as f64)
            .collect();
        given.events.select(|user, _, _| within[user as usize])
    });
    let events = part.as_ref().unwrap_or(given.events);
    let given = Given { events, before: None, start: None, ..given };
    let weighting = options.weighting(events.latest());
    let holdout = Holdout::new(events, &weighting, &options.holdout, options.seed, observer)?;
    let (holdout_run, _) = choose_algorithm(given, &holdout, options, observer)?;
    let held_out = holdout.held_out();
    if let Some(value) = objective.of(&holdout_run.measurement.rows) {
        return Ok(TrialResult { value, held_out });
    }
    let decided = options.decided(&holdout_run.decided);
    let asked = MetricRequest { cuts: &[objective.k], ..MetricRequest::BY_TRAINING };
    let rows = measure(&holdout_run.fit, &holdout, &decided, asked, observer)?.rows;
    let value = objective.of(&rows).ok_or_else(|| {
        let reason = format!("None of {} users has an event that can be held out.", ids.len());
        EngineError::NothingToTrainOn { reason }
    })?;
    Ok(TrialResult { value, held_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_measured_at_a_length_and_ratings_by_their_errors() {
        let ndcg = Objective::parse("ndcg@10", false).unwrap();
        assert!(ndcg.higher_is_better() && !Objective::parse("rmse", true).unwrap().higher_is_better());
        for (text, explicit) in [
            ("ndcg", false),
            ("ndcg@0", false),
            ("ndcg@x", false),
            ("rmse", false),
            ("ndgc@10", false),
            ("rmse@10", true),
            ("ndcg@10", true),
            ("", false),
        ] {
            let problem = Objective::parse(text, explicit).unwrap_err();
            assert_eq!(problem.message, format!("\"metric\" is \"{text}\""));
            assert!(problem.hint.starts_with("\"metric\" must be one of "), "{}", problem.hint);
        }
    }
}
