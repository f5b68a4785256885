//! Diversified (`diversity`) and randomized (`explore`) lists.
//!
//! Both choose from a pool of the best items. The seed of a draw is derived from the time of the statement and from the
//! user or guest, so a call repeats its list within a statement, but not in the next. With both options, the draw first
//! reorders the pool and reassigns the sorted scores; the diversified list is then chosen from the result.

use super::later_items::LaterItems;
use super::recommended::Recommended;
use super::version::ServedVersion;
use crate::error::{Result, SegrecError};
use crate::pg::process::memory::ask;
use crate::pg::process::workers::run_alone;
use pgrx::pg_sys;
use pgrx::prelude::statement_timestamp;
use segrec_engine::ranking::{diverse, explored};
use segrec_engine::{Matrix, seed};

/// The pool has this many times the length of the list, and at least [`FEWEST_OF_POOL`] items. Items further down are
/// too bad to be recommended; fewer would leave no choice.
const POOL_LISTS: usize = 4;
/// The smallest pool.
const FEWEST_OF_POOL: usize = 100;

/// How a list should be varied; not at all by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variety {
    diversity: f32,
    explore: f32,
    seed: u64,
}

impl Variety {
    /// Checks the arguments; `whom` identifies the user or guest if the list is randomized.
    pub fn new(diversity: Option<f64>, explore: Option<f64>, whom: impl FnOnce() -> String) -> Result<Self> {
        let diversity =
            share("diversity", diversity, "1 considers only the diversity of items, 0 only their scores.")?;
        let explore =
            share("explore", explore, "1 selects a random order of the candidates, 0 disables randomness.")?;
        let seed = if explore > 0.0 {
            // When the client's statement arrived; parallel workers inherit it from the leader.
            let time = pg_sys::TimestampTz::from(statement_timestamp());
            seed::hash_bytes(time as u64, whom().as_bytes())
        } else {
            0
        };
        Ok(Self { diversity, explore, seed })
    }

    /// Whether lists are as they are ranked.
    pub fn is_none(&self) -> bool {
        self.diversity == 0.0 && self.explore == 0.0
    }

    /// The size of the pool for a list of `n`.
    pub fn pool(&self, n: usize) -> usize {
        match (self.is_none(), n) {
            (true, _) | (_, 0) => n,
            _ => n.saturating_mul(POOL_LISTS).max(FEWEST_OF_POOL),
        }
    }

    /// Chooses a list of `n` from a pool, best first.
    pub fn choose(
        &self,
        version: &ServedVersion,
        later: Option<&LaterItems>,
        mut pool: Vec<Recommended>,
        n: usize,
    ) -> Result<Vec<Recommended>> {
        if self.is_none() {
            return Ok(pool);
        }
        let scores: Vec<f32> = pool.iter().map(|item| item.score).collect();
        if self.explore > 0.0 {
            let mut random = seed::random(self.seed, "explore");
            pool = taken(&pool, &explored(pool.len(), self.explore, &mut random));
        }
        if self.diversity > 0.0 {
            let rows = directions(version, later, &pool)?;
            let places = run_alone(|observer| diverse(&scores, &rows, self.diversity, n, observer))?;
            pool = taken(&pool, &places);
        }
        pool.truncate(n);
        Ok(pool)
    }
}

fn share(argument: &'static str, value: Option<f64>, fact: &'static str) -> Result<f32> {
    let value = value.ok_or(SegrecError::NullArgument { argument })?;
    if (0.0..=1.0).contains(&value) {
        Ok(value as f32)
    } else {
        Err(SegrecError::InvalidShare { argument, value, fact })
    }
}

fn taken(pool: &[Recommended], places: &[usize]) -> Vec<Recommended> {
    places.iter().map(|&place| pool[place].clone()).collect()
}

/// The backbone's factors of the items in a pool. Using the backbone makes similarity the same for all users.
fn directions(version: &ServedVersion, later: Option<&LaterItems>, pool: &[Recommended]) -> Result<Matrix> {
    let rows = version.backbone()?;
    let k = version.by_tastes().taste_columns(rows.columns());
    ask("a diverse list", 3 * size_of::<f32>() * k * pool.len())?;
    let row = |item: &Recommended| match (item.item as usize, later) {
        (item, Some(later)) if item >= rows.rows() => later.items().factors.row(item - rows.rows()),
        (item, _) => rows.row(item),
    };
    let mut data = Vec::with_capacity(k * pool.len());
    pool.iter().for_each(|item| data.extend_from_slice(&row(item)[..k]));
    Ok(Matrix::from_data(k, data)?)
}
