//! The tree of an agglomerative clustering, and its cuts. Numbered as scipy's `linkage` numbers it:
//! leaves from 0, then merges in the order of their height, so that any number of groups is read off
//! by leaving out the last merges. A cut costs a pass over the merges.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// One merge: two nodes become one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The node with the lower number: a leaf, or `leaves + m` for what merge `m` made.
    pub left: u32,
    /// The node with the higher number.
    pub right: u32,
    /// The distance between the two by the linkage; never below that of an earlier merge.
    pub height: f32,
    /// Rows under the new node.
    pub rows: u32,
}

/// Leaves and how they merge, from the nearest two to the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MergeTree {
    /// How many rows every leaf has.
    pub leaf_rows: Vec<u32>,
    /// One merge fewer than leaves, lowest first.
    pub merges: Vec<Merge>,
}

/// Follows `parent` to the root of `node`, and halves the path for the next time.
fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

impl MergeTree {
    /// The tree of `links` between leaves: each joins the clusters that two leaves are in at a height.
    /// Links of one height keep their order.
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

    /// The number of leaves that the tree began with.
    pub fn leaves(&self) -> usize {
        self.leaf_rows.len()
    }

    /// The group of every leaf where `count` groups are wanted, at least 1 and at most as many as
    /// leaves. Groups are numbered from 0 by the rows in them, the largest first, and by their lowest
    /// leaf where rows are equal.
    pub fn cut(&self, count: usize) -> Vec<u32> {
        let leaves = self.leaves();
        let kept = leaves.saturating_sub(count.max(1)).min(self.merges.len());
        // From the last kept merge down, every node learns the highest node above it.
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

    /// Leaves 0 and 3 meet at 1, 1 and 2 at 2, all at 5.
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
        // Leaf 2 and the pair 0, 3 hold two rows each: the lowest leaf comes first.
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
