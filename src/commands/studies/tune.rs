//! `segrec_tune`: runs a study of options, each trial in a transaction of its own.
//!
//! The SQL procedure calls the functions below. It begins a study, or resumes an unfinished one with the same
//! specification; runs trials until none is left; and finishes it. All trials are stored when they are planned, so that
//! a resumed study runs the same ones.

use crate::catalog::models::{self, Model};
use crate::catalog::studies::{self, Study, StudySpec, Trial};
use crate::commands::access::privileges::{owned, reads, trainable_here};
use crate::commands::evaluation::reported_metric::{number, report_holdout};
use crate::commands::evaluation::workbench::Workbench;
use crate::commands::models::alter::alter_model;
use crate::commands::models::options::check_options;
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError, notice};
use crate::pg::process::lock::{Until, try_lock};
use crate::pg::process::workers::run_alone;
use segrec_engine::EngineError;
use segrec_engine::evaluation::registry::is_higher_better;
use segrec_engine::options::parse::OptionProblem;
use segrec_engine::options::{Options, merge_options, parse_options};
use segrec_engine::study::search::{Search, going_on};
use segrec_engine::study::search_space::Space;
use segrec_engine::study::trial::{Objective, TrialResult, trial};
use serde_json::Value;
use std::time::Instant;

/// The maximum number of trials.
const MOST_TRIALS: i32 = 10_000;

/// The arguments of a study.
pub struct StudyArguments<'a> {
    /// The name of the model.
    pub model: Option<&'a str>,
    /// Options and the values to try.
    pub space: Option<Value>,
    /// The maximum number of trials.
    pub trials: Option<i64>,
    /// The metric to optimize.
    pub metric: Option<&'a str>,
    /// The search method.
    pub search: Option<&'a str>,
    /// Whether to apply the best options to the model, for which the caller must own it.
    pub apply: Option<bool>,
}

/// Begins a study, or finds an unfinished one with the same specification; returns its key.
pub fn begin(arguments: StudyArguments<'_>) -> Result<i64> {
    let null = |argument| move || SegrecError::NullArgument { argument };
    let model = trainable_here(arguments.model)?;
    models::keep(&model)?;
    let apply = arguments.apply.ok_or_else(null("apply"))?;
    if apply {
        owned(Some(&model.name))?;
    }
    let space = arguments.space.ok_or_else(null("space"))?;
    let metric = arguments.metric.ok_or_else(null("metric"))?;
    let search = arguments.search.ok_or_else(null("search"))?;
    let trials = number("trials", arguments.trials, 1, MOST_TRIALS)?;
    if model.events.is_none() {
        return Err(SegrecError::NoEvents { model: model.name });
    }
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    let (how, parsed) = check(&space, metric, search, &options)?;
    let asked = StudySpec {
        space,
        metric: metric.to_owned(),
        search: search.to_owned(),
        trials: trials as i32,
        options: model.options.clone(),
    };
    if let Some(study) = studies::unfinished(model.id, &asked)? {
        let trials = studies::trials(study)?;
        let made = trials.iter().filter(|trial| !trial.waiting).count();
        notice(format!("resuming study {study}: {made} of {} trials are finished", trials.len()), None, None);
        return Ok(study);
    }
    let study = studies::insert(model.id, asked)?;
    let planned = run_alone(|observer| {
        parsed.trials(how, &model.options, trials, options.seed, study as u64, observer)
    })?;
    for changes in &planned {
        let changed = parse_options(&merged(&model.options, changes)).map_err(SegrecError::InvalidOptions)?;
        if changed.is_explicit() != options.is_explicit() {
            return Err(SegrecError::InvalidStudy(vec![OptionProblem {
                message: format!("trial {changes} changes the meaning of weights"),
                hint: "Ratings and rankings have different metrics; try \"rating\" alone, or omit it."
                    .to_owned(),
            }]));
        }
    }
    let count = planned.len();
    studies::add_trials(study, how.shares()[0], planned)?;
    let found = match how {
        Search::Grid => format!(" of {} combinations", parsed.combinations()),
        Search::Random | Search::Halving => String::new(),
    };
    notice(format!("starting study {study}: {count} trials{found}"), None, None);
    Ok(study)
}

/// Checks the specification of a study; reports all problems together.
fn check(space: &Value, metric: &str, search: &str, options: &Options) -> Result<(Search, Space)> {
    let how = Search::parse(search);
    let objective = Objective::parse(metric, options.is_explicit());
    // Ranges are invalid only in a grid, so if the search is unknown do not report them.
    let parsed = Space::parse(space, how.as_ref().copied().unwrap_or(Search::Random));
    match (how, objective, parsed) {
        (Ok(how), Ok(_), Ok(space)) => Ok((how, space)),
        (how, objective, space) => {
            let mut problems: Vec<OptionProblem> = how.err().into_iter().chain(objective.err()).collect();
            problems.extend(space.err().into_iter().flatten());
            Err(SegrecError::InvalidStudy(problems))
        }
    }
}

fn merged(options: &Value, changes: &Value) -> Value {
    let mut merged = options.clone();
    merge_options(&mut merged, changes);
    merged
}

/// Looks up a study and its model, which the caller must be able to train; locked until the end of the transaction.
fn study_of(study: Option<i64>) -> Result<(Study, Model)> {
    let id = study.ok_or(SegrecError::NullArgument { argument: "study" })?;
    let unknown = || SegrecError::UnknownStudy { study: id };
    let study = studies::find(id)?.ok_or_else(unknown)?;
    if models::find(&study.model)?.is_none() {
        return Err(unknown());
    }
    let model = trainable_here(Some(&study.model))?;
    if !try_lock(studies::table()?, id, Until::TransactionEnds) {
        let holder = models::lock_holder(studies::table()?, id)?;
        return Err(SegrecError::BeingTuned { study: id, holder });
    }
    Ok((study, model))
}

/// Runs the next trial of a study; false if none is left.
pub fn run_next(study: Option<i64>) -> Result<bool> {
    let (study, model) = study_of(study)?;
    let trials = studies::trials(study.id)?;
    let next = match trials.iter().find(|trial| trial.waiting) {
        Some(next) => next.clone(),
        None => match promote(&study, &model, &trials)? {
            Some(next) => next,
            None => return Ok(false),
        },
    };
    let count = studies::trials(study.id)?.len();
    let begin = Instant::now();
    let reached = match run(&study, &model, &next) {
        Err(error) if !is_of_the_trial(&error) => return Err(error),
        reached => reached.map_err(SegrecError::in_one_line),
    };
    let result = match &reached {
        Ok(value) => format!("{} {value:.4}", study.asked.metric),
        Err(error) => format!("failed: {error}"),
    };
    let of =
        if next.share < 1.0 { format!(" on {:.0} % of users", 100.0 * next.share) } else { String::new() };
    notice(format!("trial {} of {count}{of}: {result}, {}", next.trial, next.options), None, None);
    studies::finish_trial(study.id, next.trial, reached, begin.elapsed().as_secs_f64())?;
    Ok(true)
}

/// Plans the trials that are repeated with more users, and returns the first.
fn promote(study: &Study, model: &Model, trials: &[Trial]) -> Result<Option<Trial>> {
    let Some(share) = trials.last().map(|trial| trial.share) else {
        return Ok(None);
    };
    let shares = Search::parse(&study.asked.search).map_or(&[][..], Search::shares);
    let Some(&next) = shares.iter().find(|&&next| next > share) else {
        return Ok(None);
    };
    let rung: Vec<&Trial> = trials.iter().filter(|trial| trial.share == share).collect();
    let values: Vec<Option<f64>> = rung.iter().map(|trial| trial.value).collect();
    let going = going_on(&values, is_higher_better(&study.asked.metric));
    models::keep(model)?;
    studies::add_trials(study.id, next, going.iter().map(|&place| rung[place].options.clone()).collect())?;
    Ok(studies::trials(study.id)?.into_iter().find(|trial| trial.waiting))
}

fn run(study: &Study, model: &Model, next: &Trial) -> Result<f64> {
    let options = merged(&study.asked.options, &next.options);
    let options = parse_options(&options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(model))?;
    let objective = Objective::parse(&study.asked.metric, options.is_explicit())
        .map_err(|problem| SegrecError::InvalidStudy(vec![problem]))?;
    let mut bench = Workbench::new(model, &options, None, TrainingLog::silent())?;
    let TrialResult { value, held_out } =
        bench.run(|given, observer| trial(given, &options, next.share, &objective, observer))?;
    // The trials of a study hold out the same events: once is enough.
    if next.trial == 1 {
        report_holdout(&bench.data.relation, &held_out);
    }
    Ok(value)
}

/// Whether an error is due to the options of a trial, so that other trials may succeed.
fn is_of_the_trial(error: &SegrecError) -> bool {
    match error {
        SegrecError::InvalidOptions(_)
        | SegrecError::NeedsArgument { .. }
        | SegrecError::Memory { .. }
        | SegrecError::NothingToTrainOn { .. }
        | SegrecError::NothingToDivideBy { .. } => true,
        SegrecError::Engine(error) => *error != EngineError::Cancelled,
        _ => false,
    }
}

/// Finishes a study whose trials have all been run, reports the best one, and with `apply` applies its options to the
/// model.
pub fn finish(study: Option<i64>, apply: Option<bool>) -> Result<()> {
    let apply = apply.ok_or(SegrecError::NullArgument { argument: "apply" })?;
    let (study, model) = study_of(study)?;
    let trials = studies::trials(study.id)?;
    let sign = if is_higher_better(&study.asked.metric) { 1.0 } else { -1.0 };
    // Ties go to the first trial, so the model's own options are kept unless another trial is better.
    let best = trials
        .iter()
        .filter(|trial| trial.share == 1.0)
        .filter_map(|trial| Some((trial, sign * trial.value?)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    studies::finish(study.id)?;
    let Some((best, value)) = best else {
        notice(
            format!("no trial of study {} has a value", study.id),
            Some("All of them failed.".to_owned()),
            Some("See the column error of the view segrec.trials.".to_owned()),
        );
        return Ok(());
    };
    let own = trials.iter().rev().find(|trial| trial.options == serde_json::json!({}));
    let own = own.and_then(|trial| trial.value);
    let own = own.map_or_else(String::new, |own| format!(", {own:.4} with the model's own options"));
    notice(
        format!(
            "trial {} is the best of study {}: {} {:.4}{own}",
            best.trial,
            study.id,
            study.asked.metric,
            sign * value
        ),
        Some(format!("Its options are {}.", best.options)),
        match apply {
            true => None,
            false => {
                Some(format!("To apply them, run SELECT {}.", applying(&model.name, study.id, best.trial)))
            }
        },
    );
    if apply { alter_model(Some(&model.name), Some(best.options.clone())) } else { Ok(()) }
}

fn applying(model: &str, study: i64, trial: i32) -> String {
    format!("segrec_apply_trial('{}', {study}, {trial})", model.replace('\'', "''"))
}

/// Merges the options of a trial into those of its model.
pub fn apply(model: Option<&str>, study: Option<i64>, trial: Option<i32>) -> Result<()> {
    let model = owned(model)?;
    let study = study.ok_or(SegrecError::NullArgument { argument: "study" })?;
    let trial = trial.ok_or(SegrecError::NullArgument { argument: "trial" })?;
    let of_model = studies::find(study)?.filter(|found| found.model == model.name);
    let trials = of_model.map_or_else(|| Ok(Vec::new()), |study| studies::trials(study.id))?;
    match trials.into_iter().find(|found| found.trial == trial) {
        Some(found) => alter_model(Some(&model.name), Some(found.options)),
        None => Err(SegrecError::UnknownTrial { model: model.name, study, trial }),
    }
}
