//! Divides the rows of a space by any method that works on points, and measures the result.

use super::density::{DbscanSettings, dbscan};
use super::hierarchical::MergeTree;
use super::hierarchical::hierarchical;
use super::identity::{MemberFit, member_fit};
use super::kmeans::{Geometry, KmeansSettings, kmeans, means, nearest};
use super::knn::KnnClassifier;
use super::mixture::Mixture;
use super::optics::{OpticsSettings, Reached, optics};
use super::options::{SegmentationMethod, SegmentationOptions, Target};
use super::quality::{Scores, calinski_harabasz, davies_bouldin, silhouettes};
use crate::error::{EngineError, Result};
use crate::matrix::Matrix;
use crate::observer::Observer;

/// Rows as points, and the geometry that defines their distances.
#[derive(Clone, Debug)]
pub struct PointSet {
    /// rows × dimensions. Rows have length one if the geometry is spherical.
    pub points: Matrix,
    /// The geometry that defines distances between the points.
    pub geometry: Geometry,
}

/// A division of rows into groups, with the results of its method.
#[derive(Clone, Debug)]
pub struct Partition {
    /// The group of every row, from 0.
    pub of_row: Vec<u32>,
    /// groups × dimensions: the mean of each group.
    pub centroids: Matrix,
    /// The group of each row with its distance and confidence.
    pub fits: Vec<MemberFit>,
    /// Whether each row is noise, that is, in no dense region; empty if the method has no noise.
    pub noise: Vec<bool>,
    /// The fitted mixture, if that is the method.
    pub mixture: Option<Mixture>,
    /// rows × groups: the probability of each group for each row, if the method is the mixture.
    pub probabilities: Option<Matrix>,
    /// The labelled rows that vote, if that is the method.
    pub vote: Option<KnnClassifier>,
    /// The merge tree and the leaf of each row, if the method is hierarchical.
    pub tree: Option<(MergeTree, Vec<u32>)>,
    /// The reachability plot, with rows in their order, if the method is OPTICS; otherwise empty.
    pub plot: Vec<Reached>,
    /// The quality of the partition.
    pub scores: Scores,
}

impl Partition {
    /// A partition into groups that are already known, without points, centroids or scores.
    pub fn given(of_row: Vec<u32>, fits: Vec<MemberFit>) -> Self {
        Self {
            of_row,
            centroids: Matrix::default(),
            fits,
            noise: Vec::new(),
            mixture: None,
            probabilities: None,
            vote: None,
            tree: None,
            plot: Vec::new(),
            scores: Scores::default(),
        }
    }
}

/// The number of rows on which the silhouette is computed: 4 million distances, and a standard error of about .005.
const SILHOUETTE_ROWS: usize = 2_000;
/// The largest number of labelled rows that vote. They are stored with the version.
const MOST_EXEMPLARS: usize = 20_000;

/// Everything that a partition is computed from, except the points.
pub struct Partitioner<'a> {
    /// The checked settings of segmentation.
    pub options: &'a SegmentationOptions,
    /// The numbers of groups to try.
    pub target: &'a Target,
    /// The group of each row in the previous version, if there is one, from which k-means starts.
    pub start: Option<&'a [Option<u32>]>,
    /// The label of each row and the number of labels, if users have labels.
    pub labels: Option<(&'a [Option<u32>], usize)>,
    /// The seed of all random draws.
    pub seed: u64,
}

impl Partitioner<'_> {
    /// Returns one partition for each number of groups to try, or a single one if the method finds the number itself.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`]; [`EngineError::NothingToDivideBy`] if the method is a vote and no row has a label.
    pub fn partitions(&self, space: &PointSet, observer: &dyn Observer) -> Result<Vec<Partition>> {
        let mut partitions = self.divided(space, observer)?;
        let of_rows: Vec<&[u32]> = partitions.iter().map(|partition| partition.of_row.as_slice()).collect();
        let found = silhouettes(&space.points, &of_rows, SILHOUETTE_ROWS, self.seed, observer)?;
        partitions.iter_mut().zip(found).for_each(|(partition, found)| partition.scores.silhouette = found);
        Ok(partitions)
    }

    /// Returns the partitions without their silhouettes.
    fn divided(&self, space: &PointSet, observer: &dyn Observer) -> Result<Vec<Partition>> {
        let counts = &self.target.counts;
        match self.options.method {
            SegmentationMethod::Kmeans => counts
                .iter()
                .map(|&count| {
                    let of_row = self.kmeans(space, count, observer)?;
                    self.finish(space, of_row, observer)
                })
                .collect(),
            SegmentationMethod::Hierarchical => {
                let hierarchy = hierarchical(&space.points, self.options.linkage, self.seed, observer)?;
                counts
                    .iter()
                    .map(|&count| {
                        let of_leaf = hierarchy.tree.cut(count);
                        let of_row =
                            hierarchy.leaf_of_row.iter().map(|&leaf| of_leaf[leaf as usize]).collect();
                        let tree = Some((hierarchy.tree.clone(), hierarchy.leaf_of_row.clone()));
                        Ok(Partition { tree, ..self.finish(space, of_row, observer)? })
                    })
                    .collect()
            }
            SegmentationMethod::Mixture => {
                counts.iter().map(|&count| self.mixture(space, count, observer)).collect()
            }
            SegmentationMethod::Density => Ok(vec![self.dbscan(space, observer)?]),
            SegmentationMethod::Optics => Ok(vec![self.optics(space, observer)?]),
            SegmentationMethod::Knn => Ok(vec![self.vote(space, observer)?]),
            SegmentationMethod::Rfm => {
                let of_row = self.kmeans(space, counts.last().copied().unwrap_or(1), observer)?;
                Ok(vec![self.finish(space, of_row, observer)?])
            }
            SegmentationMethod::Column | SegmentationMethod::None => {
                Ok(vec![self.finish(space, vec![0; space.points.rows()], observer)?])
            }
        }
    }

    fn kmeans(&self, space: &PointSet, count: usize, observer: &dyn Observer) -> Result<Vec<u32>> {
        let settings = KmeansSettings {
            geometry: space.geometry,
            n_clusters: count,
            min_cluster_size: self.target.least,
            n_init: self.options.starts,
        };
        let start = self.start.filter(|_| count > 1).map(|start| start_centroids(space, start));
        let start = start.filter(|centroids| centroids.rows() == count);
        let clusters = kmeans(&space.points, None, &settings, start.as_ref(), self.seed, observer)?;
        Ok(by_size(clusters.of_row))
    }

    fn mixture(&self, space: &PointSet, count: usize, observer: &dyn Observer) -> Result<Partition> {
        let mut of_row = self.kmeans(space, count, observer)?;
        loop {
            let groups = of_row.iter().max().map_or(1, |&last| last as usize + 1);
            let mixture = Mixture::fit(&space.points, &of_row, groups, observer)?;
            let probabilities = mixture.probabilities(&space.points);
            of_row = (0..probabilities.rows()).map(|row| most(probabilities.row(row))).collect();
            let compact = by_size(of_row.clone());
            if compact.iter().max().map_or(1, |&last| last as usize + 1) < groups {
                // A component that is most probable for no row is removed.
                of_row = compact;
                continue;
            }
            let mut partition = self.finish(space, of_row, observer)?;
            for (row, fit) in partition.fits.iter_mut().enumerate() {
                fit.confidence = probabilities.row(row)[fit.segment as usize];
            }
            return Ok(Partition { mixture: Some(mixture), probabilities: Some(probabilities), ..partition });
        }
    }

    fn dbscan(&self, space: &PointSet, observer: &dyn Observer) -> Result<Partition> {
        let settings = DbscanSettings { neighbours: self.options.neighbours, radius: self.options.radius };
        let dense = dbscan(&space.points, &settings, self.seed, observer)?;
        self.with_noise(space, &dense.of_row, dense.count, observer)
    }

    fn optics(&self, space: &PointSet, observer: &dyn Observer) -> Result<Partition> {
        let settings = OpticsSettings { neighbours: self.options.neighbours, radius: self.options.radius };
        let dense = optics(&space.points, &settings, self.seed, observer)?;
        let partition = self.with_noise(space, &dense.of_row, dense.count, observer)?;
        Ok(Partition { plot: dense.plot, ..partition })
    }

    /// Makes clusters the groups. Noise joins the group with the nearest mean.
    fn with_noise(
        &self,
        space: &PointSet,
        clusters: &[Option<u32>],
        count: usize,
        observer: &dyn Observer,
    ) -> Result<Partition> {
        let noise: Vec<bool> = clusters.iter().map(Option::is_none).collect();
        if count == 0 {
            let partition = self.finish(space, vec![0; noise.len()], observer)?;
            return Ok(Partition { noise, ..partition });
        }
        let dense_rows: Vec<u32> = (0..noise.len() as u32).filter(|&row| !noise[row as usize]).collect();
        let of_dense: Vec<u32> = clusters.iter().flatten().copied().collect();
        let centroids = means(&space.points.select(&dense_rows), None, &of_dense, count, space.geometry);
        let near = nearest(&space.points, &centroids, space.geometry);
        let of_row = clusters.iter().zip(near).map(|(own, near)| own.unwrap_or(near.cluster)).collect();
        Ok(Partition { noise, ..self.finish(space, of_row, observer)? })
    }

    fn vote(&self, space: &PointSet, observer: &dyn Observer) -> Result<Partition> {
        let (labels, classes) = self.labels.unwrap_or((&[], 0));
        if labels.iter().all(Option::is_none) {
            let reason = "No user has a label.".to_owned();
            return Err(EngineError::NothingToDivideBy { reason });
        }
        let neighbours = self.options.neighbours;
        let vote = KnnClassifier::new(&space.points, labels, classes, neighbours, MOST_EXEMPLARS, self.seed)?;
        let votes = vote.classify(&space.points, observer)?;
        let fits: Vec<MemberFit> = votes
            .iter()
            .zip(labels)
            .map(|(vote, own)| match own {
                Some(own) => MemberFit::given(*own),
                None => {
                    MemberFit { segment: vote.label, distance: vote.distance, confidence: vote.confidence }
                }
            })
            .collect();
        let of_row: Vec<u32> = fits.iter().map(|fit| fit.segment).collect();
        let centroids = means(&space.points, None, &of_row, classes, space.geometry);
        let scores = scores(space, &of_row, observer)?;
        Ok(Partition { centroids, scores, vote: Some(vote), ..Partition::given(of_row, fits) })
    }

    /// Computes the centroids, the fit of each row and the scores of a division.
    fn finish(&self, space: &PointSet, of_row: Vec<u32>, observer: &dyn Observer) -> Result<Partition> {
        let count = of_row.iter().max().map_or(0, |&last| last as usize + 1).max(1);
        let centroids = means(&space.points, None, &of_row, count, space.geometry);
        let near = nearest(&space.points, &centroids, space.geometry);
        let fits = near
            .into_iter()
            .zip(&of_row)
            .enumerate()
            .map(|(row, (near, &own))| {
                if near.cluster == own {
                    return member_fit(near);
                }
                // The nearest centroid belongs to another group, so the confidence is 0.
                let own_centroid = centroids.select(&[own]);
                let point = space.points.row(row);
                let distance = super::kmeans::nearest_of(point, &own_centroid, space.geometry).distance;
                MemberFit { segment: own, distance, confidence: 0.0 }
            })
            .collect();
        let scores = scores(space, &of_row, observer)?;
        Ok(Partition { centroids, scores, ..Partition::given(of_row, fits) })
    }
}

/// Renumbers groups by size, the largest first. Ties keep their order, and numbers without rows are dropped.
pub fn by_size(of_row: Vec<u32>) -> Vec<u32> {
    let count = of_row.iter().max().map_or(0, |&last| last as usize + 1);
    let mut sizes = vec![0usize; count];
    of_row.iter().for_each(|&group| sizes[group as usize] += 1);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group]));
    let mut number = vec![0; count];
    for (new, &old) in order.iter().enumerate() {
        number[old] = new as u32;
    }
    of_row.into_iter().map(|group| number[group as usize]).collect()
}

fn most(probabilities: &[f32]) -> u32 {
    let mut best = 0;
    for (place, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = place;
        }
    }
    best as u32
}

/// Returns the mean of each previous group, without the groups that have no rows.
fn start_centroids(space: &PointSet, start: &[Option<u32>]) -> Matrix {
    let rows: Vec<u32> = (0..start.len() as u32).filter(|&row| start[row as usize].is_some()).collect();
    let of_row: Vec<u32> = start.iter().flatten().copied().collect();
    let count = of_row.iter().max().map_or(0, |&last| last as usize + 1);
    let mut held = vec![false; count];
    of_row.iter().for_each(|&group| held[group as usize] = true);
    let kept: Vec<u32> = (0..count as u32).filter(|&group| held[group as usize]).collect();
    means(&space.points.select(&rows), None, &of_row, count, space.geometry).select(&kept)
}

/// Computes the scores except the silhouette, which is shared by several partitions.
fn scores(space: &PointSet, of_row: &[u32], observer: &dyn Observer) -> Result<Scores> {
    observer.check()?;
    Ok(Scores {
        silhouette: None,
        davies_bouldin: davies_bouldin(&space.points, of_row, observer)?,
        calinski_harabasz: calinski_harabasz(&space.points, of_row, observer)?,
    })
}
