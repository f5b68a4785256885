//! Lists page by page: what a page shows is decided as if nothing came after it, and then taken out, so that a later page
//! neither repeats it nor leaves anything out.

use super::pinned::{Placed, with_pinned};
use super::recommended::Recommended;
use super::requirements::require;
use super::shelf::Shelf;
use crate::error::Result;
use crate::pg::process::workers::look;
use segrec_engine::ranking::Source;
use std::collections::{HashSet, VecDeque};

/// What is left for the next page.
#[derive(Default)]
pub struct Pages {
    /// Ranked items, best first.
    pub items: VecDeque<Recommended>,
    /// The best new items, for reserved places.
    pub new: Vec<Recommended>,
    /// The best items of each group that rules require, for every page.
    pub groups: Vec<Vec<Recommended>>,
    /// Pinned items that pages place themselves, in the order of their places from the first page on.
    pub pinned: Placed,
    /// The number of items on the pages before.
    pub start: usize,
}

impl Pages {
    /// Takes the best items for a page to choose from.
    pub fn pool(&mut self, count: usize) -> Vec<Recommended> {
        self.items.drain(..count.min(self.items.len())).collect()
    }

    /// Puts back what a page has not shown of its pool.
    pub fn put_back(&mut self, pool: Vec<Recommended>, page: &[Recommended]) {
        let shown: HashSet<u32> = page.iter().map(|item| item.item).collect();
        let is_left = |item: &Recommended| !shown.contains(&item.item);
        self.new.retain(is_left);
        self.groups.iter_mut().for_each(|group| group.retain(is_left));
        self.items.retain(is_left);
        pool.into_iter().rev().filter(is_left).for_each(|item| self.items.push_front(item));
    }

    /// Finishes a page of `n` that was chosen from a pool: with the pinned items that belong on it, and as many items of groups
    /// as rules require.
    pub fn finish(
        &mut self,
        shelf: &Shelf<'_>,
        pool: Vec<Recommended>,
        mut page: Vec<Recommended>,
        n: usize,
    ) -> Result<Vec<Recommended>> {
        page.truncate(n);
        if self.pinned.is_empty() && self.groups.is_empty() {
            self.put_back(pool, &page);
            return Ok(page);
        }
        let place = |(place, own): &(usize, Recommended)| (place.saturating_sub(self.start), own.clone());
        let mut due: Placed = self.pinned.iter().map(place).collect();
        let before = with_pinned(page.clone(), due.clone(), 0, n);
        due.truncate(before.iter().filter(|own| own.source == Source::Pinned).count());
        page.truncate(n - due.len());
        let pinned: Vec<Recommended> = due.iter().map(|(_, own)| own.clone()).collect();
        require(shelf, &mut page, &pinned, &self.groups, n)?;
        self.pinned.drain(..due.len());
        self.put_back(pool, &page);
        let page = with_pinned(page, due, 0, n);
        self.start += page.len();
        Ok(page)
    }

    /// The `n` items that follow the first `skip`, on pages of `n` of which `page` makes the next one.
    pub fn after(
        mut self,
        skip: usize,
        n: usize,
        page: impl Fn(&mut Self) -> Result<Vec<Recommended>>,
    ) -> Result<Vec<Recommended>> {
        let mut passed = 0;
        let mut list = Vec::with_capacity(n.min(self.items.len()));
        while list.len() < n {
            look();
            let next = page(&mut self)?;
            if next.is_empty() {
                break;
            }
            let before = skip.saturating_sub(passed);
            passed += next.len();
            list.extend(next.into_iter().skip(before));
        }
        list.truncate(n);
        Ok(list)
    }
}
