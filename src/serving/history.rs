//! What a user has done: from the events as they are now, where an index makes that quick and the
//! caller may read them, else as of the training.

use super::version::ServedVersion;
use crate::catalog::events::LiveEvent;
use crate::catalog::factors::StoredUser;
use crate::error::Result;
use segrec_engine::interactions::Id;

/// The items of a user, ascending, and their confidences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Numbers of items.
    pub items: Vec<u32>,
    /// Their confidences.
    pub confidences: Vec<f32>,
}

impl History {
    /// As of the training.
    pub fn stored(user: &StoredUser) -> Self {
        Self { items: user.items.clone(), confidences: user.confidences.clone() }
    }

    /// As the events are now, weighted as in training; none where that is not known: no index, or the caller
    /// may not read them.
    pub fn live(version: &ServedVersion, user: Id<'_>) -> Result<Option<Self>> {
        let Some(live) = version.live()? else {
            return Ok(None);
        };
        let events = live.of_user(user, &|item| version.item_ids().find(item))?;
        Ok(events.map(|events| Self::combine(version, events)))
    }

    /// Items of a guest: each counts like a usual event.
    pub fn of_items(mut items: Vec<u32>) -> Self {
        items.sort_unstable();
        items.dedup();
        Self { confidences: vec![1.0; items.len()], items }
    }

    /// The same steps as `Events::interactions` of the engine, for one user.
    fn combine(version: &ServedVersion, mut events: Vec<LiveEvent>) -> Self {
        events.sort_unstable_by(|a, b| {
            (a.item, a.time).cmp(&(b.item, b.time)).then(a.weight.total_cmp(&b.weight))
        });
        let weighting = &version.weighting;
        let mut rows: Vec<(u32, f32, i64)> = events
            .chunk_by(|a, b| a.item == b.item)
            .map(|group| {
                let weight = weighting.combine(group.iter().map(|event| (event.weight, event.time)));
                (group[0].item, weight / version.median_weight, group[group.len() - 1].time)
            })
            .filter(|&(_, confidence, _)| weighting.counts(confidence))
            .collect();
        let most = version.options.events.max_user_events;
        if rows.len() > most {
            rows.sort_unstable_by(|a, b| b.2.cmp(&a.2).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));
            rows.truncate(most);
            rows.sort_unstable_by_key(|row| row.0);
        }
        let (items, confidences) = rows.into_iter().map(|(item, confidence, _)| (item, confidence)).unzip();
        Self { items, confidences }
    }
}
