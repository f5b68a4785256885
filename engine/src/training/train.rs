//! A full training from events to a version: measured on a holdout, then refitted to all events.

use super::fit::{Fit, TasteFactors};
use super::given::Given;
use super::holdout_metrics::Measurement;
use super::holdout_run::{Attempt, HoldoutRun, active, choose_algorithm, run_on_holdout};
use super::item_content::EncodedContent;
use super::members::Members;
use super::new_items;
use super::new_users::{self, RankedNewUsers};
use super::popular_now;
use super::ranker::Ranker;
use super::ratings;
use super::scorer_reports::{self, ScorerReport};
use super::segment_parts;
use super::segmenter::{PreviousSegments, Segmentation, Segmenter};
use super::short_histories::{self, ShortHistories};
use super::user_data::UserData;
use crate::error::{EngineError, Result};
use crate::evaluation::{HeldOut, Holdout};
use crate::features::{ColumnWeight, ItemEncoder};
use crate::interactions::{Interactions, Weighting};
use crate::matrix::Matrix;
use crate::observer::{Observer, Quiet};
use crate::options::algorithm::{Algorithm, Decided};
use crate::options::checked::Options;
use crate::scorers::attributes::AttributeRanking;
use crate::scorers::content::ItemDescriber;
use crate::scorers::factors::backbone::Start;
use crate::scorers::factors::{AlsOptions, Backbone};
use crate::scorers::registry::tastes;
use crate::segmentation::identity::match_segments;
use crate::segmentation::options::Target;
use crate::segmentation::quality::Choice;

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// All events as interactions, which the final fit was trained on.
    pub interactions: Interactions,
    /// How events were weighted.
    pub weighting: Weighting,
    /// The options after all automatic choices.
    pub decided: Decided,
    /// The fit to all events.
    pub fit: Fit,
    /// Ranks users without events by their attributes; `None` if they get what is popular.
    pub attributes: Option<AttributeRanking>,
    /// The segment of every member.
    pub members: Members,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
    /// The algorithms that were tried.
    pub attempts: Vec<Attempt>,
    /// How events were held out.
    pub held_out: HeldOut,
    /// Turns rows of the table of items into vectors; `None` if scores do not depend on them.
    pub item_encoder: Option<ItemEncoder>,
    /// What describes items that come later; `None` if lists would not gain by them.
    pub item_describer: Option<ItemDescriber>,
    /// What popularity would add for users with few events; `None` if it was not measured.
    pub short_histories: Option<ShortHistories>,
    /// The columns that describe items, and their weights.
    pub item_columns: Vec<ColumnWeight>,
    /// The requested algorithm, if it was replaced because popularity ranks better.
    pub gave_way: Option<GaveWay>,
    /// What each scorer of the algorithm is worth, costs and keeps.
    pub scorers: Vec<ScorerReport>,
    /// The metrics of the same options on the holdout.
    pub measurement: Measurement,
    /// The metrics of the options of the version being replaced, on the same holdout.
    pub previous: Option<Measurement>,
}

/// An algorithm that was replaced because it ranks worse than popularity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaveWay {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Its value of the deciding metric.
    pub value: f64,
    /// The value that popularity reached.
    pub baseline: f64,
}

/// Trains a version. `previous` are the options of the version being replaced, if they differ; they are then measured
/// on the same holdout.
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
    let weighting = options.weighting(events.latest());
    let explicit = options.is_explicit();
    let holdout = Holdout::new(events, &weighting, &options.holdout, options.seed, observer)?;
    let (mut holdout_run, mut attempts) = choose_algorithm(given, &holdout, options, observer)?;
    let gave_way = gives_way(&holdout_run);
    if let Some(own) = gave_way {
        let popular = Options { algorithm: Algorithm::Popularity, ..options.clone() };
        holdout_run = run_on_holdout(given, &holdout, &popular, &Quiet(observer))?;
        attempts = attempts_of(own, &holdout_run);
    }
    let previous = previous
        .filter(|previous| previous.is_explicit() == explicit)
        .map(|previous| Ok(run_on_holdout(given, &holdout, previous, &Quiet(observer))?.measurement))
        .transpose()?;
    let held_out = holdout.held_out();
    let short_histories = short_histories(&holdout_run, &holdout, options, observer)?;
    drop(holdout);

    let HoldoutRun {
        fit: Fit { own_factors, blend, .. },
        mut decided,
        division,
        mut choices,
        mut measurement,
        item_columns,
        mut scorers,
    } = holdout_run;
    // Only what goes on from the holdout is kept, since the rest takes memory.
    decided.new_items = given.new_items;
    decided.short_histories = short_histories.map_or(0.0, |measured| measured.weight);
    let options = &options.decided(&decided);
    let own: Vec<bool> =
        measurement.gates.iter().zip(&own_factors).map(|(gate, own)| *own && gate.passed).collect();
    let interactions = events.interactions(&weighting, |_, _, _| true, observer)?;
    if interactions.entries() == 0 {
        let reason = "The weights of all events decayed to zero.".to_owned();
        return Err(EngineError::NothingToTrainOn { reason });
    }
    decided.shift = interactions.scale().shift;
    // Segments come from the training part, so that the gate's decisions apply to the same segments. Only if they are
    // based on more than factors are they searched again on all events, starting from the first ones.
    let users = events.users().len();
    let count = given.described.table.rows();
    let factors = final_factors(given, &interactions, &decided, options, observer)?;
    let (division, own) = if UserData::reads_events(options) {
        let found = division.of_members(count);
        let again = found_again(given, &division, &found, &factors.backbone, options, observer)?;
        let gates = match_back(&found, &again.of_members(count), again.count);
        measurement.renumber(&gates);
        if let [found] = &mut choices[..] {
            found.segments = again.count;
        }
        let own = gates.iter().map(|from| from.is_some_and(|from| own[from as usize])).collect();
        (again, own)
    } else {
        (division, own)
    };
    let of_user: Vec<Option<u32>> = division.of_members(count).into_iter().take(users).collect();
    let (algorithm, als) = (decided.algorithm, &decided.als);
    let own = (own, decided.segment_factors);
    let mut fit = Fit::new(&interactions, factors, &of_user, own, algorithm, als, observer)?;
    let mut methods = given.methods(algorithm);
    methods.retain(|method| blend.has(method.name()));
    let described = match decided.new_items > 0.0 {
        true => EncodedContent::with_new_items(&given, &interactions, options, observer)?,
        false => EncodedContent::new(&given, &interactions, options, observer)?,
    };
    let input = described.input(&interactions);
    fit.fitted.extend(Fit::fitted(&methods, input, options, observer)?);
    if decided.popular_now_by_segment {
        popular_now::count_by_segment(&mut fit, &interactions, decided.popular_now)?;
    }
    fit.blend = blend;
    if decided.adapters {
        let own = fit.own_factors.clone();
        segment_parts::add(&mut fit, input, &own, options, observer)?;
    }
    fit.weigh_histories(&interactions, decided.order.weight, als, observer)?;
    let item_describer = match &described.content {
        Some(content) if decided.new_items > 0.0 => {
            Some(new_items::add(&mut fit, content, &interactions, decided.new_items as f32, observer)?)
        }
        _ => None,
    };
    let counts = decided.new_items > 0.0
        || decided.algorithm == Algorithm::Content
        || decided.content > 0.0 && methods.iter().any(|method| method.reads_content(options));
    let item_encoder = described.content.filter(|_| counts).map(|content| content.encoder);
    let members = Members::new(division, count, Some(&fit));
    let RankedNewUsers { ranking: attributes, measured } =
        new_users::decide(given, &interactions, &members, options, observer)?;
    decided.attributes = attributes.as_ref().map_or(0, AttributeRanking::columns);
    measurement.by_history.splice(0..0, measured);
    scorer_reports::count_bytes(&mut scorers, &fit)?;
    Ok(Trained {
        interactions,
        weighting,
        decided,
        fit,
        attributes,
        members,
        choices,
        attempts,
        held_out,
        short_histories,
        gave_way,
        item_encoder,
        item_describer,
        item_columns: if described.columns.is_empty() { item_columns } else { described.columns },
        scorers,
        measurement,
        previous,
    })
}

/// Measures users with few events, whom popularity may serve better than their own events; ratings have no lists.
fn short_histories(
    run: &HoldoutRun,
    holdout: &Holdout,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<ShortHistories>> {
    if run.fit.rated.is_some() || run.decided.algorithm == Algorithm::Popularity {
        return Ok(None);
    }
    let ranker = Ranker::new(&run.fit, &holdout.training, options.weighs_popularity());
    short_histories::measure(&ranker, holdout, &run.measurement, options.seed, observer)
}

/// Whether the requested algorithm is worse than popularity by more than its confidence interval. Rating models are
/// never replaced, because popularity does not predict ratings.
fn gives_way(holdout_run: &HoldoutRun) -> Option<GaveWay> {
    let (algorithm, measurement) = (holdout_run.decided.algorithm, &holdout_run.measurement);
    let row = measurement.deciding_row().filter(|_| measurement.is_below_baseline())?;
    let ranks = measurement.higher_is_better() && algorithm != Algorithm::Popularity;
    ranks.then_some(GaveWay { algorithm, value: row.value, baseline: row.baseline })
}

/// The attempts to report when popularity replaces an algorithm.
fn attempts_of(own: GaveWay, popular: &HoldoutRun) -> Vec<Attempt> {
    let attempt = |algorithm, value, chosen, reason: &str| {
        let reason = reason.to_owned();
        Attempt { algorithm, value, seconds: 0.0, chosen, reason }
    };
    let reached = popular.measurement.deciding_row().map(|row| row.value);
    vec![
        attempt(
            Algorithm::Popularity,
            reached,
            true,
            "what was asked for is worse, by more than its interval",
        ),
        attempt(own.algorithm, Some(own.value), false, "worse on held-out events than what is popular"),
    ]
}

/// Fits the factors to all events. A start from those of the deployed version needs only half the sweeps.
fn final_factors(
    given: Given<'_>,
    interactions: &Interactions,
    decided: &Decided,
    options: &Options,
    observer: &dyn Observer,
) -> Result<TasteFactors> {
    if decided.algorithm == Algorithm::Rating {
        return ratings::train(given, interactions, options, observer);
    }
    let usable = |start: &&Matrix| {
        options.als.warm_start
            && decided.algorithm.ranks_by_factors()
            && start.columns() == decided.als.factors
            && start.rows() == interactions.items()
            && 10 * active(start) >= 9 * interactions.items()
    };
    let backbone = match given.start.filter(usable) {
        Some(start) => {
            let als = AlsOptions { sweeps: decided.als.sweeps.div_ceil(2), ..decided.als };
            Backbone::train(interactions, &als, Start::Items(start.clone()), observer)?
        }
        None => Backbone::train(interactions, &decided.als, Start::Random(options.seed), observer)?,
    };
    Ok(TasteFactors { backbone, rated: None })
}

/// Finds the segments again on all events, starting from `found`.
fn found_again(
    given: Given<'_>,
    division: &Segmentation,
    found: &[Option<u32>],
    backbone: &Backbone,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Segmentation> {
    let before = PreviousSegments { of_member: found, count: division.count };
    let mut options = options.clone();
    options.segmentation.keep = true;
    let finder = Segmenter { described: given.described, options: &options, before: Some(&before) };
    let target = Target { counts: vec![division.count], least: 1 };
    let tastes = tastes(options.algorithm.scorers(), &backbone.user_factors);
    let again = finder.divisions(Some(given.events), Some(&tastes), &target, observer)?;
    again
        .into_iter()
        .next()
        .ok_or_else(|| EngineError::NothingToDivideBy { reason: "There are no segments.".to_owned() })
}

/// For each new group, the number of the group it was before.
fn match_back(found: &[Option<u32>], again: &[Option<u32>], count: usize) -> Vec<Option<u32>> {
    let ids: Vec<Option<i32>> = found.iter().map(|group| group.map(|group| group as i32)).collect();
    match_segments(&ids, again, count).into_iter().map(|id| id.map(|id| id as u32)).collect()
}
