//! The path of a recommendation.
//!
//! - [`session`]: the versions that this session has loaded
//! - [`cache`]: the mapped file that all sessions share
//! - [`followed`]: readers of relations that may change
//! - [`version`]: a loaded deployed version
//! - [`described_items`]: current rows of items as vectors
//! - [`later_items`], [`later_list`]: items that were inserted after the training, and their places in lists
//! - [`history`]: a user's events, current or as of the training
//! - [`scorers`]: the scorers of a version
//! - [`ids`]: resolves the ids in a call
//! - [`recommended`]: an item of a list
//! - [`recommendation`], [`filling`]: from a request to a list, and what fills up a short one
//! - [`selection`], [`shelf`], [`pages`]: which items a call allows, which of them may be shown, and lists page by page
//! - [`rules`], [`rule_cache`], [`pinned`], [`rescoring`], [`requirements`]: the rules that hold for a list, the items that they
//!   give a place, the scores that they change, and the items that they require
//! - [`reservation`]: places of a list that new items get
//! - [`segments`], [`segment_of`]: the segments of a version, and the segment of a user
//! - [`explanation`]: the score of one item for one user, and why
//! - [`variety`]: diversified and randomized lists
//! - [`all_lists`], [`segment_rules`]: the lists of all users, streamed, and what rules make of them
//! - [`segment_list`]: recommendations for a segment
//! - [`trending`], [`latest`]: what rises, and what is new
//! - [`similar_items`]: the items most similar to another
//! - [`similar_users`], [`audience`]: the users most similar to another, or most likely to want an item
//! - [`statistics`], [`counters`]: counters of served requests
//! - [`model_access`]: finds the model of a call, and checks whether the caller may use it
//! - [`measuring`]: measures a version on events that it was not trained on
//!
//! A call takes a lookup of the model, a lookup of the user, a lookup of the user's events if these are read live, and
//! a scan of the segment's items.

pub mod all_lists;
pub mod audience;
pub mod cache;
pub mod counters;
mod described_items;
pub mod explanation;
mod filling;
mod followed;
pub mod history;
pub mod ids;
pub mod later_items;
mod later_list;
mod latest;
pub mod measuring;
mod model_access;
mod pages;
mod pinned;
pub mod popular_now;
mod recommendation;
pub mod recommended;
mod requirements;
mod rescoring;
pub mod reservation;
mod rule_cache;
mod rules;
pub mod scorers;
pub mod segment_list;
pub mod segment_of;
mod segment_rules;
pub mod segments;
pub mod selection;
pub mod session;
mod shelf;
pub mod similar_items;
pub mod similar_users;
pub mod statistics;
mod trending;
pub mod variety;
pub mod version;

pub use all_lists::recommend_all;
pub use audience::audience;
pub use explanation::{Explanation, Reason, explain, predict};
pub use latest::latest;
pub use recommendation::{Recommendation, Request, recommend_for, recommend_user};
pub use segment_list::recommend_segment;
pub use segment_of::{classify, cut, segment_of};
pub use selection::Selection;
pub use session::retry_after_cache_damage;
pub use similar_items::similar_items;
pub use similar_users::similar_users;
pub use trending::trending;
pub use variety::Variety;
