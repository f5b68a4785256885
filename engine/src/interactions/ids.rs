//! Ids of users and items: the caller's ids (bigint, uuid or text), and the numbers 0, 1, 2 … that represent them
//! internally. Numbers follow the order of the ids, so they do not depend on the order in which events arrive.

use crate::seed::hash_bytes;
use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;
use strum::{EnumString, IntoStaticStr};

/// The type of ids in a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum IdKind {
    /// smallint, integer or bigint.
    Bigint,
    /// uuid.
    Uuid,
    /// text, varchar or char.
    Text,
}

impl IdKind {
    /// The name of the SQL type.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A borrowed id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// An integer.
    Bigint(i64),
    /// The 16 bytes of a uuid.
    Uuid([u8; 16]),
    /// A string.
    Text(&'a str),
}

/// A list of ids of one kind; the number of an id is its index.
#[derive(Clone, Debug, PartialEq)]
pub enum Ids {
    /// Integers.
    Bigint(Vec<i64>),
    /// Uuids.
    Uuid(Vec<[u8; 16]>),
    /// Strings, concatenated in one buffer: string n ends at `ends[n]`.
    Text {
        /// The concatenated strings.
        bytes: String,
        /// The end of each string in `bytes`.
        ends: Vec<usize>,
    },
}

impl Ids {
    /// Creates an empty list.
    pub fn new(kind: IdKind) -> Self {
        match kind {
            IdKind::Bigint => Self::Bigint(Vec::new()),
            IdKind::Uuid => Self::Uuid(Vec::new()),
            IdKind::Text => Self::Text { bytes: String::new(), ends: Vec::new() },
        }
    }

    /// The kind of the ids.
    pub fn kind(&self) -> IdKind {
        match self {
            Self::Bigint(_) => IdKind::Bigint,
            Self::Uuid(_) => IdKind::Uuid,
            Self::Text { .. } => IdKind::Text,
        }
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        match self {
            Self::Bigint(ids) => ids.len(),
            Self::Uuid(ids) => ids.len(),
            Self::Text { ends, .. } => ends.len(),
        }
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id with this number.
    pub fn get(&self, number: usize) -> Id<'_> {
        match self {
            Self::Bigint(ids) => Id::Bigint(ids[number]),
            Self::Uuid(ids) => Id::Uuid(ids[number]),
            Self::Text { bytes, ends } => {
                let start = if number == 0 { 0 } else { ends[number - 1] };
                Id::Text(&bytes[start..ends[number]])
            }
        }
    }

    /// Appends an id; returns false, and appends nothing, if it is of another kind.
    pub fn push(&mut self, id: Id<'_>) -> bool {
        match (self, id) {
            (Self::Bigint(ids), Id::Bigint(id)) => ids.push(id),
            (Self::Uuid(ids), Id::Uuid(id)) => ids.push(id),
            (Self::Text { bytes, ends }, Id::Text(id)) => {
                bytes.push_str(id);
                ends.push(bytes.len());
            }
            _ => return false,
        }
        true
    }

    /// Copies the ids with the given numbers, in that order.
    pub fn select(&self, numbers: &[u32]) -> Self {
        let mut selected = Self::new(self.kind());
        for &number in numbers {
            selected.push(self.get(number as usize));
        }
        selected
    }

    /// The numbers of all ids, sorted by id.
    pub fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        match self {
            Self::Bigint(ids) => order.sort_unstable_by_key(|&n| ids[n as usize]),
            Self::Uuid(ids) => order.sort_unstable_by_key(|&n| ids[n as usize]),
            Self::Text { .. } => {
                order.sort_unstable_by(|&a, &b| match (self.get(a as usize), self.get(b as usize)) {
                    (Id::Text(a), Id::Text(b)) => a.cmp(b),
                    _ => a.cmp(&b),
                })
            }
        }
        order
    }

    /// A hash of an id that is the same on all machines and in all releases.
    pub fn stable_hash(&self, number: usize, seed: u64) -> u64 {
        match self.get(number) {
            Id::Bigint(id) => hash_bytes(seed, &id.to_le_bytes()),
            Id::Uuid(id) => hash_bytes(seed, &id),
            Id::Text(id) => hash_bytes(seed, id.as_bytes()),
        }
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        match self {
            Self::Bigint(ids) => ids.capacity() * 8,
            Self::Uuid(ids) => ids.capacity() * 16,
            Self::Text { bytes, ends } => bytes.capacity() + ends.capacity() * 8,
        }
    }
}

/// Borrowed sorted ids, for example in a mapped file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SortedIds<'a> {
    /// Integers.
    Bigint(&'a [i64]),
    /// Uuids.
    Uuid(&'a [[u8; 16]]),
    /// UTF-8 strings, concatenated: string n ends at `ends[n]`.
    Text {
        /// The concatenated strings.
        bytes: &'a [u8],
        /// The end of each string in `bytes`.
        ends: &'a [u64],
    },
}

impl<'a> SortedIds<'a> {
    /// The kind of the ids.
    pub fn kind(self) -> IdKind {
        match self {
            Self::Bigint(_) => IdKind::Bigint,
            Self::Uuid(_) => IdKind::Uuid,
            Self::Text { .. } => IdKind::Text,
        }
    }

    /// The number of ids.
    pub fn len(self) -> usize {
        match self {
            Self::Bigint(ids) => ids.len(),
            Self::Uuid(ids) => ids.len(),
            Self::Text { ends, .. } => ends.len(),
        }
    }

    /// Whether the list is empty.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    fn bytes(bytes: &'a [u8], ends: &'a [u64], number: usize) -> &'a [u8] {
        let start = if number == 0 { 0 } else { ends[number - 1] };
        &bytes[start as usize..ends[number] as usize]
    }

    /// The id with this number.
    pub fn get(self, number: usize) -> Id<'a> {
        match self {
            Self::Bigint(ids) => Id::Bigint(ids[number]),
            Self::Uuid(ids) => Id::Uuid(ids[number]),
            Self::Text { bytes, ends } => {
                Id::Text(std::str::from_utf8(Self::bytes(bytes, ends, number)).unwrap_or_default())
            }
        }
    }

    /// The number of an id, by binary search; `None` if it is unknown.
    pub fn find(self, id: Id<'_>) -> Option<u32> {
        let found = match (self, id) {
            (Self::Bigint(ids), Id::Bigint(id)) => ids.binary_search(&id).ok(),
            (Self::Uuid(ids), Id::Uuid(id)) => ids.binary_search(&id).ok(),
            (Self::Text { bytes, ends }, Id::Text(id)) => {
                let (mut low, mut high) = (0, ends.len());
                while low < high {
                    let middle = low + (high - low) / 2;
                    match Self::bytes(bytes, ends, middle).cmp(id.as_bytes()) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Greater => high = middle,
                        std::cmp::Ordering::Equal => return Some(middle as u32),
                    }
                }
                None
            }
            _ => None,
        };
        found.map(|number| number as u32)
    }
}

/// Borrowed ids whose numbers need not follow their order, as when items were added later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberedIds<'a> {
    /// The ids in order.
    pub sorted: SortedIds<'a>,
    /// The number of each of the sorted ids, and the place of each number among them; both empty if these are the same.
    pub numbers: [&'a [u32]; 2],
}

impl<'a> NumberedIds<'a> {
    /// The kind of the ids.
    pub fn kind(self) -> IdKind {
        self.sorted.kind()
    }

    /// The number of ids.
    pub fn len(self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.sorted.is_empty()
    }

    /// The id with this number.
    pub fn get(self, number: usize) -> Id<'a> {
        self.sorted.get(self.numbers[1].get(number).map_or(number, |&place| place as usize))
    }

    /// The number of an id, by binary search; `None` if it is unknown.
    pub fn find(self, id: Id<'_>) -> Option<u32> {
        let place = self.sorted.find(id)?;
        Some(self.numbers[0].get(place as usize).copied().unwrap_or(place))
    }
}

/// Ids with a hash table from id to number.
#[derive(Clone, Debug)]
pub struct IdMap {
    ids: Ids,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

fn hash_of(hasher: &DefaultHashBuilder, id: Id<'_>) -> u64 {
    match id {
        Id::Bigint(id) => hasher.hash_one(id),
        Id::Uuid(id) => hasher.hash_one(u128::from_le_bytes(id)),
        Id::Text(id) => hasher.hash_one(id),
    }
}

impl IdMap {
    /// Creates an empty map.
    pub fn new(kind: IdKind) -> Self {
        Self { ids: Ids::new(kind), table: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }

    /// Builds a map from ids that are already numbered.
    pub fn from_ids(ids: Ids) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut table = HashTable::with_capacity(ids.len());
        for number in 0..ids.len() {
            let hash = hash_of(&hasher, ids.get(number));
            table.insert_unique(hash, number as u32, |&n| hash_of(&hasher, ids.get(n as usize)));
        }
        Self { ids, table, hasher }
    }

    /// The number of an id; `None` if it is unknown.
    pub fn find(&self, id: Id<'_>) -> Option<u32> {
        self.table.find(hash_of(&self.hasher, id), |&n| self.ids.get(n as usize) == id).copied()
    }

    /// The number of an id; an unknown id gets the next number.
    pub fn number(&mut self, id: Id<'_>) -> u32 {
        let hash = hash_of(&self.hasher, id);
        if let Some(&number) = self.table.find(hash, |&n| self.ids.get(n as usize) == id) {
            return number;
        }
        let number = self.ids.len() as u32;
        if self.ids.push(id) {
            let (ids, hasher) = (&self.ids, &self.hasher);
            self.table.insert_unique(hash, number, |&n| hash_of(hasher, ids.get(n as usize)));
        }
        number
    }

    /// The ids, by number.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Drops the hash table and returns the ids.
    pub fn into_ids(self) -> Ids {
        self.ids
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        self.ids.memory() + self.table.capacity() * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again_for_every_kind_of_id() {
        let uuids = [[1u8; 16], [2u8; 16]];
        for (kind, ids) in [
            (IdKind::Bigint, vec![Id::Bigint(-5), Id::Bigint(i64::MAX)]),
            (IdKind::Uuid, vec![Id::Uuid(uuids[0]), Id::Uuid(uuids[1])]),
            (IdKind::Text, vec![Id::Text(""), Id::Text("naïve 'id' \"x\"")]),
        ] {
            let mut map = IdMap::new(kind);
            for (n, &id) in ids.iter().enumerate() {
                assert_eq!(map.number(id), n as u32);
                assert_eq!(map.number(id), n as u32);
            }
            let again = IdMap::from_ids(map.ids().clone());
            assert_eq!(again.find(ids[1]), Some(1));
            assert_eq!(again.ids().get(0), ids[0]);
        }
    }

    #[test]
    fn sorted_ids_are_found_where_they_lie() {
        let (bytes, ends) = ("aabnaïveé".as_bytes(), [0, 2, 3, 9, 11]);
        let text = SortedIds::Text { bytes, ends: &ends };
        for (number, id) in ["", "aa", "b", "naïve", "é"].into_iter().enumerate() {
            assert_eq!(text.get(number), Id::Text(id));
            assert_eq!(text.find(Id::Text(id)), Some(number as u32));
        }
        assert_eq!(text.find(Id::Text("ab")), None);
        let integers = SortedIds::Bigint(&[-7, 3, i64::MAX]);
        assert_eq!(integers.find(Id::Bigint(i64::MAX)), Some(2));
        assert_eq!(integers.find(Id::Bigint(4)), None);
        assert_eq!(integers.find(Id::Text("3")), None);
    }

    #[test]
    fn ids_that_were_added_later_keep_their_numbers() {
        let sorted = SortedIds::Bigint(&[-7, 3, 5, 9]);
        let added = NumberedIds { sorted, numbers: [&[0, 3, 1, 2], &[0, 2, 3, 1]] };
        for (number, id) in [-7, 5, 9, 3].into_iter().enumerate() {
            assert_eq!(added.get(number), Id::Bigint(id));
            assert_eq!(added.find(Id::Bigint(id)), Some(number as u32));
        }
        assert_eq!(added.find(Id::Bigint(4)), None);
        let same = NumberedIds { sorted, numbers: [&[], &[]] };
        assert_eq!((same.get(1), same.find(Id::Bigint(9)), same.len()), (Id::Bigint(3), Some(3), 4));
    }

    #[test]
    fn order_follows_the_ids_not_their_arrival() {
        let mut ids = Ids::new(IdKind::Text);
        ["pear", "apple", "fig"].iter().for_each(|id| assert!(ids.push(Id::Text(id))));
        assert_eq!(ids.order(), [1, 2, 0]);
    }
}
