//! Tests the guarantees of hierarchical and density clustering and OPTICS, for any data including none: results are the
//! same bytes on any number of threads, degenerate rows have a result or an error, and cancellation ends the work.

#![allow(clippy::unwrap_used, missing_docs)]

use segrec_engine::auto::AutoOr;
use segrec_engine::seed::mix;
use segrec_engine::segmentation::density::{DbscanSettings, dbscan};
use segrec_engine::segmentation::hierarchical::{Linkage, hierarchical};
use segrec_engine::segmentation::optics::{OpticsSettings, optics};
use segrec_engine::{CancelAfter, EngineError, Matrix, Observer, Silent};

const LINKAGES: [Linkage; 4] = [Linkage::Ward, Linkage::Average, Linkage::Complete, Linkage::Single];
const DENSE: DbscanSettings = DbscanSettings { neighbours: 5, radius: AutoOr::Auto };
const ORDERED: OpticsSettings = OpticsSettings { neighbours: 5, radius: AutoOr::Auto };

fn rows(count: usize, columns: usize) -> Matrix {
    let value = |place: usize| {
        let noise = (mix(place as u64) >> 40) as f32 / (1 << 24) as f32;
        noise + if place / columns % 7 == place % columns { 3.0 } else { 0.0 }
    };
    Matrix::from_data(columns, (0..count * columns).map(value).collect()).unwrap()
}

#[test]
fn results_are_the_same_on_one_two_and_four_threads() {
    let (few, many) = (rows(700, 9), rows(5_000, 9));
    let results = [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let trees = [&few, &many].map(|points| hierarchical(points, Linkage::Ward, 1, &Silent).unwrap());
            (trees, dbscan(&many, &DENSE, 1, &Silent).unwrap(), optics(&many, &ORDERED, 1, &Silent).unwrap())
        })
    });
    assert_eq!(results[0].0[0].tree.leaves(), 700);
    assert!(results[0].0[1].tree.leaves() < 4_000 && results[0].1.count > 1 && results[0].2.count > 1);
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn degenerate_rows_make_one_cluster_or_none() {
    let empty = hierarchical(&Matrix::zeros(0, 3), Linkage::Ward, 1, &Silent).unwrap();
    assert_eq!((empty.tree.leaves(), empty.tree.cut(2).len(), empty.leaf_of_row.len()), (0, 0, 0));
    let empty = dbscan(&Matrix::zeros(0, 3), &DENSE, 1, &Silent).unwrap();
    assert_eq!((empty.count, empty.of_row.len(), empty.radius), (0, 0, 0.0));
    for (count, value) in [(1, 5.0), (2, 0.1), (300, -3e38), (5_000, 0.3), (300, 1e-45)] {
        let equal = Matrix::from_data(3, vec![value; count * 3]).unwrap();
        for linkage in LINKAGES {
            let found = hierarchical(&equal, linkage, 1, &Silent).unwrap();
            assert_eq!((found.tree.leaves(), &found.tree.merges), (1, &vec![]));
            assert_eq!(found.leaf_of_row, vec![0; count]);
            assert_eq!(found.leaf_centroids.row(0), [value; 3]);
        }
        let found = dbscan(&equal, &DENSE, 1, &Silent).unwrap();
        let expected = if count < 5 { None } else { Some(0) };
        assert_eq!((found.of_row, found.radius), (vec![expected; count], 0.0));
        assert_eq!(optics(&equal, &ORDERED, 1, &Silent).unwrap().of_row, vec![expected; count]);
    }
}

#[test]
fn the_largest_and_smallest_values_stay_finite() {
    for size in [f32::MAX, 1e30, 1e-30, 1e-44] {
        let values: Vec<f32> = [-1.0, 1.0, -0.99, 0.99, 0.5, -1.0].map(|x: f32| x * size).repeat(4);
        let points = Matrix::from_data(3, values).unwrap();
        for linkage in LINKAGES {
            let merges = hierarchical(&points, linkage, 1, &Silent).unwrap().tree.merges;
            assert!(
                merges.len() == 1 && merges[0].height.is_finite() && merges[0].height > 0.0,
                "{merges:?}"
            );
        }
        for radius in
            [AutoOr::Auto, AutoOr::Given(0.0), AutoOr::Given(f64::INFINITY), AutoOr::Given(f64::NAN)]
        {
            let settings = DbscanSettings { neighbours: 4, radius };
            let found = dbscan(&points, &settings, 1, &Silent).unwrap();
            assert!(!found.radius.is_nan());
            assert_eq!(
                found.count,
                if radius == AutoOr::Given(f64::INFINITY) { 1 } else { 2 },
                "{size} {radius:?}"
            );
            let found = optics(&points, &OpticsSettings { neighbours: 4, radius }, 1, &Silent).unwrap();
            assert_eq!(found.count, 2, "{size} {radius:?}");
            let of_plot = found.plot.iter().flat_map(|reached| [reached.reachability, reached.core_distance]);
            assert!(of_plot.flatten().all(f64::is_finite), "{size} {radius:?}");
        }
    }
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        let points = Matrix::from_data(2, vec![1.0, value, 0.0, 2.0]).unwrap();
        let refused = EngineError::NotFinite { what: "the rows to divide" };
        assert_eq!(hierarchical(&points, Linkage::Ward, 1, &Silent).err(), Some(refused.clone()));
        assert_eq!(dbscan(&points, &DENSE, 1, &Silent).err(), Some(refused.clone()));
        assert_eq!(optics(&points, &ORDERED, 1, &Silent).err(), Some(refused));
    }
}

fn can_be_cancelled(least_questions: usize, work: impl Fn(&dyn Observer) -> segrec_engine::Result<()>) {
    let counter = CancelAfter::new(usize::MAX);
    work(&counter).unwrap();
    let questions = counter.asked();
    assert!(questions > least_questions, "{questions}");
    for moment in (0..questions - 1).step_by((questions / 20).max(1)) {
        let stop = CancelAfter::new(moment);
        assert_eq!(work(&stop).err(), Some(EngineError::Cancelled), "at {moment} of {questions}");
    }
}

#[test]
fn work_can_be_cancelled_at_any_moment() {
    let (few, many) = (rows(400, 6), rows(4_300, 6));
    can_be_cancelled(700, |observer| hierarchical(&few, Linkage::Average, 1, observer).map(drop));
    can_be_cancelled(4_000, |observer| hierarchical(&many, Linkage::Ward, 1, observer).map(drop));
    can_be_cancelled(50, |observer| dbscan(&few, &DENSE, 1, observer).map(drop));
    can_be_cancelled(400, |observer| dbscan(&many, &DENSE, 1, observer).map(drop));
    can_be_cancelled(400, |observer| optics(&few, &ORDERED, 1, observer).map(drop));
    can_be_cancelled(2_000, |observer| optics(&many, &ORDERED, 1, observer).map(drop));
}
