//! Reads attributes of users and items with the caller's rights: whole relations, streamed, and the current row of one
//! user or item.

use super::access::{self, Access, Verdict};
use super::events::{is_too_long, with_id};
use super::filtered::Filtered;
use super::growing_column::GrowingColumn;
use super::later_rows::LaterRows;
use super::live_rows::{Live, LiveRows};
use super::queries::{Clauses, probe, query_of};
use super::relations::{self, ColumnRole, SourceColumn, check_kind};
use super::wanted_columns::WantedColumns;
use crate::catalog::models::RelationRef;
use crate::error::{Result, SegrecError};
use crate::pg::datums::encoding::c_text;
use crate::pg::executor::relation::text_config_exists;
use crate::pg::executor::row::ResultRow;
use crate::pg::security::rights::may_read;
use pgrx::pg_sys;
use segrec_engine::features::{
    self, Cell, ColumnBuilder, ColumnKind, ItemEncoder, NO_LEVEL, ParsedSparseVector, Table, TermCounts,
    Values,
};
use segrec_engine::interactions::{Id, IdKind, IdMap};

/// A relation, and the columns to read from it.
#[derive(Clone, Debug)]
pub struct AttributeColumns {
    /// The unqualified name, for messages.
    pub name: String,
    relation: Filtered,
    key: SourceColumn,
    kind: IdKind,
    columns: Vec<(SourceColumn, ColumnKind)>,
    /// The option that names the columns.
    pub option: &'static str,
    /// Whether the columns describe items: their vectors are held at half precision.
    describes_items: bool,
    /// The text search configuration by which texts are read.
    text_config: String,
    /// The names of all columns that are not read, including the key.
    pub others: Vec<String>,
    /// Columns whose type cannot be a feature, with the type.
    pub unusable: Vec<(String, String)>,
    /// Columns that would be features if the option named them.
    pub left_alone: Vec<String>,
}

/// Looks up the columns of a relation; those in `labels` are read as text regardless of their type.
pub fn attribute_columns(
    model: &str,
    argument: &'static str,
    described: &RelationRef,
    kind: IdKind,
    wanted: &WantedColumns,
    labels: &[String],
) -> Result<AttributeColumns> {
    let relation = relations::hold(model, argument, described.relation, &described.filter)?;
    let name = relation.name.clone();
    if let WantedColumns::Describing { added: Some(added), .. } = wanted {
        GrowingColumn::named(&relation, added)?;
    }
    let all: Vec<SourceColumn> = relation.columns.iter().map(SourceColumn::from).collect();
    let mut asked: Vec<(&str, String)> = vec![("key", described.key.clone())];
    let (option, named) = wanted.named();
    asked.extend(named.iter().map(|name| (option, name.clone())));
    asked.extend(labels.iter().map(|name| ("segmentation", name.clone())));
    let missing: Vec<(String, String)> = asked
        .into_iter()
        .filter(|(_, name)| !all.iter().any(|column| column.name == *name))
        .map(|(argument, name)| (argument.to_owned(), name))
        .collect();
    let key = all.iter().find(|column| column.name == described.key).cloned();
    let Some(key) = key.filter(|_| missing.is_empty()) else {
        let existing = all.into_iter().map(|column| column.name).collect();
        return Err(SegrecError::MissingColumns { relation: name, missing, existing });
    };
    let (mut columns, mut unusable, mut left_alone) = (Vec::new(), Vec::new(), Vec::new());
    let names: Vec<String> = all.iter().map(|column| column.name.clone()).collect();
    for column in all {
        if column.name == described.key {
            continue;
        }
        if labels.contains(&column.name) {
            columns.push((column, ColumnKind::Category));
        } else if let Some(kind) = wanted.kind_of(&column) {
            // Columns that nobody named are read if they may be.
            let by_itself = matches!(wanted, WantedColumns::Describing { names, .. } if names.is_empty());
            if by_itself && !may_read(relation.oid, [c_text(&column.name)?.as_c_str()]) {
                continue;
            }
            match kind {
                Some(kind) => columns.push((column, kind)),
                None => unusable.push((column.name.clone(), column.type_name.clone())),
            }
        } else if wanted.leaves_alone(&column) {
            left_alone.push(column.name);
        }
    }
    let wrong: Vec<String> = unusable
        .iter()
        .filter(|(name, _)| named.contains(name))
        .map(|(name, type_name)| format!("\"{name}\" is {type_name}, which cannot be used as a feature."))
        .collect();
    if !wrong.is_empty() {
        return Err(SegrecError::WrongColumnTypes { relation: name, columns: wrong });
    }
    let what = if argument == "items" { "item" } else { "user" };
    check_kind(model, &name, what, &key, kind)?;
    let read = |name: &String| columns.iter().any(|(column, _)| column.name == *name);
    let others = names.into_iter().filter(|name| !read(name)).collect();
    let text_config = String::new();
    let describes_items = matches!(wanted, WantedColumns::Describing { .. });
    Ok(AttributeColumns {
        name,
        relation,
        key,
        kind,
        columns,
        option,
        describes_items,
        text_config,
        others,
        unusable,
        left_alone,
    })
}

/// Looks up the columns of items that a training has learned to read, in so far as the relation still has them, and of
/// these types.
pub fn described_columns(
    model: &str,
    items: &RelationRef,
    kind: IdKind,
    encoder: Option<&ItemEncoder>,
    text_config: &str,
) -> Result<AttributeColumns> {
    let relation = relations::hold(model, "items", items.relation, &items.filter)?;
    let still = |name: &String| *name != items.key && relation.column(name).is_some();
    let mut names = encoder.map_or_else(Vec::new, ItemEncoder::reads);
    names.retain(still);
    let wanted = match names.is_empty() {
        true => WantedColumns::Named(names),
        false => WantedColumns::Describing { names, added: None, available: None },
    };
    let texts = encoder.map_or_else(Vec::new, ItemEncoder::reads_as_text);
    Ok(attribute_columns(model, "items", items, kind, &wanted, &[])?.with_texts(text_config, &texts))
}

/// The rows of a relation of users or items.
pub struct AttributeRows {
    /// The ids, in the order of the rows.
    pub ids: IdMap,
    /// The attributes, one row per id.
    pub table: Table,
    /// The number of rows without an id.
    pub without_id: u64,
    /// The number of rows whose id occurred before.
    pub repeated: u64,
    /// The number of rows whose id is too long.
    pub too_long: u64,
    /// The number of values per column that were not finite and became null.
    pub not_finite: Vec<(String, usize)>,
    /// The number of vectors per column that have zeros only.
    pub without_direction: Vec<(String, usize)>,
}

impl AttributeColumns {
    /// The select list: the key, then the columns.
    pub fn expressions(&self) -> Vec<String> {
        let mut expressions = vec![self.key.expression(ColumnRole::Id)];
        let expression =
            |(column, kind): &(SourceColumn, ColumnKind)| column.feature_expression(*kind, &self.text_config);
        expressions.extend(self.columns.iter().map(expression));
        expressions
    }

    /// Raises PostgreSQL's own error if the caller may not read the columns.
    pub fn probe(&self) -> Result<()> {
        probe(&self.relation, &self.expressions())
    }

    /// The columns to read again as texts, by a text search configuration: those of which `table` has so many values
    /// that they are prose, no categories. `None` if there are none.
    pub fn texts(&self, table: &Table, text_config: &str) -> Option<Self> {
        self.as_texts(text_config, |name| table.column(name).is_some_and(is_prose))
    }

    /// The same columns, of which those that may hold prose and have these names are read as texts.
    pub fn with_texts(mut self, text_config: &str, names: &[String]) -> Self {
        let texts =
            self.columns.iter_mut().filter(|(column, _)| column.is_text() && names.contains(&column.name));
        texts.for_each(|(_, kind)| *kind = ColumnKind::Text);
        text_config.clone_into(&mut self.text_config);
        self
    }

    /// The names of the columns that are read, without the key.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(column, _)| column.name.as_str())
    }

    /// The relation that is read.
    pub fn relation(&self) -> &Filtered {
        &self.relation
    }

    /// The names of all columns that are read, and of the key.
    pub fn read_names(&self) -> Vec<&str> {
        let names = self.columns.iter().map(|(column, _)| column.name.as_str());
        names.chain([self.key.name.as_str()]).collect()
    }

    /// The text columns that `choose` accepts by name, to be read as texts; `None` if there are none.
    fn as_texts(&self, text_config: &str, choose: impl Fn(&str) -> bool) -> Option<Self> {
        let chosen = self.columns.iter().filter(|(column, _)| column.is_text() && choose(&column.name));
        let columns: Vec<_> = chosen.map(|(column, _)| (column.clone(), ColumnKind::Text)).collect();
        (!columns.is_empty()).then(|| Self { columns, text_config: text_config.to_owned(), ..self.clone() })
    }

    /// Like [`Self::probe`], also as texts; raises PostgreSQL's own error if there is no such configuration.
    pub fn probe_texts(&self, text_config: &str) -> Result<()> {
        self.probe()?;
        self.as_texts(text_config, |_| true).map_or(Ok(()), |texts| texts.probe())
    }

    /// What is judged of the plan that reads one row; `None` if only an index of the relation would lead to it.
    pub fn verdict(&self) -> Result<Option<Verdict>> {
        match access::to_value(&self.relation, &self.key.name)? {
            Some(access) => LiveRow::new(self, access, None)?.rows.verdict(),
            None => Ok(None),
        }
    }

    /// Reads the keys of the rows that were inserted last by the column `added`, at most `most` of them at once; `None` if
    /// nothing has that column in order.
    pub fn later_rows(&self, added: &str, most: u32) -> Result<Option<LaterRows>> {
        let Some(access) = access::in_order(&self.relation, added)? else { return Ok(None) };
        let grows = GrowingColumn::named(&self.relation, added)?;
        LaterRows::new(&self.relation, &self.key, self.kind, (grows, access), most).map(Some)
    }

    /// Reads all rows. Fails as soon as they take more than `memory` bytes.
    pub fn read_all(&self, memory: u64) -> Result<AttributeRows> {
        let query = query_of(&self.relation, &self.expressions().join(", "), Clauses::default(), &[])?;
        let (mut reading, mut rows, mut failed) = (self.reading(), 0u64, None);
        query.run(&[], &mut |row: ResultRow<'_>| {
            rows += 1;
            failed = reading.push(&row).err();
            if rows.is_multiple_of(MEMORY_CHECK_ROWS) {
                let needed = reading.memory();
                if needed > memory {
                    let what = format!("the first {rows} rows of \"{}\" alone require that much", self.name);
                    failed = Some(SegrecError::Memory { needed, allowed: memory, what });
                }
            }
            failed.is_none()
        })?;
        match failed {
            Some(error) => Err(error),
            None => reading.finish(),
        }
    }

    /// Starts to collect rows that have these columns.
    pub fn reading(&self) -> Reading<'_> {
        let new: fn(String, ColumnKind) -> ColumnBuilder =
            if self.describes_items { ColumnBuilder::of_items } else { ColumnBuilder::new };
        let builders = self.columns.iter().map(|(column, kind)| new(column.name.clone(), *kind)).collect();
        let ids = IdMap::new(self.kind);
        Reading {
            columns: &self.columns,
            kind: self.kind,
            builders,
            ids,
            without_id: 0,
            repeated: 0,
            too_long: 0,
        }
    }
}

/// Rows that are being collected.
pub struct Reading<'a> {
    columns: &'a [(SourceColumn, ColumnKind)],
    kind: IdKind,
    builders: Vec<ColumnBuilder>,
    ids: IdMap,
    without_id: u64,
    repeated: u64,
    too_long: u64,
}

impl Reading<'_> {
    /// Adds a row, if it has a new id.
    pub fn push(&mut self, row: &ResultRow<'_>) -> Result<()> {
        let Self { ids, kind, .. } = self;
        let known = ids.ids().len();
        match with_id(row, 0, *kind, |id| (!is_too_long(id)).then(|| ids.number(id))) {
            None => self.without_id += 1,
            Some(None) => self.too_long += 1,
            Some(Some(number)) if (number as usize) < known => self.repeated += 1,
            Some(Some(_)) => {
                push(row, self.builders.iter_mut().zip(self.columns.iter().map(|(_, kind)| *kind)))?;
            }
        }
        Ok(())
    }

    fn memory(&self) -> u64 {
        self.ids.memory() as u64 + self.builders.iter().map(ColumnBuilder::memory).sum::<u64>()
    }

    /// The rows.
    pub fn finish(self) -> Result<AttributeRows> {
        let Self { columns, builders, ids, without_id, repeated, too_long, .. } = self;
        let counts = |of: fn(&ColumnBuilder) -> usize| -> Vec<(String, usize)> {
            let columns = builders.iter().zip(columns);
            let counts = columns.map(|(builder, (column, _))| (column.name.clone(), of(builder)));
            counts.filter(|(_, count)| *count > 0).collect()
        };
        let not_finite = counts(ColumnBuilder::not_finite);
        let without_direction = counts(ColumnBuilder::without_direction);
        let columns: Vec<features::Column> = builders.into_iter().map(ColumnBuilder::finish).collect();
        let table = Table::new(ids.ids().len(), columns)?;
        Ok(AttributeRows { ids, table, without_id, repeated, too_long, not_finite, without_direction })
    }
}

/// Appends the columns of a row, after its key, to the builders.
fn push<'a>(
    row: &ResultRow<'_>,
    builders: impl Iterator<Item = (&'a mut ColumnBuilder, ColumnKind)>,
) -> Result<()> {
    for (place, (builder, kind)) in (1..).zip(builders) {
        match kind {
            ColumnKind::Number => builder.push(row.number(place).map_or(Cell::Null, Cell::Number)),
            ColumnKind::Boolean => builder.push(row.boolean(place).map_or(Cell::Null, Cell::Boolean)),
            ColumnKind::Moment => builder.push(row.integer(place).map_or(Cell::Null, Cell::Moment)),
            ColumnKind::Category => row
                .text(place, |text| builder.push(Cell::Text(text)))
                .unwrap_or_else(|| builder.push(Cell::Null)),
            ColumnKind::Categories | ColumnKind::Text => row
                .text(place, |text| push_terms(builder, kind, text))
                .unwrap_or_else(|| builder.push(Cell::Null)),
            ColumnKind::Vector => match row.reals(place) {
                Some(vector) => builder.push(Cell::Vector(&vector)),
                None => builder.push(Cell::Null),
            },
            ColumnKind::SparseVector => row
                .text(place, |text| push_sparse_vector(builder, text))
                .unwrap_or_else(|| builder.push(Cell::Null)),
        }?;
    }
    Ok(())
}

/// The fewest values of a column of prose, and the most rows that share a value on average.
const FEWEST_VALUES: usize = 20;
const MOST_SHARING: usize = 5;

/// Whether the values of a text column are so many that hardly any two rows share one.
fn is_prose(column: &features::Column) -> bool {
    let Values::Category { codes, levels } = &column.values else { return false };
    let known = codes.iter().filter(|code| **code != NO_LEVEL).count();
    column.has_too_many_levels() || levels.len() > FEWEST_VALUES && levels.len() * MOST_SHARING > known
}

/// Appends categories, or the terms of a text after their counts, which unit separators part.
fn push_terms(builder: &mut ColumnBuilder, kind: ColumnKind, text: &str) -> segrec_engine::Result<()> {
    let parts = text.split('\u{1f}');
    let counted = |part: &str| match kind {
        ColumnKind::Text => {
            let (count, term) = part.split_once(' ')?;
            Some((count.parse().ok()?, term.to_owned()))
        }
        _ => Some((1, part.to_owned())),
    };
    let (counts, names): (Vec<u32>, Vec<String>) = parts.filter_map(counted).unzip();
    let terms: Vec<u32> = (0..names.len() as u32).collect();
    builder.push(Cell::Terms(TermCounts::new(&terms, &counts, &names)))
}

/// Appends a sparse vector, as pgvector writes it.
fn push_sparse_vector(builder: &mut ColumnBuilder, text: &str) -> segrec_engine::Result<()> {
    let Some(parsed) = ParsedSparseVector::parse(text) else {
        return Err(builder.refusal("contains a text that is not a sparse vector such as {1:0.5,7:2}/1000"));
    };
    builder.push(Cell::SparseVector(parsed.vector()))
}

/// Rows between two checks of the memory in use.
const MEMORY_CHECK_ROWS: u64 = 1 << 12;

/// Reads the row of one user or item, with the caller's rights.
pub struct LiveRow {
    rows: LiveRows,
    /// The text search configuration by which texts are read, if there are any.
    text_config: Option<pg_sys::Oid>,
    columns: Vec<(String, ColumnKind)>,
}

impl LiveRow {
    /// Prepares the query, which reads texts by a text search configuration, if there are any.
    pub fn new(columns: &AttributeColumns, access: Access, text_config: Option<pg_sys::Oid>) -> Result<Self> {
        let live = Live {
            relation: &columns.relation,
            key: &columns.key,
            kind: columns.kind,
            columns: columns.read_names(),
            expressions: columns.expressions(),
        };
        let names = columns.columns.iter().map(|(column, kind)| (column.name.clone(), *kind)).collect();
        Ok(Self { rows: LiveRows::new(&live, access, Some(1))?, text_config, columns: names })
    }

    /// Whether the relation, its columns and the text search configuration are unchanged.
    pub fn is_current(&self) -> bool {
        self.rows.is_current() && self.text_config.is_none_or(text_config_exists)
    }

    /// The row with an id, as a table with one row; `None` if it does not exist or the caller may not read it.
    pub fn find(&self, id: Id<'_>) -> Result<Option<Table>> {
        let mut found = None;
        self.rows.of_key(id, &mut |row| {
            let mut builders: Vec<ColumnBuilder> =
                self.columns.iter().map(|(name, kind)| ColumnBuilder::new(name.clone(), *kind)).collect();
            push(row, builders.iter_mut().zip(self.columns.iter().map(|(_, kind)| *kind)))?;
            found = Some(Table::new(1, builders.into_iter().map(ColumnBuilder::finish).collect())?);
            Ok(())
        })?;
        Ok(found)
    }
}
