//! The size of a training's data and the spread of events over items, from which memory and disk usage are estimated.

use super::events::Events;

/// The size of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The number of users.
    pub users: usize,
    /// The number of items.
    pub items: usize,
    /// The number of events; 0 for a training without events.
    pub events: usize,
    /// The number of dimensions of the users' attributes.
    pub dimensions: usize,
    /// The number of threads.
    pub threads: usize,
    /// The spread of events over items.
    pub spread: Spread,
}

/// For each b, the number of items with 2^b to 2^(b + 1) − 1 events, and the sum of their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread([[u64; 2]; 32]);

impl Spread {
    /// Computes the spread of `events`.
    pub fn of(events: &Events) -> Self {
        let mut counts = vec![0u64; events.items().len()];
        for user in 0..events.users().len() {
            events.of_user(user).for_each(|event| counts[event.item as usize] += 1);
        }
        let mut spread = Self::default();
        counts.into_iter().for_each(|count| spread.add(1, count));
        spread
    }

    /// Adds `items` items with `events` events each.
    pub fn add(&mut self, items: u64, events: u64) {
        if let Some(octave) = events.checked_ilog2() {
            let [sum, all] = &mut self.0[octave.min(31) as usize];
            *sum += items;
            *all += items * events;
        }
    }

    /// The expected number of (segment, item) pairs, if users are divided randomly into S segments of equal size:
    /// S · (1 − (1 − 1/S)ⁿ) summed over items with n events each. Unequal sizes, and tastes, reduce it.
    pub fn pairs(&self, segments: usize) -> u64 {
        let segments = segments as f64;
        let expected = |events: f64| segments * (1.0 - (1.0 - 1.0 / segments).powf(events));
        let of_octave = |&[items, events]: &[u64; 2]| match items {
            0 => 0.0,
            _ => items as f64 * expected(events as f64 / items as f64),
        };
        self.0.iter().map(of_octave).sum::<f64>().ceil() as u64
    }
}
