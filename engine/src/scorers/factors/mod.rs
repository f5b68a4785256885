//! Factor models for implicit feedback: a backbone shared by all users, and item factors per segment on top of it.
//!
//! Words and symbols: user factors P (users × k), item factors Q (items × k), confidence c of an
//! observed pair, α₀ the weight of every unobserved pair ([`AlsOptions::unobserved_weight`]),
//! λ the [`AlsOptions::regularization`].
//!
//! - [`backbone`]: alternating least squares over all users
//! - [`row_solver`]: one half-sweep: the exact factors of every row against a fixed side
//! - [`normal_equations`]: the k × k system of one row
//! - [`segment_factors`]: the item factors of each segment, shrunk towards the backbone
//! - [`fold_in`]: the factors of one user from their current events, without training
//! - [`item_rows`]: item factors as a segment sees them; [`coded`]: the same quantized to 8 bits; [`item_factors`]: both,
//!   and fold-in against them
//! - [`method`]: the factor model as a [`Method`](crate::scorers::method::Method)
//! - [`scorer`]: the factor model as a [`Scorer`](crate::scorers::scorer::Scorer)
//! - [`tuning`]: options that are chosen from the data

pub mod backbone;
pub mod coded;
pub mod fixed_side;
pub mod fold_in;
pub mod item_factors;
pub mod item_rows;
pub mod method;
pub mod normal_equations;
pub mod options;
pub mod row_solver;
pub mod scorer;
pub mod segment_factors;
mod segment_items;
pub mod segments;
pub mod short_rows;
pub mod tuning;

pub use backbone::{Backbone, Start};
pub use fold_in::FoldIn;
pub use item_factors::ItemFactors;
pub use item_rows::ItemRows;
pub use options::AlsOptions;
pub use scorer::FactorScorer;
pub use segment_factors::SegmentFactors;
pub use segments::Segments;
