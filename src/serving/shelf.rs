//! Which of the ranked items a list may have, by their rows as they are now: those that may be shown, for which no condition
//! of a rule that blocks holds, and no more of a group than the call allows; with the scores that rules give them.
//!
//! Ranked items are verified in their order, by one query for some 2 n of them; if too few are left, or an item further down
//! may come before the last one by the largest factor that rules can give it, more are ranked. So a list has n items as long
//! as n may be shown, and it is the list that the changed scores of all items make.

use super::pinned::Placed;
use super::rescoring::{Beyond, MOST, Reach, Rescored, changed, rescored};
use super::rule_cache::{ActiveRules, Effect, PreparedConditions};
use super::rules::without_items;
use super::version::ServedVersion;
use crate::catalog::models::Model;
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
const ITEM_BYTES: usize = 128;

/// What is known of an item that may be shown.
#[derive(Clone, Debug)]
struct Known {
    group: Option<String>,
    /// The factor of its score by conditions.
    factor: f64,
    /// The required groups that it belongs to by conditions.
    required: Vec<usize>,
}

/// Decides which items lists may have.
pub struct Shelf<'a> {
    rows: Option<Rc<ShownRows>>,
    rules: Rc<ActiveRules>,
    /// What finds the conditions of rules, if there are any.
    conditions: Option<Rc<PreparedConditions>>,
    most: Option<usize>,
    /// How many items of each group rules have given a place.
    pinned: HashMap<String, usize>,
    id: &'a dyn Fn(u32) -> Id<'a>,
    /// What is known of the items that were verified; `None` of those that may not be shown.
    known: RefCell<HashMap<u32, Option<Known>>>,
}

impl<'a> Shelf<'a> {
    /// By the rows of a model's items and the `rules` that hold or, without a model, all of them; `most` is the largest
    /// number of items of one group, if there is one, and `id` the id of an item by its number.
    pub fn new(
        version: &ServedVersion,
        model: Option<&Model>,
        most: Option<usize>,
        rules: &Rc<ActiveRules>,
        id: &'a dyn Fn(u32) -> Id<'a>,
    ) -> Result<Self> {
        let (known, pinned) = (RefCell::default(), HashMap::new());
        let Some(model) = model else {
            let rules = Rc::clone(rules);
            return Ok(Self { rows: None, rules, conditions: None, most, pinned, id, known });
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
        let has_conditions = !rules.conditions.is_empty();
        let rows = match &model.items {
            Some(items)
                if has_conditions || columns != ShownColumns::default() || !items.filter.is_empty() =>
            {
                columns.conditions.clone_from(&rules.columns);
                Some(version.shown_rows(&model.name, items, &columns)?)
            }
            None if has_conditions => return Err(without_items(&model.name)),
            _ => None,
        };
        let conditions = match &rows {
            Some(rows) if has_conditions => Some(rules.prepared(&model.name, rows.conditions())?),
            _ => None,
        };
        let rules = Rc::clone(rules);
        Ok(Self { rows, rules, conditions, most, pinned, id, known })
    }

    /// Gives places to the first of these items that may be shown, before any others of their groups, and changes their scores.
    pub fn pin(&mut self, items: &mut Placed) -> Result<()> {
        self.keep(items, |(_, own)| own.item)?;
        for (_, own) in items {
            own.score = changed(own.score, self.factor(own.item));
            let known = self.known.borrow();
            if let Some(Some(Known { group: Some(group), .. })) = known.get(&own.item) {
                *self.pinned.entry(group.clone()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Whether every item may be shown, with any number of its group.
    pub fn has_all(&self) -> bool {
        self.rows.is_none()
    }

    /// The factor of an item's score by all rules; its row must have been verified.
    pub fn factor(&self, item: u32) -> f64 {
        let by_condition = match self.known.borrow().get(&item) {
            Some(Some(known)) => known.factor,
            _ => 1.0,
        };
        (self.rules.factor_of(item, self.id) * by_condition).clamp(MOST.recip(), MOST)
    }

    /// Whether an item, whose row must have been verified, belongs to the required group of a number.
    pub fn is_required(&self, item: u32, group: usize) -> bool {
        match &self.rules.required[group].items {
            Some(items) => items.binary_search(&item).is_ok(),
            None => match self.known.borrow().get(&item) {
                Some(Some(known)) => known.required.contains(&group),
                _ => false,
            },
        }
    }

    /// How many items of the required group of a number a page must have.
    pub fn required(&self, group: usize) -> usize {
        self.rules.required[group].least
    }

    /// The best `n` items, if there are so many, of those that may be shown and are wanted, with the scores that rules give
    /// them. `ranked` ranks a number of items, best first; `None` if a list has all of these.
    pub fn choose<T: Rescored>(
        &self,
        n: usize,
        is_wanted: impl Fn(u32) -> bool,
        mut ranked: impl FnMut(Reach<'_>, usize) -> Result<Option<Vec<T>>>,
    ) -> Result<Vec<T>> {
        let changes = self.rules.change_scores();
        if self.has_all() && !changes {
            return Ok(ranked(Reach::List, n)?.unwrap_or_default());
        }
        let by_condition = self.conditions.as_ref().map_or(1.0, |conditions| conditions.most).min(MOST);
        let named = match &*self.rules.boosted {
            [] => Some(Vec::new()),
            boosted => ranked(Reach::Only(boosted), boosted.len())?,
        };
        let most_apart =
            by_condition * if named.is_some() { self.rules.most_unknown } else { self.rules.most };
        let most = by_condition * self.rules.most.max(self.rules.most_unknown);
        // What each of them can reach, the highest first.
        let by_name = |own: T| {
            let reached = changed(own.score(), self.rules.factor_of(own.item(), self.id) * by_condition);
            (reached, own)
        };
        let mut named: Vec<(f32, T)> = named.unwrap_or_default().into_iter().map(by_name).collect();
        named.retain(|(_, own)| own.score() > 0.0);
        named.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let spare = if self.has_all() { 1 } else { SPARE };
        let mut count = n.saturating_mul(spare).saturating_add(self.rules.factors.len().min(n));
        loop {
            let mut items = ranked(Reach::List, count)?.unwrap_or_default();
            let mut is_complete = items.len() < count;
            let last = items.last().map(|last| (last.fills(), last.score()));
            let mut apart: Vec<T> = named.iter().take(count).map(|(_, own)| own.clone()).collect();
            let mut outside = named.get(count).map(|(reached, _)| *reached);
            if by_condition > 1.0
                && let Some(all) = ranked(Reach::All, count)?
            {
                let lowest = all.last().filter(|last| all.len() >= count && last.score() > 0.0);
                let reached = lowest.map(|lowest| changed(lowest.score(), by_condition));
                outside = outside.into_iter().chain(reached).reduce(f32::max);
                apart.extend(all);
            }
            is_complete &= outside.is_none();
            if changes {
                let numbers: Vec<u32> = items.iter().chain(&apart).map(T::item).collect();
                self.verify(&numbers)?;
                items = rescored(items, apart, |item| self.factor(item));
            }
            self.verify(&items.iter().map(T::item).collect::<Vec<_>>())?;
            items.retain(|own| is_wanted(own.item()));
            self.keep(&mut items, T::item)?;
            let nth = n.checked_sub(1).and_then(|last| items.get(last));
            let is_settled = match (nth, last) {
                (Some(nth), Some(last)) => {
                    !changes || Beyond { last, most, most_apart, outside }.is_behind(nth)
                }
                _ => n == 0,
            };
            if is_complete || is_settled {
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
        let group = |own: &T| Some(known.get(&item(own))?.as_ref()?.group.as_deref());
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
            let group = known.get(&item)?.as_ref()?.group.as_deref()?;
            let next = numbers.len() as u32;
            Some(*numbers.entry(group).or_insert(next))
        };
        (0..count as u32).map(group).collect()
    }

    /// The factors other than 1 of the items of `0 .. count`, ascending by item; their rows must have been verified.
    pub fn factors(&self, count: usize) -> Vec<(u32, f64)> {
        let factors = (0..count as u32).map(|item| (item, self.factor(item)));
        factors.filter(|(_, factor)| *factor != 1.0).collect()
    }

    /// Reads the rows of those items of which nothing is known yet.
    fn verify(&self, items: &[u32]) -> Result<()> {
        let Some(rows) = &self.rows else { return Ok(()) };
        let now = pg_sys::TimestampTz::from(statement_timestamp());
        let mut unknown: Vec<u32> =
            items.iter().copied().filter(|item| !self.known.borrow().contains_key(item)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        for batch in unknown.chunks(BATCH) {
            look();
            ask("the rows of items", ITEM_BYTES * (self.known.borrow().len() + batch.len()))?;
            let ids: Vec<Id<'_>> = batch.iter().map(|&item| (self.id)(item)).collect();
            let mut numbers: HashMap<Id<'_>, u32> = HashMap::with_capacity(batch.len());
            numbers.extend(ids.iter().copied().zip(batch.iter().copied()));
            // Without a column or a condition that says so, an item may be shown though it has no row, and belongs to no group.
            let shows_all = !rows.decides() && !self.rules.block_by_condition();
            let unknown = shows_all.then(|| Known { group: None, factor: 1.0, required: Vec::new() });
            let (mut found, mut blocked) = (HashMap::new(), Vec::new());
            rows.read(&ids, now, &mut |id, Shown { is_available, group, values }| {
                let Some(&item) = numbers.get(&id) else { return };
                let mut own = Known { group, factor: 1.0, required: Vec::new() };
                let holding = self.conditions.iter().flat_map(|own| own.matcher.holding(&values));
                for number in holding {
                    match self.rules.effects[number as usize] {
                        Effect::Block => blocked.push(item),
                        Effect::Factor(factor) => own.factor *= factor,
                        Effect::Require(group) => own.required.push(group),
                    }
                }
                // A view may have several rows of an item. One is enough to show it, and one to block it; of their factors, the
                // largest counts.
                if is_available {
                    let known = found.entry(item).or_insert_with(|| own.clone());
                    known.group = own.group;
                    known.factor = known.factor.max(own.factor);
                    known.required.extend(own.required);
                }
            })?;
            let known = |&item: &u32| (item, found.remove(&item).or_else(|| unknown.clone()));
            let mut verified: HashMap<u32, Option<Known>> = batch.iter().map(known).collect();
            verified.extend(blocked.into_iter().map(|item| (item, None)));
            self.known.borrow_mut().extend(verified);
        }
        Ok(())
    }
}
