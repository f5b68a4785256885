//! Agglomerative clustering: the two nearest clusters merge until one is left.
//!
//! Uses the nearest-neighbour chain (Murtagh 1983; Müllner 2011, arXiv:1109.2378) with the update formula of Lance &
//! Williams (1967): about 3·m² reads for m leaves, and 2·m² bytes for the distances in `f32`. With up to `EXACT`
//! distinct rows, each distinct row is a leaf and the tree is exact. With more, leaves are micro-clusters
//! ([`super::micro_clusters`]), so that no n × n matrix is ever built. Ward's distance depends only on their sizes and
//! centroids and is exact for them; the average distance is estimated from sizes, centroids and spreads, and complete
//! and single linkage from the centroids alone.

use super::MergeTree;
use super::micro_clusters::{MicroClusters, distinct_rows, micro_clusters};
use crate::error::Result;
use crate::linalg::vector::squared_distance;
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::segmentation::centered_rows::{check_finite, power_of_two_above};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// The largest number of distinct rows that are leaves themselves: 32 MB of distances.
const EXACT: usize = 4_000;
/// The number of micro-clusters for more rows. On 10,000 rows with 8, 20 and 64 groups, 1,333, 2,000 and 4,000 of them
/// agree equally well with exact Ward: the adjusted Rand index is .99, .99, .93 on planted groups and .85, .65, .60 on
/// user factors, where the sum of squares is nevertheless at most .2 % above that of exact Ward.
const MICRO_CLUSTERS: usize = 2_000;
/// The number of merges between two reports of progress.
const REPORT_EVERY: usize = 500;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "hierarchy";

/// The distance between two clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Linkage {
    /// √(2Δ), where Δ is the increase of the sum of squares by their union (Ward 1963); favours clusters of similar
    /// size.
    Ward,
    /// The mean distance between their rows.
    Average,
    /// The largest distance between their rows.
    Complete,
    /// The smallest distance between their rows.
    Single,
}

/// The leaf of each row, and the tree of the leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Hierarchy {
    /// The leaf of each row.
    pub leaf_of_row: Vec<u32>,
    /// leaves × k: the mean of each leaf's rows.
    pub leaf_centroids: Matrix,
    /// The merges of the leaves until one node is left.
    pub tree: MergeTree,
}

/// Merges rows into a tree by Euclidean distance. Ties merge the lowest numbers first.
///
/// # Errors
/// [`crate::EngineError::NotFinite`] if a value is infinite or NaN, [`crate::EngineError::Cancelled`].
pub fn hierarchical(
    points: &Matrix,
    linkage: Linkage,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Hierarchy> {
    with_leaves(points, linkage, (EXACT, MICRO_CLUSTERS), seed, observer)
}

fn with_leaves(
    points: &Matrix,
    linkage: Linkage,
    (exact, count): (usize, usize),
    seed: u64,
    observer: &dyn Observer,
) -> Result<Hierarchy> {
    check_finite(points)?;
    observer.check()?;
    let leaves = match distinct_rows(points, exact, observer)? {
        Some(leaves) => leaves,
        None => micro_clusters(points, count, seed, observer)?,
    };
    let links = merge(&leaves, linkage, observer)?;
    let tree = MergeTree::from_links(leaves.rows, links);
    Ok(Hierarchy { leaf_of_row: leaves.of_row, leaf_centroids: leaves.centroids, tree })
}

/// The distances between m clusters: those of 0 to 1 … m − 1, then those of 1 to 2 … m − 1, and so on.
struct Distances {
    count: usize,
    values: Vec<f32>,
}

impl Distances {
    /// Computes the distances between the leaves, divided by `unit`.
    fn new(leaves: &MicroClusters, linkage: Linkage, unit: f64, observer: &dyn Observer) -> Result<Self> {
        let count = leaves.rows.len();
        let mut scaled = leaves.centroids.clone();
        scaled.data_mut().iter_mut().for_each(|value| *value = (f64::from(*value) / unit) as f32);
        let mut values = vec![0.0; count * count.saturating_sub(1) / 2];
        let mut rest = values.as_mut_slice();
        let mut parts = Vec::with_capacity(count);
        for leaf in 0..count {
            let (part, behind) = rest.split_at_mut(count - 1 - leaf);
            parts.push(part);
            rest = behind;
        }
        parts.into_par_iter().enumerate().try_for_each(|(a, part)| {
            observer.check()?;
            for (b, value) in (a + 1..).zip(part) {
                let square = squared_distance(scaled.row(a), scaled.row(b));
                *value = match linkage {
                    Linkage::Ward => {
                        let (rows_a, rows_b) = (f64::from(leaves.rows[a]), f64::from(leaves.rows[b]));
                        (2.0 * rows_a * rows_b / (rows_a + rows_b) * f64::from(square)) as f32
                    }
                    // The mean of ‖x − y‖² over pairs of rows, whose root approximates the mean distance.
                    Linkage::Average => {
                        let spread = (leaves.spread[a] + leaves.spread[b]) / (unit * unit);
                        (f64::from(square) + spread).sqrt() as f32
                    }
                    Linkage::Complete | Linkage::Single => square.sqrt(),
                };
            }
            Ok(())
        })?;
        Ok(Self { count, values })
    }

    #[inline(always)]
    fn index(&self, a: u32, b: u32) -> usize {
        let (low, high) = (a.min(b) as usize, a.max(b) as usize);
        low * (2 * self.count - low - 1) / 2 + high - low - 1
    }

    #[inline(always)]
    fn get(&self, a: u32, b: u32) -> f32 {
        self.values[self.index(a, b)]
    }
}

impl Linkage {
    /// The distance of cluster `c` to the union of `a` and `b` (Lance & Williams 1967). For Ward, distances are
    /// squared.
    #[inline(always)]
    fn of_union(self, to_a: f32, to_b: f32, between: f32, [a, b, c]: [u32; 3]) -> f32 {
        let [to_a_64, to_b_64, between] = [to_a, to_b, between].map(f64::from);
        let [a, b, c] = [a, b, c].map(f64::from);
        match self {
            Self::Ward => {
                let sum = (a + c) * to_a_64 + (b + c) * to_b_64 - c * between;
                (sum / (a + b + c)).max(0.0) as f32
            }
            Self::Average => ((a * to_a_64 + b * to_b_64) / (a + b)) as f32,
            Self::Complete => to_a.max(to_b),
            Self::Single => to_a.min(to_b),
        }
    }
}

/// Returns links, one fewer than leaves: two leaves whose clusters merge, and the height.
fn merge(leaves: &MicroClusters, linkage: Linkage, observer: &dyn Observer) -> Result<Vec<(u32, u32, f32)>> {
    // In this unit no distance overflows, and dividing by it is exact.
    let largest = leaves.centroids.data().iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let widest = leaves.spread.iter().fold(0.0f64, |widest, &spread| widest.max(spread)).sqrt();
    let unit = power_of_two_above(f64::from(largest).max(widest));
    let mut distances = Distances::new(leaves, linkage, unit, observer)?;
    let mut rows = leaves.rows.clone();
    // A cluster is numbered by its lowest leaf.
    let mut active: Vec<u32> = (0..rows.len() as u32).collect();
    // Each cluster of the chain is the nearest of the one before it, until two are nearest to each other and merge.
    let mut chain: Vec<u32> = Vec::new();
    let mut links = Vec::with_capacity(rows.len().saturating_sub(1));
    while active.len() > 1 {
        let last = *chain.last().unwrap_or(&active[0]);
        if chain.is_empty() {
            chain.push(last);
        }
        // Ties go to the previous cluster, so that every step of the chain is strictly shorter and the chain ends.
        let before = chain.len().checked_sub(2).map(|place| chain[place]);
        let mut nearest =
            before.map_or((last, f32::INFINITY), |before| (before, distances.get(last, before)));
        for &other in active.iter().filter(|&&other| other != last) {
            let distance = distances.get(last, other);
            if distance < nearest.1 {
                nearest = (other, distance);
            }
        }
        if before != Some(nearest.0) {
            chain.push(nearest.0);
            continue;
        }
        observer.check()?;
        let (low, high) = (last.min(nearest.0), last.max(nearest.0));
        if let Ok(place) = active.binary_search(&high) {
            active.remove(place);
        }
        let (rows_low, rows_high) = (rows[low as usize], rows[high as usize]);
        for &other in active.iter().filter(|&&other| other != low) {
            let (to_low, to_high) = (distances.get(other, low), distances.get(other, high));
            let sizes = [rows_low, rows_high, rows[other as usize]];
            let place = distances.index(other, low);
            distances.values[place] = linkage.of_union(to_low, to_high, nearest.1, sizes);
        }
        rows[low as usize] = rows_low + rows_high;
        links.push((low, high, nearest.1));
        // Rounding may have led the chain back to either cluster, so it is cut before the first of them.
        let end = chain.iter().position(|&cluster| cluster == low || cluster == high);
        chain.truncate(end.unwrap_or(0));
        if links.len() % REPORT_EVERY == 0 {
            observer.report(Progress::step(PHASE, links.len(), leaves.rows.len() - 1));
        }
    }
    for (_, _, height) in &mut links {
        let distance = if linkage == Linkage::Ward { f64::from(*height).sqrt() } else { f64::from(*height) };
        *height = (distance * unit).min(f64::from(f32::MAX)) as f32;
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::random;
    use crate::segmentation::quality::adjusted_rand;
    use rand::Rng;

    const ALL: [Linkage; 4] = [Linkage::Ward, Linkage::Average, Linkage::Complete, Linkage::Single];

    /// Rows around `groups` centres, and the group of each.
    fn planted(rows: usize, columns: usize, groups: usize, noise: f32) -> (Matrix, Vec<u32>) {
        let mut random = random(7, "planted");
        let centres: Vec<f32> = (0..groups * columns).map(|_| random.gen_range(-1.0..1.0)).collect();
        let of_row: Vec<u32> = (0..rows).map(|_| random.gen_range(0..groups as u32)).collect();
        let mut points = Matrix::zeros(rows, columns);
        for (row, &group) in of_row.iter().enumerate() {
            for (value, centre) in points.row_mut(row).iter_mut().zip(&centres[group as usize * columns..]) {
                *value = centre + noise * (random.gen_range(-1.0..1.0f32) + random.gen_range(-1.0..1.0f32));
            }
        }
        (points, of_row)
    }

    /// The distance between two clusters by its definition.
    fn plain_distance(points: &Matrix, linkage: Linkage, a: &[usize], b: &[usize]) -> f64 {
        let difference = |x: &f32, y: &f32| (f64::from(*x) - f64::from(*y)).powi(2);
        let of_rows = |(x, y): (&usize, &usize)| {
            points.row(*x).iter().zip(points.row(*y)).map(|(x, y)| difference(x, y)).sum::<f64>().sqrt()
        };
        let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y))).map(of_rows);
        let mean = |rows: &[usize], column: usize| {
            rows.iter().map(|&row| f64::from(points.row(row)[column])).sum::<f64>() / rows.len() as f64
        };
        let (rows_a, rows_b) = (a.len() as f64, b.len() as f64);
        match linkage {
            Linkage::Ward => {
                let square: f64 =
                    (0..points.columns()).map(|column| (mean(a, column) - mean(b, column)).powi(2)).sum();
                (2.0 * rows_a * rows_b / (rows_a + rows_b) * square).sqrt()
            }
            Linkage::Average => pairs.sum::<f64>() / (rows_a * rows_b),
            Linkage::Complete => pairs.fold(0.0, f64::max),
            Linkage::Single => pairs.fold(f64::INFINITY, f64::min),
        }
    }

    /// The heights of all merges, and the groups when `count` are left.
    fn plain(points: &Matrix, linkage: Linkage, count: usize) -> (Vec<f64>, Vec<u32>) {
        let mut clusters: Vec<Vec<usize>> = (0..points.rows()).map(|row| vec![row]).collect();
        let distance = |a: &[usize], b: &[usize]| plain_distance(points, linkage, a, b);
        let mut table: Vec<Vec<f64>> =
            clusters.iter().map(|a| clusters.iter().map(|b| distance(a, b)).collect()).collect();
        let (mut heights, mut groups) = (Vec::new(), Vec::new());
        while clusters.len() > 1 {
            if clusters.len() == count {
                groups = vec![0; points.rows()];
                for (number, rows) in clusters.iter().enumerate() {
                    rows.iter().for_each(|&row| groups[row] = number as u32);
                }
            }
            let pairs = (0..clusters.len()).flat_map(|a| (0..a).map(move |b| (b, a)));
            let (low, high) = pairs.min_by(|x, y| table[x.0][x.1].total_cmp(&table[y.0][y.1])).unwrap();
            heights.push(table[low][high]);
            let moved = clusters.remove(high);
            clusters[low].extend(moved);
            table.remove(high);
            for distances in &mut table {
                distances.remove(high);
            }
            for other in 0..clusters.len() {
                table[low][other] = distance(&clusters[low], &clusters[other]);
                table[other][low] = table[low][other];
            }
        }
        (heights, groups)
    }

    fn groups_of_rows(hierarchy: &Hierarchy, count: usize) -> Vec<u32> {
        let groups = hierarchy.tree.cut(count);
        hierarchy.leaf_of_row.iter().map(|&leaf| groups[leaf as usize]).collect()
    }

    #[test]
    fn few_rows_merge_as_the_definition_says() {
        for (rows, groups) in [(40, 3), (130, 6)] {
            let (points, _) = planted(rows, 5, groups, 0.4);
            for linkage in ALL {
                let found = hierarchical(&points, linkage, 1, &Silent).unwrap();
                let (heights, expected) = plain(&points, linkage, 9);
                assert_eq!(found.tree.merges.len(), heights.len());
                for (merge, height) in found.tree.merges.iter().zip(heights) {
                    assert!(
                        (f64::from(merge.height) - height).abs() < 1e-5 * height,
                        "{linkage:?} {merge:?}"
                    );
                }
                assert_eq!(adjusted_rand(&groups_of_rows(&found, 9), &expected), 1.0, "{linkage:?}");
            }
        }
    }

    #[test]
    fn equal_rows_weigh_as_many() {
        let (mut points, _) = planted(60, 3, 4, 0.3);
        for row in 30..60 {
            let copy = points.row(row % 7).to_vec();
            points.row_mut(row).copy_from_slice(&copy);
        }
        for linkage in ALL {
            let found = hierarchical(&points, linkage, 1, &Silent).unwrap();
            assert_eq!(found.tree.leaves(), 30);
            let (heights, expected) = plain(&points, linkage, 5);
            // The 30 copies merge first, at height 0.
            for (merge, height) in found.tree.merges.iter().zip(&heights[30..]) {
                assert!((f64::from(merge.height) - height).abs() < 1e-5 * height, "{linkage:?} {merge:?}");
            }
            assert_eq!(adjusted_rand(&groups_of_rows(&found, 5), &expected), 1.0, "{linkage:?}");
        }
    }

    #[test]
    fn micro_clusters_find_the_groups_that_all_rows_find() {
        let (points, planted) = planted(3_000, 16, 12, 0.5);
        for linkage in [Linkage::Ward, Linkage::Average] {
            let exact = hierarchical(&points, linkage, 1, &Silent).unwrap();
            let found = with_leaves(&points, linkage, (300, 300), 1, &Silent).unwrap();
            assert!(found.tree.leaves() <= 300 && found.leaf_centroids.rows() == found.tree.leaves());
            let groups = groups_of_rows(&found, 12);
            assert!(adjusted_rand(&groups, &groups_of_rows(&exact, 12)) >= 0.95, "{linkage:?}");
            assert!(adjusted_rand(&groups, &planted) >= 0.95, "{linkage:?}");
        }
    }

    #[test]
    fn every_tree_holds_every_row_and_rises() {
        let (points, _) = planted(700, 4, 5, 1.0);
        for (linkage, leaves) in
            ALL.into_iter().flat_map(|linkage| [(linkage, (4_000, 0)), (linkage, (100, 90))])
        {
            let found = with_leaves(&points, linkage, leaves, 3, &Silent).unwrap();
            let merges = &found.tree.merges;
            assert_eq!(found.tree.leaf_rows.iter().sum::<u32>(), 700);
            assert_eq!((merges.len(), merges[merges.len() - 1].rows), (found.tree.leaves() - 1, 700));
            assert!(merges.windows(2).all(|pair| pair[0].height <= pair[1].height));
            let groups = groups_of_rows(&found, 7);
            let sizes: Vec<usize> =
                (0..7).map(|g| groups.iter().filter(|&&group| group == g).count()).collect();
            assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[6] > 0, "{sizes:?}");
        }
    }

    #[test]
    fn leaves_of_huge_rows_around_zero_keep_finite_distances() {
        let leaves = MicroClusters {
            of_row: vec![0, 1],
            centroids: Matrix::from_data(1, vec![0.0, 1e-30]).unwrap(),
            rows: vec![2, 2],
            spread: vec![1e60, 1e60],
        };
        let links = merge(&leaves, Linkage::Average, &Silent).unwrap();
        assert!((links[0].2 / 1e30 - 2f32.sqrt()).abs() < 1e-5, "{links:?}");
    }

    #[test]
    fn ties_merge_the_lowest_numbers_first() {
        let points = Matrix::from_data(1, vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0]).unwrap();
        let tree = hierarchical(&points, Linkage::Ward, 1, &Silent).unwrap().tree;
        let children: Vec<[u32; 2]> = tree.merges.iter().map(|merge| [merge.left, merge.right]).collect();
        assert_eq!(children, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]);
    }
}
