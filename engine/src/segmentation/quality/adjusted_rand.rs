//! The adjusted Rand index (Hubert & Arabie 1985): how alike two divisions of the same users are.

use crate::error::{EngineError, Result};
use crate::memory;
use hashbrown::HashMap;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes of the first table of a [`Contingency`], or somewhat more.
const PAIR: usize = 64;

/// How often each pair of labels of two divisions met: grows by one user at a time, and two of them
/// add up. 40 bytes or so for each pair that occurs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<(u64, u64, u64)>")]
pub struct Contingency {
    counts: HashMap<(u64, u64), u64>,
}

impl Contingency {
    /// Counts one user with label `a` in the one division and `b` in the other.
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

    /// Adds the counts of other users; `room` is asked about the bytes before the table grows.
    ///
    /// # Errors
    /// Of `room`, [`EngineError::NoMemory`].
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

    /// Bytes it holds, or its copy would.
    pub fn memory(&self) -> usize {
        self.counts.allocation_size()
    }

    /// Bytes it would take for one more pair, beside those it holds until they are copied.
    pub fn growth(&self) -> usize {
        if self.counts.len() < self.counts.capacity() { 0 } else { 2 * self.memory().max(PAIR) }
    }

    fn reserve(&mut self) -> Result<()> {
        match self.growth() {
            0 => Ok(()),
            bytes => memory::ask(bytes, || self.counts.try_reserve(1)),
        }
    }

    /// The adjusted Rand index: the share of pairs of users that both divisions treat alike, where 0 is what
    /// chance gives and 1 is the same division. 1 where neither division divides, or both divide
    /// everybody; also without users.
    pub fn adjusted_rand(&self) -> f64 {
        let (mut of_a, mut of_b) = (HashMap::<u64, u64>::new(), HashMap::<u64, u64>::new());
        for (&(a, b), &users) in &self.counts {
            *of_a.entry(a).or_default() += users;
            *of_b.entry(b).or_default() += users;
        }
        // Whole numbers until here, so the order of the tables does not matter.
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
    /// Pair by pair: a pair of small labels is three bytes where it is read, and dozens in the table. The only
    /// errors beside those of the reader are of memory.
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
    /// In the order of labels: the same counts give the same bytes.
    fn from(contingency: Contingency) -> Self {
        let mut counts: Self = contingency.counts.into_iter().map(|((a, b), users)| (a, b, users)).collect();
        counts.sort_unstable();
        counts
    }
}

/// The adjusted Rand index of two divisions of the same users, see [`Contingency::adjusted_rand`]. Where
/// one is longer its rest is left out.
pub fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let mut contingency = Contingency::default();
    a.iter().zip(b).for_each(|(&a, &b)| contingency.add_many(u64::from(a), u64::from(b), 1));
    contingency.adjusted_rand()
}
