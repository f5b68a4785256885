//! The training of all weights.

use super::adam::{AdamStep, Means};
use super::contrast::{Contrast, views};
use super::course::{Learner, SasrecCourse, Validation, run};
use super::options::{PHASE, SasrecOptions};
use super::step::{Batch, Gradient, StepInput, Steps};
use super::table::Table;
use super::weights::{SasrecWeights, check_features};
use super::windows::{SasrecSequences, Window, epoch};
use crate::error::{EngineError, Result};
use crate::matrix::Rows;
use crate::observer::{Observer, Silent};
use crate::seed::mix;

/// What a network is trained on.
#[derive(Clone, Copy, Debug)]
pub struct SasrecInput<'a> {
    /// The items of all users.
    pub sequences: SasrecSequences<'a>,
    /// The features of the items, items × m.
    pub features: Option<Rows<'a>>,
}

/// Trains weights, beginning with `start`, such as [`SasrecWeights::first`] ones. `validate` is called with the weights at the
/// start and after each epoch; the best are
/// returned. Without it, training takes all its epochs.
///
/// # Errors
/// [`EngineError::Shape`] if `start` does not match the options or the input, [`EngineError::NothingToTrainOn`] if no
/// user has two items, [`EngineError::NotFinite`] if the training diverges, [`EngineError::Cancelled`], errors of
/// `validate`.
pub fn train(
    input: SasrecInput<'_>,
    options: &SasrecOptions,
    start: SasrecWeights,
    validate: Option<Validation<'_, SasrecWeights>>,
    observer: &dyn Observer,
) -> Result<(SasrecWeights, SasrecCourse)> {
    options.check()?;
    let items = input.sequences.items();
    if start.network().shape() != options.shape {
        let (expected, found) = (options.shape.values(), start.network().values().len());
        return Err(EngineError::Shape { what: "SASRec to start from", expected, found });
    }
    if start.bias().len() != items {
        return Err(EngineError::Shape {
            what: "items of SASRec",
            expected: items,
            found: start.bias().len(),
        });
    }
    check_features(start.projection(), input.features, items)?;
    let mut network = NetworkLearner::new(input, options, start)?;
    let course = run(&mut network, input.sequences, options, PHASE, validate, observer)?;
    Ok((network.averaged.unwrap_or(network.weights), course))
}

/// The mean loss of a token without dropout, and its gradient in the form of weights: what other implementations are
/// compared with. All windows of an epoch are one batch; of users with no more items than a window and one, that is all.
///
/// # Errors
/// As for [`train`].
pub fn loss_and_gradient(
    input: SasrecInput<'_>,
    options: &SasrecOptions,
    weights: &SasrecWeights,
) -> Result<(f64, SasrecWeights)> {
    let options = SasrecOptions { dropout: 0.0, item_dropout: 0.0, ..options.clone() };
    options.check()?;
    check_features(weights.projection(), input.features, input.sequences.items())?;
    let mut batches = Batches::default();
    let windows = epoch(input.sequences, options.shape.window, options.seed, 1);
    batches.prepare(input.sequences, &windows, &options, 1);
    let Batches { table, batch } = &mut batches;
    table.read(weights, input.features, 0.0, 0);
    let network = weights.network();
    let step = StepInput { network, table, dropout: 0.0, by_items: true };
    let mut steps = Steps::default();
    let loss = steps.run(step, batch, &Silent)?;
    let mut gradient = weights.clone();
    let (network, items, bias, projection) = gradient.parts_mut();
    [&mut *network, &mut *items, &mut *bias, &mut *projection].into_iter().for_each(|part| part.fill(0.0));
    if let Some(found) = steps.gradient() {
        let width = options.shape.width;
        table.gradient(&mut found.vectors, projection, width);
        network.copy_from_slice(&found.network);
        for (row, &item) in table.items().iter().enumerate() {
            let item = item as usize;
            items[item * width..(item + 1) * width]
                .copy_from_slice(&found.vectors[row * width..(row + 1) * width]);
            bias[item] = found.bias[row];
        }
    }
    Ok((loss, gradient))
}

/// Assembles the batches of steps.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub table: Table,
    pub batch: Batch,
}

impl Batches {
    /// Chooses the items of a step and packs its windows.
    pub fn prepare(
        &mut self,
        sequences: SasrecSequences<'_>,
        windows: &[Window],
        options: &SasrecOptions,
        number: usize,
    ) {
        let key = step_key(options.seed, number);
        let Batch { inputs, targets, lengths, keys } = &mut self.batch;
        [&mut *inputs, &mut *targets].into_iter().for_each(Vec::clear);
        lengths.clear();
        keys.clear();
        for (place, &window) in windows.iter().enumerate() {
            let sequence = sequences.of_user(window.user as usize);
            let window_key = mix(key ^ (place as u64 + 1));
            inputs.extend_from_slice(&sequence[window.inputs()]);
            let target = |place| window.target(sequence, place, options.horizon, window_key);
            targets.extend(window.inputs().map(target));
            lengths.push(window.length as usize);
            keys.push(window_key);
        }
        if options.is_full(sequences.items()) {
            self.table.choose_all(sequences.items());
            return;
        }
        let of_batch = inputs.iter().chain(targets.iter()).copied();
        self.table.choose(sequences.items(), options.negatives, key, of_batch);
        inputs.iter_mut().chain(targets).for_each(|item| *item = self.table.place(*item));
    }
}

/// The key of all draws of a step.
pub(super) fn step_key(seed: u64, number: usize) -> u64 {
    mix(mix(seed) ^ number as u64)
}

/// The factor that shortens a gradient to the longest that is allowed. `parts` are its tensors.
pub(super) fn clip_factor(parts: &[&[f32]], most: f32) -> f32 {
    let squares = parts.iter().flat_map(|part| part.chunks(1024)).map(|chunk| f64::from(squares(chunk)));
    let norm = squares.sum::<f64>().sqrt();
    if norm > f64::from(most) { (f64::from(most) / norm) as f32 } else { 1.0 }
}

fn squares(values: &[f32]) -> f32 {
    crate::linalg::vector::dot(values, values)
}

/// The step of Adam of a number: its size grows during the warm-up.
pub(super) fn adam_step(options: &SasrecOptions, items: usize, number: usize, scale: f32) -> AdamStep {
    let share = (number as f32 / options.warm_up.max(1) as f32).min(1.0);
    AdamStep::new(number, options.step_size(items) * share, scale)
}

/// The training of all weights.
struct NetworkLearner<'a> {
    input: SasrecInput<'a>,
    options: &'a SasrecOptions,
    weights: SasrecWeights,
    /// The running mean of the weights at the ends of epochs; `None` without.
    averaged: Option<SasrecWeights>,
    means: [Means; 4],
    batches: Batches,
    steps: Steps,
    views: Batch,
    contrast: Contrast,
    by_projection: Vec<f32>,
}

impl<'a> NetworkLearner<'a> {
    fn new(input: SasrecInput<'a>, options: &'a SasrecOptions, mut weights: SasrecWeights) -> Result<Self> {
        let (network, items, bias, projection) = weights.parts_mut();
        let means = [
            Means::zeros(network.len())?,
            Means::zeros(items.len())?,
            Means::zeros(bias.len())?,
            Means::zeros(projection.len())?,
        ];
        let by_projection = vec![0.0; projection.len()];
        let (batches, steps, views, contrast) = Default::default();
        let averaged = (options.averaging > 0.0).then(|| weights.clone());
        Ok(Self { input, options, weights, averaged, means, batches, steps, views, contrast, by_projection })
    }
}

impl Learner for NetworkLearner<'_> {
    type Weights = SasrecWeights;

    fn step(&mut self, windows: &[Window], number: usize, observer: &dyn Observer) -> Result<f64> {
        let SasrecInput { sequences, features } = self.input;
        let options = self.options;
        self.batches.prepare(sequences, windows, options, number);
        let Batches { table, batch } = &mut self.batches;
        table.read(&self.weights, features, options.item_dropout, step_key(!options.seed, number));
        let network = self.weights.network();
        let width = options.shape.width;
        let input = StepInput { network, table, dropout: options.dropout, by_items: true };
        let loss = self.steps.run(input, batch, observer)?;
        let Some(gradient) = self.steps.gradient() else {
            return Ok(loss);
        };
        if options.contrast > 0.0 {
            views(batch, step_key(options.seed, number), &mut self.views);
            self.contrast.run(input, &self.views, options.contrast, gradient, observer)?;
        }
        let Gradient { network: by_network, vectors, bias: by_bias } = gradient;
        table.gradient(vectors, &mut self.by_projection, width);
        let scale = clip_factor(&[by_network, vectors, by_bias, &self.by_projection], options.clip);
        let step = adam_step(options, sequences.items(), number, scale);
        let (network, items, bias, projection) = self.weights.parts_mut();
        let [of_network, of_items, of_bias, of_projection] = &mut self.means;
        of_network.step(step, network, by_network);
        of_projection.step(step, projection, &self.by_projection);
        if table.items().len() == bias.len() && options.is_full(bias.len()) {
            of_items.step(step, items, vectors);
            of_bias.step(step, bias, by_bias);
        } else {
            of_items.step_rows(step, items, width, table.items(), vectors);
            of_bias.step_rows(step, bias, 1, table.items(), by_bias);
        }
        Ok(loss)
    }

    fn end_epoch(&mut self, number: usize) {
        let averaging = self.options.averaging.min(1.0 - (number as f32).recip());
        let Some(averaged) = &mut self.averaged else { return };
        let (network, items, bias, projection) = averaged.parts_mut();
        let (new_network, new_items, new_bias, new_projection) = self.weights.parts_mut();
        for (mean, new) in
            [(network, new_network), (items, new_items), (bias, new_bias), (projection, new_projection)]
        {
            mean.iter_mut().zip(new).for_each(|(mean, new)| *mean += (1.0 - averaging) * (*new - *mean));
        }
    }

    fn weights(&mut self) -> &mut SasrecWeights {
        self.averaged.as_mut().unwrap_or(&mut self.weights)
    }
}
