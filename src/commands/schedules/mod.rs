//! Trainings by a schedule and in the background.
//!
//! - [`schedule`]: trains where enough events are new
//! - [`cron`]: when a cron expression is next due
//! - [`jobs`]: trainings in the background
//! - [`job_order`], [`job_process`]: what their processes are told, and how these begin and end
//! - [`queue`]: who begins the jobs that wait

pub mod cron;
pub mod job_order;
pub mod job_process;
pub mod jobs;
pub mod queue;
pub mod schedule;
