//! Measures a fit on its holdout. Popularity, the shared parts and the segments' own parts rank the same held-out items
//! for the same users. The gate then decides per segment, and the result is what the gated fit reaches. Rating models
//! are measured by their errors instead.

use super::auc::areas;
use super::fit::Fit;
use super::ranker::{PHASE, Ranker};
use crate::error::Result;
use crate::evaluation::deciding_metric::{
    DECIDING, DECIDING_NAME, MEASURED_AT, MOST_USERS, deciding_value, measured_users,
};
use crate::evaluation::history::{HistoryRow, by_history};
use crate::evaluation::registry::is_higher_better;
use crate::evaluation::standard_error::mean_and_error;
use crate::evaluation::{Catalog, Measured, Ranked, report};
use crate::evaluation::{Gate, Holdout, MetricRow, gate};
use crate::observer::{Observer, Progress};
use crate::ranking::Scored;
use crate::scorers::popularity::item_popularity;

/// Which metrics of lists to measure.
#[derive(Clone, Copy, Debug)]
pub struct MetricRequest<'a> {
    /// The lengths at which lists are cut.
    pub cuts: &'a [usize],
    /// Whether the gate decides on this holdout which segments use their own part; otherwise the fit says so.
    pub gated: bool,
    /// Whether to measure the area under the ROC curve, which requires scoring all items.
    pub areas: bool,
}

impl MetricRequest<'_> {
    /// The metrics that every training measures.
    pub const BY_TRAINING: Self = Self { cuts: &MEASURED_AT, gated: true, areas: false };
}

/// The metrics of a fit on its holdout.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The name of the deciding metric in SQL.
    pub metric: &'static str,
    /// All metric rows; empty if no user has held-out items.
    pub rows: Vec<MetricRow>,
    /// The deciding metric by the length of users' histories; empty for ratings.
    pub by_history: Vec<HistoryRow>,
    /// The decision of the gate for each segment.
    pub gates: Vec<Gate>,
    /// The measured users, ascending.
    pub users: Vec<u32>,
    /// The deciding value of each measured user; higher is better.
    pub deciding: Vec<f64>,
    /// The deciding values without the segments' own parts.
    pub backbone: Vec<f64>,
}

impl Measurement {
    /// Measures the lists of `fit`, which was trained on the training part of the holdout.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn of_lists(
        fit: &Fit,
        holdout: &Holdout,
        weighed: bool,
        asked: MetricRequest<'_>,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let n = asked.cuts.iter().copied().fold(DECIDING.1, usize::max);
        let ranker = Ranker::new(fit, &holdout.training, weighed);
        observer.report(Progress::step(PHASE, 1, 1));
        let lists = MeasuredLists::new(&ranker, holdout, asked.gated, n, seed, observer)?;
        let users = &lists.users;
        let popular = ranker.popular(users, n);
        let [model_areas, baseline_areas] = match asked.areas {
            true => areas(&ranker, holdout, users, &lists.uses_own, seed, observer)?.map(Some),
            false => [None, None],
        };

        let served: Vec<&[Scored]> = (0..users.len()).map(|place| lists.served(place)).collect();
        let deciding = served.iter().zip(users).map(|(list, &user)| deciding_value(holdout, user, list));
        let deciding: Vec<f64> = deciding.collect();
        let of_popular = popular.iter().zip(users).map(|(list, &user)| deciding_value(holdout, user, list));
        let of_popular: Vec<f64> = of_popular.collect();
        let popular: Vec<&[Scored]> = popular.iter().map(Vec::as_slice).collect();
        let item_users: Vec<u32> =
            item_popularity(&holdout.training, false).iter().map(|&users| users as u32).collect();
        let catalog = Catalog {
            item_users: &item_users,
            users: holdout.training.users(),
            item_factors: Some(fit.backbone.item_factors.view()),
        };
        let groups: Vec<u32> = users.iter().map(|&user| fit.segments.of_user[user as usize]).collect();
        let relevant: Vec<&[u32]> = users.iter().map(|&user| holdout.test.row(user as usize).0).collect();
        let histories: Vec<&[u32]> = users.iter().map(|&user| ranker.history(user)).collect();
        let groups = Some((groups.as_slice(), fit.segments.count()));
        let measured = Measured { relevant: &relevant, histories: &histories, groups };
        let model = Ranked { lists: &served, auc: model_areas.as_deref() };
        let baseline = Ranked { lists: &popular, auc: baseline_areas.as_deref() };
        let lengths: Vec<usize> = histories.iter().map(|history| history.len()).collect();
        let by_history = by_history(&lengths, [&deciding, &of_popular], seed, observer)?;
        let rows = report(model, baseline, measured, catalog, asked.cuts, seed, observer)?;
        let MeasuredLists { gates, users, backbone, .. } = lists;
        Ok(Self { metric: DECIDING_NAME, rows, by_history, gates, users, deciding, backbone })
    }

    /// The row of the deciding metric for all users.
    pub fn deciding_row(&self) -> Option<&MetricRow> {
        let is_deciding = |row: &&MetricRow| match self.metric {
            DECIDING_NAME => row.metric == DECIDING.0.name() && row.k == DECIDING.1,
            metric => row.metric == metric,
        };
        self.rows.iter().filter(|row| row.segment.is_none()).find(is_deciding)
    }

    /// Whether higher values of the deciding metric are better, which is false for errors.
    pub fn higher_is_better(&self) -> bool {
        is_higher_better(self.metric)
    }

    /// Whether the deciding metric is worse than that of the baseline by more than half of its confidence interval.
    pub fn is_below_baseline(&self) -> bool {
        self.deciding_row().is_some_and(|row| {
            let lost =
                if self.higher_is_better() { row.baseline - row.value } else { row.value - row.baseline };
            row.interval.is_some_and(|(low, high)| lost > (high - low) / 2.0)
        })
    }

    /// Renumbers the segments: `from` is the old number of each new one. Rows of segments that no longer exist are
    /// dropped.
    pub fn renumber(&mut self, from: &[Option<u32>]) {
        let new_number = |old: u32| from.iter().position(|&from| from == Some(old)).map(|new| new as u32);
        self.rows.retain_mut(|row| match row.segment {
            None => true,
            Some(old) => {
                row.segment = new_number(old);
                row.segment.is_some()
            }
        });
        let unmeasured = Gate::unmeasured();
        self.gates = from
            .iter()
            .map(|from| from.and_then(|old| self.gates.get(old as usize).copied()).unwrap_or(unmeasured))
            .collect();
    }

    /// The mean difference to another measurement by the same metric on the same holdout, paired by user, and its
    /// standard error; positive if this one is better.
    pub fn paired_difference(&self, other: &Self) -> (f64, f64) {
        let differences: Vec<f64> = self.deciding.iter().zip(&other.deciding).map(|(a, b)| a - b).collect();
        mean_and_error(&differences)
    }
}

/// The lists of the measured users of a holdout, and the decisions of the gate.
#[derive(Clone, Debug)]
pub struct MeasuredLists {
    /// The measured users, ascending.
    pub users: Vec<u32>,
    /// The decision of the gate for each segment.
    pub gates: Vec<Gate>,
    /// The deciding metric of each user by the shared parts.
    pub backbone: Vec<f64>,
    /// Whether each segment uses its own part.
    pub uses_own: Vec<bool>,
    shared: Vec<Vec<Scored>>,
    own: Vec<Option<Vec<Scored>>>,
}

impl MeasuredLists {
    /// Ranks the best `n` items of each measured user. Segments use their own part if it passes the gate; without
    /// `gated`, wherever the fit has one.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn new(
        ranker: &Ranker<'_>,
        holdout: &Holdout,
        gated: bool,
        n: usize,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let fit = ranker.fit;
        let users = measured_users(holdout, MOST_USERS, seed);
        let shared = ranker.shared(&users, n, observer)?;
        let mut own = ranker.own(&users, n, observer)?;
        let segment_of = |place: usize| fit.segments.of_user[users[place] as usize] as usize;
        let deciding = |(list, &user): (&Vec<Scored>, &u32)| deciding_value(holdout, user, list);
        let backbone: Vec<f64> = shared.iter().zip(&users).map(deciding).collect();
        let mut differences = vec![Vec::new(); fit.segments.count()];
        for (place, list) in own.iter().enumerate() {
            if let Some(list) = list {
                let gain = deciding((list, &users[place])) - backbone[place];
                differences[segment_of(place)].push(gain);
            }
        }
        let gates = gate(&differences);
        let mut uses_own = fit.own_factors.clone();
        if gated {
            uses_own.iter_mut().zip(&gates).for_each(|(own, gate)| *own &= gate.passed);
        }
        let held_back = own.iter_mut().enumerate().filter(|(place, _)| !uses_own[segment_of(*place)]);
        held_back.for_each(|(_, list)| *list = None);
        Ok(Self { users, gates, backbone, uses_own, shared, own })
    }

    /// The list served to the measured user at index `place`.
    pub fn served(&self, place: usize) -> &[Scored] {
        self.own[place].as_ref().unwrap_or(&self.shared[place])
    }
}

/// The deciding metric of each of `users`, ungated: segments use their own part wherever they have one. For choosing
/// among fits.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn deciding_values(
    ranker: &Ranker<'_>,
    holdout: &Holdout,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let lists = ungated_lists(ranker, users, observer)?;
    Ok(values_of_lists(&lists, holdout, users))
}

/// The deciding metric of the lists of `users`.
pub fn values_of_lists(lists: &[Vec<Scored>], holdout: &Holdout, users: &[u32]) -> Vec<f64> {
    lists.iter().zip(users).map(|(list, &user)| deciding_value(holdout, user, list)).collect()
}

/// The lists of `users` as long as the deciding metric needs, ungated.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn ungated_lists(
    ranker: &Ranker<'_>,
    users: &[u32],
    observer: &dyn Observer,
) -> Result<Vec<Vec<Scored>>> {
    let own = ranker.own(users, DECIDING.1, observer)?;
    let without: Vec<u32> =
        users.iter().zip(&own).filter(|(_, own)| own.is_none()).map(|(&user, _)| user).collect();
    let mut shared = ranker.shared(&without, DECIDING.1, observer)?.into_iter();
    Ok(own.into_iter().map(|own| own.or_else(|| shared.next()).unwrap_or_default()).collect())
}
