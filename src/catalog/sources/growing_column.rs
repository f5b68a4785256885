//! The column by which rows that were inserted last are found: its values grow, and an index has them in order.

use super::access::{self, Access};
use super::filtered::Filtered;
use super::relations::{ColumnRole, SourceColumn};
use crate::catalog::models::RelationRef;
use crate::error::{Result, SegrecError};
use crate::pg::datums::value::Argument;
use crate::pg::executor::relation::Relation;
use pgrx::datum::{Timestamp, TimestampWithTimeZone};
use pgrx::{pg_sys, spi};
use segrec_engine::interactions::IdKind;

/// The option that names the column.
pub const OPTION: &str = "items.added_column";

/// A column of integers or moments that grows from row to row.
#[derive(Clone, Debug)]
pub struct GrowingColumn {
    column: SourceColumn,
    /// The type of values as which the column is compared.
    compared_as: pg_sys::Oid,
}

impl GrowingColumn {
    /// A column of a relation; `None` if its type does not grow.
    pub fn new(column: SourceColumn) -> Option<Self> {
        let compared_as = column.grows_as()?;
        Some(Self { column, compared_as })
    }

    /// The column of items that the options name.
    pub fn named(relation: &Relation, name: &str) -> Result<Self> {
        let Some(column) = relation.column(name).map(SourceColumn::from) else {
            let existing = relation.columns.iter().map(|column| column.name.clone()).collect();
            let missing = vec![(OPTION.to_owned(), name.to_owned())];
            return Err(SegrecError::MissingColumns { relation: relation.name.clone(), missing, existing });
        };
        let (type_name, takes) = (column.type_name.clone(), ColumnRole::Growing.takes());
        Self::new(column).ok_or_else(|| {
            let columns = vec![format!("\"{name}\" is {type_name}, but {OPTION} must be {takes}.")];
            SegrecError::WrongColumnTypes { relation: relation.name.clone(), columns }
        })
    }

    /// The column by which items that come later are found: that which the options name, else the key if this is an
    /// integer. `None` if there is none, or nothing has its values in order.
    pub fn of_items(
        relation: &Filtered,
        items: &RelationRef,
        added: Option<&str>,
    ) -> Result<Option<(Self, Access)>> {
        let column = match added {
            Some(name) => Some(Self::named(relation, name)?),
            None => {
                let key = relation.column(&items.key).map(SourceColumn::from);
                key.filter(|key| key.id_kind() == Some(IdKind::Bigint)).and_then(Self::new)
            }
        };
        let Some(column) = column else { return Ok(None) };
        Ok(access::in_order(relation, column.name())?.map(|access| (column, access)))
    }

    /// The name of the column.
    pub fn name(&self) -> &str {
        &self.column.name
    }

    /// The expression that reads its values, as `bigint` or as moments.
    pub fn expression(&self) -> String {
        self.column.expression(ColumnRole::Growing)
    }

    /// The type of the parameter of [`Self::beyond`].
    pub fn parameter(&self) -> pg_sys::Oid {
        self.compared_as
    }

    /// A value as a parameter of [`Self::beyond`]; `None` if the type has no such value.
    pub fn argument(&self, value: i64) -> Option<Argument<'static>> {
        match self.compared_as {
            pg_sys::TIMESTAMPTZOID => TimestampWithTimeZone::try_from(value).ok().map(Argument::from),
            pg_sys::TIMESTAMPOID => Timestamp::try_from(value).ok().map(Argument::from),
            _ => Some(value.into()),
        }
    }

    /// The rows with a larger value than the parameter, at most `most` of them, the smallest values first, as a condition and
    /// what comes after it. A second
    /// condition, such as that moments are finite, would make a range of it, of which the planner expects so few rows that
    /// it sorts all of them instead of reading the first ones by the index.
    pub fn beyond(&self, most: u32) -> (String, String) {
        let (name, type_name) = (spi::quote_identifier(self.name()), self.type_name());
        (
            format!("{name} OPERATOR(pg_catalog.>) $1::pg_catalog.{type_name}"),
            format!("ORDER BY {name} USING OPERATOR(pg_catalog.<) LIMIT {most}"),
        )
    }

    /// The rows with a larger value than the parameter.
    pub fn larger(&self) -> String {
        let (name, type_name) = (spi::quote_identifier(self.name()), self.type_name());
        format!("{name} OPERATOR(pg_catalog.>) $1::pg_catalog.{type_name}")
    }

    /// Whether other values can come after this one.
    pub fn is_finite(&self, value: i64) -> bool {
        self.compared_as == pg_sys::INT8OID || value < i64::MAX
    }

    /// The rows with the largest values, at most `most` of them, the largest first, likewise.
    pub fn latest(&self, most: u32) -> (String, String) {
        let name = spi::quote_identifier(self.name());
        (
            format!("{name} IS NOT NULL{}", self.finite()),
            format!("ORDER BY {name} USING OPERATOR(pg_catalog.>) LIMIT {most}"),
        )
    }

    fn type_name(&self) -> &'static str {
        match self.compared_as {
            pg_sys::TIMESTAMPTZOID => "timestamptz",
            pg_sys::TIMESTAMPOID => "timestamp",
            _ => "int8",
        }
    }

    /// Nothing comes after an infinite moment, so rows with one are left out.
    fn finite(&self) -> String {
        match self.compared_as {
            pg_sys::INT8OID => String::new(),
            _ => format!(
                " AND {} OPERATOR(pg_catalog.<) 'infinity'::pg_catalog.{}",
                spi::quote_identifier(self.name()),
                self.type_name()
            ),
        }
    }
}
