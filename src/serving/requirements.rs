//! Items of which rules require some on every page of a list.

use super::recommended::Recommended;
use super::rescoring::{Reach, Rescored};
use super::rule_cache::{ActiveRules, Requirement};
use super::shelf::Shelf;
use crate::error::Result;

/// The best items of each group that rules require, for all pages of `n` up to the one after the first `skip`. `of_named`
/// ranks a number of some items, given by ascending number, and `ranked` the list.
pub fn required_groups(
    shelf: &Shelf<'_>,
    rules: &ActiveRules,
    (n, skip): (usize, usize),
    of_named: impl Fn(&[u32], usize) -> Result<Vec<Recommended>>,
    ranked: impl Fn(Reach<'_>, usize) -> Result<Option<Vec<Recommended>>>,
) -> Result<Vec<Vec<Recommended>>> {
    let pages = 1 + skip.div_ceil(n.max(1));
    let best = |(number, group): (usize, &Requirement)| {
        let count = group.least.min(n).saturating_mul(pages);
        match &group.items {
            Some(items) => {
                let of_named = |reach: Reach<'_>, count: usize| match reach {
                    Reach::List => of_named(items, count).map(Some),
                    Reach::Only(_) | Reach::All => Ok(None),
                };
                shelf.choose(count, |_| true, of_named)
            }
            None => shelf.choose(count, |item| shelf.is_required(item, number), &ranked),
        }
    };
    rules.required.iter().enumerate().map(best).collect()
}

/// Replaces the last items of a page, apart from those that are pinned to it, by the best of the `groups` that rules require
/// and that it has too few of, the oldest rule first. Items that no rule requires go first, and then those of which there are
/// more than required. All has at most `n` items.
pub fn require(
    shelf: &Shelf<'_>,
    page: &mut Vec<Recommended>,
    pinned: &[Recommended],
    groups: &[Vec<Recommended>],
    n: usize,
) -> Result<()> {
    let room = n.saturating_sub(pinned.len());
    let count = |page: &[Recommended], group: usize| {
        page.iter().chain(pinned).filter(|own| shelf.is_required(own.item, group)).count()
    };
    for (group, best) in groups.iter().enumerate() {
        let missing = shelf.required(group).saturating_sub(count(page, group));
        if missing == 0 {
            continue;
        }
        let is_on_page = |own: &Recommended| page.iter().chain(pinned).any(|other| other.item == own.item);
        let others = best.iter().filter(|own| !is_on_page(own)).cloned().collect();
        let new = shelf.fitting(page, others, Recommended::item)?;
        for own in new.into_iter().take(missing) {
            if page.len() >= room {
                let requiring =
                    |item: u32| (0..groups.len()).filter(move |&own| shelf.is_required(item, own));
                let free = page.iter().rposition(|own| requiring(own.item).next().is_none());
                let spare = |own: &Recommended| {
                    requiring(own.item).all(|group| count(page, group) > shelf.required(group))
                };
                let Some(place) = free.or_else(|| page.iter().rposition(spare)) else { break };
                page.remove(place);
            }
            let is_before = |other: &Recommended| (other.fills(), -other.score) <= (own.fills(), -own.score);
            let place = page.iter().rposition(is_before).map_or(0, |last| last + 1);
            page.insert(place, own);
        }
    }
    Ok(())
}
