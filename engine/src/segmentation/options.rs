//! The settings of segmentation, checked.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How users are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Spherical k-means on user factors.
    Kmeans,
    /// One segment of everybody.
    None,
}

/// How many segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentCount {
    /// From the number of users and events, see [`SegmentationOptions::target`].
    Auto,
    /// This many.
    Exactly(usize),
}

impl Serialize for SegmentCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Exactly(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for SegmentCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Count(usize),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Count(count) => Ok(Self::Exactly(count)),
            Form::Word(word) if word == "auto" => Ok(Self::Auto),
            Form::Word(word) => Err(serde::de::Error::custom(format!("{word:?} is not \"auto\""))),
        }
    }
}

/// Settings of segmentation. Names, ranges and defaults stand in [`crate::recipe::options`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationOptions {
    /// How users are divided.
    pub method: Method,
    /// How many segments.
    pub segments: SegmentCount,
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
            (Method::Kmeans, SegmentCount::Exactly(count)) => (count.min(users).max(1), 1),
            (Method::Kmeans, SegmentCount::Auto) => {
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
        let auto = SegmentationOptions { method: Method::Kmeans, segments: SegmentCount::Auto };
        assert_eq!(auto.target(29_858, 810_128, 64), (64, 200));
        assert_eq!(auto.target(4_000, 60_000, 64), (8, 200));
        assert_eq!(auto.target(150, 60_000, 64), (1, 1));
        assert_eq!(auto.target(1, 1, 64), (1, 1));
        let three = SegmentationOptions { segments: SegmentCount::Exactly(3), ..auto };
        assert_eq!(three.target(2, 10, 64), (2, 1));
    }
}
