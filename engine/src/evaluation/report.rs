//! Measures all metrics of rankings, together with those of a baseline, with 95 % intervals over users: by the
//! bootstrap for means over users ([`super::bootstrap`]), and by the jackknife for values of all lists together
//! ([`super::catalog_coverage`]).

use super::beyond_accuracy::{diversity, novelty, popularity_lift};
use super::bootstrap::{Parts, Quotient, fits, parts_of_users, quotient_rows};
use super::catalog_coverage::{CatalogSpread, Jackknifed};
use super::metric_row::{Catalog, MetricRow};
use super::metrics::{ListMetrics, Metric};
use crate::error::{EngineError, Result};
use crate::observer::Observer;
use crate::ranking::Scored;

/// The metrics beyond accuracy that are means over users, in the order of measurement.
const BEYOND: [&str; 3] = ["novelty", "diversity", "popularity_lift"];
/// The 97.5 % quantile of the standard normal distribution.
const NORMAL_BOUND: f64 = 1.959_963_984_540_054;

/// The measured users. All slices have one entry per user.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The held-out items of each user, ascending.
    pub relevant: &'a [&'a [u32]],
    /// The training items of each user, for the popularity lift.
    pub histories: &'a [&'a [u32]],
    /// The segment of each user and the number of segments; `None` to measure only all users together.
    pub groups: Option<(&'a [u32], usize)>,
}

/// The result of one way to rank.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The list of each measured user, best first; as long as the greatest k, unless there are too few items.
    pub lists: &'a [&'a [Scored]],
    /// [`super::auc()`] of each user over all unseen items, if it was computed; `None` for a user for whom it is not
    /// defined.
    pub auc: Option<&'a [Option<f64>]>,
}

/// All metrics at each k (from 1), for all users and for each segment that has any.
///
/// A user for whom a metric is not defined (for example the lift without a history, or the diversity of a single item)
/// does not enter its mean. A metric without any value on either side has no row.
///
/// # Errors
/// [`EngineError::Shape`] if the inputs do not match, [`EngineError::Cancelled`].
pub fn report(
    model: Ranked<'_>,
    baseline: Ranked<'_>,
    measured: Measured<'_>,
    catalog: Catalog<'_>,
    ks: &[usize],
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<MetricRow>> {
    check(&[model, baseline], &measured, &catalog)?;
    let of_lists = |&k: &usize| {
        let names = Metric::ALL.iter().map(|metric| metric.name()).chain(BEYOND);
        names.map(move |metric| Quotient { metric, k, root: false })
    };
    let auc = Quotient { metric: "auc", k: 0, root: false };
    let quotients: Vec<Quotient> = ks.iter().flat_map(of_lists).chain([auc]).collect();
    let parts = |ranked: Ranked<'_>| {
        Parts::new(ranked.lists.len(), quotients.len(), observer, |user, parts| {
            let values = ks.iter().flat_map(|&k| of_list(ranked.lists[user], user, k, &measured, &catalog));
            let auc = ranked.auc.and_then(|auc| auc[user]);
            for (part, value) in parts.iter_mut().zip(values.chain([auc])) {
                *part = value.map_or([0.0; 2], |value| [value, 1.0]);
            }
        })
    };
    let both = [&parts(model)?, &parts(baseline)?];
    let mut rows = Vec::new();
    for (segment, users) in parts_of_users(model.lists.len(), measured.groups)? {
        rows.extend(quotient_rows(&quotients, both, segment, &users, seed, observer)?);
        for &k in ks {
            observer.check()?;
            rows.extend(spread_rows([model, baseline], segment, &users, k, catalog.item_users.len()));
        }
    }
    Ok(rows)
}

fn check(ranked: &[Ranked<'_>], measured: &Measured<'_>, catalog: &Catalog<'_>) -> Result<()> {
    let (users, items) = (measured.relevant.len(), catalog.item_users.len());
    fits("histories", users, measured.histories.len())?;
    fits("item factors", items, catalog.item_factors.map_or(items, |factors| factors.rows()))?;
    let inside = |item: u32| (item as usize) < items;
    let mut all_inside = measured.histories.iter().all(|history| history.iter().all(|&item| inside(item)));
    for ranked in ranked {
        fits("lists", users, ranked.lists.len())?;
        fits("areas under the curve", users, ranked.auc.map_or(users, <[_]>::len))?;
        all_inside &= ranked.lists.iter().all(|list| list.iter().all(|scored| inside(scored.item)));
    }
    if all_inside {
        Ok(())
    } else {
        Err(EngineError::Shape { what: "items", expected: items, found: items + 1 })
    }
}

/// The values of one user's list, in the order of the quotients at one k.
fn of_list(
    list: &[Scored],
    user: usize,
    k: usize,
    measured: &Measured<'_>,
    catalog: &Catalog<'_>,
) -> impl Iterator<Item = Option<f64>> {
    let list = &list[..k.min(list.len())];
    let relevant = measured.relevant[user];
    let accuracy = ListMetrics::measure(list.iter().map(|scored| scored.item), relevant, k);
    let beyond = [
        novelty(list, catalog),
        diversity(list, catalog),
        popularity_lift(list, measured.histories[user], catalog),
    ];
    Metric::ALL.iter().map(move |&metric| (!relevant.is_empty()).then(|| accuracy.get(metric))).chain(beyond)
}

/// The coverage and the Gini coefficient of the lists of some users.
fn spread_rows(
    ranked: [Ranked<'_>; 2],
    segment: Option<u32>,
    users: &[usize],
    k: usize,
    items: usize,
) -> Vec<MetricRow> {
    let [model, baseline] = ranked.map(|ranked| {
        let lists = || users.iter().map(|&user| &ranked.lists[user][..k.min(ranked.lists[user].len())]);
        let spread = CatalogSpread::new(lists(), items);
        (spread.coverage(lists()), spread.gini(lists()))
    });
    let row = |metric, both: [Jackknifed; 2]| spread_row(metric, k, segment, users.len(), both);
    let coverage = row("coverage", [model.0, baseline.0]);
    let gini = model.1.zip(baseline.1).map(|(model, baseline)| row("gini", [model, baseline]));
    [coverage].into_iter().chain(gini).collect()
}

/// The share of `items` items that are in the lists of any user, cut at k, and that of other lists.
pub fn coverage_row(lists: [&[Vec<Scored>]; 2], k: usize, items: usize) -> MetricRow {
    let [model, baseline] = lists.map(|lists| {
        let cut = || lists.iter().map(|list| &list[..k.min(list.len())]);
        CatalogSpread::new(cut(), items).coverage(cut())
    });
    spread_row("coverage", k, None, lists[0].len(), [model, baseline])
}

fn spread_row(
    metric: &'static str,
    k: usize,
    segment: Option<u32>,
    users: usize,
    [(value, error), (baseline, _)]: [Jackknifed; 2],
) -> MetricRow {
    let interval =
        error.map(|error| ((value - NORMAL_BOUND * error).max(0.0), (value + NORMAL_BOUND * error).min(1.0)));
    MetricRow { metric, k, segment, value, interval, baseline, users }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::standard_error::mean_and_error;
    use crate::matrix::Matrix;
    use crate::observer::Silent;
    use crate::seed::mix;

    const ITEMS: u32 = 200;

    /// Of each of some users: a list of 20, a list that ignores taste, relevant items, a history, an AUC.
    struct World {
        lists: [Vec<Vec<Scored>>; 2],
        relevant: Vec<Vec<u32>>,
        histories: Vec<Vec<u32>>,
        auc: Vec<Option<f64>>,
        segments: Vec<u32>,
        item_users: Vec<u32>,
        factors: Matrix,
    }

    impl World {
        fn new(users: u64) -> Self {
            let some = |user: u64, purpose: u64, count: usize| {
                let mut items: Vec<u32> = (0..ITEMS).collect();
                items.sort_by_key(|&item| mix(mix(user + purpose * 1_000_003) ^ u64::from(item)));
                items.truncate(count);
                items
            };
            let list = |items: Vec<u32>| items.into_iter().map(|item| Scored { item, score: 1.0 }).collect();
            let sorted = |mut items: Vec<u32>| {
                items.sort_unstable();
                items
            };
            let value = |i: usize| (mix(i as u64) >> 40) as f32 / 1e7 - 0.8;
            Self {
                lists: [
                    (0..users).map(|user| list(some(user, 1, 20))).collect(),
                    (0..users).map(|_| list((0..20).collect())).collect(),
                ],
                relevant: (0..users).map(|user| sorted(some(user, 2, 1 + user as usize % 9))).collect(),
                histories: (0..users).map(|user| sorted(some(user, 3, user as usize % 4))).collect(),
                auc: (0..users)
                    .map(|user| (user % 5 > 0).then_some((mix(user) % 100) as f64 / 100.0))
                    .collect(),
                segments: (0..users).map(|user| (user % 3) as u32).collect(),
                item_users: (0..ITEMS).map(|item| 300 / (item + 1)).collect(),
                factors: Matrix::from_data(8, (0..8 * ITEMS as usize).map(value).collect()).unwrap(),
            }
        }

        fn report(&self, ks: &[usize]) -> Result<Vec<MetricRow>> {
            fn slices<T>(rows: &[Vec<T>]) -> Vec<&[T]> {
                rows.iter().map(Vec::as_slice).collect()
            }
            let [model, baseline] = [slices(&self.lists[0]), slices(&self.lists[1])];
            report(
                Ranked { lists: &model, auc: Some(&self.auc) },
                Ranked { lists: &baseline, auc: Some(&self.auc) },
                Measured {
                    relevant: &slices(&self.relevant),
                    histories: &slices(&self.histories),
                    groups: Some((&self.segments, 4)),
                },
                Catalog { item_users: &self.item_users, users: 300, item_factors: Some(self.factors.view()) },
                ks,
                42,
                &Silent,
            )
        }
    }

    #[test]
    fn every_metric_has_a_row_for_all_and_for_each_segment_that_has_users() {
        let world = World::new(90);
        let rows = world.report(&[10, 20]).unwrap();
        assert_eq!(rows.len(), 4 * (2 * (Metric::ALL.len() + BEYOND.len() + 2) + 1));
        for row in &rows {
            let (low, high) = row.interval.unwrap();
            assert!(low <= row.value && row.value <= high && row.baseline.is_finite(), "{row:?}");
        }
        let found = |metric, k, segment| {
            rows.iter().find(|row| (row.metric, row.k, row.segment) == (metric, k, segment)).unwrap()
        };
        let of_segment = |values: &dyn Fn(usize) -> Option<f64>| {
            mean_and_error(&(1..90).step_by(3).filter_map(values).collect::<Vec<_>>())
        };
        let recall = |lists: &[Vec<Scored>], user: usize| {
            let items = lists[user].iter().map(|scored| scored.item);
            Some(ListMetrics::measure(items, &world.relevant[user], 10).get(Metric::Recall))
        };
        let (mean, error) = of_segment(&|user| recall(&world.lists[0], user));
        let row = found("recall", 10, Some(1));
        assert!((row.value - mean).abs() < 1e-12 && row.users == 30);
        let width = row.interval.map(|(low, high)| high - low).unwrap() / (2.0 * NORMAL_BOUND * error);
        assert!((0.8..1.2).contains(&width), "{width}");
        assert!((row.baseline - of_segment(&|user| recall(&world.lists[1], user)).0).abs() < 1e-12);
        let row = found("auc", 0, Some(1));
        assert!((row.value - of_segment(&|user| world.auc[user]).0).abs() < 1e-12 && row.users == 24);
        let row = found("gini", 20, None);
        assert!((row.baseline - 0.9).abs() < 1e-12 && row.value < 0.3);
        let row = found("coverage", 10, Some(2));
        assert!((row.baseline - 10.0 / f64::from(ITEMS)).abs() < 1e-12 && row.value > 0.5);
    }

    #[test]
    fn a_report_is_the_same_at_any_number_of_threads() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| World::new(150).report(&[5, 20]).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn nobody_nothing_and_empty_lists_are_no_crash_and_what_does_not_fit_is_an_error() {
        assert_eq!(World::new(0).report(&[10]).unwrap(), []);
        assert!(World::new(1).report(&[10]).unwrap().iter().all(|row| row.interval.is_none()));
        let mut world = World::new(6);
        world.lists.iter_mut().flatten().for_each(Vec::clear);
        for row in world.report(&[1, 50]).unwrap().iter().filter(|row| row.metric != "auc") {
            assert_eq!((row.value, row.baseline), (0.0, 0.0), "{row:?}");
        }
        for spoil in [
            |world: &mut World| world.segments[3] = 4,
            |world: &mut World| world.auc.truncate(5),
            |world: &mut World| world.histories[1].push(ITEMS),
            |world: &mut World| world.lists[1].truncate(5),
            |world: &mut World| world.lists[0][2][0].item = ITEMS,
        ] {
            let mut world = World::new(6);
            spoil(&mut world);
            assert!(matches!(world.report(&[10]), Err(EngineError::Shape { .. })));
        }
    }
}
