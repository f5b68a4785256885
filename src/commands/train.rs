//! `segrec_train`: reads the events, trains, measures, writes a version, and deploys it if it may.
//!
//! All of it is one transaction: a failed or cancelled training leaves nothing.

use super::access::owned_and_locked;
use super::create_model::check_options;
use crate::catalog::events::{self, ReadReport};
use crate::catalog::factors::{self, NewUser};
use crate::catalog::models::{self, Model};
use crate::catalog::relations;
use crate::catalog::versions::{self, LogEntry, NewSegment, NewVersion};
use crate::error::{Result, SegrecError, notice};
use crate::pg::workers::Workers;
use crate::settings;
use segrec_engine::interactions::Events;
use segrec_engine::recipe::estimate::{Size, memory};
use segrec_engine::recipe::measure::DECIDING_NAME;
use segrec_engine::recipe::{AlsChoices, OnBadRows, Options, Trained, parse_options, train as train_recipe};
use segrec_engine::{EngineError, Progress};
use std::time::Instant;

/// When a training is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deploy {
    IfBetter,
    Always,
    Never,
}

impl Deploy {
    fn parse(value: Option<&str>) -> Result<Self> {
        match value {
            Some("if_better") => Ok(Self::IfBetter),
            Some("always") => Ok(Self::Always),
            Some("never") => Ok(Self::Never),
            None => Err(SegrecError::NullArgument { argument: "deploy" }),
            Some(other) => Err(SegrecError::InvalidDeploy { value: other.to_owned() }),
        }
    }
}

/// What a training tells its caller.
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// The number of the version.
    pub version: i32,
    /// Users.
    pub users: i64,
    /// Items.
    pub items: i64,
    /// Events.
    pub events: i64,
    /// Segments.
    pub segments: i32,
    /// What popularity reached.
    pub baseline: Option<f64>,
    /// What the version reached.
    pub value: Option<f64>,
    /// What the deployed version reached.
    pub previous: Option<f64>,
    /// Whether it was deployed.
    pub deployed: bool,
    /// How long it took.
    pub seconds: f64,
}

/// The steps of the training so far, and the NOTICE of each new phase.
struct Diary {
    start: Instant,
    phase: String,
    log: Vec<LogEntry>,
}

impl Diary {
    fn new() -> Self {
        Self { start: Instant::now(), phase: String::new(), log: Vec::new() }
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn announce(&mut self, phase: &str, what: String) {
        if self.phase != phase {
            phase.clone_into(&mut self.phase);
            notice(format!("{:.1} s: {what}", self.seconds()), None, None);
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.announce(progress.phase, progress.phase.to_owned());
        self.log.push(LogEntry {
            phase: progress.phase.to_owned(),
            step: progress.step as i32,
            loss: progress.loss,
            metric: progress.metric.map(|(name, value)| (name.to_owned(), value)),
            seconds: self.seconds(),
        });
    }
}

/// Trains a model and gives what it reached.
pub fn train(model: Option<&str>, deploy: Option<&str>) -> Result<TrainingResult> {
    let deploy = Deploy::parse(deploy)?;
    let model = owned_and_locked(model)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, &model.columns)?;
    let columns = relations::event_columns(&model.name, model.events, &model.columns)?;
    let workers =
        Workers::new(settings::threads()).map_err(|error| SegrecError::Threads(error.to_string()))?;
    let mut diary = Diary::new();

    diary.announce("reading", format!("reading events of \"{}\"", columns.name));
    let allowed = settings::training_memory();
    let (raw, report) = events::read_all(&columns, &options.events.type_weights, allowed)?;
    judge_rows(&columns.name, &report, &options)?;
    let raw_events = raw.len();
    diary.announce("combining", format!("combining {raw_events} events"));
    let events = run(&workers, &columns.name, &mut diary, |observer| {
        Events::new(raw, options.events.limits(), observer)
    })?;
    let size = Size { users: events.users().len(), items: events.items().len(), events: events.len() };
    let needed = memory(size, &options);
    if needed > allowed {
        let what = format!(
            "{} users, {} items, {} events, {} factors",
            size.users, size.items, size.events, options.als.factors
        );
        return Err(SegrecError::Memory { needed, allowed, what });
    }

    let deployed = deployed_version(&model)?;
    let replaced = match &deployed {
        Some(version) => replaced(version, &options)?,
        None => None,
    };
    let trained = run(&workers, &columns.name, &mut diary, |observer| {
        train_recipe(&events, &options, replaced.as_ref(), observer)
    })?;

    let verdict = judge_version(deploy, deployed.as_ref(), &trained);
    diary.announce("writing", "writing the version".to_owned());
    let (version_id, version) = write(&model, &options, &events, &trained, &verdict, &diary)?;
    if verdict.deploy {
        models::deploy(model.id, version_id)?;
    }
    versions::finish(version_id)?;
    Ok(TrainingResult {
        version,
        users: size.users as i64,
        items: size.items as i64,
        events: size.events as i64,
        segments: trained.fit.membership.count() as i32,
        baseline: trained.measurement.deciding_row().map(|row| row.baseline),
        value: trained.measurement.deciding_row().map(|row| row.value),
        previous: verdict.previous,
        deployed: verdict.deploy,
        seconds: diary.seconds(),
    })
}

/// Runs engine work on the threads, with progress into the diary.
fn run<T: Send>(
    workers: &Workers,
    relation: &str,
    diary: &mut Diary,
    work: impl FnOnce(&dyn segrec_engine::Observer) -> segrec_engine::Result<T> + Send,
) -> Result<T> {
    match workers.run(work, |progress| diary.progress(progress)) {
        Some(Ok(value)) => Ok(value),
        Some(Err(EngineError::NothingToTrainOn { reason })) => {
            Err(SegrecError::NothingToTrainOn { relation: relation.to_owned(), reason })
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(SegrecError::Internal("the training ended without a result".to_owned())),
    }
}

/// Bad rows stop the training or are counted in a NOTICE, as the options say; rows that count nothing
/// are always counted.
fn judge_rows(relation: &str, report: &ReadReport, options: &Options) -> Result<()> {
    let bad = report.bad;
    if bad.total() > 0 {
        match options.events.on_bad_rows {
            OnBadRows::Error => {
                return Err(SegrecError::BadRows { relation: relation.to_owned(), rows: bad });
            }
            OnBadRows::Skip => notice(
                format!("skipped {} of {} rows of \"{relation}\"", bad.total(), report.rows),
                Some(bad.describe()),
                None,
            ),
        }
    }
    for (count, what) in [
        (report.unlisted_type, "have a type that events.type_weights does not list"),
        (report.weightless, "have a weight of 0"),
    ] {
        if count > 0 {
            notice(
                format!("left out {count} of {} rows of \"{relation}\" that {what}", report.rows),
                None,
                None,
            );
        }
    }
    Ok(())
}

/// The recipe of the deployed version, where it is another: with the weights that were decided then.
fn replaced(deployed: &versions::Version, options: &Options) -> Result<Option<Options>> {
    let previous = parse_options(&deployed.options).map_err(SegrecError::InvalidOptions)?;
    if previous == *options {
        return Ok(None);
    }
    let als = serde_json::from_value(deployed.als.clone())
        .map_err(|error| SegrecError::Internal(format!("the settings of a version are damaged: {error}")))?;
    Ok(Some(Options { als: AlsChoices::fixed(&als), ..previous }))
}

fn deployed_version(model: &Model) -> Result<Option<versions::Version>> {
    let Some(version_id) = model.deployed_version_id else {
        return Ok(None);
    };
    Ok(versions::list(model.id)?.into_iter().find(|version| version.version_id == version_id))
}

/// Whether to deploy, and why.
struct Verdict {
    deploy: bool,
    previous: Option<f64>,
    reason: String,
}

/// The rule of `if_better`.
///
/// A changed recipe is measured beside the deployed one on the same holdout, paired by user, and must
/// not be worse. The same recipe on newer data has no rival but its own past: it is deployed, because
/// it knows newer events, unless it fell below what was measured then by more than the interval of
/// the measurement, which points to damaged data.
fn judge_version(deploy: Deploy, deployed: Option<&versions::Version>, trained: &Trained) -> Verdict {
    let measured = trained.measurement.deciding_row();
    let value = measured.map(|row| row.value);
    let verdict = |deploy, previous, reason: String| Verdict { deploy, previous, reason };
    let Some(deployed) = deployed else {
        let reason = "the first version is always deployed".to_owned();
        return match deploy {
            Deploy::Never => verdict(false, None, "deploy is 'never'".to_owned()),
            _ => verdict(true, None, reason),
        };
    };
    let previous = match &trained.previous {
        Some(previous) => previous.deciding_row().map(|row| row.value),
        None => deployed.value,
    };
    let forced = match deploy {
        Deploy::Always => Some((true, "deploy is 'always'")),
        Deploy::Never => Some((false, "deploy is 'never'")),
        Deploy::IfBetter => None,
    };
    if let Some((deploy, reason)) = forced {
        return verdict(deploy, previous, reason.to_owned());
    }
    let (Some(value), Some(before)) = (value, previous) else {
        return verdict(true, previous, "there is no held-out event to compare versions on".to_owned());
    };
    let number = deployed.version;
    match &trained.previous {
        Some(rival) => {
            let (difference, error) = trained.measurement.paired_difference(rival);
            let better = difference >= 0.0;
            let word = if better { "not worse" } else { "worse" };
            verdict(
                better,
                previous,
                format!(
                    "{DECIDING_NAME} is {word} than with the options of version {number}: {value:.4} against {before:.4}, \
                     difference {difference:+.4} ± {error:.4}"
                ),
            )
        }
        None => {
            let margin = measured.and_then(|row| row.interval).map_or(0.0, |(low, high)| (high - low) / 2.0);
            let holds = value >= before - margin;
            let what = if holds { "holds" } else { "fell" };
            verdict(
                holds,
                previous,
                format!(
                    "{DECIDING_NAME} {what}: {value:.4} against {before:.4} of version {number}, margin {margin:.4}"
                ),
            )
        }
    }
}

/// Writes the version: its rows and its partitions.
fn write(
    model: &Model,
    options: &Options,
    events: &Events,
    trained: &Trained,
    verdict: &Verdict,
    diary: &Diary,
) -> Result<(i64, i32)> {
    let Trained { interactions, fit, measurement, .. } = trained;
    let count = fit.membership.count();
    let mut given =
        serde_json::to_value(options).map_err(|error| SegrecError::Internal(error.to_string()))?;
    // A half-life is kept as it was written, "90 days", not in seconds.
    given["events"]["half_life"] = model.options["events"]["half_life"].clone();
    let (version_id, version) = versions::insert(NewVersion {
        model_id: model.id,
        sizes: [events.users().len(), events.items().len(), events.len(), count].map(|size| size as i64),
        split: trained.split.name(),
        metric: DECIDING_NAME,
        values: [
            measurement.deciding_row().map(|row| row.value),
            measurement.deciding_row().map(|row| row.baseline),
            verdict.previous,
        ],
        reason: verdict.reason.clone(),
        options: given,
        als: serde_json::to_value(trained.als).map_err(|error| SegrecError::Internal(error.to_string()))?,
        median_weight: interactions.median_weight(),
        anchor: trained.weighting.anchor,
        item_gram: fit.item_gram.clone(),
    })?;

    let segments = (0..count)
        .map(|segment| NewSegment {
            users: fit.segments.users[segment].len() as i64,
            own_factors: fit.own_factors[segment],
            gain: measurement
                .gates
                .get(segment)
                .filter(|gate| gate.users > 0 && gate.error.is_finite())
                .map(|gate| (gate.shrunken_gain, gate.error)),
            centroid: fit.membership.centroids.row(segment).to_vec(),
            item_gram: fit.segment_grams[segment].clone(),
        })
        .collect();
    versions::insert_segments(version_id, version, segments)?;
    versions::insert_metrics(version_id, &measurement.rows)?;
    versions::insert_log(version_id, &diary.log)?;

    factors::create(version_id)?;
    factors::write_items(version_id, events.items(), interactions, &fit.backbone.item_factors)?;
    for segment in 0..count {
        factors::write_segment_items(
            version_id,
            segment,
            &fit.segments.items[segment],
            &fit.segments.item_users[segment],
            fit.own_factors[segment].then(|| &fit.factors.item_factors[segment]),
        )?;
    }
    let users: Vec<NewUser> = fit
        .segments
        .users
        .iter()
        .flatten()
        .map(|&user| {
            let member = trained.member_fits[user as usize];
            NewUser {
                user,
                segment: member.segment,
                distance: member.distance,
                confidence: member.confidence,
            }
        })
        .collect();
    factors::write_users(version_id, events.users(), &users, &fit.factors.user_factors, interactions)?;
    factors::attach(version_id)?;
    Ok((version_id, version))
}
