//! The newest items, by the column of items that says when they were added, as the caller sees them now.

use super::ids::item_numbers;
use super::rules::active_rules;
use super::selection::Selection;
use super::session;
use super::shelf::Shelf;
use crate::catalog::sources::newest_rows::newest_rows;
use crate::error::{Result, SegrecError};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::look;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::interactions::Id;
use std::collections::HashSet;

/// More items than a list needs are read by this factor, and by this factor again if too few may be shown.
const SPARE: usize = 2;
const MORE: usize = 4;
/// Bytes of an item.
const ITEM_BYTES: usize = 160;

/// The ids of the `n` newest items after those that a selection skips, and the moments at which they were added
/// (microseconds since 2000), which are not known if the column is a number. The version need not know the items.
pub fn latest(
    n: usize,
    model: Option<&str>,
    selection: &Selection<'_>,
) -> Result<Vec<(String, Option<i64>)>> {
    let model = session::model(model)?;
    let version = session::version(&model)?;
    let added = model.options.pointer("/items/added_column").and_then(|name| name.as_str());
    let (Some(items), Some(added)) = (&model.items, added) else {
        return Err(SegrecError::NoAddedColumn { model: model.name.clone() });
    };
    let now = pg_sys::TimestampTz::from(statement_timestamp());
    let rules = active_rules(&version, Some(&model), None)?;
    let excluded: HashSet<String> = selection.exclude.iter().map(|id| id_text(*id)).collect();
    let is_blocked = |id: Id<'_>| match item_numbers(&version, &[id]).first() {
        Some(number) => rules.blocked.binary_search(number).is_ok(),
        None => rules.blocks_unknown(id),
    };
    let wanted = if n > 0 { n.saturating_add(selection.skip) } else { 0 };
    let mut count = wanted.saturating_mul(SPARE).max(1);
    loop {
        let kind = version.item_ids().kind();
        let newest = newest_rows(&model.name, (items, kind), added, (count, now))?;
        let id = |item: u32| newest.ids.get(item as usize);
        let mut list: Vec<u32> = Vec::with_capacity(newest.ids.len());
        for item in 0..newest.ids.len() as u32 {
            look();
            if !is_blocked(id(item)) && !excluded.contains(&id_text(id(item))) {
                list.push(item);
            }
        }
        let shelf = Shelf::new(&version, Some(&model), selection.max_per_group, &rules, &id)?;
        shelf.keep(&mut list, |item| *item)?;
        if newest.is_complete || list.len() >= wanted {
            let shown = list.into_iter().take(wanted).skip(selection.skip);
            return Ok(shown.map(|item| (id_text(id(item)), newest.added[item as usize])).collect());
        }
        // So many were read, so the catalogue has at least as many.
        ask("a list", ITEM_BYTES * MORE * count)?;
        count = count.saturating_mul(MORE);
    }
}
