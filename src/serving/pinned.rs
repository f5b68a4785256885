//! Items that rules give a place in lists.

use super::recommended::Recommended;
use super::rule_cache::ActiveRules;
use crate::error::Result;
use segrec_engine::ranking::Source;
use std::collections::HashMap;

/// Items with their places, from 1.
pub type Placed = Vec<(usize, Recommended)>;

/// The pinned items that a list may have, with their places: those that are not left out and, if there are candidates, are
/// among them. All are ascending.
pub fn allowed_pins(rules: &ActiveRules, left_out: &[u32], candidates: Option<&[u32]>) -> Vec<(usize, u32)> {
    let is_allowed = |(_, item): &&(usize, u32)| {
        left_out.binary_search(item).is_err()
            && candidates.is_none_or(|candidates| candidates.binary_search(item).is_ok())
    };
    rules.pins.iter().filter(is_allowed).copied().collect()
}

/// The pinned items with their scores, and their numbers, ascending. `ranked` ranks some items, given by ascending number.
pub fn scored_pins(
    pins: &[(usize, u32)],
    ranked: impl FnOnce(&[u32]) -> Result<Vec<Recommended>>,
) -> Result<(Placed, Vec<u32>)> {
    if pins.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut numbers: Vec<u32> = pins.iter().map(|&(_, item)| item).collect();
    numbers.sort_unstable();
    let scores: HashMap<u32, f32> = ranked(&numbers)?.iter().map(|own| (own.item, own.score)).collect();
    let scored = |&(place, item): &(usize, u32)| {
        let score = scores.get(&item).copied().unwrap_or(0.0);
        (place, Recommended { item, score, source: Source::Pinned })
    };
    Ok((pins.iter().map(scored).collect(), numbers))
}

/// A list of the first `count` items, without the first `skip`, in which pinned items, in the order of their places, have
/// these places, from 1; one whose place is taken gets the next one, and those beyond the end follow at the end.
pub fn with_pinned(list: Vec<Recommended>, pinned: Placed, skip: usize, count: usize) -> Vec<Recommended> {
    let mut all = Vec::with_capacity(count.min(list.len() + pinned.len()));
    let (mut list, mut pinned) = (list.into_iter(), pinned.into_iter().peekable());
    while all.len() < count {
        let is_due = pinned.peek().is_some_and(|(place, _)| *place <= all.len() + 1);
        let next = match is_due {
            true => pinned.next().map(|(_, own)| own),
            false => list.next().or_else(|| pinned.next().map(|(_, own)| own)),
        };
        match next {
            Some(own) => all.push(own),
            None => break,
        }
    }
    all.drain(..skip.min(all.len()));
    all
}
