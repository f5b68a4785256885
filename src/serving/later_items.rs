//! Items that were inserted after a version was trained or refreshed, as this session has met and described them. They
//! are in the lists of its calls at once; `segrec_refresh_items` gives them rows of their own, which all functions and
//! sessions share.
//!
//! They are found by their keys or another column, whose values must grow and have an index: a call asks for rows beyond
//! the largest value it knows, which takes some 20 µs if there are none. A row that is not committed yet when a later one
//! is read is not met before a refresh.

use crate::catalog::models::RelationRef;
use crate::catalog::sources::growing_column::GrowingColumn;
use crate::catalog::sources::later_rows::{Later, LaterRows};
use crate::catalog::sources::relations::{self, SourceColumn};
use crate::error::Result;
use crate::pg::datums::id_text::parse_id;
use crate::pg::executor::visibility::{WritingTransaction, writing};
use crate::pg::process::workers::run_alone;
use crate::pg::security::rights::current_role;
use pgrx::pg_sys;
use segrec_engine::Rows;
use segrec_engine::features::EncodedItems;
use segrec_engine::interactions::{Id, IdKind, IdMap, Ids, NumberedIds};
use segrec_engine::options::checked::ItemOptions;
use segrec_engine::scorers::content::ItemDescriber;
use segrec_engine::scorers::new_items::DescribedItems;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// The most items that a session describes by itself, at some 400 bytes each with 64 factors. Further ones wait for a
/// refresh.
pub const MOST: u32 = 1_000;
/// The time that a call spends on describing items; the next one goes on. An item takes 2·items·k flops, and its texts as
/// long as PostgreSQL needs to divide them.
const PATIENCE: Duration = Duration::from_millis(40);
/// The items that are described together.
const TOGETHER: usize = 16;

/// Whose items they are: the role that read them, whose rights and policies decide which rows there are and, in a
/// transaction that has written, this, since it sees rows that may be rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    role: pg_sys::Oid,
    writes: Option<WritingTransaction>,
}

impl Viewer {
    /// The current one.
    pub fn current() -> Self {
        Self { role: current_role(), writes: writing() }
    }

    /// Whether it may come again: one that has written comes again only in its own transaction.
    pub fn is_of(self, other: Self) -> bool {
        self.writes.is_none()
            || self.writes.map(WritingTransaction::transaction)
                == other.writes.map(WritingTransaction::transaction)
    }

    /// The same role where it has not written.
    pub fn without_writes(self) -> Self {
        Self { writes: None, ..self }
    }
}

/// Items that a session has met.
#[derive(Clone)]
pub struct LaterItems {
    viewer: Viewer,
    /// The largest value of the growing column that was read; `None` if none was.
    newest: Option<i64>,
    /// The keys of rows that are to be described, from the place `described` on.
    keys: Ids,
    described: usize,
    /// The keys of those of which anything is known.
    ids: IdMap,
    /// These items, as scorers see them.
    items: DescribedItems,
}

impl LaterItems {
    /// No items yet; the version has `items` items, with ids of this kind and with k factors. Items that it has have no
    /// larger value of the growing column than `newest`, if that is known.
    pub fn none(
        newest: Option<i64>,
        kind: IdKind,
        items: usize,
        k: usize,
        describer: &ItemDescriber,
    ) -> Result<Self> {
        let (viewer, keys, ids) = (Viewer::current(), Ids::new(kind), IdMap::new(kind));
        Ok(Self { viewer, newest, keys, described: 0, ids, items: describer.nothing(items, k)? })
    }

    /// Whose they are.
    pub fn viewer(&self) -> Viewer {
        self.viewer
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.ids.ids().len()
    }

    /// The items, as scorers see them.
    pub fn items(&self) -> &DescribedItems {
        &self.items
    }

    /// The key of an item, by place.
    pub fn id(&self, place: usize) -> Id<'_> {
        self.ids.ids().get(place)
    }

    /// The place of an item, by key.
    pub fn find(&self, id: Id<'_>) -> Option<u32> {
        match id {
            Id::Text(text) => self.ids.find(parse_id(text, self.ids.ids().kind())?),
            id => self.ids.find(id),
        }
    }

    /// The same items and those that were inserted since, for a viewer; `None` if there are none, or the caller may not
    /// read them. `known` and `factors` are those of the items of the version; `vector` is that of a row, if it can be
    /// read as at the training.
    pub fn with_newer(
        &self,
        viewer: Viewer,
        rows: &LaterRows,
        describer: &ItemDescriber,
        (known, factors): (NumberedIds<'_>, Rows<'_>),
        vector: &dyn Fn(Id<'_>) -> Result<Option<EncodedItems>>,
    ) -> Result<Option<Self>> {
        let mut all = Cow::Borrowed(self);
        if self.keys.len() < MOST as usize {
            let is_known = |id: Id<'_>| known.find(id).is_some() || self.ids.find(id).is_some();
            if let Some(Later { newest, keys }) = rows.after(self.newest, &is_known)? {
                let all = all.to_mut();
                all.newest = Some(newest);
                for key in (0..keys.len()).take(MOST as usize - all.keys.len()) {
                    all.keys.push(keys.get(key));
                }
            }
        }
        let begin = Instant::now();
        while all.described < all.keys.len() && begin.elapsed() < PATIENCE {
            let (mut found, mut vectors) = (IdMap::new(all.keys.kind()), Vec::new());
            let mut described = all.described;
            while described < all.keys.len() && vectors.len() < TOGETHER {
                let key = all.keys.get(described);
                if all.ids.find(key).is_none()
                    && found.find(key).is_none()
                    && let Some(own) = vector(key)?
                {
                    found.number(key);
                    vectors.push(own);
                }
                described += 1;
                if begin.elapsed() >= PATIENCE {
                    break;
                }
            }
            let items = run_alone(|observer| describer.describe_by_factors(&vectors, factors, observer))?;
            let all = all.to_mut();
            all.described = described;
            (0..vectors.len()).for_each(|place| {
                all.ids.number(found.ids().get(place));
            });
            all.items.append(&items)?;
        }
        Ok(match all {
            Cow::Borrowed(_) => None,
            Cow::Owned(all) => Some(Self { viewer, ..all }),
        })
    }
}

/// Reads the keys of items that were inserted last; `None` if nothing has the column in order by which they are
/// found.
pub fn later_rows(
    model: &str,
    (items, kind): (&RelationRef, IdKind),
    options: &ItemOptions,
) -> Result<Option<LaterRows>> {
    let relation = relations::hold(model, "items", items.relation, &items.filter)?;
    let grows = GrowingColumn::of_items(&relation, items, options.added_column.as_deref())?;
    let Some(grows) = grows else { return Ok(None) };
    let Some(key) = relation.column(&items.key).map(SourceColumn::from) else { return Ok(None) };
    relations::check_kind(model, &relation.name, "item", &key, kind)?;
    Ok(Some(LaterRows::new(&relation, &key, kind, grows, MOST)?))
}
