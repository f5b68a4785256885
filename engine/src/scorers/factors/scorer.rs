//! Factors as a way to score: the product of a person's factors with those of an item.

use super::coded::{CodedRows, Codes};
use super::fold_in::FoldIn;
use super::item_rows::ItemRows;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::scorer::{Contributions, Items, Scorer, allowed};

/// The factors of one person, and what they are scored against.
#[derive(Clone, Copy, Debug)]
pub struct FactorScorer<'a> {
    /// The person's factors (k).
    pub user: &'a [f32],
    /// Those of items, as the person's segment sees them.
    pub rows: ItemRows<'a>,
    /// The same as codes, of the backbone and of the segment, where there are any.
    pub codes: Option<[Codes<'a>; 2]>,
    /// The items that count of what the person has, ascending, and their confidences.
    pub history: (&'a [u32], &'a [f32]),
    /// What folds somebody in against these rows; needed for contributions only.
    pub fold_in: Option<FoldIn<'a>>,
}

impl Scorer for FactorScorer<'_> {
    fn covers(&self) -> Items<'_> {
        self.rows.own.map_or_else(|| Items::all(self.rows.backbone.rows()), |(items, _)| Items::listed(items))
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        self.rows.scores(self.user, items)
    }

    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        let [backbone, own] = self.codes.unwrap_or_default();
        let rows = CodedRows { exact: self.rows, backbone, own };
        let scaled: Vec<f32>;
        let user = if weight == 1.0 {
            self.user
        } else {
            scaled = self.user.iter().map(|value| weight * value).collect();
            &scaled
        };
        let (listed, count, excluded) = items.parts();
        match (self.codes, listed, excluded.is_empty()) {
            (None, ..) => rows.best_exact(user, items.iter(), added, n),
            (_, Some(items), true) => rows.best(user, items.iter().copied(), added, n),
            (_, Some(items), false) => {
                rows.best(user, items.iter().copied().filter(allowed(excluded)), added, n)
            }
            (_, None, _) => rows.best(user, (0..count).filter(allowed(excluded)), added, n),
        }
    }

    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions {
        let (items, confidences) = self.history;
        let (Some(fold_in), Ok(rows)) = (self.fold_in, self.rows.select(items)) else {
            return Contributions { base: 0.0, of_items: vec![0.0; items.len()] };
        };
        let of_items = fold_in.contributions(&rows, confidences, self.rows.row(target), observer);
        Contributions { base: 0.0, of_items }
    }
}
