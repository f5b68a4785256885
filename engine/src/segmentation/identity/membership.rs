//! The members of each segment of a backbone, with centroids that can be recomputed from retrained factors.

use crate::linalg::vector::{dot, normalize};
use crate::matrix::Matrix;
use crate::segmentation::kmeans::{Geometry, Nearest, means, nearest, nearest_of};

/// The segment of each user of the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// segments × k: the mean direction of the members' factors, of length one.
    pub centroids: Matrix,
    /// The segment of each user.
    pub of_user: Vec<u32>,
}

/// How well a user fits their segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberFit {
    /// The user's segment.
    pub segment: u32,
    /// The distance to the centroid: 1 − cosine in the space of factors, otherwise Euclidean.
    pub distance: f32,
    /// 1 − distance / distance to the second nearest centroid, 0 … 1 (the simplified silhouette), or the measure of the
    /// method: the probability in a mixture, the share of a vote.
    pub confidence: f32,
}

impl MemberFit {
    /// The fit of a member whose segment is given rather than found, which is certain.
    pub fn given(segment: u32) -> Self {
        Self { segment, distance: 0.0, confidence: 1.0 }
    }
}

/// Normalizes the rows to length one; zero rows stay zero.
pub fn unit_rows(factors: &Matrix) -> Matrix {
    let mut points = factors.clone();
    for row in 0..points.rows() {
        normalize(points.row_mut(row));
    }
    points
}

/// Returns the group of each row, and the mean direction of the rows of each group (count × k). A row without a group
/// joins the one with the nearest mean direction.
pub fn carried(of_row: &[Option<u32>], count: usize, factors: &Matrix) -> (Vec<u32>, Matrix) {
    let points = unit_rows(factors);
    let members: Vec<u32> = (0..of_row.len() as u32).filter(|&row| of_row[row as usize].is_some()).collect();
    let of_member: Vec<u32> = of_row.iter().flatten().copied().collect();
    let centroids = means(&points.select(&members), None, &of_member, count, Geometry::Spherical);
    let others: Vec<u32> = (0..of_row.len() as u32).filter(|&row| of_row[row as usize].is_none()).collect();
    let mut nearest = nearest(&points.select(&others), &centroids, Geometry::Spherical).into_iter();
    let of_row = of_row
        .iter()
        .map(|own| own.unwrap_or_else(|| nearest.next().map_or(0, |nearest| nearest.cluster)))
        .collect();
    (of_row, centroids)
}

impl Membership {
    /// Makes `count` segments of users with these factors (users × k). Users without a segment join the nearest.
    pub fn new(of_user: &[Option<u32>], count: usize, user_factors: &Matrix) -> Self {
        let (of_user, centroids) = carried(of_user, count, user_factors);
        Self { centroids, of_user }
    }

    /// The number of segments, including those without members.
    pub fn count(&self) -> usize {
        self.centroids.rows()
    }

    /// Returns how well each user fits their segment.
    pub fn member_fits(&self, user_factors: &Matrix) -> Vec<MemberFit> {
        let points = unit_rows(user_factors);
        nearest(&points, &self.centroids, Geometry::Spherical)
            .into_iter()
            .zip(&self.of_user)
            .enumerate()
            .map(|(user, (nearest, &segment))| {
                if segment == nearest.cluster {
                    return member_fit(nearest);
                }
                // The nearest centroid belongs to another segment, so the confidence is 0.
                let cosine = dot(points.row(user), self.centroids.row(segment as usize));
                MemberFit { segment, distance: (1.0 - cosine).clamp(0.0, 2.0), confidence: 0.0 }
            })
            .collect()
    }
}

/// Returns the nearest segment of one row of factors, on the calling thread.
pub fn nearest_segment(user_factors: &[f32], centroids: &Matrix) -> MemberFit {
    let mut point = user_factors.to_vec();
    normalize(&mut point);
    member_fit(nearest_of(&point, centroids, Geometry::Spherical))
}

/// Returns how well a row fits its nearest centroid.
pub fn member_fit(nearest: Nearest) -> MemberFit {
    let Nearest { distance, second, .. } = nearest;
    let confidence = if second > 0.0 { (1.0 - distance / second).clamp(0.0, 1.0) } else { 0.0 };
    MemberFit { segment: nearest.cluster, distance, confidence }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn members_fit_their_segment() {
        let factors = planted(600, 3);
        let of_user: Vec<Option<u32>> = (0..600).map(|user| Some(user % 3)).collect();
        let membership = Membership::new(&of_user, 3, &factors);
        let fits = membership.member_fits(&factors);
        assert!(fits.iter().all(|fit| fit.confidence > 0.5 && fit.distance < 0.3), "{:?}", fits[0]);
        assert_eq!(nearest_segment(factors.row(4), &membership.centroids).segment, 1);
    }

    #[test]
    fn users_without_a_segment_join_the_nearest() {
        let mut of_user: Vec<Option<u32>> = (0..300).map(|user| Some(user % 3)).collect();
        of_user[7] = None;
        let membership = Membership::new(&of_user, 3, &planted(300, 3));
        assert_eq!(membership.of_user[7], 1);
    }

    #[test]
    fn users_without_factors_are_in_some_segment_and_nothing_crashes() {
        let membership = Membership::new(&[None, None, None], 1, &Matrix::zeros(3, 4));
        assert_eq!((membership.count(), membership.of_user), (1, vec![0, 0, 0]));
        assert_eq!(Membership::new(&[], 1, &Matrix::zeros(0, 4)).count(), 1);
    }

    #[test]
    fn a_member_of_another_segment_than_the_nearest_has_no_confidence() {
        let factors = planted(300, 3);
        let mut of_user: Vec<Option<u32>> = (0..300).map(|user| Some(user % 3)).collect();
        of_user[0] = Some(2);
        let fits = Membership::new(&of_user, 3, &factors).member_fits(&factors);
        assert_eq!((fits[0].segment, fits[0].confidence), (2, 0.0));
    }
}
