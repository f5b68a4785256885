//! What each verb does, one use-case per file: it checks, decides, and lets `catalog` and the engine do
//! the work.

pub mod access;
pub mod alter_model;
pub mod create_model;
pub mod deploy;
pub mod diary;
pub mod drop_model;
pub mod drop_version;
pub mod label_segment;
pub mod options;
pub mod read;
pub mod train;
pub mod verdict;
pub mod write;
