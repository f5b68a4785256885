//! The checked settings of segmentation.

use super::hierarchical::Linkage;
use super::rfm::RfmSegments;
use crate::auto::AutoOr;
use crate::features::{Activity, Scale};
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The method that divides users into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SegmentationMethod {
    /// k-means, in the spherical or the Euclidean geometry.
    Kmeans,
    /// A merge tree (agglomerative clustering), cut into segments.
    Hierarchical,
    /// A mixture of Gaussian components.
    Mixture,
    /// Dense regions of the same density (DBSCAN).
    Density,
    /// Dense regions of different densities (OPTICS).
    Optics,
    /// A vote of the nearest users that have a label.
    Knn,
    /// Scores of recency, frequency and monetary value.
    Rfm,
    /// The users' own labels, unchanged.
    Column,
    /// No division: all users are in one segment.
    None,
}

impl SegmentationMethod {
    /// Whether the number of segments is an input of the method, not its result.
    pub fn takes_count(self) -> bool {
        matches!(self, Self::Kmeans | Self::Hierarchical | Self::Mixture)
    }

    /// Whether the method represents users as points and compares their distances.
    pub fn divides_points(self) -> bool {
        !matches!(self, Self::Rfm | Self::Column | Self::None)
    }

    /// Whether the method reads labels of users from a column.
    pub fn needs_label(self) -> bool {
        matches!(self, Self::Knn | Self::Column)
    }
}

/// The features by which users are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum On {
    /// Behaviour if there are events, otherwise attributes.
    Auto,
    /// The direction of the users' factors in the backbone model.
    Behaviour,
    /// The columns of `users`, and the users' activity.
    Attributes,
    /// Behaviour and attributes, with equal weight.
    Both,
}

/// The settings of segmentation. Names, ranges and defaults are defined in [`crate::options::table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationOptions {
    /// The method that divides users into segments.
    pub method: SegmentationMethod,
    /// The number of segments.
    pub segments: AutoOr<usize>,
    /// The features by which users are divided.
    pub on: On,
    /// The columns of `users` that are used; if empty, all that have a supported type.
    pub features: Vec<String>,
    /// The properties of the users' events that are used in addition to the columns.
    pub activity: Vec<Activity>,
    /// The column of `items` that names an item's category.
    pub category_column: Option<String>,
    /// The column of `users` that names a user's segment.
    pub label_column: Option<String>,
    /// The transformation that makes numbers comparable.
    pub scale: Scale,
    /// The number of starts of k-means, of which the best is kept.
    pub starts: usize,
    /// The distance between clusters in hierarchical clustering.
    pub linkage: Linkage,
    /// The number of neighbours that vote, or that make a region dense.
    pub neighbours: usize,
    /// The largest distance of a neighbour.
    pub radius: AutoOr<f64>,
    /// The way in which RFM scores become segments.
    pub rfm: RfmSegments,
    /// The moment from which ages are counted, as it was written; if `None`, the time of the latest event.
    pub as_of: Option<String>,
    /// Whether the division starts from the segments of the deployed version.
    pub keep: bool,
}

/// The number of users per segment that measured best, between 24 and 150 segments of 29,858 users.
const USERS_PER_SEGMENT: usize = 450;
/// The largest automatic number of segments: more took longer and gained nothing in any measurement.
const MOST_SEGMENTS: usize = 64;
/// The smallest number of users of an automatic segment of a recommender.
const LEAST_USERS: usize = 200;
/// The smallest number of events of a segment for each of the k factors of an item.
const EVENTS_PER_FACTOR: usize = 20;
/// The numbers of segments that are tried if segments are only read: as many as a person can name.
const READABLE: std::ops::RangeInclusive<usize> = 2..=12;
/// The smallest share of users of such a segment.
const READABLE_SHARE: f64 = 0.01;

/// The numbers of segments to try, and the smallest size of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The numbers of segments to try: ascending, at least one.
    pub counts: Vec<usize>,
    /// Segments with fewer users are dissolved.
    pub least: usize,
}

impl SegmentationOptions {
    /// Resolves `auto` by whether there are events.
    pub fn divides_by(&self, has_events: bool) -> On {
        match self.on {
            On::Auto if has_events => On::Behaviour,
            On::Auto => On::Attributes,
            on => on,
        }
    }

    /// The numbers of segments to try if segments only have to be readable.
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

    /// The numbers of segments to try if each segment trains factors of its own: the largest number that the users and
    /// events allow, and half of it.
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
