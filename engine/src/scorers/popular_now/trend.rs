//! What rises: items by how much of what happens now is on them, beside how much of what happened before was.
//!
//! Each event of a window counts for now with 2^(−age / half-life), and with the rest for before. If r_j and b_j are the sums
//! of item j, the expectation is e_j = b_j Σr / Σb: what would be on it now if nothing had changed but how much happens at all.
//! The lift (r_j + g) / (e_j + g) is that of a gamma-Poisson model with g assumed events, as within segments
//! ([`super::in_segment`]), so a few events on an item that had none do not count as much as many.

/// g, the events that are assumed of every item.
const ASSUMED_EVENTS: f64 = 10.0;

/// The events of a window, by item.
#[derive(Clone, Debug)]
pub struct Trend {
    /// Seconds.
    half_life: f64,
    /// The moment that ages refer to, microseconds.
    now: i64,
    /// The events of each item for now.
    recent: Vec<f64>,
    /// All events of each item.
    all: Vec<f64>,
    latest: Option<i64>,
}

/// An item on which more happens than before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rising {
    /// The item.
    pub item: u32,
    /// How many times more, above 1.
    pub lift: f32,
    /// Its events now.
    pub recent: f32,
    /// Those that were to be expected by what happened before.
    pub expected: f32,
}

impl Trend {
    /// No events yet on so many items; ages refer to `now` (microseconds), and events halve every `half_life` seconds.
    pub fn new(items: usize, half_life: f64, now: i64) -> Self {
        Self { half_life, now, recent: vec![0.0; items], all: vec![0.0; items], latest: None }
    }

    /// Adds an event; one on an unknown item, or after now, does not count.
    pub fn add(&mut self, item: u32, time: i64) {
        let place = item as usize;
        if time > self.now || place >= self.all.len() {
            return;
        }
        let age = self.now.saturating_sub(time) as f64 / 1e6;
        self.recent[place] += (-age / self.half_life).exp2();
        self.all[place] += 1.0;
        self.latest = self.latest.max(Some(time));
    }

    /// The time of the latest event, microseconds; `None` without events.
    pub fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// The items that rise, those that rise most first; ties go to the one that comes first. None if nothing happened before.
    pub fn rising(&self) -> Vec<Rising> {
        let now: f64 = self.recent.iter().sum();
        let before = self.all.iter().sum::<f64>() - now;
        if before <= 0.0 {
            return Vec::new();
        }
        let of_item = |(item, (&recent, &all)): (u32, (&f64, &f64))| {
            let expected = (all - recent) * now / before;
            let lift = ((recent + ASSUMED_EVENTS) / (expected + ASSUMED_EVENTS)) as f32;
            Rising { item, lift, recent: recent as f32, expected: expected as f32 }
        };
        let every = (0..).zip(self.recent.iter().zip(&self.all));
        let mut rising: Vec<Rising> = every.map(of_item).filter(|own| own.lift > 1.0).collect();
        rising.sort_by(|a, b| b.lift.total_cmp(&a.lift));
        rising
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn items_rise_by_their_share_of_what_happens_not_by_how_much_happens() {
        let mut trend = Trend::new(4, 3_600.0, 100 * HOUR);
        // Items 0 and 1 had 100 events each ten hours ago; now there are 60 on item 1, 30 on item 2 and 20 on item 0.
        for (item, hour, count) in [(0, 90, 100), (1, 90, 100), (1, 100, 60), (2, 100, 30), (0, 100, 20)] {
            (0..count).for_each(|_| trend.add(item, hour * HOUR));
        }
        trend.add(3, 101 * HOUR);
        trend.add(9, 100 * HOUR);
        assert_eq!(trend.latest(), Some(100 * HOUR));
        let rising = trend.rising();
        assert_eq!(rising.iter().map(|own| own.item).collect::<Vec<_>>(), [2, 1]);
        let old = 100.0 / 1024.0;
        let expected = (110.0 + 2.0 * old) / 2.0;
        assert!((f64::from(rising[1].expected) - expected).abs() < 1e-3, "{rising:?}");
        assert!((f64::from(rising[1].recent) - 60.0 - old).abs() < 1e-3, "{rising:?}");
        assert!((f64::from(rising[1].lift) - (70.0 + old) / (expected + 10.0)).abs() < 1e-3, "{rising:?}");
        assert_eq!((rising[0].recent, rising[0].expected, rising[0].lift), (30.0, 0.0, 4.0));
    }

    #[test]
    fn nothing_rises_where_nothing_happened_before() {
        let mut trend = Trend::new(2, 3_600.0, 0);
        assert!(trend.rising().is_empty() && trend.latest().is_none());
        trend.add(1, 0);
        assert!(trend.rising().is_empty());
    }
}
