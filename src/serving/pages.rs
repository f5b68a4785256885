//! Lists page by page: what a page shows is decided as if nothing came after it, and then taken out, so that a later page
//! neither repeats it nor leaves anything out.

use super::recommended::Recommended;
use crate::error::Result;
use crate::pg::process::workers::look;
use std::collections::{HashSet, VecDeque};

/// What is left for the next page.
pub struct Pages {
    /// Ranked items, best first.
    pub items: VecDeque<Recommended>,
    /// The best new items, for reserved places.
    pub new: Vec<Recommended>,
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
        self.items.retain(is_left);
        pool.into_iter().rev().filter(is_left).for_each(|item| self.items.push_front(item));
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
