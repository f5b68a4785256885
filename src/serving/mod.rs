//! The path of a recommendation.
//!
//! - [`session`]: the versions this session has loaded
//! - [`cache`]: the file through which all sessions share a version
//! - [`followed`]: what reads a relation that may change
//! - [`version`]: a deployed version as a session holds it
//! - [`history`]: what a user has done, now or as of the training
//! - [`scorers`]: the scorers of a version, and where the rows lie that they read
//! - [`ids`]: ids as a call gives them
//! - [`recommended`]: an item of a list
//! - [`recommendation`]: from a request to a list
//! - [`segments`], [`segment_of`]: the segments of a version, and which one is a user's
//! - [`explanation`]: one item for one user, and why
//! - [`variety`]: lists of items that differ, and lists that are drawn
//! - [`all_lists`]: the lists of every user, streamed
//! - [`segment_list`]: what a segment is recommended
//! - [`similar_users`], [`audience`]: the users most like another, or most likely to want an item
//! - [`statistics`], [`counters`]: what was answered, counted
//! - [`model_access`]: which model a call means, and whether the caller may use it
//! - [`measuring`]: a version on events that it was not trained on
//!
//! A call costs one lookup of the model, one of the user, one of their events where those are live, and
//! the scan of the segment's own items.

pub mod all_lists;
pub mod audience;
pub mod cache;
pub mod counters;
pub mod explanation;
mod followed;
pub mod history;
pub mod ids;
pub mod measuring;
mod model_access;
pub mod recommendation;
pub mod recommended;
pub mod scorers;
pub mod segment_list;
pub mod segment_of;
pub mod segments;
pub mod session;
pub mod similar_users;
pub mod statistics;
pub mod variety;
pub mod version;

pub use all_lists::recommend_all;
pub use audience::audience;
pub use explanation::{explain, predict, similar_items};
pub use recommendation::{Recommendation, Request, recommend_for, recommend_user};
pub use segment_list::recommend_segment;
pub use segment_of::{classify, cut, segment_of};
pub use session::retry_after_cache_damage;
pub use similar_users::similar_users;
pub use variety::Variety;
