//! Encodes what is known about users as points for clustering.
//!
//! A [`Table`] holds the columns of a relation; [`activity()`] derives one from the events of every user, and
//! [`Table::with`] joins tables side by side. An [`Encoder`] learns from a table to map its rows to points in which
//! every column has the same weight. It is stored with the model, so that later users, as a table or one at a time, are
//! mapped into the same space.
//!
//! - [`table`]: columns of any kind, with nulls
//! - [`builder`]: columns that are built while rows stream in
//! - [`mod@activity`]: aggregates of the events of every user
//! - [`scaling`]: numbers on a common scale
//! - [`half_rows`]: vectors at half precision
//! - `feature`: one column as a block of dimensions, and its distribution
//! - [`encoder`]: all columns as a point
//! - [`row`]: encodes a single row given as JSON
//! - [`sparse`]: vectors of which most numbers are 0
//! - [`terms`]: categories and lexemes, any number in a row
//! - [`items`]: what is known about items, as unit vectors whose cosines say which items the same users choose

pub mod activity;
pub mod builder;
pub mod encoder;
mod encoder_settings;
mod feature;
pub mod half_rows;
pub mod items;
pub mod row;
pub mod scaling;
pub mod sparse;
pub mod table;
pub mod terms;

pub use activity::{Activity, ItemCategories, activity};
pub use builder::ColumnBuilder;
pub use encoder::{Encoder, LeftOut};
pub use encoder_settings::EncoderSettings;
pub(crate) use feature::edges as quantile_edges;
pub use half_rows::{HalfRow, HalfRows};
pub use items::{ColumnWeight, EncodedItems, ItemEncoder};
pub use row::{RowProblem, parse_moment};
pub use scaling::Scale;
pub use sparse::{ParsedSparseVector, SparseVector, SparseVectors};
pub use table::{Cell, Column, ColumnKind, DAY, NO_LEVEL, NO_MOMENT, Table, Values};
pub use terms::{TermCounts, Terms};
