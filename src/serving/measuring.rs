//! Measures a version on events that it was not trained on.
//!
//! Every test user gets the list that the version would serve as of its training, without later events. Pairs that it
//! was trained on, and unknown users and items, are excluded and counted, so that a version is never scored on its own
//! training data. So lists are measured without what users take again, and without what does not count as seen.

use super::history::History;
use super::recommendation::{Request, answer, known_person};
use super::recommended::Recommended;
use super::selection::Selection;
use super::session;
use super::variety::Variety;
use super::version::ServedVersion;
use crate::catalog::models::Model;
use crate::catalog::versions::users::{StoredUser, load_users};
use crate::catalog::versions::{self, items};
use crate::error::{Result, SegrecError, notice};
use crate::pg::datums::id_text::id_text;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::{Workers, look};
use crate::settings;
use segrec_engine::Observer;
use segrec_engine::evaluation::MetricRow;
use segrec_engine::evaluation::deciding_metric::MOST_USERS;
use segrec_engine::evaluation::errors::errors;
use segrec_engine::evaluation::{Catalog, Measured, Ranked, report};
use segrec_engine::interactions::{Events, Id, IdKind, IdMap, Interactions, SparseRows};
use segrec_engine::ranking::Scored;
use segrec_engine::scorers::ratings::Biases;
use segrec_engine::seed::sample;
use std::rc::Rc;

/// The number of the version's users loaded at once.
const BATCH_USERS: i32 = 4096;

/// The events on which to measure a version.
#[derive(Clone, Copy)]
pub struct Test<'a> {
    /// The name of the events' relation.
    pub relation: &'a str,
    pub events: &'a Events,
    /// The events as interactions, or as ratings if the version predicts these.
    pub interactions: &'a Interactions,
    /// The number of the version.
    pub version: i32,
    /// The lengths at which lists are cut.
    pub cuts: &'a [usize],
}

/// A measured user.
struct Tested {
    /// The user's number in the test events.
    user: usize,
    stored: StoredUser,
    /// The held-out items by the version's numbers, ascending.
    items: Vec<u32>,
    ratings: Vec<f32>,
}

/// The rows that cannot be used to measure the version.
#[derive(Default)]
struct LeftOut {
    known: u64,
    unknown_user: u64,
    unknown_item: u64,
}

/// Measures the deployed version of a model; also returns the ids of its segments.
pub fn measure(model: &Model, test: Test<'_>) -> Result<(Vec<MetricRow>, Vec<i32>)> {
    let version = session::version(model)?;
    let tested = tested(&version, test)?;
    let groups: Vec<u32> =
        tested.iter().map(|tested| version.segment_number(tested.stored.segment)).collect::<Result<_>>()?;
    let groups = (groups.as_slice(), version.members.ids.len());
    let rows = match version.predicts_ratings() {
        true => of_ratings(&version, test, &tested, groups)?,
        false => of_lists(&version, test, &tested, groups)?,
    };
    Ok((rows, version.members.ids.clone()))
}

/// Runs engine work on a temporary thread pool.
fn on_threads<T: Send>(work: impl FnOnce(&dyn Observer) -> segrec_engine::Result<T> + Send) -> Result<T> {
    let workers = Workers::new(settings::threads())?;
    Ok(workers.run(work, |_| ())??)
}

/// The users to measure, up to the maximum; reports the rows that cannot be used.
fn tested(version: &ServedVersion, test: Test<'_>) -> Result<Vec<Tested>> {
    let Test { relation, events, interactions, .. } = test;
    let numbers: Vec<Option<u32>> =
        (0..events.items().len()).map(|item| version.item_ids().find(events.items().get(item))).collect();
    let find = |user: usize| version.members.user(&id_text(events.users().get(user)));
    let mut left_out = LeftOut::default();
    let mut users = Vec::new();
    for user in 0..events.users().len() {
        look();
        let Some(stored) = find(user)? else {
            left_out.unknown_user += events.of_user(user).count() as u64;
            continue;
        };
        let mut measurable = false;
        for event in events.of_user(user) {
            match numbers[event.item as usize] {
                None => left_out.unknown_item += 1,
                Some(item) if stored.seen().binary_search(&item).is_ok() => left_out.known += 1,
                Some(_) => measurable = true,
            }
        }
        if measurable {
            users.push(user as u32);
        }
    }
    left_out.say(relation, events.len(), test.version, users.is_empty())?;
    let mut tested = Vec::new();
    for user in sample(users, MOST_USERS, version.options.seed) {
        look();
        let user = user as usize;
        let Some(stored) = find(user)? else { continue };
        let (items, weights) = interactions.by_user().row(user);
        let mut rated: Vec<(u32, f32)> = items
            .iter()
            .zip(weights)
            .filter_map(|(&item, &weight)| Some((numbers[item as usize]?, weight)))
            .filter(|(item, _)| stored.seen().binary_search(item).is_err())
            .collect();
        rated.sort_unstable_by_key(|&(item, _)| item);
        let (items, ratings) = rated.into_iter().unzip();
        tested.push(Tested { user, stored, items, ratings });
    }
    Ok(tested)
}

impl LeftOut {
    /// Reports the counts in notices, or as an error if nothing is left.
    fn say(&self, relation: &str, rows: usize, number: i32, nothing_left: bool) -> Result<()> {
        let parts = [
            (self.known, format!("contain a pair of user and item that version {number} was trained on")),
            (self.unknown_user, format!("contain a user unknown to version {number}")),
            (self.unknown_item, format!("contain an item unknown to version {number}")),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        if nothing_left {
            let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
            return Err(SegrecError::NothingToMeasure {
                relation: relation.to_owned(),
                reason: format!("Of {rows} rows, {}.", parts.join(", ")),
                hint: "Provide events from after the training, or omit \"test\" to fit the options again without a holdout and evaluate them on it.",
            });
        }
        for (count, what) in parts {
            notice(format!("ignored {count} of {rows} rows of \"{relation}\" that {what}"), None, None);
        }
        Ok(())
    }
}

fn of_lists(
    version: &Rc<ServedVersion>,
    test: Test<'_>,
    tested: &[Tested],
    groups: (&[u32], usize),
) -> Result<Vec<MetricRow>> {
    let cuts = test.cuts;
    let n = cuts.iter().copied().fold(0, usize::max);
    let length = n.min(version.item_ids().len());
    ask("the lists of test users", 4 * size_of::<Scored>() * length * tested.len())?;
    let (mut lists, mut popular) = (Vec::with_capacity(tested.len()), Vec::with_capacity(tested.len()));
    for Tested { user, stored, .. } in tested {
        look();
        lists.push(list(version, test.events.users().get(*user), stored, n)?);
        popular.push(version.popular().top(stored.seen(), n));
    }
    let item_users = items::item_users(version.id())?;
    let users = versions::user_count(version.id())?;
    let item_factors = Some(version.backbone()?);
    let seed = version.options.seed;
    let work = |observer: &dyn Observer| {
        fn slices(lists: &[Vec<Scored>]) -> Vec<&[Scored]> {
            lists.iter().map(Vec::as_slice).collect()
        }
        let relevant: Vec<&[u32]> = tested.iter().map(|tested| tested.items.as_slice()).collect();
        let histories: Vec<&[u32]> = tested.iter().map(|tested| tested.stored.items.as_slice()).collect();
        report(
            Ranked { lists: &slices(&lists), auc: None },
            Ranked { lists: &slices(&popular), auc: None },
            Measured { relevant: &relevant, histories: &histories, groups: Some(groups) },
            Catalog { item_users: &item_users, users, item_factors },
            cuts,
            seed,
            observer,
        )
    };
    on_threads(work)
}

fn of_ratings(
    version: &Rc<ServedVersion>,
    test: Test<'_>,
    tested: &[Tested],
    groups: (&[u32], usize),
) -> Result<Vec<MetricRow>> {
    let (ids, ratings) = trained_on(version)?;
    let biases = Biases::new(&ratings);
    let (mut model, mut baseline) = (Vec::with_capacity(tested.len()), Vec::with_capacity(tested.len()));
    for Tested { user, stored, items, ratings } in tested {
        look();
        let predicted = predictions(version, test.events.users().get(*user), stored, items)?;
        model.push(predicted.into_iter().zip(ratings.iter().copied()).collect::<Vec<_>>());
        let row = ids.find(Id::Text(&stored.user_id)).unwrap_or(u32::MAX);
        let of_biases = items.iter().map(|&item| biases.predict(row as usize, item as usize));
        baseline.push(of_biases.zip(ratings.iter().copied()).collect::<Vec<_>>());
    }
    let seed = version.options.seed;
    on_threads(|observer| errors(&model, &baseline, Some(groups), seed, observer))
}

/// The ratings that a version was trained on, and the ids of its users as text.
fn trained_on(version: &ServedVersion) -> Result<(IdMap, Interactions)> {
    let mut ids = IdMap::new(IdKind::Text);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut from = 0;
    loop {
        let users = load_users(version.id(), from, BATCH_USERS)?;
        let Some(last) = users.last() else { break };
        from = last.place + 1;
        for user in users {
            ids.number(Id::Text(&user.user_id));
            columns.extend(user.items);
            values.extend(user.confidences);
            starts.push(columns.len());
        }
    }
    version.members.check_there()?;
    let rows = SparseRows::new(version.item_ids().len(), starts, columns, values)?;
    Ok((ids, Interactions::new(rows)))
}

/// The `n` items recommended to a user of the training.
fn list(version: &Rc<ServedVersion>, user: Id<'_>, stored: &StoredUser, n: usize) -> Result<Vec<Scored>> {
    let (selection, variety) = (Selection::default(), Variety::default());
    let request = Request { n, model: None, selection, exclude_seen: true, variety };
    served(version, user, stored, &request)
}

/// The predicted ratings of `items` (ascending) for a user of the training.
fn predictions(
    version: &Rc<ServedVersion>,
    user: Id<'_>,
    stored: &StoredUser,
    items: &[u32],
) -> Result<Vec<f32>> {
    let ids = items.iter().map(|&item| version.item_ids().get(item as usize)).collect();
    let request = Request {
        n: items.len(),
        model: None,
        selection: Selection { candidates: Some(ids), ..Selection::default() },
        exclude_seen: false,
        variety: Variety::default(),
    };
    let mut scored = served(version, user, stored, &request)?;
    scored.sort_unstable_by_key(|scored| scored.item);
    Ok(scored.into_iter().map(|scored| scored.score).collect())
}

fn served(
    version: &Rc<ServedVersion>,
    user: Id<'_>,
    stored: &StoredUser,
    request: &Request<'_>,
) -> Result<Vec<Scored>> {
    let history = History::without_returns(version, stored);
    let person = known_person(version, user, stored, history, false)?;
    let found = answer(Rc::clone(version), None, &person, None, request)?;
    let scored = |&Recommended { item, score, .. }: &Recommended| Scored { item, score };
    Ok(found.items.iter().map(scored).collect())
}
