//! k-means of weighted rows, spherical (Dhillon & Modha 2001) and Euclidean: takes the best of several starts.
//!
//! Both geometries use the same code: spherical rows and centroids have length one, so 1 − cosine is half of ‖x − c‖²,
//! and the only remaining difference is that a mean direction is scaled to length one. Memory in addition to the
//! points: at most 80 bytes per row, and a copy of the points if they are far from the origin.

use super::cluster_sums::mean_and_variance;
use super::lloyd::{ITERATIONS, lloyd};
use super::oversampling::{oversampled, pays};
use super::problem::{Clusters, Problem, best_of, mass};
use super::seeding::greedy;
use super::settings::{Geometry, KmeansSettings};
use crate::error::{EngineError, Result};
use crate::linalg::vector::dot;
use crate::matrix::Matrix;
use crate::observer::Observer;
use crate::seed;
use std::borrow::Cow;

/// Divides the rows into clusters. Without `weights` every row has weight 1. A row with weight 0 or less is assigned to
/// a cluster but does not move its centroid. `start` gives the first centroids, whose order is kept; if they are fewer
/// than requested, seeding adds the others. With `start` there is only one start.
///
/// # Errors
/// [`EngineError::Cancelled`]; [`EngineError::Shape`] if the sizes of the weights or of `start` do not fit the points;
/// [`EngineError::NotFinite`] if values or their squares are not finite.
pub fn kmeans(
    points: &Matrix,
    weights: Option<&[f32]>,
    settings: &KmeansSettings,
    start: Option<&Matrix>,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Clusters> {
    let (n, k) = (points.rows(), points.columns());
    expect("weights of rows", n, weights.map_or(n, <[f32]>::len))?;
    expect("columns of the first centroids", k, start.map_or(k, Matrix::columns))?;
    let geometry = settings.geometry;
    let masses: Vec<f32> =
        (0..n).map(|row| mass(points.row(row), weights.map_or(1.0, |w| w[row]), geometry)).collect();
    let mut problem = Problem { points: points.view(), masses: &masses, geometry, variance: 0.0, observer };
    let (mean, variance) = mean_and_variance(&problem)?;
    problem.variance = variance;
    // ‖x‖² − 2x·c + ‖c‖² loses digits if rows are far from the origin, so they are moved there.
    let far = f64::from(dot(mean.data(), mean.data())) > variance * k as f64;
    let origin = if geometry == Geometry::Euclidean && far { mean.data() } else { &[] };
    let (points, start) = (less(points, origin), start.map(|start| less(start, origin)));
    problem.points = points.view();

    let mut random = seed::random(seed, "kmeans");
    let starts = if start.is_some() { 1 } else { settings.n_init };
    let best = best_of(starts, || {
        let first = match start.as_deref() {
            None if pays(n, settings.n_clusters) => oversampled(&problem, settings.n_clusters, &mut random)?,
            start => greedy(&problem, start, settings.n_clusters, &mut random)?,
        };
        lloyd(&problem, first, ITERATIONS)
    })?;
    let mut clusters = dissolve(&problem, best, settings.min_cluster_size)?;
    if !origin.is_empty() {
        let back: Vec<f32> = origin.iter().map(|x| -x).collect();
        clusters.centroids = less(&clusters.centroids, &back).into_owned();
    }
    Ok(clusters)
}

fn expect(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(EngineError::Shape { what, expected, found }) }
}

/// Subtracts an origin from rows; returns the rows themselves if it is empty.
fn less<'a>(rows: &'a Matrix, origin: &[f32]) -> Cow<'a, Matrix> {
    if origin.is_empty() {
        return Cow::Borrowed(rows);
    }
    let mut moved = rows.clone();
    for row in moved.data_mut().chunks_mut(origin.len()) {
        row.iter_mut().zip(origin).for_each(|(x, o)| *x -= o);
    }
    Cow::Owned(moved)
}

/// Removes the clusters with too few rows, one at a time and the smallest first, because its rows may make another
/// cluster large enough.
fn dissolve(problem: &Problem, mut clusters: Clusters, least: usize) -> Result<Clusters> {
    loop {
        let mut sizes = vec![0usize; clusters.centroids.rows()];
        clusters.of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        match (0..sizes.len()).min_by_key(|&cluster| sizes[cluster]) {
            Some(smallest) if sizes.len() > 1 && sizes[smallest] < least => {
                let kept: Vec<u32> = (0..sizes.len() as u32).filter(|&c| c as usize != smallest).collect();
                clusters = lloyd(problem, clusters.centroids.select(&kept), ITERATIONS)?;
            }
            _ => return Ok(clusters),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::{normalize, squared_distance};
    use crate::observer::{CancelAfter, Silent};
    use crate::seed::mix;
    use crate::segmentation::kmeans::nearest;
    use crate::segmentation::quality::adjusted_rand;

    const BOTH: [Geometry; 2] = [Geometry::Spherical, Geometry::Euclidean];

    /// Rows around the first unit vectors: row r belongs to group r % groups.
    fn planted(rows: usize, groups: usize, geometry: Geometry) -> Matrix {
        let k = groups + 3;
        let mut points = Matrix::zeros(rows, k);
        for row in 0..rows {
            for column in 0..k {
                let noise = (mix((row * k + column) as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
                points.row_mut(row)[column] = 0.15 * noise + if column == row % groups { 1.0 } else { 0.0 };
            }
            if geometry == Geometry::Spherical {
                normalize(points.row_mut(row));
            }
        }
        points
    }

    fn settings(geometry: Geometry, count: usize) -> KmeansSettings {
        KmeansSettings { geometry, n_clusters: count, min_cluster_size: 1, n_init: 1 }
    }

    fn find(points: &Matrix, settings: &KmeansSettings) -> Clusters {
        kmeans(points, None, settings, None, 1, &Silent).unwrap()
    }

    fn groups(rows: usize, groups: usize) -> Vec<u32> {
        (0..rows).map(|row| (row % groups) as u32).collect()
    }

    #[test]
    fn planted_groups_are_recovered() {
        // Few clusters are seeded one row at a time, many by oversampling.
        for (rows, count) in [(600, 5), (2_000, 20)] {
            assert_eq!(pays(rows, count), count == 20);
            for geometry in BOTH {
                let found = find(&planted(rows, count, geometry), &settings(geometry, count));
                let agreement = adjusted_rand(&found.of_row, &groups(rows, count));
                assert!(agreement > 0.95, "{geometry:?} {count}: {agreement}");
            }
        }
    }

    #[test]
    fn an_offset_of_the_data_changes_nothing() {
        let points = planted(600, 6, Geometry::Euclidean);
        let mut moved = points.clone();
        moved.data_mut().iter_mut().for_each(|x| *x += 1e4);
        let (here, there) = (
            find(&points, &settings(Geometry::Euclidean, 6)),
            find(&moved, &settings(Geometry::Euclidean, 6)),
        );
        assert!(adjusted_rand(&here.of_row, &there.of_row) > 0.99);
        assert!((here.inertia / there.inertia - 1.0).abs() < 0.01, "{} {}", here.inertia, there.inertia);
        let again = nearest(&moved, &there.centroids, Geometry::Euclidean);
        let again: Vec<u32> = again.iter().map(|nearest| nearest.cluster).collect();
        assert!(adjusted_rand(&again, &there.of_row) > 0.99);
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        for (geometry, count) in [(Geometry::Spherical, 20), (Geometry::Euclidean, 7)] {
            let points = planted(3_000, 12, geometry);
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| find(&points, &KmeansSettings { n_init: 2, ..settings(geometry, count) }))
            };
            let one = run(1);
            assert_eq!(one, run(2));
            assert_eq!(one, run(4));
        }
    }

    #[test]
    fn weights_are_repeated_rows() {
        for geometry in BOTH {
            let points = planted(300, 4, geometry);
            let repeats = |row: usize| row % 4;
            let weights: Vec<f32> = (0..300).map(|row| repeats(row) as f32).collect();
            let repeated: Vec<u32> =
                (0..300).flat_map(|row| std::iter::repeat_n(row as u32, repeats(row))).collect();
            let start = points.select(&[1, 2, 3]);
            let run = |points, weights| {
                kmeans(points, weights, &settings(geometry, 3), Some(&start), 1, &Silent).unwrap()
            };
            let weighted = run(&points, Some(&weights[..]));
            let plain = run(&points.select(&repeated), None);
            let of_repeated: Vec<u32> = repeated.iter().map(|&row| weighted.of_row[row as usize]).collect();
            assert_eq!(of_repeated, plain.of_row);
            assert!((weighted.inertia - plain.inertia).abs() < 1e-6 * plain.inertia);
            let far = squared_distance(weighted.centroids.data(), plain.centroids.data());
            assert!(far < 1e-10, "{far}");
        }
    }

    #[test]
    fn the_work_can_be_cancelled_at_any_moment() {
        let points = planted(1_000, 20, Geometry::Euclidean);
        let run = |at: usize| {
            let observer = CancelAfter::new(at - 1);
            let settings = KmeansSettings { min_cluster_size: 40, ..settings(Geometry::Euclidean, 20) };
            (kmeans(&points, None, &settings, None, 1, &observer), observer.asked())
        };
        let (all, questions) = run(usize::MAX);
        assert!(all.is_ok() && questions > 100, "{questions}");
        for at in (1..=questions).step_by(7).chain([questions]) {
            assert_eq!(run(at).0, Err(EngineError::Cancelled), "at {at} of {questions}");
        }
    }

    #[test]
    fn first_centroids_keep_their_order() {
        for geometry in BOTH {
            let points = planted(700, 7, geometry);
            let order = [3, 0, 6, 2, 5, 1, 4];
            let found = |start: &[u32]| {
                let start = points.select(start);
                kmeans(&points, None, &settings(geometry, 7), Some(&start), 1, &Silent).unwrap().of_row
            };
            for (row, &cluster) in found(&order).iter().enumerate() {
                assert_eq!(order[cluster as usize] as usize, row % 7);
            }
            // Missing centroids are added after the given ones.
            let added = found(&order[..3]);
            assert!(adjusted_rand(&added, &groups(700, 7)) > 0.95);
            assert_eq!((added[3], added[0], added[6]), (0, 1, 2));
        }
    }

    #[test]
    fn degenerate_input_has_an_answer() {
        let equal = [0.6, 0.8].repeat(50);
        let inputs = [
            Matrix::zeros(0, 3),
            Matrix::zeros(9, 2),
            Matrix::zeros(2_000, 2),
            Matrix::from_data(2, vec![0.6, 0.8]).unwrap(),
            Matrix::from_data(2, equal).unwrap(),
            Matrix::from_data(1, vec![1.0, -1.0, 1.0, -1.0, 1.0]).unwrap(),
            Matrix::from_data(2, vec![1.0, 0.0, -1.0, 0.0, 0.0, 0.0]).unwrap(),
        ];
        for points in &inputs {
            for (geometry, count) in BOTH.into_iter().flat_map(|g| [0, 1, 3, 20].map(|count| (g, count))) {
                let nothing = vec![0.0; points.rows()];
                for weights in [None, Some(&nothing[..])] {
                    for least in [0, 1, 4] {
                        let settings = KmeansSettings {
                            geometry,
                            n_clusters: count,
                            min_cluster_size: least,
                            n_init: 2,
                        };
                        let found = kmeans(points, weights, &settings, None, 1, &Silent).unwrap();
                        assert_eq!(found.of_row.len(), points.rows());
                        let clusters = found.centroids.rows();
                        assert!(
                            clusters <= count.max(1) && found.of_row.iter().all(|&c| (c as usize) < clusters)
                        );
                        assert!(found.centroids.data().iter().all(|x| x.is_finite()));
                        assert!(found.inertia.is_finite() && found.inertia >= 0.0);
                    }
                }
            }
        }
        let different = find(&inputs[5], &settings(Geometry::Euclidean, 20));
        assert_eq!((different.centroids.rows(), different.inertia), (2, 0.0));
    }

    #[test]
    fn wrong_input_is_an_error() {
        let points = planted(20, 2, Geometry::Euclidean);
        let run = |points: &Matrix, weights: Option<&[f32]>, start: Option<&Matrix>| {
            kmeans(points, weights, &settings(Geometry::Euclidean, 2), start, 1, &Silent)
        };
        assert!(matches!(run(&points, Some(&[1.0]), None), Err(EngineError::Shape { .. })));
        assert!(matches!(run(&points, None, Some(&Matrix::zeros(2, 1))), Err(EngineError::Shape { .. })));
        for value in [f32::NAN, f32::INFINITY, 1e30] {
            let mut points = points.clone();
            points.row_mut(7)[1] = value;
            assert!(matches!(run(&points, None, None), Err(EngineError::NotFinite { .. })), "{value}");
        }
    }

    #[test]
    fn more_starts_fit_no_worse_and_small_clusters_are_dissolved() {
        let points = planted(900, 30, Geometry::Euclidean);
        let run = |starts, least| {
            find(
                &points,
                &KmeansSettings {
                    n_init: starts,
                    min_cluster_size: least,
                    ..settings(Geometry::Euclidean, 12)
                },
            )
        };
        assert!(run(8, 1).inertia <= run(1, 1).inertia);
        let found = run(1, 100);
        let mut sizes = vec![0; found.centroids.rows()];
        found.of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        assert!(sizes.len() > 1 && sizes.iter().all(|&size| size >= 100), "{sizes:?}");
    }

    #[test]
    fn groups_far_apart_do_not_blur_the_groups_within() {
        let mut points = planted(400, 4, Geometry::Euclidean);
        for row in 0..400 {
            points.row_mut(row)[0] += if row % 8 < 4 { -1e4 } else { 1e4 };
        }
        let found = find(&points, &KmeansSettings { n_init: 5, ..settings(Geometry::Euclidean, 8) });
        assert!(adjusted_rand(&found.of_row, &groups(400, 8)) > 0.95);
    }
}
