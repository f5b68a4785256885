//! Which of the ranked items a list may have, by their rows as they are now: those that may be shown, for which no condition
//! of a rule that blocks holds, and no more of a group than the call allows.
//!
//! Ranked items are verified in their order, by one query for some 2 n of them; if too few are left, more are ranked. So a
//! list has n items as long as n may be shown.

use super::rule_cache::ActiveRules;
use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::rules::ConditionMatcher;
use crate::catalog::sources::shown_rows::{Shown, ShownColumns, ShownRows};
use crate::error::{Result, SegrecError};
use crate::pg::process::memory::ask;
use crate::pg::process::workers::look;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::interactions::Id;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// More items than a list needs are ranked by this factor, and by this factor again if too few may be shown.
const SPARE: usize = 2;
const MORE: usize = 4;
/// The items that are verified at once.
const BATCH: usize = 10_000;
/// Bytes of a ranked item: twice as a scored candidate, and once in the list.
const RANKED_BYTES: usize = 48;
/// Bytes of what is known of a verified item.
const ITEM_BYTES: usize = 96;

/// Decides which items lists may have.
pub struct Shelf<'a> {
    rows: Option<Rc<ShownRows>>,
    /// What finds the conditions of rules that block, if there are any.
    blocking: Option<Rc<ConditionMatcher>>,
    most: Option<usize>,
    /// How many items of each group rules have given a place.
    pinned: HashMap<String, usize>,
    id: &'a dyn Fn(u32) -> Id<'a>,
    /// What is known of the items that were verified; `None` of those that may not be shown.
    known: RefCell<HashMap<u32, Option<Option<String>>>>,
}

impl<'a> Shelf<'a> {
    /// By the rows of a model's items and the `rules` that hold or, without a model, all of them; `most` is the largest
    /// number of items of one group, if there is one, and `id` the id of an item by its number.
    pub fn new(
        version: &ServedVersion,
        model: Option<&Model>,
        most: Option<usize>,
        rules: &ActiveRules,
        id: &'a dyn Fn(u32) -> Id<'a>,
    ) -> Result<Self> {
        let (known, pinned) = (RefCell::default(), HashMap::new());
        let Some(model) = model else {
            return Ok(Self { rows: None, blocking: None, most, pinned, id, known });
        };
        let named = |option: &str| model.options.pointer(option)?.as_str().map(str::to_owned);
        let group = named("/items/group_column");
        if most.is_some() && group.is_none() {
            return Err(SegrecError::NoGroups { model: model.name.clone() });
        }
        let mut columns = ShownColumns {
            available: named("/items/available"),
            group: group.filter(|_| most.is_some()),
            conditions: Vec::new(),
        };
        let is_blocking = !rules.blocking.is_empty();
        let rows = match &model.items {
            Some(items) if is_blocking || columns != ShownColumns::default() || !items.filter.is_empty() => {
                columns.conditions.clone_from(&rules.columns);
                Some(version.shown_rows(&model.name, items, &columns)?)
            }
            None if is_blocking => {
                let problem = "The model reads no items, which a condition is on.".to_owned();
                return Err(SegrecError::UnusableRule { model: model.name.clone(), problem });
            }
            _ => None,
        };
        let blocking = match &rows {
            Some(rows) if is_blocking => Some(rules.matcher(&model.name, rows.conditions())?),
            _ => None,
        };
        Ok(Self { rows, blocking, most, pinned, id, known })
    }

    /// Gives places to the first of these items that may be shown, before any others of their groups.
    pub fn pin<T>(&mut self, items: &mut Vec<T>, item: impl Fn(&T) -> u32) -> Result<()> {
        self.keep(items, &item)?;
        for own in items {
            if let Some(Some(Some(group))) = self.known.borrow().get(&item(own)) {
                *self.pinned.entry(group.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Whether every item may be shown, with any number of its group.
    pub fn has_all(&self) -> bool {
        self.rows.is_none()
    }

    /// Ranks at least as many items as are needed for `n` of them that may be shown, if there are so many. `ranked` ranks a
    /// number of items, best first.
    pub fn choose<T>(
        &self,
        n: usize,
        item: impl Fn(&T) -> u32,
        mut ranked: impl FnMut(usize) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        if self.has_all() {
            return ranked(n);
        }
        let mut count = n.saturating_mul(SPARE);
        loop {
            let mut items = ranked(count)?;
            let is_complete = items.len() < count;
            self.keep(&mut items, &item)?;
            if is_complete || items.len() >= n {
                items.truncate(n);
                return Ok(items);
            }
            // So many were ranked, so the catalogue has at least as many.
            ask("a list", RANKED_BYTES * MORE * count)?;
            count = count.saturating_mul(MORE);
        }
    }

    /// Keeps of ranked items those that may be shown, and the first of each group.
    pub fn keep<T>(&self, items: &mut Vec<T>, item: impl Fn(&T) -> u32) -> Result<()> {
        *items = self.fitting(&[], std::mem::take(items), item)?;
        Ok(())
    }

    /// Of items that may come to a list, those of whose group it has not too many yet.
    pub fn fitting<T>(&self, list: &[T], others: Vec<T>, item: impl Fn(&T) -> u32) -> Result<Vec<T>> {
        if self.has_all() {
            return Ok(others);
        }
        let numbers: Vec<u32> = list.iter().chain(&others).map(&item).collect();
        self.verify(&numbers)?;
        let known = self.known.borrow();
        let group = |own: &T| Some(known.get(&item(own))?.as_ref()?.as_deref());
        let mut counts: HashMap<&str, usize> =
            self.pinned.iter().map(|(group, &own)| (&**group, own)).collect();
        for group in list.iter().filter_map(|own| group(own).flatten()) {
            *counts.entry(group).or_default() += 1;
        }
        let mut fits = |own: &T| match group(own) {
            Some(Some(group)) => {
                let count = counts.entry(group).or_default();
                *count += 1;
                self.most.is_none_or(|most| *count <= most)
            }
            Some(None) => true,
            None => false,
        };
        Ok(others.into_iter().filter(|own| fits(own)).collect())
    }

    /// The items of `0 .. count` that may not be shown, ascending.
    pub fn missing(&self, count: usize) -> Result<Vec<u32>> {
        if self.has_all() {
            return Ok(Vec::new());
        }
        let every: Vec<u32> = (0..count as u32).collect();
        self.verify(&every)?;
        let known = self.known.borrow();
        Ok(every.into_iter().filter(|item| known.get(item).is_none_or(Option::is_none)).collect())
    }

    /// The group of each of the items of `0 .. count` that may be shown, as numbers.
    pub fn groups(&self, count: usize) -> Vec<Option<u32>> {
        let known = self.known.borrow();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let group = |item: u32| {
            let group = known.get(&item)?.as_ref()?.as_deref()?;
            let next = numbers.len() as u32;
            Some(*numbers.entry(group).or_insert(next))
        };
        (0..count as u32).map(group).collect()
    }

    /// Reads the rows of those items of which nothing is known yet.
    fn verify(&self, items: &[u32]) -> Result<()> {
        let Some(rows) = &self.rows else { return Ok(()) };
        let now = pg_sys::TimestampTz::from(statement_timestamp());
        let unknown: Vec<u32> =
            items.iter().copied().filter(|item| !self.known.borrow().contains_key(item)).collect();
        for batch in unknown.chunks(BATCH) {
            look();
            ask("the rows of items", ITEM_BYTES * (self.known.borrow().len() + batch.len()))?;
            let ids: Vec<Id<'_>> = batch.iter().map(|&item| (self.id)(item)).collect();
            let mut numbers: HashMap<Id<'_>, u32> = HashMap::with_capacity(batch.len());
            numbers.extend(ids.iter().copied().zip(batch.iter().copied()));
            // Without a column or a condition that says so, an item may be shown though it has no row, and belongs to no group.
            let unknown = (!rows.decides() && self.blocking.is_none()).then_some(None);
            let mut found: HashMap<u32, Option<Option<String>>> =
                batch.iter().map(|&item| (item, unknown.clone())).collect();
            let mut blocked = Vec::new();
            rows.read(&ids, now, &mut |id, Shown { is_available, group, values }| {
                let Some(&item) = numbers.get(&id) else { return };
                if self.blocking.as_ref().is_some_and(|blocking| blocking.holding(&values).next().is_some()) {
                    blocked.push(item);
                }
                // A view may have several rows of an item, one of which is enough to show it, and one to block it.
                if let Some(own) = found.get_mut(&item).filter(|_| is_available) {
                    *own = Some(group);
                }
            })?;
            found.extend(blocked.into_iter().map(|item| (item, None)));
            self.known.borrow_mut().extend(found);
        }
        Ok(())
    }
}
