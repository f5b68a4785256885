//! The settings of segmentation, checked.

use crate::auto::AutoOr;
use serde::{Deserialize, Serialize};

/// How users are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Spherical k-means on user factors.
    Kmeans,
    /// One segment of everybody.
    None,
}

/// Settings of segmentation. Names, ranges and defaults stand in [`crate::recipe::options`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationOptions {
    /// How users are divided.
    pub method: Method,
    /// How many segments; [`Self::target`] decides what is left to it.
    pub segments: AutoOr<usize>,
}

/// Users per segment that measured best between 24 and 150 segments of 29,858 users.
const USERS_PER_SEGMENT: usize = 450;
/// More segments cost time and gained nothing in any measurement.
const MOST_SEGMENTS: usize = 64;
/// Fewest users of a segment that is found automatically.
const LEAST_USERS: usize = 200;
/// Fewest events of a segment for each of its k unknowns per item.
const EVENTS_PER_FACTOR: usize = 20;

impl SegmentationOptions {
    /// How many segments to look for, and the fewest users one may have.
    pub fn target(&self, users: usize, events: usize, factors: usize) -> (usize, usize) {
        match (self.method, self.segments) {
            (Method::None, _) => (1, 1),
            (Method::Kmeans, AutoOr::Given(count)) => (count.min(users).max(1), 1),
            (Method::Kmeans, AutoOr::Auto) => {
                let by_users = (users / USERS_PER_SEGMENT).clamp(8, MOST_SEGMENTS).min(users / LEAST_USERS);
                let count = by_users.min(events / (EVENTS_PER_FACTOR * factors)).max(1);
                (count, if count > 1 { LEAST_USERS } else { 1 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_segments_follows_users_and_events() {
        let auto = SegmentationOptions { method: Method::Kmeans, segments: AutoOr::Auto };
        assert_eq!(auto.target(29_858, 810_128, 64), (64, 200));
        assert_eq!(auto.target(4_000, 60_000, 64), (8, 200));
        assert_eq!(auto.target(150, 60_000, 64), (1, 1));
        assert_eq!(auto.target(1, 1, 64), (1, 1));
        let three = SegmentationOptions { segments: AutoOr::Given(3), ..auto };
        assert_eq!(three.target(2, 10, 64), (2, 1));
    }
}
