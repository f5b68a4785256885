//! The network of a training.

use super::adapters::{self, Adapters, adapted, of_segment, train_adapters};
use super::course::Validation;
use super::features::features;
use super::options::SasrecOptions;
use super::scorer::SasrecScorer;
use super::settings::settings;
use super::stored::{ADAPTERS, NETWORK, ROWS};
use super::train::{SasrecInput, train};
use super::validation::{metric, sequences};
use super::weights::{SasrecNetwork, SasrecWeights};
use super::windows::SasrecSequences;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::deciding_metric::measured_users;
use crate::matrix::{Matrix, Rows};
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::scorers::factors::Segments;
use crate::scorers::method::{FitInput, Fitted, KnownUser, SegmentView};
use crate::scorers::neighbours::NeighbourScratch;
use crate::scorers::new_items::NewItemShares;
use crate::scorers::scorer::Scorer;
use crate::scorers::sections::NewSection;
use std::cell::RefCell;
use std::sync::Arc;

/// The users by whom epochs are compared: with 20,000 items a measurement takes 1.7 thousand million multiply-adds.
const VALIDATED_USERS: usize = 2_000;
/// The number of earlier weights that a training keeps beside the best ones.
pub const EARLIER_WEIGHTS: usize = 5;
/// The network of a training.
#[derive(Clone, Debug)]
pub struct TrainedNetwork {
    weights: SasrecWeights,
    /// The vector and the bias of each item, items × (d + 1).
    rows: Matrix,
    /// What was known about the items, items × m.
    features: Option<Arc<Matrix>>,
    /// The number of epochs whose weights these are.
    epochs: usize,
    /// The weights after an earlier epoch, from which the training on everything takes the other epochs.
    earlier: Option<(usize, SasrecWeights)>,
    adapters: Adapters,
    /// The networks of segments.
    adapted: Vec<Option<SasrecNetwork>>,
}

impl TrainedNetwork {
    /// Trains a network from random weights. With a holdout, it stops when it ranks no better.
    ///
    /// # Errors
    /// As for [`train`].
    pub fn fit(input: FitInput<'_>, options: &Options, observer: &dyn Observer) -> Result<Self> {
        let FitInput { interactions, held_out, content, .. } = input;
        let mut settings = settings(options, interactions.entries());
        let (starts, items) = sequences(interactions, 0..interactions.users());
        let sequences = SasrecSequences::new(&starts, &items, interactions.items())?;
        let features = features(content, options, observer)?.map(Arc::new);
        let (columns, known) = of_features(features.as_deref());
        let first = SasrecWeights::first(settings.shape, &sequences.events(), columns, options.seed)?;
        let validated = held_out
            .filter(|_| options.sasrec.epochs == AutoOr::Auto)
            .map(|holdout| (holdout, measured_users(holdout, VALIDATED_USERS, options.seed)))
            .filter(|(_, users)| !users.is_empty());
        let mut earlier = EarlierWeights::default();
        let mut measure = |weights: &SasrecWeights| match &validated {
            Some((holdout, users)) => {
                earlier.see(weights);
                let rows = weights.item_rows(known)?;
                metric((weights.network(), rows.view()), sequences, holdout, users, observer)
            }
            None => Ok(0.0),
        };
        let validation: Option<Validation<'_, SasrecWeights>> = match &validated {
            Some(_) => Some(&mut measure),
            None => None,
        };
        if validation.is_none() {
            settings.patience = settings.epochs;
        }
        let input = SasrecInput { sequences, features: known };
        let (weights, course) = train(input, &settings, first, validation, observer)?;
        let rows = weights.item_rows(known)?;
        let epochs = course.best_epoch.max(1);
        let earlier = earlier.before(epochs / 2);
        Ok(Self { weights, rows, features, epochs, earlier, adapters: Vec::new(), adapted: Vec::new() })
    }

    /// Trains it on more interactions of the same users and items: the weights of an earlier epoch, for the other epochs.
    ///
    /// # Errors
    /// As for [`train`].
    fn trained_on(
        &self,
        (done, weights): (usize, SasrecWeights),
        input: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let FitInput { interactions, content, .. } = input;
        let epochs = self.epochs - done;
        let settings = settings(options, interactions.entries());
        let settings = SasrecOptions { epochs, patience: epochs, ..settings };
        let (starts, items) = sequences(interactions, 0..interactions.users());
        let sequences = SasrecSequences::new(&starts, &items, interactions.items())?;
        // The columns of items and their weights are found anew with more interactions.
        let features = features(content, options, observer)?.map(Arc::new);
        let (_, known) = of_features(features.as_deref());
        let start = weights.with_features(of_features(self.features.as_deref()).1, known)?;
        let input = SasrecInput { sequences, features: known };
        let (weights, _) = train(input, &settings, start, None, observer)?;
        let rows = weights.item_rows(known)?;
        let epochs = self.epochs;
        Ok(Self { weights, rows, features, epochs, earlier: None, adapters: Vec::new(), adapted: Vec::new() })
    }
}

/// The weights after some epochs of a training, each half as many again as the one before.
#[derive(Default)]
struct EarlierWeights {
    /// How often weights were seen; the first time is before the first epoch.
    seen: usize,
    /// The last ones, with their epochs.
    kept: Vec<(usize, SasrecWeights)>,
}

impl EarlierWeights {
    /// Keeps the weights if it is their turn.
    fn see(&mut self, weights: &SasrecWeights) {
        let next = self.kept.last().map_or(1, |(epoch, _)| (3 * epoch).div_ceil(2));
        if self.seen == next {
            self.kept.push((next, weights.clone()));
            let more = self.kept.len().saturating_sub(EARLIER_WEIGHTS);
            self.kept.drain(..more);
        }
        self.seen += 1;
    }

    /// The last ones up to an epoch.
    fn before(self, epoch: usize) -> Option<(usize, SasrecWeights)> {
        self.kept.into_iter().rev().find(|kept| kept.0 <= epoch)
    }
}

/// The number of columns, and the rows.
fn of_features(features: Option<&Matrix>) -> (usize, Option<Rows<'_>>) {
    (features.map_or(0, Matrix::columns), features.map(Matrix::view))
}

impl Fitted for TrainedNetwork {
    fn scorer<'a>(
        &'a self,
        view: SegmentView<'a>,
        user: KnownUser<'a>,
        _: &'a RefCell<NeighbourScratch>,
    ) -> Box<dyn Scorer + 'a> {
        Box::new(SasrecScorer::new(
            of_segment(self.weights.network(), &self.adapted, view),
            self.rows.view(),
            user,
        ))
    }

    fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        Ok(vec![
            (ROWS, NewSection::Dense(&self.rows)),
            (NETWORK, NewSection::Opaque(self.weights.network().to_bytes()?)),
            (ADAPTERS, NewSection::Opaque(adapters::to_bytes(&self.adapters)?)),
        ])
    }

    fn representation(&self, view: SegmentView<'_>, user: KnownUser<'_>) -> Option<Vec<f32>> {
        Some(
            SasrecScorer::new(
                of_segment(self.weights.network(), &self.adapted, view),
                self.rows.view(),
                user,
            )
            .into_representation(),
        )
    }

    fn epochs(&self) -> usize {
        self.epochs
    }

    fn continued(
        &self,
        input: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        let Some(earlier) = self.earlier.clone() else { return Ok(None) };
        Ok(Some(Arc::new(self.trained_on(earlier, input, options, observer)?)))
    }

    fn with_segments(
        &self,
        segments: &Segments,
        own: &[bool],
        input: FitInput<'_>,
        options: &Options,
        observer: &dyn Observer,
    ) -> Result<Option<Arc<dyn Fitted>>> {
        let interactions = input.interactions;
        let settings = settings(options, interactions.entries());
        let (_, known) = of_features(self.features.as_deref());
        let adapters =
            train_adapters((interactions, known), &settings, &self.weights, (segments, own), observer)?;
        if adapters.iter().all(Option::is_none) {
            return Ok(None);
        }
        let adapted = adapted(&adapters, self.weights.network())?;
        Ok(Some(Arc::new(Self { adapters, adapted, ..self.clone() })))
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
        Ok(Some(Arc::new(Self { rows, ..self.clone() })))
    }
}
