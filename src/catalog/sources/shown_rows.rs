//! The current rows of several items at once, read with the caller's rights: whether they may be shown, and to which group
//! they belong.

use super::events::with_id;
use super::live_rows::{Live, LiveRows};
use super::relations::{self, ColumnRole, SourceColumn};
use crate::catalog::models::RelationRef;
use crate::catalog::rules::{ItemValue, KnownColumn};
use crate::error::{Result, SegrecError};
use crate::pg::datums::value::Argument;
use crate::pg::executor::relation::Relation;
use crate::pg::executor::row::ResultRow;
use pgrx::Uuid;
use segrec_engine::features::ColumnKind;
use segrec_engine::interactions::{Id, IdKind};

/// The columns of items that decide what lists show, by the names of their options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownColumns {
    /// `items.available`.
    pub available: Option<String>,
    /// `items.group_column`.
    pub group: Option<String>,
    /// Those that rules refer to.
    pub conditions: Vec<String>,
}

/// Reads rows of items.
pub struct ShownRows {
    rows: LiveRows,
    items: RelationRef,
    kind: IdKind,
    names: ShownColumns,
    /// What the column says that decides whether an item may be shown, if there is one.
    available: Option<ColumnKind>,
    /// The columns that rules refer to.
    conditions: Vec<KnownColumn>,
}

/// What the row of an item says.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Whether it may be shown.
    pub is_available: bool,
    /// The group that it belongs to, if any.
    pub group: Option<String>,
    /// The values of the columns that rules refer to.
    pub values: Vec<Option<ItemValue>>,
}

/// The columns of a model's items that conditions may be on.
pub fn condition_columns(model: &str, items: &RelationRef) -> Result<Vec<KnownColumn>> {
    let relation = relations::hold(model, "items", items.relation, &items.filter)?;
    Ok(relation.columns.iter().map(|column| known(&SourceColumn::from(column))).collect())
}

fn known(column: &SourceColumn) -> KnownColumn {
    let (name, type_name) = (column.name.clone(), column.type_name.clone());
    let kind = column.feature_kind().filter(|kind| *kind != ColumnKind::Vector);
    KnownColumn { name, kind, type_name }
}

/// The columns of a relation that rules refer to, and how each is read.
fn referred(model: &str, relation: &Relation, names: &[String]) -> Result<Vec<(KnownColumn, String)>> {
    let unusable = |problem: String| SegrecError::UnusableRule { model: model.to_owned(), problem };
    let read = |name: &String| {
        let Some(column) = relation.column(name).map(SourceColumn::from) else {
            return Err(unusable(format!("Relation \"{}\" has no column \"{name}\".", relation.name)));
        };
        let known = known(&column);
        match known.kind {
            Some(kind) => Ok((known, column.feature_expression(kind, ""))),
            None => Err(unusable(format!("\"{name}\" is {}.", column.type_name))),
        }
    };
    names.iter().map(read).collect()
}

/// The value of a column of a result that was read as a kind.
fn value(row: &ResultRow<'_>, column: usize, kind: Option<ColumnKind>) -> Option<ItemValue> {
    match kind? {
        ColumnKind::Number => row.number(column).map(ItemValue::Number),
        ColumnKind::Boolean => row.boolean(column).map(ItemValue::Truth),
        ColumnKind::Moment => row.integer(column).map(ItemValue::Moment),
        _ => row.text(column, str::to_owned).map(ItemValue::Text),
    }
}

impl ShownRows {
    /// Prepares the query; the columns must exist, and that which decides must be a boolean or a moment.
    pub fn new(model: &str, items: &RelationRef, kind: IdKind, names: &ShownColumns) -> Result<Self> {
        let relation = relations::hold(model, "items", items.relation, &items.filter)?;
        let column = |name: &str| relation.column(name).map(SourceColumn::from);
        let asked = [
            ("items_key", Some(&items.key)),
            ("items.available", names.available.as_ref()),
            ("items.group_column", names.group.as_ref()),
        ];
        let asked = asked.into_iter().filter_map(|(option, name)| Some((option, name?)));
        let missing: Vec<(String, String)> = asked
            .filter(|(_, name)| column(name).is_none())
            .map(|(option, name)| (option.to_owned(), name.clone()))
            .collect();
        let existing = || relation.columns.iter().map(|column| column.name.clone()).collect();
        let Some(key) = column(&items.key).filter(|_| missing.is_empty()) else {
            return Err(SegrecError::MissingColumns {
                relation: relation.name.clone(),
                missing,
                existing: existing(),
            });
        };
        relations::check_kind(model, &relation.name, "item", &key, kind)?;
        let (mut columns, mut expressions) = (vec![items.key.as_str()], vec![key.expression(ColumnRole::Id)]);
        let mut available = None;
        if let Some((name, own)) = names.available.as_ref().and_then(|name| Some((name, column(name)?))) {
            let own_kind = own.feature_kind();
            let Some(own_kind @ (ColumnKind::Boolean | ColumnKind::Moment)) = own_kind else {
                let wrong = format!(
                    "\"{name}\" is {}, but items.available must be a boolean, timestamptz, timestamp or date.",
                    own.type_name
                );
                return Err(SegrecError::WrongColumnTypes {
                    relation: relation.name.clone(),
                    columns: vec![wrong],
                });
            };
            available = Some(own_kind);
            columns.push(name);
            expressions.push(own.feature_expression(own_kind, ""));
        }
        if let Some((name, own)) = names.group.as_ref().and_then(|name| Some((name, column(name)?))) {
            columns.push(name);
            expressions.push(own.expression(ColumnRole::Type));
        }
        let referred = referred(model, &relation, &names.conditions)?;
        for (column, expression) in &referred {
            columns.push(&column.name);
            expressions.push(expression.clone());
        }
        let live = Live { relation: &relation, key: &key, kind, columns, expressions };
        let rows = LiveRows::among(&live)?;
        let (items, names) = (items.clone(), names.clone());
        let conditions = referred.into_iter().map(|(column, _)| column).collect();
        Ok(Self { rows, items, kind, names, available, conditions })
    }

    /// The columns that rules refer to, in the order of the values of a row.
    pub fn conditions(&self) -> &[KnownColumn] {
        &self.conditions
    }

    /// Whether these columns of that relation are read, and it is unchanged.
    pub fn is_current(&self, items: &RelationRef, names: &ShownColumns) -> bool {
        self.items == *items && self.names == *names && self.rows.is_current()
    }

    /// Whether rows say which items may be shown.
    pub fn decides(&self) -> bool {
        self.available.is_some() || !self.items.filter.is_empty()
    }

    /// Plans the query, so that errors come early.
    pub fn probe(&self) -> Result<()> {
        self.read(&[], 0, &mut |_, _| ())
    }

    /// Passes what the rows of these ids say at the moment `now` (microseconds since 2000) to `each`; an item without a row
    /// that the caller sees is not passed. Raises PostgreSQL's own error if the caller may not read them.
    pub fn read(&self, ids: &[Id<'_>], now: i64, each: &mut dyn FnMut(Id<'_>, Shown)) -> Result<()> {
        let argument: Argument<'_> = match self.kind {
            IdKind::Bigint => {
                let id = |id: &Id<'_>| if let Id::Bigint(id) = id { Some(*id) } else { None };
                ids.iter().filter_map(id).collect::<Vec<i64>>().into()
            }
            IdKind::Uuid => {
                let id = |id: &Id<'_>| if let Id::Uuid(id) = id { Some(Uuid::from_bytes(*id)) } else { None };
                ids.iter().filter_map(id).collect::<Vec<Uuid>>().into()
            }
            IdKind::Text => {
                let id = |id: &Id<'_>| if let Id::Text(id) = id { Some((*id).to_owned()) } else { None };
                ids.iter().filter_map(id).collect::<Vec<String>>().into()
            }
        };
        let group = 1 + usize::from(self.available.is_some());
        let first = group + usize::from(self.names.group.is_some());
        self.rows.required_rows(&[argument], &mut |row| {
            let is_available = match self.available {
                Some(ColumnKind::Boolean) => row.boolean(1) == Some(true),
                Some(_) => row.integer(1).is_none_or(|withdrawn| withdrawn > now),
                None => true,
            };
            let group = match self.names.group {
                Some(_) => row.text(group, str::to_owned),
                None => None,
            };
            let values =
                (first..).zip(&self.conditions).map(|(place, column)| value(row, place, column.kind));
            let shown = Shown { is_available, group, values: values.collect() };
            with_id(row, 0, self.kind, |id| each(id, shown));
            Ok(true)
        })?;
        Ok(())
    }
}
