//! Loss and gradient of every tensor against the plain network and its differences.

use super::reference::Reference;
use crate::matrix::Matrix;
use crate::observer::Silent;
use crate::scorers::sasrec::contrast::{Contrast, views};
use crate::scorers::sasrec::forward::{MASKED, Packed};
use crate::scorers::sasrec::lora::{AdaptedMatrix, SasrecAdapter, SasrecAdapterShape};
use crate::scorers::sasrec::shape::SasrecShape;
use crate::scorers::sasrec::step::{Batch, StepInput, Steps};
use crate::scorers::sasrec::table::Table;
use crate::scorers::sasrec::weights::{SasrecNetwork, SasrecWeights};
use crate::seed::mix;

const SHAPE: SasrecShape = SasrecShape { width: 12, heads: 2, hidden: 20, blocks: 2, window: 7 };
const ITEMS: usize = 23;
const FEATURES: usize = 3;

/// A value between −1 and 1.
fn value(seed: u64, place: usize) -> f32 {
    (mix(mix(seed) ^ place as u64) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn values(seed: u64, count: usize, size: f32, around: f32) -> Vec<f32> {
    (0..count).map(|place| value(seed, place) * size + around).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Everything of a step: weights, features, a batch, and the same as a reference.
struct Case {
    weights: SasrecWeights,
    table: Table,
    batch: Batch,
    views: Batch,
    reference: Reference,
}

impl Case {
    fn new(negatives: Option<usize>, dropout: f32, item_dropout: f32) -> Self {
        let mut network = values(1, SHAPE.values(), 0.4, 0.0);
        for tensor in SHAPE.tensors().iter().filter(|tensor| tensor.name.ends_with("gain")) {
            network[tensor.range.clone()].iter_mut().for_each(|gain| *gain += 1.0);
        }
        let items = Matrix::from_data(SHAPE.width, values(2, ITEMS * SHAPE.width, 0.5, 0.0)).unwrap();
        let projection = Matrix::from_data(SHAPE.width, values(3, FEATURES * SHAPE.width, 0.5, 0.0)).unwrap();
        let features = Matrix::from_data(FEATURES, values(4, ITEMS * FEATURES, 1.0, 0.0)).unwrap();
        let network = SasrecNetwork::new(SHAPE, network).unwrap();
        let weights = SasrecWeights::new(network, items, values(5, ITEMS, 0.5, 0.0), projection).unwrap();

        let lengths: Vec<usize> = (0..11).map(|window| 1 + window % SHAPE.window).collect();
        let tokens = lengths.iter().sum();
        let item = |seed: u64, token: usize| (mix(seed ^ (token as u64) << 8) % ITEMS as u64) as u32;
        let inputs: Vec<u32> = (0..tokens).map(|token| item(6, token)).collect();
        let targets: Vec<u32> = (0..tokens).map(|token| item(7, token)).collect();
        let mut table = Table::default();
        match negatives {
            Some(negatives) => {
                let of_batch = inputs.iter().chain(&targets).copied();
                table.choose(ITEMS, negatives, 8, of_batch);
            }
            None => table.choose_all(ITEMS),
        }
        table.read(&weights, Some(features.view()), item_dropout, 9);
        let keys: Vec<u64> = (0..lengths.len() as u64).map(mix).collect();
        let (outputs, correction) = table.outputs();

        let mut without_own = vec![false; ITEMS];
        for (row, &item) in table.items().iter().enumerate() {
            let item = item as usize;
            let projected: f32 =
                (0..FEATURES).map(|m| features.row(item)[m] * weights.projection().row(m)[0]).sum();
            without_own[item] = (table.vectors()[row * SHAPE.width] - projected).abs() < 1e-5;
        }
        let mut windows = Vec::new();
        let mut start = 0;
        for &length in &lengths {
            let of = |items: &[u32]| items[start..start + length].iter().map(|&item| item as usize).collect();
            windows.push((of(&inputs), of(&targets)));
            start += length;
        }
        let reference = Reference {
            shape: SHAPE,
            network: doubles(weights.network().values()),
            items: doubles(weights.items().data()),
            bias: doubles(weights.bias()),
            projection: doubles(weights.projection().data()),
            features: doubles(features.data()),
            without_own,
            windows,
            dropout,
            keys: keys.clone(),
            outputs: table.items()[..outputs].iter().map(|&item| item as usize).collect(),
            correction: f64::from(correction),
            views: Vec::new(),
            contrast: 0.0,
        };
        let place = |item: &u32| table.place(*item);
        let (inputs, targets) = (inputs.iter().map(place).collect(), targets.iter().map(place).collect());
        let batch = Batch { inputs, targets, lengths, keys };
        Self { weights, table, batch, views: Batch::default(), reference }
    }

    fn input(&self, by_items: bool) -> StepInput<'_> {
        let dropout = self.reference.dropout;
        StepInput { network: self.weights.network(), table: &self.table, dropout, by_items }
    }

    /// Compares loss and all gradients.
    fn check(&self) {
        let mut steps = Steps::default();
        let mut loss = steps.run(self.input(true), &self.batch, &Silent).unwrap();
        if self.reference.contrast > 0.0 {
            let gradient = steps.gradient().unwrap();
            let weight = self.reference.contrast as f32;
            let contrast =
                Contrast::default().run(self.input(true), &self.views, weight, gradient, &Silent).unwrap();
            loss += self.reference.contrast * contrast;
        }
        assert!((loss - self.reference.loss()).abs() < 1e-6 * loss, "{loss} {}", self.reference.loss());
        let gradient = steps.gradient().unwrap();
        let mut by_projection = vec![0.0; FEATURES * SHAPE.width];
        self.table.gradient(&mut gradient.vectors, &mut by_projection, SHAPE.width);
        for tensor in SHAPE.tensors() {
            let range = tensor.range.clone();
            self.compare(&tensor.name, &gradient.network[range.clone()], |model, place, step| {
                model.network[range.start + place] += step;
            });
        }
        // Rows of the table are items in another order, and items that are not in it have no gradient.
        let mut by_items = vec![0.0; ITEMS * SHAPE.width];
        let mut by_bias = vec![0.0; ITEMS];
        for (row, &item) in self.table.items().iter().enumerate() {
            let (width, item) = (SHAPE.width, item as usize);
            by_items[item * width..(item + 1) * width]
                .copy_from_slice(&gradient.vectors[row * width..(row + 1) * width]);
            by_bias[item] = gradient.bias[row];
        }
        self.compare("items", &by_items, |model, place, step| model.items[place] += step);
        self.compare("bias", &by_bias, |model, place, step| model.bias[place] += step);
        self.compare("projection", &by_projection, |model, place, step| model.projection[place] += step);
    }

    /// Compares a tensor's gradient with central differences of the reference, in which `moved` changes the value at a
    /// place by a step; the error must be below 0.01 % of the largest value of the tensor's gradient.
    fn compare(&self, name: &str, gradient: &[f32], moved: impl Fn(&mut Reference, usize, f64)) {
        const STEP: f64 = 1e-5;
        let loss = |place: usize, step: f64| {
            let mut model = self.reference.clone();
            moved(&mut model, place, step);
            model.loss()
        };
        let difference = |place: usize| (loss(place, STEP) - loss(place, -STEP)) / (2.0 * STEP);
        // Large tensors in steps that meet all rows and columns.
        let places: Vec<usize> =
            (0..gradient.len()).step_by(if gradient.len() > 200 { 7 } else { 1 }).collect();
        let differences: Vec<f64> = places.iter().map(|&place| difference(place)).collect();
        let most = differences.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        assert!(most > 1e-6, "{name} has no gradient");
        for (&place, expected) in places.iter().zip(&differences) {
            let error = (f64::from(gradient[place]) - expected).abs();
            assert!(error < 1e-4 * most + 1e-8, "{name} {place}: {} {expected}", gradient[place]);
        }
    }
}

#[test]
fn the_gradient_of_every_tensor_is_that_of_the_plain_network() {
    Case::new(None, 0.0, 0.0).check();
}

#[test]
fn so_it_is_with_dropout_of_values_and_of_items() {
    Case::new(None, 0.25, 0.4).check();
}

#[test]
fn so_it_is_with_drawn_items() {
    Case::new(Some(6), 0.1, 0.0).check();
}

#[test]
fn so_it_is_with_contrast() {
    let mut case = Case::new(None, 0.1, 0.0);
    views(&case.batch, 11, &mut case.views);
    let all = &case.views;
    let packed = Packed { inputs: &all.inputs, lengths: &all.lengths };
    let item = |&row: &u32| if row == MASKED { ITEMS } else { case.table.items()[row as usize] as usize };
    let inputs = packed.windows().map(|window| all.inputs[window].iter().map(item).collect());
    case.reference.views = inputs.zip(all.keys.iter().copied()).collect();
    assert!(all.inputs.contains(&MASKED) && all.lengths.len() == 2 * case.batch.lengths.len());
    case.reference.contrast = 0.7;
    case.check();
}

#[test]
fn the_gradient_of_an_adapter_is_that_of_the_plain_network() {
    use AdaptedMatrix::{Key, Out, Query, Value};
    let case = Case::new(None, 0.2, 0.0);
    let shape = SasrecAdapterShape { rank: 2, matrices: vec![Query, Key, Value, Out] };
    let count = SasrecAdapter::first(SHAPE, shape.clone(), 1).unwrap().parameters();
    let start = values(10, count, 0.3, 0.0);
    let adapter = SasrecAdapter::new(SHAPE, shape.clone(), start.clone()).unwrap();
    let network = adapter.adapted(case.weights.network()).unwrap();
    let mut steps = Steps::default();
    steps.run(StepInput { network: &network, ..case.input(false) }, &case.batch, &Silent).unwrap();
    let mut gradient = vec![0.0; count];
    adapter.gradient(&steps.gradient().unwrap().network, &mut gradient);
    // A change of A or B changes the network by an exact product, so the reference needs no adapters.
    let base = doubles(case.weights.network().values());
    let product = |values: &[f64]| {
        let mut network = base.clone();
        let pairs = values.chunks(2 * SHAPE.width * 2);
        for (number, pair) in pairs.enumerate() {
            let (a, b) = pair.split_at(SHAPE.width * 2);
            let at = SHAPE.block(number / 4);
            let (start, stride) = match number % 4 {
                3 => (at.attention_out.start, SHAPE.width),
                part => (at.attention_in.start + part * SHAPE.width, 3 * SHAPE.width),
            };
            for i in 0..SHAPE.width {
                for j in 0..SHAPE.width {
                    let sum = (0..2).map(|r| a[i * 2 + r] * b[r * SHAPE.width + j]).sum::<f64>();
                    network[start + i * stride + j] += sum;
                }
            }
        }
        network
    };
    let start = doubles(&start);
    let merged = product(&start);
    let unequal = merged.iter().zip(network.values()).filter(|(x, y)| (*x - f64::from(**y)).abs() > 1e-5);
    assert_eq!(unequal.count(), 0);
    case.compare("adapter", &gradient, |model, place, step| {
        let mut values = start.clone();
        values[place] += step;
        model.network = product(&values);
    });
}
