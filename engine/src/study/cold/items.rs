//! Hidden items: what a training that does not know their events says about them, among themselves and in the whole
//! catalogue, beside what is said without a model.
//!
//! Nothing sees the hidden events before the end: all choices, the gate and the boost of new items are decided on the
//! other events, as in any training.

use super::rankings::{ColdMetric, ColdScope, RankedBy, Ranking, Scratch, at_random, metrics, ranked};
use super::{Cold, describing};
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::{MOST_USERS, measured_users};
use crate::features::ColumnWeight;
use crate::interactions::Interactions;
use crate::observer::{Observer, Progress, Quiet};
use crate::options::checked::Options;
use crate::ranking::Scored;
use crate::scorers::content::new_items::{neighbour_score, neighbour_shares};
use crate::scorers::content::similarity::of_nearest;
use crate::scorers::method::ItemContent;
use crate::scorers::neighbours::{NeighbourRows, NeighbourScratch, Neighbours};
use crate::scorers::popularity::item_popularity;
use crate::training::fit::Fit;
use crate::training::given::Given;
use crate::training::item_content::EncodedContent;
use crate::training::new_items;
use crate::training::ranker::Ranker;
use crate::training::train::train;
use rayon::prelude::*;
use std::cell::RefCell;

/// The name of the phase in progress reports.
pub const PHASE: &str = "hidden items";

/// Trains without the events on the items marked in `hidden` and a tenth of the other pairs, and measures lists cut at
/// `cuts`: of the hidden items only, for the held-out events on these, and of all items, for all held-out events.
///
/// Popularity of a hidden item is the mean of that of the items that it resembles, by the shares of new items
/// ([`crate::scorers::content::new_items`]). Also returns the boost of new items. If it is 0, since the options or the
/// short training leave new items out, the hidden ones are ranked among themselves as if it were 1, and are missing in
/// the lists of the whole catalogue.
///
/// # Errors
/// As [`fn@train`], and [`EngineError::NothingToMeasure`] if no column describes items or nobody has held-out events on
/// hidden ones.
pub fn measure_items(
    given: Given<'_>,
    options: &Options,
    hidden: Vec<bool>,
    cuts: &[usize],
    observer: &dyn Observer,
) -> Result<(Vec<ColdMetric>, f64)> {
    let (events, seed) = (given.events, options.seed);
    let items: Vec<u32> = (0..hidden.len() as u32).filter(|&item| hidden[item as usize]).collect();
    let weighting = options.weighting(events.latest());
    let holdout = Holdout::of_items(events, &weighting, hidden, new_items::SHARE, seed, &Quiet(observer))?;
    let training = events.select(|user, item, time| holdout.is_training(user, item, time));
    let all = measured_users(&holdout, MOST_USERS, seed);
    let is_hidden = |item: &u32| items.binary_search(item).is_ok();
    let of_items = |user: u32| holdout.test.row(user as usize).0.iter().copied().filter(is_hidden);
    let users: Vec<u32> = all.iter().copied().filter(|&user| of_items(user).next().is_some()).collect();
    if training.is_empty() || users.is_empty() {
        return Err(EngineError::NothingToMeasure {
            reason: "No user has events on hidden items and on others.".to_owned(),
            hint: "Add events.",
        });
    }
    let given = Given { events: &training, before: None, start: None, new_items: 0.0, ..given };
    let boost = new_items::boost(&training, given.described, options, observer)?.boost;
    let mut options = describing(options, Cold::Items);
    options.items.new_items = AutoOr::Given(if boost > 0.0 { boost } else { 1.0 });
    let content = described(&given, &holdout.training, &options, observer)?;

    let trained = train(given, &options, None, observer)?;
    let (mut fit, interactions) = (trained.fit, trained.interactions);
    let weighed = options.weighs_popularity();
    let add = |fit: &mut Fit, boost: f64| {
        new_items::add(fit, &content, &interactions, boost as f32, &Quiet(observer))
    };
    let n = cuts.iter().copied().max().unwrap_or(0);
    let lists = |fit: &Fit, users: &[u32], only: Option<&[u32]>| {
        let lists = of_model(&Ranker::new(fit, &interactions, weighed), users, only, n, observer)?;
        Ok::<_, EngineError>(Ranking { by: RankedBy::Model, lists })
    };
    if boost > 0.0 {
        add(&mut fit, boost)?;
    }
    let in_catalogue = lists(&fit, &all, None)?;
    if boost <= 0.0 {
        add(&mut fit, 1.0)?;
    }
    let among_hidden = lists(&fit, &users, Some(&items))?;
    drop(fit);

    observer.report(Progress::step(PHASE, 1, 3));
    let rivals = Rivals::new(&content, &interactions, &items, weighed, observer)?;
    let mut measured = Vec::new();
    let everything: Vec<u32> = (0..interactions.items() as u32).collect();
    let relevant: Vec<Vec<u32>> = users.iter().map(|&user| places(of_items(user), &items)).collect();
    let relevant: Vec<&[u32]> = relevant.iter().map(Vec::as_slice).collect();
    let mut rankings = vec![among_hidden];
    rankings.extend(rivals.rankings(&users, &items, n, seed, observer)?);
    for list in rankings.iter_mut().flat_map(|ranking| &mut ranking.lists).flatten() {
        list.item = items.partition_point(|&item| item < list.item) as u32;
    }
    let baseline = RankedBy::FeaturePopularity;
    let among = (relevant.as_slice(), items.len());
    measured.extend(metrics(ColdScope::NewItems, &rankings, baseline, among, cuts, seed, observer)?);
    observer.report(Progress::step(PHASE, 2, 3));

    let relevant: Vec<&[u32]> = all.iter().map(|&user| holdout.test.row(user as usize).0).collect();
    let mut rankings = vec![in_catalogue];
    rankings.extend(rivals.rankings(&all, &everything, n, seed, observer)?);
    let within = (relevant.as_slice(), everything.len());
    measured.extend(metrics(ColdScope::Catalogue, &rankings, baseline, within, cuts, seed, observer)?);
    observer.report(Progress::step(PHASE, 3, 3));
    Ok((measured, boost))
}

/// An upper estimate of the bytes that this takes besides a training: the training events, which have `events` rows,
/// content a second time, given by its estimate, and four lists of `n` of each user with their metrics.
pub fn memory(
    [users, items, events]: [usize; 3],
    content: u64,
    cuts: usize,
    n: usize,
    threads: usize,
) -> u64 {
    let users = users.min(MOST_USERS);
    let lists = users * (8 * n + 24);
    let scratch = threads * 24 * items;
    content + (28 * events + 32 * items + 5 * (lists + users * 32 * cuts) + scratch) as u64
}

fn places(chosen: impl Iterator<Item = u32>, items: &[u32]) -> Vec<u32> {
    chosen.map(|item| items.partition_point(|&other| other < item) as u32).collect()
}

/// The content of all items, as the training part tells which columns count.
fn described(
    given: &Given<'_>,
    training: &Interactions,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ItemContent> {
    let EncodedContent { content, columns } =
        EncodedContent::new(given, training, options, &Quiet(observer))?;
    let reason = |column: &ColumnWeight| {
        let reason = column.reason.as_deref().unwrap_or("is not used");
        format!("\"{}\" {reason}", column.name)
    };
    content.ok_or_else(|| EngineError::NothingToMeasure {
        reason: match columns.as_slice() {
            [] => "The relation items has no column that can describe items besides its key.".to_owned(),
            columns => format!(
                "No column describes items: {}.",
                columns.iter().map(reason).collect::<Vec<_>>().join(", ")
            ),
        },
        hint: "Add columns to items that tell what they are.",
    })
}

/// The lists of a fit, as they are served.
fn of_model(
    ranker: &Ranker<'_>,
    users: &[u32],
    only: Option<&[u32]>,
    n: usize,
    observer: &dyn Observer,
) -> Result<Vec<Vec<Scored>>> {
    let list = |scratch: &mut RefCell<NeighbourScratch>, &user: &u32| {
        observer.check()?;
        Ok(ranker.blended(user, true, &ranker.blend, scratch).best(ranker.seen(user), only, n))
    };
    users.par_iter().map_init(RefCell::default, list).collect()
}

/// The ways to rank that need no model.
struct Rivals<'a> {
    interactions: &'a Interactions,
    /// The popularity of every item; of a hidden one that of the items that it resembles.
    popularity: Vec<f32>,
    /// The weights between items that resemble each other.
    similar: Neighbours,
}

impl<'a> Rivals<'a> {
    fn new(
        content: &ItemContent,
        interactions: &'a Interactions,
        hidden: &[u32],
        weighed: bool,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let known = item_popularity(interactions, weighed);
        let shares = neighbour_shares(&content.nearest, &interactions.item_users())?;
        let mut popularity = known.clone();
        for &item in hidden {
            popularity[item as usize] = neighbour_score(shares.row(item as usize), &known);
        }
        let similar = Neighbours::from_rows(of_nearest(&content.nearest, observer)?)?;
        Ok(Self { interactions, popularity, similar })
    }

    /// The best `n` of `items` for each user.
    fn rankings(
        &self,
        users: &[u32],
        items: &[u32],
        n: usize,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<[Ranking; 3]> {
        let scope = (items, self.interactions.items(), n);
        let seen = |user: u32| self.interactions.seen(user as usize);
        let by_popularity = |_: u32, scratch: &mut Scratch| {
            scratch.scores.copy_from_slice(&self.popularity);
            Ok(())
        };
        let by_content = |user: u32, Scratch { scores, neighbours }: &mut Scratch| {
            let history = self.interactions.by_user().row(user as usize).0;
            let (targets, sums) = self.similar.score(history, neighbours);
            targets.iter().zip(sums).for_each(|(&target, &sum)| scores[target as usize] = sum);
            Ok(())
        };
        Ok([
            ranked(RankedBy::Content, users, scope, seen, by_content, observer)?,
            ranked(RankedBy::FeaturePopularity, users, scope, seen, by_popularity, observer)?,
            at_random(users, scope, seen, seed, observer)?,
        ])
    }
}
