//! From what is known about users to points for clustering.
//!
//! A [`Table`] holds the columns of a relation; [`activity()`] makes one of what the events tell about
//! every user, and [`Table::with`] puts them side by side. An [`Encoder`] learns from a table how to
//! turn its rows into points in which every column weighs the same, and is kept with the model, so
//! that users who come later, as a table or one at a time, land in the same space.
//!
//! - [`table`]: columns, and null in every kind of them
//! - [`builder`]: columns that grow while rows stream in
//! - [`mod@activity`]: aggregates of the events of every user
//! - [`scaling`]: numbers on a common scale
//! - `feature`: one column as a block of dimensions, and its distribution
//! - [`encoder`]: all columns as a point
//! - [`row`]: one row, from JSON

pub mod activity;
pub mod builder;
pub mod encoder;
mod encoder_settings;
mod feature;
pub mod row;
pub mod scaling;
pub mod table;

pub use activity::{Activity, ItemCategories, activity};
pub use builder::ColumnBuilder;
pub use encoder::{Encoder, LeftOut};
pub use encoder_settings::EncoderSettings;
pub(crate) use feature::edges as quantile_edges;
pub use row::{RowProblem, parse_moment};
pub use scaling::Scale;
pub use table::{Cell, Column, ColumnKind, DAY, NO_LEVEL, NO_MOMENT, Table, Values};
