//! The rhythms of items. The times between two takings of an item by the same user follow a log-logistic distribution with the
//! median g and the shape β = π / (√3 c), where c is their coefficient of variation: an item is due t after it was taken with
//! the probability 1 / (1 + (g / t)^β). For a user who took the item m times, g is the mean of their m − 1 gaps and the item's.
//!
//! Only items that are taken regularly are taken when they are due. Others come back the sooner the more lately they were
//! taken: on Online Retail, trained on 80 % of the events and measured on the next 10 %, their own takings with a decay rank
//! at .323 (ndcg@10 of all items that users took then); if all items had a rhythm it would be .275, with those alone whose
//! gaps vary by at most half it is .320. So a share r of an item is due, which falls from 1 to 0 while c grows from
//! [`REGULAR`] to [`IRREGULAR`], and the factor is 1 − r + r / (1 + (g / t)^β).

use crate::error::Result;
use crate::interactions::{ItemGaps, Repeat};
use crate::matrix::{Matrix, Rows};
use std::f64::consts::PI;

/// The coefficient of variation of the gaps of an item that is taken only when it is due.
pub const REGULAR: f64 = 0.25;
/// The coefficient of variation of the gaps of an item that has no rhythm.
pub const IRREGULAR: f64 = 0.5;
/// The columns of the rows of items: the half-life of a taking in seconds, the mean gap in seconds, 0 if none is known, and the
/// coefficient of variation of gaps.
pub const COLUMNS: usize = 3;

/// The rhythms of items, one row each: the half-life, the mean gap, and the coefficient of variation of the gaps within a user.
/// The mean includes one gap of the mean length of all, the variation one that varies as those of an item without memory, so
/// that an item has a rhythm once a dozen gaps show it.
///
/// # Errors
/// [`crate::EngineError::Shape`].
pub fn rhythms(gaps: &[ItemGaps], half_life: f64) -> Result<Matrix> {
    let sum = |of: fn(&ItemGaps) -> f64| gaps.iter().map(of).sum::<f64>();
    let count = sum(|own| own.count);
    let usual = if count > 0.0 { sum(|own| own.seconds) / count } else { 0.0 };
    let row = |own: &ItemGaps| {
        let mean = (own.seconds + usual) / (own.count + 1.0);
        let varied = if mean > 0.0 { own.deviations / (mean * mean) } else { 0.0 };
        [half_life as f32, mean as f32, ((varied + 1.0) / (own.freedom + 1.0)).sqrt() as f32]
    };
    Matrix::from_data(COLUMNS, gaps.iter().flat_map(row).collect())
}

/// The score ln(1 + s), s = m · 2^(−t / half-life) · due, of an item that a user took m times, the last time t seconds ago; 0 if
/// it has no row.
///
/// The number of takings times the decay of the last ranks Online Retail as the sum of the decays of all (.3225 and .3234, ndcg@10
/// of own items, 80 % of the events and the next 10 %), and needs no list of moments.
pub fn taken_again(rhythms: Rows<'_>, item: u32, own: &Repeat) -> f32 {
    if item as usize >= rhythms.rows() {
        return 0.0;
    }
    let &[half_life, gap, variation] = rhythms.row(item as usize) else { return 0.0 };
    let decay = (-f64::from(own.since) / f64::from(half_life)).exp2();
    (f64::from(own.times) * decay * due(f64::from(gap), f64::from(variation), own)).ln_1p() as f32
}

/// How far an item with this mean gap and variation is due for a user, from 0 to 1; 1 if it has no rhythm.
fn due(gap: f64, variation: f64, own: &Repeat) -> f64 {
    let regular = ((IRREGULAR - variation) / (IRREGULAR - REGULAR)).clamp(0.0, 1.0);
    if regular.is_nan() || regular <= 0.0 || gap <= 0.0 {
        return 1.0;
    }
    let gap = (f64::from(own.span) + gap) / f64::from(own.times.max(1.0));
    let shape = PI / (3f64.sqrt() * variation.max(0.01));
    let probability = 1.0 / (1.0 + (gap / f64::from(own.since).max(1.0)).powf(shape));
    1.0 - regular + regular * probability
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f32 = 86_400.0;
    /// So long that nothing decays.
    const AGES: f64 = 1e18;

    /// How far an item is due for who took it.
    fn due_of(rhythms: &Matrix, item: u32, own: Repeat) -> f32 {
        taken_again(rhythms.view(), item, &own).exp_m1() / own.times
    }

    #[test]
    fn a_weekly_item_is_due_after_a_week_and_not_the_day_after() {
        let week = 7.0 * f64::from(DAY);
        // Two hundred gaps of a week, of which a hundred deviate by a tenth; and as many that have no rhythm.
        let deviations = 0.01 * week * week * 100.0;
        let weekly = ItemGaps { count: 200.0, seconds: 200.0 * week, deviations, freedom: 100.0 };
        let any = ItemGaps { deviations: 100.0 * deviations, ..weekly };
        let rhythms = rhythms(&[weekly, any], AGES).unwrap();
        assert_eq!(rhythms.row(0)[1], 7.0 * DAY);
        // c² = (1 + 1) / 101, and (100 + 1) / 101.
        assert!((rhythms.row(0)[2] - (2f32 / 101.0).sqrt()).abs() < 1e-6);
        assert!((rhythms.row(1)[2] - 1.0).abs() < 1e-6);
        let due = |item: u32, days: f32| {
            due_of(&rhythms, item, Repeat { times: 5.0, span: 28.0 * DAY, since: days * DAY })
        };
        assert!(due(0, 1.0) < 1e-6 && due(0, 3.5) < 0.01 && due(0, 14.0) > 0.99);
        assert!((due(0, 7.0) - 0.5).abs() < 1e-6 && (due(1, 1.0) - 1.0).abs() < 1e-6);
        // Who takes it every second week waits longer.
        let slow = due_of(&rhythms, 0, Repeat { times: 9.0, span: 8.0 * 14.0 * DAY, since: 7.0 * DAY });
        assert!(slow < 0.01, "{slow}");
    }

    #[test]
    fn few_gaps_are_no_rhythm() {
        let gaps = |count: f64| ItemGaps { count, seconds: 1000.0 * count, deviations: 0.0, freedom: count };
        let all = [gaps(3.0), gaps(8.0), gaps(100.0), ItemGaps::default()];
        let rows = rhythms(&all, AGES).unwrap();
        let own = Repeat { times: 2.0, span: 1000.0, since: 1.0 };
        let due: Vec<f32> = (0..4).map(|item| due_of(&rows, item, own)).collect();
        assert!(due[0] > 0.999 && due[1] < 0.7 && due[2] < 1e-6 && due[3] > 0.999, "{due:?}");
        // Where nothing is known of any gap there is nothing to wait for.
        assert_eq!(rhythms(&[ItemGaps::default()], 60.0).unwrap().row(0), [60.0, 0.0, 1.0]);
    }
}
