//! `segrec_train`: reads, trains, measures, writes a version, and deploys it if the rule allows.
//!
//! The three steps are [`PreparedTraining::read`], [`PreparedTraining::fit`] and [`PreparedTraining::store`]. Here they
//! share one transaction, so a failed or cancelled training leaves nothing behind. In the background each step has its
//! own (`crate::worker`).

use super::deployment_decision::{Amounts, DeployPolicy, DeploymentDecision, judge_segments, judge_version};
use super::estimate::check_memory;
use super::progress::phase;
use super::read::{TrainingData, past, read};
use super::training_log::TrainingLog;
use super::write::{Outcome, write};
use crate::catalog::models::{self, Model, Swapped};
use crate::catalog::versions::segments::Past;
use crate::catalog::versions::{self, Version};
use crate::catalog::versions::{items, users};
use crate::commands::access::privileges::{reads, trainable_and_locked};
use crate::commands::evaluation::reported_metric::report_holdout;
use crate::commands::models::options::check_options;
use crate::commands::versions::deploy::answer;
use crate::error::{Result, SegrecError, notice, warning};
use crate::pg::process::workers::Workers;
use crate::settings;
use segrec_engine::Matrix;
use segrec_engine::interactions::{Events, IdMap};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::training::new_items::{self, DecidedBoost};
use segrec_engine::training::segment_report::{self, SegmentReport};
use segrec_engine::training::train::GaveWay;
use segrec_engine::training::{Given, Members, PreviousSegments, Trained, segment, train as train_recipe};

/// The row that `segrec_train` returns.
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// The number of the version.
    pub version: i32,
    pub users: i64,
    /// The number of items; `None` without events.
    pub items: Option<i64>,
    /// The number of events; `None` without events.
    pub events: Option<i64>,
    pub segments: i32,
    /// The name of the deciding metric.
    pub metric: &'static str,
    /// The value of the baseline: popularity, or biases for ratings.
    pub baseline: Option<f64>,
    /// The value of the version.
    pub value: Option<f64>,
    /// The value of the deployed version.
    pub previous: Option<f64>,
    /// Whether the version was deployed.
    pub deployed: bool,
    /// The duration of the training.
    pub seconds: f64,
}

/// Trains a model in the caller's transaction.
pub fn train(model: Option<&str>, deploy: Option<&str>) -> Result<TrainingResult> {
    let deploy = DeployPolicy::parse(deploy)?;
    trainable_and_locked(model, |model| {
        let workers = Workers::new(settings::threads())?;
        let mut log = TrainingLog::of(model.id, None);
        let prepared = PreparedTraining::read(model, deploy, &workers, &mut log)?;
        let fitted = prepared.fit(&workers, &mut log)?;
        prepared.store(&fitted, &mut log)
    })
}

/// All data of a training. Does not depend on the transaction that read it.
pub struct PreparedTraining {
    model: Model,
    deploy: DeployPolicy,
    options: Options,
    /// The version that was deployed when the data were read.
    deployed: Option<Version>,
    /// The options of that version, if they differ from the model's and are therefore measured on the same holdout.
    replaced: Option<Options>,
    data: TrainingData,
    /// The boost of items without events.
    new_items: DecidedBoost,
    past: Option<Past>,
    start: Option<Matrix>,
}

/// The result of a training that is not yet written.
pub struct FittedTraining {
    outcome: Outcome,
    reading: SegmentReport,
    decision: DeploymentDecision,
}

/// Decides whether items without events get rows, and removes them from the data if not.
fn decide_new_items(
    data: &mut TrainingData,
    options: &Options,
    workers: &Workers,
    log: &mut TrainingLog,
) -> Result<DecidedBoost> {
    let Some(events) = data.events.take() else { return Ok(DecidedBoost::default()) };
    let described = std::mem::take(&mut data.user_data);
    let (events, described, boost) =
        log.run(workers, &data.relation, |observer| new_items::decide(events, described, options, observer))?;
    (data.events, data.user_data) = (Some(events), described);
    Ok(boost)
}

impl PreparedTraining {
    /// Reads the events and everything else with the caller's rights. The model must be locked.
    pub fn read(
        model: Model,
        deploy: DeployPolicy,
        workers: &Workers,
        log: &mut TrainingLog,
    ) -> Result<Self> {
        let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
        check_options(&options, reads(&model))?;
        tell_of_swapped(&model)?;
        let deployed = deployed_version(&model)?;
        let replaced = match &deployed {
            // A model that was redefined may not read any more what they need.
            Some(version) => {
                replaced(version, &options)?.filter(|own| check_options(own, reads(&model)).is_ok())
            }
            None => None,
        };
        let mut data = read(&model, &options, replaced.as_ref(), true, workers, log)?;
        check_memory(&data, &options)?;
        let new_items = decide_new_items(&mut data, &options, workers, log)?;
        let stored = match &deployed {
            Some(version) if users::are_stored(version.version_id)? => Some(version),
            _ => None,
        };
        let past = past(&model, stored, &data.ids)?;
        let start = match &data.events {
            Some(events) if options.als.warm_start => starting_factors(&model, stored, events)?,
            _ => None,
        };
        Ok(Self { model, deploy, options, deployed, replaced, data, new_items, past, start })
    }

    /// Fits and measures. Uses neither the database nor a transaction.
    pub fn fit(&self, workers: &Workers, log: &mut TrainingLog) -> Result<FittedTraining> {
        let Self { options, data, past, .. } = self;
        let deployed = self.deployed.as_ref();
        let before = past.as_ref().and_then(|past| begins_with(past, deployed, options));
        let before = before.as_ref().map(|(of_member, count)| PreviousSegments { of_member, count: *count });
        let (start, memory) = (self.start.as_ref(), settings::training_memory());
        let described = &data.user_data;
        let amounts = Amounts {
            users: data.ids.len() as i64,
            events: data.events.as_ref().map(|events| [events.items().len() as i64, events.len() as i64]),
        };
        let (outcome, decision) = match &data.events {
            Some(events) => {
                let mut trained = log.run(workers, &data.relation, |observer| {
                    let given = Given {
                        before: before.as_ref(),
                        start,
                        memory,
                        new_items: self.new_items.boost,
                        ..Given::new(events, described)
                    };
                    train_recipe(given, options, self.replaced.as_ref(), observer)
                })?;
                trained.measurement.rows.extend_from_slice(&self.new_items.rows);
                report_training(&data.relation, events, &trained);
                let decision = judge_version(self.deploy, deployed, amounts, &trained);
                (Outcome::Trained(Box::new(trained)), decision)
            }
            None => {
                let segmented = log.run(workers, &data.relation, |observer| {
                    segment(described, before.as_ref(), options, observer)
                })?;
                (Outcome::Segmented(Box::new(segmented)), judge_segments(self.deploy, deployed, amounts))
            }
        };
        report_left_out(data, outcome.members());
        let reading = log.run(workers, &data.relation, |observer| {
            let members = outcome.members();
            let events = data.events.as_ref();
            let before = past.as_ref().and_then(|past| past.classifier.as_ref());
            segment_report::read(
                described,
                events,
                &members.segments(),
                members.count(),
                options,
                before,
                observer,
            )
        })?;
        Ok(FittedTraining { outcome, reading, decision })
    }

    /// Writes the version, and deploys it if the rule allows. The model must still be locked.
    pub fn store(&self, fitted: &FittedTraining, log: &mut TrainingLog) -> Result<TrainingResult> {
        let Self { model, options, data, past, .. } = self;
        let FittedTraining { outcome, reading, decision } = fitted;
        log.announce(phase::WRITING, "writing the version".to_owned());
        let writing = super::write::Writing {
            model,
            options,
            data,
            outcome,
            reading,
            decision,
            past: past.as_ref(),
            log,
        };
        let (version_id, version) = write(&writing)?;
        if decision.deploy {
            answer(model, version_id)?;
        }
        versions::finish(version_id, log.seconds())?;
        crate::commands::versions::drop_version::drop_old(
            model,
            options.keep_versions,
            options.keep_history,
        )?;
        Ok(result(data, outcome, decision, version, log.seconds()))
    }

    /// Handles a deployment by others since the data were read. This version was not compared with the newly deployed
    /// one, so it is deployed only if that was requested unconditionally.
    pub fn overtaken(&self, now: &Model, fitted: &mut FittedTraining) {
        let deployed = self.deployed.as_ref().map(|version| version.version_id);
        if self.deploy == DeployPolicy::IfBetter && now.deployed_version_id != deployed {
            fitted.decision.deploy = false;
            fitted.decision.reason = "another version was deployed while this one was trained".to_owned();
        }
    }
}

fn result(
    data: &TrainingData,
    outcome: &Outcome,
    decision: &DeploymentDecision,
    version: i32,
    seconds: f64,
) -> TrainingResult {
    let [value, baseline] = outcome.reached();
    TrainingResult {
        version,
        users: data.ids.len() as i64,
        items: data.events.as_ref().map(|events| events.items().len() as i64),
        events: data.events.as_ref().map(|events| events.len() as i64),
        segments: outcome.members().count() as i32,
        metric: outcome.metric(),
        baseline,
        value,
        previous: decision.previous,
        deployed: decision.deploy,
        seconds,
    }
}

/// The options of the deployed version with the weights chosen then, if they differ. Only a version trained on events
/// can be measured again.
fn replaced(deployed: &Version, options: &Options) -> Result<Option<Options>> {
    let previous = parse_options(&deployed.options).map_err(SegrecError::InvalidOptions)?;
    let Some(decided) = deployed.decided()? else {
        return Ok(None);
    };
    // The numbers of versions to keep, and the lists of new users, do not affect the metrics.
    let previous = Options {
        keep_versions: options.keep_versions,
        keep_history: options.keep_history,
        users: options.users.clone(),
        ..previous
    };
    Ok((previous != *options).then(|| previous.decided(&decided)))
}

/// The deployed version; `None` if no version has been deployed yet.
pub fn deployed_version(model: &Model) -> Result<Option<Version>> {
    let Some(version_id) = model.deployed_version_id else {
        return Ok(None);
    };
    Ok(versions::list(model.id)?.into_iter().find(|version| version.version_id == version_id))
}

/// The item factors of the deployed version, in the order of the events' items; zero for items that it does not have.
fn starting_factors(model: &Model, deployed: Option<&Version>, events: &Events) -> Result<Option<Matrix>> {
    let (Some(deployed), Some(source)) = (deployed, &model.events) else {
        return Ok(None);
    };
    let Some(decided) = deployed.decided()?.filter(|decided| decided.algorithm.ranks_by_factors()) else {
        return Ok(None);
    };
    let k = decided.als.factors;
    let ids = items::load_items(deployed.version_id, source.item_kind)?;
    let known = items::load_backbone(deployed.version_id, k)?;
    let places = IdMap::from_ids(ids);
    let mut start = Matrix::zeros(events.items().len(), k);
    for item in 0..events.items().len() {
        if let Some(place) = places.find(events.items().get(item)) {
            start.row_mut(item).copy_from_slice(known.row(place as usize));
        }
    }
    Ok(Some(start))
}

/// The previous segments to start from, as groups from 0, if the deployed version was segmented in the same way.
fn begins_with(
    past: &Past,
    deployed: Option<&Version>,
    options: &Options,
) -> Option<(Vec<Option<u32>>, usize)> {
    let previous = parse_options(&deployed?.options).ok()?.segmentation;
    let now = &options.segmentation;
    let same = previous.method == now.method
        && previous.on == now.on
        && previous.features == now.features
        && previous.activity == now.activity
        && previous.rfm == now.rfm;
    let group = |id: i32| past.ids.binary_search(&id).ok().map(|group| group as u32);
    same.then(|| (past.of_member.iter().map(|id| id.and_then(group)).collect(), past.ids.len()))
}

/// Reports events that do not count, and choices that differ from the options.
fn report_training(relation: &str, events: &Events, trained: &Trained) {
    let weightless = trained.interactions.weightless();
    if weightless > 0 {
        notice(
            format!("{weightless} of {} events of \"{relation}\" have no effect", events.len()),
            Some("Their weights are too small relative to the largest one, or they are too old.".to_owned()),
            Some("Raise events.half_life, or reduce the range of weights.".to_owned()),
        );
    }
    report_holdout(relation, &trained.held_out);
    if let Some(GaveWay { algorithm, value, baseline }) = trained.gave_way {
        warning(
            format!("the version ranks by popularity, not by {}", algorithm.name()),
            Some(format!(
                "{} of {} is {value:.4}, that of popularity {baseline:.4}.",
                trained.measurement.metric,
                algorithm.name()
            )),
            Some(
                "Provide more events, or change the options; see the view segrec.algorithm_choices."
                    .to_owned(),
            ),
        );
    }
}

/// Reports relations whose former names now belong to others: a loader may have swapped tables.
fn tell_of_swapped(model: &Model) -> Result<()> {
    for Swapped { argument, name, now } in models::swapped(model.id)? {
        notice(
            format!("model \"{}\" reads its {argument} from {now}", model.name),
            Some(format!(
                "It was named {name} when it was bound to the model, and another relation now has that name."
            )),
            Some(format!(
                "To use that relation, call segrec_rebind('{}', {argument} => '{name}').",
                model.name
            )),
        );
    }
    Ok(())
}

/// Reports columns of users that were not used because they carry no information about segments.
fn report_left_out(data: &TrainingData, members: &Members) {
    for left_out in &members.left_out {
        let relation = if data.events.is_some() { "users" } else { &data.relation };
        notice(
            format!("ignored column \"{}\" of {relation}: it {}", left_out.name, left_out.reason),
            None,
            None,
        );
    }
}
