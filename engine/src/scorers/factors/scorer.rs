//! Scores from factors: the product of a user's factors with an item's.

use super::coded::CodedRows;
use super::item_factors::ItemFactors;
use crate::linalg::product::row_scores;
use crate::observer::Observer;
use crate::ranking::Scored;
use crate::scorers::contributions::Contributions;
use crate::scorers::method::KnownUser;
use crate::scorers::new_items::DescribedItems;
use crate::scorers::scorer::{Items, Scorer, allowed, best_of_scores};
use std::borrow::Cow;

/// A user with k factors, and the item factors they are multiplied with.
#[derive(Clone, Copy, Debug)]
pub struct FactorScorer<'a> {
    /// The user. Items and confidences are required only for contributions.
    pub user: KnownUser<'a>,
    /// The item factors, as the user's segment sees them. Contributions require their fold-in.
    pub items: ItemFactors<'a>,
}

impl Scorer for FactorScorer<'_> {
    fn covers(&self) -> Items<'_> {
        let rows = self.items.rows;
        rows.own.map_or_else(|| Items::all(rows.backbone.rows()), |(items, _)| Items::listed(items))
    }

    fn has_bounds(&self) -> bool {
        self.items.codes.is_some()
    }

    fn scores(&self, items: &[u32]) -> Vec<f32> {
        self.items.rows.scores(self.user.factors, items)
    }

    fn scores_of_new(&self, new: &DescribedItems) -> Vec<f32> {
        let mut scores = vec![0.0; new.factors.rows()];
        row_scores(self.user.factors, new.factors.view(), &mut scores);
        scores
    }

    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        let Some([backbone, own]) = self.items.codes else {
            return best_of_scores(self, items, weight, added, n);
        };
        let rows = CodedRows { exact: self.items.rows, backbone, own };
        let user: Cow<'_, [f32]> = match weight {
            1.0 => Cow::Borrowed(self.user.factors),
            _ => self.user.factors.iter().map(|value| weight * value).collect(),
        };
        let (listed, count, excluded) = items.parts();
        let allowed = allowed(excluded);
        match listed {
            Some(items) => rows.best(&user, items.iter().copied().filter(allowed), added, n),
            None => rows.best(&user, (0..count).filter(allowed), added, n),
        }
    }

    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions {
        self.contributions_to(self.items.rows.row(target), observer)
    }

    fn contributions_to_new(
        &self,
        new: &DescribedItems,
        place: usize,
        observer: &dyn Observer,
    ) -> Contributions {
        self.contributions_to(new.factors.row(place), observer)
    }
}

impl FactorScorer<'_> {
    /// What each item of the user adds to the product with the factors of an item.
    fn contributions_to(&self, factors: &[f32], observer: &dyn Observer) -> Contributions {
        let (KnownUser { items, confidences, .. }, ItemFactors { rows, fold_in, .. }) =
            (self.user, self.items);
        let (Some(fold_in), Ok(own)) = (fold_in, rows.select(items)) else {
            return Contributions { base: 0.0, of_items: vec![0.0; items.len()] };
        };
        Contributions { base: 0.0, of_items: fold_in.contributions(&own, confidences, factors, observer) }
    }
}
