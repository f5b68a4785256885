//! In-place sorting that can be cancelled.

use crate::error::Result;
use crate::observer::Observer;
use std::cmp::Ordering;

/// The maximum number of values sorted between two checks for cancellation: some 50 ms for numbers, some 300 ms for
/// texts.
const PATIENCE: usize = 1 << 20;

/// Sorts values; the order of equal ones is unspecified. More than `PATIENCE` values are first partitioned by their
/// median, which takes two or three passes (10 ns per number) between two checks.
///
/// # Errors
/// [`crate::EngineError::Cancelled`].
pub fn sort_by<T>(
    values: &mut [T],
    order: &impl Fn(&T, &T) -> Ordering,
    observer: &dyn Observer,
) -> Result<()> {
    observer.check()?;
    if values.len() <= PATIENCE {
        values.sort_unstable_by(order);
        return Ok(());
    }
    let (below, _, above) = values.select_nth_unstable_by(values.len() / 2, order);
    sort_by(below, order, observer)?;
    sort_by(above, order, observer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::seed::mix;

    #[test]
    fn many_values_are_sorted() {
        for distinct in [3, u64::MAX] {
            let mut values: Vec<u64> = (0..3 * PATIENCE as u64 + 1).map(|at| mix(at) % distinct).collect();
            let mut expected = values.clone();
            expected.sort_unstable();
            sort_by(&mut values, &u64::cmp, &Silent).unwrap();
            assert_eq!(values, expected);
        }
    }
}
