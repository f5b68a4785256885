//! The settings of segmentation, checked.

use super::hierarchical::Linkage;
use super::rfm::RfmSegments;
use crate::auto::AutoOr;
use crate::features::{Activity, Scale};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// How users are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SegmentationMethod {
    /// k-means, spherical or Euclidean.
    Kmeans,
    /// A merge tree (agglomerative clustering), cut into segments.
    Hierarchical,
    /// A mixture of Gaussian components.
    Mixture,
    /// Dense places of one density (DBSCAN).
    Density,
    /// Dense places of unlike density (OPTICS).
    Optics,
    /// A vote of the nearest users that carry a label.
    Knn,
    /// Recency, frequency and monetary value.
    Rfm,
    /// The users' own labels as they are.
    Column,
    /// No division: everybody is in one segment.
    None,
}

impl SegmentationMethod {
    /// True where the number of segments is asked for, not found.
    pub fn takes_count(self) -> bool {
        matches!(self, Self::Kmeans | Self::Hierarchical | Self::Mixture)
    }

    /// True where users are points, which are near each other or far apart.
    pub fn divides_points(self) -> bool {
        !matches!(self, Self::Rfm | Self::Column | Self::None)
    }

    /// True where users carry labels that the method reads from a column.
    pub fn needs_label(self) -> bool {
        matches!(self, Self::Knn | Self::Column)
    }
}

/// What users are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum On {
    /// Behaviour where there are events, else attributes.
    Auto,
    /// The direction of the factors that the backbone gives them.
    Behaviour,
    /// What is known about them: columns of `users`, and their activity.
    Attributes,
    /// Both, each with the same weight.
    Both,
}

/// Settings of segmentation. Names, ranges and defaults stand in [`crate::options::table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationOptions {
    /// How users are divided.
    pub method: SegmentationMethod,
    /// How many segments.
    pub segments: AutoOr<usize>,
    /// What users are divided by.
    pub on: On,
    /// The columns of `users` that count; empty for all that can.
    pub features: Vec<String>,
    /// What of their events counts beside them.
    pub activity: Vec<Activity>,
    /// The column of `items` that names an item's category.
    pub category_column: Option<String>,
    /// The column of `users` that names a user's segment.
    pub label_column: Option<String>,
    /// How numbers are made comparable.
    pub scale: Scale,
    /// How often k-means begins anew; the best start wins.
    pub starts: usize,
    /// Which clusters are nearest to each other.
    pub linkage: Linkage,
    /// Who votes, and how many make a dense place.
    pub neighbours: usize,
    /// How near a neighbour is.
    pub radius: AutoOr<f64>,
    /// How RFM scores become segments.
    pub rfm: RfmSegments,
    /// The moment from which age is counted, as written; the latest event where it is not given.
    pub as_of: Option<String>,
    /// Whether to begin with the segments of the deployed version.
    pub keep: bool,
}

/// Users per segment that measured best between 24 and 150 segments of 29,858 users.
const USERS_PER_SEGMENT: usize = 450;
/// More segments cost time and gained nothing in any measurement.
const MOST_SEGMENTS: usize = 64;
/// Fewest users of a segment that is found automatically for a recommender.
const LEAST_USERS: usize = 200;
/// Fewest events of a segment for each of its k unknowns per item.
const EVENTS_PER_FACTOR: usize = 20;
/// Segments that are tried where only reading them matters: as many as a person can name.
const READABLE: std::ops::RangeInclusive<usize> = 2..=12;
/// Fewest users of such a segment, in hundredths of all.
const READABLE_SHARE: f64 = 0.01;

/// Numbers of segments to try, and the fewest users one may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The numbers of segments to try: ascending, at least one.
    pub counts: Vec<usize>,
    /// Segments with fewer users are dissolved.
    pub least: usize,
}

impl SegmentationOptions {
    /// What to divide by: `auto` follows whether there are events.
    pub fn divides_by(&self, has_events: bool) -> On {
        match self.on {
            On::Auto if has_events => On::Behaviour,
            On::Auto => On::Attributes,
            on => on,
        }
    }

    /// How many segments to look for where segments only have to be read.
    pub fn readable_target(&self, users: usize) -> Target {
        match self.segments {
            AutoOr::Given(count) => Target { counts: vec![count.min(users).max(1)], least: 1 },
            AutoOr::Auto => {
                let counts: Vec<usize> = READABLE.filter(|&count| count * count <= users).collect();
                let least = ((users as f64 * READABLE_SHARE) as usize).max(1);
                if counts.is_empty() {
                    Target { counts: vec![1], least: 1 }
                } else {
                    Target { counts, least }
                }
            }
        }
    }

    /// How many segments to look for where segments train factors of their own: a half and all of
    /// what the users and events allow.
    pub fn recommending_target(&self, users: usize, events: usize, factors: usize) -> Target {
        match self.segments {
            AutoOr::Given(count) => Target { counts: vec![count.min(users).max(1)], least: 1 },
            AutoOr::Auto => {
                let by_users = (users / USERS_PER_SEGMENT).clamp(8, MOST_SEGMENTS).min(users / LEAST_USERS);
                let most = by_users.min(events / (EVENTS_PER_FACTOR * factors)).max(1);
                let mut counts = vec![most.div_ceil(2), most];
                counts.dedup();
                Target { counts, least: if most > 1 { LEAST_USERS } else { 1 } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::options::parse_options;
    use serde_json::json;

    #[test]
    fn the_number_of_segments_follows_users_and_events() {
        let auto = parse_options(&json!({})).unwrap().segmentation;
        let target = |users, events| auto.recommending_target(users, events, 64);
        assert_eq!((target(29_858, 810_128).counts, target(29_858, 810_128).least), (vec![32, 64], 200));
        assert_eq!((target(4_000, 60_000).counts, target(4_000, 60_000).least), (vec![4, 8], 200));
        assert_eq!((target(150, 60_000).counts, target(150, 60_000).least), (vec![1], 1));
        assert_eq!(target(1, 1).counts, [1]);
        assert_eq!(auto.readable_target(1).counts, [1]);
        assert_eq!(auto.readable_target(20).counts, [2, 3, 4]);
        assert_eq!(auto.readable_target(5_000).counts.last(), Some(&12));
        let three = parse_options(&json!({"segmentation": {"segments": 3}})).unwrap().segmentation;
        assert_eq!(three.recommending_target(2, 10, 64).counts, [2]);
        assert_eq!(three.readable_target(50).counts, [3]);
    }
}
