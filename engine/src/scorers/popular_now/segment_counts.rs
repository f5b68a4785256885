//! Decayed counts within one segment, of the items that its users chose.

/// The number of the most counted items that are candidates of every list.
pub const MOST_COUNTED: usize = 200;

/// The [`MOST_COUNTED`] most counted of some items, which are given in ascending order and stay so.
pub fn most_counted(mut items: Vec<u32>, count: impl Fn(u32) -> f32) -> Vec<u32> {
    items.retain(|&item| count(item) > 0.0);
    if items.len() > MOST_COUNTED {
        items.select_nth_unstable_by(MOST_COUNTED, |&a, &b| count(b).total_cmp(&count(a)).then(a.cmp(&b)));
        items.truncate(MOST_COUNTED);
        items.sort_unstable();
    }
    items
}

/// The counts of the items of a segment, as of the same moment as everybody's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentCounts {
    /// Ascending.
    items: Vec<u32>,
    counts: Vec<f32>,
    /// The most counted items, ascending.
    top: Vec<u32>,
    sum: f64,
}

impl SegmentCounts {
    /// The counts of items, which are ascending. What is no count becomes 0.
    pub fn new(items: Vec<u32>, mut counts: Vec<f32>) -> Self {
        counts.iter_mut().for_each(|count| *count = count.max(0.0));
        let sum = counts.iter().copied().map(f64::from).sum();
        let places = most_counted((0..items.len() as u32).collect(), |place| counts[place as usize]);
        let top = places.into_iter().map(|place| items[place as usize]).collect();
        Self { items, counts, top, sum }
    }

    /// The count of an item.
    #[inline]
    pub fn count(&self, item: u32) -> f32 {
        let place = self.items.binary_search(&item).ok();
        place.and_then(|place| self.counts.get(place)).copied().unwrap_or(0.0)
    }

    /// Looks up the counts of ascending items, which takes little more than to walk past them.
    pub fn ascending(&self) -> AscendingCounts<'_> {
        AscendingCounts { items: &self.items, counts: &self.counts }
    }

    /// The items, ascending, with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.items.iter().copied().zip(self.counts.iter().copied())
    }

    /// The sum of the counts.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The most counted items, ascending.
    pub fn top(&self) -> &[u32] {
        &self.top
    }

    /// Multiplies all counts.
    pub fn fade(&mut self, factor: f32) {
        self.counts.iter_mut().for_each(|count| *count *= factor);
        self.sum *= f64::from(factor);
    }

    /// Adds to the counts of items, in any order, of which any may be new here.
    pub fn add(&mut self, added: &[(u32, f32)]) {
        if added.is_empty() {
            return;
        }
        let mut candidates = self.top.clone();
        let mut new = Vec::new();
        for &(item, worth) in added {
            match self.items.binary_search(&item) {
                Ok(place) => self.counts[place] += worth,
                Err(_) => new.push((item, worth)),
            }
            self.sum += f64::from(worth);
            candidates.push(item);
        }
        if !new.is_empty() {
            let mut all: Vec<(u32, f32)> = self.items.drain(..).zip(self.counts.drain(..)).collect();
            all.extend(new);
            all.sort_by_key(|own| own.0);
            all.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
            (self.items, self.counts) = all.into_iter().unzip();
        }
        candidates.sort_unstable();
        candidates.dedup();
        self.top = most_counted(candidates, |item| self.count(item));
    }
}

/// The counts of the items from a place on.
#[derive(Clone, Copy, Debug)]
pub struct AscendingCounts<'a> {
    items: &'a [u32],
    counts: &'a [f32],
}

impl AscendingCounts<'_> {
    /// The count of an item that is not before the last one that was asked for.
    #[inline]
    pub fn next(&mut self, item: u32) -> f32 {
        let mut step = 1;
        while self.items.get(step - 1).is_some_and(|own| *own < item) {
            (self.items, self.counts) = (&self.items[step..], &self.counts[step..]);
            step *= 2;
        }
        let near = &self.items[..step.min(self.items.len())];
        let place = near.partition_point(|own| *own < item);
        (self.items, self.counts) = (&self.items[place..], &self.counts[place..]);
        if self.items.first() == Some(&item) { self.counts[0] } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_are_added_are_those_of_all_events_at_once() {
        let events: Vec<(u32, f32)> = (0..4000u32).map(|n| (n * n % 977, 1.0 + (n % 7) as f32)).collect();
        let mut by_hand = vec![0.0; 977];
        events.iter().for_each(|&(item, worth)| by_hand[item as usize] += worth);
        let mut own = SegmentCounts::new(vec![3, 900], vec![2.0, f32::NAN]);
        by_hand[3] += 2.0;
        events.chunks(13).for_each(|added| own.add(added));
        assert!((0..977).all(|item| own.count(item) == by_hand[item as usize]));
        let mut ascending = own.ascending();
        assert!((0..2000).step_by(3).all(|item| ascending.next(item) == own.count(item)));
        assert_eq!(own.ascending().next(960), own.count(960));
        assert_eq!((own.count(5000), own.sum()), (0.0, f64::from(by_hand.iter().sum::<f32>())));
        assert_eq!(own.top(), most_counted((0..977).collect(), |item| by_hand[item as usize]));
        own.fade(0.5);
        assert_eq!(own.count(3), by_hand[3] / 2.0);
    }
}
