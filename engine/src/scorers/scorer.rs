//! The scorer of one user. Lists, their evaluation, explanations and scores of single items all use this trait, whether
//! the rows it reads are in the memory of a training or in the mapped file of a version.

use super::contributions::Contributions;
use super::new_items::DescribedItems;
use crate::observer::Observer;
use crate::ranking::{Scored, TopN};

/// Scores items for one user. Items are numbers; sequences of items are ascending.
pub trait Scorer {
    /// The items it can rank on its own.
    fn covers(&self) -> Items<'_>;

    /// Passes the items that it proposes, ascending, and their scores to `take`. A scorer that proposes nothing scores
    /// what others propose or, if none does, everything it [covers](Self::covers).
    fn propose(&self, _take: &mut dyn FnMut(&[u32], &[f32])) {}

    /// Whether [`Self::propose`] passes any items.
    fn proposes(&self) -> bool {
        false
    }

    /// Items that are candidates whatever others propose, ascending, of a scorer that does not propose.
    fn joins(&self) -> &[u32] {
        &[]
    }

    /// Whether [`Self::best`] skips items by bounds on their scores, so that it should come last.
    fn has_bounds(&self) -> bool {
        false
    }

    /// The score of each of `items`.
    fn scores(&self, items: &[u32]) -> Vec<f32>;

    /// The scores of new items that it has no rows for: by default the mean of those of the items that they resemble.
    fn scores_of_new(&self, new: &DescribedItems) -> Vec<f32> {
        new.mean_scores((&[], None), |values| {
            let items = new.resembled();
            items.iter().zip(self.scores(&items)).for_each(|(&item, score)| values[item as usize] = score);
        })
    }

    /// The best `n` of `items`, ranked by `weight` times the score plus `added`, which is empty or has one value per
    /// item. Scorers that have bounds on their scores can override this to skip items.
    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        best_of_scores(self, items, weight, added, n)
    }

    /// Explains the score of `target`: what each item of the user's history adds, in the order of the history, and the
    /// base without any of them. If `observer` requests cancellation, the result is meaningless.
    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions;

    /// Explains the score of the new item at a place, for which the scorer has no row: by default as the mean of those of
    /// the items that it resembles.
    fn contributions_to_new(
        &self,
        new: &DescribedItems,
        place: usize,
        observer: &dyn Observer,
    ) -> Contributions {
        new.mean_contributions(place, |item| self.contributions(item, observer))
    }
}

/// Implements [`Scorer::best`] by scoring every item.
pub fn best_of_scores<S: Scorer + ?Sized>(
    scorer: &S,
    items: Items<'_>,
    weight: f32,
    added: &[f32],
    n: usize,
) -> Vec<Scored> {
    let items: Vec<u32> = items.iter().collect();
    let scores = scorer.scores(&items);
    let mut top = TopN::new(n);
    for (place, (&item, score)) in items.iter().zip(scores).enumerate() {
        top.push(item, weight * score + added.get(place).copied().unwrap_or(0.0));
    }
    top.finish()
}

/// An ascending set of items, either a list or all numbers below a bound, less an excluded list.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    listed: Option<&'a [u32]>,
    count: u32,
    excluded: &'a [u32],
}

impl<'a> Items<'a> {
    /// All numbers below `count`.
    pub fn all(count: usize) -> Self {
        Self { listed: None, count: count as u32, excluded: &[] }
    }

    /// The items of an ascending list.
    pub fn listed(items: &'a [u32]) -> Self {
        Self { listed: Some(items), count: 0, excluded: &[] }
    }

    /// Excludes some items, given in ascending order.
    pub fn without(self, excluded: &'a [u32]) -> Self {
        Self { excluded, ..self }
    }

    /// The list, if there is one, else the bound; and the excluded items.
    pub fn parts(&self) -> (Option<&'a [u32]>, u32, &'a [u32]) {
        (self.listed, self.count, self.excluded)
    }

    /// Iterates over the items, ascending.
    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + 'a> {
        let allowed = allowed(self.excluded);
        match self.listed {
            Some(items) => Box::new(items.iter().copied().filter(allowed)),
            None => Box::new((0..self.count).filter(allowed)),
        }
    }
}

/// A filter for ascending items that rejects those in `excluded` (ascending).
pub fn allowed(excluded: &[u32]) -> impl FnMut(&u32) -> bool {
    let mut excluded = excluded.iter().copied().peekable();
    move |item| {
        while excluded.next_if(|seen| seen < item).is_some() {}
        excluded.peek() != Some(item)
    }
}
