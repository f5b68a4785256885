//! The segment of every member of a training, as it is stored.

use super::fit::Fit;
use super::segmenter::Segmentation;
use crate::features::LeftOut;
use crate::matrix::Matrix;
use crate::segmentation::hierarchical::MergeTree;
use crate::segmentation::identity::{Classifier, MemberFit, carried};
use crate::segmentation::optics::Reached;

/// Members in segments. Vectors of members have one entry for each, in their order.
#[derive(Clone, Debug)]
pub struct Members {
    /// The segment of every member and how well they fit it.
    pub fits: Vec<MemberFit>,
    /// Whether they are in no dense place.
    pub noise: Vec<bool>,
    /// The merge tree and the leaf of every member.
    pub tree: Option<(MergeTree, Vec<u32>)>,
    /// The reachability plot, in its order: its rows are members.
    pub plot: Vec<Reached>,
    /// How probably each divided member belongs to each segment (rows × segments), and the row of every
    /// member.
    pub probabilities: Option<(Matrix, Vec<Option<u32>>)>,
    /// The name of every segment, where it has one of its own.
    pub names: Vec<Option<String>>,
    /// How a row of users finds its segment.
    pub classifier: Option<Classifier>,
    /// Columns that say nothing about users.
    pub left_out: Vec<LeftOut>,
}

impl Members {
    /// All `count` members of a division. Members that it does not divide, because they have no factors
    /// without the holdout, are where `fit` put them.
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
                    // Distances are those to the factors that are served; the confidence of a mixture or
                    // a vote is its own.
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

    /// Number of segments.
    pub fn count(&self) -> usize {
        self.names.len()
    }
}
