//! From a request to a list.
//!
//! Known users are scored with their segment's factors (`segment`) or those of the backbone (`backbone`). Users who
//! were not part of the training, and guests, are folded in (`fold_in`). Users without events get the popular items of
//! their segment (`segment_popular`) or of all users (`popular`); with ratings, what the average user likes. Lists that
//! are too short are filled up with popular items. Models without factors score by the user's own items (`neighbours`).

use super::history::History;
use super::ids::{candidate_numbers, check_item_kind, item_numbers, user_id};
use super::recommended::Recommended;
use super::scorers::Recipient;
use super::statistics::FactorSource;
use super::variety::Variety;
use super::version::{Segment, ServedVersion};
use super::{session, statistics};
use crate::catalog::versions::users::StoredUser;
use crate::error::Result;
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::run_alone;
use segrec_engine::Matrix;
use segrec_engine::interactions::{Id, IdKind};
use segrec_engine::ranking::{Scored, Source};
use segrec_engine::scorers::method::KnownUser;
use segrec_engine::segmentation::identity::nearest_segment;
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
    /// The only items that may be recommended, if given.
    pub candidates: Option<Vec<Id<'a>>>,
    /// Whether to exclude the items that the user already has.
    pub exclude_seen: bool,
    /// Diversity and randomization of the list.
    pub variety: Variety,
}

/// A list, and the version that its item numbers refer to.
pub struct Recommendation {
    /// The version.
    pub version: Rc<ServedVersion>,
    /// Best first.
    pub items: Vec<Recommended>,
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
    /// Their items.
    pub history: History,
}

impl Person {
    /// The input of scorers; `attributes` are the features from which ratings are predicted.
    pub fn recipient<'a>(&'a self, attributes: &'a [u32]) -> Recipient<'a> {
        Recipient {
            factors: self.factors.as_ref().map_or(&[][..], |(factors, _)| factors),
            history: KnownUser {
                items: &self.history.items,
                confidences: &self.history.confidences,
                shares: None,
            },
            attributes,
        }
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
    let scored_with = person.factors.as_ref().map(|_| match person.is_stored() {
        true => FactorSource::Stored,
        false => FactorSource::FoldedIn,
    });
    statistics::count(model_id, scored_with, list.items.iter().map(|item| item.source));
    Ok(list)
}

/// Recommends items to a guest, a basket or a session that has the given items.
pub fn recommend_for(items: &[Id<'_>], item_kind: IdKind, request: &Request<'_>) -> Result<Recommendation> {
    let model = session::model(request.model)?;
    check_item_kind(item_kind, &model)?;
    let version = session::version(&model)?;
    let history = History::of_items(item_numbers(&version, items));
    let person = fold_in(&version, None, history, None)?;
    counted(model.id, version, &person, request)
}

/// A person of whom nothing is known.
pub fn stranger(version: &ServedVersion) -> Result<Person> {
    fold_in(version, None, History::default(), None)
}

/// Looks up a user, combining what is stored with their current events.
pub fn find_person(version: &ServedVersion, user: Id<'_>) -> Result<Person> {
    let stored = version.members.user(&id_text(user))?;
    let live = History::live(version, user)?;
    match (stored, live) {
        (Some(stored), None) => known_person(version, user, &stored, History::stored(&stored), false),
        (Some(stored), Some(live)) => {
            // Equal up to rounding means unchanged since the training, so the stored factors are exact.
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

/// A person who was not part of the training, by their items and, if known, their segment.
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
            // The last two columns are 1 and the user's bias, which are not tastes.
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

/// The backbone's factors of the items in a history.
fn factors_of(version: &ServedVersion, history: &History) -> Result<Matrix> {
    let backbone = version.backbone()?;
    ask("the factors of a history", 2 * size_of::<f32>() * history.items.len() * backbone.columns())?;
    Ok(backbone.select(&history.items))
}

/// The rating row of a user, from their ratings and attributes; without any of these, the row of the average user.
/// `None` if the version does not predict ratings.
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

/// Folds a history in against the item factors of a segment: its own rows, and those of the backbone otherwise.
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
    // If segments rank by popularity, the gate decides, but only for users whom it measured.
    let segment = segment.and_then(|own| if person.known { version.filling(own) } else { Some(own) });
    fill_with_popular(&mut items, &version, segment.as_ref(), excluded, candidates.as_deref(), n);
    let items = request.variety.choose(&version, items, request.n)?;
    Ok(Recommendation { version, items })
}

/// The best items by the scorers of the version, and their source; `None` if it cannot score this person.
fn scored(
    version: &ServedVersion,
    person: &Person,
    excluded: &[u32],
    candidates: Option<&[u32]>,
    n: usize,
) -> Result<Option<(Vec<Scored>, Source)>> {
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    let (Some((_, source)), Some(scorers)) = (&person.factors, version.scorers(segment)?) else {
        return Ok(None);
    };
    let source = match scorers.source() {
        Source::Segment | Source::Backbone => *source,
        other => other,
    };
    let blended = scorers.blended(person.recipient(&[]), &version.scratch);
    Ok(Some((blended.best(excluded, candidates, n), source)))
}

/// Fills up a list with items that it lacks: those popular in the segment, then those popular overall; only
/// `candidates` if these are given, none of which is excluded. Their score is their number of users relative to the
/// most popular item. It is at most 1 and never rises, so it cannot be mistaken for a product of factors.
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

/// Items between two checks for interrupts: some 10 ms.
const PATIENCE: usize = 1 << 16;

/// Fills up a list from a sequence of distinct popular items.
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
