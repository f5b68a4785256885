//! Decides how the order of users' items counts, on the holdout: the exponent p of history weights first, then the exponent
//! q of the closeness by which the ridge finds neighbours ([`crate::interactions::recency`]).
//!
//! Scorers whose fit depends on p are fitted to each p that is tried, so that it is measured with the parts that it would
//! have, and with the shares that are best for these. To decide p with factors and neighbours of items alone, or with rows of
//! users that know no order, and to fit the rows afterwards ranks worse (MovieLens 100k, as in [`super::blend::shares`]:
//! an ndcg@10 of .1405 instead of .1422, −.0018 ± .0007).
//!
//! All items count the same unless the best p ranks held-out events better by a standard error, paired by user, each with
//! the blend that is best for it; nothing else is tried if ½ gains nothing. Then q = ½ is compared with 0 in the same way,
//! with the best p for it.

use super::blend;
use super::fit::Fit;
use super::holdout_metrics::deciding_values;
use super::ranker::Ranker;
use crate::auto::AutoOr;
use crate::error::Result;
use crate::evaluation::Holdout;
use crate::evaluation::deciding_metric::{DECIDING_NAME, measured_users};
use crate::evaluation::standard_error::{is_better, mean_and_error};
use crate::interactions::ItemOrder;
use crate::observer::{Observer, Progress};
use crate::options::checked::Options;
use crate::ranking::Blend;
use crate::scorers::factors::AlsOptions;
use crate::scorers::method::{FitInput, Method};
use std::sync::Arc;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "order";
/// The exponent p that is tried first, and the others.
const USUAL_WEIGHT: f64 = 0.5;
const OTHER_WEIGHTS: [f64; 3] = [0.25, 0.75, 1.0];
/// The exponent q that is tried.
const USUAL_DISTANCE: f64 = 0.5;
/// The number of users on which exponents are compared.
const COMPARED_USERS: usize = 4_000;
/// The number of trials, for progress.
const TRIALS: usize = 5 + OTHER_WEIGHTS.len();

/// What the trials of exponents have in common.
struct Trials<'a> {
    methods: &'a [&'a dyn Method],
    /// Those of them whose fit depends on p.
    learning: Vec<&'a dyn Method>,
    input: FitInput<'a>,
    holdout: &'a Holdout,
    users: Vec<u32>,
    options: &'a Options,
    als: &'a AlsOptions,
    observer: &'a dyn Observer,
}

/// An order, and what each user reached with it.
struct Tried {
    order: ItemOrder,
    values: Vec<f64>,
}

impl Tried {
    /// Whether it is better than another by a standard error, paired by user.
    fn is_better(&self, than: &Self) -> bool {
        is_better(&self.values, &than.values)
    }

    fn mean(&self) -> f64 {
        mean_and_error(&self.values).0
    }
}

impl Trials<'_> {
    /// Gives a fit these history weights, and measures it with a blend or, without one, with that which is best for it.
    fn measure(&self, fit: &mut Fit, order: ItemOrder, blend: Option<&Blend>, step: usize) -> Result<Tried> {
        let (training, observer) = (&self.holdout.training, self.observer);
        self.weigh(fit, order, &self.users)?;
        let ranker = Ranker::new(fit, training, self.options.weighs_popularity());
        let blend = match blend {
            Some(blend) => blend.clone(),
            None => self.best_blend(&ranker, &self.users)?,
        };
        let ranker = Ranker { blend, ..ranker };
        let values = deciding_values(&ranker, self.holdout, &self.users, observer)?;
        let tried = Tried { order, values };
        let metric = Some((DECIDING_NAME, tried.mean()));
        observer.report(Progress { metric, ..Progress::step(PHASE, step, TRIALS) });
        Ok(tried)
    }

    fn best_blend(&self, ranker: &Ranker<'_>, users: &[u32]) -> Result<Blend> {
        match self.methods.len() {
            1 => Ok(ranker.fit.blend.clone()),
            _ => blend::decide(ranker, self.methods, self.holdout, users, self.options, self.observer),
        }
    }

    /// Gives a fit the history weights of an order, and what depends on them, of which rows of users only for `users`.
    fn weigh(&self, fit: &mut Fit, order: ItemOrder, users: &[u32]) -> Result<()> {
        fit.weigh_histories(&self.holdout.training, order.weight, self.als, self.observer)?;
        if order.weight > 0.0 { self.refit(fit, &self.learning, order, users) } else { Ok(()) }
    }

    /// Fits some scorers once more, to this order.
    fn refit(&self, fit: &mut Fit, methods: &[&dyn Method], order: ItemOrder, users: &[u32]) -> Result<()> {
        let input = FitInput { users: Some(users), ..self.input };
        let mut own = self.options.clone();
        own.order.weight = AutoOr::Given(order.weight);
        own.order.distance = AutoOr::Given(order.distance);
        for (name, fitted) in Fit::fitted(methods, input, &own, self.observer)? {
            fit.fitted.iter_mut().filter(|own| own.0 == name).for_each(|own| own.1 = Arc::clone(&fitted));
        }
        Ok(())
    }

    /// The best of some exponents p, each with the blend that is best for it.
    fn best_weight(
        &self,
        fit: &mut Fit,
        order: ItemOrder,
        weights: &[f64],
        step: usize,
    ) -> Result<Vec<Tried>> {
        let tried = weights.iter().enumerate();
        let mut tried: Vec<Tried> = tried
            .map(|(number, &weight)| self.measure(fit, ItemOrder { weight, ..order }, None, step + number))
            .collect::<Result<_>>()?;
        tried.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
        Ok(tried)
    }

    /// Compares history weights with equal ones, and returns the best; `None` if all items should count the same.
    fn weight(&self, fit: &mut Fit, order: ItemOrder) -> Result<Option<Tried>> {
        let equal = self.measure(fit, order, Some(&fit.blend.clone()), 1)?;
        let mut tried = self.best_weight(fit, order, &[USUAL_WEIGHT], 2)?;
        if tried.iter().all(|usual| usual.mean() <= equal.mean()) {
            return Ok(None);
        }
        tried.extend(self.best_weight(fit, order, &OTHER_WEIGHTS, 3)?);
        let best = tried.into_iter().max_by(|a, b| a.mean().total_cmp(&b.mean()));
        Ok(best.filter(|best| best.is_better(&equal)))
    }

    /// Fits the neighbours once more to the closeness of items, and keeps them in the fit if they rank better.
    fn distance(&self, fit: &mut Fit, close: &[&dyn Method], before: Tried) -> Result<Tried> {
        let others = fit.fitted.clone();
        let order = ItemOrder { distance: USUAL_DISTANCE, ..before.order };
        self.refit(fit, close, order, &self.users)?;
        let mut weights = vec![before.order.weight];
        if self.options.order.weight == AutoOr::Auto {
            weights.extend([USUAL_WEIGHT, 1.0].iter().filter(|weight| **weight != before.order.weight));
        }
        let step = 3 + OTHER_WEIGHTS.len();
        let closest = self.best_weight(fit, order, &weights, step)?.into_iter().next();
        match closest.filter(|closest| closest.is_better(&before)) {
            Some(closest) => Ok(closest),
            None => {
                fit.fitted = others;
                Ok(before)
            }
        }
    }
}

/// Decides the exponents that the options leave open, for a blended fit to the training part of a holdout, and gives it
/// the histories, neighbours and blend that go with them. `input` is what its scorers were fitted to.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NotFinite`].
pub fn decide(
    fit: &mut Fit,
    methods: &[&dyn Method],
    input: FitInput<'_>,
    (holdout, users): (&Holdout, &[u32]),
    (options, als): (&Options, &AlsOptions),
    observer: &dyn Observer,
) -> Result<ItemOrder> {
    let known = fit.rated.is_none() && holdout.training.ranks().is_some();
    if !known || !methods.iter().any(|method| method.weighs_history()) {
        return Ok(ItemOrder::default());
    }
    let given = |exponent: AutoOr<f64>| exponent.unwrap_or_else(|| 0.0);
    let order = ItemOrder { weight: given(options.order.weight), distance: given(options.order.distance) };
    let is_open = |exponent: AutoOr<f64>| exponent == AutoOr::Auto && !users.is_empty();
    let compared = measured_users(holdout, COMPARED_USERS, options.seed);
    let learning = methods.iter().copied().filter(|own| own.learns_recency()).collect();
    let trials = Trials { methods, learning, input, holdout, users: compared, options, als, observer };
    let mut best = None;
    if is_open(options.order.weight) {
        let (equal, fitted) = (fit.users(), fit.fitted.clone());
        best = trials.weight(fit, order)?;
        if best.is_none() {
            fit.restore(equal);
            fit.fitted = fitted;
            return Ok(order);
        }
    }
    let close: Vec<&dyn Method> = methods.iter().copied().filter(|own| own.reads_order(options)).collect();
    let weighs = best.is_some() || order.weight > 0.0;
    if is_open(options.order.distance) && weighs && !close.is_empty() {
        let before = match best {
            Some(best) => best,
            None => trials.measure(fit, order, Some(&fit.blend.clone()), 1)?,
        };
        best = Some(trials.distance(fit, &close, before)?);
    }
    let Some(Tried { order, .. }) = best else { return Ok(order) };
    trials.weigh(fit, order, users)?;
    let ranker = Ranker::new(fit, &holdout.training, options.weighs_popularity());
    let blend = trials.best_blend(&ranker, users)?;
    drop(ranker);
    fit.blend = blend;
    Ok(order)
}
