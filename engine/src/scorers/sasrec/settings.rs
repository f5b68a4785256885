//! The options of a model in the form that a training takes.

use super::options::SasrecOptions;
use super::shape::SasrecShape;
use crate::options::checked::Options;

/// The patience of a small training, and the number of events from which on it falls, since an epoch then says more.
const PATIENCE: (usize, usize) = (12, 200_000);

/// The settings of a training on `events` events.
pub fn settings(options: &Options, events: usize) -> SasrecOptions {
    let own = &options.sasrec;
    let shape = SasrecShape { blocks: own.blocks, window: own.window, ..SasrecShape::default() };
    let usual = SasrecOptions::default();
    let patience = (PATIENCE.0 * PATIENCE.1 / events.max(PATIENCE.1)).clamp(3, PATIENCE.0);
    SasrecOptions {
        shape,
        dropout: own.dropout as f32,
        item_dropout: own.item_dropout as f32,
        contrast: own.contrast as f32,
        horizon: own.horizon.unwrap_or_else(|| 1),
        epochs: own.epochs.unwrap_or_else(|| usual.epochs),
        seconds: own.time_limit,
        patience,
        seed: options.seed,
        ..usual
    }
}
