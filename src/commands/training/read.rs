//! Reads the data of a training: events, attributes of users and items, and the segments of the deployed version.

use super::left_alone::tell_of_left_alone;
use super::progress::phase;
use super::training_log::TrainingLog;
use crate::catalog::models::{EventsSource, Model, RelationRef};
use crate::catalog::sources::access::Verdict;
use crate::catalog::sources::attributes::{
    AttributeColumns, AttributeRows, attribute_columns, described_columns,
};
use crate::catalog::sources::live_events;
use crate::catalog::sources::read_events::{self, ReadOptions};
use crate::catalog::sources::read_report::ReadReport;
use crate::catalog::sources::relations;
use crate::catalog::sources::wanted_columns::WantedColumns;
use crate::catalog::versions::Version;
use crate::catalog::versions::segments::{self, Past};
use crate::error::{BadIds, Result, SegrecError, counted, notice, warning};
use crate::pg::process::workers::Workers;
use crate::serving::later_items::MOST;
use crate::settings;
use pgrx::spi;
use segrec_engine::Observer;
use segrec_engine::features::{Activity, Column, ItemEncoder, NO_LEVEL, Table, Values, parse_moment};
use segrec_engine::interactions::{Events, Id, IdKind, IdMap, Ids};
use segrec_engine::options::checked::ItemOptions;
use segrec_engine::options::{OnBadRows, Options};
use segrec_engine::segmentation::{On, SegmentationMethod};
use segrec_engine::training::UserData;
use segrec_engine::training::user_data::Labels;
use std::collections::BTreeMap;

/// The data of a training.
pub struct TrainingData {
    /// The events; `None` if the model only segments users.
    pub events: Option<Events>,
    /// Attributes of users and items, aligned with `ids` and with the items of the events.
    pub user_data: UserData,
    /// The ids of the members: the users of the events, in order, then those without events.
    pub ids: Ids,
    /// The ids that the relation of items has; `None` if it was not read.
    pub listed: Option<IdMap>,
    /// The number of event rows read.
    pub event_rows: u64,
    /// The name of the relation to mention in errors.
    pub relation: String,
    /// Whether the rows of one user are read at calls, and why, if the relation is a view.
    pub found: Option<(bool, String)>,
}

/// The columns of users that a training with any of these options reads.
pub fn user_columns(
    model: &str,
    users: &RelationRef,
    kind: IdKind,
    options: &[&Options],
) -> Result<AttributeColumns> {
    let segmentations = || options.iter().map(|options| &options.segmentation);
    let wanted = if segmentations().any(|segmentation| segmentation.features.is_empty()) {
        WantedColumns::All
    } else {
        WantedColumns::Named(segmentations().flat_map(|segmentation| segmentation.features.clone()).collect())
    };
    let labels: Vec<String> =
        segmentations().filter_map(|segmentation| segmentation.label_column.clone()).collect();
    attribute_columns(model, "users", users, kind, &wanted, &labels)
}

/// The column of items that holds categories, if the options name one.
pub fn category_columns(
    model: &str,
    items: &RelationRef,
    kind: IdKind,
    options: &Options,
) -> Result<Option<AttributeColumns>> {
    let category = options.segmentation.category_column.clone();
    category
        .map(|column| {
            attribute_columns(model, "items", items, kind, &WantedColumns::Named(Vec::new()), &[column])
        })
        .transpose()
}

/// The columns that describe items; `None` if the options read none.
pub fn item_columns(
    model: &str,
    items: &RelationRef,
    kind: IdKind,
    options: &Options,
) -> Result<Option<AttributeColumns>> {
    if options.is_explicit() || !options.reads_items() {
        return Ok(None);
    }
    let ItemOptions { features, added_column, available, .. } = options.items.clone();
    let wanted = WantedColumns::Describing { names: features, added: added_column, available };
    attribute_columns(model, "items", items, kind, &wanted, &[]).map(Some)
}

/// Reads everything that a training with `options` needs, and what `previous` need: the options of the deployed
/// version, if they are measured on the same data. With `new_items`, the events have all items that the options take,
/// also those that nobody has chosen yet.
pub fn read(
    model: &Model,
    options: &Options,
    previous: Option<&Options>,
    new_items: bool,
    workers: &Workers,
    log: &mut TrainingLog,
) -> Result<TrainingData> {
    let allowed = settings::training_memory();
    let mut data = TrainingData {
        events: None,
        user_data: UserData::default(),
        ids: Ids::new(model.user_kind),
        listed: None,
        event_rows: 0,
        relation: String::new(),
        found: None,
    };
    let mut described = None;
    if let Some(source) = &model.events {
        let columns = relations::model_events(model, source)?;
        log.announce(phase::READING, format!("reading events of \"{}\"", columns.name));
        let (mut raw, report) = read_events::read_all(
            &columns,
            &options.events.type_weights,
            ReadOptions {
                keep_types: keeps_types(options, previous),
                signed: options.is_explicit(),
                seen: options.events.seen_rule(),
            },
            allowed,
        )?;
        judge_types(&columns.name, &report, options)?;
        judge_seen_types(&columns.name, &report, options);
        judge_rows(&columns.name, &report, options)?;
        data.event_rows = report.rows;
        data.found = found(live_events::verdict(&columns)?.as_ref());
        described = described_items(model, source, options, previous, log)?;
        if let Some(described) = described.as_ref().filter(|_| new_items && options.takes_new_items()) {
            described.each_id(|id| raw.push_item(id));
        }
        log.announce(phase::COMBINING, format!("combining {} events", raw.len()));
        let limits = options.events.limits();
        let read = log.run(workers, &columns.name, |observer| Events::new(raw, limits, observer))?;
        data.ids = read.users().clone();
        data.events = Some(read);
        data.relation = columns.name;
    }
    data.user_data.table = Table::of_rows(data.ids.len());
    if let Some(users) = &model.users {
        let asked: Vec<&Options> = std::iter::once(options).chain(previous).collect();
        let columns = user_columns(&model.name, users, model.user_kind, &asked)?;
        log.announce(phase::READING_USERS, format!("reading users of \"{}\"", columns.name));
        let rows = columns.read_all(allowed)?;
        judge_ids(&columns, &rows, options)?;
        data.user_data.others.clone_from(&columns.others);
        let everyone = model.events.is_none() || takes_everyone(options);
        add_users(&mut data, rows, everyone)?;
        if model.events.is_none() {
            data.found = found(columns.verdict()?.as_ref());
            data.relation = columns.name;
        }
    }
    if let (Some(source), Some(items), Some(events)) = (&model.events, &model.items, &data.events)
        && let Some(columns) = category_columns(&model.name, items, source.item_kind, options)?
    {
        let rows = columns.read_all(allowed)?;
        judge_ids(&columns, &rows, options)?;
        data.user_data.categories = Some(categories(events, &rows));
    }
    if let (Some(described), Some(events)) = (described, &data.events) {
        let relation = data.relation.as_str();
        let (mut items, listed) = log.run(workers, relation, |observer| described.of(events, observer))?;
        data.user_data.added = taken_column(&mut items, &options.items)?;
        (data.user_data.items, data.listed) = (items, Some(listed));
    }
    data.user_data.as_of = options.segmentation.as_of.as_deref().and_then(parse_moment);
    Ok(data)
}

/// Whether the rows of one user are read at calls, and why, as views of the catalog say it.
pub fn found(verdict: Option<&Verdict>) -> Option<(bool, String)> {
    verdict.map(|verdict| (verdict.is_cheap(), verdict.reason("one user's rows")))
}

/// Takes the column that says when an item was added from the table; it stays there as well if it is named as a feature.
fn taken_column(items: &mut Table, options: &ItemOptions) -> Result<Option<Column>> {
    let Some(name) = &options.added_column else { return Ok(None) };
    let (added, rows) = (items.column(name).cloned(), items.rows());
    if added.is_some() && !options.features.contains(name) {
        let columns = std::mem::take(items).into_columns().into_iter();
        *items = Table::new(rows, columns.filter(|column| column.name != *name).collect())?;
    }
    Ok(added)
}

/// Whether the types of events are needed for more than their weights.
fn keeps_types(options: &Options, previous: Option<&Options>) -> bool {
    let mut all = std::iter::once(options).chain(previous);
    all.any(|options| options.segmentation.activity.contains(&Activity::Types))
}

/// Whether users without events are members, which requires that segments can be found without events.
fn takes_everyone(options: &Options) -> bool {
    let segmentation = &options.segmentation;
    match segmentation.method {
        SegmentationMethod::Rfm | SegmentationMethod::None => false,
        SegmentationMethod::Column => true,
        _ => segmentation.divides_by(true) != On::Behaviour,
    }
}

/// Aligns the rows of users with the members; if `everyone`, adds users without events.
fn add_users(data: &mut TrainingData, rows: AttributeRows, everyone: bool) -> Result<()> {
    let known = data.ids.len();
    let mut row_of: Vec<Option<u32>> = (0..known).map(|member| rows.ids.find(data.ids.get(member))).collect();
    if everyone {
        let members = IdMap::from_ids(data.ids.clone());
        for row in rows.ids.ids().order() {
            let id = rows.ids.ids().get(row as usize);
            if members.find(id).is_none() {
                data.ids.push(id);
                row_of.push(Some(row));
            }
        }
    }
    data.user_data.table = rows.table.scatter(&row_of);
    Ok(())
}

/// The rows of the relation of items.
pub struct ReadItems {
    rows: AttributeRows,
    /// The texts, which are read a second time, when it is known that they are texts.
    texts: Option<AttributeRows>,
}

impl ReadItems {
    /// The ids, in the order of the rows.
    pub fn ids(&self) -> &Ids {
        self.rows.ids.ids()
    }

    /// Calls `each` with the id of each row.
    fn each_id(&self, mut each: impl FnMut(Id<'_>)) {
        let ids = self.ids();
        (0..ids.len()).for_each(|row| each(ids.get(row)));
    }

    /// The rows of the items of the events, in their order.
    fn of(self, events: &Events, observer: &dyn Observer) -> segrec_engine::Result<(Table, IdMap)> {
        let ids = events.items();
        let in_order = |rows: AttributeRows| {
            let row_of: Vec<Option<u32>> = (0..ids.len()).map(|item| rows.ids.find(ids.get(item))).collect();
            Ok((rows.table.into_scattered(&row_of, observer)?, rows.ids))
        };
        let (rows, listed) = in_order(self.rows)?;
        let table = match self.texts {
            Some(texts) => with_texts(rows, in_order(texts)?.0)?,
            None => rows,
        };
        Ok((table, listed))
    }

    /// The rows of `count` ids, in their order; null where there is none.
    pub fn of_ids<'a>(&self, count: usize, id: impl Fn(usize) -> Id<'a>) -> Result<Table> {
        let scattered = |rows: &AttributeRows| {
            let row_of: Vec<Option<u32>> = (0..count).map(|item| rows.ids.find(id(item))).collect();
            rows.table.scatter(&row_of)
        };
        let rows = scattered(&self.rows);
        Ok(match &self.texts {
            Some(texts) => with_texts(rows, scattered(texts))?,
            None => rows,
        })
    }
}

/// Replaces columns by the same ones read as texts.
fn with_texts(rows: Table, texts: Table) -> segrec_engine::Result<Table> {
    let rest = rows.into_columns().into_iter();
    let rest: Vec<Column> = rest.filter(|column| texts.column(&column.name).is_none()).collect();
    Table::new(texts.rows(), rest)?.with(texts)
}

/// Reads what is known about items; `None` if the model has none, or the options read none.
fn described_items(
    model: &Model,
    source: &EventsSource,
    options: &Options,
    previous: Option<&Options>,
    log: &mut TrainingLog,
) -> Result<Option<ReadItems>> {
    let Some(items) = &model.items else { return Ok(None) };
    let (kind, allowed) = (source.item_kind, settings::training_memory());
    let rates = std::iter::once(options).chain(previous).any(Options::is_explicit);
    let columns = match rates {
        true => Some(attribute_columns(&model.name, "items", items, kind, &WantedColumns::All, &[])?),
        false => item_columns(&model.name, items, kind, options)?,
    };
    let Some(columns) = columns else { return Ok(None) };
    log.announce(phase::READING_ITEMS, format!("reading items of \"{}\"", columns.name));
    let rows = columns.read_all(allowed)?;
    judge_ids(&columns, &rows, options)?;
    judge_added_column(&columns, options)?;
    let texts = columns.texts(&rows.table, &options.items.text_config).filter(|_| !rates);
    let texts = texts.map(|texts| texts.read_all(allowed)).transpose()?;
    Ok(Some(ReadItems { rows, texts }))
}

/// Reads the relation of items again, and the columns that a training has learned to read, in so far as it still has them.
pub fn read_items_again(
    model: &Model,
    (items, kind): (&RelationRef, IdKind),
    encoder: Option<&ItemEncoder>,
    options: &Options,
) -> Result<ReadItems> {
    let columns = described_columns(&model.name, items, kind, encoder, &options.items.text_config)?;
    let rows = columns.read_all(settings::training_memory())?;
    judge_ids(&columns, &rows, options)?;
    Ok(ReadItems { rows, texts: None })
}

/// All rows that describe items, in two tables: the texts are read a second time, when it is known that they are texts.
pub fn read_items(columns: &AttributeColumns, options: &Options, allowed: u64) -> Result<Vec<Table>> {
    let rows = columns.read_all(allowed)?.table;
    let texts = columns.texts(&rows, &options.items.text_config);
    let texts = texts.map(|texts| texts.read_all(allowed)).transpose()?;
    Ok(std::iter::once(rows).chain(texts.map(|texts| texts.table)).collect())
}

/// The category of each item of the events.
fn categories(events: &Events, rows: &AttributeRows) -> Labels {
    let (levels, names) = match rows.table.columns().first().map(|column| &column.values) {
        Some(Values::Category { codes, levels }) => (codes.as_slice(), levels.clone()),
        _ => (&[][..], Vec::new()),
    };
    let codes = (0..events.items().len())
        .map(|item| {
            let row = rows.ids.find(events.items().get(item));
            row.and_then(|row| levels.get(row as usize).copied()).unwrap_or(NO_LEVEL)
        })
        .collect();
    Labels { codes, names }
}

/// Fails if the options seem to name event types differently from the events: a type with a weight does not occur, and
/// most rows have an unlisted type. A few purchases among many views pass, since all listed types occur. To skip most
/// rows on purpose, their types can be listed with a weight of 0.
fn judge_types(relation: &str, report: &ReadReport, options: &Options) -> Result<()> {
    let weights = &options.events.type_weights;
    let missing = |(name, weight): &(&String, &f64)| **weight > 0.0 && !report.listed.contains(*name);
    let missing: Vec<String> = weights.iter().filter(missing).map(|(name, _)| name.clone()).collect();
    if missing.is_empty() || 2 * report.unlisted_type <= report.rows {
        return Ok(());
    }
    Err(SegrecError::UnlistedTypes {
        relation: relation.to_owned(),
        rows: report.rows,
        unlisted: report.unlisted_type,
        found: commonest(&report.unlisted),
        missing,
    })
}

/// Warns of types that should count as seen but do not occur, since they leave nothing out of lists.
fn judge_seen_types(relation: &str, report: &ReadReport, options: &Options) {
    let named = options.events.seen_types.iter();
    let missing: Vec<String> = named.filter(|name| !report.listed.contains(*name)).cloned().collect();
    if missing.is_empty() {
        return;
    }
    let occurring: Vec<String> = report.listed.iter().chain(report.unlisted.keys()).cloned().collect();
    let detail = match occurring.is_empty() {
        true => "No row has a type.".to_owned(),
        false => format!("The types that occur are {}.", quoted_some(&occurring)),
    };
    warning(
        format!(
            "no row of \"{relation}\" has the type {}, which events.seen_types names",
            quoted_some(&missing)
        ),
        Some(detail),
        Some(
            "Spell the types as in the events: lists leave out only what was seen by one of them.".to_owned(),
        ),
    );
}

/// Some names in quotation marks.
fn quoted_some(names: &[String]) -> String {
    let some: Vec<String> = names.iter().take(20).map(|name| format!("\"{name}\"")).collect();
    some.join(", ")
}

/// Types with their numbers of rows, most common first.
fn commonest(types: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut types: Vec<(String, u64)> = types.iter().map(|(name, count)| (name.clone(), *count)).collect();
    types.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    types
}

/// Fails or reports unusable rows in a NOTICE, depending on the options. Rows without weight and rows in the future are
/// always only reported.
pub fn judge_rows(relation: &str, report: &ReadReport, options: &Options) -> Result<()> {
    let bad = report.bad;
    if bad.total() > 0 {
        match options.events.on_bad_rows {
            OnBadRows::Error => {
                return Err(SegrecError::BadRows { relation: relation.to_owned(), rows: bad });
            }
            OnBadRows::Skip => notice(
                format!("skipped {} of {} rows of \"{relation}\"", bad.total(), report.rows),
                Some(bad.describe()),
                None,
            ),
        }
    }
    if report.unlisted_type > 0 {
        notice(
            format!(
                "ignored {} of {} rows of \"{relation}\" that have a type that is not listed in events.type_weights",
                report.unlisted_type, report.rows
            ),
            Some(format!("These types are {}.", counted(&commonest(&report.unlisted)))),
            None,
        );
    }
    if report.weightless > 0 {
        notice(
            format!(
                "ignored {} of {} rows of \"{relation}\" that have a weight of 0",
                report.weightless, report.rows
            ),
            None,
            None,
        );
    }
    if report.future > 0 {
        notice(
            format!("{} of {} rows of \"{relation}\" have a time in the future", report.future, report.rows),
            Some(
                "Ages are measured from the latest event before now, unless most events are in the future; later events count as if they had happened then."
                    .to_owned(),
            ),
            Some("Correct their times, or use a view without them.".to_owned()),
        );
    }
    Ok(())
}

/// Fails or reports rows without a unique id, depending on the options. Values that are not finite are reported and
/// become null.
fn judge_ids(columns: &AttributeColumns, rows: &AttributeRows, options: &Options) -> Result<()> {
    let bad = BadIds { null: rows.without_id, repeated: rows.repeated, too_long: rows.too_long };
    let read = rows.ids.ids().len() + bad.total() as usize;
    let relation = &columns.name;
    if bad.total() > 0 {
        match options.events.on_bad_rows {
            OnBadRows::Error => {
                return Err(SegrecError::BadIds { relation: relation.clone(), bad, rows: read });
            }
            OnBadRows::Skip => notice(
                format!("skipped {} of {read} rows of \"{relation}\"", bad.total()),
                Some(bad.describe()),
                None,
            ),
        }
    }
    for (name, type_name) in &columns.unusable {
        notice(
            format!(
                "ignored column \"{name}\" of \"{relation}\": type {type_name} cannot be used as a feature"
            ),
            None,
            Some(format!("Cast it in a view, or list the columns to use in {}.", columns.option)),
        );
    }
    tell_of_left_alone(columns);
    for (name, count) in &rows.not_finite {
        notice(
            format!("{count} values of \"{name}\" of \"{relation}\" are not finite and are treated as null"),
            None,
            None,
        );
    }
    for (name, count) in &rows.without_direction {
        notice(
            format!("{count} vectors of \"{name}\" of \"{relation}\" are zero and are ignored"),
            Some("A vector without a direction is similar to no other.".to_owned()),
            None,
        );
    }
    Ok(())
}

/// Tells if items that come later cannot be found at once by the column that the options name.
fn judge_added_column(columns: &AttributeColumns, options: &Options) -> Result<()> {
    let (Some(added), relation) = (&options.items.added_column, columns.relation()) else { return Ok(()) };
    let fact = match columns.later_rows(added, MOST)? {
        None => format!("No index of \"{}\" has the values of \"{added}\" in order.", columns.name),
        Some(rows) => match rows.verdict()? {
            None | Some(Verdict::Cheap { .. }) => return Ok(()),
            Some(verdict) => verdict.sentence("the latest rows"),
        },
    };
    let hint = match relation.can_have_indexes() {
        true => format!("CREATE INDEX ON {} ({});", relation.quoted, spi::quote_identifier(added)),
        false => "Name a table as items, or call segrec_refresh_items after rows were inserted.".to_owned(),
    };
    notice(
        "items that are inserted after the training are listed only after segrec_refresh_items".to_owned(),
        Some(fact),
        Some(hint),
    );
    Ok(())
}

/// The segments of the deployed version, aligned with the members of this training.
pub fn past(model: &Model, deployed: Option<&Version>, ids: &Ids) -> Result<Option<Past>> {
    deployed
        .map(|version| segments::load_past(version, &IdMap::from_ids(ids.clone()), model.user_kind))
        .transpose()
}
