//! Scheduled and background trainings.
//!
//! - [`schedule`]: trains a model once there are enough new events
//! - [`cron`]: computes when a cron expression is due
//! - [`jobs`]: starts and cancels background trainings
//! - [`job_order`], [`job_process`]: the order for a job's process, and its beginning and end
//! - [`queue`]: starts queued jobs

pub mod cron;
pub mod job_order;
pub mod job_process;
pub mod jobs;
pub mod queue;
pub mod schedule;
