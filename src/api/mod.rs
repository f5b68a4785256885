//! The SQL signatures, one file per verb family: names, defaults, volatility. Bodies turn arguments
//! into the forms of `commands` and `serving` and results into rows. Comments, costs and privileges
//! stand in `sql/schema/functions.sql`; what belongs to aggregates is declared in
//! `sql/schema/aggregates.sql` and `sql/schema/metrics.sql`.

mod aggregate;
mod define;
mod deploy;
mod explain;
mod forget;
mod grant;
mod jobs;
mod measure;
mod metrics;
mod people;
mod planner;
mod recommend;
mod schedule;
mod segments;
mod statistics;
mod train;
mod transfer;
mod tune;
