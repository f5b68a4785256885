//! What is popular now, as this session has seen it: the counts of the training and, where an index has the events in the
//! order of time and the caller may read them, what came since. A call that finds nothing new costs a descent of that index,
//! some 20 µs.
//!
//! If segments see what is popular among their users, the users of new events are looked up in the version, all of a reading
//! at once; those that it does not have count for everybody only.
//!
//! Now is the moment of the latest event that is not in the future, so that counts of a data set that has ended do not
//! fade. An event that is committed after later ones were read, or has the same time, is not counted before the next
//! training, and neither is any where policies decide what the caller sees, since these may depend on more than the role.

use super::later_items::Viewer;
use crate::catalog::sources::recent_events::{Recent, RecentEvents};
use crate::error::Result;
use segrec_engine::interactions::Id;
use segrec_engine::scorers::popular_now::RecentCounts;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The rows that are read at once.
pub const MOST: u32 = 2_000;
/// The most viewers whose counts are kept.
const MOST_VIEWERS: usize = 8;
/// The time that a call spends on events that it has not seen; the next one goes on.
const PATIENCE: Duration = Duration::from_millis(20);

/// Tells the number of an item; `None` of one that is not known.
pub type NumberOf<'a> = &'a dyn Fn(Id<'_>) -> Option<u32>;

/// Tells the numbers of the segments of users, in their order; `None` for whoever came after the training.
pub type SegmentsOf<'a> = &'a dyn Fn(Vec<String>) -> Result<Vec<Option<u32>>>;

/// The counts that a viewer has seen.
struct Seen {
    viewer: Viewer,
    counts: Arc<RecentCounts>,
    /// The time of the last event that was read.
    newest: i64,
}

/// The counts that the viewers of a session have seen.
#[derive(Default)]
pub struct SeenCounts(Vec<Seen>);

impl SeenCounts {
    /// The counts with what came since they were last asked for. `trained` are those of the training, whose latest event was
    /// at `anchor`. `segments` tells the segments of users, if these count.
    pub fn newer(
        &mut self,
        rows: &RecentEvents,
        (trained, anchor): (&Arc<RecentCounts>, i64),
        now: i64,
        (number, segments): (NumberOf<'_>, Option<SegmentsOf<'_>>),
    ) -> Result<Arc<RecentCounts>> {
        let viewer = Viewer::current();
        self.0.retain(|seen| seen.viewer.is_of(viewer));
        let place = |of: Viewer| self.0.iter().position(|seen| seen.viewer == of);
        let mut seen = match (place(viewer), place(viewer.without_writes())) {
            (Some(own), _) => self.0.swap_remove(own),
            (None, Some(before)) => {
                let Seen { counts, newest, .. } = &self.0[before];
                Seen { viewer, counts: Arc::clone(counts), newest: *newest }
            }
            (None, None) => Seen { viewer, counts: Arc::clone(trained), newest: anchor },
        };
        let begin = Instant::now();
        let asked = (MOST, segments.is_some());
        while let Some(Recent { newest, mut events, users, is_partial }) =
            rows.after(seen.newest, now, asked, number)?
        {
            if let Some(segments) = segments {
                let found = segments(users)?;
                events.iter_mut().zip(found).for_each(|(event, segment)| event.segment = segment);
            }
            Arc::make_mut(&mut seen.counts).add(&events, newest);
            seen.newest = newest;
            if !is_partial || begin.elapsed() >= PATIENCE {
                break;
            }
        }
        let counts = Arc::clone(&seen.counts);
        self.0.truncate(MOST_VIEWERS - 1);
        self.0.insert(0, seen);
        Ok(counts)
    }
}
