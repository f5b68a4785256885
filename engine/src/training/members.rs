//! The segment of every member of a training, as it will be stored.

use super::fit::Fit;
use super::segmenter::Segmentation;
use crate::features::LeftOut;
use crate::matrix::Matrix;
use crate::segmentation::hierarchical::MergeTree;
use crate::segmentation::identity::{Classifier, MemberFit, carried};
use crate::segmentation::optics::Reached;

/// The segments of all members. Vectors have one entry per member, in order.
#[derive(Clone, Debug)]
pub struct Members {
    /// The segment of each member, and how well the member fits it.
    pub fits: Vec<MemberFit>,
    /// Whether each member is noise, that is in no dense region.
    pub noise: Vec<bool>,
    /// The merge tree, and the leaf of each member.
    pub tree: Option<(MergeTree, Vec<u32>)>,
    /// The reachability plot, in its order: its rows are members.
    pub plot: Vec<Reached>,
    /// The probability of each segment for each divided member (rows × segments), and the row of each member.
    pub probabilities: Option<(Matrix, Vec<Option<u32>>)>,
    /// The name of each segment, if it has one.
    pub names: Vec<Option<String>>,
    /// Assigns new user rows to segments.
    pub classifier: Option<Classifier>,
    /// The columns that carried no information, and why.
    pub left_out: Vec<LeftOut>,
}

impl Members {
    /// Extends a segmentation to all `count` members. Members without a row, because they have no factors on the
    /// training part, get the segment that `fit` assigned.
    pub fn new(division: Segmentation, count: usize, fit: Option<&Fit>) -> Self {
        let rows = division.for_members(count, |row| row as u32);
        let by_behaviour = division.classifier.is_none();
        let Segmentation { members, partition, names, classifier, left_out, .. } = division;
        let carried_fits = fit.map(|fit| fit.membership.member_fits(&fit.tastes()));
        let fits = (0..count)
            .map(|member| {
                let own = rows[member].map(|row| partition.fits[row as usize]);
                let carried = carried_fits.as_ref().and_then(|fits| fits.get(member)).copied();
                match (own, carried) {
                    // Distances refer to the factors that will be served; confidences of a mixture or of k-NN come from
                    // the segmentation.
                    (Some(own), Some(carried)) if by_behaviour => {
                        let judged = partition.mixture.is_some() || partition.vote.is_some();
                        let confidence = if judged { own.confidence } else { carried.confidence };
                        MemberFit { confidence, ..carried }
                    }
                    (Some(own), _) => own,
                    (None, Some(carried)) => carried,
                    (None, None) => MemberFit { segment: 0, distance: 0.0, confidence: 0.0 },
                }
            })
            .collect();
        let noise = (0..count)
            .map(|member| rows[member].is_some_and(|row| partition.noise.get(row as usize) == Some(&true)))
            .collect();
        let tree = partition.tree.map(|(tree, leaf_of_row)| {
            let leaves: Vec<Option<u32>> =
                rows.iter().map(|row| row.map(|row| leaf_of_row[row as usize])).collect();
            let leaves = match fit {
                Some(fit) if leaves.iter().any(Option::is_none) => {
                    carried(&leaves, tree.leaves(), &fit.tastes()).0
                }
                _ => leaves.into_iter().map(|leaf| leaf.unwrap_or(0)).collect(),
            };
            (tree, leaves)
        });
        let plot = partition
            .plot
            .into_iter()
            .map(|reached| Reached { row: members[reached.row as usize], ..reached })
            .collect();
        let probabilities = partition.probabilities.map(|probabilities| (probabilities, rows));
        Self { fits, noise, tree, plot, probabilities, names, classifier, left_out }
    }

    /// The segment of every member.
    pub fn segments(&self) -> Vec<u32> {
        self.fits.iter().map(|fit| fit.segment).collect()
    }

    /// The number of segments.
    pub fn count(&self) -> usize {
        self.names.len()
    }
}
