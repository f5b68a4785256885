//! Reduces many rows to a few weighted ones by importance sampling around a rough clustering (Feldman & Langberg 2011;
//! Bachem, Lucic & Krause 2017). It is the reduction step of a [`super::coreset::Coreset`].
//!
//! n rows cost 3·n·columns flops for each rough centroid, on the calling thread.

use crate::error::Result;
use crate::matrix::Rows;
use crate::memory;
use crate::observer::Observer;
use crate::seed::Random;
use crate::segmentation::kmeans::{ClusterSums, Geometry, Problem, Seeding, greedy};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The number of rough clusters for each requested cluster. If no rough cluster spans several true ones, keeping the
/// weights and means of the rough clusters keeps those of the true ones.
const ROUGH_PER_CLUSTER: usize = 2;
const LEAST_ROUGH: usize = 16;
const MOST_ROUGH: usize = 256;
/// The number of rows among which the rough centroids are drawn.
const ROUGH_SAMPLE: usize = 2048;

/// Weighted rows that stand for others; there may be none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// rows × columns: the rows, one after another.
    pub values: Vec<f32>,
    /// The weight of each row, above zero.
    pub weights: Vec<f32>,
}

impl Bucket {
    /// The rows as the input of k-means, with `columns` values each.
    ///
    /// # Errors
    /// [`crate::EngineError::Shape`] if the values are not whole rows of `columns`.
    pub fn problem<'a>(&'a self, columns: usize, observer: &'a dyn Observer) -> Result<Problem<'a>> {
        let points = Rows::new(columns, &self.values)?;
        Ok(Problem { points, masses: &self.weights, geometry: Geometry::Euclidean, variance: 0.0, observer })
    }

    /// Adds the rows of another bucket.
    ///
    /// # Errors
    /// [`crate::EngineError::NoMemory`].
    pub fn add(&mut self, other: &Self) -> Result<()> {
        memory::reserve(&mut self.values, other.values.len())?;
        memory::reserve(&mut self.weights, other.weights.len())?;
        self.values.extend_from_slice(&other.values);
        self.weights.extend_from_slice(&other.weights);
        Ok(())
    }
}

/// Draws about `target` of the rows and weights them so that they stand for all; `clusters` is the number that will be
/// requested of them.
///
/// A third of the draws follows the squared distance to a rough centroid, a third the mean of these distances in the
/// row's rough cluster, and a third is the same for each rough cluster (the three terms of Bachem, Lucic & Krause 2017,
/// Algorithm 2). Draws are stratified along the rows in the order of their rough clusters, so that each cluster gets
/// its share to within two draws. Finally the drawn rows of each cluster are given the weight and the mean of the
/// cluster.
///
/// # Errors
/// [`crate::EngineError::Cancelled`], [`crate::EngineError::NoMemory`].
pub fn reduce(rows: &Problem, target: usize, clusters: usize, random: &mut Random) -> Result<Bucket> {
    let Problem { points, masses: weights, observer, .. } = *rows;
    let rough = clusters.saturating_mul(ROUGH_PER_CLUSTER).clamp(LEAST_ROUGH, MOST_ROUGH);
    let (rough, count) = rough_clustering(rows, rough, random)?;
    let sums = ClusterSums::of(rows, &rough.owner, count)?;
    let cost = |row: usize| f64::from(weights[row]) * f64::from(rough.nearest[row]);
    let mut costs = vec![0.0f64; count];
    (0..points.rows()).for_each(|row| costs[rough.owner[row] as usize] += cost(row));
    let whole = costs.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let occupied = sums.masses.iter().filter(|&&mass| mass > 0.0).count() as f64;

    let mut order: Vec<u32> = memory::with_room(points.rows())?;
    order.extend(0..points.rows() as u32);
    order.sort_by_key(|&row| rough.owner[row as usize]);
    let mut importance: Vec<f64> = memory::with_room(points.rows())?;
    importance.extend(order.iter().map(|&row| {
        let cluster = rough.owner[row as usize] as usize;
        let share = f64::from(weights[row as usize]) / sums.masses[cluster];
        cost(row as usize) / whole + share * (costs[cluster] / whole + 1.0 / occupied)
    }));

    observer.check()?;
    // A cluster from which nothing is drawn adds a row.
    let most = target.saturating_add(count).min(points.rows() + count);
    let mut drawn =
        Bucket { values: memory::with_room(most * points.columns())?, weights: memory::with_room(most)? };
    let mut of_drawn = memory::with_room(most)?;
    for (at, times) in stratified(&importance, target, random)? {
        let row = order[at] as usize;
        drawn.values.extend_from_slice(points.row(row));
        drawn.weights.push((times as f64 * f64::from(weights[row]) / importance[at]) as f32);
        of_drawn.push(rough.owner[row]);
    }
    observer.check()?;
    restore(&mut drawn, &of_drawn, points.columns(), &sums, observer)?;
    Ok(drawn)
}

/// Gives the drawn rows of each cluster the cluster's original weight and mean.
fn restore(
    drawn: &mut Bucket,
    of_drawn: &[u32],
    columns: usize,
    sums: &ClusterSums,
    observer: &dyn Observer,
) -> Result<()> {
    let drawn_sums = ClusterSums::of(&drawn.problem(columns, observer)?, of_drawn, sums.masses.len())?;
    let Bucket { values, weights } = drawn;
    for ((row, weight), &cluster) in values.chunks_exact_mut(columns).zip(weights.iter_mut()).zip(of_drawn) {
        let cluster = cluster as usize;
        let (total, drawn_total) = (sums.masses[cluster], drawn_sums.masses[cluster]);
        *weight = (f64::from(*weight) * total / drawn_total) as f32;
        let means = sums.row(cluster).iter().zip(drawn_sums.row(cluster));
        for (value, (sum, drawn_sum)) in row.iter_mut().zip(means) {
            *value += (sum / total - drawn_sum / drawn_total) as f32;
        }
    }
    // A cluster from which nothing was drawn is replaced by its mean.
    for (cluster, &mass) in sums.masses.iter().enumerate() {
        if mass > 0.0 && drawn_sums.masses[cluster] == 0.0 {
            values.extend(sums.row(cluster).iter().map(|sum| (sum / mass) as f32));
            weights.push(mass as f32);
        }
    }
    Ok(())
}

/// Divides rows by centroids that k-means++ draws from a sample, and returns the number of clusters with them.
fn rough_clustering<'a>(
    rows: &Problem<'a>,
    count: usize,
    random: &mut Random,
) -> Result<(Seeding<'a>, usize)> {
    let mut weights = memory::with_room(rows.points.rows())?;
    weights.extend(rows.masses.iter().map(|&weight| f64::from(weight)));
    let mut sample = Bucket::default();
    memory::reserve(&mut sample.values, ROUGH_SAMPLE.min(rows.points.rows()) * rows.points.columns())?;
    for (row, times) in stratified(&weights, ROUGH_SAMPLE, random)? {
        sample.values.extend_from_slice(rows.points.row(row));
        sample.weights.push(times as f32);
    }
    let centroids = greedy(&sample.problem(rows.points.columns(), rows.observer)?, None, count, random)?;
    let mut rough = Seeding::new(rows)?;
    rough.approach(&centroids)?;
    Ok((rough, centroids.rows()))
}

/// Stratified sampling: the shares are laid end to end and cut into `draws` equal parts, and a point is drawn in each.
/// Returns the shares that points fall on, with their numbers of points. Equidistant points would have even less
/// variance, but if rows are periodic they might only hit every n-th row.
fn stratified(shares: &[f64], draws: usize, random: &mut Random) -> Result<Vec<(usize, u32)>> {
    let part = shares.iter().sum::<f64>() / draws.max(1) as f64;
    let mut points = (0..draws).map(|draw| part * (draw as f64 + random.r#gen::<f64>())).peekable();
    let (mut reached, mut drawn) = (0.0, memory::with_room(draws.min(shares.len()))?);
    for (at, &share) in shares.iter().enumerate() {
        reached += share;
        let mut times = 0;
        while points.next_if(|&point| point < reached).is_some() {
            times += 1;
        }
        if times > 0 {
            drawn.push((at, times));
        }
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::observer::Silent;
    use crate::seed;
    use crate::segmentation::streaming::planted;

    fn bucket(values: &[f32], columns: usize) -> Bucket {
        Bucket { values: values.to_vec(), weights: vec![1.0; values.len() / columns] }
    }

    fn reduced(values: &[f32], columns: usize, clusters: usize) -> Bucket {
        let rows = bucket(values, columns);
        let target = rows.weights.len() / 2;
        let problem = rows.problem(columns, &Silent).unwrap();
        reduce(&problem, target, clusters, &mut seed::random(1, "test")).unwrap()
    }

    #[test]
    fn weight_and_mean_of_planted_groups_are_kept() {
        let all = bucket(&planted::rows(16_000, 8, 16), 8);
        let few = reduced(&all.values, 8, 16);
        assert!((6000..8500).contains(&few.weights.len()), "{}", few.weights.len());
        // A row belongs to the group of the nearest corner, which is the mean of every 16th row.
        let of_row: Vec<u32> = (0..16_000).map(|row| row % 16).collect();
        let mut sums = ClusterSums::of(&all.problem(8, &Silent).unwrap(), &of_row, 16).unwrap();
        let mut means = Matrix::zeros(16, 8);
        sums.means(Geometry::Euclidean, &mut means);
        let problem = few.problem(8, &Silent).unwrap();
        let mut nearest = Seeding::new(&problem).unwrap();
        nearest.approach(&means).unwrap();
        let found = ClusterSums::of(&problem, &nearest.owner, 16).unwrap();
        for cluster in 0..16 {
            let (mass, expected) = (found.masses[cluster], sums.masses[cluster]);
            assert!((mass - expected).abs() < 0.01, "{mass} {expected}");
            for (sum, expected) in found.row(cluster).iter().zip(sums.row(cluster)) {
                assert!((sum - expected).abs() < 0.1, "{sum} {expected}");
            }
        }
    }

    #[test]
    fn rows_with_a_period_are_drawn_evenly() {
        let shares = vec![1.0; 32_000];
        let drawn = stratified(&shares, 2000, &mut seed::random(1, "test")).unwrap();
        let mut of_phase = [0; 16];
        drawn.iter().for_each(|(row, _)| of_phase[row % 16] += 1);
        assert!(of_phase.iter().all(|count| (80..170).contains(count)), "{of_phase:?}");
    }

    #[test]
    fn equal_rows_become_one_row_or_copies_of_it() {
        let few = reduced(&[3.5; 4000], 2, 5);
        assert!(few.values.iter().all(|&value| value == 3.5));
        assert!((few.weights.iter().sum::<f32>() - 2000.0).abs() < 0.1);
    }
}
