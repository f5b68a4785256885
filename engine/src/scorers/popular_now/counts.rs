//! Decayed counts: t_j = Σ 2^(−age / half-life), over the users of item j, each by their first event on it: lists show what
//! users do not have yet, so what counts is how many came to an item lately, not how many come back. On Online Retail the
//! counts of first events rank alone at .111 (ndcg@20, by time), those of latest events at .099.
//!
//! Decay is multiplicative, so the counts of all items are kept as of one moment, with one factor for the time since then,
//! and an event that comes later adds 2^(+time / half-life). So an event costs one addition, and the most counted items stay
//! known without looking at all: they are among those before and those to which something was added. Counts within segments
//! are of the same moment.

use super::segment_counts::{SegmentCounts, most_counted};
use crate::interactions::Interactions;
use crate::ranking::{Scored, TopN};
use crate::scorers::new_items::NewItemShares;

/// The half-lives after which counts are written as of a later moment, so that they stay far from the bounds of `f32`.
const MOST_HALF_LIVES: f64 = 60.0;

/// Decayed counts of items as of some moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentCounts {
    /// The counts as of `since`.
    counts: Vec<f32>,
    /// What they are worth now.
    factor: f32,
    /// The most counted items, ascending.
    top: Vec<u32>,
    /// Seconds.
    half_life: f64,
    /// The moment of the counts, in microseconds.
    since: i64,
    /// The sum of the counts.
    sum: f64,
    /// The counts within each segment; empty if segments are not told apart.
    segments: Vec<SegmentCounts>,
    /// If they are, the counts of which the segment is not known: of users who came after the training, and of new items.
    others: SegmentCounts,
}

/// The least part of a count that is beyond rounding.
const LEAST_PART: f64 = 1e-4;

/// An event that came after a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentEvent {
    /// The item.
    pub item: u32,
    /// The time in microseconds.
    pub time: i64,
    /// The segment of the user, if it is known.
    pub segment: Option<u32>,
}

impl RecentCounts {
    /// Counts as of the moment `since` (microseconds), which halve every `half_life` seconds. What is no count becomes 0.
    pub fn new(mut counts: Vec<f32>, half_life: f64, since: i64) -> Self {
        counts.iter_mut().for_each(|count| *count = count.max(0.0));
        let top = most_counted((0..counts.len() as u32).collect(), |item| counts[item as usize]);
        let sum = counts.iter().copied().map(f64::from).sum();
        Self {
            counts,
            factor: 1.0,
            top,
            half_life,
            since,
            sum,
            segments: Vec::new(),
            others: SegmentCounts::default(),
        }
    }

    /// The same counts with those within each segment, as of the same moment. What these do not account for is of no known
    /// segment.
    pub fn by_segment(self, segments: Vec<SegmentCounts>) -> Self {
        let mut rest: Vec<f64> = self.counts.iter().copied().map(f64::from).collect();
        for (item, count) in segments.iter().flat_map(SegmentCounts::counts) {
            if let Some(rest) = rest.get_mut(item as usize) {
                *rest -= f64::from(count);
            }
        }
        let is_left = |(item, rest): &(u32, f64)| *rest > LEAST_PART * f64::from(self.counts[*item as usize]);
        let left = (0..).zip(rest).filter(is_left);
        let (items, rest) = if segments.is_empty() {
            Default::default()
        } else {
            left.map(|(item, rest)| (item, rest as f32)).unzip()
        };
        Self { segments, others: SegmentCounts::new(items, rest), ..self }
    }

    /// Counts the pairs of interactions as of the latest; `None` if events have no times. Takes one power per pair.
    pub fn of(interactions: &Interactions, half_life: f64) -> Option<Self> {
        Some(Self::new(counted(interactions, 0..interactions.users(), half_life)?, half_life, 0))
    }

    /// The counts as of their moment.
    pub fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// The counts within each segment; empty if segments are not told apart.
    pub fn segments(&self) -> &[SegmentCounts] {
        &self.segments
    }

    /// The counts of which the segment is not known; none if segments are not told apart.
    pub fn others(&self) -> &SegmentCounts {
        &self.others
    }

    /// The count of an item now; 0 for an unknown one.
    #[inline]
    pub fn count(&self, item: u32) -> f32 {
        self.counts.get(item as usize).map_or(0.0, |count| count * self.factor)
    }

    /// What the counts are worth now.
    pub fn factor(&self) -> f32 {
        self.factor
    }

    /// The sum of the counts as of their moment.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The most counted items, ascending.
    pub fn top(&self) -> &[u32] {
        &self.top
    }

    /// The most counted items with their counts, most counted first.
    pub fn ranked(&self) -> Vec<Scored> {
        let mut top = TopN::new(self.top.len());
        self.top.iter().for_each(|&item| top.push(item, self.count(item)));
        top.finish()
    }

    /// The score ln(1 + 10 t) of an item; 0 for an unknown one.
    #[inline]
    pub fn score(&self, item: u32) -> f32 {
        (10.0 * self.count(item)).ln_1p()
    }

    /// Adds events, and lets the counts be those of the moment `now`, which must not be before any of them.
    pub fn add(&mut self, events: &[RecentEvent], now: i64) {
        let half_lives = |time: i64, since: i64| time.saturating_sub(since) as f64 / 1e6 / self.half_life;
        if half_lives(now, self.since) > MOST_HALF_LIVES {
            let factor = (-half_lives(now, self.since)).exp2() as f32;
            self.counts.iter_mut().for_each(|count| *count *= factor);
            self.sum *= f64::from(factor);
            self.segments.iter_mut().chain([&mut self.others]).for_each(|own| own.fade(factor));
            self.since = now;
        }
        let half_lives = |time: i64| time.saturating_sub(self.since) as f64 / 1e6 / self.half_life;
        let (mut of_segments, mut of_others) = (vec![Vec::new(); self.segments.len()], Vec::new());
        let mut candidates = self.top.clone();
        for &RecentEvent { item, time, segment } in events {
            let Some(count) = self.counts.get_mut(item as usize) else { continue };
            let worth = half_lives(time.min(now)).exp2() as f32;
            *count += worth;
            self.sum += f64::from(worth);
            candidates.push(item);
            let own = segment.and_then(|segment| of_segments.get_mut(segment as usize));
            own.unwrap_or(&mut of_others).push((item, worth));
        }
        self.factor = (-half_lives(now)).exp2() as f32;
        candidates.sort_unstable();
        candidates.dedup();
        self.top = most_counted(candidates, |item| self.counts[item as usize]);
        self.segments.iter_mut().zip(of_segments).for_each(|(own, added)| own.add(&added));
        if !self.segments.is_empty() {
            self.others.add(&of_others);
        }
    }

    /// The same counts with those of new items, which are such that the score of each is the mean of the scores of the items
    /// that it resembles, times the boost.
    pub fn with_new_items(&self, new: &NewItemShares<'_>) -> Self {
        let mut counts = self.counts.clone();
        for (place, &item) in new.items.iter().enumerate() {
            let (resembled, shares) = new.shares.row(place);
            let scores = resembled.iter().zip(shares).map(|(&other, share)| share * self.score(other));
            let score = new.boost * scores.sum::<f32>();
            if counts.len() <= item as usize {
                counts.resize(item as usize + 1, 0.0);
            }
            counts[item as usize] = score.exp_m1() / 10.0;
        }
        Self::new(counts, self.half_life, self.since).by_segment(self.segments.clone())
    }
}

/// The decayed counts of items as of the latest event, over some users; `None` if events have no times.
pub fn counted(
    interactions: &Interactions,
    users: impl Iterator<Item = usize>,
    half_life: f64,
) -> Option<Vec<f32>> {
    let ages = interactions.ages()?;
    let mut counts = vec![0.0f64; interactions.items()];
    for user in users {
        let (items, _) = interactions.by_user().row(user);
        let ages = &ages[interactions.by_user().range(user)];
        for (&item, &age) in items.iter().zip(ages) {
            counts[item as usize] += (-f64::from(age) / half_life).exp2();
        }
    }
    Some(counts.into_iter().map(|count| count as f32).collect())
}

/// The decayed counts as of the latest event within segments, given by their users; `None` if events have no times.
pub fn counted_in_segments(
    interactions: &Interactions,
    users: &[Vec<u32>],
    half_life: f64,
) -> Option<Vec<SegmentCounts>> {
    let of_segment = |users: &Vec<u32>| {
        let counts = counted(interactions, users.iter().map(|&user| user as usize), half_life)?;
        let chosen = (0..).zip(counts).filter(|(_, count)| *count > 0.0);
        let (items, counts) = chosen.unzip();
        Some(SegmentCounts::new(items, counts))
    };
    users.iter().map(of_segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Duplicates, EventLimits, Events, Id, IdKind, RawEvents, Weighting};
    use crate::observer::Silent;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn users_count_once_an_item_by_their_first_event() {
        let mut raw = RawEvents::new(IdKind::Bigint, IdKind::Bigint, true);
        for (user, item, day) in [(1, 1, 6), (1, 1, 9), (2, 1, 3), (2, 2, 9), (3, 2, 9)] {
            raw.push(Id::Bigint(user), Id::Bigint(item), 5.0, day * DAY);
        }
        let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: 100 };
        let events = Events::new(raw, limits, &Silent).unwrap();
        let weighting =
            Weighting { duplicates: Duplicates::Sum, half_life: None, anchor: 0, ratings: false, shift: 0.0 };
        let interactions = events.interactions(&weighting, |_, _, _| true, &Silent).unwrap();
        let recent = RecentCounts::of(&interactions, 3.0 * 86_400.0).unwrap();
        assert_eq!(recent.counts(), [0.75, 2.0]);
        assert_eq!((recent.top(), recent.score(1), recent.score(7)), (&[0, 1][..], 21f32.ln(), 0.0));
    }

    #[test]
    fn events_that_are_added_count_as_if_they_had_been_there() {
        let all: Vec<(u32, i64)> = (0..3000).map(|n: i64| ((n * n % 401) as u32, n * DAY / 20)).collect();
        let half_life = 7.0 * 86_400.0;
        let now = 150 * DAY;
        let mut by_hand = vec![0.0f64; 401];
        for &(item, time) in &all {
            by_hand[item as usize] += (-((now - time) as f64) / 1e6 / half_life).exp2();
        }
        let event = |&(item, time): &(u32, i64)| RecentEvent { item, time, segment: None };
        let mut recent = RecentCounts::new(vec![0.0; 401], half_life, 0);
        for events in all.chunks(7) {
            let events: Vec<RecentEvent> = events.iter().map(event).collect();
            recent.add(&events, events.iter().map(|event| event.time).max().unwrap());
        }
        recent.add(&[], now);
        for (item, &count) in by_hand.iter().enumerate() {
            let expected = (10.0 * count).ln_1p() as f32;
            assert!((recent.score(item as u32) - expected).abs() < 1e-4 * expected.max(1.0), "{item}");
        }
        // The top is that of all items, though only those to which something was added were looked at.
        let fresh = RecentCounts::new(recent.counts().to_vec(), half_life, 0);
        assert_eq!(recent.top(), fresh.top());
        // After years nothing overflows.
        recent.add(&[event(&(3, 5_000 * DAY))], 5_000 * DAY);
        assert!((recent.score(3) - 11f32.ln()).abs() < 1e-5 && recent.score(4) < 1e-6);
    }
}
