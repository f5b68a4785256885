//! What a user has done: from the events as they are now, where an index makes that quick and the
//! caller may read them, else as of the training.

use super::version::ServedVersion;
use crate::catalog::sources::live_events::LiveEvent;
use crate::catalog::versions::users::StoredUser;
use crate::error::Result;
use segrec_engine::interactions::Id;

/// The items of a user, ascending, and their confidences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Numbers of items that count.
    pub items: Vec<u32>,
    pub confidences: Vec<f32>,
    /// Numbers of all items that the user has, ascending: those that count among them.
    pub seen: Vec<u32>,
}

impl History {
    /// As of the training.
    pub fn stored(user: &StoredUser) -> Self {
        let StoredUser { items, confidences, .. } = user;
        Self { items: items.clone(), confidences: confidences.clone(), seen: user.seen().to_vec() }
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
        Self { confidences: vec![1.0; items.len()], seen: items.clone(), items }
    }

    /// The same steps as `Events::interactions` of the engine, for one user.
    fn combine(version: &ServedVersion, mut events: Vec<LiveEvent>) -> Self {
        events.sort_unstable_by(|a, b| {
            let weight = |event: &LiveEvent| event.weight.unwrap_or(0.0);
            (a.item, a.time).cmp(&(b.item, b.time)).then(weight(a).total_cmp(&weight(b)))
        });
        let weighting = &version.weighting;
        let mut rows: Vec<(u32, f32, i64)> = Vec::new();
        let mut seen = Vec::new();
        for group in events.chunk_by(|a, b| a.item == b.item) {
            let item = group[0].item;
            seen.push(item);
            let counted = || group.iter().filter_map(|event| Some((event.weight?, event.time)));
            let Some((_, latest)) = counted().next_back() else { continue };
            let weight = weighting.combine(counted());
            if weighting.counts(weight) {
                rows.push((item, weight, latest));
            }
        }
        let most = version.options.events.max_user_events;
        if rows.len() > most {
            rows.sort_unstable_by(|a, b| b.2.cmp(&a.2).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));
            rows.truncate(most);
            rows.sort_unstable_by_key(|row| row.0);
        }
        let confidence = |weight| weighting.confidence(weight, version.median_weight);
        let (items, confidences) =
            rows.into_iter().map(|(item, weight, _)| (item, confidence(weight))).unzip();
        Self { items, confidences, seen }
    }
}
