//! What a way to score says for one person. A list, its measurement, an explanation and the score of one item all come
//! from this trait, wherever the rows lie that it reads: in a fit in memory or in the mapped file of a version.

use crate::observer::Observer;
use crate::ranking::{Scored, TopN};

/// One way to score, for one person. Items are numbers, ascending wherever they are many.
pub trait Scorer {
    /// The items that it ranks where it ranks alone.
    fn covers(&self) -> Items<'_>;

    /// Passes the items that it proposes, ascending, and the score of each. One that proposes nothing scores what
    /// others propose, or where nobody proposes any everything that it [covers](Self::covers).
    fn propose(&self, _take: &mut dyn FnMut(&[u32], &[f32])) {}

    /// Whether it proposes items.
    fn proposes(&self) -> bool {
        false
    }

    /// The score of each of some items.
    fn scores(&self, items: &[u32]) -> Vec<f32>;

    /// The best `n` of some items by `weight` times its score plus `added`, which is empty or has a value for each of
    /// them. Who knows bounds of its scores need not compute all of them.
    fn best(&self, items: Items<'_>, weight: f32, added: &[f32], n: usize) -> Vec<Scored> {
        best_of_scores(self, items, weight, added, n)
    }

    /// Why the score of an item is what it is: what each item of the person's history adds, in its order, and what
    /// stays without any. Where `observer` wants the work to stop it is of no use.
    fn contributions(&self, target: u32, observer: &dyn Observer) -> Contributions;
}

/// The best `n` of some items, each of which is scored; see [`Scorer::best`].
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

/// What makes a score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contributions {
    /// What stays without any item.
    pub base: f64,
    /// Of each item of the history.
    pub of_items: Vec<f64>,
}

/// Some items, ascending: those of a list, or all below a number; without those that are excluded.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    listed: Option<&'a [u32]>,
    count: u32,
    excluded: &'a [u32],
}

impl<'a> Items<'a> {
    /// All of `count` items.
    pub fn all(count: usize) -> Self {
        Self { listed: None, count: count as u32, excluded: &[] }
    }

    /// Those of a list, ascending.
    pub fn listed(items: &'a [u32]) -> Self {
        Self { listed: Some(items), count: 0, excluded: &[] }
    }

    /// Without some others, ascending.
    pub fn without(self, excluded: &'a [u32]) -> Self {
        Self { excluded, ..self }
    }

    /// The list and what is excluded of it; without a list it is all below the number.
    pub fn parts(&self) -> (Option<&'a [u32]>, u32, &'a [u32]) {
        (self.listed, self.count, self.excluded)
    }

    /// Each of them.
    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + 'a> {
        let allowed = allowed(self.excluded);
        match self.listed {
            Some(items) => Box::new(items.iter().copied().filter(allowed)),
            None => Box::new((0..self.count).filter(allowed)),
        }
    }
}

/// Whether an item is none of the excluded, for items that come ascending as these do.
pub fn allowed(excluded: &[u32]) -> impl FnMut(&u32) -> bool {
    let mut excluded = excluded.iter().copied().peekable();
    move |item| {
        while excluded.next_if(|seen| seen < item).is_some() {}
        excluded.peek() != Some(item)
    }
}
