//! What rises: items on which more happens now than before, by the events as the caller sees them now.
//!
//! The events of eight half-lives are read at each call, and nothing is kept, so that every caller sees what their own rights
//! and policies show, as in any query.

use super::rules::active_rules;
use super::selection::{Selection, union};
use super::session;
use super::shelf::Shelf;
use super::version::ServedVersion;
use crate::catalog::sources::window_events::WindowEvents;
use crate::catalog::versions::members;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::look;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::scorers::popular_now::{Rising, Trend};
use std::collections::HashSet;
use std::rc::Rc;

/// The half-lives of the window: of what happened before it, less than a 256th would count for now.
const HALF_LIVES: f64 = 8.0;
/// More items than a list needs are looked at by this factor, and by this factor again if too few may be shown.
const SPARE: usize = 2;
const MORE: usize = 4;
/// Bytes of an item's sums, and of an item that rises.
const ITEM_BYTES: usize = 48;
/// Bytes of a member of a segment.
const MEMBER_BYTES: usize = 96;

/// The items that rise, and the version that their numbers refer to.
pub struct Trending {
    /// The version.
    pub version: Rc<ServedVersion>,
    /// The number of items that the list leaves to the pages before it.
    pub skip: usize,
    /// Those that rise most first.
    pub items: Vec<Rising>,
}

/// The `n` items of a model's version that rise most: among the users of a segment, given by id, or all of them. What counts
/// for now halves every `half_life` seconds.
pub fn trending(
    n: usize,
    model: Option<&str>,
    half_life: f64,
    segment: Option<i32>,
    selection: &Selection<'_>,
) -> Result<Trending> {
    let model = session::model(model)?;
    let version = session::version(&model)?;
    let source = model.events.as_ref().filter(|source| source.columns.time.is_some());
    let Some(source) = source else {
        return Err(SegrecError::NoTimes { model: model.name.clone() });
    };
    let of_segment = segment.map(|segment| -> Result<HashSet<String>> {
        if version.members.ids.binary_search(&segment).is_err() {
            let existing = version.members.ids.clone();
            return Err(SegrecError::UnknownSegment { model: model.name.clone(), segment, existing });
        }
        let users = members::places_of_segment(version.id(), segment)?;
        ask("the users of a segment", MEMBER_BYTES * users.len())?;
        members::ids_of_segment(version.id(), segment)
    });
    let of_segment = of_segment.transpose()?;
    let (weights, signed) = (version.options.events.type_weights.clone(), version.options.is_explicit());
    let events = WindowEvents::new(&model, source, weights, signed)?;
    let count = version.item_ids().len();
    ask("the events of items", ITEM_BYTES * count)?;
    let read = |now: i64| -> Result<Trend> {
        let mut trend = Trend::new(count, half_life, now);
        let since = now.saturating_sub((HALF_LIVES * half_life * 1e6) as i64);
        events.read((since, now), &mut |user, item, time| {
            let is_of = |users: &HashSet<String>| users.contains(&id_text(user));
            if let Some(item) = version.item_ids().find(item)
                && of_segment.as_ref().is_none_or(is_of)
            {
                trend.add(item, time);
            }
            Ok(())
        })?;
        Ok(trend)
    };
    // Now is the moment of the latest event, so that a data set that has ended does not fade.
    let now = pg_sys::TimestampTz::from(statement_timestamp());
    let mut trend = read(now)?;
    let latest = trend.latest().unwrap_or(version.weighting.anchor).min(now);
    if latest < now {
        let is_old = now.saturating_sub(latest) as f64 / 1e6 > half_life;
        if is_old {
            trend = read(latest)?;
        }
    }
    let rules = active_rules(&version, Some(&model), segment)?;
    let excluded = selection.excluded(&version);
    let out = union(&excluded, &rules.blocked);
    let out = version.left_out(&out);
    let mut rising = trend.rising();
    rising.retain(|own| out.binary_search(&own.item).is_err());
    let id = |item: u32| version.item_ids().get(item as usize);
    let shelf = Shelf::new(&version, Some(&model), selection.max_per_group, &rules, &id)?;
    let wanted = if n > 0 { n.saturating_add(selection.skip) } else { 0 };
    // More than are wanted, because some may not be shown.
    let mut count = wanted.saturating_mul(SPARE);
    let items = loop {
        let mut items: Vec<Rising> = rising[..count.min(rising.len())].to_vec();
        shelf.keep(&mut items, |own| own.item)?;
        if items.len() >= wanted || count >= rising.len() {
            break items;
        }
        look();
        count = count.saturating_mul(MORE);
    };
    let items = items.into_iter().take(wanted).skip(selection.skip).collect();
    drop((shelf, out));
    Ok(Trending { version, skip: selection.skip, items })
}
