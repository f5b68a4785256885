//! Memory that may not be there: what grows with the input asks for it here, in a way that can fail.
//!
//! Whoever provides the memory of the process may do something else about a request that cannot fail (see
//! [`is_asking`]): so these functions mark the thread while they ask.

use crate::error::{EngineError, Result};
use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread asks for memory that may be refused.
pub fn is_asking() -> bool {
    ASKING.get()
}

/// Requests from this size on are asked about first.
const LARGE: usize = 1 << 20;
/// Bytes of a page of memory.
const PAGE: usize = 4096;
/// Bytes of the pages that are taken at once.
const STEP: usize = 4 << 20;

static GIVES: OnceLock<fn(usize) -> bool> = OnceLock::new();

/// Has `gives` asked before every large request whether so many bytes would be given, from any thread: an allocation may
/// succeed though there is no memory for it, and whoever then touches it is ended, as in a full control group.
pub fn ask_first(gives: fn(usize) -> bool) {
    // The first stays.
    let _ = GIVES.set(gives);
}

/// What `ask` gives; where it is refused, the error says how many `bytes` were asked for.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn ask<T, E>(bytes: usize, ask: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
    would_give(bytes)?;
    ASKING.set(true);
    let given = ask();
    ASKING.set(false);
    given.map_err(|_| EngineError::NoMemory { bytes: bytes as u64 })
}

fn would_give(bytes: usize) -> Result<()> {
    if bytes >= LARGE && GIVES.get().is_some_and(|gives| !gives(bytes)) {
        return Err(EngineError::NoMemory { bytes: bytes as u64 });
    }
    Ok(())
}

/// Has the system give the pages of a large room at once, some at a time, each asked about first: of pages that are
/// first written much later nobody knows whether they will be there.
fn occupy<T>(room: &mut [MaybeUninit<T>]) -> Result<()> {
    let size = size_of::<T>().max(1);
    if size_of_val(room) < LARGE || GIVES.get().is_none() {
        return Ok(());
    }
    for step in room.chunks_mut((STEP / size).max(1)) {
        would_give(size_of_val(step).max(LARGE))?;
        step.iter_mut().step_by((PAGE / size).max(1)).for_each(|value| *value = MaybeUninit::zeroed());
        black_box(step);
    }
    Ok(())
}

/// Room for `more` values; as much again as there is where that is more.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn reserve<T>(values: &mut Vec<T>, more: usize) -> Result<()> {
    let bytes = growth(values, more);
    if bytes == 0 {
        return Ok(());
    }
    ask(bytes, || values.try_reserve(more))?;
    occupy(values.spare_capacity_mut())
}

/// Bytes that [`reserve`] would ask for.
pub fn growth<T>(values: &Vec<T>, more: usize) -> usize {
    let needed = values.len().saturating_add(more);
    if needed <= values.capacity() {
        return 0;
    }
    needed.max(values.capacity().saturating_mul(2)).max(4).saturating_mul(size_of::<T>())
}

/// No values, with room for `count`.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn with_room<T>(count: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    ask(count.saturating_mul(size_of::<T>()), || values.try_reserve_exact(count))?;
    Ok(values)
}

/// `count` times a value.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>> {
    let mut values = with_room(count)?;
    values.resize(count, value);
    Ok(values)
}

/// A copy.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn copied<T: Copy>(from: &[T]) -> Result<Vec<T>> {
    let mut values = with_room(from.len())?;
    values.extend_from_slice(from);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_given_is_an_error_and_leaves_what_there_was() {
        let mut values = vec![1u64, 2];
        let bytes = 8 * (u64::MAX / 32 + 2);
        assert_eq!(reserve(&mut values, usize::MAX / 32), Err(EngineError::NoMemory { bytes }));
        assert_eq!((values, is_asking()), (vec![1, 2], false));
        assert!(filled(0u8, usize::MAX).is_err() && copied(&[1, 2]) == Ok(vec![1, 2]));
    }

    #[test]
    fn vectors_double() {
        let mut values: Vec<u32> = Vec::new();
        assert_eq!(growth(&values, 1), 16);
        reserve(&mut values, 100).unwrap();
        assert!(values.capacity() >= 100 && growth(&values, 1) == 0);
        values.resize(values.capacity(), 7);
        assert_eq!(growth(&values, 1), 8 * values.len());
    }
}
