//! `segrec_recommend`, `segrec_recommend_for`, `segrec_recommend_all`: for ids of type bigint, uuid and
//! text.

use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::id_lists::{Filter, List, Written};
use crate::pg::datums::id_text::id_text;
use crate::pg::datums::text::Text;
use crate::serving::{self, Recommendation, Request, Variety, retry_after_cache_damage};
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
    let n = n.ok_or(SegrecError::NullArgument { argument: "n" })?;
    // Ranks are integers, so `n` must fit into one.
    match (0..=i64::from(i32::MAX)).contains(&n) {
        true => Ok(n as usize),
        false => Err(SegrecError::InvalidCount { n }),
    }
}

/// Converts values to ids, skipping nulls.
pub fn ids<T: SqlId>(values: &[Option<T>]) -> Vec<Id<'_>> {
    values.iter().flatten().map(SqlId::id).collect()
}

/// The rows of a list.
pub fn lines<T: SqlId>(recommendation: &Recommendation) -> Lines<T> {
    (1..)
        .zip(&recommendation.items)
        .filter_map(|(rank, item)| {
            Some((rank, T::value(recommendation.id(item.item))?, item.score, item.source.name()))
        })
        .collect()
}

/// The arguments that both functions share.
struct Given<'a, T> {
    n: Option<i64>,
    model: Option<&'a str>,
    candidates: Filter<T>,
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
            candidates: self.candidates.0.as_deref().map(ids),
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
        fn $recommend(
            user_id: Option<$id>,
            n: Option<i64>,
            model: Option<Text>,
            candidates: Filter<$id>,
            exclude_seen: Option<bool>,
            diversity: Option<f64>,
            explore: Option<f64>,
        ) -> TableIterator<
            'static,
            (name!(rank, i32), name!(item_id, $id), name!(score, f32), name!(source, &'static str)),
        > {
            TableIterator::new(recommend(
                user_id.as_ref(),
                &Given { n, model: model.as_deref(), candidates, exclude_seen, diversity, explore },
            ))
        }

        #[pg_extern(sql = false)]
        fn $recommend_for(
            items: Option<List<$id>>,
            n: Option<i64>,
            model: Option<Text>,
            candidates: Filter<$id>,
            exclude_seen: Option<bool>,
            diversity: Option<f64>,
            explore: Option<f64>,
        ) -> TableIterator<
            'static,
            (name!(rank, i32), name!(item_id, $id), name!(score, f32), name!(source, &'static str)),
        > {
            TableIterator::new(recommend_for(
                items.as_ref().map(|List(items)| items.as_slice()),
                &Given { n, model: model.as_deref(), candidates, exclude_seen, diversity, explore },
            ))
        }
    };
}

of_ids!(i64: segrec_recommend_bigint, segrec_recommend_for_bigint);
of_ids!(Uuid: segrec_recommend_uuid, segrec_recommend_for_uuid);
of_ids!(Text: segrec_recommend_text, segrec_recommend_for_text);

#[pg_extern(sql = false)]
fn segrec_recommend_for_written(
    items: Option<Written>,
    n: Option<i64>,
    model: Option<Text>,
    candidates: Filter<Text>,
    exclude_seen: Option<bool>,
    diversity: Option<f64>,
    explore: Option<f64>,
) -> TableIterator<
    'static,
    (name!(rank, i32), name!(item_id, Text), name!(score, f32), name!(source, &'static str)),
> {
    TableIterator::new(recommend_for(
        items.as_ref().map(|Written(items)| items.as_slice()),
        &Given { n, model: model.as_deref(), candidates, exclude_seen, diversity, explore },
    ))
}

#[pg_extern(sql = false)]
fn segrec_recommend_all(
    model: Option<Text>,
    n: Option<i64>,
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
    let lists = or_raise(retry_after_cache_damage(|| serving::recommend_all(model.as_deref(), count(n)?)));
    TableIterator::new(
        lists.map(|line| (line.user_id.into(), line.rank, line.item_id.into(), line.score, line.source)),
    )
}
