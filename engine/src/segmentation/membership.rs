//! Who belongs to which segment.

use super::kmeans::{Geometry, KmeansSettings, Nearest, kmeans, means, nearest, nearest_of};
use super::options::SegmentationOptions;
use crate::error::Result;
use crate::linalg::vector::normalize;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// The segment of every user, from 0 in the order of size.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// segments × k: the mean direction of the members' factors, of length one.
    pub centroids: Matrix,
    /// The segment of every user; `None` for a user without events.
    pub of_user: Vec<Option<u32>>,
}

/// How well a user fits a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberFit {
    /// The segment.
    pub segment: u32,
    /// 1 − cosine with the centroid, 0 … 2.
    pub distance: f32,
    /// 1 − distance / distance to the second nearest centroid, 0 … 1 (the simplified silhouette).
    pub confidence: f32,
}

/// Rows of length one; zero rows stay.
fn normalized(factors: &Matrix) -> Matrix {
    let mut points = factors.clone();
    for row in 0..points.rows() {
        normalize(points.row_mut(row));
    }
    points
}

impl Membership {
    /// Finds segments among the users that have factors.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn find(
        user_factors: &Matrix,
        events: usize,
        options: &SegmentationOptions,
        seed: u64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let points = normalized(user_factors);
        let active: Vec<u32> = (0..points.rows() as u32)
            .filter(|&user| points.row(user as usize).iter().any(|&x| x != 0.0))
            .collect();
        let mut of_user = vec![None; points.rows()];
        let (count, least) = options.target(active.len(), events, user_factors.columns());
        let points = points.select(&active);
        let (centroids, of_row) = if count <= 1 || active.len() <= 1 {
            let of_row = vec![0; active.len()];
            (means(&points, None, &of_row, 1, Geometry::Spherical), of_row)
        } else {
            let settings = KmeansSettings { geometry: Geometry::Spherical, count, least, starts: 1 };
            let clusters = kmeans(&points, None, &settings, None, seed, observer)?;
            by_size(&clusters.centroids, &clusters.of_row)
        };
        for (&user, segment) in active.iter().zip(of_row) {
            of_user[user as usize] = Some(segment);
        }
        Ok(Self { centroids, of_user })
    }

    /// The same segments on factors trained anew: members stay, centroids move to their new
    /// factors, users that had no segment join the nearest.
    pub fn carried_to(&self, user_factors: &Matrix) -> Self {
        let points = normalized(user_factors);
        let members: Vec<u32> =
            (0..self.of_user.len() as u32).filter(|&u| self.of_user[u as usize].is_some()).collect();
        let of_row: Vec<u32> = self.of_user.iter().flatten().copied().collect();
        let centroids =
            means(&points.select(&members), None, &of_row, self.centroids.rows(), Geometry::Spherical);
        let carried = Self { centroids, of_user: self.of_user.clone() };
        let fits = carried.fits(user_factors);
        let of_user = carried.of_user.iter().zip(fits).map(|(own, fit)| own.or(Some(fit.segment))).collect();
        Self { of_user, ..carried }
    }

    /// Number of segments.
    pub fn count(&self) -> usize {
        self.centroids.rows()
    }

    /// The segment of every user; users without one are in segment 0, the largest.
    pub fn complete(&self) -> Vec<u32> {
        self.of_user.iter().map(|segment| segment.unwrap_or(0)).collect()
    }

    /// The nearest segment for rows of factors, of any length.
    pub fn fits(&self, user_factors: &Matrix) -> Vec<MemberFit> {
        nearest(&normalized(user_factors), &self.centroids, Geometry::Spherical)
            .into_iter()
            .map(member_fit)
            .collect()
    }

    /// How well every user fits the segment they are a member of.
    pub fn member_fits(&self, user_factors: &Matrix) -> Vec<MemberFit> {
        let points = normalized(user_factors);
        self.fits(user_factors)
            .into_iter()
            .enumerate()
            .map(|(user, fit)| {
                let segment = self.of_user[user].unwrap_or(0);
                if segment == fit.segment {
                    return fit;
                }
                // A member whose nearest centroid is another one's: its confidence is nothing.
                let cosine =
                    crate::linalg::vector::dot(points.row(user), self.centroids.row(segment as usize));
                MemberFit { segment, distance: (1.0 - cosine).clamp(0.0, 2.0), confidence: 0.0 }
            })
            .collect()
    }
}

/// The nearest segment for one row of factors, on the calling thread.
pub fn nearest_segment(user_factors: &[f32], centroids: &Matrix) -> MemberFit {
    let mut point = user_factors.to_vec();
    normalize(&mut point);
    member_fit(nearest_of(&point, centroids, Geometry::Spherical))
}

fn member_fit(nearest: Nearest) -> MemberFit {
    let Nearest { distance, second, .. } = nearest;
    let confidence = if second > 0.0 { (1.0 - distance / second).clamp(0.0, 1.0) } else { 0.0 };
    MemberFit { segment: nearest.cluster, distance, confidence }
}

/// Renumbers clusters from the largest to the smallest; those without rows go.
fn by_size(centroids: &Matrix, of_row: &[u32]) -> (Matrix, Vec<u32>) {
    let mut sizes = vec![0usize; centroids.rows()];
    of_row.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
    let mut order: Vec<u32> =
        (0..sizes.len() as u32).filter(|&cluster| sizes[cluster as usize] > 0).collect();
    order.sort_by_key(|&cluster| (std::cmp::Reverse(sizes[cluster as usize]), cluster));
    let mut number = vec![0; sizes.len()];
    for (new, &old) in order.iter().enumerate() {
        number[old as usize] = new as u32;
    }
    (centroids.select(&order), of_row.iter().map(|&cluster| number[cluster as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::options::Method;
    use super::*;
    use crate::auto::AutoOr;
    use crate::observer::Silent;

    fn planted(users: usize, groups: usize) -> Matrix {
        let k = 16;
        let mut factors = Matrix::zeros(users, k);
        for user in 0..users {
            for d in 0..k {
                let noise = (crate::seed::mix((user * k + d) as u64) >> 40) as f32 / (1 << 24) as f32 - 0.5;
                factors.row_mut(user)[d] = noise * 0.3 + if d == user % groups { 2.0 } else { 0.0 };
            }
        }
        factors
    }

    const THREE: SegmentationOptions =
        SegmentationOptions { method: Method::Kmeans, segments: AutoOr::Given(3) };

    #[test]
    fn planted_groups_are_recovered() {
        let factors = planted(600, 3);
        let membership = Membership::find(&factors, 10_000, &THREE, 1, &Silent).unwrap();
        assert_eq!(membership.count(), 3);
        for user in 0..600 {
            assert_eq!(membership.of_user[user], membership.of_user[user % 3]);
        }
        let fits = membership.member_fits(&factors);
        assert!(fits.iter().all(|fit| fit.confidence > 0.5 && fit.distance < 0.3), "{:?}", fits[0]);
    }

    #[test]
    fn users_without_factors_join_when_they_get_some() {
        let mut before = planted(300, 3);
        before.row_mut(7).fill(0.0);
        let membership = Membership::find(&before, 10_000, &THREE, 1, &Silent).unwrap();
        assert_eq!(membership.of_user[7], None);
        let carried = membership.carried_to(&planted(300, 3));
        assert_eq!(carried.of_user[7], membership.of_user[1]);
    }

    #[test]
    fn identical_users_make_one_segment_and_no_crash() {
        let factors = Matrix::from_data(2, [1.0, 2.0].repeat(50)).unwrap();
        let membership = Membership::find(&factors, 100, &THREE, 1, &Silent).unwrap();
        assert_eq!(membership.count(), 1);
        let none = Membership::find(&Matrix::zeros(3, 4), 0, &THREE, 1, &Silent).unwrap();
        assert_eq!((none.count(), none.complete()), (1, vec![0, 0, 0]));
    }

    #[test]
    fn small_segments_are_dissolved_when_found_automatically() {
        let mut factors = planted(2_000, 2);
        for user in 0..20 {
            factors.row_mut(user).copy_from_slice(planted(9, 9).row(8));
        }
        let auto = SegmentationOptions { method: Method::Kmeans, segments: AutoOr::Auto };
        let membership = Membership::find(&factors, 1_000_000, &auto, 1, &Silent).unwrap();
        let mut sizes = vec![0; membership.count()];
        membership.complete().iter().for_each(|&segment| sizes[segment as usize] += 1);
        assert!(sizes.iter().all(|&size| size >= 200), "{sizes:?}");
        assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{sizes:?}");
    }
}
