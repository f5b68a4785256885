//! The deployed version measured on events that it was not trained on, in a relation of the caller's.
//!
//! Every test user gets the list that the version serves as of its training. What it was trained on, and users
//! and items that it does not know, are left out and counted: a version is never scored on its own rows.

use super::create_model::check_readable;
use super::diary::Diary;
use super::measured::Measured;
use super::read::judge_rows;
use crate::catalog::events::{self, Reading};
use crate::catalog::factors::{StoredUser, id_text, load_users};
use crate::catalog::models::{EventsSource, Model};
use crate::catalog::relations;
use crate::catalog::versions::{self, Version};
use crate::error::{Result, SegrecError, notice};
use crate::pg::workers::Workers;
use crate::serving::version::ServedVersion;
use crate::serving::{measuring, session};
use crate::settings;
use pgrx::pg_sys;
use segrec_engine::Observer;
use segrec_engine::evaluation::errors::errors;
use segrec_engine::evaluation::{Catalogue, Measured as Users, Ranked, report};
use segrec_engine::interactions::{EventLimits, Events, Id, IdKind, IdMap, Interactions, SparseRows};
use segrec_engine::ranking::Scored;
use segrec_engine::rating::Biases;
use segrec_engine::recipe::measure::MOST_USERS;
use segrec_engine::recipe::{MetricRow, Options};
use segrec_engine::seed::sample;
use std::rc::Rc;

/// Users of a version that are loaded at once.
const BATCH_USERS: i32 = 4096;

/// A user that is measured.
struct Tested {
    /// The number among the test relation's users.
    user: usize,
    stored: StoredUser,
    /// Items by the version's numbers, ascending.
    items: Vec<u32>,
    /// Their weights, which are the ratings where the version predicts these.
    ratings: Vec<f32>,
}

/// Rows of the test relation that cannot measure the version.
#[derive(Default)]
struct LeftOut {
    known: u64,
    unknown_user: u64,
    unknown_item: u64,
}

/// Measures the deployed version on the events in `test`, which has the columns of the model's events.
pub fn measure(
    model: &Model,
    deployed: &Version,
    test: pg_sys::Oid,
    cuts: &[usize],
    workers: &Workers,
    diary: &mut Diary,
) -> Result<Vec<Measured>> {
    let Some(source) = &model.events else {
        return Err(SegrecError::NoEvents { model: model.name.clone() });
    };
    let version = session::version(model)?;
    let (relation, events, interactions) = read(model, source, &version, test, workers, diary)?;
    let tested = tested(&relation, &version, deployed, &events, &interactions)?;
    let groups: Vec<u32> =
        tested.iter().map(|tested| version.segment_number(tested.stored.segment)).collect::<Result<_>>()?;
    diary.announce("measuring", format!("measuring {} users", tested.len()));
    let groups = (groups.as_slice(), version.members.ids.len());
    let rows = match version.rated.is_some() {
        true => of_ratings(&relation, &version, &events, &tested, groups, workers, diary)?,
        false => of_lists(&relation, &version, &events, &tested, groups, cuts, workers, diary)?,
    };
    let ids: Vec<Option<i32>> = version.members.ids.iter().copied().map(Some).collect();
    Ok(Measured::of_rows(&rows, &ids))
}

/// The name of the test relation, its events, and these as interactions.
fn read(
    model: &Model,
    source: &EventsSource,
    version: &ServedVersion,
    test: pg_sys::Oid,
    workers: &Workers,
    diary: &mut Diary,
) -> Result<(String, Events, Interactions)> {
    let options: &Options = &version.options;
    check_readable(test)?;
    let columns = relations::event_columns(&model.name, test, &source.columns)?;
    let kinds = [(&columns.user, "user", model.user_kind), (&columns.item, "item", source.item_kind)];
    let wrong: Vec<String> = kinds
        .into_iter()
        .filter(|(column, _, kind)| column.id_kind() != Some(*kind))
        .map(|(column, what, kind)| {
            let (name, of) = (&column.name, &column.type_name);
            format!("\"{name}\" is {of}, the {what} ids of the model are {}", kind.name())
        })
        .collect();
    if !wrong.is_empty() {
        return Err(SegrecError::WrongColumnTypes { relation: columns.name, columns: wrong });
    }
    diary.announce("reading", format!("reading events of \"{}\"", columns.name));
    let reading = Reading { keep_types: false, signed: options.is_explicit() };
    let (raw, report) =
        events::read_all(&columns, &options.events.type_weights, reading, settings::training_memory())?;
    judge_rows(&columns.name, &report, options)?;
    if raw.is_empty() {
        return Err(SegrecError::NothingToMeasure {
            relation: columns.name,
            reason: "there is no event".to_owned(),
            hint: "give events that came after the training",
        });
    }
    let limits = EventLimits { min_user_events: 1, min_item_events: 1, max_user_events: usize::MAX };
    let weighting = version.weighting;
    let (events, interactions) = diary.run(workers, &columns.name, |observer| {
        let events = Events::new(raw, limits, observer)?;
        let interactions = events.interactions(&weighting, |_, _, _| true, observer)?;
        Ok((events, interactions))
    })?;
    Ok((columns.name, events, interactions))
}

/// The users that can be measured, as many as are measured at most; what they cannot be measured on is said.
fn tested(
    relation: &str,
    version: &ServedVersion,
    deployed: &Version,
    events: &Events,
    interactions: &Interactions,
) -> Result<Vec<Tested>> {
    let numbers: Vec<Option<u32>> =
        (0..events.items().len()).map(|item| version.items().find(events.items().get(item))).collect();
    let find = |user: usize| version.members.users.find(&id_text(events.users().get(user)));
    let mut left_out = LeftOut::default();
    let mut users = Vec::new();
    for user in 0..events.users().len() {
        let Some(stored) = find(user)? else {
            left_out.unknown_user += events.of_user(user).count() as u64;
            continue;
        };
        let mut measurable = false;
        for event in events.of_user(user) {
            match numbers[event.item as usize] {
                None => left_out.unknown_item += 1,
                Some(item) if stored.items.binary_search(&item).is_ok() => left_out.known += 1,
                Some(_) => measurable = true,
            }
        }
        if measurable {
            users.push(user as u32);
        }
    }
    left_out.say(relation, events.len(), deployed.version, users.is_empty())?;
    let mut tested = Vec::new();
    for user in sample(users, MOST_USERS, version.options.seed) {
        let user = user as usize;
        let Some(stored) = find(user)? else { continue };
        let (items, weights) = interactions.by_user().row(user);
        let mut rated: Vec<(u32, f32)> = items
            .iter()
            .zip(weights)
            .filter_map(|(&item, &weight)| Some((numbers[item as usize]?, weight)))
            .filter(|(item, _)| stored.items.binary_search(item).is_err())
            .collect();
        rated.sort_unstable_by_key(|&(item, _)| item);
        let (items, ratings) = rated.into_iter().unzip();
        tested.push(Tested { user, stored, items, ratings });
    }
    Ok(tested)
}

impl LeftOut {
    /// Counts them in notices, or in an error where nothing is left.
    fn say(&self, relation: &str, rows: usize, number: i32, nothing_left: bool) -> Result<()> {
        let parts = [
            (self.known, format!("have a user and an item that version {number} was trained on together")),
            (self.unknown_user, format!("have a user that version {number} does not know")),
            (self.unknown_item, format!("have an item that version {number} does not know")),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        if nothing_left {
            let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
            return Err(SegrecError::NothingToMeasure {
                relation: relation.to_owned(),
                reason: format!("of {rows} rows {}", parts.join(", ")),
                hint: "give events that came after the training, or leave \"test\" out: then the recipe is fitted \
                       again without a holdout and measured there",
            });
        }
        for (count, what) in parts {
            notice(format!("left out {count} of {rows} rows of \"{relation}\" that {what}"), None, None);
        }
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
fn of_lists(
    relation: &str,
    version: &Rc<ServedVersion>,
    events: &Events,
    tested: &[Tested],
    groups: (&[u32], usize),
    cuts: &[usize],
    workers: &Workers,
    diary: &mut Diary,
) -> Result<Vec<MetricRow>> {
    let n = cuts.iter().copied().fold(0, usize::max);
    let (mut lists, mut popular) = (Vec::with_capacity(tested.len()), Vec::with_capacity(tested.len()));
    for Tested { user, stored, .. } in tested {
        lists.push(measuring::list(version, events.users().get(*user), stored, n)?);
        popular.push(version.popularity.top(&stored.items, n));
    }
    let item_users = versions::item_users(version.id())?;
    let users = versions::users(version.id())?;
    let backbone = version.backbone()?;
    let item_factors = Some(&backbone.item_factors);
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
            Users { relevant: &relevant, histories: &histories, groups: Some(groups) },
            Catalogue { item_users: &item_users, users, item_factors },
            cuts,
            seed,
            observer,
        )
    };
    diary.run(workers, relation, work)
}

fn of_ratings(
    relation: &str,
    version: &Rc<ServedVersion>,
    events: &Events,
    tested: &[Tested],
    groups: (&[u32], usize),
    workers: &Workers,
    diary: &mut Diary,
) -> Result<Vec<MetricRow>> {
    let (ids, ratings) = trained_on(version)?;
    let biases = Biases::new(&ratings);
    let (mut model, mut baseline) = (Vec::with_capacity(tested.len()), Vec::with_capacity(tested.len()));
    for Tested { user, stored, items, ratings } in tested {
        let predicted = measuring::predictions(version, events.users().get(*user), stored, items)?;
        model.push(predicted.into_iter().zip(ratings.iter().copied()).collect::<Vec<_>>());
        let row = ids.find(Id::Text(&stored.user_id)).unwrap_or(u32::MAX);
        let of_biases = items.iter().map(|&item| biases.predict(row as usize, item as usize));
        baseline.push(of_biases.zip(ratings.iter().copied()).collect::<Vec<_>>());
    }
    let seed = version.options.seed;
    diary.run(workers, relation, |observer| errors(&model, &baseline, Some(groups), seed, observer))
}

/// The ratings that a version was trained on, and the ids of its users as text.
fn trained_on(version: &ServedVersion) -> Result<(IdMap, Interactions)> {
    let mut ids = IdMap::new(IdKind::Text);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for from in (0..).step_by(BATCH_USERS as usize) {
        let users = load_users(version.id(), from, BATCH_USERS)?;
        if users.is_empty() {
            break;
        }
        for user in users {
            ids.number(Id::Text(&user.user_id));
            columns.extend(user.items);
            values.extend(user.confidences);
            starts.push(columns.len());
        }
    }
    let rows = SparseRows::new(version.item_ids().len(), starts, columns, values)?;
    Ok((ids, Interactions::new(rows)))
}
