//! Evaluates what a model says about items and users without events: some of them are held out whole.
//!
//! - [`items`]: hidden items, ranked among themselves and in the whole catalogue
//! - [`users`]: hidden users, of whom only attributes are known
//! - [`rankings`]: lists by several ways to rank, and their metrics

pub mod items;
pub mod rankings;
pub mod users;

pub use items::measure_items;
pub use rankings::ColdMetric;
pub use users::measure_users;

use crate::auto::AutoOr;
use crate::error::EngineError;
use crate::evaluation::hidden::{FEWEST_HIDDEN, PARTS, items_with_events, newest_items, part_of};
use crate::interactions::Events;
use crate::options::checked::Options;
use crate::seed::hash_bytes;
use crate::study::evaluate::{OverFolds, over_folds};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// What is held out whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Cold {
    /// Items, with all events on them.
    Items,
    /// Users, with all their events.
    Users,
}

impl Cold {
    /// The name used in SQL, which is also the plural noun.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Marks what an evaluation hides: the newest tenth of the items, or of the users a tenth by their hash.
    ///
    /// # Errors
    /// [`EngineError::NothingToMeasure`] if these are too few.
    pub fn hidden(self, events: &Events, seed: u64) -> Result<Vec<bool>, EngineError> {
        match self {
            Self::Items => newest_items(events, seed).ok_or_else(|| self.too_few(events, PARTS)),
            Self::Users => self.fold(events, 0, PARTS, seed),
        }
    }

    /// Marks what one of several folds hides. Each item with events, or each user, is in exactly one fold.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is no such fold or only one, [`EngineError::NothingToMeasure`] if folds are too
    /// small.
    pub fn fold(
        self,
        events: &Events,
        fold: usize,
        folds: usize,
        seed: u64,
    ) -> Result<Vec<bool>, EngineError> {
        if folds < 2 || fold >= folds {
            return Err(EngineError::Shape { what: "folds", expected: (fold + 1).max(2), found: folds });
        }
        let (ids, members) = match self {
            Self::Items => (events.items(), items_with_events(events)),
            Self::Users => (events.users(), (0..events.users().len() as u32).collect()),
        };
        if members.len() / folds < FEWEST_HIDDEN {
            return Err(self.too_few(events, folds));
        }
        Ok(part_of(ids, &members, fold, folds, hash_bytes(seed, self.name().as_bytes())))
    }

    fn too_few(self, events: &Events, parts: usize) -> EngineError {
        let (found, name) = match self {
            Self::Items => (items_with_events(events).len(), self.name()),
            Self::Users => (events.users().len(), self.name()),
        };
        EngineError::NothingToMeasure {
            reason: format!(
                "Of {found} {name}, one in {parts} would be hidden, which must be at least {FEWEST_HIDDEN}."
            ),
            hint: "Add events, or use fewer folds.",
        }
    }
}

/// The options by which data are read and content is encoded: items are described even if the version leaves new ones
/// out.
pub fn describing(options: &Options, cold: Cold) -> Options {
    let mut describing = options.clone();
    if cold == Cold::Items && options.items.new_items == AutoOr::Given(0.0) {
        describing.items.new_items = AutoOr::Given(1.0);
    }
    describing
}

/// The mean and standard deviation over folds of every metric, by what was ranked and by what.
pub fn over_cold_folds(folds: &[Vec<ColdMetric>]) -> Vec<(&'static str, &'static str, OverFolds)> {
    let mut ranked: Vec<(&'static str, &'static str)> = Vec::new();
    for metric in folds.iter().flatten() {
        if !ranked.contains(&(metric.scope, metric.ranked_by)) {
            ranked.push((metric.scope, metric.ranked_by));
        }
    }
    let of = |(scope, ranked_by)| {
        let own = |metric: &&ColdMetric| (metric.scope, metric.ranked_by) == (scope, ranked_by);
        let rows: Vec<Vec<_>> =
            folds.iter().map(|fold| fold.iter().filter(own).map(|m| m.row.clone()).collect()).collect();
        over_folds(&rows).into_iter().map(move |over| (scope, ranked_by, over))
    };
    ranked.into_iter().flat_map(of).collect()
}
