//! How often users take an item again, and how long they wait.
//!
//! Events of a user on an item at the same moment are one taking, such as lines of an invoice. A pair of user and item that was
//! taken m times has m − 1 gaps.

/// How often a user took an item.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Repeat {
    /// The number of different moments.
    pub times: f32,
    /// The seconds between the first and the last.
    pub span: f32,
    /// The seconds since the last.
    pub since: f32,
}

impl Repeat {
    /// From the ascending times in microseconds at which a user took an item, as of `now`, which later ones are taken for.
    /// `None` without times.
    pub fn of(times: impl Iterator<Item = i64> + Clone, now: i64) -> Option<Self> {
        Moments::of(times.map(|time| time.min(now))).map(|moments| moments.repeat(now))
    }

    /// The same some seconds later.
    pub fn later(self, seconds: f32) -> Self {
        Self { since: self.since + seconds, ..self }
    }
}

/// The moments at which a user took an item, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    /// The number of different moments.
    times: u32,
    /// Microseconds.
    first: i64,
    /// Microseconds.
    last: i64,
    /// The sum of the squared deviations of the gaps from their mean, seconds².
    deviations: f64,
}

impl Moments {
    /// Of ascending times in microseconds; equal ones count once. `None` without times.
    pub(super) fn of(times: impl Iterator<Item = i64> + Clone) -> Option<Self> {
        let first = times.clone().next()?;
        let (mut count, mut last) = (1, first);
        let mut gaps = 0.0f64;
        for time in times {
            if time > last {
                let gap = time.saturating_sub(last) as f64 / 1e6;
                gaps += gap * gap;
                (count, last) = (count + 1, time);
            }
        }
        let span = last.saturating_sub(first) as f64 / 1e6;
        let deviations = if count > 2 { (gaps - span * span / f64::from(count - 1)).max(0.0) } else { 0.0 };
        Some(Self { times: count, first, last, deviations })
    }

    /// How often and when, as of `now`; what is later was just taken.
    fn repeat(&self, now: i64) -> Repeat {
        let seconds = |from: i64, to: i64| (to.saturating_sub(from).max(0) as f64 / 1e6) as f32;
        Repeat {
            times: self.times as f32,
            span: seconds(self.first, self.last),
            since: seconds(self.last, now),
        }
    }
}

/// How much is known about the gaps between two takings of an item by the same user.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ItemGaps {
    /// The number of gaps.
    pub count: f64,
    /// Their sum, in seconds.
    pub seconds: f64,
    /// The sum of their squared deviations from the mean of their user, in seconds².
    pub deviations: f64,
    /// The number of gaps beyond the first of each user, the degrees of freedom of the deviations.
    pub freedom: f64,
}

/// What users take again, of interactions.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// For each pair of user and item, in the order of the rows by user.
    of_pairs: Vec<Repeat>,
    /// For each item.
    gaps: Vec<ItemGaps>,
}

impl Repeats {
    /// From the moments of all pairs, which belong to these of so many `items`; `None` if nobody took anything again. The time
    /// since the last taking is that before the latest of all that is not after `bound` (microseconds).
    pub(super) fn new(of_pairs: &[u32], items: usize, moments: &[Moments], bound: i64) -> Option<Self> {
        moments.iter().find(|own| own.times > 1)?;
        let now = moments.iter().map(|own| own.last).filter(|last| *last <= bound).max().unwrap_or(bound);
        let mut gaps = vec![ItemGaps::default(); items];
        for (&item, own) in of_pairs.iter().zip(moments).filter(|(_, own)| own.times > 1) {
            let gaps = &mut gaps[item as usize];
            gaps.count += f64::from(own.times - 1);
            gaps.seconds += own.last.saturating_sub(own.first) as f64 / 1e6;
            gaps.deviations += own.deviations;
            gaps.freedom += f64::from(own.times - 2);
        }
        Some(Self { of_pairs: moments.iter().map(|own| own.repeat(now)).collect(), gaps })
    }

    /// How often each pair of user and item was taken, in the order of [`super::Interactions::by_user`].
    pub fn of_pairs(&self) -> &[Repeat] {
        &self.of_pairs
    }

    /// The gaps of each item.
    pub fn gaps(&self) -> &[ItemGaps] {
        &self.gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn takings_are_different_moments_and_gaps_deviate_within_their_user() {
        // User 0 took item 1 at 0, 10 and 40 seconds, the last in two lines, and item 0 once; user 1 item 1 at 20 and 25.
        let items = [0, 1, 1];
        let of = |seconds: &[i64]| Moments::of(seconds.iter().map(|own| own * SECOND)).unwrap();
        let moments = [of(&[5]), of(&[0, 10, 40, 40]), of(&[20, 25])];
        let repeats = Repeats::new(&items, 2, &moments, 50 * SECOND).unwrap();
        let expected = [(1.0, 0.0, 35.0), (3.0, 40.0, 0.0), (2.0, 5.0, 15.0)];
        let expected = expected.map(|(times, span, since)| Repeat { times, span, since });
        assert_eq!(repeats.of_pairs(), expected);
        // The gaps of user 0 are 10 and 30, both 10 from their mean.
        let gaps = ItemGaps { count: 3.0, seconds: 45.0, deviations: 200.0, freedom: 1.0 };
        assert_eq!(repeats.gaps(), [ItemGaps::default(), gaps]);
        // What lies in the future does not make others old.
        let since = Repeats::new(&items, 2, &moments, 30 * SECOND).unwrap().of_pairs()[0].since;
        assert_eq!(since, 20.0);
        assert_eq!(Repeats::new(&items, 2, &[of(&[5, 5]), of(&[1]), of(&[2])], 50 * SECOND), None);
        assert_eq!(Moments::of(std::iter::empty()), None);
    }

    #[test]
    fn moments_after_now_are_taken_for_it_and_time_passes() {
        let times = [5, 10, 30, 40].map(|own| own * SECOND);
        let own = Repeat::of(times.into_iter(), 25 * SECOND).unwrap();
        assert_eq!(own, Repeat { times: 3.0, span: 20.0, since: 0.0 });
        assert_eq!(Repeat::of(times.into_iter(), 50 * SECOND).unwrap().later(60.0).since, 70.0);
        assert_eq!(Repeat::of(std::iter::empty(), 0), None);
    }
}
