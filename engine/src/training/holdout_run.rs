//! Fits on the training split and evaluates on the holdout; and the choice among several algorithms.

use super::fit::{Fit, TasteFactors};
use super::given::Given;
use super::holdout_metrics::{Measurement, MetricRequest, deciding_values};
use super::item_content::{BlendedFit, EncodedContent, fit_and_blend};
use super::popular_now::{self, OwnParts};
use super::ranker::Ranker;
use super::repeat::RepeatDecision;
use super::scorer_reports::{self, ScorerReport};
use super::segment_parts;
use super::segmenter::{Segmentation, Segmenter};
use super::user_data::UserData;
use super::{order, repeat};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::deciding_metric::{MOST_USERS, measured_users};
use crate::evaluation::{Holdout, Split};
use crate::features::ColumnWeight;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::options::algorithm::{Algorithm, Decided};
use crate::options::checked::{NeighbourChoices, Options, SasrecChoices};
use crate::scorers::Method;
use crate::scorers::factors::method::Factors;
use crate::scorers::factors::tuning;
use crate::scorers::factors::{backbone, segment_factors};
use crate::scorers::neighbours::Neighbours;
use crate::scorers::registry::tastes;
use crate::scorers::repeat::method::TakenAgain;
use crate::segmentation::quality::{Choice, Tried, choose};
use crate::training::ratings;
use std::cmp::Ordering;

/// How many next items a network learns to predict one of if the latest events are held out.
const LATEST_HORIZON: usize = 30;
/// The number of users on which numbers of segments are compared.
const CHOOSING_USERS: usize = 4_000;

/// A fit to the training part of a holdout, and its metrics on the test part.
#[derive(Clone, Debug)]
pub struct HoldoutRun {
    /// The fit, in which segments have the parts they were measured with.
    pub fit: Fit,
    /// The options after all automatic choices.
    pub decided: Decided,
    /// The segments of the members.
    pub division: Segmentation,
    /// The numbers of segments that were tried.
    pub choices: Vec<Choice>,
    /// The metrics on the holdout.
    pub measurement: Measurement,
    /// The columns that describe items, and their weights.
    pub item_columns: Vec<ColumnWeight>,
    /// What each scorer of the algorithm is worth.
    pub scorers: Vec<ScorerReport>,
}

/// An algorithm that `auto` tried or skipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Its value of the deciding metric; `None` if it was skipped.
    pub value: Option<f64>,
    /// How long the attempt took.
    pub seconds: f64,
    /// Whether it was chosen.
    pub chosen: bool,
    /// Why it was chosen or not.
    pub reason: String,
}

/// Fits and measures the algorithm of the options; for `auto`, several one after the other.
///
/// # Errors
/// As [`run_on_holdout`].
pub fn choose_algorithm(
    given: Given<'_>,
    holdout: &Holdout,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(HoldoutRun, Vec<Attempt>)> {
    let quiet = Measuring(observer);
    let only = |algorithm: Algorithm| -> Result<(HoldoutRun, Vec<Attempt>)> {
        let options = Options { algorithm, ..options.clone() };
        Ok((run_on_holdout(given, holdout, &options, &quiet)?, Vec::new()))
    };
    if options.algorithm != Algorithm::Auto {
        return only(options.algorithm);
    }
    if options.is_explicit() {
        return only(Algorithm::Rating);
    }
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut known = None;
    let mut best: Option<(usize, HoldoutRun)> = None;
    for algorithm in Algorithm::IMPLICIT {
        let begin = observer.seconds();
        let left_out =
            |reason: String| Attempt { algorithm, value: None, seconds: 0.0, chosen: false, reason };
        if let Some(limit) = options.time_limit.filter(|&limit| begin > limit && best.is_some()) {
            attempts.push(left_out(format!("the time limit of {limit:.0} seconds was exceeded")));
            continue;
        }
        if algorithm == Algorithm::Ease {
            let (needed, allowed) = (Neighbours::ease_memory(holdout.training.items()), given.memory);
            if needed > allowed {
                let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
                let (needed, allowed) = (megabytes(needed), megabytes(allowed));
                attempts.push(left_out(format!("it requires {needed} MB, but {allowed} MB are allowed")));
                continue;
            }
        }
        let own = Options { algorithm, ..options.clone() };
        let holdout_run = run_described(given, holdout, &own, &mut known, &quiet)?;
        let value = holdout_run.measurement.deciding_row().map(|row| row.value);
        attempts.push(Attempt {
            algorithm,
            value,
            seconds: observer.seconds() - begin,
            chosen: false,
            reason: String::new(),
        });
        // A more expensive algorithm must be better by a standard error, paired by user.
        let better = best.as_ref().is_none_or(|(_, best)| {
            let (gain, error) = holdout_run.measurement.paired_difference(&best.measurement);
            gain > error
        });
        if better {
            best = Some((attempts.len() - 1, holdout_run));
        }
    }
    let Some((place, holdout_run)) = best else {
        return only(Algorithm::Popularity);
    };
    let reached = attempts.iter().filter_map(|attempt| attempt.value).fold(f64::NEG_INFINITY, f64::max);
    for (other, attempt) in attempts.iter_mut().enumerate().filter(|(_, attempt)| attempt.value.is_some()) {
        attempt.chosen = other == place;
        attempt.reason = match other.cmp(&place) {
            Ordering::Equal if attempt.value >= Some(reached) => "the best on held-out events",
            Ordering::Equal => "none that costs more is better by a standard error",
            Ordering::Less => "worse on held-out events",
            Ordering::Greater => "costs more and is not better by a standard error",
        }
        .to_owned();
    }
    Ok((holdout_run, attempts))
}

/// Fits the options to the training part and measures the fit. Of several numbers of segments, the one with the best
/// held-out metric is kept.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`], [`crate::EngineError::Column`],
/// [`crate::EngineError::Missing`], [`crate::EngineError::NothingToDivideBy`].
pub fn run_on_holdout(
    given: Given<'_>,
    holdout: &Holdout,
    options: &Options,
    observer: &dyn Observer,
) -> Result<HoldoutRun> {
    run_described(given, holdout, options, &mut None, observer)
}

/// As [`run_on_holdout`]. What is known about the items is taken from `known` if it is there, otherwise encoded and put
/// there, for another algorithm on the same holdout, unless the algorithm reads no items.
///
/// # Errors
/// As [`run_on_holdout`].
pub fn run_described(
    given: Given<'_>,
    holdout: &Holdout,
    options: &Options,
    known: &mut Option<EncodedContent>,
    observer: &dyn Observer,
) -> Result<HoldoutRun> {
    let algorithm = options.algorithm;
    let training = &holdout.training;
    let horizon = options.sasrec.horizon.unwrap_or_else(|| match holdout.split {
        Split::Time { .. } => LATEST_HORIZON,
        _ => 1,
    });
    let sasrec = SasrecChoices { horizon: AutoOr::Given(horizon), ..options.sasrec };
    let options = &Options { sasrec, ..options.clone() };
    let mut als = tuning::decide(holdout, options, observer)?;
    let factors = if algorithm == Algorithm::Rating {
        let factors = ratings::train(given, training, options, observer)?;
        als.factors = factors.backbone.item_factors.columns();
        factors
    } else {
        let (backbone, sweeps) = tuning::train_backbone(holdout, &als, options, observer)?;
        als.sweeps = sweeps;
        TasteFactors { backbone, rated: None }
    };
    // What is popular now is judged after all others, and only on the latest events.
    let (latest, methods): (Vec<&dyn Method>, Vec<&dyn Method>) =
        given.methods(algorithm).into_iter().partition(|method| method.needs_latest());
    let (mut fit, division, choices) = divide(given, holdout, &factors, &als, options, observer)?;
    let nothing;
    let described = match known {
        Some(known) => &*known,
        None => match EncodedContent::new(&given, training, options, observer)? {
            // This algorithm does not read items, but another may.
            encoded if encoded.columns.is_empty() => {
                nothing = encoded;
                &nothing
            }
            encoded => &*known.insert(encoded),
        },
    };
    let users = measured_users(holdout, MOST_USERS, options.seed);
    if let AutoOr::Given(weight) = options.order.weight {
        fit.weigh_histories(training, weight, &als, observer)?;
    }
    let BlendedFit { fitted, blend, content } =
        fit_and_blend(&mut fit, &methods, described, (holdout, &users), options, observer)?;
    fit.fitted.extend(fitted);
    fit.blend = blend;
    let own = Options {
        neighbours: NeighbourChoices { content: AutoOr::Given(content), ..options.neighbours },
        ..options.clone()
    };
    let (of_holdout, settings) = ((holdout, &users[..]), (&own, &als));
    let order = order::decide(&mut fit, &methods, described.input(training), of_holdout, settings, observer)?;
    let (mut half_life, mut own) = (0.0, OwnParts::default());
    let repeats = latest.iter().any(|method| method.name() == TakenAgain.name());
    for method in latest.into_iter().filter(|method| method.name() != TakenAgain.name()) {
        let input = described.input(training);
        half_life = popular_now::decide(&mut fit, method, input, of_holdout, options, observer)?;
        own = popular_now::decide_by_segment(&mut fit, half_life, of_holdout, options, observer)?;
    }
    if methods.len() > 1 && !fit.blend.has(Factors.name()) && !own.counts {
        fit.own_factors.fill(false);
    }
    let adapters = segment_parts::decide(&mut fit, described.input(training), of_holdout, options, observer)?;
    let epochs = fit.fitted.iter().filter(|own| fit.blend.has(own.0)).map(|own| own.1.epochs()).max();
    let epochs = epochs.unwrap_or(0);
    let mut measurement = measure(&fit, holdout, options, MetricRequest::BY_TRAINING, observer)?;
    let settings = (options.weighs_popularity(), options.seed);
    let mut scorers =
        scorer_reports::measure(&fit, &given.methods(algorithm), of_holdout, settings, observer)?;
    let mut again = RepeatDecision::default();
    if repeats {
        again = repeat::decide(&mut fit, described.input(training), holdout, options, observer)?;
        measurement.rows.append(&mut again.rows);
        scorer_reports::fill_in(&mut scorers, TakenAgain.name(), &fit.blend, again.gain);
    }
    let blend = fit.blend.clone();
    // Factors that no part of the blend reads are not fitted for segments.
    let segment_factors = own.factors && blend.has(Factors.name());
    let decided = Decided {
        algorithm,
        als,
        blend,
        content,
        order,
        popular_now: half_life,
        popular_now_by_segment: own.counts,
        segment_factors,
        repeat: again.half_life,
        epochs,
        horizon,
        adapters,
        new_items: 0.0,
        attributes: 0,
        short_histories: 0.0,
        shift: 0.0,
    };
    let item_columns = described.columns.clone();
    Ok(HoldoutRun { fit, decided, division, choices, measurement, item_columns, scorers })
}

/// Measures a fit to the training part of a holdout, by its lists or by the errors of its ratings.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn measure(
    fit: &Fit,
    holdout: &Holdout,
    options: &Options,
    asked: MetricRequest<'_>,
    observer: &dyn Observer,
) -> Result<Measurement> {
    let (weighed, seed) = (options.weighs_popularity(), options.seed);
    match &fit.rated {
        Some(rated) => ratings::measure(fit, rated, holdout, seed, observer),
        None => Measurement::of_lists(fit, holdout, weighed, asked, seed, observer),
    }
}

fn divide(
    given: Given<'_>,
    holdout: &Holdout,
    factors: &TasteFactors,
    als: &crate::scorers::factors::AlsOptions,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Fit, Segmentation, Vec<Choice>)> {
    let training = &holdout.training;
    let algorithm = options.algorithm;
    let past = if UserData::reads_events(options) {
        Some(given.events.select(|user, item, time| holdout.is_training(user, item, time)))
    } else {
        None
    };
    let finder = Segmenter { described: given.described, options, before: given.before };
    let tastes = tastes(algorithm.scorers(), &factors.backbone.user_factors);
    let found = options.segmentation.recommending_target(active(&tastes), training.entries(), als.factors);
    let (target, asked) = finder.target(found);
    let events = past.as_ref().unwrap_or(given.events);
    let mut divisions = finder.divisions(Some(events), Some(&tastes), &target, observer)?;
    let fit = |division: &Segmentation| -> Result<Fit> {
        let members = division.of_members(given.described.table.rows().max(training.users()));
        let of_user: Vec<Option<u32>> = members.into_iter().take(training.users()).collect();
        let own = vec![division.count > 1 && algorithm.segments_have_parts(); division.count];
        Fit::new(training, factors.clone(), &of_user, (own, true), algorithm, als, observer)
    };
    let users = measured_users(holdout, CHOOSING_USERS, options.seed);
    let mut tried = Vec::with_capacity(divisions.len());
    let mut last = None;
    for division in &divisions {
        drop(last.take());
        let fit = fit(division)?;
        let compared = divisions.len() > 1 && !users.is_empty() && fit.own_factors.contains(&true);
        let held_out = match compared {
            true => {
                let ranker = Ranker::new(&fit, training, options.weighs_popularity());
                deciding_values(&ranker, holdout, &users, observer)?
            }
            false => Vec::new(),
        };
        tried.push(Tried { segments: division.count, scores: division.partition.scores, held_out });
        last = Some(fit);
    }
    let (best, choices) = choose(&tried, asked);
    let only = best + 1 == divisions.len();
    let division = divisions.swap_remove(best);
    let fit = match last {
        Some(fit) if only => fit,
        _ => fit(&division)?,
    };
    Ok((fit, division, choices))
}

/// The number of rows that are not zero.
pub fn active(factors: &Matrix) -> usize {
    (0..factors.rows()).filter(|&row| factors.row(row).iter().any(|&x| x != 0.0)).count()
}

/// Renames the phases of the holdout fit, so that they differ from those of the final fit.
struct Measuring<'a>(&'a dyn Observer);

impl Observer for Measuring<'_> {
    fn report(&self, progress: Progress) {
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

    fn seconds(&self) -> f64 {
        self.0.seconds()
    }
}
