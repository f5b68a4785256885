//! SASRec as a [`Method`].
//!
//! The number of epochs is that which ranked held-out events best; the fit to everything takes as many. It knows the order
//! of items only where events have times, and learns it where histories are long: below half a million events, or where
//! the median user has fewer than fifty items, it is not tried unless the options ask for it.

use super::course::Validation;
use super::infer::SasrecScratch;
use super::options::SasrecOptions;
use super::scorer::{SasrecScorer, oldest_first};
use super::train::{SasrecInput, train};
use super::weights::{SasrecNetwork, SasrecWeights};
use super::windows::SasrecSequences;
use super::{estimate, shape::SasrecShape};
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::{DECIDING, deciding_value, measured_users};
use crate::interactions::{Interactions, Size};
use crate::linalg::product::row_scores;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use crate::options::algorithm::Algorithm;
use crate::options::checked::Options;
use crate::ranking::TopN;
use crate::scorers::method::{FitInput, Fitted, KnownUser, Method, SegmentSizes, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::new_items::NewItemShares;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use rayon::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;

/// A causal transformer over the order of a user's items.
#[derive(Clone, Copy, Debug)]
pub struct Sasrec;

/// The section with the vector and the bias of each item.
pub const ROWS: &str = "rows";
/// The section with the network.
pub const NETWORK: &str = "network";
/// The fewest events, and the fewest items of the median user, with which it is tried unless the options ask for it.
pub const FEWEST_EVENTS: usize = 500_000;
/// See [`FEWEST_EVENTS`].
pub const FEWEST_ITEMS: usize = 50;
/// The users by whom epochs are compared: with 20,000 items a measurement takes 1.7 thousand million multiply-adds.
const VALIDATED_USERS: usize = 2_000;
/// The patience of a small training, and the number of events from which on it falls, since an epoch then says more.
const PATIENCE: (usize, usize) = (12, 200_000);

impl Sasrec {
    fn is_asked_for(options: &Options) -> Option<bool> {
        match options.sasrec.share {
            _ if options.is_explicit() => Some(false),
            _ if options.algorithm == Algorithm::Sasrec => Some(true),
            AutoOr::Given(share) => Some(share > 0.0),
            AutoOr::Auto => None,
        }
    }

    fn is_wanted(options: &Options, interactions: &Interactions) -> bool {
        let is_large = || {
            let by_user = interactions.by_user();
            let mut lengths: Vec<usize> = (0..by_user.rows()).map(|user| by_user.row_len(user)).collect();
            let middle = lengths.len() / 2;
            let median = if lengths.is_empty() { 0 } else { *lengths.select_nth_unstable(middle).1 };
            interactions.entries() >= FEWEST_EVENTS && median >= FEWEST_ITEMS
        };
        interactions.ranks().is_some() && Self::is_asked_for(options).unwrap_or_else(is_large)
    }

    /// Whether a training of that size may fit it: half of the users may have no more than one item.
    fn may_be_wanted(options: &Options, size: Size) -> bool {
        let is_large = size.events >= FEWEST_EVENTS && 2 * size.events >= FEWEST_ITEMS * size.users;
        Self::is_asked_for(options).unwrap_or(is_large)
    }
}

/// The options in the form that the training takes.
fn settings(options: &Options, events: usize) -> SasrecOptions {
    let own = &options.sasrec;
    let shape = SasrecShape { blocks: own.blocks, window: own.window, ..SasrecShape::default() };
    let usual = SasrecOptions::default();
    let patience = (PATIENCE.0 * PATIENCE.1 / events.max(PATIENCE.1)).clamp(3, PATIENCE.0);
    SasrecOptions {
        shape,
        dropout: own.dropout as f32,
        horizon: own.horizon.unwrap_or_else(|| 1),
        epochs: own.epochs.unwrap_or_else(|| usual.epochs),
        seconds: own.time_limit,
        patience,
        seed: options.seed,
        ..usual
    }
}

impl Method for Sasrec {
    fn name(&self) -> &'static str {
        "sasrec"
    }

    fn memory(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        if !Self::may_be_wanted(options, size) {
            return 0;
        }
        let Size { users, items, events, .. } = size;
        let settings = settings(options, events);
        let rows = 3 * 4 * (settings.shape.width + 1) * items + 4 * events + 8 * users;
        estimate::training_bytes(&settings, users, items, events, 0) + rows as u64
    }

    /// A row of an item in tables and in the file; the network is small.
    fn stored(&self, size: Size, _: SegmentSizes, options: &Options) -> u64 {
        if !Self::may_be_wanted(options, size) {
            return 0;
        }
        let settings = settings(options, size.events);
        (2 * (4 * (settings.shape.width + 1) + 48) * size.items + 4 * settings.shape.values()) as u64
    }

    fn share(&self, options: &Options) -> AutoOr<f64> {
        options.sasrec.share
    }

    fn reads_ranks(&self) -> bool {
        true
    }

    fn fit(
        &self,
        FitInput { interactions, held_out, .. }: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        if !Self::is_wanted(options, interactions) {
            if options.algorithm == Algorithm::Sasrec {
                let reason = "events have no times, which the algorithm \"sasrec\" orders them by".to_owned();
                return Err(EngineError::NothingToTrainOn { reason });
            }
            return Ok(None);
        }
        let mut settings = settings(options, interactions.entries());
        let (starts, items) = sequences(interactions);
        let sequences = SasrecSequences::new(&starts, &items, interactions.items())?;
        let first = SasrecWeights::first(settings.shape, &sequences.events(), 0, options.seed)?;
        let input = SasrecInput { sequences, features: None };
        let validated = held_out
            .filter(|_| options.sasrec.epochs == AutoOr::Auto)
            .map(|holdout| (holdout, measured_users(holdout, VALIDATED_USERS, options.seed)));
        let mut measure = |weights: &SasrecWeights| match &validated {
            Some((holdout, users)) => metric(weights, sequences, holdout, users, observer),
            None => Ok(0.0),
        };
        let validation: Option<Validation<'_, SasrecWeights>> = match &validated {
            Some((_, users)) if !users.is_empty() => Some(&mut measure),
            _ => None,
        };
        if validation.is_none() {
            settings.patience = settings.epochs;
        }
        let (weights, course) = train(input, &settings, first, validation, observer)?;
        let rows = weights.item_rows(None)?;
        let epochs = course.best_epoch.max(1);
        Ok(Some(Arc::new(TrainedNetwork { network: weights.network().clone(), rows, epochs })))
    }

    fn sections(&self, _: usize) -> Vec<(&'static str, SectionKind)> {
        vec![
            (ROWS, SectionKind::Dense { columns: SasrecShape::default().width + 1 }),
            (NETWORK, SectionKind::Opaque),
        ]
    }

    fn open<'a>(&self, sections: &StoredSections<'a>) -> Result<Box<dyn Fitted + 'a>> {
        let network = sections.decoded(NETWORK, |bytes| SasrecNetwork::from_bytes(bytes).ok())?;
        let rows = sections.dense(ROWS)?;
        if rows.columns() != network.shape().width + 1 {
            return Err(EngineError::Encoding { what: ROWS });
        }
        Ok(Box::new(StoredNetwork { network, rows }))
    }
}

/// The items of each user, oldest first, and where each begins. Items of one moment are in the order of their numbers.
fn sequences(interactions: &Interactions) -> (Vec<usize>, Vec<u32>) {
    let (mut starts, mut items) = (vec![0], Vec::with_capacity(interactions.entries()));
    for user in 0..interactions.users() {
        items.extend(oldest_first(interactions.by_user().row(user).0, interactions.ranks_of(user)));
        starts.push(items.len());
    }
    (starts, items)
}

/// The mean of the deciding metric over some users of a holdout, with all items ranked.
fn metric(
    weights: &SasrecWeights,
    sequences: SasrecSequences<'_>,
    holdout: &Holdout,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<f64> {
    let rows = weights.item_rows(None)?;
    let of_user = |(scratch, scores): &mut (SasrecScratch, Vec<f32>), &user: &u32| -> Result<f64> {
        observer.check()?;
        let mut own = weights.network().represent(rows.view(), sequences.of_user(user as usize), scratch)?;
        own.push(1.0);
        scores.resize(rows.rows(), 0.0);
        row_scores(&own, rows.view(), scores);
        holdout
            .training
            .seen(user as usize)
            .iter()
            .for_each(|&item| scores[item as usize] = f32::NEG_INFINITY);
        let mut top = TopN::new(DECIDING.1);
        (0..).zip(scores.iter()).for_each(|(item, &score)| top.push(item, score));
        Ok(deciding_value(holdout, user, &top.finish()))
    };
    let values: Vec<f64> = users.par_iter().map_init(Default::default, of_user).collect::<Result<_>>()?;
    Ok(values.iter().sum::<f64>() / values.len().max(1) as f64)
}

/// The network of a training.
#[derive(Clone, Debug)]
struct TrainedNetwork {
    network: SasrecNetwork,
    rows: Matrix,
    epochs: usize,
}

impl Fitted for TrainedNetwork {
    fn scorer<'a>(
        &'a self,
        _: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(SasrecScorer::new(&self.network, self.rows.view(), user))
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![
            (ROWS, NewSection::Dense(&self.rows)),
            (NETWORK, NewSection::Opaque(self.network.to_bytes()?)),
        ])
    }

    fn representation(&self, user: KnownUser<'_>) -> Option<Vec<f32>> {
        Some(SasrecScorer::new(&self.network, self.rows.view(), user).into_representation())
    }

    fn epochs(&self) -> usize {
        self.epochs
    }

    /// The rows of new items are the means of those that they resemble, times the boost.
    fn with_new_items(
        &self,
        new: &NewItemShares<'_>,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        observer.check()?;
        let mut rows = self.rows.clone();
        for (place, &item) in new.items.iter().enumerate() {
            let mut mean = vec![0.0; rows.columns()];
            let (resembled, shares) = new.shares.row(place);
            for (&other, share) in resembled.iter().zip(shares) {
                let row = self.rows.row(other as usize);
                mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += new.boost * share * value);
            }
            rows.row_mut(item as usize).copy_from_slice(&mean);
        }
        Ok(Some(Arc::new(Self { network: self.network.clone(), rows, epochs: self.epochs })))
    }
}

/// The network of a version.
#[derive(Clone, Copy, Debug)]
struct StoredNetwork<'a> {
    network: &'a SasrecNetwork,
    rows: Rows<'a>,
}

impl Fitted for StoredNetwork<'_> {
    fn scorer<'a>(
        &'a self,
        _: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(SasrecScorer::new(self.network, self.rows, user))
    }

    fn representation(&self, user: KnownUser<'_>) -> Option<Vec<f32>> {
        Some(SasrecScorer::new(self.network, self.rows, user).into_representation())
    }
}
