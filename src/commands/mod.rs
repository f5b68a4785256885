//! What each verb does, one use-case per file: it checks, decides, and lets `catalog` and the engine do
//! the work.

pub mod access;
pub mod alter_model;
pub mod compare;
pub mod create_model;
pub mod cross_validate;
pub mod deploy;
pub mod diary;
pub mod drop_model;
pub mod drop_version;
pub mod estimate;
pub mod evaluate;
pub mod grant;
pub mod jobs;
pub mod label_segment;
pub mod measured;
pub mod options;
pub mod progress;
pub mod read;
pub mod test_events;
pub mod train;
pub mod tune;
pub mod verdict;
pub mod write;
