//! Relations of users, read as whoever calls.
//!
//! - [`relations`]: their columns, types and indexes
//! - [`events`]: rows of events, and what each counts
//! - [`read_events`], [`read_report`], [`count_events`]: events of everybody
//! - [`attributes`]: what is known about users and items, of everybody and of one user
//! - [`live_events`], [`live_rows`]: the rows of one user, as they are now

pub mod attributes;
pub mod count_events;
pub mod events;
pub mod live_events;
pub mod live_rows;
pub mod read_events;
pub mod read_report;
pub mod relations;
