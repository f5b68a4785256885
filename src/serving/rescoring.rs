//! Scores that rules change.
//!
//! A factor multiplies a score of at least 0 and divides one below 0, so whatever the sign, a factor above 1 moves an item up
//! and one below 1 moves it down, the order of two items with the same factor stays, and several factors act like their
//! product. A score of 0, which says nothing, stays 0. Items that only fill a list stay behind the others.

use super::recommended::Recommended;
use segrec_engine::ranking::Scored;
use std::collections::HashSet;

/// The largest product of factors, and the inverse of the smallest.
pub const MOST: f64 = 1e30;

/// An item of a ranking.
pub trait Rescored: Clone {
    /// The number of the item.
    fn item(&self) -> u32;
    /// Its score.
    fn score(&self) -> f32;
    /// Whether it only fills the ranking, after all that does not.
    fn fills(&self) -> bool;
    /// The same item with another score.
    fn with_score(self, score: f32) -> Self;
}

impl Rescored for Recommended {
    fn item(&self) -> u32 {
        self.item
    }
    fn score(&self) -> f32 {
        self.score
    }
    fn fills(&self) -> bool {
        self.source.fills()
    }
    fn with_score(self, score: f32) -> Self {
        Self { score, ..self }
    }
}

impl Rescored for Scored {
    fn item(&self) -> u32 {
        self.item
    }
    fn score(&self) -> f32 {
        self.score
    }
    fn fills(&self) -> bool {
        false
    }
    fn with_score(self, score: f32) -> Self {
        Self { score, ..self }
    }
}

/// Which items are ranked, best first.
pub enum Reach<'a> {
    /// Those that a list has, in its order.
    List,
    /// Some, ascending by number, by their own scores, also if a list would not propose them.
    Only(&'a [u32]),
    /// All, by their own scores, also if a list would not propose them.
    All,
}

/// A score that is changed by a factor.
pub fn changed(score: f32, factor: f64) -> f32 {
    let score = f64::from(score);
    let changed = if score < 0.0 { score / factor } else { score * factor };
    changed.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// A ranking by scores that are changed by the factors of items. Of the items that were scored `apart`, it gets those that
/// a factor moves up from where nothing is said of them.
pub fn rescored<T: Rescored>(mut items: Vec<T>, mut apart: Vec<T>, factor: impl Fn(u32) -> f64) -> Vec<T> {
    if !apart.is_empty() {
        let mut taken: HashSet<u32> = items.iter().filter(|own| !own.fills()).map(T::item).collect();
        apart.retain(|own| own.score() > 0.0 && factor(own.item()) > 1.0 && taken.insert(own.item()));
        let moved: HashSet<u32> = apart.iter().map(T::item).collect();
        items.retain(|own| !moved.contains(&own.item()));
        items.extend(apart);
        items.sort_by(before);
    }
    let own = |own: T| {
        let score = changed(own.score(), factor(own.item()));
        own.with_score(score)
    };
    items = items.into_iter().map(own).collect();
    // Stable, so equal scores keep their order.
    items.sort_by(before);
    items
}

fn before<T: Rescored>(a: &T, b: &T) -> std::cmp::Ordering {
    a.fills().cmp(&b.fills()).then(b.score().total_cmp(&a.score()))
}

/// What is known of the items that were not ranked.
pub struct Beyond {
    /// Whether the last ranked item only fills the list, and its score.
    pub last: (bool, f32),
    /// The largest factor that they can have.
    pub most: f64,
    /// The largest factor of those that were not scored apart either.
    pub most_apart: f64,
    /// The highest score, with its largest factor, that one outside of the list can have, if there are any.
    pub outside: Option<f32>,
}

impl Beyond {
    /// Whether none of them comes before this item.
    pub fn is_behind<T: Rescored>(&self, item: &T) -> bool {
        let (fills, score) = self.last;
        let is_behind = match (item.fills(), fills) {
            (false, true) => true,
            (true, false) => false,
            (false, false) if item.score() > 0.0 => changed(score, self.most_apart) <= item.score(),
            _ => changed(score, self.most) <= item.score(),
        };
        is_behind && self.outside.is_none_or(|score| !item.fills() && score <= item.score())
    }
}
