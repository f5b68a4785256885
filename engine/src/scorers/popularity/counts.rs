//! Popularity: items ranked by their number of users, or, if events decay with age, by the sum of the remaining
//! weights.

use crate::interactions::Interactions;
use crate::ranking::top_n::{Scored, TopN};
use crate::scorers::factors::Segments;

/// m, the number of average users that are added to a segment's own counts. A segment of 20 users thus has half the
/// weight.
const PRIOR_USERS: f32 = 20.0;

/// Items and their popularity, most popular first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Popularity {
    items: Vec<u32>,
    values: Vec<f32>,
}

impl Popularity {
    /// Sorts pairs of item and popularity; items with none are dropped.
    pub fn new(popularity: impl Iterator<Item = (u32, f32)>) -> Self {
        let mut top = TopN::new(usize::MAX);
        popularity.filter(|&(_, value)| value > 0.0).for_each(|(item, value)| top.push(item, value));
        let (items, values) = top.finish().into_iter().map(|scored| (scored.item, scored.score)).unzip();
        Self { items, values }
    }

    /// The popularity of the items of a segment with `users` users, smoothed by that among all users:
    /// (own + m · share) / (users + m). Here `own` is the popularity of `items` within the segment, and share is `all`
    /// of an item divided by `all_users`.
    pub fn of_segment(items: &[u32], own: &[f32], users: usize, all: &[f32], all_users: usize) -> Self {
        let scale = Scale::new(users, all_users);
        let joined = |(&item, &own): (&u32, &f32)| (item, scale.joined(own, all[item as usize]));
        Self::new(items.iter().zip(own).map(joined))
    }

    /// A borrowed view of the list.
    pub fn view(&self) -> Popular<'_> {
        Popular { items: &self.items, values: &self.values }
    }
}

/// The smoothing of a segment's counts by those of all users.
#[derive(Clone, Copy, Debug)]
struct Scale {
    prior: f32,
    total: f32,
}

impl Scale {
    fn new(users: usize, all_users: usize) -> Self {
        Self { prior: PRIOR_USERS / all_users.max(1) as f32, total: users as f32 + PRIOR_USERS }
    }

    fn joined(self, own: f32, all: f32) -> f32 {
        (own + all * self.prior) / self.total
    }
}

/// A borrowed [`Popularity`]: items and values, most popular first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Popular<'a> {
    /// The items, most popular first.
    pub items: &'a [u32],
    /// The popularity of each item.
    pub values: &'a [f32],
}

impl<'a> Popular<'a> {
    /// The items, most popular first; the score is the popularity.
    pub fn items(self) -> impl Iterator<Item = Scored> + 'a {
        self.items.iter().zip(self.values).map(|(&item, &score)| Scored { item, score })
    }

    /// The `n` most popular items that are not in `seen` (ascending).
    pub fn top(self, seen: &[u32], n: usize) -> Vec<Scored> {
        unseen(self.items(), seen, n)
    }
}

/// The popular items of a segment: those its users have, merged with the items that none of them has, ranked by
/// popularity among all users.
#[derive(Clone, Copy, Debug)]
pub struct SegmentPopular<'a> {
    own: Popular<'a>,
    members: &'a [u32],
    all: Popular<'a>,
    scale: Scale,
}

impl<'a> SegmentPopular<'a> {
    /// Merges `own`, a list from [`Popularity::of_segment`] for the segment's items `members` (ascending), with `all`,
    /// the popularity among all users.
    pub fn new(
        own: Popular<'a>,
        members: &'a [u32],
        users: usize,
        all: Popular<'a>,
        all_users: usize,
    ) -> Self {
        Self { own, members, all, scale: Scale::new(users, all_users) }
    }

    /// The items that the segment's users have, most popular first.
    pub fn own(self) -> &'a [u32] {
        self.own.items
    }

    /// All items, most popular first; the score is the smoothed popularity.
    pub fn items(self) -> impl Iterator<Item = Scored> + 'a {
        let Self { own, members, all, scale } = self;
        let mut own = own.items().peekable();
        let others = all.items().filter(move |scored| members.binary_search(&scored.item).is_err());
        let mut others = others
            .map(move |Scored { item, score }| Scored { item, score: scale.joined(0.0, score) })
            .peekable();
        std::iter::from_fn(move || match (own.peek(), others.peek()) {
            (Some(a), Some(b)) if a.order(b).is_gt() => others.next(),
            (Some(_), _) => own.next(),
            (None, _) => others.next(),
        })
    }

    /// The `n` most popular items that are not in `seen` (ascending).
    pub fn top(self, seen: &[u32], n: usize) -> Vec<Scored> {
        unseen(self.items(), seen, n)
    }
}

fn unseen(items: impl Iterator<Item = Scored>, seen: &[u32], n: usize) -> Vec<Scored> {
    items.filter(|scored| seen.binary_search(&scored.item).is_err()).take(n).collect()
}

/// The popularity of each item: its number of users or, if `weighed`, the sum of its confidences.
pub fn item_popularity(interactions: &Interactions, weighed: bool) -> Vec<f32> {
    let by_item = interactions.by_item();
    let of_item = |item| match weighed {
        false => by_item.row_len(item) as f32,
        true => by_item.row(item).1.iter().map(|&value| f64::from(value)).sum::<f64>() as f32,
    };
    (0..by_item.rows()).map(of_item).collect()
}

/// The popularity within each segment, for each entry of [`Segments::items`]; see [`item_popularity`].
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
        let everybody = Popularity::new((0..).zip(all));
        let order = |users, own: &[f32]| -> Vec<u32> {
            let own = Popularity::of_segment(&[1, 2], own, users, &all, 1000);
            let joined = SegmentPopular::new(own.view(), &[1, 2], users, everybody.view(), 1000);
            joined.items().map(|scored| scored.item).collect()
        };
        assert_eq!(order(2, &[1.0, 2.0]), [0, 1, 2]);
        assert_eq!(order(200, &[50.0, 150.0]), [2, 1, 0]);
    }
}
