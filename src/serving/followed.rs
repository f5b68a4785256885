//! What reads a relation of somebody's, written anew when the relation changes: it may be renamed, replaced, or get other
//! columns while a session goes on.

use crate::error::{Result, SegrecError, warning};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

/// A reader of a relation.
pub trait Reader {
    /// Whether the relation is what it was when the reader was written.
    fn is_current(&self) -> bool;
}

impl Reader for crate::catalog::sources::live_events::LiveEvents {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

impl Reader for crate::catalog::sources::attributes::LiveUser {
    fn is_current(&self) -> bool {
        self.is_current()
    }
}

/// The reader as it was written last.
pub struct Followed<T>(RefCell<State<T>>);

enum State<T> {
    /// Nobody has asked.
    Unwritten,
    /// There is nothing to read, or no index that makes it quick.
    Nothing,
    /// It was written.
    Reader(Rc<T>),
}

impl<T> Default for Followed<T> {
    fn default() -> Self {
        Self(RefCell::new(State::Unwritten))
    }
}

thread_local! {
    /// What this session was warned of.
    static WARNED: RefCell<HashSet<String>> = RefCell::default();
}

impl<T: Reader> Followed<T> {
    /// The reader, written by `write` where it is not there or the relation has changed. Where the relation cannot be read
    /// any more, there is none, and the session is warned once; where its ids are of another kind than the model's, that
    /// is an error.
    pub fn reader(&self, model: &str, write: impl FnOnce() -> Result<Option<T>>) -> Result<Option<Rc<T>>> {
        match &*self.0.borrow() {
            State::Nothing => return Ok(None),
            State::Reader(reader) if reader.is_current() => return Ok(Some(Rc::clone(reader))),
            State::Unwritten | State::Reader(_) => {}
        }
        let written = match write() {
            Ok(reader) => reader.map(Rc::new),
            Err(
                error @ (SegrecError::RelationGone { .. }
                | SegrecError::MissingColumns { .. }
                | SegrecError::WrongColumnTypes { .. }),
            ) => {
                self.0.replace(State::Unwritten);
                warn_once(model, error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.0.replace(written.as_ref().map_or(State::Nothing, |reader| State::Reader(Rc::clone(reader))));
        Ok(written)
    }
}

fn warn_once(model: &str, error: SegrecError) {
    let problem = error.in_one_line();
    if WARNED.with_borrow_mut(|warned| warned.insert(format!("{model}: {problem}"))) {
        warning(
            format!("model \"{model}\" answers as of its training"),
            Some(problem),
            Some(
                "give the relation its columns back, or point the model at others with segrec_rebind"
                    .to_owned(),
            ),
        );
    }
}
