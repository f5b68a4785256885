//! The network of a training.

use super::adapters::{self, Adapters, adapted, of_segment, train_adapters};
use super::course::Validation;
use super::features::features;
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
        let mut measure = |weights: &SasrecWeights| match &validated {
            Some((holdout, users)) => {
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
        Ok(Self { weights, rows, features, epochs, adapters: Vec::new(), adapted: Vec::new() })
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
