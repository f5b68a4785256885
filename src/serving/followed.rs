//! Readers of a user's relation that are rebuilt when the relation changes: during a session it may be renamed,
//! replaced, or get other columns.

use crate::error::{Result, SegrecError, warning};
use crate::pg::executor::relation::Watched;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

/// A reader of a relation.
pub trait Reader {
    /// Whether the relation is still the one for which the reader was built.
    fn is_current(&self) -> bool;
}

impl Reader for crate::catalog::sources::live_events::LiveEvents {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

impl Reader for crate::catalog::sources::attributes::LiveRow {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

impl Reader for crate::catalog::sources::later_rows::LaterRows {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

impl Reader for crate::catalog::sources::recent_events::RecentEvents {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

/// A cached reader.
pub struct Followed<T>(RefCell<State<T>>);

enum State<T> {
    /// Not built yet.
    Unwritten,
    /// There is nothing to read, or no index to read it by, as long as the relation stays as it is.
    Nothing(Watched),
    /// Built.
    Reader(Rc<T>),
}

impl<T> Default for Followed<T> {
    fn default() -> Self {
        Self(RefCell::new(State::Unwritten))
    }
}

thread_local! {
    /// The warnings already given in this session.
    static WARNED: RefCell<HashSet<String>> = RefCell::default();
}

impl<T: Reader> Followed<T> {
    /// Returns the reader; calls `write` to build it if there is none yet or the relation has changed. If the relation
    /// can no longer be read, returns `None` and warns once per session. It is an error if the ids have changed their
    /// type.
    pub fn reader(
        &self,
        (model, relation): (&str, pg_sys::Oid),
        write: impl FnOnce() -> Result<Option<T>>,
    ) -> Result<Option<Rc<T>>> {
        match &*self.0.borrow() {
            State::Nothing(watched) if watched.is_unchanged() => return Ok(None),
            State::Reader(reader) if reader.is_current() => return Ok(Some(Rc::clone(reader))),
            State::Unwritten | State::Nothing(_) | State::Reader(_) => {}
        }
        let written = match write() {
            Ok(reader) => reader.map(Rc::new),
            Err(
                error @ (SegrecError::RelationGone { .. }
                | SegrecError::MissingColumns { .. }
                | SegrecError::WrongColumnTypes { .. }
                | SegrecError::WrongFilter { .. }),
            ) => {
                self.0.replace(State::Unwritten);
                warn_once(model, error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.0.replace(match &written {
            Some(reader) => State::Reader(Rc::clone(reader)),
            None => State::Nothing(Watched::new(relation, Vec::new())),
        });
        Ok(written)
    }
}

fn warn_once(model: &str, error: SegrecError) {
    let problem = error.in_one_line();
    if WARNED.with_borrow_mut(|warned| warned.insert(format!("{model}: {problem}"))) {
        warning(
            format!("model \"{model}\" serves results as of its training"),
            Some(problem),
            Some(
                "Restore the columns of the relation, or bind the model to others with segrec_rebind."
                    .to_owned(),
            ),
        );
    }
}
