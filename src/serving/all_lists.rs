//! `segrec_recommend_all`: streams the list of every user, with one batch of users in memory at a time.
//!
//! Uses what is stored with the version: users, their items and their factors as of the training. Only the rows of users
//! without events are read as they are now, if attributes rank.

use super::history::{History, aged, left_out};
use super::ids::listed_numbers;
use super::recommendation::{fill_with_popular, folded_in};
use super::recommended::Recommended;
use super::reservation::reserve;
use super::rules::{active_rules, segments_with_rules};
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

/// The best items of a user, and the best new items.
type BestAndNew = (Vec<Scored>, Vec<Scored>);

/// The lists of all users, user by user.
pub struct AllLists {
    version: Rc<ServedVersion>,
    workers: Workers,
    n: usize,
    /// The items that no list may have, ascending.
    left_out: Vec<u32>,
    /// Those that the lists of some segments may not have, with these.
    of_segments: HashMap<i32, Vec<u32>>,
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
    drop(shelf);
    let left_out: Vec<u32> = (0..).zip(is_out).filter(|(_, is_out)| *is_out).map(|(item, _)| item).collect();
    let mut of_segments = HashMap::new();
    for segment in segments_with_rules(&version, &model)? {
        let rules = active_rules(&version, Some(&model), Some(segment))?;
        let missing = match rules.blocking.is_empty() {
            true => Vec::new(),
            false => Shelf::new(&version, Some(&model), None, &rules, &id)?.missing(count)?,
        };
        ask(
            "the items that lists of segments leave out",
            2 * (of_segments.len() + 1) * count * size_of::<u32>(),
        )?;
        let own = union(&rules.blocked, &missing).into_owned();
        of_segments.insert(segment, union(&left_out, &own).into_owned());
    }
    let length = n.min(version.item_ids().len()).max(1);
    let batch = (BATCH_BYTES / LINE_BYTES / length).clamp(1, BATCH_USERS);
    ask("a batch of lists", 2 * batch * length * LINE_BYTES)?;
    let workers = Workers::new(settings::threads())?;
    Ok(AllLists {
        version,
        workers,
        n,
        left_out,
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
        let lists = self.lists(users, self.n)?;
        for (user, list) in users.iter().zip(lists) {
            look();
            let items = self.few_of_groups(user, list)?;
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

    /// The list of a user with no more of a group than the call allows. If too much belongs to the same groups, the list is
    /// ranked again, further down: for this user alone, so that one list of all items is the most that is held at once.
    fn few_of_groups(&self, user: &StoredUser, mut list: Vec<Recommended>) -> Result<Vec<Recommended>> {
        let Some((groups, most)) = &self.groups else { return Ok(list) };
        let mut count = self.n;
        loop {
            let ranked = list.len();
            keep_few(&mut list, groups, *most);
            if list.len() >= self.n || ranked < count {
                list.truncate(self.n);
                return Ok(list);
            }
            look();
            count = count.saturating_mul(4);
            ask("a list", count.min(groups.len()) * LINE_BYTES)?;
            list = self.lists(std::slice::from_ref(user), count)?.pop().unwrap_or_default();
        }
    }

    /// What the list of a user leaves out.
    fn left_out<'a>(&'a self, user: &'a StoredUser) -> Cow<'a, [u32]> {
        let base = self.of_segments.get(&user.segment).unwrap_or(&self.left_out);
        match left_out(user.seen(), &user.items, &user.repeats) {
            Cow::Borrowed(own) => union(own, base),
            Cow::Owned(own) => Cow::Owned(union(&own, base).into_owned()),
        }
    }

    /// The lists of `n` items of users of one segment.
    fn lists(&self, users: &[StoredUser], n: usize) -> Result<Vec<Vec<Recommended>>> {
        let version = &self.version;
        let segment = version.segment(version.segment_number(users[0].segment)?)?;
        let (lists, source) = self.ranked(users, &segment, n)?;
        let popular = version.filling(segment);
        let by_attributes = self.by_attributes(users, n)?;
        let mut all = Vec::with_capacity(users.len());
        for ((user, (list, new)), own) in users.iter().zip(lists).zip(by_attributes) {
            look();
            let (list, source) = match own {
                Some(own) => (own, Source::Attributes),
                None if user.factors.is_empty() => (Vec::new(), source),
                None => (list, source),
            };
            let recommended =
                |Scored { item, score }| Recommended { item, score, source: version.source_of(item, source) };
            let mut items: Vec<Recommended> = list.into_iter().map(recommended).collect();
            let new = new.into_iter().map(recommended).collect();
            fill_with_popular(&mut items, version, popular.as_ref(), &self.left_out(user), None, n)?;
            reserve(&mut items, new, version.reserved(n), n);
            all.push(items);
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
    fn ranked(
        &self,
        users: &[StoredUser],
        segment: &Segment<'_>,
        n: usize,
    ) -> Result<(Vec<BestAndNew>, Source)> {
        let version = &self.version;
        let Some(scorers) = version.scorers(Some(*segment))? else {
            return Ok((vec![BestAndNew::default(); users.len()], Source::Popular));
        };
        let left_out: Vec<Cow<'_, [u32]>> = users.iter().map(|user| self.left_out(user)).collect();
        let (reserved, order) = (version.reserved(n), version.decided.order);
        let new_items = if reserved > 0 { version.new_items() } else { &[] };
        let work = |observer: &dyn Observer| -> segrec_engine::Result<Vec<BestAndNew>> {
            match scorers.only_factors().filter(|_| new_items.is_empty()) {
                Some(rows) => {
                    let mut factors = Matrix::zeros(users.len(), rows.backbone.columns());
                    for (row, user) in users.iter().enumerate().filter(|(_, user)| !user.factors.is_empty()) {
                        factors.row_mut(row).copy_from_slice(&user.factors);
                    }
                    let (item_factors, items) =
                        rows.own.map_or((rows.backbone, None), |(items, own)| (own, Some(items)));
                    let scoring = Scoring { item_factors, items };
                    let lists = top_lists(&factors, scoring, |row| &*left_out[row], n, observer)?;
                    Ok(lists.into_iter().map(|list| (list, Vec::new())).collect())
                }
                None => {
                    let list = |scratch: &mut RefCell<NeighbourScratch>,
                                (user, out): (&StoredUser, &Cow<'_, [u32]>)|
                     -> segrec_engine::Result<BestAndNew> {
                        observer.check()?;
                        if user.factors.is_empty() {
                            return Ok(BestAndNew::default());
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
                        let new = match new_items {
                            [] => Vec::new(),
                            new => blended.best(out, Some(new), reserved),
                        };
                        Ok((blended.best(out, None, n), new))
                    };
                    users.par_iter().zip(&left_out).map_init(RefCell::default, list).collect()
                }
            }
        };
        let mut lists = self.workers.run(work, |_| ())??;
        let scored = lists.iter_mut().flat_map(|(best, new)| best.iter_mut().chain(new));
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
