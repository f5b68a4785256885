//! From what is known about users to points for clustering.
//!
//! A [`Table`] holds the columns of a relation ([`table`]).

pub mod table;

pub use table::{Cell, Column, ColumnBuilder, ColumnKind, DAY, NO_LEVEL, NO_MOMENT, Table, Values};
