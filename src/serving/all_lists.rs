//! `segrec_recommend_all`: streams the list of every user, with one batch of users in memory at a time.
//!
//! Uses what is stored with the version: users, their items and their factors as of the training. Only the rows of users
//! without events are read as they are now, if attributes rank.

use super::filling::fill_with_popular;
use super::history::{History, aged, left_out, source_for};
use super::ids::listed_numbers;
use super::recommendation::folded_in;
use super::recommended::Recommended;
use super::rescoring::{Beyond, Rescored, changed, rescored};
use super::reservation::reserve;
use super::rules::{active_rules, segments_with_rules};
use super::segment_rules::SegmentRules;
use super::selection::{Selection, union};
use super::session;
use super::shelf::Shelf;
use super::version::{Segment, ServedVersion};
use crate::catalog::versions::users::{StoredUser, load_users};
use crate::error::{Result, or_raise};
use crate::pg::datums::id_text::id_text;
use crate::pg::executor::visibility::stable;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::{Workers, look};
use crate::settings;
use rayon::prelude::*;
use segrec_engine::interactions::Id;
use segrec_engine::ranking::{Scored, Scoring, Source, top_lists};
use segrec_engine::scorers::method::KnownUser;
use segrec_engine::scorers::neighbours::NeighbourScratch;
use segrec_engine::{Matrix, Observer};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// The maximum number of users per batch: about 3 MB with 64 factors and lists of 20 items.
const BATCH_USERS: usize = 4096;
/// The approximate number of bytes of a batch's lines; with long lists a batch has fewer users.
const BATCH_BYTES: usize = 64 << 20;
/// Bytes of a line with its ids and of the corresponding list items.
const LINE_BYTES: usize = 192;

/// A row of the result.
pub struct Line {
    /// The id of the user.
    pub user_id: String,
    /// The position in the list, from 1.
    pub rank: i32,
    /// The id of the item.
    pub item_id: String,
    /// The score of the item.
    pub score: f32,
    /// The source of the item, see [`Source`].
    pub source: &'static str,
}

/// The best items of a user, the best new items, and those that rules boost.
type Best = (Vec<Scored>, Vec<Scored>, Vec<Scored>);

/// The list of a user before rules change it: the items, the best new items, and those that rules boost.
type Unchanged = (Vec<Recommended>, Vec<Recommended>, Vec<Recommended>);

/// The lists of all users, user by user.
pub struct AllLists {
    version: Rc<ServedVersion>,
    workers: Workers,
    n: usize,
    /// What rules make of all lists, and of those of segments that have rules of their own.
    rules: SegmentRules,
    of_segments: HashMap<i32, SegmentRules>,
    /// The group of each item, and the most items of one, if that is limited.
    groups: Option<(Vec<Option<u32>>, usize)>,
    batch: i32,
    next_place: i32,
    lines: VecDeque<Line>,
    finished: bool,
}

/// Starts the lists of all users of a model, of items that a selection allows. It skips none.
pub fn recommend_all(model: Option<&str>, n: usize, selection: &Selection<'_>) -> Result<AllLists> {
    let model = session::model(model)?;
    let version = session::version(&model)?;
    version.verify()?;
    let count = version.item_ids().len();
    ask("the items that lists leave out", 4 * count * size_of::<u32>())?;
    let mut is_out = vec![false; count];
    let mut leave_out = |items: &[u32]| items.iter().for_each(|&item| is_out[item as usize] = true);
    leave_out(version.withdrawn());
    leave_out(&selection.excluded(&version));
    if let Some(candidates) = &selection.candidates {
        let listed = listed_numbers(&version, candidates, &[]);
        let others: Vec<u32> = (0..count as u32).filter(|item| listed.binary_search(item).is_err()).collect();
        leave_out(&others);
    }
    let id = |item: u32| version.item_ids().get(item as usize);
    let rules = active_rules(&version, Some(&model), None)?;
    leave_out(&rules.blocked);
    let shelf = Shelf::new(&version, Some(&model), selection.max_per_group, &rules, &id)?;
    leave_out(&shelf.missing(count)?);
    let groups = selection.max_per_group.map(|most| (shelf.groups(count), most));
    let factors = if rules.change_scores() { shelf.factors(count) } else { Vec::new() };
    drop(shelf);
    let left_out: Vec<u32> = (0..).zip(is_out).filter(|(_, is_out)| *is_out).map(|(item, _)| item).collect();
    let mut of_segments = HashMap::new();
    for segment in segments_with_rules(&version, &model)? {
        let rules = active_rules(&version, Some(&model), Some(segment))?;
        let shelf = Shelf::new(&version, Some(&model), None, &rules, &id)?;
        let missing = if rules.conditions.is_empty() { Vec::new() } else { shelf.missing(count)? };
        let factors = if rules.change_scores() { shelf.factors(count) } else { Vec::new() };
        drop(shelf);
        ask(
            "the items that lists of segments leave out",
            (of_segments.len() + 1) * (2 * count * size_of::<u32>() + 3 * factors.len() * size_of::<f64>()),
        )?;
        let own = union(&rules.blocked, &missing).into_owned();
        of_segments.insert(segment, SegmentRules::new(union(&left_out, &own).into_owned(), factors));
    }
    let length = n.min(version.item_ids().len()).max(1);
    let batch = (BATCH_BYTES / LINE_BYTES / length).clamp(1, BATCH_USERS);
    ask("a batch of lists", 2 * batch * length * LINE_BYTES)?;
    let workers = Workers::new(settings::threads())?;
    Ok(AllLists {
        version,
        workers,
        n,
        rules: SegmentRules::new(left_out, factors),
        of_segments,
        groups,
        batch: batch as i32,
        next_place: 0,
        lines: VecDeque::new(),
        finished: false,
    })
}

impl Iterator for AllLists {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while self.lines.is_empty() && !self.finished {
            or_raise(stable(|| self.next_batch()));
        }
        self.lines.pop_front()
    }
}

impl AllLists {
    fn next_batch(&mut self) -> Result<()> {
        let mut users = load_users(self.version.id(), self.next_place, self.batch)?;
        // Users without ratings have no stored factors; give them those of the average user, if there is one.
        if users.iter().any(|user| user.factors.is_empty())
            && let Some(average) = folded_in(&self.version, None, None, &History::default())?
        {
            let without = users.iter_mut().filter(|user| user.factors.is_empty());
            without.for_each(|user| user.factors.clone_from(&average));
        }
        let age = self.version.age();
        users.iter_mut().for_each(|user| user.repeats = aged(&user.repeats, age));
        match users.last() {
            Some(last) => self.next_place = last.place + 1,
            None => {
                self.version.members.check_there()?;
                self.finished = true;
            }
        }
        // Users are stored ordered by segment.
        for group in users.chunk_by(|a, b| a.segment == b.segment) {
            self.add_segment(group)?;
        }
        Ok(())
    }

    fn add_segment(&mut self, users: &[StoredUser]) -> Result<()> {
        let count = self.n.saturating_add(self.rules_of(&users[0]).factors.len().min(self.n));
        let lists = self.lists(users, count)?;
        for (user, list) in users.iter().zip(lists) {
            look();
            let items = self.finished(user, list, count)?;
            for (rank, recommended) in (1..).zip(items) {
                self.lines.push_back(Line {
                    user_id: user.user_id.clone(),
                    rank,
                    item_id: id_text(self.version.item_ids().get(recommended.item as usize)),
                    score: recommended.score,
                    source: recommended.source.name(),
                });
            }
        }
        Ok(())
    }

    /// The list of a user, of whom so many items were ranked, with the scores that rules give it and no more of a group than
    /// the call allows. If too much belongs to the same groups, or items further down may move up, the list is ranked again,
    /// further down: for this user alone, so that one list of all items is the most that is held at once.
    fn finished(&self, user: &StoredUser, mut list: Unchanged, mut count: usize) -> Result<Vec<Recommended>> {
        loop {
            let (items, new, boosted) = list;
            let is_complete = items.len() < count;
            let (mut items, is_settled) = match self.rules_of(user) {
                rules if rules.factors.is_empty() => {
                    let mut items = items;
                    reserve(&mut items, new, self.version.reserved(count), count);
                    (items, true)
                }
                rules => self.changed(rules, (items, new, boosted)),
            };
            if let Some((groups, most)) = &self.groups {
                keep_few(&mut items, groups, *most);
            }
            if is_complete || is_settled && items.len() >= self.n {
                items.truncate(self.n);
                return Ok(items);
            }
            look();
            count = count.saturating_mul(4);
            ask("a list", count.min(self.version.item_ids().len()) * LINE_BYTES)?;
            list = self.lists(std::slice::from_ref(user), count)?.pop().unwrap_or_default();
        }
    }

    /// A list with the scores that rules give it, and whether no item further down may come before its end.
    fn changed(
        &self,
        rules: &SegmentRules,
        (items, mut new, boosted): Unchanged,
    ) -> (Vec<Recommended>, bool) {
        let last = items.last().map(|last| (last.fills(), last.score));
        // Who is ranked otherwise has none that were scored apart.
        let most_apart = if boosted.is_empty() { rules.most } else { 1.0 };
        let mut items = rescored(items, boosted, |item| rules.factor(item));
        // Groups are limited here as well, since the last place is that of the list.
        if let Some((groups, most)) = &self.groups {
            keep_few(&mut items, groups, *most);
        }
        let is_settled = match (items.get(self.n.wrapping_sub(1)), last) {
            (Some(nth), Some(last)) => {
                Beyond { last, most: rules.most, most_apart, outside: None }.is_behind(nth)
            }
            _ => self.n == 0,
        };
        items.truncate(self.n);
        new.iter_mut().for_each(|own| own.score = changed(own.score, rules.factor(own.item)));
        new.sort_by(|a, b| b.score.total_cmp(&a.score));
        reserve(&mut items, new, self.version.reserved(self.n), self.n);
        (items, is_settled)
    }

    /// What rules make of the list of a user.
    fn rules_of(&self, user: &StoredUser) -> &SegmentRules {
        self.of_segments.get(&user.segment).unwrap_or(&self.rules)
    }

    /// What the list of a user leaves out.
    fn left_out<'a>(&'a self, user: &'a StoredUser) -> Cow<'a, [u32]> {
        let base = &self.rules_of(user).left_out;
        match left_out(user.left_out(self.version.oldest_seen()), &user.items, &user.repeats) {
            Cow::Borrowed(own) => union(own, base),
            Cow::Owned(own) => Cow::Owned(union(&own, base).into_owned()),
        }
    }

    /// The lists of `n` items of users of one segment, before rules change them.
    fn lists(&self, users: &[StoredUser], n: usize) -> Result<Vec<Unchanged>> {
        let version = &self.version;
        let segment = version.segment(version.segment_number(users[0].segment)?)?;
        let (lists, source) = self.ranked(users, &segment, n)?;
        let popular = version.filling(segment);
        let by_attributes = self.by_attributes(users, n)?;
        let mut all = Vec::with_capacity(users.len());
        for ((user, (list, new, boosted)), own) in users.iter().zip(lists).zip(by_attributes) {
            look();
            let (list, source) = match own {
                Some(own) => (own, Source::Attributes),
                None if user.factors.is_empty() => (Vec::new(), source),
                None => (list, source),
            };
            let recommended = |Scored { item, score }| {
                let source = source_for(&user.items, &user.repeats, item, version.source_of(item, source));
                Recommended { item, score, source }
            };
            let mut items: Vec<Recommended> = list.into_iter().map(recommended).collect();
            let new = new.into_iter().map(recommended).collect();
            let boosted = boosted.into_iter().map(recommended).collect();
            fill_with_popular(&mut items, version, popular.as_ref(), &self.left_out(user), None, n)?;
            all.push((items, new, boosted));
        }
        Ok(all)
    }

    /// The best items of users without events, by their attributes; `None` for all others, and if there is no row of the
    /// user that the caller may read.
    fn by_attributes(&self, users: &[StoredUser], n: usize) -> Result<Vec<Option<Vec<Scored>>>> {
        let version = &self.version;
        let mut lists = vec![None; users.len()];
        let Some(by_attributes) = version.by_attributes()? else { return Ok(lists) };
        let (mut places, mut points) = (Vec::new(), Vec::new());
        for (place, user) in users.iter().enumerate().filter(|(_, user)| user.factors.is_empty()) {
            look();
            if let Some(point) = version.point_of(Id::Text(&user.user_id))? {
                ask("the attributes of users", 2 * size_of::<f32>() * (points.len() + point.len()))?;
                places.push(place);
                points.extend(point);
            }
        }
        if places.is_empty() {
            return Ok(lists);
        }
        let points = Matrix::from_data(version.decided.attributes, points)?;
        let left_out: Vec<Cow<'_, [u32]>> =
            places.iter().map(|&place| self.left_out(&users[place])).collect();
        let (scoring, out) = (by_attributes.scoring(), |row: usize| &*left_out[row]);
        let found = self.workers.run(|observer| top_lists(&points, scoring, out, n, observer), |_| ())??;
        places.iter().zip(found).for_each(|(&place, list)| lists[place] = Some(list));
        Ok(lists)
    }

    /// The best items of users of one segment and, if places are reserved for them, the best new items, with the scores to
    /// show, and their source. Users without events have no factors; the lists returned for them must not be used.
    fn ranked(&self, users: &[StoredUser], segment: &Segment<'_>, n: usize) -> Result<(Vec<Best>, Source)> {
        let version = &self.version;
        let Some(scorers) = version.scorers(Some(*segment))? else {
            return Ok((vec![Best::default(); users.len()], Source::Popular));
        };
        let left_out: Vec<Cow<'_, [u32]>> = users.iter().map(|user| self.left_out(user)).collect();
        let (reserved, order) = (version.reserved(n), version.decided.order);
        let new_items = if reserved > 0 { version.new_items() } else { &[] };
        let boosted = self.rules_of(&users[0]).boosted.as_slice();
        let work = |observer: &dyn Observer| -> segrec_engine::Result<Vec<Best>> {
            match scorers.only_factors().filter(|_| new_items.is_empty() && boosted.is_empty()) {
                Some(rows) => {
                    let mut factors = Matrix::zeros(users.len(), rows.backbone.columns());
                    for (row, user) in users.iter().enumerate().filter(|(_, user)| !user.factors.is_empty()) {
                        factors.row_mut(row).copy_from_slice(&user.factors);
                    }
                    let (item_factors, items) =
                        rows.own.map_or((rows.backbone, None), |(items, own)| (own, Some(items)));
                    let scoring = Scoring { item_factors, items };
                    let lists = top_lists(&factors, scoring, |row| &*left_out[row], n, observer)?;
                    Ok(lists.into_iter().map(|list| (list, Vec::new(), Vec::new())).collect())
                }
                None => {
                    let list = |scratch: &mut RefCell<NeighbourScratch>,
                                (user, out): (&StoredUser, &Cow<'_, [u32]>)|
                     -> segrec_engine::Result<Best> {
                        observer.check()?;
                        if user.factors.is_empty() {
                            return Ok(Best::default());
                        }
                        let StoredUser { items, factors, ranks, repeats, row, .. } = user;
                        let row = row.view();
                        let weights = order.history_weights(ranks);
                        let weights = weights.as_deref();
                        let known = KnownUser {
                            items,
                            factors,
                            weights,
                            ranks,
                            repeats,
                            row,
                            ..KnownUser::default()
                        };
                        let blended = scorers.blended(known, scratch);
                        let among = |items: &[u32], count: usize| match items {
                            [] => Vec::new(),
                            items => blended.best(out, Some(items), count),
                        };
                        let (new, boosted) = (among(new_items, reserved), among(boosted, boosted.len()));
                        Ok((blended.best(out, None, n), new, boosted))
                    };
                    users.par_iter().zip(&left_out).map_init(RefCell::default, list).collect()
                }
            }
        };
        let mut lists = self.workers.run(work, |_| ())??;
        let scored =
            lists.iter_mut().flat_map(|(best, new, boosted)| best.iter_mut().chain(new).chain(boosted));
        scored.for_each(|scored| scored.score = scorers.shown(scored.score));
        Ok((lists, scorers.source()))
    }
}

/// Keeps the first of each group.
fn keep_few(list: &mut Vec<Recommended>, groups: &[Option<u32>], most: usize) {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    list.retain(|own| match groups[own.item as usize] {
        Some(group) => {
            let count = counts.entry(group).or_default();
            *count += 1;
            *count <= most
        }
        None => true,
    });
}
