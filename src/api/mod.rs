//! The functions that SQL calls, one file per group of verbs. They convert arguments for `commands` and `serving`, and
//! results to rows. Their SQL declarations, with defaults, volatility, costs, comments and privileges, are in
//! `sql/schema/`, because pgrx cannot generate them for the schema that is chosen at CREATE EXTENSION. The arguments of
//! each function must match its declaration in order and type.

mod aggregate;
mod define;
mod deploy;
mod discover;
mod explain;
mod forget;
mod grant;
mod jobs;
mod measure;
mod metrics;
mod off_policy;
mod planner;
mod recommend;
mod rules;
mod schedule;
mod segments;
mod statistics;
mod train;
mod transfer;
mod tune;
mod users;
