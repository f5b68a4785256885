//! Keeps the ids of segments from one version to the next, and counts how users moved between them.
//!
//! A new division has new cluster numbers. Each cluster takes the id of the previous segment whose members it shares.
//! This is the one-to-one assignment with the smallest total cost, where a pair costs 1 − Jaccard overlap of the
//! members (Kuhn 1955, Munkres 1957). It takes O(a·b) steps for a ≤ b clusters and ids if most have a counterpart,
//! O(a²·b) at worst, and 8·a·b bytes. Two unrelated divisions took 0.8 s with 1,024 segments and a minute with 4,096,
//! and the assignment cannot be interrupted. With more than `MOST_ASSIGNED` segments, pairs are therefore taken by
//! decreasing overlap, which gives the same result if the divisions are related.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix as Weights;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An overlap of 1 as an integer, so that sums are exact and ties are recognized. Multiplied by 2³² users it still fits
/// an `i64`.
const WHOLE: i64 = 1 << 30;

/// The largest number of segments on either side for an assignment of smallest cost, which takes a fifth of a second at
/// worst.
const MOST_ASSIGNED: usize = 512;

/// The largest number of bytes that [`match_segments`] takes for these numbers of previous ids, clusters and users: the
/// matrix of overlaps, and the overlapping pairs, of which each user is in one.
#[must_use]
pub fn needed_by_matching(former: usize, clusters: usize, users: usize) -> usize {
    let pairs = former.saturating_mul(clusters);
    pairs.saturating_mul(size_of::<i64>()).saturating_add(2 * size_of::<(usize, usize)>() * pairs.min(users))
}

/// Returns the previous id of each of `count` clusters; `None` if a cluster is new.
///
/// `previous` is the segment of each user in the previous version, and `current` is the cluster of each user now;
/// `None` means that a user is in none. The shorter list is padded with `None`, and clusters from `count` on are
/// ignored. A cluster that shares no user with any previous segment is new. In case of ties the lower id goes to the
/// lower cluster.
pub fn match_segments(previous: &[Option<i32>], current: &[Option<u32>], count: usize) -> Vec<Option<i32>> {
    let mut ids: Vec<i32> = previous.iter().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut matched = vec![None; count];
    if count == 0 || ids.is_empty() {
        return matched;
    }
    // Each row of the matrix must be assigned a column, so the shorter side becomes the rows.
    let transposed = count > ids.len();
    let place = |cluster, id| if transposed { (id, cluster) } else { (cluster, id) };
    let (rows, columns) = place(count, ids.len());
    let mut weights = Weights::new(rows, columns, 0i64);
    let (mut of_cluster, mut of_id) = (vec![0i64; count], vec![0i64; ids.len()]);
    for user in 0..previous.len().max(current.len()) {
        let id = previous.get(user).copied().flatten().and_then(|id| ids.binary_search(&id).ok());
        let cluster = current.get(user).copied().flatten().map(|c| c as usize).filter(|&c| c < count);
        id.into_iter().for_each(|id| of_id[id] += 1);
        cluster.into_iter().for_each(|cluster| of_cluster[cluster] += 1);
        if let (Some(id), Some(cluster)) = (id, cluster) {
            weights[place(cluster, id)] += 1;
        }
    }
    for (cluster, &members) in of_cluster.iter().enumerate() {
        for (id, &former) in of_id.iter().enumerate() {
            let shared = &mut weights[place(cluster, id)];
            if *shared > 0 {
                // The weight is at least 1, because any shared user is better than none.
                *shared = (*shared * WHOLE / (members + former - *shared)).max(1);
            }
        }
    }
    let assigned = if columns <= MOST_ASSIGNED { kuhn_munkres(&weights).1 } else { largest_first(&weights) };
    for (row, column) in assigned.into_iter().enumerate().filter(|&(_, column)| column < columns) {
        if weights[(row, column)] > 0 {
            let (cluster, id) = if transposed { (column, row) } else { (row, column) };
            matched[cluster] = Some(ids[id]);
        }
    }
    matched
}

/// Returns a column for each row, taking the largest weights first and ties in the order of rows and columns. A row
/// without a column gets the number after the last column.
fn largest_first(weights: &Weights<i64>) -> Vec<usize> {
    let mut pairs: Vec<(usize, usize)> = (0..weights.rows)
        .flat_map(|row| (0..weights.columns).map(move |column| (row, column)))
        .filter(|&pair| weights[pair] > 0)
        .collect();
    pairs.sort_by_key(|&pair| std::cmp::Reverse(weights[pair]));
    let (mut of_row, mut taken) = (vec![weights.columns; weights.rows], vec![false; weights.columns]);
    for (row, column) in pairs {
        if of_row[row] == weights.columns && !taken[column] {
            of_row[row] = column;
            taken[column] = true;
        }
    }
    of_row
}

/// The number of users who moved from one segment to another, or stayed (`from` = `to`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The previous segment of the users.
    pub from: i32,
    /// The current segment of the users.
    pub to: i32,
    /// The number of users.
    pub users: u64,
}

/// Counts how users moved, including those who stayed, in the order of segments. Users who have a segment in only one
/// of the lists are ignored.
pub fn movements(previous: &[Option<i32>], now: &[Option<i32>]) -> Vec<Movement> {
    let mut users = BTreeMap::new();
    for (&from, &to) in previous.iter().zip(now) {
        if let (Some(from), Some(to)) = (from, to) {
            *users.entry((from, to)).or_insert(0) += 1;
        }
    }
    users.into_iter().map(|((from, to), users)| Movement { from, to, users }).collect()
}

/// The share of users that changed their segment, 0 … 1; 0 if there are no users.
pub fn share_moved(movements: &[Movement]) -> f64 {
    let count = |moved: fn(&&Movement) -> bool| movements.iter().filter(moved).map(|m| m.users).sum::<u64>();
    count(|movement| movement.from != movement.to) as f64 / count(|_| true).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lists members from (segment, users) pairs, one segment after another.
    fn members<T: Copy>(sizes: &[(T, usize)]) -> Vec<Option<T>> {
        sizes.iter().flat_map(|&(segment, users)| vec![Some(segment); users]).collect()
    }

    #[test]
    fn many_segments_of_related_divisions_keep_their_ids() {
        // There are 700 segments of 20 users, and every tenth user moves to the next segment.
        let previous: Vec<Option<i32>> = (0..14_000).map(|user| Some(user / 20 + 5)).collect();
        let current: Vec<Option<u32>> =
            (0..14_000).map(|user| Some((699 - user / 20 + u32::from(user % 10 == 0)) % 700)).collect();
        let matched = match_segments(&previous, &current, 700);
        assert!((0..700).all(|cluster| matched[cluster] == Some(699 - cluster as i32 + 5)), "{matched:?}");
    }

    #[test]
    fn permuted_clusters_take_their_former_ids() {
        let previous = members(&[(10, 5), (20, 7), (30, 3)]);
        let current = members(&[(2, 5), (0, 7), (1, 3)]);
        assert_eq!(match_segments(&previous, &current, 3), [Some(20), Some(30), Some(10)]);
    }

    #[test]
    fn the_larger_part_of_a_split_keeps_the_id_and_the_lower_cluster_of_halves() {
        let previous = members(&[(4, 10)]);
        assert_eq!(match_segments(&previous, &members(&[(0, 3), (1, 7)]), 2), [None, Some(4)]);
        assert_eq!(match_segments(&previous, &members(&[(1, 5), (0, 5)]), 2), [Some(4), None]);
    }

    #[test]
    fn merged_segments_leave_the_larger_id_and_the_lower_of_equals() {
        let current = members(&[(0, 10)]);
        assert_eq!(match_segments(&members(&[(8, 4), (9, 6)]), &current, 1), [Some(9)]);
        assert_eq!(match_segments(&members(&[(9, 5), (8, 5)]), &current, 1), [Some(8)]);
    }

    #[test]
    fn clusters_of_users_without_a_former_segment_are_new() {
        let previous = [Some(1), Some(1), None];
        let current = [Some(1), Some(1), Some(0), Some(2), None];
        assert_eq!(match_segments(&previous, &current, 4), [None, Some(1), None, None]);
    }

    #[test]
    fn the_whole_assignment_is_best_not_each_pair_in_turn() {
        // Id 1 fits cluster 0 best, but then cluster 1 would share no user with id 2.
        let previous = members(&[(1, 6), (1, 4), (2, 4)]);
        let current = members(&[(0, 6), (1, 4), (0, 4)]);
        // The overlaps are 6/14 and 4/10 for id 1, and 4/10 and 0 for id 2.
        assert_eq!(match_segments(&previous, &current, 2), [Some(2), Some(1)]);
    }

    #[test]
    fn nothing_matches_nothing() {
        assert_eq!(match_segments(&[], &[], 0), []);
        assert_eq!(match_segments(&[], &[Some(0)], 2), [None, None]);
        assert_eq!(match_segments(&[Some(3)], &[], 1), [None]);
        assert_eq!(match_segments(&[Some(3)], &[Some(7)], 1), [None]);
        assert_eq!(movements(&[], &[]), []);
        assert_eq!(share_moved(&[]), 0.0);
    }

    #[test]
    fn movements_count_everybody_who_was_and_is_in_a_segment() {
        let previous = [Some(1), Some(1), Some(2), None, Some(2), Some(1)];
        let now = [Some(1), Some(2), Some(-1), Some(1), None, Some(1)];
        let found = movements(&previous, &now);
        let expected = [(1, 1, 2), (1, 2, 1), (2, -1, 1)];
        assert_eq!(found, expected.map(|(from, to, users)| Movement { from, to, users }));
        assert_eq!(share_moved(&found), 0.5);
    }

    #[test]
    fn thousands_of_segments_are_matched() {
        let users = 4096 * 8;
        let previous: Vec<Option<i32>> = (0..users).map(|user| Some(user % 4096 - 7)).collect();
        // A sixth of the users moved to arbitrary clusters, which are numbered backwards.
        let current: Vec<Option<u32>> = (0..users as u32)
            .map(|user| Some(if user % 6 == 0 { (user * 37) % 4096 } else { 4095 - user % 4096 }))
            .collect();
        let matched = match_segments(&previous, &current, 4096);
        assert!((0..4096).all(|cluster| matched[cluster] == Some(4095 - cluster as i32 - 7)));
    }

    proptest! {
        /// Compares the result with every possible assignment.
        #[test]
        fn the_total_overlap_is_the_greatest(
            users in proptest::collection::vec((0i32..4, 0u32..5), 1..40),
            ids in 1i32..5,
            clusters in 1u32..6,
        ) {
            let previous: Vec<Option<i32>> = users.iter().map(|user| Some(user.0 % ids)).collect();
            let current: Vec<Option<u32>> = users.iter().map(|user| Some(user.1 % clusters)).collect();
            let overlap = |cluster: u32, id: i32| {
                let both = |and: fn(bool, bool) -> bool| users.iter()
                    .filter(|user| and(user.1 % clusters == cluster, user.0 % ids == id)).count() as f64;
                if both(|a, b| a || b) > 0.0 { both(|a, b| a && b) / both(|a, b| a || b) } else { 0.0 }
            };
            fn best(cluster: u32, clusters: u32, free: &[i32], overlap: &dyn Fn(u32, i32) -> f64) -> f64 {
                if cluster == clusters {
                    return 0.0;
                }
                let without = best(cluster + 1, clusters, free, overlap);
                free.iter().fold(without, |most, &id| {
                    let rest: Vec<i32> = free.iter().copied().filter(|&other| other != id).collect();
                    most.max(overlap(cluster, id) + best(cluster + 1, clusters, &rest, overlap))
                })
            }
            let matched = match_segments(&previous, &current, clusters as usize);
            let pairs = || matched.iter().enumerate().filter_map(|(c, id)| id.map(|id| (c as u32, id)));
            let total: f64 = pairs().map(|(cluster, id)| overlap(cluster, id)).sum();
            let free: Vec<i32> = (0..ids).collect();
            prop_assert!((total - best(0, clusters, &free, &overlap)).abs() < 1e-6);
            let mut taken: Vec<i32> = pairs().map(|(_, id)| id).collect();
            taken.sort_unstable();
            prop_assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(pairs().all(|(cluster, id)| overlap(cluster, id) > 0.0));
        }
    }
}
