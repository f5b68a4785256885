//! Finds clusters by OPTICS, and assigns the rows that were not ordered to them.

use super::distinct_rows::DistinctRows;
use super::excess_of_mass::extract;
use super::ordering::{Reached, distance, order};
use crate::auto::AutoOr;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::memory::filled;
use crate::observer::{Observer, Progress};
use crate::segmentation::centered_rows::{CenteredRows, check_finite};
use crate::segmentation::density::by_size;
use crate::segmentation::kmeans::{Geometry, nearest};

/// The largest number of rows that are ordered, which takes quadratic time: 2,000 rows of 8 columns take .21 seconds of
/// CPU time, of 64 columns .38 and of 128 columns .56; 3,000 take .51, .93 and 1.3.
const ORDERED_ROWS: usize = 2_000;
/// A cluster has at least a fiftieth of the rows, because smaller ones are found everywhere. In 1,000 uniform rows in
/// the plane, which are one cluster, 27 clusters are found with a minimum of 10 rows, and still 27 with a hundredth of
/// the rows; in six planted groups of 700 rows, 18 and 7 are found instead of 6.
const LEAST_SHARE: usize = 50;
/// The number of rows between two checks for cancellation: half a billion flops with 64 columns and 2,000 ordered rows.
const BLOCK_ROWS: usize = 2_048;
/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "optics";

/// The parameters that define density.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpticsSettings {
    /// The number of rows, itself included, that make a row a core row; at least 2.
    pub neighbours: usize,
    /// The largest distance to these rows; if it is automatic, there is no bound.
    pub radius: AutoOr<f64>,
}

/// The result of OPTICS: clusters, and the plot in which they are valleys.
#[derive(Clone, Debug, PartialEq)]
pub struct OpticsClusters {
    /// The cluster of each row, from 0 by decreasing size and then by first row; `None` for noise.
    pub of_row: Vec<Option<u32>>,
    /// The number of clusters, without noise.
    pub count: usize,
    /// The ordered rows, in their order.
    pub plot: Vec<Reached>,
}

/// Finds clusters of any densities by Euclidean distance. If only a sample is ordered, a given radius keeps its
/// meaning: `neighbours` is scaled down by the size of the sample, to at least two. Each other row joins the cluster of
/// the nearest ordered row if it is as near to it as that row's neighbours are.
///
/// # Errors
/// [`crate::EngineError::NotFinite`] if a value is infinite or NaN, [`crate::EngineError::Cancelled`],
/// [`crate::EngineError::NoMemory`].
pub fn optics(
    points: &Matrix,
    settings: &OpticsSettings,
    seed: u64,
    observer: &dyn Observer,
) -> Result<OpticsClusters> {
    with_most(points, settings, ORDERED_ROWS, seed, observer)
}

fn with_most(
    points: &Matrix,
    settings: &OpticsSettings,
    most: usize,
    seed: u64,
    observer: &dyn Observer,
) -> Result<OpticsClusters> {
    check_finite(points)?;
    let step = |step| observer.report(Progress::step(PHASE, step, 3));
    let given = settings.neighbours.max(2);
    let sample = DistinctRows::draw(points, given, most, seed, observer)?;
    let (radius, neighbours) = match settings.radius {
        AutoOr::Given(radius) => {
            let share = given as f64 * sample.drawn as f64 / points.rows().max(1) as f64;
            (Some(radius.max(f64::MIN_POSITIVE)), (share.round() as usize).max(2))
        }
        AutoOr::Auto => (None, given),
    };

    step(1);
    let plot = order(points, &sample.ordered, neighbours, radius, observer)?;

    step(2);
    let reachability: Vec<Option<f64>> = plot.iter().map(|reached| reached.reachability).collect();
    let places: Vec<usize> =
        plot.iter().map(|reached| sample.ordered.partition_point(|&row| row < reached.row)).collect();
    let stands_for: Vec<usize> = places.iter().map(|&place| sample.stands_for[place]).collect();
    let least = neighbours.max(sample.drawn / LEAST_SHARE);
    let mut of_ordered = vec![None; plot.len()];
    let mut reach = vec![0.0; plot.len()];
    let clusters = extract(&reachability, &stands_for, least, radius);
    for ((reached, &place), cluster) in plot.iter().zip(&places).zip(clusters) {
        of_ordered[place] = cluster;
        reach[place] = reached.core_distance.or(reached.reachability).unwrap_or(0.0);
    }

    step(3);
    let mut of_row: Vec<Option<u32>> = filled(None, points.rows())?;
    for (cluster, first) in of_row.iter_mut().zip(&sample.first_equal) {
        *cluster = first.and_then(|first| of_ordered[first as usize]);
    }
    let others: Vec<u32> =
        (0..points.rows() as u32).filter(|&row| sample.first_equal[row as usize].is_none()).collect();
    if !others.is_empty() {
        let centered = CenteredRows::new(points, observer)?.points;
        let ordered = centered.select(&sample.ordered);
        for block in others.chunks(BLOCK_ROWS) {
            observer.check()?;
            let found = nearest(&centered.select(block), &ordered, Geometry::Euclidean);
            for (&row, near) in block.iter().zip(found) {
                let near = near.cluster as usize;
                let ordered = points.row(sample.ordered[near] as usize);
                if distance(points.row(row as usize), ordered) <= reach[near] {
                    of_row[row as usize] = of_ordered[near];
                }
            }
        }
    }
    let count = by_size(&mut of_row);
    Ok(OpticsClusters { of_row, count, plot })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::random;
    use crate::segmentation::quality::adjusted_rand;
    use rand::Rng;

    const AUTO: OpticsSettings = OpticsSettings { neighbours: 10, radius: AutoOr::Auto };

    /// Two dense groups that are near each other, a sparse one, and noise, which is the last group.
    fn planted(rows: usize) -> (Matrix, Vec<u32>) {
        let mut random = random(5, "planted");
        let groups = [([0.0, 0.0], 0.2), ([0.8, 0.0], 0.2), ([9.0, 0.0], 4.0f32)];
        let (mut data, mut of_row) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let group = if row % 20 == 0 { 3 } else { row % 3 };
            match groups.get(group) {
                Some((centre, reach)) => {
                    data.extend(centre.map(|value| value + random.gen_range(-reach..*reach)));
                }
                None => data.extend([random.gen_range(-60.0..60.0f32), random.gen_range(10.0..90.0)]),
            }
            of_row.push(group as u32);
        }
        (Matrix::from_data(2, data).unwrap(), of_row)
    }

    fn labels(found: &OpticsClusters) -> Vec<u32> {
        found.of_row.iter().map(|cluster| cluster.unwrap_or(9)).collect()
    }

    #[test]
    fn groups_of_unlike_density_are_found_and_what_is_between_them_is_noise() {
        let (points, planted) = planted(1_200);
        let found = optics(&points, &AUTO, 1, &Silent).unwrap();
        let agreement = adjusted_rand(&labels(&found), &planted);
        assert!(found.count == 3 && agreement > 0.95, "{} {agreement}", found.count);
        assert_eq!(found.plot.len(), 1_200);
    }

    #[test]
    fn a_sample_finds_the_groups_that_all_rows_find() {
        let (points, planted) = planted(6_000);
        let given = OpticsSettings { neighbours: 40, radius: AutoOr::Given(1.5) };
        for settings in [AUTO, given] {
            let found = with_most(&points, &settings, 1_000, 1, &Silent).unwrap();
            let agreement = adjusted_rand(&labels(&found), &planted);
            assert!(found.count == 3 && agreement > 0.9, "{settings:?} {} {agreement}", found.count);
            assert_eq!(found.plot.len(), 1_000);
        }
    }

    #[test]
    fn the_plot_says_what_the_definition_says() {
        let (points, _) = planted(300);
        for radius in [f64::INFINITY, 0.5] {
            let settings = OpticsSettings { neighbours: 5, radius: AutoOr::Given(radius) };
            let plot = optics(&points, &settings, 1, &Silent).unwrap().plot;
            let apart =
                |a: &Reached, b: &Reached| distance(points.row(a.row as usize), points.row(b.row as usize));
            for (place, reached) in plot.iter().enumerate() {
                let mut distances: Vec<f64> = plot.iter().map(|other| apart(reached, other)).collect();
                distances.sort_by(f64::total_cmp);
                assert_eq!(reached.core_distance, Some(distances[4]).filter(|core| *core <= radius));
                let from = |before: &[Reached]| {
                    let reaching = before.iter().filter(|before| apart(before, reached) <= radius);
                    let bars =
                        reaching.filter_map(|before| Some(before.core_distance?.max(apart(before, reached))));
                    bars.fold(f64::INFINITY, f64::min)
                };
                match reached.reachability {
                    None => assert_eq!(from(&plot[..place]), f64::INFINITY, "{place}"),
                    // linfa may start from a row slightly behind the first one that it reaches.
                    Some(bar) => assert!(bar <= from(&plot[..place]) && bar >= from(&plot), "{place}: {bar}"),
                }
            }
        }
    }

    #[test]
    fn equal_rows_are_one_cluster_however_many_they_are() {
        let points = Matrix::from_data(
            2,
            (0..60_000).flat_map(|row| [row % 3, row / 3 % 4].map(|x| x as f32)).collect(),
        );
        let found = optics(&points.unwrap(), &AUTO, 1, &Silent).unwrap();
        assert_eq!((found.count, found.plot.len()), (12, 120));
        assert!((12..60_000).all(|row| found.of_row[row] == found.of_row[row % 12]));
    }

    #[test]
    fn few_equal_or_no_rows_are_no_trouble() {
        let of = |rows: usize, value: f32| {
            let points = Matrix::from_data(1, vec![value; rows]).unwrap();
            let found = optics(&points, &AUTO, 1, &Silent).unwrap();
            (found.count, found.of_row.iter().flatten().count(), found.plot.len())
        };
        assert_eq!(of(0, 1.0), (0, 0, 0));
        assert_eq!(of(9, 1.0), (0, 0, 9));
        assert_eq!(of(10, 1.0), (1, 10, 10));
        assert_eq!(of(500, f32::MAX), (1, 500, 10));
    }
}
