//! Whether the training on everything may go on from the weights of the training without the holdout.

use super::data::{Data, User};
use super::measure::{difference, mean, ndcg};
use super::{Clock, Result, processor_seconds};
use segrec_engine::matrix::Rows;
use segrec_engine::scorers::sasrec::{
    SasrecInput, SasrecNetwork, SasrecOptions, SasrecSequences, SasrecWeights, train,
};
use std::time::Instant;

/// Trains on everything but the test part: as many epochs as were best from the first weights, and for each of `after` so
/// many from `found`.
pub fn compare(
    (data, users): (&Data, &[&User]),
    (found, features): (&SasrecWeights, Option<Rows<'_>>),
    options: &SasrecOptions,
    best: usize,
    after: &[usize],
) -> Result<()> {
    let nothing = vec![false; data.ids.len()];
    let (starts, items) = data.sequences(users, 2, &nothing);
    let sequences = SasrecSequences::new(&starts, &items, data.ids.len())?;
    let first =
        SasrecWeights::first(options.shape, &sequences.events(), found.projection().rows(), options.seed)?;
    let trained = |start: &SasrecWeights, epochs: usize| -> Result<(Vec<f64>, f64)> {
        let options = SasrecOptions { epochs, patience: epochs, ..options.clone() };
        let input = SasrecInput { sequences, features };
        let begin = processor_seconds()?;
        let (weights, _) = train(input, &options, start.clone(), None, &Clock(Instant::now()))?;
        let spent = processor_seconds()? - begin;
        let rows = weights.item_rows(features)?;
        Ok((ndcg(weights.network(), &rows, users, 2, (&nothing, false))?, spent))
    };
    let untouched = ndcg(found.network(), &found.item_rows(features)?, users, 2, (&nothing, false))?;
    let (fresh, spent) = trained(&first, best)?;
    let (value, error) = mean(&fresh);
    println!("fresh: {best} epochs, {spent:.1} CPU s, test ndcg@10 {value:.4} ({error:.4})");
    let (less, of_less) = difference(&untouched, &fresh);
    println!("the weights without the validation part: {less:+.4} ({of_less:.4})");
    let compared = |name: &str, start: &SasrecWeights, epochs: usize| -> Result<()> {
        let (values, spent) = trained(start, epochs)?;
        let (gain, error) = difference(&values, &fresh);
        println!("{name} for {epochs} epochs: {spent:.1} CPU s, {gain:+.4} ({error:.4})");
        Ok(())
    };
    for &epochs in after {
        compared("going on", found, epochs)?;
        compared("going on from half of the weights", &shrunk(found, 0.5)?, epochs)?;
        // The same course without the validation part, up to an earlier epoch.
        let earlier = best.saturating_sub(epochs);
        let (starts, items) = data.sequences(users, 1, &nothing);
        let part = SasrecSequences::new(&starts, &items, data.ids.len())?;
        let options = SasrecOptions { epochs: earlier, patience: earlier, ..options.clone() };
        let input = SasrecInput { sequences: part, features };
        let begin =
            SasrecWeights::first(options.shape, &part.events(), found.projection().rows(), options.seed)?;
        let (halfway, _) = train(input, &options, begin, None, &Clock(Instant::now()))?;
        compared(&format!("going on from epoch {earlier}"), &halfway, epochs)?;
    }
    Ok(())
}

/// Weights a share of which is left, but for biases and gains (Ash and Adams 2020).
fn shrunk(weights: &SasrecWeights, share: f32) -> Result<SasrecWeights> {
    let network = weights.network();
    let mut values = network.values().to_vec();
    for tensor in network.shape().tensors().into_iter().filter(|tensor| !tensor.name.ends_with("gain")) {
        values[tensor.range].iter_mut().for_each(|value| *value *= share);
    }
    let network = SasrecNetwork::new(network.shape(), values)?;
    let mut items = weights.items().clone();
    items.data_mut().iter_mut().for_each(|value| *value *= share);
    let mut projection = weights.projection().clone();
    projection.data_mut().iter_mut().for_each(|value| *value *= share);
    Ok(SasrecWeights::new(network, items, weights.bias().to_vec(), projection)?)
}
