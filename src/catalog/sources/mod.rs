//! The relations that models read, always with the rights of the caller.
//!
//! - [`filtered`]: a relation with the filter of its rows, which queries are written for
//! - [`queries`]: queries of them
//! - [`relations`]: their columns, types and indexes
//! - [`events`]: rows of events and their validation
//! - [`read_events`], [`read_report`], [`count_events`]: the events of all users
//! - [`attributes`], [`wanted_columns`]: attributes of users and items, and which columns are read
//! - [`access`]: how the rows of one user or item are found
//! - [`live_events`], [`live_rows`]: the current rows of one user
//! - [`growing_column`], [`later_rows`], [`recent_events`]: the rows that were inserted last
//! - [`window_events`], [`newest_rows`]: the events of some time, and the newest items, read once
//! - [`shown_rows`]: whether items may be shown

pub mod access;
pub mod attributes;
pub mod count_events;
pub mod events;
pub mod filtered;
pub mod growing_column;
pub mod later_rows;
pub mod live_events;
pub mod live_rows;
pub mod newest_rows;
pub mod queries;
pub mod read_events;
pub mod read_report;
pub mod recent_events;
pub mod relations;
pub mod shown_rows;
pub mod wanted_columns;
pub mod window_events;
