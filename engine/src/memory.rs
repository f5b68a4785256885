//! Fallible allocation, for everything whose size grows with the input.
//!
//! The allocator of the process may handle infallible requests in another way (see [`is_asking`]), so these functions
//! mark the thread while they make a fallible one.

use crate::error::{EngineError, Result};
use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is making a request for memory that may be refused.
pub fn is_asking() -> bool {
    ASKING.get()
}

/// Requests of at least this size are checked in advance.
const LARGE: usize = 1 << 20;
/// The size of a memory page in bytes.
const PAGE: usize = 4096;
/// The number of bytes of pages that are occupied at once.
const STEP: usize = 4 << 20;

static GIVES: OnceLock<fn(usize) -> bool> = OnceLock::new();

/// Sets the function that is called before every large request, from any thread, to check whether that many bytes are
/// available. An allocation may succeed although there is no memory for it, and the process is then killed when it
/// touches the pages, as in a full control group.
pub fn ask_first(gives: fn(usize) -> bool) {
    // If it is already set, keep it.
    let _ = GIVES.set(gives);
}

/// Returns the result of `ask`; if that is an error, reports that `bytes` bytes were refused.
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

/// Touches the pages of a large allocation in steps, each checked in advance. If they were first touched much later,
/// they might no longer be available.
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

/// Reserves space for `more` values, or for as many as there are if that is more.
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

/// The number of bytes that [`reserve`] would request.
pub fn growth<T>(values: &Vec<T>, more: usize) -> usize {
    let needed = values.len().saturating_add(more);
    if needed <= values.capacity() {
        return 0;
    }
    needed.max(values.capacity().saturating_mul(2)).max(4).saturating_mul(size_of::<T>())
}

/// Creates an empty vector with space for `count` values.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn with_room<T>(count: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    ask(count.saturating_mul(size_of::<T>()), || values.try_reserve_exact(count))?;
    Ok(values)
}

/// Creates a vector of `count` copies of a value.
///
/// # Errors
/// [`EngineError::NoMemory`].
pub fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>> {
    let mut values = with_room(count)?;
    values.resize(count, value);
    Ok(values)
}

/// Copies a slice.
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
