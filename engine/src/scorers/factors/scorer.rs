//! Scores from factors: the product of a user's factors with an item's.

use super::coded::{CodedRows, Codes};
use super::fold_in::FoldIn;
use super::item_rows::ItemRows;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::scorer::{Contributions, Items, Scorer, allowed, best_of_scores};
use std::borrow::Cow;

/// The factors of one user, and the item factors they are multiplied with.
#[derive(Clone, Copy, Debug)]
pub struct FactorScorer<'a> {
    /// The user's k factors.
    pub user: &'a [f32],
    /// The item factors, as the user's segment sees them.
    pub rows: ItemRows<'a>,
    /// The codes of the backbone's and the segment's item factors, if available.
    pub codes: Option<[Codes<'a>; 2]>,
    /// The user's items that the model uses, ascending, and their confidences.
    pub history: (&'a [u32], &'a [f32]),
    /// Fold-in against the same item factors; required only for contributions.
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
        let Some([backbone, own]) = self.codes else {
            return best_of_scores(self, items, weight, added, n);
        };
        let rows = CodedRows { exact: self.rows, backbone, own };
        let user: Cow<'_, [f32]> = match weight {
            1.0 => Cow::Borrowed(self.user),
            _ => self.user.iter().map(|value| weight * value).collect(),
        };
        let (listed, count, excluded) = items.parts();
        let allowed = allowed(excluded);
        match listed {
            Some(items) => rows.best(&user, items.iter().copied().filter(allowed), added, n),
            None => rows.best(&user, (0..count).filter(allowed), added, n),
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
