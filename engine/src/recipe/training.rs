//! A training from events to a version: measured without the holdout, refitted on everything.

use super::described::Described;
use super::division::{Before, Division, Finder};
use super::fit::Fit;
use super::measure::{Measurement, held_out_quality, measured_users};
use super::members::Members;
use super::options::Options;
use super::tuning::decide;
use crate::error::{EngineError, Result};
use crate::evaluation::{Holdout, Split};
use crate::factorization::{AlsOptions, Backbone, Start};
use crate::interactions::{Events, Interactions, Weighting};
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::segmentation::choice::{Choice, Tried, choose};
use crate::segmentation::matching::match_segments;
use crate::segmentation::options::Target;

/// What a training is given besides its options.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// What users did.
    pub events: &'a Events,
    /// What is known about them besides; members are first the users of the events.
    pub described: &'a Described,
    /// The segments they had before.
    pub before: Option<&'a Before<'a>>,
}

/// What a training leaves.
#[derive(Clone, Debug)]
pub struct Trained {
    /// All events as interactions; what the fit was trained on.
    pub interactions: Interactions,
    /// How events were weighted.
    pub weighting: Weighting,
    /// The settings of alternating least squares, with the weights that were decided.
    pub als: AlsOptions,
    /// The fit on all events.
    pub fit: Fit,
    /// The segment of every member.
    pub members: Members,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
    /// How events were held out.
    pub split: Split,
    /// What the same recipe reaches on the holdout, trained without it.
    pub measurement: Measurement,
    /// The same for the recipe that is to be replaced.
    pub previous: Option<Measurement>,
}

/// Users on which numbers of segments are compared.
const CHOOSING_USERS: usize = 4_000;

/// Trains. `previous` are the options of the version that is to be replaced, where they differ: the
/// same holdout then also measures them.
///
/// # Errors
/// [`EngineError::Cancelled`], [`EngineError::NotFinite`], [`EngineError::NothingToTrainOn`],
/// [`EngineError::Column`], [`EngineError::Missing`].
pub fn train(
    given: Given<'_>,
    options: &Options,
    previous: Option<&Options>,
    observer: &dyn Observer,
) -> Result<Trained> {
    let events = given.events;
    let weighting = options.events.weighting(events.latest());
    let quiet = Measuring(observer);
    let holdout = Holdout::new(events, &weighting, &options.holdout, options.seed, observer)?;
    let als = decide(&holdout, options, observer)?;
    let (division, own_factors, mut choices, mut measurement) = {
        let (fit, division, choices) = fit_without_holdout(given, &holdout, &als, options, &quiet)?;
        let measurement = Measurement::new(&fit, &holdout, options.seed, observer)?;
        let own_factors: Vec<bool> =
            measurement.gates.iter().zip(&fit.own_factors).map(|(gate, own)| *own && gate.passed).collect();
        (division, own_factors, choices, measurement)
    };
    let previous = previous
        .map(|previous| {
            let als = decide(&holdout, previous, &quiet)?;
            let (fit, ..) = fit_without_holdout(given, &holdout, &als, previous, &quiet)?;
            Measurement::new(&fit, &holdout, options.seed, &quiet)
        })
        .transpose()?;
    let split = holdout.split;
    drop(holdout);

    let interactions = events.interactions(&weighting, |_, _, _| true, observer)?;
    if interactions.entries() == 0 {
        let reason = "every event decayed to a weight of nothing".to_owned();
        return Err(EngineError::NothingToTrainOn { reason });
    }
    // Segments are found without the holdout, so that the gate's verdict is on the same segments. Only
    // where events say more about users than their factors, they are found again from all events,
    // beginning with those.
    let users = events.users().len();
    let count = given.described.table.rows();
    let backbone = Backbone::train(&interactions, &als, Start::Random(options.seed), observer)?;
    let (division, own_factors) = if Described::reads_events(options) {
        let found = division.of_members(count);
        let again = found_again(given, &division, &found, &backbone, options, observer)?;
        let gates = match_back(&found, &again.of_members(count), again.count);
        measurement.renumber(&gates);
        if let [found] = &mut choices[..] {
            found.segments = again.count;
        }
        let own = gates.iter().map(|from| from.is_some_and(|from| own_factors[from as usize])).collect();
        (again, own)
    } else {
        (division, own_factors)
    };
    let of_user: Vec<Option<u32>> = division.of_members(count).into_iter().take(users).collect();
    let fit = Fit::gated(&interactions, backbone, &of_user, own_factors, &als, observer)?;
    let members = Members::new(division, count, Some(&fit));
    Ok(Trained { interactions, weighting, als, fit, members, choices, split, measurement, previous })
}

/// Finds segments without the holdout and fits them; of several numbers of segments the one that held-out
/// events say is best.
fn fit_without_holdout(
    given: Given<'_>,
    holdout: &Holdout,
    als: &AlsOptions,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Fit, Division, Vec<Choice>)> {
    let training = &holdout.training;
    let backbone = Backbone::train(training, als, Start::Random(options.seed), observer)?;
    let past = if Described::reads_events(options) {
        Some(given.events.select(|user, item, time| holdout.is_training(user, item, time)))
    } else {
        None
    };
    let finder = Finder { described: given.described, options, before: given.before };
    let found = options.segmentation.recommending_target(
        active(&backbone.user_factors),
        training.entries(),
        als.factors,
    );
    let (target, asked) = finder.target(found);
    let events = past.as_ref().unwrap_or(given.events);
    let mut divisions = finder.divisions(Some(events), Some(&backbone.user_factors), &target, observer)?;

    let of_user = |division: &Division| -> Vec<Option<u32>> {
        let members = division.of_members(given.described.table.rows().max(training.users()));
        members.into_iter().take(training.users()).collect()
    };
    let users = measured_users(holdout, CHOOSING_USERS, options.seed);
    let mut tried = Vec::with_capacity(divisions.len());
    let mut last = None;
    for division in &divisions {
        drop(last.take());
        let fit = Fit::new(training, backbone.clone(), &of_user(division), division.count, als, observer)?;
        let compared = divisions.len() > 1 && !users.is_empty() && division.count > 1;
        let held_out = if compared { held_out_quality(&fit, holdout, &users, observer)? } else { Vec::new() };
        tried.push(Tried { segments: division.count, scores: division.partition.scores, held_out });
        last = Some(fit);
    }
    let (best, choices) = choose(&tried, asked);
    let only = best + 1 == divisions.len();
    let division = divisions.swap_remove(best);
    let fit = match last {
        Some(fit) if only => fit,
        _ => Fit::new(training, backbone, &of_user(&division), division.count, als, observer)?,
    };
    Ok((fit, division, choices))
}

/// Rows that are not zero.
fn active(factors: &Matrix) -> usize {
    (0..factors.rows()).filter(|&row| factors.row(row).iter().any(|&x| x != 0.0)).count()
}

/// The same segments found again from all events.
fn found_again(
    given: Given<'_>,
    division: &Division,
    found: &[Option<u32>],
    backbone: &Backbone,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Division> {
    let before = Before { of_member: found, count: division.count };
    let mut options = options.clone();
    options.segmentation.keep = true;
    let finder = Finder { described: given.described, options: &options, before: Some(&before) };
    let target = Target { counts: vec![division.count], least: 1 };
    let again = finder.divisions(Some(given.events), Some(&backbone.user_factors), &target, observer)?;
    again
        .into_iter()
        .next()
        .ok_or_else(|| EngineError::NothingToDivideBy { reason: "there are no segments".to_owned() })
}

/// Of each new group, the group it was before.
fn match_back(found: &[Option<u32>], again: &[Option<u32>], count: usize) -> Vec<Option<u32>> {
    let ids: Vec<Option<i32>> = found.iter().map(|group| group.map(|group| group as i32)).collect();
    match_segments(&ids, again, count).into_iter().map(|id| id.map(|id| id as u32)).collect()
}

/// Gives the phases of the fit without the holdout names of their own.
struct Measuring<'a>(&'a dyn Observer);

impl Observer for Measuring<'_> {
    fn report(&self, progress: Progress) {
        use crate::factorization::{backbone, segment_factors};
        let phase = match progress.phase {
            backbone::PHASE => "backbone without holdout",
            segment_factors::PHASE => "segment factors without holdout",
            other => other,
        };
        self.0.report(Progress { phase, ..progress });
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
