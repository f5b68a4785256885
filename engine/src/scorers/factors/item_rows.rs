//! Item factors from the point of view of one segment.

use crate::error::Result;
use crate::linalg::vector::dot_simd;
use crate::matrix::{Matrix, Rows};
use pulp::{Simd, WithSimd};

/// Item factors as seen by one segment: its own rows where it has them, and the backbone's rows otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemRows<'a> {
    /// The factors of all items in the backbone, items × k.
    pub backbone: Rows<'a>,
    /// The items with factors of the segment's own, ascending, and those factors.
    pub own: Option<(&'a [u32], Rows<'a>)>,
}

impl<'a> ItemRows<'a> {
    /// The factors of `item`: the segment's own or the backbone's.
    pub fn row(&self, item: u32) -> &'a [f32] {
        let own = self.own.and_then(|(items, rows)| Some(rows.row(items.binary_search(&item).ok()?)));
        own.unwrap_or_else(|| self.backbone.row(item as usize))
    }

    /// Copies the factors of `items`, in the given order.
    pub fn select(&self, items: &[u32]) -> Result<Matrix> {
        let data = items.iter().flat_map(|&item| self.row(item)).copied().collect();
        Matrix::from_data(self.backbone.columns(), data)
    }

    /// The products of `user` with the factors of each of `items` (ascending). Costs k multiply-adds per item.
    pub fn scores(&self, user: &[f32], items: &[u32]) -> Vec<f32> {
        pulp::Arch::new().dispatch(Gathered { rows: *self, user, items })
    }
}

struct Gathered<'a> {
    rows: ItemRows<'a>,
    user: &'a [f32],
    items: &'a [u32],
}

impl WithSimd for Gathered<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let (own_items, own_rows) = self.rows.own.unwrap_or((&[], self.rows.backbone));
        let mut next = 0;
        let mut scores = Vec::with_capacity(self.items.len());
        // A plain loop, because a closure passed to an iterator adapter may be compiled without the enabled SIMD
        // features.
        for &item in self.items {
            while own_items.get(next).is_some_and(|&own| own < item) {
                next += 1;
            }
            let row = match own_items.get(next) {
                Some(&own) if own == item => own_rows.row(next),
                _ => self.rows.backbone.row(item as usize),
            };
            scores.push(dot_simd(simd, self.user, row));
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::vector::dot;

    fn values(count: usize, offset: u64) -> Vec<f32> {
        (0..count as u64).map(|i| (crate::seed::mix(i + offset) >> 40) as f32 / 1e7 - 0.8).collect()
    }

    #[test]
    fn an_item_is_scored_by_its_segments_row_and_else_by_the_backbones() {
        let backbone = Matrix::from_data(5, values(50, 0)).unwrap();
        let own = Matrix::from_data(5, values(15, 900)).unwrap();
        let user = values(5, 77);
        let rows = ItemRows { backbone: backbone.view(), own: Some((&[2, 3, 9], own.view())) };
        let expected = [(0, backbone.row(0)), (3, own.row(1)), (4, backbone.row(4)), (9, own.row(2))];
        let scores = rows.scores(&user, &[0, 3, 4, 9]);
        for ((_, row), score) in expected.iter().zip(scores) {
            assert!((dot(&user, row) - score).abs() < 1e-6);
        }
        for (item, row) in expected {
            assert_eq!(rows.row(item), row);
        }
    }
}
