//! What a user has done: their current events if an index makes reading them fast and the caller may read them,
//! otherwise the events as of the training.
//!
//! If lists may have what a user takes again, it is told as of now; see [`ServedVersion::moment`].

use super::later_items::LaterItems;
use super::version::ServedVersion;
use crate::catalog::sources::live_events::LiveEvent;
use crate::catalog::versions::users::StoredUser;
use crate::error::Result;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::interactions::recency::ranks;
use segrec_engine::interactions::{Id, ItemOrder, Repeat, SeenRule};
use segrec_engine::ranking::Source;
use segrec_engine::scorers::method::KnownUser;
use segrec_engine::scorers::registry::{reads_ranks, repeats};
use segrec_engine::scorers::repeat;
use std::borrow::Cow;
use std::cmp::Reverse;

/// The items of a user and how much they count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The numbers of items that the model uses, ascending.
    pub items: Vec<u32>,
    /// The confidences of `items`, times their weights.
    pub confidences: Vec<f32>,
    /// The history weights of `items`, if their order counts.
    pub weights: Option<Vec<f32>>,
    /// The ranks of `items` in the order of time; empty if it does not matter.
    ranks: Vec<f32>,
    /// How often the user took each of `items`; empty if that is not known, or lists have nothing that the user has.
    repeats: Vec<Repeat>,
    /// The numbers of those of the user's items, used by the model or not, that count as seen, ascending.
    pub seen: Vec<u32>,
    /// The places of those among the later items, ascending.
    pub later: Vec<u32>,
}

impl History {
    /// Items with their confidences, weighted by their ranks.
    fn ranked(order: ItemOrder, items: Vec<u32>, mut confidences: Vec<f32>, ranks: Vec<f32>) -> Self {
        let weights = order.history_weights(&ranks);
        for (confidence, weight) in confidences.iter_mut().zip(weights.iter().flatten()) {
            *confidence *= weight;
        }
        Self { items, confidences, weights, ranks, ..Self::default() }
    }

    /// The history as of the training.
    pub fn stored(version: &ServedVersion, user: &StoredUser) -> Self {
        let StoredUser { items, confidences, ranks, repeats, .. } = user;
        let order = version.decided.order;
        let history = Self::ranked(order, items.clone(), confidences.clone(), ranks.clone());
        let seen = user.left_out(version.oldest_seen()).into_owned();
        Self { seen, repeats: aged(repeats, version.age()), ..history }
    }

    /// The history as of the training of a user of whom nothing may return.
    pub fn without_returns(version: &ServedVersion, user: &StoredUser) -> Self {
        Self { seen: user.seen().to_vec(), repeats: Vec::new(), ..Self::stored(version, user) }
    }

    /// The source of an item in a list of this user: what they take again, or the `usual` one.
    pub fn source_for(&self, item: u32, usual: Source) -> Source {
        source_for(&self.items, &self.repeats, item, usual)
    }

    /// What lists leave out that have nothing which the user has, unless they take it again.
    pub fn left_out(&self) -> Cow<'_, [u32]> {
        left_out(Cow::Borrowed(&self.seen), &self.items, &self.repeats)
    }

    /// The history from current events, weighted as in training, in which what counts as seen is told by a rule; `None` if
    /// there is no index or the caller may not read them.
    pub fn live(
        version: &ServedVersion,
        user: Id<'_>,
        later: Option<&LaterItems>,
        rule: &SeenRule,
    ) -> Result<Option<Self>> {
        let Some(live) = version.live()? else {
            return Ok(None);
        };
        let first = version.item_ids().len() as u32;
        let number = |item: Id<'_>| {
            let known = version.item_ids().find(item);
            known.or_else(|| Some(first + later?.find(item)?))
        };
        let Some(events) = live.of_user(user, rule, &number)? else { return Ok(None) };
        let (events, beyond): (Vec<LiveEvent>, Vec<LiveEvent>) =
            events.into_iter().partition(|event| event.item < first);
        let later = seen(&beyond, rule).into_iter().map(|item| item - first).collect();
        Ok(Some(Self { seen: seen(&events, rule), later, ..Self::combine(version, events) }))
    }

    /// The items and confidences as scorers take them.
    pub fn known(&self) -> KnownUser<'_> {
        let Self { items, confidences, weights, ranks, repeats, .. } = self;
        KnownUser { items, confidences, weights: weights.as_deref(), ranks, repeats, ..KnownUser::default() }
    }

    /// A guest's items, the newest last, each with the confidence of a typical event.
    pub fn of_items(order: ItemOrder, items: Vec<u32>, mut later: Vec<u32>) -> Self {
        let mut placed: Vec<(u32, i64)> = items.into_iter().zip(0..).collect();
        placed.sort_unstable_by_key(|&(item, place)| (item, Reverse(place)));
        placed.dedup_by_key(|entry| entry.0);
        let (items, places): (Vec<u32>, Vec<i64>) = placed.into_iter().unzip();
        later.sort_unstable();
        later.dedup();
        let (confidences, seen) = (vec![1.0; items.len()], items.clone());
        Self { seen, later, ..Self::ranked(order, items, confidences, ranks(&places)) }
    }

    /// Repeats `Events::interactions` of the engine for one user.
    fn combine(version: &ServedVersion, mut events: Vec<LiveEvent>) -> Self {
        events.sort_unstable_by(|a, b| {
            let weight = |event: &LiveEvent| event.weight.unwrap_or(0.0);
            (a.item, a.time).cmp(&(b.item, b.time)).then(weight(a).total_cmp(&weight(b)))
        });
        let weighting = &version.weighting;
        let mut rows: Vec<(u32, f32, i64)> = Vec::new();
        for group in events.chunk_by(|a, b| a.item == b.item) {
            let item = group[0].item;
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
        let order = version.decided.order;
        let times: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let ranks = if reads_ranks(&version.decided) { ranks(&times) } else { Vec::new() };
        let (items, confidences): (Vec<u32>, Vec<f32>) =
            rows.into_iter().map(|(item, weight, _)| (item, confidence(weight))).unzip();
        let repeats = if repeats(&version.decided.blend) {
            let counted = |event: &&LiveEvent| event.weight.is_some();
            let now = version.moment(events.iter().filter(counted).map(|event| event.time));
            let of_item = |&item: &u32| {
                let first = events.partition_point(|event| event.item < item);
                let own = events[first..].iter().take_while(|event| event.item == item);
                Repeat::of(own.filter(counted).map(|event| event.time), now).unwrap_or_default()
            };
            items.iter().map(of_item).collect()
        } else {
            Vec::new()
        };
        Self { repeats, ..Self::ranked(order, items, confidences, ranks) }
    }
}

/// The items of events that count as seen now, ascending.
fn seen(events: &[LiveEvent], rule: &SeenRule) -> Vec<u32> {
    let now = pg_sys::TimestampTz::from(statement_timestamp());
    let age = |time: i64| now.saturating_sub(time) as f64 / 1e6;
    let counted = events.iter().filter(|event| event.is_seen && rule.holds_at(age(event.time)));
    let mut items: Vec<u32> = counted.map(|event| event.item).collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The source of an item in a list of a user who has `items`: what they take again, or the `usual` one.
pub fn source_for(items: &[u32], repeats: &[Repeat], item: u32, usual: Source) -> Source {
    let is_again = !repeats.is_empty() && items.binary_search(&item).is_ok();
    if is_again { Source::Scorer(repeat::method::NAME) } else { usual }
}

/// How often a user took items, some seconds later.
pub fn aged(repeats: &[Repeat], seconds: f32) -> Vec<Repeat> {
    repeats.iter().map(|own| own.later(seconds)).collect()
}

/// What lists leave out of a user who has `seen`, of whose items the model uses `items`: all of it or, if it is known how often
/// they took `items`, the rest. Both are ascending.
pub fn left_out<'a>(seen: Cow<'a, [u32]>, items: &[u32], repeats: &[Repeat]) -> Cow<'a, [u32]> {
    match repeats {
        [] => seen,
        _ => Cow::Owned(seen.iter().filter(|item| items.binary_search(item).is_err()).copied().collect()),
    }
}
