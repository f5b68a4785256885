//! From a request to a list.
//!
//! The ladder: a known user is scored with their segment's factors (`segment`) or the backbone's
//! (`backbone`); a user that training did not see, or a guest, is folded in (`fold_in`); who has no
//! events gets what is popular in their segment (`segment_popular`) or with everybody (`popular`), of ratings what
//! everybody likes. A list that cannot be filled otherwise is filled with what is popular. Where factors do not count, the
//! user's own items speak (`neighbours`).

use super::history::History;
use super::variety::Variety;
use super::version::{Segment, ServedVersion};
use super::{session, statistics};
use crate::catalog::factors::{StoredUser, id_text, parse_id};
use crate::catalog::models::Model;
use crate::error::{Result, SegrecError};
use crate::pg::memory::ask;
use crate::pg::workers::run_alone;
use segrec_engine::Matrix;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::options::Algorithm;
use segrec_engine::ranking::blended::{best, candidates};
use segrec_engine::ranking::{Scored, Source};
use segrec_engine::scorers::neighbours::NeighbourRows;
use segrec_engine::segmentation::identity::nearest_segment;
use std::rc::Rc;

/// Bytes of an item of a list on its way: twice with its score among the best, as it is chosen, and with its id.
const ITEM_BYTES: usize = 160;

/// What a call asks for, besides whom.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// How many items.
    pub n: usize,
    /// The model.
    pub model: Option<&'a str>,
    /// The only items that may come, where given.
    pub candidates: Option<Vec<Id<'a>>>,
    /// Whether to leave out what the user has.
    pub exclude_seen: bool,
    /// What the list shall be besides good.
    pub variety: Variety,
}

/// One recommended item.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommended {
    /// The item's number.
    pub item: u32,
    /// Its score: comparable within one source.
    pub score: f32,
    /// Where it comes from.
    pub source: Source,
}

/// A list, with the version whose numbers it uses.
pub struct Recommendation {
    /// The version.
    pub version: Rc<ServedVersion>,
    /// Best first.
    pub items: Vec<Recommended>,
}

/// Whoever is asked for, as far as they are known.
pub struct Person {
    /// The segment they belong to.
    pub segment: Option<u32>,
    /// Whether the training knew them.
    known: bool,
    /// Whether the factors are those of the training.
    stored: bool,
    /// Their factors, with the source these stand for; none without events.
    pub factors: Option<(Vec<f32>, Source)>,
    /// What they have.
    pub history: History,
}

impl Person {
    /// Whether they are scored with factors of the training.
    pub fn is_stored(&self) -> bool {
        self.stored && self.factors.is_some()
    }
}

/// The id in the form the model takes, `None` for a text that is no such id.
pub fn user_id<'a>(id: Id<'a>, kind: IdKind, model: &str) -> Result<Option<Id<'a>>> {
    match (id, kind) {
        (Id::Text(text), kind) => Ok(parse_id(text, kind)),
        (Id::Bigint(_), IdKind::Bigint) | (Id::Uuid(_), IdKind::Uuid) => Ok(Some(id)),
        (id, kind) => Err(SegrecError::WrongIdType {
            model: model.to_owned(),
            what: "user",
            kind: kind.name(),
            asked: kind_of(id).name(),
        }),
    }
}

fn kind_of(id: Id<'_>) -> IdKind {
    match id {
        Id::Bigint(_) => IdKind::Bigint,
        Id::Uuid(_) => IdKind::Uuid,
        Id::Text(_) => IdKind::Text,
    }
}

/// Recommends items to a user. `item_kind` is the kind the call returns; text fits every model.
pub fn recommend_user(user: Id<'_>, item_kind: IdKind, request: &Request<'_>) -> Result<Recommendation> {
    let model = session::model(request.model)?;
    check_item_kind(item_kind, &model)?;
    let user = user_id(user, model.user_kind, &model.name)?;
    let version = session::version(&model)?;
    let person = match user {
        Some(user) => find_person(&version, user)?,
        None => stranger(&version)?,
    };
    counted(model.id, version, &person, request)
}

fn counted(
    model_id: i64,
    version: Rc<ServedVersion>,
    person: &Person,
    request: &Request<'_>,
) -> Result<Recommendation> {
    let list = answer(version, person, request)?;
    statistics::count(model_id, person, &list);
    Ok(list)
}

/// Recommends items to whoever has the given items: a guest, a basket, a session.
pub fn recommend_for(items: &[Id<'_>], item_kind: IdKind, request: &Request<'_>) -> Result<Recommendation> {
    let model = session::model(request.model)?;
    check_item_kind(item_kind, &model)?;
    let version = session::version(&model)?;
    let history = History::of_items(item_numbers(&version, items));
    let person = fold_in(&version, None, history, None)?;
    counted(model.id, version, &person, request)
}

/// An error where the model's items have ids of another kind.
pub fn check_item_kind(asked: IdKind, model: &Model) -> Result<()> {
    match &model.events {
        Some(source) if asked != IdKind::Text && asked != source.item_kind => Err(SegrecError::WrongIdType {
            model: model.name.clone(),
            what: "item",
            kind: source.item_kind.name(),
            asked: asked.name(),
        }),
        _ => Ok(()),
    }
}

/// The numbers of those ids that the version knows.
pub fn item_numbers(version: &ServedVersion, ids: &[Id<'_>]) -> Vec<u32> {
    let kind = version.item_ids().kind();
    ids.iter()
        .filter_map(|&id| match id {
            Id::Text(text) => parse_id(text, kind).and_then(|id| version.item_ids().find(id)),
            id => version.item_ids().find(id),
        })
        .collect()
}

/// The same, ascending and each once.
pub fn candidate_numbers(version: &ServedVersion, ids: &[Id<'_>]) -> Vec<u32> {
    let mut numbers = item_numbers(version, ids);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Somebody of whom nothing is known.
pub fn stranger(version: &ServedVersion) -> Result<Person> {
    fold_in(version, None, History::default(), None)
}

/// A user, by what is stored and what they do now.
pub fn find_person(version: &ServedVersion, user: Id<'_>) -> Result<Person> {
    let stored = version.members.user(&id_text(user))?;
    let live = History::live(version, user)?;
    match (stored, live) {
        (Some(stored), None) => known_person(version, user, &stored, History::stored(&stored), false),
        (Some(stored), Some(live)) => {
            // Unchanged since the training, but for rounding: the stored factors are exact.
            let changed = live.items != stored.items
                || live
                    .confidences
                    .iter()
                    .zip(&stored.confidences)
                    .any(|(a, b)| (a - b).abs() > 1e-3 * b.abs());
            known_person(version, user, &stored, live, changed)
        }
        (None, live) => {
            let segment = version.members.of_row(user)?;
            let segment = segment.map(|id| version.segment_number(id)).transpose()?;
            fold_in(version, Some(user), live.unwrap_or_default(), segment)
        }
    }
}

/// A user of the training; their factors are computed anew where their events changed.
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
    let factors = if version.rated.is_some() && (changed || stored.factors.is_empty()) {
        rated_factors(version, Some(user), &history)?
    } else if history.items.is_empty() {
        None
    } else if changed {
        Some(segment_factors(version, segment, &history)?)
    } else {
        Some(stored.factors.clone())
    };
    let factors = factors.map(|factors| (factors, source));
    Ok(Person { segment: Some(segment), known: true, stored: !changed, factors, history })
}

/// Somebody whom the training did not see, by their items, and by their segment where it is known.
pub fn fold_in(
    version: &ServedVersion,
    user: Option<Id<'_>>,
    history: History,
    segment: Option<u32>,
) -> Result<Person> {
    let person = |segment, factors: Option<Vec<f32>>, history| {
        let factors = factors.map(|factors| (factors, Source::FoldIn));
        Ok(Person { segment, known: false, stored: false, factors, history })
    };
    if version.rated.is_some() {
        let factors = rated_factors(version, user, &history)?;
        let nearest = |factors: &Vec<f32>| {
            // The last two are 1 and the user's bias: they are no taste.
            let mut tastes = factors.clone();
            let k = tastes.len().saturating_sub(2);
            tastes[k..].fill(0.0);
            let any = tastes.iter().any(|&taste| taste != 0.0);
            any.then(|| nearest_segment(&tastes, &version.centroids).segment)
        };
        let segment = segment.or_else(|| factors.as_ref().and_then(nearest));
        return person(segment, factors, history);
    }
    if history.items.is_empty() {
        return person(segment, None, history);
    }
    let rows = factors_of(version, &history)?;
    let positions: Vec<u32> = (0..history.items.len() as u32).collect();
    let fold_in = version.fold_in()?;
    let factors = run_alone(|observer| fold_in.user(&rows, &positions, &history.confidences, observer));
    let segment = segment.unwrap_or_else(|| nearest_segment(&factors, &version.centroids).segment);
    let factors = if version.segment(segment)?.own.is_some() {
        segment_factors(version, segment, &history)?
    } else {
        factors
    };
    person(Some(segment), Some(factors), history)
}

/// The backbone's factors of what somebody has.
fn factors_of(version: &ServedVersion, history: &History) -> Result<Matrix> {
    let backbone = version.backbone()?;
    ask("the factors of a history", 2 * size_of::<f32>() * history.items.len() * backbone.columns())?;
    Ok(backbone.select(&history.items))
}

/// The row of a user from what they rated and from what else is known about them: where that is nothing, what is known of
/// everybody. None where the version predicts no ratings.
pub fn rated_factors(
    version: &ServedVersion,
    user: Option<Id<'_>>,
    history: &History,
) -> Result<Option<Vec<f32>>> {
    let Some(rated) = &version.rated else {
        return Ok(None);
    };
    let attributes = user.map_or_else(|| Ok(Vec::new()), |user| version.attributes_of_text(user))?;
    let rows = factors_of(version, history)?;
    let patterns = version.patterns(&history.items)?;
    Ok(Some(run_alone(|observer| {
        rated.fold_in.user(&rows, &patterns, &history.confidences, &attributes, observer)
    })))
}

/// The factors of a history against the item factors of a segment: its own rows, and the backbone's
/// where it has none.
fn segment_factors(version: &ServedVersion, segment: u32, history: &History) -> Result<Vec<f32>> {
    let segment = version.segment(segment)?;
    let positions: Vec<u32> = (0..history.items.len() as u32).collect();
    let rows = version.item_rows(Some(segment))?.select(&history.items)?;
    let fold_in = segment.own.map_or_else(|| version.fold_in(), |own| Ok(own.fold_in))?;
    Ok(run_alone(|observer| fold_in.user(&rows, &positions, &history.confidences, observer)))
}

/// The list for a person.
pub fn answer(version: Rc<ServedVersion>, person: &Person, request: &Request<'_>) -> Result<Recommendation> {
    let excluded: &[u32] = if request.exclude_seen { &person.history.seen } else { &[] };
    let candidates = request.candidates.as_ref().map(|ids| {
        let mut numbers = candidate_numbers(&version, ids);
        numbers.retain(|item| excluded.binary_search(item).is_err());
        numbers
    });
    let n = request.variety.pool(request.n);
    ask("a list", n.min(version.item_ids().len()) * ITEM_BYTES)?;
    let mut items = Vec::with_capacity(n.min(version.item_ids().len()));
    if let Some((scored, source)) = scored(&version, person, excluded, candidates.as_deref(), n)? {
        items.extend(scored.into_iter().map(|s| Recommended {
            item: s.item,
            score: version.shown(s.score),
            source,
        }));
    }
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    // Where segments are ranked by what is popular in them, the gate decides for those whom it measured.
    let gated = version.decided.algorithm == Algorithm::Popularity && person.known;
    let segment = segment.filter(|segment| !gated || segment.has_own_part);
    fill_with_popular(&mut items, &version, segment.as_ref(), excluded, candidates.as_deref(), n);
    let items = request.variety.choose(&version, items, request.n)?;
    Ok(Recommendation { version, items })
}

/// The best items by what the version scores with, and where they come from; none where it has nothing to
/// score this person with.
fn scored(
    version: &ServedVersion,
    person: &Person,
    excluded: &[u32],
    candidates: Option<&[u32]>,
    n: usize,
) -> Result<Option<(Vec<Scored>, Source)>> {
    let blend = version.decided.blend;
    let Some((factors, source)) = &person.factors else {
        return Ok(None);
    };
    let (segment, source) = (person.segment, *source);
    let scored = match (blend.factors, blend.has_neighbours(), candidates) {
        (false, false, _) => return Ok(None),
        (_, true, _) => score_blended(version, person, factors, excluded, candidates, n)?,
        (true, false, Some(candidates)) => score_candidates(version, segment, factors, candidates, n)?,
        (true, false, None) => score_all(version, segment, factors, excluded, n)?,
    };
    let source = match (version.rated.is_some(), blend.factors) {
        (true, _) => Source::Rating,
        (false, true) => source,
        (false, false) => Source::Neighbours,
    };
    Ok(Some((scored, source)))
}

/// By neighbours, and by factors where these count.
fn score_blended(
    version: &ServedVersion,
    person: &Person,
    factors: &[f32],
    excluded: &[u32],
    only: Option<&[u32]>,
    n: usize,
) -> Result<Vec<Scored>> {
    let blend = version.decided.blend;
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    let neighbours = version.neighbours()?;
    let mut scratch = version.scratch.borrow_mut();
    let named = neighbours.score(&person.history.items, &mut scratch);
    let (items, sums) = match only {
        Some(only) => {
            let sum = |item: &u32| named.0.binary_search(item).map_or(0.0, |place| named.1[place]);
            (only.to_vec(), only.iter().map(sum).collect())
        }
        None => {
            let popular = segment.filter(|_| blend.factors).map_or(&[][..], |segment| segment.popular.own());
            candidates(named, excluded, popular)
        }
    };
    let weight = blend.neighbours;
    if !blend.factors {
        return Ok(best(&items, &[], &sums, weight, n));
    }
    let added: Vec<f32> = sums.iter().map(|sum| weight * sum).collect();
    Ok(version.coded(segment)?.best(factors, items.into_iter(), &added, n))
}

/// Every item: the segment's own, or all of the backbone's where the segment has none of its own.
fn score_all(
    version: &ServedVersion,
    segment: Option<u32>,
    factors: &[f32],
    excluded: &[u32],
    n: usize,
) -> Result<Vec<Scored>> {
    let segment = segment.map(|segment| version.segment(segment)).transpose()?;
    let rows = version.coded(segment)?;
    let mut excluded = excluded.iter().copied().peekable();
    let allowed = |item: &u32| {
        while excluded.next_if(|seen| seen < item).is_some() {}
        excluded.peek() != Some(item)
    };
    Ok(match rows.exact.own {
        Some((items, _)) => rows.best(factors, items.iter().copied().filter(allowed), &[], n),
        None => rows.best(factors, (0..rows.exact.backbone.rows() as u32).filter(allowed), &[], n),
    })
}

/// Only the candidates, each with its segment's row or the backbone's.
fn score_candidates(
    version: &ServedVersion,
    segment: Option<u32>,
    factors: &[f32],
    candidates: &[u32],
    n: usize,
) -> Result<Vec<Scored>> {
    let segment = segment.map(|segment| version.segment(segment)).transpose()?;
    Ok(version.coded(segment)?.best(factors, candidates.iter().copied(), &[], n))
}

/// Fills a list with what is popular in the segment, then with everybody, that it does not have yet; where candidates
/// are given, of which none is excluded, with these alone. Their score is the share of the most popular item's users, so
/// it falls from 1 and is never mistaken for a product of factors.
pub fn fill_with_popular(
    items: &mut Vec<Recommended>,
    version: &ServedVersion,
    segment: Option<&Segment<'_>>,
    excluded: &[u32],
    candidates: Option<&[u32]>,
    n: usize,
) {
    let n = candidates.map_or(n, |candidates| n.min(candidates.len()));
    let allowed = |item: u32| {
        candidates.is_none_or(|candidates| candidates.binary_search(&item).is_ok())
            && excluded.binary_search(&item).is_err()
    };
    if let Some(segment) = segment {
        fill(items, segment.popular.items(), Source::SegmentPopular, allowed, n);
    }
    fill(items, version.popular().items(), Source::Popular, allowed, n);
}

/// Items between two looks at interrupts: some 10 ms.
const PATIENCE: usize = 1 << 16;

/// Fills a list with what is popular, of which each item comes once.
fn fill(
    items: &mut Vec<Recommended>,
    popular: impl Iterator<Item = Scored>,
    source: Source,
    allowed: impl Fn(u32) -> bool,
    n: usize,
) {
    if items.len() >= n {
        return;
    }
    let mut taken: Vec<u32> = items.iter().map(|item| item.item).collect();
    taken.sort_unstable();
    let mut most = 0.0f32;
    run_alone(|observer| {
        for (place, Scored { item, score }) in popular.enumerate() {
            if items.len() >= n || place % PATIENCE == PATIENCE - 1 && observer.is_cancelled() {
                break;
            }
            most = most.max(score);
            if allowed(item) && taken.binary_search(&item).is_err() {
                items.push(Recommended { item, score: score / most, source });
            }
        }
    });
}
