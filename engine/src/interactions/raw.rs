//! Events as they stream in: 12 bytes each, 8 more with times, 2 more with types. Those that count nothing are only seen:
//! 8 bytes, or 16 with times.

use super::ids::{Id, IdKind, IdMap};

/// Events in the order they arrive; ids are numbered as met.
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
    pub(super) now: i64,
}

/// Who has what without that it counts.
#[derive(Clone, Debug, Default)]
pub(super) struct RawSeen {
    pub(super) user: Vec<u32>,
    pub(super) item: Vec<u32>,
    /// As long as these where events have times.
    pub(super) time: Vec<i64>,
}

/// The type of every event.
#[derive(Clone, Debug)]
pub(super) struct RawTypes {
    pub(super) names: IdMap,
    pub(super) of_event: Vec<u16>,
}

/// The number of an event without a type, and of those met after 65,535 others.
pub const NO_TYPE: u16 = u16::MAX;

impl RawEvents {
    /// No events yet. With `timed`, every event has a time.
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
            now: i64::MAX,
        }
    }

    /// The same, read at a moment (microseconds): what is later lies in the future.
    pub fn read_at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    /// The same, and every event that is added keeps its type.
    pub fn typed(self) -> Self {
        Self { types: Some(RawTypes { names: IdMap::new(IdKind::Text), of_event: Vec::new() }), ..self }
    }

    /// Adds an event: a positive finite weight, and its time in microseconds.
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
    }

    /// Adds an event that counts nothing: its user has the item all the same.
    pub fn push_seen(&mut self, user: Id<'_>, item: Id<'_>, time: i64) {
        self.seen.user.push(self.users.number(user));
        self.seen.item.push(self.items.number(item));
        if self.time.is_some() {
            self.seen.time.push(time);
        }
    }

    /// True where events keep their types.
    pub fn keeps_types(&self) -> bool {
        self.types.is_some()
    }

    /// Says the type of the event that was added last, where types are kept.
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

    /// Number of events.
    pub fn len(&self) -> usize {
        self.user.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty()
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> u64 {
        let times = if self.time.is_some() { 8 } else { 0 };
        let per_event = 12 + times + if self.types.is_some() { 2 } else { 0 };
        let seen = self.seen.user.capacity() * (8 + times);
        (self.user.capacity() * per_event + seen + self.users.memory() + self.items.memory()) as u64
    }
}
