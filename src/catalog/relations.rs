//! The caller's relations: columns, types, indexes. Read as the caller.

use super::models::ColumnNames;
use super::statement::query;
use crate::error::{Result, SegrecError};
use pgrx::{pg_sys, spi};
use segrec_engine::features::ColumnKind;
use segrec_engine::interactions::IdKind;

/// What a column of the events relation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The id of a user or an item.
    Id,
    /// A number.
    Weight,
    /// A moment.
    Time,
    /// A word.
    Type,
}

impl ColumnRole {
    /// The types that serve, in words.
    fn takes(self) -> &'static str {
        match self {
            Self::Id => "bigint, uuid or text",
            Self::Weight => "a number",
            Self::Time => "timestamptz, timestamp or date",
            Self::Type => "text or an enum",
        }
    }
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it.
    pub type_name: String,
    /// The name of its base type in `pg_type`.
    base_type: String,
}

impl Column {
    /// The kind of id the column holds, where its type serves as an id.
    pub fn id_kind(&self) -> Option<IdKind> {
        match self.base_type.as_str() {
            "int2" | "int4" | "int8" => Some(IdKind::Bigint),
            "uuid" => Some(IdKind::Uuid),
            "text" | "varchar" | "bpchar" => Some(IdKind::Text),
            _ => None,
        }
    }

    /// True where the type serves the role.
    pub fn serves(&self, role: ColumnRole) -> bool {
        let base = self.base_type.as_str();
        match role {
            ColumnRole::Id => self.id_kind().is_some(),
            ColumnRole::Weight => matches!(base, "int2" | "int4" | "int8" | "float4" | "float8" | "numeric"),
            ColumnRole::Time => matches!(base, "timestamptz" | "timestamp" | "date"),
            ColumnRole::Type => {
                matches!(base, "text" | "varchar" | "bpchar" | "name" | "char") || base == "enum"
            }
        }
    }

    /// What the column is as a feature of users, where its type can be one.
    pub fn feature_kind(&self) -> Option<ColumnKind> {
        match self.base_type.as_str() {
            "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" => Some(ColumnKind::Number),
            "bool" => Some(ColumnKind::Boolean),
            "text" | "varchar" | "bpchar" | "name" | "char" | "enum" => Some(ColumnKind::Category),
            "date" | "timestamp" | "timestamptz" => Some(ColumnKind::Moment),
            // The last two are pgvector's; they cast to real[].
            "_int2" | "_int4" | "_int8" | "_float4" | "_float8" | "_numeric" | "vector" | "halfvec" => {
                Some(ColumnKind::Vector)
            }
            _ => None,
        }
    }

    /// The expression that reads the column as a feature.
    pub fn feature_expression(&self, kind: ColumnKind) -> String {
        let name = spi::quote_identifier(&self.name);
        match kind {
            ColumnKind::Number => format!("{name}::pg_catalog.float8"),
            ColumnKind::Boolean => format!("{name}::pg_catalog.bool"),
            ColumnKind::Category => self.text(),
            ColumnKind::Moment => self.expression(ColumnRole::Time),
            ColumnKind::Vector => format!("{name}::pg_catalog.float4[]"),
        }
    }

    /// The expression that reads the column in the form the engine takes.
    pub fn expression(&self, role: ColumnRole) -> String {
        let name = spi::quote_identifier(&self.name);
        match (role, self.base_type.as_str()) {
            (ColumnRole::Id, _) => match self.id_kind() {
                Some(IdKind::Bigint) => format!("{name}::pg_catalog.int8"),
                Some(IdKind::Uuid) => format!("{name}::pg_catalog.uuid"),
                _ => format!("{name}::pg_catalog.text"),
            },
            (ColumnRole::Weight, _) => format!("{name}::pg_catalog.float8"),
            (ColumnRole::Time, "timestamptz") => name,
            // Without a zone, so that the session's zone does not matter.
            (ColumnRole::Time, _) => {
                format!("pg_catalog.timezone('UTC', {name}::pg_catalog.timestamp)")
            }
            (ColumnRole::Type, _) => self.text(),
        }
    }

    /// The expression that reads the column as text. The owner of an enum may have given it a cast of their own;
    /// concat does not look for one.
    fn text(&self) -> String {
        let name = spi::quote_identifier(&self.name);
        match self.base_type.as_str() {
            "enum" => format!("CASE WHEN {name} IS NOT NULL THEN pg_catalog.concat({name}) END"),
            _ => format!("{name}::pg_catalog.text"),
        }
    }
}

/// The columns of the events relation that a model reads.
#[derive(Clone, Debug)]
pub struct EventColumns {
    /// The relation's plain name, for messages.
    pub name: String,
    /// The relation, quoted and with its schema.
    pub relation: String,
    /// The relation's oid.
    pub oid: pg_sys::Oid,
    /// The user's id.
    pub user: Column,
    /// The item's id.
    pub item: Column,
    /// The weight.
    pub weight: Option<Column>,
    /// The time.
    pub time: Option<Column>,
    /// The type.
    pub event_type: Option<Column>,
}

/// The quoted name with schema, the plain name and the kind of a relation; `None` where it is gone.
pub fn describe(relation: pg_sys::Oid) -> Result<Option<(String, String, i8)>> {
    let found = query(
        "SELECT pg_catalog.format('%I.%I', namespace.nspname, relation.relname), relation.relname::text, relation.relkind \
         FROM pg_catalog.pg_class relation \
         JOIN pg_catalog.pg_namespace namespace ON namespace.oid = relation.relnamespace \
         WHERE relation.oid = $1",
        &[relation.into()],
        |row| Ok((row.value(1)?, row.value(2)?, row.value(3)?)),
    )?;
    Ok(found.into_iter().next())
}

/// The columns of a relation in their order; domains count as their base type. A type is known by its name only
/// where a superuser made it: what others call "int8" may have a cast that runs a function of theirs as the caller.
pub fn columns(relation: pg_sys::Oid) -> Result<Vec<Column>> {
    query(
        "WITH RECURSIVE base AS ( \
             SELECT attribute.attnum, attribute.attname, attribute.atttypid AS declared, attribute.atttypmod, \
                    type.oid, type.typname, type.typtype, type.typbasetype, type.typnamespace, type.typelem \
             FROM pg_catalog.pg_attribute attribute \
             JOIN pg_catalog.pg_type type ON type.oid = attribute.atttypid \
             WHERE attribute.attrelid = $1 AND attribute.attnum > 0 AND NOT attribute.attisdropped \
             UNION ALL \
             SELECT base.attnum, base.attname, base.declared, base.atttypmod, \
                    type.oid, type.typname, type.typtype, type.typbasetype, type.typnamespace, type.typelem \
             FROM base JOIN pg_catalog.pg_type type ON type.oid = base.typbasetype \
             WHERE base.typtype = 'd') \
         SELECT attname::text, pg_catalog.format_type(declared, atttypmod), \
                CASE WHEN typtype = 'e' THEN 'enum' \
                     WHEN typnamespace = 'pg_catalog'::pg_catalog.regnamespace OR (typtype = 'b' AND typelem = 0) THEN typname::text \
                     ELSE 'other' END \
         FROM base WHERE typtype <> 'd' ORDER BY attnum",
        &[relation.into()],
        |row| Ok(Column { name: row.value(1)?, type_name: row.value(2)?, base_type: row.value(3)? }),
    )
}

/// True where an index leads with the column, so that one user's events are found at once: a B-tree or
/// hash index, and not on char(n), which is compared as text here.
pub fn has_leading_index(relation: pg_sys::Oid, column: &str) -> Result<bool> {
    let found = query(
        "SELECT 1 FROM pg_catalog.pg_index index \
         JOIN pg_catalog.pg_class class ON class.oid = index.indexrelid \
         JOIN pg_catalog.pg_am method ON method.oid = class.relam \
         JOIN pg_catalog.pg_attribute attribute \
           ON attribute.attrelid = index.indrelid AND attribute.attnum = index.indkey[0] \
         WHERE index.indrelid = $1 AND attribute.attname = $2::pg_catalog.name \
           AND index.indisvalid AND index.indpred IS NULL \
           AND method.amname IN ('btree', 'hash') AND attribute.atttypid <> 'pg_catalog.bpchar'::pg_catalog.regtype \
         LIMIT 1",
        &[relation.into(), column.into()],
        |row| row.value::<i32>(1),
    )?;
    Ok(!found.is_empty())
}

/// The name of the database's encoding.
pub fn database_encoding() -> Result<String> {
    let found = query(
        "SELECT pg_catalog.pg_encoding_to_char(encoding)::text FROM pg_catalog.pg_database \
         WHERE datname = pg_catalog.current_database()",
        &[],
        |row| row.value(1),
    )?;
    found.into_iter().next().ok_or_else(|| SegrecError::Internal("the database has no encoding".to_owned()))
}

/// True where the caller may read the columns of the relation; raises PostgreSQL's own error where
/// not, by planning and starting the query that training runs.
pub fn probe(relation: &str, expressions: &[String]) -> Result<()> {
    let sql = format!("SELECT {} FROM {relation} LIMIT 0", expressions.join(", "));
    query(&sql, &[], |_| Ok(())).map(|_| ())
}

/// Finds the columns that a model reads from its events and checks their types; all problems are
/// reported together.
pub fn event_columns(model: &str, relation: pg_sys::Oid, names: &ColumnNames) -> Result<EventColumns> {
    let Some((quoted, plain, _)) = describe(relation)? else {
        return Err(SegrecError::RelationGone { model: model.to_owned(), argument: "events" });
    };
    let columns = columns(relation)?;
    let asked = [
        ("user_column", Some(&names.user), ColumnRole::Id),
        ("item_column", Some(&names.item), ColumnRole::Id),
        ("weight_column", names.weight.as_ref(), ColumnRole::Weight),
        ("time_column", names.time.as_ref(), ColumnRole::Time),
        ("type_column", names.event_type.as_ref(), ColumnRole::Type),
    ];
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    let mut found = asked.map(|(argument, name, role)| {
        let name = name?;
        let column = columns.iter().find(|column| column.name == *name);
        match column {
            None => missing.push((argument.to_owned(), name.clone())),
            Some(column) if !column.serves(role) => {
                wrong.push(format!("\"{name}\" is {}, {argument} takes {}", column.type_name, role.takes()));
            }
            Some(_) => {}
        }
        column.cloned()
    });
    if !missing.is_empty() {
        let existing = columns.into_iter().map(|column| column.name).collect();
        return Err(SegrecError::MissingColumns { relation: plain, missing, existing });
    }
    if !wrong.is_empty() {
        return Err(SegrecError::WrongColumnTypes { relation: plain, columns: wrong });
    }
    let [user, item, weight, time, event_type] = &mut found;
    match (user.take(), item.take()) {
        (Some(user), Some(item)) => Ok(EventColumns {
            name: plain,
            relation: quoted,
            oid: relation,
            user,
            item,
            weight: weight.take(),
            time: time.take(),
            event_type: event_type.take(),
        }),
        _ => Err(SegrecError::Internal("a model has no user or item column".to_owned())),
    }
}
