//! From events to interactions.
//!
//! [`RawEvents`] takes the rows of the events relation as they stream in and maps ids to numbers
//! ([`ids`]); [`Events`] groups them by user; [`Weighting`] says what an event counts; [`Events::interactions`] combines the events
//! of a user on an item into one weight and gives compressed sparse rows ([`Interactions`]).

pub mod combining;
pub mod events;
pub mod ids;
pub mod raw;
pub mod size;
pub mod sparse;
pub mod weighting;

pub use events::{EventLimits, Events, UserEvent};
pub use ids::{Id, IdKind, IdMap, Ids, SortedIds};
pub use raw::{NO_TYPE, RawEvents};
pub use size::{Size, Spread};
pub use sparse::{Interactions, Seen, SparseRows, SparseView, WeightScale};
pub use weighting::{Duplicates, Weighting};
