//! What adapters of segments add to a network.

use super::data::{Data, User};
use super::measure::{mean, ndcg};
use super::{Clock, Result, processor_seconds};
use segrec_engine::Matrix;
use segrec_engine::scorers::sasrec::{
    SasrecAdapter, SasrecAdapterShape, SasrecInput, SasrecNetwork, SasrecOptions, SasrecScratch,
    SasrecSequences, SasrecWeights, Validation, train_adapter,
};
use segrec_engine::seed::mix;
use std::time::Instant;

/// How adapters are trained.
pub struct Adapting {
    pub segments: usize,
    pub shape: SasrecAdapterShape,
    /// The numbers of epochs that are tried; empty to stop each by its own validation.
    pub epochs: Vec<usize>,
    /// The step size of Adam, if not that of the network.
    pub rate: Option<f32>,
}

/// Trains an adapter for each segment of users with similar representations, and compares with the network alone.
pub fn adapt(
    (data, users): (&Data, &[&User]),
    (weights, rows, features): (&SasrecWeights, &Matrix, Option<&Matrix>),
    adapting: &Adapting,
    options: &SasrecOptions,
) -> Result<()> {
    let network = weights.network();
    let labels = segmented(network, rows, users, adapting.segments)?;
    let nothing = vec![false; rows.rows()];
    let tried = if adapting.epochs.is_empty() {
        vec![None]
    } else {
        adapting.epochs.iter().copied().map(Some).collect()
    };
    for fixed in tried {
        let options = SasrecOptions {
            epochs: fixed.unwrap_or(options.epochs),
            patience: fixed.unwrap_or(options.patience),
            learning_rate: adapting.rate.or(options.learning_rate),
            ..options.clone()
        };
        let begin = processor_seconds()?;
        let (mut gains, mut epochs, mut parameters) = ([Vec::new(), Vec::new()], 0, 0);
        for segment in 0..adapting.segments {
            let own = users.iter().zip(&labels).filter(|(_, label)| **label == segment);
            let own: Vec<&User> = own.map(|(user, _)| *user).collect();
            let (starts, items) = data.sequences(&own, 1, &nothing);
            let sequences = SasrecSequences::new(&starts, &items, rows.rows())?;
            let input = SasrecInput { sequences, features: features.map(Matrix::view) };
            let mut validate = |adapter: &SasrecAdapter| {
                let gains = ndcg(&adapter.adapted(network)?, rows, &own, 1, (&nothing, false));
                Ok(gains.map_or(0.0, |gains| mean(&gains).0))
            };
            let start = SasrecAdapter::first(network.shape(), adapting.shape.clone(), options.seed)?;
            parameters = start.parameters();
            let clock = Clock(Instant::now());
            let validate: Option<Validation<'_, SasrecAdapter>> =
                if fixed.is_none() { Some(&mut validate) } else { None };
            let (adapter, course) = train_adapter(input, &options, weights, start, validate, &clock)?;
            epochs += course.losses.len();
            let adapted = adapter.adapted(network)?;
            for (part, gains) in (1..).zip(&mut gains) {
                let with = ndcg(&adapted, rows, &own, part, (&nothing, false))?;
                let without = ndcg(network, rows, &own, part, (&nothing, false))?;
                gains.extend(with.iter().zip(&without).map(|(with, without)| with - without));
            }
        }
        let spent = processor_seconds()? - begin;
        let [(validation, of_validation), (test, of_test)] = gains.map(|gains| mean(&gains));
        println!(
            "{} segments, {parameters} parameters each, {epochs} epochs, {spent:.1} CPU s with measuring: adapters add {validation:.4} ({of_validation:.4}) on validation, {test:.4} ({of_test:.4}) on test",
            adapting.segments
        );
    }
    Ok(())
}

/// k-means of the users' representations at the end of what is trained on, ten rounds from random users.
fn segmented(network: &SasrecNetwork, rows: &Matrix, users: &[&User], segments: usize) -> Result<Vec<usize>> {
    let mut scratch = SasrecScratch::default();
    let mut points = Vec::new();
    for user in users {
        points.push(network.represent(rows.view(), user.first(1), &mut scratch)?);
    }
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
    let start = |segment| points[mix(segment as u64) as usize % points.len()].clone();
    let mut centres: Vec<Vec<f32>> = (0..segments).map(start).collect();
    let mut labels = vec![0; points.len()];
    for _ in 0..10 {
        for (label, point) in labels.iter_mut().zip(&points) {
            let near = |&a: &usize, &b: &usize| {
                distance(point, &centres[a]).total_cmp(&distance(point, &centres[b]))
            };
            *label = (0..segments).min_by(near).unwrap_or(0);
        }
        for (segment, centre) in centres.iter_mut().enumerate() {
            let own =
                || labels.iter().zip(&points).filter(|(label, _)| **label == segment).map(|(_, point)| point);
            let count = own().count().max(1) as f32;
            centre.fill(0.0);
            own().for_each(|point| {
                centre.iter_mut().zip(point).for_each(|(sum, value)| *sum += value / count)
            });
        }
    }
    Ok(labels)
}
