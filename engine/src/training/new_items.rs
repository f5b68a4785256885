//! Items without events: what their content says about them, as rows of the scorers, and whether lists gain by them.
//!
//! New items become rows like those of other items: factors by a linear map of content, neighbours as the mean of those
//! of the items that they resemble ([`crate::scorers::content::new_items`]). So everything that ranks, explains and
//! serves items does so with new ones.

use super::fit::Fit;
use super::given::Given;
use super::holdout_metrics::{ungated_lists, values_of_lists};
use super::holdout_run::run_described;
use super::item_content::{EncodedContent, MOST_ITEMS};
use super::new_item_metrics::new_item_rows;
use super::ranker::Ranker;
use super::user_data::UserData;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::deciding_metric::{MOST_USERS, measured_users};
use crate::evaluation::hidden::{came_after, moment_before_new_items, newest_items};
use crate::evaluation::standard_error::mean_and_error;
use crate::evaluation::{Holdout, MetricRow};
use crate::interactions::{Events, Interactions, SparseRows};
use crate::observer::{Observer, Progress, Quiet};
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::scorers::content::new_items::own_weights;
use crate::scorers::content::{ColdItems, FactorMap, ItemDescriber};
use crate::scorers::method::ItemContent;
use crate::scorers::new_items::NewItemShares;
use crate::segmentation::SegmentationMethod;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "new items";
/// The factors of the scores of new items that are tried, besides leaving them out. On a shop split by time 1.5 and 2
/// gained .011 and .014 of ndcg@20 in the whole catalogue; on movies hidden at random 1 was too much.
const BOOSTS: [f32; 5] = [0.75, 1.0, 1.25, 1.5, 2.0];
/// The share of the other pairs that is held out beside the events on items hidden without a moment.
pub const SHARE: f64 = 0.1;
/// The sweeps of the short training.
const SWEEPS: usize = 8;

/// The boost of new items, and what it was decided by.
#[derive(Clone, Debug, Default)]
pub struct DecidedBoost {
    /// The factor of the scores of new items; 0 to leave them out.
    pub boost: f64,
    /// `new_share` and `new_recall` with that boost; empty if nothing was measured.
    pub rows: Vec<MetricRow>,
}

impl From<f64> for DecidedBoost {
    fn from(boost: f64) -> Self {
        Self { boost, rows: Vec::new() }
    }
}

/// What content says about the items without events, learned from a fit to the others.
struct NewRows {
    map: FactorMap,
    /// The numbers of the new items of which anything is known, ascending.
    items: Vec<u32>,
    cold: ColdItems,
    own_weights: Vec<f32>,
}

impl NewRows {
    /// Learns from a fit to `training`. Items that `came_later` are none yet; there are none of these if it is empty.
    fn learn(
        fit: &Fit,
        content: &ItemContent,
        training: &Interactions,
        came_later: &[bool],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let users = training.item_users();
        let is_new = |item: &u32| {
            let item = *item as usize;
            users[item] == 0
                && content.items.is_known(item)
                && !came_later.get(item).is_some_and(|later| *later)
        };
        let items: Vec<u32> = (0..training.items() as u32).filter(is_new).collect();
        let vectors = content.items.select(&items, observer)?;
        let map = FactorMap::fit(&content.items, training, &fit.backbone.item_factors, observer)?;
        let nearest = rows_of(&content.nearest, &items)?;
        let cold = ColdItems::of_nearest(&vectors, &map, &nearest, &users, observer)?;
        Ok(Self { map, items, cold, own_weights: own_weights(&users) })
    }

    /// Gives the new items their rows in a fit.
    fn add_to(&self, fit: &mut Fit, boost: f32, observer: &dyn Observer) -> Result<()> {
        let Self { items, cold, own_weights, .. } = self;
        if items.is_empty() {
            return Ok(());
        }
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

/// Gives the items without events rows of their own in a fit to `training`. Returns what describes items that come later.
///
/// # Errors
/// [`crate::EngineError::Shape`], [`crate::EngineError::Cancelled`].
pub fn add(
    fit: &mut Fit,
    content: &ItemContent,
    training: &Interactions,
    boost: f32,
    observer: &dyn Observer,
) -> Result<ItemDescriber> {
    let rows = NewRows::learn(fit, content, training, &[], observer)?;
    rows.add_to(fit, boost, observer)?;
    Ok(ItemDescriber::new(rows.map, boost, training.item_users()))
}

/// Decides the boost of new items, also if there are none yet, and removes these from the events and the data about items
/// if it is 0: a second, short training does not see the last fifth of the events, if enough items came with them; rows of
/// items that came even later are left out, as far as it is known that they did. Otherwise it hides the newest tenth of the
/// items that have events, or a tenth chosen by the seed if events have no times. The smallest boost is taken that ranks
/// all held-out events as well as the best does, within a standard error, if the best is better by one than to leave the
/// hidden items out.
///
/// # Errors
/// Those of [`super::holdout_run::run_on_holdout`].
pub fn decide(
    events: Events,
    described: UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(Events, UserData, DecidedBoost)> {
    let decided = match described.items.columns().is_empty() || !options.takes_new_items() {
        true => DecidedBoost::default(),
        false => boost(&events, &described, options, observer)?,
    };
    if decided.boost > 0.0 || events.new_items().is_empty() {
        return Ok((events, described, decided));
    }
    let (events, kept) = events.without_new_items();
    let rows: Vec<Option<u32>> = kept.iter().map(|&item| Some(item)).collect();
    let items = described.items.into_scattered(&rows, observer)?;
    let categories = described.categories.map(|mut labels| {
        labels.codes = kept.iter().filter_map(|&item| labels.codes.get(item as usize).copied()).collect();
        labels
    });
    Ok((events, UserData { items, categories, added: None, ..described }, decided))
}

/// The boost that the options give, or the best of a short training.
///
/// # Errors
/// Those of [`run_described`].
pub fn boost(
    events: &Events,
    described: &UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<DecidedBoost> {
    match options.items.new_items {
        AutoOr::Given(boost) => Ok(boost.into()),
        AutoOr::Auto => best_boost(events, described, options, observer),
    }
}

fn best_boost(
    events: &Events,
    described: &UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<DecidedBoost> {
    let undecided = || Ok(DecidedBoost::default());
    let options = short(options, events.items().len());
    let hidden = with_new_items(events, described, &options, observer)?;
    let Some((holdout, came_later)) = hidden else { return undecided() };
    let users = measured_users(&holdout, MOST_USERS, options.seed);
    let given = Given::new(events, described);
    let described = EncodedContent::with_new_items(&given, &holdout.training, &options, &Quiet(observer))?;
    if described.content.is_none() || users.is_empty() {
        return undecided();
    }
    let mut known = Some(described);
    let run = run_described(given, &holdout, &options, &mut known, &Quiet(observer))?;
    let Some(content) = known.and_then(|described| described.content) else { return undecided() };
    let weighed = options.weighs_popularity();
    let lists = |fit: &Fit| ungated_lists(&Ranker::new(fit, &holdout.training, weighed), &users, observer);
    let rows = NewRows::learn(&run.fit, &content, &holdout.training, &came_later, observer)?;
    if rows.items.is_empty() {
        return undecided();
    }
    let without = lists(&run.fit)?;
    let reached = values_of_lists(&without, &holdout, &users);
    let (mut tried, mut gains) = (Vec::new(), Vec::new());
    for (step, boost) in BOOSTS.into_iter().enumerate() {
        let mut fit = run.fit.clone();
        rows.add_to(&mut fit, boost, observer)?;
        let with = lists(&fit)?;
        gains.push(differences(&values_of_lists(&with, &holdout, &users), &reached));
        tried.push(with);
        observer.report(Progress::step(PHASE, step + 1, BOOSTS.len()));
    }
    let (boost, with) = match smallest_good(&gains) {
        Some(place) => (f64::from(BOOSTS[place]), &tried[place]),
        None => (0.0, &without),
    };
    let rows = new_item_rows([with, &without], &rows.items, &holdout, &users, options.seed, observer)?;
    Ok(DecidedBoost { boost, rows })
}

fn differences(values: &[f64], others: &[f64]) -> Vec<f64> {
    values.iter().zip(others).map(|(value, other)| value - other).collect()
}

/// The place of the smallest boost that is no worse than the best by a standard error, of those whose gains (one per user)
/// are better than nothing by one: so few places of lists as do as well go to items of which little is known.
fn smallest_good(gains: &[Vec<f64>]) -> Option<usize> {
    let gain = |place: &usize| mean_and_error(&gains[*place]);
    let good = || (0..gains.len()).filter(|place| gain(place).0 > gain(place).1);
    let best = good().max_by(|a, b| gain(a).0.total_cmp(&gain(b).0))?;
    good().find(|&place| {
        let (difference, error) = mean_and_error(&differences(&gains[best], &gains[place]));
        difference <= error
    })
}

/// Holds out events of which some are on items that are new, and marks the items without events that came later; `None` if
/// there are too few items.
fn with_new_items(
    events: &Events,
    described: &UserData,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Option<(Holdout, Vec<bool>)>> {
    if let Some(cutoff) = moment_before_new_items(events) {
        let weighting = options.weighting(cutoff);
        let holdout = Holdout::with_items_after(events, &weighting, cutoff, observer)?;
        return Ok(Some((holdout, came_after(events, described.added.as_ref(), cutoff))));
    }
    let Some(hidden) = newest_items(events, options.seed) else { return Ok(None) };
    let weighting = options.weighting(events.latest());
    let holdout = Holdout::of_items(events, &weighting, hidden, SHARE, options.seed, observer)?;
    Ok(Some((holdout, Vec::new())))
}

/// The options of the short training: the same algorithm without segments, and without a search for the number of sweeps
/// and the weight of content, and without a transformer that is not asked for, which would take longer than all others.
fn short(options: &Options, items: usize) -> Options {
    let mut short = options.clone();
    if short.algorithm == Algorithm::Auto {
        short.algorithm = Algorithm::Hybrid;
    }
    let content = if items > MOST_ITEMS { 0.0 } else { 1.0 };
    short.segmentation.method = SegmentationMethod::None;
    short.als.sweeps = AutoOr::Given(short.als.sweeps.unwrap_or_else(|| SWEEPS).min(SWEEPS));
    short.sasrec.share = AutoOr::Given(short.sasrec.share.unwrap_or_else(|| 0.0));
    short.neighbours.content = AutoOr::Given(short.neighbours.content.unwrap_or_else(|| content));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_boost_that_is_as_good_as_the_best_is_taken_if_lists_gain_by_it() {
        let gains = |means: [f64; 3]| -> Vec<Vec<f64>> {
            let of_users = |mean: f64| (0..100).map(|user| mean + f64::from(user % 2) - 0.5).collect();
            means.into_iter().map(of_users).collect()
        };
        // The standard error of a gain is .05; the differences between boosts are those of their means.
        assert_eq!(smallest_good(&gains([0.01, 0.02, 0.03])), None);
        assert_eq!(smallest_good(&gains([0.01, 0.09, 0.2])), Some(2));
        assert_eq!(smallest_good(&gains([0.2, 0.2, 0.1])), Some(0));
        let mut noisy = gains([0.1, 0.2, 0.0]);
        noisy[1].iter_mut().enumerate().for_each(|(user, gain)| *gain += (user % 3) as f64 - 1.0);
        assert_eq!(smallest_good(&noisy), Some(1));
        noisy[1].iter_mut().enumerate().for_each(|(user, gain)| *gain += 2.0 * (user % 5) as f64 - 4.0);
        assert_eq!(smallest_good(&noisy), Some(0));
    }
}
