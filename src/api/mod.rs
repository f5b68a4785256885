//! What SQL calls, one file per verb family: Rust's side of the signatures. Bodies turn arguments into the forms of
//! `commands` and `serving` and results into rows. SQL's side, with defaults, volatility, costs, comments and
//! privileges, stands in `sql/schema/`: pgrx cannot write it, since it says the schema that whoever creates the
//! extension chose. A function here has the arguments, in the order and of the types, that its declaration there has.

mod aggregate;
mod define;
mod deploy;
mod explain;
mod forget;
mod grant;
mod jobs;
mod measure;
mod metrics;
mod planner;
mod recommend;
mod schedule;
mod segments;
mod statistics;
mod train;
mod transfer;
mod tune;
mod users;
