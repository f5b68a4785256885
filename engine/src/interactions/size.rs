//! The size of a training's data, and how its events spread over items: what memory and disk are estimated from.

use super::events::Events;

/// The size of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Users.
    pub users: usize,
    /// Items.
    pub items: usize,
    /// Events; 0 without them.
    pub events: usize,
    /// Dimensions that describe users.
    pub dimensions: usize,
    /// Threads of the training.
    pub threads: usize,
    /// How the events spread over the items.
    pub spread: Spread,
}

/// How events spread over items: of those with 2^b to 2^(b + 1) − 1 events, how many there are, and their events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread([[u64; 2]; 32]);

impl Spread {
    /// That of events.
    pub fn of(events: &Events) -> Self {
        let mut counts = vec![0u64; events.items().len()];
        for user in 0..events.users().len() {
            events.of_user(user).for_each(|event| counts[event.item as usize] += 1);
        }
        let mut spread = Self::default();
        counts.into_iter().for_each(|count| spread.add(1, count));
        spread
    }

    /// Adds items that have so many events each.
    pub fn add(&mut self, items: u64, events: u64) {
        if let Some(octave) = events.checked_ilog2() {
            let [sum, all] = &mut self.0[octave.min(31) as usize];
            *sum += items;
            *all += items * events;
        }
    }

    /// In how many of so many segments items occur, summed over items: what is expected where users fall into segments of
    /// one size by chance, S · (1 − (1 − 1/S)ⁿ) for n events. Other sizes, and tastes, make it fewer.
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
