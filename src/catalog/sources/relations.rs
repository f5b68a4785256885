//! The caller's relations: their columns, types and indexes, and queries that read them with the caller's rights.

use super::filtered::Filtered;
use crate::catalog::models::{ColumnNames, EventsSource, Model};
use crate::catalog::statement::{as_owner, only, query};
use crate::error::{Result, SegrecError};
use crate::pg::executor::relation::{Attribute, Base, Relation};
use pgrx::pg_sys::{
    BOOLOID, BPCHAROID, CHAROID, DATEOID, FLOAT4ARRAYOID, FLOAT4OID, FLOAT8ARRAYOID, FLOAT8OID, INT2ARRAYOID,
    INT2OID, INT4ARRAYOID, INT4OID, INT8ARRAYOID, INT8OID, NAMEOID, NUMERICARRAYOID, NUMERICOID,
    TEXTARRAYOID, TEXTOID, TIMESTAMPOID, TIMESTAMPTZOID, UUIDOID, VARCHARARRAYOID, VARCHAROID,
};
use pgrx::{pg_sys, spi};
use segrec_engine::features::ColumnKind;
use segrec_engine::interactions::IdKind;
use segrec_engine::options::RowFilter;

/// The role of a column in the events relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The id of a user or an item.
    Id,
    /// A number, read as `float8`.
    Weight,
    /// A timestamp, read as `timestamptz`.
    Time,
    /// The type of an event, read as `text`.
    Type,
    /// An integer or a moment that grows from row to row, read as `bigint` or `timestamptz`.
    Growing,
}

impl ColumnRole {
    /// A description of the supported types.
    pub fn takes(self) -> &'static str {
        match self {
            Self::Id => "bigint, uuid or text",
            Self::Weight => "a number",
            Self::Time => "timestamptz, timestamp or date",
            Self::Type => "text or an enum",
            Self::Growing => "timestamptz, timestamp or bigint",
        }
    }
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub struct SourceColumn {
    pub name: String,
    /// The type's name in SQL.
    pub type_name: String,
    base: Base,
}

impl From<&Attribute> for SourceColumn {
    fn from(Attribute { name, type_name, base, .. }: &Attribute) -> Self {
        Self { name: name.clone(), type_name: type_name.clone(), base: base.clone() }
    }
}

impl SourceColumn {
    /// The type of ids in the column; `None` if its type cannot be an id.
    pub fn id_kind(&self) -> Option<IdKind> {
        match self.base {
            Base::Builtin(INT2OID | INT4OID | INT8OID) => Some(IdKind::Bigint),
            Base::Builtin(UUIDOID) => Some(IdKind::Uuid),
            Base::Builtin(TEXTOID | VARCHAROID | BPCHAROID) => Some(IdKind::Text),
            _ => None,
        }
    }

    /// Whether trailing blanks are insignificant, as in `char(n)`.
    pub fn is_blank_padded(&self) -> bool {
        matches!(self.base, Base::Builtin(BPCHAROID))
    }

    /// Whether the type of the column suits the role.
    pub fn serves(&self, role: ColumnRole) -> bool {
        match (role, self.feature_kind()) {
            (ColumnRole::Id, _) => self.id_kind().is_some(),
            (ColumnRole::Weight, kind) => kind == Some(ColumnKind::Number),
            (ColumnRole::Time, kind) => kind == Some(ColumnKind::Moment),
            (ColumnRole::Type, kind) => kind == Some(ColumnKind::Category),
            (ColumnRole::Growing, _) => self.grows_as().is_some(),
        }
    }

    /// The type as which values that grow are compared; `None` if the type of the column has none. All rows of a day have
    /// the same date, so dates do not grow.
    pub fn grows_as(&self) -> Option<pg_sys::Oid> {
        match self.base {
            Base::Builtin(INT2OID | INT4OID | INT8OID) => Some(INT8OID),
            Base::Builtin(own @ (TIMESTAMPTZOID | TIMESTAMPOID)) => Some(own),
            _ => None,
        }
    }

    /// The kind of feature that the column can be, if any.
    pub fn feature_kind(&self) -> Option<ColumnKind> {
        let oid = match &self.base {
            Base::Builtin(oid) => *oid,
            Base::Enum => return Some(ColumnKind::Category),
            // pgvector's types, which cast to real[].
            Base::Extension(name) if name == "vector" || name == "halfvec" => {
                return Some(ColumnKind::Vector);
            }
            Base::Extension(_) | Base::Other => return None,
        };
        match oid {
            INT2OID | INT4OID | INT8OID | FLOAT4OID | FLOAT8OID | NUMERICOID => Some(ColumnKind::Number),
            BOOLOID => Some(ColumnKind::Boolean),
            TEXTOID | VARCHAROID | BPCHAROID | NAMEOID | CHAROID => Some(ColumnKind::Category),
            DATEOID | TIMESTAMPOID | TIMESTAMPTZOID => Some(ColumnKind::Moment),
            INT2ARRAYOID | INT4ARRAYOID | INT8ARRAYOID | FLOAT4ARRAYOID | FLOAT8ARRAYOID
            | NUMERICARRAYOID => Some(ColumnKind::Vector),
            _ => None,
        }
    }

    /// Like [`Self::feature_kind`], for a column of items, which may also be several categories in a row, or a sparse
    /// vector of pgvector.
    pub fn item_feature_kind(&self) -> Option<ColumnKind> {
        match &self.base {
            Base::Builtin(TEXTARRAYOID | VARCHARARRAYOID) => Some(ColumnKind::Categories),
            Base::Extension(name) if name == "sparsevec" => Some(ColumnKind::SparseVector),
            _ => self.feature_kind(),
        }
    }

    /// Whether the column may hold prose.
    pub fn is_text(&self) -> bool {
        matches!(self.base, Base::Builtin(TEXTOID | VARCHAROID | BPCHAROID))
    }

    /// The expression that reads the column as a feature. Terms are those of a text search configuration.
    pub fn feature_expression(&self, kind: ColumnKind, text_config: &str) -> String {
        let name = spi::quote_identifier(&self.name);
        match kind {
            // Each category, or each term after its count, ends where the next unit separator (U+001F) begins.
            ColumnKind::Categories => format!(
                "(SELECT pg_catalog.string_agg(DISTINCT value::pg_catalog.text, pg_catalog.chr(31)) \
                  FROM pg_catalog.unnest({name}) AS part (value))"
            ),
            ColumnKind::Text => format!(
                "(SELECT pg_catalog.string_agg(pg_catalog.concat(pg_catalog.cardinality(term.positions), ' ', term.lexeme), pg_catalog.chr(31)) \
                  FROM pg_catalog.unnest(pg_catalog.to_tsvector({}::pg_catalog.regconfig, pg_catalog.left({name}::pg_catalog.text, {MOST_LETTERS}))) AS term)",
                spi::quote_literal(text_config)
            ),
            ColumnKind::Number => self.number(),
            ColumnKind::Boolean => format!("{name}::pg_catalog.bool"),
            ColumnKind::Category => self.text(),
            ColumnKind::Moment => self.expression(ColumnRole::Time),
            // Keep float8, because not all of its values fit into real.
            ColumnKind::Vector if self.base == Base::Builtin(FLOAT8ARRAYOID) => {
                format!("{name}::pg_catalog.float8[]")
            }
            ColumnKind::Vector if self.base == Base::Builtin(NUMERICARRAYOID) => format!(
                "(SELECT pg_catalog.array_agg({} ORDER BY place) FROM pg_catalog.unnest({name}) WITH ORDINALITY AS part (value, place))",
                number_of("value::pg_catalog.numeric")
            ),
            ColumnKind::Vector => format!("{name}::pg_catalog.float4[]"),
            ColumnKind::SparseVector => format!("{name}::pg_catalog.text"),
        }
    }

    /// The expression that reads the column in the engine's format.
    pub fn expression(&self, role: ColumnRole) -> String {
        let name = spi::quote_identifier(&self.name);
        match (role, &self.base) {
            (ColumnRole::Id, _) => match self.id_kind() {
                Some(IdKind::Bigint) => format!("{name}::pg_catalog.int8"),
                Some(IdKind::Uuid) => format!("{name}::pg_catalog.uuid"),
                _ => format!("{name}::pg_catalog.text"),
            },
            (ColumnRole::Weight, _) => self.number(),
            (ColumnRole::Growing, Base::Builtin(INT2OID | INT4OID | INT8OID)) => {
                format!("{name}::pg_catalog.int8")
            }
            // The column may be a domain.
            (ColumnRole::Time | ColumnRole::Growing, Base::Builtin(TIMESTAMPTZOID)) => {
                format!("{name}::pg_catalog.timestamptz")
            }
            // Dates beyond the range of timestamps become infinite, which is rejected as a bad time.
            (ColumnRole::Time, Base::Builtin(DATEOID)) => format!(
                "CASE WHEN {name} OPERATOR(pg_catalog.>) '294276-12-31'::pg_catalog.date \
                      THEN 'infinity'::pg_catalog.timestamptz \
                      ELSE pg_catalog.timezone('UTC', {name}::pg_catalog.timestamp) END"
            ),
            // Read without time zone, so that the session's time zone does not matter.
            (ColumnRole::Time | ColumnRole::Growing, _) => {
                format!("pg_catalog.timezone('UTC', {name}::pg_catalog.timestamp)")
            }
            (ColumnRole::Type, _) => self.text(),
        }
    }

    /// The expression that reads the column as a number.
    fn number(&self) -> String {
        let name = spi::quote_identifier(&self.name);
        match self.base {
            Base::Builtin(NUMERICOID) => number_of(&format!("{name}::pg_catalog.numeric")),
            _ => format!("{name}::pg_catalog.float8"),
        }
    }

    /// The expression that reads the column as text: the same as in `to_jsonb(row)`, regardless of session settings,
    /// but without the padding of `char(n)`, and with numbers in their shortest form. An enum is passed to concat,
    /// which ignores casts defined by the enum's owner.
    fn text(&self) -> String {
        let name = spi::quote_identifier(&self.name);
        match self.base {
            Base::Enum => format!("CASE WHEN {name} IS NOT NULL THEN pg_catalog.concat({name}) END"),
            Base::Builtin(NUMERICOID) => {
                format!("pg_catalog.trim_scale({name}::pg_catalog.numeric)::pg_catalog.text")
            }
            Base::Builtin(FLOAT4OID | FLOAT8OID) => format!(
                "pg_catalog.trim_scale((pg_catalog.to_jsonb({name}) OPERATOR(pg_catalog.#>>) '{{}}')::pg_catalog.numeric)::pg_catalog.text"
            ),
            Base::Builtin(DATEOID | TIMESTAMPOID) => {
                format!("pg_catalog.to_jsonb({name}) OPERATOR(pg_catalog.#>>) '{{}}'")
            }
            Base::Builtin(TIMESTAMPTZOID) => format!(
                "pg_catalog.to_jsonb(pg_catalog.timezone('UTC', {name})) OPERATOR(pg_catalog.#>>) '{{}}' OPERATOR(pg_catalog.||) '+00:00'"
            ),
            _ => format!("{name}::pg_catalog.text"),
        }
    }
}

/// The letters of a text that are read: with four bytes each they stay below the limit of a tsvector.
const MOST_LETTERS: usize = 250_000;

/// The expression that reads a numeric as `float8`: infinite beyond its range, 0 below its smallest number. NaN is
/// greater than all numbers.
fn number_of(numeric: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.abs({numeric}) OPERATOR(pg_catalog.>) 1e308::pg_catalog.numeric THEN 'Infinity'::pg_catalog.float8 \
              WHEN pg_catalog.abs({numeric}) OPERATOR(pg_catalog.<) 1e-307::pg_catalog.numeric THEN 0::pg_catalog.float8 \
              ELSE ({numeric})::pg_catalog.float8 END"
    )
}

/// The columns of the events relation that a model reads. The relation is locked until the end of the transaction.
#[derive(Clone, Debug)]
pub struct EventColumns {
    /// The unqualified name, for messages.
    pub name: String,
    pub relation: Filtered,
    /// The column of user ids.
    pub user: SourceColumn,
    /// The column of item ids.
    pub item: SourceColumn,
    /// The types of user and item ids.
    pub kinds: [IdKind; 2],
    pub weight: Option<SourceColumn>,
    pub time: Option<SourceColumn>,
    pub event_type: Option<SourceColumn>,
}

/// Whether trailing blanks of ids in a column are insignificant; false if the column does not exist.
pub fn is_blank_padded(relation: pg_sys::Oid, column: &str) -> bool {
    let relation = Relation::hold(relation);
    let column = relation.as_ref().and_then(|relation| relation.column(column));
    column.is_some_and(|column| SourceColumn::from(column).is_blank_padded())
}

/// Locks and describes a relation, of which a model reads the rows that pass a filter; an error if it is gone, or does not
/// have what the filter compares.
pub fn hold(
    model: &str,
    argument: &'static str,
    relation: pg_sys::Oid,
    filter: &RowFilter,
) -> Result<Filtered> {
    match Relation::hold(relation) {
        Some(relation) => Filtered::new(relation, &format!("{argument}.filter"), filter),
        None => Err(SegrecError::RelationGone {
            model: model.to_owned(),
            argument,
            namesake: namesake(model, argument)?,
        }),
    }
}

/// The former name of a model's relation, if another relation has that name now.
fn namesake(model: &str, argument: &str) -> Result<Option<String>> {
    let sql = "SELECT bound.name FROM segrec_catalog.models model, \
                   LATERAL (VALUES ('events', model.events_name), ('users', model.users_name), ('items', model.items_name)) \
                       AS bound (argument, name) \
               WHERE model.name = $1 AND bound.argument = $2 AND pg_catalog.to_regclass(bound.name) IS NOT NULL";
    let found = as_owner(|| query(sql, &[model.into(), argument.into()], |row| row.value(1)))?;
    Ok(found.into_iter().next())
}

/// Whether a B-tree or hash index leads with the column, after none but those that the filter compares, so that one user's
/// events are found quickly. Excludes char(n), which is compared as text here.
pub fn has_leading_index(rows: &Filtered, column: &str) -> Result<bool> {
    has_index(rows.oid, column, &["btree", "hash"], rows.filter_columns())
}

/// Like [`has_leading_index`], for an index that has the values in order.
pub fn has_ordered_index(rows: &Filtered, column: &str) -> Result<bool> {
    has_index(rows.oid, column, &["btree"], rows.fixed_columns())
}

fn has_index<'a>(
    relation: pg_sys::Oid,
    column: &str,
    methods: &[&str],
    before: impl Iterator<Item = &'a str>,
) -> Result<bool> {
    let found = query(
        "SELECT 1 FROM pg_catalog.pg_index index \
         JOIN pg_catalog.pg_class class ON class.oid = index.indexrelid \
         JOIN pg_catalog.pg_am method ON method.oid = class.relam \
         JOIN pg_catalog.pg_attribute attribute \
           ON attribute.attrelid = index.indrelid AND attribute.attnum = ANY (index.indkey) \
         CROSS JOIN LATERAL (SELECT pg_catalog.min(place) AS place \
                             FROM pg_catalog.generate_series(0, index.indnkeyatts - 1) AS place \
                             WHERE index.indkey[place] = attribute.attnum) AS led \
         WHERE index.indrelid = $1 AND attribute.attname = $2::pg_catalog.name \
           AND index.indisvalid AND index.indpred IS NULL AND led.place IS NOT NULL \
           AND (class.relkind = 'I' OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = index.indrelid)) \
           AND method.amname::text = ANY ($3::text[]) AND attribute.atttypid <> 'pg_catalog.bpchar'::pg_catalog.regtype \
           AND NOT EXISTS (SELECT FROM pg_catalog.generate_series(0, led.place - 1) AS place \
                           LEFT JOIN pg_catalog.pg_attribute before \
                             ON before.attrelid = index.indrelid AND before.attnum = index.indkey[place] \
                           WHERE (before.attname::text = ANY ($4::text[])) IS NOT TRUE) \
         LIMIT 1",
        &[
            relation.into(),
            column.into(),
            methods.iter().map(|&name| name.to_owned()).collect::<Vec<_>>().into(),
            before.map(str::to_owned).collect::<Vec<_>>().into(),
        ],
        |row| row.value::<i32>(1),
    )?;
    Ok(!found.is_empty())
}

/// The text search configuration with a name, schema-qualified or not: if several have it, one that the search path finds;
/// `None` if there is none.
pub fn text_search_config(name: &str) -> Result<Option<pg_sys::Oid>> {
    let found = query(
        "SELECT config.oid FROM pg_catalog.pg_ts_config config \
         JOIN pg_catalog.pg_namespace schema ON schema.oid = config.cfgnamespace, \
              pg_catalog.parse_ident($1) AS named (parts) \
         WHERE config.cfgname = parts[pg_catalog.cardinality(parts)] \
           AND (pg_catalog.cardinality(parts) = 1 OR schema.nspname = parts[1]) \
         ORDER BY pg_catalog.pg_ts_config_is_visible(config.oid) DESC, config.oid LIMIT 1",
        &[name.into()],
        |row| row.value::<pg_sys::Oid>(1),
    )?;
    Ok(found.into_iter().next())
}

/// The name of the database encoding.
pub fn database_encoding() -> Result<String> {
    let found = query(
        "SELECT pg_catalog.pg_encoding_to_char(encoding)::text FROM pg_catalog.pg_database \
         WHERE datname = pg_catalog.current_database()",
        &[],
        |row| row.value(1),
    )?;
    only(found)
}

/// Looks up the columns that a model reads from its events and checks their types; reports all problems together.
pub fn event_columns(
    model: &str,
    relation: pg_sys::Oid,
    names: &ColumnNames,
    filter: &RowFilter,
) -> Result<EventColumns> {
    let relation = hold(model, "events", relation, filter)?;
    let asked = [
        ("user_column", Some(&names.user), ColumnRole::Id),
        ("item_column", Some(&names.item), ColumnRole::Id),
        ("weight_column", names.weight.as_ref(), ColumnRole::Weight),
        ("time_column", names.time.as_ref(), ColumnRole::Time),
        ("type_column", names.event_type.as_ref(), ColumnRole::Type),
    ];
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    let found = asked.map(|(argument, name, role)| {
        let name = name?;
        let column = relation.column(name).map(SourceColumn::from);
        match &column {
            None => missing.push((argument.to_owned(), name.clone())),
            Some(column) if !column.serves(role) => {
                wrong.push(format!(
                    "\"{name}\" is {}, but {argument} must be {}.",
                    column.type_name,
                    role.takes()
                ));
            }
            Some(_) => {}
        }
        column
    });
    if !missing.is_empty() {
        let existing = relation.columns.iter().map(|column| column.name.clone()).collect();
        return Err(SegrecError::MissingColumns { relation: relation.name.clone(), missing, existing });
    }
    let id = |column: Option<SourceColumn>| column.and_then(|column| Some((column.id_kind()?, column)));
    let [user, item, weight, time, event_type] = found;
    match (id(user), id(item)) {
        (Some((user_kind, user)), Some((item_kind, item))) if wrong.is_empty() => Ok(EventColumns {
            name: relation.name.clone(),
            relation,
            user,
            item,
            kinds: [user_kind, item_kind],
            weight,
            time,
            event_type,
        }),
        _ => Err(SegrecError::WrongColumnTypes { relation: relation.name.clone(), columns: wrong }),
    }
}

/// Like [`event_columns`], for a model, whose id types must not have changed.
pub fn model_events(model: &Model, source: &EventsSource) -> Result<EventColumns> {
    let columns = event_columns(&model.name, source.relation, &source.columns, &source.filter)?;
    check_kind(&model.name, &columns.name, "user", &columns.user, model.user_kind)?;
    check_kind(&model.name, &columns.name, "item", &columns.item, source.item_kind)?;
    Ok(columns)
}

/// Returns an error if the ids in a column are not of the type that the model was created for.
pub fn check_kind(
    model: &str,
    relation: &str,
    what: &'static str,
    column: &SourceColumn,
    kind: IdKind,
) -> Result<()> {
    if column.id_kind() == Some(kind) {
        return Ok(());
    }
    Err(SegrecError::IdKindChanged {
        model: model.to_owned(),
        relation: relation.to_owned(),
        what,
        column: column.name.as_str().into(),
        type_name: column.type_name.as_str().into(),
        kind: kind.name(),
    })
}
