//! Finds the segments of a training, by any method.

use super::user_data::{Points, UserData};
use crate::auto::AutoOr;
use crate::error::{EngineError, Result};
use crate::features::LeftOut;
use crate::interactions::Events;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::segmentation::identity::{Classifier, MemberFit, PointRule, RfmRule};
use crate::segmentation::kmeans::Geometry;
use crate::segmentation::options::{SegmentationMethod, Target};
use crate::segmentation::partition::{Partition, Partitioner, PointSet};
use crate::segmentation::quality::CountSource;
use crate::segmentation::rfm::{NAMED, RfmScorer, RfmSegments, rfm_values};

/// The segments of the previous version.
#[derive(Clone, Debug)]
pub struct PreviousSegments<'a> {
    /// The group of each member, from 0; `None` for members who are new.
    pub of_member: &'a [Option<u32>],
    /// The number of groups.
    pub count: usize,
}

/// A division of members into groups.
#[derive(Clone, Debug)]
pub struct Segmentation {
    /// The members that are divided, ascending. Row i of the partition is `members[i]`.
    pub members: Vec<u32>,
    /// The group of each row.
    pub partition: Partition,
    /// The number of groups.
    pub count: usize,
    /// The names of the groups, for methods that name them.
    pub names: Vec<Option<String>>,
    /// Assigns new user rows to groups.
    pub classifier: Option<Classifier>,
    /// The columns that carried no information, and why.
    pub left_out: Vec<LeftOut>,
}

impl Segmentation {
    /// The group of each of `count` members; `None` for those that are not divided.
    pub fn of_members(&self, count: usize) -> Vec<Option<u32>> {
        self.for_members(count, |row| self.partition.of_row[row])
    }

    /// Scatters a value of each row to `count` members; `None` for those that are not divided.
    pub fn for_members<T: Clone>(&self, count: usize, of_row: impl Fn(usize) -> T) -> Vec<Option<T>> {
        let mut of_members = vec![None; count];
        for (row, &member) in self.members.iter().enumerate() {
            of_members[member as usize] = Some(of_row(row));
        }
        of_members
    }
}

/// Finds the segments of members.
#[derive(Clone, Copy, Debug)]
pub struct Segmenter<'a> {
    /// Data about the members.
    pub described: &'a UserData,
    /// The options of the training.
    pub options: &'a Options,
    /// The previous segments, from which to start.
    pub before: Option<&'a PreviousSegments<'a>>,
}

impl Segmenter<'_> {
    /// The numbers of groups to try, and where they come from. `found` is the range that the data support.
    pub fn target(&self, found: Target) -> (Target, CountSource) {
        let segmentation = &self.options.segmentation;
        let of_scores =
            segmentation.method == SegmentationMethod::Rfm && segmentation.rfm == RfmSegments::Kmeans;
        if !segmentation.method.takes_count() && !of_scores {
            return (Target { counts: vec![1], least: 1 }, CountSource::Found);
        }
        if let AutoOr::Given(_) = segmentation.segments {
            return (found, CountSource::Given);
        }
        let kept = self.before.filter(|_| segmentation.keep).map(|before| before.count);
        let (least, most) = (found.counts.first(), found.counts.last());
        match (kept, least, most) {
            // Keep the previous number while it is within a factor of two of what the data support.
            (Some(kept), Some(&least), Some(&most)) if kept > 1 && 2 * kept >= least && kept <= 2 * most => {
                (Target { counts: vec![kept], least: 1 }, CountSource::Kept)
            }
            _ => (found, CountSource::Auto),
        }
    }

    /// Computes one segmentation per number of groups in the target; methods that find the number themselves compute
    /// one.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], [`EngineError::NothingToDivideBy`], [`EngineError::Column`],
    /// [`EngineError::Missing`].
    pub fn divisions(
        &self,
        events: Option<&Events>,
        user_factors: Option<&Matrix>,
        target: &Target,
        observer: &dyn Observer,
    ) -> Result<Vec<Segmentation>> {
        match (self.options.segmentation.method, events) {
            (SegmentationMethod::Column, _) => Ok(vec![self.by_column()?]),
            (SegmentationMethod::Rfm, Some(events)) => self.by_rfm(events, target, observer),
            (SegmentationMethod::Rfm, None) => Err(EngineError::NothingToDivideBy {
                reason: "The method rfm segments users by their events.".to_owned(),
            }),
            _ => self.by_points(
                self.described.points(self.options, events, user_factors, observer)?,
                target,
                observer,
            ),
        }
    }

    fn by_points(
        &self,
        points: Points,
        target: &Target,
        observer: &dyn Observer,
    ) -> Result<Vec<Segmentation>> {
        let Points { space, members, encoder, left_out } = points;
        let segmentation = &self.options.segmentation;
        let labels = match (&segmentation.label_column, segmentation.method) {
            (Some(column), SegmentationMethod::Knn) => Some(self.described.labels(column)?),
            _ => None,
        };
        let of_rows = |of_member: &[Option<u32>]| -> Vec<Option<u32>> {
            members.iter().map(|&member| of_member.get(member as usize).copied().flatten()).collect()
        };
        // Labels without any member do not become segments.
        let labels = labels.map(|labels| held(&of_rows(&labels.of_each()), &labels.names));
        let start = self.before.filter(|_| segmentation.keep).map(|before| of_rows(before.of_member));
        let partitioner = Partitioner {
            options: segmentation,
            target,
            start: start.as_deref(),
            labels: labels.as_ref().map(|(of_row, names)| (of_row.as_slice(), names.len())),
            seed: self.options.seed,
        };
        let partitions = partitioner.partitions(&space, observer)?;
        let unused = self.unused(encoder.as_ref().map(|encoder| encoder.reads()).unwrap_or_default());
        let divisions = partitions.into_iter().map(|partition| {
            let count = partition.centroids.rows();
            let names = match &labels {
                Some((_, names)) => names.iter().cloned().map(Some).collect(),
                None => vec![None; count],
            };
            let classifier = encoder.clone().map(|encoder| {
                let rule = match (&partition.mixture, &partition.vote) {
                    // A single row carries attributes but no behaviour, so it is assigned by the mean attributes of the
                    // groups.
                    _ if encoder.dimensions() < space.points.columns() => {
                        PointRule::Nearest(first_columns(&partition.centroids, encoder.dimensions()))
                    }
                    (Some(mixture), _) => PointRule::Mixture(mixture.clone()),
                    (_, Some(vote)) => PointRule::Vote(vote.clone().owned(|row| members[row as usize])),
                    _ => PointRule::Nearest(partition.centroids.clone()),
                };
                Classifier::Attributes { encoder, rule, unused: unused.clone() }
            });
            Segmentation {
                members: members.clone(),
                partition,
                count,
                names,
                classifier,
                left_out: left_out.clone(),
            }
        });
        Ok(divisions.collect())
    }

    /// The columns of users that are not among `read`.
    fn unused(&self, read: Vec<String>) -> Vec<String> {
        let columns = self.described.table.columns().iter().map(|column| &column.name);
        let names = columns.chain(&self.described.others);
        names.filter(|name| !read.contains(name)).cloned().collect()
    }

    fn by_column(&self) -> Result<Segmentation> {
        let column = self.options.segmentation.label_column.clone().unwrap_or_default();
        let labels = self.described.labels(&column)?;
        let (of_row, held) = held(&labels.of_each(), &labels.names);
        let mut names: Vec<Option<String>> = held.into_iter().map(Some).collect();
        // Users without a label form a segment of their own.
        let without = names.len() as u32;
        if of_row.iter().any(Option::is_none) {
            names.push(None);
        }
        let of_row = of_row.into_iter().map(|label| label.unwrap_or(without)).collect();
        let classifier = Classifier::Label { column, labels: names.clone() };
        Ok(named(of_row, names, Some(classifier)))
    }

    fn by_rfm(&self, events: &Events, target: &Target, observer: &dyn Observer) -> Result<Vec<Segmentation>> {
        let values = rfm_values(events, self.described.as_of(Some(events)), observer)?;
        let users = events.users().len();
        let scorer = RfmScorer::fit(&values, QUANTILES)?;
        let scores = scorer.scores(&values)?;
        let segmentation = &self.options.segmentation;
        if segmentation.rfm == RfmSegments::Named {
            let found: Vec<usize> = scores.iter().map(|&scores| scorer.named_segment(scores)).collect();
            let groups: Vec<usize> = (0..NAMED.len()).filter(|segment| found.contains(segment)).collect();
            let group_of = |segment: usize| groups.iter().position(|&own| own == segment).map(|g| g as u32);
            let of_row = found.iter().filter_map(|&segment| group_of(segment)).collect();
            let names = groups.iter().map(|&segment| Some(NAMED[segment].name.to_owned())).collect();
            let rule = RfmRule::Named((0..NAMED.len()).map(group_of).collect());
            return Ok(vec![named(of_row, names, Some(Classifier::Rfm { scorer, rule }))]);
        }
        let data = scores.iter().flat_map(|scores| scores.map(f32::from)).collect();
        let space = PointSet { points: Matrix::from_data(3, data)?, geometry: Geometry::Euclidean };
        let members: Vec<u32> = (0..users as u32).collect();
        let start: Option<Vec<Option<u32>>> = self
            .before
            .filter(|_| segmentation.keep)
            .map(|before| before.of_member.iter().copied().take(users).collect());
        let partitioner = Partitioner {
            options: segmentation,
            target,
            start: start.as_deref(),
            labels: None,
            seed: self.options.seed,
        };
        let partitions = partitioner.partitions(&space, observer)?;
        let divisions = partitions.into_iter().map(|partition| {
            let count = partition.centroids.rows();
            let rule = RfmRule::Nearest(partition.centroids.clone());
            Segmentation {
                members: members.clone(),
                partition,
                count,
                names: vec![None; count],
                classifier: Some(Classifier::Rfm { scorer: scorer.clone(), rule }),
                left_out: Vec::new(),
            }
        });
        Ok(divisions.collect())
    }
}

/// The highest RFM score; scores start at 1.
const QUANTILES: u8 = 5;

/// A segmentation whose groups are given rather than found, so that every member fits perfectly.
fn named(of_row: Vec<u32>, names: Vec<Option<String>>, classifier: Option<Classifier>) -> Segmentation {
    let fits = of_row.iter().map(|&segment| MemberFit::given(segment)).collect();
    Segmentation {
        members: (0..of_row.len() as u32).collect(),
        count: names.len(),
        partition: Partition::given(of_row, fits),
        names,
        classifier,
        left_out: Vec::new(),
    }
}

/// Drops labels that no row carries, and renumbers the others.
fn held(of_row: &[Option<u32>], names: &[String]) -> (Vec<Option<u32>>, Vec<String>) {
    let mut kept: Vec<u32> = of_row.iter().flatten().copied().collect();
    kept.sort_unstable();
    kept.dedup();
    let number = |label: u32| kept.binary_search(&label).ok().map(|number| number as u32);
    let of_row = of_row.iter().map(|label| label.and_then(number)).collect();
    (of_row, kept.iter().filter_map(|&label| names.get(label as usize).cloned()).collect())
}

fn first_columns(matrix: &Matrix, columns: usize) -> Matrix {
    let mut first = Matrix::zeros(matrix.rows(), columns);
    for row in 0..matrix.rows() {
        first.row_mut(row).copy_from_slice(&matrix.row(row)[..columns]);
    }
    first
}
