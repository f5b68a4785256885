//! Trainings by a schedule and in the background.
//!
//! - [`schedule`]: trains where enough events are new
//! - [`cron`]: when a cron expression is next due
//! - [`jobs`]: trainings in the background
//! - [`queue`]: who begins the jobs that wait

pub mod cron;
pub mod jobs;
pub mod queue;
pub mod schedule;
