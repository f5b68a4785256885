//! From events to interactions.
//!
//! [`Events`] takes the rows of the events relation as they stream in and maps ids to numbers
//! ([`ids`]); [`Weighting`] says what an event counts; [`Events::interactions`] combines the events
//! of a user on an item into one weight and gives compressed sparse rows ([`Interactions`]).

pub mod events;
pub mod ids;
pub mod sparse;
pub mod weighting;

pub use events::{EventLimits, Events, RawEvents, UserEvent};
pub use ids::{Id, IdKind, IdMap, Ids};
pub use sparse::{Interactions, SparseRows};
pub use weighting::{Duplicates, Weighting};
