//! Explains one item for one user: its score, and what each of the user's own items contributes to it.
//!
//! A user's factors are linear in the user's items: p = A⁻¹ Σ c_i q_i. So the score p·q_j is the sum of c_i q_iᵀA⁻¹q_j
//! over these items (Hu et al. 2008, §5). Scores of neighbours are sums anyway, and the prior mean of ratings is linear
//! in the pattern of rated items. Users without events have no items; the columns of their row contribute instead.
//!
//! Where scores depend on what is known about items, each of the user's items also says by which columns it resembles the
//! explained one, as their rows are now.

use super::history::History;
use super::ids::{check_item_kind, item_numbers, user_id};
use super::later_items::LaterItems;
use super::later_list::find_later;
use super::recommendation::{Person, Request, answer, find_person, stranger};
use super::recommended::Recommended;
use super::rules::rules_about;
use super::selection::Selection;
use super::session;
use super::variety::Variety;
use super::version::ServedVersion;
use crate::error::Result;
use crate::pg::process::workers::run_alone;
use segrec_engine::interactions::{Id, IdKind, SeenRule};
use segrec_engine::scorers::Contributions;
use segrec_engine::scorers::method::KnownUser;
use std::rc::Rc;

/// The most items whose rows are read and compared with that of the explained one: those with the largest contributions.
/// A row is found by its key, which takes some 20 µs.
const MOST_COMPARED: usize = 100;

/// What one of the user's items adds to the score of another item.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The user's item; `None` for the part that does not depend on any.
    pub item: Option<u32>,
    /// The weight of that item in the user's history, by which its contributions are multiplied.
    pub weight: Option<f32>,
    /// What it adds through each scorer of the explanation.
    pub contributions: Vec<f64>,
    /// The columns in which the items have something in common, and the part of each in the cosine of their contents;
    /// `None` if scores do not depend on content, or the caller cannot read the rows of both.
    pub features: Option<Vec<(String, f32)>>,
}

impl Reason {
    /// What it adds in all.
    pub fn total(&self) -> f64 {
        self.contributions.iter().sum()
    }
}

/// What each of a user's own items adds to the score of another item.
pub struct Explanation {
    /// The version, which resolves the ids of items.
    pub version: Rc<ServedVersion>,
    /// The names of its scorers, or of popularity and the user's columns.
    pub scorers: Vec<String>,
    /// The items, the largest contribution first.
    pub reasons: Vec<Reason>,
    /// The ids of the rules that are about the explained item in lists of the user, ascending.
    pub rules: Vec<i64>,
}

/// An item to explain.
enum Target {
    /// An item of the version.
    Known(u32),
    /// An item that was inserted after the training, at a place among those that the session has met.
    Later(Rc<LaterItems>, usize),
}

/// A user, an item, and the version that scores them.
struct Pair {
    version: Rc<ServedVersion>,
    person: Person,
    target: Target,
    rules: Vec<i64>,
}

/// Looks up both; `None` if the version does not know the item, and it was not inserted later.
fn pair(user: Id<'_>, item: Id<'_>, kind: IdKind, model: Option<&str>) -> Result<Option<Pair>> {
    let model = session::model(model)?;
    check_item_kind(kind, &model)?;
    let user = user_id(user, &model)?;
    let version = session::version(&model)?;
    let target = match item_numbers(&version, &[item]).first() {
        Some(&number) => Some(Target::Known(number)),
        None => find_later(&version, item)?.map(|(later, place)| Target::Later(later, place)),
    };
    let Some(target) = target else { return Ok(None) };
    let person = person(&version, user, None)?;
    let segment = person.segment.and_then(|number| version.members.ids.get(number as usize).copied());
    let rules = rules_about(&version, &model, segment, id_of(&version, &target))?;
    Ok(Some(Pair { version, person, target, rules }))
}

/// The id of an item in the model's type.
fn id_of<'a>(version: &'a ServedVersion, target: &'a Target) -> Id<'a> {
    match target {
        Target::Known(number) => version.item_ids().get(*number as usize),
        Target::Later(later, place) => later.id(*place),
    }
}

fn person(version: &ServedVersion, user: Option<Id<'_>>, later: Option<&LaterItems>) -> Result<Person> {
    match user {
        Some(user) => find_person(version, user, later, &SeenRule::default()),
        None => stranger(version),
    }
}

/// The score of an item for a user, whether or not they have it; `None` if the version does not list the item, and it was
/// not inserted later.
pub fn predict(user: Id<'_>, item: Id<'_>, kind: IdKind, model: Option<&str>) -> Result<Option<f32>> {
    let named = session::model(model)?;
    check_item_kind(kind, &named)?;
    let user = user_id(user, &named)?;
    let version = session::version(&named)?;
    let mut later = None;
    if item_numbers(&version, &[item]).is_empty() {
        later = version.later_items()?.filter(|(later, _)| later.find(item).is_some());
        if later.is_none() {
            return Ok(None);
        }
    }
    let person = person(&version, user, None)?;
    let request = Request {
        n: 1,
        model,
        selection: Selection { candidates: Some(vec![item]), ..Selection::default() },
        exclude_seen: false,
        variety: Variety::default(),
    };
    let found = answer(version, None, &person, later, &request)?;
    Ok(found.items.first().map(|item: &Recommended| item.score))
}

/// Explains the score of an item for a user; `None` if the version does not know the item, and it was not inserted later.
pub fn explain(user: Id<'_>, item: Id<'_>, kind: IdKind, model: Option<&str>) -> Result<Option<Explanation>> {
    let Some(Pair { version, person, target, rules }) = pair(user, item, kind, model)? else {
        return Ok(None);
    };
    if let Some(point) = &person.point
        && let Some(by_attributes) = version.by_attributes()?
    {
        let Target::Known(number) = target else { return Ok(None) };
        let (popularity, columns) = by_attributes.contributions(point, number);
        let columns = columns.into_iter().map(|(name, own)| (format!("attributes.{name}"), own));
        let (scorers, contributions) =
            std::iter::once(("popularity".to_owned(), popularity)).chain(columns).unzip();
        let reasons = vec![Reason { item: None, weight: None, contributions, features: None }];
        return Ok(Some(Explanation { version: Rc::clone(&version), scorers, reasons, rules }));
    }
    let scorers: Vec<String> = version.decided.blend.scorers().map(str::to_owned).collect();
    let segment = person.segment.map(|segment| version.segment(segment)).transpose()?;
    let mut reasons = match version.scorers(segment)?.filter(|_| person.factors.is_some()) {
        Some(opened) => {
            let encoder = opened.each().iter().find_map(|own| own.fitted.encoder());
            let attributes = encoder.map(|encoder| version.attributes_of(encoder, user)).transpose()?;
            let known = KnownUser { attributes: attributes.as_deref().unwrap_or(&[]), ..person.known() };
            let blended = opened.blended(known, &version.scratch);
            let parts = run_alone(|observer| match &target {
                Target::Known(number) => blended.contributions(*number, observer),
                Target::Later(later, place) => blended.contributions_to_new(later.items(), *place, observer),
            });
            reasons(&person.history, &parts)
        }
        None => {
            // None of the user's items contributes.
            let score = predict(user, item, kind, model)?;
            let reason = |score| {
                let rest = std::iter::repeat_n(0.0, scorers.len().saturating_sub(1));
                let contributions = std::iter::once(f64::from(score)).chain(rest).collect();
                Reason { item: None, weight: None, contributions, features: None }
            };
            score.into_iter().map(reason).collect()
        }
    };
    compare(&version, id_of(&version, &target), &mut reasons)?;
    Ok(Some(Explanation { version, scorers, reasons, rules }))
}

/// The contributions of items, by scorer, as a list of those that are not 0; the base is last among equals.
fn reasons(History { items, weights, .. }: &History, parts: &[Contributions]) -> Vec<Reason> {
    let of_item = |(place, &item): (usize, &u32)| {
        let own = |part: &Contributions| part.of_items.get(place).copied().unwrap_or(0.0);
        let weight = Some(weights.as_ref().map_or(1.0, |weights| weights[place]));
        Reason { item: Some(item), weight, contributions: parts.iter().map(own).collect(), features: None }
    };
    let mut reasons: Vec<Reason> = items.iter().enumerate().map(of_item).collect();
    let base = parts.iter().map(|part| part.base).collect();
    reasons.push(Reason { item: None, weight: None, contributions: base, features: None });
    reasons.retain(|reason| reason.total() != 0.0);
    reasons.sort_by(|a, b| b.total().total_cmp(&a.total()).then(a.item.cmp(&b.item)));
    reasons
}

/// Says by which columns the first items of the reasons resemble another.
fn compare(version: &ServedVersion, item: Id<'_>, reasons: &mut [Reason]) -> Result<()> {
    let Some(encoder) = version.item_encoder()? else { return Ok(()) };
    let Some(explained) = version.item_vector(encoder, item)? else { return Ok(()) };
    let of_items = reasons.iter_mut().filter_map(|reason| Some((reason.item?, &mut reason.features)));
    for (own, features) in of_items.take(MOST_COMPARED) {
        let own = version.item_vector(encoder, version.item_ids().get(own as usize))?;
        let parts = own.map(|own| encoder.cosine_by_column(&own, 0, &explained, 0));
        *features =
            parts.map(|parts| parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect());
    }
    Ok(())
}
