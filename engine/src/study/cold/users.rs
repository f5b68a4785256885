//! Hidden users: lists by their attributes alone, learned from the others, beside popularity among all users and among
//! users with similar attributes.

use super::rankings::{ColdMetric, ColdScope, RankedBy, Scratch, at_random, metrics, ranked};
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::evaluation::deciding_metric::MOST_USERS;
use crate::evaluation::hidden::FEWEST_HIDDEN;
use crate::features::{EncoderSettings, LeftOut};
use crate::interactions::Interactions;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress, Quiet};
use crate::options::checked::Options;
use crate::scorers::attributes::{AttributeMap, AttributePoints};
use crate::seed::sample;
use crate::segmentation::{On, SegmentationMethod};
use crate::training::given::Given;
use crate::training::segment::segment;

/// The name of the phase in progress reports.
pub const PHASE: &str = "hidden users";
/// The most segments that labels make, one of them of users without a label.
const MOST_LABELS: usize = 1_001;

/// Average users that are added to a segment's own counts, as popularity does.
const PRIOR_USERS: f32 = 20.0;

/// Learns from the events of the users who are not marked in `hidden`, and measures lists of all items, cut at `cuts`,
/// for the hidden ones, of whom only their attributes are used.
///
/// Similar users are those of a segment by attributes: that of the options if these segment users by attributes,
/// otherwise that of k-means. Levels, bins and segments are those of the attributes of all users.
///
/// # Errors
/// [`EngineError::NothingToMeasure`] if no column describes users or too few hidden ones have events that count,
/// [`EngineError::Column`], [`EngineError::NotFinite`], [`EngineError::Cancelled`].
pub fn measure_users(
    given: Given<'_>,
    options: &Options,
    hidden: &[bool],
    cuts: &[usize],
    observer: &dyn Observer,
) -> Result<Vec<ColdMetric>> {
    let (events, described, seed) = (given.events, given.described, options.seed);
    let weighting = options.weighting(events.latest());
    let interactions = events.interactions(&weighting, |_, _, _| true, &Quiet(observer))?;
    let chosen = |user: usize| interactions.by_user().row(user).0;
    let measured = (0..interactions.users()).filter(|&user| hidden[user] && !chosen(user).is_empty());
    let users = sample(measured.map(|user| user as u32).collect(), MOST_USERS, seed);
    if users.len() < FEWEST_HIDDEN {
        return Err(EngineError::NothingToMeasure {
            reason: format!(
                "Of the hidden users {} have events that count, but at least {FEWEST_HIDDEN} are needed.",
                users.len()
            ),
            hint: "Add events, or use fewer folds.",
        });
    }
    let rows: Vec<u32> = (0..interactions.users() as u32).collect();
    let table = described.table.select(&rows);
    let settings = EncoderSettings::at(described.as_of(Some(events)));
    let points = AttributePoints::fit(&table, &settings, observer)?;
    if points.dimensions() == 0 {
        return Err(undescribed(points.left_out()));
    }
    let attributes = points.encode(&table, observer)?;
    observer.report(Progress::step(PHASE, 1, 3));

    let counts = |user: u32| !hidden[user as usize];
    let segments = match segment(described, None, &by_attributes(options), &Quiet(observer)) {
        Ok(segmented) => segmented.members.segments(),
        Err(EngineError::NothingToDivideBy { .. }) => vec![0; described.table.rows()],
        Err(error) => return Err(error),
    };
    let segments = &segments[..interactions.users()];
    let of_segments = segment_popularity(segments, &interactions, counts, observer)?;
    let everybody = vec![0; interactions.users()];
    let of_all = segment_popularity(&everybody, &interactions, counts, observer)?;
    let map = AttributeMap::fit(&attributes, &interactions, counts, observer)?;
    observer.report(Progress::step(PHASE, 2, 3));

    let items: Vec<u32> = (0..interactions.items() as u32).collect();
    let n = cuts.iter().copied().max().unwrap_or(0);
    let (scope, seen) = ((items.as_slice(), items.len(), n), |_: u32| &[][..]);
    let by_attributes = |user: u32, scratch: &mut Scratch| {
        scratch.scores = map.scores(attributes.row(user as usize))?;
        Ok(())
    };
    let by_segment = |user: u32, scratch: &mut Scratch| {
        scratch.scores.copy_from_slice(of_segments.row(segments[user as usize] as usize));
        Ok(())
    };
    let by_all = |_: u32, scratch: &mut Scratch| {
        scratch.scores.copy_from_slice(of_all.row(0));
        Ok(())
    };
    let rankings = [
        ranked(RankedBy::Attributes, &users, scope, seen, by_attributes, observer)?,
        ranked(RankedBy::SegmentPopularity, &users, scope, seen, by_segment, observer)?,
        ranked(RankedBy::Popularity, &users, scope, seen, by_all, observer)?,
        at_random(&users, scope, seen, seed, observer)?,
    ];
    let relevant: Vec<&[u32]> = users.iter().map(|&user| chosen(user as usize)).collect();
    let (baseline, of) = (RankedBy::Popularity, (relevant.as_slice(), items.len()));
    let measured = metrics(ColdScope::NewUsers, &rankings, baseline, of, cuts, seed, observer)?;
    observer.report(Progress::step(PHASE, 3, 3));
    Ok(measured)
}

/// An upper estimate of the bytes that this takes: attributes of `columns` numbers as points, the map, the popularity in
/// all segments, and four lists of `n` of each user with their metrics.
pub fn memory(
    [users, items, columns]: [usize; 3],
    options: &Options,
    cuts: usize,
    n: usize,
    threads: usize,
) -> u64 {
    let own = by_attributes(options).segmentation;
    let segments = match own.method.takes_count() {
        true => own.readable_target(users).counts.last().copied().unwrap_or(1),
        false => users.min(MOST_LABELS),
    };
    let measured = users.min(MOST_USERS);
    let lists = 5 * measured * (8 * n + 24 + 32 * cuts);
    let shares = 4 * items * (segments + 2);
    AttributeMap::memory(users, items, columns)
        + (8 * users * columns + shares + lists + threads * 32 * items) as u64
}

/// The options that segment users by their attributes alone.
fn by_attributes(options: &Options) -> Options {
    let mut own = options.clone();
    let segmentation = &mut own.segmentation;
    let is_own = match segmentation.method {
        SegmentationMethod::Column => true,
        method => method.divides_points() && segmentation.on == On::Attributes,
    };
    if !is_own {
        segmentation.method = SegmentationMethod::Kmeans;
        segmentation.segments = AutoOr::Auto;
    }
    segmentation.on = On::Attributes;
    segmentation.activity.clear();
    own
}

fn undescribed(left_out: &[LeftOut]) -> EngineError {
    let reason = |column: &LeftOut| format!("\"{}\" {}", column.name, column.reason);
    EngineError::NothingToMeasure {
        reason: match left_out {
            [] => "The relation users has no column that can describe users besides its key.".to_owned(),
            columns => format!(
                "No column describes users: {}.",
                columns.iter().map(reason).collect::<Vec<_>>().join(", ")
            ),
        },
        hint: "Add columns to users that tell who they are.",
    }
}

/// The smoothed shares of the users of each segment who have each item, segments × items, among the users for whom
/// `counts` is true.
fn segment_popularity(
    segments: &[u32],
    interactions: &Interactions,
    counts: impl Fn(u32) -> bool,
    observer: &dyn Observer,
) -> Result<Matrix> {
    let count = segments.iter().max().map_or(1, |&last| last as usize + 1);
    let (mut own, mut users) = (Matrix::zeros(count, interactions.items()), vec![0.0f32; count]);
    let (mut all, mut total) = (vec![0.0f32; interactions.items()], 0.0f32);
    for (user, &segment) in segments.iter().enumerate().filter(|(user, _)| counts(*user as u32)) {
        if user.is_multiple_of(1_024) {
            observer.check()?;
        }
        let (items, segment) = (interactions.by_user().row(user).0, segment as usize);
        users[segment] += 1.0;
        total += 1.0;
        for &item in items {
            own.row_mut(segment)[item as usize] += 1.0;
            all[item as usize] += 1.0;
        }
    }
    for (segment, &users) in users.iter().enumerate() {
        for (value, all) in own.row_mut(segment).iter_mut().zip(&all) {
            *value = (*value + PRIOR_USERS * all / total.max(1.0)) / (users + PRIOR_USERS);
        }
    }
    Ok(own)
}
