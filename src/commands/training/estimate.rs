//! `segrec_estimate`: estimates the resources of a training; and rejects trainings that would exceed the available
//! memory.

use super::read::{TrainingData, item_columns, read_items, user_columns};
use crate::catalog::sources::{count_events, relations};
use crate::commands::access::privileges::{reads, trainable};
use crate::commands::models::options::check_options;
use crate::error::{Result, SegrecError};
use crate::pg::process::memory::limit_below;
use crate::settings;
use segrec_engine::interactions::Events;
use segrec_engine::interactions::{Size, Spread};
use segrec_engine::options::{Options, parse_options};
use segrec_engine::training::estimate::{dimensions, memory_with, reading, stored};
use segrec_engine::training::item_content::{self, ContentMemory};
use segrec_engine::training::new_users;

/// By how many per cent an estimate may be too low. A training may exceed `segrec.training_memory` by that much, but
/// must not exceed the memory of the system, which would crash the server.
const SHORT_PERCENT: u64 = 15;

/// The estimated size and resources of a training.
#[derive(Clone, Copy, Debug)]
pub struct TrainingEstimate {
    pub users: i64,
    /// The number of items; `None` without events.
    pub items: Option<i64>,
    /// The number of event rows; `None` without events.
    pub events: Option<i64>,
    /// Bytes of memory at the peak.
    pub memory: i64,
    /// Bytes of memory allowed: `segrec.training_memory`.
    pub allowed: i64,
    /// Bytes of disk space of the version.
    pub disk: i64,
}

/// Estimates a training of a model from the counts of rows that the caller can see.
pub fn estimate(model: Option<&str>) -> Result<TrainingEstimate> {
    let model = trainable(model)?;
    let options = parse_options(&model.options).map_err(SegrecError::InvalidOptions)?;
    check_options(&options, reads(&model))?;
    let spread = Spread::default();
    let mut size =
        Size { users: 0, items: 0, events: 0, threads: settings::threads(), dimensions: 0, spread };
    let (mut timed, mut described, mut of_attributes) = (false, 0, 0);
    let mut content = ContentMemory::default();
    if let Some(source) = &model.events {
        let columns = relations::model_events(&model, source)?;
        ([size.events, size.users, size.items], size.spread) = count_events::size(&columns)?;
        timed = columns.time.is_some();
    }
    if let Some(users) = &model.users {
        let columns = user_columns(&model.name, users, model.user_kind, &[&options])?;
        let table = columns.read_all(settings::training_memory())?.table;
        size.users = size.users.max(table.rows());
        size.dimensions = table.columns().iter().map(dimensions).sum();
        described = table.memory() + new_users::memory(&table, size.items, &options, size.threads);
        of_attributes = new_users::stored(&table, size.items, &options);
    }
    if let (Some(source), Some(items)) = (&model.events, &model.items)
        && let Some(columns) = item_columns(&model.name, items, source.item_kind, &options)?
    {
        for table in read_items(&columns, &options, settings::training_memory())? {
            let own = item_content::memory(&table, size.threads);
            described += table.memory();
            content = ContentMemory { kept: content.kept + own.kept, search: content.search + own.search };
        }
    }
    let needed = (memory_with(size, &options, content) + described).max(reading(size, timed));
    let counted = |count: usize| model.events.as_ref().map(|_| count as i64);
    Ok(TrainingEstimate {
        users: size.users as i64,
        items: counted(size.items),
        events: counted(size.events),
        memory: needed as i64,
        allowed: settings::training_memory() as i64,
        disk: (stored(size, &options) + of_attributes) as i64,
    })
}

/// Rejects a training that would take more memory than allowed or available, before it starts.
pub fn check_memory(data: &TrainingData, options: &Options) -> Result<()> {
    check_memory_beside(data, data.events.as_ref(), options, 0)
}

/// Rejects a training on `events` that would take more memory than allowed or available together with `beside` bytes.
pub fn check_memory_beside(
    data: &TrainingData,
    events: Option<&Events>,
    options: &Options,
    beside: u64,
) -> Result<()> {
    let allowed = settings::training_memory();
    let count = |of: fn(&Events) -> usize| events.map_or(0, of);
    let size = Size {
        users: data.ids.len(),
        items: count(|events| events.items().len()),
        events: count(Events::len),
        threads: settings::threads(),
        dimensions: data.user_data.table.columns().iter().map(dimensions).sum(),
        spread: events.map_or_else(Spread::default, Spread::of),
    };
    let items = &data.user_data.items;
    let users = &data.user_data.table;
    let more = memory_with(size, options, item_content::memory(items, size.threads))
        + new_users::memory(users, size.items, options, size.threads)
        + beside;
    let seen = events.map_or(0, Events::seen_memory);
    let needed = more + users.memory() + items.memory() + seen;
    if needed <= allowed {
        let limit = limit_below(more + more / 100 * SHORT_PERCENT);
        return limit.map_or(Ok(()), |limit| Err(SegrecError::NoMemory { needed, limit }));
    }
    let mut what = vec![format!("{} users", size.users)];
    if events.is_some() {
        what.push(format!(
            "{} items, {} events, {} factors",
            size.items,
            size.events,
            options.als.most_factors()
        ));
    }
    if size.dimensions > 0 {
        what.push(format!("{} dimensions of their attributes", size.dimensions));
    }
    Err(SegrecError::Memory { needed, allowed, what: what.join(", ") })
}
