//! From a request to a list.
//!
//! Known users are scored with their segment's factors (`segment`) or those of the backbone (`backbone`). Users who
//! were not part of the training, and guests, are folded in (`fold_in`). Users without events are scored by their row of
//! users (`attributes`), or get the popular items of their segment (`segment_popular`) or of all users (`popular`); with
//! ratings, what the average user likes. Lists that are too short are filled up with popular items. Models without
//! factors score by the user's own items (`neighbours`).

use super::filling::fill_with_popular;
use super::history::History;
use super::ids::{check_item_kind, item_numbers, listed_numbers, user_id};
use super::later_items::LaterItems;
use super::later_list::{Met, best_later, merge};
use super::pages::Pages;
use super::pinned::{allowed_pins, scored_pins, with_pinned};
use super::recommended::Recommended;
use super::requirements::required_groups;
use super::rescoring::Reach;
use super::reservation::reserve;
use super::rule_cache::ActiveRules;
use super::rules::active_rules;
use super::scorers::SegmentScorers;
use super::selection::{Selection, among, every, union};
use super::shelf::Shelf;
use super::statistics::FactorSource;
use super::variety::Variety;
use super::version::ServedVersion;
use super::{session, statistics};
use crate::catalog::models::Model;
use crate::catalog::sources::later_rows::LaterRows;
use crate::catalog::versions::users::{StoredRow, StoredUser};
use crate::error::Result;
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::run_alone;
use segrec_engine::interactions::{Id, IdKind, SeenRule};
use segrec_engine::options::seen_rule;
use segrec_engine::ranking::{Scored, Source};
use segrec_engine::scorers::method::KnownUser;
use segrec_engine::segmentation::identity::nearest_segment;
use std::borrow::Cow;
use std::rc::Rc;

/// Bytes per requested item: twice as a scored candidate, once when chosen, and once with its id.
const ITEM_BYTES: usize = 160;

/// A request, apart from the user or guest.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The number of items.
    pub n: usize,
    /// The name of the model, if given.
    pub model: Option<&'a str>,
    /// Which items the list may have.
    pub selection: Selection<'a>,
    /// Whether to exclude the items that the user already has, but for what users take again, if the version knows that.
    pub exclude_seen: bool,
    /// Diversity and randomization of the list.
    pub variety: Variety,
}

/// A list, and the version that its item numbers refer to.
pub struct Recommendation {
    /// The version.
    pub version: Rc<ServedVersion>,
    /// The later items, which follow those of the version in number.
    pub later: Option<Rc<LaterItems>>,
    /// The number of better items that the list leaves to the pages before it.
    pub skip: usize,
    /// Best first.
    pub items: Vec<Recommended>,
}

impl Recommendation {
    /// The id of an item of the list.
    pub fn id(&self, item: u32) -> Id<'_> {
        let ids = self.version.item_ids();
        match &self.later {
            Some(later) if item as usize >= ids.len() => later.id(item as usize - ids.len()),
            _ => ids.get(item as usize),
        }
    }
}

/// What is known about the user or guest of a request.
pub struct Person {
    /// Their segment.
    pub segment: Option<u32>,
    /// Whether they were part of the training.
    known: bool,
    /// Whether the factors are those of the training.
    stored: bool,
    /// Their factors, with the source that these represent; `None` without events.
    pub factors: Option<(Vec<f32>, Source)>,
    /// Without factors, the attributes by which they are scored; `None` if nothing is known of them.
    pub point: Option<Vec<f32>>,
    /// Their items.
    pub history: History,
    /// The row that a scorer keeps for them.
    row: StoredRow,
}

impl Person {
    /// The input of scorers.
    pub fn known(&self) -> KnownUser<'_> {
        let factors = self.factors.as_ref().map_or(&[][..], |(factors, _)| factors);
        KnownUser { factors, row: self.row.view(), ..self.history.known() }
    }

    /// Whether they are scored with factors from the training.
    pub fn is_stored(&self) -> bool {
        self.stored && self.factors.is_some()
    }
}

/// Recommends items to a user. `item_kind` is the id type that the call returns; text fits every model.
pub fn recommend_user(user: Id<'_>, item_kind: IdKind, request: &Request<'_>) -> Result<Recommendation> {
    let model = session::model(request.model)?;
    check_item_kind(item_kind, &model)?;
    let user = user_id(user, &model)?;
    let version = session::version(&model)?;
    let later = version.later_items()?;
    let person = match user {
        Some(user) => {
            let rule = seen_rule(&model.options).unwrap_or_default();
            find_person(&version, user, later.as_ref().map(|(later, _)| &**later), &rule)?
        }
        None => stranger(&version)?,
    };
    counted(&model, version, &person, later, request)
}

fn counted(
    model: &Model,
    version: Rc<ServedVersion>,
    person: &Person,
    later: Option<Met>,
    request: &Request<'_>,
) -> Result<Recommendation> {
    let list = answer(version, Some(model), person, later, request)?;
    let scored_with = person.factors.as_ref().map(|_| match person.is_stored() {
        true => FactorSource::Stored,
        false => FactorSource::FoldedIn,
    });
    statistics::count(model.id, scored_with, list.items.iter().map(|item| item.source));
    Ok(list)
}

/// Recommends items to a guest, a basket or a session that has the given items.
pub fn recommend_for(items: &[Id<'_>], item_kind: IdKind, request: &Request<'_>) -> Result<Recommendation> {
    let model = session::model(request.model)?;
    check_item_kind(item_kind, &model)?;
    let version = session::version(&model)?;
    let later = version.later_items()?;
    let places = later.iter().flat_map(|(later, _)| items.iter().filter_map(|id| later.find(*id)));
    let history = History::of_items(version.decided.order, item_numbers(&version, items), places.collect());
    let person = fold_in(&version, None, history, None)?;
    counted(&model, version, &person, later, request)
}

/// A person of whom nothing is known.
pub fn stranger(version: &ServedVersion) -> Result<Person> {
    fold_in(version, None, History::default(), None)
}

/// Looks up a user, combining what is stored with their current events, of which a rule tells what counts as seen.
pub fn find_person(
    version: &ServedVersion,
    user: Id<'_>,
    later: Option<&LaterItems>,
    rule: &SeenRule,
) -> Result<Person> {
    let stored = version.members.user(&id_text(user))?;
    let live = History::live(version, user, later, rule)?;
    match (stored, live) {
        (Some(stored), None) => {
            let history = History::stored(version, &stored);
            known_person(version, user, &stored, history, false)
        }
        (Some(stored), Some(live)) => {
            // Equal up to rounding means unchanged since the training, so the stored factors are exact.
            let before = History::stored(version, &stored);
            let mut pairs = live.confidences.iter().zip(&before.confidences);
            let changed = live.items != before.items || pairs.any(|(a, b)| (a - b).abs() > 1e-3 * b.abs());
            known_person(version, user, &stored, live, changed)
        }
        (None, live) => {
            let segment = version.members.of_row(user)?;
            let segment = segment.map(|id| version.segment_number(id)).transpose()?;
            fold_in(version, Some(user), live.unwrap_or_default(), segment)
        }
    }
}

/// A user of the training; their factors are recomputed if their events have changed.
pub fn known_person(
    version: &ServedVersion,
    user: Id<'_>,
    stored: &StoredUser,
    history: History,
    changed: bool,
) -> Result<Person> {
    let segment = version.segment_number(stored.segment)?;
    let own = version.segment(segment)?.own.is_some();
    let source = if own { Source::Segment } else { Source::Backbone };
    let factors = match changed || stored.factors.is_empty() {
        true => folded_in(version, Some(segment), Some(user), &history)?,
        false => Some(stored.factors.clone()),
    };
    let factors = factors.map(|factors| (factors, source));
    let point = if factors.is_none() { version.point_of(user)? } else { None };
    let row = stored.row.clone();
    Ok(Person { segment: Some(segment), known: true, stored: !changed, factors, point, history, row })
}

/// A person who was not part of the training, by their items and, if known, their segment.
pub fn fold_in(
    version: &ServedVersion,
    user: Option<Id<'_>>,
    history: History,
    segment: Option<u32>,
) -> Result<Person> {
    let mut factors = folded_in(version, None, user, &history)?;
    let nearest = |factors: &Vec<f32>| {
        let mut tastes = factors.clone();
        let k = version.by_tastes().taste_columns(tastes.len());
        tastes[k..].fill(0.0);
        let any = tastes.iter().any(|&taste| taste != 0.0);
        any.then(|| nearest_segment(&tastes, &version.centroids).segment)
    };
    let segment = segment.or_else(|| factors.as_ref().and_then(nearest));
    if let (Some(number), Some(_)) = (segment, &factors)
        && version.segment(number)?.own.is_some()
    {
        factors = folded_in(version, segment, user, &history)?;
    }
    let factors = factors.map(|factors| (factors, Source::FoldIn));
    let point = match user {
        Some(user) if factors.is_none() => version.point_of(user)?,
        _ => None,
    };
    let row = StoredRow::default();
    Ok(Person { segment, known: false, stored: false, factors, point, history, row })
}

/// The factors of a user or guest from a history and their current attributes, folded in against the item factors as a
/// segment sees them; `None` if nothing is known of them.
pub fn folded_in(
    version: &ServedVersion,
    segment: Option<u32>,
    user: Option<Id<'_>>,
    history: &History,
) -> Result<Option<Vec<f32>>> {
    let by_tastes = version.by_tastes();
    let fitted = by_tastes.open(&version.sections(by_tastes.name())?)?;
    let attributes = match (fitted.encoder(), user) {
        (Some(encoder), Some(user)) => version.attributes_of(encoder, user)?,
        _ => Vec::new(),
    };
    let segment = segment.map(|segment| version.segment(segment)).transpose()?;
    let (view, k) = (version.view(segment)?, version.factors());
    ask("the factors of a history", 2 * size_of::<f32>() * history.items.len() * k)?;
    let known = KnownUser { attributes: &attributes, ..history.known() };
    Ok(run_alone(|observer| fitted.fold_in(view, known, observer)))
}

/// The list for a person. The rows of a `model`'s items decide which of them it may have; without one it may have all.
pub fn answer(
    version: Rc<ServedVersion>,
    model: Option<&Model>,
    person: &Person,
    later: Option<Met>,
    request: &Request<'_>,
) -> Result<Recommendation> {
    let Request { n, ref selection, variety, .. } = *request;
    let seen = if request.exclude_seen { person.history.left_out() } else { Cow::Borrowed(&[][..]) };
    let excluded = selection.excluded(&version);
    let of_segment = person.segment.and_then(|number| version.members.ids.get(number as usize).copied());
    let rules = active_rules(&version, model, of_segment)?;
    ask(
        "the items that a list leaves out",
        (3 * seen.len() + excluded.len() + 2 * rules.blocked.len() + version.withdrawn().len())
            * size_of::<u32>(),
    )?;
    let out = union(&seen, &excluded);
    let out = union(&out, &rules.blocked);
    let left_out = version.left_out(&out);
    let listed = selection.candidates.as_ref().map(|ids| listed_numbers(&version, ids, &out));
    let pins = allowed_pins(&rules, &left_out, listed.as_deref());
    let first = version.item_ids().len();
    let id = |item: u32| match &later {
        Some((later, _)) if item as usize >= first => later.id(item as usize - first),
        _ => version.item_ids().get(item as usize),
    };
    let mut shelf = Shelf::new(&version, model, selection.max_per_group, &rules, &id)?;
    let wanted = variety.pool(n).saturating_add(if n > 0 { selection.skip } else { 0 });
    ask("a list", wanted.min(first) * ITEM_BYTES)?;
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    // If segments rank by popularity, the gate decides, but only for users whom it measured.
    let filling = segment.and_then(|own| if person.known { version.filling(own) } else { Some(own) });
    let by_attributes = match &person.point {
        Some(point) => version.by_attributes()?.map(|by_attributes| (point, by_attributes)),
        None => None,
    };
    let scorers = match by_attributes {
        Some(_) => None,
        None => PersonScorers::of(&version, person)?,
    };
    let is_there = |reader: &LaterRows, item: u32| reader.has(id(item));
    let scored = |only: Option<&[u32]>, left_out: &[u32], count: usize| match (&by_attributes, &scorers) {
        (Some((point, by_attributes)), _) => {
            let best = by_attributes.best(point, left_out, only, count);
            let recommended =
                |Scored { item, score }| Recommended { item, score, source: Source::Attributes };
            best.into_iter().map(recommended).collect()
        }
        (None, Some(scorers)) => scorers.best(left_out, only, count),
        (None, None) => Vec::new(),
    };
    let ranked = |only: Option<&[u32]>, left_out: &[u32], later: Option<&Met>, count: usize| {
        let mut items = scored(only, left_out, count);
        if let (Some(scorers), Some((later, reader))) = (&scorers, later) {
            let found = scorers.best_later(later, request, &rules, count);
            merge(&mut items, &found, count, &|item| is_there(reader, item))?;
        }
        fill_with_popular(&mut items, &version, filling.as_ref(), left_out, only, count)?;
        Ok(items)
    };
    let number = |item: &Recommended| item.item;
    let (mut pinned, places) =
        scored_pins(&pins, |places| ranked(Some(places), &left_out, None, places.len()))?;
    shelf.pin(&mut pinned)?;
    // The others are ranked without them, whether or not they may be shown.
    let left_out = union(&left_out, &places);
    let candidates = listed.map(|mut listed| {
        listed.retain(|item| places.binary_search(item).is_err());
        listed
    });
    let candidates = candidates.as_deref();
    let reaching = |reach: Reach<'_>, count: usize| {
        Ok(match reach {
            Reach::List => Some(ranked(candidates, &left_out, later.as_ref(), count)?),
            Reach::Only(items) if by_attributes.is_some() || scorers.is_some() => {
                Some(scored(Some(&among(items, candidates)), &left_out, count))
            }
            Reach::All if candidates.is_none() && scorers.as_ref().is_some_and(|own| !own.rank_all()) => {
                Some(scored(Some(&every(first)?), &left_out, count))
            }
            Reach::Only(_) | Reach::All => None,
        })
    };
    let items = shelf.choose(wanted, |_| true, reaching)?;
    let reserved = version.reserved(n);
    let new = match &scorers {
        Some(scorers) if reserved > 0 => {
            let all = reserved.saturating_mul(1 + selection.skip.div_ceil(n.max(1)));
            let best_new = |reach: Reach<'_>, count: usize| {
                if !matches!(reach, Reach::List) {
                    return Ok(None);
                }
                let mut new = scorers.best_new(&left_out, candidates, count);
                if let Some((later, reader)) = &later {
                    let found = scorers.best_later(later, request, &rules, count);
                    merge(&mut new, &found, count, &|item| is_there(reader, item))?;
                }
                Ok(Some(new))
            };
            shelf.choose(all, |_| true, best_new)?
        }
        _ => Vec::new(),
    };
    let of_named =
        |named: &[u32], count: usize| ranked(Some(&among(named, candidates)), &left_out, None, count);
    let groups = required_groups(&shelf, &rules, (n, selection.skip), of_named, reaching)?;
    let mut pages = Pages { items: items.into(), new, groups, ..Pages::default() };
    let page = |pages: &mut Pages| -> Result<Vec<Recommended>> {
        let pool = pages.pool(variety.pool(n));
        let mut page =
            variety.choose(&version, later.as_ref().map(|(later, _)| &**later), pool.clone(), n)?;
        let new = shelf.fitting(&page, pages.new.clone(), number)?;
        reserve(&mut page, new, reserved, n);
        pages.finish(&shelf, pool, page, n)
    };
    let items = match selection.skip {
        _ if n == 0 => Vec::new(),
        skip if !rules.required.is_empty() => {
            pages.pinned = pinned;
            pages.after(skip, n, page)?
        }
        skip if !pinned.is_empty() => {
            let all = skip.saturating_add(n);
            let items = match variety.is_none() && reserved == 0 {
                true => pages.items.into(),
                false => pages.after(0, all, page)?,
            };
            with_pinned(items, pinned, skip, all)
        }
        0 => page(&mut pages)?,
        skip if variety.is_none() && reserved == 0 => pages.items.into_iter().skip(skip).collect(),
        skip => pages.after(skip, n, page)?,
    };
    drop((shelf, scorers, by_attributes));
    let later = later.map(|(later, _)| later);
    Ok(Recommendation { version, later, skip: selection.skip, items })
}

/// The scorers of a version for one person.
struct PersonScorers<'a> {
    version: &'a ServedVersion,
    person: &'a Person,
    scorers: SegmentScorers<'a>,
    source: Source,
}

impl<'a> PersonScorers<'a> {
    /// Opens the scorers; `None` if they cannot score this person.
    fn of(version: &'a ServedVersion, person: &'a Person) -> Result<Option<Self>> {
        let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
        let (Some((_, source)), Some(scorers)) = (&person.factors, version.scorers(segment)?) else {
            return Ok(None);
        };
        let source = match scorers.source() {
            Source::Segment | Source::Backbone => *source,
            other => other,
        };
        Ok(Some(Self { version, person, scorers, source }))
    }

    /// The best items of the version with the scores to show.
    fn best(&self, left_out: &[u32], candidates: Option<&[u32]>, n: usize) -> Vec<Recommended> {
        let Self { version, person, scorers, source } = self;
        let best = scorers.blended(person.known(), &version.scratch).best(left_out, candidates, n);
        let recommended = |Scored { item, score }| {
            let source = person.history.source_for(item, version.source_of(item, *source));
            Recommended { item, score: scorers.shown(score), source }
        };
        best.into_iter().map(recommended).collect()
    }

    /// Whether lists rank all items.
    fn rank_all(&self) -> bool {
        let Self { version, person, scorers, .. } = self;
        scorers.blended(person.known(), &version.scratch).ranks_all()
    }

    /// The best new items of the version.
    fn best_new(&self, left_out: &[u32], candidates: Option<&[u32]>, count: usize) -> Vec<Recommended> {
        let Self { version, person, scorers, .. } = self;
        let blended = scorers.blended(person.known(), &version.scratch);
        let best = version.best_new(&blended, left_out, candidates, count);
        best.into_iter().map(|scored| self.as_new(scored)).collect()
    }

    /// The best later items, numbered after those of the version.
    fn best_later(
        &self,
        later: &LaterItems,
        request: &Request<'_>,
        rules: &ActiveRules,
        n: usize,
    ) -> Vec<Recommended> {
        let Self { version, person, scorers, .. } = self;
        let blended = scorers.blended(person.known(), &version.scratch);
        let excluded: Vec<u32> = request.selection.exclude.iter().filter_map(|id| later.find(*id)).collect();
        let has = |place| {
            excluded.contains(&place)
                || rules.blocks_unknown(later.id(place as usize))
                || request.exclude_seen && person.history.later.binary_search(&place).is_ok()
        };
        let best = best_later(version, later, &blended, (request.selection.candidates.as_deref(), &has), n);
        best.into_iter().map(|scored| self.as_new(scored)).collect()
    }

    fn as_new(&self, Scored { item, score }: Scored) -> Recommended {
        Recommended { item, score: self.scorers.shown(score), source: Source::NewItem }
    }
}
