//! What is popular: items by the number of users that have them.

use super::top_n::{Scored, TopN};

/// Items with their numbers of users, the most popular first.
#[derive(Clone, Debug, PartialEq)]
pub struct Popularity {
    order: Vec<Scored>,
}

impl Popularity {
    /// From pairs of item and number of users; items nobody has are left out.
    pub fn new(counts: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut top = TopN::new(usize::MAX);
        counts.filter(|&(_, users)| users > 0).for_each(|(item, users)| top.push(item, users as f32));
        Self { order: top.finish() }
    }

    /// The items, most popular first; the score is the number of users.
    pub fn items(&self) -> impl Iterator<Item = Scored> + '_ {
        self.order.iter().copied()
    }

    /// The `n` most popular items that are not in `seen` (ascending).
    pub fn top(&self, seen: &[u32], n: usize) -> Vec<Scored> {
        self.items().filter(|scored| seen.binary_search(&scored.item).is_err()).take(n).collect()
    }
}
