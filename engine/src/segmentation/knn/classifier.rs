//! Segments from examples: some users have a label, and every other user gets the label that their nearest examples
//! vote for (k nearest neighbours, Fix & Hodges 1951).
//!
//! Votes have weight (d_k − d) / (d_k − d_1), from 1 for the nearest to 0 for the farthest of the k neighbours, and 1
//! if all are equally far (Dudani 1976, eq. 1). With inverse distances, a neighbour at distance 0 would outvote all
//! others, and the weights would depend on how far apart the examples are.
//!
//! Distances are Euclidean. Classifying n rows among m exemplars costs 2·n·m·d flops as matrix products. These only
//! select candidates: the final distances are computed in `f64`, so that [`KnnClassifier::classify`] returns the same
//! as [`KnnClassifier::classify_row`], which compares all exemplars. Memory is `BLOCK_SCORES` values for each thread.

use super::stratified_sample::stratified;
use crate::error::{EngineError, Result};
use crate::linalg::product::scores;
use crate::linalg::vector::{distance, norm};
use crate::matrix::Matrix;
use crate::observer::{Observer, Progress};
use crate::ranking::TopN;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The name of the phase in progress reports.
pub const PHASE: &str = "votes";
/// The number of scores of a block of rows: 1 MB, which fits into a core's second-level cache.
const BLOCK_SCORES: usize = 1 << 18;
/// The largest number of rows of a block; products reach their full speed from about 16 rows on.
const BLOCK_ROWS: usize = 64;
/// The number of blocks between two reports of progress.
const REPORT_BLOCKS: usize = 64;

/// The labelled rows that vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct KnnClassifier {
    /// m × d: the labelled rows.
    exemplars: Matrix,
    /// The label of each exemplar, below `classes`.
    labels: Vec<u32>,
    classes: usize,
    /// The number of nearest exemplars that vote.
    neighbours: usize,
    /// The owner of each exemplar: its row number, until [`Self::owned`] renumbers it.
    owners: Vec<u32>,
}

/// The result of the vote on a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    /// The label with the most votes; the lowest one in case of ties.
    pub label: u32,
    /// The label's share of the votes, 0 … 1.
    pub confidence: f32,
    /// The distance to the nearest exemplar with the label.
    pub distance: f32,
}

impl KnnClassifier {
    /// Takes the rows with a label (below `classes`) as exemplars, of which the nearest `neighbours` (at least one)
    /// vote. If there are more than `most_exemplars`, a sample is drawn by the seed, in which each label has its share
    /// and at least one row.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if there is not one entry for each row or a label is too high,
    /// [`EngineError::NothingToTrainOn`] if no row has a label.
    pub fn new(
        points: &Matrix,
        labels: &[Option<u32>],
        classes: usize,
        neighbours: usize,
        most_exemplars: usize,
        seed: u64,
    ) -> Result<Self> {
        if labels.len() != points.rows() {
            return Err(EngineError::Shape { what: "labels", expected: points.rows(), found: labels.len() });
        }
        let mut of_label = vec![Vec::new(); classes];
        for (row, label) in labels.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))) {
            of_label.get_mut(label as usize).ok_or_else(|| too_high(label, classes))?.push(row as u32);
        }
        let chosen = stratified(&of_label, most_exemplars, seed);
        if chosen.is_empty() {
            return Err(EngineError::NothingToTrainOn { reason: "No row has a label.".into() });
        }
        let labels = chosen.iter().filter_map(|&row| labels[row as usize]).collect();
        let exemplars = points.select(&chosen);
        Ok(Self { exemplars, labels, classes, neighbours: neighbours.max(1), owners: chosen })
    }

    /// Renumbers the owners of exemplars.
    pub fn owned(mut self, number: impl Fn(u32) -> u32) -> Self {
        self.owners.iter_mut().for_each(|owner| *owner = number(*owner));
        self
    }

    /// Returns a copy without the exemplars of an owner; `None` if no exemplar is left.
    pub fn without(&self, owner: u32) -> Option<Self> {
        let kept: Vec<u32> = (0..self.owners.len() as u32)
            .filter(|&exemplar| self.owners[exemplar as usize] != owner)
            .collect();
        let of = |values: &[u32]| kept.iter().map(|&exemplar| values[exemplar as usize]).collect();
        (!kept.is_empty()).then(|| Self {
            exemplars: self.exemplars.select(&kept),
            labels: of(&self.labels),
            owners: of(&self.owners),
            ..*self
        })
    }

    /// Votes on each row.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if rows are not as long as the exemplars, [`EngineError::Cancelled`].
    pub fn classify(&self, points: &Matrix, observer: &dyn Observer) -> Result<Vec<Vote>> {
        let (columns, exemplars) = (self.exemplars.columns(), self.exemplars.rows());
        if points.rows() > 0 && points.columns() != columns {
            return Err(EngineError::Shape {
                what: "columns to classify",
                expected: columns,
                found: points.columns(),
            });
        }
        let norms: Vec<f32> = (0..exemplars).map(|row| norm(self.exemplars.row(row))).collect();
        let block_rows = (BLOCK_SCORES / exemplars.max(1)).clamp(1, BLOCK_ROWS);
        let report_rows = block_rows * REPORT_BLOCKS;
        let mut votes = Vec::with_capacity(points.rows());
        for (step, part) in points.data().chunks(report_rows * columns.max(1)).enumerate() {
            let blocks: Vec<Vec<Vote>> = part
                .par_chunks(block_rows * columns)
                .map(|rows| self.classify_block(rows, &norms, observer))
                .collect::<Result<_>>()?;
            votes.extend(blocks.into_iter().flatten());
            observer.report(Progress::step(PHASE, step + 1, points.rows().div_ceil(report_rows)));
        }
        Ok(votes)
    }

    /// Votes on one row, on the calling thread. The cost is that of reading 4·m·d bytes.
    pub fn classify_row(&self, row: &[f32]) -> Vote {
        self.vote(row, 0..self.labels.len())
    }

    fn classify_block(&self, rows: &[f32], norms: &[f32], observer: &dyn Observer) -> Result<Vec<Vote>> {
        let (columns, exemplars) = (self.exemplars.columns(), self.exemplars.rows());
        let mut products = vec![0.0; rows.len() / columns * exemplars];
        scores(rows, self.exemplars.data(), columns, &mut products);
        let longest = norms.iter().copied().fold(0.0, f32::max);
        rows.chunks_exact(columns)
            .zip(products.chunks_exact_mut(exemplars))
            .map(|(row, nearness)| {
                observer.check()?;
                // ‖x − e‖² = ‖x‖² + ‖e‖² − 2 x·e orders the exemplars like ‖e‖² − 2 x·e.
                nearness.iter_mut().zip(norms).for_each(|(n, norm)| *n = 2.0 * *n - norm * norm);
                let mut nearest = TopN::new(self.neighbours);
                nearest.push_row(nearness, |exemplar| exemplar as u32);
                let nearest = nearest.finish();
                let least = nearest.get(self.neighbours - 1).map_or(f32::NEG_INFINITY, |last| last.score)
                    - slack(columns, norm(row), longest);
                let too_far = |exemplar: usize| nearness[exemplar] < least;
                Ok(self.vote(row, (0..exemplars).filter(|&exemplar| !too_far(exemplar))))
            })
            .collect()
    }

    /// Returns the vote of the nearest of the given exemplars. If some are equally far, the first ones vote.
    fn vote(&self, row: &[f32], exemplars: impl Iterator<Item = usize>) -> Vote {
        let looked_at = |exemplar| (distance(row, self.exemplars.row(exemplar)), exemplar);
        let mut found: Vec<(f64, usize)> = pulp::Arch::new().dispatch(|| exemplars.map(looked_at).collect());
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if found.len() > self.neighbours {
            found.select_nth_unstable_by(self.neighbours - 1, order);
            found.truncate(self.neighbours);
        }
        found.sort_unstable_by(order);
        let (nearest, farthest) = (found.first().map_or(0.0, |f| f.0), found.last().map_or(0.0, |f| f.0));
        let range = farthest - nearest;
        let mut weights = vec![0.0f64; self.classes];
        for &(distance, exemplar) in &found {
            let weight = if range > 0.0 { (farthest - distance) / range } else { 1.0 };
            weights[self.labels[exemplar] as usize] += weight;
        }
        let label = (1..self.classes)
            .fold(0, |best, label| if weights[label] > weights[best] { label } else { best });
        let closest = found.iter().find(|(_, exemplar)| self.labels[*exemplar] as usize == label);
        Vote {
            label: label as u32,
            confidence: (weights[label] / weights.iter().sum::<f64>()) as f32,
            distance: closest.map_or(0.0, |(distance, _)| *distance) as f32,
        }
    }
}

/// Returns by how much the nearness of two exemplars may contradict their order by [`distance`], in total, for a row
/// and exemplars up to the given lengths. A sum of d products is off by d half bits of ‖x‖·‖e‖ and the norms by a few;
/// distances are off by d half bits of an `f64`. The result is infinite if a product overflows, so that no exemplar is
/// skipped.
fn slack(columns: usize, row: f32, longest: f32) -> f32 {
    let operations = (columns + 8) as f32;
    let (product, square) = (longest * (2.0 * row + longest), (row + longest) * (row + longest));
    operations * (f32::EPSILON * product + f64::EPSILON as f32 * square) + f32::MIN_POSITIVE
}

fn too_high(label: u32, classes: usize) -> EngineError {
    EngineError::Shape { what: "number of labels", expected: classes, found: label as usize + 1 }
}

/// Exemplars as they are read, before their shape is checked.
#[derive(Deserialize)]
struct Unchecked {
    exemplars: Matrix,
    labels: Vec<u32>,
    classes: usize,
    neighbours: usize,
    owners: Vec<u32>,
}

impl TryFrom<Unchecked> for KnnClassifier {
    type Error = EngineError;

    fn try_from(read: Unchecked) -> Result<Self> {
        let Unchecked { exemplars, labels, classes, neighbours, owners } = read;
        if owners.len() != labels.len() {
            return Err(EngineError::Shape { what: "owners", expected: labels.len(), found: owners.len() });
        }
        let every: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
        let vote = Self::new(&exemplars, &every, classes, neighbours, labels.len(), 0)?;
        Ok(Self { owners, ..vote })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::mix;
    use proptest::prelude::*;

    fn value(at: u64) -> f32 {
        (mix(at) >> 40) as f32 / (1 << 24) as f32 - 0.5
    }

    fn matrix(rows: usize, columns: usize, salt: u64, value: impl Fn(u64) -> f32) -> Matrix {
        let data = (0..(rows * columns) as u64).map(|at| value(at + (salt << 32))).collect();
        Matrix::from_data(columns, data).unwrap()
    }

    /// The vote found by sorting all distances, in plain `f64`.
    fn plain(
        points: &Matrix,
        exemplars: &Matrix,
        labels: &[u32],
        classes: usize,
        neighbours: usize,
    ) -> Vec<Vote> {
        let vote = |row: usize| {
            let mut all: Vec<(f64, u32)> = (0..exemplars.rows())
                .map(|e| (distance(points.row(row), exemplars.row(e)), labels[e]))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all.truncate(neighbours);
            let (first, last) = (all[0].0, all[all.len() - 1].0);
            let mut weights = vec![0.0; classes];
            for &(distance, label) in &all {
                weights[label as usize] +=
                    if last > first { (last - distance) / (last - first) } else { 1.0 };
            }
            let most = weights.iter().copied().fold(0.0, f64::max);
            let label = weights.iter().position(|&weight| weight == most).unwrap();
            let confidence = (most / weights.iter().sum::<f64>()) as f32;
            let distance = all.iter().find(|(_, l)| *l as usize == label).unwrap().0 as f32;
            Vote { label: label as u32, confidence, distance }
        };
        (0..points.rows()).map(vote).collect()
    }

    proptest! {
        /// The rows include grids, on which many exemplars are equally far, and rows far from the origin, for which
        /// products in `f32` cancel.
        #[test]
        fn votes_are_exactly_those_of_sorting_all_distances(
            exemplars in 1usize..300,
            columns in 1usize..6,
            neighbours in 1usize..12,
            classes in 1usize..5,
            steps in prop_oneof![Just(2.0f32), Just(7.0), Just(1e6)],
            offset in prop_oneof![Just(0.0f32), Just(1e4), Just(1e25)],
        ) {
            let place = |at| (value(at) * steps).round() / steps + offset;
            let known = matrix(exemplars, columns, 1, place);
            let labels: Vec<u32> = (0..exemplars as u64).map(|row| (mix(row) % classes as u64) as u32).collect();
            let given: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
            let model = KnnClassifier::new(&known, &given, classes, neighbours, exemplars, 1).unwrap();
            let points = matrix(40, columns, 2, place);
            let found = model.classify(&points, &Silent).unwrap();
            prop_assert_eq!(&found, &plain(&points, &known, &labels, classes, neighbours));
            for (row, vote) in found.iter().enumerate() {
                prop_assert_eq!(&model.classify_row(points.row(row)), vote);
            }
        }

        #[test]
        fn a_sample_has_the_share_of_every_label_and_at_least_one_row(
            sizes in proptest::collection::vec(0usize..60, 1..8),
            most in 0usize..200,
        ) {
            let labels: Vec<Option<u32>> =
                sizes.iter().zip(0..).flat_map(|(&size, label)| vec![Some(label); size]).chain([None]).collect();
            let total = labels.len() - 1;
            let present = sizes.iter().filter(|&&size| size > 0).count();
            let points = matrix(labels.len(), 2, 1, value);
            match KnnClassifier::new(&points, &labels, sizes.len(), 3, most, 4) {
                Err(error) => prop_assert!(total == 0, "{}", error),
                Ok(model) => {
                    prop_assert_eq!(model.labels.len(), most.clamp(present, total));
                    for (label, &size) in sizes.iter().enumerate() {
                        let kept = model.labels.iter().filter(|&&l| l as usize == label).count();
                        let due = model.labels.len() as f64 * size as f64 / total as f64;
                        // The count is off by rounding, and by the single rows of labels whose share is below one.
                        prop_assert!((kept > 0) == (size > 0) && kept <= size && kept as f64 <= due + 2.0);
                    }
                }
            }
        }
    }

    #[test]
    fn nearer_neighbours_have_more_to_say_and_the_lower_of_equal_labels_wins() {
        let known = Matrix::from_data(1, vec![0.0, 3.0, 3.5, 4.0]).unwrap();
        let labels = [Some(2), Some(1), Some(1), Some(1)];
        let model = KnnClassifier::new(&known, &labels, 3, 4, 9, 1).unwrap();
        // The distances are 1, 2, 2.5 and 3: label 2 has 1 vote, against 1/2 + 1/4 + 0.
        let expected = Vote { label: 2, confidence: 1.0 / 1.75, distance: 1.0 };
        assert_eq!(model.classify_row(&[1.0]), expected);
        // Two exemplars are equally far and have one vote each.
        let model = KnnClassifier::new(&known, &labels, 3, 2, 9, 1).unwrap();
        assert_eq!(model.classify_row(&[1.5]), Vote { label: 1, confidence: 0.5, distance: 1.5 });
    }

    #[test]
    fn planted_labels_are_found_from_a_few() {
        let points = matrix(3000, 8, 1, |at| {
            let (row, column) = ((at & 0xffff_ffff) / 8, at % 8);
            value(at) + if row % 4 == column { 1.0 } else { 0.0 }
        });
        let labels: Vec<Option<u32>> = (0..3000).map(|row| (row % 9 == 0).then_some(row % 4)).collect();
        let model = KnnClassifier::new(&points, &labels, 4, 7, 200, 1).unwrap();
        assert_eq!(model.exemplars.rows(), 200);
        let votes = model.classify(&points, &Silent).unwrap();
        let right = votes.iter().zip(0..).filter(|(vote, row)| vote.label == row % 4).count();
        assert!(right > 2900, "{right}");
        assert!(votes.iter().all(|vote| vote.confidence > 0.25 && vote.confidence <= 1.0));
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_models_survive_serialization() {
        let points = matrix(4, 2, 1, value);
        let new = |labels: &[Option<u32>]| KnnClassifier::new(&points, labels, 2, 0, 9, 1);
        assert!(matches!(new(&[Some(0)]), Err(EngineError::Shape { expected: 4, found: 1, .. })));
        assert!(matches!(
            new(&[Some(2), None, None, None]),
            Err(EngineError::Shape { expected: 2, found: 3, .. })
        ));
        assert!(matches!(new(&[None; 4]), Err(EngineError::NothingToTrainOn { .. })));
        let model = new(&[Some(1), None, Some(0), Some(1)]).unwrap();
        assert!(matches!(model.classify(&matrix(2, 3, 1, value), &Silent), Err(EngineError::Shape { .. })));
        assert_eq!(model.classify(&Matrix::default(), &Silent), Ok(vec![]));
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<KnnClassifier>(&text).unwrap(), model);
        assert!(
            serde_json::from_str::<KnnClassifier>(&text.replace(r#""classes":2"#, r#""classes":1"#)).is_err()
        );
    }

    #[test]
    fn without_the_exemplars_of_somebody_the_others_vote_as_if_they_had_been_alone() {
        let points = matrix(9, 2, 1, value);
        let labels: Vec<Option<u32>> = (0..9).map(|row| (row % 4 != 3).then_some(row % 2)).collect();
        let vote = |labels: &[Option<u32>]| KnnClassifier::new(&points, labels, 2, 3, 100, 1).unwrap();
        let numbered = vote(&labels).owned(|row| 100 + row);
        let mut fewer = labels.clone();
        fewer[4] = None;
        assert_eq!(numbered.without(104).unwrap(), vote(&fewer).owned(|row| 100 + row));
        assert_eq!(numbered.without(4).unwrap(), numbered);
        let rest = (0..9).try_fold(numbered, |vote, row| vote.without(100 + row));
        assert_eq!(rest, None);
    }
}
