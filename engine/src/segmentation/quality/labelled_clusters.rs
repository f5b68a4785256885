//! Rows grouped by the labels of a division, which may be any numbers.

use crate::error::Result;
use crate::matrix::Matrix;
use crate::memory;
use crate::observer::Observer;

/// The number of rows between two checks for cancellation, and between reports of progress; 40 ms of work on one thread
/// with 5,000 rows of 64 columns.
pub(super) const BLOCK_ROWS: usize = 256;

/// The clusters that have members, numbered from 0 in the order of their labels.
pub(super) struct LabelledClusters {
    pub(super) of_row: Vec<u32>,
    pub(super) sizes: Vec<usize>,
}

impl LabelledClusters {
    fn new(labels: &[u32]) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut sizes = vec![0; distinct.len()];
        let number = |label| distinct.partition_point(|&other| other < label);
        let of_row = labels
            .iter()
            .map(|&label| {
                let cluster = number(label);
                sizes[cluster] += 1;
                cluster as u32
            })
            .collect();
        Self { of_row, sizes }
    }

    /// Returns the clusters of `points`; `None` if there are fewer than two, or if the number of labels is not that of
    /// rows.
    pub(super) fn of(points: &Matrix, labels: &[u32]) -> Option<Self> {
        let clusters = Self::new(labels);
        (labels.len() == points.rows() && clusters.sizes.len() > 1).then_some(clusters)
    }

    /// Returns the mean of each cluster's rows, one after another.
    pub(super) fn means(&self, points: &Matrix, observer: &dyn Observer) -> Result<Vec<f64>> {
        let columns = points.columns();
        let mut means = memory::filled(0.0, columns * self.sizes.len())?;
        for (row, &cluster) in self.of_row.iter().enumerate() {
            if row % BLOCK_ROWS == 0 {
                observer.check()?;
            }
            let sum = &mut means[cluster as usize * columns..][..columns];
            sum.iter_mut().zip(points.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for (mean, &size) in means.chunks_exact_mut(columns.max(1)).zip(&self.sizes) {
            mean.iter_mut().for_each(|x| *x /= size as f64);
        }
        Ok(means)
    }
}
