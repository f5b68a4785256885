//! Items without events: what their content says about them, as rows of the scorers, and whether lists gain by them.
//!
//! New items become rows like those of other items: factors by a linear map of content, neighbours as the mean of those
//! of the items that they resemble ([`crate::scorers::content::new_items`]). So everything that ranks, explains and
//! serves items does so with new ones.

use super::fit::Fit;
use super::given::Given;
use super::holdout_metrics::deciding_values;
use super::holdout_run::run_described;
use super::item_content::{EncodedContent, MOST_ITEMS};
use super::ranker::Ranker;
use super::user_data::UserData;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::{MOST_USERS, measured_users};
use crate::evaluation::standard_error::mean_and_error;
use crate::interactions::{Events, Interactions, SparseRows};
use crate::observer::{Observer, Progress, Quiet};
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::content::new_items::own_weights;
use crate::scorers::content::{ColdItems, FactorMap};
use crate::scorers::method::{ItemContent, NewItemShares};
use crate::seed::sample;
use crate::segmentation::SegmentationMethod;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "new items";
/// The factors of the scores of new items that are tried, besides leaving them out. On a shop split by time 1.5 and 2
/// gained .011 and .014 of ndcg@20 in the whole catalogue; on movies hidden at random 1 was too much.
const BOOSTS: [f32; 5] = [0.75, 1.0, 1.25, 1.5, 2.0];
/// One in this many items is hidden to decide.
const HIDDEN: usize = 10;
/// With fewer hidden items nothing is decided.
const FEWEST_HIDDEN: usize = 20;
/// The share of the other pairs that is held out beside.
const SHARE: f64 = 0.1;
/// The sweeps of the short training.
const SWEEPS: usize = 8;

/// What content says about the items without events, learned from a fit to the others.
struct NewRows {
    /// The numbers of the new items, ascending.
    items: Vec<u32>,
    cold: ColdItems,
    own_weights: Vec<f32>,
}

impl NewRows {
    /// Learns from a fit to `training`; `None` if there are no new items of which anything is known.
    fn learn(
        fit: &Fit,
        content: &ItemContent,
        training: &Interactions,
        observer: &dyn Observer,
    ) -> Result<Option<Self>> {
        let by_item = training.by_item();
        let is_new =
            |item: &u32| by_item.row_len(*item as usize) == 0 && content.items.is_known(*item as usize);
        let items: Vec<u32> = (0..training.items() as u32).filter(is_new).collect();
        if items.is_empty() {
            return Ok(None);
        }
        let vectors = content.items.select(&items, observer)?;
        let map = FactorMap::fit(&content.items, training, &fit.backbone.item_factors, observer)?;
        let nearest = rows_of(&content.nearest, &items)?;
        let cold = ColdItems::of_nearest(&vectors, &map, &nearest, training, observer)?;
        Ok(Some(Self { items, cold, own_weights: own_weights(training) }))
    }

    /// Gives the new items their rows in a fit.
    fn add_to(&self, fit: &mut Fit, boost: f32, observer: &dyn Observer) -> Result<()> {
        let Self { items, cold, own_weights } = self;
        for (place, &item) in items.iter().enumerate() {
            let row = fit.backbone.item_factors.row_mut(item as usize);
            row.iter_mut().zip(cold.factors.row(place)).for_each(|(to, &value)| *to = boost * value);
        }
        let new = NewItemShares { items, shares: &cold.shares, own_weights, boost };
        for (_, fitted) in &mut fit.fitted {
            if let Some(extended) = fitted.with_new_items(&new, observer)? {
                *fitted = extended;
            }
        }
        Ok(())
    }
}

/// Copies some rows.
fn rows_of(rows: &SparseRows, chosen: &[u32]) -> Result<SparseRows> {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for &row in chosen {
        let row = rows.row(row as usize);
        columns.extend_from_slice(row.0);
        values.extend_from_slice(row.1);
        starts.push(columns.len());
    }
    SparseRows::new(rows.width(), starts, columns, values)
}

/// Gives the items without events rows of their own in a fit to `training`.
///
/// # Errors
/// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
pub fn add(
    fit: &mut Fit,
    content: &ItemContent,
    training: &Interactions,
    boost: f32,
    observer: &dyn Observer,
) -> Result<()> {
    let learned = NewRows::learn(fit, content, training, observer)?;
    learned.map_or(Ok(()), |rows| rows.add_to(fit, boost, observer))
}

/// Decides the boost of new items, and removes these from the events and the data about items if it is 0: a second,
/// short training hides the newest tenth of the items that have events, or a tenth chosen by the seed if events have no
/// times. The boost that ranks all held-out events best is taken if it is better by a standard error than to leave the
/// hidden items out.
///
/// # Errors
/// Those of [`super::holdout_run::run_on_holdout`].
pub fn decide(
    events: Events,
    described: UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Events, UserData, f64)> {
    if events.new_items().is_empty() {
        return Ok((events, described, 0.0));
    }
    let boost = match options.items.new_items {
        AutoOr::Given(boost) => boost,
        AutoOr::Auto => best_boost(&events, &described, options, observer)?,
    };
    if boost > 0.0 {
        return Ok((events, described, boost));
    }
    let (events, kept) = events.without_new_items();
    let rows: Vec<Option<u32>> = kept.iter().map(|&item| Some(item)).collect();
    let items = described.items.into_scattered(&rows, observer)?;
    let categories = described.categories.map(|mut labels| {
        labels.codes = kept.iter().filter_map(|&item| labels.codes.get(item as usize).copied()).collect();
        labels
    });
    Ok((events, UserData { items, categories, ..described }, 0.0))
}

fn best_boost(
    events: &Events,
    described: &UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<f64> {
    let options = short(options, events.items().len());
    let Some(hidden) = hidden_items(events, options.seed) else { return Ok(0.0) };
    let weighting = options.weighting(events.latest());
    let holdout = Holdout::of_items(events, &weighting, hidden, SHARE, options.seed, observer)?;
    let users = measured_users(&holdout, MOST_USERS, options.seed);
    let given = Given::new(events, described);
    let described = EncodedContent::with_new_items(&given, &holdout.training, &options, &Quiet(observer))?;
    if described.content.is_none() || users.is_empty() {
        return Ok(0.0);
    }
    let mut known = Some(described);
    let run = run_described(given, &holdout, &options, &mut known, &Quiet(observer))?;
    let Some(content) = known.and_then(|described| described.content) else { return Ok(0.0) };
    let weighed = options.weighs_popularity();
    let values = |fit: &Fit| {
        deciding_values(&Ranker::new(fit, &holdout.training, weighed), &holdout, &users, observer)
    };
    let Some(rows) = NewRows::learn(&run.fit, &content, &holdout.training, observer)? else { return Ok(0.0) };
    let without = values(&run.fit)?;
    let (mut best, mut most) = (0.0, 0.0);
    for (step, boost) in BOOSTS.into_iter().enumerate() {
        let mut fit = run.fit.clone();
        rows.add_to(&mut fit, boost, observer)?;
        let gains: Vec<f64> =
            values(&fit)?.iter().zip(&without).map(|(with, without)| with - without).collect();
        let (gain, error) = mean_and_error(&gains);
        observer.report(Progress::step(PHASE, step + 1, BOOSTS.len()));
        if gain > error && gain > most {
            (best, most) = (f64::from(boost), gain);
        }
    }
    Ok(best)
}

/// The options of the short training: the same algorithm without segments, and without a search for the number of sweeps
/// and the weight of content.
fn short(options: &Options, items: usize) -> Options {
    let mut short = options.clone();
    if short.algorithm == Algorithm::Auto {
        short.algorithm = Algorithm::Hybrid;
    }
    let content = if items > MOST_ITEMS { 0.0 } else { 1.0 };
    short.segmentation.method = SegmentationMethod::None;
    short.als.sweeps = AutoOr::Given(short.als.sweeps.unwrap_or_else(|| SWEEPS).min(SWEEPS));
    short.neighbours.content = AutoOr::Given(short.neighbours.content.unwrap_or_else(|| content));
    short
}

/// Marks a tenth of the items with events: those whose first event is latest or, without times, some chosen by the seed.
/// `None` if these are too few to decide anything.
fn hidden_items(events: &Events, seed: u64) -> Option<Vec<bool>> {
    let new = events.new_items();
    let items = 0..events.items().len() as u32;
    let mut items: Vec<u32> = items.filter(|item| new.binary_search(item).is_err()).collect();
    let count = items.len() / HIDDEN;
    if count < FEWEST_HIDDEN {
        return None;
    }
    match events.first_times() {
        Some(first) => {
            items.sort_unstable_by_key(|&item| std::cmp::Reverse((first[item as usize], item)));
            items.truncate(count);
        }
        None => items = sample(items, count, seed),
    }
    let mut hidden = vec![false; events.items().len()];
    items.into_iter().for_each(|item| hidden[item as usize] = true);
    Some(hidden)
}
