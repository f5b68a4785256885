//! The tree of an agglomerative clustering, and its cuts.
//!
//! Nodes are numbered as in scipy's `linkage`: leaves from 0, then merges by height. A division into any number of
//! groups is therefore found by leaving out the last merges, in one pass over the merges.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A merge of two nodes into one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The node with the lower number: a leaf, or `leaves + m` for the node that merge `m` created.
    pub left: u32,
    /// The node with the higher number.
    pub right: u32,
    /// The distance between the two nodes by the linkage, which is never below that of an earlier merge.
    pub height: f32,
    /// The number of rows under the new node.
    pub rows: u32,
}

/// The leaves and their merges, from the nearest pair to the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MergeTree {
    /// The number of rows of each leaf.
    pub leaf_rows: Vec<u32>,
    /// The merges by height, one fewer than leaves.
    pub merges: Vec<Merge>,
}

/// Returns the root of `node`, and halves the path to it for later calls.
fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

impl MergeTree {
    /// Builds the tree from `links`: each one joins the clusters of two leaves at a height. Links of the same height
    /// keep their order.
    pub(super) fn from_links(leaf_rows: Vec<u32>, mut links: Vec<(u32, u32, f32)>) -> Self {
        links.sort_by(|a, b| a.2.total_cmp(&b.2));
        let leaves = leaf_rows.len();
        let mut parent: Vec<u32> = (0..(leaves + links.len()) as u32).collect();
        let mut rows = leaf_rows.clone();
        let mut merges = Vec::with_capacity(links.len());
        for (a, b, height) in links {
            let (a, b) = (root(&mut parent, a), root(&mut parent, b));
            let node = rows.len() as u32;
            parent[a as usize] = node;
            parent[b as usize] = node;
            rows.push(rows[a as usize] + rows[b as usize]);
            merges.push(Merge { left: a.min(b), right: a.max(b), height, rows: rows[node as usize] });
        }
        Self { leaf_rows, merges }
    }

    /// The number of leaves.
    pub fn leaves(&self) -> usize {
        self.leaf_rows.len()
    }

    /// Returns the group of each leaf in a division into `count` groups, clamped to 1 … the number of leaves. Groups
    /// are numbered from 0 by their number of rows, the largest first; ties go to the group with the lowest leaf.
    pub fn cut(&self, count: usize) -> Vec<u32> {
        let leaves = self.leaves();
        let kept = leaves.saturating_sub(count.max(1)).min(self.merges.len());
        // From the last kept merge down, each node gets the topmost node above it.
        let mut top: Vec<u32> = (0..(leaves + kept) as u32).collect();
        for (number, merge) in self.merges[..kept].iter().enumerate().rev() {
            for child in [merge.left, merge.right] {
                top[child as usize] = top[leaves + number];
            }
        }
        let rows = |node: u32| match (node as usize).checked_sub(leaves) {
            Some(merge) => self.merges[merge].rows,
            None => self.leaf_rows[node as usize],
        };
        let mut order: Vec<u32> = Vec::new();
        let mut seen = vec![false; top.len()];
        for &node in &top[..leaves] {
            if !std::mem::replace(&mut seen[node as usize], true) {
                order.push(node);
            }
        }
        order.sort_by_key(|&node| Reverse(rows(node)));
        let mut group = vec![0; top.len()];
        for (number, &node) in order.iter().enumerate() {
            group[node as usize] = number as u32;
        }
        top[..leaves].iter().map(|&node| group[node as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves 0 and 3 merge at height 1, leaves 1 and 2 at height 2, and the two pairs at height 5.
    fn tree() -> MergeTree {
        MergeTree::from_links(vec![1, 4, 2, 1], vec![(1, 3, 5.0), (3, 0, 1.0), (2, 1, 2.0)])
    }

    #[test]
    fn links_become_merges_in_the_order_of_height() {
        let merge = |left, right, height, rows| Merge { left, right, height, rows };
        assert_eq!(tree().merges, [merge(0, 3, 1.0, 2), merge(1, 2, 2.0, 6), merge(4, 5, 5.0, 8)]);
    }

    #[test]
    fn groups_of_a_cut_are_numbered_by_their_rows() {
        assert_eq!(tree().cut(1), [0, 0, 0, 0]);
        assert_eq!(tree().cut(2), [1, 0, 0, 1]);
        // Leaf 2 and the pair 0, 3 have two rows each, so the group with the lowest leaf comes first.
        assert_eq!(tree().cut(3), [1, 0, 2, 1]);
        assert_eq!(tree().cut(4), [2, 0, 1, 3]);
    }

    #[test]
    fn a_cut_is_clamped_to_what_there_is() {
        assert_eq!(tree().cut(0), tree().cut(1));
        assert_eq!(tree().cut(usize::MAX), tree().cut(4));
        assert_eq!(MergeTree::default().cut(3), [0u32; 0]);
        assert_eq!(MergeTree::from_links(vec![9], vec![]).cut(3), [0]);
    }

    #[test]
    fn every_cut_is_a_refinement_of_the_one_before() {
        let links = (1..60u32).map(|leaf| (leaf, crate::seed::mix(leaf.into()) as u32 % leaf, 1.0)).collect();
        let tree = MergeTree::from_links((1..61).collect(), links);
        for count in 2..=60 {
            let (coarse, fine) = (tree.cut(count - 1), tree.cut(count));
            assert_eq!(fine.iter().max(), Some(&(count as u32 - 1)));
            let mut above = vec![None; count];
            for (&inside, &outside) in fine.iter().zip(&coarse) {
                assert_eq!(*above[inside as usize].get_or_insert(outside), outside);
            }
        }
    }
}
