//! `segrec_recommend`, `segrec_recommend_for`, `segrec_recommend_all`: for ids of type bigint, uuid and
//! text.

use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::id_lists::{Filter, List, Written};
use crate::pg::datums::id_text::id_text;
use crate::pg::datums::text::Text;
use crate::serving::{self, Recommendation, Request, Selection, Variety, retry_after_cache_damage};
use pgrx::Uuid;
use pgrx::prelude::*;
use segrec_engine::interactions::{Id, IdKind};

/// Rows of a recommendation: rank, item, score and source.
pub type Lines<T> = Vec<(i32, T, f32, &'static str)>;

/// A type of ids in SQL.
pub trait SqlId: Sized {
    /// The corresponding kind in the engine.
    const KIND: IdKind;
    /// Converts the value to an id.
    fn id(&self) -> Id<'_>;
    /// Converts an id to a value; `None` if it is of another kind, which does not happen.
    fn value(id: Id<'_>) -> Option<Self>;
}

impl SqlId for i64 {
    const KIND: IdKind = IdKind::Bigint;
    fn id(&self) -> Id<'_> {
        Id::Bigint(*self)
    }
    fn value(id: Id<'_>) -> Option<Self> {
        if let Id::Bigint(id) = id { Some(id) } else { None }
    }
}

impl SqlId for Uuid {
    const KIND: IdKind = IdKind::Uuid;
    fn id(&self) -> Id<'_> {
        Id::Uuid(*self.as_bytes())
    }
    fn value(id: Id<'_>) -> Option<Self> {
        if let Id::Uuid(id) = id { Some(Uuid::from_bytes(id)) } else { None }
    }
}

impl SqlId for Text {
    const KIND: IdKind = IdKind::Text;
    fn id(&self) -> Id<'_> {
        Id::Text(self)
    }
    fn value(id: Id<'_>) -> Option<Self> {
        Some(id_text(id).into())
    }
}

/// Checks the argument `n`.
pub fn count(n: Option<i64>) -> Result<usize> {
    within("n", 0, n)
}

/// Checks an argument that counts. Ranks are integers, so it must fit into one.
fn within(argument: &'static str, least: i64, value: Option<i64>) -> Result<usize> {
    let value = value.ok_or(SegrecError::NullArgument { argument })?;
    match (least..=i64::from(i32::MAX)).contains(&value) {
        true => Ok(value as usize),
        false => Err(SegrecError::InvalidCount { argument, least, value }),
    }
}

/// The arguments that say which items a list may have.
pub struct Allowed<T> {
    /// The only ones, if given.
    pub candidates: Filter<T>,
    /// Those that it may not have.
    pub exclude: Option<List<T>>,
    /// The most of one group.
    pub max_per_group: Option<i64>,
    /// How many better ones it leaves out.
    pub skip: Option<i64>,
}

impl<T: SqlId> Allowed<T> {
    /// The selection that they make.
    pub fn selection(&self) -> Result<Selection<'_>> {
        let max_per_group =
            self.max_per_group.map(|most| within("max_per_group", 1, Some(most))).transpose()?;
        Ok(Selection {
            candidates: self.candidates.0.as_deref().map(ids),
            exclude: self.exclude.as_ref().map(|List(items)| ids(items)).unwrap_or_default(),
            max_per_group,
            skip: within("skip", 0, self.skip)?,
        })
    }
}

/// Converts values to ids, skipping nulls.
pub fn ids<T: SqlId>(values: &[Option<T>]) -> Vec<Id<'_>> {
    values.iter().flatten().map(SqlId::id).collect()
}

/// The rows of a list.
pub fn lines<T: SqlId>(recommendation: &Recommendation) -> Lines<T> {
    (1 + recommendation.skip as i64..)
        .zip(&recommendation.items)
        .filter_map(|(rank, item)| {
            Some((
                i32::try_from(rank).ok()?,
                T::value(recommendation.id(item.item))?,
                item.score,
                item.source.name(),
            ))
        })
        .collect()
}

/// The arguments that both functions share.
struct Given<'a, T> {
    n: Option<i64>,
    model: Option<&'a str>,
    allowed: Allowed<T>,
    exclude_seen: Option<bool>,
    diversity: Option<f64>,
    explore: Option<f64>,
}

impl<T: SqlId> Given<'_, T> {
    /// The request for the user or items with these ids.
    fn request(&self, whom: &[Id<'_>]) -> Result<Request<'_>> {
        Ok(Request {
            n: count(self.n)?,
            model: self.model,
            selection: self.allowed.selection()?,
            exclude_seen: self.exclude_seen.ok_or(SegrecError::NullArgument { argument: "exclude_seen" })?,
            variety: Variety::new(self.diversity, self.explore, || {
                whom.iter().map(|&id| id_text(id)).collect::<Vec<_>>().join(",")
            })?,
        })
    }
}

fn recommend<T: SqlId>(user: Option<&T>, given: &Given<'_, T>) -> Lines<T> {
    let found = || match user {
        Some(user) => serving::recommend_user(user.id(), T::KIND, &given.request(&[user.id()])?),
        None => serving::recommend_for(&[], T::KIND, &given.request(&[])?),
    };
    lines(&or_raise(retry_after_cache_damage(found)))
}

fn recommend_for<T: SqlId>(items: Option<&[Option<T>]>, given: &Given<'_, T>) -> Lines<T> {
    let items = items.map(ids).unwrap_or_default();
    let found = || serving::recommend_for(&items, T::KIND, &given.request(&items)?);
    lines(&or_raise(retry_after_cache_damage(found)))
}

/// Functions for ids of one type.
macro_rules! of_ids {
    ($id:ident: $recommend:ident, $recommend_for:ident) => {
        #[pg_extern(sql = false)]
        #[allow(clippy::too_many_arguments)]
        fn $recommend(
            user_id: Option<$id>,
            n: Option<i64>,
            model: Option<Text>,
            candidates: Filter<$id>,
            exclude_seen: Option<bool>,
            diversity: Option<f64>,
            explore: Option<f64>,
            exclude: Option<List<$id>>,
            max_per_group: Option<i64>,
            skip: Option<i64>,
        ) -> TableIterator<
            'static,
            (name!(rank, i32), name!(item_id, $id), name!(score, f32), name!(source, &'static str)),
        > {
            TableIterator::new(recommend(
                user_id.as_ref(),
                &Given {
                    n,
                    model: model.as_deref(),
                    allowed: Allowed { candidates, exclude, max_per_group, skip },
                    exclude_seen,
                    diversity,
                    explore,
                },
            ))
        }

        #[pg_extern(sql = false)]
        #[allow(clippy::too_many_arguments)]
        fn $recommend_for(
            items: Option<List<$id>>,
            n: Option<i64>,
            model: Option<Text>,
            candidates: Filter<$id>,
            exclude_seen: Option<bool>,
            diversity: Option<f64>,
            explore: Option<f64>,
            exclude: Option<List<$id>>,
            max_per_group: Option<i64>,
            skip: Option<i64>,
        ) -> TableIterator<
            'static,
            (name!(rank, i32), name!(item_id, $id), name!(score, f32), name!(source, &'static str)),
        > {
            TableIterator::new(recommend_for(
                items.as_ref().map(|List(items)| items.as_slice()),
                &Given {
                    n,
                    model: model.as_deref(),
                    allowed: Allowed { candidates, exclude, max_per_group, skip },
                    exclude_seen,
                    diversity,
                    explore,
                },
            ))
        }
    };
}

of_ids!(i64: segrec_recommend_bigint, segrec_recommend_for_bigint);
of_ids!(Uuid: segrec_recommend_uuid, segrec_recommend_for_uuid);
of_ids!(Text: segrec_recommend_text, segrec_recommend_for_text);

#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments)]
fn segrec_recommend_for_written(
    items: Option<Written>,
    n: Option<i64>,
    model: Option<Text>,
    candidates: Filter<Text>,
    exclude_seen: Option<bool>,
    diversity: Option<f64>,
    explore: Option<f64>,
    exclude: Option<List<Text>>,
    max_per_group: Option<i64>,
    skip: Option<i64>,
) -> TableIterator<
    'static,
    (name!(rank, i32), name!(item_id, Text), name!(score, f32), name!(source, &'static str)),
> {
    TableIterator::new(recommend_for(
        items.as_ref().map(|Written(items)| items.as_slice()),
        &Given {
            n,
            model: model.as_deref(),
            allowed: Allowed { candidates, exclude, max_per_group, skip },
            exclude_seen,
            diversity,
            explore,
        },
    ))
}

#[pg_extern(sql = false)]
fn segrec_recommend_all(
    model: Option<Text>,
    n: Option<i64>,
    candidates: Filter<Text>,
    exclude: Option<List<Text>>,
    max_per_group: Option<i64>,
) -> TableIterator<
    'static,
    (
        name!(user_id, Text),
        name!(rank, i32),
        name!(item_id, Text),
        name!(score, f32),
        name!(source, &'static str),
    ),
> {
    let allowed = Allowed { candidates, exclude, max_per_group, skip: Some(0) };
    let lists = || serving::recommend_all(model.as_deref(), count(n)?, &allowed.selection()?);
    let lists = or_raise(retry_after_cache_damage(lists));
    TableIterator::new(
        lists.map(|line| (line.user_id.into(), line.rank, line.item_id.into(), line.score, line.source)),
    )
}
