//! What is popular: items by the number of users that have them, or where events lose weight with age by
//! the sum of what is left.

use super::top_n::{Scored, TopN};
use crate::factorization::Segments;
use crate::interactions::Interactions;

/// m: a segment's own counts are joined by as many users of everybody. A segment of 20 users is believed
/// half.
const PRIOR_USERS: f32 = 20.0;

/// Items with how popular they are, the most popular first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Popularity {
    order: Vec<Scored>,
}

impl Popularity {
    /// From pairs of item and popularity; items nobody has are left out.
    pub fn new(popularity: impl Iterator<Item = (u32, f32)>) -> Self {
        let mut top = TopN::new(usize::MAX);
        popularity.filter(|&(_, value)| value > 0.0).for_each(|(item, value)| top.push(item, value));
        Self { order: top.finish() }
    }

    /// Of a segment of `users` users, whose `items` (ascending) have popularity `own`, beside everybody:
    /// (own + m · share) / (users + m), where share is an item's popularity with `all_users` users over
    /// their number. Every item that anybody has is there.
    pub fn of_segment(items: &[u32], own: &[f32], users: usize, all: &[f32], all_users: usize) -> Self {
        let prior = PRIOR_USERS / all_users.max(1) as f32;
        let mut values: Vec<f32> = all.iter().map(|&value| value * prior).collect();
        items.iter().zip(own).for_each(|(&item, &value)| values[item as usize] += value);
        let total = users as f32 + PRIOR_USERS;
        Self::new((0..).zip(values.into_iter().map(|value| value / total)))
    }

    /// The items, most popular first; the score is how popular.
    pub fn items(&self) -> impl Iterator<Item = Scored> + '_ {
        self.order.iter().copied()
    }

    /// The `n` most popular items that are not in `seen` (ascending).
    pub fn top(&self, seen: &[u32], n: usize) -> Vec<Scored> {
        self.items().filter(|scored| seen.binary_search(&scored.item).is_err()).take(n).collect()
    }
}

/// How popular every item is: its number of users, or with `weighed` the sum of its confidences.
pub fn item_popularity(interactions: &Interactions, weighed: bool) -> Vec<f32> {
    let by_item = interactions.by_item();
    let of_item = |item| match weighed {
        false => by_item.row_len(item) as f32,
        true => by_item.row(item).1.iter().map(|&value| f64::from(value)).sum::<f64>() as f32,
    };
    (0..by_item.rows()).map(of_item).collect()
}

/// The same within each segment, beside [`Segments::items`].
pub fn segment_popularity(interactions: &Interactions, segments: &Segments, weighed: bool) -> Vec<Vec<f32>> {
    let of_segment = |segment: usize| -> Vec<f32> {
        if !weighed {
            return segments.item_users[segment].iter().map(|&users| users as f32).collect();
        }
        let mut sums = vec![0.0f64; interactions.items()];
        for &user in &segments.users[segment] {
            let (items, values) = interactions.by_user().row(user as usize);
            items.iter().zip(values).for_each(|(&item, &value)| sums[item as usize] += f64::from(value));
        }
        segments.items[segment].iter().map(|&item| sums[item as usize] as f32).collect()
    };
    (0..segments.count()).map(of_segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_segment_is_mostly_what_everybody_has_and_a_large_one_is_itself() {
        let all = [900.0, 90.0, 10.0];
        let order = |users, own: &[f32]| -> Vec<u32> {
            Popularity::of_segment(&[1, 2], own, users, &all, 1000).items().map(|s| s.item).collect()
        };
        assert_eq!(order(2, &[1.0, 2.0]), [0, 1, 2]);
        assert_eq!(order(200, &[50.0, 150.0]), [2, 1, 0]);
    }
}
