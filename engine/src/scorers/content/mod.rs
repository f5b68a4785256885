//! Scores from what is known about items ([`crate::features::items`]), also for items that have no events yet.
//!
//! Words and symbols: Z the unit vectors of items, items × m, d_i the number of users of item i; a *warm* item has
//! events, a *new* one has none, and is scored by what its content says about the factors and the neighbours of warm ones.
//!
//! - [`method`]: content as a scorer
//! - [`nearest`]: the items with the largest cosines; of many items `approximate` finds them, by `cells` of similar items
//!   and the lists of `rare_columns`
//! - [`similarity`]: these as weights between items, from which lists, similar items and explanations follow as from
//!   neighbours
//! - [`factor_map`]: factors as a linear map of content, learned from warm items
//! - [`new_items`]: the factors and the neighbour scores of new items
//! - [`describer`]: those that come after a training

mod approximate;
mod best;
mod cells;
pub mod describer;
pub mod factor_map;
pub mod method;
pub mod nearest;
pub mod new_items;
mod rare_columns;
pub mod similarity;

pub use describer::ItemDescriber;
pub use factor_map::FactorMap;
pub use nearest::ContentIndex;
pub use new_items::ColdItems;

#[cfg(test)]
mod tests;
