//! What decides the size of the network and the course of its training.

use super::shape::SasrecShape;
use crate::error::{EngineError, Result};

/// The name of the phase in progress reports and in the training log.
pub const PHASE: &str = "sasrec";

/// The options of a training. The defaults are those of the measurements on MovieLens (100,000 and a million ratings).
#[derive(Clone, Debug, PartialEq)]
pub struct SasrecOptions {
    /// The sizes of the network.
    pub shape: SasrecShape,
    /// The share of values that training sets to zero at the input and at the end of each branch. By ndcg@10 of
    /// MovieLens 100k on validation, .2 reached .139, .4 .130.
    pub dropout: f32,
    /// The share of items whose own vectors a training step leaves out, so that their features alone represent them;
    /// only read if there are features. New items, which have no vectors of their own, profit.
    pub item_dropout: f32,
    /// The weight of a second loss, by which two changed forms of a window are represented alike; 0 is without.
    pub contrast: f32,
    /// The target of an item in a sequence is one of this many next items, at random; 1 is the next item.
    pub horizon: usize,
    /// Up to this many items, the loss compares the target with all items.
    pub full_softmax_items: usize,
    /// Above, with this many items, drawn uniformly for each step and shared by the whole batch. With 256 of 1,682 items,
    /// MovieLens 100k reached .127 instead of .139 in half the time.
    pub negatives: usize,
    /// The step size of Adam; `None` is 0.001 with all items and 0.002 with drawn ones.
    pub learning_rate: Option<f32>,
    /// The number of steps in which the step size grows to its full size.
    pub warm_up: usize,
    /// The largest norm of a gradient; longer ones are shortened to it.
    pub clip: f32,
    /// Weights are measured and kept as a running mean over the ends of epochs, of which this share is that of the
    /// earlier ones; 0 is without a mean. It evens out the noise of the last steps. On
    /// MovieLens 100k, .7 and .9 reached .137 and .136, no mean .139.
    pub averaging: f32,
    /// The number of windows of a step.
    pub batch: usize,
    /// The maximum number of passes over the sequences.
    pub epochs: usize,
    /// Training stops after this many epochs without a better metric. With 8, a training of MovieLens 100k stopped after
    /// 26 epochs at .121, with 12 after 73 at .138.
    pub patience: usize,
    /// Training stops at the end of the step in which the observer's clock has advanced by this many seconds.
    pub seconds: Option<f64>,
    /// Decides the first weights, the order of the windows, dropout and draws.
    pub seed: u64,
}

impl Default for SasrecOptions {
    fn default() -> Self {
        Self {
            shape: SasrecShape::default(),
            dropout: 0.2,
            item_dropout: 0.0,
            contrast: 0.0,
            horizon: 1,
            full_softmax_items: 5_000,
            negatives: 512,
            learning_rate: None,
            warm_up: 100,
            clip: 5.0,
            averaging: 0.0,
            batch: 32,
            epochs: 100,
            patience: 12,
            seconds: None,
            seed: 0,
        }
    }
}

impl SasrecOptions {
    /// Whether the loss compares with all of `items` items.
    pub fn is_full(&self, items: usize) -> bool {
        items <= self.full_softmax_items.max(self.negatives)
    }

    /// The full step size for `items` items.
    pub fn step_size(&self, items: usize) -> f32 {
        self.learning_rate.unwrap_or(if self.is_full(items) { 1e-3 } else { 2e-3 })
    }

    /// Checks that the options make sense together.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn check(&self) -> Result<()> {
        self.shape.check()?;
        let counts = [
            ("a horizon of SASRec", self.horizon),
            ("negatives of SASRec", self.negatives),
            ("windows of a step of SASRec", self.batch),
        ];
        for (what, found) in counts {
            if found == 0 {
                return Err(EngineError::Shape { what, expected: 1, found });
            }
        }
        for (what, rate) in [
            ("dropout of SASRec in percent", self.dropout),
            ("item dropout of SASRec in percent", self.item_dropout),
        ] {
            if !(0.0..1.0).contains(&rate) {
                return Err(EngineError::Shape { what, expected: 0, found: (rate * 100.0) as usize });
            }
        }
        if !(self.contrast >= 0.0 && self.contrast.is_finite()) {
            return Err(EngineError::NotFinite { what: "contrast of SASRec" });
        }
        Ok(())
    }
}
