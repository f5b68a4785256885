//! `segrec_refresh_items`: brings the items of a deployed version up to date with their relation, without a training.
//!
//! Items that the version does not have get rows of their own, as new items get them at a training; those whose rows are
//! gone are withdrawn from all lists, and listed again when their rows are back. The version keeps its number. Sessions
//! see the change when it is committed.

use crate::catalog::models::{self, Model};
use crate::catalog::sources::relations;
use crate::catalog::versions::items::{self, AddedItems};
use crate::catalog::versions::sections;
use crate::commands::access::privileges::trainable_and_locked;
use crate::commands::training::progress::phase;
use crate::commands::training::read::{ReadItems, read_items_again};
use crate::commands::training::training_log::TrainingLog;
use crate::error::{Result, SegrecError};
use crate::pg::process::memory::ask;
use crate::pg::process::workers::Workers;
use crate::serving::session;
use crate::serving::version::ServedVersion;
use crate::settings;
use segrec_engine::features::ItemEncoder;
use segrec_engine::interactions::Ids;
use segrec_engine::scorers::content::ItemDescriber;
use segrec_engine::scorers::new_items::DescribedItems;
use segrec_engine::scorers::sections::NewSection;
use segrec_engine::training::item_content::{ContentMemory, memory};

/// The share of the listed items that a scheduled refresh may withdraw, as by default in SQL.
pub const MOST_WITHDRAWN: f64 = 0.5;

/// What a refresh has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The number of items that got rows.
    pub added: i64,
    /// The number of items that were withdrawn.
    pub withdrawn: i64,
    /// The number of withdrawn items that are listed again.
    pub restored: i64,
}

/// Refreshes the items of a model's deployed version. Fails if more than this share of the listed items would be
/// withdrawn.
pub fn refresh_items(model: Option<&str>, most_withdrawn: Option<f64>) -> Result<Refreshed> {
    let most = most_withdrawn.ok_or(SegrecError::NullArgument { argument: "most_withdrawn" })?;
    if !(0.0..=1.0).contains(&most) {
        let fact = "1 permits that all items are withdrawn, 0 that none is.";
        return Err(SegrecError::InvalidShare { argument: "most_withdrawn", value: most, fact });
    }
    trainable_and_locked(model, |model| refresh(&model, most))
}

/// Refreshes the items of a model that is locked.
pub fn refresh(model: &Model, most_withdrawn: f64) -> Result<Refreshed> {
    let Some(source) = &model.events else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let Some(relation) = &model.items else {
        return Err(SegrecError::Unbound { model: model.name.clone(), argument: "items" });
    };
    // Others may deploy another version until its row is locked.
    let model = Model { deployed_version_id: models::lock_row(model)?.deployed_version_id, ..model.clone() };
    let version = session::version(&model)?;
    let mut log = TrainingLog::of(model.id, None);
    let name = relations::hold(&model.name, "items", relation.relation, &relation.filter)?.name.clone();
    log.announce(phase::READING_ITEMS, format!("reading items of \"{name}\""));
    let later = version.item_describer()?;
    let encoder = later.map(|(encoder, _)| encoder);
    let rows = read_items_again(&model, (relation, source.item_kind), encoder, &version.options)?;

    let known = version.item_ids().len();
    let (mut has_row, mut unknown) = (vec![false; known], Ids::new(source.item_kind));
    for row in 0..rows.ids().len() {
        let id = rows.ids().get(row);
        match version.item_ids().find(id) {
            Some(item) => has_row[item as usize] = true,
            None => {
                unknown.push(id);
            }
        }
    }
    let mut refreshed = relist(&model, version.id(), &has_row, most_withdrawn)?;
    if let Some(later) = later.filter(|_| !unknown.is_empty()) {
        refreshed.added = add(&version, later, &rows, &unknown, &name, &mut log)?;
    }
    if refreshed != Refreshed::default() {
        items::mark_changed(version.id(), refreshed.added as usize)?;
    }
    Ok(refreshed)
}

/// Records which items have rows, and counts those that are withdrawn and restored.
fn relist(model: &Model, version_id: i64, has_row: &[bool], most_withdrawn: f64) -> Result<Refreshed> {
    let before = items::listed(version_id)?;
    let those = |was: Option<bool>, has: bool| -> Vec<u32> {
        let items = (0..).zip(before.iter().zip(has_row));
        items.filter(|(_, (before, row))| **before == was && **row == has).map(|(item, _)| item).collect()
    };
    let listed = before.iter().filter(|before| **before == Some(true)).count();
    let [withdrawn, restored, first] =
        [(Some(true), false), (Some(false), true), (None, true)].map(|(was, has)| those(was, has));
    if withdrawn.len() as f64 > most_withdrawn * listed as f64 {
        let (model, withdrawn) = (model.name.clone(), withdrawn.len());
        return Err(SegrecError::TooManyWithdrawn { model, withdrawn, listed, most: most_withdrawn });
    }
    items::set_listed(version_id, &withdrawn, false)?;
    items::set_listed(version_id, &restored, true)?;
    items::set_listed(version_id, &first, true)?;
    Ok(Refreshed { added: 0, withdrawn: withdrawn.len() as i64, restored: restored.len() as i64 })
}

/// Gives rows to the items that the version does not know, if anything is known about them; returns their number.
fn add(
    version: &ServedVersion,
    (encoder, describer): (&ItemEncoder, &ItemDescriber),
    rows: &ReadItems,
    unknown: &Ids,
    relation: &str,
    log: &mut TrainingLog,
) -> Result<i64> {
    let (ids, workers) = (version.item_ids(), Workers::new(settings::threads())?);
    let known = rows.of_ids(ids.len(), |item| ids.get(item))?;
    let new = rows.of_ids(unknown.len(), |row| unknown.get(row))?;
    let needed = [&known, &new].map(|table| {
        let ContentMemory { kept, search } = memory(table, settings::threads());
        kept + search
    });
    ask("the rows of new items", needed.iter().sum::<u64>() as usize)?;
    let (described, items) =
        log.run(&workers, relation, |observer| describer.describe(encoder, &new, &known, observer))?;
    drop((known, new));
    if !described.is_empty() {
        log.announce(phase::WRITING, format!("writing {} new items", described.len()));
        let mut ids = Ids::new(unknown.kind());
        for &row in &described {
            ids.push(unknown.get(row as usize));
        }
        write(version, &items, &ids, &workers)?;
    }
    Ok(described.len() as i64)
}

/// Writes the rows of new items, which are numbered from the number of items on, and extends the scorers by them.
fn write(version: &ServedVersion, new: &DescribedItems, ids: &Ids, workers: &Workers) -> Result<()> {
    let (version_id, first) = (version.id(), version.item_ids().len());
    items::add_items(version_id, &AddedItems { first, ids, factors: &new.factors })?;
    let numbers: Vec<u32> = (first as u32..).take(ids.len()).collect();
    let listed = sections::list(version_id)?;
    for own in version.opened()? {
        let new = new.numbered(&numbers);
        let extended = workers.run(|observer| own.fitted.with_new_items(&new, observer), |_| ())??;
        let Some(extended) = extended else { continue };
        for (name, section) in extended.sections()? {
            let stored =
                listed.iter().find(|stored| stored.scorer == own.method.name() && stored.name == name);
            if let (NewSection::Sparse(rows), Some(stored)) = (section, stored) {
                let is_new = |item: &u32| *item as usize >= first;
                sections::replace_rows(version_id, stored, rows, |item| {
                    rows.row(item).0.last().is_some_and(is_new)
                })?;
            }
        }
    }
    Ok(())
}
