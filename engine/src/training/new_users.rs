//! Users without events: what their attributes say about items, and whether lists gain by that.
//!
//! Unlike segments and factors, it depends only on who has which items and on the columns of `users`. So it is learned
//! once, from all events, and measured on users who are held out as a whole.

use super::given::Given;
use super::members::Members;
use crate::error::{EngineError, Result};
use crate::evaluation::deciding_metric::DECIDING_NAME;
use crate::evaluation::history::HistoryRow;
use crate::features::{EncoderSettings, LeftOut, Table};
use crate::interactions::Interactions;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::options::checked::{NewUsers, Options};
use crate::scorers::attributes::gate::{HeldOutUsers, held_out_gain};
use crate::scorers::attributes::{AttributeMap, AttributePoints, AttributeRanking};
use crate::segmentation::identity::Classifier;

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "new users";
/// With fewer users nothing is decided: the standard error itself is then too uncertain.
const FEWEST_USERS: usize = 200;
/// With more numbers (items × dimensions of attributes) attributes are used only if the options ask for it: a list reads
/// all of them, which are 64 MB here.
const MOST_NUMBERS: usize = 1 << 24;

/// How users without events are ranked.
#[derive(Clone, Debug, Default)]
pub struct RankedNewUsers {
    /// The ranking by attributes; `None` if popularity ranks.
    pub ranking: Option<AttributeRanking>,
    /// What attributes and popularity reach for users held out as a whole; `None` if it was not measured.
    pub measured: Option<HistoryRow>,
}

/// Decides how users without events are ranked, and learns it. `members` have the segments of the users, by which
/// popularity ranks if rows of users find their segments.
///
/// # Errors
/// [`EngineError::NothingToTrainOn`] if the options ask for attributes and no column tells users apart,
/// [`EngineError::NotFinite`], [`EngineError::Cancelled`].
pub fn decide(
    given: Given<'_>,
    interactions: &Interactions,
    members: &Members,
    options: &Options,
    observer: &dyn Observer,
) -> Result<RankedNewUsers> {
    let (asked, described) = (options.users.new_users, given.described);
    let columns = &described.table;
    if !reads_users(columns, options) || asked == NewUsers::Auto && interactions.users() < FEWEST_USERS {
        return Ok(RankedNewUsers::default());
    }
    observer.report(Progress::step(PHASE, 0, 2));
    let users: Vec<u32> = (0..interactions.users() as u32).collect();
    let table = described.attributes(options, None, observer)?.select(&users);
    let as_of = EncoderSettings::at(described.as_of(Some(given.events)));
    let settings = EncoderSettings { scale: options.segmentation.scale, ..as_of };
    let points = AttributePoints::fit(&table, &settings, observer)?;
    let too_many = interactions.items().saturating_mul(points.dimensions() + 1) > MOST_NUMBERS;
    match (asked, points.dimensions()) {
        (NewUsers::Attributes, 0) => {
            return Err(EngineError::NothingToTrainOn { reason: useless(points.left_out()) });
        }
        (NewUsers::Auto, dimensions) if dimensions == 0 || too_many => return Ok(RankedNewUsers::default()),
        _ => {}
    }
    let attributes = points.encode(&table, observer)?;
    drop(table);
    let gain = {
        let segments = segments(members, interactions.users());
        let weighed = options.weighs_popularity();
        let users = HeldOutUsers { interactions, segments: &segments, weighed };
        held_out_gain(&attributes, users, options.seed, observer)?
    };
    if let Some(row) = &gain.row {
        for (step, value) in [(1, row.baseline), (2, row.value)] {
            let metric = Some((DECIDING_NAME, value));
            observer.report(Progress { metric, ..Progress::step(PHASE, step, 2) });
        }
    }
    let ranking = match asked == NewUsers::Attributes || gain.passes() {
        true => Some(ranking(points, &attributes, interactions, observer)?),
        false => None,
    };
    Ok(RankedNewUsers { ranking, measured: gain.row.map(|row| HistoryRow { length: 0, row }) })
}

fn ranking(
    points: AttributePoints,
    attributes: &Matrix,
    interactions: &Interactions,
    observer: &dyn Observer,
) -> Result<AttributeRanking> {
    let map = AttributeMap::fit(attributes, interactions, |_| true, observer)?;
    Ok(AttributeRanking::new(points, map))
}

/// Whether these options may rank by the columns of a table of users.
fn reads_users(table: &Table, options: &Options) -> bool {
    let may = options.users.new_users != NewUsers::Popularity && !options.is_explicit();
    may && !table.columns().is_empty()
}

/// The segment of each user, as their row of users alone finds it; else everybody is in one.
fn segments(members: &Members, users: usize) -> Vec<u32> {
    match members.classifier {
        Some(Classifier::Attributes { .. } | Classifier::Label { .. }) => {
            members.fits.iter().take(users).map(|fit| fit.segment).collect()
        }
        Some(Classifier::Rfm { .. }) | None => vec![0; users],
    }
}

/// Why no column tells users apart.
fn useless(left_out: &[LeftOut]) -> String {
    let reasons: Vec<String> =
        left_out.iter().map(|column| format!("\"{}\" {}", column.name, column.reason)).collect();
    match reasons.is_empty() {
        true => "users has no columns besides its key by which new users could be ranked".to_owned(),
        false => format!("no column of users can be used to rank new users: {}", reasons.join(", ")),
    }
}

/// The most dimensions of attributes that a training with these options and this table of users keeps for each item.
fn dimensions(table: &Table, items: usize, options: &Options) -> usize {
    if !reads_users(table, options) || items == 0 {
        return 0;
    }
    let most = AttributePoints::most_dimensions(table);
    match options.users.new_users {
        NewUsers::Attributes => most,
        _ => most.min(MOST_NUMBERS / items),
    }
}

/// An upper estimate of the bytes that ranking new users by a table of `users` takes at the peak, on `threads` threads:
/// the columns and their encoded form besides the table, the map of a fold, and counts of items.
pub fn memory(table: &Table, items: usize, options: &Options, threads: usize) -> u64 {
    let (users, dimensions) = (table.rows(), dimensions(table, items, options));
    if dimensions == 0 {
        return 0;
    }
    let own = (4 * users * dimensions + 8 * items * (threads + 1)) as u64;
    2 * table.memory() + own + AttributeMap::memory(users, items, dimensions)
}

/// An upper estimate of the bytes on disk: a row per item with 60 bytes besides its numbers, and these in the shared
/// file.
pub fn stored(table: &Table, items: usize, options: &Options) -> u64 {
    match dimensions(table, items, options) {
        0 => 0,
        dimensions => (items * (8 * (dimensions + 1) + 60)) as u64,
    }
}
