//! The only `unsafe` of the extension: what PostgreSQL offers only to C, in safe forms.
//!
//! - [`allocator`]: what happens where the system gives no memory
//! - [`aggregate`]: the state that an aggregate carries from row to row
//! - [`counters`]: numbers that all sessions add to
//! - [`backtraces`]: errors without them
//! - [`background`]: processes that work for somebody who does not wait
//! - [`blocks`]: memory contexts in which an error takes little
//! - [`features`]: the argument `features` of a row
//! - [`flat`]: values of our own types
//! - [`interrupts`]: let them wait for a moment
//! - [`owner`]: act as the owner of the catalog for a moment
//! - [`json`]: values of type `jsonb`, and arguments that hold the same as `json` or text
//! - [`lists`]: arguments that are lists of ids
//! - [`lock`]: the lock that a training holds on its model
//! - [`mapped`]: files that all sessions map
//! - [`memory`]: whether the system would give more
//! - [`packed`]: arrays of numbers as whole blocks
//! - [`planner`]: what the planner asks of our functions
//! - [`progress`]: small files that say how far a training is
//! - [`query`]: queries that are compared with what they are to read, and their rows, one by one
//! - [`regclass`]: a relation as an argument
//! - [`relation`]: relations of users, held while they are read
//! - [`rights`]: what the current role may read
//! - [`row`]: rows by a key, without the executor
//! - [`schemas`]: where the caller's names are looked for
//! - [`setting`]: what is set for other extensions
//! - [`snapshot`]: see what was committed since the statement began
//! - [`statistics`]: what the planner keeps of the contents of tables
//! - [`text`]: text between the server's encoding and UTF-8
//! - [`value`]: values of statements, with their types
//! - [`whole`]: whole numbers of calls
//! - [`workers`]: a thread pool that PostgreSQL does not notice, with interrupts heard meanwhile

pub mod aggregate;
pub mod allocator;
pub mod background;
pub mod backtraces;
mod blocks;
pub mod context;
pub mod counters;
pub mod features;
pub mod flat;
pub mod interrupts;
pub mod json;
pub mod lists;
pub mod lock;
pub mod mapped;
pub mod memory;
pub mod owner;
pub mod packed;
pub mod planner;
pub mod progress;
pub mod query;
pub mod regclass;
pub mod relation;
pub mod rights;
pub mod row;
pub mod schemas;
pub mod setting;
pub mod snapshot;
pub mod statistics;
pub mod text;
pub mod value;
pub mod whole;
pub mod workers;
