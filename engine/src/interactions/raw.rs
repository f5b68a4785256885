//! Events as they stream in. An event takes 12 bytes, plus 8 with times and 2 with types; one that only marks an item
//! as seen takes 8 bytes, or 16 with times. Both take one more if not all of them count as seen.

use super::ids::{Id, IdKind, IdMap};
use super::seen_rule::SeenRule;

/// Events in order of arrival, with ids numbered in the order in which they are first met.
#[derive(Clone, Debug)]
pub struct RawEvents {
    pub(super) users: IdMap,
    pub(super) items: IdMap,
    pub(super) user: Vec<u32>,
    pub(super) item: Vec<u32>,
    pub(super) weight: Vec<f32>,
    pub(super) time: Option<Vec<i64>>,
    pub(super) types: Option<RawTypes>,
    pub(super) seen: RawSeen,
    /// The numbers of items that are kept although no event is on them.
    pub(super) new_items: Vec<u32>,
    pub(super) now: i64,
    pub(super) seen_rule: SeenRule,
    /// Whether each event counts as seen; empty if all do.
    pub(super) counted: Vec<bool>,
}

/// Pairs of user and item that are seen but do not count.
#[derive(Clone, Debug, Default)]
pub(super) struct RawSeen {
    pub(super) user: Vec<u32>,
    pub(super) item: Vec<u32>,
    /// The times of the pairs; empty if events have no times.
    pub(super) time: Vec<i64>,
    /// Whether each counts as seen; empty if all do.
    pub(super) counted: Vec<bool>,
}

/// The types of the events.
#[derive(Clone, Debug)]
pub(super) struct RawTypes {
    pub(super) names: IdMap,
    pub(super) of_event: Vec<u16>,
}

/// The number of an event without a type, and of types met after 65,535 others.
pub const NO_TYPE: u16 = u16::MAX;

impl RawEvents {
    /// Creates an empty list. If `timed`, every event has a time.
    pub fn new(user_kind: IdKind, item_kind: IdKind, timed: bool) -> Self {
        Self {
            users: IdMap::new(user_kind),
            items: IdMap::new(item_kind),
            user: Vec::new(),
            item: Vec::new(),
            weight: Vec::new(),
            time: timed.then(Vec::new),
            types: None,
            seen: RawSeen::default(),
            new_items: Vec::new(),
            now: i64::MAX,
            seen_rule: SeenRule::default(),
            counted: Vec::new(),
        }
    }

    /// Sets what counts as seen. If only some types do, every event counts of which [`Self::set_unseen`] does not say that
    /// it does not.
    pub fn seen_by(self, seen_rule: SeenRule) -> Self {
        Self { seen_rule, ..self }
    }

    /// Sets the moment of reading (microseconds); later events are in the future.
    pub fn read_at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    /// Keeps the type of every event that is added.
    pub fn typed(self) -> Self {
        Self { types: Some(RawTypes { names: IdMap::new(IdKind::Text), of_event: Vec::new() }), ..self }
    }

    /// Adds an event with a positive finite weight and its time in microseconds.
    pub fn push(&mut self, user: Id<'_>, item: Id<'_>, weight: f32, time: i64) {
        self.user.push(self.users.number(user));
        self.item.push(self.items.number(item));
        self.weight.push(weight);
        if let Some(times) = &mut self.time {
            times.push(time);
        }
        if let Some(types) = &mut self.types {
            types.of_event.push(NO_TYPE);
        }
        if !self.seen_rule.types.is_empty() {
            self.counted.push(true);
        }
    }

    /// Records that a user has an item, without any weight.
    pub fn push_seen(&mut self, user: Id<'_>, item: Id<'_>, time: i64) {
        self.seen.user.push(self.users.number(user));
        self.seen.item.push(self.items.number(item));
        if self.time.is_some() {
            self.seen.time.push(time);
        }
        if !self.seen_rule.types.is_empty() {
            self.seen.counted.push(true);
        }
    }

    /// Records that the event added last does not count as seen; `weightless` says whether it was added by
    /// [`Self::push_seen`]. Does nothing if all types count.
    pub fn set_unseen(&mut self, weightless: bool) {
        let counted = if weightless { &mut self.seen.counted } else { &mut self.counted };
        if let Some(last) = counted.last_mut() {
            *last = false;
        }
    }

    /// Adds an item that is kept even if no event is on it. To be called after all events are added.
    pub fn push_item(&mut self, item: Id<'_>) {
        let known = self.items.ids().len() as u32;
        let number = self.items.number(item);
        if number >= known {
            self.new_items.push(number);
        }
    }

    /// Whether the types of events are kept.
    pub fn keeps_types(&self) -> bool {
        self.types.is_some()
    }

    /// Sets the type of the event added last; does nothing if types are not kept.
    pub fn set_type(&mut self, name: &str) {
        if let Some(RawTypes { names, of_event }) = &mut self.types
            && let Some(last) = of_event.last_mut()
        {
            let known = names.find(Id::Text(name));
            let number = match known {
                None if names.ids().len() >= usize::from(NO_TYPE) => return,
                None => names.number(Id::Text(name)),
                Some(number) => number,
            };
            *last = number as u16;
        }
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.user.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty()
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> u64 {
        let times = if self.time.is_some() { 8 } else { 0 };
        let counted = usize::from(!self.seen_rule.types.is_empty());
        let per_event = 12 + times + counted + if self.types.is_some() { 2 } else { 0 };
        let seen = self.seen.user.capacity() * (8 + times + counted);
        (self.user.capacity() * per_event + seen + self.users.memory() + self.items.memory()) as u64
    }
}
