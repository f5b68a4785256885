//! Draws a sample of labelled rows in which each label has its share.

use crate::seed;

/// Draws rows of each label in proportion, about `most` in total but at least one of each label. Returns them
/// ascending.
pub(super) fn stratified(of_label: &[Vec<u32>], most: usize, seed: u64) -> Vec<u32> {
    let total: usize = of_label.iter().map(Vec::len).sum();
    let present = of_label.iter().filter(|rows| !rows.is_empty()).count();
    // Each label gets one row, and of the remaining rows the share that keeps the running total in proportion.
    let (rest, places) = ((total - present) as u128, most.clamp(present, total.max(present)) - present);
    let due = |rows: usize| (rows as u128 * places as u128).checked_div(rest).unwrap_or(0) as usize;
    let mut random = seed::random(seed, "exemplars");
    let (mut passed, mut chosen) = (0, Vec::with_capacity(present + places));
    for rows in of_label.iter().filter(|rows| !rows.is_empty()) {
        let more = rows.len() - 1;
        let amount = 1 + due(passed + more) - due(passed);
        passed += more;
        chosen.extend(rand::seq::index::sample(&mut random, rows.len(), amount).iter().map(|at| rows[at]));
    }
    chosen.sort_unstable();
    chosen
}
