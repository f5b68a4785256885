//! From events to interactions.
//!
//! [`RawEvents`] collects the rows of the events relation as they stream in and maps ids to numbers ([`ids`]).
//! [`Events`] groups them by user. [`Weighting`] determines the weight of an event. [`Events::interactions`] combines a
//! user's events on an item into one weight and returns compressed sparse rows ([`Interactions`]). [`recency`] is the order
//! of a user's items, [`repeats`] how often they take one again, [`withheld`] what lists leave out of them.

pub mod combining;
pub mod events;
pub mod ids;
pub mod raw;
pub mod recency;
pub mod repeats;
pub mod seen_rule;
pub mod size;
pub mod sparse;
pub mod weighting;
pub mod withheld;

pub use events::{EventLimits, Events, UserEvent};
pub use ids::{Id, IdKind, IdMap, Ids, NumberedIds, SortedIds};
pub use raw::{NO_TYPE, RawEvents};
pub use recency::{Histories, ItemOrder};
pub use repeats::{ItemGaps, Repeat, Repeats};
pub use seen_rule::SeenRule;
pub use size::{Size, Spread};
pub use sparse::{Interactions, Seen, SparseRows, SparseView, WeightScale};
pub use weighting::{Duplicates, Weighting};
pub use withheld::Withheld;
