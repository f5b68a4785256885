//! The adjusted Rand index (Hubert & Arabie 1985): the similarity of two divisions of the same users.

use crate::error::{EngineError, Result};
use crate::memory;
use hashbrown::HashMap;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The number of bytes of the first table of a [`Contingency`], rounded up.
const PAIR: usize = 64;

/// Counts how often each pair of labels of two divisions occurs. Users are added one at a time, and two tables can be
/// merged. Each distinct pair takes about 40 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<(u64, u64, u64)>")]
pub struct Contingency {
    counts: HashMap<(u64, u64), u64>,
}

impl Contingency {
    /// Counts one user with label `a` in the first division and `b` in the second.
    ///
    /// # Errors
    /// [`EngineError::NoMemory`].
    pub fn add(&mut self, a: u64, b: u64) -> Result<()> {
        self.reserve()?;
        self.add_many(a, b, 1);
        Ok(())
    }

    fn add_many(&mut self, a: u64, b: u64, users: u64) {
        let count = self.counts.entry((a, b)).or_default();
        *count = count.saturating_add(users);
    }

    /// Adds the counts of other users. `room` is called with the number of bytes before the table grows.
    ///
    /// # Errors
    /// Those of `room`, and [`EngineError::NoMemory`].
    pub fn merge<E: From<EngineError>>(
        &mut self,
        other: &Self,
        mut room: impl FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for (&(a, b), &users) in &other.counts {
            room(self.growth())?;
            self.reserve()?;
            self.add_many(a, b, users);
        }
        Ok(())
    }

    /// The number of bytes that the table takes, and that a copy would take.
    pub fn memory(&self) -> usize {
        self.counts.allocation_size()
    }

    /// The number of bytes that another pair would take, in addition to those already taken until they are copied.
    pub fn growth(&self) -> usize {
        if self.counts.len() < self.counts.capacity() { 0 } else { 2 * self.memory().max(PAIR) }
    }

    fn reserve(&mut self) -> Result<()> {
        match self.growth() {
            0 => Ok(()),
            bytes => memory::ask(bytes, || self.counts.try_reserve(1)),
        }
    }

    /// The adjusted Rand index: the share of pairs of users that both divisions treat alike, scaled so that 0 is
    /// expected by chance and 1 means identical divisions. It is 1 if neither division separates any users, if both
    /// separate all of them, or if there are no users.
    pub fn adjusted_rand(&self) -> f64 {
        let (mut of_a, mut of_b) = (HashMap::<u64, u64>::new(), HashMap::<u64, u64>::new());
        for (&(a, b), &users) in &self.counts {
            *of_a.entry(a).or_default() += users;
            *of_b.entry(b).or_default() += users;
        }
        // The sums are integers, so the order of the tables does not matter.
        let pairs = |users: u64| u128::from(users) * u128::from(users.saturating_sub(1)) / 2;
        let together: u128 = self.counts.values().map(|&users| pairs(users)).sum();
        let only_a = of_a.values().map(|&users| pairs(users)).sum::<u128>() - together;
        let only_b = of_b.values().map(|&users| pairs(users)).sum::<u128>() - together;
        let apart = pairs(of_a.values().sum()) - together - only_a - only_b;
        if only_a == 0 && only_b == 0 {
            return 1.0;
        }
        let [together, only_a, only_b, apart] = [together, only_a, only_b, apart].map(|pairs| pairs as f64);
        2.0 * (together * apart - only_a * only_b)
            / ((together + only_a) * (only_a + apart) + (together + only_b) * (only_b + apart))
    }
}

impl<'de> Deserialize<'de> for Contingency {
    /// Reads the pairs one at a time, because a pair of small labels takes three bytes in the input and dozens in the
    /// table. The only errors besides those of the reader are out of memory.
    fn deserialize<D: Deserializer<'de>>(reader: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Contingency;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("pairs of labels and their counts")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut pairs: A,
            ) -> std::result::Result<Contingency, A::Error> {
                let mut contingency = Contingency::default();
                while let Some((a, b, users)) = pairs.next_element()? {
                    contingency.reserve().map_err(serde::de::Error::custom)?;
                    contingency.add_many(a, b, users);
                }
                Ok(contingency)
            }
        }
        reader.deserialize_seq(Pairs)
    }
}

impl From<Contingency> for Vec<(u64, u64, u64)> {
    /// Sorts by label, so that the same counts are always stored as the same bytes.
    fn from(contingency: Contingency) -> Self {
        let mut counts: Self = contingency.counts.into_iter().map(|((a, b), users)| (a, b, users)).collect();
        counts.sort_unstable();
        counts
    }
}

/// The adjusted Rand index of two divisions of the same users, see [`Contingency::adjusted_rand`]. If one list is
/// longer, its rest is ignored.
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let mut contingency = Contingency::default();
    a.iter().zip(b).for_each(|(&a, &b)| contingency.add_many(u64::from(a), u64::from(b), 1));
    contingency.adjusted_rand()
}
